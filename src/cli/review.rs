//! What the subcommands have in common that add to a run after its end.

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::output::Output;
use crate::app::{Addition, AppError, ReviewRequest, Runs, review};
use crate::model::ExitCode;

/// Who adds, and where runs are.
#[derive(Debug, Args)]
pub(super) struct Reviewing {
    /// Who says so, as stated; the operating system's user and host are noted too
    #[arg(long, value_name = "NAME")]
    pub(super) by: Option<String>,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl Reviewing {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    /// Adds it, and says what the heads of the run's chain are now.
    pub(super) fn add(&self, run: &str, what: Addition, output: &Output) -> Result<ExitCode, AppError> {
        let verb = match &what {
            Addition::Lesson(_) => "the lesson was written down",
            Addition::PlanChange(_) => "the recommended change was written down",
            Addition::OpenAction { .. } => "opened",
            Addition::CloseAction { .. } => "closed",
            Addition::SignOff { .. } => "signed off",
        };
        let request = ReviewRequest { runs: self.runs(), run: run.to_owned(), by: self.by.clone(), what };
        let added = review(request)?;
        for notice in &added.notices {
            output.say(notice);
        }
        let finished = added.heads.finished.clone().unwrap_or_default();
        if output.json() {
            output.json_result(&json!({
                "run": added.run, "action": added.action.as_ref().map(ToString::to_string), "done": verb,
                "head_when_finished": finished, "head": added.heads.last,
            }));
        } else {
            let what = added.action.as_ref().map_or_else(|| added.run.to_string(), ToString::to_string);
            output.result(&format!(
                "{what}: {verb}\nhead when the run finished  {finished}\nhead now                    {}",
                added.heads.last
            ));
        }
        Ok(ExitCode::Passed)
    }
}
