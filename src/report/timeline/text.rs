//! The drawing for a terminal: the same axis, in block characters. Where it stands among tables only steps that
//! failed or were taken back have a row.

use std::fmt::Write as _;

use super::scale::Scale;
use super::{chosen, instants, outages, unwatched};
use crate::record::{PhaseState, Record, StepRecord, critical};
use crate::report::clean;
use crate::report::view::clock;
use crate::time::Moment;

/// Where the axis begins: names stand before it.
const NAMES: usize = 18;
/// How many columns the axis has where nobody says how many there are; with the names at most 78.
const COLUMNS: usize = 58;
/// At most so many steps, where only those that failed or were taken back are drawn.
const ROWS_MAX: usize = 12;
/// At most so many steps, where all are drawn.
const ALL_MAX: usize = 60;

/// Which steps have a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those that failed or were taken back.
    Telling,
    /// All, where they are few enough.
    All,
}

/// A row in the making.
struct Row {
    name: String,
    cells: Vec<char>,
}

impl Row {
    fn new(name: &str, columns: usize) -> Self {
        Self { name: clean::line(name, NAMES - 1), cells: vec![' '; columns] }
    }

    /// Fills from one instant to another, at least one column.
    fn fill(&mut self, scale: &Scale, (from, to): (Moment, Moment), with: char) {
        let (first, last) = (self.column(scale, from), self.column(scale, to));
        self.cells[first..last.max(first + 1)].fill(with);
    }

    fn put(&mut self, scale: &Scale, at: Moment, what: char) {
        let column = self.column(scale, at);
        self.cells[column] = what;
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place on the axis is small and positive"
    )]
    fn column(&self, scale: &Scale, at: Moment) -> usize {
        (scale.x(at).max(0.0) as usize).min(self.cells.len() - 1)
    }

    fn write(&self, out: &mut String) {
        let cells: String = self.cells.iter().collect();
        let _ = writeln!(out, "{}", format!("{:<NAMES$}│{cells}│", self.name).trim_end());
    }
}

/// Draws a run in 78 columns, with the steps that failed or were taken back. Nothing if nothing began.
pub(crate) fn draw_text(record: &Record) -> String {
    draw_text_in(record, NAMES + COLUMNS + 2, Rows::Telling)
}

