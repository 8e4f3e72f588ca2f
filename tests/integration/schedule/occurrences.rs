//! When drills are due, compared with python-dateutil and zoneinfo.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use muster::calendar::timetable::Timetable;
use muster::model::Schedule;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::python::says;

const CASES: usize = 600;
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca",
];

fn weekday() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
}

/// A day of a month, in words.
fn day() -> impl Strategy<Value = String> {
    let nth = prop::sample::select(vec!["first", "second", "third", "fourth", "last"]);
    prop_oneof![
        (1..=31).prop_map(|number: i32| number.to_string()),
        Just("last day".to_owned()),
        (nth, weekday()).prop_map(|(nth, weekday)| format!("{nth} {weekday}")),
    ]
}

fn rhythm() -> impl Strategy<Value = Value> {
    let quarter = prop::sample::select(vec!["first", "second", "third", "last"]);
    let year = prop::sample::select(vec![
        "february",
        "march",
        "october",
        "the seventh month",
        "the twelfth month",
        "the last month",
    ]);
    let hours = (0..24, 0..60).prop_map(|(hour, minute): (i32, i32)| format!("{hour:02}:{minute:02}"));
    // The hours in which clocks change come often.
    let at = prop_oneof![
        hours,
        prop::sample::select(vec!["00:00", "00:30", "01:30", "02:00", "02:30"]).prop_map(str::to_owned)
    ];
    let on = prop_oneof![
        weekday().prop_map(|on| ("week", on.to_owned())),
        day().prop_map(|on| ("month", on)),
        (day(), quarter).prop_map(|(day, month)| ("quarter", format!("{day} of the {month} month"))),
        weekday().prop_map(|on| ("quarter", format!("last {on}"))),
        weekday().prop_map(|on| ("year", format!("third {on}"))),
        (day(), year).prop_map(|(day, month)| ("year", format!("{day} of {month}"))),
    ];
    let field = |most: i32, least: i32| {
        prop_oneof![
            Just("*".to_owned()),
            (least..=most).prop_map(|it| it.to_string()),
            (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
            (2..7).prop_map(|step| format!("*/{step}")),
        ]
    };
    let cron = (0..60, field(4, 0), field(28, 1), field(12, 1), field(7, 0))
        .prop_map(|(m, h, d, mon, w)| json!({ "every": format!("{m} {h} {d} {mon} {w}") }));
    prop_oneof![
        4 => (on, at).prop_map(|((every, on), at)| json!({ "every": every, "on": on, "at": at })),
        1 => cron,
    ]
}

fn case() -> impl Strategy<Value = Value> {
    // Any day from 2005 to 2045.
    let days = (0_i32..14_600, prop::sample::select(vec![0, 0, 1, 5, 12, 40, 130]));
    let excluded = prop::collection::vec(days, 0..6);
    // Around changes of the clocks as often as anywhere.
    let from = 1_104_537_600_i64..2_350_000_000;
    (rhythm(), prop::sample::select(ZONES.to_vec()), excluded, from).prop_map(|(mut schedule, zone, excluded, from)| {
        schedule["timezone"] = json!(zone);
        let first = jiff::civil::date(2005, 1, 1);
        let range = |(start, length): (i32, i32)| {
            let start = first + jiff::Span::new().days(start);
            format!("{start}..{}", start + jiff::Span::new().days(length))
        };
        // Some of them near what is looked at.
        let near = Timestamp::from_second(from).unwrap().to_zoned(TimeZone::UTC).date();
        let near = format!("{}..{}", near + jiff::Span::new().days(20), near + jiff::Span::new().days(45));
        let not_on: Vec<String> = excluded.into_iter().map(range).chain([near]).collect();
        schedule["not_on"] = json!(not_on);
        json!({ "schedule": schedule, "from": from, "count": 12 })
    })
}

#[test]
fn drills_are_due_when_another_projects_calendar_says_needs_dateutil() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = case();
    let cases: Vec<Value> = (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let input: String = cases.iter().map(|case| case.to_string() + "\n").collect::<Vec<_>>().concat();
    let answers = says("due.py", &input);
    assert_eq!(answers.lines().count(), cases.len());
    let mut compared = 0;
    for (case, answer) in cases.iter().zip(answers.lines()) {
        let expected: Vec<i64> = serde_json::from_str(answer).unwrap();
        let schedule: Schedule = serde_json::from_value(case["schedule"].clone()).unwrap();
        let from = case["from"].as_i64().unwrap();
        let table = Timetable::new(&schedule, TimeZone::get(&schedule.timezone).unwrap());
        let found = table.from(Timestamp::from_second(from).unwrap()).map(|it| it.at.as_second());
        // Of a cron expression the other side looks at two years only.
        let until = from + 790 * 86_400;
        let is_cron = schedule.on.is_none();
        let near = |at: &i64| !is_cron || *at < until;
        let found: Vec<i64> = found.take(12).filter(near).collect();
        let expected: Vec<i64> = expected.into_iter().filter(near).collect();
        assert_eq!(found, expected, "{case}");
        compared += found.len();
    }
    assert!(compared > CASES * 6, "the schedules that were made up are due often enough: {compared}");
}
