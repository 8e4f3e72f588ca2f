//! The world as actions and probes meet it, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use super::*;
use crate::id::{ProbeId, RunId};
use crate::infrastructure::simulate::{
    FaultKind, SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedStorage,
};
use crate::resource::{
    Actor, CanaryRow, Cancellation, CommandLine, Context, Decision, Errand, HttpRequest, HttpResponse, Method, Party,
    ProcessError, ProviderError, Question, RestorePoint, Stage, TcpRequest, WriteAttempt,
};
use crate::time::run_virtual;

const P: RegionRole = RegionRole::Primary;
const S: RegionRole = RegionRole::Secondary;

pub(super) fn virtually<F: Future>(f: impl FnOnce(Clock) -> F) -> F::Output {
    run_virtual("2026-11-22T08:00:00Z".parse().unwrap(), f).unwrap()
}

pub(super) fn step(id: &str) -> StepId {
    StepId::new(id).unwrap()
}

fn id(text: &str) -> ResourceId {
    ResourceId::new(text).unwrap()
}

pub(super) fn context(clock: &Clock, step_id: &str) -> Context {
    Context {
        run: RunId::new("20261122-080000-test").unwrap(),
        actor: Actor::Step(step(step_id)),
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

fn prober(clock: &Clock) -> Context {
    Context { actor: Actor::Probe(ProbeId::new("web").unwrap()), ..context(clock, "none") }
}

fn endpoint(host: &str, path: Option<&str>, kind: EndpointKind, needs: &[&str]) -> Endpoint {
    Endpoint {
        host: host.into(),
        port: if path.is_some() { 443 } else { 22 },
        path: path.map(str::to_owned),
        kind,
        depends_on: needs.iter().map(|text| id(text)).collect(),
        region: None,
        says: Said::ok(),
    }
}

fn setup(clock: &Clock, faults: Vec<FaultPoint>) -> SimulationSetup {
    let dns = SimulatedDns { name: Some("code.example.test".into()), ..SimulatedDns::default() };
    let gateway = |host: &str, role| Endpoint { region: Some(role), ..endpoint(host, None, EndpointKind::Serve, &[]) };
    SimulationSetup {
        seed: Seed(7),
        clock: clock.clone(),
        region_names: PerRegion { primary: "us-east-1".into(), secondary: "us-west-2".into() },
        regions: PerRegion::default(),
        resources: vec![
            (id("code"), SimulatedResource::Dns(dns)),
            (id("main"), SimulatedResource::Database(SimulatedDatabase::default())),
            (id("repositories"), SimulatedResource::Storage(SimulatedStorage::default())),
            (id("web-servers"), SimulatedResource::Compute(SimulatedCompute::default())),
            (id("snapshots"), SimulatedResource::Backup(SimulatedBackup::default())),
        ],
        network: SimulatedNetwork::default(),
        endpoints: vec![
            endpoint("code.example.test", Some("/healthz"), EndpointKind::Serve, &["code", "main", "web-servers"]),
            endpoint("code.example.test", Some("/readyz"), EndpointKind::Standby, &["code", "main", "web-servers"]),
            endpoint("code.example.test", None, EndpointKind::Serve, &["code", "repositories"]),
            endpoint("status.example.net", None, EndpointKind::Serve, &[]),
            gateway("gateway.west", S),
            gateway("gateway.east", P),
        ],
        faults,
        afflictions: Vec::new(),
        step_says: BTreeMap::new(),
        step_takes: [(step("deploy"), Distribution::fixed(Span::from_secs(5)))].into(),
        paces: std::collections::BTreeMap::new(),
        commands: Vec::new(),
    }
}

fn simulate(clock: &Clock) -> Simulation {
    Simulation::new(setup(clock, Vec::new())).unwrap()
}

fn request(path: &str, resolver: Resolver) -> HttpRequest {
    let url = format!("https://code.example.test{path}");
    HttpRequest::new(Method::Get, &url, ("code.example.test", 443), resolver, 1_024)
}

fn tcp(host: &str, port: u16) -> TcpRequest {
    TcpRequest::to(host, port, Resolver::System)
}

async fn status(simulation: &Simulation, clock: &Clock, path: &str, resolver: Resolver) -> Option<u16> {
    let (cx, request) = (prober(clock), request(path, resolver));
    let resources = simulation.resources();
    let exchange = clock.timeout(Span::from_secs(3), resources.network.http(&cx, &request)).await.ok()?;
    exchange.result.ok().map(|answer: HttpResponse| answer.status)
}

fn from(parties: &[Party]) -> RegionState {
    RegionState::cut_off_from(parties.iter().copied().collect::<BTreeSet<_>>())
}

async fn isolate(simulation: &Simulation, cx: &Context, parties: &[Party]) {
    simulation.resources().regions[&P].set_isolation(cx, &from(parties)).await.unwrap();
}

async fn switch(simulation: &Simulation, cx: &Context, to: RegionRole) -> Result<(), ProviderError> {
    let dns = simulation.resources().dns[&id("code")].clone();
    let record = dns.observe(cx).await?.record;
    dns.change(cx, &record, &dns.target(to, &record)).await
}

#[test]
fn a_healthy_service_answers_and_says_what_each_stage_took() {
    virtually(|clock| async move {
        let simulation = simulate(&clock);
        let exchange =
            simulation.resources().network.http(&prober(&clock), &request("/healthz", Resolver::System)).await;
        assert_eq!(exchange.address, Some("192.0.2.10".parse().unwrap()));
        let answer = exchange.result.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        let stages = exchange.stages;
        let spent: Span = [stages.resolve, stages.connect, stages.tls, stages.first_byte].into_iter().flatten().sum();
        assert_eq!(clock.now().since(Moment::ZERO), spent);
        assert_eq!(status(&simulation, &clock, "/nowhere", Resolver::System).await, Some(404));
    });
}

#[test]
fn an_isolated_region_answers_nobody() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "isolate"));
        let resources = simulation.resources();
        isolate(&simulation, &cx, &[Party::Users, Party::Secondary]).await;
        assert_eq!(status(&simulation, &clock, "/healthz", Resolver::System).await, None);
        let east = tcp("gateway.east", 22);
        assert!(clock.timeout(Span::from_secs(60), resources.network.tcp(&cx, &east)).await.is_err());
        assert!(resources.network.tcp(&cx, &tcp("gateway.west", 22)).await.result.is_ok());
        assert!(resources.network.tcp(&cx, &tcp("status.example.net", 22)).await.result.is_ok());
        let before = clock.now();
        let seen = resources.databases[&id("main")].observe(&cx).await.unwrap();
        assert!(matches!(seen.regions[&P], Seen::Unreachable(_)) && matches!(seen.regions[&S], Seen::Is(_)));
        assert_eq!(clock.now().since(before), Span::from_secs(2));
        let before = clock.now();
        let fenced = resources.databases[&id("main")].fence(&cx, P).await;
        assert!(matches!(fenced, Err(ProviderError::Unreachable(_))));
        assert_eq!(clock.now().since(before), Span::from_secs(5));
        assert!(matches!(resources.databases[&id("main")].write(&cx, P).await, WriteAttempt::Unknown(_)));
        // Who is not cut off goes on: rejoining brings all of it back.
        isolate(&simulation, &cx, &[]).await;
        assert_eq!(status(&simulation, &clock, "/healthz", Resolver::System).await, Some(200));
    });
}

