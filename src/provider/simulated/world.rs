//! The state of the simulated world behind one lock, and what all its resources share: who reaches whom, how long
//! things take, what is written down for the truth.
//!
//! The lock is never held across a wait. All that changes by itself (caches, boots, replication) is a function of
//! time, so looking changes nothing, and what looks ahead on a branch of the clock sees what will be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::chance::{Distribution, Seed};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::PerRegion;
use crate::resource::{Actor, Claimed, Context, Exclusive, Marker, Party, ProviderError, RegionState};
use crate::time::{Class, Moment, Span};

use super::affliction::Ills;
use super::backup::Snapshots;
use super::compute::Groups;
use super::dns::Record;
use super::fault::{Access, Effect, FaultTable, Pace};
use super::pair::{BOTH, Pair, index};
use super::process::Commands;
use super::storage::Repositories;
use super::truth::{Change, Fact, Facts, SideFact};

/// How long a look at an unreachable region waits for a connection, in seconds.
const CONNECT_TIMEOUT_S: u64 = 2;
/// How long a change in an unreachable region waits for an answer, in seconds.
const CHANGE_TIMEOUT_S: u64 = 5;

/// What moves.
#[derive(Debug)]
pub(super) struct State {
    pub(super) regions: [RegionState; 2],
    pub(super) records: Vec<Record>,
    pub(super) databases: Vec<Pair>,
    pub(super) storages: Vec<Repositories>,
    pub(super) computes: Vec<Groups>,
    pub(super) backups: Vec<Snapshots>,
    pub(super) commands: Commands,
    /// Which run each resource is marked as its own by.
    pub(super) markers: BTreeMap<ResourceId, Marker>,
    /// What the health of endpoints is derived from.
    pub(super) facts: Facts,
    /// All changes of facts, in the order of time.
    pub(super) changes: Vec<Change>,
    /// The regions that a fault took.
    pub(super) lost: [bool; 2],
    /// How often what took effect: by who did it, what it was and on what.
    pub(super) effects: BTreeMap<String, u32>,
}

impl State {
    /// Whether users, and Muster among them, reach `region`.
    pub(super) fn users_reach(&self, region: RegionRole) -> bool {
        !self.facts.cut[index(region)]
    }

    /// Whether the regions reach each other.
    pub(super) fn linked(&self) -> bool {
        let [primary, secondary] = &self.regions;
        !primary.isolated_from.contains(&Party::Secondary) && !secondary.isolated_from.contains(&Party::Primary)
    }

    /// How many changes were made of what users see: as long as it is the same, they see what is a function of time.
    pub(super) fn changes_made(&self) -> usize {
        self.changes.len() + self.records.iter().map(Record::changes_made).sum::<usize>()
    }

    fn note(&mut self, at: Moment, fact: Fact) {
        if self.facts.set(&fact) {
            self.changes.push(Change { at, fact });
        }
    }

    /// Notes that a call of `cx` has done `what` to `on`.
    pub(super) fn effect(&mut self, cx: &Context, what: &str, on: &str) {
        *self.effects.entry(format!("{} {what} {on}", cx.actor)).or_default() += 1;
    }

    /// Notes what database `n` is now.
    pub(super) fn note_database(&mut self, n: usize, at: Moment) {
        let fact = Fact::Database(n, SideFact::of(&self.databases[n]));
        self.note(at, fact);
    }

    /// Notes what storage `n` is now.
    pub(super) fn note_storage(&mut self, n: usize, at: Moment) {
        let fact = Fact::Storage(n, SideFact::of(&self.storages[n].pair));
        self.note(at, fact);
    }

    /// Notes since when compute group `n` has a server up.
    pub(super) fn note_compute(&mut self, n: usize, at: Moment) {
        let fact = Fact::Compute(n, self.computes[n].up_since());
        self.note(at, fact);
    }

    /// Makes `to` the isolation of `region`; replication and users' writes follow.
    pub(super) fn isolate(&mut self, region: RegionRole, to: &RegionState, at: Moment) {
        self.regions[index(region)] = to.clone();
        let cut = BOTH.map(|role| self.regions[index(role)].isolated_from.contains(&Party::Users));
        self.note(at, Fact::Cut(cut));
        let (reach, linked) = (cut.map(|cut| !cut), self.linked());
        let storages = self.storages.iter_mut().map(|storage| &mut storage.pair);
        for pair in self.databases.iter_mut().chain(storages) {
            pair.reached(reach, linked, at);
        }
    }
}

/// The world, shared by all its resources.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: Seed,
    pub(super) names: PerRegion<String>,
    pub(super) faults: FaultTable,
    pub(super) ills: Ills,
    state: Mutex<State>,
}

impl World {
    pub(super) fn new(seed: Seed, names: PerRegion<String>, faults: FaultTable, ills: Ills, state: State) -> Arc<Self> {
        Arc::new(Self { seed, names, faults, ills, state: Mutex::new(state) })
    }

    /// The state. A panic elsewhere has left it whole: nothing is changed in steps.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the call meet its fault.
    pub(super) async fn meet(&self, cx: &Context, id: &ResourceId, access: Access) -> Result<Effect, ProviderError> {
        self.met(cx, Some(id), access).await
    }

