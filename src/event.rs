//! Every event of a run. Data only; what they do to a run stands in [`crate::state`].
//!
//! An event is durable before what it announces happens: intent, then act, then result. Progress that may be lost is
//! no event. Readers years later meet events of older versions: [`FORMAT`] stands in the first event, a field is only
//! ever added with a default, a kind never changes its meaning.

mod swift;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Before, Mode, OnFailure};
use crate::chance::Seed;
use crate::id::{PhaseId, RegionRole, ResourceId, StepId};
use crate::model::{
    CanaryCount, CanaryProgress, Command, Course, Documents, ExitCode, Foreseen, LeftOver, Leg, MeasureOf, OpenAction,
    Person, PhaseResult, Place, Plan, Proof, Review, Sample, SampleSummary, Stands, StepFailure, StepPass, UndoResult,
    Verdict,
};
use crate::resource::{Answer, AnsweredBy, Choice, Marker, World};
use crate::time::{Moment, Span};

/// The version of the events.
pub const FORMAT: u32 = 1;

/// Figures of the previous run of the same playbook, for comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviousRun {
    /// Its id.
    pub run: String,
    /// How it ended.
    pub verdict: String,
    /// Its recovery time, upper end.
    pub rta: Option<Span>,
    /// Its data loss, upper end.
    pub rpa: Option<Span>,
    /// Its mode, where its journal could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Its plan's digest, where its journal could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its recovery times and data losses, leg by leg.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<PreviousMeasure>,
    /// Its steps that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PreviousStep>,
}

/// A recovery time or data loss of the previous run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviousMeasure {
    /// Of what.
    pub of: MeasureOf,
    /// In which leg.
    pub leg: Leg,
    /// Its upper end; none was seen or lost: zero; `None`: not over, or not measured.
    pub upper: Option<Span>,
    /// Whether its objective was met; `None` without one.
    pub met: Option<bool>,
}

/// A step of the previous run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviousStep {
    /// Which.
    pub step: StepId,
    /// Whether it ended well.
    pub passed: bool,
    /// How long it took, if it ended.
    pub took: Option<Span>,
    /// Whether the world already was as it would have it, so that its time says nothing.
    #[serde(default)]
    pub already: bool,
}

/// Who and what ran the drill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// Muster's version.
    pub muster: String,
    /// The machine.
    pub host: String,
    /// The operating system's user.
    pub user: String,
    /// The boot that the monotonic times belong to.
    pub boot: String,
    /// How long the machine had been running when the run's time was zero; none in a simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_boot: Option<Span>,
    /// What the programs that it starts carry in their environment, by which they are found if Muster is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Where the probes stand.
    pub vantage: String,
    /// Who led, as stated.
    pub lead: Option<String>,
    /// Who took part, as stated.
    pub participants: Vec<String>,
    /// The digest of the plan that was approved, where the run was to be of that plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
    /// Who approved it, as stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Whether gates were answered by `--yes`.
    pub yes: bool,
    /// The command line's faults, as given; simulation only.
    pub faults: Vec<String>,
    /// The occurrence of the playbook's schedule that it was begun for, if its scheduler named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// When the playbook's schedule has it due next after this run began; none without a schedule, or after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<jiff::Timestamp>,
    /// Why what stood in the way of the run was passed over, in the words of who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// What that was, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// What people call the things on which the run holds a lease.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<String>,
    /// The number of those leases; none in a simulation, which takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fencing: Option<u64>,
}

/// The first event: enough for every report and for resuming.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// [`FORMAT`].
    pub format: u32,
    /// The frozen plan; shared, for a plan may be rehearsed by the thousand.
    pub plan: Arc<Plan>,
    /// What it was made of.
    pub documents: Arc<Documents>,
    /// Who and what.
    pub origin: Origin,
    /// The seed, in a simulation.
    pub seed: Option<Seed>,
    /// The run before.
    pub previous: Option<PreviousRun>,
    /// Which of its checks were seen to go red in rehearsal, as far as was known when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// What the twin foretold of a real run when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Foreseen>,
    /// Corrective actions of earlier runs of the playbook that were open when it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_actions: Vec<OpenAction>,
}

/// How a run that was left behind goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeTo {
    /// On its way, from where it was.
    GoOn,
    /// Back, or forward to safety after the point of no return.
    Undo,
    /// Nowhere: what was done stands, and is told.
    Stop,
}

/// Who and what took a run up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// How it goes on.
    pub to: ResumeTo,
    /// Who said so.
    pub by: Person,
    /// Muster's version.
    pub muster: String,
    /// The boot that the monotonic times from here on belong to.
    pub boot: String,
    /// How long the machine had been running when the run was taken up: what the monotonic times are counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_boot: Option<Span>,
    /// Whether the machine was started anew meanwhile, so that the time between is the wall clock's: an estimate.
    pub estimated: bool,
    /// As [`Origin::kept`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// The number of the lease that it is taken up with.
    pub fencing: u64,
}

