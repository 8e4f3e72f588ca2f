//! Adds up the runs of a forecast, one after the other and in order.

use super::interval::Share;
use super::outturn::{NEVER_MS, links};
use super::path::Links;
use super::sensitivity::correlation;
use super::{
    CONFIDENCE, End, Figure, Forecast, Histogram, Judged, LegForecast, Of, Outturn, Part, PathStep, Reading, Seen,
    Sensitivity, Spread, Stopped, Within, histogram, rank,
};
use crate::chance::Seed;
use crate::id::StepId;
use crate::measure::{Judgement, Parts};
use crate::model::{Leg, Plan};
use crate::time::Span;

/// At most so many numbers are kept of steps; of plans with many steps fewer runs' steps are kept.
const MOST_OF_STEPS: usize = 1_500_000;
/// A plan with more steps than this keeps nothing of them: a run's would be more than all else.
const MOST_STEPS: usize = 20_000;
/// At most so many steps of a path are told.
const PATH_MAX: usize = 20;

/// What of a plan's runs is kept, and in which order.
#[derive(Clone, Debug)]
pub struct Layout {
    figures: Vec<(Of, Leg)>,
    objectives: Vec<Option<Span>>,
    legs: Vec<Leg>,
    steps: Vec<StepId>,
    within: Vec<usize>,
    spans_within: Vec<Span>,
    links: Links,
}

impl Layout {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let has = |leg: &Leg| plan.phases.iter().any(|phase| phase.applies && phase.leg == Some(*leg));
        let legs: Vec<Leg> = [Leg::Failover, Leg::Return].into_iter().filter(has).collect();
        let (mut figures, mut objectives) = (Vec::new(), Vec::new());
        let mut add = |of: Of, objective: &dyn Fn(Leg) -> Option<Span>| {
            for leg in &legs {
                figures.push((of.clone(), *leg));
                objectives.push(objective(*leg));
            }
        };
        let drill = &plan.objectives;
        if !plan.services.is_empty() {
            add(Of::AllServices, &|leg| drill.rto_of(leg));
        }
        for service in &plan.services {
            let of = Of::Service { id: service.id.clone(), title: service.title.clone() };
            add(of, &|leg| service.objectives.rto_of(leg).or(drill.rto_of(leg)));
        }
        if !plan.canaries.is_empty() || legs.iter().any(|leg| drill.rpo_of(*leg).is_some()) {
            add(Of::AllCanaries, &|leg| drill.rpo_of(leg));
        }
        for canary in &plan.canaries {
            add(Of::Canary { id: canary.id.clone() }, &|leg| drill.rpo_of(leg));
        }
        let applies = |n: &usize| plan.steps[*n].applies && plan.phase_of(*n).applies;
        let within: Vec<usize> =
            (0..plan.steps.len()).filter(applies).filter(|n| plan.steps[*n].within.is_some()).collect();
        Self {
            figures,
            objectives,
            legs,
            steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
            spans_within: within.iter().filter_map(|n| plan.steps[*n].within).collect(),
            within,
            links: links(plan),
        }
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> &[(Of, Leg)] {
        &self.figures
    }

    /// The legs.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The places of the steps that have an objective of their own.
    pub(super) fn within(&self) -> &[usize] {
        &self.within
    }

    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    pub(super) fn keeps_steps(&self) -> bool {
        self.steps.len() <= MOST_STEPS
    }

    /// So many runs' steps are kept.
    fn runs_of_steps(&self) -> usize {
        MOST_OF_STEPS / (self.steps.len() * (1 + self.legs.len())).max(1)
    }
}

/// What has come together so far.
#[derive(Clone, Debug)]
pub struct Tally {
    layout: Layout,
    first_seed: Seed,
    runs: u64,
    passed: u64,
    ends: Vec<End>,
    figures: Vec<Sums>,
    within: Vec<u64>,
    /// Leg by leg, the parts of the runs that had them.
    parts: Vec<Vec<[Option<Span>; 5]>>,
    /// Step by step, run by run, in milliseconds.
    took_ms: Vec<Vec<u32>>,
    /// Leg by leg, step by step, run by run.
    path_ms: Vec<Vec<Vec<u32>>>,
    /// Leg by leg, run by run: the drill's recovery times, of the runs whose steps are kept.
    recovery: Vec<Vec<Option<u64>>>,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    values: Vec<u64>,
    seen: Seen,
    judged: Judged,
    /// The greatest value and the run that it first came in.
    worst: Option<(u64, u64)>,
}

