//! Coverage: what was drilled in which quarter, with which result, and how recovery times stand against their objectives
//! over time. A pure function of the index's entries, and of when drills were due where that is known.
//!
//! A quarter's cell says what the last real drill in it said: `passed`, `failed`, or that it broke off. Where there was
//! none: that one was missed, else that there were simulated ones only, else that one is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::index::IndexRow;
use crate::calendar::Quarter;
use crate::calendar::slots::{Fate, Slot, overdue};
use crate::measure::Judgement;
use crate::time::Span;

/// Figures of a line that are kept: the newest.
pub const FIGURES_MAX: usize = 12;

/// A playbook that is scheduled, or was looked at.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub playbook: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// In which time zone its schedule is meant.
    pub zone: TimeZone,
    /// Its services: their names and what people call them.
    pub services: Vec<(String, String)>,
    /// When it was due and what became of that, up to the time after next; none without a schedule.
    pub slots: Vec<Slot>,
}

/// What a quarter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Nothing was done and nothing was due.
    #[default]
    Nothing,
    /// It is still due in it.
    Due,
    /// Only simulated drills: no evidence of a real failover.
    SimulatedOnly,
    /// A drill was due and did not take place.
    Missed,
    /// The last real drill was refused, aborted or did not end.
    BrokenOff,
    /// The last real drill failed.
    Failed,
    /// The last real drill passed.
    Passed,
}

impl CellState {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "–",
            Self::Due => "due",
            Self::SimulatedOnly => "simulated only",
            Self::Missed => "missed",
            Self::BrokenOff => "broken off",
            Self::Failed => "failed",
            Self::Passed => "passed",
        }
    }
}

/// A playbook or service in a quarter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What counts.
    pub state: CellState,
    /// Real drills that passed.
    pub passed: u32,
    /// Real drills that failed.
    pub failed: u32,
    /// Real drills that were refused, aborted or did not end.
    pub broken_off: u32,
    /// Simulated drills that ended, whatever their verdict.
    pub simulated: u32,
    /// Times at which a drill was due and did not take place.
    pub missed: u32,
    /// Times at which one is due still.
    pub due: u32,
    /// The real drill whose result counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What that one measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Figure>,
}

/// What a drill measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Which drill.
    pub run: String,
    /// When it began.
    pub at: Timestamp,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
    /// How it ended; none while it goes on.
    pub verdict: Option<String>,
    /// Recovery time of the failover at most, in nanoseconds.
    pub rta_ns: Option<u64>,
    /// Where no outage was seen in it: the longest that would have been missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none_seen: Option<Span>,
    /// Its objective, and how it was judged.
    pub rto: Option<(Span, Judgement)>,
    /// Data loss at most, in nanoseconds; of a whole drill only.
    pub rpa_ns: Option<u64>,
    /// Its objective, and how it was judged.
    pub rpo: Option<(Span, Judgement)>,
}

/// A playbook or a service over the quarters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Who answers for it, of a playbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The playbooks in which it is drilled, of a service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub playbooks: Vec<String>,
    /// One a quarter.
    pub cells: Vec<Cell>,
    /// When it is due next, or is due now.
    pub next_due: Option<Timestamp>,
    /// Since when it is overdue.
    pub overdue_since: Option<Timestamp>,
    /// What was measured, oldest first.
    pub figures: Vec<Figure>,
}

/// Playbooks and services by quarter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// When this was so.
    pub at: Timestamp,
    /// The quarters, in order.
    pub quarters: Vec<Quarter>,
    /// One line a playbook, by name.
    pub playbooks: Vec<Line>,
    /// One line a service, by name.
    pub services: Vec<Line>,
}

impl Coverage {
    /// The playbooks that are overdue.
    pub fn overdue(&self) -> impl Iterator<Item = &Line> {
        self.playbooks.iter().filter(|line| line.overdue_since.is_some())
    }
}

/// What a run says of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Passed,
    Failed,
    BrokenOff,
    /// It goes on.
    NotYet,
}

fn said(row: &IndexRow) -> Said {
    match row.verdict.as_deref() {
        Some("passed") => Said::Passed,
        Some("failed") => Said::Failed,
        Some(_) => Said::BrokenOff,
        None => Said::NotYet,
    }
}

/// Draws the lines of what was watched and of what was run. `runs` may come in any order; those that began in none of the
/// quarters are left out of the cells, and count among the figures.
#[must_use]
pub fn coverage(at: Timestamp, quarters: &[Quarter], watched: &[Watched], runs: &[IndexRow]) -> Coverage {
    let mut lines = Lines { quarters, playbooks: BTreeMap::new(), services: BTreeMap::new() };
    for it in watched {
        lines.watch(it);
    }
    let mut ordered: Vec<(Timestamp, &IndexRow)> =
        runs.iter().filter_map(|row| Some((row.started_at.parse().ok()?, row))).collect();
    ordered.sort_by(|a, b| (a.0, a.1.run.as_str()).cmp(&(b.0, b.1.run.as_str())));
    for (began, row) in ordered {
        let Some(day) = row.day() else { continue };
        lines.run(began, day, row);
    }
    let end = |lines: BTreeMap<String, Line>| lines.into_values().map(settled).collect();
    Coverage { at, quarters: quarters.to_vec(), playbooks: end(lines.playbooks), services: end(lines.services) }
}

