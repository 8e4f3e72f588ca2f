use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use rstest::rstest;

use super::{Occurrence, Timetable};
use crate::model::Schedule;

fn schedule(json: &str) -> Schedule {
    let schedule: Schedule = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    schedule.check().unwrap();
    schedule
}

fn due(json: &str, from: &str, count: usize) -> Vec<Occurrence> {
    let schedule = schedule(json);
    let zone = TimeZone::get(&schedule.timezone).unwrap();
    Timetable::new(&schedule, zone).from(from.parse().unwrap()).take(count).collect()
}

/// When it is due, as the wall of its zone shows it, in one line.
#[track_caller]
fn shown(json: &str, from: &str, count: usize) -> String {
    let schedule = schedule(json);
    let zone = TimeZone::get(&schedule.timezone).unwrap();
    let all = due(json, from, count);
    let show = |it: &Occurrence| it.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    all.iter().map(show).collect::<Vec<_>>().join(", ")
}

#[rstest]
#[case("quarter", "second tuesday of the second month", "2026-02-10, 2026-05-12, 2026-08-11, 2026-11-10")]
#[case("quarter", "last friday", "2026-03-27, 2026-06-26, 2026-09-25, 2026-12-25")]
#[case("quarter", "31 of the last month", "2026-03-31, 2026-06-30, 2026-09-30, 2026-12-31")]
#[case("month", "31", "2026-01-31, 2026-02-28, 2026-03-31, 2026-04-30")]
#[case("month", "last day", "2026-01-31, 2026-02-28, 2026-03-31, 2026-04-30")]
#[case("month", "first monday", "2026-01-05, 2026-02-02, 2026-03-02, 2026-04-06")]
#[case("year", "29 february", "2026-02-28, 2027-02-28, 2028-02-29, 2029-02-28")]
#[case("year", "last sunday of the last month", "2026-12-27, 2027-12-26, 2028-12-31, 2029-12-30")]
#[case("year", "first monday", "2026-01-05, 2027-01-04, 2028-01-03, 2029-01-01")]
#[case("week", "thursday", "2026-01-01, 2026-01-08, 2026-01-15, 2026-01-22")]
fn a_drill_is_due_on_the_day_that_the_words_say(#[case] every: &str, #[case] on: &str, #[case] expected: &str) {
    let json = format!(r#"{{"every":"{every}","on":"{on}","at":"09:00"}}"#);
    assert_eq!(shown(&json, "2026-01-01T00:00:00Z", 4).replace(" 09:00", ""), expected);
}

#[test]
fn it_is_due_from_the_very_instant_on_and_not_again_after_it() {
    let json = r#"{"every":"week","on":"thursday","at":"09:00"}"#;
    assert_eq!(shown(json, "2026-01-01T09:00:00Z", 1), "2026-01-01 09:00");
    assert_eq!(shown(json, "2026-01-01T09:00:00.000000001Z", 1), "2026-01-08 09:00");
}

#[test]
fn a_time_that_is_missing_is_later_by_as_much_and_one_that_is_there_twice_is_the_first() {
    // From 02:00 to 03:00 on 29 March, from 03:00 back to 02:00 on 25 October.
    let json = r#"{"every":"week","on":"sunday","at":"02:30","timezone":"Europe/Amsterdam"}"#;
    assert_eq!(due(json, "2026-03-28T00:00:00Z", 1)[0].at.to_string(), "2026-03-29T01:30:00Z");
    assert_eq!(shown(json, "2026-03-28T00:00:00Z", 1), "2026-03-29 03:30");
    assert_eq!(due(json, "2026-10-24T00:00:00Z", 1)[0].at.to_string(), "2026-10-25T00:30:00Z");
}

#[test]
fn every_hour_of_the_day_on_which_one_is_missing_is_due_once() {
    let json = r#"{"every":"30 * * * *","timezone":"Europe/Amsterdam"}"#;
    let all = shown(json, "2026-03-29T00:00:00Z", 4);
    assert_eq!(all, "2026-03-29 01:30, 2026-03-29 03:30, 2026-03-29 04:30, 2026-03-29 05:30");
}

#[test]
fn a_day_that_a_zone_skips_moves_what_was_due_on_it_and_nothing_comes_out_of_order() {
    // Samoa had no 30 December 2011.
    let json = r#"{"every":"0 8,20 * * *","timezone":"Pacific/Apia"}"#;
    let all = due(json, "2011-12-29T10:00:00Z", 12);
    assert!(all.windows(2).all(|two| two[0].at < two[1].at));
    let shown = shown(json, "2011-12-29T10:00:00Z", 4);
    assert_eq!(shown, "2011-12-29 08:00, 2011-12-29 20:00, 2011-12-31 08:00, 2011-12-31 20:00");
}

#[rstest]
// The Tuesday, and the rest of the year: back to the Wednesday before.
#[case("last tuesday", r#""2026-12-24..2027-01-02""#, "2026-12-23", "2026-12-29")]
// On to the Wednesday.
#[case("second tuesday of the last month", r#""2026-12-08""#, "2026-12-09", "2026-12-08")]
// From a Friday over the weekend.
#[case("second friday of the last month", r#""2026-12-11""#, "2026-12-14", "2026-12-11")]
// A Saturday may become a Sunday.
#[case("second saturday of the last month", r#""2026-12-12""#, "2026-12-13", "2026-12-12")]
fn an_excluded_day_gives_way_within_its_period(
    #[case] on: &str,
    #[case] not_on: &str,
    #[case] expected: &str,
    #[case] meant: &str,
) {
    let json = format!(r#"{{"every":"quarter","on":"{on}","at":"09:00","not_on":[{not_on}]}}"#);
    let found = due(&json, "2026-10-01T00:00:00Z", 1)[0];
    assert_eq!(shown(&json, "2026-10-01T00:00:00Z", 1), format!("{expected} 09:00"));
    assert_eq!(found.moved_from.map(|date| date.to_string()).as_deref(), Some(meant));
    assert_eq!(found.period.to_string(), "2026-Q4");
}

#[test]
fn nothing_is_due_in_a_period_that_is_excluded_whole_nor_on_an_excluded_day_of_a_cron_expression() {
    let json = r#"{"every":"month","on":"15","at":"09:00","not_on":["2026-07-01..2026-08-31"]}"#;
    assert_eq!(shown(json, "2026-06-20T00:00:00Z", 1), "2026-09-15 09:00");
    let cron = r#"{"every":"0 9 * * mon","not_on":["2026-07-06"]}"#;
    assert_eq!(shown(cron, "2026-07-01T00:00:00Z", 1), "2026-07-13 09:00");
    let never = r#"{"every":"month","on":"15","at":"09:00","not_on":["2026-01-01..9998-12-31"]}"#;
    assert_eq!(due(never, "2026-06-20T00:00:00Z", 1), []);
}

#[test]
fn nothing_is_due_before_the_schedule_begins() {
    let json = r#"{"every":"month","on":"15","at":"09:00","from":"2026-07-16"}"#;
    assert_eq!(shown(json, "2026-01-01T00:00:00Z", 1), "2026-08-15 09:00");
    let cron = r#"{"every":"0 9 * * *","from":"2026-07-16"}"#;
    assert_eq!(shown(cron, "2026-01-01T00:00:00Z", 1), "2026-07-16 09:00");
}

#[test]
fn an_occurrence_has_a_name_that_stays() {
    let name = |json: &str| due(json, "2026-05-01T00:00:00Z", 1)[0].period.to_string();
    assert_eq!(name(r#"{"every":"week","on":"monday","at":"09:00"}"#), "2026-W19");
    assert_eq!(name(r#"{"every":"month","on":"2","at":"09:00"}"#), "2026-05");
    assert_eq!(name(r#"{"every":"year","on":"2 july","at":"09:00"}"#), "2026");
    assert_eq!(name(r#"{"every":"15 9 * * *"}"#), "2026-05-01T09:15");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn they_come_in_order_and_asking_from_any_instant_gives_the_rest(
        zone in prop::sample::select(vec!["UTC", "Europe/Amsterdam", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
        what in prop::sample::select(vec![
            r#""every":"week","on":"sunday","at":"02:30""#, r#""every":"month","on":"31","at":"23:59""#,
            r#""every":"quarter","on":"last friday","at":"00:00""#, r#""every":"*/30 0-4 * 3,10,11 *""#,
        ]),
        start in 1_262_304_000_i64..1_900_000_000,
        ahead in 0_usize..20,
    ) {
        let schedule = schedule(&format!(r#"{{{what},"timezone":"{zone}"}}"#));
        let table = Timetable::new(&schedule, TimeZone::get(zone).unwrap());
        let all: Vec<_> = table.from(Timestamp::from_second(start).unwrap()).take(30).collect();
        prop_assert!(all.windows(2).all(|two| two[0].at < two[1].at));
        prop_assert!(all[0].at.as_second() >= start);
        let rest: Vec<_> = table.from(all[ahead].at).take(30 - ahead).collect();
        prop_assert_eq!(&all[ahead..], &rest[..]);
    }
}
