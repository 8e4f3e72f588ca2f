//! What a journal tells of what was watched before, so that a run that is taken up again knows what it knew.
//!
//! Services and the witness go on from where the record's own replay leaves them; a time in which nobody watched lies
//! between, in which nothing is known: the first sample after it says so by its tick. Guardrails' own probes and looks
//! begin anew.

use std::collections::BTreeMap;

use super::desk::Desk;
use super::guard;
use crate::catalogue::{Act, Part};
use crate::event::Event;
use crate::id::{RegionRole, ResourceId, StepId};
use crate::model::Plan;
use crate::record::{Builder, Entry};
use crate::resource::Party;
use crate::time::Moment;

impl Desk {
    /// Takes up what `builder` and the events that it is made of tell; `now` is when watching goes on.
    pub(super) fn recall(&mut self, plan: &Plan, builder: &Builder, entries: &[Entry], now: Moment) {
        for (place, probe) in plan.services.iter().map(|service| &service.probe).chain(&plan.witness).enumerate() {
            if let Some(detector) = builder.detector(probe) {
                self.lane(place).recall(detector, builder.active(place));
            }
        }
        let mut watched_until = Moment::ZERO;
        let steps: BTreeMap<&StepId, usize> = plan.steps.iter().enumerate().map(|(n, step)| (&step.id, n)).collect();
        for Entry { elapsed, event, .. } in entries {
            match event {
                Event::Sampled { .. } => watched_until = *elapsed,
                Event::SamplesSummed { canaries, .. } => {
                    watched_until = *elapsed;
                    for progress in canaries {
                        if let Some(place) = plan.canaries.iter().position(|canary| canary.id == progress.canary) {
                            self.canary(place).recall(progress);
                        }
                    }
                }
                Event::CanaryCounted { count, .. } => {
                    if let Some(place) = plan.canaries.iter().position(|canary| canary.id == count.canary) {
                        drop(self.canary(place).promote(count.region));
                    }
                }
                Event::Resumed(_) => self.unwatched(watched_until, *elapsed),
                Event::GuardrailBroken { name, .. } => self.recall_broken(name),
                Event::SplitBrain { resource, .. } => self.recall_split(resource),
                Event::GuardrailSeen { name, stands, .. } => self.recall_look(name, *stands),
                Event::StepFailed { step, .. }
                | Event::UndoStarted { step }
                | Event::UndoFinished { step, .. }
                | Event::StepSkipped { step, by: Some(_), .. } => {
                    if let Some(n) = steps.get(step) {
                        self.recall_own(plan, *n, event);
                    }
                }
                Event::StepStarted { step, .. } | Event::StepPassed { step, .. } => {
                    if let Some(n) = steps.get(step) {
                        self.recall_own(plan, *n, event);
                        self.recall_step(plan, &plan.steps[*n].act, event, *elapsed);
                    }
                }
                _ => {}
            }
        }
        self.unwatched(watched_until, now);
    }

    /// What a step means to the canaries: who is promoted, and which side takes no rows any more.
    fn recall_step(&mut self, plan: &Plan, act: &Act, event: &Event, at: Moment) {
        let of = |resource: &ResourceId| {
            let resource = resource.clone();
            plan.canaries.iter().enumerate().filter(move |(_, canary)| canary.of == resource).map(|(place, _)| place)
        };
        match (event, act.describe().part()) {
            (Event::StepStarted { .. }, Part::Promotion(to)) => {
                for subject in act.describe().subjects() {
                    of(&subject.resource).for_each(|place| self.canary(place).promoting(to));
                }
            }
            // A fence that could not be reached passes with a warning; it silences nobody.
            (Event::StepPassed { pass, .. }, _) if pass.warning.is_none() => {
                for (resource, region) in silenced(act) {
                    let all = plan.canaries.iter().enumerate();
                    let places = all.filter(|(_, canary)| resource.as_ref().is_none_or(|of| *of == canary.of));
                    places.for_each(|(place, _)| self.canary(place).silenced(region, at));
                }
            }
            _ => {}
        }
    }

    fn recall_broken(&mut self, name: &str) {
        if name == guard::WITNESS { self.recall_cut_off() } else { self.recall_guard(name) }
    }

    fn unwatched(&mut self, from: Moment, to: Moment) {
        self.canaries().iter_mut().for_each(|canary| canary.unwatched(from, to));
    }
}

/// The sides that acknowledge no canary's row any more once this act has passed; `None` for all resources.
fn silenced(act: &Act) -> Vec<(Option<ResourceId>, RegionRole)> {
    match act {
        Act::DatabaseFence(fence) => vec![(Some(fence.database.clone()), fence.region)],
        Act::StorageFence(fence) => vec![(Some(fence.storage.clone()), fence.region)],
        Act::RegionIsolate(isolate) if isolate.from.contains(&Party::Users) => vec![(None, isolate.region)],
        _ => Vec::new(),
    }
}
