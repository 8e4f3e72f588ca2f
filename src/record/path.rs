//! The critical path as it really was, and what would have brought users' service back sooner.
//!
//! Both are read from when steps began and ended and from what each needs; nothing is simulated again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LegRecord, PhaseRecord, Record, StepRecord};
use crate::id::StepId;
use crate::measure::{Activity, parts as measure_parts};
use crate::resource::AnsweredBy;
use crate::time::{Moment, Span};

/// At most so many steps are tried for what they would have saved: those that took longest.
const TRIED_MAX: usize = 24;

/// For each step, in the record's order, whether the run waited for it: had it ended later, so had its phase.
///
/// In each phase the path leads back from the step that ended last, each time to the needed step that ended last.
#[must_use]
pub fn critical(record: &Record) -> Vec<bool> {
    let places = places(record);
    let mut on_path = vec![false; record.steps.len()];
    for phase in record.phases.iter().filter(|phase| phase.started.is_some()) {
        let ended = |place: &usize| record.steps[*place].ended;
        let mut next = range(record, phase).filter(|place| ended(place).is_some()).max_by_key(|place| ended(place));
        while let Some(place) = next.filter(|place| !on_path[*place]) {
            on_path[place] = true;
            next = needs(record, &places, place).filter(|need| ended(need).is_some()).max_by_key(|need| ended(need));
        }
    }
    on_path
}

/// What took time while users were without service, and by how much its being shorter would have shortened that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sooner {
    /// A step, had it taken half as long within the outage.
    Step {
        /// Which.
        step: StepId,
        /// What it took within the outage.
        took: Span,
        /// What half of that would have saved, by what needs what.
        saved: Span,
    },
    /// People, had they been asked before the outage.
    Decision {
        /// For how long they were asked while users waited, in whichever part that counts.
        saved: Span,
    },
    /// Names' old answers, had they run out in half the time.
    Propagation {
        /// The whole part.
        took: Span,
        /// Half of it.
        saved: Span,
    },
    /// What came before the end of the phase `detect`, had all of it but people's decision taken half as long.
    Detection {
        /// The whole part.
        took: Span,
        /// For how much of it people were asked.
        asked: Span,
        /// Half of the rest.
        saved: Span,
    },
}

impl Sooner {
    /// By how much the outage would have been shorter.
    #[must_use]
    pub fn saved(&self) -> Span {
        match self {
            Self::Step { saved, .. }
            | Self::Decision { saved }
            | Self::Propagation { saved, .. }
            | Self::Detection { saved, .. } => *saved,
        }
    }
}

/// What would have shortened a leg's recovery time, the most first; nothing where no recovery was measured.
#[must_use]
pub fn sooner(record: &Record, leg: &LegRecord) -> Vec<Sooner> {
    let (Some(parts), Some(lost), Some(back)) = (&leg.parts, leg.lost_at, leg.recovered_at) else {
        return Vec::new();
    };
    let some = |part: Option<Span>| part.filter(|part| *part > Span::ZERO);
    let mut all: Vec<Sooner> = steps(record, (lost, back));
    // A gate within the detection counts there, and is people's time all the same.
    let asked = parts.detection.map_or(Span::ZERO, |took| asked(record, (lost, Moment(lost.0.saturating_add(took.0)))));
    let decided = Span(parts.decision.unwrap_or(Span::ZERO).0.saturating_add(asked.0));
    all.extend(some(Some(decided)).map(|saved| Sooner::Decision { saved }));
    all.extend(some(parts.propagation).map(|took| Sooner::Propagation { took, saved: Span(took.0 / 2) }));
    all.extend(some(parts.detection).map(|took| Sooner::Detection {
        took,
        asked,
        saved: Span(took.0.saturating_sub(asked.0) / 2),
    }));
    // Stable: of equals the first stays first.
    all.sort_by_key(|one| std::cmp::Reverse(one.saved()));
    all
}

/// For how long people were asked within a stretch of time: each instant counts once, however many gates were open.
fn asked(record: &Record, (from, to): (Moment, Moment)) -> Span {
    let gates = record.steps.iter().flat_map(|step| &step.gates);
    let asked = gates.filter(|gate| gate.answer.as_ref().is_none_or(|it| it.by != AnsweredBy::NobodyAsked));
    let asking = asked.map(|gate| (gate.opened, gate.closed.unwrap_or(record.header.until)));
    let activity = Activity { asking: asking.collect(), ..Activity::default() };
    measure_parts(from, to, &activity).decision.unwrap_or(Span::ZERO)
}

