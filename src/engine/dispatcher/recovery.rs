//! The last look at users: a run that was taken back ends when they are seen to be served again, not before.
//!
//! An undo is done when its changes are, and the probes need some samples more to see what that means. Without this
//! wait the outage would end with the run, and its length would read "more than" what it was.

use std::sync::Arc;

use super::Dispatcher;
use super::intake::Note;
use crate::engine::{muster_context, survey};
use crate::event::Event;
use crate::id::ServiceId;
use crate::model::Place;
use crate::record::{Heads, Record, place};
use crate::resource::{Context, Health, HealthState, ResourceState};
use crate::time::Span;

/// How long users are waited for at most, after the last kept answer of a resolver ran out.
const PATIENCE: Span = Span(120_000_000_000);
/// Answers that resolvers keep longer than this are not waited for.
const LONGEST_TTL: Span = Span(600_000_000_000);

/// How far the last look is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLook {
    /// It was not begun.
    Ahead,
    /// It goes on.
    Begun,
    /// It is over, or somebody would not wait for it.
    Over,
}

impl Dispatcher {
    /// Whether the run may end as far as its users are concerned. If something was taken back and a service is out
    /// still, this begins to wait for the service, within a bound.
    pub(super) async fn users_are_seen_to(&mut self) -> bool {
        if self.last_look == LastLook::Ahead {
            self.last_look = if self.begin_last_look().await { LastLook::Begun } else { LastLook::Over };
        }
        self.last_look == LastLook::Over
    }

    /// Starts to wait; `false`: there is nothing to wait for.
    async fn begin_last_look(&mut self) -> bool {
        let undone = |entry: &crate::record::Entry| matches!(entry.event, Event::UndoFinished { .. });
        let Some(health) = self.watch.as_ref().map(|watch| watch.health()) else { return false };
        if !self.events.iter().any(undone) {
            return false;
        }
        let cx = muster_context(&self.run.id, &self.run.clock, self.run.fencing);
        let services: Vec<ServiceId> = self.plan.services.iter().map(|service| service.id.clone()).collect();
        if !any_is_out(&*health, &cx, &services).await {
            return false;
        }
        let Ok(record) = Record::of_events(self.run.id.clone(), &self.events, Heads::default()) else { return false };
        let (plan, resources) = (Arc::clone(&self.plan), self.run.resources.clone());
        let (notes, patience) = (self.notes.clone(), self.patience());
        self.run.clock.spawn(async move {
            // Half-way between the regions nothing says that users will ever be served.
            let (seen, _) = survey(&plan, &resources, &cx).await;
            if matches!(place(&record, &seen), Place::Home | Place::Secondary) {
                let served = async {
                    while any_is_out(&*health, &cx, &services).await {
                        health.changed(&cx).await;
                    }
                };
                // Who is not back by then is told as such: the outage is longer than what was seen of it.
                let _ = cx.clock.timeout(patience, served).await;
            }
            let _ = notes.send(Note::UsersSeen);
        });
        true
    }

    /// Resolvers may keep the answer that was taken back until its TTL has run out.
    fn patience(&self) -> Span {
        let ttls = self.tools.initial.values().filter_map(|state| match state {
            ResourceState::Dns(dns) => Some(dns.record.ttl),
            _ => None,
        });
        PATIENCE + ttls.max().unwrap_or_default().min(LONGEST_TTL)
    }
}

async fn any_is_out(health: &dyn Health, cx: &Context, services: &[ServiceId]) -> bool {
    for service in services {
        if health.service(cx, service).await.state == HealthState::Unhealthy {
            return true;
        }
    }
    false
}
