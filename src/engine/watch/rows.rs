//! The canaries' beginning and end, and what is looked at when a side was promoted.

use std::sync::Arc;

use super::shared::{Shared, writable};
use crate::id::{RegionRole, ResourceId};
use crate::model::{Canary, LeftOver, Leg};
use crate::resource::{Actor, Context, ResourceState, Seen};
use crate::time::{Class, Span};

/// How often something beside the steps is asked for before it is given up.
const ATTEMPTS: u32 = 3;
/// The wait between.
const WAIT: Span = Span::from_secs(1);
/// How long taking a canary away may last.
const REMOVAL_MAX: Span = Span::from_secs(10);
/// From one look at a pair to the next, before one side was promoted and after: looks are no burden while nothing moves.
pub(super) const LOOK_BEFORE: Span = Span::from_secs(10);
pub(super) const LOOK_AFTER: Span = Span::from_secs(1);
/// How long the survey of rows, or a look at a pair, may last: users are waiting.
const SURVEY_MAX: Span = Span::from_secs(10);

/// A context for what Muster itself asks, on the plain clock.
fn context(shared: &Shared, actor: Actor) -> Context {
    shared.context(actor, shared.clock.with_class(Class::Act))
}

fn canary_context(shared: &Shared, canary: usize) -> Context {
    context(shared, Actor::Probe(shared.plan.canaries[canary].id.clone()))
}

/// Makes what the canary needs and lets it write; if that can't be, its summary says why.
pub(super) async fn prepare(shared: Arc<Shared>, canary: usize) {
    if shared.desk().canary(canary).is_ready() {
        return;
    }
    let cx = canary_context(&shared, canary);
    let store = shared.store(canary);
    for attempt in 1..=ATTEMPTS {
        match store.prepare(&cx).await {
            Ok(()) => {
                let of = &shared.plan.canaries[canary].of;
                // Before anything is promoted one side takes writes: the primary, if this does not tell otherwise.
                let sides = shared.resources.observe(&cx, of).await.map(|state| writable(&state)).unwrap_or_default();
                let active = if let [only] = sides[..] { only } else { RegionRole::Primary };
                shared.at_desk(|desk| desk.canary(canary).begin(active));
                return;
            }
            Err(error) => {
                tracing::warn!(canary = %shared.plan.canaries[canary].id, %error, attempt, "a canary cannot be prepared");
                shared.at_desk(|desk| desk.canary(canary).unable(format!("it cannot be prepared: {error}")));
            }
        }
        if attempt < ATTEMPTS {
            cx.clock.sleep(WAIT).await;
        }
    }
}

/// Takes away what the canaries needed; gives what could not be.
pub(super) async fn remove(shared: &Shared) -> Vec<LeftOver> {
    let mut left = Vec::new();
    for canary in 0..shared.plan.canaries.len() {
        if !shared.desk().canary(canary).is_ready() {
            continue;
        }
        let cx = canary_context(shared, canary);
        let removed = cx.clock.timeout(REMOVAL_MAX, shared.store(canary).remove(&cx)).await;
        let why = match removed {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {REMOVAL_MAX}"),
        };
        let Canary { id, of, .. } = &shared.plan.canaries[canary];
        left.push(LeftOver {
            step: None,
            what: format!("what the canary {id} wrote to {of} is still there: {why}"),
            advice: format!(
                "remove it from {of} by hand, in both regions: the documentation of its provider says what it is"
            ),
        });
    }
    left
}

/// `to` was promoted: counts what it has of the rows that the other side acknowledged, writes to it from now on, and
/// looks whether the other side still takes writes.
pub(super) async fn promoted(shared: &Shared, resource: &ResourceId, to: RegionRole, leg: Leg) {
    for canary in 0..shared.plan.canaries.len() {
        if shared.plan.canaries[canary].of == *resource {
            count(shared, canary, to, leg).await;
        }
    }
    look_for_split(shared, resource).await;
}

async fn count(shared: &Shared, canary: usize, to: RegionRole, leg: Leg) {
    let Some(mut stretch) = shared.at_desk(|desk| desk.canary(canary).promote(to)) else { return };
    let cx = canary_context(shared, canary);
    for attempt in 1..=ATTEMPTS {
        match cx.clock.timeout(SURVEY_MAX, shared.store(canary).rows(&cx, to)).await {
            Ok(Ok(rows)) => {
                if stretch.is_unwatched() {
                    // What the old side took while nobody watched, it can still tell, if it can be reached.
                    let old = cx.clock.timeout(SURVEY_MAX, shared.store(canary).rows(&cx, to.other())).await;
                    if let Ok(Ok(old)) = old {
                        stretch.compare(&old, &rows);
                    }
                }
                shared.at_desk(|desk| {
                    let event = stretch.count(desk.canary(canary), to, leg, &rows);
                    desk.tell(event);
                });
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(canary = %shared.plan.canaries[canary].id, %error, attempt, "its rows cannot be counted");
            }
            Err(error) => {
                tracing::warn!(canary = %shared.plan.canaries[canary].id, %error, attempt, "its rows cannot be counted");
            }
        }
        if attempt < ATTEMPTS {
            cx.clock.sleep(WAIT).await;
        }
    }
}

/// Looks again and again whether two sides of `resource` take writes.
pub(super) async fn keep_looking(shared: Arc<Shared>, resource: ResourceId, every: Span) {
    loop {
        shared.clock.sleep(every).await;
        look_for_split(&shared, &resource).await;
    }
}

/// Looks at both sides of `resource`. That one cannot be seen is no finding: the canary keeps trying it.
pub(super) async fn look_for_split(shared: &Shared, resource: &ResourceId) {
    let cx = context(shared, Actor::Muster);
    let look = async || {
        let looked = cx.clock.timeout(SURVEY_MAX, shared.resources.observe(&cx, resource)).await;
        looked.ok().and_then(Result::ok).and_then(|state| both_writable(&state))
    };
    // The sides are not seen at the same instant: one may have been lost and the other promoted in between. Who takes
    // writes still, after the other one was seen to, does so beside it.
    if look().await.is_none() {
        return;
    }
    if let Some(seen) = look().await {
        shared.at_desk(|desk| desk.split_brain(resource, seen));
    }
}

/// What is told of a state in which two sides take writes.
pub(super) fn both_writable(state: &ResourceState) -> Option<String> {
    // A fence that is being set lets nobody in any more, though it is not proven yet: there the canary tells.
    let is_begun = |role: &RegionRole| {
        matches!(state, ResourceState::Database(it)
            if it.regions.get(role).and_then(Seen::known).is_some_and(|side| side.fenced))
    };
    let many = writable(state).iter().filter(|role| !is_begun(role)).count();
    (many > 1).then(|| format!("both regions take writes: {state}"))
}
