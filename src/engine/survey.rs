//! Looks at everything that a plan knows.

use std::sync::Arc;

use super::dispatcher::NoHealth;
use crate::action::{Secrets, Tools, perform};
use crate::catalogue::{Act, Before, Check, Condition};
use crate::id::{ResourceId, RunId};
use crate::model::{PhaseKind, Plan};
use crate::plan::{Judgement, Looks};
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

/// Looks, as the run would, at what prechecks are about that no resource's state tells: copies, and standbys.
pub async fn look_ahead(plan: &Plan, resources: &Resources, secrets: Arc<dyn Secrets>, cx: &Context) -> Looks {
    let tools = Tools {
        resources: Arc::new(resources.clone()),
        health: Arc::new(NoHealth),
        plan: Arc::new(plan.clone()),
        initial: Arc::default(),
        secrets,
        step: None,
        left_behind: Arc::default(),
    };
    let mut looks = Looks::new();
    for (number, step) in plan.steps.iter().enumerate() {
        let looks_only = matches!(&step.act, Act::StorageVerify(_) | Act::Check(Check(Condition::Standby { .. })));
        if !step.applies || !looks_only || plan.phase_of(number).kind != PhaseKind::Prechecks {
            continue;
        }
        let tools = Tools { step: Some(Arc::new(step.clone())), ..tools.clone() };
        let cx = Context { actor: Actor::Step(step.id.clone()), ..cx.clone() };
        let before = Before::new();
        let looked = cx.clock.timeout(step.timeout, perform(&step.act).apply(&tools, &cx, &before)).await;
        let judgement = match looked {
            Ok(Ok(_)) => Judgement::Holds,
            Ok(Err(error)) => Judgement::Fails(error.what),
            Err(_) => Judgement::Unknown(format!("no answer within {}", step.timeout)),
        };
        looks.insert(step.id.clone(), judgement);
    }
    looks
}
