//! The log and the screen of a run, from events made by hand.

use std::collections::BTreeMap;

use super::Live;
use crate::catalogue::{Act, Approve, Mode, OnFailure, Probe, TcpProbe};
use crate::event::Event;
use crate::id::{PhaseId, ProbeId, RegionRole, ServiceId, StepId};
use crate::model::{
    Course, Environment, ExitCode, Happened, Leg, Objectives, Phase, PhaseKind, PhaseResult, Place, Plan, ProbePlan,
    Retry, Sample, SampleResult, Service, Step, StepFailure, StepPass, UndoResult, Verdict,
};
use crate::report::samples::{at, secs};
use crate::resource::{Resolver, Stages};

fn step_id(id: &str) -> StepId {
    StepId::new(id).unwrap()
}

fn probe(id: &str) -> ProbePlan {
    ProbePlan {
        id: ProbeId::new(id).unwrap(),
        probe: Probe::Tcp(TcpProbe::to("git.example.test", 22, Resolver::System)),
        every: secs(1),
        timeout: secs(1),
        healthy_after: 3,
        unhealthy_after: 2,
    }
}

fn step(id: &str, phase: usize, expected: u64) -> Step {
    let approve = Approve {
        by: Vec::new(),
        quorum: 1,
        other_than_starter: false,
        deadline: None,
        then: OnFailure::Stop,
        prompt: "Start?".to_owned(),
    };
    Step {
        id: step_id(id),
        title: id.to_owned(),
        phase,
        act: Act::Approve(approve),
        needs: Vec::new(),
        within: None,
        timeout: secs(300),
        retry: Retry::default(),
        on_failure: OnFailure::Undo,
        takes: None,
        pace: None,
        expected: secs(expected),
        applies: true,
    }
}

fn plan() -> Plan {
    let phase = |id: &str, first, count| Phase {
        id: PhaseId::new(id).unwrap(),
        title: id.to_owned(),
        kind: PhaseKind::Other,
        leg: None,
        applies: true,
        first,
        count,
    };
    let service = |id: &str| Service {
        id: ServiceId::new(id).unwrap(),
        title: id.to_owned(),
        depends_on: Vec::new(),
        access: crate::model::ServiceAccess::Write,
        objectives: Objectives::default(),
        probe: probe(id),
        standby: None,
    };
    Plan {
        name: "quarterly-failover".to_owned(),
        title: "Quarterly failover".to_owned(),
        owner: None,
        scenario: None,
        mode: Mode::Planned,
        environment: Environment::Lab,
        twin: true,
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
        services: vec![service("web"), service("push")],
        canaries: Vec::new(),
        witness: Some(probe("witness")),
        guardrails: Vec::new(),
        at_once: None,
        phases: vec![phase("prechecks", 0, 1), phase("failover", 1, 2)],
        steps: vec![step("go", 0, 1), step("promote", 1, 35), step("dns", 1, 2)],
        digest: "a3".repeat(32),
        calibration: None,
        silenced: Vec::new(),
    }
}

fn sample(seconds: u64, result: SampleResult, region: RegionRole) -> Sample {
    Sample {
        tick: seconds,
        scheduled: at(seconds),
        sent: at(seconds),
        answered: at(seconds),
        result,
        address: None,
        region: Some(region),
        stages: Stages::default(),
    }
}

fn sampled(probe: &str, seconds: u64, result: SampleResult, region: RegionRole) -> (u64, Event) {
    let first = sample(seconds, result, region);
    (seconds, Event::Sampled { probe: ProbeId::new(probe).unwrap(), last: None, first })
}

fn bad() -> SampleResult {
    SampleResult::Unhealthy("HTTP 503,\u{1b}[31m expected 200\nsorry".to_owned())
}

