//! Records made by hand, for the tests of every format.

#[path = "odd.rs"]
mod odd;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use odd::{hostile, large};
use odd::{previous_measures, previous_steps, pulses};

use crate::catalogue::{Mode, OnFailure};
use crate::chance::Seed;
use crate::event::{Origin, PreviousMeasure, PreviousRun, PreviousStep, ServerKind};
use crate::id::{PhaseId, ProbeId, RegionRole, ResourceId, RunId, ServiceId, StepId};
use crate::measure::{Judgement, Measure, Outage, Parts, Recovery};
use crate::model::{
    Documents, Environment, ExitCode, Happened, LeftOver, Leg, MeasureOf, NotSeenRed, Objectives, PhaseKind, Place,
    Proof, Showing, SourceDocument, UndoResult, Variable, VariableSource, Verdict,
};
use crate::record::{
    AttemptRecord, CanaryRecord, Change, DnsChange, DnsRecord, DnsSwitchRecord, Ended, GateRecord, GuardrailBreak,
    GuardrailRecord, Happening, HappeningKind, Header, Heads, Latency, LegRecord, LegVerdict, Limit, OutageRecord,
    PhaseRecord, PhaseState, Pulse, Record, RegionName, RpaRecord, ServiceLeg, ServiceRecord, Simulated, StepRecord,
    StepState, UndoRecord, WithinResult, WitnessRecord,
};
use crate::resource::{Answer, AnsweredBy, Decision, HealthState, ResourceKind};
use crate::time::{Moment, Span};

pub(crate) fn at(seconds: u64) -> Moment {
    Moment(seconds * 1_000_000_000)
}

