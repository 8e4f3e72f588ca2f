//! The engine at work, in virtual time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use muster::app::Loaded;
use muster::catalogue::Mode;
use muster::event::Event;
use muster::model::{ExitCode, UndoResult, Verdict};
use muster::plan::{Looks, preview};
use muster::record::{Record, StepRecord, StepState};
use muster::resource::{CommandLine, Context, Finished, ProcessError, Processes, World};
use muster::time::{Moment, Span};

use super::scene::{dressed, interrupted, quarterly, rehearse, with, written};

fn steps(steps: &str) -> String {
    format!("phases:\n  - name: failover\n    steps:\n{steps}")
}

fn step<'a>(record: &'a Record, id: &str) -> &'a StepRecord {
    record.steps.iter().find(|step| step.id.as_str() == id).unwrap()
}

fn secs(secs: u64) -> Span {
    Span::from_secs(secs)
}

fn run(loaded: &Loaded, faults: &[&str]) -> (Record, ExitCode) {
    let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
    let it = rehearse(loaded, &with(1, &faults));
    (it.record, it.exit)
}

/// From the first start of any step to the last end.
fn whole(record: &Record) -> Span {
    let first = record.steps.iter().filter_map(|step| step.started).min().unwrap();
    record.steps.iter().filter_map(|step| step.ended).max().unwrap().since(first)
}

fn wide(count: u64) -> String {
    let line = |n: u64| format!("      - {{ id: w{n}, needs: [], wait: {{ for: {}s }} }}\n", n + 1);
    steps(&(0..count).map(line).collect::<String>())
}

#[test]
fn what_needs_nothing_runs_at_once() {
    let (record, exit) = run(&written(&wide(100), &[]), &[]);
    assert_eq!((exit, whole(&record)), (ExitCode::Passed, secs(100)));
}

#[test]
fn no_more_run_at_once_than_the_playbook_says() {
    let line = |n: u64| format!("      - {{ id: w{n}, needs: [], wait: {{ for: 10s }} }}\n");
    let same = steps(&(0..10).map(line).collect::<String>());
    let (record, _) = run(&written(&format!("at_once: 2\n{same}"), &[]), &[]);
    assert_eq!(whole(&record), secs(50));
}

#[test]
fn a_plan_foretells_when_each_step_begins_under_a_limit() {
    for limit in [1, 2, 3, 10_000] {
        let mut text = format!("at_once: {limit}\nphases:\n  - name: failover\n    steps:\n");
        for (n, needs) in ["", "", "", "", "s1", "s0, s3", "s1, s2", ""].iter().enumerate() {
            let takes = [7, 2, 5, 3, 11, 1, 4, 6][n];
            let _ = writeln!(text, "      - {{ id: s{n}, needs: [{needs}], wait: {{ for: {takes}s }} }}");
        }
        text.push_str("  - name: verify\n    steps: [{ id: last, wait: { for: 3s } }]\n");
        let loaded = written(&text, &[]);
        let (record, _) = run(&loaded, &[]);
        let told = preview(&loaded.plan, &World::new(), &Looks::new());
        let told: BTreeMap<&str, Span> =
            told.phases.iter().flat_map(|phase| &phase.steps).map(|it| (it.id.as_str(), it.start)).collect();
        let first = record.steps.iter().filter_map(|step| step.started).min().unwrap();
        let really: BTreeMap<&str, Span> =
            record.steps.iter().map(|it| (it.id.as_str(), it.started.unwrap().since(first))).collect();
        assert_eq!(told, really, "{limit} at once");
    }
}

#[test]
fn what_makes_room_under_a_limit_is_on_the_critical_path() {
    let text = "at_once: 1\nphases:\n  - name: failover\n    steps:
      - { id: a, needs: [], wait: { for: 2s } }
      - { id: b, needs: [], wait: { for: 3s } }\n";
    let told = preview(&written(text, &[]).plan, &World::new(), &Looks::new());
    assert_eq!(told.total, secs(5));
    assert!(told.phases[0].steps.iter().all(|step| step.critical), "{told:?}");
}

const FAILING: &str = "command: { argv: [it] }";

