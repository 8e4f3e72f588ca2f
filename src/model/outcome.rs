//! How things end: steps, phases, undos, runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::Evidence;
use crate::id::StepId;
use crate::time::Span;

/// Whether a failed act took effect all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Happened {
    /// It was observed to have happened, wholly or in part.
    Yes,
    /// It was observed not to have happened, or never began.
    No,
    /// Nobody knows: the step is in doubt.
    Unknown,
}

impl Happened {
    /// The one that weighs more where a step was tried several times: yes, then unknown, then no.
    #[must_use]
    pub fn stronger(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::No, Self::No) => Self::No,
        }
    }
}

/// How a step passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPass {
    /// Whether the world already was as the step would have it, so that nothing was done.
    pub already: bool,
    /// Whether it passed with a warning that belongs into the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What shows it.
    pub evidence: Evidence,
}

/// How a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// What happened, for people.
    pub what: String,
    /// Whether it took effect all the same.
    pub happened: Happened,
    /// The wait before the next attempt; `None` if there is none.
    pub retry_in: Option<Span>,
    /// What was found out nevertheless.
    pub evidence: Evidence,
    /// Whether a person must say how to go on, whatever the playbook says of failures: Muster was interrupted in the
    /// middle of it, and can't see whether it happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask: bool,
    /// Whether it ended because the run had left its course and asked it to: it did not fail by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// How the undo of a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndoResult {
    /// The world is as it was, seen.
    Restored,
    /// What makes up for it was done.
    Compensated(String),
    /// There was nothing to take back.
    NothingToDo,
    /// It can't be taken back; what stays.
    Irreversible(String),
    /// It was tried and failed; why, and what to do by hand.
    Failed(String),
}

impl UndoResult {
    /// Whether something is left that was not there before.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        matches!(self, Self::Irreversible(_) | Self::Failed(_))
    }
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseResult {
    /// Every step passed: a checkpoint.
    Passed,
    /// A step failed, or was never started.
    Failed,
}

/// Where a run is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// As the playbook says.
    #[default]
    Forward,
    /// A person is asked how to go on.
    Paused,
    /// Back to before the leg: what it did is taken back, newest first.
    Undoing,
    /// Past the point of no return: forward to safety, through the failback phase.
    Returning,
    /// Nothing more is done; traffic stays where it is.
    Holding,
    /// A person or a step said stop: nothing more is done.
    Stopping,
    /// Cleanup phases.
    CleaningUp,
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "going on",
            Self::Paused => "paused",
            Self::Undoing => "undoing",
            Self::Returning => "going back home",
            Self::Holding => "holding",
            Self::Stopping => "stopping",
            Self::CleaningUp => "cleaning up",
        })
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step passed, every objective was met, all of them were measured.
    Passed,
    /// A step failed, or an objective was missed, undecided or not measured.
    Failed,
    /// Something stopped it before the first change: a finding, no drill.
    Refused,
    /// A person or a guardrail stopped it.
    Aborted,
    /// It did not end.
    Incomplete,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Aborted => "aborted",
            Self::Incomplete => "incomplete",
        })
    }
}

/// Where a drill left things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the primary region, as before.
    Home,
    /// In the secondary region.
    Secondary,
    /// Some here, some there, or out of reach.
    Mixed,
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Home => "home",
            Self::Secondary => "secondary",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        })
    }
}

/// Something that a run left otherwise than it found it, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeftOver {
    /// The step that did it, if one did.
    pub step: Option<StepId>,
    /// What is left.
    pub what: String,
    /// What a person can do now.
    pub advice: String,
}

/// The exit codes of the program; the one place where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "u8", try_from = "u8")]
pub enum ExitCode {
    /// Passed; nothing wrong.
    Passed,
    /// A step or an objective failed; the world is home again.
    Failed,
    /// Usage or invalid input; nothing was touched.
    Usage,
    /// Refused; nothing was changed.
    Refused,
    /// Aborted by a person or a guardrail; the world is home again.
    Aborted,
    /// A person is needed.
    NeedsPerson,
    /// A defect in Muster.
    Defect,
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        match code {
            ExitCode::Passed => 0,
            ExitCode::Failed => 1,
            ExitCode::Usage => 2,
            ExitCode::Refused => 3,
            ExitCode::Aborted => 4,
            ExitCode::NeedsPerson => 5,
            ExitCode::Defect => 70,
        }
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        let all =
            [Self::Passed, Self::Failed, Self::Usage, Self::Refused, Self::Aborted, Self::NeedsPerson, Self::Defect];
        all.into_iter().find(|one| u8::from(*one) == code).ok_or_else(|| format!("{code} is no exit code of Muster"))
    }
}
