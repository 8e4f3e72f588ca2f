use jiff::Timestamp;
use jiff::tz::TimeZone;
use rstest::rstest;

use super::{Standing, Zoned, standing};
use crate::model::{Range, Windows};

fn ranges(texts: &[&str]) -> Vec<Range> {
    texts.iter().map(|text| Range::try_from((*text).to_owned()).unwrap()).collect()
}

fn windows(allowed: &[&str], blackout: &[&str], timezone: &str) -> Windows {
    Windows { allowed: ranges(allowed), blackout: ranges(blackout), timezone: timezone.to_owned() }
}

/// `None`: open; else when it is open next.
#[track_caller]
fn next(all: &[Windows], at: &str) -> Option<String> {
    let zoned = |windows| Zoned { windows, zone: TimeZone::get(&windows.timezone).unwrap() };
    let zoned: Vec<_> = all.iter().map(zoned).collect();
    match standing(&zoned, at.parse::<Timestamp>().unwrap()) {
        Standing::Open => None,
        Standing::Closed { next, .. } => Some(next.map_or_else(|| "never".to_owned(), |next| next.to_string())),
    }
}

#[rstest]
// A Sunday.
#[case("2026-11-22T12:00:00Z", Some("2026-11-23T09:00:00Z"))]
#[case("2026-11-23T08:59:59.999Z", Some("2026-11-23T09:00:00Z"))]
#[case("2026-11-23T09:00:00Z", None)]
#[case("2026-11-23T16:59:59.999Z", None)]
#[case("2026-11-23T17:00:00Z", Some("2026-11-24T09:00:00Z"))]
// Over the blackout, of which both days count, and the weekend after it.
#[case("2026-12-24T10:00:00Z", Some("2027-01-04T09:00:00Z"))]
#[case("2027-01-02T23:59:59Z", Some("2027-01-04T09:00:00Z"))]
fn a_week_has_its_hours(#[case] at: &str, #[case] expected: Option<&str>) {
    let all = [windows(&["mon-fri 09:00..17:00"], &["2026-12-24..2027-01-02"], "UTC")];
    assert_eq!(next(&all, at).as_deref(), expected);
}

#[rstest]
#[case("2026-11-21T23:30:00Z", None)]
#[case("2026-11-22T01:59:00Z", None)]
#[case("2026-11-22T02:00:00Z", Some("2026-11-28T22:00:00Z"))]
#[case("2026-11-20T23:30:00Z", Some("2026-11-21T22:00:00Z"))]
fn a_night_goes_into_the_next_day(#[case] at: &str, #[case] expected: Option<&str>) {
    assert_eq!(next(&[windows(&["sat 22:00..02:00"], &[], "UTC")], at).as_deref(), expected);
}

#[rstest]
// The clocks go from 02:00 to 03:00: what would begin in the hour that is missing begins with its end.
#[case("2026-03-29T00:30:00Z", Some("2026-03-29T01:00:00Z"))]
#[case("2026-03-29T01:00:00Z", None)]
#[case("2026-03-28T01:30:00Z", None)]
// And from 03:00 back to 02:00: the hour is there twice.
#[case("2026-10-25T00:45:00Z", None)]
#[case("2026-10-25T01:15:00Z", Some("2026-10-25T01:30:00Z"))]
#[case("2026-10-25T01:45:00Z", None)]
#[case("2026-10-25T02:45:00Z", None)]
#[case("2026-10-25T03:00:00Z", Some("2026-10-26T01:30:00Z"))]
fn summer_time_moves_the_hours(#[case] at: &str, #[case] expected: Option<&str>) {
    assert_eq!(next(&[windows(&["daily 02:30..04:00"], &[], "Europe/Berlin")], at).as_deref(), expected);
}

#[test]
fn all_windows_must_allow_it_each_in_its_zone() {
    let all = [
        windows(&["mon-fri 09:00..17:00"], &[], "Europe/Berlin"),
        windows(&["mon-fri 09:00..17:00"], &[], "America/New_York"),
    ];
    assert_eq!(next(&all, "2026-11-23T09:00:00Z").as_deref(), Some("2026-11-23T14:00:00Z"));
    assert_eq!(next(&all, "2026-11-23T14:00:00Z"), None);
    assert_eq!(next(&all, "2026-11-23T16:00:00Z").as_deref(), Some("2026-11-24T14:00:00Z"));
}

#[test]
fn what_is_never_allowed_is_told_so() {
    assert_eq!(next(&[windows(&["sat"], &["daily"], "UTC")], "2026-11-23T09:00:00Z").as_deref(), Some("never"));
    assert_eq!(next(&[windows(&[], &[], "UTC")], "2026-11-23T09:00:00Z"), None);
}

#[rstest]
#[case("mon-fri 09:00..17:00")]
#[case("fri-mon")]
#[case("daily 22:00..02:00")]
#[case("sun 00:00..24:00")]
#[case("2026-12-24..2027-01-02")]
#[case("2026-12-24")]
fn a_range_is_written_as_it_is_read(#[case] text: &str) {
    assert_eq!(ranges(&[text])[0].to_string(), text);
}

#[rstest]
#[case("")]
#[case("monday")]
#[case("mon 9..17")]
#[case("mon 09:00-17:00")]
#[case("mon 25:00..26:00")]
#[case("2026-13-01")]
#[case("2027-01-02..2026-12-24")]
#[case("2026-12-24 09:00..17:00")]
fn what_is_no_range_is_refused(#[case] text: &str) {
    assert!(Range::try_from(text.to_owned()).unwrap_err().contains("is no range of time"));
}
