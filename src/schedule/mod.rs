//! Schedules and past runs put together: what is due, what is overdue, what the calendar feed and the tables of coverage
//! show.
//!
//! [`Survey`] reads everything once, at an instant that whoever asks brings; all else is drawn from it. May rely on `app`
//! and what lies above it. Must never start a run: the daemon does that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::app::{AppError, History, Ledger, Runs, ScheduledPlaybook, index_of, left_behind, read_schedules};
use crate::calendar::Quarter;
use crate::calendar::slots::{Begun, Fate, Slot, Worth, overdue, slots};
use crate::calendar::timetable::Timetable;
use crate::model::Environment;
use crate::record::IndexRow;
use crate::record::quarters::{Coverage, Watched, coverage};
use crate::report::agenda::{AgendaRow, AgendaRun, AgendaState, AgendaTime, wall};
use crate::report::feed::FeedEvent;

/// So far ahead a survey looks.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 400);
/// So far back the calendar feed goes.
const FEED_BACK: SignedDuration = SignedDuration::from_hours(24 * 92);
/// Events of one playbook in the feed, at most.
const FEED_MAX: usize = 500;
/// Next times that are told of a playbook.
const NEXT_MAX: usize = 4;

/// A playbook with what became of its schedule.
#[derive(Clone, Debug)]
pub struct Drill {
    /// The playbook.
    pub playbook: ScheduledPlaybook,
    /// When it was and will be due; none without a schedule.
    pub slots: Vec<Slot>,
    /// The places of its runs among all of them, oldest first: those that count.
    pub runs: Vec<usize>,
}

impl Drill {
    /// Whether nobody need be there when it begins; `None`: its infrastructure file can't be read.
    #[must_use]
    pub fn unattended(&self) -> Option<bool> {
        let ground = self.playbook.ground.as_ref()?;
        Some(ground.unattended || ground.environment == Environment::Simulated)
    }
}

/// Everything at one instant.
#[derive(Debug)]
pub struct Survey {
    /// The instant.
    pub at: Timestamp,
    /// The playbooks, by name.
    pub drills: Vec<Drill>,
    /// All runs that had begun, oldest first.
    pub runs: Vec<IndexRow>,
    /// What is wrong with playbooks, and what was out of the ordinary with the index.
    pub problems: Vec<String>,
}

impl Survey {
    /// Reads the playbooks and the index. A schedule that is looked at for the first time counts from the wall clock's now,
    /// whatever `at` is.
    ///
    /// # Errors
    /// [`AppError`]: a file, a folder or the store can't be read.
    pub fn read(paths: &[PathBuf], runs: &Runs, at: Timestamp) -> Result<Self, AppError> {
        std::fs::create_dir_all(&runs.reports).map_err(|error| {
            AppError::Files(format!("the reports folder {} can't be made: {error}", runs.reports.display()))
        })?;
        let scheduled = read_schedules(paths)?;
        let (history, notices) = History::open(runs)?;
        let mut rows: Vec<IndexRow> = history.list(None, None)?.iter().map(index_of).collect();
        // The index gives the newest first.
        rows.reverse();
        rows.retain(|row| row.started_at.parse::<Timestamp>().is_ok_and(|began| began <= at));
        let names: Vec<&str> = scheduled
            .playbooks
            .iter()
            .filter(|it| it.outline.schedule.is_some())
            .map(|it| it.outline.name.as_str())
            .collect();
        let since = Ledger::open(runs)?.since(&names, crate::time::wall_now())?;
        let left: BTreeSet<String> = left_behind(runs).into_iter().map(|left| left.run.to_string()).collect();
        let mut problems = notices;
        problems.extend(scheduled.problems);
        Ok(Self { at, drills: drills(scheduled.playbooks, &rows, &since, &left, at), runs: rows, problems })
    }

    /// A row a playbook.
    #[must_use]
    pub fn agenda(&self) -> Vec<AgendaRow> {
        self.drills.iter().map(|drill| self.agenda_row(drill)).collect()
    }

