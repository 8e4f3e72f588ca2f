//! An outage, as samples show it.

use serde::{Deserialize, Serialize};

use super::Measure;
use crate::time::{Moment, Span};

/// The end of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Recovery {
    /// When the first of `healthy_after` healthy samples was sent.
    pub sent: Moment,
    /// When it was answered: the end of the outage.
    pub answered: Moment,
    /// When the last of them was answered: from here on it is sure.
    pub confirmed: Moment,
}

/// An outage. The truth, "a request sent now fails", began after `last_healthy` and no later than `first_bad`, and
/// ended after `last_bad` and no later than `recovery.sent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outage {
    /// When the last healthy sample before it was sent; `None`: there was none, it began before the first sample.
    pub last_healthy: Option<Moment>,
    /// When the first of the bad samples was sent.
    pub first_bad: Moment,
    /// When `unhealthy_after` bad ones in a row were known: the answer of the last of these.
    pub noticed: Moment,
    /// When the last sample that was not good was sent.
    pub last_bad: Moment,
    /// Its end, if it was seen.
    pub recovery: Option<Recovery>,
    /// How many samples failed in it.
    pub failed: u64,
    /// What the first failed sample saw.
    pub saw: String,
}

impl Outage {
    /// Its start, as the measure counts it: the sending of the last healthy sample, else of the first bad one.
    #[must_use]
    pub fn start(&self) -> Moment {
        self.last_healthy.unwrap_or(self.first_bad)
    }

    /// Its end, as the measure counts it.
    #[must_use]
    pub fn end(&self) -> Option<Moment> {
        self.recovery.map(|recovery| recovery.answered)
    }

    /// The part of it from `mark` on; `None` if it was over by then.
    #[must_use]
    pub fn from(&self, mark: Moment) -> Option<Self> {
        if self.end().is_some_and(|end| end <= mark) {
            return None;
        }
        if self.start() >= mark {
            return Some(self.clone());
        }
        let (first_bad, last_bad) = (self.first_bad.max(mark), self.last_bad.max(mark));
        Some(Self { last_healthy: Some(mark), first_bad, last_bad, ..self.clone() })
    }

    /// The shortest that it can have been.
    #[must_use]
    pub fn lower(&self) -> Span {
        self.last_bad.since(self.first_bad)
    }

    /// How long it was. One that began before the first sample has no upper end.
    #[must_use]
    pub fn length(&self) -> Measure {
        match (self.last_healthy, self.recovery) {
            (Some(start), Some(recovery)) => {
                Measure::Between { lower: self.lower(), upper: recovery.answered.since(start) }
            }
            _ => Measure::MoreThan { lower: self.lower() },
        }
    }
}