struct Lines<'q> {
    quarters: &'q [Quarter],
    playbooks: BTreeMap<String, Line>,
    services: BTreeMap<String, Line>,
}

fn line(name: &str, title: &str, quarters: usize) -> Line {
    Line {
        name: name.to_owned(),
        title: title.to_owned(),
        owner: None,
        playbooks: Vec::new(),
        cells: vec![Cell::default(); quarters],
        next_due: None,
        overdue_since: None,
        figures: Vec::new(),
    }
}

impl Lines<'_> {
    fn cell(&self, date: Date) -> Option<usize> {
        let quarter = Quarter::of(date);
        self.quarters.iter().position(|it| *it == quarter)
    }

    fn watch(&mut self, it: &Watched) {
        let mut own = line(&it.playbook, &it.title, self.quarters.len());
        own.owner.clone_from(&it.owner);
        own.next_due =
            it.slots.iter().find(|slot| matches!(slot.fate, Fate::Due | Fate::Ahead)).map(|slot| slot.occurrence.at);
        own.overdue_since = overdue(&it.slots).map(|slot| slot.until);
        for slot in &it.slots {
            let Some(at) = self.cell(it.zone.to_datetime(slot.occurrence.at).date()) else { continue };
            match slot.fate {
                Fate::Missed => own.cells[at].missed += 1,
                Fate::Due | Fate::Ahead => own.cells[at].due += 1,
                Fate::UnderWay | Fate::Done => {}
            }
        }
        for (id, title) in &it.services {
            let count = self.quarters.len();
            let service = self.services.entry(id.clone()).or_insert_with(|| line(id, title, count));
            if !service.playbooks.contains(&it.playbook) {
                service.playbooks.push(it.playbook.clone());
            }
            for (cell, own) in service.cells.iter_mut().zip(&own.cells) {
                cell.missed += own.missed;
                cell.due += own.due;
            }
            service.next_due = [service.next_due, own.next_due].into_iter().flatten().min();
            service.overdue_since = [service.overdue_since, own.overdue_since].into_iter().flatten().min();
        }
        self.playbooks.insert(it.playbook.clone(), own);
    }

    fn run(&mut self, began: Timestamp, date: Date, row: &IndexRow) {
        let (at, said, count) = (self.cell(date), said(row), self.quarters.len());
        let own = self.playbooks.entry(row.playbook.clone()).or_insert_with(|| line(&row.playbook, &row.title, count));
        let nanos = |ns: Option<i64>| ns.and_then(|ns| u64::try_from(ns).ok());
        let figure = |(rta_ns, none_seen), rto, rpa_ns, rpo| Figure {
            run: row.run.to_string(),
            at: began,
            simulated: row.simulated,
            verdict: row.verdict.clone(),
            rta_ns,
            none_seen,
            rto,
            rpa_ns,
            rpo,
        };
        let detail = &row.detail;
        let whole = figure((nanos(row.rta_ns), detail.none_seen), detail.rto, nanos(row.rpa_ns), detail.rpo);
        note(own, at, said, row, &whole);
        own.figures.push(whole);
        for service in &row.detail.services {
            let line =
                self.services.entry(service.id.clone()).or_insert_with(|| line(&service.id, &service.title, count));
            if !line.playbooks.contains(&row.playbook) {
                line.playbooks.push(row.playbook.clone());
            }
            // A drill may fail because of another service; one that fell short itself has failed whatever the drill says.
            let said = match said {
                Said::Passed | Said::Failed if service.fell_short => Said::Failed,
                Said::Failed if row.detail.failover.is_some() => Said::Passed,
                other => other,
            };
            let rta = service.rta.map(|(_, upper)| upper.0);
            let none_seen = service.none_seen.filter(|_| rta.is_none() && service.outages.is_empty());
            let own = figure((rta, none_seen), service.rto, None, None);
            note(line, at, said, row, &own);
            line.figures.push(own);
        }
    }
}

fn note(line: &mut Line, at: Option<usize>, said: Said, row: &IndexRow, figure: &Figure) {
    let Some(cell) = at.and_then(|at| line.cells.get_mut(at)) else { return };
    match (row.simulated, said) {
        (_, Said::NotYet) | (true, Said::BrokenOff) => return,
        (true, _) => {
            cell.simulated += 1;
            return;
        }
        (false, Said::Passed) => cell.passed += 1,
        (false, Said::Failed) => cell.failed += 1,
        (false, Said::BrokenOff) => cell.broken_off += 1,
    }
    // Runs come in order: the last real one counts.
    cell.state = match said {
        Said::Passed => CellState::Passed,
        Said::Failed => CellState::Failed,
        Said::BrokenOff | Said::NotYet => CellState::BrokenOff,
    };
    cell.run = Some(row.run.to_string());
    cell.measured = Some(figure.clone());
}

/// With what the cells say that had no real drill, and the newest figures alone.
fn settled(mut line: Line) -> Line {
    for cell in &mut line.cells {
        if cell.state == CellState::Nothing {
            cell.state = match cell {
                Cell { missed: 1.., .. } => CellState::Missed,
                Cell { simulated: 1.., .. } => CellState::SimulatedOnly,
                Cell { due: 1.., .. } => CellState::Due,
                _ => CellState::Nothing,
            };
        }
    }
    let older = line.figures.len().saturating_sub(FIGURES_MAX);
    line.figures.drain(..older);
    line
}

#[cfg(test)]
mod tests;
