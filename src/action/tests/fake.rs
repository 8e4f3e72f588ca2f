//! A small world behind the traits: states that calls change at once, and knobs for what goes wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use crate::action::{StandInSecrets, Tools};
use crate::catalogue::{Act, Mode, OnFailure, Probe, TcpProbe};
use crate::chance::Distribution;
use crate::id::{PhaseId, ProbeId, RegionRole, ResourceId, RunId, ServiceId, StepId};
use crate::model::{Environment, Objectives, Phase, PhaseKind, Plan, ProbePlan, Retry, Service, Step};
use crate::resource::*;
use crate::time::{Clock, Moment, Span};

pub(super) const P: RegionRole = RegionRole::Primary;
pub(super) const S: RegionRole = RegionRole::Secondary;

pub(super) fn id(name: &str) -> ResourceId {
    ResourceId::new(name).unwrap()
}

/// What the fakes share.
pub(super) struct State {
    pub(super) world: World,
    /// Calls that change or check something, in order.
    pub(super) calls: Vec<String>,
    /// The error that a call of this name gives.
    pub(super) errors: BTreeMap<&'static str, ProviderError>,
    /// Whether changes are acknowledged and not made.
    pub(super) lies: bool,
    /// For how many looks authoritative servers answer as before a change.
    pub(super) stale_looks: u32,
    pub(super) stale: Option<Vec<String>>,
    pub(super) proof: FenceProof,
    pub(super) write: Option<WriteAttempt>,
    /// By how much a replica's position grows with each look.
    pub(super) catch_up: u64,
    pub(super) copy: CopyReport,
    pub(super) restored: Restored,
    pub(super) scratches: Vec<String>,
    pub(super) programs: VecDeque<Result<Finished, ProcessError>>,
    pub(super) answer: Option<Answer>,
    pub(super) answer_takes: Span,
    pub(super) asked: Vec<Question>,
    pub(super) status: Result<u16, NetError>,
    pub(super) requests: Vec<HttpRequest>,
    pub(super) health: ServiceHealth,
}

#[derive(Clone)]
pub(super) struct Fake(pub(super) Arc<Mutex<State>>);

