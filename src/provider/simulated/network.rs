//! The simulated network: names resolve in the simulated DNS, connections reach a region or never answer, endpoints are
//! as well as what they depend on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::chance::Draws;
use crate::id::{ProbeId, RegionRole};
use crate::infrastructure::simulate::{Address, Answering, Said, SimulatedNetwork, seconds};
use crate::resource::{
    Actor, Certificate, Context, DnsAnswer, DnsRequest, Exchange, ForetellExchange, HttpRequest, HttpResponse, Meeting,
    NetError, Network, PostgresRequest, ProviderError, Resolver, Stage, Stages, Steady, TcpRequest, TlsRequest,
};
use crate::time::{Moment, Span};

use super::affliction::{Answer, spoil};
use super::endpoint::{Endpoint, EndpointKind, plain};
use super::fault::{Access, Effect, Pace};
use super::foreseen::{ForetellHttp, ForetellTcp};
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

impl Reached {
    /// The number by which a [`Meeting`] tells how an endpoint answers; `None` if it doesn't.
    fn kind(self) -> Option<usize> {
        match self {
            Self::Silence | Self::Nobody => None,
            Self::Well(_) => Some(0),
            Self::Lacks(Need::Database(n)) => Some(1 + 3 * n),
            Self::Lacks(Need::Storage(n)) => Some(2 + 3 * n),
            Self::Lacks(Need::Compute(n)) => Some(3 + 3 * n),
        }
    }

    /// How an endpoint answers that has this number; where it is does not matter any more.
    fn of_kind(kind: usize) -> Self {
        let Some(kind) = kind.checked_sub(1) else { return Self::Well(None) };
        Self::Lacks(match kind % 3 {
            0 => Need::Database(kind / 3),
            1 => Need::Storage(kind / 3),
            _ => Need::Compute(kind / 3),
        })
    }
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
        look_up(state, self.lookup(host), resolver, now)
    }

    /// A host by its name, however it is written.
    pub(super) fn known(&self, host: &str) -> Option<&Host> {
        self.hosts.get(plain(host).as_ref())
    }

    fn lookup(&self, host: &str) -> Option<Lookup> {
        let known = self.known(host).map(|host| host.lookup);
        known.or_else(|| host.parse().ok().map(Lookup::Always))
    }

    /// The numbers of the servers there.
    fn on_port(&self, host: &str, port: u16) -> impl Iterator<Item = usize> {
        let numbers = self.known(host).map_or(&[][..], |host| &host.endpoints[..]);
        numbers.iter().copied().filter(move |n| self.servers[*n].endpoint.port == port)
    }
}

fn look_up(state: &State, lookup: Option<Lookup>, resolver: &Resolver, now: Moment) -> Option<IpAddr> {
    match (resolver, lookup) {
        (Resolver::Fixed(address), _) => Some(*address),
        (_, Some(Lookup::Record(n))) => state.records[n].resolve(resolver, now),
        (_, Some(Lookup::Always(address))) => Some(address),
        (_, None) => None,
    }
}

/// What users, and Muster among them, see.
#[derive(Clone, Debug)]
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
    pub(super) fn complaint(&self, need: Need) -> String {
        match need {
            Need::Database(n) => format!("database {} does not serve here\n", self.databases[n]),
            Need::Storage(n) => format!("storage {} does not serve here\n", self.storages[n]),
            Need::Compute(n) => format!("no server of {} is up here\n", self.computes[n]),
        }
    }
}

/// How somebody reaches an endpoint: all of it that stays as it is while a drill runs.
#[derive(Clone, Debug)]
pub(super) struct Way {
    resolver: Resolver,
    lookup: Option<Lookup>,
    /// The endpoint that is asked for, by number, if there is one.
    pub(super) server: Option<usize>,
    /// Whether anything listens on that port.
    listens: bool,
    resolves: Draws,
    connects: Draws,
    pub(super) answers: Draws,
}

/// What was met last, from when on, and after how many changes of the world.
pub(super) type Met = Mutex<Option<(usize, Moment, Steady<Meeting>)>>;

/// A connection on its way.
pub(super) struct Route {
    address: Option<IpAddr>,
    stages: Stages,
    /// Until it is there, or the name is known not to exist.
    pub(super) takes: Span,
    connects: Span,
}

/// A connection that stands.
pub(super) struct Connection {
    pub(super) address: IpAddr,
    pub(super) stages: Stages,
    pub(super) reached: Reached,
    /// How it answers, if otherwise than it should.
    pub(super) ill: Option<Answering>,
}