#[test]
fn an_answer_that_is_under_way_when_the_region_is_cut_off_never_comes() {
    virtually(|clock| async move {
        let slow = SimulatedNetwork { answer: Distribution::fixed(Span::from_secs(30)), ..SimulatedNetwork::default() };
        let simulation = Simulation::new(SimulationSetup { network: slow, ..setup(&clock, Vec::new()) }).unwrap();
        let (resources, cx) = (simulation.resources(), prober(&clock));
        let probe = clock.spawn({
            let clock = clock.clone();
            async move {
                let request = request("/healthz", Resolver::System);
                clock.timeout(Span::from_secs(600), resources.network.http(&cx, &request)).await.is_err()
            }
        });
        isolate(&simulation, &context(&clock, "isolate"), &[Party::Users]).await;
        assert!(probe.await.unwrap());
    });
}

#[test]
fn a_service_is_as_well_as_what_it_depends_on() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "break"));
        let resources = simulation.resources();
        let west = || Resolver::Fixed("198.51.100.10".parse().unwrap());
        assert_eq!(status(&simulation, &clock, "/healthz", west()).await, Some(503), "the replica takes no writes");
        assert_eq!(status(&simulation, &clock, "/readyz", west()).await, Some(200));
        resources.databases[&id("main")].fence(&cx, P).await.unwrap();
        let exchange = resources.network.http(&prober(&clock), &request("/healthz", Resolver::System)).await;
        let answer = exchange.result.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "database main does not serve here\n"));
        resources.databases[&id("main")].unfence(&cx, P).await.unwrap();
        resources.computes[&id("web-servers")].scale(&cx, P, 0).await.unwrap();
        assert_eq!(status(&simulation, &clock, "/healthz", Resolver::System).await, Some(503));
        resources.computes[&id("web-servers")].scale(&cx, P, 2).await.unwrap();
        assert_eq!(status(&simulation, &clock, "/healthz", Resolver::System).await, Some(503), "none has booted");
        clock.sleep(Span::from_secs(600)).await;
        assert_eq!(status(&simulation, &clock, "/healthz", Resolver::System).await, Some(200));
        resources.storages[&id("repositories")].fence(&cx, P).await.unwrap();
        let refused = resources.network.tcp(&prober(&clock), &tcp("code.example.test", 22)).await.result.unwrap_err();
        assert_eq!((refused.stage, refused.text.as_str()), (Stage::Connect, "connection refused"));
    });
}