impl Tally {
    /// Nothing yet, of runs from this seed on.
    #[must_use]
    pub fn new(layout: Layout, first_seed: Seed) -> Self {
        let (legs, steps) = (layout.legs.len(), if layout.keeps_steps() { layout.steps.len() } else { 0 });
        Self {
            first_seed,
            runs: 0,
            passed: 0,
            ends: Vec::new(),
            figures: vec![Sums::default(); layout.figures.len()],
            within: vec![0; layout.within.len()],
            parts: vec![Vec::new(); legs],
            took_ms: vec![Vec::new(); steps],
            path_ms: vec![vec![Vec::new(); steps]; legs],
            recovery: vec![Vec::new(); legs],
            layout,
        }
    }

    /// How many runs were added.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The share that passed.
    #[must_use]
    pub fn passed(&self) -> Share {
        Share::new(self.passed, self.runs)
    }

    /// What is kept of a run, and in which order.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The seed of run `n`.
    #[must_use]
    pub fn seed(&self, n: u64) -> Seed {
        seed_of(self.first_seed, n)
    }

    /// The values of each figure so far, in ascending order.
    pub(super) fn values(&self) -> impl Iterator<Item = Vec<u64>> + '_ {
        self.figures.iter().map(|sums| ascending(&sums.values))
    }

    /// How long each step took, in ascending order, of the runs in which it ended and whose steps are kept.
    pub(super) fn took(&self) -> impl Iterator<Item = (&StepId, Vec<Span>)> {
        self.layout.steps.iter().zip(&self.took_ms).map(|(step, took)| {
            let ended = took.iter().filter(|ms| **ms != NEVER_MS);
            let mut spans: Vec<Span> = ended.map(|ms| Span::from_millis(u64::from(*ms))).collect();
            spans.sort_unstable();
            (step, spans)
        })
    }

    /// The drill's recovery times so far, in ascending order, leg by leg.
    pub(super) fn recoveries(&self) -> impl Iterator<Item = Vec<u64>> + '_ {
        let figures = self.layout.figures.iter().zip(&self.figures);
        figures.filter(|((of, _), _)| *of == Of::AllServices).map(|(_, sums)| ascending(&sums.values))
    }

    /// The drill's recovery times run by run, leg by leg, of the runs whose steps are kept.
    pub(super) fn recovery(&self) -> &[Vec<Option<u64>>] {
        &self.recovery
    }

    /// Adds the next run.
    pub fn add(&mut self, outturn: &Outturn) {
        let n = self.runs;
        self.runs += 1;
        self.passed += u64::from(outturn.verdict == crate::model::Verdict::Passed);
        self.end(outturn, n);
        for (sums, (reading, judgement)) in self.figures.iter_mut().zip(&outturn.readings) {
            sums.add(*reading, *judgement, n);
        }
        for (met, judgement) in self.within.iter_mut().zip(&outturn.within) {
            *met += u64::from(*judgement == Judgement::Met);
        }
        for (all, parts) in self.parts.iter_mut().zip(&outturn.parts) {
            all.extend(parts.iter().map(|parts| parts.named().map(|(_, part)| part)));
        }
        if usize::try_from(n).unwrap_or(usize::MAX) < self.layout.runs_of_steps() && !self.took_ms.is_empty() {
            push(&mut self.took_ms, &outturn.took_ms);
            self.path_ms.iter_mut().zip(&outturn.path_ms).for_each(|(all, path)| push(all, path));
            push(&mut self.recovery, &outturn.recovery(&self.layout));
        }
    }

    fn end(&mut self, outturn: &Outturn, n: u64) {
        let same =
            |end: &&mut End| (end.verdict, end.world, end.exit) == (outturn.verdict, outturn.world, outturn.exit);
        if let Some(end) = self.ends.iter_mut().find(same) {
            end.runs.count += 1;
            return;
        }
        let first = self.seed(n);
        let runs = Share::new(1, 1);
        self.ends.push(End { verdict: outturn.verdict, world: outturn.world, exit: outturn.exit, runs, first });
    }

    /// What follows from it.
    #[must_use]
    pub fn forecast(&self, stopped: Stopped, require: f64, sensitivity: Option<Sensitivity>) -> Forecast {
        let mut ends = self.ends.clone();
        for end in &mut ends {
            end.runs = Share::new(end.runs.count, self.runs);
        }
        // Equally frequent ones stay in the order in which they came.
        ends.sort_by_key(|end| std::cmp::Reverse(end.runs.count));
        let within = self.layout.within.iter().zip(&self.layout.spans_within).zip(&self.within);
        Forecast {
            runs: self.runs,
            stopped,
            first_seed: self.first_seed,
            confidence: CONFIDENCE,
            require,
            passed: self.passed(),
            ends,
            figures: (0..self.figures.len()).map(|n| self.figure(n)).collect(),
            within: within
                .map(|((step, within), met)| Within {
                    step: self.layout.steps[*step].clone(),
                    within: *within,
                    met: Share::new(*met, self.runs),
                })
                .collect(),
            legs: (0..self.layout.legs.len()).map(|n| self.leg(n)).collect(),
            sensitivity,
        }
    }

    fn figure(&self, n: usize) -> Figure {
        let ((of, leg), sums) = (self.layout.figures[n].clone(), &self.figures[n]);
        let sorted = ascending(&sums.values);
        let spread = Spread::of(&sorted);
        let objective = self.layout.objectives[n];
        Figure {
            of,
            leg,
            objective,
            seen: sums.seen,
            histogram: spread.filter(histogram::worth).and_then(|_| Histogram::of(&sorted)),
            spread,
            judged: objective.map(|_| sums.judged),
            met: objective.map(|_| Share::new(sums.judged.met, self.runs)),
            worst: sums.worst.map(|(_, run)| self.seed(run)),
        }
    }

    fn leg(&self, n: usize) -> LegForecast {
        let parts = &self.parts[n];
        let part = |(at, (name, _)): (usize, (&'static str, Option<Span>))| {
            let mut some: Vec<u64> = parts.iter().filter_map(|parts| parts[at]).map(|span| span.0).collect();
            some.sort_unstable();
            let all: u128 = some.iter().map(|value| u128::from(*value)).sum();
            let at = |p: f64| some.get(rank(some.len(), p)).map_or(Span::ZERO, |value| Span(*value));
            Part {
                name: name.to_owned(),
                exercised: some.len() as u64,
                mean: Span(u64::try_from(all / parts.len().max(1) as u128).unwrap_or(u64::MAX)),
                p50: at(0.50),
                p95: at(0.95),
            }
        };
        let (times, of) = (&self.recovery[n], self.recovery[n].len() as u64);
        let on_path = |step: usize| self.path_ms[n].get(step).map_or(&[][..], Vec::as_slice);
        let mut path: Vec<PathStep> = (0..self.took_ms.len())
            .filter(|step| on_path(*step).iter().any(|ms| *ms > 0))
            .map(|step| self.path_step(step, on_path(step), times))
            .collect();
        path.sort_by_key(|step| std::cmp::Reverse(step.mean));
        path.truncate(PATH_MAX);
        LegForecast {
            leg: self.layout.legs[n],
            of: parts.len() as u64,
            parts: Parts::default().named().into_iter().enumerate().map(part).collect(),
            steps_of: of,
            path,
        }
    }

    fn path_step(&self, step: usize, on_path: &[u32], times: &[Option<u64>]) -> PathStep {
        let took = &self.took_ms[step];
        let mut sorted: Vec<u32> = took.iter().copied().filter(|ms| *ms != NEVER_MS).collect();
        sorted.sort_unstable();
        let at = |p: f64| sorted.get(rank(sorted.len(), p)).map_or(Span::ZERO, |ms| Span::from_millis(u64::from(*ms)));
        let whole: u64 = on_path.iter().map(|ms| u64::from(*ms)).sum();
        let count = on_path.iter().filter(|ms| **ms > 0).count() as u64;
        let runs = on_path.len() as u64;
        PathStep {
            step: self.layout.steps[step].clone(),
            on_path: Share::new(count, runs),
            mean: Span::from_millis(whole / runs.max(1)),
            p50: at(0.50),
            p95: at(0.95),
            correlation: correlation(took.iter().zip(times).filter_map(|(ms, time)| {
                let time = (*time)?;
                (*ms != NEVER_MS).then_some((u64::from(*ms), time))
            })),
        }
    }
}

