//! When drills may begin: ranges of a week or of days, as playbooks and infrastructure files write them.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};

/// When runs may begin, in one time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// When they may; empty: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Range>,
    /// When they must not, whatever is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blackout: Vec<Range>,
    /// The zone's IANA name.
    #[serde(default = "utc")]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A range of time, by a calendar on a wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Range {
    /// Of each week: `mon-fri 09:00..17:00`, `sat`, `daily 22:00..02:00` (into the next day).
    Weekly {
        /// The first day.
        from: Weekday,
        /// The last day, itself included; before `from`: over the week's end.
        to: Weekday,
        /// From when to when; none: whole days. The end is not included.
        hours: Option<(Time, Time)>,
    },
    /// Days: `2026-12-24..2027-01-02`, both included.
    Days {
        /// The first.
        first: Date,
        /// The last.
        last: Date,
    },
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn weekday(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    let (hour, minute) = (two(hour)?, two(minute)?);
    // The end of a day is the beginning of the next.
    if (hour, minute) == (24, 0) { Some(Time::midnight()) } else { Time::new(hour, minute, 0, 0).ok() }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no range of time; write `mon-fri 09:00..17:00`, `sat-sun`, `daily 22:00..02:00`, or days \
                 such as `2026-12-24..2027-01-02`"
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours) = match words[..] {
            [days] => (days, None),
            [days, hours] => (days, Some(hours)),
            _ => return Err(wrong()),
        };
        if days.starts_with(|first: char| first.is_ascii_digit()) {
            let (first, last) = days.split_once("..").unwrap_or((days, days));
            let date = |text: &str| text.parse::<Date>().map_err(|_| wrong());
            let (first, last) = (date(first)?, date(last)?);
            if hours.is_some() || last < first {
                return Err(wrong());
            }
            return Ok(Self::Days { first, last });
        }
        let (from, to) = match days {
            "daily" => (Weekday::Monday, Weekday::Sunday),
            days => {
                let (from, to) = days.split_once('-').unwrap_or((days, days));
                (weekday(from).ok_or_else(wrong)?, weekday(to).ok_or_else(wrong)?)
            }
        };
        let hours = match hours {
            None => None,
            Some(hours) => {
                let (from, to) = hours.split_once("..").ok_or_else(wrong)?;
                Some((time(from).ok_or_else(wrong)?, time(to).ok_or_else(wrong)?))
            }
        };
        Ok(Self::Weekly { from, to, hours })
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekly { from, to, hours } => {
                let name = |day: Weekday| DAYS[usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)].0;
                match (from, to) {
                    (Weekday::Monday, Weekday::Sunday) => f.write_str("daily")?,
                    (from, to) if from == to => f.write_str(name(*from))?,
                    (from, to) => write!(f, "{}-{}", name(*from), name(*to))?,
                }
                match hours {
                    Some((from, to)) => write!(
                        f,
                        " {:02}:{:02}..{:02}:{:02}",
                        from.hour(),
                        from.minute(),
                        if *to == Time::midnight() { 24 } else { to.hour() },
                        to.minute()
                    ),
                    None => Ok(()),
                }
            }
            Self::Days { first, last } if first == last => write!(f, "{first}"),
            Self::Days { first, last } => write!(f, "{first}..{last}"),
        }
    }
}
