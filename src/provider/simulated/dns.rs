//! Simulated DNS: an authority that takes changes, authoritative servers that follow it one by one, and resolvers that
//! keep an answer until its TTL has run out.
//!
//! The names of a drill are asked for all the time, so a resolver asks again the moment that an answer runs out. That
//! makes every cache a function of time: no question changes it, and adding a probe changes nobody's answers.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::chance::Seed;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::SimulatedDns;
use crate::resource::{Context, Dns, DnsState, DnsType, ProviderError, RecordSet, RecordType, Resolver, ServerAnswer};
use crate::time::{Moment, Span};

use super::fault::Access;
use super::pair::BOTH;
use super::world::{Handle, times};

/// The most authoritative servers and resolvers that are simulated, whatever the settings say.
const SERVERS_MAX: u32 = 16;
const RESOLVERS_MAX: u32 = 64;

/// The record set from one change to the next.
#[derive(Clone, Debug)]
struct Version {
    set: RecordSet,
    /// What a connection is made to.
    address: Option<IpAddr>,
    /// When each authoritative server has it.
    served_from: Vec<Moment>,
}

/// A cache: which server it asks, and where between two refreshes it is at the start.
#[derive(Clone, Copy, Debug)]
struct Cache {
    server: usize,
    phase: f64,
}

/// A cached answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cached {
    version: usize,
    /// What is left of its TTL.
    pub(super) left: Span,
}

/// A record and all who know it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    id: ResourceId,
    seed: Seed,
    targets: [Vec<String>; 2],
    versions: Vec<Version>,
    servers: usize,
    system: Cache,
    listed: Vec<Cache>,
    /// From the first of these on resolvers answer as of the second.
    pub(super) stale: Option<(Moment, Moment)>,
}

impl Record {
    pub(super) fn new(seed: Seed, id: &ResourceId, settings: &SimulatedDns) -> Self {
        let targets = BOTH.map(|role| sorted(settings.targets.get(role)));
        let values = sorted(settings.targets.get(settings.serves));
        let servers = settings.servers.clamp(1, SERVERS_MAX) as usize;
        let set = RecordSet {
            name: settings.name.clone().unwrap_or_else(|| id.to_string()),
            record_type: type_of(&values),
            values,
            ttl: settings.ttl,
            whole: None,
        };
        let first = Version { address: address_of(&set), set, served_from: vec![Moment::ZERO; servers] };
        let cache = |name: &str, n: u64| Cache {
            server: usize::try_from(n).unwrap_or(0) % servers,
            phase: seed.draw(name, id.as_str(), n),
        };
        let listed = (0..settings.resolvers.min(RESOLVERS_MAX)).map(|n| cache("resolver", u64::from(n))).collect();
        Self {
            id: id.clone(),
            seed,
            targets,
            versions: vec![first],
            servers,
            system: cache("system", 0),
            listed,
            stale: None,
        }
    }

    /// The name, without a final dot.
    pub(super) fn name(&self) -> &str {
        &self.newest().set.name
    }

    fn newest(&self) -> &Version {
        // There is always the one of the start.
        &self.versions[self.versions.len() - 1]
    }

