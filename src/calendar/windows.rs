//! When drills may begin.
//!
//! Ranges are of the calendar on the wall: at the change to summer time an hour of them is missing, at the change back
//! it is there twice.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::model::{Range, Windows};

/// How many days ahead the next time is looked for.
const DAYS_AHEAD: i32 = 800;

/// How many changes of the clocks are looked at; there are two in a year.
const CHANGES: usize = 6;

/// Windows and their time zone.
#[derive(Clone, Debug)]
pub struct Zoned<'a> {
    /// When runs may begin.
    pub windows: &'a Windows,
    /// In which time zone that is meant.
    pub zone: TimeZone,
}

/// Whether a run may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Open,
    /// It may not.
    Closed {
        /// Why, for people.
        because: String,
        /// When it may next; `None`: not within the next two years.
        next: Option<Timestamp>,
    },
}

/// Whether a run may begin at `at`: all windows must allow it.
#[must_use]
pub fn standing(all: &[Zoned<'_>], at: Timestamp) -> Standing {
    let Some(because) = all.iter().find_map(|it| closed(it, at)) else { return Standing::Open };
    Standing::Closed { because, next: next_open(all, at) }
}

/// Why a run may not begin at `at`, if so.
fn closed(it: &Zoned<'_>, at: Timestamp) -> Option<String> {
    let local = it.zone.to_datetime(at);
    let (windows, zone) = (it.windows, &it.windows.timezone);
    if let Some(range) = windows.blackout.iter().find(|range| contains(range, local)) {
        return Some(format!("blackout `{range}` ({zone})"));
    }
    if windows.allowed.is_empty() || windows.allowed.iter().any(|range| contains(range, local)) {
        return None;
    }
    let names: Vec<String> = windows.allowed.iter().map(|range| format!("`{range}`")).collect();
    Some(format!("it is allowed {} only ({zone})", names.join(", ")))
}

/// Whether a range has an instant of the calendar in it.
fn contains(range: &Range, at: DateTime) -> bool {
    match range {
        Range::Days { first, last } => (*first..=*last).contains(&at.date()),
        Range::Weekly { from, to, hours } => {
            let on = |date: Date| from.until(date.weekday()) <= from.until(*to);
            match hours {
                None => on(at.date()),
                Some((start, end)) if start < end => on(at.date()) && (*start..*end).contains(&at.time()),
                // Into the next day, which need not be one of the range's days.
                Some((start, end)) => {
                    (on(at.date()) && at.time() >= *start) || (at.date().yesterday().is_ok_and(on) && at.time() < *end)
                }
            }
        }
    }
}

/// The first instant after `at` at which a run may begin: one at which a range begins or ends.
fn next_open(all: &[Zoned<'_>], at: Timestamp) -> Option<Timestamp> {
    let mut turns: Vec<Timestamp> = all.iter().flat_map(|it| turns(it, at)).filter(|turn| *turn > at).collect();
    turns.sort_unstable();
    turns.dedup();
    turns.into_iter().find(|turn| all.iter().all(|it| closed(it, *turn).is_none()))
}

/// Instants at which windows may open, from the day of `at` on.
fn turns(it: &Zoned<'_>, at: Timestamp) -> Vec<Timestamp> {
    let mut times = vec![Time::midnight()];
    for range in it.windows.allowed.iter().chain(&it.windows.blackout) {
        if let Range::Weekly { hours: Some((start, end)), .. } = range {
            times.extend([*start, *end]);
        }
    }
    times.sort_unstable();
    times.dedup();
    let today = it.zone.to_datetime(at).date();
    let mut turns = Vec::new();
    for day in 0..DAYS_AHEAD {
        let Ok(date) = today.checked_add(day.days()) else { break };
        for time in &times {
            // A time that is there twice is two turns.
            let when = it.zone.to_ambiguous_timestamp(date.to_datetime(*time));
            turns.extend([when.earlier(), when.later()].into_iter().flatten());
        }
    }
    // One that is missing comes with the change of the clocks.
    turns.extend(it.zone.following(at).take(CHANGES).map(|change| change.timestamp()));
    turns
}

#[cfg(test)]
mod tests;