/// Which kind of server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// Knows for itself.
    Authoritative,
    /// Keeps others' answers.
    Resolver,
}

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run exists.
    Started(Box<Started>),
    /// What was found before anything was done.
    Surveyed {
        /// Every resource.
        world: World,
        /// Resources that could not be seen, and why.
        unseen: Vec<(ResourceId, String)>,
    },
    /// What the run changes was marked as its own, on the resources themselves, before anything was changed.
    Claimed {
        /// Resources that carry the run's mark.
        marked: Vec<ResourceId>,
        /// Resources that carry none, so that only the lease guards them, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lease_only: Vec<(ResourceId, String)>,
        /// Resources that another run has: this one may change nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taken: Vec<(ResourceId, Marker)>,
        /// Marks of other runs in whose place this run's stands now, because a person said so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed_over: Vec<(ResourceId, Marker)>,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: PhaseId,
    },
    /// A phase has ended.
    PhaseFinished {
        /// Which.
        phase: PhaseId,
        /// How.
        result: PhaseResult,
    },
    /// The intent: this step is about to act. What it acts on was captured first.
    StepStarted {
        /// Which.
        step: StepId,
        /// From 1.
        attempt: u32,
        /// The state of its subjects.
        before: Before,
    },
    /// A step's attempt passed.
    StepPassed {
        /// Which.
        step: StepId,
        /// From 1.
        attempt: u32,
        /// How.
        pass: StepPass,
    },
    /// A step's attempt failed.
    StepFailed {
        /// Which.
        step: StepId,
        /// From 1.
        attempt: u32,
        /// How.
        failure: StepFailure,
    },
    /// A step is left out.
    StepSkipped {
        /// Which.
        step: StepId,
        /// Why.
        because: String,
        /// Who did by hand what it is for; none where nobody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// A run that was left behind is taken up again. From the last event before it until now nobody watched.
    Resumed(Box<Resumed>),
    /// A person told the run something from another terminal.
    Commanded {
        /// What.
        command: Command,
        /// Who.
        by: Person,
        /// What the run does about it; `None` where it ends at once, or where an answer or a choice says more.
        then: Option<OnFailure>,
        /// Why nothing follows from it, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ignored: Option<String>,
    },
    /// Another run has a lease of this one, which must not act any more.
    LeaseLost {
        /// Who has it, and since when.
        to: String,
    },
    /// A person was asked how to go on, and said so.
    Decided {
        /// What was decided.
        choice: Choice,
        /// By what means.
        by: AnsweredBy,
        /// What the person was told.
        situation: String,
    },
    /// A person is asked.
    GateOpened {
        /// The step.
        step: StepId,
        /// What.
        prompt: String,
        /// Whose answer counts.
        approvers: Vec<String>,
    },
    /// One person's answer to a gate, from the run's terminal or another one.
    GateVoted {
        /// The step.
        step: StepId,
        /// Theirs.
        answer: Answer,
        /// Why it does not count; none where it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// A person answered, or nobody was asked.
    GateAnswered {
        /// The step.
        step: StepId,
        /// How; `None`: the deadline passed, or there was nobody to ask.
        answer: Option<Answer>,
    },
    /// The run goes another way.
    CourseChanged {
        /// Where to.
        course: Course,
        /// The leg that is undone, held or returned from; none for the whole run.
        leg: Option<Leg>,
        /// Why.
        because: String,
        /// Whether a person or a guardrail said so: the run is aborted, not failed.
        aborted: bool,
    },
    /// The intent: this step is about to be taken back.
    UndoStarted {
        /// Which.
        step: StepId,
    },
    /// A step's undo has ended.
    UndoFinished {
        /// Which.
        step: StepId,
        /// How.
        result: UndoResult,
    },
    /// A probe's result changed.
    Sampled {
        /// Which.
        probe: crate::id::ProbeId,
        /// The last sample that said otherwise, if there was one.
        last: Option<Sample>,
        /// The first that says this.
        first: Sample,
    },
    /// Samples that said the same, summed up; at most every 10 s.
    SamplesSummed {
        /// Each probe that has new ones.
        probes: Vec<SampleSummary>,
        /// Each canary that has new ones.
        canaries: Vec<CanaryProgress>,
    },
    /// What survived of a canary's rows on the side that was promoted.
    CanaryCounted {
        /// The leg whose promotion it was.
        leg: Leg,
        /// The count.
        count: CanaryCount,
    },
    /// A server's answer to a record's name changed.
    DnsAnswered {
        /// The record.
        record: ResourceId,
        /// The server.
        server: String,
        /// Its kind.
        server_kind: ServerKind,
        /// What it answers.
        values: Vec<String>,
        /// The region that it now sends users to.
        serves: Option<RegionRole>,
        /// When it was asked.
        asked: Moment,
    },
    /// Two sides took writes at once.
    SplitBrain {
        /// Which resource.
        resource: ResourceId,
        /// How it was seen.
        seen: String,
    },
    /// How a guardrail's condition on resources stands; told when it changes.
    GuardrailSeen {
        /// Which.
        name: String,
        /// How.
        stands: Stands,
        /// What was seen; where it is not judged, why.
        seen: String,
    },
    /// A guardrail is broken.
    GuardrailBroken {
        /// Which.
        name: String,
        /// What was seen.
        seen: String,
        /// What it says to do.
        then: OnFailure,
    },
    /// A signal came.
    Signalled {
        /// `SIGINT`, `SIGTERM`.
        signal: String,
        /// What it is taken for; `None` where the run ends at once and can be resumed.
        then: Option<OnFailure>,
    },
    /// The run has ended.
    Finished {
        /// How.
        verdict: Verdict,
        /// Where things were left.
        world: Place,
        /// The program's exit code.
        exit: ExitCode,
        /// What is otherwise than before.
        left: Vec<LeftOver>,
        /// Everything as it was seen at the end.
        seen: World,
    },
    /// A person adds something to a run that has ended; nothing else follows `finished`.
    Reviewed {
        /// Who.
        by: Person,
        /// What.
        what: Review,
    },
}
