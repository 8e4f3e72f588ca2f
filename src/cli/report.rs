//! `muster report`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Runs, draw, fill_template, read_run, write_whole};
use crate::model::ExitCode;
use crate::record::figures;
use crate::report::{Format, Style, Telling};

/// Draws a report of a run anew from its journal.
#[derive(Debug, Args)]
pub(super) struct ReportCommand {
    /// Its id, or the path of its folder or journal
    #[arg(add = completions::runs())]
    run: String,
    /// How it is drawn: html, markdown, json, junit, text, svg, csv (a row a step), samples-csv; for auditors: compliance
    /// (Markdown), compliance-html, oscal (assessment results, JSON)
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    format: Format,
    /// A Handlebars template of one's own, filled with the data of the JSON report
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    template: Option<PathBuf>,
    /// Another run that it is compared with, in place of the one before it
    #[arg(long, value_name = "RUN")]
    against: Option<String>,
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
        let mut shown = read_run(&self.reports.reports, &self.run)?;
        if let Some(other) = &self.against {
            shown.record.previous = Some(figures(&read_run(&self.reports.reports, other)?.record));
        }
        if let Some(cut) = &shown.cut {
            output.complain(&format!("the end of the journal is cut: {cut}; the report is of what is whole"));
        }
        if let Some(template) = &self.template {
            let filled = fill_template(&shown.record, template)?;
            match &self.out {
                Some(path) => write_whole(path, filled.as_bytes())?,
                None => output.result(&filled),
            }
            return Ok(ExitCode::Passed);
        }
        match &self.out {
            Some(path) => write_whole(path, draw(&shown.record, self.format).as_bytes())?,
            // At a terminal the text looks as after a run; to a file goes what `--out` would write.
            None if self.format == Format::Text => {
                let style = Style { telling: Telling::Whole, ..output.style() };
                output.result(&crate::report::render(&shown.record, Format::Text, &style));
            }
            None => output.result(&draw(&shown.record, self.format)),
        }
        Ok(ExitCode::Passed)
    }
}
