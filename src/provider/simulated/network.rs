//! The simulated network: names resolve in the simulated DNS, connections reach a region or never answer, endpoints are
//! as well as what they depend on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::chance::Distribution;
use crate::id::{ProbeId, RegionRole};
use crate::infrastructure::simulate::SimulatedNetwork;
use crate::resource::{
    Actor, Context, Exchange, Foretold, HttpRequest, HttpResponse, NetError, Network, ProviderError, Resolver, Stage, Stages,
    TcpRequest,
};
use crate::time::{Moment, Span};

use super::endpoint::{Endpoint, EndpointKind};
use super::fault::{Access, Effect};
use super::pair::{BOTH, index};
use super::process::StepTakes;
use super::truth::{Facts, Need};
use super::world::{State, World, asker, times};

/// How a host's address is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// By this record of the simulated DNS.
    Record(usize),
    /// It never changes.
    Always(IpAddr),
}

/// A host that answers.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) lookup: Lookup,
    /// By number.
    pub(super) endpoints: Vec<usize>,
}

/// An endpoint and the numbers of what it depends on.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    pub(super) needs: Vec<Need>,
}

/// All that can be connected to.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) hosts: BTreeMap<Arc<str>, Host>,
    pub(super) servers: Vec<Server>,
    /// The region that owns an address; `None` for one outside both.
    pub(super) owners: BTreeMap<IpAddr, Option<RegionRole>>,
}

/// How a connection to an endpoint ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Nobody answers, ever.
    Silence,
    /// Nobody has that address.
    Nobody,
    /// It answers, and lacks something.
    Lacks(Need),
    /// It is well, in this region where it is in one.
    Well(Option<RegionRole>),
}

impl Map {
    /// What a connection to `address` meets at `now`; `server` is the endpoint that is asked for, if there is one.
    pub(super) fn reach(&self, facts: &Facts, server: Option<&Server>, address: IpAddr, now: Moment) -> Reached {
        let Some(owner) = self.owners.get(&address) else { return Reached::Nobody };
        let (needs, kind) = match server {
            Some(server) => (&server.needs[..], server.endpoint.kind),
            None => (&[][..], EndpointKind::Standby),
        };
        match *owner {
            Some(region) if facts.cut[index(region)] => Reached::Silence,
            Some(region) => match facts.lacks(needs, kind, region, now) {
                Some(need) => Reached::Lacks(need),
                None => Reached::Well(Some(region)),
            },
            None if needs.is_empty() => Reached::Well(None),
            None => {
                let lacks = BOTH.map(|region| facts.lacks(needs, kind, region, now));
                let well = |role: &RegionRole| !facts.cut[index(*role)] && lacks[index(*role)].is_none();
                match BOTH.into_iter().find(well) {
                    Some(region) => Reached::Well(Some(region)),
                    None => lacks.into_iter().flatten().next().map_or(Reached::Silence, Reached::Lacks),
                }
            }
        }
    }

    /// The address of `host` for `resolver` at `now`.
    pub(super) fn resolve(&self, state: &State, host: &str, resolver: &Resolver, now: Moment) -> Option<IpAddr> {
        if let Resolver::Fixed(address) = resolver {
            return Some(*address);
        }
        match self.hosts.get(host).map(|host| host.lookup) {
            Some(Lookup::Record(n)) => state.records[n].resolve(resolver, now),
            Some(Lookup::Always(address)) => Some(address),
            None => host.parse().ok(),
        }
    }

    fn on_port(&self, host: &str, port: u16) -> impl Iterator<Item = &Server> {
        let numbers = self.hosts.get(host).map_or(&[][..], |host| &host.endpoints[..]);
        numbers.iter().map(|n| &self.servers[*n]).filter(move |server| server.endpoint.port == port)
    }
}

/// What users, and Muster among them, see.
#[derive(Debug)]
pub(super) struct SimulatedUser {
    pub(super) world: Arc<World>,
    pub(super) map: Arc<Map>,
    pub(super) settings: SimulatedNetwork,
    pub(super) step_takes: Arc<StepTakes>,
    /// The ids of databases, storages and computes, for what a 503 says.
    pub(super) ids: Arc<NeedNames>,
}

/// The ids of what endpoints may need, by number.
#[derive(Debug, Default)]
pub(super) struct NeedNames {
    pub(super) databases: Vec<crate::id::ResourceId>,
    pub(super) storages: Vec<crate::id::ResourceId>,
    pub(super) computes: Vec<crate::id::ResourceId>,
}

impl NeedNames {
    fn complaint(&self, need: Need) -> String {
        match need {
            Need::Database(n) => format!("database {} does not serve here\n", self.databases[n]),
            Need::Storage(n) => format!("storage {} does not serve here\n", self.storages[n]),
            Need::Compute(n) => format!("no server of {} is up here\n", self.computes[n]),
        }
    }
}

