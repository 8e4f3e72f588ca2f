//! `approve` and `manual`: where a person must decide or act.

use serde::{Deserialize, Serialize};

use super::{Describe, OnFailure, Part, Period, Subject, Undo};
use crate::chance::Distribution;
use crate::time::Span;

/// Asks for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Whose answer counts: roles or names. Empty: anyone's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// How many must approve.
    #[serde(default = "one")]
    pub quorum: u32,
    /// How long they may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
    /// What happens when the deadline passes or the answer is no.
    #[serde(default = "stop")]
    pub then: OnFailure,
    /// What they are asked.
    pub prompt: String,
}

/// Asks for something to be done by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Who does it: roles or names. Empty: anyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// What is to be done, a line each.
    pub checklist: Vec<String>,
    /// How long they may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
    /// What happens when the deadline passes or it can't be done.
    #[serde(default = "stop")]
    pub then: OnFailure,
    /// What to do by hand to take it back, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<String>,
}

fn one() -> u32 {
    1
}

fn stop() -> OnFailure {
    OnFailure::Stop
}

impl Describe for Approve {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("ask: {}", self.prompt)
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn part(&self) -> Part {
        Part::Gate
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(60))
    }

    fn patience(&self) -> Span {
        // A gate has a deadline of its own; a day bounds one that has none.
        self.deadline.map_or(Span::from_secs(86_400), |Period(deadline)| deadline)
    }
}

impl Describe for Manual {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("by hand: {}", self.checklist.join("; "))
    }

    fn observable(&self) -> bool {
        false
    }

    fn undo(&self) -> Undo {
        if self.undo.is_empty() {
            return Undo::Irreversible("what was done by hand stays, unless a person takes it back".to_owned());
        }
        Undo::Compensates(format!("by hand: {}", self.undo.join("; ")))
    }

    fn part(&self) -> Part {
        Part::Gate
    }

    fn takes(&self) -> Distribution {
        Distribution::fixed(Span::from_secs(300))
    }

    fn patience(&self) -> Span {
        self.deadline.map_or(Span::from_secs(86_400), |Period(deadline)| deadline)
    }
}
