//! The states of a run: the course of drills told as events.
//!
//! [`tables`] holds the functions to their tables, [`orders`] throws random orders of events at random plans, and
//! [`engines`] plays random plans as an engine would, whatever comes up.

mod engines;
mod orders;
mod plans;
mod tables;

use serde_json::json;

use super::course::{Next, next};
use super::*;
use crate::catalogue::{Act, Before, Decoder, Evidence, Mode};
use crate::id::RegionRole;
use crate::model::{Environment, Objectives, Phase, RegionInfo, Retry, Step, StepFailure, StepPass, UndoResult};
use crate::resource::AnsweredBy;
use crate::time::Span;

struct Json(serde_json::Value);

impl Decoder for Json {
    fn decode<T: serde::de::DeserializeOwned>(self) -> Option<T> {
        serde_json::from_value(self.0).ok()
    }
}

fn act(key: &str, args: serde_json::Value) -> Act {
    Act::decode(key, Json(args)).unwrap()
}

/// A drill in the small: prechecks, failover with fence, promote and switch, failback likewise, cleanup.
fn drill() -> Plan {
    let mut plan = empty();
    phase(&mut plan, PhaseKind::Prechecks, &[("ready", act("check", json!({"services": "all"})), OnFailure::Undo)]);
    phase(
        &mut plan,
        PhaseKind::Failover,
        &[
            ("fence", act("database.fence", json!({"database": "main", "in": "primary"})), OnFailure::Undo),
            ("promote", act("database.promote", json!({"database": "main", "to": "secondary"})), OnFailure::Undo),
            ("dns", act("dns.switch", json!({"records": "code", "to": "secondary"})), OnFailure::Undo),
        ],
    );
    phase(
        &mut plan,
        PhaseKind::Failback,
        &[
            ("fence-back", act("database.fence", json!({"database": "main", "in": "secondary"})), OnFailure::Undo),
            ("promote-back", act("database.promote", json!({"database": "main", "to": "primary"})), OnFailure::Undo),
        ],
    );
    phase(
        &mut plan,
        PhaseKind::Cleanup,
        &[
            ("tidy", act("command", json!({"argv": ["tidy"]})), OnFailure::Continue),
            ("tell", act("notify", json!({"webhook": {"env": "HOOK"}, "message": "done"})), OnFailure::Continue),
        ],
    );
    plan
}

