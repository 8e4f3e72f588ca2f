//! A small drill's events and what its record must say; verdicts and places as tables.

use std::sync::Arc;

use super::*;
use crate::catalogue::{Act, Before, DatabasePromote, DnsSwitch, Mode, OnFailure, OneOrMany, Probe, TcpProbe};
use crate::event::{Event, FORMAT, Origin, Started};
use crate::id::{PhaseId, ProbeId, RegionRole, ResourceId, RunId, ServiceId, StepId};
use crate::measure::{Judgement, Measure};
use crate::model::*;
use crate::resource::{
    DatabaseInstance, DatabaseState, DnsState, RecordSet, RecordType, RegionState, ReplicaRole, ResourceState, Seen,
    Stages, World, region_resource,
};
use crate::time::{Moment, Span};

fn id(name: &str) -> ResourceId {
    ResourceId::new(name).unwrap()
}

fn step(name: &str, phase: usize, act: Act) -> Step {
    Step {
        id: StepId::new(name).unwrap(),
        title: name.to_owned(),
        phase,
        act,
        needs: Vec::new(),
        within: None,
        timeout: Span::from_secs(300),
        retry: Retry::default(),
        on_failure: OnFailure::Undo,
        takes: None,
        pace: None,
        expected: Span::from_secs(1),
        applies: true,
    }
}

fn phase(name: &str, kind: PhaseKind, leg: Leg, first: usize, count: usize) -> Phase {
    let (id, title) = (PhaseId::new(name).unwrap(), name.to_owned());
    Phase { id, title, kind, leg: Some(leg), applies: true, first, count }
}

fn switch(to: RegionRole) -> Act {
    Act::DnsSwitch(DnsSwitch { records: OneOrMany(vec![id("code")]), to })
}

fn promote(to: RegionRole) -> Act {
    Act::DatabasePromote(DatabasePromote { database: id("main"), to, drain: None, irreversible: None })
}

/// Promotion and switch, there and back; one service, one canary.
fn plan() -> Plan {
    let probe = ProbePlan {
        id: ProbeId::new("web").unwrap(),
        probe: Probe::Tcp(TcpProbe::to("web", 22, crate::resource::Resolver::System)),
        every: Span::from_secs(1),
        timeout: Span::from_secs(3),
        healthy_after: 3,
        unhealthy_after: 2,
    };
    let mut steps = vec![
        step("promote", 0, promote(RegionRole::Secondary)),
        step("dns", 0, switch(RegionRole::Secondary)),
        step("promote-back", 1, promote(RegionRole::Primary)),
        step("dns-back", 1, switch(RegionRole::Primary)),
    ];
    steps[0].within = Some(Span::from_secs(20));
    let seconds = |secs| Some(Span::from_secs(secs));
    Plan {
        name: "drill".into(),
        title: "Drill".into(),
        owner: None,
        scenario: None,
        mode: Mode::Planned,
        environment: Environment::Simulated,
        twin: false,
        objectives: Objectives { rto: seconds(60), rpo: seconds(5), failback_rto: None, failback_rpo: seconds(0) },
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
        regions: std::collections::BTreeMap::new(),
        resources: std::collections::BTreeMap::new(),
        network: serde_json::Value::Null,
        resolver: None,
        services: vec![Service {
            id: ServiceId::new("web").unwrap(),
            title: "Web".into(),
            depends_on: vec![id("code"), id("main")],
            access: crate::model::ServiceAccess::Write,
            objectives: Objectives::default(),
            probe,
            standby: None,
        }],
        canaries: vec![Canary {
            id: ProbeId::new("rows").unwrap(),
            of: id("main"),
            kind: crate::resource::ResourceKind::Database,
            every: Span::from_millis(200),
        }],
        witness: None,
        guardrails: Vec::new(),
        at_once: None,
        phases: vec![
            phase("failover", PhaseKind::Failover, Leg::Failover, 0, 2),
            phase("failback", PhaseKind::Failback, Leg::Return, 2, 2),
        ],
        steps,
        digest: "d".into(),
        calibration: None,
        silenced: Vec::new(),
    }
}

