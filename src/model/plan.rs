//! The frozen plan: all that a run needs to know, with nothing left to look up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{About, Accepted, Calibrated, Control, Schedule, SilencedWarning, Windows};
use crate::catalogue::{Access, Act, Check, Mode, OnFailure, Probe, Services};
use crate::chance::Distribution;
use crate::id::{PhaseId, ProbeId, RegionRole, ResourceId, ServiceId, StepId};
use crate::resource::ResourceKind;
use crate::time::Span;

/// What an infrastructure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Everything is simulated.
    Simulated,
    /// Real servers that nobody depends on.
    Lab,
    /// Real servers that testers depend on.
    Staging,
    /// Real servers that users depend on.
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simulated => "simulated",
            Self::Lab => "lab",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// The two halves of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// From the disaster to the end of verification in the secondary region.
    Failover,
    /// Home again.
    Return,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failover => "failover",
            Self::Return => "return",
        })
    }
}

/// What a phase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhaseKind {
    /// Before anything is changed; a failure refuses the run.
    Prechecks,
    /// The disaster itself.
    Disaster,
    /// Until it is noticed and decided upon.
    Detect,
    /// To the secondary region.
    Failover,
    /// That users are served there.
    Verify,
    /// Staying there for a while.
    Soak,
    /// Home.
    Failback,
    /// Whatever happened.
    Cleanup,
    /// None of these: part of the leg in which it stands.
    Other,
}

/// Objectives; each may be unstated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Objectives {
    /// Recovery time of the failover leg.
    pub rto: Option<Span>,
    /// Data loss of the failover leg.
    pub rpo: Option<Span>,
    /// Recovery time of the return leg; unstated: as `rto`.
    pub failback_rto: Option<Span>,
    /// Data loss of the return leg; unstated: as `rpo`.
    pub failback_rpo: Option<Span>,
}

impl Objectives {
    /// The recovery time objective of `leg`.
    #[must_use]
    pub fn rto_of(&self, leg: Leg) -> Option<Span> {
        match leg {
            Leg::Failover => self.rto,
            Leg::Return => self.failback_rto.or(self.rto),
        }
    }

    /// The recovery point objective of `leg`.
    #[must_use]
    pub fn rpo_of(&self, leg: Leg) -> Option<Span> {
        match leg {
            Leg::Failover => self.rpo,
            Leg::Return => self.failback_rpo.or(self.rpo),
        }
    }
}

/// How much may be lost on purpose, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DataLoss {
    /// The most.
    pub accept_up_to: Span,
    /// Who wonders finds it here.
    pub because: String,
}

/// Where a variable's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariableSource {
    /// The playbook's default.
    Playbook,
    /// The infrastructure file.
    Infrastructure,
    /// `--var`.
    CommandLine,
}

/// A variable and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Where from.
    pub source: VariableSource,
}

/// A region, by its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionInfo {
    /// Its name: `us-east-1`.
    pub name: String,
    /// A host in it that answers when the region can be reached.
    pub gateway: Option<String>,
    /// What provides it, and its settings, as in the infrastructure file.
    pub provider: String,
    /// The provider's settings.
    pub settings: serde_json::Value,
    /// The settings of its simulated twin.
    pub simulate: serde_json::Value,
}

/// What a resource is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its kind.
    pub kind: ResourceKind,
    /// The provider: `simulated`, later `rfc2136`, `postgres`, `aws` …
    pub provider: String,
    /// The provider's settings, checked by the provider's own type.
    pub settings: serde_json::Value,
    /// The settings of its simulated twin.
    pub simulate: serde_json::Value,
}

/// A probe with its rhythm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbePlan {
    /// Its name: the service's, `witness`, or the guardrail's.
    pub id: ProbeId,
    /// What is done.
    pub probe: Probe,
    /// From one start to the next.
    pub every: Span,
    /// After this long a sample has failed.
    pub timeout: Span,
    /// So many healthy samples in a row end an outage.
    pub healthy_after: u32,
    /// So many unhealthy samples in a row are an outage.
    pub unhealthy_after: u32,
}

/// What users do with a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceAccess {
    /// They read and write: what it depends on must take writes.
    #[default]
    Write,
    /// They only read: a copy will do.
    Read,
}

impl ServiceAccess {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    fn is_write(&self) -> bool {
        *self == Self::Write
    }
}

