//! Samples of probes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{ProbeId, RegionRole};
use crate::resource::Stages;
use crate::time::{Moment, Span};

/// What a sample found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleResult {
    /// All as expected.
    Healthy,
    /// Not; what was seen.
    Unhealthy(String),
}

/// How a guardrail's condition on resources stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It holds.
    Holds,
    /// It does not, or it can't be seen whether it does.
    Fails,
    /// It is not judged, because of what the drill itself does.
    Quiet,
}

/// One result of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which of the probe's ticks, from 0; a number that is missing was not taken.
    pub tick: u64,
    /// When it was due; samples are in this order.
    pub scheduled: Moment,
    /// When it began.
    pub sent: Moment,
    /// When its result was there.
    pub answered: Moment,
    /// What it found.
    pub result: SampleResult,
    /// The address that was connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The region that the address belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionRole>,
    /// The time of each stage.
    pub stages: Stages,
}

impl Sample {
    /// Whether it is healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.result == SampleResult::Healthy
    }

    /// Whether `next` says the same: the same health from the same region.
    #[must_use]
    pub fn says_the_same_as(&self, next: &Self) -> bool {
        self.is_healthy() == next.is_healthy() && self.region == next.region
    }

    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Span {
        self.answered.since(self.sent)
    }
}

/// Samples of one probe that said the same, summed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleSummary {
    /// The probe.
    pub probe: ProbeId,
    /// The first tick.
    pub first_tick: u64,
    /// The last tick.
    pub last_tick: u64,
    /// How many samples; fewer than the ticks if some were not taken.
    pub count: u64,
    /// How many of them were healthy.
    pub healthy: u64,
    /// The median time that they took.
    pub p50: Span,
    /// The 95th percentile.
    pub p95: Span,
    /// The longest.
    pub max: Span,
    /// The last sample whole, so that the end of a streak is never lost.
    pub last: Sample,
}
