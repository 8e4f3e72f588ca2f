//! What the drill itself does to the resources that guardrails look at. Pure.
//!
//! A guardrail tells of what goes wrong beside the drill. While the drill changes a resource, cuts off the region that
//! it is in, or has fenced what a replica follows, a look at it tells of the drill alone, and judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Access, Act, Condition};
use crate::event::Event;
use crate::id::{RegionRole, ResourceId, StepId};
use crate::model::{Happened, Leg, PhaseKind, Plan, UndoResult};

/// What the drill has under way, and what of it stands.
#[derive(Debug, Default)]
pub(super) struct OwnDeeds {
    /// Steps that act or are taken back, and what they change.
    under_way: BTreeMap<usize, (StepId, Vec<ResourceId>)>,
    /// Regions that the drill has cut off.
    isolated: BTreeSet<RegionRole>,
    /// A disaster that is no isolation was begun: it struck the primary region, in a way that Muster does not know.
    struck: bool,
    /// Where a resource takes no writes because the drill has fenced it.
    fenced: BTreeMap<ResourceId, RegionRole>,
    /// Counts all that was noted.
    pub(super) version: u64,
}

/// What a fence or an isolation is of.
enum Lasting {
    Isolation(RegionRole),
    Fence(ResourceId, RegionRole),
    Disaster,
}

impl OwnDeeds {
    /// Takes an event of step `n` in; gives what the step changes, if it begins with it.
    pub(super) fn note(&mut self, plan: &Plan, n: usize, event: &Event) -> Vec<ResourceId> {
        self.version += 1;
        let act = &plan.steps[n].act;
        let lasting = lasting(plan, n);
        match event {
            Event::StepStarted { .. } => {
                if plan.leg_of(n) == Some(Leg::Return) {
                    self.struck = false;
                }
                self.stand(lasting);
                return self.begin(plan, n);
            }
            Event::StepSkipped { by: Some(_), .. } => {
                self.stand(lasting);
                self.over(act);
                return changed(act);
            }
            Event::StepPassed { .. } => {
                self.under_way.remove(&n);
                self.over(act);
            }
            Event::StepFailed { failure, .. } => {
                self.under_way.remove(&n);
                if failure.happened == Happened::No {
                    self.fall(lasting);
                }
            }
            Event::UndoStarted { .. } => return self.begin(plan, n),
            Event::UndoFinished { result, .. } => {
                self.under_way.remove(&n);
                if matches!(result, UndoResult::Restored | UndoResult::Compensated(_) | UndoResult::NothingToDo) {
                    self.fall(lasting);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Why a look at what `condition` is about judges nothing now.
    pub(super) fn quiet(&self, condition: &Condition) -> Option<String> {
        let (resources, needs): (Vec<&ResourceId>, &[RegionRole]) = match condition {
            // A copy is as far behind as the way from the other side is long.
            Condition::Lag { resource, .. } => (vec![resource], &RegionRole::ALL),
            Condition::Capacity { compute, region, .. } => (vec![compute], std::slice::from_ref(region)),
            Condition::Ttl { records, .. } => (records.iter().collect(), &[]),
            _ => (Vec::new(), &[]),
        };
        let mut acting = self.under_way.values();
        if let Some((step, changes)) = acting.find(|(_, changes)| changes.iter().any(|it| resources.contains(&it))) {
            let what: Vec<_> = changes.iter().map(ResourceId::as_str).collect();
            return Some(format!("step `{step}` changes {}", what.join(", ")));
        }
        if let Some(region) = needs.iter().find(|region| self.isolated.contains(region)) {
            return Some(format!("the drill has cut off the region {region}"));
        }
        if self.struck && needs.contains(&RegionRole::Primary) {
            return Some("the drill's disaster has struck the region primary".to_owned());
        }
        if let Condition::Lag { resource, region, .. } = condition
            && self.fenced.get(resource) == Some(&region.other())
        {
            return Some(format!("the drill has stopped the writes that {resource} in {region} would follow"));
        }
        None
    }

    fn begin(&mut self, plan: &Plan, n: usize) -> Vec<ResourceId> {
        let changes = changed(&plan.steps[n].act);
        self.under_way.insert(n, (plan.steps[n].id.clone(), changes.clone()));
        changes
    }

    fn stand(&mut self, lasting: Option<Lasting>) {
        match lasting {
            Some(Lasting::Isolation(region)) => drop(self.isolated.insert(region)),
            Some(Lasting::Fence(resource, region)) => drop(self.fenced.insert(resource, region)),
            Some(Lasting::Disaster) => self.struck = true,
            None => {}
        }
    }

    fn fall(&mut self, lasting: Option<Lasting>) {
        match lasting {
            Some(Lasting::Isolation(region)) => drop(self.isolated.remove(&region)),
            Some(Lasting::Fence(resource, region)) if self.fenced.get(&resource) == Some(&region) => {
                self.fenced.remove(&resource);
            }
            Some(Lasting::Disaster) => self.struck = false,
            Some(Lasting::Fence(..)) | None => {}
        }
    }

    /// What a step that has passed ends of what others have done.
    fn over(&mut self, act: &Act) {
        match act {
            Act::RegionRejoin(rejoin) => {
                self.isolated.remove(&rejoin.region);
                self.struck &= rejoin.region != RegionRole::Primary;
            }
            // Which side follows which is another matter from here on.
            Act::DatabasePromote(_) | Act::StoragePromote(_) | Act::DatabaseReplicate(_) | Act::StorageReplicate(_) => {
                for resource in changed(act) {
                    self.fenced.remove(&resource);
                }
            }
            _ => {}
        }
    }
}

/// What of step `n` stands until something ends it.
fn lasting(plan: &Plan, n: usize) -> Option<Lasting> {
    let act = &plan.steps[n].act;
    match act {
        Act::RegionIsolate(isolate) => Some(Lasting::Isolation(isolate.region)),
        Act::DatabaseFence(fence) => Some(Lasting::Fence(fence.database.clone(), fence.region)),
        Act::StorageFence(fence) => Some(Lasting::Fence(fence.storage.clone(), fence.region)),
        Act::Check(_) | Act::Wait(_) | Act::Notify(_) | Act::Approve(_) => None,
        _ => (plan.phase_of(n).kind == PhaseKind::Disaster).then_some(Lasting::Disaster),
    }
}

fn changed(act: &Act) -> Vec<ResourceId> {
    let subjects = act.describe().subjects().into_iter();
    subjects.filter(|subject| subject.access == Access::Changes).map(|subject| subject.resource).collect()
}