/// A service, as users know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub id: ServiceId,
    /// For people.
    pub title: String,
    /// The resources that it needs.
    pub depends_on: Vec<ResourceId>,
    /// What users do with it.
    #[serde(default, skip_serializing_if = "ServiceAccess::is_write")]
    pub access: ServiceAccess,
    /// Its own objectives, over the playbook's.
    pub objectives: Objectives,
    /// How its health is known.
    pub probe: ProbePlan,
    /// How it is asked where it does not serve yet.
    pub standby: Option<Probe>,
}

/// A canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its name.
    pub id: ProbeId,
    /// A database or storage.
    pub of: ResourceId,
    /// Which of the two.
    pub kind: ResourceKind,
    /// From one row to the next.
    pub every: Span,
}

/// What a guardrail watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one for each guardrail, and few of those")]
pub enum Watch {
    /// A probe of its own.
    Probe(ProbePlan),
    /// The length of an outage of these services.
    OutageOf(Services),
    /// Resources, by looks of its own.
    Check(CheckPlan),
}

/// A condition on resources, with the rhythm in which they are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPlan {
    /// What must hold; about resources, never about services or time.
    pub check: Check,
    /// From one look to the next.
    pub every: Span,
}

/// A condition that is watched during the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    /// For people.
    pub name: String,
    /// What is watched.
    pub watch: Watch,
    /// For how long it must be broken.
    pub broken_after: Span,
    /// What then.
    pub then: OnFailure,
}

/// How often, and how, a failed step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Before the second; doubled each time.
    pub wait: Span,
    /// The wait grows no longer than this.
    pub max_wait: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, wait: Span::from_secs(1), max_wait: Span::from_secs(60) }
    }
}

impl Retry {
    /// The wait after the failed attempt `attempt` (from 1), or `None` if it was the last.
    #[must_use]
    pub fn wait_after(&self, attempt: u32) -> Option<Span> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(32);
        Some(Span(self.wait.0.saturating_mul(1 << doublings)).min(self.max_wait.max(self.wait)))
    }
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub id: PhaseId,
    /// For people.
    pub title: String,
    /// What it is for.
    pub kind: PhaseKind,
    /// The leg that it belongs to; none for prechecks, soak and cleanup.
    pub leg: Option<Leg>,
    /// Whether it is part of a run in this mode.
    pub applies: bool,
    /// Its first step's place in [`Plan::steps`].
    pub first: usize,
    /// How many steps it has.
    pub count: usize,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// For people.
    pub title: String,
    /// Its phase's place in [`Plan::phases`].
    pub phase: usize,
    /// What it does.
    pub act: Act,
    /// The places of the steps of its phase that must have ended well before it.
    pub needs: Vec<usize>,
    /// Its own objective: a result, never a reason to undo.
    pub within: Option<Span>,
    /// After this long it is given up and in doubt.
    pub timeout: Span,
    /// How often it is tried.
    pub retry: Retry,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// How long it takes in a simulation where the resource does not say (commands, people).
    pub takes: Option<Distribution>,
    /// How long its calls take in a simulation, in hundredths of what they take by themselves. Only ever set where a
    /// rehearsal asks what if it were quicker; no plan is compiled with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<u32>,
    /// How long it is expected to take.
    pub expected: Span,
    /// Whether it is part of a run in this mode.
    pub applies: bool,
}

/// One of the two documents, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceDocument {
    /// Its path as it was given.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The texts that a plan was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Documents {
    /// The playbook.
    pub playbook: SourceDocument,
    /// The infrastructure file.
    pub infrastructure: SourceDocument,
    /// Playbooks that the playbook's steps name.
    pub nested: Vec<SourceDocument>,
    /// The calibration that the twin was set by, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<SourceDocument>,
    /// Catalogues of controls that the playbook names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catalogues: Vec<SourceDocument>,
}

