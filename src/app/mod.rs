//! The app: builds providers, takes a run folder, starts a run, writes its reports. The only module that knows both
//! the engine and the providers, and the only one that reads and writes the project's files.
//!
//! The command line, and later a server and a schedule, are thin faces of what is here.

mod actions;
mod admission;
#[cfg(feature = "aws")]
mod aws;
mod begun;
mod bundles;
mod by_hand;
mod calibrating;
mod commands;
mod foresee;
mod going;
mod crash;
mod history;
mod init;
mod load;
mod locks;
mod machine;
pub mod probing;
mod play;
mod real;
mod rehearsal;
pub mod rehearsing;
mod reports;
mod resume;
mod reviewing;
mod run;
mod scheduled;
mod listen;
pub mod simulation;
mod survey;
mod validating;
mod windows;

pub use actions::{ActionLine, action_lines};
pub use bundles::{
    BundleOf, BundleRequest, Bundled, Followed, Unheld, VerifiedBundle, bundle, is_bundle, read_signers, verify_bundle,
};
pub use calibrating::{CalibrationMade, CalibrationRequest, FileState, Then, calibrate};
pub use commands::{Effect, RemoteCommand, Told, command, vote, ways};
pub use crash::{Crash, rehearse_crashing};
pub use foresee::of_plan;
pub use going::{LeftBehind, left_behind};
pub use history::{Checked, History, Runs, Shown, index_of, read_journal, read_run, verify};
pub use init::{Begun, init};
pub use load::read_document;
pub use load::{Calibrating, Loaded, Request, load};
pub use locks::LEASE;
pub use play::{Keep, Kill};
pub use rehearsal::{Aftermath, Prepared, Rehearsal, Rehearsed, rehearse, rehearse_afflicted};
pub use reports::{Written, draw, fill_template, write_reports, write_whole};
pub use resume::{MakeObservers, ResumeRequest, resume};
pub use reviewing::{Added, Addition, ReviewRequest, review};
pub use run::{Attendance, Finished, Progress, RunRequest, run};
pub use scheduled::{Asked, Ledger, OpenQuestion, Scheduled, ScheduledPlaybook, open_questions, read_schedules};
pub use survey::{Surveyed, survey};
pub use validating::{Validated, Verdict, validate};

use history::journal_entries;

use crate::diagnostic::{Diagnostic, Sources};
use crate::model::ExitCode;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// What was read is wrong.
    #[error("{} problem(s) were found", diagnostics.len())]
    Invalid {
        /// The problems.
        diagnostics: Vec<Diagnostic>,
        /// What they are in.
        sources: Box<Sources>,
    },
    /// What was asked for can't be done as it was asked.
    #[error("{0}")]
    Usage(String),
    /// The run is refused; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// A file can't be read or written.
    #[error("{0}")]
    Files(String),
    /// The run broke off; what is left is not known.
    #[error("{0}")]
    BrokeOff(String),
    /// A defect.
    #[error("{0}")]
    Defect(String),
}

impl AppError {
    /// The program's exit code.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        match self {
            Self::Invalid { .. } | Self::Usage(_) | Self::Files(_) => ExitCode::Usage,
            Self::Refused(_) => ExitCode::Refused,
            Self::BrokeOff(_) => ExitCode::NeedsPerson,
            Self::Defect(_) => ExitCode::Defect,
        }
    }
}
