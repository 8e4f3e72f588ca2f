//! What users saw: services, canaries, DNS, guardrails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::OnFailure;
use crate::event::ServerKind;
use crate::id::{ProbeId, RegionRole, ResourceId, ServiceId};
use crate::measure::{Judgement, Measure, Outage};
use crate::model::{Leg, Stands};
use crate::record::Pulse;
use crate::resource::{HealthState, ResourceKind};
use crate::time::{Moment, Span};

/// How long samples took. Quantiles of summaries are merged by count, so they are near, not exact; `max` is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// The median.
    pub p50: Span,
    /// The 95th percentile.
    pub p95: Span,
    /// The longest.
    pub max: Span,
}

/// An outage in a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutageRecord {
    /// The leg that it began in.
    pub leg: Leg,
    /// When, and how surely.
    pub outage: Outage,
    /// How long it was.
    pub length: Measure,
}

/// A service in a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceLeg {
    /// Which leg.
    pub leg: Leg,
    /// From its first loss to its last recovery.
    pub rta: Measure,
    /// Its objective: its own, else the drill's.
    pub rto: Option<Span>,
    /// Met or not.
    pub judgement: Judgement,
    /// All its outages' upper ends together: total downtime.
    pub downtime: Span,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRecord {
    /// Its name.
    pub id: ServiceId,
    /// For people.
    pub title: String,
    /// What is probed, in one line.
    pub probe: String,
    /// From one sample to the next.
    pub every: Span,
    /// So many healthy samples in a row end an outage.
    pub healthy_after: u32,
    /// So many unhealthy samples in a row are an outage.
    pub unhealthy_after: u32,
    /// Its state when the journal ended.
    pub state: HealthState,
    /// The region that answered last.
    pub served_by: Option<RegionRole>,
    /// Its outages in order.
    pub outages: Vec<OutageRecord>,
    /// Per leg of the plan.
    pub legs: Vec<ServiceLeg>,
    /// How many samples there were.
    pub samples: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many failed outside outages.
    pub failed_outside: u64,
    /// How many are unknown: taken while the witness failed too.
    pub unknown: u64,
    /// How many were not taken while the probe was being watched.
    pub missing: u64,
    /// All outages' upper ends together.
    pub downtime: Span,
    /// How long its samples took; `None` without a sample.
    pub latency: Option<Latency>,
    /// What failed samples saw: the texts of first failures in order, each once, at most 8.
    pub failures: Vec<String>,
    /// How its samples went over time; of a long run few and long ones, never more than 720.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulses: Vec<Pulse>,
}

/// The witness: something unrelated that tells "we are cut off" from "they are down".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WitnessRecord {
    /// What is probed, in one line.
    pub probe: String,
    /// How many samples there were.
    pub samples: u64,
    /// How many of them failed.
    pub failed: u64,
    /// When Muster may have been the one cut off: from the last good sample before to the first after.
    pub blind: Vec<(Moment, Moment)>,
}

/// A canary's loss in a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RpaRecord {
    /// Which leg.
    pub leg: Leg,
    /// The loss.
    pub rpa: Measure,
    /// The objective.
    pub rpo: Option<Span>,
    /// Met or not.
    pub judgement: Judgement,
    /// How many rows the old side had acknowledged; `None` if nothing was counted.
    pub acknowledged: Option<u64>,
    /// How many of them are missing.
    pub lost: Option<u64>,
    /// How many are there that were never acknowledged.
    pub survived_unacknowledged: Option<u64>,
}

/// A canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CanaryRecord {
    /// Its name.
    pub id: ProbeId,
    /// What it writes to.
    pub of: ResourceId,
    /// A database or storage.
    pub kind: ResourceKind,
    /// From one row to the next.
    pub every: Span,
    /// Rows acknowledged in the whole run, both sides.
    pub acknowledged: u64,
    /// Rows refused or not answered.
    pub failed: u64,
    /// Per leg of the plan.
    pub legs: Vec<RpaRecord>,
}

/// A change of what a server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsChange {
    /// The server.
    pub server: String,
    /// Authoritative or resolver.
    pub server_kind: ServerKind,
    /// When it was asked.
    pub asked: Moment,
    /// What it answered.
    pub values: Vec<String>,
    /// The region that these belong to.
    pub serves: Option<RegionRole>,
}

/// A switch of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsSwitchRecord {
    /// The step that did it.
    pub step: crate::id::StepId,
    /// The region that it now points to.
    pub to: RegionRole,
    /// When every authoritative server gave the new answer.
    pub done: Moment,
    /// The TTL of the old answer, if it was captured.
    pub old_ttl: Option<Span>,
    /// When the last of the watched resolvers was seen to give the new answer; `None` if one was not seen to.
    pub resolvers_done: Option<Moment>,
    /// The worst case for a user: a full old TTL left in a cache when the authority changed.
    pub worst_case_until: Option<Moment>,
}

/// A DNS record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsRecord {
    /// Which.
    pub record: ResourceId,
    /// Every change that was seen, in order.
    pub answers: Vec<DnsChange>,
    /// Every switch that was done.
    pub switches: Vec<DnsSwitchRecord>,
}

/// A time when a guardrail was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailBreak {
    /// When.
    pub at: Moment,
    /// What was seen.
    pub seen: String,
    /// What it said to do.
    pub then: OnFailure,
}

/// How a guardrail's condition on resources came to stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailLook {
    /// When.
    pub at: Moment,
    /// How.
    pub stands: Stands,
    /// What was seen; where it is not judged, why.
    pub seen: String,
}

/// A guardrail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailRecord {
    /// For people.
    pub name: String,
    /// What is watched, in one line; empty for a built-in one.
    pub watches: String,
    /// For how long it must be broken; `None` for a built-in one.
    pub broken_after: Option<Span>,
    /// When it broke.
    pub broken: Vec<GuardrailBreak>,
    /// How its condition on resources stood, each time that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<GuardrailLook>,
}
