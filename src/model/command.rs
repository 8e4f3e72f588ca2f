//! What people tell a run from outside, and who they are.

use serde::{Deserialize, Serialize};

use crate::id::StepId;
pub use crate::resource::Person;
use crate::resource::{Answer, Choice};

/// What a run is told from another terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Leave the course: undo or hold; the second time stop at once.
    Abort {
        /// Why, in their words.
        because: Option<String>,
    },
    /// Begin nothing new and wait for a person.
    Pause {
        /// Why, in their words.
        because: Option<String>,
    },
    /// How a run goes on that stands still.
    Choose {
        /// How.
        choice: Choice,
        /// The step that is meant, where the choice is to try it again.
        step: Option<StepId>,
    },
    /// An answer to a gate.
    Vote {
        /// The gate.
        step: StepId,
        /// The answer.
        answer: Answer,
    },
}

impl std::fmt::Display for Command {
    /// `abort: the wrong database`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let because = |f: &mut std::fmt::Formatter<'_>, because: &Option<String>| match because {
            Some(because) => write!(f, ": {because}"),
            None => Ok(()),
        };
        match self {
            Self::Abort { because: why } => f.write_str("abort").and_then(|()| because(f, why)),
            Self::Pause { because: why } => f.write_str("pause").and_then(|()| because(f, why)),
            Self::Choose { choice: Choice::Retry, step: Some(step) } => write!(f, "try `{step}` again"),
            Self::Choose { choice: Choice::Retry, step: None } => f.write_str("try again"),
            Self::Choose { choice: Choice::GoOn, .. } => f.write_str("go on"),
            Self::Choose { choice: Choice::Undo, .. } => f.write_str("undo"),
            Self::Choose { choice: Choice::Stop, .. } => f.write_str("stop"),
            Self::Vote { step, .. } => write!(f, "an answer to `{step}`"),
        }
    }
}

/// A command and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commanded {
    /// What.
    pub command: Command,
    /// Who.
    pub by: Person,
}
