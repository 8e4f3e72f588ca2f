//! The people of a drill: gates are put to them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Context, Exhibit, Person, Stated, Votes};
use crate::chance::Distribution;
use crate::time::{Moment, Span};

/// How a gate was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go on.
    Approved,
    /// Do not.
    Rejected,
}

/// By what means an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A person at the run's terminal.
    Terminal,
    /// A person at another terminal, by `muster approve` and its like.
    Command,
    /// `--yes`: nobody was asked.
    NobodyAsked,
    /// The simulation, after the time that the playbook gives people.
    Simulation,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Answer {
    /// Which.
    pub decision: Decision,
    /// Who, as stated by themselves.
    pub names: Vec<String>,
    /// Why, in their words.
    pub because: Option<String>,
    /// By what means.
    pub by: AnsweredBy,
    /// Evidence that was given with it.
    #[serde(default, deserialize_with = "super::exhibit::exhibits")]
    pub evidence: Vec<Exhibit>,
    /// Those who answered, as the operating system knows them, where it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
}

impl Answer {
    /// One person's, without words or evidence.
    #[must_use]
    pub fn vote(decision: Decision, stated: &Stated, by: AnsweredBy) -> Self {
        Self { decision, names: vec![stated.to_string()], because: None, by, evidence: Vec::new(), people: Vec::new() }
    }

    /// `--yes`: an approval without a person.
    #[must_use]
    pub fn nobody_asked() -> Self {
        Self {
            decision: Decision::Approved,
            names: Vec::new(),
            because: None,
            by: AnsweredBy::NobodyAsked,
            evidence: Vec::new(),
            people: Vec::new(),
        }
    }
}

/// How a run goes on that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Try the failed step once more.
    Retry,
    /// Go on as if the failed step did not matter; the run fails all the same.
    GoOn,
    /// Take back, or go forward to safety after the point of no return.
    Undo,
    /// Do nothing more.
    Stop,
}

/// What people are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The text.
    pub prompt: String,
    /// Whose answer counts: roles or names; empty for anyone.
    pub approvers: Vec<String>,
    /// How many must approve, at least 1.
    pub quorum: u32,
    /// Whether it must be somebody other than who started the run.
    pub other_than_starter: bool,
    /// Whether an approval counts only with evidence.
    pub evidence_required: bool,
    /// What is to be done by hand, a line each; empty for a mere approval.
    pub checklist: Vec<String>,
    /// How long people take in a simulation.
    pub takes: Distribution,
    /// How long they may take.
    pub deadline: Option<Span>,
}

/// Puts gates to people. The caller bounds the time by dropping the future.
#[async_trait]
pub trait People: Send + Sync {
    /// Asks, and waits for the answer. `None`: there is nobody to ask (no terminal, no `--yes`).
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer>;

    /// Asks, and gives each person's answer to `votes` as it comes. `None`: there is nobody to ask here. Those who don't
    /// answer one by one, answer as a whole.
    async fn poll(&self, cx: &Context, question: &Question, _votes: &dyn Votes) -> Option<Answer> {
        self.ask(cx, question).await
    }

    /// When the question of `cx`'s step was put first, if that was before Muster was started anew: deadlines count
    /// from then.
    fn asked_since(&self, _cx: &Context) -> Option<Moment> {
        None
    }

    /// Asks how a run that stands still goes on. `None`: there is nobody to ask.
    async fn decide(&self, _cx: &Context, _situation: &str) -> Option<(Choice, AnsweredBy)> {
        None
    }
}
