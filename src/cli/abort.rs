//! `muster abort`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::Remote;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};

/// Takes back what a run did, or holds traffic where it is healthy; the second time stops it at once.
#[derive(Debug, Args)]
pub(super) struct Abort {
    #[command(flatten)]
    remote: Remote,
    /// Why; it stands in the journal and the report
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
}

impl Abort {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        self.remote.tell(Command::Abort { because: self.because.clone() }, output)
    }
}
