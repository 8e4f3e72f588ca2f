//! `muster simulate`.

use clap::Args;

use super::arguments::{Form, OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use super::run::{Simulated, carry_out};
use crate::app::{AppError, Attendance, RunRequest, Runs};
use crate::model::ExitCode;
use crate::plan::Reality;

/// What whoever waits for a gate to be answered wants to know.
const PEOPLE: &str = "\
People are simulated too: they approve, in the time that `simulate: { takes }` of the step gives.
Where a run pauses and asks how to go on, the answer is undo, after 60 s.";

/// Plays a playbook on the simulated twin of its infrastructure, in virtual time; nothing real is touched.
#[derive(Debug, Args)]
#[command(after_help = PEOPLE)]
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

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
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
