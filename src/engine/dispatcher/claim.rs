//! Marks what the plan changes as this run's own, on the resources themselves, and takes the marks away at its end.
//!
//! The lease keeps two runs of one store apart; what a provider keeps on the resource keeps all others apart too. Marks
//! are set after the survey and before the first step, and again by whoever takes the run up; they are taken away by a
//! run that ends, not by one that is left behind.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::id::ResourceId;
use crate::model::LeftOver;
use crate::resource::{Claimed, Context, Exclusive, Marker, ProviderError, Resources};
use crate::time::Span;

use super::{BreakOff, Dispatcher, EngineError, Round};

/// How long a resource may take to answer. All are asked at once, and one that does not answer has no mark: that a
/// region is lost is no reason not to fail over.
const PATIENCE: Span = Span::from_secs(5);

/// Whether the mark of another run is passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PassOver {
    /// A person said so.
    Yes,
    No,
}

/// What became of one resource.
type Marked = Result<(Claimed, Option<Marker>), ProviderError>;

impl Dispatcher {
    /// Marks all that the plan changes. If another run has some of it, nothing stays marked and nothing is changed.
    pub(super) async fn claim(&mut self, cx: &Context, pass_over: PassOver) -> Result<(), EngineError> {
        let ids = self.plan.changes();
        if ids.is_empty() {
            return Ok(());
        }
        let marker = self.marker();
        let (mut marked, mut lease_only, mut taken, mut passed_over) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, answer) in mark_all(&self.run.resources.clone(), cx, &marker, ids, pass_over).await {
            match answer {
                Ok((Claimed::Ours, over)) => {
                    passed_over.extend(over.map(|over| (id.clone(), over)));
                    marked.push(id);
                }
                Ok((Claimed::Taken(by), _)) => taken.push((id, by)),
                Err(error) => lease_only.push((id, error.to_string())),
            }
        }
        // What was changed before somebody else took over can't be told from what they change.
        let lost = taken.first().filter(|_| self.state.changed).map(|(id, by)| format!("{id}: {by}"));
        if !taken.is_empty() {
            release(&self.run.resources.clone(), cx, &marker, &std::mem::take(&mut marked)).await;
        }
        let mut round = Round::default();
        self.emit(&mut round, Event::Claimed { marked, lease_only, taken, passed_over })?;
        if let Some(to) = lost {
            self.break_off = Some(BreakOff::LeaseLost);
            self.emit(&mut round, Event::LeaseLost { to })?;
        }
        self.close(&mut round).await
    }

    /// Takes the run's marks away; gives what still carries one.
    pub(super) async fn release_all(&mut self, cx: &Context) -> Vec<LeftOver> {
        let marked = self.events.iter().rev().find_map(|entry| match &entry.event {
            Event::Claimed { marked, .. } => Some(marked.clone()),
            _ => None,
        });
        let (resources, marker) = (self.run.resources.clone(), self.marker());
        let still = release(&resources, cx, &marker, &marked.unwrap_or_default()).await;
        let tell = |(id, why): (ResourceId, String)| LeftOver {
            step: None,
            what: format!("{id} still carries the mark of this run, which could not be taken away: {why}"),
            advice: format!("take it away by hand, or the next run on {id} must pass over it by --break-glass"),
        };
        still.into_iter().map(tell).collect()
    }

    fn marker(&self) -> Marker {
        let origin = &self.run.started.origin;
        let who = if origin.user.is_empty() { String::new() } else { format!("{} at {}", origin.user, origin.host) };
        let since = self.events.first().map_or_else(|| self.run.clock.wall(), |entry| entry.at);
        Marker { run: self.run.id.clone(), fencing: self.run.fencing, who, since }
    }
}

/// Asks all of them at once.
async fn mark_all(
    resources: &Resources,
    cx: &Context,
    marker: &Marker,
    ids: BTreeSet<ResourceId>,
    pass_over: PassOver,
) -> Vec<(ResourceId, Marked)> {
    let ask = |id: ResourceId| {
        let (resource, cx, marker) = (resources.exclusive(&id), cx.clone(), marker.clone());
        let asking = cx.clock.clone().spawn(async move {
            let Some(resource) = resource else {
                return Err(ProviderError::Unsupported("it has no provider".to_owned()));
            };
            let marking = mark(&*resource, &cx, &marker, pass_over);
            cx.clock.timeout(PATIENCE, marking).await.unwrap_or_else(|_| Err(silent()))
        });
        (id, asking)
    };
    let asked: Vec<_> = ids.into_iter().map(ask).collect();
    let mut answers = Vec::new();
    for (id, asking) in asked {
        let broke_off = |panic| ProviderError::Refused(format!("a defect in Muster: marking it broke off ({panic})"));
        answers.push((id, asking.await.unwrap_or_else(|panic| Err(broke_off(panic)))));
    }
    answers
}

async fn mark(resource: &dyn Exclusive, cx: &Context, marker: &Marker, pass_over: PassOver) -> Marked {
    match resource.claim(cx, marker, None).await? {
        Claimed::Taken(there) if pass_over == PassOver::Yes && there.run != marker.run => {
            Ok((resource.claim(cx, marker, Some(&there)).await?, Some(there)))
        }
        answer => Ok((answer, None)),
    }
}

/// Takes the marks away; gives what still carries one, and why.
async fn release(
    resources: &Resources,
    cx: &Context,
    marker: &Marker,
    ids: &[ResourceId],
) -> Vec<(ResourceId, String)> {
    let mut still = Vec::new();
    for id in ids {
        let Some(resource) = resources.exclusive(id) else { continue };
        let answer = cx.clock.timeout(PATIENCE, resource.release(cx, marker)).await;
        if let Err(error) = answer.unwrap_or_else(|_| Err(silent())) {
            still.push((id.clone(), error.to_string()));
        }
    }
    still
}

fn silent() -> ProviderError {
    ProviderError::Unreachable(format!("within {PATIENCE}"))
}
