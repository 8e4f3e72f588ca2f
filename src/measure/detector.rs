//! Tells from samples whether a service is up: live, sample by sample, and in replay, run by run.

use super::{Outage, Recovery};
use crate::id::RegionRole;
use crate::model::Sample;
use crate::resource::{HealthState, ServiceHealth};
use crate::time::{Moment, Span};

/// The region whose answers count: `None` as long as no switch has passed, and while one is under way.
pub type Active = Option<RegionRole>;

/// Whether the witness (a probe of something unrelated) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It does, or there is none.
    Clear,
    /// It fails too: a failed sample says nothing about the service.
    Blind,
}

/// Samples in a row that say the same. The first and the last are known whole; between them they lie evenly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: Sample,
    /// The last; the first again if there is but one.
    pub last: Sample,
    /// How many, at least 1.
    pub count: u64,
}

impl Run {
    /// A run of one sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { first: sample.clone(), last: sample.clone(), count: 1 }
    }

    fn samples(&self) -> Samples<'_> {
        Samples { first: &self.first, last: &self.last, count: self.count }
    }

    /// From one sample to the next.
    fn step(&self) -> Span {
        self.samples().step()
    }

    /// The sample at `index`, at most `count - 1`. One between the ends lies on the schedule.
    #[must_use]
    pub fn sample(&self, index: u64) -> Sample {
        self.samples().sample(index)
    }

    /// How many of its samples were sent before `at`.
    #[must_use]
    pub fn before(&self, at: Moment) -> u64 {
        if at > self.last.sent {
            return self.count;
        }
        if at <= self.first.sent {
            return 0;
        }
        let inner = at.since(self.first.scheduled).0.div_ceil(self.step().0.max(1));
        inner.clamp(1, self.count.saturating_sub(1).max(1))
    }

    /// The samples from `from` up to and without `to`, as a run of their own; `from < to <= count`.
    #[must_use]
    pub fn part(&self, from: u64, to: u64) -> Self {
        Self { first: self.sample(from), last: self.sample(to - 1), count: to - from }
    }
}

impl Samples<'_> {
    /// From one sample to the next.
    fn step(self) -> Span {
        let gaps = self.count.saturating_sub(1).max(1);
        Span(self.last.scheduled.since(self.first.scheduled).0 / gaps)
    }

    /// See [`Run::sample`].
    fn sample(self, index: u64) -> Sample {
        if index == 0 {
            return self.first.clone();
        }
        if index + 1 >= self.count {
            return self.last.clone();
        }
        let scheduled = self.first.scheduled + self.step() * index;
        let ticks = u128::from(self.last.tick.saturating_sub(self.first.tick));
        let passed = ticks * u128::from(index) / u128::from(self.count.saturating_sub(1).max(1));
        Sample {
            tick: self.first.tick.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)),
            scheduled,
            sent: scheduled,
            answered: scheduled + self.first.took().min(self.last.took()),
            ..self.first.clone()
        }
    }
}

/// What a sample, or a run of them, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many healthy samples in a row that it is known to be up, for the first time.
    Up,
    /// An outage began; so far without an end.
    Lost(Outage),
    /// An outage ended.
    Recovered(Outage),
}

/// What a sample counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Good,
    /// Healthy, but not answered by the region that serves: ends no outage and begins none.
    Foreign,
    Bad,
    Unknown,
}

/// Failed samples in a row.
#[derive(Clone, Debug)]
struct BadStreak {
    count: u64,
    first: Moment,
    saw: String,
}

/// Healthy samples in a row.
#[derive(Clone, Copy, Debug)]
struct GoodStreak {
    count: u64,
    sent: Moment,
    answered: Moment,
}

/// A run that lies elsewhere.
#[derive(Clone, Copy)]
struct Samples<'a> {
    first: &'a Sample,
    last: &'a Sample,
    count: u64,
}

/// The times of a sample.
#[derive(Clone, Copy, Debug)]
struct Times {
    tick: u64,
    scheduled: Moment,
    answered: Moment,
}

impl Times {
    fn of(sample: &Sample) -> Self {
        Self { tick: sample.tick, scheduled: sample.scheduled, answered: sample.answered }
    }
}

