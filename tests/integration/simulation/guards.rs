//! Guardrails on resources: green in a drill that changes what they watch, red when something else does.

use muster::app::{self, Crash, Kill, Loaded, Rehearsal, Request, rehearse_crashing};
use muster::catalogue::{Mode, OnFailure};
use muster::engine::watch::Pace;
use muster::event::ResumeTo;
use muster::model::{ExitCode, Place, Stands, Verdict};
use muster::record::{GuardrailRecord, Record};
use muster::report::{Format, Style, render};
use muster::time::Span;

use super::scene::{rehearse, shipped, with, written};

const WATCHED: &str = "guardrails:
  - { name: replica keeps up, check: { database: main, in: secondary, lag_at_most: 30s }, every: 10s, broken_after: 30s, then: pause }
  - { name: copies keep up, check: { storage: repositories, in: secondary, lag_at_most: 2m }, broken_after: 0s, then: stop }
  - { name: room for all, check: { compute: web-servers, in: secondary, can_scale_to: 12 }, every: 5s, broken_after: 0s, then: undo }
  - { name: primary keeps room, check: { compute: web-servers, in: primary, can_scale_to: 12 }, broken_after: 0s, then: undo }
  - { name: answers stay short, check: { dns: [code, git], ttl_at_most: 60s }, broken_after: 0s, then: pause }
";

/// The quarterly playbook, with guardrails on all its resources besides its own.
fn quarterly(mode: Mode) -> Loaded {
    let text = std::fs::read_to_string(shipped("quarterly-failover.yaml")).unwrap();
    let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
    let playbook = folder.path().join("drill.yaml");
    std::fs::write(&playbook, text.replacen("guardrails:\n", WATCHED, 1)).unwrap();
    let request = Request {
        playbook: playbook.display().to_string(),
        infrastructure: Some(shipped("infra/simulated.yaml")),
        mode: Some(mode),
        vars: [("soak".to_owned(), "3m".to_owned())].into(),
        ..Request::default()
    };
    app::load(&request).unwrap()
}

fn guardrail<'a>(record: &'a Record, name: &str) -> &'a GuardrailRecord {
    record.guardrails.iter().find(|guardrail| guardrail.name == name).unwrap()
}

fn stood(record: &Record, name: &str) -> Vec<Stands> {
    guardrail(record, name).looks.iter().map(|look| look.stands).collect()
}

#[test]
fn what_the_drill_does_itself_breaks_none() {
    let mut again = 0;
    for mode in [Mode::Planned, Mode::Unplanned] {
        let loaded = quarterly(mode);
        for seed in 1..=5 {
            let it = rehearse(&loaded, &with(seed, &[]));
            let broken: Vec<_> = it.record.guardrails.iter().filter(|one| !one.broken.is_empty()).collect();
            assert!(broken.is_empty(), "{mode} {seed}: {broken:#?}");
            assert_eq!((it.record.ended.verdict, it.exit), (Verdict::Passed, ExitCode::Passed), "{mode} {seed}");
            for name in ["replica keeps up", "copies keep up"] {
                let stood = stood(&it.record, name);
                assert_eq!(stood[0], Stands::Holds, "{mode} {seed} {name}");
                assert!(stood.contains(&Stands::Quiet), "{mode} {seed} {name}: {stood:?}");
                assert!(!stood.contains(&Stands::Fails), "{mode} {seed} {name}: {stood:?}");
                // Protected again at home, the copy is watched again, if the drill goes on for so long.
                again += usize::from(stood.last() == Some(&Stands::Holds));
            }
        }
    }
    assert!(again > 5, "{again} of 20 were judged again");
}

#[test]
fn a_region_that_the_drill_has_cut_off_is_not_judged() {
    let record = rehearse(&quarterly(Mode::Unplanned), &with(1, &[])).record;
    let primary = guardrail(&record, "primary keeps room");
    let quiet = primary.looks.iter().find(|look| look.stands == Stands::Quiet).unwrap();
    assert!(quiet.seen.contains("cut off the region primary"), "{quiet:?}");
    // What is in the other region alone is judged all along, but while it is scaled.
    let secondary = guardrail(&record, "room for all");
    assert!(secondary.looks.iter().all(|look| !look.seen.contains("cut off")), "{secondary:?}");
}

#[test]
fn looking_ahead_changes_no_byte_of_what_guardrails_see() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let loaded = quarterly(mode);
        for seed in 1..=5 {
            let ahead = with(seed, &[]);
            let plain = Rehearsal { pace: Pace::Plain, ..ahead.clone() };
            assert!(rehearse(&loaded, &ahead).journal == rehearse(&loaded, &plain).journal, "{mode} {seed}");
        }
    }
}

