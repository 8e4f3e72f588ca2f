//! `muster approve`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::RemoteStep;
use crate::app::{AppError, Runs, vote};
use crate::model::{Command, ExitCode};
use crate::resource::Decision;

/// Approves a step that asks for it, or says that what is to be done by hand is done.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    remote: RemoteStep,
    /// Why; it stands in the journal and the report
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
}

impl Approve {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let answer = vote(Decision::Approved, self.because.clone());
        self.remote.tell(Command::Vote { step: self.remote.step(), answer }, output)
    }
}
