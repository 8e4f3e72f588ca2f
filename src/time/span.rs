//! Lengths of time: as numbers, as playbooks write them and as people read them. Pure values.
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units of the playbook form, longest first; a text uses them in this order.
const UNITS: [(&str, u64); 7] =
    [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLI), ("us", MICRO), ("ns", 1)];

/// No sensible duration is longer; the bound keeps error messages short.
const TEXT_MAX_BYTES: usize = 64;

/// A length of time, in whole nanoseconds. All arithmetic saturates.
///
/// `Display` is for people (`4 min 12 s`, rounded to what matters), [`Span::short`] is the exact
/// form of playbooks (`4m12s`), which [`Span::parse`] reads.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span, 584 years.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(MILLI))
    }

    /// A span of so many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(SECOND))
    }

    /// Seconds with their fraction, for drawing and statistics.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// Whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / MILLI
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This span times `factor`, rounded to a nanosecond; nothing for a factor that is negative or
    /// not a number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from float saturates, which is what spans do"
    )]
    pub fn mul_f64(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor).round() as u64)
    }

    /// Reads the playbook form: `200ms`, `10s`, `1.5s`, `2m`, `1h`, `30d`, `1m30s`, `0s`.
    ///
    /// Every number needs its unit, units go from long to short, each at most once.
    ///
    /// # Errors
    /// Says what is wrong with the text and names the units.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        if text.is_empty() {
            return Err(SpanError::Empty);
        }
        if text.len() > TEXT_MAX_BYTES {
            return Err(SpanError::TooLong);
        }
        let mut rest = text;
        let mut units = UNITS.as_slice();
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (number, after) = split_where(rest, |c| !(c.is_ascii_digit() || c == '.'));
            let (unit, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
            if number.is_empty() {
                return Err(SpanError::NoNumber(text.to_owned()));
            }
            if unit.is_empty() {
                return Err(SpanError::NoUnit(text.to_owned()));
            }
            let Some(place) = units.iter().position(|(name, _)| *name == unit) else {
                return Err(if UNITS.iter().any(|(name, _)| *name == unit) {
                    SpanError::Order(text.to_owned())
                } else {
                    SpanError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }
                });
            };
            let nanos = scaled(number, units[place].1).map_err(|wrong| wrong.about(text))?;
            total = total.checked_add(nanos).ok_or_else(|| SpanError::TooBig(text.to_owned()))?;
            units = &units[place + 1..];
            rest = after;
        }
        Ok(Self(total))
    }

    /// Reads what [`Span`]'s `Display` writes for people, to what it is rounded to: `430 ms`, `4 min 12 s`. `None`: it is none.
    #[must_use]
    pub fn parse_shown(text: &str) -> Option<Self> {
        const SHOWN: [(&str, u64); 7] =
            [("ns", 1), ("µs", MICRO), ("ms", MILLI), ("s", SECOND), ("min", MINUTE), ("h", HOUR), ("d", DAY)];
        let words: Vec<&str> = text.split(' ').collect();
        if !words.len().is_multiple_of(2) || words.len() > 4 {
            return None;
        }
        let parts = words.chunks(2).map(|part| {
            let unit = SHOWN.iter().find(|(name, _)| *name == part[1])?.1;
            scaled(part[0], unit).ok()
        });
        parts.sum::<Option<u64>>().map(Self)
    }

    /// The exact playbook form, which [`Span::parse`] reads back: `2m`, `1m30s`, `1.5s`, `0s`.
    #[must_use]
    pub fn short(self) -> String {
        let mut text = String::new();
        let mut rest = self.0;
        for (name, unit) in [("d", DAY), ("h", HOUR), ("m", MINUTE)] {
            if rest >= unit {
                text.push_str(&(rest / unit).to_string());
                text.push_str(name);
                rest %= unit;
            }
        }
        if rest == 0 {
            if text.is_empty() {
                text.push_str("0s");
            }
            return text;
        }
        // After a minute the remainder is told in seconds; alone, in the largest unit that fits.
        let (name, unit) = if text.is_empty() {
            UNITS[3..].iter().copied().find(|(_, unit)| rest >= *unit).unwrap_or(("ns", 1))
        } else {
            ("s", SECOND)
        };
        text.push_str(&(rest / unit).to_string());
        if !rest.is_multiple_of(unit) {
            let digits = unit.ilog10() as usize;
            let fraction = format!("{:0digits$}", rest % unit);
            text.push('.');
            text.push_str(fraction.trim_end_matches('0'));
        }
        text.push_str(name);
        text
    }
}

/// Splits `text` before the first character for which `stop` holds.
fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

/// What can be wrong with one number, without the text around it.
enum Wrong {
    NotANumber,
    TooFine,
    TooBig,
}

