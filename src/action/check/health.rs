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

/// What a service lacks to have been healthy, and served from where it should be, for long enough.
enum Lack {
    /// Nothing is known of it yet.
    Unseen,
    Unhealthy,
    /// Its last sample failed, which does not make it unhealthy yet.
    Failed,
    /// It has been healthy only since then.
    HealthySince(Moment),
    /// It has been served by the right region only since then.
    ServedSince(Moment),
    /// It is served by another region; `None`: by neither.
    ServedBy(Option<RegionRole>),
}

/// What is waited for.
#[derive(Clone, Copy)]
struct Wanted {
    long: Span,
    by: Option<RegionRole>,
}

impl Wanted {
    /// What is missing of it at `now`.
    fn lacks(self, seen: &ServiceHealth, now: Moment) -> Option<Lack> {
        match seen.state {
            HealthState::Unknown => return Some(Lack::Unseen),
            HealthState::Unhealthy => return Some(Lack::Unhealthy),
            HealthState::Healthy => {}
        }
        let Some(good_since) = seen.good_since else { return Some(Lack::Failed) };
        if now.since(good_since) < self.long {
            return Some(Lack::HealthySince(good_since));
        }
        let by = self.by?;
        match seen.served_by {
            Some(region) if region == by && now.since(seen.served_since) >= self.long => None,
            Some(region) if region == by => Some(Lack::ServedSince(seen.served_since)),
            other => Some(Lack::ServedBy(other)),
        }
    }

    /// When what is missing at `now` can be made up for if all goes well from there on; `None` if not by time alone.
    fn due(self, lack: &Lack, now: Moment) -> Option<Moment> {
        match lack {
            Lack::Failed => Some(now + LOOK_AFTER_BAD),
            Lack::HealthySince(since) | Lack::ServedSince(since) => Some(*since + self.long),
            Lack::Unseen | Lack::Unhealthy | Lack::ServedBy(_) => None,
        }
    }

    /// What is missing of `id`, in words.
    fn say(self, lack: &Lack, id: &ServiceId, seen: &ServiceHealth, now: Moment) -> String {
        let (long, by) = (self.long, self.by.map_or_else(String::new, |by| by.to_string()));
        let last = seen.last_failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
        match lack {
            Lack::Unseen => format!("{id} has not been seen long enough to say"),
            Lack::Unhealthy => format!("{id} is unhealthy{last}"),
            Lack::Failed => format!("{id} failed its last sample{last}"),
            Lack::HealthySince(since) => format!("{id} has been healthy for {} of {long}{last}", now.since(*since)),
            Lack::ServedSince(since) => format!("{id} has been served by {by} for {} of {long}", now.since(*since)),
            Lack::ServedBy(Some(region)) => format!("{id} is served by {region}, not by {by}"),
            Lack::ServedBy(None) => {
                format!("{id} is served by neither region, as far as its address tells, not by {by}")
            }
        }
    }
}

/// What was seen of all services at one instant.
struct Look<'a> {
    now: Moment,
    seen: Vec<(&'a ServiceId, ServiceHealth, Option<Lack>)>,
}

impl<'a> Look<'a> {
    async fn take(tools: &Tools, cx: &Context, services: &'a [ServiceId], wanted: Wanted) -> Self {
        let now = cx.clock.now();
        let mut seen = Vec::with_capacity(services.len());
        for id in services {
            let health = tools.health.service(cx, id).await;
            let lack = wanted.lacks(&health, now);
            seen.push((id, health, lack));
        }
        Self { now, seen }
    }

    fn lacking(&self) -> impl Iterator<Item = (&'a ServiceId, &ServiceHealth, &Lack)> {
        self.seen.iter().filter_map(|(id, health, lack)| Some((*id, health, lack.as_ref()?)))
    }

    /// What those show that lack nothing.
    fn evidence(&self) -> Evidence {
        let good = self.seen.iter().filter(|(_, _, lack)| lack.is_none());
        let tell = |(id, seen, _): &(&ServiceId, ServiceHealth, Option<Lack>)| {
            let from = seen.served_by.map_or_else(String::new, |region| format!(", served by {region}"));
            let since = self.now.since(seen.good_since.unwrap_or(self.now));
            (id.to_string(), format!("healthy for {since}{from}"))
        };
        good.map(tell).collect()
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
    let wanted = Wanted { long, by };
    loop {
        let mut changed = tools.health.changed(cx);
        if listens(&mut changed).await == Woken::ToLook {
            continue;
        }
        let look = Look::take(tools, cx, services, wanted).await;
        if look.lacking().next().is_none() {
            return Ok(look.evidence());
        }
        // What time alone brings can't come sooner, whatever happens meanwhile. As long as one can't come by time alone,
        // the dues of the others say nothing.
        let dues = look.lacking().map(|(_, _, lack)| wanted.due(lack, look.now)).collect::<Option<Vec<_>>>();
        let due = dues.and_then(|dues| dues.into_iter().max());
        if wait(cx, changed, due.unwrap_or(look.now + LOOK_AGAIN_AFTER)).await == Woken::ToEnd {
            // The last look may be long ago.
            let look = Look::take(tools, cx, services, wanted).await;
            let say = |(id, seen, lack): (&ServiceId, &ServiceHealth, &Lack)| wanted.say(lack, id, seen, look.now);
            let what: Vec<String> = look.lacking().map(say).collect();
            if what.is_empty() {
                return Ok(look.evidence());
            }
            return Err(ActError::refused(what.join("; ")).with(look.evidence()));
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
