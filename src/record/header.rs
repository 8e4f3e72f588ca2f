//! What was run, where, by whom, and how it ended.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::event::Origin;
use crate::id::{RegionRole, RunId};
use crate::model::{
    About, Calibrated, Control, Documents, Environment, ExitCode, Objectives, Place, Schedule, SilencedWarning,
    Variable, Verdict,
};
use crate::time::{Moment, Span};

/// How much of a run was simulated. Such a run is never evidence of a real failover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Simulated {
    /// Nothing.
    No,
    /// Only these resources and regions.
    Partly(Vec<String>),
    /// All of it.
    Wholly,
}

impl Simulated {
    /// Whether the stamp belongs on every page.
    #[must_use]
    pub fn is_stamped(&self) -> bool {
        *self != Self::No
    }
}

/// A region's role and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegionName {
    /// Its role.
    pub role: RegionRole,
    /// Its name: `us-east-1`.
    pub name: String,
}

/// The ends of the journal's hash chain, in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heads {
    /// The line that the record was read up to.
    pub last: String,
    /// The line of `finished`: what a report prints and `muster verify` compares. `None` while it goes on, and in a
    /// run that did not end.
    pub finished: Option<String>,
}

/// What was run, where, by whom, and from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// The version of the events.
    pub format: u32,
    /// The playbook's name.
    pub playbook: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What the drill supposes.
    pub scenario: Option<String>,
    /// How it was run.
    pub mode: Mode,
    /// What it was run on.
    pub environment: Environment,
    /// The stamp.
    pub simulated: Simulated,
    /// The plan's digest.
    pub digest: String,
    /// The drill's objectives.
    pub objectives: Objectives,
    /// How much might be lost on purpose, and why.
    pub data_loss: Option<crate::model::DataLoss>,
    /// What the playbook says of itself as a test of a plan.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// The controls that this is evidence for.
    pub controls: Vec<String>,
    /// The same as their catalogues tell of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_texts: Vec<Control>,
    /// Warnings that its documents silence, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silenced: Vec<SilencedWarning>,
    /// The regions.
    pub regions: Vec<RegionName>,
    /// Every variable.
    pub variables: Vec<Variable>,
    /// Those of them that are not the playbook's defaults.
    pub overridden: Vec<Variable>,
    /// The seed, in a simulation.
    pub seed: Option<Seed>,
    /// Who and what ran it, and from which vantage point it was seen.
    pub origin: Origin,
    /// The texts that it was made of.
    pub documents: Arc<Documents>,
    /// By which calibration its twin, and with it what was expected, was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibrated>,
    /// When the drill is due, as its playbook says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub schedule: Option<Schedule>,
    /// The wall clock at the start; a label.
    pub started_at: jiff::Timestamp,
    /// The wall clock at the end, if it ended; a label.
    pub finished_at: Option<jiff::Timestamp>,
    /// The last instant that the journal knows.
    pub until: Moment,
    /// From the start to the end or, in a run that did not end, to the last event.
    pub took: Span,
    /// How many events the journal has.
    pub events: u64,
    /// The journal's heads, if the reader knows them.
    pub heads: Heads,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// The verdict; `incomplete` without a `finished` event.
    pub verdict: Verdict,
    /// Where the world was left; `unknown` without a `finished` event.
    pub world: Place,
    /// The exit code; `None` without a `finished` event.
    pub exit: Option<ExitCode>,
    /// Why it is not `passed`: a sentence each, the weightiest first.
    pub reasons: Vec<String>,
    /// Whether a person or a guardrail stopped it, and in which words.
    pub aborted: Option<String>,
}
