//! The health of services as the probes see it, for actions that wait on it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::id::{RegionRole, ServiceId};
use crate::time::Moment;

/// A service's health, after `healthy_after` and `unhealthy_after`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Not enough samples yet, or the witness failed too.
    #[default]
    Unknown,
    /// Up.
    Healthy,
    /// Down.
    Unhealthy,
}

/// What the probes know of a service at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceHealth {
    /// Its state.
    pub state: HealthState,
    /// Since when it is in that state: the start of the first sample of the streak.
    pub since: Moment,
    /// Since when every sample has been healthy (`None` if the last one was not).
    pub good_since: Option<Moment>,
    /// The region that answered last.
    pub served_by: Option<RegionRole>,
    /// Since when that region answered every sample.
    pub served_since: Moment,
    /// What the last failed sample saw.
    pub last_failure: Option<String>,
}

/// Tells the health of services.
#[async_trait]
pub trait Health: Send + Sync {
    /// The health of one service now.
    async fn service(&self, cx: &Context, service: &ServiceId) -> ServiceHealth;

    /// Resolves when any service's health or serving region has changed after this call was made.
    async fn changed(&self, cx: &Context);

    /// Waits, in a drill, a moment for the first rows of canaries, then tells the journal all that was seen until now;
    /// resolves once that is on its way there, before anything that is told later.
    async fn settle(&self) {}
}