fn world(region: RegionRole) -> World {
    let instance = |role: RegionRole| DatabaseInstance {
        role: if role == region { ReplicaRole::Primary } else { ReplicaRole::Replica },
        fenced: false,
        writable: role == region,
        replicates_from: (role != region).then_some(region),
        position: 7,
        timeline: 1,
        lag: None,
    };
    let record = RecordSet {
        name: "code.test".into(),
        record_type: RecordType::A,
        values: vec![region.to_string()],
        ttl: Span::from_secs(60),
        whole: None,
    };
    let regions = RegionRole::ALL.into_iter().map(|role| (role, Seen::Is(instance(role)))).collect();
    World::from([
        (id("code"), ResourceState::Dns(DnsState { record, serves: Some(region) })),
        (id("main"), ResourceState::Database(DatabaseState { regions })),
        (region_resource(RegionRole::Primary), ResourceState::Region(RegionState::default())),
    ])
}

/// Events by second.
struct Story(Vec<(u64, Event)>);

impl Story {
    fn new(plan: Plan) -> Self {
        let document = || SourceDocument { path: "p.yaml".into(), text: String::new() };
        let documents = Documents {
            playbook: document(),
            infrastructure: document(),
            nested: Vec::new(),
            calibration: None,
            catalogues: Vec::new(),
        };
        let origin = Origin::default();
        let (plan, documents) = (Arc::new(plan), Arc::new(documents));
        let (seed, previous, proof, forecast) = (None, None, None, None);
        let started = Started {
            format: FORMAT,
            plan,
            documents,
            origin,
            seed,
            previous,
            proof,
            forecast,
            open_actions: Vec::new(),
        };
        let surveyed = Event::Surveyed { world: world(RegionRole::Primary), unseen: Vec::new() };
        Self(vec![(0, Event::Started(Box::new(started))), (0, surveyed)])
    }

    fn add(&mut self, at: u64, event: Event) -> &mut Self {
        self.0.push((at, event));
        self
    }

    fn starts(&mut self, at: u64, step: &str) -> &mut Self {
        let before: Before = world(if step.ends_with("back") { RegionRole::Secondary } else { RegionRole::Primary });
        self.add(at, Event::StepStarted { step: StepId::new(step).unwrap(), attempt: 1, before })
    }

    fn passes(&mut self, at: u64, step: &str) -> &mut Self {
        let pass = StepPass { already: false, warning: None, evidence: std::collections::BTreeMap::new() };
        self.add(at, Event::StepPassed { step: StepId::new(step).unwrap(), attempt: 1, pass })
    }

    fn finds(&mut self, at: u64, step: &str) -> &mut Self {
        let pass = StepPass { already: true, warning: None, evidence: std::collections::BTreeMap::new() };
        self.add(at, Event::StepPassed { step: StepId::new(step).unwrap(), attempt: 1, pass })
    }

    fn fails(&mut self, at: u64, step: &str, happened: Happened) -> &mut Self {
        let evidence = std::collections::BTreeMap::new();
        let failure =
            StepFailure { what: "refused".into(), happened, retry_in: None, evidence, ask: false, cancelled: false };
        self.add(at, Event::StepFailed { step: StepId::new(step).unwrap(), attempt: 1, failure })
    }

    fn phase(&mut self, at: u64, phase: &str, result: Option<PhaseResult>) -> &mut Self {
        let phase = PhaseId::new(phase).unwrap();
        match result {
            None => self.add(at, Event::PhaseStarted { phase }),
            Some(result) => self.add(at, Event::PhaseFinished { phase, result }),
        }
    }

    /// From second `from` on the probe says this; it said otherwise until the second before.
    fn web(&mut self, from: u64, healthy: bool, region: RegionRole) -> &mut Self {
        let sample = |tick: u64, healthy: bool, region| Sample {
            tick,
            scheduled: Moment::ZERO + Span::from_secs(tick),
            sent: Moment::ZERO + Span::from_secs(tick),
            answered: Moment::ZERO + Span::from_secs(tick) + Span::from_millis(100),
            result: if healthy { SampleResult::Healthy } else { SampleResult::Unhealthy("503".into()) },
            address: None,
            region: Some(region),
            stages: Stages::default(),
        };
        let before = self.0.iter().rev().find_map(|(_, event)| match event {
            Event::Sampled { first, .. } => Some((first.is_healthy(), first.region)),
            _ => None,
        });
        let last = before.and_then(|(was, by)| Some(sample(from.checked_sub(1)?, was, by?)));
        let probe = ProbeId::new("web").unwrap();
        self.add(from, Event::Sampled { probe, last, first: sample(from, healthy, region) })
    }

