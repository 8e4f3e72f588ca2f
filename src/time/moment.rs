//! Instants of a run, and intervals of instants. Pure values.
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

use super::Span;

/// An instant of a run: nanoseconds since the run's start.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than any instant that a run reaches (584 years).
    pub const MAX: Self = Self(u64::MAX);

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The instant `span` before this one, not before the start of the run.
    #[must_use]
    pub const fn saturating_sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// Stays at [`Moment::MAX`] rather than wrap round.
impl Add<Span> for Moment {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Moment {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

/// The same as [`Moment::since`].
impl Sub for Moment {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}

/// Instants at a fixed interval, computed from the first one, so that they never drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticks {
    /// Tick 0.
    pub first: Moment,
    /// The interval. Zero is taken as one nanosecond.
    pub every: Span,
}

impl Ticks {
    /// When tick `n` is.
    #[must_use]
    pub fn at(&self, n: u64) -> Moment {
        self.first + Span(self.interval().saturating_mul(n))
    }

    /// The number of the first tick that lies strictly after `now`: what a probe waits for next,
    /// however many ticks the sample before it took.
    #[must_use]
    pub fn after(&self, now: Moment) -> u64 {
        if now < self.first { 0 } else { (now.since(self.first).0 / self.interval()).saturating_add(1) }
    }

    fn interval(&self) -> u64 {
        self.every.0.max(1)
    }
}
