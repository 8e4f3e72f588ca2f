//! How often which values came.

use serde::{Deserialize, Serialize};

use super::{NOT_OVER, Spread};
use crate::time::Span;

/// At most so many bins, those at the ends apart.
const BINS_MAX: u64 = 24;
/// Widths that read well, in milliseconds.
const WIDTHS_MS: [u64; 27] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    21_600_000,
    86_400_000,
    604_800_000,
];

/// Values counted in bins of one width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Where the first bin begins.
    pub from: Span,
    /// How wide each is: from its start up to, and without, that of the next.
    pub width: Span,
    /// How many values are in each.
    pub counts: Vec<u64>,
    /// How many lie above the last bin, which ends at the 99.9th percentile or the greatest.
    pub above: u64,
    /// How many were not over when the run ended.
    pub not_over: u64,
}

impl Histogram {
    /// Of values in ascending order; `None` without one that was over.
    pub(super) fn of(sorted: &[u64]) -> Option<Self> {
        let over = sorted.partition_point(|value| *value != NOT_OVER);
        let known = &sorted[..over];
        let (least, greatest) = (*known.first()?, *known.last()?);
        // One run in a thousand must not make the picture of the others a single line.
        let last = known[super::rank(known.len(), 0.999)];
        let last = if greatest - least > 4 * (last - least) { last } else { greatest };
        let width = WIDTHS_MS.iter().map(|ms| ms * 1_000_000).find(|width| last / width - least / width < BINS_MAX);
        let width = width.unwrap_or_else(|| (last - least) / (BINS_MAX - 1) + 1);
        let from = least / width * width;
        let mut counts = vec![0; usize::try_from(last / width - from / width).ok()? + 1];
        let mut above = 0;
        for value in known {
            match usize::try_from((value - from) / width).ok().and_then(|bin| counts.get_mut(bin)) {
                Some(count) => *count += 1,
                None => above += 1,
            }
        }
        let not_over = (sorted.len() - over) as u64;
        Some(Self { from: Span(from), width: Span(width), counts, above, not_over })
    }

    /// Each bin's start and count.
    pub fn bins(&self) -> impl Iterator<Item = (Span, u64)> + '_ {
        self.counts.iter().enumerate().map(|(n, count)| (self.from + self.width * n as u64, *count))
    }

    /// Where the last bin ends.
    #[must_use]
    pub fn end(&self) -> Span {
        self.from + self.width * self.counts.len() as u64
    }

    /// How many values it is of.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above + self.not_over
    }
}

/// Whether a spread is worth a picture.
pub(super) fn worth(spread: &Spread) -> bool {
    spread.of > 1 && spread.p50.value != spread.worst
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bins_have_widths_that_read_well() {
        let second = 1_000_000_000;
        let mut values: Vec<u64> = (0..100).map(|n| (100 + n) * second).collect();
        values.push(NOT_OVER);
        let histogram = Histogram::of(&values).unwrap();
        assert_eq!((histogram.from, histogram.width), (Span::from_secs(100), Span::from_secs(5)));
        assert_eq!(histogram.counts, [5; 20]);
        assert_eq!((histogram.above, histogram.not_over, histogram.end()), (0, 1, Span::from_secs(200)));
        assert_eq!(Histogram::of(&[NOT_OVER]), None);
    }

    proptest! {
        #[test]
        fn every_value_is_counted_once(mut values in proptest::collection::vec(0_u64..10_u64.pow(15), 1..300), never in 0_usize..3) {
            values.extend(std::iter::repeat_n(NOT_OVER, never));
            values.sort_unstable();
            let histogram = Histogram::of(&values).unwrap();
            prop_assert_eq!(histogram.total(), values.len() as u64);
            prop_assert!(histogram.counts.len() as u64 <= BINS_MAX + 1);
            for (n, (from, count)) in histogram.bins().enumerate() {
                let to = histogram.from + histogram.width * (n as u64 + 1);
                prop_assert_eq!(count, values.iter().filter(|v| (from.0..to.0).contains(v)).count() as u64);
            }
        }
    }
}
