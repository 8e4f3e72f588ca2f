//! When a forecast has enough runs.

use super::interval::{Share, ranks};
use super::{NOT_OVER, Tally, rank};

/// No forecast is looked at before it has so many runs: fewer look surer than they are.
const FIRST_LOOK: u64 = 200;

/// When it is enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Enough {
    /// With so many runs.
    Runs(u64),
    /// When it is sure to plus or minus this, or with so many runs.
    Narrow {
        /// Half the width of the intervals: 0.01 is ±1 %.
        width: f64,
        /// With so many runs in any case.
        most: u64,
    },
}

impl Enough {
    /// The most runs.
    #[must_use]
    pub fn most(self) -> u64 {
        match self {
            Self::Runs(runs) => runs,
            Self::Narrow { most, .. } => most,
        }
    }

    /// How many runs are looked at after `runs` of them: each look costs a sorting, so each comes a twentieth later.
    #[must_use]
    pub fn next_look(runs: u64) -> u64 {
        if runs < FIRST_LOOK { FIRST_LOOK } else { runs + runs / 20 }
    }
}

/// Whether the main figures of `tally` are sure to ± `width`: the share that passes in points of 100, and the 95th
/// percentile of the drill's recovery time, in each leg, in shares of itself.
#[must_use]
pub fn narrow(tally: &Tally, width: f64) -> bool {
    narrow_share(tally.passed(), width) && tally.recoveries().all(|sorted| narrow_quantile(&sorted, width))
}

fn narrow_share(share: Share, width: f64) -> bool {
    share.half_width() <= width
}

/// Of values in ascending order. A leg without values has nothing that could become surer.
fn narrow_quantile(sorted: &[u64], width: f64) -> bool {
    if sorted.is_empty() {
        return true;
    }
    let value = sorted[rank(sorted.len(), 0.95)];
    let (Some(lower), Some(upper)) = ranks(sorted.len(), 0.95) else { return false };
    let (lower, upper) = (sorted[lower], sorted[upper]);
    if upper == NOT_OVER {
        // Surely more than any run lasts: that is as sure as it gets.
        return lower == NOT_OVER;
    }
    (upper - lower) as f64 / 2.0 <= width * value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_narrow_from_the_count_on_that_the_formula_gives() {
        // All of n: the interval is z² / (n + z²) wide, so ±1 % needs n of 189.
        assert!(narrow_share(Share::new(189, 189), 0.01) && !narrow_share(Share::new(188, 188), 0.01));
        assert!(!narrow_share(Share::new(100, 200), 0.01));
    }

    #[test]
    fn a_quantile_is_narrow_in_shares_of_itself() {
        let near: Vec<u64> = (0..1_000).map(|n| 1_000_000 + n).collect();
        let wide: Vec<u64> = (0..1_000).map(|n| 1_000 * n).collect();
        assert!(narrow_quantile(&near, 0.01) && !narrow_quantile(&wide, 0.01));
        assert!(!narrow_quantile(&near[..50], 0.01), "fifty values bound no 95th percentile");
        assert!(narrow_quantile(&[NOT_OVER; 100], 0.01), "surely never over");
        let torn: Vec<u64> = near.iter().take(950).copied().chain([NOT_OVER; 50]).collect();
        assert!(!narrow_quantile(&torn, 0.5), "perhaps never over");
        assert!(narrow_quantile(&[], 0.01));
    }

    #[test]
    fn looks_come_ever_later() {
        assert_eq!([0, 200, 210].map(Enough::next_look), [200, 210, 220]);
    }
}
