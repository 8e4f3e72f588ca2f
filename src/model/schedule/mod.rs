//! When a drill is due, as a playbook writes it. Data and the words for it; what follows from it is `calendar`'s.

mod cron;
mod on;

use std::fmt;

use jiff::civil::{Date, Time};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use cron::Cron;
pub use on::{Day, MonthName, Nth, On};

use crate::time::Span;

/// The key `schedule` of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How often.
    pub every: Every,
    /// On which day of that; none with a cron expression, which says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    /// At what time of the day; none with a cron expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// The IANA name of the time zone that all of it is meant in.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The first day on which it may be due; unstated: since the drill was first run or first looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Days on which it is never due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_on: Vec<NotOn>,
    /// What happens when it did not begin in time.
    #[serde(default)]
    pub if_missed: IfMissed,
    /// How long before it is due people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<Warn>,
}

impl fmt::Display for Schedule {
    /// For people: `every quarter, on the second tuesday of the second month, at 09:00 Europe/Amsterdam`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.every {
            Every::Cron(cron) => write!(f, "by the cron expression {}", cron.as_str())?,
            period => write!(f, "every {period}")?,
        }
        if let Some(on) = self.on {
            // A weekday is one, and so is `second tuesday`; `15 of may` and `last day` read as they are.
            write!(f, ", on {on}")?;
        }
        match self.at {
            Some(at) => write!(f, ", at {at} {}", self.timezone),
            None => write!(f, ", {}", self.timezone),
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// How often a drill is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Every {
    /// Once a week, from Monday to Sunday.
    Week,
    /// Once a month.
    Month,
    /// Once a quarter: January to March, and so on.
    Quarter,
    /// Once a year.
    Year,
    /// Whenever a cron expression says so.
    Cron(Cron),
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            // One word is a mistyped one of these, and several are fields.
            other if !other.trim().contains(char::is_whitespace) && !other.starts_with('@') => {
                return Err(format!(
                    "`{other}` is no rhythm; write week, month, quarter, year, or a cron expression of five fields such \
                     as \"30 9 * * mon\""
                ));
            }
            other => Self::Cron(other.parse()?),
        })
    }
}

impl From<Every> for String {
    fn from(every: Every) -> Self {
        every.to_string()
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::Cron(cron) => cron.as_str(),
        })
    }
}

/// A time of the day: `09:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct At(pub Time);

impl TryFrom<String> for At {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time of the day; write hours and minutes such as \"09:00\"");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let two = |text: &str| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i8>().ok()).flatten().ok_or_else(wrong)
        };
        Time::new(two(hour)?, two(minute)?, 0, 0).map(Self).map_err(|_| wrong())
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.to_string()
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

/// Days on which a drill is never due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum NotOn {
    /// A day, or a range of days with both its ends: `2026-12-24..2027-01-02`.
    Days(Days),
    /// The days that the events of a calendar file lie on: `{ ics: holidays.ics }`.
    Ics {
        /// The file, from the playbook's folder.
        ics: String,
        /// Its days, once it was read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        days: Vec<Days>,
    },
}

impl NotOn {
    /// The days that are known.
    #[must_use]
    pub fn days(&self) -> &[Days] {
        match self {
            Self::Days(days) => std::slice::from_ref(days),
            Self::Ics { days, .. } => days,
        }
    }
}

impl<'de> Deserialize<'de> for NotOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            ics: String,
            #[serde(default)]
            days: Vec<Days>,
        }

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = NotOn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day, a range of days or { ics: FILE }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<NotOn, E> {
                Days::try_from(text.to_owned()).map(NotOn::Days).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NotOn, A::Error> {
                let Named { ics, days } = Named::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(NotOn::Ics { ics, days })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Days in a row, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last; not before the first.
    pub last: Date,
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of days; write \"2026-12-24\" or \"2026-12-24..2027-01-02\"");
        let (first, last) = text.split_once("..").unwrap_or((&text, &text));
        let date = |text: &str| {
            let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            plain.then(|| text.parse::<Date>().ok()).flatten().ok_or_else(wrong)
        };
        let (first, last) = (date(first)?, date(last)?);
        if last < first { Err(wrong()) } else { Ok(Self { first, last }) }
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.to_string()
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}..{}", self.first, self.last) }
    }
}

