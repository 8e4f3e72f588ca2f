//! A simulated world: two regions and all that a drill touches, at the level of the network and the provider.
//!
//! Actions, probes and the engine are the same code as in a real drill; only what they talk to is made up. Everything
//! that happens by itself (caches that run out, servers that boot, writes that are copied) is a function of time and
//! of the seed; everything that is done happens at one instant, when what does it has taken its time. Calls draw their
//! durations by who asks, of what, at which attempt, so that adding a step or a probe changes no other draw.
//!
//! May rely on `resource`, `chance`, `time`, `id` and the settings in `infrastructure::simulate`. Must never touch
//! anything real: no file, socket, thread, process, nor the machine's clock; and never hold its lock across a wait.

mod affliction;
mod asked;
mod backup;
mod compute;
mod database;
mod dns;
mod endpoint;
mod fault;
mod foreseen;
mod health;
mod lag;
mod network;
mod pair;
mod people;
mod process;
mod region;
mod row_log;
mod storage;
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub use crate::infrastructure::simulate::Said;
pub use endpoint::{Endpoint, EndpointKind};
pub use fault::{FaultOn, FaultPoint, FaultTarget, Pace};
pub use health::FaultyHealth;
pub use process::ObservedCommand;
pub use truth::{Served, Truth};

pub use crate::resource::settled;

use crate::chance::{Distribution, Seed};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::infrastructure::simulate::Address;
use crate::infrastructure::simulate::{Affliction, PerRegion, SimulatedNetwork, SimulatedRegion, SimulatedResource};
use crate::resource::{
    Health, Marker, Region, RegionState, Resolver, ResourceState, Resources, Seen, World as Snapshot, region_resource,
};
use crate::time::{Clock, Moment, Span};

use network::{Host, Lookup, Map, NeedNames, Reached, Server, SimulatedUser};
use pair::{BOTH, Pair, index};
use process::{Commands, SimulatedProcesses, StepTakes};
use truth::{Facts, Need, SideFact};
use world::{Handle, State, World};

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct SimulationSetup {
    /// What all chances are drawn from.
    pub seed: Seed,
    /// The clock of the run.
    pub clock: Clock,
    /// The regions' names.
    pub region_names: PerRegion<String>,
    /// The regions' settings.
    pub regions: PerRegion<SimulatedRegion>,
    /// All resources of the infrastructure file.
    pub resources: Vec<(ResourceId, SimulatedResource)>,
    /// The network's settings.
    pub network: SimulatedNetwork,
    /// What probes connect to.
    pub endpoints: Vec<Endpoint>,
    /// What goes wrong.
    pub faults: Vec<FaultPoint>,
    /// What is wrong with the world itself.
    pub afflictions: Vec<Affliction>,
    /// What the programs and requests of steps answer when all is well; nothing, and 200, where nothing is said.
    pub step_says: BTreeMap<StepId, Said>,
    /// How long `command`, `http` and `notify` steps take; a second where nothing is said.
    pub step_takes: BTreeMap<StepId, Distribution>,
    /// How long the calls of steps take, where that is not as long as by themselves.
    pub paces: BTreeMap<StepId, Pace>,
    /// The commands that are observed.
    pub commands: Vec<ObservedCommand>,
}

/// Why no world can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// Two resources have one name.
    #[error("the resource `{0}` is there twice")]
    Twice(ResourceId),
    /// An endpoint depends on something that is not there.
    #[error("{host}:{port} depends on `{needs}`, which is no resource of the infrastructure file")]
    NoSuchResource {
        /// The endpoint's host.
        host: Arc<str>,
        /// Its port.
        port: u16,
        /// What is not there.
        needs: ResourceId,
    },
    /// Both regions have one address, so that nobody could say which one answers.
    #[error("the address {0} belongs to both regions; give each region addresses of its own under `targets`")]
    SharedAddress(IpAddr),
}

/// A simulated world.
#[derive(Clone)]
pub struct Simulation {
    world: Arc<World>,
    map: Arc<Map>,
    initial: Facts,
    clock: Clock,
    resources: Resources,
    ids: Vec<(ResourceId, Place)>,
}

/// Where the state of a resource is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Dns(usize),
    Database(usize),
    Compute(usize),
    Storage(usize),
    Backup(usize),
}

impl Simulation {
    /// Makes a world as it is at the start of a run.
    ///
    /// # Errors
    /// [`SimulationError`] says what does not fit together.
    pub fn new(setup: SimulationSetup) -> Result<Self, SimulationError> {
        let (state, ids) = build_state(&setup)?;
        let map = Arc::new(build_map(&setup, &state, &ids)?);
        let initial = state.facts.clone();
        let faults = fault::FaultTable::new(setup.seed, setup.faults.clone(), setup.paces.clone());
        let ills = affliction::Ills::new(setup.afflictions.clone());
        let world = World::new(setup.seed, setup.region_names.clone(), faults, ills, state);
        let resources = build_resources(&setup, &world, &map, &ids);
        affliction::set_in(&setup, &world, &ids);
        Ok(Self { world, map, initial, clock: setup.clock, resources, ids })
    }

