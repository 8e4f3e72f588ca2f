//! `muster status`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::arguments::{OutputFormat, Reports};
use super::output::Output;
use super::schedule::Looked;
use crate::app::{AppError, Runs, write_whole};
use crate::model::ExitCode;
use crate::report::{status, uptime};

/// How the table is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One row a playbook or service and quarter
    Csv,
    /// A page
    Html,
}

/// Shows playbooks and services by quarter: passed, failed, missed, simulated only, next due; exit code 1 if something is
/// overdue.
#[derive(Debug, Args)]
pub(super) struct StatusCommand {
    #[command(flatten)]
    looked: Looked,
    #[command(flatten)]
    reports: Reports,
    /// How many quarters are shown, up to this one
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    quarters: u16,
    /// How results are printed: text, json, csv or html
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    format: StatusFormat,
    /// Write the public record into this folder instead: a page a service with its drills and outages, nothing internal
    #[arg(long, value_name = "DIR")]
    public: Option<PathBuf>,
}

impl StatusCommand {
    pub(super) fn form(&self) -> OutputFormat {
        if self.format == StatusFormat::Json { OutputFormat::Json } else { OutputFormat::Text }
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let survey = self.looked.survey(&self.runs(), output)?;
        if let Some(folder) = &self.public {
            let failed =
                |error: std::io::Error| AppError::Files(format!("{} can't be written: {error}", folder.display()));
            std::fs::create_dir_all(folder).map_err(failed)?;
            let pages = uptime::uptime(survey.at, &survey.runs);
            for page in &pages {
                write_whole(&folder.join(&page.file), page.html.as_bytes())?;
            }
            output.say(&format!("{} pages are in {}", pages.len(), folder.display()));
        }
        let coverage = survey.coverage(usize::from(self.quarters));
        let overdue = coverage.overdue().count();
        if self.public.is_none() {
            output.result(&match self.format {
                StatusFormat::Text => status::text(&coverage, &output.style()),
                StatusFormat::Json => status::json(&coverage),
                StatusFormat::Csv => status::csv(&coverage),
                StatusFormat::Html => status::html(&coverage),
            });
        }
        Ok(if overdue == 0 { ExitCode::Passed } else { ExitCode::Failed })
    }
}