    /// What the probe said last it says until second `to`.
    fn until(&mut self, to: u64) -> &mut Self {
        let first = self.0.iter().rev().find_map(|(_, event)| match event {
            Event::Sampled { first, .. } => Some(first.clone()),
            _ => None,
        });
        let mut last = first.unwrap();
        let (first_tick, moment) = (last.tick, Moment::ZERO + Span::from_secs(to));
        (last.tick, last.scheduled, last.sent, last.answered) = (to, moment, moment, moment + Span::from_millis(100));
        let (count, took) = (to + 1 - first_tick, Span::from_millis(100));
        let probe = ProbeId::new("web").unwrap();
        let healthy = if last.is_healthy() { count } else { 0 };
        let summary =
            SampleSummary { probe, first_tick, last_tick: to, count, healthy, p50: took, p95: took, max: took, last };
        self.add(to, Event::SamplesSummed { probes: vec![summary], canaries: Vec::new() })
    }

    fn counted(&mut self, at: u64, leg: Leg, lost: u64) -> &mut Self {
        let row = |number: u64| Some((number, Moment::ZERO + Span::from_millis(200) * number));
        let count = CanaryCount {
            canary: ProbeId::new("rows").unwrap(),
            region: RegionRole::Secondary,
            every: Span::from_millis(200),
            acknowledged: 100,
            last_acknowledged: row(99),
            prefix_end: row(99 - lost),
            lost,
            survived_unacknowledged: 0,
            unwatched: None,
        };
        self.add(at, Event::CanaryCounted { leg, count })
    }

    fn record(&self) -> Record {
        let entry = |(seq, (at, event)): (usize, &(u64, Event))| Entry {
            seq: seq as u64,
            at: jiff::Timestamp::from_second(1_800_000_000 + i64::try_from(*at).unwrap()).unwrap(),
            elapsed: Moment::ZERO + Span::from_secs(*at),
            event: event.clone(),
        };
        let run = RunId::new("20261122-084216-drill").unwrap();
        Record::from_events(run, self.0.iter().enumerate().map(entry), Heads::default()).unwrap()
    }
}

fn there(plan: Plan) -> Story {
    let mut story = Story::new(plan);
    story.web(0, true, RegionRole::Primary).phase(10, "failover", None).starts(10, "promote");
    story.web(12, false, RegionRole::Primary).passes(20, "promote").counted(20, Leg::Failover, 5);
    story.starts(20, "dns").passes(24, "dns").web(30, true, RegionRole::Secondary).until(40);
    story.phase(40, "failover", Some(PhaseResult::Passed));
    story
}

fn and_back() -> Story {
    let mut story = there(plan());
    story.phase(100, "failback", None).starts(100, "promote-back").passes(110, "promote-back");
    story.counted(110, Leg::Return, 0).starts(110, "dns-back").passes(112, "dns-back");
    story.web(115, true, RegionRole::Primary).web(149, true, RegionRole::Primary);
    story.phase(150, "failback", Some(PhaseResult::Passed));
    story
}

fn ending(world: &World) -> Ending<'_> {
    Ending {
        course: Course::Forward,
        aborted: false,
        refused: false,
        stopped: false,
        defect: false,
        left_by_hand: false,
        world,
    }
}

#[test]
fn a_whole_drill_is_measured_leg_by_leg() {
    let record = and_back().record();
    let [failover, back] = record.legs.as_slice() else { panic!("two legs") };
    let rta = Measure::Between { lower: Span::from_secs(17), upper: Span::from_millis(19_100) };
    assert_eq!((&failover.rta, failover.rto_judgement), (&rta, Judgement::Met));
    let rpa = Measure::Between { lower: Span::from_millis(800), upper: Span::from_millis(1200) };
    assert_eq!((&failover.rpa, failover.rpo_judgement), (&rpa, Judgement::Met));
    assert_eq!(back.rta, Measure::NoneSeen { resolution: Span::from_secs(2) });
    assert_eq!((back.rto, back.rto_judgement), (Some(Span::from_secs(60)), Judgement::Met), "as rto, unstated");
    assert_eq!(back.rpa, Measure::NoneLost { resolution: Span::from_millis(200) });
    assert_eq!((back.rpo, back.rpo_judgement), (Some(Span::ZERO), Judgement::Met));
    let parts = failover.parts.as_ref().unwrap();
    assert_eq!(Some(parts.total()), rta.upper());
    assert_eq!((parts.detection, parts.decision), (None, None));
    assert_eq!(parts.execution, Some(Span::from_secs(13)), "from 11 s, the last healthy sample, to 24 s");
    assert_eq!(parts.propagation, Some(Span::from_secs(6)), "until 30 s, the first sample there");
    assert_eq!(parts.stabilisation, Some(Span::from_millis(100)));
    assert_eq!((failover.verdict, back.verdict), (LegVerdict::Passed, LegVerdict::Passed));
    assert_eq!(record.steps[0].within.unwrap().judgement, Judgement::Met);
    let changed: Vec<&str> = record.steps[1].changes.iter().map(|change| change.resource.as_str()).collect();
    assert_eq!(changed, ["code"]);
    let judged = judge(&record, &ending(&world(RegionRole::Primary)));
    assert_eq!(judged.reasons, [] as [String; 0]);
    assert_eq!((judged.verdict, judged.world, judged.exit), (Verdict::Passed, Place::Home, ExitCode::Passed));
}

