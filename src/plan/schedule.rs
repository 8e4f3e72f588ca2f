//! When each step is expected to begin and end, if every step takes as long as expected and begins as soon as it can.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use crate::model::Plan;
use crate::time::Span;

/// The times of a plan, from the run's start. What is left out takes no time.
pub(super) struct Schedule {
    /// Start and end of each step.
    pub(super) steps: Vec<(Span, Span)>,
    /// Start and end of each phase.
    pub(super) phases: Vec<(Span, Span)>,
    /// Whether a delay of the step delays its phase.
    pub(super) critical: Vec<bool>,
    /// The place of each step in an order in which it comes after what it needs.
    rank: Vec<usize>,
}

impl Schedule {
    /// The steps of a phase that are carried out, in the order in which they begin.
    pub(super) fn order(&self, plan: &Plan, phase: usize) -> Vec<usize> {
        let phase = &plan.phases[phase];
        let mut steps: Vec<usize> =
            (phase.first..phase.first + phase.count).filter(|step| plan.steps[*step].applies).collect();
        steps.sort_by_key(|step| (self.steps[*step].0, self.rank[*step]));
        steps
    }

    /// When all is done.
    pub(super) fn total(&self) -> Span {
        self.phases.last().map_or(Span::ZERO, |(_, end)| *end)
    }
}

/// Times a plan: of the steps that could begin those written first do, as many at once as the plan allows. So does the
/// engine.
pub(super) fn schedule(plan: &Plan) -> Schedule {
    let count = plan.steps.len();
    let mut made = Schedule {
        steps: vec![(Span::ZERO, Span::ZERO); count],
        phases: Vec::with_capacity(plan.phases.len()),
        critical: vec![false; count],
        rank: vec![0; count],
    };
    let mut start = Span::ZERO;
    for phase in &plan.phases {
        let begun = times(plan, phase.first..phase.first + phase.count, start, &mut made.steps);
        for (rank, one) in begun.iter().enumerate() {
            made.rank[one.step] = rank;
        }
        let applied = begun.iter().map(|one| one.step).filter(|step| plan.steps[*step].applies);
        let end = applied.map(|step| made.steps[step].1).max().unwrap_or(start);
        mark_critical(plan, &begun, end, &mut made);
        made.phases.push((start, end));
        start = end;
    }
    made
}

/// A step that has begun.
struct Begun {
    step: usize,
    /// The step whose end made room for it, if it could have begun before.
    room_from: Option<usize>,
}

/// Times the steps of a phase that begins at `start`; gives them in the order in which they begin.
fn times(plan: &Plan, range: Range<usize>, start: Span, steps: &mut [(Span, Span)]) -> Vec<Begun> {
    let limit = plan.at_once.unwrap_or(usize::MAX).max(1);
    let mut waiting = Waiting::new(plan, range, start);
    let mut running: BinaryHeap<Reverse<(Span, usize)>> = BinaryHeap::new();
    let mut begun = Vec::with_capacity(waiting.waits_for.len());
    let (mut now, mut ended_last) = (start, None);
    loop {
        while running.len() < limit
            && let Some((step, since)) = waiting.pop()
        {
            begun.push(Begun { step, room_from: ended_last.filter(|_| since < now) });
            let takes = if plan.steps[step].applies { plan.steps[step].expected } else { Span::ZERO };
            steps[step] = (now, now + takes);
            if plan.steps[step].applies {
                running.push(Reverse((now + takes, step)));
            } else {
                // What is left out takes nobody's place.
                waiting.release(step, now);
            }
        }
        let Some(Reverse((end, step))) = running.pop() else { return begun };
        (now, ended_last) = (end, Some(step));
        waiting.release(step, now);
        while let Some(Reverse((_, step))) = running.peek().copied().filter(|Reverse((end, _))| *end == now) {
            running.pop();
            waiting.release(step, now);
        }
    }
}

/// The steps of a phase that have not begun.
struct Waiting {
    first: usize,
    /// How many needs of each are not met.
    waits_for: Vec<usize>,
    needed_by: Vec<Vec<usize>>,
    /// Those that could begin, the one written first at the front, and since when.
    ready: BTreeMap<usize, Span>,
}

impl Waiting {
    fn new(plan: &Plan, range: Range<usize>, start: Span) -> Self {
        let first = range.start;
        let waits_for: Vec<usize> = range.clone().map(|step| plan.steps[step].needs.len()).collect();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); range.len()];
        for step in range.clone() {
            for need in &plan.steps[step].needs {
                needed_by[*need - first].push(step);
            }
        }
        let ready = range.filter(|step| waits_for[*step - first] == 0).map(|step| (step, start)).collect();
        Self { first, waits_for, needed_by, ready }
    }

    /// Takes out the step that is next.
    fn pop(&mut self) -> Option<(usize, Span)> {
        self.ready.pop_first()
    }

    /// `step` has ended: what needed nothing else may begin.
    fn release(&mut self, step: usize, now: Span) {
        for after in std::mem::take(&mut self.needed_by[step - self.first]) {
            self.waits_for[after - self.first] -= 1;
            if self.waits_for[after - self.first] == 0 {
                self.ready.insert(after, now);
            }
        }
    }
}

/// From the end back: what ends when the phase ends, what ends when that begins, and what made room for it.
fn mark_critical(plan: &Plan, begun: &[Begun], end: Span, made: &mut Schedule) {
    for one in begun.iter().rev() {
        if made.steps[one.step].1 == end && plan.steps[one.step].applies {
            made.critical[one.step] = true;
        }
        if !made.critical[one.step] {
            continue;
        }
        let begin = made.steps[one.step].0;
        let needs = plan.steps[one.step].needs.iter().copied();
        for before in needs.chain(one.room_from) {
            if made.steps[before].1 == begin {
                made.critical[before] = true;
            }
        }
    }
}
