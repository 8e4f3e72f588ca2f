//! `muster retry`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::RemoteStep;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};
use crate::resource::Choice;

/// Has a paused run try the step once more that failed.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    remote: RemoteStep,
}

impl Retry {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let step = Some(self.remote.step());
        self.remote.tell(Command::Choose { choice: Choice::Retry, step }, Vec::new(), output)
    }
}
