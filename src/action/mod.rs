//! How each action is carried out, against the resource traits.
//!
//! What an action means stands in [`crate::catalogue`]; when it runs, is retried or undone is the engine's. Here is only
//! the doing: apply, prove, take back. May rely on everything above, never on a provider or the engine.
//!
//! A new action is one file here with a [`Perform`], and one line in [`perform`].
//!
//! What all of them keep to: a call to a provider that is under way is never dropped but given the [`Context`], by
//! which it is asked to end; every wait ends with the cancellation and then tells honestly what happened; what stands
//! in a resource that nobody expected there is never overwritten.

mod backup;
mod check;
mod command;
mod compute;
mod data;
mod database;
mod dns;
mod fence;
mod gate;
mod http;
mod look;
mod nested;
mod notify;
mod promote;
mod recover;
mod region;
mod replicate;
mod replicated;
mod secrets;
mod storage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalogue::{Achieved, Act, Before, Describe, Evidence, Setting};
use crate::model::{Happened, Plan, Step};
use crate::resource::{Actor, Answer, Context, Health, ProviderError, Resources};
use crate::state::LeftBehind;
use crate::time::Span;

pub use secrets::{Secrets, StandInSecrets};

/// All that an action may use.
#[derive(Clone)]
pub struct Tools {
    /// The resources.
    pub resources: Arc<Resources>,
    /// The services' health as the probes see it.
    pub health: Arc<dyn Health>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The world as it was found when the run began.
    pub initial: Arc<crate::resource::World>,
    /// The way to secrets, and what takes them out of texts that others wrote.
    pub secrets: Arc<dyn Secrets>,
    /// The step that is carried out.
    pub step: Option<Arc<Step>>,
    /// What each side may hold that exists nowhere else, as the run knew it when the attempt began.
    pub left_behind: Arc<LeftBehind>,
}

impl Tools {
    /// What an effect may depend on beside the world.
    #[must_use]
    pub fn setting(&self) -> Setting<'_> {
        Setting { mode: self.plan.mode, initial: &self.initial, discard: self.plan.discard }
    }

    /// The step on whose behalf `cx` is.
    fn step(&self, cx: &Context) -> Option<&Step> {
        match &cx.actor {
            Actor::Step(id) => self.step.as_deref().filter(|step| step.id == *id),
            Actor::Probe(_) | Actor::Muster => None,
        }
    }

    /// How long the step on whose behalf `cx` is may take; what its action is used to if there is none.
    fn timeout(&self, cx: &Context, act: &dyn Describe) -> Span {
        self.step(cx).map_or_else(|| act.patience(), |step| step.timeout)
    }
}

/// Why an action did not do what it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ActError {
    /// What happened, where, for people.
    pub what: String,
    /// Whether it took effect all the same.
    pub happened: Happened,
    /// Facts that were found out nevertheless.
    pub evidence: Evidence,
    /// How a gate was answered, if it was.
    pub answer: Option<Box<Answer>>,
}

impl ActError {
    /// It did not happen.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(what, Happened::No)
    }

    /// Whether it happened is not known.
    #[must_use]
    pub fn in_doubt(what: impl Into<String>) -> Self {
        Self::new(what, Happened::Unknown)
    }

    /// It happened, wholly or in part, but not as it should have.
    #[must_use]
    pub fn in_part(what: impl Into<String>) -> Self {
        Self::new(what, Happened::Yes)
    }

    /// With these facts.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn new(what: impl Into<String>, happened: Happened) -> Self {
        Self { what: what.into(), happened, evidence: Evidence::new(), answer: None }
    }

    /// What a provider said, about `what`.
    fn of(what: impl std::fmt::Display, error: &ProviderError) -> Self {
        let happened = if error.in_doubt() { Happened::Unknown } else { Happened::No };
        Self::new(format!("{what}: {error}"), happened)
    }

    /// What a provider said who was only asked to look: nothing happened.
    fn unseen(what: impl std::fmt::Display, error: &ProviderError) -> Self {
        Self::refused(format!("{what} could not be seen: {error}"))
    }
}

impl From<ProviderError> for ActError {
    fn from(error: ProviderError) -> Self {
        let happened = if error.in_doubt() { Happened::Unknown } else { Happened::No };
        Self::new(error.to_string(), happened)
    }
}

/// What an apply found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What shows it.
    pub evidence: Evidence,
    /// Something that the report must say although it passed.
    pub warning: Option<String>,
    /// Whether waiting for [`Perform::achieved`] makes no sense, such as for a fence that could not be reached.
    pub settled: bool,
    /// How a gate was answered.
    pub answer: Option<Box<Answer>>,
}

impl Applied {
    fn showing(evidence: Evidence) -> Self {
        Self { evidence, ..Self::default() }
    }
}

/// How an action is carried out.
#[async_trait]
pub trait Perform: Send + Sync {
    /// Does it. May be called again after a failed attempt.
    async fn apply(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Applied, ActError>;

    /// Looks whether the world is as this action would have it: before the act to spare it, after it to believe it,
    /// and to settle a doubt.
    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved;

    /// Proves what was done beyond what can be observed, such as by a write that must be refused.
    async fn prove(&self, _tools: &Tools, _cx: &Context) -> Result<Evidence, ActError> {
        Ok(Evidence::new())
    }

    /// Takes it back by its arguments and `before`, and returns once that is seen to be so. `before` is that of the
    /// step's first attempt: a later attempt's already holds what the first one did.
    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError>;
}

/// How `act` is carried out.
#[must_use]
pub fn perform(act: &Act) -> &dyn Perform {
    match act {
        Act::DnsSwitch(args) => args,
        Act::DatabaseFence(args) => args,
        Act::DatabasePromote(args) => args,
        Act::DatabaseReplicate(args) => args,
        Act::StorageFence(args) => args,
        Act::StoragePromote(args) => args,
        Act::StorageReplicate(args) => args,
        Act::StorageVerify(args) => args,
        Act::StorageRecover(args) => args,
        Act::DataPreserve(args) => args,
        Act::ComputeStart(args) => args,
        Act::ComputeStop(args) => args,
        Act::ComputeScale(args) => args,
        Act::BackupVerify(args) => args,
        Act::BackupRestore(args) => args,
        Act::RegionIsolate(args) => args,
        Act::RegionRejoin(args) => args,
        Act::Check(args) => args,
        Act::Wait(args) => args,
        Act::Command(args) => args,
        Act::Http(args) => args,
        Act::Approve(args) => args,
        Act::Manual(args) => args,
        Act::Notify(args) => args,
        Act::Playbook(args) => args,
    }
}