fn events() -> Vec<(u64, Event)> {
    let phase = |id: &str| PhaseId::new(id).unwrap();
    let begins = |id: &str, attempt| Event::StepStarted { step: step_id(id), attempt, before: BTreeMap::new() };
    let pass = |already| StepPass { already, warning: None, evidence: BTreeMap::new() };
    let failure = |retry_in, happened| StepFailure {
        what: "ns2 refuses updates".to_owned(),
        happened,
        retry_in,
        evidence: BTreeMap::new(),
        ask: false,
        cancelled: false,
    };
    vec![
        (0, Event::PhaseStarted { phase: phase("prechecks") }),
        sampled("witness", 0, SampleResult::Healthy, RegionRole::Primary),
        sampled("web", 0, SampleResult::Healthy, RegionRole::Primary),
        (1, begins("go", 1)),
        (
            1,
            Event::GateOpened {
                step: step_id("go"),
                prompt: "Start?".to_owned(),
                approvers: vec!["commander".to_owned()],
            },
        ),
        (62, Event::GateAnswered { step: step_id("go"), answer: None }),
        (62, Event::StepPassed { step: step_id("go"), attempt: 1, pass: pass(false) }),
        (62, Event::PhaseFinished { phase: phase("prechecks"), result: PhaseResult::Passed }),
        (63, Event::PhaseStarted { phase: phase("failover") }),
        (63, begins("promote", 1)),
        sampled("web", 64, bad(), RegionRole::Primary),
        (98, Event::StepPassed { step: step_id("promote"), attempt: 1, pass: pass(false) }),
        (98, begins("dns", 1)),
        (100, Event::StepFailed { step: step_id("dns"), attempt: 1, failure: failure(Some(secs(5)), Happened::No) }),
        (105, begins("dns", 2)),
        sampled("web", 110, SampleResult::Healthy, RegionRole::Secondary),
        (120, Event::StepFailed { step: step_id("dns"), attempt: 2, failure: failure(None, Happened::Unknown) }),
        (
            120,
            Event::CourseChanged {
                course: Course::Holding,
                leg: Some(Leg::Failover),
                because: "past the point of no return".to_owned(),
                aborted: false,
            },
        ),
        (121, Event::UndoStarted { step: step_id("promote") }),
        (125, Event::UndoFinished { step: step_id("promote"), result: UndoResult::Failed("no answer".to_owned()) }),
        (
            130,
            Event::Finished {
                verdict: Verdict::Failed,
                world: Place::Secondary,
                exit: ExitCode::NeedsPerson,
                left: Vec::new(),
                seen: BTreeMap::new(),
            },
        ),
    ]
}

fn wall(seconds: u64) -> jiff::Timestamp {
    let start: jiff::Timestamp = "2026-11-22T08:42:16Z".parse().unwrap();
    start + std::time::Duration::from_secs(seconds)
}

#[test]
fn a_log_has_a_line_for_what_is_notable() {
    let mut live = Live::new(&plan());
    let lines: Vec<String> =
        events().into_iter().flat_map(|(seconds, event)| live.event(at(seconds), wall(seconds), &event)).collect();
    assert!(lines.iter().all(|line| !line.contains(['\u{1b}', '\n'])));
    insta::assert_snapshot!("log", lines.join("\n"));
}

#[test]
fn a_screen_shows_clocks_lights_and_the_phase() {
    let mut live = Live::new(&plan());
    let mut shown = vec![live.screen(at(0), 80)];
    let mut events = events().into_iter().peekable();
    for until in [30, 70, 102, 122] {
        while let Some((seconds, event)) = events.next_if(|(seconds, _)| *seconds <= until) {
            live.event(at(seconds), wall(seconds), &event);
        }
        shown.push(live.screen(at(until), 80));
    }
    let text: Vec<String> = shown.into_iter().map(|lines| lines.join("\n")).collect();
    assert!(text.iter().flat_map(|one| one.lines()).all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!("screen", text.join("\n\n"));
}

#[test]
fn while_the_witness_fails_a_service_is_unknown_not_down() {
    let mut live = Live::new(&plan());
    for (seconds, event) in [
        sampled("web", 1, SampleResult::Healthy, RegionRole::Primary),
        sampled("witness", 2, bad(), RegionRole::Primary),
        sampled("web", 3, bad(), RegionRole::Primary),
    ] {
        live.event(at(seconds), wall(seconds), &event);
    }
    assert!(live.screen(at(4), 80).join("\n").contains("? web unknown"));
}

#[test]
fn a_screen_is_bounded_however_much_goes_on() {
    let mut plan = plan();
    plan.steps = (0..1000).map(|n| step(&format!("step-{n}"), 0, 10)).collect();
    plan.services =
        (0..100).map(|n| Service { probe: probe(&format!("service-{n}")), ..plan.services[0].clone() }).collect();
    let mut live = Live::new(&plan);
    for n in 0..1000 {
        let event = Event::StepStarted { step: step_id(&format!("step-{n}")), attempt: 1, before: BTreeMap::new() };
        live.event(at(n), wall(n), &event);
    }
    let screen = live.screen(at(2000), 40);
    assert!(screen.len() < 30, "{} lines", screen.len());
    assert!(screen.iter().all(|line| line.chars().count() <= 40));
    assert!(screen.last().unwrap().contains("992 more"));
}
