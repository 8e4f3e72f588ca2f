//! `muster show`.

use clap::Args;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Runs, read_run};
use crate::model::ExitCode;
use crate::report::{Format, Style, Telling, render};

/// Shows a run, from its journal.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id, or the path of its folder or journal
    #[arg(add = completions::runs())]
    run: String,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl Show {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let shown = read_run(&self.reports.reports, &self.run)?;
        if let Some(cut) = &shown.cut {
            output.complain(&format!("the end of the journal is cut: {cut}; what is whole is shown"));
        }
        let format = if output.json() { Format::Json } else { Format::Text };
        let folder = Some(shown.folder.display().to_string());
        let style = Style { folder, telling: Telling::Whole, ..output.style() };
        output.result(&render(&shown.record, format, &style));
        Ok(ExitCode::Passed)
    }
}
