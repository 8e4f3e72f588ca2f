//! How sure a share and a quantile are that were counted in so many runs.
//!
//! * Shares: the score interval of E. B. Wilson (*Probable inference, the law of succession, and statistical inference*,
//!   Journal of the American Statistical Association 22, 1927), which L. D. Brown, T. T. Cai and A. `DasGupta` recommend
//!   (*Interval estimation for a binomial proportion*, Statistical Science 16, 2001): unlike the textbook's it stays within
//!   0 and 1 and is not empty where all runs, or none, were counted.
//! * Quantiles: the `p`-quantile lies between the `l`-th and the `u`-th smallest of `n` values with the probability that
//!   a binomial variable of `n` and `p` lies in `l..u`, whatever the distribution (H. A. David and H. N. Nagaraja, *Order
//!   Statistics*, 3rd edition, 2003, section 7.1). Both tails are cut to no more than 2.5 %. Where even the greatest of the
//!   values does not suffice there is no upper end, and that is said.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How sure all intervals are.
pub const CONFIDENCE: f64 = 0.95;
/// What is cut off at each end.
const TAIL: f64 = 0.025;
/// The 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How many of so many, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The lower end of the interval, 0 to 1.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Share {
    /// `count` of `of`.
    #[must_use]
    pub fn new(count: u64, of: u64) -> Self {
        let (lower, upper) = wilson(count, of);
        Self { count, of, lower, upper }
    }

    /// The share itself, 0 to 1; 0 of none.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.count as f64 / self.of as f64 }
    }

    /// Half of the interval's width.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.upper - self.lower) / 2.0
    }
}

