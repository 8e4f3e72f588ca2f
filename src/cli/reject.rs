//! `muster reject`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::RemoteStep;
use crate::app::{AppError, Runs, vote};
use crate::model::{Command, ExitCode};
use crate::resource::Decision;

/// Rejects a step that asks for approval.
#[derive(Debug, Args)]
pub(super) struct Reject {
    #[command(flatten)]
    remote: RemoteStep,
    /// Why; it stands in the journal and the report
    #[arg(long, value_name = "TEXT")]
    because: String,
}

impl Reject {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let answer = vote(Decision::Rejected, Some(self.because.clone()), Vec::new());
        self.remote.tell(Command::Vote { step: self.remote.step(), answer }, Vec::new(), output)
    }
}
