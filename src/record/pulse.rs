//! How a service's samples went over time: what the strips of a drawing and a table of samples are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::SampleSummary;
use crate::time::{Moment, Span};

/// Samples of a service that said the same, summed up over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pulse {
    /// When the first of them was due.
    pub from: Moment,
    /// When the last of them had its answer.
    pub to: Moment,
    /// How many there were.
    pub count: u64,
    /// How many of them were healthy.
    pub healthy: u64,
    /// The median time that they took; of several summaries the mean of their medians.
    pub p50: Span,
    /// The 95th percentile, by the same rule.
    pub p95: Span,
    /// The longest.
    pub max: Span,
}

impl Pulse {
    /// Both as one.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        let mean = |one: Span, two: Span| {
            let sum = u128::from(one.0) * u128::from(self.count) + u128::from(two.0) * u128::from(other.count);
            Span(u64::try_from(sum / u128::from(count.max(1))).unwrap_or(u64::MAX))
        };
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            count,
            healthy: self.healthy + other.healthy,
            p50: mean(self.p50, other.p50),
            p95: mean(self.p95, other.p95),
            max: self.max.max(other.max),
        }
    }
}

/// At most so many pulses of a service are kept: of a long run each stands for a longer time.
const PULSES_MAX: usize = 720;

/// The pulses of one probe as they come, bounded however long the run is.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulses {
    kept: Vec<Pulse>,
    /// Each of `kept` but the last stands for so many summaries, two to the power of this.
    doubled: u32,
    /// So many of them are in the last one.
    in_last: u64,
}

impl Pulses {
    pub(super) fn push(&mut self, every: Span, summary: &SampleSummary) {
        let ticks = summary.last_tick.saturating_sub(summary.first_tick);
        let since = every.0.saturating_mul(ticks);
        let pulse = Pulse {
            from: Moment(summary.last.scheduled.0.saturating_sub(since)),
            to: summary.last.answered,
            count: summary.count,
            healthy: summary.healthy,
            p50: summary.p50,
            p95: summary.p95,
            max: summary.max,
        };
        match self.kept.last_mut() {
            Some(last) if self.in_last < 1 << self.doubled => *last = last.with(&pulse),
            _ => {
                self.kept.push(pulse);
                self.in_last = 0;
            }
        }
        self.in_last += 1;
        if self.kept.len() > PULSES_MAX && self.doubled < 63 {
            let halves = self.kept.chunks(2);
            self.kept = halves.filter_map(|pair| pair.iter().copied().reduce(|one, two| one.with(&two))).collect();
            // It is an odd number of them, so the last one stays alone, and as full as it was.
            self.doubled += 1;
        }
    }

    pub(super) fn all(&self) -> Vec<Pulse> {
        self.kept.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ProbeId;
    use crate::model::{Sample, SampleResult};

    fn summary(n: u64) -> SampleSummary {
        let at = |ms: u64| Moment(ms * 1_000_000);
        SampleSummary {
            probe: ProbeId::new("web").unwrap(),
            first_tick: n * 10,
            last_tick: n * 10 + 9,
            count: 10,
            healthy: if n == 500 { 0 } else { 10 },
            p50: Span::from_millis(20),
            p95: Span::from_millis(40),
            max: Span::from_millis(if n == 1234 { 3000 } else { 50 }),
            last: Sample {
                tick: n * 10 + 9,
                scheduled: at(n * 10_000 + 9_000),
                sent: at(n * 10_000 + 9_000),
                answered: at(n * 10_000 + 9_020),
                result: SampleResult::Healthy,
                address: None,
                region: None,
                stages: crate::resource::Stages::default(),
            },
        }
    }

    #[test]
    fn a_week_of_samples_is_kept_in_few_pulses_that_lose_none_of_them() {
        let mut pulses = Pulses::default();
        let all = 60_480;
        for n in 0..all {
            pulses.push(Span::from_secs(1), &summary(n));
            assert!(pulses.kept.len() <= PULSES_MAX);
        }
        let kept = pulses.all();
        assert!(kept.len() > PULSES_MAX / 3, "{}", kept.len());
        assert_eq!(kept.iter().map(|pulse| pulse.count).sum::<u64>(), all * 10);
        assert_eq!(kept.iter().map(|pulse| pulse.healthy).sum::<u64>(), all * 10 - 10);
        assert_eq!(kept.iter().map(|pulse| pulse.max).max(), Some(Span::from_millis(3000)));
        assert!(kept.iter().all(|pulse| pulse.p50 == Span::from_millis(20)));
        assert_eq!(kept[0].from, Moment::ZERO);
        assert!(kept.windows(2).all(|pair| pair[0].to < pair[1].to && pair[0].from < pair[1].from));
        // Each but the last stands for the same time.
        let counts: std::collections::BTreeSet<u64> = kept[..kept.len() - 1].iter().map(|pulse| pulse.count).collect();
        assert_eq!(counts.len(), 1, "{counts:?}");
    }

    #[test]
    fn a_short_run_keeps_every_summary() {
        let mut pulses = Pulses::default();
        (0..300).for_each(|n| pulses.push(Span::from_secs(1), &summary(n)));
        assert_eq!(pulses.all().len(), 300);
    }
}
