//! Who is authoritative for the zone, and what each of them answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType as WireType};

use super::Shared;
use crate::infrastructure::real::ServerAddress;
use crate::infrastructure::real::rfc2136::{SERVERS_MAX, plain_name};
use crate::provider::network::record::{self, Stands};
use crate::provider::network::wire::{self, Recursion};
use crate::resource::{Context, ProviderError, Serial, ServerAnswer};
use crate::time::{Clock, Span};

/// How long after a change a look waits for servers that do not have it.
pub(super) const FOLLOW_MAX: Span = Span::from_secs(2);
/// Between two questions then, at first and at most.
const FOLLOW_EVERY: Span = Span::from_millis(10);
const FOLLOW_MOST: Span = Span::from_millis(100);
/// The addresses of one server that are tried.
const ADDRESSES_MAX: usize = 2;
/// How long the machine's own resolver may take to find a name server of another zone.
const LOOK_UP_MAX: Span = Span::from_secs(3);

/// A server and its addresses: it has answered if one of them has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    addresses: Vec<SocketAddr>,
}

impl Server {
    pub(super) fn listed(address: ServerAddress) -> Self {
        Self { name: address.to_string(), addresses: vec![address.0] }
    }
}

/// One server's record set and the version of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) stands: Stands,
    pub(super) serial: u32,
}

impl Shared {
    /// The zone's authoritative servers: those that are listed, or else those that its NS records name.
    pub(super) async fn servers(&self, clock: &Clock) -> Result<Vec<Server>, ProviderError> {
        if !self.settings.authoritative.is_empty() {
            return Ok(self.settings.authoritative.iter().copied().map(Server::listed).collect());
        }
        let silent =
            |why: String| ProviderError::Unreachable(format!("the NS records of {} ({why})", self.settings.zone));
        let answer = wire::ask(clock, self.settings.server.0, &self.zone, WireType::NS, Recursion::No).await;
        let answer = answer.map_err(silent)?;
        let stands = record::read(&answer, &self.zone, WireType::NS, Recursion::No).map_err(silent)?;
        let mut names: Vec<Name> = Vec::new();
        for data in stands.data {
            if let RData::NS(ns) = data {
                names.push(ns.0);
            }
        }
        names.sort();
        names.truncate(SERVERS_MAX);
        let mut servers = Vec::new();
        for name in names {
            servers.push(self.server_of(clock, &name, &answer).await);
        }
        if servers.is_empty() {
            return Err(ProviderError::Refused(format!("the zone {} has no NS records", self.settings.zone)));
        }
        Ok(servers)
    }