    fn agenda_row(&self, drill: &Drill) -> AgendaRow {
        let outline = &drill.playbook.outline;
        let late = overdue(&drill.slots);
        let due = drill.slots.iter().find(|slot| slot.fate == Fate::Due);
        let ahead = || drill.slots.iter().filter(|slot| slot.fate == Fate::Ahead);
        let state = match (&outline.schedule, late, due) {
            (None, ..) => AgendaState::Unscheduled,
            (_, Some(_), _) => AgendaState::Overdue,
            (_, _, Some(_)) => AgendaState::Due,
            _ if drill.slots.iter().any(|slot| slot.fate == Fate::UnderWay) => AgendaState::UnderWay,
            _ if ahead().next().is_some() => AgendaState::Ahead,
            _ => AgendaState::Over,
        };
        let newest = drill.runs.last().and_then(|at| self.runs.get(*at));
        AgendaRow {
            playbook: outline.name.clone(),
            file: drill.playbook.file.clone(),
            title: outline.title.clone(),
            owner: outline.owner.clone(),
            schedule: outline.schedule.as_ref().map(crate::model::Schedule::describe),
            zone: Some(drill.playbook.zone.clone()),
            state,
            overdue: late.map(time),
            due: due.map(time),
            next: ahead().take(NEXT_MAX).map(time).collect(),
            last: newest.and_then(agenda_run),
            unattended: drill.unattended(),
        }
    }

    /// The events of the calendar feed, from a quarter back to a year ahead.
    #[must_use]
    pub fn feed(&self) -> Vec<FeedEvent> {
        let from = self.at.saturating_sub(FEED_BACK).unwrap_or(Timestamp::MIN);
        let mut events = Vec::new();
        for drill in &self.drills {
            let Some(schedule) = &drill.playbook.outline.schedule else { continue };
            let minutes = self.minutes(drill);
            for slot in drill.slots.iter().filter(|slot| slot.occurrence.at >= from).take(FEED_MAX) {
                events.push(self.feed_event(drill, slot, minutes, schedule.warn.map(|warn| warn.0.0 / 60_000_000_000)));
            }
        }
        events
    }

    fn feed_event(&self, drill: &Drill, slot: &Slot, minutes: u32, warn_minutes: Option<u64>) -> FeedEvent {
        let outline = &drill.playbook.outline;
        let run = slot.run.and_then(|at| self.runs.get(*drill.runs.get(at)?));
        let fate = match slot.fate {
            Fate::Done => run.and_then(|run| run.verdict.clone()).unwrap_or_else(|| "done".to_owned()),
            Fate::Missed => "missed".to_owned(),
            Fate::UnderWay => "under way".to_owned(),
            Fate::Due | Fate::Ahead => String::new(),
        };
        let summary = if fate.is_empty() {
            format!("Drill: {}", outline.title)
        } else {
            format!("Drill ({fate}): {}", outline.title)
        };
        let mut description = format!("Playbook {}, {}", outline.name, slot.occurrence.period);
        if let Some(owner) = &outline.owner {
            let _ = write!(description, "\nOwner: {owner}");
        }
        if let Some(day) = slot.occurrence.moved_from {
            let _ = write!(description, "\nIn place of {day}, which is excluded");
        }
        let _ = write!(description, "\nIt may begin until {}", wall(slot.until, Some(&drill.playbook.zone)));
        if let Some(run) = run {
            let _ = write!(description, "\nRun {}", run.run);
        }
        let uid = format!("{}-{}", outline.name, slot.occurrence.period);
        FeedEvent { uid, start: slot.occurrence.at, minutes, summary, description, warn_minutes }
    }

    /// How long the last run took, in quarters of an hour; an hour where none has ended.
    fn minutes(&self, drill: &Drill) -> u32 {
        let took = drill.runs.iter().rev().filter_map(|at| self.runs.get(*at)).find_map(|run| {
            let (began, ended) =
                (run.started_at.parse::<Timestamp>().ok()?, run.finished_at.as_ref()?.parse::<Timestamp>().ok()?);
            Some(ended.as_second().saturating_sub(began.as_second()))
        });
        let quarters = took.map_or(4, |seconds| (seconds / 900 + 1).clamp(1, 4 * 24 * 7));
        u32::try_from(quarters * 15).unwrap_or(60)
    }

