//! What goes along with every call to a provider: who asks, at what attempt, on which clock, and whether to end.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::id::{ProbeId, RunId, StepId};
use crate::time::Clock;

/// On whose behalf a call is made; simulated providers draw their chances by it, faults are matched on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A step of the playbook.
    Step(StepId),
    /// A probe or canary.
    Probe(ProbeId),
    /// Muster itself: the plan's observation, guardrails.
    Muster,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(id) => id.fmt(f),
            Self::Probe(id) => id.fmt(f),
            Self::Muster => f.write_str("muster"),
        }
    }
}

/// What a call of a step is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errand {
    /// Doing it, or looking at it.
    #[default]
    Do,
    /// Doing what was begun and broken off, because Muster was killed in between or an attempt failed halfway: some of it
    /// may have happened.
    GoOn,
    /// Taking it back.
    Undo,
}

/// Goes to every action and, from there, to every provider. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The run.
    pub run: RunId,
    /// Who asks.
    pub actor: Actor,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Whether the step is done or taken back.
    pub errand: Errand,
    /// The time.
    pub clock: Clock,
    /// The number of the run's lease: a provider that can, refuses a lower one than it has seen.
    pub fencing: u64,
    /// Whether to end early.
    pub cancel: Cancellation,
}

/// Asks a call to end early; never drops it.
#[derive(Clone, Debug)]
pub struct Cancellation {
    state: Arc<watch::Sender<bool>>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self { state: Arc::new(watch::Sender::new(false)) }
    }
}

impl Cancellation {
    /// Asks everyone who looks to end.
    pub fn cancel(&self) {
        self.state.send_replace(true);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.state.borrow()
    }

    /// Waits until it is asked for.
    pub async fn cancelled(&self) {
        let mut seen = self.state.subscribe();
        // The sender lives in `self`, so the wait can only end with the value.
        let _ = seen.wait_for(|cancelled| *cancelled).await;
    }
}
