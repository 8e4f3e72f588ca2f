//! How each action is carried out, against the resource traits.
//!
//! What an action means stands in [`crate::catalogue`]; when it runs, is retried or undone is the engine's. Here is only
//! the doing: apply, prove, take back. May rely on everything above, never on a provider or the engine.
//!
//! A new action is one file here with a [`Perform`], and one line in [`perform`].

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalogue::{Achieved, Before, Evidence};
use crate::model::{Happened, Plan};
use crate::resource::{Context, Health, ProviderError, Resources};

/// All that an action may use.
#[derive(Clone)]
pub struct Tools {
    /// The resources.
    pub resources: Resources,
    /// The services' health as the probes see it.
    pub health: Arc<dyn Health>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The world as it was found when the run began.
    pub initial: Arc<crate::resource::World>,
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
}

impl ActError {
    /// It did not happen.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self { what: what.into(), happened: Happened::No, evidence: Evidence::new() }
    }

    /// Whether it happened is not known.
    #[must_use]
    pub fn in_doubt(what: impl Into<String>) -> Self {
        Self { what: what.into(), happened: Happened::Unknown, evidence: Evidence::new() }
    }
}

impl From<ProviderError> for ActError {
    fn from(error: ProviderError) -> Self {
        let happened = if error.in_doubt() { Happened::Unknown } else { Happened::No };
        Self { what: error.to_string(), happened, evidence: Evidence::new() }
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

    /// Takes it back by its arguments and `before`, and returns once that is seen to be so.
    async fn undo(&self, tools: &Tools, cx: &Context, before: &Before) -> Result<Evidence, ActError>;
}
