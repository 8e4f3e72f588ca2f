//! How long nobody carried a run out, by clocks that do what clocks do.

use jiff::Timestamp;

use super::{Clocks, now};
use crate::event::{Event, ResumeTo, Resumed};
use crate::model::Person;
use crate::record::Entry;
use crate::time::{Moment, Span};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn resumed(boot: &str, since_boot: Option<Span>) -> Resumed {
    Resumed {
        to: ResumeTo::GoOn,
        by: Person::default(),
        muster: String::new(),
        boot: boot.to_owned(),
        since_boot,
        estimated: false,
        kept: None,
        fencing: 1,
    }
}

/// A run that was taken up for the last time in boot `a`, when the machine had been running for 1000 s and the run had
/// taken 60 s; its last record came 40 s later, at 02:00 by the calendar.
fn entries() -> Vec<Entry> {
    let entry = |seq, secs: u64, wall: &str, event| Entry {
        seq,
        at: at(wall),
        elapsed: Moment::ZERO + Span::from_secs(secs),
        event,
    };
    let taken_up = Event::Resumed(Box::new(resumed("a", Some(Span::from_secs(1000)))));
    let last = Event::Signalled { signal: "SIGINT".to_owned(), then: None };
    vec![entry(7, 60, "2026-03-01T01:59:20Z", taken_up), entry(8, 100, "2026-03-01T02:00:00Z", last)]
}

/// When the run is taken up by its own time, and whether that is an estimate.
fn taken_up(boot: &str, since_boot: u64, wall: &str) -> (u64, bool) {
    let mut again = resumed(boot, None);
    let clocks = Clocks { since_boot: Span::from_secs(since_boot), wall: at(wall) };
    let now = now(&entries(), &mut again, clocks);
    assert_eq!(again.since_boot, Some(Span::from_secs(since_boot)), "what later times are counted from");
    (now.0 / 1_000_000_000, again.estimated)
}

#[test]
fn in_one_boot_dead_time_is_measured_whatever_the_wall_clock_says() {
    for wall in ["2026-03-01T02:03:20Z", "2026-03-01T07:00:00Z", "2020-01-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        assert_eq!(taken_up("a", 1240, wall), (300, false), "{wall}");
    }
}

#[test]
fn across_a_reboot_dead_time_is_the_wall_clocks_and_an_estimate() {
    assert_eq!(taken_up("b", 30, "2026-03-01T02:05:00Z"), (400, true));
    // Also where the machine has been running for longer than it had then.
    assert_eq!(taken_up("b", 9000, "2026-03-01T02:05:00Z"), (400, true));
    // A machine without ids of its boots can't know better.
    assert_eq!(taken_up("", 1240, "2026-03-01T02:05:00Z"), (400, true));
    // A boot that counts less than before is another one, whatever it is called.
    assert_eq!(taken_up("a", 900, "2026-03-01T02:05:00Z"), (400, true));
}

#[test]
fn a_wall_clock_that_goes_back_takes_nothing_away() {
    assert_eq!(taken_up("b", 30, "2026-02-28T21:00:00Z"), (100, true));
}

#[test]
fn a_run_that_died_before_it_had_any_time_begins_at_its_last_record() {
    let mut again = resumed("a", None);
    let clocks = Clocks { since_boot: Span::from_secs(5), wall: at("2026-03-01T02:00:00Z") };
    assert_eq!(now(&[], &mut again, clocks), Moment::ZERO);
    assert!(again.estimated);
}