/// Watches the samples of one probe. They are pushed in the order of their ticks, whatever the order of their answers.
#[derive(Clone, Debug)]
pub struct Detector {
    healthy_after: u64,
    unhealthy_after: u64,
    outage: Option<Outage>,
    bad: Option<BadStreak>,
    good: Option<GoodStreak>,
    last_healthy: Option<Moment>,
    longest_gap: Span,
    previous: Option<Times>,
    /// Whether the last sample said nothing.
    unknown: bool,
    known_up: bool,
    since: Moment,
    good_since: Option<Moment>,
    served_by: Option<RegionRole>,
    served_since: Option<Moment>,
    last_failure: Option<String>,
}

impl Detector {
    /// `unhealthy_after` failed samples in a row are an outage, `healthy_after` healthy ones end it; 0 is taken as 1.
    #[must_use]
    pub fn new(healthy_after: u32, unhealthy_after: u32) -> Self {
        Self {
            healthy_after: u64::from(healthy_after.max(1)),
            unhealthy_after: u64::from(unhealthy_after.max(1)),
            outage: None,
            bad: None,
            good: None,
            last_healthy: None,
            longest_gap: Span::ZERO,
            previous: None,
            unknown: false,
            known_up: false,
            since: Moment::ZERO,
            good_since: None,
            served_by: None,
            served_since: None,
            last_failure: None,
        }
    }

    /// Takes one sample in; what it changed. One that is not newer than the last is ignored.
    pub fn push(&mut self, sample: &Sample, active: Active, sight: Sight) -> Option<Change> {
        self.push_all(Samples { first: sample, last: sample, count: 1 }, active, sight)
    }

    /// Takes a run of samples in, in constant time, as if each had been pushed. `active` and `sight` hold for all.
    pub fn push_run(&mut self, run: &Run, active: Active, sight: Sight) -> Option<Change> {
        self.push_all(run.samples(), active, sight)
    }

    fn push_all(&mut self, run: Samples<'_>, active: Active, sight: Sight) -> Option<Change> {
        if self.previous.as_ref().is_some_and(|previous| run.first.tick <= previous.tick) {
            return None;
        }
        if self.previous.as_ref().is_some_and(|previous| is_gap(previous, run.first)) {
            self.break_streaks();
        }
        self.note_region(run);
        let class = self.classify(run.first, active, sight);
        self.unknown = class == Class::Unknown;
        self.previous = Some(Times::of(run.last));
        match class {
            Class::Unknown => {
                self.break_streaks();
                None
            }
            Class::Bad => self.bad(run),
            Class::Foreign => {
                self.foreign(run);
                None
            }
            Class::Good => self.good(run),
        }
    }

    /// The outage that is going on.
    #[must_use]
    pub fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// Since when no healthy sample was sent; `None` in an outage, of which it is known that there was none.
    #[must_use]
    pub fn unsure_since(&self) -> Option<Moment> {
        self.outage.is_none().then(|| self.last_healthy.unwrap_or_default())
    }

    /// The longest time from sending one healthy sample to sending the next, or from the start to the first, outages
    /// left out, since this was last asked: no outage that ended before the last healthy sample and was longer than this
    /// can have been missed. What came after is [`unsure_since`](Self::unsure_since).
    pub fn take_longest_gap(&mut self) -> Span {
        std::mem::take(&mut self.longest_gap)
    }

    /// What is known now.
    #[must_use]
    pub fn health(&self) -> ServiceHealth {
        ServiceHealth {
            state: match (&self.outage, self.unknown, self.known_up) {
                (_, true, _) | (None, false, false) => HealthState::Unknown,
                (Some(_), false, _) => HealthState::Unhealthy,
                (None, false, true) => HealthState::Healthy,
            },
            since: self.since,
            good_since: self.good_since,
            served_by: self.served_by,
            served_since: self.served_since.unwrap_or_default(),
            last_failure: self.last_failure.clone(),
        }
    }

    fn classify(&self, sample: &Sample, active: Active, sight: Sight) -> Class {
        match (sample.is_healthy(), sight) {
            (false, Sight::Blind) => Class::Unknown,
            (false, Sight::Clear) => Class::Bad,
            (true, _) if active.is_none() || sample.region == active => Class::Good,
            // Users who still reach the other side are served: only the end of an outage asks where from.
            (true, _) if self.outage.is_none() => Class::Good,
            (true, _) => Class::Foreign,
        }
    }

