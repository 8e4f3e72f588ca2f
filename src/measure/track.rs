//! The samples of one probe, put together again from a journal, and replayed.

use super::{Active, Change, Detector, Outage, Run, Sight};
use crate::id::RegionRole;
use crate::model::{ProbePlan, Sample, SampleSummary};
use crate::resource::ServiceHealth;
use crate::time::{Moment, Span};

/// All samples of one probe: runs of those that say the same.
#[derive(Clone, Debug)]
pub struct Track {
    every: Span,
    runs: Vec<Run>,
}

/// When the region changed whose answers count.
#[derive(Clone, Debug, Default)]
pub struct Actives {
    /// From when on, and which; in order. Before the first: none.
    changes: Vec<(Moment, Active)>,
}

impl Actives {
    /// From `at` on the answers of `active` count. Instants must not go back.
    pub fn set(&mut self, at: Moment, active: Active) {
        self.changes.push((at, active));
    }

    /// The region whose answers count for a sample sent at `at`.
    #[must_use]
    pub fn at(&self, at: Moment) -> Active {
        let after = self.changes.partition_point(|change| change.0 <= at);
        after.checked_sub(1).and_then(|last| self.changes[last].1)
    }
}

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The outages in order; the last one may be without an end.
    pub outages: Vec<Outage>,
    /// What is known at the end.
    pub health: ServiceHealth,
    /// How many samples said nothing because the witness failed too.
    pub unknown: u64,
    /// How closely it was watched in each stretch between the marks.
    pub stretches: Vec<Stretch>,
}

/// How closely a probe was watched in a stretch of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The longest time without a healthy sample that began, lay or ended in it, outages left out: no outage that was
    /// longer can have been missed.
    pub longest_gap: Span,
    /// How many samples there were.
    pub samples: u64,
    /// How many of them said something: that the service was well, or that it was not and the witness was.
    pub telling: u64,
}

impl Track {
    /// Of a probe with this interval.
    #[must_use]
    pub fn new(plan: &ProbePlan) -> Self {
        Self { every: plan.every, runs: Vec::new() }
    }

    /// The first tick that was not told of yet.
    fn next_tick(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.last.tick.saturating_add(1))
    }

    /// The result changed: `last` is the last sample that said otherwise, `first` the first that says this.
    pub fn changed(&mut self, last: Option<&Sample>, first: &Sample) {
        if let Some(last) = last {
            let count = last.tick.saturating_add(1).saturating_sub(self.next_tick());
            self.extend(last, count);
        }
        if first.tick >= self.next_tick() {
            self.runs.push(Run::of(first));
        }
    }

    /// Samples that said the same. Those that were told of already are not counted twice.
    pub fn summed(&mut self, summary: &SampleSummary) {
        let fresh = summary.last_tick.saturating_add(1).saturating_sub(self.next_tick().max(summary.first_tick));
        self.extend(&summary.last, fresh.min(summary.count));
    }

    /// `count` samples that say what `last` says, the last of which it is.
    fn extend(&mut self, last: &Sample, count: u64) {
        let next = self.next_tick();
        if last.tick < next || count == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.last.says_the_same_as(last) => {
                run.last = last.clone();
                run.count += count;
            }
            // The first of these samples was not told: it lies on the schedule.
            _ => {
                let back = self.every * (count - 1);
                let scheduled = last.scheduled.saturating_sub(back);
                let first = if count == 1 {
                    last.clone()
                } else {
                    Sample {
                        tick: last.tick.saturating_sub(count - 1),
                        scheduled,
                        sent: scheduled,
                        answered: scheduled + last.took(),
                        ..last.clone()
                    }
                };
                self.runs.push(Run { first, last: last.clone(), count });
            }
        }
    }

    /// The runs in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many samples there are.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// How many of them failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.runs.iter().filter(|run| !run.first.is_healthy()).map(|run| run.count).sum()
    }

    /// How many ticks between the first and the last sample were not taken.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let (Some(first), Some(last)) = (self.runs.first(), self.runs.last()) else { return 0 };
        (last.last.tick + 1).saturating_sub(first.first.tick).saturating_sub(self.samples())
    }

    /// When this region answered for the first time after `at`, healthy or not.
    #[must_use]
    pub fn answered_by(&self, region: RegionRole, at: Moment) -> Option<Moment> {
        let mut by = self.runs.iter().filter(|run| run.first.region == Some(region) && run.last.sent >= at);
        by.next().map(|run| run.sample(run.before(at).min(run.count - 1)).sent.max(at))
    }

    /// As witness: from the last good sample before each failure to the first good one after it.
    #[must_use]
    pub fn blind(&self) -> Vec<(Moment, Moment)> {
        let mut blind: Vec<(Moment, Moment)> = Vec::new();
        let mut good = Moment::ZERO;
        let mut failing = false;
        for run in &self.runs {
            if run.first.is_healthy() {
                if failing {
                    blind.push((good, run.first.sent));
                }
                failing = false;
                good = run.last.sent;
            } else {
                failing = true;
            }
        }
        if failing {
            blind.push((good, Moment::MAX));
        }
        blind
    }

    /// Replays all samples. `blind` are the stretches in which the witness failed too, in order and disjoint; `marks`
    /// the instants that part the stretches of the answer; `until` is when the watch was over.
    #[must_use]
    pub fn replay(
        &self,
        plan: &ProbePlan,
        actives: &Actives,
        blind: &[(Moment, Moment)],
        marks: &[Moment],
        until: Moment,
    ) -> Replayed {
        self.follow(plan, actives, blind, marks, until).0
    }

    /// What is known after all samples, to go on with.
    #[must_use]
    pub fn detector(&self, plan: &ProbePlan, actives: &Actives, blind: &[(Moment, Moment)]) -> Detector {
        self.follow(plan, actives, blind, &[], Moment::ZERO).1
    }

    fn follow(
        &self,
        plan: &ProbePlan,
        actives: &Actives,
        blind: &[(Moment, Moment)],
        marks: &[Moment],
        until: Moment,
    ) -> (Replayed, Detector) {
        let mut cuts: Vec<Moment> = actives.changes.iter().map(|change| change.0).collect();
        // What was sent at the very instant of the last good witness is still seen clearly.
        cuts.extend(blind.iter().flat_map(|(from, to)| [Moment(from.0.saturating_add(1)), *to]));
        cuts.extend_from_slice(marks);
        cuts.sort_unstable();
        cuts.dedup();
        let mut detector = Detector::new(plan.healthy_after, plan.unhealthy_after);
        let mut found = Replayed {
            outages: Vec::new(),
            health: ServiceHealth::default(),
            unknown: 0,
            stretches: vec![Stretch::default()],
        };
        let mut marks = marks.iter().copied().peekable();
        let mut open = Open::default();
        for piece in self.runs.iter().flat_map(|run| pieces(run, &cuts)) {
            let at = piece.first.sent;
            while marks.next_if(|mark| *mark <= at).is_some() {
                open.leave(found.close_stretch(&mut detector), &detector);
            }
            let sight = sight(blind, at);
            let unknown = sight == Sight::Blind && !piece.first.is_healthy();
            if unknown {
                found.unknown += piece.count;
            }
            found.count(piece.count, unknown);
            let change = detector.push_run(&piece, actives.at(at), sight);
            if let Some(outage) = detector.outage() {
                open.close(&mut found, outage.first_bad);
            } else if piece.first.is_healthy() {
                open.close(&mut found, at);
            }
            if let Some(Change::Recovered(outage)) = change {
                found.outages.push(outage);
            }
        }
        for _ in marks {
            open.leave(found.close_stretch(&mut detector), &detector);
        }
        open.leave(found.note_gap(&mut detector), &detector);
        open.close(&mut found, until);
        found.outages.extend(detector.outage().cloned());
        found.health = detector.health();
        (found, detector)
    }
}

