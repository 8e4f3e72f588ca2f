//! Guardrails: how long something may be broken, and what is told when that has passed. Pure.

use crate::catalogue::{OnFailure, Services};
use crate::event::Event;
use crate::model::{Guardrail, Plan, Watch};
use crate::time::{Moment, Span};

/// The name of the guardrail that every plan with an outage limit has.
pub(super) const OUTAGE_LIMIT: &str = "outage limit";
/// The name under which a run is paused because Muster itself seems to be cut off.
pub(super) const WITNESS: &str = "witness";

/// One guardrail.
#[derive(Debug)]
pub(super) struct Guard {
    name: String,
    /// The probes of which one that is down breaks it, by their places.
    pub(super) lanes: Vec<usize>,
    /// The look at resources that breaks it, by its place among the guardrails that look.
    pub(super) look: Option<usize>,
    broken_after: Span,
    then: OnFailure,
    /// Told since it last was whole.
    told: bool,
    /// Whether it watches services, with their probes.
    services: bool,
}

/// How a guardrail stands before the first change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum First {
    /// Its condition holds.
    Holds,
    /// It does not, and what was seen.
    Broken(String),
    /// Its probe has not answered yet.
    Unknown,
}

/// What a guardrail sees at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Since when.
    pub(super) since: Moment,
    /// What is down.
    pub(super) what: String,
    /// What is wrong with it, as in "has been down".
    pub(super) how: &'static str,
    /// What was seen of it.
    pub(super) seen: Option<String>,
}

impl Guard {
    /// The guardrails of `plan`. `lane` is the place of the first guardrail's own probe; services stand from 0 on.
    pub(super) fn all(plan: &Plan, mut lane: usize) -> Vec<Self> {
        let (mut guards, mut looks) = (Vec::new(), 0..);
        for Guardrail { name, watch, broken_after, then } in &plan.guardrails {
            let lanes = match watch {
                Watch::Probe(_) => {
                    lane += 1;
                    vec![lane - 1]
                }
                Watch::OutageOf(services) => places(plan, services),
                Watch::Check(_) => Vec::new(),
            };
            let look = if matches!(watch, Watch::Check(_)) { looks.next() } else { None };
            let services = matches!(watch, Watch::OutageOf(_));
            guards.push(Self {
                name: name.clone(),
                lanes,
                look,
                broken_after: *broken_after,
                then: *then,
                told: false,
                services,
            });
        }
        if let Some(limit) = plan.outage_limit {
            let lanes = places(plan, &Services::All);
            let name = OUTAGE_LIMIT.to_owned();
            let then = OnFailure::Pause;
            guards.push(Self { name, lanes, look: None, broken_after: limit, then, told: false, services: true });
        }
        guards
    }

    /// When it will have been broken for too long, if it goes on as `broken`; `None` if that has been told or nothing
    /// is broken.
    pub(super) fn due(&self, broken: Option<&Broken>) -> Option<Moment> {
        broken.filter(|_| !self.told).map(|broken| broken.since + self.broken_after)
    }

    /// Looks at it. `Some` when it has been broken for too long and that was not told yet.
    pub(super) fn check(&mut self, broken: Option<&Broken>, now: Moment) -> Option<Event> {
        let broken = broken?;
        if self.told || now < broken.since + self.broken_after {
            return None;
        }
        self.told = true;
        let Broken { what, how, .. } = broken;
        let seen = match &broken.seen {
            Some(seen) => format!("{what} {how} for {}: {seen}", lasted(broken, now)),
            None => format!("{what} {how} for {}", lasted(broken, now)),
        };
        Some(Event::GuardrailBroken { name: self.name.clone(), seen, then: self.then })
    }

    /// How it stands before anything was changed: it must hold then, however short it has been broken. Only what it
    /// watches with a probe of its own can be told: users who are out are what an emergency begins with.
    pub(super) fn at_first(&self, look: impl Fn(usize) -> First) -> First {
        if self.services {
            return First::Holds;
        }
        self.lanes.iter().map(|lane| look(*lane)).max().unwrap_or(First::Holds)
    }

    /// What is told of one that does not hold before the first change.
    pub(super) fn never_held(&self, seen: &str) -> Event {
        let seen = format!("before the first change, {seen}");
        Event::GuardrailBroken { name: self.name.clone(), seen, then: self.then }
    }

    /// Whether this is its name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// It was told before Muster was interrupted.
    pub(super) fn was_told(&mut self) {
        self.told = true;
    }

    /// Nothing is broken any more: from now on it can break again.
    pub(super) fn healed(&mut self) {
        self.told = false;
    }

    /// What is told in its place while the witness fails too; the guardrail itself stays to be told.
    pub(super) fn cut_off(&self, broken: &Broken, now: Moment) -> Event {
        let (name, for_) = (&self.name, lasted(broken, now));
        let Broken { what, how, .. } = broken;
        Event::GuardrailBroken {
            name: WITNESS.to_owned(),
            seen: format!(
                "`{name}` looks broken ({what} {how} for {for_}), but the witness does not answer either: Muster is the \
                 one that is cut off"
            ),
            then: OnFailure::Pause,
        }
    }
}

/// What is told when these probes fail while the witness is down.
pub(super) fn cut_off(failing: &[&str]) -> Event {
    let (first, more) = (failing.first().copied().unwrap_or_default(), failing.len().saturating_sub(1));
    let what = if more == 0 { format!("{first} fails") } else { format!("{first} and {more} more fail") };
    Event::GuardrailBroken {
        name: WITNESS.to_owned(),
        seen: format!("{what}, but the witness does not answer either: Muster is the one that is cut off"),
        then: OnFailure::Pause,
    }
}

/// How long it has been broken, to the second: more would pretend to be known.
fn lasted(broken: &Broken, now: Moment) -> String {
    let span = now.since(broken.since);
    if span < Span::from_secs(1) { span.short() } else { Span::from_secs(span.0 / 1_000_000_000).short() }
}

/// The places of services.
fn places(plan: &Plan, services: &Services) -> Vec<usize> {
    let wanted = |id| match services {
        Services::All => true,
        Services::These(ids) => ids.contains(id),
    };
    plan.services.iter().enumerate().filter(|(_, service)| wanted(&service.id)).map(|(place, _)| place).collect()
}
