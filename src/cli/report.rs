//! `muster report`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Runs, draw, read_run, write_whole};
use crate::model::ExitCode;
use crate::report::Format;

/// Draws a report of a run anew from its journal.
#[derive(Debug, Args)]
pub(super) struct ReportCommand {
    /// Its id, or the path of its folder or journal
    #[arg(add = completions::runs())]
    run: String,
    /// How it is drawn: html, markdown, json, junit, text or svg
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    format: Format,
    /// The file to write; standard output if it is not said
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reports: Reports,
}

impl ReportCommand {
    /// What goes wrong is told in JSON to whoever asked for JSON.
    pub(super) fn form(&self) -> OutputFormat {
        if self.format == Format::Json { OutputFormat::Json } else { OutputFormat::Text }
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let shown = read_run(&self.reports.reports, &self.run)?;
        if let Some(cut) = &shown.cut {
            output.complain(&format!("the end of the journal is cut: {cut}; the report is of what is whole"));
        }
        match &self.out {
            Some(path) => write_whole(path, draw(&shown.record, self.format).as_bytes())?,
            // At a terminal the text looks as after a run; to a file goes what `--out` would write.
            None if self.format == Format::Text => {
                output.result(&crate::report::render(&shown.record, Format::Text, &output.style()));
            }
            None => output.result(&draw(&shown.record, self.format)),
        }
        Ok(ExitCode::Passed)
    }
}