#[test]
fn what_does_not_exist_is_refused() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), prober(&clock));
        let network = simulation.resources().network;
        let error = network.tcp(&cx, &tcp("nobody.example.test", 22)).await.result.unwrap_err();
        assert_eq!(error.stage, Stage::Resolve);
        let error = network.tcp(&cx, &tcp("203.0.113.9", 22)).await.result.unwrap_err();
        assert_eq!((error.stage, error.text.as_str()), (Stage::Connect, "connection refused"));
        assert!(network.tcp(&cx, &tcp("code.example.test", 8_080)).await.result.is_err());
        let too_many = simulation.resources().computes[&id("web-servers")].scale(&cx, S, 25).await.unwrap_err();
        assert!(matches!(too_many, ProviderError::Refused(why) if why.contains("24 servers at most")));
    });
}

#[test]
fn a_dns_change_is_conditional() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "dns"));
        let dns = simulation.resources().dns[&id("code")].clone();
        let first = dns.observe(&cx).await.unwrap().record;
        let there = dns.target(S, &first);
        dns.change(&cx, &first, &there).await.unwrap();
        assert_eq!(dns.observe(&cx).await.unwrap().serves, Some(S));
        assert!(matches!(dns.change(&cx, &first, &there).await, Err(ProviderError::Changed(_))));
        dns.change(&cx, &there, &first).await.unwrap();
        assert_eq!(dns.observe(&cx).await.unwrap().record, first);
    });
}

#[test]
fn users_follow_a_switch_within_convergence_and_ttl() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "dns"));
        let dns = simulation.resources().dns[&id("code")].clone();
        switch(&simulation, &cx, S).await.unwrap();
        let changed = clock.now();
        let mut moved = BTreeSet::new();
        while moved.len() < 3 {
            clock.sleep(Span::from_secs(1)).await;
            for answer in dns.resolvers(&cx).await.unwrap() {
                assert!(answer.ttl <= Span::from_secs(60));
                if answer.serves == Some(S) && moved.insert(answer.server.clone()) {
                    assert!(dns.authoritative(&cx).await.unwrap().iter().any(|server| server.serves == Some(S)));
                }
            }
            assert!(clock.now().since(changed) < Span::from_secs(180), "a resolver never moved");
        }
    });
}

