//! `check` and `wait`. Services are waited for by both; everything else a `check` judges at once and a `wait` looks at
//! until it holds.

mod health;
mod standby;

use async_trait::async_trait;

use super::look::{self, Pace};
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Check, Condition, Describe, Evidence, Services, Wait};
use crate::id::{ResourceId, ServiceId};
use crate::resource::Context;
use crate::time::Span;

/// The wall clock of a real machine may be set: it is looked at this often.
const WALL_LOOKS_EVERY: Span = Span::from_secs(60);

/// Whether what does not hold at once is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    AtOnce,
    Until,
}

/// The services that are meant; never none, since nothing would be checked.
fn chosen(tools: &Tools, services: &Services) -> Result<Vec<ServiceId>, ActError> {
    let chosen = match services {
        Services::All => tools.plan.services.iter().map(|service| service.id.clone()).collect(),
        Services::These(names) => names.clone(),
    };
    if chosen.is_empty() {
        return Err(ActError::refused("there is no service to check: the playbook declares none under `services`"));
    }
    Ok(chosen)
}

async fn hold<D: Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    condition: &Condition,
    patience: Patience,
) -> Result<Evidence, ActError> {
    match condition {
        Condition::Served { services, healthy_for, by } => {
            health::served(tools, cx, &chosen(tools, services)?, *healthy_for, *by).await
        }
        Condition::Down { services } => health::down(tools, cx, &chosen(tools, services)?).await,
        Condition::For(span) => match look::sleep(cx, *span).await {
            Ok(()) => Ok(Evidence::new()),
            Err(stop) => Err(ActError::refused(format!("{span} had not passed: {stop}"))),
        },
        Condition::At(at) => wait_until(cx, *at).await,
        Condition::Standby { .. } | Condition::Lag { .. } | Condition::Ttl { .. } | Condition::Capacity { .. } => {
            looked(tools, cx, act, condition, patience).await
        }
    }
}

/// One look at what is no state of a service's health.
async fn glance<D: Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    condition: &Condition,
) -> Result<Evidence, ActError> {
    if let Condition::Standby { service, region } = condition {
        return standby::answers(tools, cx, service, *region).await;
    }
    let world = look::subjects(tools, cx, act).await.map_err(ActError::refused)?;
    let evidence: Evidence = world.iter().map(|(id, state)| (id.to_string(), state.to_string())).collect();
    match condition.judge(&world) {
        Some(Achieved::Yes) => match condition {
            Condition::Ttl { records, .. } => ready(tools, cx, records, evidence).await,
            _ => Ok(evidence),
        },
        Some(Achieved::No(why) | Achieved::Unknown(why)) => Err(ActError::refused(why).with(evidence)),
        None => Err(ActError::refused("this can't be judged by looking: a defect in Muster, please report it")),
    }
}

/// Whether a switch of `records` would be taken: a key that is refused, or a server that lags, is known before users
/// are out.
async fn ready(
    tools: &Tools,
    cx: &Context,
    records: &[ResourceId],
    mut evidence: Evidence,
) -> Result<Evidence, ActError> {
    for id in records {
        let Some(dns) = tools.resources.dns.get(id) else { continue };
        match dns.ready(cx).await {
            Ok(shown) => evidence.extend(shown.into_iter().map(|(what, value)| (format!("{id}: {what}"), value))),
            Err(error) => {
                return Err(ActError::refused(format!("{id} could not be switched now: {error}")).with(evidence));
            }
        }
    }
    Ok(evidence)
}

async fn looked<D: Describe + Sync>(
    tools: &Tools,
    cx: &Context,
    act: &D,
    condition: &Condition,
    patience: Patience,
) -> Result<Evidence, ActError> {
    let mut pace = Pace::calm();
    loop {
        let seen = match glance(tools, cx, act, condition).await {
            Err(seen) if patience == Patience::Until => seen,
            judged => return judged,
        };
        if let Err(stop) = pace.rest(cx).await {
            return Err(ActError { what: format!("{} ({stop})", seen.what), ..seen });
        }
    }
}

async fn wait_until(cx: &Context, at: jiff::Timestamp) -> Result<Evidence, ActError> {
    loop {
        let left = at.duration_since(cx.clock.wall()).as_nanos();
        let left = Span(u64::try_from(left.max(0)).unwrap_or(u64::MAX));
        if left.is_zero() {
            return Ok([("the time".to_owned(), cx.clock.wall().to_string())].into());
        }
        let nap = if cx.clock.is_virtual() { left } else { left.min(WALL_LOOKS_EVERY) };
        if let Err(stop) = look::sleep(cx, nap).await {
            return Err(ActError::refused(format!("it was {}, not yet {at}: {stop}", cx.clock.wall())));
        }
    }
}

macro_rules! perform {
    ($args:ty, $patience:expr) => {
        #[async_trait]
        impl Perform for $args {
            async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
                hold(tools, cx, self, &self.0, $patience).await.map(Applied::showing)
            }

            async fn achieved(&self, _tools: &Tools, _cx: &Context) -> Achieved {
                Achieved::No("conditions are looked at each time".to_owned())
            }

            async fn undo(&self, _tools: &Tools, _cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
                Ok(Evidence::new())
            }
        }
    };
}

perform!(Check, Patience::AtOnce);
perform!(Wait, Patience::Until);
