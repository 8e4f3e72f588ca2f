//! What is known of one probe: samples under way, the last one told, and what they make of it.

use std::collections::VecDeque;

use super::guard::First;
use super::window::Window;
use crate::event::Event;
use crate::id::{ProbeId, RegionRole};
use crate::measure::{Detector, Run, Sight};
use crate::model::{ProbePlan, Sample, SampleResult, SampleSummary};
use crate::resource::{HealthState, ServiceHealth};
use crate::time::{Moment, Span};

/// One probe.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: ProbeId,
    detector: Detector,
    /// The region whose answers alone end an outage.
    active: Option<RegionRole>,
    /// Samples that have begun, in the order of their ticks, with those that came back before an earlier one.
    under_way: VecDeque<(u64, Option<Box<Sample>>)>,
    under_way_max: usize,
    /// The newest sample in the order of ticks.
    last: Option<Sample>,
    /// So many samples in a row said the same, under the same circumstances.
    alike: u32,
    /// After so many alike the detector changes its mind no more.
    settled_after: u32,
    sight: Sight,
    window: Window,
    shown: (HealthState, Option<RegionRole>),
}

impl Lane {
    pub(super) fn new(plan: &ProbePlan) -> Self {
        Self {
            id: plan.id.clone(),
            detector: Detector::new(plan.healthy_after, plan.unhealthy_after),
            active: None,
            under_way: VecDeque::new(),
            under_way_max: at_once(plan),
            last: None,
            alike: 0,
            settled_after: plan.healthy_after.max(plan.unhealthy_after).max(1),
            sight: Sight::Clear,
            window: Window::default(),
            shown: (HealthState::Unknown, None),
        }
    }

    /// Goes on from what the samples of a journal add up to. The first sample after it is told as a change, whatever it
    /// says, so that the time between is not taken for one stretch of samples alike.
    pub(super) fn recall(&mut self, detector: Detector, active: Option<RegionRole>) {
        let health = detector.health();
        self.shown = (health.state, health.served_by);
        (self.detector, self.active) = (detector, active);
    }

    /// From now on only answers of `region` end an outage.
    pub(super) fn activate(&mut self, active: Option<RegionRole>) {
        (self.active, self.alike) = (active, 0);
    }

    /// Notes that the sample of `tick` begins; `false` if as many as can be are under way already, and it must not.
    pub(super) fn begin(&mut self, tick: u64) -> bool {
        let room = self.under_way.len() < self.under_way_max;
        if room {
            self.under_way.push_back((tick, None));
        }
        room
    }

    /// Notes a sample's result. Gives it back if it is the next in the order of ticks, as nearly all are.
    pub(super) fn end(&mut self, sample: Sample) -> Option<Sample> {
        if self.under_way.front().is_some_and(|(tick, _)| *tick == sample.tick) {
            self.under_way.pop_front();
            return Some(sample);
        }
        if let Some(place) = self.under_way.iter_mut().find(|(tick, _)| *tick == sample.tick) {
            place.1 = Some(Box::new(sample));
        }
        None
    }

    /// The next sample in the order of ticks, if it is there.
    pub(super) fn next(&mut self) -> Option<Sample> {
        match self.under_way.front() {
            Some((_, Some(_))) => self.under_way.pop_front().and_then(|(_, sample)| sample.map(|sample| *sample)),
            _ => None,
        }
    }

    /// Whether `sample` is the next one and changes nothing that anybody waits for.
    pub(super) fn is_quiet(&self, sample: &Sample, sight: Sight) -> bool {
        let mut waiting = self.under_way.iter();
        let next = waiting.next().is_some_and(|(tick, _)| *tick == sample.tick);
        next && waiting.next().is_none_or(|(_, result)| result.is_none())
            && sight == self.sight
            && self.alike >= self.settled_after
            && self.last.as_ref().is_some_and(|last| last.says_the_same_as(sample))
    }

    /// Its last sample, if none is under way and more that say the same change nothing.
    pub(super) fn settled_on(&self, sight: Sight) -> Option<&Sample> {
        let settled = self.under_way.is_empty() && sight == self.sight && self.alike >= self.settled_after;
        self.last.as_ref().filter(|_| settled)
    }

    /// Takes in samples that follow one another and say the same as the last one, on which it has settled; they took so
    /// long. As [`Self::take`] of each.
    pub(super) fn take_all(&mut self, run: &Run, took: &[Span], sight: Sight) {
        self.window.add_all(&run.first, took);
        self.alike = self.alike.saturating_add(u32::try_from(run.count).unwrap_or(u32::MAX));
        self.detector.push_run(run, self.active, sight);
        self.last = Some(run.last.clone());
    }

    /// Takes the next sample in. Returns what must be told of it, in order, and whether the state changed that the
    /// board shows.
    pub(super) fn take(&mut self, sample: Sample, sight: Sight) -> (Vec<Event>, bool) {
        let mut told = Vec::new();
        let alike = self.last.as_ref().is_some_and(|last| last.says_the_same_as(&sample));
        if alike {
            self.window.add(&sample);
        } else {
            let summary = self.sum_up();
            told.extend(summary.map(|summary| Event::SamplesSummed { probes: vec![summary], canaries: Vec::new() }));
            let (probe, last) = (self.id.clone(), self.last.take());
            told.push(Event::Sampled { probe, last, first: sample.clone() });
        }
        self.alike = if alike && sight == self.sight { self.alike.saturating_add(1) } else { 1 };
        self.sight = sight;
        self.detector.push(&sample, self.active, sight);
        self.last = Some(sample);
        if self.alike > self.settled_after {
            return (told, false);
        }
        let health = self.detector.health();
        let shown = (health.state, health.served_by);
        let changed = std::mem::replace(&mut self.shown, shown) != shown;
        (told, changed)
    }

    /// What was not told yet of samples that said the same.
    pub(super) fn sum_up(&mut self) -> Option<SampleSummary> {
        self.window.take(&self.id, self.last.as_ref())
    }

    /// What the probe knows now.
    pub(super) fn health(&self) -> ServiceHealth {
        self.detector.health()
    }

    /// What the newest sample says, if there is one.
    pub(super) fn first(&self) -> First {
        match self.last.as_ref().map(|last| &last.result) {
            None => First::Unknown,
            Some(SampleResult::Healthy) => First::Holds,
            Some(SampleResult::Unhealthy(seen)) => First::Broken(format!("{} is down: {seen}", self.id)),
        }
    }

    /// Whether the newest sample failed.
    pub(super) fn fails(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.is_healthy())
    }

    /// Since when an outage has been open, and what its first failed sample saw; `None` also while the newest sample
    /// says that it is over, be that confirmed or not.
    pub(super) fn outage(&self) -> Option<(Moment, &str)> {
        let outage = self.detector.outage()?;
        let served = |last: &Sample| last.is_healthy() && (self.active.is_none() || last.region == self.active);
        if self.last.as_ref().is_some_and(served) { None } else { Some((outage.start(), outage.saw.as_str())) }
    }

    /// Whether an outage is open, even if it seems to be over.
    pub(super) fn is_out(&self) -> bool {
        self.detector.outage().is_some()
    }
}

/// How many samples of a probe may be under way: as many as its timeout lets overlap, and one for a late wake-up.
fn at_once(plan: &ProbePlan) -> usize {
    let overlap = plan.timeout.0.div_ceil(plan.every.0.max(1)).saturating_add(1);
    usize::try_from(overlap).unwrap_or(AT_ONCE_MAX).min(AT_ONCE_MAX)
}

/// The most samples of one probe that are ever under way, whatever its timeout.
const AT_ONCE_MAX: usize = 64;