#[test]
fn a_canary_measures_what_is_lost() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "drill"));
        let database = simulation.resources().databases[&id("main")].clone();
        let row = |number| CanaryRow { number, sent: clock.now() };
        assert!(matches!(database.write_canary(&cx, P, row(0)).await, WriteAttempt::Refused(_)), "there is no table");
        database.prepare_canary(&cx).await.unwrap();
        let mut acknowledged = Vec::new();
        for number in 0..100 {
            if database.write_canary(&cx, P, row(number)).await == WriteAttempt::Acknowledged {
                acknowledged.push(number);
            }
            clock.sleep(Span::from_millis(200)).await;
        }
        assert_eq!(acknowledged.len(), 100);
        isolate(&simulation, &cx, &[Party::Users, Party::Secondary]).await;
        assert!(matches!(database.write_canary(&cx, P, row(100)).await, WriteAttempt::Unknown(_)));
        database.promote(&cx, S).await.unwrap();
        let there = database.canary_rows(&cx, S).await.unwrap();
        assert_eq!(there.ranges.len(), 1, "the survivors are an unbroken prefix: {there:?}");
        assert!(there.contains(50));
        assert!(database.canary_rows(&cx, P).await.is_err());
        assert_eq!(database.write_canary(&cx, S, row(101)).await, WriteAttempt::Acknowledged);
        isolate(&simulation, &cx, &[]).await;
        // Nobody fenced the old primary: it takes writes, and everybody can see that there are two.
        assert_eq!(database.write_canary(&cx, P, row(102)).await, WriteAttempt::Acknowledged);
        assert_eq!(database.observe(&cx).await.unwrap().writable().count(), 2);
        assert!(database.preserve(&cx, P).await.unwrap().only_here.unwrap() > 0);
        database.fence(&cx, P).await.unwrap();
        database.replicate(&cx, S, P).await.unwrap();
        clock.sleep(Span::from_secs(30)).await;
        assert_eq!(database.canary_rows(&cx, P).await.unwrap(), database.canary_rows(&cx, S).await.unwrap());
        database.remove_canary(&cx).await.unwrap();
    });
}

#[test]
fn an_initial_world_can_be_unready() {
    virtually(|clock| async move {
        let mut setup = setup(&clock, Vec::new());
        setup.resources[1].1 = SimulatedResource::Database(SimulatedDatabase {
            replication_lag: Distribution::fixed(Span::from_secs(30)),
            ..SimulatedDatabase::default()
        });
        setup.resources[2].1 =
            SimulatedResource::Storage(SimulatedStorage { missing: 3, damaged: 1, ..SimulatedStorage::default() });
        let simulation = Simulation::new(setup).unwrap();
        let (resources, cx) = (simulation.resources(), context(&clock, "look"));
        let seen = resources.databases[&id("main")].observe(&cx).await.unwrap();
        assert_eq!(seen.regions[&S].known().unwrap().lag, Some(Span::from_secs(30)));
        let report = resources.storages[&id("repositories")].verify(&cx, S).await.unwrap();
        assert_eq!((report.repositories, report.missing, report.damaged), (2_400, 3, 1));
        assert!(report.oldest_missing < Span::from_secs(60) && report.diverged == 0);
    });
}

