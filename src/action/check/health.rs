//! Waiting for services to be healthy, or down, as the probes see it.

use crate::action::{ActError, Tools};
use crate::catalogue::Evidence;
use crate::id::{RegionRole, ServiceId};
use crate::resource::{Context, HealthState, ServiceHealth};
use crate::time::{Moment, Span};

/// Health is looked at again after this long even if nobody says that it changed.
const LOOK_AGAIN_AFTER: Span = Span::from_secs(30);
/// After a failed sample that does not yet make the service unhealthy, nobody says that samples are good again.
const LOOK_AFTER_BAD: Span = Span::from_secs(1);

/// What is missing of a service, and when it could be made up for if all goes well.
struct Missing {
    what: String,
    due: Option<Moment>,
}

/// What the service lacks to have been healthy for `long`, from `by`.
fn missing(id: &ServiceId, seen: &ServiceHealth, long: Span, by: Option<RegionRole>, now: Moment) -> Option<Missing> {
    let lacks = |what: String, due: Option<Moment>| Some(Missing { what: format!("{id} {what}"), due });
    let last = seen.last_failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
    match seen.state {
        HealthState::Unknown => return lacks("has not been seen long enough to say".to_owned(), None),
        HealthState::Unhealthy => return lacks(format!("is unhealthy{last}"), None),
        HealthState::Healthy => {}
    }
    let Some(good_since) = seen.good_since else {
        return lacks(format!("failed its last sample{last}"), Some(now + LOOK_AFTER_BAD));
    };
    if now.since(good_since) < long {
        let what = format!("has been healthy for {} of {long}{last}", now.since(good_since));
        return lacks(what, Some(good_since + long));
    }
    let by = by?;
    match seen.served_by {
        Some(region) if region == by && now.since(seen.served_since) >= long => None,
        Some(region) if region == by => lacks(
            format!("has been served by {by} for {} of {long}", now.since(seen.served_since)),
            Some(seen.served_since + long),
        ),
        Some(region) => lacks(format!("is served by {region}, not by {by}"), None),
        None => lacks(format!("is served by neither region, as far as its address tells, not by {by}"), None),
    }
}

/// Waits until every one of `services` has been healthy for `long`, and served by `by` as long.
pub(super) async fn served(
    tools: &Tools,
    cx: &Context,
    services: &[ServiceId],
    long: Span,
    by: Option<RegionRole>,
) -> Result<Evidence, ActError> {
    loop {
        let mut changed = tools.health.changed(cx);
        if listens(&mut changed).await == Woken::ToLook {
            continue;
        }
        let now = cx.clock.now();
        let (mut lacking, mut evidence) = (Vec::new(), Evidence::new());
        for id in services {
            let seen = tools.health.service(cx, id).await;
            if let Some(missing) = missing(id, &seen, long, by, now) {
                lacking.push(missing);
            } else {
                let from = seen.served_by.map_or_else(String::new, |region| format!(", served by {region}"));
                let since = now.since(seen.good_since.unwrap_or(now));
                evidence.insert(id.to_string(), format!("healthy for {since}{from}"));
            }
        }
        if lacking.is_empty() {
            return Ok(evidence);
        }
        // As long as one can't come by time alone, the dues of the others say nothing.
        let dues = lacking.iter().map(|missing| missing.due).collect::<Option<Vec<_>>>();
        let due = dues.and_then(|dues| dues.into_iter().max());
        let again = now + LOOK_AGAIN_AFTER;
        if wait(cx, changed, due.map_or(again, |due| due.min(again))).await == Woken::ToEnd {
            let what = lacking.into_iter().map(|missing| missing.what).collect::<Vec<_>>().join("; ");
            return Err(ActError::refused(what).with(evidence));
        }
    }
}

/// Waits until every one of `services` is down.
pub(super) async fn down(tools: &Tools, cx: &Context, services: &[ServiceId]) -> Result<Evidence, ActError> {
    loop {
        let mut changed = tools.health.changed(cx);
        if listens(&mut changed).await == Woken::ToLook {
            continue;
        }
        let now = cx.clock.now();
        let (mut up, mut evidence) = (Vec::new(), Evidence::new());
        for id in services {
            let seen = tools.health.service(cx, id).await;
            match seen.state {
                HealthState::Unhealthy => {
                    let why = seen.last_failure.unwrap_or_else(|| "no reason was given".to_owned());
                    evidence.insert(id.to_string(), format!("down for {}: {why}", now.since(seen.since)));
                }
                HealthState::Healthy => up.push(format!("{id} is healthy")),
                HealthState::Unknown => up.push(format!("{id} has not been seen long enough to say")),
            }
        }
        if up.is_empty() {
            return Ok(evidence);
        }
        if wait(cx, changed, now + LOOK_AGAIN_AFTER).await == Woken::ToEnd {
            return Err(ActError::refused(format!("not down: {}", up.join("; "))).with(evidence));
        }
    }
}

/// Begins to listen for changes, before looking: one that comes between the look and the wait is heard then.
async fn listens(changed: &mut (impl Future<Output = ()> + Unpin)) -> Woken {
    tokio::select! {
        biased;
        () = changed => Woken::ToLook,
        () = std::future::ready(()) => Woken::NotYet,
    }
}

#[derive(PartialEq, Eq)]
enum Woken {
    ToLook,
    ToEnd,
    NotYet,
}

async fn wait(cx: &Context, changed: impl Future<Output = ()>, until: Moment) -> Woken {
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Woken::ToEnd,
        () = changed => Woken::ToLook,
        () = cx.clock.sleep_until(until) => Woken::ToLook,
    }
}
