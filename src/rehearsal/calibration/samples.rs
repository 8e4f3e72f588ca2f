//! What the journal of a real run tells of the twin's settings, by actions and observations, whichever provider made them.
//!
//! | setting | told by |
//! |---|---|
//! | a database's or storage's `promotion` | a promotion that passed, without the wait until it was drained; one that only took a fence away is none |
//! | `fence`, `replicate`, `verify` | the step that did it |
//! | `preserve` | a `data.preserve` of one resource: of several together nobody knows which took how long |
//! | `replication_lag`, `replication_delay` | how far the copy was behind when the run began, and what an unplanned promotion lost |
//! | a record's `converges` | when each authoritative server was first seen to give the new answer, from the step's begin, without what `change_takes` is assumed to be: the journal tells both together |
//! | a group's `boot` | a start or scaling up: the slowest of so many servers |
//! | snapshots' `restore` | the step that did it |
//! | a region's `isolate`, `rejoin` | the step that did it |
//! | a step's `takes` | of a `command`, `http` and `notify` the attempt that passed; of a gate from its question to its answer by a person |
//!
//! Times are Muster's own: of the attempt that passed, from the intent to the result, with the looks before and after in
//! them. A step that passed with a warning did something else than it says; one during which nobody watched is no measure.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;
use crate::event::ServerKind;
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::calibration::does;
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::{Infrastructure, SIMULATED, read, twin};
use crate::measure::Measure;
use crate::model::Leg;
use crate::record::{AttemptRecord, DnsRecord, Record, Simulated, StepRecord, StepState};
use crate::resource::{AnsweredBy, ReplicaRole, ResourceKind, ResourceState, Seen, region_resource};
use crate::time::{Moment, Span};

/// A setting of the twin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Setting {
    /// Of a resource.
    Resource {
        /// Which.
        id: ResourceId,
        /// The key in the infrastructure file.
        key: String,
    },
    /// Of a region.
    Region {
        /// Which.
        role: RegionRole,
        /// The key in the infrastructure file.
        key: String,
    },
    /// A step's `takes`.
    Step {
        /// The playbook's name.
        playbook: String,
        /// The step.
        step: StepId,
    },
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource { id, key } => write!(f, "{id} {key}"),
            Self::Region { role, key } => write!(f, "region.{role} {key}"),
            Self::Step { playbook, step } => write!(f, "{playbook}: step {step} takes"),
        }
    }
}

/// What a run measured once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Of which setting.
    pub setting: Setting,
    /// How long.
    pub value: Span,
    /// It is the slowest of so many that were begun at once.
    pub slowest_of: u32,
    /// Of a step: its action and what it did.
    pub does: Option<(String, String)>,
}

/// The infrastructure file that a run was made on; `None`: it can't be read by this version.
#[must_use]
pub fn infrastructure_of(record: &Record) -> Option<Infrastructure> {
    let document = &record.header.documents.infrastructure;
    let root = crate::yaml::parse(&document.path, document.text.as_bytes()).node?;
    // What a newer version says is wrong in it was no mistake when it ran.
    read(root, &mut Vec::new())
}

/// All samples of a run that was made on the infrastructure `then`, as far as they tell of `now`; and what was left out.
#[must_use]
pub fn samples(record: &Record, then: &Infrastructure, now: &Infrastructure) -> (Vec<Sample>, Vec<String>) {
    let mut found = Finder { record, then, now, samples: Vec::new(), notes: BTreeSet::new() };
    for step in record.steps.iter().filter(|step| step.state == StepState::Passed && step.warning.is_none()) {
        found.step(step);
    }
    for dns in &record.dns {
        found.convergence(dns);
        found.propagation(dns);
    }
    found.lag();
    found.losses();
    (found.samples, found.notes.into_iter().collect())
}

struct Finder<'a> {
    record: &'a Record,
    then: &'a Infrastructure,
    now: &'a Infrastructure,
    samples: Vec<Sample>,
    notes: BTreeSet<String>,
}

