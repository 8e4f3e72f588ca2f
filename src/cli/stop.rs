//! `muster stop`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::Remote;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};
use crate::resource::Choice;

/// Has a paused run do nothing more: what it did stands, and is told.
#[derive(Debug, Args)]
pub(super) struct Stop {
    #[command(flatten)]
    remote: Remote,
}

impl Stop {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        self.remote.tell(Command::Choose { choice: Choice::Stop, step: None }, output)
    }
}
