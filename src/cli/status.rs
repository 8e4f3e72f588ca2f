//! `muster status`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::arguments::{OutputFormat, Reports};
use super::output::Output;
use super::schedule::Looked;
use crate::app::{AppError, Runs, write_whole};
use crate::model::ExitCode;
use crate::report::status;
use crate::report::uptime::{self, UptimePage};

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
            let stale = take_away_stale(folder, &pages).map_err(failed)?;
            let gone = if stale == 0 { String::new() } else { format!(", {stale} of before were taken away") };
            output.say(&format!("{} pages are in {}{gone}", pages.len(), folder.display()));
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

/// Entries of the folder that are looked at, at most.
const ENTRIES_MAX: usize = 100_000;

/// Takes pages away that Muster wrote here before, of services that have another title now or none. What another hand wrote
/// stays.
fn take_away_stale(folder: &Path, pages: &[UptimePage]) -> std::io::Result<usize> {
    let mut taken = 0;
    for entry in std::fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let current = pages.iter().any(|page| name == page.file.as_str());
        if current || !name.to_string_lossy().ends_with(".html") || !entry.file_type()?.is_file() {
            continue;
        }
        let mut beginning = Vec::new();
        File::open(entry.path())?.take(uptime::BEGINNING_MAX).read_to_end(&mut beginning)?;
        if uptime::is_own(&String::from_utf8_lossy(&beginning)) {
            std::fs::remove_file(entry.path())?;
            taken += 1;
        }
    }
    Ok(taken)
}