    /// Where a name server is: by the primary, which knows those of its own zones, or else by the machine's resolver.
    async fn server_of(&self, clock: &Clock, name: &Name, answer: &Message) -> Server {
        let glue = answer.additionals.iter().filter(|record| record.name == *name);
        let mut found: Vec<IpAddr> = glue.filter_map(|record| address(&record.data)).collect();
        if found.is_empty() && self.zone.zone_of(name) {
            for kind in [WireType::A, WireType::AAAA] {
                let asked = wire::ask(clock, self.settings.server.0, name, kind, Recursion::No).await;
                let read = asked.and_then(|answer| record::read(&answer, name, kind, Recursion::No));
                found.extend(read.unwrap_or_default().data.iter().filter_map(address));
            }
        }
        let plain = plain_name(&name.to_ascii());
        if found.is_empty() {
            let looked = clock.timeout(LOOK_UP_MAX, tokio::net::lookup_host((plain.as_str(), 0))).await;
            found.extend(looked.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()));
        }
        // Old ways first: a machine without IPv6 still gets an answer.
        found.sort_by_key(IpAddr::is_ipv6);
        found.truncate(ADDRESSES_MAX);
        let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, self.ns_port)).collect();
        Server { name: plain, addresses }
    }

    /// What one server has. The serial is asked for first, so the record is of that version or of a later one.
    pub(super) async fn version_at(&self, clock: &Clock, server: &Server) -> Result<Version, String> {
        let mut why = "its address can't be found".to_owned();
        for address in &server.addresses {
            match self.version(clock, *address).await {
                Ok(version) => return Ok(version),
                Err(text) => why = text,
            }
        }
        Err(why)
    }

    async fn version(&self, clock: &Clock, server: SocketAddr) -> Result<Version, String> {
        let answer = wire::ask(clock, server, &self.zone, WireType::SOA, Recursion::No).await?;
        let soa = record::read(&answer, &self.zone, WireType::SOA, Recursion::No)?;
        let serial = soa.data.iter().find_map(|data| match data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        });
        let serial = serial.ok_or_else(|| format!("it has no SOA record of {}", self.settings.zone))?;
        Ok(Version { stands: self.stands(clock, server, Recursion::No).await?, serial })
    }

    /// The record at one server or resolver.
    async fn stands(&self, clock: &Clock, server: SocketAddr, recursion: Recursion) -> Result<Stands, String> {
        let answer = wire::ask(clock, server, &self.name, self.kind, recursion).await?;
        record::read(&answer, &self.name, self.kind, recursion)
    }

    fn answer(&self, server: String, found: Result<(Stands, Option<Serial>), String>) -> ServerAnswer {
        let (values, ttl, serial) = match found {
            Ok((stands, serial)) => (Ok(stands.values()), Span::from_secs(stands.ttl.into()), serial),
            Err(why) => (Err(why), Span::ZERO, None),
        };
        let serves = values.as_ref().ok().and_then(|values| self.serves(values));
        ServerAnswer { server, values, ttl, serves, serial }
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

/// What every authoritative server answers, asked side by side; `needed` is the serial before which no answer counts.
pub(super) async fn authoritative(
    shared: &Arc<Shared>,
    cx: &Context,
    needed: u32,
) -> Result<Vec<ServerAnswer>, ProviderError> {
    let servers = shared.servers(&cx.clock).await?;
    let asking = servers.into_iter().map(|server| {
        let (shared, clock) = (Arc::clone(shared), cx.clock.clone());
        cx.clock.spawn(async move {
            let found = shared.version_at(&clock, &server).await;
            let found = found.map(|it| (it.stands, Some(Serial { has: it.serial, needed })));
            shared.answer(server.name, found)
        })
    });
    collect(asking.collect()).await
}

/// What every authoritative server answers. Right after a change, servers that do not have it yet are asked again and
/// again for a moment.
pub(super) async fn followed(shared: &Arc<Shared>, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
    let needed = shared.needed(cx).await?;
    let until = *shared.follow_until.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rest = FOLLOW_EVERY;
    loop {
        let answers = authoritative(shared, cx, needed).await?;
        let current = answers.iter().all(|answer| answer.serial.is_some_and(Serial::is_current));
        if current || until.is_none_or(|until| cx.clock.now() >= until) {
            return Ok(answers);
        }
        cx.clock.sleep(rest).await;
        rest = Span(rest.0 * 3 / 2).min(FOLLOW_MOST);
    }
}

/// What every listed resolver answers.
pub(super) async fn resolvers(shared: &Arc<Shared>, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
    let asking = shared.settings.resolvers.iter().map(|resolver| {
        let (shared, clock, resolver) = (Arc::clone(shared), cx.clock.clone(), *resolver);
        cx.clock.spawn(async move {
            let found = shared.stands(&clock, resolver.0, Recursion::Desired).await;
            shared.answer(resolver.to_string(), found.map(|stands| (stands, None)))
        })
    });
    collect(asking.collect()).await
}

async fn collect<E: std::fmt::Display>(
    asking: Vec<impl Future<Output = Result<ServerAnswer, E>>>,
) -> Result<Vec<ServerAnswer>, ProviderError> {
    let mut answers = Vec::new();
    for asked in asking {
        let broke_off = |panic| ProviderError::Refused(format!("a defect in Muster: asking broke off ({panic})"));
        answers.push(asked.await.map_err(broke_off)?);
    }
    Ok(answers)
}