impl Connection {
    pub(super) fn of(meeting: &Meeting) -> Self {
        Self { address: meeting.address, stages: Stages::default(), reached: Reached::of_kind(meeting.kind), ill: None }
    }
}

/// One that does not.
pub(super) struct Failed {
    address: Option<IpAddr>,
    stages: Stages,
    pub(super) error: NetError,
}

impl<T> From<Failed> for Exchange<T> {
    fn from(failed: Failed) -> Self {
        Self { address: failed.address, stages: failed.stages, result: Err(failed.error) }
    }
}

impl SimulatedUser {
    /// The way of `who` to what `path` names on a port of `host`; without a path it is the port that is meant.
    pub(super) fn way(&self, who: &str, (host, port, path): (&str, u16, Option<&str>), resolver: &Resolver) -> Way {
        let named = |n: &usize| self.map.servers[*n].endpoint.path.as_deref() == path;
        let draws = |what| self.world.seed.draws(what, who);
        Way {
            resolver: resolver.clone(),
            lookup: self.map.lookup(host),
            server: self.map.on_port(host, port).find(named),
            listens: self.map.on_port(host, port).next().is_some(),
            resolves: draws("resolve"),
            connects: draws("connect"),
            answers: draws("answer"),
        }
    }

    fn way_of_http(&self, who: &str, request: &HttpRequest) -> Way {
        let path = Address::path(request.method, path_of(&request.url));
        self.way(who, (&request.host, request.port, Some(&path)), &request.resolver)
    }

    pub(super) fn way_of_tcp(&self, who: &str, request: &TcpRequest) -> Way {
        self.way(who, (&request.host, request.port, None), &request.resolver)
    }

    /// A step's request meets its fault; `Err` if that is the end of it.
    async fn meet(&self, cx: &Context) -> Result<Effect, NetError> {
        if !matches!(cx.actor, Actor::Step(_)) {
            return Ok(Effect::PLAIN);
        }
        let met = self.world.met(cx, None, Access::Work).await;
        met.map_err(|fault| match fault {
            ProviderError::Cancelled => NetError { stage: Stage::Exchange, text: "ended before an answer came".into() },
            fault => NetError { stage: Stage::Connect, text: fault.to_string() },
        })
    }

    /// Resolves and connects; never comes back where nobody answers.
    pub(super) async fn connect(&self, cx: &Context, way: &Way, slow: Pace) -> Result<Connection, Failed> {
        let route = self.route(way, cx.clock.now(), slow);
        cx.clock.sleep(route.takes).await;
        match self.arrive(route, way, cx.clock.now()) {
            Some(arrived) => arrived,
            None => std::future::pending().await,
        }
    }

    /// Where a connection that is begun at `start` goes, and how long that takes.
    pub(super) fn route(&self, way: &Way, start: Moment, slow: Pace) -> Route {
        let address = look_up(&self.world.state(), way.lookup, &way.resolver, start);
        let stages = Stages { resolve: self.resolves(way, start, slow), ..Stages::default() };
        let connects = if address.is_some() { self.connects(way, start, slow) } else { Span::ZERO };
        Route { address, stages, takes: stages.total() + connects, connects }
    }

    /// How long the name takes of a connection that is begun at `start`; `None`: no name is asked for.
    pub(super) fn resolves(&self, way: &Way, start: Moment, slow: Pace) -> Option<Span> {
        let named = !matches!(way.resolver, Resolver::Fixed(_));
        named.then(|| times(self.settings.resolve.draw_at(way.resolves, start.0), slow))
    }

    /// How long it takes from there on, to an address that is known.
    fn connects(&self, way: &Way, start: Moment, slow: Pace) -> Span {
        times(self.settings.connect.draw_at(way.connects, start.0), slow)
    }

    /// The stages of a connection that comes about.
    pub(super) fn stages(&self, way: &Way, sent: Moment) -> Stages {
        let (resolve, connect) = (self.resolves(way, sent, Pace::PLAIN), Some(self.connects(way, sent, Pace::PLAIN)));
        Stages { resolve, connect, ..Stages::default() }
    }

    /// What a connection meets from `from` on, where an endpoint answers, well or not.
    pub(super) fn steady(&self, way: &Way, met: &Met, from: Moment) -> Option<Steady<Meeting>> {
        // What is wrong with the world sets in and ends when it likes.
        if self.world.ills.any() {
            return None;
        }
        let state = self.world.state();
        let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = state.changes_made();
        let holds = |(after, since, steady): &&(usize, Moment, Steady<Meeting>)| {
            *after == changes && *since <= from && from < steady.until
        };
        if let Some((_, _, steady)) = met.as_ref().filter(holds) {
            return Some(steady.clone());
        }
        let steady = self.meets(&state, way, from)?;
        *met = Some((changes, from, steady.clone()));
        Some(steady)
    }

