//! `muster resume`.

use std::io::IsTerminal;

use clap::{ArgGroup, Args};

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use super::progress::Progress;
use super::run::show_end;
use super::waiting::{Gates, Waiting};
use crate::app::{self, AppError, Attendance, ResumeRequest, Runs};
use crate::event::ResumeTo;
use crate::model::ExitCode;

/// Takes up a run that was left behind.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("how").args(["undo", "stop"]))]
#[command(
    after_help = "Each step that was under way is looked at first. What can be seen not to have happened is done; \
                        what can't be seen is asked about, never done twice."
)]
pub(super) struct ResumeCommand {
    /// The run, by its id or its folder
    #[arg(value_name = "RUN", add = completions::runs())]
    run: String,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
    /// Take back what it did, or go forward to safety after the point of no return
    #[arg(long)]
    undo: bool,
    /// Do nothing more: say what it did and what is left
    #[arg(long)]
    stop: bool,
    /// A step that a person did by hand; with --because and --by. May be given several times
    #[arg(long, value_name = "STEP", requires = "because", requires = "by")]
    skip: Vec<String>,
    /// Why, for the report
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Answer every gate with yes; the report says that nobody was asked
    #[arg(long)]
    yes: bool,
}

impl ResumeCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    /// The run, as it was given.
    pub(super) fn taken_up(&self) -> &str {
        &self.run
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let attendance = match (self.yes, std::io::stdin().is_terminal()) {
            (true, _) => Attendance::Yes,
            (false, true) => Attendance::Terminal,
            (false, false) => Attendance::Nobody,
        };
        let because = self.because.clone().unwrap_or_default();
        let shown = output.clone();
        let finished = app::resume(ResumeRequest {
            runs: self.reports.runs(),
            run: self.run.clone(),
            to: match (self.undo, self.stop) {
                (true, _) => ResumeTo::Undo,
                (_, true) => ResumeTo::Stop,
                _ => ResumeTo::GoOn,
            },
            by_hand: self.skip.iter().map(|step| (step.clone(), because.clone())).collect(),
            by: self.by.clone(),
            attendance,
            program: std::env::current_exe().ok(),
            observers: Box::new(move |plan| {
                let progress = Progress::new(plan, &shown).map(|progress| Box::new(progress) as app::Progress);
                let mut observers: Vec<app::Progress> = progress.into_iter().collect();
                if !plan.simulated() && attendance != Attendance::Terminal {
                    observers.push(Box::new(Waiting::new(plan.pause_limit, Gates::of(attendance), &shown)));
                }
                observers
            }),
        })?;
        Ok(show_end(&finished, output))
    }
}