impl Fake {
    pub(super) fn get(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn call(&self, name: &'static str, what: &str) -> Result<bool, ProviderError> {
        let mut state = self.get();
        state.calls.push(format!("{name} {what}"));
        match state.errors.get(name) {
            Some(error) => Err(error.clone()),
            None => Ok(!state.lies),
        }
    }

    pub(super) fn db(&self, region: RegionRole, change: impl FnOnce(&mut DatabaseInstance)) {
        if let Some(ResourceState::Database(state)) = self.get().world.get_mut(&id("main")) {
            change(state.regions.get_mut(&region).unwrap().known_mut().unwrap());
        }
    }

    pub(super) fn lose(&self, region: RegionRole) {
        if let Some(ResourceState::Database(state)) = self.get().world.get_mut(&id("main")) {
            state.regions.insert(region, Seen::Unreachable("timed out".into()));
        }
    }

    pub(super) fn called(&self, name: &str) -> bool {
        self.get().calls.iter().any(|call| call.starts_with(name))
    }
}

macro_rules! seen {
    ($fake:expr, $id:expr, $kind:ident) => {
        match $fake.get().world.get(&id($id)) {
            Some(ResourceState::$kind(state)) => Ok(state.clone()),
            _ => Err(ProviderError::Refused("not there".into())),
        }
    };
}

impl Exclusive for Fake {}

#[async_trait]
impl Dns for Fake {
    async fn observe(&self, _: &Context) -> Result<DnsState, ProviderError> {
        seen!(self, "code", Dns)
    }
    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet {
        let address = if region == P { "192.0.2.1" } else { "192.0.2.2" };
        RecordSet { values: vec![address.into()], ..current.clone() }
    }
    async fn change(&self, _: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError> {
        let does = self.call("change", &to.values.join(" "))?;
        let mut state = self.get();
        let Some(ResourceState::Dns(now)) = state.world.get_mut(&id("code")) else { panic!() };
        if now.record != *expected {
            return Err(ProviderError::Changed("something else".into()));
        }
        if does {
            let old = std::mem::replace(&mut now.record, to.clone());
            now.serves = Some(if to.values == ["192.0.2.1"] { P } else { S });
            state.stale = Some(old.values);
        }
        Ok(())
    }
    async fn authoritative(&self, _: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        let mut state = self.get();
        let Some(ResourceState::Dns(now)) = state.world.get(&id("code")).cloned() else { panic!() };
        let mut slow = now.record.values.clone();
        if state.stale_looks > 0 && state.stale.is_some() {
            state.stale_looks -= 1;
            slow = state.stale.clone().unwrap();
        }
        let answer = |server: &str, values| ServerAnswer {
            server: server.into(),
            values: Ok(values),
            ttl: now.record.ttl,
            serves: None,
            serial: None,
        };
        Ok(vec![answer("ns1", now.record.values.clone()), answer("ns2", slow)])
    }
    async fn resolvers(&self, _: &Context) -> Result<Vec<ServerAnswer>, ProviderError> {
        Ok(Vec::new())
    }
}

macro_rules! replicated {
    ($of:ident, $state:ident, $kind:ident, $id:literal, $with:ident, { $($more:tt)* }) => {
        #[async_trait]
        impl $of for Fake {
            async fn observe(&self, _: &Context) -> Result<$state, ProviderError> {
                let mut state = self.get();
                let step = state.catch_up;
                let Some(ResourceState::$kind(now)) = state.world.get_mut(&id($id)) else { panic!() };
                for side in now.regions.values_mut().filter_map(Seen::known_mut) {
                    if side.role == ReplicaRole::Replica {
                        side.position += step;
                    }
                }
                Ok(now.clone())
            }
            async fn fence(&self, _: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
                if self.call("fence", &format!("{} {region}", $id))? {
                    self.$with(region, &mut |side| {
                        side.fenced = true;
                        side.writable = false;
                    });
                }
                Ok(self.get().proof.clone())
            }
            async fn unfence(&self, _: &Context, region: RegionRole) -> Result<(), ProviderError> {
                if self.call("unfence", &format!("{} {region}", $id))? {
                    self.$with(region, &mut |side| {
                        side.fenced = false;
                        side.writable = side.role == ReplicaRole::Primary;
                    });
                }
                Ok(())
            }
            async fn promote(&self, _: &Context, region: RegionRole) -> Result<(), ProviderError> {
                if self.call("promote", &format!("{} {region}", $id))? {
                    self.$with(region, &mut |side| {
                        side.role = ReplicaRole::Primary;
                        side.writable = true;
                        side.replicates_from = None;
                    });
                }
                Ok(())
            }
            async fn replicate(&self, _: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
                if self.call("replicate", &format!("{} {from} {to}", $id))? {
                    self.$with(to, &mut |side| {
                        side.role = ReplicaRole::Replica;
                        side.fenced = false;
                        side.writable = false;
                        side.replicates_from = Some(from);
                        side.lag = Some(Span::ZERO);
                    });
                }
                Ok(())
            }
            async fn write(&self, _: &Context, region: RegionRole) -> WriteAttempt {
                if let Some(attempt) = self.get().write.clone() {
                    return attempt;
                }
                let mut writable = false;
                self.$with(region, &mut |side| writable = side.writable);
                if writable { WriteAttempt::Acknowledged } else { WriteAttempt::Refused("read only".into()) }
            }
            async fn write_canary(&self, _: &Context, _: RegionRole, _: CanaryRow) -> WriteAttempt {
                WriteAttempt::Acknowledged
            }
            async fn canary_rows(&self, _: &Context, _: RegionRole) -> Result<CanaryRows, ProviderError> {
                Ok(CanaryRows::default())
            }
            async fn prepare_canary(&self, _: &Context) -> Result<(), ProviderError> {
                Ok(())
            }
            async fn remove_canary(&self, _: &Context) -> Result<(), ProviderError> {
                Ok(())
            }
            async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
                if let Err(error) = self.call("preserve", &format!("{} {region}", $id)) {
                    if error == ProviderError::Cancelled {
                        cx.cancel.cancelled().await;
                    }
                    return Err(error);
                }
                Ok(Preserved { location: "vault".into(), what: "snapshot".into(), only_here: Some(7) })
            }
            $($more)*
        }
    };
}

impl Fake {
    fn in_db(&self, region: RegionRole, change: &mut (dyn FnMut(&mut DatabaseInstance) + Send)) {
        self.db(region, change);
    }
    fn in_storage(&self, region: RegionRole, change: &mut (dyn FnMut(&mut StorageSide) + Send)) {
        if let Some(ResourceState::Storage(state)) = self.get().world.get_mut(&id("repositories")) {
            change(state.regions.get_mut(&region).unwrap().known_mut().unwrap());
        }
    }
}

replicated!(Database, DatabaseState, Database, "main", in_db, {});
replicated!(Storage, StorageState, Storage, "repositories", in_storage, {
    async fn verify(&self, _: &Context, _: RegionRole) -> Result<CopyReport, ProviderError> {
        Ok(self.get().copy.clone())
    }
});

#[async_trait]
impl Compute for Fake {
    async fn observe(&self, _: &Context) -> Result<ComputeState, ProviderError> {
        seen!(self, "web", Compute)
    }
    async fn scale(&self, _: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        if self.call("scale", &format!("{region} {servers}"))?
            && let Some(ResourceState::Compute(state)) = self.get().world.get_mut(&id("web"))
            && let Some(Seen::Is(group)) = state.regions.get_mut(&region)
        {
            group.desired = servers;
            group.running = servers;
        }
        Ok(())
    }
}

#[async_trait]
impl Backup for Fake {
    async fn observe(&self, _: &Context) -> Result<BackupState, ProviderError> {
        seen!(self, "snapshots", Backup)
    }
    async fn restore(&self, _: &Context, _: RegionRole, _: RestorePoint) -> Result<Restored, ProviderError> {
        let restored = self.get().restored.clone();
        self.get().scratches.push(restored.scratch.clone());
        self.call("restore", "")?;
        Ok(restored)
    }
    async fn scratches(&self, _: &Context) -> Result<Vec<String>, ProviderError> {
        Ok(self.get().scratches.clone())
    }
    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
        assert!(!cx.cancel.is_cancelled(), "tidying up must not be cancelled with the step");
        if self.call("discard", scratch)? {
            self.get().scratches.retain(|one| one != scratch);
        }
        Ok(())
    }
}