#[test]
fn attempts_are_spaced_by_a_wait_that_doubles_up_to_its_bound() {
    let text = format!("      - {{ id: a, {FAILING}, retry: {{ attempts: 5, wait: 2s, max_wait: 5s }} }}\n");
    let (record, exit) = run(&written(&steps(&text), &[]), &["a=fails"]);
    let waits: Vec<Option<Span>> = step(&record, "a").attempts.iter().map(|attempt| attempt.retry_in).collect();
    assert_eq!(waits, [Some(secs(2)), Some(secs(4)), Some(secs(5)), Some(secs(5)), None]);
    let attempts = &step(&record, "a").attempts;
    for pair in attempts.windows(2) {
        assert_eq!(pair[1].started.since(pair[0].ended.unwrap()), pair[0].retry_in.unwrap());
    }
    assert_ne!(exit, ExitCode::Passed);
}

const UNDOABLE: &str = "command: { argv: [pause], observe: [status], undo: [resume] }";

#[test]
fn a_missed_objective_of_a_step_fails_the_drill_and_takes_nothing_back() {
    let text = format!(
        "      - {{ id: a, {UNDOABLE}, simulate: {{ takes: 20s }}, within: 10s }}\n      - {{ id: b, wait: {{ for: 1s }} }}\n"
    );
    let (record, _) = run(&written(&steps(&text), &[]), &[]);
    assert_eq!(record.ended.verdict, Verdict::Failed);
    assert!(step(&record, "a").state.is_good() && step(&record, "b").state.is_good());
    assert_eq!(step(&record, "a").undo, None);
}

/// A step that can be taken back, one that fails, one after it.
fn failing(on_failure: &str) -> (Record, ExitCode) {
    let text = format!(
        "      - {{ id: first, {UNDOABLE} }}
      - {{ id: fails, {FAILING}, on_failure: {on_failure} }}
      - {{ id: after, wait: {{ for: 1s }} }}
  - name: cleanup
    steps: [{{ id: tidy, wait: {{ for: 1s }} }}]\n"
    );
    run(&written(&steps(&text), &[]), &["fails=fails"])
}

#[test]
fn what_a_failure_means_is_what_the_step_says() {
    for (on_failure, undone, after) in
        [("undo", true, false), ("pause", true, false), ("stop", false, false), ("continue", false, true)]
    {
        let (record, exit) = failing(on_failure);
        let first = step(&record, "first");
        assert_eq!(step(&record, "fails").state, StepState::Failed, "{on_failure}");
        let result = first.undo.as_ref().and_then(|undo| undo.result.clone());
        assert_eq!(result.is_some_and(|result| !result.leaves_something()), undone, "{on_failure}: {:?}", first.undo);
        assert_eq!(step(&record, "after").state.is_good(), after, "{on_failure}");
        assert!(step(&record, "tidy").state.is_good(), "{on_failure}: cleanup runs whatever happened");
        assert_eq!(record.ended.verdict, Verdict::Failed, "{on_failure}");
        assert_ne!(exit, ExitCode::Passed, "{on_failure}");
    }
}

/// As [`failing`], at a gate; `fault` says how it is answered.
fn asking(gate: &str, fault: &str) -> (Record, ExitCode) {
    let text = format!(
        "      - {{ id: first, {UNDOABLE} }}
      - {{ id: go, {gate} }}
      - {{ id: after, wait: {{ for: 1s }} }}
  - name: cleanup
    steps: [{{ id: tidy, wait: {{ for: 1s }} }}]\n"
    );
    run(&written(&steps(&text), &[]), &[fault])
}

