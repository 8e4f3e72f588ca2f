//! Everything that is observed beside the steps: probes, the witness, guardrails, canaries, switched records.
//!
//! What is seen goes to a desk (`desk.rs`), one state machine without I/O, which says what is told: each change of a
//! result, a summary of the rest at most every 10 s, what canaries lost, guardrails that broke. Two drivers feed it:
//! [`plain`](Pace::Plain) has a task for each tick, [`ahead`](Pace::Ahead) computes samples of virtual time up to the
//! next thing that is due. Their journals are the same bytes.
//!
//! May rely on `probe`, `measure` and the resource traits; tells events through the [`Sink`] alone. Must never act on
//! what it sees: that is the dispatcher's. Everything is bounded: samples under way by their timeout, events that wait
//! by leaving samples out.

mod ahead;
mod canary;
mod desk;
mod follow;
mod guard;
mod lane;
mod ledger;
mod looks;
mod own;
mod plain;
mod recall;
mod rows;
mod shared;
mod stride;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalogue::{Before, Probe};
use crate::engine::Sink;
use crate::event::Event;
use crate::id::{RegionRole, ResourceId, RunId};
use crate::model::{LeftOver, Leg, Plan};
use crate::record::{Builder, Entry};
use crate::resource::{Health, ResourceState, Resources, World};
use crate::time::{Clock, JoinHandle, Moment, Span};

pub use crate::probe::Regions as Addresses;

use follow::Begins;
use shared::{Board, SPREAD, Shared};

/// From one look at the guardrails' first samples to the next.
const LOOK: Span = Span::from_millis(50);

/// How samples are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Computed ahead as far as nobody can see it. On a virtual clock; on a real one it is [`Pace::Plain`].
    Ahead,
    /// Each at its time.
    Plain,
}

/// What a watch needs.
pub struct WatchSetup {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The resources.
    pub resources: Resources,
    /// The run.
    pub run: RunId,
    /// The clock.
    pub clock: Clock,
    /// The number of the run's lease.
    pub fencing: u64,
    /// Where events go.
    pub sink: Sink,
    /// How samples are taken.
    pub pace: Pace,
    /// Which address belongs to which region.
    pub addresses: Addresses,
    /// When the run's watching began: the ticks of all probes are counted from there.
    pub since: Moment,
}

/// A watch over a run; it lasts until [`Watch::finish`].
pub struct Watch {
    shared: Arc<Shared>,
    state: Mutex<State>,
    board: Arc<dyn Health>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// What goes on, and what has happened.
#[derive(Default)]
struct State {
    /// What ticks.
    tasks: Tasks,
    teller: Option<JoinHandle<()>>,
    /// Records that are followed.
    followers: BTreeMap<ResourceId, JoinHandle<()>>,
    /// Of what both sides are looked at, and how often: on real servers all that have two, else what was promoted.
    looked_at: BTreeMap<ResourceId, Span>,
}

impl Watch {
    /// Starts watching. The first sample of each probe comes within half a second.
    #[must_use]
    pub fn start(setup: WatchSetup) -> Self {
        Self::go(setup, &[])
    }

    /// Goes on watching a run whose journal tells of `past`, its events so far.
    #[must_use]
    pub fn take_up(setup: WatchSetup, past: &[Entry]) -> Self {
        Self::go(setup, past)
    }

