//! `muster continue`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::Remote;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};
use crate::resource::Choice;

/// Lets a paused run go on, as if the step that failed did not matter; the run fails all the same.
#[derive(Debug, Args)]
pub(super) struct GoOn {
    #[command(flatten)]
    remote: Remote,
}

impl GoOn {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        self.remote.tell(Command::Choose { choice: Choice::GoOn, step: None }, output)
    }
}
