//! Looks at the resources that guardrails are about: one after the other, each at its time, judged as a `check` step would.

use std::sync::Arc;

use super::guard::First;
use super::shared::Shared;
use crate::catalogue::{Achieved, Check, Condition, Describe as _};
use crate::event::Event;
use crate::id::ResourceId;
use crate::model::{CheckPlan, Guardrail, Plan, Stands, Watch};
use crate::resource::{Actor, World};
use crate::time::{Moment, Span};

/// How long one look may take.
pub(super) const LOOK_MAX: Span = Span::from_secs(10);

/// The guardrails of `plan` that look at resources.
pub(super) fn of(plan: &Plan) -> impl Iterator<Item = (&Guardrail, &CheckPlan)> {
    plan.guardrails.iter().filter_map(|guardrail| match &guardrail.watch {
        Watch::Check(check) => Some((guardrail, check)),
        Watch::Probe(_) | Watch::OutageOf(_) => None,
    })
}

/// What one guardrail's looks have found.
#[derive(Debug)]
pub(super) struct Look {
    name: String,
    check: Check,
    /// Whether what it is about can be expected: a copy that the drill has turned round must be seen to follow first.
    armed: bool,
    /// Since when it has not held, and what was seen then.
    fails: Option<(Moment, String)>,
    /// What the last look of this process said.
    last: Option<Stands>,
    /// What was told last.
    told: Option<Stands>,
}

impl Look {
    pub(super) fn new(guardrail: &Guardrail, plan: &CheckPlan) -> Self {
        let (name, check) = (guardrail.name.clone(), plan.check.clone());
        Self { name, check, armed: true, fails: None, last: None, told: None }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.check.0
    }

    /// The condition for people.
    pub(super) fn what(&self) -> String {
        format!("`{}`", self.check.0.describe())
    }

    /// Since when it has not held, and what was seen first.
    pub(super) fn fails(&self) -> Option<&(Moment, String)> {
        self.fails.as_ref()
    }

    /// How it stands before the first change.
    pub(super) fn first(&self) -> First {
        match (self.last, &self.fails) {
            (None, _) => First::Unknown,
            (Some(_), Some((_, saw))) => First::Broken(saw.clone()),
            (Some(_), None) => First::Holds,
        }
    }

    /// The journal says that this was told.
    pub(super) fn recall(&mut self, stands: Stands) {
        self.told = Some(stands);
    }

    /// The drill begins to change `resources`: a copy of one of them must be seen to follow before it is judged again.
    pub(super) fn disarm(&mut self, resources: &[ResourceId]) {
        if let Condition::Lag { resource, .. } = &self.check.0
            && resources.contains(resource)
        {
            self.armed = false;
            self.fails = None;
        }
    }

    /// It judges nothing from now on. Gives what is to be told.
    pub(super) fn silence(&mut self, why: String) -> Option<Event> {
        self.fails = None;
        self.says(Stands::Quiet, why)
    }

    /// Takes a look in that was made, at `now`. Gives what is to be told.
    pub(super) fn take(&mut self, found: Achieved, world: &World, now: Moment) -> Option<Event> {
        match found {
            Achieved::Yes => {
                self.armed = true;
                self.fails = None;
                let seen: Vec<_> = world.iter().map(|(id, state)| format!("{id}: {state}")).collect();
                self.says(Stands::Holds, seen.join("; "))
            }
            Achieved::No(why) | Achieved::Unknown(why) if !self.armed => {
                self.silence(format!("the drill has changed it, and it does not follow yet: {why}"))
            }
            Achieved::No(why) | Achieved::Unknown(why) => {
                self.fails.get_or_insert_with(|| (now, why.clone()));
                self.says(Stands::Fails, why)
            }
        }
    }

    fn says(&mut self, stands: Stands, seen: String) -> Option<Event> {
        self.last = Some(stands);
        let before = self.told.replace(stands);
        (before != Some(stands)).then(|| Event::GuardrailSeen { name: self.name.clone(), stands, seen })
    }
}

/// Looks for the `n`-th guardrail that looks at resources, for as long as the watch lasts.
pub(super) async fn go_on(shared: Arc<Shared>, n: usize) {
    let ticks = shared.look_ticks[n];
    let Some(check) = of(&shared.plan).nth(n).map(|(_, plan)| plan.check.clone()) else { return };
    let subjects: Vec<ResourceId> = check.subjects().into_iter().map(|subject| subject.resource).collect();
    let mut tick = ticks.after(shared.clock.now());
    loop {
        shared.clock.sleep_until(ticks.at(tick)).await;
        let began = shared.desk().deeds_noted();
        let (found, world) = look(&shared, &check, &subjects).await;
        let now = shared.clock.now();
        shared.at_desk(|desk| desk.looked(n, began, (found, &world), now));
        tick = ticks.after(shared.clock.now()).max(tick + 1);
    }
}

/// Looks once.
async fn look(shared: &Shared, check: &Check, subjects: &[ResourceId]) -> (Achieved, World) {
    let cx = shared.context(Actor::Muster, shared.clock.clone());
    let mut world = World::new();
    let observed = async {
        for id in subjects {
            match shared.resources.observe(&cx, id).await {
                Ok(state) => drop(world.insert(id.clone(), state)),
                Err(error) => return Some(Achieved::Unknown(format!("{id} can't be seen: {error}"))),
            }
        }
        None
    };
    let unseen = match cx.clock.timeout(LOOK_MAX, observed).await {
        Ok(unseen) => unseen,
        Err(_) => Some(Achieved::Unknown(format!("no answer within {LOOK_MAX}"))),
    };
    let found = unseen.or_else(|| check.0.judge(&world));
    (found.unwrap_or_else(|| Achieved::Unknown("it can't be judged by looking".to_owned())), world)
}