#[test]
fn a_drill_that_is_killed_and_taken_up_breaks_none_either() {
    let loaded = quarterly(Mode::Unplanned);
    let whole = rehearse(&loaded, &with(1, &[]));
    let records = whole.journal.split_inclusive(|byte| *byte == b'\n').count() as u64;
    for kill in (1..records).step_by(23).map(Kill::After) {
        let crash = Crash { kill, down: Span::from_secs(5), to: ResumeTo::GoOn, by_hand: Vec::new() };
        let it = rehearse_crashing(&loaded, &with(1, &[]), &[crash]).unwrap();
        let broken: Vec<_> = it.record.guardrails.iter().filter(|one| !one.broken.is_empty()).collect();
        assert!(broken.is_empty(), "{kill:?}: {broken:#?}");
        assert_eq!(it.record.ended.verdict, Verdict::Passed, "{kill:?}: {:?}", it.record.ended.reasons);
    }
}

/// A drill that switches a name and then waits for long, while the replica falls behind now and then.
fn waiting(broken_after: &str, then: &str, at_most: &str) -> Loaded {
    written(
        &format!(
            "guardrails: [{{ name: replica keeps up, check: {{ database: main, in: secondary, lag_at_most: {at_most} }}, \
             every: 2s, broken_after: {broken_after}, then: {then} }}]
phases:
  - name: failover
    steps:
      - {{ id: dns, dns.switch: {{ records: [code], to: secondary }} }}
      - {{ id: rest, wait: {{ for: 4h }}, timeout: 5h }}
"
        ),
        &[],
    )
}

#[test]
fn a_replica_that_falls_behind_does_what_the_guardrail_says() {
    // The shipped replica is a second behind now and then.
    for (then, verdict, exit, wants) in [
        ("undo", Verdict::Aborted, ExitCode::Aborted, OnFailure::Undo),
        // The simulated person's answer to a pause is undo.
        ("pause", Verdict::Aborted, ExitCode::Aborted, OnFailure::Pause),
        ("stop", Verdict::Aborted, ExitCode::NeedsPerson, OnFailure::Stop),
    ] {
        // With the first seed of which it falls behind after the switch, not before.
        let loaded = waiting("0s", then, "1s");
        let mut played = (1..50).map(|seed| rehearse(&loaded, &with(seed, &[])));
        let it = played.find(|it| it.record.ended.verdict != Verdict::Refused).unwrap();
        let guardrail = guardrail(&it.record, "replica keeps up");
        let broken = guardrail.broken.first().unwrap_or_else(|| panic!("{then}: {:#?}", it.record.timeline));
        assert_eq!(broken.then, wants);
        assert!(broken.seen.contains("behind, at most 1 s is allowed"), "{broken:?}");
        assert_eq!((it.record.ended.verdict, it.exit), (verdict, exit), "{then}: {:?}", it.record.ended.reasons);
        assert_eq!(it.record.ended.world == Place::Home, matches!(wants, OnFailure::Undo | OnFailure::Pause), "{then}");
        for format in [Format::Html, Format::Markdown, Format::Json] {
            let text = render(&it.record, format, &Style::default());
            assert!(text.contains("replica keeps up") && text.contains("behind, at most 1 s is allowed"), "{format:?}");
        }
    }
}

#[test]
fn a_short_lag_breaks_nothing() {
    let it = rehearse(&waiting("1m", "stop", "1s"), &with(3, &[]));
    let guardrail = guardrail(&it.record, "replica keeps up");
    assert_eq!(guardrail.broken, []);
    // It did fall behind, and that is told.
    assert!(guardrail.looks.iter().any(|look| look.stands == Stands::Fails), "{guardrail:?}");
    assert!(guardrail.looks.len() > 2);
}

#[test]
fn a_condition_that_does_not_hold_refuses_the_run() {
    let it = rehearse(&waiting("1h", "pause", "1ms"), &with(1, &[]));
    assert_eq!((it.record.ended.verdict, it.exit), (Verdict::Refused, ExitCode::Refused));
    let broken = &guardrail(&it.record, "replica keeps up").broken;
    assert!(broken[0].seen.starts_with("before the first change, main in secondary is"), "{broken:?}");
    assert!(it.record.steps.iter().all(|step| step.attempts.is_empty()));
}
