//! Data only: the frozen plan, samples, outcomes, verdicts. Nothing here decides or acts.
//!
//! May rely on `time`, `chance`, `id`, `resource`, `catalogue`. Everything is part of some event, so it is serialised
//! into journals that are read years later: a field is only ever added with a default, never renamed.

mod accepted;
mod calibrated;
mod canary;
mod command;
mod control;
mod foreseen;
mod outcome;
mod plan;
mod proof;
mod review;
mod sample;
pub mod schedule;
mod silenced;
mod windows;

pub use accepted::{Accepted, BadEnd};
pub use calibrated::Calibrated;
pub use canary::{CanaryCount, CanaryProgress};
pub use command::{Command, Commanded, Person};
pub use control::{About, Control, Showing};
pub use foreseen::{Foreseen, ForeseenMeasure, ForeseenRuns, ForeseenStep, MeasureOf, Percentiles};
pub use outcome::{
    Course, ExitCode, Happened, LeftOver, PhaseResult, Place, StepFailure, StepPass, UndoResult, Verdict,
};
pub use plan::{
    Binding, Canary, CheckPlan, DataLoss, Documents, Environment, Guardrail, Leg, Objectives, PAUSE_LIMIT, Phase,
    PhaseKind, Plan, ProbePlan, RegionInfo, Retry, Service, ServiceAccess, SourceDocument, Step, Variable,
    VariableSource, Watch,
};
pub use proof::{NotSeenRed, Proof};
pub use review::{ActionId, OpenAction, Review};
pub use sample::{Sample, SampleResult, SampleSummary, Stands};
pub use schedule::Schedule;
pub use silenced::SilencedWarning;
pub use windows::{Range, Windows};
