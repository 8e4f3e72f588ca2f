//! When a drill is due, by its playbook's `schedule`.
//!
//! Everything is meant by the calendar on the wall of its time zone:
//!
//! * a day that a shorter month does not have (the 31st, the 29th of February) is the last of that month;
//! * a time that is missing because the clocks go forward is as much later as they go forward, one that is there twice
//!   is the first (as in RFC 5545, 3.3.5);
//! * a day that is excluded (`not_on`) gives way to the next one of the same week, month, quarter or year that is not,
//!   else to the one before it; Saturdays and Sundays are passed over unless it was one itself. Where the whole rest of
//!   the period is excluded nothing is due in it. A cron expression names its days itself: excluded ones are left out.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::model::Schedule;
use crate::model::schedule::{Cron, Day, Days, Every, MonthName, Nth, On};

/// No year beyond it is looked at.
const LAST_YEAR: i16 = 9998;

/// So many days in a row in which a cron expression has no day that counts end the search: a leap day comes within eight
/// years.
const EMPTY_DAYS_MAX: u32 = 366 * 9;

/// So many periods in a row in which nothing is due end the search.
const EMPTY_PERIODS_MAX: u32 = 1000;

/// The part of the calendar that an occurrence stands for. Its text is stable: it names the occurrence in a store and in
/// a calendar feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// An ISO week: `2026-W20`.
    Week(i16, i8),
    /// `2026-05`.
    Month(i16, i8),
    /// `2026-Q2`.
    Quarter(i16, i8),
    /// `2026`.
    Year(i16),
    /// The minute that a cron expression gave, on the wall: `2026-05-12T09:00`.
    Minute(DateTime),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Week(year, week) => write!(f, "{year:04}-W{week:02}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Quarter(year, quarter) => write!(f, "{year:04}-Q{quarter}"),
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Minute(at) => write!(f, "{}T{:02}:{:02}", at.date(), at.hour(), at.minute()),
        }
    }
}

/// One time that a drill is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// When.
    pub at: Timestamp,
    /// What for.
    pub period: Period,
    /// The excluded day that it would have been on.
    pub moved_from: Option<Date>,
}

/// A schedule with what it takes to answer questions.
#[derive(Clone, Debug)]
pub struct Timetable<'a> {
    schedule: &'a Schedule,
    zone: TimeZone,
    /// In order, none touching another.
    excluded: Vec<Days>,
}

impl<'a> Timetable<'a> {
    /// Of a schedule that was checked; `zone` is the one that it names.
    #[must_use]
    pub fn new(schedule: &'a Schedule, zone: TimeZone) -> Self {
        let mut days: Vec<Days> = schedule.not_on.iter().flat_map(|it| it.days().iter().copied()).collect();
        days.sort_unstable();
        let mut excluded: Vec<Days> = Vec::with_capacity(days.len());
        for next in days {
            match excluded.last_mut() {
                Some(before) if next.first <= before.last => before.last = before.last.max(next.last),
                _ => excluded.push(next),
            }
        }
        Self { schedule, zone, excluded }
    }