fn empty() -> Plan {
    let region = |name: &str| RegionInfo {
        name: name.to_owned(),
        gateway: None,
        provider: "simulated".to_owned(),
        settings: json!({}),
        simulate: json!({}),
    };
    Plan {
        name: "drill".to_owned(),
        title: "A drill".to_owned(),
        owner: None,
        scenario: None,
        mode: Mode::Planned,
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
        regions: [(RegionRole::Primary, region("east")), (RegionRole::Secondary, region("west"))].into(),
        resources: std::collections::BTreeMap::new(),
        network: json!({}),
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

fn phase(plan: &mut Plan, kind: PhaseKind, steps: &[(&str, Act, OnFailure)]) {
    let (first, number) = (plan.steps.len(), plan.phases.len());
    let leg = match kind {
        PhaseKind::Failover => Some(Leg::Failover),
        PhaseKind::Failback => Some(Leg::Return),
        _ => None,
    };
    let id = PhaseId::new(&format!("{kind:?}").to_lowercase()).unwrap();
    let title = id.to_string();
    plan.phases.push(Phase { id, title, kind, leg, applies: true, first, count: steps.len() });
    for (n, (id, act, on_failure)) in steps.iter().enumerate() {
        plan.steps.push(Step {
            id: StepId::new(id).unwrap(),
            title: (*id).to_owned(),
            phase: number,
            act: act.clone(),
            needs: if n == 0 { Vec::new() } else { vec![first + n - 1] },
            within: None,
            timeout: Span::from_secs(60),
            retry: Retry::default(),
            on_failure: *on_failure,
            takes: None,
            pace: None,
            expected: Span::from_secs(1),
            applies: true,
        });
    }
}

/// Plays a plan with executors that answer at once: `fails` says which steps fail, and whether they happened.
struct Play {
    plan: Plan,
    graph: Graph,
    state: RunState,
    told: Vec<String>,
}

impl Play {
    fn new(plan: Plan) -> Self {
        let (graph, state) = (Graph::new(&plan), RunState::new(&plan));
        Self { plan, graph, state, told: Vec::new() }
    }

    fn emit(&mut self, event: &Event) {
        self.state.apply(&self.plan, &self.graph, event).unwrap();
    }

    fn run(mut self, fails: &[(&str, Happened)]) -> Self {
        for _ in 0..200 {
            match next(&self.plan, &self.graph, &self.state) {
                Next::StartPhase(n) => self.emit(&Event::PhaseStarted { phase: self.plan.phases[n].id.clone() }),
                Next::FinishPhase(n, result) => {
                    self.emit(&Event::PhaseFinished { phase: self.plan.phases[n].id.clone(), result });
                }
                Next::StartSteps(steps) => steps.into_iter().for_each(|n| self.step(n, fails)),
                Next::Skip(n) => {
                    let step = self.plan.steps[n].id.clone();
                    self.told.push(format!("skip {step}"));
                    self.emit(&Event::StepSkipped { step, because: String::new(), by: None });
                }
                Next::Undo(n) => {
                    let step = self.plan.steps[n].id.clone();
                    self.told.push(format!("undo {step}"));
                    self.emit(&Event::UndoStarted { step: step.clone() });
                    self.emit(&Event::UndoFinished { step, result: UndoResult::Restored });
                }
                Next::Turn { course, leg, because, aborted } => {
                    self.told.push(format!("{course}"));
                    self.emit(&Event::CourseChanged { course, leg, because, aborted });
                }
                Next::Ask(trigger) => {
                    let leg = self.state.leg;
                    let course = Course::Paused;
                    self.emit(&Event::CourseChanged { course, leg, because: trigger.because.clone(), aborted: false });
                    self.told.push("asked".to_owned());
                    let situation = trigger.because;
                    self.emit(&Event::Decided { choice: Choice::Undo, by: AnsweredBy::Simulation, situation });
                }
                Next::Finish => return self,
                other => panic!("nothing is under way, yet: {other:?}"),
            }
        }
        panic!("it does not end: {:?}", self.told);
    }

    fn step(&mut self, n: usize, fails: &[(&str, Happened)]) {
        let step = self.plan.steps[n].id.clone();
        self.told.push(step.to_string());
        self.emit(&Event::StepStarted { step: step.clone(), attempt: 1, before: Before::new() });
        match fails.iter().find(|(id, _)| *id == step.as_str()) {
            Some((_, happened)) => self.emit(&Event::StepFailed {
                step,
                attempt: 1,
                failure: StepFailure {
                    what: "broken".to_owned(),
                    happened: *happened,
                    retry_in: None,
                    evidence: Evidence::new(),
                    ask: false,
                    cancelled: false,
                },
            }),
            None => self.emit(&Event::StepPassed {
                step,
                attempt: 1,
                pass: StepPass { already: false, warning: None, evidence: Evidence::new() },
            }),
        }
    }

    fn told(&self) -> String {
        self.told.join(", ")
    }
}

#[test]
fn a_drill_goes_over_and_back() {
    let play = Play::new(drill()).run(&[]);
    assert_eq!(play.told(), "ready, fence, promote, dns, fence-back, promote-back, cleaning up, tidy, tell");
    assert_eq!(play.state.committed, [Leg::Failover, Leg::Return]);
}

#[test]
fn before_the_first_change_a_failure_refuses_and_only_tells() {
    let play = Play::new(drill()).run(&[("ready", Happened::No)]);
    assert_eq!(play.told(), "ready, stopping, cleaning up, skip tidy, tell");
    assert!(play.state.refused && !play.state.changed);
}

#[test]
fn before_the_point_of_no_return_everything_is_taken_back_newest_first() {
    let play = Play::new(drill()).run(&[("promote", Happened::No)]);
    assert_eq!(play.told(), "ready, fence, promote, undoing, undo fence, cleaning up, tidy, tell");
    assert!(play.state.committed.is_empty());
}

#[test]
fn a_promotion_in_doubt_passes_the_point_of_no_return() {
    let play = Play::new(drill()).run(&[("promote", Happened::Unknown)]);
    assert_eq!(
        play.told(),
        "ready, fence, promote, going back home, fence-back, promote-back, cleaning up, tidy, tell"
    );
}

#[test]
fn after_it_the_run_goes_forward_to_safety() {
    let play = Play::new(drill()).run(&[("dns", Happened::No)]);
    assert_eq!(
        play.told(),
        "ready, fence, promote, dns, going back home, fence-back, promote-back, cleaning up, tidy, tell"
    );
}

#[test]
fn without_a_failback_phase_it_holds() {
    let mut plan = drill();
    let failback = plan.phases.iter().position(|phase| phase.kind == PhaseKind::Failback).unwrap();
    plan.phases[failback].applies = false;
    let play = Play::new(plan).run(&[("dns", Happened::No)]);
    assert_eq!(play.told(), "ready, fence, promote, dns, holding, cleaning up, tidy, tell");
}

#[test]
fn a_return_that_fails_before_its_promotion_goes_back_to_the_serving_secondary() {
    let play = Play::new(drill()).run(&[("promote-back", Happened::No)]);
    assert_eq!(
        play.told(),
        "ready, fence, promote, dns, fence-back, promote-back, undoing, undo fence-back, holding, cleaning up, tidy, tell"
    );
}

#[test]
fn a_return_that_fails_after_its_promotion_holds() {
    let play = Play::new(drill()).run(&[("promote-back", Happened::Yes)]);
    assert_eq!(play.told(), "ready, fence, promote, dns, fence-back, promote-back, holding, cleaning up, tidy, tell");
}

#[test]
fn what_may_have_happened_is_taken_back_and_what_did_not_is_not() {
    let told = |happened| Play::new(drill()).run(&[("fence", happened)]).told();
    assert_eq!(told(Happened::Unknown), "ready, fence, undoing, undo fence, cleaning up, tidy, tell");
    // Nothing was changed, so there is nothing to take back.
    assert_eq!(told(Happened::No), "ready, fence, stopping, cleaning up, tidy, tell");
}

#[test]
fn continue_goes_on_with_what_needed_the_failed_step() {
    let mut plan = drill();
    plan.steps[1].on_failure = OnFailure::Continue;
    let play = Play::new(plan).run(&[("fence", Happened::No)]);
    assert!(play.told().starts_with("ready, fence, promote, dns, fence-back"), "{}", play.told());
    let failover = play.state.phases[1];
    assert_eq!(failover, PhaseStatus::Ended(PhaseResult::Failed));
}

#[test]
fn stop_takes_nothing_back() {
    let mut plan = drill();
    plan.steps[2].on_failure = OnFailure::Stop;
    let play = Play::new(plan).run(&[("promote", Happened::No)]);
    assert_eq!(play.told(), "ready, fence, promote, stopping, cleaning up, tidy, tell");
}

#[test]
fn a_pause_asks_and_goes_on_as_it_is_told() {
    let mut plan = drill();
    plan.steps[2].on_failure = OnFailure::Pause;
    let play = Play::new(plan).run(&[("promote", Happened::No)]);
    assert_eq!(play.told(), "ready, fence, promote, asked, undoing, undo fence, cleaning up, tidy, tell");
    assert!(!play.state.aborted);
}

#[test]
fn an_undo_that_a_person_decides_on_past_the_point_of_no_return_takes_the_way_home() {
    let mut plan = drill();
    plan.steps[2].on_failure = OnFailure::Pause;
    let play = Play::new(plan).run(&[("promote", Happened::Unknown)]);
    let told = play.told();
    assert!(told.starts_with("ready, fence, promote, asked, going back home, fence-back, promote-back"), "{told}");
    assert!(!told.contains("undoing"), "what was decided once must not turn the run round again: {told}");
}

#[test]
fn a_second_failure_waits_until_the_first_is_decided() {
    let mut plan = drill();
    for step in &mut plan.steps[1..4] {
        step.needs.clear();
        step.on_failure = OnFailure::Pause;
    }
    let mut play = Play::new(plan);
    play.emit(&Event::PhaseStarted { phase: play.plan.phases[1].id.clone() });
    for n in [1, 2] {
        let step = play.plan.steps[n].id.clone();
        play.emit(&Event::StepStarted { step, attempt: 1, before: Before::new() });
    }
    let fail = |play: &mut Play, n: usize| {
        let failure = StepFailure {
            what: "broken".to_owned(),
            happened: Happened::Yes,
            retry_in: None,
            evidence: Evidence::new(),
            ask: false,
            cancelled: false,
        };
        let step = play.plan.steps[n].id.clone();
        play.emit(&Event::StepFailed { step, attempt: 1, failure });
    };
    let turn = |course| Event::CourseChanged { course, leg: None, because: String::new(), aborted: false };
    fail(&mut play, 1);
    // The other step goes on while the person is asked.
    assert!(matches!(next(&play.plan, &play.graph, &play.state), Next::Ask(trigger) if trigger.step == Some(1)));
    play.emit(&turn(Course::Paused));
    fail(&mut play, 2);
    assert_eq!(next(&play.plan, &play.graph, &play.state), Next::Wait);
    let situation = "step `fence` failed".to_owned();
    play.emit(&Event::Decided { choice: Choice::GoOn, by: AnsweredBy::Terminal, situation });
    play.emit(&turn(Course::Forward));
    assert!(matches!(next(&play.plan, &play.graph, &play.state), Next::Ask(trigger) if trigger.step == Some(2)));
}

#[test]
fn at_once_bounds_how_many_steps_start() {
    let mut plan = drill();
    plan.steps.iter_mut().for_each(|step| step.needs.clear());
    plan.at_once = Some(2);
    let (graph, mut state) = (Graph::new(&plan), RunState::new(&plan));
    state.apply(&plan, &graph, &Event::PhaseStarted { phase: plan.phases[1].id.clone() }).unwrap();
    assert_eq!(next(&plan, &graph, &state), Next::StartSteps(vec![1, 2]));
}

#[test]
fn an_undo_that_can_not_begin_is_still_owed() {
    let plan = drill();
    let (graph, mut state) = (Graph::new(&plan), RunState::new(&plan));
    let fence = crate::id::StepId::new("fence").unwrap();
    let started =
        |attempt| Event::StepStarted { step: fence.clone(), attempt, before: crate::catalogue::Before::new() };
    let failure = StepFailure {
        what: String::new(),
        happened: Happened::Yes,
        retry_in: None,
        evidence: Evidence::new(),
        ask: false,
        cancelled: false,
    };
    let course = Course::Undoing;
    for event in [
        Event::PhaseStarted { phase: plan.phases[1].id.clone() },
        started(1),
        Event::StepFailed { step: fence.clone(), attempt: 1, failure },
        Event::CourseChanged { course, leg: Some(Leg::Failover), because: String::new(), aborted: false },
        started(2),
    ] {
        state.apply(&plan, &graph, &event).unwrap();
    }
    let before = format!("{state:?}");
    state.apply(&plan, &graph, &Event::UndoStarted { step: fence }).unwrap_err();
    assert_eq!(before, format!("{state:?}"));
}

#[test]
fn two_writers_stop_the_run_whatever_else_was_wanted() {
    let mut play = Play::new(drill());
    let (phase, main) = (play.plan.phases[0].id.clone(), crate::id::ResourceId::new("main").unwrap());
    play.emit(&Event::PhaseStarted { phase });
    let then = OnFailure::Undo;
    play.emit(&Event::GuardrailBroken { name: "gateway".into(), seen: "silence".into(), then });
    play.emit(&Event::SplitBrain { resource: main, seen: "two rows".into() });
    let Next::Turn { course, because, aborted, .. } = next(&play.plan, &play.graph, &play.state) else {
        panic!("it goes on");
    };
    assert_eq!((course, aborted), (Course::Stopping, false));
    assert!(because.contains("two sides of main took writes: two rows"), "{because}");
}

fn by_hand(step: &StepId) -> Event {
    Event::StepSkipped { step: step.clone(), because: String::new(), by: Some(orders::person()) }
}

#[test]
fn a_step_done_by_hand_before_its_phase_came_is_not_begun() {
    let mut play = Play::new(drill());
    let fence = play.plan.steps[1].id.clone();
    play.emit(&by_hand(&fence));
    assert!(play.run(&[]).told().starts_with("ready, promote, dns"));
}

#[test]
fn nothing_happens_to_a_step_that_does_not_apply() {
    let mut plan = drill();
    plan.steps[1].applies = false;
    let (graph, mut state) = (Graph::new(&plan), RunState::new(&plan));
    let illegal = state.apply(&plan, &graph, &by_hand(&plan.steps[1].id)).unwrap_err();
    assert_eq!(illegal.0, "step `fence` is no part of this run");
}

/// Muster may die between a person's word and the attempt: the journal alone must tell that it is still to come.
#[test]
fn what_is_to_be_tried_again_is_waited_for() {
    let mut plan = drill();
    plan.steps[1].on_failure = OnFailure::Pause;
    let mut play = Play::new(plan);
    let (failover, fence) = (play.plan.phases[1].id.clone(), play.plan.steps[1].id.clone());
    let turn = |course| Event::CourseChanged { course, leg: None, because: String::new(), aborted: false };
    play.emit(&Event::PhaseStarted { phase: failover });
    play.step(1, &[("fence", Happened::Yes)]);
    play.emit(&turn(Course::Paused));
    play.emit(&Event::Decided { choice: Choice::Retry, by: AnsweredBy::Terminal, situation: String::new() });
    play.emit(&turn(Course::Forward));
    assert_eq!(next(&play.plan, &play.graph, &play.state), Next::Wait);
    assert_eq!(play.state.to_try_again().collect::<Vec<_>>(), [1]);
    play.emit(&Event::StepStarted { step: fence, attempt: 2, before: Before::new() });
    assert_eq!(play.state.to_try_again().count(), 0);
}