    /// All that actions and probes reach. They share this world.
    #[must_use]
    pub fn resources(&self) -> Resources {
        self.resources.clone()
    }

    /// Everything as it is now, whoever can reach it. For tests: nothing is drawn, no time passes.
    #[must_use]
    pub fn world(&self) -> Snapshot {
        let now = self.clock.now();
        let mut state = self.world.state();
        let mut all: Snapshot = BOTH
            .into_iter()
            .map(|role| (region_resource(role), ResourceState::Region(state.regions[index(role)].clone())))
            .collect();
        for (id, place) in &self.ids {
            let seen = match *place {
                Place::Dns(n) => ResourceState::Dns(state.records[n].state()),
                Place::Database(n) => ResourceState::Database(database::whole(&mut state.databases[n], now)),
                Place::Storage(n) => ResourceState::Storage(storage::whole(&mut state.storages[n].pair, now)),
                Place::Backup(n) => ResourceState::Backup(state.backups[n].whole(now)),
                Place::Compute(n) => ResourceState::Compute(crate::resource::ComputeState {
                    regions: BOTH.into_iter().map(|role| (role, Seen::Is(state.computes[n].view(role, now)))).collect(),
                }),
            };
            all.insert(id.clone(), seen);
        }
        all
    }

    /// The scratch copies of backups that stand.
    #[must_use]
    pub fn scratches(&self) -> Vec<String> {
        self.world.state().backups.iter().flat_map(|snapshots| snapshots.scratches.clone()).collect()
    }

    /// What became of every endpoint, up to `until`, for a user with the system's resolver whose request takes no
    /// time. For tests that hold measures against it.
    #[must_use]
    pub fn truth(&self, until: Moment) -> Vec<Truth> {
        let state = self.world.state();
        self.map.servers.iter().map(|server| self.truth_of(&state, server, until)).collect()
    }

    /// Databases and storages of which two sides took users' writes at once, and from when. A side that users are cut
    /// off from takes none.
    #[must_use]
    pub fn two_writers(&self) -> Vec<(ResourceId, Moment)> {
        let state = self.world.state();
        let (mut facts, mut found) = (self.initial.clone(), Vec::new());
        for change in &state.changes {
            facts.set(&change.fact);
            let twice = |sides: &[SideFact; 2]| {
                BOTH.iter().all(|role| {
                    let n = index(*role);
                    sides[n].writable && !facts.cut[n]
                })
            };
            for (id, place) in &self.ids {
                let double = match *place {
                    Place::Database(n) => twice(&facts.databases[n]),
                    Place::Storage(n) => twice(&facts.storages[n]),
                    Place::Dns(_) | Place::Compute(_) | Place::Backup(_) => false,
                };
                if double {
                    found.push((id.clone(), change.at));
                }
            }
        }
        found
    }

    /// Of the commands that steps observe, the last that took effect: by what observes them.
    #[must_use]
    pub fn commands(&self) -> Vec<(Vec<String>, Vec<String>)> {
        self.world.state().commands.last().map(|(observe, argv)| (observe.clone(), argv.clone())).collect()
    }

    /// The regions that a fault took.
    #[must_use]
    pub fn lost(&self) -> Vec<RegionRole> {
        let lost = self.world.state().lost;
        BOTH.into_iter().filter(|role| lost[index(*role)]).collect()
    }

    /// Which of the faults were met, by their places among those that were given.
    #[must_use]
    pub fn met(&self) -> BTreeSet<usize> {
        self.world.faults.met()
    }

    /// How often what took effect: by who did it, what it was and on what.
    #[must_use]
    pub fn effects(&self) -> BTreeMap<String, u32> {
        self.world.state().effects.clone()
    }

    /// Puts the faults of steps between them and what `inner` knows.
    #[must_use]
    pub fn faulty_health(&self, inner: Arc<dyn Health>) -> FaultyHealth {
        FaultyHealth::within(&self.world, inner)
    }

    /// What the losing side of each promotion had acknowledged and the promoted one lacks, as a span of time before the
    /// end of its writes: resource, promoted region, span. Zero is left out.
    #[must_use]
    pub fn losses(&self) -> Vec<(ResourceId, RegionRole, Span)> {
        let state = self.world.state();
        let mut found = Vec::new();
        for (id, place) in &self.ids {
            let pair = match *place {
                Place::Database(n) => &state.databases[n],
                Place::Storage(n) => &state.storages[n].pair,
                Place::Dns(_) | Place::Compute(_) | Place::Backup(_) => continue,
            };
            found.extend(pair.losses().map(|(role, span)| (id.clone(), role, span)));
        }
        found
    }

