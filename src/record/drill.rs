//! Legs, phases, steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Evidence, OnFailure};
use crate::id::{PhaseId, ResourceId, StepId};
use crate::measure::{Judgement, Measure, Parts};
use crate::model::{Happened, Leg, PhaseKind, Showing, UndoResult};
use crate::record::Change;
use crate::resource::Answer;
use crate::time::{Moment, Span};

/// How a leg went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegVerdict {
    /// Its steps passed, its objectives were met.
    Passed,
    /// A step failed, or an objective was missed, undecided or not measured.
    Failed,
    /// It began and was not ended.
    Incomplete,
    /// The run never came to it.
    NotReached,
}

impl std::fmt::Display for LegVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::NotReached => "not reached",
        })
    }
}

/// A leg with its measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LegRecord {
    /// Which.
    pub leg: Leg,
    /// How it went.
    pub verdict: LegVerdict,
    /// When its first phase began.
    pub started: Option<Moment>,
    /// When its last phase ended.
    pub ended: Option<Moment>,
    /// From the first loss of any service to the last recovery of all.
    pub rta: Measure,
    /// The objective that it is judged against.
    pub rto: Option<Span>,
    /// Met or not.
    pub rto_judgement: Judgement,
    /// What the upper end of `rta` is made of; they add up to it exactly. `None` if no outage was seen.
    pub parts: Option<Parts>,
    /// When the first service was lost, as users may first have noticed: the start of the upper end of `rta`.
    pub lost_at: Option<Moment>,
    /// When the last service was back: the end of the upper end of `rta`.
    pub recovered_at: Option<Moment>,
    /// The largest loss of any canary.
    pub rpa: Measure,
    /// The objective that it is judged against.
    pub rpo: Option<Span>,
    /// Met or not.
    pub rpo_judgement: Judgement,
}

/// How far a phase has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseState {
    /// It is no part of a run in this mode.
    NotInThisMode,
    /// The run did not come to it.
    NotReached,
    /// It began and did not end.
    Running,
    /// Every step passed: a checkpoint.
    Passed,
    /// A step failed, or was never started.
    Failed,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Its name.
    pub id: PhaseId,
    /// For people.
    pub title: String,
    /// What it is for.
    pub kind: PhaseKind,
    /// The leg that it belongs to.
    pub leg: Option<Leg>,
    /// How it went.
    pub state: PhaseState,
    /// When it began.
    pub started: Option<Moment>,
    /// When it ended.
    pub ended: Option<Moment>,
    /// From the one to the other.
    pub took: Option<Span>,
    /// The place of its first step in [`crate::record::Record::steps`].
    pub first: usize,
    /// How many steps it has.
    pub count: usize,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It, or its phase, is no part of a run in this mode.
    NotInThisMode,
    /// The run ended, or went another way, before it began.
    NotReached,
    /// It began and its end is not in the journal.
    Running,
    /// It passed.
    Passed,
    /// There was nothing to do: the world already was as it would have it.
    AlreadyDone,
    /// Its last attempt failed, and it was observed not to have taken effect.
    Failed,
    /// Its last attempt failed, and it took effect wholly or in part.
    FailedButHappened,
    /// The run left its course and asked it to end, and it was observed not to have taken effect.
    Cancelled,
    /// The run left its course and asked it to end, and it took effect wholly or in part.
    CancelledButHappened,
    /// Nobody knows whether it took effect.
    InDoubt,
    /// A person did by hand what it is for, and said so.
    ByHand,
}

impl StepState {
    /// Whether it ended well.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::AlreadyDone)
    }

    /// Whether it ended badly.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::FailedButHappened | Self::InDoubt | Self::ByHand) || self.was_cancelled()
    }

    /// Whether it ended because the run asked it to.
    #[must_use]
    pub fn was_cancelled(self) -> bool {
        matches!(self, Self::Cancelled | Self::CancelledButHappened)
    }
}

/// One attempt at a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    /// From 1.
    pub attempt: u32,
    /// When the intent was written.
    pub started: Moment,
    /// When its result was there.
    pub ended: Option<Moment>,
    /// What went wrong.
    pub failure: Option<String>,
    /// Whether a failed one took effect all the same.
    pub happened: Option<Happened>,
    /// The wait before the next one.
    pub retry_in: Option<Span>,
}

/// A gate: a person was asked, or nobody was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// The step.
    pub step: StepId,
    /// What was asked.
    pub prompt: String,
    /// Whose answer counted.
    pub approvers: Vec<String>,
    /// When it opened.
    pub opened: Moment,
    /// When it was answered, or given up.
    pub closed: Option<Moment>,
    /// The answer; `None` while it is open, and if the deadline passed or there was nobody to ask.
    pub answer: Option<Answer>,
    /// Each person's own answer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<VoteRecord>,
}

/// One person's answer to a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoteRecord {
    /// When.
    pub at: Moment,
    /// How.
    pub answer: Answer,
    /// Why it did not count; none where it did.
    pub refused: Option<String>,
}

/// How a step's time compares with its own objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WithinResult {
    /// The objective.
    pub within: Span,
    /// The time that counts: retries do, open gates don't. `None` if it did not end.
    pub counted: Option<Span>,
    /// Met, missed, or not measured (it did not end well).
    pub judgement: Judgement,
}

/// How a step was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndoRecord {
    /// When the intent was written.
    pub started: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How; `None` if that is not in the journal.
    pub result: Option<UndoResult>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Its name.
    pub id: StepId,
    /// For people.
    pub title: String,
    /// Its phase's place in [`crate::record::Record::phases`].
    pub phase: usize,
    /// The leg that it belongs to.
    pub leg: Option<Leg>,
    /// The key of its action: `dns.switch`.
    pub action: String,
    /// What it does in one line.
    pub summary: String,
    /// The resources that it acts on.
    pub subjects: Vec<ResourceId>,
    /// The steps that it needs.
    pub needs: Vec<StepId>,
    /// How it went.
    pub state: StepState,
    /// When its first attempt began.
    pub started: Option<Moment>,
    /// When its last attempt ended.
    pub ended: Option<Moment>,
    /// From the one to the other.
    pub took: Option<Span>,
    /// How long it was expected to take.
    pub expected: Span,
    /// Its own objective.
    pub within: Option<WithinResult>,
    /// Every attempt.
    pub attempts: Vec<AttemptRecord>,
    /// Every gate that it opened.
    pub gates: Vec<GateRecord>,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// What went wrong in the last attempt, if it failed.
    pub failure: Option<String>,
    /// A warning that it passed with.
    pub warning: Option<String>,
    /// What shows it.
    pub evidence: Evidence,
    /// What it changed, of what was captured before it and is known after it.
    pub changes: Vec<Change>,
    /// How it was taken back, if it was; the last time.
    pub undo: Option<UndoRecord>,
    /// What its good end counts towards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bears_on: Vec<Showing>,
}