pub(crate) fn secs(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

/// A text that is dangerous in every format.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script> \"q\" a|b `c` ``` ]]> --> </style></title></svg> {{run}} &amp; \
     \u{1b}[31mred\u{1b}]0;owned\u{7}\u{0}\u{8}\r\n# heading\n| cell | \u{202e}rtl\u{9b}2J [x](javascript:y) é😀";

fn header(until: Moment) -> Header {
    let document = |path: &str, text: &str| SourceDocument { path: path.to_owned(), text: text.to_owned() };
    let region = |role, name: &str| RegionName { role, name: name.to_owned() };
    let ttl = Variable { name: "ttl".to_owned(), value: "30s".to_owned(), source: VariableSource::CommandLine };
    Header {
        run: RunId::new("20261122-084216-quarterly-failover").unwrap(),
        format: 1,
        playbook: "quarterly-failover".to_owned(),
        title: "Quarterly failover of the code host to its secondary region, and back".to_owned(),
        owner: Some("platform-reliability".to_owned()),
        scenario: Some("The primary region is lost without warning".to_owned()),
        mode: Mode::Planned,
        environment: Environment::Simulated,
        simulated: Simulated::Wholly,
        digest: "a3".repeat(32),
        objectives: Objectives { rto: Some(secs(900)), rpo: Some(secs(30)), failback_rto: None, failback_rpo: None },
        data_loss: None,
        about: crate::model::About::default(),
        controls: vec!["soc2:A1.3".to_owned(), "dora:11.6".to_owned()],
        control_texts: Vec::new(),
        silenced: vec![crate::model::SilencedWarning {
            code: "M095".to_owned(),
            place: Some("playbooks/quarterly-failover.yaml:1:1".to_owned()),
            message: "nobody comes home".to_owned(),
            because: "the way home is a drill of its own".to_owned(),
        }],
        regions: vec![region(RegionRole::Primary, "us-east-1"), region(RegionRole::Secondary, "us-west-2")],
        variables: vec![ttl.clone()],
        overridden: vec![ttl],
        seed: Some(Seed(7)),
        schedule: None,
        origin: Origin {
            muster: "0.1.0".to_owned(),
            host: "drill-1".to_owned(),
            user: "ops".to_owned(),
            vantage: "simulated user in eu-central".to_owned(),
            lead: Some("Ada".to_owned()),
            participants: vec!["Grace".to_owned()],
            yes: true,
            ..Origin::default()
        },
        documents: Arc::new(Documents {
            playbook: document("playbooks/quarterly-failover.yaml", "muster: 1\nname: quarterly-failover\n"),
            infrastructure: document("playbooks/infra/simulated.yaml", "muster: 1\nenvironment: simulated\n"),
            nested: Vec::new(),
            calibration: None,
            catalogues: Vec::new(),
        }),
        calibration: None,
        started_at: "2026-11-22T08:42:16Z".parse().unwrap(),
        finished_at: Some("2026-11-22T09:42:16Z".parse().unwrap()),
        until,
        took: until.since(Moment::ZERO),
        events: 1234,
        heads: Heads { last: "cd".repeat(32), finished: Some("cd".repeat(32)) },
    }
}

/// What a rehearsal has shown of the checks.
fn proof() -> Proof {
    Proof {
        at: "2026-02-27T09:30:00Z".parse().unwrap(),
        muster: "0.9.0".to_owned(),
        seed: Seed(1),
        infrastructure: "infra/simulated.yaml".to_owned(),
        modes: vec![Mode::Planned, Mode::Unplanned],
        seen_red: vec!["service web: status 200".to_owned(), "step all-healthy: web is healthy".to_owned()],
        not_seen_red: vec![NotSeenRed {
            name: "service web: within 800 ms".to_owned(),
            because: "an answer is waited for no longer than 500 ms".to_owned(),
        }],
    }
}

/// What a step of this action and name counts towards, as a record tells it.
fn bears_on(action: &str, id: &str) -> Vec<Showing> {
    let home = id.ends_with("-back");
    let mut found = match action {
        "database.promote" | "dns.switch" if home => vec![Showing::Exercised, Showing::Automated, Showing::Returned],
        "database.promote" | "dns.switch" => vec![Showing::Exercised, Showing::Automated, Showing::SwitchedOver],
        "database.fence" => vec![Showing::Exercised, Showing::Automated, Showing::OneWriter],
        "compute.scale" => vec![Showing::Exercised, Showing::Automated, Showing::CapacityElsewhere],
        "region.isolate" => vec![Showing::Exercised, Showing::Automated, Showing::SuddenLoss],
        "approve" => vec![Showing::PeopleDecided],
        _ => Vec::new(),
    };
    if id == "served-there" || id == "stay" {
        found.push(Showing::ServedElsewhere);
    }
    if id == "stay" {
        found.push(Showing::StayedElsewhere);
    }
    found.sort_unstable();
    found
}

fn step(id: &str, phase: usize, action: &str, (from, to): (u64, u64)) -> StepRecord {
    let attempt = AttemptRecord {
        attempt: 1,
        started: at(from),
        ended: Some(at(to)),
        failure: None,
        happened: None,
        retry_in: None,
    };
    StepRecord {
        id: StepId::new(id).unwrap(),
        title: id.to_owned(),
        phase,
        leg: None,
        action: action.to_owned(),
        summary: format!("{action} main to secondary"),
        subjects: vec![ResourceId::new("main").unwrap()],
        needs: Vec::new(),
        state: StepState::Passed,
        started: Some(at(from)),
        ended: Some(at(to)),
        took: Some(secs(to - from)),
        expected: secs(30),
        within: None,
        attempts: vec![attempt],
        gates: Vec::new(),
        on_failure: OnFailure::Undo,
        failure: None,
        warning: None,
        evidence: BTreeMap::from([("position".to_owned(), "0/3000060".to_owned())]),
        changes: Vec::new(),
        undo: None,
        bears_on: bears_on(action, id),
    }
}

fn gate(id: &str, phase: usize, (from, to): (u64, u64)) -> StepRecord {
    let mut step = step(id, phase, "approve", (from, to));
    step.gates.push(GateRecord {
        step: step.id.clone(),
        prompt: "Start? Users are out from here.".to_owned(),
        approvers: vec!["incident-commander".to_owned()],
        opened: at(from),
        closed: Some(at(to)),
        answer: Some(Answer {
            decision: Decision::Approved,
            names: vec!["Ada".to_owned()],
            because: None,
            by: AnsweredBy::Terminal,
            evidence: Vec::new(),
            people: Vec::new(),
        }),
        votes: Vec::new(),
    });
    step
}

fn phase(
    id: &str,
    kind: PhaseKind,
    leg: Option<Leg>,
    (from, to): (u64, u64),
    (first, count): (usize, usize),
) -> PhaseRecord {
    PhaseRecord {
        id: PhaseId::new(id).unwrap(),
        title: format!("{id} of the code host"),
        kind,
        leg,
        state: PhaseState::Passed,
        started: Some(at(from)),
        ended: Some(at(to)),
        took: Some(secs(to - from)),
        first,
        count,
    }
}

fn outage(leg: Leg, from: u64, to: u64) -> OutageRecord {
    let outage = Outage {
        last_healthy: Some(at(from)),
        first_bad: at(from + 1),
        noticed: at(from + 2),
        last_bad: at(to - 1),
        recovery: Some(Recovery { sent: at(to), answered: at(to), confirmed: at(to + 2) }),
        failed: to - from,
        saw: "HTTP 503, expected 200".to_owned(),
    };
    let length = outage.length();
    OutageRecord { leg, outage, length }
}

fn service(id: &str, title: &str, outages: Vec<OutageRecord>) -> ServiceRecord {
    let legs = outages.iter().map(|one| ServiceLeg {
        leg: one.leg,
        rta: one.length.clone(),
        rto: Some(secs(600)),
        judgement: one.length.judge(Some(secs(600))),
        downtime: one.length.upper().unwrap_or(Span::ZERO),
    });
    ServiceRecord {
        id: ServiceId::new(id).unwrap(),
        title: title.to_owned(),
        probe: "GET https://code.example.test/healthz".to_owned(),
        every: secs(1),
        healthy_after: 3,
        unhealthy_after: 2,
        state: HealthState::Healthy,
        served_by: Some(RegionRole::Primary),
        legs: legs.collect(),
        samples: 3600,
        failed: outages.iter().map(|one| one.outage.failed).sum(),
        failed_outside: 1,
        unknown: 0,
        missing: 0,
        downtime: secs(120),
        latency: Some(Latency { p50: Span::from_millis(21), p95: Span::from_millis(48), max: Span::from_millis(3001) }),
        failures: outages.iter().map(|one| one.outage.saw.clone()).take(1).collect(),
        pulses: pulses(130),
        outages,
    }
}

fn leg(leg: Leg, (from, to): (u64, u64), rpo: Span) -> LegRecord {
    let rta = Measure::Between { lower: secs(to - from - 2), upper: secs(to - from) };
    let rpa = Measure::NoneLost { resolution: Span::from_millis(200) };
    LegRecord {
        leg,
        verdict: LegVerdict::Passed,
        started: Some(at(from)),
        ended: Some(at(to + 60)),
        rto: Some(secs(900)),
        rto_judgement: rta.judge(Some(secs(900))),
        parts: Some(Parts {
            detection: None,
            execution: Some(secs(to - from - 12)),
            decision: None,
            propagation: Some(secs(10)),
            stabilisation: Some(secs(2)),
        }),
        lost_at: Some(at(from)),
        recovered_at: Some(at(to)),
        rpo: Some(rpo),
        rpo_judgement: rpa.judge(Some(rpo)),
        rta,
        rpa,
    }
}

fn canary(of: &str, legs: &[&LegRecord]) -> CanaryRecord {
    let legs = legs.iter().map(|leg| RpaRecord {
        leg: leg.leg,
        rpa: leg.rpa.clone(),
        rpo: leg.rpo,
        judgement: leg.rpo_judgement,
        acknowledged: Some(1200),
        lost: Some(0),
        survived_unacknowledged: Some(1),
    });
    CanaryRecord {
        id: ProbeId::new(of).unwrap(),
        of: ResourceId::new(of).unwrap(),
        kind: ResourceKind::Database,
        every: Span::from_millis(200),
        acknowledged: 16_000,
        failed: 90,
        legs: legs.collect(),
    }
}

fn happening(seconds: u64, kind: HappeningKind, text: &str) -> Happening {
    Happening { at: at(seconds), kind, text: text.to_owned() }
}

fn dns() -> DnsRecord {
    let change = |seconds, server: &str, server_kind, role: RegionRole| DnsChange {
        server: server.to_owned(),
        server_kind,
        asked: at(seconds),
        values: vec!["198.51.100.7".to_owned()],
        serves: Some(role),
    };
    DnsRecord {
        record: ResourceId::new("code").unwrap(),
        answers: vec![
            change(0, "ns1.example.test", ServerKind::Authoritative, RegionRole::Primary),
            change(230, "ns1.example.test", ServerKind::Authoritative, RegionRole::Secondary),
            change(260, "resolver-eu", ServerKind::Resolver, RegionRole::Secondary),
        ],
        switches: vec![DnsSwitchRecord {
            step: StepId::new("dns").unwrap(),
            to: RegionRole::Secondary,
            done: at(230),
            old_ttl: Some(secs(60)),
            resolvers_done: Some(at(260)),
            worst_case_until: Some(at(290)),
        }],
    }
}

/// A planned drill that passed, with a soak of half an hour.
#[expect(clippy::too_many_lines, reason = "a record is long, and read from top to bottom")]
pub(crate) fn passed() -> Record {
    let legs = vec![leg(Leg::Failover, (130, 262), secs(30)), leg(Leg::Return, (2300, 2390), Span::ZERO)];
    let mut promote = step("promote", 1, "database.promote", (160, 195));
    promote.title = "Promote the replica".to_owned();
    promote.within = Some(WithinResult { within: secs(120), counted: Some(secs(35)), judgement: Judgement::Met });
    promote.changes.push(Change {
        resource: ResourceId::new("main").unwrap(),
        before: Some("primary writable, secondary replica 212 ms behind".to_owned()),
        after: Some("primary fenced, secondary writable".to_owned()),
    });
    let mut dns_step = step("dns", 1, "dns.switch", (196, 230));
    dns_step.attempts = vec![
        AttemptRecord {
            attempt: 1,
            started: at(196),
            ended: Some(at(210)),
            failure: Some("ns2.example.test still gives the old answer".to_owned()),
            happened: Some(Happened::Yes),
            retry_in: Some(secs(5)),
        },
        AttemptRecord {
            attempt: 2,
            started: at(215),
            ended: Some(at(230)),
            failure: None,
            happened: None,
            retry_in: None,
        },
    ];
    let mut skipped = step("isolate", 5, "region.isolate", (0, 0));
    skipped.state = StepState::NotInThisMode;
    skipped.started = None;
    skipped.attempts.clear();
    let mut drill = phase("disaster", PhaseKind::Disaster, Some(Leg::Failover), (0, 0), (10, 1));
    drill.state = PhaseState::NotInThisMode;
    drill.started = None;
    Record {
        proof: Some(proof()),
        forecast: None,
        open_actions: Vec::new(),
        review: crate::record::ReviewRecord::default(),
        header: header(at(2520)),
        ended: Ended {
            verdict: Verdict::Passed,
            world: Place::Home,
            exit: Some(ExitCode::Passed),
            reasons: Vec::new(),
            aborted: None,
        },
        left: Vec::new(),
        canaries: vec![canary("main", &[&legs[0], &legs[1]]), canary("repositories", &[&legs[0], &legs[1]])],
        phases: vec![
            phase("prechecks", PhaseKind::Prechecks, None, (0, 125), (0, 2)),
            phase("failover", PhaseKind::Failover, Some(Leg::Failover), (126, 232), (2, 4)),
            phase("verify", PhaseKind::Verify, Some(Leg::Failover), (232, 385), (6, 1)),
            phase("soak", PhaseKind::Soak, None, (385, 2185), (7, 1)),
            phase("failback", PhaseKind::Failback, Some(Leg::Return), (2186, 2519), (8, 2)),
            drill,
        ],
        steps: vec![
            step("all-healthy", 0, "check", (0, 60)),
            gate("go", 0, (60, 125)),
            step("fence", 1, "database.fence", (126, 131)),
            step("scale-out", 1, "compute.scale", (126, 190)),
            promote,
            dns_step,
            step("served-there", 2, "check", (232, 385)),
            step("stay", 3, "check", (385, 2185)),
            step("promote-back", 4, "database.promote", (2300, 2330)),
            step("dns-back", 4, "dns.switch", (2331, 2360)),
            skipped,
        ],
        services: vec![
            service("web", "Web interface", vec![outage(Leg::Failover, 130, 250), outage(Leg::Return, 2300, 2380)]),
            service(
                "push",
                "Git push, a write",
                vec![outage(Leg::Failover, 131, 262), outage(Leg::Return, 2301, 2390)],
            ),
            service("ssh", "Git over SSH", Vec::new()),
        ],
        witness: Some(WitnessRecord {
            probe: "tcp status.example.net:443".to_owned(),
            samples: 1800,
            failed: 0,
            blind: Vec::new(),
        }),
        dns: vec![dns()],
        guardrails: vec![GuardrailRecord {
            name: "secondary stays reachable".to_owned(),
            watches: "tcp gw.us-west-2.example.test:22".to_owned(),
            looks: Vec::new(),
            broken_after: Some(secs(10)),
            broken: Vec::new(),
        }],
        timeline: vec![
            happening(0, HappeningKind::Started, "the run began"),
            happening(130, HappeningKind::Lost, "Web interface was lost"),
            happening(195, HappeningKind::Promotion, "promote: the point of no return of the failover"),
            happening(230, HappeningKind::Switch, "dns: users were moved to secondary"),
            happening(250, HappeningKind::Recovered, "Web interface was back"),
            happening(262, HappeningKind::Recovered, "Git push was back"),
            happening(2300, HappeningKind::Lost, "Web interface was lost"),
            happening(2360, HappeningKind::Switch, "dns-back: users were moved to primary"),
            happening(2380, HappeningKind::Recovered, "Web interface was back"),
            happening(2520, HappeningKind::Finished, "the run ended"),
        ],
        gaps: Vec::new(),
        warnings: Vec::new(),
        changes: Vec::new(),
        before: BTreeMap::new(),
        unseen: Vec::new(),
        after: Some(BTreeMap::new()),
        limits: vec![
            Limit {
                code: "simulated".to_owned(),
                text: "Everything was simulated: no real system was moved.".to_owned(),
            },
            Limit {
                code: "nobody_asked".to_owned(),
                text: "Gates were answered by --yes: how fast people decide was not exercised.".to_owned(),
            },
        ],
        previous: Some(PreviousRun {
            run: "20260822-084216-quarterly-failover".to_owned(),
            verdict: "passed".to_owned(),
            rta: Some(secs(140)),
            rpa: None,
            mode: Some(Mode::Planned),
            digest: Some("a3".repeat(32)),
            measures: previous_measures(),
            steps: previous_steps(),
        }),
        legs,
    }
}

/// An unplanned drill that failed past its promotion, with an undo, a left-over and a broken guardrail.
pub(crate) fn failed() -> Record {
    let mut record = passed();
    record.header.mode = Mode::Unplanned;
    record.header.environment = Environment::Staging;
    record.header.simulated = Simulated::Partly(vec!["main".to_owned()]);
    record.header.until = at(900);
    record.header.took = secs(900);
    record.ended = Ended {
        verdict: Verdict::Failed,
        world: Place::Secondary,
        exit: Some(ExitCode::NeedsPerson),
        reasons: vec![
            "step dns failed: ns2 refuses updates".to_owned(),
            "the RTO of the failover was missed".to_owned(),
        ],
        aborted: None,
    };
    record.left = vec![LeftOver {
        step: Some(StepId::new("promote").unwrap()),
        what: "main is writable in the secondary region".to_owned(),
        advice: "muster run playbooks/failback.yaml --mode planned --execute".to_owned(),
    }];
    let failover = &mut record.legs[0];
    failover.verdict = LegVerdict::Failed;
    failover.rta = Measure::MoreThan { lower: secs(769) };
    failover.rto_judgement = failover.rta.judge(failover.rto);
    failover.parts = None;
    failover.recovered_at = None;
    failover.rpa = Measure::Between { lower: Span::from_millis(4100), upper: Span::from_millis(4312) };
    let back = &mut record.legs[1];
    back.verdict = LegVerdict::NotReached;
    back.rta = Measure::NotMeasured { why: "the run did not come to this leg".to_owned() };
    back.rpa = back.rta.clone();
    (back.rto_judgement, back.rpo_judgement) = (Judgement::NotMeasured, Judgement::NotMeasured);
    (back.parts, back.lost_at, back.recovered_at) = (None, None, None);
    for phase in &mut record.phases[2..] {
        (phase.state, phase.started, phase.ended, phase.took) = (PhaseState::NotReached, None, None, None);
    }
    record.phases[1].state = PhaseState::Failed;
    record.phases[1].ended = Some(at(890));
    record.phases[1].took = Some(secs(764));
    for step in &mut record.steps[6..] {
        (step.state, step.started, step.ended, step.took) = (StepState::NotReached, None, None, None);
        step.attempts.clear();
    }
    record.steps[3].undo =
        Some(UndoRecord { started: at(700), ended: Some(at(720)), result: Some(UndoResult::Restored) });
    record.steps[2].undo = Some(UndoRecord {
        started: at(721),
        ended: Some(at(760)),
        result: Some(UndoResult::Failed("the old primary does not answer; start it by hand, fenced".to_owned())),
    });
    record.steps[4].within =
        Some(WithinResult { within: secs(30), counted: Some(secs(35)), judgement: Judgement::Missed });
    let dns = &mut record.steps[5];
    dns.state = StepState::InDoubt;
    dns.failure = Some("ns2 refuses updates".to_owned());
    dns.attempts[1].failure = dns.failure.clone();
    dns.attempts[1].happened = Some(Happened::Unknown);
    let mut open = outage(Leg::Failover, 130, 901);
    open.outage.recovery = None;
    open.length = open.outage.length();
    record.services = vec![
        service("web", "Web interface", vec![open]),
        service("push", "Git push, a write", vec![outage(Leg::Failover, 131, 200), outage(Leg::Failover, 260, 290)]),
    ];
    record.services[0].state = HealthState::Unhealthy;
    if let Some(witness) = &mut record.witness {
        witness.blind.push((at(400), at(420)));
    }
    record.guardrails[0].broken.push(GuardrailBreak {
        at: at(600),
        seen: "no answer for 10 s".to_owned(),
        then: OnFailure::Pause,
    });
    record.warnings = vec!["Only the lease guarded main against a second run".to_owned()];
    record.changes = vec![Change {
        resource: ResourceId::new("main").unwrap(),
        before: Some("primary writable".to_owned()),
        after: None,
    }];
    record.timeline = vec![
        happening(130, HappeningKind::Disaster, "isolate: the primary region was cut off"),
        happening(131, HappeningKind::Lost, "Web interface was lost"),
        happening(195, HappeningKind::Promotion, "promote: the point of no return"),
        happening(230, HappeningKind::Failure, "dns: in doubt"),
        happening(231, HappeningKind::Course, "holding: past the point of no return"),
        happening(600, HappeningKind::Guardrail, "secondary stays reachable: broken"),
        happening(700, HappeningKind::Undo, "scale-out: taken back"),
        happening(900, HappeningKind::Finished, "the run ended"),
    ];
    record
}

/// A run whose journal has no end.
pub(crate) fn incomplete() -> Record {
    let mut record = failed();
    record.ended =
        Ended { verdict: Verdict::Incomplete, world: Place::Unknown, exit: None, reasons: Vec::new(), aborted: None };
    record.header.finished_at = None;
    record.header.heads.finished = None;
    record.phases[1].state = PhaseState::Running;
    (record.phases[1].ended, record.phases[1].took) = (None, None);
    record.steps[5].state = StepState::Running;
    (record.steps[5].ended, record.steps[5].took, record.steps[5].failure) = (None, None, None);
    record.steps[5].attempts.truncate(1);
    record.steps[5].attempts[0] =
        AttemptRecord { attempt: 1, started: at(196), ended: None, failure: None, happened: None, retry_in: None };
    record.steps[1].gates[0].closed = None;
    record.steps[1].gates[0].answer = None;
    record.left.clear();
    record.legs[0].verdict = LegVerdict::Incomplete;
    record.after = None;
    record
}