    /// The addresses of a region.
    pub(super) fn addresses(&self, role: RegionRole) -> impl Iterator<Item = IpAddr> + '_ {
        self.targets[super::pair::index(role)].iter().filter_map(|text| text.parse().ok())
    }

    fn serves(&self, values: &[String]) -> Option<RegionRole> {
        BOTH.into_iter().find(|role| self.targets[super::pair::index(*role)] == values)
    }

    pub(super) fn state(&self) -> DnsState {
        let record = self.newest().set.clone();
        DnsState { serves: self.serves(&record.values), record }
    }

    /// How many changes were made.
    pub(super) fn changes_made(&self) -> usize {
        self.versions.len()
    }

    /// Makes `set` what stands there; server `n` has it `delays[n]` later.
    fn change(&mut self, set: &RecordSet, now: Moment, delay: impl Fn(u64) -> Span) {
        let before = &self.newest().served_from;
        // A server never goes back to an older version.
        let served_from = before.iter().zip(0..).map(|(before, n)| (now + delay(n)).max(*before)).collect();
        self.versions.push(Version { address: address_of(set), set: set.clone(), served_from });
    }

    /// The version that `server` has at `now`.
    fn at_server(&self, server: usize, now: Moment) -> usize {
        self.versions.iter().rposition(|version| version.served_from[server] <= now).unwrap_or(0)
    }

    /// What a cache answers at `now`.
    fn cached(&self, cache: Cache, now: Moment) -> Cached {
        let now = match self.stale {
            Some((from, as_of)) if now >= from => as_of.min(now),
            _ => now,
        };
        let ttl = |version: usize| self.versions[version].set.ttl.0.max(1);
        let mut version = 0;
        // The next moment at which the cache asks.
        let mut asks = Moment(Span(ttl(0)).mul_f64(cache.phase).0);
        while asks <= now {
            version = self.at_server(cache.server, asks);
            let ttl = ttl(version);
            let next = self.versions.get(version + 1).map(|next| next.served_from[cache.server]);
            // All answers until the server's next version are alike, so they are skipped at once.
            let alike_until = next.map_or(now, |next| next.min(now));
            asks = asks + Span((alike_until.since(asks).0 / ttl).saturating_add(1).saturating_mul(ttl));
        }
        Cached { version, left: asks.since(now) }
    }

    /// The address that the system's resolver, or another one, gives at `now`.
    pub(super) fn resolve(&self, resolver: &Resolver, now: Moment) -> Option<IpAddr> {
        let version = match resolver {
            _ if self.versions.len() == 1 => 0,
            Resolver::Server(name) => self.cached(self.cache_of(name), now).version,
            Resolver::System | Resolver::Fixed(_) => self.cached(self.system, now).version,
        };
        self.versions[version].address
    }

    /// The values of a type that a resolver gives at `now`, and for how long they may be kept; `None`: it is of another type.
    pub(super) fn values_of(&self, record: DnsType, resolver: &Resolver, now: Moment) -> Option<(Vec<String>, Span)> {
        let cache = match resolver {
            Resolver::Server(name) => self.cache_of(name),
            Resolver::System | Resolver::Fixed(_) => self.system,
        };
        let Cached { version, left } = self.cached(cache, now);
        let set = &self.versions[version].set;
        let same = matches!(
            (set.record_type, record),
            (RecordType::A, DnsType::A) | (RecordType::Aaaa, DnsType::Aaaa) | (RecordType::Cname, DnsType::Cname)
        );
        same.then(|| (set.values.clone(), left.min(set.ttl)))
    }

    /// What [`Self::resolve`] gives from `now` on, and when that may change.
    pub(super) fn resolve_steadily(&self, resolver: &Resolver, now: Moment) -> (Option<IpAddr>, Moment) {
        let cache = match resolver {
            Resolver::Server(name) => self.cache_of(name),
            Resolver::System | Resolver::Fixed(_) => self.system,
        };
        let cached = self.cached(cache, now);
        // No server goes back from the newest version.
        let newest = cached.version + 1 == self.versions.len();
        (self.versions[cached.version].address, if newest { Moment::MAX } else { now + cached.left })
    }

    /// A listed resolver's cache, or that of one that nobody listed: any name has one.
    fn cache_of(&self, name: &str) -> Cache {
        match name.strip_prefix("resolver-").and_then(|n| n.parse::<usize>().ok()) {
            Some(n @ 1..) if n <= self.listed.len() => self.listed[n - 1],
            _ => Cache { server: 0, phase: self.seed.draw(name, self.id.as_str(), 0) },
        }
    }

    /// Whether the servers and the listed resolvers answer the same from `from` until `to`.
    fn answers_alike(&self, from: Moment, to: Moment) -> bool {
        let turns = |at: Moment| at > from && at <= to;
        let cache_turns = |cache: &Cache, since: Moment| turns(since + self.cached(*cache, since).left);
        self.stale.is_none()
            && self.versions.iter().skip(1).all(|version| {
                // Whoever asks one of the servers has it when its own answer has run out.
                !version.served_from.iter().copied().any(turns)
                    && !self.listed.iter().any(|cache| cache_turns(cache, version.served_from[cache.server]))
            })
    }

    /// When the system's resolver may begin to answer something else.
    pub(super) fn turning_points(&self) -> impl Iterator<Item = Moment> + '_ {
        self.versions.iter().skip(1).flat_map(|version| {
            let from = version.served_from[self.system.server];
            [from, from + self.cached(self.system, from).left]
        })
    }

    fn answer(&self, server: String, version: usize, ttl: Span) -> ServerAnswer {
        let values = self.versions[version].set.values.clone();
        ServerAnswer { server, serves: self.serves(&values), values: Ok(values), ttl, serial: None }
    }

    fn authoritative(&self, now: Moment) -> Vec<ServerAnswer> {
        (0..self.servers)
            .map(|n| {
                let version = self.at_server(n, now);
                self.answer(format!("ns{}", n + 1), version, self.versions[version].set.ttl)
            })
            .collect()
    }

    fn resolvers(&self, now: Moment) -> Vec<ServerAnswer> {
        let listed = self.listed.iter().zip(1..);
        listed
            .map(|(cache, n)| {
                let cached = self.cached(*cache, now);
                self.answer(format!("resolver-{n}"), cached.version, cached.left)
            })
            .collect()
    }
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    values
}

