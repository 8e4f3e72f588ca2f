//! A cron expression: the five fields of cron(8), as sets of numbers.
//!
//! Own code and no crate: those that there are read other fields (seconds first), bring a second time library, or take
//! the two day fields together where cron takes either.

use std::str::FromStr;

/// When a job is due: minutes, hours, days of the month, months, days of the week. Where both day fields are restricted,
/// a day of either is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    /// Whether each of the two day fields begins with `*`.
    any_day: bool,
    any_weekday: bool,
}

/// No expression is longer.
const TEXT_MAX: usize = 256;

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The numbers of a field, and what may stand for them.
struct Field {
    what: &'static str,
    least: u32,
    most: u32,
    /// The first stands for `least`.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { what: "minutes", least: 0, most: 59, names: &[] },
    Field { what: "hours", least: 0, most: 23, names: &[] },
    Field { what: "days of the month", least: 1, most: 31, names: &[] },
    Field { what: "months", least: 1, most: 12, names: &MONTHS },
    // Both 0 and 7 are Sunday.
    Field { what: "days of the week", least: 0, most: 7, names: &WEEKDAYS },
];

impl Field {
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut set = 0;
        for part in text.split(',') {
            set |= self.part(part).ok_or_else(|| {
                let (what, least, most) = (self.what, self.least, self.most);
                format!("`{part}` is none of the {what} ({least} to {most}), no range of them and no step")
            })?;
        }
        Ok(set)
    }

    fn part(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // `5/10` is from 5 on.
            None => (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? }),
        };
        if last < first {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        Some((first..=last).step_by(step).fold(0, |set, number| set | (1 << number)))
    }

    fn value(&self, text: &str) -> Option<u32> {
        if let Some(at) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Some(u32::try_from(at).ok()? + self.least);
        }
        number(text).filter(|number| (self.least..=self.most).contains(number))
    }
}

fn number(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no cron expression: {why}");
        if text.len() > TEXT_MAX {
            return Err("a cron expression has at most 256 characters".to_owned());
        }
        let spelt = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = spelt.split_whitespace().collect();
        let [_, _, days, _, weekdays] = fields[..] else {
            return Err(wrong(&format!(
                "it has {} fields, not five: minute, hour, day of the month, month, day of the week",
                fields.len()
            )));
        };
        let mut sets = [0; 5];
        for ((set, field), text) in sets.iter_mut().zip(&FIELDS).zip(&fields) {
            *set = field.read(text).map_err(|why| wrong(&why))?;
        }
        let [minutes, hours, day_set, months, weekday_set] = sets;
        Ok(Self {
            text: text.to_owned(),
            minutes,
            hours,
            days: day_set,
            months,
            weekdays: (weekday_set | (weekday_set >> 7)) & 0x7f,
            any_day: days.starts_with('*'),
            any_weekday: weekdays.starts_with('*'),
        })
    }
}

impl Cron {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a day is one of its days. Months and days from 1, Sunday is 0.
    #[must_use]
    pub fn has_day(&self, month: i8, day: i8, weekday: i8) -> bool {
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        // As cron(8) has it: if either begins with a star, a day must be in both.
        let fits = if self.any_day || self.any_weekday { by_day && by_weekday } else { by_day || by_weekday };
        self.has_month(month) && fits
    }

    /// Whether any day of a month may be one of its days.
    #[must_use]
    pub fn has_month(&self, month: i8) -> bool {
        has(self.months, month)
    }

    /// Hours and minutes of its days, in order.
    pub fn times(&self) -> impl Iterator<Item = (i8, i8)> + '_ {
        let minutes = move || (0..60).filter(|minute| has(self.minutes, *minute));
        (0..24).filter(|hour| has(self.hours, *hour)).flat_map(move |hour| minutes().map(move |minute| (hour, minute)))
    }

    /// Whether no year has such a day: the 30th of February.
    pub(super) fn never(&self) -> bool {
        let days = |month: i8| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let by_day = (1..=12)
            .filter(|month| self.has_month(*month))
            .any(|month| (1..=days(month)).any(|day| has(self.days, day)));
        let either = !self.any_day && !self.any_weekday;
        !by_day && !either
    }
}

fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set.checked_shr(number).is_some_and(|rest| rest & 1 == 1))
}