impl Finder<'_> {
    fn step(&mut self, step: &StepRecord) {
        if matches!(step.action.as_str(), "approve" | "manual") {
            self.gate(step);
            return;
        }
        let Some(attempt) = step.attempts.last() else { return };
        let Some(took) = self.took(step, attempt) else { return };
        let subject = step.subjects.first();
        let key = match step.action.as_str() {
            "command" | "http" | "notify" => {
                self.of_step(step, took);
                return;
            }
            "database.promote" | "storage.promote" => {
                // A fence that was taken away, or that the promotion found in its way, is another act.
                if !step.evidence.contains_key("fence") {
                    self.of_resource(subject, "promotion", took - drained(step), 1);
                }
                return;
            }
            "compute.start" | "compute.scale" => {
                if let Some(servers) = more_servers(step) {
                    self.of_resource(subject, "boot", took, servers);
                }
                return;
            }
            "data.preserve" => {
                if step.subjects.len() > 1 {
                    let all: Vec<&str> = step.subjects.iter().map(ResourceId::as_str).collect();
                    let note =
                        format!("{} kept {} in one step: how long each took is not known", step.id, all.join(", "));
                    self.notes.insert(note);
                    return;
                }
                "preserve"
            }
            "database.fence" | "storage.fence" => "fence",
            "database.replicate" | "storage.replicate" => "replicate",
            "storage.verify" => "verify",
            "backup.restore" => "restore",
            "region.isolate" => return self.of_region(subject, "isolate", took),
            "region.rejoin" => return self.of_region(subject, "rejoin", took),
            _ => return,
        };
        self.of_resource(subject, key, took, 1);
    }

    /// How long an attempt took; `None` if nobody watched all of it.
    fn took(&self, step: &StepRecord, attempt: &AttemptRecord) -> Option<Span> {
        let (from, to) = (attempt.started, attempt.ended?);
        if self.record.gaps.iter().any(|gap| gap.from < to && gap.to > from) {
            return None;
        }
        let asked = step.gates.iter().filter(|gate| gate.opened >= from);
        let asked: Span = asked.filter_map(|gate| Some(gate.closed?.since(gate.opened))).sum();
        Some(to.since(from) - asked)
    }

    /// What a person took to answer.
    fn gate(&mut self, step: &StepRecord) {
        let by_person = |by: AnsweredBy| matches!(by, AnsweredBy::Terminal | AnsweredBy::Command);
        let answered: Vec<Span> = step
            .gates
            .iter()
            .filter(|gate| gate.answer.as_ref().is_some_and(|answer| by_person(answer.by)))
            .filter_map(|gate| Some(gate.closed?.since(gate.opened)))
            .collect();
        for took in answered {
            self.of_step(step, took);
        }
    }

    fn of_step(&mut self, step: &StepRecord, value: Span) {
        let setting = Setting::Step { playbook: self.record.header.playbook.clone(), step: step.id.clone() };
        let does = Some((step.action.clone(), does(&step.summary)));
        self.samples.push(Sample { setting, value, slowest_of: 1, does });
    }

    fn of_resource(&mut self, id: Option<&ResourceId>, key: &str, value: Span, slowest_of: u32) {
        let Some(id) = id.filter(|id| self.counts(id)) else { return };
        let setting = Setting::Resource { id: id.clone(), key: key.to_owned() };
        self.samples.push(Sample { setting, value, slowest_of, does: None });
    }

    fn of_region(&mut self, subject: Option<&ResourceId>, key: &str, value: Span) {
        let Some(subject) = subject else { return };
        let Some(role) = RegionRole::ALL.into_iter().find(|role| region_resource(*role) == *subject) else { return };
        let provider = |it: &Infrastructure| it.regions.get(&role).map(|region| region.provider.clone());
        let (then, now) = (provider(self.then), provider(self.now));
        if then.as_deref() == Some(SIMULATED) {
            self.notes.insert(format!("the {role} region was simulated: left out"));
        } else if then.is_none() || then != now {
            self.notes.insert(format!("the {role} region had another provider then: left out"));
        } else {
            let setting = Setting::Region { role, key: key.to_owned() };
            self.samples.push(Sample { setting, value, slowest_of: 1, does: None });
        }
    }

    /// Whether a resource was really there, and was what it is now.
    fn counts(&mut self, id: &ResourceId) -> bool {
        let named = matches!(&self.record.header.simulated, Simulated::Partly(parts) if parts.iter().any(|it| *id == it.as_str()));
        let (then, now) = (self.then.resources.get(id), self.now.resources.get(id));
        let why = match (then, now) {
            _ if named => "it was simulated",
            (None, _) => "the run's infrastructure file does not have it",
            (Some(then), _) if then.provider == SIMULATED => "it was simulated",
            (_, None) => "the infrastructure file does not have it any more",
            (Some(then), Some(now)) if (then.kind, &then.provider) != (now.kind, &now.provider) => {
                "it was of another kind, or by another provider"
            }
            _ => return true,
        };
        self.notes.insert(format!("{id}: {why}: left out"));
        false
    }

    /// When authoritative servers came to give the new answer.
    fn convergence(&mut self, dns: &DnsRecord) {
        if dns.switches.is_empty() || !self.counts(&dns.record) {
            return;
        }
        let binding = self.now.resources.get(&dns.record).map(twin::resource);
        let Some(Ok(SimulatedResource::Dns(assumed))) = binding else { return };
        for switch in &dns.switches {
            let Some(step) = self.record.steps.iter().find(|step| step.id == switch.step) else { continue };
            let good = step.state == StepState::Passed && step.warning.is_none();
            let Some(attempt) = step.attempts.last().filter(|_| good) else { continue };
            if self.took(step, attempt).is_none() {
                continue;
            }
            // Records of one step are changed one after the other.
            let before = step.subjects.iter().position(|id| *id == dns.record).unwrap_or(0) as u64;
            let accepted = assumed.change_takes.median() * (before + 1);
            let servers = first_seen(dns, ServerKind::Authoritative, attempt.started, switch.to);
            let each = if servers.is_empty() {
                // Nothing was seen server by server; the step was done when the slowest had it.
                vec![(switch.done, assumed.servers.max(1))]
            } else {
                servers.into_iter().map(|at| (at, 1)).collect()
            };
            for (at, slowest_of) in each {
                let value = at.since(attempt.started) - accepted;
                self.of_resource(Some(&dns.record), "converges", value, slowest_of);
            }
        }
    }

    /// What the twin can't be set to: resolvers that keep an answer longer than they may.
    fn propagation(&mut self, dns: &DnsRecord) {
        /// Resolvers round up, and are asked once a second.
        const GRACE: Span = Span::from_secs(5);
        for switch in &dns.switches {
            let (Some(last), Some(ttl)) = (switch.resolvers_done, switch.old_ttl) else { continue };
            let kept = last.since(switch.done);
            if kept > ttl + GRACE {
                let note = format!(
                    "{}: a resolver kept the old answer for {kept}, its TTL was {ttl}; the twin's resolvers keep to it",
                    dns.record
                );
                self.notes.insert(note);
            }
        }
    }

    /// How far copies were behind when the run began.
    fn lag(&mut self) {
        let record = self.record;
        for (id, state) in &record.before {
            let (lag, key) = match state {
                ResourceState::Database(state) => {
                    let copies = state.regions.values().filter_map(Seen::known);
                    (copies.filter(|it| it.role == ReplicaRole::Replica).find_map(|it| it.lag), "replication_lag")
                }
                ResourceState::Storage(state) => {
                    let copies = state.regions.values().filter_map(Seen::known);
                    (copies.filter(|it| it.role == ReplicaRole::Replica).find_map(|it| it.lag), "replication_delay")
                }
                _ => continue,
            };
            if let Some(lag) = lag {
                self.of_resource(Some(id), key, lag, 1);
            }
        }
    }

    /// What promotions lost that nothing was drained before: just how far the copy was behind.
    fn losses(&mut self) {
        let record = self.record;
        if record.header.mode == Mode::Planned {
            return;
        }
        for canary in &record.canaries {
            let key = if canary.kind == ResourceKind::Storage { "replication_delay" } else { "replication_lag" };
            let promoted = record.steps.iter().any(|step| {
                let promotes = matches!(step.action.as_str(), "database.promote" | "storage.promote");
                let blind = !step.evidence.contains_key("drained in") && !step.evidence.contains_key("fence");
                promotes
                    && blind
                    && step.state == StepState::Passed
                    && step.subjects.first() == Some(&canary.of)
                    && step.leg == Some(Leg::Failover)
            });
            let Some(leg) = canary.legs.iter().find(|leg| leg.leg == Leg::Failover).filter(|_| promoted) else {
                continue;
            };
            let lag = match &leg.rpa {
                Measure::Between { lower, upper } => Span(lower.0 / 2 + upper.0 / 2),
                // Somewhere below what could be seen.
                Measure::NoneLost { resolution } => Span(resolution.0 / 2),
                _ => continue,
            };
            self.of_resource(Some(&canary.of), key, lag, 1);
        }
    }
}