#[test]
fn what_was_there_already_is_told_as_no_switch_and_no_promotion() {
    let mut story = Story::new(plan());
    story.web(0, true, RegionRole::Primary).phase(10, "failover", None).starts(10, "promote");
    story.web(12, false, RegionRole::Primary).finds(20, "promote").starts(20, "dns").finds(24, "dns");
    story.web(30, true, RegionRole::Secondary).until(40).phase(40, "failover", Some(PhaseResult::Passed));
    let record = story.record();
    assert_eq!(record.steps[1].state, StepState::AlreadyDone);
    let told: Vec<HappeningKind> = record.timeline.iter().map(|happening| happening.kind).collect();
    assert!(!told.contains(&HappeningKind::Switch) && !told.contains(&HappeningKind::Promotion), "{told:?}");
    assert!(record.dns.iter().all(|record| record.switches.is_empty()), "{:?}", record.dns);
    assert_eq!(record.legs[0].parts.as_ref().unwrap().propagation, None, "nothing propagates from it");
    // The same steps carried out are told.
    let told = there(plan()).record();
    assert!(told.timeline.iter().any(|happening| happening.kind == HappeningKind::Switch));
}

#[test]
fn a_record_read_back_is_the_same() {
    let mut story = and_back();
    let seen = world(RegionRole::Secondary);
    let (verdict, exit) = (Verdict::Failed, ExitCode::NeedsPerson);
    story.add(160, Event::Finished { verdict, world: Place::Secondary, exit, left: Vec::new(), seen });
    let record = story.record();
    assert_eq!(record, story.record());
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let changed: Vec<&str> = record.changes.iter().map(|change| change.resource.as_str()).collect();
    assert_eq!(changed, ["code", "main"]);
    assert!(record.timeline.windows(2).all(|two| two[0].at <= two[1].at));
    assert_eq!(index_row(&record).rta_ns, Some(19_100_000_000));
    assert_eq!(index_row(&record).exit_code, Some(5));
    assert_eq!(record.header.simulated, Simulated::Wholly);
}

#[test]
fn a_journal_that_ends_early_makes_an_incomplete_record() {
    let record = there(plan()).record();
    assert_eq!((record.ended.verdict, record.ended.world), (Verdict::Incomplete, Place::Unknown));
    assert_eq!(record.legs[1].verdict, LegVerdict::NotReached);
    assert_eq!(record.steps[2].state, StepState::NotReached);
    assert_eq!(index_row(&record).verdict, None);
    let nothing = Record::from_events(RunId::new("20261122-084216-drill").unwrap(), [], Heads::default());
    assert_eq!(nothing, Err(RecordError::NotStarted));
}

#[test]
fn objectives_fail_a_drill_unless_they_are_met() {
    let verdict = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan();
        plan.phases.truncate(1);
        plan.steps.truncate(2);
        change(&mut plan);
        let judged = judge(&there(plan).record(), &ending(&world(RegionRole::Secondary)));
        (judged.verdict, judged.exit, judged.reasons.len())
    };
    let seconds = |secs| Some(Span::from_secs(secs));
    assert_eq!(verdict(&|_| {}), (Verdict::Passed, ExitCode::Passed, 0), "a playbook without a way back stays there");
    let failed = |reasons| (Verdict::Failed, ExitCode::NeedsPerson, reasons);
    assert_eq!(verdict(&|plan| plan.objectives.rto = seconds(10)), failed(1), "missed");
    assert_eq!(verdict(&|plan| plan.objectives.rto = seconds(18)), failed(1), "undecided");
    assert_eq!(verdict(&|plan| plan.canaries.clear()), failed(1), "RPO not measured");
    assert_eq!(verdict(&|plan| plan.services.clear()), failed(1), "RTO not measured");
    assert_eq!(verdict(&|plan| plan.steps[0].within = seconds(5)), failed(1), "a step's own objective");
    assert_eq!(verdict(&|plan| plan.services[0].objectives.rto = seconds(10)), failed(1), "a service's own objective");
    let none = |plan: &mut Plan| {
        plan.objectives = Objectives::default();
        plan.canaries.clear();
    };
    assert_eq!(verdict(&none), (Verdict::Passed, ExitCode::Passed, 0), "what has no objective can't miss it");
}

