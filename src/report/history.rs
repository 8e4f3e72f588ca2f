//! A list of runs, as a table for the terminal or as JSON. What a row says is the caller's: the index of runs lies
//! below this module.

use comfy_table::{Cell, ColumnConstraint};
use serde::Serialize;

use super::clean::line;
use super::text::{result, table};
use super::view::{Mark, Tone};
use super::{JSON_VERSION, Style};
use crate::time::Span;

/// A run in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// Its id.
    pub run: String,
    /// The playbook's name.
    pub playbook: String,
    /// `planned`, `unplanned` or `emergency`.
    pub mode: String,
    /// The environment.
    pub environment: String,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
    /// How it ended; `None` while it goes on or was left behind.
    pub verdict: Option<String>,
    /// Where it left things.
    pub world: Option<String>,
    /// The exit code.
    pub exit: Option<u8>,
    /// Its recovery time in nanoseconds, upper end, if it was measured.
    pub rta_ns: Option<u64>,
    /// Its data loss in nanoseconds, upper end, if it was measured.
    pub rpa_ns: Option<u64>,
    /// When it started, RFC 3339.
    pub started: String,
}

#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u32,
    runs: &'a [HistoryRow],
}

/// The rows as a table.
#[must_use]
pub fn text(rows: &[HistoryRow], style: &Style) -> String {
    if rows.is_empty() {
        return "There is no run yet: `muster run PLAYBOOK` makes one.\n".to_owned();
    }
    let mut table = table(&["Run", "Verdict", "World", "RTA ≤", "RPA ≤"], style);
    for row in rows {
        table.add_row([
            Cell::new(run(row)),
            result(&verdict(row)),
            Cell::new(row.world.as_deref().map_or_else(|| "–".to_owned(), |world| line(world, 20))),
            Cell::new(length(row.rta_ns)),
            Cell::new(length(row.rpa_ns)),
        ]);
    }
    // A run's id is what people copy from here: it is never broken, and all other columns are short.
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    format!("{}\n", table.trim_fmt())
}

/// The rows as one JSON document.
#[must_use]
pub fn json(rows: &[HistoryRow]) -> String {
    let document = Document { kind: "muster-history", version: JSON_VERSION, runs: rows };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

fn run(row: &HistoryRow) -> String {
    let stamp = if row.simulated { ", simulated" } else { "" };
    format!("{}\n  {}, {}{stamp}", line(&row.run, 100), started(&row.started), line(&row.mode, 20))
}

fn verdict(row: &HistoryRow) -> Mark {
    let Some(verdict) = &row.verdict else { return Mark::new(Tone::Doubt, "no end") };
    let tone = match verdict.as_str() {
        "passed" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Doubt,
    };
    Mark::new(tone, line(verdict, 20))
}

fn length(nanos: Option<u64>) -> String {
    nanos.map_or_else(|| "–".to_owned(), |nanos| Span(nanos).to_string())
}

/// A date and a time to the minute.
fn started(text: &str) -> String {
    let short: String = line(text, 40).chars().take(16).collect();
    short.replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<HistoryRow> {
        let passed = HistoryRow {
            run: "20261122-084216-quarterly-failover".to_owned(),
            playbook: "quarterly-failover".to_owned(),
            mode: "planned".to_owned(),
            environment: "simulated".to_owned(),
            simulated: true,
            verdict: Some("passed".to_owned()),
            world: Some("home".to_owned()),
            exit: Some(0),
            rta_ns: Some(252_000_000_000),
            rpa_ns: Some(200_000_000),
            started: "2026-11-22T08:42:16.000000000Z".to_owned(),
        };
        let open = HistoryRow {
            run: "20261123-084216-quarterly-failover".to_owned(),
            simulated: false,
            mode: "unplanned\u{1b}[2J".to_owned(),
            verdict: None,
            world: None,
            exit: None,
            rta_ns: None,
            ..passed.clone()
        };
        vec![passed, open]
    }

    #[test]
    fn a_table_of_runs_fits_eighty_columns() {
        let text = text(&rows(), &Style::default());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}'));
        insta::assert_snapshot!(text);
        assert!(super::text(&[], &Style::default()).contains("muster run"));
    }

    #[test]
    fn the_same_as_json() {
        let value: serde_json::Value = serde_json::from_str(&json(&rows())).unwrap();
        assert_eq!(value["runs"][0]["rta_ns"], 252_000_000_000_u64);
        assert_eq!(value["runs"][1]["verdict"], serde_json::Value::Null);
    }
}
