//! Quarters of a year, in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A quarter of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    year: i16,
    number: i8,
}

/// A text that is no quarter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no quarter; write for example 2026-Q4")]
pub struct QuarterError(String);

impl Quarter {
    /// The quarter of an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let date = at.to_zoned(TimeZone::UTC).date();
        Self { year: date.year(), number: (date.month() - 1) / 3 + 1 }
    }

    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        Self::of(at) == self
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}

impl FromStr for Quarter {
    type Err = QuarterError;

    fn from_str(text: &str) -> Result<Self, QuarterError> {
        let wrong = || QuarterError(text.chars().take(40).collect());
        let (year, number) = text.split_once("-Q").ok_or_else(wrong)?;
        if year.len() != 4 || number.len() != 1 {
            return Err(wrong());
        }
        let year = year.parse().map_err(|_| wrong())?;
        let number = number.parse().ok().filter(|number| (1..=4).contains(number)).ok_or_else(wrong)?;
        Ok(Self { year, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_lies_in_one_quarter() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (text, quarter) in [
            ("2026-01-01T00:00:00Z", "2026-Q1"),
            ("2026-03-31T23:59:59.999999999Z", "2026-Q1"),
            ("2026-04-01T00:00:00Z", "2026-Q2"),
            ("2026-09-30T23:59:59Z", "2026-Q3"),
            ("2026-12-31T23:59:59Z", "2026-Q4"),
        ] {
            assert_eq!(Quarter::of(at(text)).to_string(), quarter);
            assert!(quarter.parse::<Quarter>().unwrap().contains(at(text)));
        }
    }

    #[test]
    fn what_is_no_quarter_is_refused() {
        for text in ["", "2026", "2026-Q0", "2026-Q5", "26-Q1", "2026-q1", "2026-Q11", "+026-Q1x"] {
            assert!(text.parse::<Quarter>().is_err(), "{text}");
        }
    }
}
