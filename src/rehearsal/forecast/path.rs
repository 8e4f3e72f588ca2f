//! The critical path of a recovery as it was: the chain of steps each of which began when the one before it had ended,
//! back from the step after which services were well to the one that took them away.

use super::outturn::millis;
use crate::catalogue::Act;
use crate::model::{Leg, Plan};
use crate::record::{Record, StepRecord};
use crate::time::{Moment, Span};

/// So long after services were well the step may end that made them so: what it did shows before it has seen that it did.
const SEEN_LATER: Span = Span::from_secs(5);

/// What each step of a plan waits for.
#[derive(Clone, Debug)]
pub(super) struct Links {
    needs: Vec<Vec<usize>>,
    /// Whether it only looks, or waits: that makes nothing well.
    looks: Vec<bool>,
    /// For each phase the one before it that is part of the run.
    before: Vec<Option<usize>>,
    /// For each phase the places of its steps.
    steps: Vec<std::ops::Range<usize>>,
}

impl Links {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut before = Vec::new();
        let mut last = None;
        for (n, phase) in plan.phases.iter().enumerate() {
            before.push(last);
            if phase.applies {
                last = Some(n);
            }
        }
        Self {
            needs: plan.steps.iter().map(|step| step.needs.clone()).collect(),
            looks: plan.steps.iter().map(|step| looks(&step.act)).collect(),
            before,
            steps: plan.phases.iter().map(|phase| phase.first..phase.first + phase.count).collect(),
        }
    }
}

/// Whether a step only looks, or waits for something: it takes as long as that does.
pub(super) fn looks(act: &Act) -> bool {
    matches!(act, Act::Check(_) | Act::Wait(_))
}

/// For each step how many milliseconds of the leg's recovery went by in it on the critical path; all 0 where there is no
/// recovery to speak of.
pub(super) fn on_path(record: &Record, leg: Leg, links: &Links) -> Vec<u32> {
    let mut found = vec![0; record.steps.len()];
    let leg = record.legs.iter().find(|one| one.leg == leg);
    let Some((from, to)) = leg.and_then(|leg| leg.lost_at.zip(leg.recovered_at)) else { return found };
    let ended = |n: &usize| record.steps.get(*n).and_then(|step| step.ended);
    let latest = |steps: &mut dyn Iterator<Item = usize>| {
        steps.filter_map(|n| Some((ended(&n)?, n))).max_by_key(|(end, n)| (*end, std::cmp::Reverse(*n)))
    };
    // The step that let services become well: the last to end about when they were.
    let acted = |n: &usize| !links.looks.get(*n).copied().unwrap_or(false);
    let in_time = |n: &usize| acted(n) && ended(n).is_some_and(|end| end <= to + SEEN_LATER);
    let mut at = latest(&mut (0..record.steps.len()).filter(in_time));
    while let Some((end, n)) = at.filter(|(end, _)| *end > from) {
        let step = &record.steps[n];
        found[n] = millis(overlap(step, from, to.min(end)));
        let started = step.started.unwrap_or(end);
        let needs = links.needs.get(n).map_or(&[][..], Vec::as_slice);
        // Earlier only, whatever a record says: then the chain ends.
        at = latest(&mut needs.iter().copied()).or_else(|| before(step.phase, links, &latest));
        at = at.filter(|(before, _)| *before <= started && *before < end);
    }
    found
}

/// The last step to end in the nearest earlier phase in which one did.
fn before(
    mut phase: usize,
    links: &Links,
    latest: &impl Fn(&mut dyn Iterator<Item = usize>) -> Option<(Moment, usize)>,
) -> Option<(Moment, usize)> {
    while let Some(earlier) = links.before.get(phase).copied().flatten() {
        if let Some(found) = latest(&mut links.steps[earlier].clone()) {
            return Some(found);
        }
        phase = earlier;
    }
    None
}

/// How much of a step lies between two instants.
fn overlap(step: &StepRecord, from: Moment, to: Moment) -> Span {
    let Some((started, ended)) = step.started.zip(step.ended) else { return Span::ZERO };
    ended.min(to).since(started.max(from))
}