/// One of the two regions.
struct Place(Fake, RegionRole);

impl Exclusive for Place {}

#[async_trait]
impl Region for Place {
    async fn observe(&self, _: &Context) -> Result<RegionState, ProviderError> {
        match self.0.get().world.get(&region_resource(self.1)) {
            Some(ResourceState::Region(state)) => Ok(state.clone()),
            _ => panic!(),
        }
    }
    async fn set_isolation(&self, _: &Context, to: &RegionState) -> Result<(), ProviderError> {
        if self.0.call("isolation", &format!("{} {to}", self.1))? {
            self.0.get().world.insert(region_resource(self.1), ResourceState::Region(to.clone()));
        }
        Ok(())
    }
    async fn rejoin_fenced(&self, cx: &Context, fenced: &[ResourceId]) -> Result<(), ProviderError> {
        if self.0.call("rejoin", &format!("{} {}", self.1, fenced.len()))? {
            self.set_isolation(cx, &RegionState::default()).await?;
            if let Some(ResourceState::Database(state)) = self.0.get().world.get_mut(&id("main")) {
                state.regions.insert(self.1, Seen::Is(DatabaseInstance { fenced: true, writable: false, ..primary() }));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Network for Fake {
    async fn http(&self, _: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let mut state = self.get();
        state.requests.push(request.clone());
        let result = state.status.clone();
        let result =
            result.map(|status| HttpResponse { status, headers: Vec::new(), body: "body".into(), certificate: None });
        Exchange { address: None, stages: Stages::default(), result }
    }
    async fn tcp(&self, _: &Context, request: &TcpRequest) -> Exchange<String> {
        let mut state = self.get();
        state.calls.push(format!("tcp {:?}", request.resolver));
        Exchange { address: None, stages: Stages::default(), result: state.status.clone().map(|_| String::new()) }
    }
    fn vantage(&self) -> String {
        "test".into()
    }
}

#[async_trait]
impl Processes for Fake {
    async fn run(&self, _: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        let mut state = self.get();
        state.calls.push(format!("run {}", command.argv.join(" ")));
        state.programs.pop_front().expect("no further program was foreseen")
    }
}

#[async_trait]
impl People for Fake {
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer> {
        let (answer, takes) = {
            let mut state = self.get();
            state.asked.push(question.clone());
            (state.answer.clone(), state.answer_takes)
        };
        cx.clock.sleep(takes).await;
        answer
    }
}

#[async_trait]
impl Health for Fake {
    async fn service(&self, _: &Context, _: &ServiceId) -> ServiceHealth {
        self.get().health.clone()
    }
    async fn changed(&self, _: &Context) {
        std::future::pending::<()>().await;
    }
}

pub(super) fn primary() -> DatabaseInstance {
    DatabaseInstance {
        role: ReplicaRole::Primary,
        fenced: false,
        writable: true,
        replicates_from: None,
        position: 1000,
        timeline: 1,
        lag: None,
    }
}

fn world() -> World {
    let replica = DatabaseInstance {
        role: ReplicaRole::Replica,
        writable: false,
        replicates_from: Some(P),
        position: 900,
        lag: Some(Span::from_millis(400)),
        ..primary()
    };
    let side = StorageSide {
        role: ReplicaRole::Primary,
        fenced: false,
        writable: true,
        replicates_from: None,
        position: 10,
        lag: None,
    };
    let copy = StorageSide {
        role: ReplicaRole::Replica,
        writable: false,
        replicates_from: Some(P),
        lag: Some(Span::ZERO),
        ..side.clone()
    };
    let group = |servers| Seen::Is(ComputeGroup { desired: servers, running: servers, capacity: 12, up: Vec::new() });
    let snapshots = SnapshotSummary {
        count: 10,
        newest_age: Span::from_secs(600),
        oldest_age: Span::from_secs(86_400),
        longest_gap: Span::from_secs(3_600),
        encrypted: 9,
        aged_as_copies: 0,
    };
    let record = RecordSet {
        name: "code.example.test".into(),
        record_type: RecordType::A,
        values: vec!["192.0.2.1".into()],
        ttl: Span::from_secs(60),
        whole: None,
    };
    [
        (id("code"), ResourceState::Dns(DnsState { record, serves: Some(P) })),
        (
            id("main"),
            ResourceState::Database(DatabaseState {
                regions: [(P, Seen::Is(primary())), (S, Seen::Is(replica))].into(),
            }),
        ),
        (
            id("repositories"),
            ResourceState::Storage(StorageState { regions: [(P, Seen::Is(side)), (S, Seen::Is(copy))].into() }),
        ),
        (id("web"), ResourceState::Compute(ComputeState { regions: [(P, group(12)), (S, group(2))].into() })),
        (id("snapshots"), ResourceState::Backup(BackupState { regions: [(S, Seen::Is(snapshots))].into() })),
        (region_resource(P), ResourceState::Region(RegionState::default())),
        (region_resource(S), ResourceState::Region(RegionState::default())),
    ]
    .into()
}

fn plan(act: Act, mode: Mode) -> Plan {
    let probe = ProbePlan {
        id: ProbeId::new("web").unwrap(),
        probe: Probe::Tcp(TcpProbe::to("code.example.test", 443, Resolver::System)),
        every: Span::from_secs(1),
        timeout: Span::from_secs(3),
        healthy_after: 3,
        unhealthy_after: 2,
    };
    let service = Service {
        id: ServiceId::new("web").unwrap(),
        title: "Web".into(),
        depends_on: vec![id("code")],
        access: crate::model::ServiceAccess::Write,
        objectives: Objectives::default(),
        probe,
        standby: None,
    };
    let phase = Phase {
        id: PhaseId::new("failover").unwrap(),
        title: "Failover".into(),
        kind: PhaseKind::Failover,
        leg: None,
        applies: true,
        first: 0,
        count: 1,
    };
    let step = Step {
        id: StepId::new("it").unwrap(),
        title: "It".into(),
        phase: 0,
        act,
        needs: Vec::new(),
        within: None,
        timeout: Span::from_secs(300),
        retry: Retry::default(),
        on_failure: OnFailure::Undo,
        takes: Some(Distribution::fixed(Span::from_secs(7))),
        pace: None,
        expected: Span::ZERO,
        applies: true,
    };
    Plan {
        name: "test".into(),
        title: "Test".into(),
        owner: None,
        scenario: None,
        mode,
        environment: Environment::Simulated,
        twin: false,
        objectives: Objectives::default(),
        data_loss: None,
        discard: false,
        accepts: Vec::new(),
        outage_limit: None,
        schedule: None,
        unattended: false,
        pause_limit: crate::model::PAUSE_LIMIT,
        windows: Vec::new(),
        about: crate::model::About::default(),
        controls: Vec::new(),
        control_texts: Vec::new(),
        roles: Vec::new(),
        variables: Vec::new(),
        regions: BTreeMap::new(),
        resources: BTreeMap::new(),
        network: serde_json::Value::Null,
        resolver: None,
        services: vec![service],
        canaries: Vec::new(),
        witness: None,
        guardrails: Vec::new(),
        at_once: None,
        phases: vec![phase],
        steps: vec![step],
        digest: String::new(),
        calibration: None,
        silenced: Vec::new(),
    }
}

/// The fake world, the tools on it, and a context on `clock`, for a plan of the one step `act`.
pub(super) fn stage(act: &Act, mode: Mode, clock: Clock) -> (Fake, Tools, Context) {
    let state = State {
        world: world(),
        calls: Vec::new(),
        errors: BTreeMap::new(),
        lies: false,
        stale_looks: 0,
        stale: None,
        proof: FenceProof {
            position: 1000,
            old_session: Some("terminated".into()),
            new_session: Some("fenced".into()),
            sessions_ended: 3,
        },
        write: None,
        catch_up: 0,
        copy: CopyReport { repositories: 40, checked: 40, ..CopyReport::default() },
        restored: Restored {
            scratch: "scratch-1".into(),
            from: None,
            newest_age: Span::from_secs(20),
            checked: 5,
            damaged: 0,
            rows: None,
        },
        scratches: Vec::new(),
        programs: VecDeque::new(),
        answer: None,
        answer_takes: Span::ZERO,
        asked: Vec::new(),
        status: Ok(200),
        requests: Vec::new(),
        health: ServiceHealth {
            state: HealthState::Healthy,
            since: Moment::ZERO,
            good_since: Some(Moment::ZERO),
            served_by: Some(P),
            served_since: Moment::ZERO,
            last_failure: None,
        },
    };
    let fake = Fake(Arc::new(Mutex::new(state)));
    let one = || Arc::new(fake.clone());
    let resources = Resources {
        dns: [(id("code"), one() as Arc<dyn Dns>)].into(),
        databases: [(id("main"), one() as Arc<dyn Database>)].into(),
        computes: [(id("web"), one() as Arc<dyn Compute>)].into(),
        storages: [(id("repositories"), one() as Arc<dyn Storage>)].into(),
        backups: [(id("snapshots"), one() as Arc<dyn Backup>)].into(),
        regions: [P, S].map(|role| (role, Arc::new(Place(fake.clone(), role)) as Arc<dyn Region>)).into(),
        network: one(),
        processes: one(),
        people: one(),
    };
    let plan = Arc::new(plan(act.clone(), mode));
    let tools = Tools {
        resources: Arc::new(resources),
        health: one(),
        step: plan.steps.first().cloned().map(Arc::new),
        plan,
        initial: Arc::new(world()),
        secrets: Arc::new(StandInSecrets),
        left_behind: Arc::default(),
    };
    let cx = Context {
        run: RunId::new("20261122-084216-test").unwrap(),
        actor: Actor::Step(StepId::new("it").unwrap()),
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock,
        fencing: 1,
        cancel: Cancellation::default(),
    };
    (fake, tools, cx)
}
