//! What is known of one probe: samples under way, the last one told, and what they make of it.

use std::collections::VecDeque;

use super::detector::{Counts, Detector};
use super::window::Window;
use crate::event::Event;
use crate::id::ProbeId;
use crate::model::{ProbePlan, Sample, SampleSummary};
use crate::resource::ServiceHealth;

/// One probe.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: ProbeId,
    pub(super) detector: Detector,
    /// What the board shows; kept for every probe, shown for services.
    pub(super) health: ServiceHealth,
    /// Samples that have begun, in the order of their ticks, with those that came back before an earlier one.
    under_way: VecDeque<(u64, Option<Sample>)>,
    under_way_max: usize,
    /// The newest sample in the order of ticks.
    last: Option<Sample>,
    window: Window,
    /// Whether the region that answered last answered every sample since.
    answered_all: bool,
}

impl Lane {
    pub(super) fn new(plan: &ProbePlan) -> Self {
        Self {
            id: plan.id.clone(),
            detector: Detector::new(plan.healthy_after, plan.unhealthy_after),
            health: ServiceHealth::default(),
            under_way: VecDeque::new(),
            under_way_max: at_once(plan),
            last: None,
            window: Window::default(),
            answered_all: false,
        }
    }

    /// Notes that the sample of `tick` begins; `false` if as many as can be are under way already, and it must not.
    pub(super) fn begin(&mut self, tick: u64) -> bool {
        let room = self.under_way.len() < self.under_way_max;
        if room {
            self.under_way.push_back((tick, None));
        }
        room
    }

    /// Notes a sample's result.
    pub(super) fn end(&mut self, sample: Sample) {
        if let Some(place) = self.under_way.iter_mut().find(|(tick, _)| *tick == sample.tick) {
            place.1 = Some(sample);
        }
    }

    /// The next sample in the order of ticks, if it is there.
    pub(super) fn next(&mut self) -> Option<Sample> {
        match self.under_way.front() {
            Some((_, Some(_))) => self.under_way.pop_front().and_then(|(_, sample)| sample),
            _ => None,
        }
    }

    /// Whether `sample` is the next one and changes nothing that anybody waits for.
    pub(super) fn is_quiet(&self, sample: &Sample, counts: Counts) -> bool {
        let mut waiting = self.under_way.iter();
        let next = waiting.next().is_some_and(|(tick, _)| *tick == sample.tick);
        next
            && waiting.next().is_none_or(|(_, result)| result.is_none())
            && counts == Counts::Fully
            && self.last.as_ref().is_some_and(|last| last.says_the_same_as(sample))
            && self.detector.is_settled(sample)
            && (!sample.is_healthy() || sample.region.is_none() || self.health.served_by == sample.region)
    }

    /// Takes the next sample in. Returns what must be told of it, in order.
    pub(super) fn take(&mut self, sample: Sample, counts: Counts) -> Vec<Event> {
        let mut told = Vec::new();
        if self.last.as_ref().is_some_and(|last| last.says_the_same_as(&sample)) {
            self.window.add(&sample);
        } else {
            told.extend(self.sum_up().map(|summary| Event::SamplesSummed {
                probes: vec![summary],
                canaries: Vec::new(),
            }));
            let (probe, last) = (self.id.clone(), self.last.take());
            told.push(Event::Sampled { probe, last, first: sample.clone() });
        }
        self.detector.observe(&sample, counts);
        self.note(&sample);
        self.last = Some(sample);
        told
    }

    /// What was not told yet of samples that said the same.
    pub(super) fn sum_up(&mut self) -> Option<SampleSummary> {
        self.window.take(&self.id, self.last.as_ref())
    }

    /// Whether the newest sample was healthy; `None` if there is none.
    pub(super) fn last_was_healthy(&self) -> Option<bool> {
        self.last.as_ref().map(Sample::is_healthy)
    }

    /// Keeps what the board shows beside the state.
    fn note(&mut self, sample: &Sample) {
        let health = &mut self.health;
        if sample.is_healthy() {
            health.good_since.get_or_insert(sample.sent);
        } else {
            health.good_since = None;
        }
        if let crate::model::SampleResult::Unhealthy(seen) = &sample.result
            && health.last_failure.as_ref() != Some(seen)
        {
            health.last_failure = Some(seen.clone());
        }
        match sample.region {
            Some(_) if sample.is_healthy() => {
                if health.served_by != sample.region || !self.answered_all {
                    (health.served_by, health.served_since) = (sample.region, sample.sent);
                }
                self.answered_all = true;
            }
            _ => self.answered_all = false,
        }
    }
}

/// How many samples of a probe may be under way: as many as its timeout lets overlap, and one for a late wake-up.
fn at_once(plan: &ProbePlan) -> usize {
    let overlap = plan.timeout.0.div_ceil(plan.every.0.max(1)).saturating_add(1);
    usize::try_from(overlap).unwrap_or(AT_ONCE_MAX).min(AT_ONCE_MAX)
}

/// The most samples of one probe that are ever under way, whatever its timeout.
const AT_ONCE_MAX: usize = 64;
