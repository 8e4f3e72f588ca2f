//! How far a replica is behind, as a function of time alone.
//!
//! A lag is drawn for each bucket of time; the horizon (the commit time up to which the replica has everything) is
//! the furthest that any earlier bucket allows, and a straight line between buckets. So it never goes back, never
//! overtakes the present, and asking for it changes nothing.

use crate::chance::{Distribution, Seed};
use crate::time::Span;

const SECOND_NS: i64 = 1_000_000_000;
/// Draws beyond this quantile are taken as this quantile; the bound makes a window of buckets enough.
const LONGEST_QUANTILE: f64 = 0.9999;
/// How many buckets back a lag may reach: longer lags get wider buckets.
const WINDOW_MAX: i64 = 32;

/// The horizon of one replication.
#[derive(Clone, Debug)]
pub(super) struct Horizon {
    seed: Seed,
    subject: String,
    lag: Distribution,
    /// The longest lag, in nanoseconds.
    cap_ns: i64,
    bucket_ns: i64,
    /// How many buckets back matter.
    window: i64,
    /// The last bucket that was computed, with the horizon at its start and at its end.
    memo: Option<(i64, i64, i64)>,
    /// From the first of these on, and from what the horizon then was, it is as far behind as the last.
    fixed: Option<(i64, i64, i64)>,
}

impl Horizon {
    pub(super) fn new(seed: Seed, subject: &str, lag: Distribution) -> Self {
        let cap_ns = signed(lag.quantile(LONGEST_QUANTILE));
        let bucket_ns = SECOND_NS.max(cap_ns / WINDOW_MAX + 1);
        let window = match lag {
            Distribution::Fixed(_) => 0,
            Distribution::LogNormal { .. } => cap_ns / bucket_ns + 1,
        };
        Self { seed, subject: subject.to_owned(), lag, cap_ns, bucket_ns, window, memo: None, fixed: None }
    }

    /// From `from_ns` on the replica is `behind_ns` behind; what it has by then it keeps. From 0: it always was.
    pub(super) fn fix(&mut self, from_ns: i64, behind_ns: i64) {
        let had = if from_ns == 0 { i64::MIN } else { self.drawn_at(from_ns) };
        self.fixed = Some((from_ns, had, behind_ns));
    }

    /// The commit time up to which the replica has everything at `now_ns`; negative for what was before the run.
    pub(super) fn at(&mut self, now_ns: i64) -> i64 {
        match self.fixed {
            Some((from, had, behind)) if now_ns >= from => had.max(now_ns.saturating_sub(behind)),
            _ => self.drawn_at(now_ns),
        }
    }

    fn drawn_at(&mut self, now_ns: i64) -> i64 {
        let bucket = now_ns.div_euclid(self.bucket_ns);
        let (start, end) = match self.memo {
            Some((known, start, end)) if known == bucket => (start, end),
            Some((known, _, end)) if known + 1 == bucket => (end, self.at_bucket(bucket + 1)),
            _ => (self.at_bucket(bucket), self.at_bucket(bucket + 1)),
        };
        self.memo = Some((bucket, start, end));
        let within = i128::from(now_ns - bucket * self.bucket_ns);
        let step = i128::from(end - start) * within / i128::from(self.bucket_ns);
        start + i64::try_from(step).unwrap_or(0)
    }

    fn at_bucket(&self, bucket: i64) -> i64 {
        (bucket - self.window..=bucket)
            .map(|earlier| earlier * self.bucket_ns - self.drawn(earlier))
            .max()
            .unwrap_or(i64::MIN)
    }

    fn drawn(&self, bucket: i64) -> i64 {
        // A bucket before the run has a count too; only equality matters to a draw.
        signed(self.lag.draw(self.seed, "lag", &self.subject, bucket.cast_unsigned())).min(self.cap_ns)
    }
}

/// Nanoseconds that can be subtracted from; a century at most.
pub(super) fn signed(span: Span) -> i64 {
    i64::try_from(span.0).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_never_goes_back_and_never_overtakes_the_present(
            seed: u64, p50 in 1_u64..20_000, spread in 1_u64..20, steps in proptest::collection::vec(1_u64..5_000, 1..80),
        ) {
            let lag = Distribution::from_quantiles(
                (50.0, Span::from_millis(p50)), (99.0, Span::from_millis(p50 * spread)),
            ).unwrap();
            let mut horizon = Horizon::new(Seed(seed), "main", lag);
            let (mut now, mut before) = (0_i64, i64::MIN);
            for step in steps {
                now += i64::try_from(step).unwrap() * 1_000_000;
                let here = horizon.at(now);
                prop_assert!(here >= before, "went back from {before} to {here}");
                prop_assert!(here <= now, "ahead of the present");
                prop_assert_eq!(here, Horizon::new(Seed(seed), "main", lag).at(now), "depends on what was asked before");
                before = here;
            }
        }
    }

    #[test]
    fn lags_are_about_as_long_as_they_are_said_to_be() {
        let lag = Distribution::from_quantiles((50.0, Span::from_millis(400)), (99.0, Span::from_secs(4))).unwrap();
        let mut horizon = Horizon::new(Seed(1), "main", lag);
        let mut lags: Vec<i64> = (0..4_000).map(|n| n * SECOND_NS - horizon.at(n * SECOND_NS)).collect();
        lags.sort_unstable();
        let median = lags[lags.len() / 2] / 1_000_000;
        assert!((250..550).contains(&median), "median {median} ms");
    }

    #[test]
    fn a_fixed_lag_is_exact() {
        let mut horizon = Horizon::new(Seed(1), "main", Distribution::fixed(Span::from_secs(30)));
        assert_eq!(horizon.at(100 * SECOND_NS + 7), 70 * SECOND_NS + 7);
    }
}