#[test]
fn what_a_no_or_no_answer_means_is_what_the_gate_says() {
    let gates = ["approve: { prompt: Go?", "manual: { checklist: [Pull the cable]"];
    let answers = [("go=fails", "rejected by"), ("go=hangs", "nobody answered within 10 min")];
    for (gate, (fault, says)) in gates.iter().flat_map(|gate| answers.map(|answer| (gate, answer))) {
        for (then, undone, after) in
            [("undo", true, false), ("pause", true, false), ("stop", false, false), ("continue", false, true)]
        {
            let (record, exit) = asking(&format!("{gate}, deadline: 10m, then: {then} }}"), fault);
            let (first, go) = (step(&record, "first"), step(&record, "go"));
            let case = format!("{gate} {fault} {then}: {:?}", go.failure);
            assert!(go.state == StepState::Failed && go.failure.as_ref().unwrap().contains(says), "{case}");
            let paused = record.timeline.iter().any(|one| one.text.contains("paused"));
            assert_eq!(paused, then == "pause", "{case}");
            let result = first.undo.as_ref().and_then(|undo| undo.result.clone());
            assert_eq!(result.is_some_and(|result| !result.leaves_something()), undone, "{case}");
            assert_eq!(step(&record, "after").state.is_good(), after, "{case}");
            assert!(step(&record, "tidy").state.is_good(), "{case}");
            assert_eq!(record.ended.verdict, Verdict::Failed, "{case}");
            assert_ne!(exit, ExitCode::Passed, "{case}");
        }
    }
}

#[test]
fn who_says_no_is_not_asked_again() {
    let (record, _) = asking("approve: { prompt: Go? }, retry: { attempts: 3 }", "go=fails");
    assert_eq!(step(&record, "go").attempts.len(), 1);
}

#[test]
fn a_message_in_doubt_leaves_nothing_to_be_looked_after() {
    let before = "phases:\n  - name: prechecks\n    steps: [{ id: tell, notify: { webhook: 'https://hook.test/', message: Hi } }]\n";
    let (record, exit) = run(
        &written(&format!("{before}  - name: failover\n    steps: [{{ id: a, {UNDOABLE} }}]\n"), &[]),
        &["tell=hangs"],
    );
    assert_eq!((record.ended.verdict, exit), (Verdict::Refused, ExitCode::Refused));
    assert_eq!((step(&record, "tell").state, &record.left[..]), (StepState::InDoubt, &[][..]));
    let after = format!(
        "      - {{ id: a, {UNDOABLE} }}\n  - name: cleanup\n    steps: [{{ id: tell, notify: {{ webhook: 'https://hook.test/', message: Hi }} }}]\n"
    );
    let (record, exit) = run(&written(&steps(&after), &[]), &["tell=hangs"]);
    assert_eq!((record.ended.verdict, exit), (Verdict::Failed, ExitCode::Failed), "{:?}", record.left);
    assert!(record.left.iter().all(|left| left.step.as_ref().is_none_or(|step| step.as_str() != "tell")));
}

#[test]
fn what_is_given_up_at_its_timeout_is_in_doubt() {
    let text = "      - { id: a, command: { argv: [it] }, timeout: 30s }\n";
    let (record, exit) = run(&written(&steps(text), &[]), &["a=hangs"]);
    let a = step(&record, "a");
    assert_eq!((a.state, exit), (StepState::InDoubt, ExitCode::NeedsPerson), "{:?}", a.failure);
    assert!(a.took.unwrap() >= secs(30) && a.took.unwrap() <= secs(45), "{:?}", a.took);
    assert!(record.left.iter().any(|left| left.step.as_ref() == Some(&a.id)), "{:?}", record.left);
}

#[test]
fn a_wait_for_a_time_ends_at_that_time() {
    let text = "      - { id: a, wait: { at: \"2026-03-01T02:10:00Z\" } }\n";
    let (record, _) = run(&written(&steps(text), &[]), &[]);
    let end = step(&record, "a").ended.unwrap();
    assert_eq!((step(&record, "a").state, Span(end.0)), (StepState::Passed, secs(600)));
}

#[test]
fn what_is_not_for_this_mode_is_left_out() {
    let text =
        "      - { id: a, wait: { for: 1s }, when: { mode: unplanned } }\n      - { id: b, wait: { for: 1s } }\n";
    let (record, exit) = run(&written(&steps(text), &[]), &[]);
    assert_eq!(step(&record, "a").state, StepState::NotInThisMode);
    assert_eq!((step(&record, "b").state, exit), (StepState::Passed, ExitCode::Passed));
}