    /// Which run has marked what as its own.
    #[must_use]
    pub fn markers(&self) -> BTreeMap<ResourceId, Marker> {
        self.world.state().markers.clone()
    }

    fn truth_of(&self, state: &State, server: &Server, until: Moment) -> Truth {
        let host = &server.endpoint.host;
        let mut moments: BTreeSet<Moment> = BTreeSet::from([Moment::ZERO]);
        for change in &state.changes {
            moments.insert(change.at);
            if let truth::Fact::Compute(_, since) = &change.fact {
                moments.extend(since.iter().flatten());
            }
        }
        if let Some(Host { lookup: Lookup::Record(n), .. }) = self.map.known(host) {
            moments.extend(state.records[*n].turning_points());
        }
        let mut facts = self.initial.clone();
        let mut changes = state.changes.iter().peekable();
        let mut segments: Vec<(Moment, Served)> = Vec::new();
        for now in moments.into_iter().filter(|moment| *moment <= until) {
            while let Some(change) = changes.next_if(|change| change.at <= now) {
                facts.set(&change.fact);
            }
            let address = self.map.resolve(state, host, &Resolver::System, now);
            let outcome = match address.map(|address| self.map.reach(&facts, Some(server), address, now)) {
                Some(Reached::Well(region)) => Served::By(region),
                _ => Served::No,
            };
            if segments.last().is_none_or(|last| last.1 != outcome) {
                segments.push((now, outcome));
            }
        }
        Truth { endpoint: server.endpoint.clone(), segments }
    }
}

fn build_state(setup: &SimulationSetup) -> Result<(State, Vec<(ResourceId, Place)>), SimulationError> {
    let mut state = State {
        regions: [RegionState::default(), RegionState::default()],
        records: Vec::new(),
        databases: Vec::new(),
        storages: Vec::new(),
        computes: Vec::new(),
        backups: Vec::new(),
        commands: Commands::new(setup.commands.clone()),
        markers: BTreeMap::new(),
        facts: Facts::default(),
        changes: Vec::new(),
        lost: [false; 2],
        effects: BTreeMap::new(),
    };
    let mut known = BTreeSet::new();
    let mut ids = Vec::new();
    for (id, settings) in &setup.resources {
        if !known.insert(id) {
            return Err(SimulationError::Twice(id.clone()));
        }
        let place = match settings {
            SimulatedResource::Dns(settings) => {
                state.records.push(dns::Record::new(setup.seed, id, settings));
                Place::Dns(state.records.len() - 1)
            }
            SimulatedResource::Database(settings) => {
                let pair: Pair = database::model(setup.seed, id.as_str(), settings);
                state.facts.databases.push(SideFact::of(&pair));
                state.databases.push(pair);
                Place::Database(state.databases.len() - 1)
            }
            SimulatedResource::Storage(settings) => {
                let storage = storage::Repositories::new(setup.seed, id.as_str(), settings);
                state.facts.storages.push(SideFact::of(&storage.pair));
                state.storages.push(storage);
                Place::Storage(state.storages.len() - 1)
            }
            SimulatedResource::Compute(settings) => {
                let groups = compute::Groups::new(settings);
                state.facts.computes.push(groups.up_since());
                state.computes.push(groups);
                Place::Compute(state.computes.len() - 1)
            }
            SimulatedResource::Backup(settings) => {
                state.backups.push(backup::Snapshots::new(setup.seed, id.as_str(), settings));
                Place::Backup(state.backups.len() - 1)
            }
        };
        ids.push((id.clone(), place));
    }
    Ok((state, ids))
}

