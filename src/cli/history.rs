//! `muster history`.

use clap::Args;

use super::arguments::Reports;
use super::output::Output;
use crate::app::{AppError, History};
use crate::model::ExitCode;
use crate::report::history::{HistoryRow, render_json, render_text};
use crate::store::RunRow;
use crate::time::Span;

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
}

impl HistoryCommand {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let (history, notices) = History::open(&self.reports.reports)?;
        for notice in notices {
            output.say(&notice);
        }
        let rows: Vec<HistoryRow> =
            history.list(self.playbook.clone(), Some(self.limit))?.into_iter().map(line).collect();
        if output.json() {
            output.result(&render_json(&rows));
        } else {
            output.result(&render_text(&rows, &output.style()));
        }
        Ok(ExitCode::Passed)
    }
}

fn line(row: RunRow) -> HistoryRow {
    let span = |ns: Option<i64>| ns.and_then(|ns| u64::try_from(ns).ok()).map(Span);
    HistoryRow {
        run: row.run.to_string(),
        playbook: row.playbook,
        mode: row.mode,
        environment: row.environment,
        simulated: row.simulated,
        started: row.started_at,
        verdict: row.verdict.unwrap_or_else(|| "incomplete".to_owned()),
        world: row.world.unwrap_or_else(|| "unknown".to_owned()),
        rta: span(row.rta_ns),
        rpa: span(row.rpa_ns),
    }
}
