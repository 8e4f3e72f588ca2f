//! When drills are due: a table for the terminal, or JSON. What a row says is the caller's, who knows the files.

use comfy_table::Cell;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::clean::line;
use super::text::{result, table};
use super::view::{Mark, Tone};
use super::{JSON_VERSION, Style};

/// How a drill stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgendaState {
    /// It was missed, and not made up for since.
    Overdue,
    /// It may begin now.
    Due,
    /// A run goes on.
    UnderWay,
    /// It will be due.
    Ahead,
    /// It is never due any more.
    Over,
    /// It has no schedule.
    Unscheduled,
}

impl AgendaState {
    fn mark(self) -> Mark {
        match self {
            Self::Overdue => Mark::new(Tone::Bad, "overdue"),
            Self::Due => Mark::new(Tone::Doubt, "due"),
            Self::UnderWay => Mark::new(Tone::Doubt, "under way"),
            Self::Ahead => Mark::new(Tone::Good, "in time"),
            Self::Over => Mark::new(Tone::Quiet, "over"),
            Self::Unscheduled => Mark::new(Tone::Quiet, "no schedule"),
        }
    }
}

/// A run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgendaRun {
    /// Its id.
    pub run: String,
    /// When it began.
    pub at: Timestamp,
    /// How it ended; none while it goes on or was left behind.
    pub verdict: Option<String>,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
}

/// A time at which it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgendaTime {
    /// The occurrence's name: `2026-Q2`.
    pub occurrence: String,
    /// When.
    pub at: Timestamp,
    /// Until when it may begin.
    pub until: Timestamp,
    /// The excluded day that it would have been on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// A playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgendaRow {
    /// Its name.
    pub playbook: String,
    /// Its file.
    pub file: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its schedule in words.
    pub schedule: Option<String>,
    /// In which time zone times are shown.
    #[serde(skip)]
    pub zone: Option<TimeZone>,
    /// How it stands.
    pub state: AgendaState,
    /// The time that was missed, if it is overdue.
    pub overdue: Option<AgendaTime>,
    /// The time at which it is due now, if it is.
    pub due: Option<AgendaTime>,
    /// The next times after now.
    pub next: Vec<AgendaTime>,
    /// The newest run.
    pub last: Option<AgendaRun>,
    /// Whether nobody need be there when it begins: on a simulation, or where the infrastructure file says so; none where
    /// that file can't be read.
    pub unattended: Option<bool>,
}

#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u32,
    at: Timestamp,
    playbooks: &'a [AgendaRow],
}

/// The rows as one JSON document.
#[must_use]
pub fn json(at: Timestamp, rows: &[AgendaRow]) -> String {
    let document = Document { kind: "muster-schedule", version: JSON_VERSION, at, playbooks: rows };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

/// The rows as a table.
#[must_use]
pub fn text(rows: &[AgendaRow], style: &Style) -> String {
    if rows.is_empty() {
        return "There is no playbook here: name files, or folders that have some.\n".to_owned();
    }
    let mut table = table(&["Playbook", "State", "Due", "Last run"], style);
    for row in rows {
        let schedule = row.schedule.as_deref().unwrap_or("no `schedule:`");
        table.add_row([
            Cell::new(format!("{}\n  {}", line(&row.playbook, 64), line(schedule, 120))),
            result(&row.state.mark()),
            Cell::new(due(row)),
            Cell::new(row.last.as_ref().map_or_else(|| "–".to_owned(), |last| run(last, row.zone.as_ref()))),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    format!("{}\n", table.trim_fmt())
}

/// On the wall of a zone, to the minute.
#[must_use]
pub fn wall(at: Timestamp, zone: Option<&TimeZone>) -> String {
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn due(row: &AgendaRow) -> String {
    let zone = row.zone.as_ref();
    let mut lines = Vec::new();
    if let Some(time) = &row.overdue {
        lines.push(format!("since {} ({})", wall(time.until, zone), time.occurrence));
    }
    if let Some(time) = &row.due {
        lines.push(format!("now, until {}", wall(time.until, zone)));
    }
    if let Some(time) = row.next.first() {
        let moved = time.moved_from.as_ref().map_or_else(String::new, |day| format!("\n  in place of {day}"));
        lines.push(format!("next {}{moved}", wall(time.at, zone)));
    }
    if lines.is_empty() { "–".to_owned() } else { lines.join("\n") }
}

fn run(run: &AgendaRun, zone: Option<&TimeZone>) -> String {
    let stamp = if run.simulated { ", simulated" } else { "" };
    let verdict = run.verdict.as_deref().map_or_else(|| "no end".to_owned(), |verdict| line(verdict, 20));
    format!("{verdict}{stamp}\n  {}", wall(run.at, zone))
}
