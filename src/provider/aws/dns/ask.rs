//! What the zone's name servers, and users' resolvers, answer: asked themselves, and told in the words of the record.
//!
//! A server answers an alias with addresses and a set of several with one of them; such an answer counts as the record's
//! if it is one that the record may give.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_proto::rr::{Name, RData, RecordType as WireType};

use super::Shared;
use crate::id::RegionRole;
use crate::infrastructure::real::ServerAddress;
use crate::infrastructure::real::rfc2136::{SERVERS_MAX, plain_name};
use crate::provider::network::names;
use crate::provider::network::record::{self, Stands as Answered};
use crate::provider::network::wire::{self, Recursion};
use crate::resource::{Context, ProviderError, RecordType, ServerAnswer};
use crate::time::{Clock, Span};

/// The port of DNS.
const DNS_PORT: u16 = 53;
/// How long the machine's own resolver may take to find a name.
const LOOK_UP_MAX: Span = Span::from_secs(3);

/// A name server: where it is, if that is known.
#[derive(Clone, Debug)]
struct Server {
    name: String,
    address: Result<SocketAddr, String>,
}

/// What an answer may be, and what it then stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The contents that one of the record's sets has: values, or one name that they are alias of.
    pub(super) contents: Vec<Vec<String>>,
    /// The record's values as the house has them.
    pub(super) values: Vec<String>,
    /// The region that they belong to.
    pub(super) serves: Option<RegionRole>,
}

/// The zone's servers: those that are listed, or those that Route 53, or a resolver, names.
async fn servers(shared: &Arc<Shared>, cx: &Context) -> Result<Vec<Server>, ProviderError> {
    let listed = &shared.settings.authoritative;
    if !listed.is_empty() {
        let known = |address: &ServerAddress| Server { name: address.to_string(), address: Ok(address.0) };
        return Ok(listed.iter().map(known).collect());
    }
    let names = shared.name_servers(cx).await?;
    if names.is_empty() {
        return Err(ProviderError::Refused(format!(
            "Route 53 names no server of the hosted zone {}",
            shared.settings.zone
        )));
    }
    let mut servers = Vec::new();
    for name in names.into_iter().take(SERVERS_MAX) {
        let found = look_up(&cx.clock, &name).await;
        let address = found
            .first()
            .map(|ip| SocketAddr::new(*ip, DNS_PORT))
            .ok_or_else(|| "its address can't be found".to_owned());
        servers.push(Server { name, address });
    }
    Ok(servers)
}

/// The most labels that are taken off a name to find the zone that it is in.
const LABELS_MAX: usize = 10;

/// The names of the zone's servers, by the NS records that a resolver finds: those of the nearest zone above the record.
pub(super) async fn zones_servers(shared: &Shared, clock: &Clock) -> Result<Vec<String>, ProviderError> {
    let resolver = match shared.settings.resolvers.first() {
        Some(resolver) => *resolver,
        None => names::machines_own().and_then(|text| text.parse()).map_err(ProviderError::Unreachable)?,
    };
    let mut at = shared.name.clone();
    for _ in 0..LABELS_MAX {
        if at.num_labels() < 2 {
            break;
        }
        let answer = wire::ask(clock, resolver.0, &at, WireType::NS, Recursion::Desired).await;
        let answer = answer.map_err(|why| {
            ProviderError::Unreachable(format!(
                "who serves {} ({resolver} does not answer: {why})",
                shared.settings.name
            ))
        })?;
        // An alias on the way has no NS records of its own: the zone is above it.
        let found = record::read(&answer, &at, WireType::NS, Recursion::Desired).unwrap_or_default();
        let server = |data: &RData| match data {
            RData::NS(ns) => Some(plain_name(&ns.0.to_ascii())),
            _ => None,
        };
        let mut servers: Vec<String> = found.data.iter().filter_map(server).collect();
        if !servers.is_empty() {
            servers.sort();
            return Ok(servers);
        }
        at = at.base_name();
    }
    Err(ProviderError::Unreachable(format!(
        "{resolver} finds no NS records of the zone that {} is in: name its servers with `authoritative`",
        shared.settings.name
    )))
}

/// The addresses of a name by the machine's resolver, old ways first.
async fn look_up(clock: &Clock, name: &str) -> Vec<IpAddr> {
    let looked = clock.timeout(LOOK_UP_MAX, tokio::net::lookup_host((name, 0))).await;
    let mut found: Vec<IpAddr> =
        looked.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found.dedup();
    found
}

