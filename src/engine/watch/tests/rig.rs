//! A plan, a world and a listener for tests.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::super::{Pace, Watch, WatchSetup};
use crate::catalogue::{HttpExpect, HttpProbe, Mode, OnFailure, Probe, Services, TcpProbe};
use crate::chance::{Distribution, Seed};
use crate::engine::Sink;
use crate::event::Event;
use crate::id::{ProbeId, RegionRole, ResourceId, RunId, ServiceId};
use crate::infrastructure::simulate::{
    PerRegion, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedNetwork, SimulatedRegion, SimulatedResource,
    SimulatedStorage,
};
use crate::model::{Canary, Environment, Guardrail, Objectives, Plan, ProbePlan, Service, Watch as Watched};
use crate::probe::Regions;
use crate::provider::simulated::{Endpoint, EndpointKind, Simulation, SimulationSetup};
use crate::resource::{
    Actor, Cancellation, Context, Exchange, HttpRequest, HttpResponse, Network, Resolver, ResourceKind, Resources,
    TcpRequest,
};
use crate::time::{Clock, JoinHandle, Moment, Span, run_virtual};

pub(super) const P: RegionRole = RegionRole::Primary;
pub(super) const S: RegionRole = RegionRole::Secondary;

pub(super) fn virtually<F: Future>(f: impl FnOnce(Clock) -> F) -> F::Output {
    run_virtual("2026-11-22T08:00:00Z".parse().unwrap(), f).unwrap()
}

pub(super) fn secs(secs: u64) -> Span {
    Span::from_secs(secs)
}

pub(super) fn ms(ms: u64) -> Span {
    Span::from_millis(ms)
}

pub(super) fn id(text: &str) -> ResourceId {
    ResourceId::new(text).unwrap()
}

pub(super) fn probe_id(text: &str) -> ProbeId {
    ProbeId::new(text).unwrap()
}

pub(super) fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-080000-test").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

pub(super) fn http(url: &str) -> Probe {
    Probe::Http(HttpProbe::get(url, HttpExpect::default()))
}

pub(super) fn tcp(host: &str, port: u16) -> Probe {
    Probe::Tcp(TcpProbe::to(host, port, Resolver::System))
}

pub(super) fn probe(name: &str, probe: Probe, every: Span, timeout: Span) -> ProbePlan {
    ProbePlan { id: probe_id(name), probe, every, timeout, healthy_after: 3, unhealthy_after: 2 }
}

pub(super) fn service(probe: ProbePlan, depends_on: &[&str]) -> Service {
    Service {
        id: ServiceId::new(probe.id.as_ref()).unwrap(),
        title: probe.id.to_string(),
        depends_on: depends_on.iter().map(|text| id(text)).collect(),
        access: crate::model::ServiceAccess::Write,
        objectives: Objectives::default(),
        probe,
        standby: None,
    }
}

pub(super) fn canary(of: &str, kind: ResourceKind, every: Span) -> Canary {
    Canary { id: probe_id(of), of: id(of), kind, every }
}

pub(super) fn guardrail(name: &str, watch: Watched, broken_after: Span) -> Guardrail {
    Guardrail { name: name.into(), watch, broken_after, then: OnFailure::Pause }
}

/// A plan without anything to observe.
pub(super) fn empty_plan() -> Plan {
    Plan {
        name: "test".into(),
        title: "Test".into(),
        owner: None,
        scenario: None,
        mode: Mode::Unplanned,
        environment: Environment::Simulated,
        twin: false,
        objectives: Objectives::default(),
        data_loss: None,
        discard: false,
        accepts: Vec::new(),
        schedule: None,
        unattended: false,
        pause_limit: crate::model::PAUSE_LIMIT,
        windows: Vec::new(),
        outage_limit: None,
        about: crate::model::About::default(),
        controls: Vec::new(),
        control_texts: Vec::new(),
        roles: Vec::new(),
        variables: Vec::new(),
        regions: BTreeMap::new(),
        resources: BTreeMap::new(),
        network: serde_json::Value::Null,
        resolver: None,
        services: Vec::new(),
        canaries: Vec::new(),
        witness: None,
        guardrails: Vec::new(),
        at_once: None,
        phases: Vec::new(),
        steps: Vec::new(),
        digest: String::new(),
        calibration: None,
        silenced: Vec::new(),
    }
}

/// What the quarterly drill observes.
pub(super) fn quarterly_plan() -> Plan {
    let code = "https://code.example.test";
    Plan {
        services: vec![
            service(probe("web", http(&format!("{code}/healthz")), secs(1), secs(3)), &["code", "main", "web-servers"]),
            service(probe("push", http(&format!("{code}/healthz/write")), secs(2), secs(3)), &["code", "repositories"]),
            service(probe("ssh", tcp("code.example.test", 22), secs(2), secs(3)), &["code", "repositories"]),
        ],
        canaries: vec![
            canary("main", ResourceKind::Database, ms(200)),
            canary("repositories", ResourceKind::Storage, secs(2)),
        ],
        witness: Some(probe("witness", tcp("status.example.net", 443), secs(2), secs(3))),
        guardrails: vec![
            guardrail(
                "secondary stays reachable",
                Watched::Probe(probe("gateway", tcp("gateway.west", 22), secs(2), secs(3))),
                secs(10),
            ),
            guardrail("users are out too long", Watched::OutageOf(Services::All), secs(1200)),
        ],
        outage_limit: Some(secs(120)),
        ..empty_plan()
    }
}