#[test]
fn endings_have_their_verdicts_and_exit_codes() {
    let home = world(RegionRole::Primary);
    let away = world(RegionRole::Secondary);
    let whole = and_back().record();
    let said = |record: &Record, ending: Ending<'_>| {
        let judged = judge(record, &ending);
        (judged.verdict, judged.exit)
    };
    let passed = |world| said(&whole, ending(world));
    assert_eq!(passed(&home), (Verdict::Passed, ExitCode::Passed));
    assert_eq!(passed(&away), (Verdict::Passed, ExitCode::NeedsPerson), "it was to come home");
    let table = [
        (Ending { refused: true, ..ending(&home) }, Verdict::Refused, ExitCode::Refused),
        (Ending { aborted: true, ..ending(&home) }, Verdict::Aborted, ExitCode::Aborted),
        (Ending { aborted: true, ..ending(&away) }, Verdict::Aborted, ExitCode::NeedsPerson),
        (Ending { stopped: true, ..ending(&home) }, Verdict::Incomplete, ExitCode::Failed),
        (Ending { stopped: true, ..ending(&away) }, Verdict::Incomplete, ExitCode::NeedsPerson),
        (Ending { course: Course::Holding, ..ending(&away) }, Verdict::Failed, ExitCode::NeedsPerson),
        (Ending { course: Course::Undoing, ..ending(&home) }, Verdict::Failed, ExitCode::Failed),
        (Ending { defect: true, ..ending(&away) }, Verdict::Passed, ExitCode::Defect),
    ];
    for (ending, verdict, exit) in table {
        assert_eq!(said(&whole, ending), (verdict, exit), "{ending:?}");
    }
}

#[test]
fn a_failed_step_fails_and_a_doubt_needs_a_person() {
    let home = world(RegionRole::Primary);
    let judged = |happened, undo: Option<UndoResult>| {
        let mut story = Story::new(plan());
        story.phase(10, "failover", None).starts(10, "promote").fails(20, "promote", happened);
        if let Some(result) = undo {
            let step = StepId::new("promote").unwrap();
            story.add(21, Event::UndoStarted { step: step.clone() }).add(22, Event::UndoFinished { step, result });
        }
        let judged = judge(&story.record(), &ending(&home));
        assert_eq!(judged.verdict, Verdict::Failed);
        assert_eq!(judged.legs, [(Leg::Failover, LegVerdict::Failed), (Leg::Return, LegVerdict::NotReached)]);
        judged.exit
    };
    assert_eq!(judged(Happened::No, None), ExitCode::Failed);
    assert_eq!(judged(Happened::Unknown, None), ExitCode::NeedsPerson);
    assert_eq!(judged(Happened::Unknown, Some(UndoResult::Restored)), ExitCode::Failed);
    assert_eq!(judged(Happened::Yes, Some(UndoResult::Failed("x".into()))), ExitCode::NeedsPerson);
    let mut story = and_back();
    story.add(151, Event::SplitBrain { resource: id("main"), seen: "two rows".into() });
    let split = judge(&story.record(), &ending(&home));
    assert_eq!((split.verdict, split.exit), (Verdict::Failed, ExitCode::NeedsPerson));
}

