//! Looks at everything that a plan knows.

use crate::id::{ResourceId, RunId};
use crate::model::Plan;
use crate::resource::{Actor, Cancellation, Context, Errand, ProviderError, Resources, World, region_resource};
use crate::time::{Clock, Span};

/// How long one look may take.
const SURVEY_TIMEOUT: Span = Span(30_000_000_000);

/// What Muster itself asks with.
#[must_use]
pub fn muster_context(run: &RunId, clock: &Clock, fencing: u64) -> Context {
    Context {
        run: run.clone(),
        actor: Actor::Muster,
        attempt: 1,
        errand: Errand::Do,
        clock: clock.clone(),
        fencing,
        cancel: Cancellation::default(),
    }
}

/// Looks at everything that the plan knows; gives what was seen, and what was not and why.
pub async fn survey(plan: &Plan, resources: &Resources, cx: &Context) -> (World, Vec<(ResourceId, String)>) {
    let ids = plan.resources.keys().cloned().chain(resources.regions.keys().map(|role| region_resource(*role)));
    let mut world = World::new();
    let mut unseen = Vec::new();
    for id in ids {
        let looked = cx.clock.timeout(SURVEY_TIMEOUT, resources.observe(cx, &id)).await;
        match looked.unwrap_or_else(|_| Err(ProviderError::Unreachable(format!("{id} within {SURVEY_TIMEOUT}")))) {
            Ok(state) => {
                world.insert(id, state);
            }
            Err(error) => unseen.push((id, error.to_string())),
        }
    }
    (world, unseen)
}