fn address_of(set: &RecordSet) -> Option<IpAddr> {
    set.values.first().and_then(|text| text.parse().ok())
}

fn type_of(values: &[String]) -> RecordType {
    match values.first().and_then(|text| text.parse().ok()) {
        Some(IpAddr::V4(_)) => RecordType::A,
        Some(IpAddr::V6(_)) => RecordType::Aaaa,
        None => RecordType::Cname,
    }
}

#[async_trait]
impl Dns for Handle<SimulatedDns> {
    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        self.world.spend(cx, times(Span::from_millis(40), effect.slow)).await?;
        let mut state = self.world.state().records[self.n].state();
        if let Some(ttl) = self.world.ills.ttl(&self.id, cx.clock.now()) {
            state.record.ttl = ttl;
        }
        Ok(state)
    }

    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet {
        let values = sorted(self.settings.targets.get(region));
        RecordSet { record_type: type_of(&values), values, ..current.clone() }
    }

    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let effect = self.world.change(cx, &self.id).await?;
        let takes = self.world.takes(cx, "dns change", &self.id, None, &self.settings.change_takes);
        self.world.spend(cx, times(takes, effect.slow)).await?;
        if effect.lies {
            return Ok(());
        }
        let mut state = self.world.state();
        let record = &mut state.records[self.n];
        let found = &record.newest().set;
        if found != expected {
            return Err(ProviderError::Changed(format!("{} is {} now", found.name, found.values.join(" "))));
        }
        let number = record.versions.len() as u64;
        let delay = |server: u64| {
            let count = number * u64::from(SERVERS_MAX) + server;
            times(self.settings.converges.draw(self.world.seed, "dns converges", self.id.as_str(), count), effect.slow)
        };
        record.change(to, cx.clock.now(), delay);
        state.effect(cx, "changes", self.id.as_str());
        Ok(())
    }

    async fn authoritative(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        self.world.spend(cx, times(Span::from_millis(20), effect.slow)).await?;
        Ok(self.world.state().records[self.n].authoritative(cx.clock.now()))
    }

    async fn resolvers(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        let effect = self.world.meet(cx, &self.id, Access::Read).await?;
        self.world.spend(cx, times(Span::from_millis(20), effect.slow)).await?;
        Ok(self.world.state().records[self.n].resolvers(cx.clock.now()))
    }

    fn answers_alike(&self, cx: &Context, from: Moment, to: Moment) -> bool {
        let meets_nothing = !self.world.ills.any() && !self.world.faults.may_meet(cx, &self.id, Access::Read);
        meets_nothing && self.world.state().records[self.n].answers_alike(from, to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::ZERO + Span::from_secs(secs)
    }

    fn record(seed: u64, ttl: u64) -> Record {
        let settings = SimulatedDns { ttl: Span::from_secs(ttl), ..SimulatedDns::default() };
        Record::new(Seed(seed), &ResourceId::new("code").unwrap(), &settings)
    }

    fn set(record: &Record, role: RegionRole, ttl: u64) -> RecordSet {
        let values = record.targets[super::super::pair::index(role)].clone();
        RecordSet { values, ttl: Span::from_secs(ttl), ..record.newest().set.clone() }
    }

    #[test]
    fn each_authoritative_server_follows_after_its_own_delay() {
        let mut record = record(1, 60);
        let to = set(&record, RegionRole::Secondary, 60);
        record.change(&to, at(100), |n| Span::from_secs(2 + 3 * n));
        let serves = |secs| record.authoritative(at(secs)).into_iter().map(|it| it.serves.unwrap()).collect::<Vec<_>>();
        assert_eq!(serves(101), [RegionRole::Primary, RegionRole::Primary]);
        assert_eq!(serves(102), [RegionRole::Secondary, RegionRole::Primary]);
        assert_eq!(serves(105), [RegionRole::Secondary, RegionRole::Secondary]);
        assert_eq!(record.state().serves, Some(RegionRole::Secondary));
    }

    proptest! {
        /// A cache may answer with what its server said at most one TTL ago, and with nothing else.
        #[test]
        fn no_answer_is_older_than_its_ttl(
            seed: u64, ttl in 1_u64..300, changes in proptest::collection::vec((1_u64..400, 1_u64..300, 0_u64..20), 1..8),
            asks in proptest::collection::vec(0_u64..4_000, 1..40),
        ) {
            let mut record = record(seed, ttl);
            let mut now = 0;
            for (n, (wait, ttl, delay)) in changes.into_iter().enumerate() {
                now += wait;
                let mut to = set(&record, BOTH[(n + 1) % 2], ttl);
                to.values = vec![format!("192.0.2.{}", n + 100)];
                record.change(&to, at(now), |_| Span::from_secs(delay));
            }
            for secs in asks {
                let mut caches = record.listed.clone();
                caches.push(record.system);
                for cache in caches {
                    let cached = record.cached(cache, at(secs));
                    let ttl = record.versions[cached.version].set.ttl;
                    prop_assert!(cached.left > Span::ZERO && cached.left <= ttl);
                    // It was the server's answer at the moment when this one was fetched.
                    let fetched = (at(secs) + cached.left).0.checked_sub(ttl.0);
                    if let Some(fetched) = fetched {
                        prop_assert_eq!(record.at_server(cache.server, Moment(fetched)), cached.version);
                    } else {
                        prop_assert_eq!(cached.version, 0);
                    }
                }
            }
        }

        /// Between two moments at which all answer alike, nobody answers otherwise.
        #[test]
        fn what_is_said_to_stay_stays(
            seed: u64, changes in proptest::collection::vec((1_u64..200, 0_u64..20), 1..4), from in 0_u64..400, long in 0_u64..90,
        ) {
            let mut record = record(seed, 60);
            let mut now = 0;
            for (n, (wait, delay)) in changes.into_iter().enumerate() {
                now += wait;
                let to = set(&record, BOTH[(n + 1) % 2], 60);
                record.change(&to, at(now), |server| Span::from_secs(delay + server));
            }
            let answers = |secs: u64| {
                let all = record.authoritative(at(secs)).into_iter().chain(record.resolvers(at(secs)));
                all.map(|answer| (answer.server, answer.values)).collect::<Vec<_>>()
            };
            if record.answers_alike(at(from), at(from + long)) {
                for secs in from..=from + long {
                    prop_assert_eq!(answers(secs), answers(from));
                }
            }
            // And it is said of most of the time.
            prop_assert!(record.answers_alike(at(now + 200), at(now + 5_000)));
        }

        /// The turning points are all that there are.
        #[test]
        fn the_system_resolver_turns_only_at_turning_points(seed: u64, first in 1_u64..200, second in 1_u64..200) {
            let mut record = record(seed, 60);
            let there = set(&record, RegionRole::Secondary, 60);
            let back = set(&record, RegionRole::Primary, 60);
            record.change(&there, at(first), |n| Span::from_secs(n + 1));
            record.change(&back, at(first + second), |n| Span::from_secs(n + 1));
            let points: Vec<Moment> = record.turning_points().collect();
            let mut before = record.resolve(&Resolver::System, at(0));
            for secs in 1..600 {
                let here = record.resolve(&Resolver::System, at(secs));
                if here != before {
                    prop_assert!(points.iter().any(|point| *point > at(secs - 1) && *point <= at(secs)));
                }
                before = here;
            }
        }
    }
}