/// When each server of a kind was first seen to send users to `to`, after `from` and before it was seen to do otherwise
/// again; those that did so before are left out.
fn first_seen(dns: &DnsRecord, kind: ServerKind, from: Moment, to: RegionRole) -> Vec<Moment> {
    let mut servers: Vec<&str> =
        dns.answers.iter().filter(|it| it.server_kind == kind).map(|it| it.server.as_str()).collect();
    servers.sort_unstable();
    servers.dedup();
    let until = |server: &str| {
        let mine = dns.answers.iter().filter(|it| it.server == server && it.server_kind == kind && it.asked >= from);
        let moved = mine.filter(|it| it.serves == Some(to)).map(|it| it.asked).min()?;
        // Another switch may lie between: the way back is not the way there.
        let next = dns.switches.iter().filter(|it| it.done >= from).map(|it| it.done).min()?;
        (moved <= next + Span::from_secs(60)).then_some(moved)
    };
    servers.into_iter().filter_map(until).collect()
}

/// How long a promotion waited until nothing was left to be replayed.
fn drained(step: &StepRecord) -> Span {
    step.evidence.get("drained in").and_then(|text| Span::parse_shown(text)).unwrap_or(Span::ZERO)
}

/// How many servers were added; `None` if none.
fn more_servers(step: &StepRecord) -> Option<u32> {
    let (from, to) = step.evidence.get("servers")?.split_once(" -> ")?;
    let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    to.checked_sub(from).filter(|more| *more > 0)
}
