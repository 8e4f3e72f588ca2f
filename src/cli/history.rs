//! `muster history`.

use clap::Args;

use super::arguments::{Form, OutputFormat, Reports};
use super::output::Output;
use crate::app::{AppError, History, Runs};
use crate::model::ExitCode;
use crate::report::history::{self, HistoryRow};
use crate::store::RunRow;

/// Lists past runs, newest first.
#[derive(Debug, Args)]
pub(super) struct HistoryCommand {
    /// Only those of this playbook
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl HistoryCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let (runs, notices) = History::open(&self.reports.runs())?;
        for notice in notices {
            output.say(&notice);
        }
        let rows: Vec<HistoryRow> = runs.list(self.playbook.clone(), Some(self.limit))?.into_iter().map(line).collect();
        if output.json() {
            output.result(&history::json(&rows));
        } else {
            output.result(&history::text(&rows, &output.style()));
        }
        Ok(ExitCode::Passed)
    }
}

fn line(row: RunRow) -> HistoryRow {
    let nanos = |ns: Option<i64>| ns.and_then(|ns| u64::try_from(ns).ok());
    HistoryRow {
        run: row.run.to_string(),
        playbook: row.playbook,
        mode: row.mode,
        environment: row.environment,
        simulated: row.simulated,
        verdict: row.verdict,
        world: row.world,
        exit: row.exit_code,
        rta_ns: nanos(row.rta_ns),
        rpa_ns: nanos(row.rpa_ns),
        started: row.started_at,
    }
}