/// The steps that acted while users were without service, each with what its being half as long would have saved.
fn steps(record: &Record, (lost, back): (Moment, Moment)) -> Vec<Sooner> {
    let within = |step: &StepRecord| {
        let (from, to) = (step.started?.max(lost), step.ended?.min(back));
        (from < to).then(|| to.since(from))
    };
    // Users came back after the last step that ended before they did; what ended later did not keep them waiting.
    // A failover that failed is ended by the way back, so its steps count in it too; people's part is told of itself.
    let acts = |step: &StepRecord| step.gates.is_empty();
    let last = record.steps.iter().enumerate().filter(|(_, step)| acts(step));
    let last = last.filter(|(_, step)| step.ended.is_some_and(|ended| ended > lost && ended <= back));
    let Some(last) = last.max_by_key(|(_, step)| step.ended).map(|(place, _)| place) else { return Vec::new() };
    let mut tried: Vec<(usize, Span)> = (0..record.steps.len())
        .filter(|place| acts(&record.steps[*place]) && record.steps[*place].started <= record.steps[last].ended)
        .filter_map(|place| Some((place, within(&record.steps[place])?)))
        .collect();
    tried.sort_by_key(|(place, took)| (std::cmp::Reverse(*took), *place));
    tried.truncate(TRIED_MAX);
    let places = places(record);
    let saved = |(place, took): (usize, Span)| {
        let saved = ended_earlier(record, &places, (place, Span(took.0 / 2)), last);
        (saved > Span::ZERO).then(|| Sooner::Step { step: record.steps[place].id.clone(), took, saved })
    };
    tried.into_iter().filter_map(saved).collect()
}

/// By how much `last` would have ended earlier, had one step been shorter: each begins as long after what it waits for
/// as it did.
fn ended_earlier(
    record: &Record,
    places: &BTreeMap<&StepId, usize>,
    (shorter, by): (usize, Span),
    last: usize,
) -> Span {
    let mut earlier = vec![Span::ZERO; record.steps.len()];
    let mut phase_earlier = Span::ZERO;
    for phase in record.phases.iter().filter(|phase| phase.started.is_some()) {
        let started = phase.started.unwrap_or(Moment::ZERO);
        let new_start = Moment(started.0.saturating_sub(phase_earlier.0));
        // In the order in which they began, so that what a step needs is known before it.
        let mut order: Vec<usize> =
            range(record, phase).filter(|place| record.steps[*place].started.is_some()).collect();
        order.sort_by_key(|place| record.steps[*place].started);
        for place in order {
            let mut waited = (started, new_start);
            for need in needs(record, places, place) {
                let Some(ended) = record.steps[need].ended else { continue };
                let new_end = Moment(ended.0.saturating_sub(earlier[need].0));
                waited = (waited.0.max(ended), waited.1.max(new_end));
            }
            earlier[place] = waited.0.since(waited.1);
            if place == shorter {
                earlier[place] = Span(earlier[place].0 + by.0);
            }
            if place == last {
                return earlier[place];
            }
        }
        // What the run did between its last step and its end, such as asking people, takes as long as it did.
        let mut ends: Vec<(Moment, Moment)> = Vec::new();
        for place in range(record, phase) {
            let Some(ended) = record.steps[place].ended else { continue };
            ends.push((ended, Moment(ended.0.saturating_sub(earlier[place].0))));
        }
        let (was, is) = (ends.iter().map(|end| end.0).max(), ends.iter().map(|end| end.1).max());
        phase_earlier = was.zip(is).map_or(phase_earlier, |(was, is)| was.since(is));
    }
    Span::ZERO
}

fn places(record: &Record) -> BTreeMap<&StepId, usize> {
    record.steps.iter().enumerate().map(|(place, step)| (&step.id, place)).collect()
}

fn range(record: &Record, phase: &PhaseRecord) -> std::ops::Range<usize> {
    let first = phase.first.min(record.steps.len());
    first..phase.first.saturating_add(phase.count).min(record.steps.len())
}

fn needs<'a>(
    record: &'a Record,
    places: &'a BTreeMap<&StepId, usize>,
    place: usize,
) -> impl Iterator<Item = usize> + 'a {
    record.steps[place].needs.iter().filter_map(|need| places.get(need).copied())
}