/// Host, port, and who resolves the name.
type Target<'a> = (&'a str, u16, &'a Resolver);

/// A connection on its way.
struct Route {
    address: Option<IpAddr>,
    stages: Stages,
    /// Until it is there, or the name is known not to exist.
    takes: Span,
    connects: Span,
}

/// A connection that stands.
struct Connection {
    address: IpAddr,
    stages: Stages,
    reached: Reached,
}

/// One that does not.
struct Failed {
    address: Option<IpAddr>,
    stages: Stages,
    error: NetError,
}

impl<T> From<Failed> for Exchange<T> {
    fn from(failed: Failed) -> Self {
        Self { address: failed.address, stages: failed.stages, result: Err(failed.error) }
    }
}

impl SimulatedUser {
    fn draw(&self, who: &str, what: &str, distribution: &Distribution, at: Moment, slow: u64) -> Span {
        times(distribution.draw(self.world.seed, what, who, at.0), slow)
    }

    /// A step's request meets its fault; `Err` if that is the end of it.
    async fn meet(&self, cx: &Context) -> Result<Effect, NetError> {
        if !matches!(cx.actor, Actor::Step(_)) {
            return Ok(Effect::PLAIN);
        }
        let met = self.world.faults.meet(cx, None, Access::Work).await;
        met.map_err(|fault| match fault {
            ProviderError::Cancelled => NetError { stage: Stage::Exchange, text: "ended before an answer came".into() },
            fault => NetError { stage: Stage::Connect, text: fault.to_string() },
        })
    }

    /// Resolves and connects; never comes back where nobody answers.
    async fn connect(
        &self,
        cx: &Context,
        target: Target<'_>,
        server: Option<&Server>,
        slow: u64,
    ) -> Result<Connection, Failed> {
        let route = self.route(asker(&cx.actor), target, cx.clock.now(), slow);
        cx.clock.sleep(route.takes).await;
        match self.arrive(route, target, server, cx.clock.now()) {
            Some(arrived) => arrived,
            None => std::future::pending().await,
        }
    }

    /// Where a connection that is begun at `start` goes, and how long that takes.
    fn route(&self, who: &str, (host, _, resolver): Target<'_>, start: Moment, slow: u64) -> Route {
        let address = self.map.resolve(&self.world.state(), host, resolver, start);
        let mut route = Route { address, stages: Stages::default(), takes: Span::ZERO, connects: Span::ZERO };
        if !matches!(resolver, Resolver::Fixed(_)) {
            route.takes = self.draw(who, "resolve", &self.settings.resolve, start, slow);
            route.stages.resolve = Some(route.takes);
        }
        if address.is_some() {
            route.connects = self.draw(who, "connect", &self.settings.connect, start, slow);
            route.takes += route.connects;
        }
        route
    }

    /// What the connection meets when it is there, at `now`; `None`: nobody ever answers.
    fn arrive(
        &self,
        Route { address, mut stages, takes: _, connects }: Route,
        (host, port, _): Target<'_>,
        server: Option<&Server>,
        now: Moment,
    ) -> Option<Result<Connection, Failed>> {
        let Some(address) = address else {
            let error = NetError { stage: Stage::Resolve, text: "no such name".into() };
            return Some(Err(Failed { address, stages, error }));
        };
        let reached = self.map.reach(&self.world.state().facts, server, address, now);
        if reached == Reached::Silence {
            return None;
        }
        let listens = server.is_some() || self.map.on_port(host, port).next().is_some();
        stages.connect = Some(connects);
        if reached == Reached::Nobody || !listens {
            let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
            return Some(Err(Failed { address: Some(address), stages, error }));
        }
        Some(Ok(Connection { address, stages, reached }))
    }

    /// The server that a request is for.
    fn server_of(&self, request: &HttpRequest) -> Option<&Server> {
        let path = path_of(&request.url);
        self.map.on_port(&request.host, request.port).find(|server| server.endpoint.path.as_deref() == Some(path))
    }

    /// What is answered over a connection.
    fn answer(
        &self,
        connection: &Connection,
        server: Option<&Server>,
        request: &HttpRequest,
        stages: Stages,
    ) -> Exchange<HttpResponse> {
        let (status, body) = match connection.reached {
            _ if server.is_none() => (404, "not found\n".to_owned()),
            Reached::Lacks(need) => (503, self.ids.complaint(need)),
            Reached::Well(_) | Reached::Silence | Reached::Nobody => (200, "ok".to_owned()),
        };
        let result = Ok(response(status, body, request.body_limit));
        Exchange { address: Some(connection.address), stages, result }
    }

