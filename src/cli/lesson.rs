//! `muster lesson`.

use clap::Args;

use super::arguments::OutputFormat;
use super::completions;
use super::output::Output;
use super::review::Reviewing;
use crate::app::{Addition, AppError, Runs};
use crate::model::ExitCode;

/// Writes a lesson down with a run that has ended.
#[derive(Debug, Args)]
pub(super) struct Lesson {
    /// The run, by its id or the path of its folder
    #[arg(value_name = "RUN", add = completions::runs())]
    run: String,
    /// What was learned, or what is to be changed in the plan
    #[arg(value_name = "TEXT")]
    text: String,
    /// It is a recommended change of the plan
    #[arg(long)]
    plan_change: bool,
    #[command(flatten)]
    reviewing: Reviewing,
}

impl Lesson {
    pub(super) fn form(&self) -> OutputFormat {
        self.reviewing.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.reviewing.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let text = self.text.clone();
        let what = if self.plan_change { Addition::PlanChange(text) } else { Addition::Lesson(text) };
        self.reviewing.add(&self.run, what, output)
    }
}
