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

/// What kind of state a step is in, without what the state carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Status`")]
pub enum Kind {
    Waiting,
    Running,
    Resting,
    Passed,
    Failed,
    Skipped,
    ByHand,
    Undoing,
    Undone,
    Left,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Running,
        Self::Resting,
        Self::Passed,
        Self::Failed,
        Self::Skipped,
        Self::ByHand,
        Self::Undoing,
        Self::Undone,
        Self::Left,
    ];
}

/// What kind of thing happens to a step, without what the event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `StepEvent`; its end of an undo has two kinds")]
pub enum Cause {
    Started,
    Passed,
    FailedForNow,
    Failed,
    Skipped,
    DoneByHand,
    UndoStarted,
    UndoneWhole,
    UndoneInPart,
}

/// Which attempt an event must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The first.
    First,
    /// The one that the state names.
    Same,
    /// The one after it.
    Next,
    /// It is not about an attempt.
    None,
}

/// One row of the table of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// In this state,
    pub from: Kind,
    /// when this happens,
    pub on: Cause,
    /// of this attempt,
    pub attempt: Attempt,
    /// the step comes into this state.
    pub to: Kind,
    /// Why that is so.
    pub why: &'static str,
}

const fn row(from: Kind, on: Cause, attempt: Attempt, to: Kind, why: &'static str) -> Row {
    Row { from, on, attempt, to, why }
}

/// The table. Every pair of state and event that is not in it is illegal.
pub const TABLE: [Row; 16] = {
    use Kind::{ByHand, Failed, Left, Passed, Resting, Running, Skipped, Undoing, Undone, Waiting};
    [
        row(Waiting, Cause::Started, Attempt::First, Running, "A step begins with its first attempt."),
        row(Waiting, Cause::Skipped, Attempt::None, Skipped, "A refused run leaves out what would change something."),
        row(Waiting, Cause::DoneByHand, Attempt::None, ByHand, "A person did it before Muster came to it."),
        row(Running, Cause::Passed, Attempt::Same, Passed, "The result is that of the attempt under way, no other's."),
        row(Running, Cause::FailedForNow, Attempt::Same, Resting, "It failed and is tried again after a rest."),
        row(Running, Cause::Failed, Attempt::Same, Failed, "It failed and no attempt is left, or none is of use."),
        row(
            Running,
            Cause::DoneByHand,
            Attempt::None,
            ByHand,
            "Muster died while it acted; a person looked, and did it.",
        ),
        row(Resting, Cause::Started, Attempt::Next, Running, "The rest is over; attempts are counted on."),
        row(Resting, Cause::Failed, Attempt::Same, Failed, "The run left its course meanwhile: no attempt follows."),
        row(Resting, Cause::DoneByHand, Attempt::None, ByHand, "A person did it between two attempts."),
        row(Failed, Cause::Started, Attempt::Next, Running, "A person had it tried again."),
        row(Failed, Cause::DoneByHand, Attempt::None, ByHand, "A person did it after it had failed."),
        row(
            Failed,
            Cause::UndoStarted,
            Attempt::None,
            Undoing,
            "What failed may have happened in part: that is taken back.",
        ),
        row(Passed, Cause::UndoStarted, Attempt::None, Undoing, "What was done is taken back, once."),
        row(Undoing, Cause::UndoneWhole, Attempt::None, Undone, "It is as it was before, or made up for."),
        row(Undoing, Cause::UndoneInPart, Attempt::None, Left, "Something of it is left, and the report says what."),
    ]
};

impl Status {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Waiting => Kind::Waiting,
            Self::Running { .. } => Kind::Running,
            Self::Resting { .. } => Kind::Resting,
            Self::Passed => Kind::Passed,
            Self::Failed { .. } => Kind::Failed,
            Self::Skipped => Kind::Skipped,
            Self::ByHand => Kind::ByHand,
            Self::Undoing => Kind::Undoing,
            Self::Undone => Kind::Undone,
            Self::Left => Kind::Left,
        }
    }

    /// The attempt that it is about; 0 where it is about none.
    const fn attempt(self) -> u32 {
        match self {
            Self::Running { attempt } | Self::Resting { attempt } | Self::Failed { attempt, .. } => attempt,
            _ => 0,
        }
    }
}

impl StepEvent {
    /// Its kind.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::Started { .. } => Cause::Started,
            Self::Passed { .. } => Cause::Passed,
            Self::FailedForNow { .. } => Cause::FailedForNow,
            Self::Failed { .. } => Cause::Failed,
            Self::Skipped => Cause::Skipped,
            Self::DoneByHand => Cause::DoneByHand,
            Self::UndoStarted => Cause::UndoStarted,
            Self::UndoFinished { leaves_something: false } => Cause::UndoneWhole,
            Self::UndoFinished { leaves_something: true } => Cause::UndoneInPart,
        }
    }

    /// The attempt that it is of, and what that one did; attempt 0 where it is of none.
    const fn attempt(self) -> (u32, Happened) {
        match self {
            Self::Started { attempt } | Self::Passed { attempt } | Self::FailedForNow { attempt } => {
                (attempt, Happened::No)
            }
            Self::Failed { attempt, happened } => (attempt, happened),
            _ => (0, Happened::No),
        }
    }
}

/// The state that follows, as [`TABLE`] says.
///
/// # Errors
/// Names the state and the event that do not go together.
pub fn next(status: Status, event: &StepEvent) -> Result<Status, Illegal> {
    let ((attempt, happened), before) = (event.attempt(), status.attempt());
    let counts = |wanted: Attempt| match wanted {
        Attempt::First => attempt == 1,
        Attempt::Same => attempt == before,
        Attempt::Next => before.checked_add(1) == Some(attempt),
        Attempt::None => true,
    };
    let fits = |row: &&Row| row.from == status.kind() && row.on == event.cause() && counts(row.attempt);
    let Some(row) = TABLE.iter().find(fits) else {
        return Err(Illegal(format!("{event:?} can't follow {status:?}")));
    };
    Ok(match row.to {
        Kind::Waiting => Status::Waiting,
        Kind::Running => Status::Running { attempt },
        Kind::Resting => Status::Resting { attempt },
        Kind::Passed => Status::Passed,
        Kind::Failed => Status::Failed { attempt, happened },
        Kind::Skipped => Status::Skipped,
        Kind::ByHand => Status::ByHand,
        Kind::Undoing => Status::Undoing,
        Kind::Undone => Status::Undone,
        Kind::Left => Status::Left,
    })
}
