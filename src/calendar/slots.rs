//! What has become of the times at which a drill was due: done, under way, due, missed, ahead.
//!
//! A run counts for the last time before it began, whoever began it; one that begins up to an hour early (or half the
//! time since the time before, if that is shorter) counts for the time that comes. A run that carries the name of an
//! occurrence counts for that.

use jiff::Timestamp;

use super::timetable::{Occurrence, Timetable};
use crate::time::Span;

/// So early a run still counts for what is to come.
const EARLY_SECS: i64 = 3600;

/// Times of one drill at most that are looked at.
pub const SLOTS_MAX: usize = 100_000;

/// What a run is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It was carried out, whatever its verdict.
    Done,
    /// It goes on.
    UnderWay,
    /// It was refused, aborted or broke off: no drill took place.
    Nothing,
}

/// A run, as far as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When it began.
    pub at: Timestamp,
    /// The occurrence that it was begun for, by whoever began it.
    pub occurrence: Option<String>,
    /// What it is worth.
    pub worth: Worth,
}

/// What has become of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not yet.
    Ahead,
    /// It may begin now.
    Due,
    /// A run goes on.
    UnderWay,
    /// A run was carried out.
    Done,
    /// It was not, and may not begin any more.
    Missed,
}

/// A time at which a drill is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When.
    pub occurrence: Occurrence,
    /// Until when it may begin.
    pub until: Timestamp,
    /// What has become of it.
    pub fate: Fate,
    /// The place of the run that says so, or of one that did not count, among the runs.
    pub run: Option<usize>,
}

/// The times from `since` to `until`, in order, at most [`SLOTS_MAX`]; `runs` are in the order of their beginnings.
#[must_use]
pub fn slots(
    table: &Timetable<'_>,
    late: Span,
    (since, until): (Timestamp, Timestamp),
    now: Timestamp,
    runs: &[Begun],
) -> Vec<Slot> {
    let occurrences: Vec<Occurrence> = table.from(since).take_while(|it| it.at <= until).take(SLOTS_MAX).collect();
    let late = jiff::SignedDuration::from_nanos(i64::try_from(late.0).unwrap_or(i64::MAX));
    let mut all: Vec<Slot> = Vec::with_capacity(occurrences.len());
    for occurrence in &occurrences {
        // What is not begun when it is due again is not made up for any more.
        let until = occurrence.at.saturating_add(late).unwrap_or(Timestamp::MAX);
        let fate = if now < occurrence.at {
            Fate::Ahead
        } else if now <= until {
            Fate::Due
        } else {
            Fate::Missed
        };
        all.push(Slot { occurrence: *occurrence, until, fate, run: None });
    }
    for at in 1..all.len() {
        let next = all[at].occurrence.at;
        let before = &mut all[at - 1];
        before.until = before.until.min(next);
        if before.fate == Fate::Due && now >= next {
            before.fate = Fate::Missed;
        }
    }
    for (number, run) in runs.iter().enumerate() {
        let Some(slot) = slot_of(&mut all, run) else { continue };
        match (run.worth, slot.fate) {
            (Worth::Done, _) => (slot.fate, slot.run) = (Fate::Done, Some(number)),
            (Worth::UnderWay, fate) if fate != Fate::Done => (slot.fate, slot.run) = (Fate::UnderWay, Some(number)),
            (_, Fate::Done | Fate::UnderWay) => {}
            (_, _) => slot.run = Some(number),
        }
    }
    all
}

/// The time that a run counts for.
fn slot_of<'s>(all: &'s mut [Slot], run: &Begun) -> Option<&'s mut Slot> {
    let after = all.partition_point(|slot| slot.occurrence.at <= run.at);
    if let Some(name) = &run.occurrence {
        let is_named = |at: &usize| all.get(*at).is_some_and(|slot| slot.occurrence.period.to_string() == *name);
        // Nearly always it is one of the two beside it.
        let near = [after.saturating_sub(1), after].into_iter().find(is_named);
        if let Some(at) = near.or_else(|| (0..all.len()).find(is_named)) {
            return all.get_mut(at);
        }
    }
    if let Some(next) = all.get(after) {
        let ahead = next.occurrence.at.as_second() - run.at.as_second();
        let gap =
            after.checked_sub(1).map(|before| next.occurrence.at.as_second() - all[before].occurrence.at.as_second());
        if ahead <= gap.map_or(EARLY_SECS, |gap| (gap / 2).min(EARLY_SECS)) {
            return all.get_mut(after);
        }
    }
    all.get_mut(after.checked_sub(1)?)
}

/// The time that was missed and not made up for since, if there is one: the drill is overdue.
#[must_use]
pub fn overdue(slots: &[Slot]) -> Option<&Slot> {
    let last = slots.iter().rposition(|slot| matches!(slot.fate, Fate::Missed | Fate::Done | Fate::UnderWay))?;
    let made_up = slots[last..].iter().any(|slot| matches!(slot.fate, Fate::Done | Fate::UnderWay));
    if made_up { None } else { slots.get(last) }
}

#[cfg(test)]
mod tests;
