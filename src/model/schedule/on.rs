//! On which day of a week, month, quarter or year: in words.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use super::Every;

/// A day of a week, a month, a quarter or a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum On {
    /// A day of the week.
    Weekday(Weekday),
    /// A day of a month, or, where none is named, of the whole period.
    Day {
        /// Which.
        day: Day,
        /// Of which month.
        of: Option<MonthName>,
    },
}

/// A day of a longer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// By its number, from 1; in a shorter month the last.
    Number(i8),
    /// The last.
    Last,
    /// One of its Mondays, Tuesdays …
    Weekday(Nth, Weekday),
}

/// Which of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// From the beginning: 1 to 4, which every month has.
    From(i8),
    /// The last.
    Last,
}

/// A month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthName {
    /// Of the quarter or year, from 1.
    Nth(i8),
    /// The last of the quarter or year.
    Last,
    /// January is 1.
    Named(i8),
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const ORDINALS: [&str; 12] = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
];

/// One of the words, or its first three letters or more.
fn named(text: &str, words: impl IntoIterator<Item = &'static str>) -> Option<usize> {
    words.into_iter().position(|word| word == text || (text.len() >= 3 && word.starts_with(text)))
}

fn weekday(text: &str) -> Option<Weekday> {
    named(text, WEEKDAYS.map(|(name, _)| name)).map(|at| WEEKDAYS[at].1)
}

/// From 1.
fn ordinal(text: &str) -> Option<i8> {
    let at = ORDINALS.iter().position(|word| *word == text)?;
    i8::try_from(at + 1).ok()
}

/// From 1.
fn month(text: &str) -> Option<i8> {
    named(text, MONTHS).and_then(|at| i8::try_from(at + 1).ok())
}

/// `15`, `15th`.
fn number(text: &str) -> Option<i8> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|number| (1..=31).contains(number))
}

fn nth(text: &str) -> Option<Nth> {
    if text == "last" { Some(Nth::Last) } else { ordinal(text).filter(|nth| *nth <= 4).map(Nth::From) }
}

fn day(words: &[&str]) -> Option<Day> {
    match words {
        ["last", "day"] => Some(Day::Last),
        [one] => number(one).map(Day::Number),
        [which, "day"] => ordinal(which).map(Day::Number),
        [which, what] => Some(Day::Weekday(nth(which)?, weekday(what)?)),
        _ => None,
    }
}

fn of(words: &[&str]) -> Option<MonthName> {
    match words {
        ["last", "month"] => Some(MonthName::Last),
        [which, "month"] => ordinal(which).map(MonthName::Nth),
        [one] => month(one).map(MonthName::Named),
        _ => None,
    }
}

/// Of the whole period, or of the month in other words.
fn is_the_period(words: &[&str]) -> bool {
    matches!(words, ["month" | "quarter" | "year"])
}

impl FromStr for On {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let fifth = text.to_lowercase();
            if fifth.split_whitespace().any(|word| word == "fifth") && fifth.contains("day") {
                return format!("`{text}`: not every month has a fifth; write \"last\" for the last one");
            }
            format!(
                "`{text}` is no day; write \"tuesday\" (of a week), \"15\", \"last day\", \"last friday\", \"second tuesday \
                 of the second month\" or \"third thursday of march\""
            )
        };
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().filter(|word| *word != "the" && *word != "on").collect();
        if let [one] = words[..]
            && let Some(weekday) = weekday(one)
        {
            return Ok(Self::Weekday(weekday));
        }
        let parts = match words.iter().position(|word| *word == "of") {
            Some(at) if is_the_period(&words[at + 1..]) => day(&words[..at]).map(|day| (day, None)),
            Some(at) => day(&words[..at]).zip(of(&words[at + 1..]).map(Some)),
            None => day(&words).map(|day| (day, None)).or_else(|| match words[..] {
                // 15 march, march 15
                [a, b] => number(a)
                    .zip(month(b))
                    .or_else(|| number(b).zip(month(a)))
                    .map(|(number, month)| (Day::Number(number), Some(MonthName::Named(month)))),
                _ => None,
            }),
        };
        parts.map(|(day, of)| Self::Day { day, of }).ok_or_else(wrong)
    }
}

impl TryFrom<String> for On {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<On> for String {
    fn from(on: On) -> Self {
        on.to_string()
    }
}

/// What one would write for a rhythm.
pub(super) fn example(every: &Every) -> &'static str {
    match every {
        Every::Week => "tuesday",
        Every::Month => "second tuesday",
        Every::Quarter | Every::Cron(_) => "second tuesday of the second month",
        Every::Year => "second tuesday of march",
    }
}

impl On {
    /// Whether it is a day of such a period.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn fits(&self, every: &Every) -> Result<(), (String, String)> {
        let write = || format!("write for example `on: \"{}\"`", example(every));
        let wrong = |what: String| Err((what, write()));
        match (every, self) {
            (Every::Week, Self::Weekday(_)) | (Every::Cron(_), _) => Ok(()),
            (Every::Week, Self::Day { .. }) => wrong(format!("`{self}` is no day of the week")),
            (_, Self::Weekday(_)) => wrong(format!("which `{self}` of the {every} is not said")),
            (Every::Month, Self::Day { of, .. }) => match of {
                None => Ok(()),
                Some(_) => wrong(format!("`{self}` names a month, but it is to be every month")),
            },
            (Every::Quarter, Self::Day { of: Some(MonthName::Named(_)), .. }) => {
                wrong(format!("`{self}` names a month, which only one quarter has"))
            }
            (Every::Quarter, Self::Day { of: Some(MonthName::Nth(nth)), .. }) if *nth > 3 => {
                wrong(format!("`{self}`: a quarter has three months"))
            }
            (Every::Quarter | Every::Year, Self::Day { day: Day::Number(_), of: None }) => {
                wrong(format!("`{self}`: of which month of the {every} is not said"))
            }
            (Every::Quarter | Every::Year, Self::Day { .. }) => Ok(()),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekday(weekday) => f.write_str(weekday_name(*weekday)),
            Self::Day { day, of } => {
                match day {
                    Day::Number(number) => write!(f, "{number}")?,
                    Day::Last => f.write_str("last day")?,
                    Day::Weekday(nth, weekday) => write!(f, "{} {}", nth_name(*nth), weekday_name(*weekday))?,
                }
                match of {
                    None => Ok(()),
                    Some(MonthName::Last) => f.write_str(" of the last month"),
                    Some(MonthName::Nth(nth)) => write!(f, " of the {} month", word(&ORDINALS, *nth)),
                    Some(MonthName::Named(month)) => write!(f, " of {}", word(&MONTHS, *month)),
                }
            }
        }
    }
}

fn word(words: &[&'static str; 12], number: i8) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|at| words.get(at)).copied().unwrap_or("")
}

fn nth_name(nth: Nth) -> &'static str {
    match nth {
        Nth::From(nth) => word(&ORDINALS, nth),
        Nth::Last => "last",
    }
}

fn weekday_name(weekday: Weekday) -> &'static str {
    usize::try_from(weekday.to_monday_zero_offset()).map_or("", |at| WEEKDAYS[at].0)
}