/// What happens when a drill did not begin when it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum IfMissed {
    /// It may begin so much later: `run within 5 days`.
    RunWithin(Span),
    /// It waits for the next time: `skip`.
    Skip,
}

/// A drill that is not to be made up for may begin so much late all the same: no scheduler is to the second.
pub const GRACE: Span = Span::from_secs(15 * 60);

/// How late a drill may begin where nothing is said.
const LATE: Span = Span::from_secs(86_400);

/// The longest that a drill may begin late, or be told of before.
const LONGEST: Span = Span::from_secs(366 * 86_400);

impl Default for IfMissed {
    fn default() -> Self {
        Self::RunWithin(LATE)
    }
}

impl IfMissed {
    /// How long after it was due a drill may begin.
    #[must_use]
    pub fn within(self) -> Span {
        match self {
            Self::RunWithin(span) => span,
            Self::Skip => GRACE,
        }
    }
}

impl TryFrom<String> for IfMissed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "skip" {
            return Ok(Self::Skip);
        }
        let length = text.strip_prefix("run within ").and_then(length);
        length.map(Self::RunWithin).ok_or_else(|| {
            format!(
                "`{text}` is nothing to do about a missed drill; write \"run within 5 days\" (at most 366) or \"skip\""
            )
        })
    }
}

impl From<IfMissed> for String {
    fn from(if_missed: IfMissed) -> Self {
        if_missed.to_string()
    }
}

impl fmt::Display for IfMissed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunWithin(span) => write!(f, "run within {}", span.short()),
            Self::Skip => f.write_str("skip"),
        }
    }
}

/// How long before a drill is due people are told: `7 days before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Warn(pub Span);

impl TryFrom<String> for Warn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.strip_suffix(" before").and_then(length);
        length
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time to tell before; write \"7 days before\" (at most 366)"))
    }
}

impl From<Warn> for String {
    fn from(warn: Warn) -> Self {
        format!("{} before", warn.0.short())
    }
}

/// `5 days`, `1 week`, `12 hours`, or as playbooks write durations: `5d`.
fn length(text: &str) -> Option<Span> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let span = match words[..] {
        [one] => one.parse::<Span>().ok()?,
        [number, unit] => {
            let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
                "minute" => 60,
                "hour" => 3600,
                "day" => 86_400,
                "week" => 7 * 86_400,
                _ => return None,
            };
            Span::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?)
        }
        _ => return None,
    };
    (Span::ZERO < span && span <= LONGEST).then_some(span)
}

impl Schedule {
    /// What does not fit together: the key at fault, what is wrong, and what to do.
    ///
    /// # Errors
    /// The first such thing.
    pub fn check(&self) -> Result<(), (&'static str, String, String)> {
        if let Every::Cron(cron) = &self.every {
            let stated = [("on", self.on.is_some()), ("at", self.at.is_some())];
            if let Some((key, _)) = stated.into_iter().find(|(_, stated)| *stated) {
                let what = format!("a cron expression says by itself when it is due, and `{key}` says it again");
                return Err((key, what, format!("remove `{key}`, or write week, month, quarter or year")));
            }
            if cron.never() {
                let what = format!("no year has a day on which `{}` is due", cron.as_str());
                return Err(("every", what, "no month that it names has such a day".to_owned()));
            }
            return Ok(());
        }
        let Some(on) = &self.on else {
            let help = format!("add `on: \"{}\"`", on::example(&self.every));
            return Err(("every", format!("on which day of the {} is not said", self.every), help));
        };
        on.fits(&self.every).map_err(|(what, help)| ("on", what, help))?;
        if self.at.is_none() {
            let help = "add `at: \"09:00\"`".to_owned();
            return Err(("every", "at what time of the day is not said".to_owned(), help));
        }
        Ok(())
    }

    /// In words: `every quarter, second tuesday of the second month, at 09:00 (Europe/Amsterdam)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let on = self.on.map_or_else(String::new, |on| format!(", {on}"));
        let at = self.at.map_or_else(String::new, |at| format!(", at {at}"));
        match &self.every {
            Every::Cron(cron) => format!("cron {} ({})", cron.as_str(), self.timezone),
            every => format!("every {every}{on}{at} ({})", self.timezone),
        }
    }
}

#[cfg(test)]
mod tests;
