//! Quarters of a year.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::Serialize;

/// Three months of a year: `2026-Q4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Quarter {
    year: i16,
    /// From 1.
    number: i8,
}

/// A text that is no quarter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no quarter; write for example 2026-Q4")]
pub struct QuarterError(String);

impl Quarter {
    /// The one that a day is in.
    #[must_use]
    pub fn of(date: Date) -> Self {
        Self { year: date.year(), number: (date.month() - 1) / 3 + 1 }
    }

    /// The one before.
    #[must_use]
    pub fn before(self) -> Self {
        if self.number == 1 {
            Self { year: self.year - 1, number: 4 }
        } else {
            Self { number: self.number - 1, ..self }
        }
    }

    /// The last `count` up to this one, in order.
    #[must_use]
    pub fn last(self, count: usize) -> Vec<Self> {
        let mut all: Vec<Self> = std::iter::successors(Some(self), |it| Some(it.before())).take(count).collect();
        all.reverse();
        all
    }
}

impl From<Quarter> for String {
    fn from(quarter: Quarter) -> Self {
        quarter.to_string()
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
        let year = year.parse().ok().filter(|year| *year > 0).ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| (1..=4).contains(number)).ok_or_else(wrong)?;
        Ok(Self { year, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lies_in_one_quarter() {
        for (day, quarter) in [
            ("2026-01-01", "2026-Q1"),
            ("2026-03-31", "2026-Q1"),
            ("2026-04-01", "2026-Q2"),
            ("2026-09-30", "2026-Q3"),
            ("2026-12-31", "2026-Q4"),
        ] {
            assert_eq!(Quarter::of(day.parse().unwrap()), quarter.parse().unwrap());
        }
    }

    #[test]
    fn the_last_quarters_go_over_the_end_of_a_year() {
        let last = "2026-Q2".parse::<Quarter>().unwrap().last(4);
        assert_eq!(
            last.iter().map(Quarter::to_string).collect::<Vec<_>>(),
            ["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]
        );
    }

    #[test]
    fn what_is_no_quarter_is_refused() {
        for text in ["", "2026", "2026-Q0", "2026-Q5", "26-Q1", "2026-q1", "2026-Q11", "+026-Q1x", "0000-Q1"] {
            assert!(text.parse::<Quarter>().is_err(), "{text}");
        }
    }
}