/// Wilson's score interval of `count` in `of`.
fn wilson(count: u64, of: u64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (of as f64, count as f64 / of as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the ends it is exact, not nearly so.
    let lower = if count == 0 { 0.0 } else { (middle - half).max(0.0) };
    let upper = if count == of { 1.0 } else { (middle + half).min(1.0) };
    (lower, upper)
}

/// So many runs, all of which do, show that a share of at least `share` does.
#[must_use]
pub fn runs_to_show(share: f64) -> u64 {
    if share >= 1.0 {
        return u64::MAX;
    }
    // All of n: the lower end is n / (n + z²).
    whole((Z * Z * share.max(0.0) / (1.0 - share)).ceil()).max(1)
}

/// So many values are needed before the interval of the `p`-quantile has two ends.
#[must_use]
pub fn values_to_bound(p: f64) -> u64 {
    let extreme = p.max(1.0 - p);
    if extreme >= 1.0 {
        return u64::MAX;
    }
    whole((TAIL.ln() / extreme.ln()).ceil())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
fn whole(value: f64) -> u64 {
    value as u64
}

/// The rank, from 0, of the value below or at which a share of at least `p` of `n` values lies: the inverse of the
/// empirical distribution (R. J. Hyndman and Y. Fan, *Sample quantiles in statistical packages*, 1996, type 1).
#[must_use]
pub fn rank(n: usize, p: f64) -> usize {
    // A hair less, so that 0.95 of 100, which as a float is a hair more than 95, is the 95th.
    let up_to = (p * n as f64 - 1e-9).ceil().max(1.0);
    usize::try_from(whole(up_to)).unwrap_or(usize::MAX).min(n.max(1)) - 1
}

/// The ranks, from 0, of the ends of the interval of the `p`-quantile of `n` values; `None`: there is no such end.
#[must_use]
pub fn ranks(n: usize, p: f64) -> (Option<usize>, Option<usize>) {
    let pmf = Binomial::new(n, p);
    // The lower end is the l-th smallest: the chance that fewer than l lie below the quantile is a tail.
    let (mut below, mut lower) = (0.0, None);
    let mut upper = None;
    for (k, chance) in pmf.range.clone().zip(&pmf.chances) {
        below += chance;
        // P(X <= k): X is how many values lie below the quantile.
        if below <= TAIL {
            lower = Some(k);
        }
        if upper.is_none() && below >= 1.0 - TAIL {
            upper = Some(k);
        }
    }
    // P(X <= l - 1) <= TAIL for the l-th smallest, whose rank from 0 is l - 1; P(X <= u - 1) >= 1 - TAIL for the u-th.
    // What lies before the range that is looked at has no chance worth counting.
    let lower = lower.or(pmf.range.start.checked_sub(1));
    (lower, upper.filter(|rank| *rank < n))
}

/// The chances of a binomial variable, where they are not too small to count.
struct Binomial {
    range: Range<usize>,
    chances: Vec<f64>,
}

impl Binomial {
    /// By the ratio of neighbours, from the mode outwards, so that nothing overflows; then made to sum up to 1.
    fn new(n: usize, p: f64) -> Self {
        const NEGLIGIBLE: f64 = 1e-18;
        let odds = p / (1.0 - p);
        let mode = usize::try_from(whole((n as f64 + 1.0) * p)).unwrap_or(n).min(n);
        let mut down = Vec::new();
        let (mut k, mut weight) = (mode, 1.0);
        while k > 0 {
            weight *= k as f64 / ((n - k + 1) as f64 * odds);
            if weight < NEGLIGIBLE {
                break;
            }
            k -= 1;
            down.push(weight);
        }
        let first = mode - down.len();
        let mut chances: Vec<f64> = down.into_iter().rev().collect();
        chances.push(1.0);
        (k, weight) = (mode, 1.0);
        while k < n {
            weight *= (n - k) as f64 * odds / (k + 1) as f64;
            if weight < NEGLIGIBLE {
                break;
            }
            k += 1;
            chances.push(weight);
        }
        let sum: f64 = chances.iter().sum();
        for chance in &mut chances {
            *chance /= sum;
        }
        Self { range: first..first + chances.len(), chances }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Seed;

    #[test]
    fn wilsons_interval_is_the_books() {
        // Brown, Cai and DasGupta give formula (4); these are its values, as any package prints them.
        let near = |share: Share, lower: f64, upper: f64| {
            assert!((share.lower - lower).abs() < 5e-5 && (share.upper - upper).abs() < 5e-5, "{share:?}");
        };
        near(Share::new(9, 10), 0.5958, 0.9821);
        near(Share::new(50, 100), 0.4038, 0.5962);
        near(Share::new(0, 10), 0.0, 0.2775);
        near(Share::new(1_000, 1_000), 0.9962, 1.0);
        assert_eq!((Share::new(0, 0).lower, Share::new(0, 0).upper), (0.0, 1.0));
    }

    #[test]
    fn so_many_runs_show_it_and_one_less_does_not() {
        assert_eq!(runs_to_show(0.95), 73);
        for share in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let n = runs_to_show(share);
            assert!(Share::new(n, n).lower >= share, "{share}: {n}");
            assert!(n == 1 || Share::new(n - 1, n - 1).lower < share, "{share}: {n}");
        }
    }

    #[test]
    fn ranks_are_the_books() {
        // The median of 20: the 6th and the 15th smallest (the sign test's table); of 5 there is none.
        assert_eq!(ranks(20, 0.5), (Some(5), Some(14)));
        assert_eq!(ranks(5, 0.5), (None, None));
        assert_eq!(ranks(6, 0.5), (Some(0), Some(5)));
        assert_eq!((rank(100, 0.95), rank(100, 0.5), rank(1, 0.99), rank(7, 0.5)), (94, 49, 0, 3));
    }

    #[test]
    fn a_quantile_has_an_upper_end_from_just_so_many_values_on() {
        for p in [0.5, 0.9, 0.95, 0.99] {
            let enough = usize::try_from(values_to_bound(p)).unwrap();
            assert!(ranks(enough, p).1.is_some(), "p{p} of {enough}");
            assert!(ranks(enough - 1, p).1.is_none(), "p{p} of {}", enough - 1);
        }
        assert_eq!((values_to_bound(0.95), values_to_bound(0.99)), (72, 368));
    }

    proptest! {
        #[test]
        fn ranks_hold_the_quantile_as_often_as_they_say(n in 1_usize..3_000, p in 0.01_f64..0.99) {
            let pmf = Binomial::new(n, p);
            let (lower, upper) = ranks(n, p);
            let chance: f64 = pmf.range.clone().zip(&pmf.chances)
                .filter(|(k, _)| lower.is_none_or(|lower| *k > lower) && upper.is_none_or(|upper| *k <= upper))
                .map(|(_, chance)| chance).sum();
            prop_assert!(chance >= CONFIDENCE - 1e-9, "{chance} for {n} and {p}");
        }
    }

    /// Of 1,000 samples so many intervals hold the truth; 95 % are promised, and by chance some more or less.
    #[test]
    fn intervals_of_samples_hold_the_truth_as_often_as_they_say() {
        for (n, p) in [(30, 0.5), (200, 0.95), (500, 0.99)] {
            let (mut quantiles, mut shares) = (0, 0);
            for sample in 0..1_000_u64 {
                let draws = Seed(sample).draws("coverage", "test");
                let mut values: Vec<f64> = (0..n).map(|k| draws.at(k as u64)).collect();
                values.sort_unstable_by(f64::total_cmp);
                // Uniform values: the p-quantile is p.
                let (lower, upper) = ranks(n, p);
                let holds = lower.is_none_or(|rank| values[rank] <= p) && upper.is_none_or(|rank| p <= values[rank]);
                quantiles += u32::from(holds);
                let below = values.iter().filter(|value| **value < p).count() as u64;
                let share = Share::new(below, n as u64);
                shares += u32::from(share.lower <= p && p <= share.upper);
            }
            assert!(quantiles >= 935, "{quantiles} of 1000 intervals hold the p{p} of {n}");
            assert!(shares >= 920, "{shares} of 1000 intervals hold the share {p} of {n}");
        }
    }
}