/// Draws a run in so many columns. Nothing if nothing began.
pub(crate) fn draw_text_in(record: &Record, width: usize, rows: Rows) -> String {
    let columns = width.saturating_sub(NAMES + 2).clamp(20, 400);
    let until = record.header.until;
    if until == Moment::ZERO {
        return String::new();
    }
    let steps = match rows {
        Rows::Telling => telling(record),
        Rows::All if record.steps.len() <= ALL_MAX => {
            record.steps.iter().enumerate().filter(|(_, step)| step.started.is_some()).collect()
        }
        Rows::All => chosen(record).into_iter().take(ALL_MAX).collect(),
    };
    let most = if rows == Rows::All { ALL_MAX } else { ROWS_MAX };
    let scale = Scale::new(until, &instants(record, &steps, &[]), &outages(record), 0.0, columns as f64);
    let critical = critical(record);
    let mut out = String::new();
    let end = clock(until);
    let _ = writeln!(out, "{:<NAMES$} 0{:>width$}", "", end, width = columns - 1);
    let mut shown = 0;
    for (n, phase) in record.phases.iter().enumerate().filter(|(_, phase)| phase.started.is_some()) {
        let mut row = Row::new(phase.id.as_str(), columns);
        let started = phase.started.unwrap_or(until);
        row.fill(&scale, (started, phase.ended.unwrap_or(until)), '▒');
        if phase.state == PhaseState::Failed {
            row.put(&scale, phase.ended.unwrap_or(until), '✗');
        }
        row.write(&mut out);
        // All steps stand with their phases; a few that tell stand together below.
        if rows == Rows::All {
            for (place, step) in steps.iter().filter(|(_, step)| step.phase == n) {
                one_step(&mut out, step, critical[*place], &scale, columns, until);
                shown += 1;
            }
        }
    }
    if rows == Rows::Telling {
        for (place, step) in steps.iter().take(most) {
            one_step(&mut out, step, critical[*place], &scale, columns, until);
            shown += 1;
        }
    }
    match (rows, steps.len().saturating_sub(shown)) {
        (_, 0) => {}
        (Rows::Telling, more) => {
            let _ = writeln!(out, "  and {more} more steps that failed or were taken back");
        }
        (Rows::All, more) => {
            let _ = writeln!(out, "  and {more} more steps");
        }
    }
    if rows == Rows::All && record.steps.len() > ALL_MAX {
        let _ = writeln!(out, "  of {} steps those that failed or took longest", record.steps.len());
    }
    for service in &record.services {
        let mut row = Row::new(service.id.as_str(), columns);
        row.cells.fill('·');
        for outage in &service.outages {
            row.fill(&scale, (outage.outage.start(), outage.outage.end().unwrap_or(until)), '█');
        }
        for ((from, to), _) in unwatched(record) {
            row.fill(&scale, (from, to), '?');
        }
        row.write(&mut out);
    }
    let cuts: Vec<String> = scale.cuts().map(|cut| cut.length().to_string()).collect();
    if !cuts.is_empty() {
        let _ = writeln!(out, "  quiet times are drawn short: {}", cuts.join(", "));
    }
    let mut legend = vec!["▒ phase", "▓ step", "✗ failed", "◂ taken back", "· served", "█ out"];
    if rows == Rows::All && record.steps.iter().any(|step| !step.gates.is_empty()) {
        legend.push("░ gate");
    }
    if unwatched(record).next().is_some() {
        legend.push("? unknown");
    }
    if rows == Rows::All {
        legend.push("▸ the run waited for it: critical path");
    }
    let mut line = String::new();
    for sign in legend {
        if line.chars().count() + 2 + sign.chars().count() > columns + NAMES {
            let _ = writeln!(out, "{line}");
            line.clear();
        }
        let _ = write!(line, "  {sign}");
    }
    let _ = writeln!(out, "{line}");
    out
}

fn one_step(out: &mut String, step: &StepRecord, critical: bool, scale: &Scale, columns: usize, until: Moment) {
    let sign = if critical { "▸" } else { " " };
    let mut row = Row::new(&format!("{sign} {}", step.id), columns);
    for attempt in &step.attempts {
        row.fill(scale, (attempt.started, attempt.ended.unwrap_or(until)), '▓');
    }
    for gate in &step.gates {
        row.fill(scale, (gate.opened, gate.closed.unwrap_or(until)), '░');
    }
    if step.state.is_bad() {
        row.put(scale, step.ended.unwrap_or(until), '✗');
    }
    if let Some(undo) = &step.undo {
        row.fill(scale, (undo.started, undo.ended.unwrap_or(until)), '◂');
    }
    row.write(out);
}

/// The steps that failed or were taken back, in order, each with its place in the record.
fn telling(record: &Record) -> Vec<(usize, &StepRecord)> {
    let tells = |step: &StepRecord| step.started.is_some() && (step.state.is_bad() || step.undo.is_some());
    record.steps.iter().enumerate().filter(|(_, step)| tells(step)).collect()
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
    fn more_columns_are_used_and_never_more_than_there_are() {
        for width in [60, 80, 132, 200] {
            let drawn = draw_text_in(&samples::failed(), width, Rows::All);
            let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest == width, "{widest} of {width}\n{drawn}");
            for sign in ['▸', '░', '?'] {
                assert!(drawn.contains(sign), "no {sign} in\n{drawn}");
            }
            assert!(drawn.contains("fence") && drawn.contains("scale-out"), "{drawn}");
        }
    }

    #[test]
    fn of_very_many_steps_few_are_drawn() {
        let drawn = draw_text(&samples::large(2_000));
        assert!(drawn.lines().count() < 40, "{drawn}");
    }
}
