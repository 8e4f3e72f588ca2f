//! Samples that say the same, summed up until they are told.

use crate::id::ProbeId;
use crate::model::{Sample, SampleSummary};
use crate::time::Span;

/// The most durations that are kept for the quantiles of one summary; what comes after still counts for all else.
const DURATIONS_MAX: usize = 10_000;

/// What one probe has seen since it last told.
#[derive(Debug, Default)]
pub(super) struct Window {
    first_tick: u64,
    count: u64,
    healthy: u64,
    durations: Vec<Span>,
    max: Span,
}

impl Window {
    /// Takes a sample in.
    pub(super) fn add(&mut self, sample: &Sample) {
        if self.count == 0 {
            self.first_tick = sample.tick;
        }
        self.count += 1;
        self.healthy += u64::from(sample.is_healthy());
        let took = sample.took();
        self.max = self.max.max(took);
        if self.durations.len() < DURATIONS_MAX {
            self.durations.push(took);
        }
    }

    /// Takes samples in that took so long and say what `first` says, the first of them.
    pub(super) fn add_all(&mut self, first: &Sample, took: &[Span]) {
        if self.count == 0 {
            self.first_tick = first.tick;
        }
        self.count += took.len() as u64;
        self.healthy += if first.is_healthy() { took.len() as u64 } else { 0 };
        self.max = took.iter().copied().fold(self.max, Span::max);
        let room = DURATIONS_MAX - self.durations.len();
        self.durations.extend_from_slice(&took[..took.len().min(room)]);
    }

    /// The summary, if there is anything to tell; `last` is the newest sample that was taken in. Empty afterwards.
    pub(super) fn take(&mut self, probe: &ProbeId, last: Option<&Sample>) -> Option<SampleSummary> {
        let last = last.filter(|_| self.count > 0)?;
        self.durations.sort_unstable();
        let summary = SampleSummary {
            probe: probe.clone(),
            first_tick: self.first_tick,
            last_tick: last.tick,
            count: self.count,
            healthy: self.healthy,
            p50: quantile(&self.durations, 50),
            p95: quantile(&self.durations, 95),
            max: self.max,
            last: last.clone(),
        };
        self.durations.clear();
        *self = Self { durations: std::mem::take(&mut self.durations), ..Self::default() };
        Some(summary)
    }
}

/// The smallest of `sorted` that at least `percent` of them do not exceed; zero of none.
fn quantile(sorted: &[Span], percent: usize) -> Span {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SampleResult;
    use crate::resource::Stages;
    use crate::time::Moment;

    fn sample(tick: u64, took_ms: u64) -> Sample {
        let sent = Moment(tick * 1_000_000_000);
        Sample {
            tick,
            scheduled: sent,
            sent,
            answered: sent + Span::from_millis(took_ms),
            result: SampleResult::Healthy,
            address: None,
            region: None,
            stages: Stages::default(),
        }
    }

    #[test]
    fn the_quantiles_are_those_of_the_samples() {
        let mut window = Window::default();
        let id = ProbeId::new("web").unwrap();
        assert_eq!(window.take(&id, Some(&sample(0, 1))), None, "nothing was taken in");
        // 1 to 100 ms, in an order of their own.
        for n in 0..100 {
            window.add(&sample(7 + n, (n * 37) % 100 + 1));
        }
        let summary = window.take(&id, Some(&sample(106, 64))).unwrap();
        assert_eq!((summary.first_tick, summary.last_tick), (7, 106));
        assert_eq!((summary.count, summary.healthy), (100, 100));
        assert_eq!(summary.p50, Span::from_millis(50));
        assert_eq!(summary.p95, Span::from_millis(95));
        assert_eq!(summary.max, Span::from_millis(100));
        assert_eq!(window.take(&id, Some(&sample(106, 64))), None, "it was emptied");
    }

    #[test]
    fn one_sample_is_its_own_quantiles_and_memory_is_bounded() {
        let mut window = Window::default();
        let id = ProbeId::new("web").unwrap();
        window.add(&sample(3, 9));
        let summary = window.take(&id, Some(&sample(3, 9))).unwrap();
        assert_eq!((summary.p50, summary.p95, summary.count), (Span::from_millis(9), Span::from_millis(9), 1));
        for n in 0..20_000 {
            window.add(&sample(n, 1));
        }
        assert_eq!(window.durations.len(), DURATIONS_MAX);
        assert_eq!(window.take(&id, Some(&sample(19_999, 1))).unwrap().count, 20_000);
    }
}