/// Stretches that ended before it was known what became of the service after its last healthy sample in them.
#[derive(Debug, Default)]
struct Open(Vec<(usize, Moment)>);

impl Open {
    /// `stretch` ends; what is not known in it goes on.
    fn leave(&mut self, stretch: usize, detector: &Detector) {
        self.0.extend(detector.unsure_since().map(|since| (stretch, since)));
    }

    /// It is known again from `at` on.
    fn close(&mut self, found: &mut Replayed, at: Moment) {
        for (stretch, since) in self.0.drain(..) {
            let gap = &mut found.stretches[stretch].longest_gap;
            *gap = (*gap).max(at.since(since));
        }
    }
}

impl Replayed {
    /// Notes the gaps of the stretch that is the last; gives its place.
    fn note_gap(&mut self, detector: &mut Detector) -> usize {
        let last = self.stretches.len() - 1;
        self.stretches[last].longest_gap = detector.take_longest_gap();
        last
    }

    /// Ends the stretch that is the last; gives its place.
    fn close_stretch(&mut self, detector: &mut Detector) -> usize {
        let last = self.note_gap(detector);
        self.stretches.push(Stretch::default());
        last
    }

    fn count(&mut self, samples: u64, unknown: bool) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.samples += samples;
            stretch.telling += if unknown { 0 } else { samples };
        }
    }
}

fn sight(blind: &[(Moment, Moment)], at: Moment) -> Sight {
    let after = blind.partition_point(|(_, to)| *to <= at);
    if blind.get(after).is_some_and(|(from, _)| *from < at) { Sight::Blind } else { Sight::Clear }
}

/// `run` cut at `cuts`, so that each piece lies between two neighbours of them.
fn pieces(run: &Run, cuts: &[Moment]) -> Vec<Run> {
    let from = cuts.partition_point(|cut| *cut <= run.first.sent);
    let to = cuts.partition_point(|cut| *cut <= run.last.sent);
    let mut done = 0;
    let mut pieces = Vec::with_capacity(1 + to - from);
    for cut in &cuts[from..to] {
        let before = run.before(*cut);
        if before > done {
            pieces.push(run.part(done, before));
            done = before;
        }
    }
    if done < run.count {
        pieces.push(run.part(done, run.count));
    }
    pieces
}