/// The frozen plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The playbook's name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What the drill supposes.
    pub scenario: Option<String>,
    /// How it is run.
    pub mode: Mode,
    /// What it is run on.
    pub environment: Environment,
    /// Whether its simulated twin is used in place of the real thing (`muster simulate`).
    pub twin: bool,
    /// The drill's objectives.
    pub objectives: Objectives,
    /// How much may be lost on purpose.
    pub data_loss: Option<DataLoss>,
    /// Whether acknowledged writes may be thrown away (`discard: accept`).
    pub discard: bool,
    /// An outage longer than this pauses the run.
    pub outage_limit: Option<Span>,
    /// A run that stands still, with nobody at its terminal, waits so long for a command.
    #[serde(default = "pause_limit")]
    pub pause_limit: Span,
    /// When runs may begin, as the playbook and the infrastructure file say it; each must allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Windows>,
    /// Whether a real drill may begin by its schedule with nobody there, as the infrastructure file says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
    /// When the drill is due; the days of its calendar files are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The bad ends of rehearsals that are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Accepted>,
    /// What the playbook says of itself as a test of a plan.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// The controls that this is evidence for.
    pub controls: Vec<String>,
    /// The same as their catalogues tell of them, so that a report years later tells what was meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_texts: Vec<Control>,
    /// The roles of people.
    pub roles: Vec<String>,
    /// Every variable and where its value came from.
    pub variables: Vec<Variable>,
    /// The regions.
    pub regions: BTreeMap<RegionRole, RegionInfo>,
    /// The resources.
    pub resources: BTreeMap<ResourceId, Binding>,
    /// Settings of the network's simulated twin.
    pub network: serde_json::Value,
    /// The resolver that stands for `system` in a real environment; the machine's own if none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<SocketAddr>,
    /// The services.
    pub services: Vec<Service>,
    /// The canaries.
    pub canaries: Vec<Canary>,
    /// A probe of something unrelated.
    pub witness: Option<ProbePlan>,
    /// The guardrails.
    pub guardrails: Vec<Guardrail>,
    /// How many steps may run at once.
    pub at_once: Option<usize>,
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// The steps, those of a phase together and in written order.
    pub steps: Vec<Step>,
    /// Warnings that its documents silence, each with the reason: who approves the plan signs them with it. They follow
    /// from the documents' texts, which the digest is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silenced: Vec<SilencedWarning>,
    /// By which calibration the twin's settings, and with them what is expected, were set; no part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibrated>,
    /// SHA-256 in hex over all of the above and the documents' texts.
    pub digest: String,
}

/// How long a run that stands still waits for a person, unless its playbook says otherwise.
pub const PAUSE_LIMIT: Span = Span::from_secs(30 * 60);

fn pause_limit() -> Span {
    PAUSE_LIMIT
}

impl Plan {
    /// Whatever is probed: services, the witness, guardrails.
    pub fn probes(&self) -> impl Iterator<Item = &ProbePlan> {
        let guards = self.guardrails.iter().filter_map(|guardrail| match &guardrail.watch {
            Watch::Probe(probe) => Some(probe),
            Watch::OutageOf(_) | Watch::Check(_) => None,
        });
        self.services.iter().map(|service| &service.probe).chain(&self.witness).chain(guards)
    }

    /// Whether everything is simulated: such a run is never evidence of a real failover.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.twin || self.environment == Environment::Simulated
    }

    /// Every resource that a step of this run may change, each once.
    #[must_use]
    pub fn changes(&self) -> BTreeSet<ResourceId> {
        let subjects = self.steps.iter().filter(|step| step.applies).flat_map(|step| step.act.describe().subjects());
        subjects.filter(|subject| subject.access == Access::Changes).map(|subject| subject.resource).collect()
    }

    /// The place of a step by its name.
    #[must_use]
    pub fn step_index(&self, id: &StepId) -> Option<usize> {
        self.steps.iter().position(|step| step.id == *id)
    }

    /// The phase of a step.
    #[must_use]
    pub fn phase_of(&self, step: usize) -> &Phase {
        &self.phases[self.steps[step].phase]
    }

    /// The leg that a step belongs to.
    #[must_use]
    pub fn leg_of(&self, step: usize) -> Option<Leg> {
        self.phase_of(step).leg
    }

    /// Whether its parts fit together: what is read back from a journal that somebody changed may not.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check(&self) -> Result<(), String> {
        let mut first = 0_usize;
        for (n, phase) in self.phases.iter().enumerate() {
            let end = first.checked_add(phase.count).filter(|end| *end <= self.steps.len());
            let Some(end) = end.filter(|_| phase.first == first) else {
                return Err(format!("the steps of phase `{}` are not where it says", phase.id));
            };
            if self.phases[..n].iter().any(|before| before.id == phase.id) {
                return Err(format!("there are two phases `{}`", phase.id));
            }
            if let Some(step) = self.steps[first..end].iter().find(|step| step.phase != n) {
                return Err(format!("step `{}` is in another phase than it says", step.id));
            }
            first = end;
        }
        if first != self.steps.len() {
            return Err("there are steps that belong to no phase".to_owned());
        }
        let mut ids = std::collections::BTreeSet::new();
        for step in &self.steps {
            if !ids.insert(&step.id) {
                return Err(format!("there are two steps `{}`", step.id));
            }
            if step.needs.iter().any(|need| *need >= self.steps.len()) {
                return Err(format!("step `{}` needs a step that is not there", step.id));
            }
        }
        Ok(())
    }
}