    /// Waits for an answer's bytes; they never come if the region was cut off meanwhile.
    async fn receive(&self, cx: &Context, address: IpAddr, takes: Span) {
        cx.clock.sleep(takes).await;
        let cut = {
            let state = self.world.state();
            let owner = self.map.owners.get(&address).copied().flatten();
            owner.is_some_and(|region| !state.users_reach(region))
        };
        if cut {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Network for SimulatedUser {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let effect = match self.meet(cx).await {
            Ok(effect) => effect,
            Err(error) => return Failed { address: None, stages: Stages::default(), error }.into(),
        };
        let server = self.server_of(request);
        if server.is_none() && matches!(cx.actor, Actor::Step(_)) {
            // A step's own request (a webhook, an `http` step) reaches nobody.
            let takes = times(self.step_takes.draw(&self.world, cx), effect.slow);
            cx.clock.sleep(takes).await;
            let stages = Stages { first_byte: Some(takes), ..Stages::default() };
            return Exchange { address: None, stages, result: Ok(response(200, "ok".into(), request.body_limit)) };
        }
        let target = (&*request.host, request.port, &request.resolver);
        let connection = match self.connect(cx, target, server, effect.slow).await {
            Ok(connection) => connection,
            Err(failed) => return failed.into(),
        };
        let mut stages = connection.stages;
        if request.url.starts_with("https:") {
            stages.tls = stages.connect;
        }
        let first_byte = self.draw(asker(&cx.actor), "answer", &self.settings.answer, cx.clock.now(), effect.slow);
        self.receive(cx, connection.address, stages.tls.unwrap_or_default() + first_byte).await;
        stages.first_byte = Some(first_byte);
        self.answer(&connection, server, request, stages)
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<()> {
        let effect = match self.meet(cx).await {
            Ok(effect) => effect,
            Err(error) => return Failed { address: None, stages: Stages::default(), error }.into(),
        };
        let server = self.map.on_port(&request.host, request.port).find(|server| server.endpoint.path.is_none());
        let target = (&*request.host, request.port, &request.resolver);
        greeted(self.connect(cx, target, server, effect.slow).await)
    }

    fn foretell_http(
        &self,
        probe: &ProbeId,
        request: &HttpRequest,
        sent: Moment,
        by: Moment,
    ) -> Option<Foretold<Exchange<HttpResponse>>> {
        let (who, server) = (probe.as_str(), self.server_of(request));
        let target = (&*request.host, request.port, &request.resolver);
        let route = self.route(who, target, sent, 1);
        let arrives = sent + route.takes;
        if arrives >= by {
            return None;
        }
        let connection = match self.arrive(route, target, server, arrives) {
            Some(Ok(connection)) => connection,
            Some(Err(failed)) => return Some(Foretold::At(arrives, failed.into())),
            None => return Some(Foretold::Silence),
        };
        let mut stages = connection.stages;
        if request.url.starts_with("https:") {
            stages.tls = stages.connect;
        }
        let first_byte = self.draw(who, "answer", &self.settings.answer, arrives, 1);
        stages.first_byte = Some(first_byte);
        let answered = arrives + (stages.tls.unwrap_or_default() + first_byte);
        (answered < by).then(|| Foretold::At(answered, self.answer(&connection, server, request, stages)))
    }

    fn foretell_tcp(
        &self,
        probe: &ProbeId,
        request: &TcpRequest,
        sent: Moment,
        by: Moment,
    ) -> Option<Foretold<Exchange<()>>> {
        let server = self.map.on_port(&request.host, request.port).find(|server| server.endpoint.path.is_none());
        let target = (&*request.host, request.port, &request.resolver);
        let route = self.route(probe.as_str(), target, sent, 1);
        let arrives = sent + route.takes;
        if arrives >= by {
            return None;
        }
        Some(match self.arrive(route, target, server, arrives) {
            Some(arrived) => Foretold::At(arrives, greeted(arrived)),
            None => Foretold::Silence,
        })
    }

    fn vantage(&self) -> String {
        "simulated user".into()
    }
}

/// What a connection comes to over which nothing is said.
fn greeted(arrived: Result<Connection, Failed>) -> Exchange<()> {
    match arrived {
        Ok(Connection { address, stages, reached: Reached::Lacks(_) }) => {
            let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
            Failed { address: Some(address), stages, error }.into()
        }
        Ok(Connection { address, stages, .. }) => Exchange { address: Some(address), stages, result: Ok(()) },
        Err(failed) => failed.into(),
    }
}

fn response(status: u16, mut body: String, limit: usize) -> HttpResponse {
    let mut end = limit.min(body.len());
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.truncate(end);
    HttpResponse { status, headers: Vec::new(), body }
}

/// The path of a URL, without its query.
pub(super) fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
    let path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    path.find(['?', '#']).map_or(path, |at| &path[..at])
}
