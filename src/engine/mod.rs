//! The engine: turns a plan into events.
//!
//! ```text
//!            ┌────────────── dispatcher ──────────────┐
//! signals ──>│ transition (state) ─> journal ─> act   │──> observers (terminal)
//! notes   ──>│        ^                     │         │
//!            └────────┼─────────────────────┼─────────┘
//!                     │                     v
//!                  events           executors (one a step), watch (probes, canaries, guardrails)
//! ```
//!
//! The dispatcher owns the run's state and is the only one who writes events. Executors own a step each, the watch owns
//! what is observed beside the steps; they share nothing and tell the dispatcher through a [`Sink`]. What may be done
//! next is decided by [`crate::state::course`], so that a journal read back leads to the same place. The engine knows
//! resource traits, never a provider.

mod dispatcher;
mod ending;
mod executor;
mod fence;
mod gates;
mod late;
mod redacted;
mod sink;
mod survey;
pub mod watch;

use std::sync::Arc;

pub use dispatcher::drive;
pub use fence::{Fence, Unfenced};
pub use redacted::{clean_command, clean_review};
pub use sink::{Message, Sink};
pub use survey::{look_ahead, muster_context, survey};

use crate::event::{Resumed, Started};
use crate::id::{RunId, StepId};
use crate::journal::{Journal, JournalError};
use crate::model::{Commanded, ExitCode, Place, Verdict};
use crate::record::{Builder, Entry};
use crate::resource::{Health, Resources};
use crate::time::{Clock, Moment};
use watch::Pace;

/// What can be told to a run from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: start nothing new; at a terminal ask, else undo. Again: stop at once.
    Interrupt,
    /// SIGTERM: stop, resumable.
    Terminate,
    /// A person told it something from another terminal.
    Command(Commanded),
    /// Another run has its lease: it must not act any more.
    LeaseLost {
        /// Who has it, and since when.
        to: String,
    },
}

/// Sees each event once it is durable. Must be quick; what it does can't change the run.
pub trait Observer: Send {
    /// A run begins; its first event follows.
    fn begins(&mut self, _run: &RunId) {}

    /// An event was written.
    fn event(&mut self, entry: &Entry);

    /// The run was taken up and stands still, as these events of its journal say, the oldest first: a step that failed,
    /// a pause, open gates.
    fn stands_still(&mut self, _because: &[&Entry]) {}

    /// Whether [`Observer::tick`] is to be called now and then, for clocks that run on a screen.
    fn wants_ticks(&self) -> bool {
        false
    }

    /// Time has passed. On a real clock only, a few times a second.
    fn tick(&mut self, _now: Moment) {}
}

/// Makes the services' health as actions see it out of the board's.
pub type Sight = Arc<dyn Fn(Arc<dyn Health>) -> Arc<dyn Health> + Send + Sync>;

/// All that a run needs.
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The first event: plan, documents, origin.
    pub started: Started,
    /// What it acts on.
    pub resources: Resources,
    /// The way to secrets.
    pub secrets: Arc<dyn crate::action::Secrets>,
    /// Where its events go.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// The number of its lease.
    pub fencing: u64,
    /// Whether it may still act.
    pub fence: Arc<dyn Fence>,
    /// Whether commands from other terminals reach it.
    pub commands: Hears,
    /// How samples are taken.
    pub pace: Pace,
    /// Whether a person can be asked at a terminal when it is interrupted.
    pub attended: Attended,
    /// Who sees the events.
    pub observers: Vec<Box<dyn Observer>>,
    /// Signals.
    pub signals: tokio::sync::mpsc::Receiver<Signal>,
    /// Makes the services' health as actions see it out of the board's: a simulation puts its faults in between.
    pub health: Sight,
    /// What its journal tells, if it is taken up again; `journal` then goes on behind that.
    pub past: Option<Past>,
}

/// A run that was left behind, and how it is taken up.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its events so far, the first of them `started`.
    pub entries: Vec<Entry>,
    /// Who takes it up, and what for.
    pub resumed: Resumed,
    /// Steps that a person did by hand, and why.
    pub by_hand: Vec<(StepId, String)>,
}

/// Whether somebody sits at the run's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Whether commands from other terminals reach a run: one that stands still waits for them if they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// They do.
    Commands,
    /// They don't.
    Nothing,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// All its events.
    pub events: Vec<Entry>,
    /// What they add up to; `None` where only a journal tells of them.
    pub story: Option<Box<Builder>>,
    /// How; `None` if it was stopped so that it can be resumed.
    pub verdict: Option<(Verdict, Place)>,
    /// The program's exit code.
    pub exit: ExitCode,
    /// The head of the journal.
    pub head: String,
}

/// Why a run broke off.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal could not be written: nothing new was begun after that.
    #[error("the journal can't be written any more: {0}. Nothing new was begun; what was under way is in doubt")]
    Journal(#[from] JournalError),
    /// What its journal tells can't have happened so.
    #[error("line {line} of the journal can't follow from those before it: {why}. Nothing was touched")]
    Past {
        /// The line's number.
        line: u64,
        /// Why.
        why: String,
    },
    /// An event that can't follow: a defect.
    #[error("a defect in Muster: {0}")]
    Defect(String),
}
