//! Groups of servers.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ByRegion, Context, Exclusive, ProviderError, by_region};
use crate::id::RegionRole;

/// The state of one region's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeGroup {
    /// How many servers are asked for.
    pub desired: u32,
    /// How many are up and pass their own checks.
    pub running: u32,
    /// How many the region can give.
    pub capacity: u32,
    /// Which of them are asked for, where that can be told: what an undo starts and stops again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub up: Vec<String>,
}

/// The state of both groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeState {
    /// By region.
    pub regions: ByRegion<ComputeGroup>,
}

impl fmt::Display for ComputeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_region(f, &self.regions, |f, it| write!(f, "{} of {} running", it.running, it.desired))
    }
}

/// A group of servers in each region.
#[async_trait]
pub trait Compute: Exclusive {
    /// The state of both groups; a region that does not answer is `Unreachable`, not an error.
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError>;

    /// Asks for `servers` servers in `region`; they come up later.
    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError>;

    /// Asks for what was asked for when the group was `was`: as many servers, and the same ones where they are told apart.
    async fn put_back(&self, cx: &Context, region: RegionRole, was: &ComputeGroup) -> Result<(), ProviderError> {
        self.scale(cx, region, was.desired).await
    }
}
