//! Tables for a spreadsheet: a row a step, or a row for each stretch of a service's samples.
//!
//! As RFC 4180 has it, but for the ends of lines. Instants and durations are whole milliseconds of the run; what would
//! be a formula in a spreadsheet begins with an apostrophe.

use super::{Style, clean};
use crate::measure::Judgement;
use crate::model::UndoResult;
use crate::record::{Record, StepRecord, critical};
use crate::time::{Moment, Span};

/// The longest text of a cell, in characters.
const TEXT_MAX: usize = 2_000;

/// A table in the making.
struct Table(String);

impl Table {
    fn new(columns: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(columns.iter().map(|name| (*name).to_owned()));
        table
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for (n, cell) in cells.into_iter().enumerate() {
            if n > 0 {
                self.0.push(',');
            }
            self.0.push_str(&quoted(&cell));
        }
        self.0.push('\n');
    }
}

/// A cell: one clean line, no formula, quoted where it must be.
fn quoted(text: &str) -> String {
    let text = clean::line(text, TEXT_MAX);
    // A spreadsheet takes these for the beginning of a formula, and formulas can reach out of it.
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn ms(span: Option<Span>) -> String {
    span.map_or_else(String::new, |span| span.as_millis().to_string())
}

fn at(moment: Option<Moment>) -> String {
    ms(moment.map(|moment| moment.since(Moment::ZERO)))
}

/// An instant on the calendar.
fn wall(record: &Record, moment: Option<Moment>) -> String {
    let on_calendar = |at: Moment| {
        let since = jiff::SignedDuration::try_from(std::time::Duration::from_nanos(at.0)).ok()?;
        let when = record.header.started_at.checked_add(since).ok()?;
        Some(when.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    };
    moment.and_then(on_calendar).unwrap_or_default()
}

/// A row a step.
pub(super) fn steps(record: &Record, _style: &Style) -> String {
    let mut table = Table::new(&[
        "run",
        "phase",
        "leg",
        "step",
        "title",
        "action",
        "summary",
        "state",
        "critical",
        "started",
        "started_ms",
        "ended_ms",
        "took_ms",
        "expected_ms",
        "within_ms",
        "within",
        "attempts",
        "failure",
        "warning",
        "undo",
    ]);
    let critical = critical(record);
    for (step, critical) in record.steps.iter().zip(critical) {
        let phase = record.phases.get(step.phase).map_or_else(String::new, |phase| phase.id.to_string());
        table.row([
            record.header.run.to_string(),
            phase,
            step.leg.map(|leg| leg.to_string()).unwrap_or_default(),
            step.id.to_string(),
            step.title.clone(),
            step.action.clone(),
            step.summary.clone(),
            super::view::step_mark(step.state).word,
            if critical { "yes".to_owned() } else { "no".to_owned() },
            wall(record, step.started),
            at(step.started),
            at(step.ended),
            ms(step.took),
            ms(Some(step.expected)),
            ms(step.within.map(|within| within.within)),
            within(step),
            step.attempts.len().to_string(),
            step.failure.clone().unwrap_or_default(),
            step.warning.clone().unwrap_or_default(),
            undo(step),
        ]);
    }
    table.0
}

fn within(step: &StepRecord) -> String {
    step.within.map_or_else(String::new, |within| Judgement::to_string(&within.judgement))
}

fn undo(step: &StepRecord) -> String {
    match step.undo.as_ref().map(|undo| &undo.result) {
        None => String::new(),
        Some(None) => "not ended".to_owned(),
        Some(Some(UndoResult::Restored)) => "restored".to_owned(),
        Some(Some(UndoResult::NothingToDo)) => "nothing to take back".to_owned(),
        Some(Some(UndoResult::Compensated(what))) => format!("made up for: {what}"),
        Some(Some(UndoResult::Irreversible(what))) => format!("can't be taken back: {what}"),
        Some(Some(UndoResult::Failed(why))) => format!("failed: {why}"),
    }
}

/// A row for each stretch of a service's samples that said the same.
pub(super) fn samples(record: &Record, _style: &Style) -> String {
    let mut table = Table::new(&[
        "run", "service", "title", "from", "from_ms", "to_ms", "samples", "healthy", "p50_ms", "p95_ms", "max_ms",
    ]);
    for service in &record.services {
        for pulse in &service.pulses {
            table.row([
                record.header.run.to_string(),
                service.id.to_string(),
                service.title.clone(),
                wall(record, Some(pulse.from)),
                at(Some(pulse.from)),
                at(Some(pulse.to)),
                pulse.count.to_string(),
                pulse.healthy.to_string(),
                ms(Some(pulse.p50)),
                ms(Some(pulse.p95)),
                ms(Some(pulse.max)),
            ]);
        }
    }
    table.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples as drills;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for line in text.lines() {
            let (mut cells, mut cell, mut inside) = (Vec::new(), String::new(), false);
            let mut chars = line.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '"' if inside && chars.peek() == Some(&'"') => cell.extend(chars.next()),
                    '"' => inside = !inside,
                    ',' if !inside => cells.push(std::mem::take(&mut cell)),
                    c => cell.push(c),
                }
            }
            assert!(!inside, "a quote is open at the end of {line}");
            cells.push(cell);
            rows.push(cells);
        }
        rows
    }

    #[test]
    fn each_step_has_a_row_and_each_row_every_column() {
        let record = drills::failed();
        let rows = rows(&steps(&record, &Style::default()));
        assert_eq!(rows.len(), record.steps.len() + 1);
        let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
        let dns = rows.iter().find(|row| row[column("step")] == "dns").unwrap();
        assert_eq!(dns[column("state")], "in doubt");
        assert_eq!((dns[column("started_ms")].as_str(), dns[column("attempts")].as_str()), ("196000", "2"));
        assert_eq!(dns[column("started")], "2026-11-22T08:45:32.000Z");
        assert_eq!(dns[column("failure")], "ns2 refuses updates");
        let promote = rows.iter().find(|row| row[column("step")] == "promote").unwrap();
        assert_eq!((promote[column("within_ms")].as_str(), promote[column("within")].as_str()), ("30000", "missed"));
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    }

    #[test]
    fn samples_add_up_to_what_was_taken() {
        let record = drills::passed();
        let rows = rows(&samples(&record, &Style::default()));
        assert_eq!(rows.len(), 1 + record.services.iter().map(|service| service.pulses.len()).sum::<usize>());
        assert_eq!(
            rows[1][1..],
            ["web", "Web interface", "2026-11-22T08:42:16.000Z", "0", "9000", "10", "10", "20", "40", "60"]
        );
    }

    #[test]
    fn no_text_becomes_a_formula_or_another_cell() {
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(quoted("@x"), "'@x");
        assert_eq!(quoted("a, \"b\"\nc"), "\"a, \"\"b\"\"⏎c\"");
        let hostile = drills::hostile();
        let all = rows(&steps(&hostile, &Style::default()));
        assert_eq!(all.len(), hostile.steps.len() + 1);
        assert!(all.iter().all(|row| row.len() == all[0].len()));
    }
}
