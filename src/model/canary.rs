//! What canaries wrote, and what was left of it.

use serde::{Deserialize, Serialize};

use crate::id::{ProbeId, RegionRole};
use crate::time::{Moment, Span};

/// How far a canary has come with one region's side, summed up as samples are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryProgress {
    /// The canary.
    pub canary: ProbeId,
    /// The side that it writes to.
    pub region: RegionRole,
    /// How many rows were acknowledged since the last such event.
    pub acknowledged: u64,
    /// How many were refused or not answered.
    pub failed: u64,
    /// The last row that was acknowledged, and when.
    pub last_acknowledged: Option<(u64, Moment)>,
    /// Why the last failed one failed.
    pub last_failure: Option<String>,
    /// The first row that was acknowledged since the last such event, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_acknowledged: Option<(u64, Moment)>,
    /// The rows that were, from and to: what is known of them if Muster dies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<(u64, u64)>,
}

/// What the new side has of the rows that the old side acknowledged, counted after a promotion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryCount {
    /// The canary.
    pub canary: ProbeId,
    /// The side that was promoted.
    pub region: RegionRole,
    /// From one row to the next: less would not be seen.
    pub every: Span,
    /// How many rows the old side had acknowledged.
    pub acknowledged: u64,
    /// The last of them, and when it was acknowledged; `None` if there was none.
    pub last_acknowledged: Option<(u64, Moment)>,
    /// The newest row of the unbroken prefix of acknowledged rows that is there, and when it was acknowledged.
    pub prefix_end: Option<(u64, Moment)>,
    /// How many acknowledged rows are missing.
    pub lost: u64,
    /// How many rows are there that were never acknowledged.
    pub survived_unacknowledged: u64,
    /// Between these two moments rows may have been acknowledged that nobody knows of: Muster was dead, and no
    /// acknowledgement came after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwatched: Option<(Moment, Moment)>,
}
