//! From samples to the two quantiles of a log-normal distribution.
//!
//! The `p50` is the weighted mean of logarithms, the `p95` that of the *next* drill: with `n` effective samples of variance
//! `s²` and a variance `σ²` assumed before that counts as [`PRIOR`] samples, the pooled variance is
//! `(PRIOR·σ² + (n-1)·s²) / ν` with `ν = PRIOR + n - 1`, and the next value's logarithm is Student's t of `ν` degrees around
//! the mean, wider by `√(1 + 1/n)` because the mean itself is not known better (A. Gelman et al., *Bayesian Data Analysis*,
//! 3rd edition, 2013, sections 2.6 and 3.2).
//!
//! A sample may be of the slowest of `k` things done side by side, as a group of servers is up when its last one is: its
//! logarithm is moved down by as much as the median of the slowest of `k` lies above that of one, and it says nothing of
//! the spread.

use jiff::Timestamp;

use crate::chance::{Distribution, inverse_normal};
use crate::time::Span;

/// The spread that was assumed weighs as much as so many samples.
pub const PRIOR: f64 = 3.0;
/// The spread that is assumed where the twin had a fixed length, or nothing: p95 is twice the p50.
const SIGMA: f64 = 0.421_4;
/// Nothing takes less: logarithms begin here.
const LEAST: Span = Span::from_millis(1);

/// A sample with its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighted {
    /// How long.
    pub value: Span,
    /// It is the slowest of so many, at least 1.
    pub slowest_of: u32,
    /// Above 0.
    pub weight: f64,
}

/// What was fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The median.
    pub p50: Span,
    /// The 95th percentile of the next.
    pub p95: Span,
    /// How many samples of equal weight would tell as much.
    pub effective: f64,
}

/// The weight of a run at `at` where the newest is of `newest`.
#[must_use]
pub fn weight(newest: Timestamp, at: Timestamp, half_life: Span) -> f64 {
    let older = newest.duration_since(at).as_secs_f64().max(0.0);
    // Of nothing weight, an ancient sample would still divide; a ten-thousandth is as good as none.
    0.5_f64.powf(older / half_life.as_secs_f64().max(1.0)).max(1e-4)
}

/// Fits samples; `before` is what was assumed. `None` of none.
#[must_use]
pub fn fit(samples: &[Weighted], before: Option<&Distribution>) -> Option<Fit> {
    let sigma = match before {
        Some(Distribution::LogNormal { sigma, .. }) if *sigma > 0.0 => *sigma,
        _ => SIGMA,
    };
    let sum: f64 = samples.iter().map(|it| it.weight).sum();
    let squares: f64 = samples.iter().map(|it| it.weight * it.weight).sum();
    if samples.is_empty() || sum <= 0.0 {
        return None;
    }
    let effective = sum * sum / squares;
    let log = |it: &Weighted| (it.value.max(LEAST).0 as f64).ln() - sigma * median_of_slowest(it.slowest_of);
    let mean = samples.iter().map(|it| it.weight * log(it)).sum::<f64>() / sum;
    // Those that are slowest of several vary less than one does.
    let single = || samples.iter().filter(|it| it.slowest_of <= 1);
    let (of_single, of_squares) = single().fold((0.0, 0.0), |(s, q), it| (s + it.weight, q + it.weight * it.weight));
    let (mut freedom, mut deviations) = (0.0, 0.0);
    if of_single > 0.0 {
        let n = of_single * of_single / of_squares;
        freedom = (n - 1.0).max(0.0);
        let biased = single().map(|it| it.weight * (log(it) - mean).powi(2)).sum::<f64>() / of_single;
        // freedom · s², where s² = biased · n / (n - 1).
        deviations = biased * n;
    }
    let degrees = PRIOR + freedom;
    let pooled = ((PRIOR * sigma * sigma + if freedom > 0.0 { deviations } else { 0.0 }) / degrees).sqrt();
    // Where nothing tells of the spread it stays what it was.
    let tail = if of_single > 0.0 { student_95(degrees) } else { inverse_normal(0.95) };
    let wide = tail * pooled * (1.0 + 1.0 / effective).sqrt();
    let (p50, p95) = (rounded(mean.exp()), rounded((mean + wide).exp()));
    Some(Fit { p50, p95: p95.max(p50), effective })
}

/// By how many standard deviations the median of the slowest of `k` lies above that of one.
fn median_of_slowest(k: u32) -> f64 {
    if k <= 1 { 0.0 } else { inverse_normal(0.5_f64.powf(1.0 / f64::from(k))) }
}

/// The 95th percentile of Student's t with `degrees` degrees of freedom, at least [`PRIOR`]: the expansion of R. A. Fisher
/// and E. A. Cornish (*The percentile points of distributions having known cumulants*, 1960), within 1 % from 3 on.
fn student_95(degrees: f64) -> f64 {
    let z = inverse_normal(0.95);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * degrees)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * degrees.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * degrees.powi(3))
}