fn build_map(setup: &SimulationSetup, state: &State, ids: &[(ResourceId, Place)]) -> Result<Map, SimulationError> {
    let places: BTreeMap<&ResourceId, Place> = ids.iter().map(|(id, place)| (id, *place)).collect();
    let mut map = Map::default();
    for (n, record) in state.records.iter().enumerate() {
        for role in BOTH {
            for address in record.addresses(role) {
                if map.owners.insert(address, Some(role)).is_some_and(|before| before != Some(role)) {
                    return Err(SimulationError::SharedAddress(address));
                }
            }
        }
        map.hosts
            .insert(endpoint::plain(record.name()).into(), Host { lookup: Lookup::Record(n), endpoints: Vec::new() });
    }
    for (n, endpoint) in setup.endpoints.iter().enumerate() {
        let mut needs = Vec::new();
        for id in &endpoint.depends_on {
            match places.get(id) {
                Some(Place::Database(n)) => needs.push(Need::Database(*n)),
                Some(Place::Storage(n)) => needs.push(Need::Storage(*n)),
                Some(Place::Compute(n)) => needs.push(Need::Compute(*n)),
                Some(Place::Dns(_) | Place::Backup(_)) => {}
                None => {
                    let (host, port) = (Arc::clone(&endpoint.host), endpoint.port);
                    return Err(SimulationError::NoSuchResource { host, port, needs: id.clone() });
                }
            }
        }
        let name = endpoint::plain(&endpoint.host);
        // A program has no address: it goes where users of its service go.
        let mut records = endpoint.depends_on.iter().filter_map(|id| match places.get(id) {
            Some(Place::Dns(n)) if endpoint.port == Address::NO_PORT => Some(*n),
            _ => None,
        });
        if let Some(record) = records.next() {
            let host = Host { lookup: Lookup::Record(record), endpoints: Vec::new() };
            map.hosts.entry(name.as_ref().into()).or_insert(host);
        } else if !map.hosts.contains_key(name.as_ref()) {
            let address = endpoint.host.parse().unwrap_or_else(|_| made_up_address(map.hosts.len()));
            map.owners.entry(address).or_insert(endpoint.region);
            map.hosts.insert(name.as_ref().into(), Host { lookup: Lookup::Always(address), endpoints: Vec::new() });
        }
        if let Some(host) = map.hosts.get_mut(name.as_ref()) {
            host.endpoints.push(n);
        }
        map.servers.push(Server { endpoint: endpoint.clone(), needs });
    }
    Ok(map)
}

/// The address of the `n`-th host that the simulated DNS does not know, out of 198.18.0.0/15 (RFC 2544, for tests).
fn made_up_address(n: usize) -> IpAddr {
    let [.., high, middle, low] = (n as u64).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(198, 18 + (high & 1), middle, low))
}

fn build_resources(
    setup: &SimulationSetup,
    world: &Arc<World>,
    map: &Arc<Map>,
    ids: &[(ResourceId, Place)],
) -> Resources {
    fn handle<S: Clone>(world: &Arc<World>, id: &ResourceId, n: usize, settings: &S) -> Arc<Handle<S>> {
        Arc::new(Handle { world: Arc::clone(world), id: id.clone(), n, settings: settings.clone() })
    }
    let step_takes = Arc::new(StepTakes { takes: setup.step_takes.clone(), says: setup.step_says.clone() });
    let mut names = NeedNames::default();
    for (id, place) in ids {
        match place {
            Place::Database(_) => names.databases.push(id.clone()),
            Place::Storage(_) => names.storages.push(id.clone()),
            Place::Compute(_) => names.computes.push(id.clone()),
            Place::Dns(_) | Place::Backup(_) => {}
        }
    }
    let region = |role: RegionRole| -> (RegionRole, Arc<dyn Region>) {
        let place = region::SimulatedPlace {
            role,
            settings: setup.regions.get(role).clone(),
            databases: names.databases.clone(),
            storages: names.storages.clone(),
        };
        (role, handle(world, &region_resource(role), index(role), &place))
    };
    let regions = BOTH.into_iter().map(region).collect();
    let user = SimulatedUser {
        world: Arc::clone(world),
        map: Arc::clone(map),
        settings: setup.network.clone(),
        step_takes: Arc::clone(&step_takes),
        ids: Arc::new(names),
    };
    let mut resources = Resources {
        dns: BTreeMap::new(),
        databases: BTreeMap::new(),
        computes: BTreeMap::new(),
        storages: BTreeMap::new(),
        backups: BTreeMap::new(),
        regions,
        network: Arc::new(user.clone()),
        processes: Arc::new(SimulatedProcesses { world: Arc::clone(world), step_takes, user }),
        people: Arc::new(people::SimulatedPeople { world: Arc::clone(world) }),
    };
    for ((id, settings), (_, place)) in setup.resources.iter().zip(ids) {
        let id = id.clone();
        match (settings, *place) {
            (SimulatedResource::Dns(settings), Place::Dns(n)) => {
                resources.dns.insert(id.clone(), handle(world, &id, n, settings));
            }
            (SimulatedResource::Database(settings), Place::Database(n)) => {
                resources.databases.insert(id.clone(), handle(world, &id, n, settings));
            }
            (SimulatedResource::Compute(settings), Place::Compute(n)) => {
                resources.computes.insert(id.clone(), handle(world, &id, n, settings));
            }
            (SimulatedResource::Storage(settings), Place::Storage(n)) => {
                resources.storages.insert(id.clone(), handle(world, &id, n, settings));
            }
            (SimulatedResource::Backup(settings), Place::Backup(n)) => {
                resources.backups.insert(id.clone(), handle(world, &id, n, settings));
            }
            _ => {}
        }
    }
    resources
}