#[test]
fn a_restore_stands_until_it_is_discarded() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "restore"));
        let backup = simulation.resources().backups[&id("snapshots")].clone();
        let restored = backup.restore(&cx, S, RestorePoint::Latest).await.unwrap();
        assert_eq!((restored.checked, restored.damaged), (412, 0));
        assert_eq!(backup.scratches(&cx).await.unwrap(), std::slice::from_ref(&restored.scratch));
        backup.discard(&cx, &restored.scratch).await.unwrap();
        backup.discard(&cx, &restored.scratch).await.unwrap();
        assert!(simulation.scratches().is_empty());
    });
}

fn faulty(clock: &Clock, kind: FaultKind) -> Simulation {
    let target = FaultTarget::Step(step("faulty"));
    let point = FaultPoint { target, kind, on: FaultOn::Mutations, region: Some(S), of: Some(7) };
    Simulation::new(setup(clock, vec![point])).unwrap()
}

#[test]
fn each_fault_does_to_a_change_what_it_says() {
    virtually(|clock| async move {
        let cx = context(&clock, "faulty");
        let main = id("main");
        for kind in FaultKind::ALL {
            let simulation = faulty(&clock, kind);
            let database = simulation.resources().databases[&main].clone();
            let before = settled(&simulation.world());
            match kind {
                FaultKind::Fails => {
                    let error = database.promote(&cx, S).await.unwrap_err();
                    assert_eq!(error, ProviderError::Refused("simulated fault".into()));
                }
                FaultKind::Hangs => {
                    assert!(clock.timeout(Span::from_secs(9_000), database.promote(&cx, S)).await.is_err());
                    let told = context(&clock, "faulty");
                    told.cancel.cancel();
                    assert_eq!(database.promote(&told, S).await, Err(ProviderError::Cancelled));
                }
                FaultKind::Slow => {
                    let plain = simulate(&clock);
                    let start = clock.now();
                    plain.resources().databases[&main].promote(&cx, S).await.unwrap();
                    let plain = clock.now().since(start);
                    let start = clock.now();
                    database.promote(&cx, S).await.unwrap();
                    assert_eq!(clock.now().since(start), Span(plain.0 * 10));
                }
                FaultKind::Flaky => {
                    let mut failed = 0;
                    for attempt in 1..=40 {
                        let cx = Context { attempt, ..cx.clone() };
                        match database.fence(&cx, P).await {
                            Err(ProviderError::Transient(_)) => failed += 1,
                            other => drop(other.unwrap()),
                        }
                    }
                    assert!((8..=32).contains(&failed), "{failed} of 40 failed");
                }
                FaultKind::Lies => database.promote(&cx, S).await.unwrap(),
                FaultKind::FailsInUndo => {
                    let undo = Context { errand: Errand::Undo, ..cx.clone() };
                    let error = database.promote(&undo, S).await.unwrap_err();
                    assert_eq!(error, ProviderError::Refused("simulated fault in undo".into()));
                }
                FaultKind::LosesItsRegion => {
                    assert!(matches!(database.promote(&cx, S).await, Err(ProviderError::Unreachable(_))));
                    assert_eq!(simulation.lost(), [S]);
                }
            }
            assert_eq!(simulation.met(), BTreeSet::from([7]), "{kind}");
            let changed = settled(&simulation.world()) != before;
            assert_eq!(
                changed,
                matches!(kind, FaultKind::Slow | FaultKind::Flaky | FaultKind::LosesItsRegion),
                "{kind}"
            );
            // Looking is spared, and so is everybody else.
            assert!(database.observe(&cx).await.is_ok());
            database.unfence(&context(&clock, "other"), P).await.unwrap();
        }
    });
}