    fn go(setup: WatchSetup, past: &[Entry]) -> Self {
        // What is asked at the same time can't be computed ahead: a branch of the clock carries one thing at a time.
        let combined = desk::probes(&setup.plan).iter().any(|it| matches!(it.probe, Probe::Several(_)));
        let pace = if setup.clock.is_virtual() && !combined { setup.pace } else { Pace::Plain };
        let run = setup.run.clone();
        let shared = Arc::new(Shared::new(setup));
        if let Some(builder) = rebuilt(run, past) {
            let now = shared.clock.now();
            shared.desk().recall(&shared.plan, &builder, past, now);
        }
        let mut tasks = Tasks::default();
        for canary in 0..shared.plan.canaries.len() {
            tasks.push(shared.clock.spawn(rows::prepare(Arc::clone(&shared), canary)));
        }
        match pace {
            Pace::Ahead => tasks.push(shared.clock.spawn(ahead::run(Arc::clone(&shared)))),
            Pace::Plain => plain::start(&shared, &mut tasks),
        }
        for n in 0..shared.look_ticks.len() {
            tasks.push(shared.clock.spawn(looks::go_on(Arc::clone(&shared), n)));
        }
        let teller = Some(shared.clock.spawn(Arc::clone(&shared).teller()));
        let board = Arc::new(Board(Arc::clone(&shared)));
        Self { shared, state: Mutex::new(State { tasks, teller, ..State::default() }), board }
    }

    /// The services' health as it is seen.
    #[must_use]
    pub fn health(&self) -> Arc<dyn Health> {
        Arc::clone(&self.board)
    }

    /// `to` was promoted in `leg`: counts what it has of each canary's rows that the other side acknowledged, and has
    /// the canaries write to it from now on. The other side is still tried; an acknowledgement there is a split brain.
    /// Takes as long as reading the rows does, at most half a minute.
    pub fn promoted(
        &self,
        resource: &ResourceId,
        to: RegionRole,
        leg: Leg,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.look_at(resource, rows::LOOK_AFTER);
        let (shared, resource) = (Arc::clone(&self.shared), resource.clone());
        async move { rows::promoted(&shared, &resource, to, leg).await }
    }

    /// Whether two sides of it take writes is looked at `every` so often from now on, and once more at the end.
    fn look_at(&self, resource: &ResourceId, every: Span) {
        let mut state = self.state();
        let oftener = state.looked_at.get(resource).is_none_or(|now| every < *now);
        // A simulation's canaries see everything; real servers may have none, or one that the fence shuts out.
        if oftener {
            state.looked_at.insert(resource.clone(), every);
        }
        if oftener && !self.shared.clock.is_virtual() {
            let looks = rows::keep_looking(Arc::clone(&self.shared), resource.clone(), every);
            state.tasks.push(self.shared.clock.spawn(looks));
        }
    }

    /// Whether every guardrail holds, as must be before the first change; gives those that do not. `None`: not every
    /// one of their probes has answered yet.
    pub fn guards_hold(&self) -> Option<Vec<Event>> {
        self.shared.desk().guards_at_first()
    }

    /// The same, waited for until the slowest of their probes must have answered.
    pub fn guards_answer(&self) -> impl Future<Output = Vec<Event>> + Send + 'static + use<> {
        let shared = Arc::clone(&self.shared);
        let looks = shared.look_ticks.iter().map(|_| looks::LOOK_MAX);
        let slowest = shared.probes.iter().map(|probe| probe.timeout).chain(looks).max();
        let until = shared.clock.now() + SPREAD + slowest.unwrap_or_default() + LOOK;
        async move {
            while shared.clock.now() < until {
                if let Some(broken) = shared.desk().guards_at_first() {
                    return broken;
                }
                shared.clock.sleep(LOOK).await;
            }
            shared.desk().guards_given_up()
        }
    }

    /// A step begins, has ended or is taken back, as `event` says: guardrails on what it changes judge nothing meanwhile.
    pub fn does(&self, step: usize, event: &Event) {
        if !self.shared.look_ticks.is_empty() {
            self.shared.at_desk(|desk| desk.own_deed(&self.shared.plan, step, event));
        }
    }

    /// The promotion of `to` is about to be made: it may take writes from now on.
    pub fn promoting(&self, resource: &ResourceId, to: RegionRole) {
        let canaries = self.shared.plan.canaries.iter().enumerate().filter(|(_, canary)| canary.of == *resource);
        for (place, _) in canaries {
            self.shared.at_desk(|desk| desk.canary(place).promoting(to));
        }
    }

    /// Only `active`'s answers end outages of the services that need `records` from now on; either region's while a
    /// switch is under way (`None`).
    pub fn serves(&self, records: &[ResourceId], active: Option<RegionRole>) {
        self.shared.at_desk(|desk| desk.serves(records, active));
    }

