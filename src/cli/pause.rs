//! `muster pause`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::Remote;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};

/// Lets a run begin nothing new, and wait for a person.
#[derive(Debug, Args)]
pub(super) struct Pause {
    #[command(flatten)]
    remote: Remote,
    /// Why; it stands in the journal and the report
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
}

impl Pause {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        self.remote.tell(Command::Pause { because: self.because.clone() }, output)
    }
}