    /// What was drilled in which of the last quarters.
    #[must_use]
    pub fn coverage(&self, quarters: usize) -> Coverage {
        // Up to the latest that has begun anywhere: a drill on New Year's Day in Auckland is not left out.
        let zones = self.drills.iter().map(|drill| drill.playbook.zone.clone()).chain([TimeZone::UTC]);
        let quarter = zones.map(|zone| Quarter::of(zone.to_datetime(self.at).date())).max();
        self.coverage_of(&quarter.map(|quarter| quarter.last(quarters)).unwrap_or_default())
    }

    /// The same of these quarters.
    #[must_use]
    pub fn coverage_of(&self, quarters: &[Quarter]) -> Coverage {
        let watched: Vec<Watched> = self
            .drills
            .iter()
            .map(|drill| {
                let outline = &drill.playbook.outline;
                Watched {
                    playbook: outline.name.clone(),
                    title: outline.title.clone(),
                    owner: outline.owner.clone(),
                    zone: drill.playbook.zone.clone(),
                    services: outline.services.iter().map(|(id, title)| (id.to_string(), title.clone())).collect(),
                    slots: drill.slots.clone(),
                }
            })
            .collect();
        coverage(self.at, quarters, &watched, &self.runs)
    }
}

fn time(slot: &Slot) -> AgendaTime {
    AgendaTime {
        occurrence: slot.occurrence.period.to_string(),
        at: slot.occurrence.at,
        until: slot.until,
        moved_from: slot.occurrence.moved_from.map(|day| day.to_string()),
    }
}

fn agenda_run(row: &IndexRow) -> Option<AgendaRun> {
    Some(AgendaRun {
        run: row.run.to_string(),
        at: row.started_at.parse().ok()?,
        verdict: row.verdict.clone(),
        simulated: row.simulated,
    })
}

/// Puts each playbook together with its runs.
fn drills(
    playbooks: Vec<ScheduledPlaybook>,
    rows: &[IndexRow],
    since: &BTreeMap<String, Timestamp>,
    left: &BTreeSet<String>,
    at: Timestamp,
) -> Vec<Drill> {
    let mut by_playbook: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        by_playbook.entry(row.playbook.as_str()).or_default().push(number);
    }
    let until = at.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let drill = |playbook: ScheduledPlaybook| {
        let name = playbook.outline.name.as_str();
        let is_simulated = playbook.ground.as_ref().is_none_or(|ground| ground.environment == Environment::Simulated);
        let mut runs = by_playbook.get(name).cloned().unwrap_or_default();
        // A rehearsal on the twin of a real infrastructure is no drill.
        runs.retain(|at| !rows[*at].simulated || is_simulated);
        let begun: Vec<Begun> = runs.iter().filter_map(|at| begun(&rows[*at], left)).collect();
        let slots = playbook.outline.schedule.as_ref().map_or_else(Vec::new, |schedule| {
            let first = runs.iter().map(|at| &rows[*at]).find(|row| row.detail.scheduled);
            let first = first.and_then(|row| row.started_at.parse::<Timestamp>().ok());
            let looked = since.get(name).copied().unwrap_or(at);
            // A stated beginning is the beginning, also where nobody looked then.
            let stated =
                schedule.from.and_then(|day| day.to_zoned(playbook.zone.clone()).ok()).map(|it| it.timestamp());
            let since = stated.unwrap_or_else(|| first.map_or(looked, |first| first.min(looked)));
            let table = Timetable::new(schedule, playbook.zone.clone());
            slots(&table, schedule.if_missed.within(), (since, until), at, &begun)
        });
        Drill { playbook, slots, runs }
    };
    playbooks.into_iter().map(drill).collect()
}

fn begun(row: &IndexRow, left: &BTreeSet<String>) -> Option<Begun> {
    let worth = match row.verdict.as_deref() {
        Some("passed" | "failed") => Worth::Done,
        None if !left.contains(row.run.as_str()) => Worth::UnderWay,
        _ => Worth::Nothing,
    };
    Some(Begun { at: row.started_at.parse().ok()?, occurrence: row.detail.occurrence.clone(), worth })
}
