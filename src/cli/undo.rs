//! `muster undo`.

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::Remote;
use crate::app::{AppError, Runs};
use crate::model::{Command, ExitCode};
use crate::resource::Choice;

/// Has a paused run take back what it did, or go forward to safety after the point of no return.
#[derive(Debug, Args)]
pub(super) struct Undo {
    #[command(flatten)]
    remote: Remote,
}

impl Undo {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        self.remote.tell(Command::Choose { choice: Choice::Undo, step: None }, output)
    }
}