#[test]
fn a_fault_on_a_resource_or_on_everything_meets_what_it_says() {
    virtually(|clock| async move {
        let resource = FaultPoint {
            target: FaultTarget::Resource(id("repositories")),
            kind: FaultKind::Fails,
            on: FaultOn::Mutations,
            region: None,
            of: None,
        };
        let look = FaultPoint {
            target: FaultTarget::Step(step("look")),
            kind: FaultKind::Fails,
            on: FaultOn::Everything,
            region: None,
            of: None,
        };
        let simulation = Simulation::new(setup(&clock, vec![resource, look])).unwrap();
        let (resources, cx) = (simulation.resources(), context(&clock, "any"));
        let storage = &resources.storages[&id("repositories")];
        assert!(storage.verify(&cx, S).await.is_err());
        assert!(storage.promote(&cx, S).await.is_err());
        assert!(storage.observe(&cx).await.is_ok());
        storage.prepare_canary(&cx).await.unwrap();
        let row = CanaryRow { number: 0, sent: clock.now() };
        assert_eq!(storage.write_canary(&cx, P, row).await, WriteAttempt::Acknowledged);
        assert!(resources.databases[&id("main")].observe(&context(&clock, "look")).await.is_err());
    });
}

#[test]
fn cancelling_a_change_leaves_the_world_as_it_was() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "promote"));
        let before = settled(&simulation.world());
        let cancel = cx.cancel.clone();
        clock.spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Span::from_secs(1)).await;
                cancel.cancel();
            }
        });
        assert_eq!(simulation.resources().databases[&id("main")].promote(&cx, S).await, Err(ProviderError::Cancelled));
        assert_eq!(settled(&simulation.world()), before);
        assert!(clock.now() < Moment::ZERO + Span::from_secs(2));
    });
}

fn command(argv: &[&str], timeout: Span) -> CommandLine {
    let argv = argv.iter().map(|text| (*text).to_owned()).collect();
    CommandLine { argv, env: Vec::new(), folder: None, timeout, output_limit: 100, input: None }
}

#[test]
fn programs_take_their_time_and_run_nothing() {
    virtually(|clock| async move {
        let simulation = simulate(&clock);
        let processes = simulation.resources().processes;
        let minute = Span::from_secs(60);
        let done = processes.run(&context(&clock, "deploy"), &command(&["/no/such"], minute)).await.unwrap();
        assert_eq!((done.code, clock.now()), (Some(0), Moment::ZERO + Span::from_secs(5)));
        let late = processes.run(&context(&clock, "deploy"), &command(&["x"], Span::from_secs(2))).await;
        assert_eq!(late, Err(ProcessError::TimedOut(Span::from_secs(2))));
        let faulty = |kind| faulty(&clock, kind).resources().processes;
        let cx = context(&clock, "faulty");
        assert_eq!(faulty(FaultKind::Fails).run(&cx, &command(&["x"], minute)).await.unwrap().code, Some(1));
        let hung = faulty(FaultKind::Hangs).run(&cx, &command(&["x"], minute)).await;
        assert_eq!(hung, Err(ProcessError::TimedOut(minute)));
    });
}

#[test]
fn people_take_their_time_and_approve() {
    virtually(|clock| async move {
        let question = Question {
            prompt: "Start?".into(),
            approvers: vec!["incident-commander".into(), "database-lead".into(), "scribe".into()],
            quorum: 2,
            other_than_starter: false,
            evidence_required: false,
            checklist: Vec::new(),
            takes: Distribution::fixed(Span::from_secs(90)),
            deadline: None,
        };
        let answer = simulate(&clock).resources().people.ask(&context(&clock, "go"), &question).await.unwrap();
        assert_eq!(answer.decision, Decision::Approved);
        assert_eq!(answer.names, ["incident-commander", "database-lead"]);
        assert_eq!(clock.now(), Moment::ZERO + Span::from_secs(90));
        let people = faulty(&clock, FaultKind::Fails).resources().people;
        let answer = people.ask(&context(&clock, "faulty"), &question).await.unwrap();
        assert_eq!(answer.decision, Decision::Rejected);
    });
}

