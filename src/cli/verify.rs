//! `muster verify`.

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Checked, Runs, verify};
use crate::model::ExitCode;

/// Checks the chain of a run's journal: every record is there, in order, and none was changed; and files of evidence.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A run's id, or the path of its folder or journal
    #[arg(value_name = "RUN-or-FILE", add = completions::runs())]
    run: String,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl Verify {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let (path, checked) = verify(&self.reports.reports, &self.run)?;
        let (exit, text) = match &checked {
            Checked::Whole { lines, head, finished, evidence } => {
                let finished = finished
                    .as_ref()
                    .map_or_else(|| "the run has not ended".to_owned(), |head| format!("head at the run's end {head}"));
                let evidence = match evidence {
                    0 => String::new(),
                    1 => ", 1 file of evidence as it was given".to_owned(),
                    many => format!(", {many} files of evidence as they were given"),
                };
                let whole = format!("{}: whole, {lines} records, head {head}, {finished}{evidence}", path.display());
                (ExitCode::Passed, whole)
            }
            Checked::Damaged(damage) => (ExitCode::Failed, format!("{}: damaged: {damage}", path.display())),
            Checked::Disagrees(what) => (ExitCode::Failed, format!("{}: {what}", path.display())),
        };
        if output.json() {
            output.json_result(&json!({
                "journal": path.display().to_string(), "whole": exit == ExitCode::Passed, "text": text,
            }));
        } else {
            output.result(&text);
        }
        Ok(exit)
    }
}