    /// What it meets in this state of the world.
    fn meets(&self, state: &State, way: &Way, from: Moment) -> Option<Steady<Meeting>> {
        let (address, until) = match (&way.resolver, way.lookup) {
            (Resolver::Fixed(address), _) => (Some(*address), Moment::MAX),
            (resolver, Some(Lookup::Record(n))) => state.records[n].resolve_steadily(resolver, from),
            (_, Some(Lookup::Always(address))) => (Some(address), Moment::MAX),
            (_, None) => (None, Moment::MAX),
        };
        let address = address?;
        let server = way.server.map(|n| &self.map.servers[n]);
        // Who answers for an address outside both regions may change with what either region lacks.
        let needs = server.is_some_and(|server| !server.needs.is_empty());
        let placed = self.map.owners.get(&address).is_some_and(|owner| owner.is_some() || !needs);
        let reached = self.map.reach(&state.facts, server, address, from);
        let kind = reached.kind().filter(|_| placed && way.listens)?;
        let boots = server.and_then(|server| state.facts.next_up(&server.needs, from)).unwrap_or(Moment::MAX);
        Some(Steady { answer: Meeting { address, kind }, until: until.min(boots) })
    }

    /// What the connection meets when it is there, at `now`; `None`: nobody ever answers.
    pub(super) fn arrive(
        &self,
        Route { address, mut stages, takes: _, connects }: Route,
        way: &Way,
        now: Moment,
    ) -> Option<Result<Connection, Failed>> {
        let Some(address) = address else {
            let error = NetError { stage: Stage::Resolve, text: "no such name".into() };
            return Some(Err(Failed { address, stages, error }));
        };
        let server = way.server.map(|n| &self.map.servers[n]);
        let mut reached = self.map.reach(&self.world.state().facts, server, address, now);
        let owner = self.map.owners.get(&address).copied().flatten();
        let ill = server.and_then(|server| self.world.ills.answering(&server.endpoint, owner, now)).cloned();
        match ill {
            Some(Answering::Refused) => reached = Reached::Nobody,
            Some(Answering::Well) => reached = Reached::Well(owner),
            _ => {}
        }
        if reached == Reached::Silence {
            return None;
        }
        stages.connect = Some(connects);
        if reached == Reached::Nobody || !way.listens {
            let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
            return Some(Err(Failed { address: Some(address), stages, error }));
        }
        Some(Ok(Connection { address, stages, reached, ill }))
    }

    /// What is answered over a connection.
    pub(super) fn answer(
        &self,
        connection: &Connection,
        way: &Way,
        body_limit: usize,
        stages: Stages,
    ) -> Exchange<HttpResponse> {
        let mut answer: Answer = match (connection.reached, way.server) {
            (_, None) => Answer::plain(404, "not found\n".to_owned()),
            (Reached::Lacks(need), _) => Answer::plain(503, self.ids.complaint(need)),
            (_, Some(n)) => said(&self.map.servers[n].endpoint.says),
        };
        if let Some(how) = &connection.ill {
            spoil(how, &mut answer);
        }
        let result = Ok(response(answer, body_limit));
        Exchange { address: Some(connection.address), stages, result }
    }

    /// How long a server takes to answer a request that was sent at `sent` and arrives, connected, at `arrives`.
    pub(super) fn first_byte(
        &self,
        connection: &Connection,
        way: &Way,
        sent: Moment,
        arrives: Moment,
        tls: Span,
    ) -> Span {
        match connection.ill {
            Some(Answering::After(whole)) => whole - (arrives.since(sent) + tls),
            _ => self.settings.answer.draw_at(way.answers, arrives.0),
        }
    }