async fn ask(
    clock: &Clock,
    server: SocketAddr,
    name: &Name,
    kind: WireType,
    recursion: Recursion,
) -> Result<Answered, String> {
    let answer = wire::ask(clock, server, name, kind, recursion).await?;
    record::read(&answer, name, kind, recursion)
}

impl Shared {
    /// The addresses that an alias stands for: by the server itself, if the name is in its zone, or by a resolver.
    async fn alias(&self, clock: &Clock, server: SocketAddr, name: &str) -> Vec<String> {
        let Ok(wire) = record::wire_name(name) else { return Vec::new() };
        if let Ok(answered) = ask(clock, server, &wire, self.kind, Recursion::No).await
            && !answered.data.is_empty()
        {
            return answered.values();
        }
        if let Some(resolver) = self.settings.resolvers.first() {
            return ask(clock, resolver.0, &wire, self.kind, Recursion::Desired)
                .await
                .map(|it| it.values())
                .unwrap_or_default();
        }
        let wanted = |ip: &IpAddr| ip.is_ipv6() == (self.settings.record_type == RecordType::Aaaa);
        look_up(clock, name).await.iter().filter(|ip| wanted(ip)).map(ToString::to_string).collect()
    }

    /// Whether `said` is an answer that one of `contents` gives.
    async fn gives(&self, clock: &Clock, server: SocketAddr, said: &[String], content: &[String]) -> bool {
        if said == content {
            return true;
        }
        let [name] = content else { return false };
        // What is an address, or a CNAME's one value, is no alias.
        if self.settings.record_type == RecordType::Cname || name.parse::<IpAddr>().is_ok() || said.is_empty() {
            return false;
        }
        let stands_for = self.alias(clock, server, name).await;
        said.iter().all(|value| stands_for.contains(value))
    }

    /// One server's answer, told as the first of `meanings` that it fits.
    async fn told(
        &self,
        clock: &Clock,
        (name, server): (String, SocketAddr),
        recursion: Recursion,
        meanings: &[Meaning],
    ) -> ServerAnswer {
        let answered = match ask(clock, server, &self.name, self.kind, recursion).await {
            Ok(answered) => answered,
            Err(why) => return silent(name, why),
        };
        let ttl = Span::from_secs(answered.ttl.into());
        let said = answered.values();
        for meaning in meanings {
            for content in &meaning.contents {
                if self.gives(clock, server, &said, content).await {
                    let values = Ok(meaning.values.clone());
                    return ServerAnswer { server: name, values, ttl, serves: meaning.serves, serial: None };
                }
            }
        }
        ServerAnswer { server: name, values: Ok(said), ttl, serves: None, serial: None }
    }
}

pub(super) fn silent(server: String, why: String) -> ServerAnswer {
    ServerAnswer { server, values: Err(why), ttl: Span::ZERO, serves: None, serial: None }
}

/// What every server of the zone answers, asked side by side.
pub(super) async fn authoritative(
    shared: &Arc<Shared>,
    cx: &Context,
    meanings: Vec<Meaning>,
) -> Result<Vec<ServerAnswer>, ProviderError> {
    let servers = servers(shared, cx).await?;
    let meanings = Arc::new(meanings);
    let asking: Vec<_> = servers
        .into_iter()
        .map(|server| {
            let (shared, clock, meanings) = (Arc::clone(shared), cx.clock.clone(), Arc::clone(&meanings));
            cx.clock.spawn(async move {
                match server.address {
                    Ok(address) => shared.told(&clock, (server.name, address), Recursion::No, &meanings).await,
                    Err(why) => silent(server.name, why),
                }
            })
        })
        .collect();
    collect(asking).await
}

/// What every listed resolver answers.
pub(super) async fn resolvers(
    shared: &Arc<Shared>,
    cx: &Context,
    meanings: Vec<Meaning>,
) -> Result<Vec<ServerAnswer>, ProviderError> {
    let meanings = Arc::new(meanings);
    let asking: Vec<_> = shared
        .settings
        .resolvers
        .iter()
        .map(|resolver| {
            let (shared, clock, meanings, resolver) =
                (Arc::clone(shared), cx.clock.clone(), Arc::clone(&meanings), *resolver);
            cx.clock.spawn(async move {
                shared.told(&clock, (resolver.to_string(), resolver.0), Recursion::Desired, &meanings).await
            })
        })
        .collect();
    collect(asking).await
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

/// The name of the record on the wire.
pub(super) fn wire_name(name: &str) -> Result<Name, String> {
    record::wire_name(&plain_name(name))
}