    /// The zone that it is meant in.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// When it is due, from `from` (itself included) on, in order. Ends where nothing is due any more.
    #[must_use]
    pub fn from(&self, from: Timestamp) -> Occurrences<'_> {
        let first = self.zone.to_datetime(from).date();
        let first = self.schedule.from.map_or(first, |schedule| schedule.max(first));
        // An occurrence may have been moved, and the clocks may: one period before is looked at too.
        let near = first.checked_sub(2.days()).unwrap_or(first);
        Occurrences { table: self, from, next: near, pending: BTreeSet::new(), begun: false }
    }

    fn is_excluded(&self, date: Date) -> bool {
        let after = self.excluded.partition_point(|days| days.first <= date);
        after > 0 && self.excluded[after - 1].last >= date
    }

    fn instant(&self, date: Date, time: Time) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()
    }

    /// What is due in the period that has `date` in it.
    fn of_period(&self, date: Date) -> Option<Occurrence> {
        let span = Stretch::of(&self.schedule.every, date)?;
        let (on, at) = (self.schedule.on?, self.schedule.at?.0);
        let meant = span.day(on)?;
        if self.schedule.from.is_some_and(|from| meant < from) {
            return None;
        }
        let date = self.free(meant, &span)?;
        let at = self.instant(date, at)?;
        Some(Occurrence { at, period: span.period, moved_from: (date != meant).then_some(meant) })
    }

    /// The day itself, else the next free one of its period, else the one before it.
    fn free(&self, meant: Date, span: &Stretch) -> Option<Date> {
        if !self.is_excluded(meant) {
            return Some(meant);
        }
        let at_weekend = is_weekend(meant);
        let first = self.schedule.from.map_or(span.first, |from| from.max(span.first));
        let free = |date: &Date| !self.is_excluded(*date) && (at_weekend || !is_weekend(*date));
        let later = meant.series(1.day()).skip(1).take_while(|date| *date <= span.last).find(free);
        later.or_else(|| meant.series((-1).day()).skip(1).take_while(|date| *date >= first).find(free))
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// A week, month, quarter or year.
struct Stretch {
    period: Period,
    first: Date,
    last: Date,
}

impl Stretch {
    fn of(every: &Every, date: Date) -> Option<Self> {
        let months = |first_month: i8, count: i8, period| {
            let first = Date::new(date.year(), first_month, 1).ok()?;
            let last = Date::new(date.year(), first_month + count - 1, 1).ok()?.last_of_month();
            Some(Self { period, first, last })
        };
        match every {
            Every::Week => {
                let week = date.iso_week_date();
                let day = |weekday| ISOWeekDate::new(week.year(), week.week(), weekday).ok().map(ISOWeekDate::date);
                let period = Period::Week(week.year(), week.week());
                Some(Self { period, first: day(Weekday::Monday)?, last: day(Weekday::Sunday)? })
            }
            Every::Month => months(date.month(), 1, Period::Month(date.year(), date.month())),
            Every::Quarter => {
                let quarter = (date.month() - 1) / 3;
                months(quarter * 3 + 1, 3, Period::Quarter(date.year(), quarter + 1))
            }
            Every::Year => months(1, 12, Period::Year(date.year())),
            Every::Cron(_) => None,
        }
    }

    /// The day of it that is meant.
    fn day(&self, on: On) -> Option<Date> {
        match on {
            On::Weekday(weekday) => {
                let days = i64::from(weekday.to_monday_zero_offset());
                self.first.checked_add(days.days()).ok().filter(|date| *date <= self.last)
            }
            On::Day { day, of } => {
                let (first, last) = match of {
                    None => (self.first, self.last),
                    Some(month) => {
                        let month = match month {
                            MonthName::Nth(nth) => self.first.month() + nth - 1,
                            MonthName::Last => self.last.month(),
                            MonthName::Named(month) => month,
                        };
                        let first = Date::new(self.first.year(), month, 1).ok()?;
                        (first, first.last_of_month())
                    }
                };
                match day {
                    Day::Last => Some(last),
                    Day::Number(number) => first.checked_add(i64::from(number - 1).days()).ok().map(|it| it.min(last)),
                    Day::Weekday(nth, weekday) => nth_weekday(first, last, nth, weekday),
                }
            }
        }
    }
}

fn nth_weekday(first: Date, last: Date, nth: Nth, weekday: Weekday) -> Option<Date> {
    match nth {
        Nth::From(nth) => {
            let ahead = i64::from(first.weekday().until(weekday)) + 7 * i64::from(nth - 1);
            first.checked_add(ahead.days()).ok().filter(|date| *date <= last)
        }
        Nth::Last => {
            let back = i64::from(weekday.until(last.weekday()));
            last.checked_sub(back.days()).ok().filter(|date| *date >= first)
        }
    }
}

/// When a drill is due, one after another.
#[derive(Clone, Debug)]
pub struct Occurrences<'t> {
    table: &'t Timetable<'t>,
    from: Timestamp,
    /// The day whose period, or which itself, is looked at next.
    next: Date,
    /// What was found of days before that and may come in another order: clocks that skip a day do that.
    pending: BTreeSet<Occurrence>,
    begun: bool,
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        match &self.table.schedule.every {
            Every::Cron(cron) => self.next_of_cron(cron),
            _ => self.next_of_period(),
        }
    }
}

impl Occurrences<'_> {
    fn next_of_period(&mut self) -> Option<Occurrence> {
        if !self.begun {
            self.begun = true;
            let span = Stretch::of(&self.table.schedule.every, self.next)?;
            self.next = span.first;
        }
        for _ in 0..EMPTY_PERIODS_MAX {
            if self.next.year() > LAST_YEAR {
                return None;
            }
            let span = Stretch::of(&self.table.schedule.every, self.next)?;
            let found = self.table.of_period(self.next);
            self.next = span.last.tomorrow().ok()?;
            if let Some(found) = found.filter(|found| found.at >= self.from) {
                return Some(found);
            }
        }
        None
    }

    fn next_of_cron(&mut self, cron: &Cron) -> Option<Occurrence> {
        let mut empty = 0;
        loop {
            if let Some(first) = self.pending.first().copied() {
                let sure = self.table.instant(self.next, Time::midnight());
                if sure.is_none_or(|sure| first.at < sure) || self.next.year() > LAST_YEAR {
                    self.pending.pop_first();
                    return Some(first);
                }
            }
            if self.next.year() > LAST_YEAR || empty > EMPTY_DAYS_MAX {
                return None;
            }
            let before = self.pending.len();
            self.take_day(cron)?;
            empty = if self.pending.len() > before { 0 } else { empty + 1 };
        }
    }

    /// Adds what is due on the next day.
    fn take_day(&mut self, cron: &Cron) -> Option<()> {
        let date = self.next;
        if !cron.has_month(date.month()) {
            self.next = date.last_of_month().tomorrow().ok()?;
            return Some(());
        }
        self.next = date.tomorrow().ok()?;
        let is_day = cron.has_day(date.month(), date.day(), date.weekday().to_sunday_zero_offset());
        if !is_day || self.table.is_excluded(date) || self.table.schedule.from.is_some_and(|from| date < from) {
            return Some(());
        }
        for (hour, minute) in cron.times() {
            let time = Time::new(hour, minute, 0, 0).ok()?;
            let Some(at) = self.table.instant(date, time).filter(|at| *at >= self.from) else { continue };
            // A time that is missing and the one that it becomes are one.
            if !self.pending.iter().any(|other| other.at == at) {
                self.pending.insert(Occurrence {
                    at,
                    period: Period::Minute(date.to_datetime(time)),
                    moved_from: None,
                });
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