    /// Lets a call meet its fault, and what holds its step up.
    pub(super) async fn met(
        &self,
        cx: &Context,
        id: Option<&ResourceId>,
        access: Access,
    ) -> Result<Effect, ProviderError> {
        if let Some(late) = self.ills.late(cx, access) {
            self.spend(cx, late).await?;
        }
        let (effect, lost) = self.faults.meet(cx, id, access).await?;
        if let Some(region) = lost {
            self.lose(region, cx.clock.now());
        }
        Ok(effect)
    }

    /// Cuts a region off from everybody, as a disaster does.
    pub(super) fn lose(&self, region: RegionRole, now: Moment) {
        let other = match region {
            RegionRole::Primary => Party::Secondary,
            RegionRole::Secondary => Party::Primary,
        };
        let mut state = self.state();
        let mut to = state.regions[index(region)].clone();
        to.isolated_from.extend([Party::Users, other]);
        state.isolate(region, &to, now);
        state.lost[index(region)] = true;
    }

    /// Lets a call that changes something meet its fault, if whose mark the resource carries asks for it.
    ///
    /// # Errors
    /// `Refused` if another run, or a later process of this one, has the resource.
    pub(super) async fn change(&self, cx: &Context, id: &ResourceId) -> Result<Effect, ProviderError> {
        if let Some(marker) = self.state().markers.get(id)
            && (marker.run != cx.run || marker.fencing > cx.fencing)
        {
            return Err(ProviderError::Refused(format!("{id}: {marker}, number {}", marker.fencing)));
        }
        self.meet(cx, id, Access::Work).await
    }

    /// How long something takes: by who asks, of what, at which attempt.
    pub(super) fn takes(
        &self,
        cx: &Context,
        what: &str,
        id: &ResourceId,
        region: Option<RegionRole>,
        distribution: &Distribution,
    ) -> Span {
        if let Distribution::Fixed(span) = distribution {
            return *span;
        }
        let subject = match region {
            Some(region) => format!("{}/{id}/{region}", cx.actor),
            None => format!("{}/{id}", cx.actor),
        };
        distribution.draw(self.seed, what, &subject, u64::from(cx.attempt))
    }

    /// Waits for `span`; ends early if told to, and then nothing happens.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(super) async fn spend(&self, cx: &Context, span: Span) -> Result<(), ProviderError> {
        let until = cx.clock.now() + span;
        tokio::select! {
            biased;
            () = cx.clock.sleep_until_as(until, Class::World) => Ok(()),
            () = cx.cancel.cancelled() => Err(ProviderError::Cancelled),
        }
    }

    /// Spends `span` on something in `region`, which must be reachable before and after.
    ///
    /// # Errors
    /// `Unreachable` after a while if it is not, `Cancelled` if told to end.
    pub(super) async fn work(&self, cx: &Context, region: RegionRole, span: Span) -> Result<(), ProviderError> {
        if !self.state().users_reach(region) {
            self.spend(cx, Span::from_secs(CHANGE_TIMEOUT_S)).await?;
            return Err(self.unreachable(region));
        }
        self.spend(cx, span).await?;
        if self.state().users_reach(region) { Ok(()) } else { Err(self.unreachable(region)) }
    }

    /// Spends `span` on a look at both regions, or longer if one does not answer.
    ///
    /// # Errors
    /// `Cancelled` if told to end.
    pub(super) async fn look(&self, cx: &Context, span: Span) -> Result<(), ProviderError> {
        let both = {
            let state = self.state();
            BOTH.iter().all(|role| state.users_reach(*role))
        };
        let span = if both { span } else { span.max(Span::from_secs(CONNECT_TIMEOUT_S)) };
        self.spend(cx, span).await
    }

    /// The words for a region that does not answer.
    pub(super) fn silence(&self, region: RegionRole) -> String {
        format!("{} ({region}) did not answer within {CONNECT_TIMEOUT_S} s", self.names.get(region))
    }

    pub(super) fn unreachable(&self, region: RegionRole) -> ProviderError {
        ProviderError::Unreachable(format!("{} ({region})", self.names.get(region)))
    }
}

/// A resource of the world: which one, and by which number it is found.
#[derive(Clone, Debug)]
pub(super) struct Handle<S> {
    pub(super) world: Arc<World>,
    pub(super) id: ResourceId,
    pub(super) n: usize,
    pub(super) settings: S,
}

/// The control plane keeps the marks, beside the resources: it answers at once, whichever region is cut off.
#[async_trait]
impl<S: Send + Sync> Exclusive for Handle<S> {
    async fn claim(&self, _cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        let mut state = self.world.state();
        if let Some(there) = state.markers.get(&self.id)
            && !marker.continues(there)
            && over != Some(there)
        {
            return Ok(Claimed::Taken(there.clone()));
        }
        state.markers.insert(self.id.clone(), marker.clone());
        Ok(Claimed::Ours)
    }

    async fn release(&self, _cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        let mut state = self.world.state();
        if state.markers.get(&self.id).is_some_and(|there| marker.continues(there)) {
            state.markers.remove(&self.id);
        }
        Ok(())
    }
}

/// Who asks, as draws name it.
pub(super) fn asker(actor: &Actor) -> &str {
    match actor {
        Actor::Step(id) => id.as_str(),
        Actor::Probe(id) => id.as_str(),
        Actor::Muster => "muster",
    }
}

/// `span` at this pace.
pub(super) fn times(span: Span, pace: Pace) -> Span {
    pace.of(span)
}