/// Samples taken on a branch of the clock are those taken in time, and an exchange that would overrun is left alone.
#[test]
fn what_is_computed_ahead_is_what_will_be() {
    virtually(|clock| async move {
        let simulation = simulate(&clock);
        switch(&simulation, &context(&clock, "dns"), S).await.unwrap();
        let network = simulation.resources().network;
        let request = request("/healthz", Resolver::System);
        let start = clock.now();
        let ticks: Vec<Moment> = (1..=90).map(|n| start + Span::from_secs(n)).collect();
        let mut ahead = Vec::new();
        for tick in &ticks {
            let branch = clock.branch(*tick, *tick + Span::from_secs(1));
            let exchange = network.http(&prober(&branch), &request).await;
            ahead.push((exchange.address, exchange.result.unwrap().status, branch.now()));
        }
        for (tick, ahead) in ticks.iter().zip(ahead) {
            clock.sleep_until(*tick).await;
            let exchange = network.http(&prober(&clock), &request).await;
            assert_eq!((exchange.address, exchange.result.unwrap().status, clock.now()), ahead);
        }
    });
}

/// Every sample agrees with the truth at some moment between its start and its answer.
#[test]
fn the_truth_is_what_samples_see() {
    virtually(|clock| async move {
        let (simulation, cx) = (simulate(&clock), context(&clock, "drill"));
        let samples = clock.spawn({
            let (simulation, clock) = (simulation.clone(), clock.clone());
            async move {
                let mut samples = Vec::new();
                while clock.now() < Moment::ZERO + Span::from_secs(600) {
                    let sent = clock.now();
                    let good = status(&simulation, &clock, "/healthz", Resolver::System).await == Some(200);
                    samples.push((sent, clock.now(), good));
                    clock.sleep(Span::from_millis(700)).await;
                }
                samples
            }
        });
        clock.sleep(Span::from_secs(30)).await;
        isolate(&simulation, &cx, &[Party::Users, Party::Secondary]).await;
        simulation.resources().databases[&id("main")].promote(&cx, S).await.unwrap();
        switch(&simulation, &cx, S).await.unwrap();
        let samples = samples.await.unwrap();
        let truth = simulation.truth(clock.now()).remove(0);
        let outages = truth.outages(clock.now());
        assert_eq!(outages.len(), 1, "{outages:?}");
        assert!(outages[0].0 > Moment::ZERO + Span::from_secs(30) && outages[0].1 < clock.now());
        assert_eq!(truth.segments.last().unwrap().1, Served::By(Some(S)));
        let bad = |at: Moment| outages.iter().any(|outage| outage.0 <= at && at < outage.1);
        for (sent, answered, good) in samples {
            let ends = [bad(sent), bad(answered)];
            if ends[0] == ends[1] && outages.iter().all(|outage| outage.0 < sent || outage.0 > answered) {
                assert_eq!(good, !ends[0], "a sample from {sent:?} to {answered:?}");
            }
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = || {
        virtually(|clock| async move {
            let (simulation, cx) = (simulate(&clock), context(&clock, "drill"));
            simulation.resources().computes[&id("web-servers")].scale(&cx, S, 12).await.unwrap();
            simulation.resources().databases[&id("main")].promote(&cx, S).await.unwrap();
            switch(&simulation, &cx, S).await.unwrap();
            (clock.now(), format!("{:?}", simulation.world()), simulation.truth(clock.now()))
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    virtually(|clock| async move {
        let mut twice = setup(&clock, Vec::new());
        twice.resources.push(twice.resources[0].clone());
        assert!(matches!(Simulation::new(twice), Err(SimulationError::Twice(_))));
        let mut lost = setup(&clock, Vec::new());
        lost.endpoints[0].depends_on.push(id("nothing"));
        assert!(matches!(Simulation::new(lost), Err(SimulationError::NoSuchResource { .. })));
        let mut shared = setup(&clock, Vec::new());
        let same = PerRegion { primary: vec!["192.0.2.1".into()], secondary: vec!["192.0.2.1".into()] };
        shared.resources[0].1 = SimulatedResource::Dns(SimulatedDns { targets: same, ..SimulatedDns::default() });
        assert!(matches!(Simulation::new(shared), Err(SimulationError::SharedAddress(_))));
    });
}