#[test]
fn a_playbook_as_a_step_is_taken_back_with_the_rest() {
    let inner = format!(
        "muster: 1\nname: inner\ninfrastructure: infra.yaml\n{}",
        steps(&format!("      - {{ id: one, {UNDOABLE} }}\n      - {{ id: two, wait: {{ for: 5s }} }}\n"))
    );
    let text =
        format!("      - {{ id: nested, playbook: {{ file: inner.yaml }} }}\n      - {{ id: fails, {FAILING} }}\n");
    let loaded = written(&steps(&text), &[("inner.yaml", &inner)]);
    let (record, _) = run(&loaded, &["fails=fails"]);
    let undone: Vec<_> = record.steps.iter().filter(|step| step.undo.is_some()).collect();
    let [one] = &undone[..] else { panic!("{:?}", record.steps) };
    assert!(one.id.as_str().contains("one"), "{}", one.id);
    assert!(matches!(one.undo.as_ref().unwrap().result, Some(UndoResult::Compensated(_) | UndoResult::Restored)));
}

/// Programs of which one is a defect.
struct Panics(Arc<dyn Processes>);

#[async_trait]
impl Processes for Panics {
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError> {
        assert_ne!(command.argv[0], "panics", "a defect, on purpose");
        self.0.run(cx, command).await
    }
}

#[test]
fn a_panic_fails_its_step_and_nothing_else() {
    let text = "      - { id: bad, needs: [], command: { argv: [panics] }, on_failure: continue }
      - { id: good, needs: [], command: { argv: [works] }, simulate: { takes: 20s } }
      - { id: after, wait: { for: 1s } }\n";
    let record = dressed(&written(&steps(text), &[]), 1, |mut resources| {
        resources.processes = Arc::new(Panics(Arc::clone(&resources.processes)));
        resources
    });
    let bad = step(&record, "bad");
    assert!(bad.state.is_bad() && bad.failure.as_ref().unwrap().contains("a defect in Muster"), "{:?}", bad.failure);
    assert!(step(&record, "good").state.is_good() && step(&record, "after").state.is_good());
    assert_eq!(record.ended.verdict, Verdict::Failed);
}

#[test]
fn what_failed_is_told_before_what_was_cancelled_because_of_it() {
    let text = format!(
        "      - {{ id: first, needs: [], wait: {{ for: 10m }} }}
      - {{ id: second, needs: [], {FAILING}, simulate: {{ takes: 5s }} }}\n"
    );
    let (record, _) = run(&written(&steps(&text), &[]), &["second=fails"]);
    assert!(step(&record, "first").state.was_cancelled());
    let reasons = &record.ended.reasons;
    assert!(
        reasons[0].starts_with("Step second failed: ") && reasons[1].starts_with("Step first was cancelled: "),
        "{reasons:?}"
    );
}

#[test]
fn a_refusal_tells_of_every_precheck_that_fails_and_of_no_objective_of_a_leg_that_never_began() {
    let loaded = quarterly(Mode::Planned, &[]);
    let (record, exit) = run(&loaded, &["snapshots=fails", "copies=fails"]);
    assert_eq!((record.ended.verdict, exit), (Verdict::Refused, ExitCode::Refused));
    // The one that takes longest ends well, though others failed long before.
    assert_eq!(step(&record, "all-healthy").state, StepState::Passed);
    for id in ["snapshots", "copies"] {
        assert_eq!(step(&record, id).state, StepState::Failed, "{id}");
    }
    assert_eq!(step(&record, "go").state, StepState::NotReached, "nobody is asked any more");
    let reasons = &record.ended.reasons;
    assert!(reasons[..2].iter().all(|why| why.contains(" failed: ")), "{reasons:?}");
    assert!(
        !reasons.iter().any(|why| why.contains("RTO") || why.contains("RPO") || why.contains("cancelled")),
        "{reasons:?}"
    );
}

#[test]
fn who_interrupts_a_run_that_is_refused_waits_for_no_precheck() {
    let loaded = quarterly(Mode::Planned, &[]);
    let failed = |event: &Event| matches!(event, Event::StepFailed { step, .. } if *step == "snapshots");
    let record = interrupted(&loaded, 1, &["snapshots=fails"], failed);
    assert!(step(&record, "all-healthy").state.was_cancelled());
    assert!(record.header.until < Moment::ZERO + secs(60), "{:?}", record.header.until);
}
