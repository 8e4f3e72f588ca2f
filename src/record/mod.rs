//! A journal read back: the one model that every report draws from.
//!
//! A [`Record`] is made from a run's events by [`Record::from_events`], live or years later, and is the same both
//! times: nothing in it comes from a clock, the environment or the machine that reads. Instants are [`Moment`]s, spans
//! from the run's start; [`Header::started_at`] puts them on the calendar. May rely on `measure`, `state` and what lies
//! above them; must never do I/O. Where a fact is not known it is `None` or a variant that says so, never a zero.
//!
//! [`Moment`]: crate::time::Moment

mod bearing;
mod builder;
pub mod changes;
mod drill;
mod entry;
mod events;
mod finish;
mod foreseen;
mod header;
mod index;
mod legs;
mod limits;
mod path;
mod previous;
mod pulse;
pub mod quarters;
mod review;
mod service;
pub mod showing;
mod steps;
mod story;
mod users;
pub mod verdict;

pub use builder::Builder;
pub use drill::{
    AttemptRecord, GateRecord, LegRecord, LegVerdict, PhaseRecord, PhaseState, StepRecord, StepState, UndoRecord,
    VoteRecord, WithinResult,
};
pub use entry::{Entry, RecordError};
pub use foreseen::{Fallen, FallenMeasure, FallenStep, ForecastRecord, ForecastRun, Truth};
pub use header::{Ended, Header, Heads, RegionName, Simulated};
pub use index::{IndexDetail, IndexRow, IndexService, index_row};
pub use path::{Sooner, critical, sooner};
pub use previous::figures;
pub use pulse::Pulse;
pub use review::{ActionRecord, Noted, ReviewRecord, SignOffRecord};
pub use service::{
    CanaryRecord, DnsChange, DnsRecord, DnsSwitchRecord, GuardrailBreak, GuardrailLook, GuardrailRecord, Latency,
    OutageRecord, RpaRecord, ServiceLeg, ServiceRecord, WitnessRecord,
};
pub use story::{Change, Gap, Happening, HappeningKind, LEASE_ONLY, Limit};
pub use verdict::{Ending, Judged, judge, place};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::PreviousRun;
use crate::id::ResourceId;
use crate::model::{LeftOver, OpenAction, Proof};
use crate::resource::World;

/// A run, as its journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// What was run, where, by whom, and from what.
    pub header: Header,
    /// How it ended.
    pub ended: Ended,
    /// What it left otherwise than it found it.
    pub left: Vec<LeftOver>,
    /// The legs that the plan has, in order.
    pub legs: Vec<LegRecord>,
    /// Every phase of the plan in order, those that do not apply in this mode too.
    pub phases: Vec<PhaseRecord>,
    /// Every step of the plan in order; [`StepRecord::phase`] is its phase's place in `phases`.
    pub steps: Vec<StepRecord>,
    /// Every service.
    pub services: Vec<ServiceRecord>,
    /// The witness, if the plan has one.
    pub witness: Option<WitnessRecord>,
    /// Every canary.
    pub canaries: Vec<CanaryRecord>,
    /// Every DNS record that was watched or switched.
    pub dns: Vec<DnsRecord>,
    /// Every guardrail, the built-in ones that broke too.
    pub guardrails: Vec<GuardrailRecord>,
    /// What is worth a mark on a time line, in order.
    pub timeline: Vec<Happening>,
    /// When nobody watched, because Muster was dead: neither healthy nor not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What a reader must not miss, most important first.
    pub warnings: Vec<String>,
    /// What is otherwise at the end than at the start; numbers that vary by themselves are left out.
    pub changes: Vec<Change>,
    /// The world before.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub before: World,
    /// Resources that could not be seen before, and why.
    pub unseen: Vec<(ResourceId, String)>,
    /// The world at the end, if the run ended.
    #[schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    pub after: Option<World>,
    /// What this drill does not show.
    pub limits: Vec<Limit>,
    /// The run before, for comparison.
    pub previous: Option<PreviousRun>,
    /// Which of its checks were seen to go red in rehearsal; none if none were proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The forecast that a real run began with, and where the truth fell in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastRecord>,
    /// Corrective actions of earlier runs that were open when this one began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_actions: Vec<OpenAction>,
    /// What people added after it had ended.
    #[serde(default, skip_serializing_if = "ReviewRecord::is_empty")]
    pub review: ReviewRecord,
}

#[cfg(test)]
mod tests;