    fn break_streaks(&mut self) {
        self.bad = None;
        self.good = None;
        self.good_since = None;
    }

    fn note_region(&mut self, run: Samples<'_>) {
        if run.first.region.is_none() {
            self.served_since = None;
        } else if self.served_since.is_none() || self.served_by != run.first.region {
            self.served_by = run.first.region;
            self.served_since = Some(run.first.sent);
        }
    }

    fn bad(&mut self, run: Samples<'_>) -> Option<Change> {
        self.good = None;
        self.good_since = None;
        let saw = match &run.first.result {
            crate::model::SampleResult::Unhealthy(saw) => saw.as_str(),
            crate::model::SampleResult::Healthy => "",
        };
        if self.last_failure.as_deref() != Some(saw) {
            self.last_failure = Some(saw.to_owned());
        }
        if let Some(outage) = &mut self.outage {
            outage.last_bad = run.last.sent;
            outage.failed += run.count;
            return None;
        }
        let streak = self.bad.get_or_insert_with(|| BadStreak { count: 0, first: run.first.sent, saw: saw.to_owned() });
        let missing = self.unhealthy_after.saturating_sub(streak.count).max(1);
        streak.count += run.count;
        if streak.count < self.unhealthy_after {
            return None;
        }
        let outage = Outage {
            last_healthy: self.last_healthy,
            first_bad: streak.first,
            noticed: run.sample(missing - 1).answered,
            last_bad: run.last.sent,
            recovery: None,
            failed: streak.count,
            saw: std::mem::take(&mut streak.saw),
        };
        self.bad = None;
        self.since = outage.first_bad;
        self.outage = Some(outage.clone());
        Some(Change::Lost(outage))
    }

    fn foreign(&mut self, run: Samples<'_>) {
        self.good = None;
        self.good_since.get_or_insert(run.first.sent);
        if let Some(outage) = &mut self.outage {
            outage.last_bad = run.last.sent;
        }
    }

    fn good(&mut self, run: Samples<'_>) -> Option<Change> {
        self.bad = None;
        self.good_since.get_or_insert(run.first.sent);
        let fresh = GoodStreak { count: 0, sent: run.first.sent, answered: run.first.answered };
        let streak = self.good.get_or_insert(fresh);
        let missing = self.healthy_after.saturating_sub(streak.count).max(1);
        streak.count = streak.count.saturating_add(run.count);
        let (streak, enough) = (*streak, streak.count >= self.healthy_after);
        if let Some(mut outage) = self.outage.take_if(|_| enough) {
            let confirmed = run.sample(missing - 1).answered;
            outage.recovery = Some(Recovery { sent: streak.sent, answered: streak.answered, confirmed });
            self.known_up = true;
            self.since = streak.sent;
            self.note_gap(None, run);
            return Some(Change::Recovered(outage));
        }
        if self.outage.is_some() {
            return None;
        }
        self.note_gap(Some(self.last_healthy.unwrap_or_default()), run);
        if self.known_up || !enough {
            return None;
        }
        self.known_up = true;
        self.since = streak.sent;
        Some(Change::Up)
    }

    fn note_gap(&mut self, last_healthy: Option<Moment>, run: Samples<'_>) {
        if let Some(last) = last_healthy {
            self.longest_gap = self.longest_gap.max(run.first.sent.since(last));
        }
        if run.count > 1 {
            // Which ticks of a run were not taken is not known: all that are missing may lie side by side.
            let ticks = run.last.tick.saturating_sub(run.first.tick).max(1);
            let every = Span(run.last.scheduled.since(run.first.scheduled).0 / ticks);
            self.longest_gap = self.longest_gap.max(every * ((ticks + 2).saturating_sub(run.count).max(1)));
        }
        self.last_healthy = Some(run.last.sent);
    }
}

/// Whether samples are missing between the two that should have been taken. A slow sample excuses the ticks that came
/// due before its answer; the interval itself follows from the two samples' ticks.
fn is_gap(previous: &Times, next: &Sample) -> bool {
    let ticks = next.tick.saturating_sub(previous.tick);
    if ticks <= 1 {
        return false;
    }
    let every = Span(next.scheduled.since(previous.scheduled).0 / ticks);
    next.scheduled > previous.answered.max(previous.scheduled) + every
}