fn endpoint(host: &str, port: u16, path: Option<&str>, needs: &[&str], region: Option<RegionRole>) -> Endpoint {
    Endpoint {
        host: host.into(),
        port,
        path: path.map(str::to_owned),
        kind: EndpointKind::Serve,
        depends_on: needs.iter().map(|text| id(text)).collect(),
        region,
        says: crate::provider::simulated::Said::ok(),
    }
}

/// The simulated code host.
pub(super) fn simulation(clock: &Clock, seed: u64) -> Simulation {
    let dns = SimulatedDns { name: Some("code.example.test".into()), ..SimulatedDns::default() };
    let code = "code.example.test";
    let minute = Distribution::fixed(secs(60));
    let database = SimulatedDatabase { replicate: minute, ..SimulatedDatabase::default() };
    let storage = SimulatedStorage { replicate: minute, ..SimulatedStorage::default() };
    Simulation::new(SimulationSetup {
        seed: Seed(seed),
        clock: clock.clone(),
        region_names: PerRegion { primary: "us-east-1".into(), secondary: "us-west-2".into() },
        regions: PerRegion { primary: SimulatedRegion::default(), secondary: SimulatedRegion::default() },
        resources: vec![
            (id("code"), SimulatedResource::Dns(dns)),
            (id("main"), SimulatedResource::Database(database)),
            (id("repositories"), SimulatedResource::Storage(storage)),
            (id("web-servers"), SimulatedResource::Compute(SimulatedCompute::default())),
        ],
        network: SimulatedNetwork::default(),
        endpoints: vec![
            endpoint(code, 443, Some("/healthz"), &["code", "main", "web-servers"], None),
            endpoint(code, 443, Some("/healthz/write"), &["code", "repositories"], None),
            endpoint(code, 22, None, &["code", "repositories"], None),
            endpoint("status.example.net", 443, None, &[], None),
            endpoint("gateway.west", 22, None, &[], Some(S)),
        ],
        faults: Vec::new(),
        afflictions: Vec::new(),
        step_says: BTreeMap::new(),
        step_takes: BTreeMap::new(),
        paces: BTreeMap::new(),
        commands: Vec::new(),
    })
    .unwrap()
}

/// The events of a watch, each with the moment at which it was told.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<(Moment, Event)>>>);

impl Told {
    pub(super) fn all(&self) -> Vec<(Moment, Event)> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.all().into_iter().map(|(_, event)| event).collect()
    }

    /// As lines of JSON.
    pub(super) fn journal(&self) -> String {
        let line = |(at, event): &(Moment, Event)| format!("{} {}\n", at.0, serde_json::to_string(event).unwrap());
        self.0.lock().unwrap().iter().map(line).collect()
    }
}

/// A watch and who listens to it.
pub(super) struct Watching {
    pub(super) watch: Watch,
    pub(super) told: Told,
    listener: JoinHandle<()>,
}

impl Watching {
    pub(super) fn start(clock: &Clock, plan: Plan, resources: Resources, pace: Pace) -> Self {
        let (sink, mut messages) = Sink::new();
        let told = Told::default();
        let (own, own_clock) = (told.clone(), clock.clone());
        let listener = clock.spawn(async move {
            while let Some(message) = messages.recv().await {
                for event in message.events {
                    own.0.lock().unwrap().push((own_clock.now(), event));
                }
            }
        });
        let regions = [("192.0.2.10", P), ("198.51.100.10", S)];
        let watch = Watch::start(WatchSetup {
            plan: Arc::new(plan),
            resources,
            run: RunId::new("20261122-080000-test").unwrap(),
            clock: clock.clone(),
            fencing: 1,
            sink,
            pace,
            addresses: regions.into_iter().map(|(text, role)| (text.parse().unwrap(), role)).collect::<Regions>(),
            since: clock.now(),
        });
        Self { watch, told, listener }
    }

    pub(super) async fn finish(self) -> Told {
        self.watch.finish().await;
        self.listener.await.unwrap();
        self.told
    }
}

/// A network that does what a function says: by host and moment, how long it takes and what comes of it.
pub(super) struct Scripted<F>(pub(super) F);

/// What a scripted network does.
pub(super) enum Says {
    /// This status from this address, after so long.
    Status(u16, &'static str, Span),
    /// Nothing, ever.
    Silence,
}

#[async_trait]
impl<F: Fn(&str, Moment) -> Says + Send + Sync> Network for Scripted<F> {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let says = (self.0)(&request.host, cx.clock.now());
        match says {
            Says::Status(status, address, takes) => {
                cx.clock.sleep(takes).await;
                Exchange {
                    address: Some(address.parse().unwrap()),
                    stages: crate::resource::Stages::default(),
                    result: Ok(HttpResponse { status, headers: Vec::new(), body: "ok".into(), certificate: None }),
                }
            }
            Says::Silence => std::future::pending().await,
        }
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        match (self.0)(&request.host, cx.clock.now()) {
            Says::Status(_, address, takes) => {
                cx.clock.sleep(takes).await;
                let stages = crate::resource::Stages::default();
                Exchange { address: Some(address.parse().unwrap()), stages, result: Ok(String::new()) }
            }
            Says::Silence => std::future::pending().await,
        }
    }

    fn vantage(&self) -> String {
        "a test".into()
    }
}

/// The simulation's resources with another network.
pub(super) fn scripted(clock: &Clock, script: impl Fn(&str, Moment) -> Says + Send + Sync + 'static) -> Resources {
    Resources { network: Arc::new(Scripted(script)), ..simulation(clock, 1).resources() }
}