/// The seed of run `n` of a forecast from `first`.
#[must_use]
pub fn seed_of(first: Seed, n: u64) -> Seed {
    Seed(first.0.wrapping_add(n))
}

impl Sums {
    fn add(&mut self, reading: Reading, judgement: Judgement, run: u64) {
        let seen = match reading {
            Reading::Measured(_) => &mut self.seen.measured,
            Reading::None(_) => &mut self.seen.none,
            Reading::NotOver => &mut self.seen.not_over,
            Reading::NotMeasured => &mut self.seen.not_measured,
            Reading::NotReached => &mut self.seen.not_reached,
        };
        *seen += 1;
        let judged = match (reading, judgement) {
            (Reading::NotReached, _) => &mut self.judged.not_reached,
            (_, Judgement::Met) => &mut self.judged.met,
            (_, Judgement::Missed) => &mut self.judged.missed,
            (_, Judgement::Undecided) => &mut self.judged.undecided,
            (_, Judgement::NotMeasured | Judgement::NoObjective) => &mut self.judged.not_measured,
        };
        *judged += 1;
        if let Some(value) = reading.value() {
            self.values.push(value);
            if self.worst.is_none_or(|(worst, _)| value > worst) {
                self.worst = Some((value, run));
            }
        }
    }
}

fn ascending(values: &[u64]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Adds one value to each list.
fn push<T: Copy>(lists: &mut [Vec<T>], values: &[T]) {
    lists.iter_mut().zip(values).for_each(|(list, value)| list.push(*value));
}
