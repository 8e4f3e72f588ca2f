//! Regions, and their isolation.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Context, Exclusive, ProviderError};
use crate::id::ResourceId;

/// From whom a region can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Users, and Muster's probes, which stand where users are.
    Users,
    /// The primary region.
    Primary,
    /// The secondary region.
    Secondary,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "users",
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

/// The state of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionState {
    /// Who cannot reach it.
    pub isolated_from: BTreeSet<Party>,
}

impl fmt::Display for RegionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.isolated_from.is_empty() {
            return f.write_str("reachable");
        }
        let names: Vec<String> = self.isolated_from.iter().map(ToString::to_string).collect();
        write!(f, "cut off from {}", names.join(" and "))
    }
}

/// A region that can be cut off.
#[async_trait]
pub trait Region: Exclusive {
    /// Who can reach it.
    async fn observe(&self, cx: &Context) -> Result<RegionState, ProviderError>;

    /// Makes `to` its isolation: cuts off who is in it, lets in who is not.
    async fn set_isolation(&self, cx: &Context, to: &RegionState) -> Result<(), ProviderError>;

    /// Ends the isolation wholly, with the databases and storages `fenced` refusing writes in this region from the
    /// instant at which anybody can reach them: a fence that came later would leave a gap in which two sides take
    /// writes.
    async fn rejoin_fenced(&self, _cx: &Context, _fenced: &[ResourceId]) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported(
            "what provides this region can't fence anything in it before it is reachable again".to_owned(),
        ))
    }
}
