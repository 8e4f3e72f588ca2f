//! A measure is an interval, and so is never more exact than what was seen.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// A measured recovery time or data loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Measure {
    /// The true length lies between these, ends included.
    Between {
        /// At least so long.
        lower: Span,
        /// At most so long: the value that is printed first.
        upper: Span,
    },
    /// It was not over when watching ended: more than this.
    MoreThan {
        /// At least so long.
        lower: Span,
    },
    /// No outage was seen: one longer than this would have been.
    NoneSeen {
        /// The longest outage that could have been missed.
        resolution: Span,
    },
    /// Every acknowledged row survived: a loss shorter than this would not have been seen.
    NoneLost {
        /// From one row to the next.
        resolution: Span,
    },
    /// Nothing looked. Never the same as zero.
    NotMeasured {
        /// Why.
        why: String,
    },
}

/// What a measure says about an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Its upper end is within the objective.
    Met,
    /// Its lower end is above the objective.
    Missed,
    /// The objective lies inside the interval.
    Undecided,
    /// There is an objective, and nothing was measured.
    NotMeasured,
    /// There is no objective.
    NoObjective,
}

impl Judgement {
    /// Whether it stands in the way of a verdict of `passed`.
    #[must_use]
    pub fn fails(self) -> bool {
        matches!(self, Self::Missed | Self::Undecided | Self::NotMeasured)
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::NotMeasured => "not measured",
            Self::NoObjective => "no objective",
        })
    }
}

impl Measure {
    /// The shortest that it can have been, if it was measured.
    #[must_use]
    pub fn lower(&self) -> Option<Span> {
        match self {
            Self::Between { lower, .. } | Self::MoreThan { lower } => Some(*lower),
            Self::NoneSeen { .. } | Self::NoneLost { .. } => Some(Span::ZERO),
            Self::NotMeasured { .. } => None,
        }
    }

    /// The longest that it can have been, if that is known.
    #[must_use]
    pub fn upper(&self) -> Option<Span> {
        match self {
            Self::Between { upper, .. } => Some(*upper),
            Self::NoneSeen { resolution } | Self::NoneLost { resolution } => Some(*resolution),
            Self::MoreThan { .. } | Self::NotMeasured { .. } => None,
        }
    }

    /// Judges it against `objective`.
    ///
    /// [`Measure::NoneLost`] meets every objective, one of `0s` too: no canary can show that less than its own
    /// interval was lost, so a stricter rule would make `rpo: 0s` impossible to meet, and a drained promotion whose
    /// every acknowledged row survived is what such an objective asks for. Its resolution is printed beside it.
    /// [`Measure::NoneSeen`] gets no such grace: there the objective is a length that probes can be set to see.
    #[must_use]
    pub fn judge(&self, objective: Option<Span>) -> Judgement {
        let Some(objective) = objective else { return Judgement::NoObjective };
        match self {
            Self::NotMeasured { .. } => Judgement::NotMeasured,
            Self::NoneLost { .. } => Judgement::Met,
            _ if self.upper().is_some_and(|upper| upper <= objective) => Judgement::Met,
            _ if self.lower().is_some_and(|lower| lower > objective) => Judgement::Missed,
            _ => Judgement::Undecided,
        }
    }
}

impl fmt::Display for Measure {
    /// For people: `4m 12s (between 4m 10s and 4m 12s)`, `more than 20m`, `none longer than 2s would have been missed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between { lower, upper } => write!(f, "{upper} (between {lower} and {upper})"),
            Self::MoreThan { lower } => write!(f, "more than {lower}"),
            Self::NoneSeen { resolution } => {
                write!(f, "no outage seen; none longer than {resolution} would have been missed")
            }
            Self::NoneLost { resolution } => write!(f, "none lost; less than {resolution} would not be seen"),
            Self::NotMeasured { why } => write!(f, "not measured: {why}"),
        }
    }
}
