//! The states of a step: one table.

use super::Illegal;
use crate::model::Happened;

/// The state of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    Waiting,
    /// Its intent is in the journal; it acts, or has acted and its result is not there yet.
    Running {
        /// From 1.
        attempt: u32,
    },
    /// An attempt failed; it waits for the next.
    Resting {
        /// The one that failed.
        attempt: u32,
    },
    /// It did what it is for.
    Passed,
    /// It did not, and is tried no more.
    Failed {
        /// The last attempt.
        attempt: u32,
        /// Whether it took effect all the same.
        happened: Happened,
    },
    /// It was left out, for a reason that stands in the journal.
    Skipped,
    /// A person did by hand what it is for, and said so.
    ByHand,
    /// It is being taken back.
    Undoing,
    /// It was taken back, or what makes up for it was done.
    Undone,
    /// It could not be taken back, wholly or in part.
    Left,
}

impl Status {
    /// Whether something is under way for it.
    #[must_use]
    pub fn acts(self) -> bool {
        matches!(self, Self::Running { .. } | Self::Undoing)
    }

    /// Whether it waits for its next attempt.
    #[must_use]
    pub fn rests(self) -> bool {
        matches!(self, Self::Resting { .. })
    }

    /// Whether its forward part is over.
    #[must_use]
    pub fn ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running { .. } | Self::Resting { .. })
    }
}

/// What can happen to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    /// Its intent was written.
    Started {
        /// From 1.
        attempt: u32,
    },
    /// An attempt passed.
    Passed {
        /// Which.
        attempt: u32,
    },
    /// An attempt failed and another follows.
    FailedForNow {
        /// Which.
        attempt: u32,
    },
    /// An attempt failed and none follows.
    Failed {
        /// Which.
        attempt: u32,
        /// Whether it took effect all the same.
        happened: Happened,
    },
    /// It is left out.
    Skipped,
    /// A person did it by hand.
    DoneByHand,
    /// The intent to take it back was written.
    UndoStarted,
    /// It was taken back.
    UndoFinished {
        /// Whether something is left.
        leaves_something: bool,
    },
}

/// The table. Every pair of state and event that is not in it is illegal.
///
/// # Errors
/// Names the state and the event that do not go together.
pub fn next(status: Status, event: &StepEvent) -> Result<Status, Illegal> {
    use Status::{ByHand, Failed, Left, Passed, Resting, Running, Skipped, Undoing, Undone, Waiting};
    Ok(match (status, *event) {
        // A step begins with its first attempt.
        (Waiting, StepEvent::Started { attempt: 1 }) => Running { attempt: 1 },
        // The attempt that is under way is the one whose result comes.
        (Running { attempt: a }, StepEvent::Passed { attempt: b }) if a == b => Passed,
        (Running { attempt: a }, StepEvent::FailedForNow { attempt: b }) if a == b => Resting { attempt: a },
        (Running { attempt: a }, StepEvent::Failed { attempt: b, happened }) if a == b => {
            Failed { attempt: a, happened }
        }
        // Some steps are left out.
        (Waiting, StepEvent::Skipped) => Skipped,
        // A person who has looked says so of a step that is not done yet, as far as Muster knows.
        (Waiting | Running { .. } | Resting { .. } | Failed { .. }, StepEvent::DoneByHand) => ByHand,
        // A person had it tried again.
        (Failed { attempt: a, .. }, StepEvent::Started { attempt: b }) if a + 1 == b => Running { attempt: b },
        // After a rest the next attempt begins, counted on.
        (Resting { attempt: a }, StepEvent::Started { attempt: b }) if a + 1 == b => Running { attempt: b },
        // The run left its course while the step rested: there is no next attempt.
        (Resting { attempt: a }, StepEvent::Failed { attempt: b, happened }) if a == b => {
            Failed { attempt: a, happened }
        }
        // What passed, or failed and may have happened in part, can be taken back, once.
        (Passed | Failed { .. }, StepEvent::UndoStarted) => Undoing,
        (Undoing, StepEvent::UndoFinished { leaves_something: false }) => Undone,
        (Undoing, StepEvent::UndoFinished { leaves_something: true }) => Left,
        (status, event) => return Err(Illegal(format!("{event:?} can't follow {status:?}"))),
    })
}
