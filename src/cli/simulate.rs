//! `muster simulate`.

use clap::Args;

use super::arguments::{Form, OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use super::run::{Simulated, carry_out};
use crate::app::{AppError, Attendance, RunRequest};
use crate::model::ExitCode;
use crate::plan::Reality;

/// Plays a playbook on the simulated twin of its infrastructure, in virtual time; nothing real is touched.
///
/// People are simulated too: they approve, each in the time that the step's `simulate: { takes }` gives, and where a run
/// pauses and asks how to go on (`on_failure: pause`, a guardrail) the answer is undo, after 60 s.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    playbook: PlaybookArguments,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    simulated: Simulated,
    #[command(flatten)]
    form: Form,
}

impl Simulate {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::Twin, output)?;
        let request = RunRequest {
            mode_said: true,
            execute: false,
            approved: None,
            attendance: Attendance::Nobody,
            lead: None,
            participants: Vec::new(),
            ..self.simulated.request(loaded, &self.reports)
        };
        carry_out(request, output)
    }
}
