//! Coverage by quarter: as a table for the terminal, a page, JSON and CSV.

mod html;

use std::fmt::Write as _;

use comfy_table::Cell as TableCell;
use serde::Serialize;

use super::agenda::wall;
use super::clean::line;
use super::text::{result, table};
use super::view::{Mark, Tone};
use super::{JSON_VERSION, Style};
use crate::measure::Judgement;
use crate::record::quarters::{Cell, CellState, Coverage, Figure, Line};
use crate::time::Span;

pub(super) use html::head as page_head;
pub use html::html;

/// What stands above every form of it.
pub const CLAIM: &str =
    "Real drills by the quarter in which they began. Simulated ones are no evidence of a real failover.";

/// Drills of a line whose figures the terminal shows: the newest.
const SHOWN_MAX: usize = 4;

#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u32,
    #[serde(flatten)]
    coverage: &'a Coverage,
}

/// One JSON document.
#[must_use]
pub fn json(coverage: &Coverage) -> String {
    let document = Document { kind: "muster-status", version: JSON_VERSION, coverage };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

/// One row a playbook or service and quarter (RFC 4180). Recovery time and data loss are those of the run that counts, at
/// most, in milliseconds, each with its objective and how it was judged; of a service there is no data loss.
#[must_use]
pub fn csv(coverage: &Coverage) -> String {
    let mut out =
        "what,name,title,quarter,state,passed,failed,broken_off,simulated,missed,due,run,rta_ms,rto_ms,rto_judgement,rpa_ms,\
         rpo_ms,rpo_judgement,next_due,overdue_since\r\n"
            .to_owned();
    for (what, lines) in [("playbook", &coverage.playbooks), ("service", &coverage.services)] {
        for it in lines {
            for (quarter, cell) in coverage.quarters.iter().zip(&it.cells) {
                let state = if cell.state == CellState::Nothing { "" } else { cell.state.as_str() };
                let counts = [cell.passed, cell.failed, cell.broken_off, cell.simulated, cell.missed, cell.due];
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                let time = |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
                let _ = write!(
                    out,
                    "{what},{},{},{quarter},{state},{},{},{},{},{}\r\n",
                    field(&it.name),
                    field(&it.title),
                    counts.join(","),
                    field(cell.run.as_deref().unwrap_or_default()),
                    measured(cell.measured.as_ref()).join(","),
                    time(it.next_due),
                    time(it.overdue_since),
                );
            }
        }
    }
    out
}

/// Recovery time, its objective and judgement, and the same of data loss.
fn measured(figure: Option<&Figure>) -> [String; 6] {
    let Some(it) = figure else { return Default::default() };
    let ms = |ns: Option<u64>| ns.map_or_else(String::new, |ns| Span(ns).as_millis().to_string());
    let of = |objective: Option<(Span, Judgement)>| {
        objective.map_or_else(<[String; 2]>::default, |(span, judged)| [ms(Some(span.0)), judged.to_string()])
    };
    let ([rto, rto_judged], [rpo, rpo_judged]) = (of(it.rto), of(it.rpo));
    [ms(it.rta_ns), rto, rto_judged, ms(it.rpa_ns), rpo, rpo_judged]
}

/// Quoted; what a spreadsheet would take for a formula begins with an apostrophe.
fn field(text: &str) -> String {
    let text = line(text, 400);
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

pub(super) fn mark(cell: &Cell) -> Mark {
    let tone = match cell.state {
        CellState::Passed => Tone::Good,
        CellState::Failed | CellState::Missed => Tone::Bad,
        CellState::BrokenOff | CellState::SimulatedOnly | CellState::Due => Tone::Doubt,
        CellState::Nothing => Tone::Quiet,
    };
    Mark::new(tone, cell.state.as_str())
}

/// What else there was in a quarter.
fn beside(cell: &Cell) -> String {
    let mut said = Vec::new();
    let mut count = |number: u32, what: &str, own: CellState| {
        if number > u32::from(cell.state == own) {
            said.push(format!("{number} {what}"));
        }
    };
    count(cell.passed, "passed", CellState::Passed);
    count(cell.failed, "failed", CellState::Failed);
    count(cell.broken_off, "broken off", CellState::BrokenOff);
    count(cell.missed, "missed", CellState::Missed);
    count(cell.simulated, "simulated", CellState::SimulatedOnly);
    said.join(", ")
}

/// The recovery time against its objective: `≤ 2 min 50 s of 15 min, met`.
pub(super) fn rta(figure: &Figure) -> String {
    let unseen =
        || figure.none_seen.map(|span| format!("no outage seen; none longer than {span} would have been missed"));
    against(figure.rta_ns.map(at_most).or_else(unseen), figure.rto)
}

/// The data loss against its objective.
pub(super) fn rpa(figure: &Figure) -> String {
    against(figure.rpa_ns.map(at_most), figure.rpo)
}

fn at_most(nanos: u64) -> String {
    format!("≤ {}", Span(nanos))
}

fn against(actual: Option<String>, objective: Option<(Span, Judgement)>) -> String {
    match (actual, objective) {
        (None, None) => "–".to_owned(),
        (Some(actual), None) => actual,
        (Some(actual), Some((objective, judged))) => format!("{actual} of {objective}, {judged}"),
        // What was not measured is judged so.
        (None, Some((objective, judged))) => format!("{judged}; {objective} allowed"),
    }
}

fn day(figure: &Figure) -> String {
    figure.at.strftime("%Y-%m-%d").to_string()
}

/// How it went, with the stamp.
fn verdict(figure: &Figure) -> String {
    let stamp = if figure.simulated { ", simulated" } else { "" };
    format!("{}{stamp}", line(figure.verdict.as_deref().unwrap_or("no end"), 20))
}

/// For the terminal.
#[must_use]
pub fn text(coverage: &Coverage, style: &Style) -> String {
    let mut out = String::new();
    for (title, lines) in [("Playbook", &coverage.playbooks), ("Service", &coverage.services)] {
        if lines.is_empty() {
            continue;
        }
        let quarters: Vec<String> = coverage.quarters.iter().map(ToString::to_string).collect();
        let mut head = vec![title];
        head.extend(quarters.iter().map(String::as_str));
        head.push("Next due");
        let mut drawn = table(&head, style);
        for it in lines {
            let mut row = vec![TableCell::new(line(&it.name, 64))];
            for cell in &it.cells {
                let Mark { sign, word, tone, .. } = mark(cell);
                let beside = beside(cell);
                let word = if beside.is_empty() { word } else { format!("{word}\n{beside}") };
                row.push(result(&Mark { sign, word, tone }));
            }
            row.push(TableCell::new(next(it)));
            drawn.add_row(row);
        }
        for column in drawn.column_iter_mut() {
            column.set_padding((0, 1));
        }
        let _ = writeln!(out, "{}\n", drawn.trim_fmt());
    }
    if coverage.playbooks.is_empty() {
        out.push_str("There is no run and no playbook to tell of yet.\n");
        return out;
    }
    out.push_str("Recovery time and data loss of the last drills\n");
    for (title, lines) in [("Playbook", &coverage.playbooks), ("Service", &coverage.services)] {
        if lines.iter().all(|it| it.figures.is_empty()) {
            continue;
        }
        // Data is lost by a drill, not by a service.
        let head = [title, "Day", "Verdict", "RTA of RTO", "RPA of RPO"];
        let columns = if title == "Service" { 4 } else { 5 };
        let mut drawn = table(&head[..columns], style);
        for it in lines {
            for figure in it.figures.iter().rev().take(SHOWN_MAX) {
                let row = [line(&it.name, 64), day(figure), verdict(figure), rta(figure), rpa(figure)];
                drawn.add_row(row.into_iter().take(columns));
            }
        }
        for column in drawn.column_iter_mut() {
            column.set_padding((0, 1));
        }
        let _ = writeln!(out, "{}\n", drawn.trim_fmt());
    }
    let _ = writeln!(out, "{CLAIM}");
    for it in coverage.overdue() {
        let since = it.overdue_since.map_or_else(String::new, |at| wall(at, None));
        let _ = writeln!(out, "Overdue since {since}: {}", line(&it.name, 64));
    }
    out
}

fn next(it: &Line) -> String {
    let next = it.next_due.map_or_else(|| "–".to_owned(), |at| wall(at, None));
    if it.overdue_since.is_some() { format!("{next}\noverdue") } else { next }
}

#[cfg(test)]
mod tests;
