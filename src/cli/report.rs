//! `muster report`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::Reports;
use super::output::Output;
use crate::app::{AppError, draw, read_run, write_whole};
use crate::model::ExitCode;
use crate::report::Format;

/// Draws a report of a run anew from its journal.
#[derive(Debug, Args)]
pub(super) struct ReportCommand {
    /// Its id, or the path of its folder or journal
    run: String,
    /// html, markdown, json, junit or text
    #[arg(long = "as", value_name = "FORMAT", default_value = "markdown")]
    kind: Format,
    /// The file to write; standard output if it is not said
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reports: Reports,
}

impl ReportCommand {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let shown = read_run(&self.reports.reports, &self.run)?;
        if let Some(cut) = &shown.cut {
            output.complain(&format!("the end of the journal is cut: {cut}; the report is of what is whole"));
        }
        let text = draw(&shown.record, self.kind);
        match &self.out {
            Some(path) => write_whole(path, text.as_bytes())?,
            None => output.result(&text),
        }
        Ok(ExitCode::Passed)
    }
}
