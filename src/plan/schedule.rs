//! When each step is expected to begin and end, if every step takes as long as expected and begins as soon as it can.

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

/// Times a plan. A limit on steps at once (`at_once`) is not taken into account.
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
        let range = phase.first..phase.first + phase.count;
        let order = order(plan, range);
        let mut end = start;
        for (rank, step) in order.iter().enumerate() {
            let begin = plan.steps[*step].needs.iter().map(|need| made.steps[*need].1).max().unwrap_or(start);
            let takes = if plan.steps[*step].applies { plan.steps[*step].expected } else { Span::ZERO };
            made.steps[*step] = (begin, begin + takes);
            made.rank[*step] = rank;
            if plan.steps[*step].applies {
                end = end.max(begin + takes);
            }
        }
        // From the end back: what ends when the phase ends, and what ends when that begins.
        for step in order.iter().rev() {
            let ends_last = made.steps[*step].1 == end && plan.steps[*step].applies;
            if ends_last {
                made.critical[*step] = true;
            }
            if made.critical[*step] {
                let begin = made.steps[*step].0;
                for need in &plan.steps[*step].needs {
                    if made.steps[*need].1 == begin {
                        made.critical[*need] = true;
                    }
                }
            }
        }
        made.phases.push((start, end));
        start = end;
    }
    made
}

/// The steps of a phase, each after what it needs; of those that could come next the one written first.
fn order(plan: &Plan, range: std::ops::Range<usize>) -> Vec<usize> {
    let first = range.start;
    let mut waits_for: Vec<usize> = range.clone().map(|step| plan.steps[step].needs.len()).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); range.len()];
    for step in range.clone() {
        for need in &plan.steps[step].needs {
            needed_by[*need - first].push(step);
        }
    }
    let mut ready: std::collections::BTreeSet<usize> = range.filter(|step| waits_for[*step - first] == 0).collect();
    let mut order = Vec::with_capacity(waits_for.len());
    while let Some(step) = ready.pop_first() {
        order.push(step);
        for after in &needed_by[step - first] {
            waits_for[*after - first] -= 1;
            if waits_for[*after - first] == 0 {
                ready.insert(*after);
            }
        }
    }
    order
}
