//! An event in its place, and why events make no record.

use crate::event::{Event, FORMAT};
use crate::id::{PhaseId, StepId};
use crate::time::Moment;

/// An event with its place in the journal and in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its line, from 0.
    pub seq: u64,
    /// The wall clock; a label.
    pub at: jiff::Timestamp,
    /// The run's own time.
    pub elapsed: Moment,
    /// What happened.
    pub event: Event,
}

/// Why events make no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Nothing is there, or the first event is another one.
    #[error("the journal does not begin with the event `started`, so nothing is known of its run")]
    NotStarted,
    /// It begins twice.
    #[error("line {0} of the journal starts the run a second time")]
    StartedTwice(u64),
    /// Something else than a review follows the run's end.
    #[error("line {0} of the journal goes on after the run has ended")]
    AfterTheEnd(u64),
    /// A review stands before the run's end.
    #[error("line {0} of the journal reviews the run before it has ended")]
    ReviewedEarly(u64),
    /// A review that does not fit to those before it.
    #[error("line {0} of the journal: {1}")]
    Review(u64, String),
    /// A newer Muster wrote it.
    #[error("the journal has version {0} of the events and this Muster knows up to {FORMAT}: use a newer Muster")]
    Newer(u32),
    /// Its plan is none.
    #[error("the plan in the journal was changed: {0}")]
    Plan(String),
    /// It names a step that the plan lacks.
    #[error("line {seq} of the journal tells of step `{step}`, which the run's plan does not have")]
    UnknownStep {
        /// The line.
        seq: u64,
        /// The step.
        step: StepId,
    },
    /// It names a phase that the plan lacks.
    #[error("line {seq} of the journal tells of phase `{phase}`, which the run's plan does not have")]
    UnknownPhase {
        /// The line.
        seq: u64,
        /// The phase.
        phase: PhaseId,
    },
}
