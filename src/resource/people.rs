//! The people of a drill: gates are put to them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::chance::Distribution;
use crate::time::Span;

/// How a gate was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go on.
    Approved,
    /// Do not.
    Rejected,
}

/// By what means an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which.
    pub decision: Decision,
    /// Who, as stated by themselves.
    pub names: Vec<String>,
    /// Why, in their words.
    pub because: Option<String>,
    /// By what means.
    pub by: AnsweredBy,
    /// Evidence that was given with a manual step.
    pub evidence: Option<String>,
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

    /// Asks how a run that stands still goes on. `None`: there is nobody to ask.
    async fn decide(&self, _cx: &Context, _situation: &str) -> Option<(Choice, AnsweredBy)> {
        None
    }
}