#[test]
fn an_outage_that_lasts_into_the_return_is_measured_in_both_legs() {
    let mut story = Story::new(plan());
    story.web(0, true, RegionRole::Primary).phase(10, "failover", None).starts(10, "promote").passes(12, "promote");
    story.counted(12, Leg::Failover, 0).web(15, false, RegionRole::Primary);
    story.phase(60, "failover", Some(PhaseResult::Passed)).phase(100, "failback", None).starts(100, "promote-back");
    story.passes(110, "promote-back").counted(110, Leg::Return, 0).starts(110, "dns-back").passes(112, "dns-back");
    story.web(160, true, RegionRole::Primary).web(199, true, RegionRole::Primary);
    story.phase(200, "failback", Some(PhaseResult::Passed));
    let record = story.record();
    let [failover, back] = record.legs.as_slice() else { panic!("two legs") };
    let between = |lower, upper| Measure::Between { lower: Span::from_secs(lower), upper: Span::from_millis(upper) };
    // Users were lost in the failover, and back only late in the return: that leg had them out from its start.
    assert_eq!(failover.rta, between(144, 146_100));
    assert_eq!(back.rta, between(59, 60_100));
    assert_eq!((failover.rto_judgement, back.rto_judgement), (Judgement::Missed, Judgement::Undecided));
    let web = &record.services[0];
    assert_eq!(web.legs[1].rta, back.rta);
    assert_eq!(web.legs[0].downtime + web.legs[1].downtime, web.downtime);
    assert_eq!(back.lost_at, Some(Moment::ZERO + Span::from_secs(100)));
}

#[test]
fn a_service_that_never_moved_does_not_recover() {
    let mut plan = plan();
    plan.phases.truncate(1);
    plan.steps.truncate(2);
    let mut story = Story::new(plan);
    story.web(0, true, RegionRole::Primary).phase(10, "failover", None).starts(10, "dns");
    story.web(12, false, RegionRole::Primary).passes(15, "dns").web(20, true, RegionRole::Primary);
    story.phase(60, "failover", Some(PhaseResult::Passed)).web(61, false, RegionRole::Primary);
    let record = story.record();
    assert!(matches!(record.legs[0].rta, Measure::MoreThan { .. }), "{:?}", record.legs[0].rta);
    assert!(record.legs[0].parts.is_none());
}

#[test]
fn a_place_is_a_regions_only_if_all_of_it_is() {
    let record = there(plan()).record();
    let place = |change: &dyn Fn(&mut World)| {
        let mut world = world(RegionRole::Primary);
        change(&mut world);
        verdict::place(&record, &world)
    };
    let database = |world: &mut World, role: RegionRole, to: Seen<bool>| {
        let Some(ResourceState::Database(database)) = world.get_mut(&id("main")) else { panic!("a database") };
        match to {
            Seen::Is(writable) => {
                database.regions.get_mut(&role).unwrap().known_mut().unwrap().writable = writable;
            }
            Seen::Unreachable(why) => {
                database.regions.insert(role, Seen::Unreachable(why));
            }
        }
    };
    let gone = || Seen::Unreachable("no answer".to_owned());
    let isolated = |world: &mut World| {
        let state = RegionState::cut_off_from([crate::resource::Party::Users].into());
        world.insert(region_resource(RegionRole::Primary), ResourceState::Region(state));
    };
    assert_eq!(place(&|_| {}), Place::Home);
    assert_eq!(place(&|world| *world = self::world(RegionRole::Secondary)), Place::Secondary);
    assert_eq!(place(&isolated), Place::Mixed);
    assert_eq!(place(&|world| database(world, RegionRole::Secondary, Seen::Is(true))), Place::Mixed, "two take writes");
    assert_eq!(place(&|world| database(world, RegionRole::Primary, Seen::Is(false))), Place::Mixed, "none does");
    assert_eq!(place(&|world| database(world, RegionRole::Secondary, gone())), Place::Unknown);
    assert_eq!(place(&|world| drop(world.remove(&id("main")))), Place::Unknown);
    let away = |world: &mut World| {
        *world = self::world(RegionRole::Secondary);
        database(world, RegionRole::Primary, gone());
    };
    assert_eq!(place(&away), Place::Secondary, "the lost region need not answer");
}

#[test]
fn what_varies_by_itself_is_no_change() {
    let before = world(RegionRole::Primary);
    let mut after = before.clone();
    let Some(ResourceState::Database(database)) = after.get_mut(&id("main")) else { panic!("a database") };
    let secondary = database.regions.get_mut(&RegionRole::Secondary).unwrap().known_mut().unwrap();
    (secondary.position, secondary.lag, secondary.timeline) = (99, Some(Span::from_secs(3)), 3);
    assert_eq!(changes::between(&before, &after), []);
    let Some(ResourceState::Database(database)) = after.get_mut(&id("main")) else { panic!("a database") };
    database.regions.get_mut(&RegionRole::Secondary).unwrap().known_mut().unwrap().fenced = true;
    let changed = changes::between(&before, &after);
    assert!(changed[0].after.as_ref().unwrap().ends_with("(secondary.fenced: true, was false)"), "{changed:?}");
}
