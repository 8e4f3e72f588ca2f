use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Begun, Fate, Slot, Worth, overdue, slots};
use crate::calendar::timetable::Timetable;
use crate::model::Schedule;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn run(began: &str, worth: Worth) -> Begun {
    Begun { at: at(began), occurrence: None, worth }
}

/// Every Tuesday at 09:00, which may begin within two days; from 5 January 2026 on.
fn of(now: &str, runs: &[Begun]) -> Vec<Slot> {
    let text = r#"{"every":"week","on":"tuesday","at":"09:00","if_missed":"run within 2 days"}"#;
    let schedule: Schedule = serde_json::from_str(text).unwrap();
    let table = Timetable::new(&schedule, TimeZone::UTC);
    slots(&table, schedule.if_missed.within(), (at("2026-01-05T00:00:00Z"), at("2026-01-22T00:00:00Z")), at(now), runs)
}

fn fates(now: &str, runs: &[Begun]) -> Vec<Fate> {
    of(now, runs).iter().map(|slot| slot.fate).collect()
}

#[test]
fn a_drill_is_ahead_then_due_then_missed() {
    use Fate::{Ahead, Due, Missed};
    assert_eq!(fates("2026-01-06T08:59:59Z", &[]), [Ahead, Ahead, Ahead]);
    assert_eq!(fates("2026-01-06T09:00:00Z", &[]), [Due, Ahead, Ahead]);
    assert_eq!(fates("2026-01-08T09:00:00Z", &[]), [Due, Ahead, Ahead]);
    assert_eq!(fates("2026-01-08T09:00:01Z", &[]), [Missed, Ahead, Ahead]);
}

#[test]
fn whoever_runs_it_has_done_it_and_what_was_no_drill_counts_for_nothing() {
    use Fate::{Ahead, Done, Due, Missed, UnderWay};
    let now = "2026-01-07T12:00:00Z";
    assert_eq!(fates(now, &[run("2026-01-06T11:00:00Z", Worth::Done)]), [Done, Ahead, Ahead]);
    assert_eq!(fates(now, &[run("2026-01-06T11:00:00Z", Worth::UnderWay)]), [UnderWay, Ahead, Ahead]);
    assert_eq!(fates(now, &[run("2026-01-06T11:00:00Z", Worth::Nothing)]), [Due, Ahead, Ahead]);
    // Late by days, it is done all the same.
    assert_eq!(fates("2026-01-12T00:00:00Z", &[run("2026-01-11T11:00:00Z", Worth::Done)]), [Done, Ahead, Ahead]);
    assert_eq!(fates("2026-01-12T00:00:00Z", &[run("2026-01-01T11:00:00Z", Worth::Done)]), [Missed, Ahead, Ahead]);
}

#[test]
fn a_run_counts_for_the_time_before_it_for_the_next_if_it_is_hardly_early_or_for_the_one_that_it_names() {
    use Fate::{Ahead, Done, Missed};
    let now = "2026-01-13T08:30:00Z";
    assert_eq!(fates(now, &[run("2026-01-13T08:00:00Z", Worth::Done)]), [Missed, Done, Ahead]);
    assert_eq!(fates(now, &[run("2026-01-13T07:59:00Z", Worth::Done)]), [Done, Ahead, Ahead]);
    let named = Begun { occurrence: Some("2026-W03".to_owned()), ..run("2026-01-12T00:00:00Z", Worth::Done) };
    assert_eq!(fates(now, &[named]), [Missed, Done, Ahead]);
}

#[test]
fn a_drill_is_overdue_until_one_was_carried_out() {
    let name = |now: &str, runs: &[Begun]| overdue(&of(now, runs)).map(|slot| slot.occurrence.period.to_string());
    assert_eq!(name("2026-01-07T00:00:00Z", &[]), None);
    assert_eq!(name("2026-01-09T00:00:00Z", &[]).as_deref(), Some("2026-W02"));
    // Also while the next one is due.
    assert_eq!(name("2026-01-13T10:00:00Z", &[]).as_deref(), Some("2026-W02"));
    assert_eq!(name("2026-01-20T00:00:00Z", &[run("2026-01-13T10:00:00Z", Worth::Done)]), None);
    let aborted = [run("2026-01-06T10:00:00Z", Worth::Nothing)];
    assert_eq!(name("2026-01-09T00:00:00Z", &aborted).as_deref(), Some("2026-W02"));
}