/// To three digits and a millisecond: more would say more than is known. At most a century.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and at most a century")]
fn rounded(nanos: f64) -> Span {
    let millis = (nanos / 1e6).clamp(1.0, 3.2e12);
    let unit = 10_f64.powf((millis.log10().floor() - 2.0).max(0.0));
    Span::from_millis(((millis / unit).round() * unit) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Seed;

    fn samples(seconds: &[u64]) -> Vec<Weighted> {
        seconds.iter().map(|it| Weighted { value: Span::from_secs(*it), slowest_of: 1, weight: 1.0 }).collect()
    }

    fn before(p50: u64, p95: u64) -> Distribution {
        Distribution::from_quantiles((50.0, Span::from_secs(p50)), (95.0, Span::from_secs(p95))).unwrap()
    }

    #[test]
    fn students_quantiles_are_the_tables() {
        for (degrees, table) in [(3.0, 2.353), (5.0, 2.015), (10.0, 1.812), (30.0, 1.697), (1e6, 1.645)] {
            let found = student_95(degrees);
            assert!((found / table - 1.0).abs() < 0.01, "{degrees}: {found}, {table}");
        }
    }

    #[test]
    fn one_sample_moves_the_middle_and_widens_what_was_assumed() {
        let assumed = before(35, 80);
        let fit = fit(&samples(&[20]), Some(&assumed)).unwrap();
        assert_eq!(fit.p50, Span::from_secs(20));
        assert!((fit.effective - 1.0).abs() < 1e-9);
        // 80 / 35 is what was assumed of the spread; of one sample it is about the square of that.
        let ratio = fit.p95.as_secs_f64() / 20.0;
        assert!((80.0_f64 / 35.0 * 1.5..(80.0_f64 / 35.0).powi(3)).contains(&ratio), "{ratio}");
        let of_fixed = super::fit(&samples(&[20]), Some(&Distribution::fixed(Span::from_secs(7)))).unwrap();
        assert!(of_fixed.p95 > of_fixed.p50 * 2, "never a spread of zero: {of_fixed:?}");
        assert_eq!(super::fit(&[], Some(&assumed)), None);
    }

    #[test]
    fn what_always_took_the_same_comes_closer_with_each_sample() {
        let widths = [2, 5, 20, 200].map(|n| {
            let fit = fit(&samples(&vec![30; n]), Some(&before(35, 80))).unwrap();
            assert_eq!(fit.p50, Span::from_secs(30));
            fit.p95
        });
        assert!(widths.is_sorted_by(|a, b| a > b) && widths[3] > Span::from_secs(30), "{widths:?}");
        assert!(widths[3] < Span::from_secs(34), "{widths:?}");
    }

    #[test]
    fn the_newest_weighs_most() {
        let day: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let year_before: Timestamp = "2025-11-27T00:00:00Z".parse().unwrap();
        let half_life = Span::from_secs(180 * 86_400);
        assert!((weight(day, day, half_life) - 1.0).abs() < 1e-9);
        assert!((weight(day, year_before, half_life) - 0.25).abs() < 1e-9, "two half-lives");
        let mut two = samples(&[10, 40]);
        two[1].weight = weight(day, year_before, half_life);
        let fit = fit(&two, None).unwrap();
        assert!(fit.p50 < Span::from_secs(14), "{fit:?}: the weighted middle of logarithms is 13.2 s");
        assert!((fit.effective - 1.25 * 1.25 / 1.0625).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn a_group_is_up_when_its_slowest_server_is() {
        let assumed = before(70, 120);
        // Groups of nine, each drawn as the slowest of nine servers.
        let draw = |group: u64| {
            let value = (0..9).map(|n| assumed.draw(Seed(5), "boot", "web", group * 9 + n)).max().unwrap();
            Weighted { value, slowest_of: 9, weight: 1.0 }
        };
        let fit = fit(&(0..200).map(draw).collect::<Vec<_>>(), Some(&assumed)).unwrap();
        assert!((fit.p50.as_secs_f64() / 70.0 - 1.0).abs() < 0.05, "{fit:?}");
        assert!((fit.p95.as_secs_f64() / 120.0 - 1.0).abs() < 0.25, "{fit:?}: the spread stays what it was");
    }

    /// With however few samples the next drill is within the p95 no less often than that says, and with many about as
    /// often.
    #[test]
    fn the_next_drill_is_within_the_p95_as_often_as_it_says() {
        let truth = before(35, 80);
        for n in [1_u64, 3, 10, 40] {
            let within = (0..2_000_u64).filter(|round| {
                let draw = |k| truth.draw(Seed(9), "takes", "promote", round * 64 + k);
                let seen = (0..n).map(|k| Weighted { value: draw(k), slowest_of: 1, weight: 1.0 });
                let fit = fit(&seen.collect::<Vec<_>>(), Some(&truth)).unwrap();
                draw(63) <= fit.p95
            });
            let within = within.count();
            let most = if n == 40 { 1_945 } else { 2_000 };
            assert!((1_865..=most).contains(&within), "{within} of 2000 with {n} samples");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_samples_a_fit_is_a_distribution(
            samples in prop::collection::vec((0_u64..u64::MAX, 0_u32..100_000, 1e-4_f64..1.0), 1..60),
            fixed in proptest::bool::ANY,
        ) {
            let assumed = if fixed { Distribution::fixed(Span::ZERO) } else { before(1, 9) };
            let samples = samples.into_iter().map(|(nanos, slowest_of, weight)| Weighted { value: Span(nanos), slowest_of, weight });
            let samples: Vec<Weighted> = samples.collect();
            let fit = fit(&samples, Some(&assumed)).unwrap();
            prop_assert!(fit.p50 >= Span::from_millis(1) && fit.p95 >= fit.p50, "{fit:?}");
            prop_assert!(fit.effective >= 1.0 - 1e-9 && fit.effective <= samples.len() as f64 + 1e-9, "{fit:?}");
            prop_assert!(Distribution::from_quantiles((50.0, fit.p50), (95.0, fit.p95)).is_ok());
        }
    }
}
