//! The drawing for a terminal: the same axis, in block characters. Only steps that failed or were taken back have a row.

use std::fmt::Write as _;

use super::scale::Scale;
use super::{instants, outages};
use crate::record::{PhaseState, Record, StepRecord};
use crate::report::clean;
use crate::report::view::clock;
use crate::time::Moment;

/// Where the axis begins: names stand before it.
const NAMES: usize = 18;
/// How many columns the axis has; with the names at most 78.
const COLUMNS: usize = 58;
/// At most so many steps.
const ROWS_MAX: usize = 12;

/// A row in the making.
struct Row {
    name: String,
    cells: Vec<char>,
}

impl Row {
    fn new(name: &str) -> Self {
        Self { name: clean::line(name, NAMES - 1), cells: vec![' '; COLUMNS] }
    }

    /// Fills from one instant to another, at least one column.
    fn fill(&mut self, scale: &Scale, (from, to): (Moment, Moment), with: char) {
        let (first, last) = (column(scale, from), column(scale, to));
        self.cells[first..last.max(first + 1)].fill(with);
    }

    fn put(&mut self, scale: &Scale, at: Moment, what: char) {
        self.cells[column(scale, at)] = what;
    }

    fn write(&self, out: &mut String) {
        let cells: String = self.cells.iter().collect();
        let _ = writeln!(out, "{}", format!("{:<NAMES$}│{cells}│", self.name).trim_end());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place on the axis is small and positive"
)]
fn column(scale: &Scale, at: Moment) -> usize {
    (scale.x(at).max(0.0) as usize).min(COLUMNS - 1)
}

/// Draws a run. Nothing if nothing began.
pub(crate) fn draw_text(record: &Record) -> String {
    let until = record.header.until;
    if until == Moment::ZERO {
        return String::new();
    }
    let steps = telling(record);
    let placed: Vec<(usize, &StepRecord)> = steps.iter().map(|step| (0, *step)).collect();
    let scale = Scale::new(until, &instants(record, &placed, &[]), &outages(record), 0.0, COLUMNS as f64);
    let mut out = String::new();
    let end = clock(until);
    let _ = writeln!(out, "{:<NAMES$} 0{:>width$}", "", end, width = COLUMNS - 1);
    for phase in record.phases.iter().filter(|phase| phase.started.is_some()) {
        let mut row = Row::new(phase.id.as_str());
        let started = phase.started.unwrap_or(until);
        row.fill(&scale, (started, phase.ended.unwrap_or(until)), '▒');
        if phase.state == PhaseState::Failed {
            row.put(&scale, phase.ended.unwrap_or(until), '✗');
        }
        row.write(&mut out);
    }
    for step in steps.iter().take(ROWS_MAX) {
        let mut row = Row::new(&format!("  {}", step.id));
        for attempt in &step.attempts {
            row.fill(&scale, (attempt.started, attempt.ended.unwrap_or(until)), '▓');
        }
        if step.state.is_bad() {
            row.put(&scale, step.ended.unwrap_or(until), '✗');
        }
        if let Some(undo) = &step.undo {
            row.fill(&scale, (undo.started, undo.ended.unwrap_or(until)), '◂');
        }
        row.write(&mut out);
    }
    if steps.len() > ROWS_MAX {
        let _ = writeln!(out, "  and {} more steps that failed or were taken back", steps.len() - ROWS_MAX);
    }
    for service in &record.services {
        let mut row = Row::new(service.id.as_str());
        row.cells.fill('·');
        for outage in &service.outages {
            row.fill(&scale, (outage.outage.start(), outage.outage.end().unwrap_or(until)), '█');
        }
        row.write(&mut out);
    }
    let cuts: Vec<String> = scale.cuts().map(|cut| cut.length().to_string()).collect();
    if !cuts.is_empty() {
        let _ = writeln!(out, "  quiet times are drawn short: {}", cuts.join(", "));
    }
    out.push_str("  ▒ phase  ▓ step  ✗ failed  ◂ taken back  · served  █ out\n");
    out
}

/// The steps that failed or were taken back, in order.
fn telling(record: &Record) -> Vec<&StepRecord> {
    record.steps.iter().filter(|step| step.started.is_some() && (step.state.is_bad() || step.undo.is_some())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_drawing_fits_a_terminal_and_shows_what_failed_and_who_was_out() {
        let drawn = draw_text(&samples::failed());
        assert!(drawn.lines().all(|line| line.chars().count() <= 78), "{drawn}");
        for sign in ['▒', '✗', '◂', '█'] {
            assert!(drawn.contains(sign), "no {sign} in\n{drawn}");
        }
        assert!(drawn.contains("dns"), "{drawn}");
    }

    #[test]
    fn of_very_many_steps_few_are_drawn() {
        let drawn = draw_text(&samples::large(2_000));
        assert!(drawn.lines().count() < 40, "{drawn}");
    }
}
