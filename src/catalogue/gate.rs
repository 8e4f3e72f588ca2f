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
    /// Whether it must be somebody other than who started the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other_than_starter: bool,
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
    /// Whether it is done without evidence.
    #[serde(default, skip_serializing_if = "EvidenceWanted::is_optional")]
    pub evidence: EvidenceWanted,
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

/// Whether a manual step is done without evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceWanted {
    /// It is asked for, and may be left out.
    #[default]
    Optional,
    /// Who has none is not done.
    Required,
}

impl EvidenceWanted {
    /// Whether it may be left out.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        *self == Self::Optional
    }
}

/// How long a gate's step may take: its deadline, and then some, so that it ends as a gate that nobody answered.
fn patience(deadline: Option<Period>) -> Span {
    // A day bounds a gate that has no deadline.
    deadline.map_or(Span::from_secs(86_400), |Period(deadline)| deadline + Span::from_secs(60))
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
        patience(self.deadline)
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
        patience(self.deadline)
    }
}
