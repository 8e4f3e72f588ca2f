//! What the twin foretold of a real run when it began: what the run's report compares the truth with.

use serde::{Deserialize, Serialize};

use super::Leg;
use crate::chance::Seed;
use crate::id::{ProbeId, ServiceId, StepId};
use crate::time::Span;

/// The forecast that a real run begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// There is none, and why.
    NotMade {
        /// Why.
        because: String,
    },
    /// There is one.
    Made(ForeseenRuns),
}

/// What so many simulated drills of the very same plan came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeseenRuns {
    /// How many were played.
    pub runs: u64,
    /// The seed of the first; each next has the next.
    pub seed: Seed,
    /// How many of them passed.
    pub passed: u64,
    /// Recovery times and data losses.
    pub measures: Vec<ForeseenMeasure>,
    /// How long steps took, those that take longest.
    pub steps: Vec<ForeseenStep>,
}

/// What a forecast's figure is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasureOf {
    /// Recovery time of all services: the drill's.
    AllServices,
    /// Recovery time of one.
    Service(ServiceId),
    /// The largest data loss of any canary: the drill's.
    AllCanaries,
    /// Data loss of one.
    Canary(ProbeId),
}

/// A recovery time or data loss in a leg, as it was foreseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeseenMeasure {
    /// Of what.
    pub of: MeasureOf,
    /// In which leg.
    pub leg: Leg,
    /// How it was spread.
    pub spread: Percentiles,
}

/// How long a step takes, as it was foreseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeseenStep {
    /// Which.
    pub step: StepId,
    /// How it was spread.
    pub spread: Percentiles,
}

/// A distribution by values at evenly spaced shares, from the least to the greatest that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Of so many values.
    pub of: u64,
    /// The values in ascending order; `None`, at the end only: not over when the run ended, longer than every other.
    pub at: Vec<Option<Span>>,
}

impl Percentiles {
    /// Of values in ascending order, told by `points` of them, at least 2; `None` of none.
    #[must_use]
    pub fn of(sorted: &[Option<Span>], points: usize) -> Option<Self> {
        let last = sorted.len().checked_sub(1)?;
        let points = points.max(2);
        let at = (0..points).map(|n| sorted[(n * last + (points - 1) / 2) / (points - 1)]).collect();
        Some(Self { of: sorted.len() as u64, at })
    }

    /// The value below which the share `p`, 0 to 1, lies; `None` if that was not over.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a short list")]
    pub fn quantile(&self, p: f64) -> Option<Span> {
        let last = self.at.len().checked_sub(1)?;
        let place = p.clamp(0.0, 1.0) * last as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        let from = self.at[low]?;
        if part == 0.0 {
            return Some(from);
        }
        let to = self.at[(low + 1).min(last)]?;
        Some(from + (to - from).mul_f64(part))
    }

    /// Whether all that it foretells, but for a tenth, is the same: then nothing can be learnt from where a truth falls.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.quantile(0.05) == self.quantile(0.95)
    }

    /// The share of what was foretold that lies below `truth` (`None`: not over); of equal values half. 0: it was less
    /// than all, 1: it was more than all.
    #[must_use]
    pub fn share_below(&self, truth: Option<Span>) -> f64 {
        // Nothing is longer than what is not over.
        let order = |value: &Option<Span>| value.map_or((1, Span::ZERO), |span| (0, span));
        let (count, truth_at) = (self.at.len(), order(&truth));
        let below = self.at.iter().filter(|value| order(value) < truth_at).count();
        let equal = self.at.iter().filter(|value| order(value) == truth_at).count();
        let last = count.saturating_sub(1).max(1) as f64;
        let share = match (below, equal) {
            (0, 0) => 0.0,
            (below, 0) if below == count => 1.0,
            (below, 0) => {
                let part = match (self.at[below - 1], self.at[below], truth) {
                    (Some(from), Some(to), Some(truth)) if to > from => {
                        (truth - from).as_secs_f64() / (to - from).as_secs_f64()
                    }
                    _ => 0.5,
                };
                ((below - 1) as f64 + part) / last
            }
            // Equal ones at an end reach to that end: one that is the least of all has nothing below it.
            (below, equal) => (below as f64 + (equal as f64 - 1.0) / 2.0) / last,
        };
        share.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(values: &[u64]) -> Vec<Option<Span>> {
        values.iter().map(|value| Some(Span::from_secs(*value))).collect()
    }

    #[test]
    fn a_truth_falls_where_it_belongs() {
        let hundred = Percentiles::of(&secs(&(0..=100).collect::<Vec<_>>()), 101).unwrap();
        let below = |seconds| hundred.share_below(Some(Span::from_secs(seconds)));
        assert!((below(88) - 0.88).abs() < 1e-9 && below(0).abs() < 1e-9 && (below(500) - 1.0).abs() < 1e-9);
        assert_eq!(hundred.quantile(0.95), Some(Span::from_secs(95)));
        let few = Percentiles::of(&secs(&[10, 20]), 21).unwrap();
        assert!((few.share_below(Some(Span::from_secs(5)))).abs() < 1e-9, "less than all");
        assert!((few.share_below(Some(Span::from_secs(15))) - 0.5).abs() < 0.06);
    }

    #[test]
    fn what_is_always_the_same_is_certain_and_its_own_value_is_in_the_middle_of_it() {
        let same = Percentiles::of(&secs(&[7; 40]), 101).unwrap();
        assert!(same.is_certain());
        assert!((same.share_below(Some(Span::from_secs(7))) - 0.5).abs() < 1e-9);
        assert!((same.share_below(Some(Span::from_secs(8))) - 1.0).abs() < 1e-9);
        assert!(!Percentiles::of(&secs(&[1, 2, 3]), 101).unwrap().is_certain());
    }

    #[test]
    fn what_is_not_over_is_longer_than_all() {
        let mut values = secs(&(1..=90).collect::<Vec<_>>());
        values.extend([None; 11]);
        let some = Percentiles::of(&values, 101).unwrap();
        assert_eq!((some.quantile(0.95), some.quantile(0.5)), (None, Some(Span::from_secs(51))));
        assert!((some.share_below(None) - 0.95).abs() < 1e-9, "half of those that are not over");
        let over = Percentiles::of(&secs(&[1, 2]), 3).unwrap();
        assert!((over.share_below(None) - 1.0).abs() < 1e-9);
        assert_eq!(Percentiles::of(&[], 3), None);
    }

    proptest! {
        /// A value of the sample itself, at its own rank, falls there to within the distance of two points.
        #[test]
        fn shares_are_ranks(mut values in prop::collection::vec(1_u64..1_000_000, 2..400), pick in 0_usize..400) {
            values.sort_unstable();
            values.dedup();
            let truth = values[pick % values.len()];
            let percentiles = Percentiles::of(&secs(&values), 101).unwrap();
            let rank = values.iter().filter(|value| **value < truth).count() as f64 / (values.len() as f64 - 1.0).max(1.0);
            let share = percentiles.share_below(Some(Span::from_secs(truth)));
            // A point stands for up to half of a point's distance, or of a value's, on either side.
            prop_assert!((share - rank).abs() <= 0.011 + 1.0 / values.len() as f64, "{share} for {rank}");
        }
    }
}