    /// Waits for an answer's bytes; they never come if the region was cut off meanwhile.
    pub(super) async fn receive(&self, cx: &Context, address: IpAddr, takes: Span, ill: Option<&Answering>) {
        cx.clock.sleep(takes).await;
        let cut = {
            let state = self.world.state();
            let owner = self.map.owners.get(&address).copied().flatten();
            ill != Some(&Answering::Well) && owner.is_some_and(|region| !state.users_reach(region))
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
        let (way, sent) = (self.way_of_http(asker(&cx.actor), request), cx.clock.now());
        if way.server.is_none() && matches!(cx.actor, Actor::Step(_)) {
            // A step's own request (a webhook, an `http` step) reaches nobody.
            let mut takes = times(self.step_takes.draw(&self.world, cx), effect.slow);
            let mut answer = said(self.step_takes.said(cx).unwrap_or(&Said::ok()));
            let ill = self.world.ills.request(cx);
            if let Some(how) = ill {
                spoil(how, &mut answer);
            }
            if let Some(Answering::After(whole)) = ill {
                takes = *whole;
            }
            cx.clock.sleep(takes).await;
            let stages = Stages { first_byte: Some(takes), ..Stages::default() };
            if ill == Some(&Answering::Refused) {
                let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
                return Failed { address: None, stages, error }.into();
            }
            return Exchange { address: None, stages, result: Ok(response(answer, request.body_limit)) };
        }
        let connection = match self.connect(cx, &way, effect.slow).await {
            Ok(connection) => connection,
            Err(failed) => return failed.into(),
        };
        let mut stages = connection.stages;
        if request.url.starts_with("https:") {
            stages.tls = stages.connect;
        }
        let tls = stages.tls.unwrap_or_default();
        let first_byte = times(self.first_byte(&connection, &way, sent, cx.clock.now(), tls), effect.slow);
        self.receive(cx, connection.address, tls + first_byte, connection.ill.as_ref()).await;
        stages.first_byte = Some(first_byte);
        self.answer(&connection, &way, request.body_limit, stages)
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        match self.meet(cx).await {
            Ok(effect) => self.converse(cx, request, effect).await,
            Err(error) => Failed { address: None, stages: Stages::default(), error }.into(),
        }
    }

    async fn tls(&self, cx: &Context, request: &TlsRequest) -> Exchange<Certificate> {
        match self.meet(cx).await {
            Ok(effect) => self.shake(cx, request, effect).await,
            Err(error) => Failed { address: None, stages: Stages::default(), error }.into(),
        }
    }

    async fn dns(&self, cx: &Context, request: &DnsRequest) -> Exchange<Vec<DnsAnswer>> {
        match self.meet(cx).await {
            Ok(_) => self.look_up(cx, request).await,
            Err(error) => Failed { address: None, stages: Stages::default(), error }.into(),
        }
    }

    async fn postgres(&self, cx: &Context, request: &PostgresRequest) -> Exchange<Option<String>> {
        match self.meet(cx).await {
            Ok(effect) => self.query(cx, request, effect).await,
            Err(error) => Failed { address: None, stages: Stages::default(), error }.into(),
        }
    }

    fn foretell_http(&self, probe: &ProbeId, request: &HttpRequest) -> Option<Box<dyn ForetellExchange<HttpResponse>>> {
        let way = self.way_of_http(probe.as_str(), request);
        let https = request.url.starts_with("https:");
        let (user, body_limit, met) = (self.clone(), request.body_limit, Met::default());
        Some(Box::new(ForetellHttp { user, way, https, body_limit, met }))
    }

    fn foretell_tcp(&self, probe: &ProbeId, request: &TcpRequest) -> Option<Box<dyn ForetellExchange<String>>> {
        if request.talks() {
            return None;
        }
        let (way, met) = (self.way_of_tcp(probe.as_str(), request), Met::default());
        Some(Box::new(ForetellTcp { user: self.clone(), way, met }))
    }

    fn vantage(&self) -> String {
        "simulated user".into()
    }
}

/// What a connection comes to over which nothing is said.
pub(super) fn greeted(arrived: Result<Connection, Failed>) -> Exchange<String> {
    match arrived {
        Ok(Connection { address, stages, reached: Reached::Lacks(_), .. }) => {
            let error = NetError { stage: Stage::Connect, text: "connection refused".into() };
            Failed { address: Some(address), stages, error }.into()
        }
        Ok(Connection { address, stages, .. }) => {
            Exchange { address: Some(address), stages, result: Ok(String::new()) }
        }
        Err(failed) => failed.into(),
    }
}

/// What is said over HTTP.
fn said(says: &Said) -> Answer {
    match says {
        Said::Http { status, headers, body, days } => {
            Answer { status: *status, headers: headers.clone(), body: body.clone(), days: Some(*days) }
        }
        _ => Answer::plain(200, "ok".to_owned()),
    }
}

/// The answer as it arrives, over a URL that speaks TLS or not.
fn response(Answer { status, headers, mut body, days }: Answer, limit: usize) -> HttpResponse {
    let mut end = limit.min(body.len());
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.truncate(end);
    let certificate = days.map(|days| Certificate {
        names: Vec::new(),
        issuer: "CN=Simulated authority".to_owned(),
        valid_for_s: seconds(days),
    });
    HttpResponse { status, headers, body, certificate }
}

/// The path of a URL, without its query.
pub(super) fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
    let path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    path.find(['?', '#']).map_or(path, |at| &path[..at])
}
