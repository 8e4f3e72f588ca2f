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
    /// Who reaches a part of it and not another: an isolation, or its end, that was broken off.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub partly: BTreeSet<Party>,
}

impl RegionState {
    /// Cut off from these, wholly.
    #[must_use]
    pub fn cut_off_from(isolated_from: BTreeSet<Party>) -> Self {
        Self { isolated_from, partly: BTreeSet::new() }
    }

    /// Whether everybody reaches all of it.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.isolated_from.is_empty() && self.partly.is_empty()
    }
}

impl fmt::Display for RegionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |of: &BTreeSet<Party>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        match (self.isolated_from.is_empty(), self.partly.is_empty()) {
            (true, true) => f.write_str("reachable"),
            (false, true) => write!(f, "cut off from {}", names(&self.isolated_from)),
            (true, false) => write!(f, "partly cut off from {}", names(&self.partly)),
            (false, false) => {
                write!(f, "cut off from {}, partly from {}", names(&self.isolated_from), names(&self.partly))
            }
        }
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