    /// A switch of `records` to `to` is about to be made, of which `before` has the states: they are followed until the
    /// old TTL has run out.
    pub fn switching(&self, records: &[ResourceId], to: RegionRole, before: &Before) {
        self.serves(records, None);
        let elsewhere = |record: &ResourceId| matches!(before.get(record), Some(ResourceState::Dns(was)) if was.serves.is_some() && was.serves != Some(to));
        for record in records {
            self.follow_one(record, to, if elsewhere(record) { Begins::BeforeTheChange } else { Begins::AnyTime });
        }
    }

    /// Looks now and then from now on at what has two sides: both may come to take writes without this run, as where
    /// something else promotes a standby.
    pub fn look_at_all(&self, world: &World) {
        let has_sides = |state: &ResourceState| matches!(state, ResourceState::Database(_) | ResourceState::Storage(_));
        if !self.shared.clock.is_virtual() {
            for (resource, _) in world.iter().filter(|(_, state)| has_sides(state)) {
                self.look_at(resource, rows::LOOK_BEFORE);
            }
        }
    }

    /// What a look saw, before anything was watched: two sides of a resource that take writes are told at once.
    pub fn saw(&self, world: &World) {
        for (resource, state) in world {
            if let Some(seen) = rows::both_writable(state) {
                self.shared.at_desk(|desk| desk.split_brain(resource, seen));
            }
        }
    }

    /// Follows `records`, which were switched to `to`, until the old TTL has run out.
    pub fn follow(&self, records: &[ResourceId], to: RegionRole) {
        for record in records {
            self.follow_one(record, to, Begins::AnyTime);
        }
    }

    fn follow_one(&self, record: &ResourceId, to: RegionRole, begins: Begins) {
        let follow = follow::follow(Arc::clone(&self.shared), record.clone(), to, begins);
        if let Some(before) = self.state().followers.insert(record.clone(), self.shared.clock.spawn(follow)) {
            before.abort();
        }
    }

    /// Ends watching for good: as [`Watch::pause`], and takes canaries away; gives what could not be.
    pub async fn finish(&self) -> Vec<LeftOver> {
        self.pause().await;
        rows::remove(&self.shared).await
    }

    /// Ends watching of a run that can be taken up again: looks once more whether two sides take writes, and tells what
    /// was not told. What the canaries wrote stays, to be counted later.
    pub async fn pause(&self) {
        let looked_at = std::mem::take(&mut self.state().looked_at);
        for resource in looked_at.into_keys() {
            rows::look_for_split(&self.shared, &resource).await;
        }
        let (tasks, followers) = {
            let mut state = self.state();
            (std::mem::take(&mut state.tasks), std::mem::take(&mut state.followers))
        };
        followers.values().for_each(JoinHandle::abort);
        let now = self.shared.clock.now();
        self.shared.at_desk(|desk| {
            desk.sum_up(now);
            desk.close();
        });
        tasks.end().await;
        self.shared.tell_all().await;
        self.shared.fall_silent();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the record makes of a run's events so far.
fn rebuilt(run: RunId, past: &[Entry]) -> Option<Builder> {
    let (first, others) = past.split_first()?;
    let mut builder = Builder::new(run, first.clone()).ok()?;
    // Events that do not belong to the plan were refused when the journal was read.
    others.iter().try_for_each(|entry| builder.push_ref(entry)).ok()?;
    Some(builder)
}

impl Drop for Watch {
    fn drop(&mut self) {
        let state = self.state();
        state.followers.values().chain(&state.teller).for_each(JoinHandle::abort);
    }
}

/// Tasks that end when this is dropped.
#[derive(Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn push(&mut self, task: JoinHandle<()>) {
        self.0.push(task);
    }

    /// Ends them and waits until they have.
    async fn end(mut self) {
        for task in &self.0 {
            task.abort();
        }
        for task in self.0.drain(..) {
            // That it was aborted is what it was told.
            let _ = task.await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
