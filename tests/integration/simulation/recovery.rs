//! The end of a drill that was taken back: not before users are seen to be served again, and not much later.

use muster::catalogue::Mode;
use muster::event::Event;
use muster::model::{Course, ExitCode, Place, Verdict};
use muster::record::{HappeningKind, Record};
use muster::time::{Moment, Span};

use super::scene::{interrupted, quarterly, rehearse, with, written};

/// When the last step was taken back.
fn undone(record: &Record) -> Moment {
    record.steps.iter().filter_map(|step| step.undo.as_ref()?.ended).max().unwrap()
}

/// How long the run went on after the last undo.
fn waited(record: &Record) -> Span {
    let end = record.timeline.iter().rfind(|happening| happening.kind == HappeningKind::Finished).unwrap();
    end.at.since(undone(record))
}

#[test]
fn a_drill_that_is_taken_back_ends_when_users_are_seen_to_be_served() {
    let loaded = quarterly(Mode::Planned, &[]);
    let mut back_after_undo = 0;
    for seed in 1..=10 {
        let it = rehearse(&loaded, &with(seed, &["promote=fails".to_owned()]));
        assert_eq!((it.record.ended.world, it.exit), (Place::Home, ExitCode::Failed), "seed {seed}");
        let outages: Vec<_> = it.record.services.iter().flat_map(|service| &service.outages).collect();
        assert!(outages.len() >= it.record.services.len(), "seed {seed}: {outages:?}");
        let open: Vec<_> = outages.iter().filter(|one| one.outage.end().is_none()).collect();
        assert!(open.is_empty(), "seed {seed}: {open:?}");
        assert!(it.record.legs[0].rta.upper().is_some(), "seed {seed}: {}", it.record.legs[0].rta);
        // Three good samples of the slowest probe take some 10 s.
        assert!(waited(&it.record) < Span::from_secs(30), "seed {seed}: {}", waited(&it.record));
        back_after_undo += usize::from(outages.iter().any(|one| one.outage.end() > Some(undone(&it.record))));
    }
    assert!(back_after_undo > 2, "{back_after_undo} of 10: the test shows little");
}

/// A service that is out from the first sample on, and a step that can be taken back before one that fails.
const NEVER_BACK: &str = "services:
  gone: { depends_on: [code], probe: { http: 'https://code.example.test/', expect: { within: 1ms }, every: 1s } }
phases:
  - name: failover
    steps:
      - { id: out, wait: { service: gone, until: unhealthy } }
      - { id: first, command: { argv: [pause], observe: [status], undo: [resume] } }
      - { id: fails, command: { argv: [it] } }
";

#[test]
fn who_does_not_come_back_is_waited_for_no_longer_than_the_bound() {
    let it = rehearse(&written(NEVER_BACK, &[]), &with(1, &["fails=fails".to_owned()]));
    // Two minutes beside the TTL of the names, which is one.
    let waited = waited(&it.record);
    assert!(waited >= Span::from_secs(179) && waited <= Span::from_secs(190), "{waited}");
    assert!(it.record.services[0].outages[0].outage.end().is_none());
    assert_eq!((it.record.ended.verdict, it.exit), (Verdict::Failed, ExitCode::Failed));
}

#[test]
fn a_drill_that_took_nothing_back_waits_for_nobody() {
    let without_undo = NEVER_BACK.replace("- { id: fails", "- { id: fails, on_failure: stop");
    let it = rehearse(&written(&without_undo, &[]), &with(1, &["fails=fails".to_owned()]));
    let failed = it.record.steps.iter().find(|step| step.id.as_str() == "fails").unwrap().ended.unwrap();
    assert!(it.record.header.until.since(failed) < Span::from_secs(5), "{}", it.record.header.until.since(failed));
}

#[test]
fn whoever_interrupts_the_wait_ends_it() {
    let tidies = |event: &Event| matches!(event, Event::CourseChanged { course: Course::CleaningUp, .. });
    let record = interrupted(&written(NEVER_BACK, &[]), 1, &["fails=fails"], tidies);
    assert!(waited(&record) < Span::from_secs(5), "{}", waited(&record));
    assert_eq!((record.ended.verdict, record.ended.exit), (Verdict::Failed, Some(ExitCode::Failed)));
    assert!(record.timeline.iter().any(|happening| happening.kind == HappeningKind::Signal));
}