impl Wrong {
    fn about(&self, text: &str) -> SpanError {
        let text = text.to_owned();
        match self {
            Self::NotANumber => SpanError::NoNumber(text),
            Self::TooFine => SpanError::TooFine(text),
            Self::TooBig => SpanError::TooBig(text),
        }
    }
}

/// A decimal number times `unit`, exactly, in nanoseconds.
fn scaled(number: &str, unit: u64) -> Result<u64, Wrong> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(Wrong::NotANumber),
        None => (number, ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(Wrong::NotANumber);
    }
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(unit)).ok_or(Wrong::TooBig)?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Ok(whole);
    }
    // A day has 16 factors of two, so no fraction of it with more decimals is whole nanoseconds;
    // and 18 digits times a day stay within u128.
    if fraction.len() > 18 {
        return Err(Wrong::TooFine);
    }
    let power = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(u32::MAX));
    let numerator = fraction.parse::<u128>().map_err(|_| Wrong::NotANumber)? * u128::from(unit);
    if !numerator.is_multiple_of(power) {
        return Err(Wrong::TooFine);
    }
    let nanos = u64::try_from(numerator / power).map_err(|_| Wrong::TooBig)?;
    whole.checked_add(nanos).ok_or(Wrong::TooBig)
}

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Nothing is written.
    #[error("a duration is missing: write a number with its unit ({UNIT_HELP}), such as 10s")]
    Empty,
    /// More than 64 bytes.
    #[error("this is too long for a duration: write a number with its unit ({UNIT_HELP}), such as 10s")]
    TooLong,
    /// A number without a unit.
    #[error("the duration `{0}` lacks a unit: write {UNIT_HELP} after each number, such as 10s or 1m30s")]
    NoUnit(String),
    /// A unit without a number, or something that is no number.
    #[error("`{0}` is not a duration: write a number with its unit ({UNIT_HELP}), such as 10s or 1m30s")]
    NoNumber(String),
    /// A unit that does not exist.
    #[error("the duration `{text}` has an unknown unit `{unit}`: the units are {UNIT_HELP}")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The unit in it.
        unit: String,
    },
    /// A unit twice, or a longer one after a shorter.
    #[error(
        "the units of the duration `{0}` are not in order: write each at most once, the longest first (d, h, m, s, ms), such as 1h30m"
    )]
    Order(String),
    /// More digits than there are nanoseconds.
    #[error("the duration `{0}` is finer than a nanosecond: write fewer decimals; the units are {UNIT_HELP}")]
    TooFine(String),
    /// More than 584 years.
    #[error("the duration `{0}` is too long: at most 213503d fit; the units are {UNIT_HELP}")]
    TooBig(String),
}

const UNIT_HELP: &str = "ms, s, m, h or d";

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        Self::parse(text)
    }
}

/// For people: two units at most, rounded half up: `212 ms`, `4.2 s`, `4 min 12 s`, `1 h 03 min`,
/// `2 d 4 h`. Honours width and alignment.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&for_people(self.0))
    }
}

fn for_people(nanos: u64) -> String {
    // Each limit lies where rounding would carry into the next unit, so 999.6 ms is "1 s".
    match nanos {
        0 => "0 s".to_owned(),
        1..=999 => format!("{nanos} ns"),
        1_000..=999_499 => format!("{} µs", rounded(nanos, MICRO)),
        999_500..=9_949_999 => tenths(nanos, MILLI, "ms"),
        9_950_000..=999_499_999 => format!("{} ms", rounded(nanos, MILLI)),
        999_500_000..=59_949_999_999 => tenths(nanos, SECOND, "s"),
        59_950_000_000..=3_599_499_999_999 => pair(rounded(nanos, SECOND), 60, 2, ["min", "s"]),
        3_599_500_000_000..=86_369_999_999_999 => pair(rounded(nanos, MINUTE), 60, 2, ["h", "min"]),
        _ => pair(rounded(nanos, HOUR), 24, 1, ["d", "h"]),
    }
}

/// How many units there are, rounded half up.
const fn rounded(nanos: u64, unit: u64) -> u64 {
    nanos / unit + if nanos % unit * 2 >= unit { 1 } else { 0 }
}

fn tenths(nanos: u64, unit: u64, name: &str) -> String {
    let tenths = rounded(nanos, unit / 10);
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
}

/// `count` small units as large and small ones; a small one that is zero is left out.
fn pair(count: u64, per_large: u64, digits: usize, [large, small]: [&str; 2]) -> String {
    match count % per_large {
        0 => format!("{} {large}", count / per_large),
        rest => format!("{} {large} {rest:0digits$} {small}", count / per_large),
    }
}

/// Stays at [`Span::MAX`] for what is longer.
impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.0)
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u64> for Span {
    type Output = Self;

    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Sum for Span {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Add::add)
    }
}
