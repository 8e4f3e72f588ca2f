use rstest::rstest;

use super::{At, Cron, Days, Every, IfMissed, NotOn, On, Schedule, Warn};

#[rstest]
#[case("tuesday", "tuesday")]
#[case("Tue", "tuesday")]
#[case("15", "15")]
#[case("the 15th", "15")]
#[case("first day", "1")]
#[case("last day", "last day")]
#[case("last day of the month", "last day")]
#[case("last friday", "last friday")]
#[case("second tuesday of the second month", "second tuesday of the second month")]
#[case("first monday of the last month", "first monday of the last month")]
#[case("third thursday of March", "third thursday of march")]
#[case("29 february", "29 of february")]
#[case("february 29", "29 of february")]
#[case("15th of the first month", "15 of the first month")]
#[case("last friday of the quarter", "last friday")]
fn a_day_is_said_in_words(#[case] text: &str, #[case] shown: &str) {
    let on: On = text.parse().unwrap();
    assert_eq!(on.to_string(), shown);
    assert_eq!(shown.parse::<On>().unwrap(), on, "what is shown reads as the same");
}

#[rstest]
#[case("")]
#[case("32")]
#[case("0")]
#[case("fifth friday")]
#[case("second tuesday of the thirteenth month")]
#[case("tuesdays")]
#[case("second of march friday")]
#[case("last")]
#[case("last friday of")]
fn what_is_no_day_is_refused_with_what_one_would_write(#[case] text: &str) {
    let error = text.parse::<On>().unwrap_err();
    assert!(error.contains("last"), "{error}");
}

#[rstest]
#[case("quarter", "last friday", None)]
#[case("quarter", "15 of the last month", None)]
#[case("quarter", "15", Some("of which month of the quarter"))]
#[case("quarter", "15 march", Some("only one quarter has"))]
#[case("quarter", "15 of the fourth month", Some("three months"))]
#[case("quarter", "friday", Some("which `friday` of the quarter"))]
#[case("month", "31", None)]
#[case("month", "first monday of may", Some("every month"))]
#[case("week", "friday", None)]
#[case("week", "last friday", Some("no day of the week"))]
#[case("year", "29 february", None)]
#[case("year", "last day", None)]
#[case("year", "15", Some("of which month of the year"))]
fn a_day_must_fit_its_rhythm(#[case] every: &str, #[case] on: &str, #[case] wrong: Option<&str>) {
    let every = Every::try_from(every.to_owned()).unwrap();
    let found = on.parse::<On>().unwrap().fits(&every);
    match wrong {
        None => assert_eq!(found, Ok(())),
        Some(wrong) => assert!(found.clone().unwrap_err().0.contains(wrong), "{found:?}"),
    }
}

#[rstest]
#[case("* * * * *", true)]
#[case("*/15 9-17 * * mon-fri", true)]
#[case("30 9 1,15 JAN-MAR 0", true)]
#[case("0 0 * * 7", true)]
#[case("5/20 * * * *", true)]
#[case("@weekly", true)]
#[case("* * * *", false)]
#[case("60 * * * *", false)]
#[case("0 24 * * *", false)]
#[case("0 0 0 * *", false)]
#[case("0 0 1 13 *", false)]
#[case("0 0 * * 8", false)]
#[case("0 0 * * fri-mon", false)]
#[case("*/0 * * * *", false)]
#[case("@reboot", false)]
#[case("0 0 L * *", false)]
fn a_cron_expression_has_five_fields(#[case] text: &str, #[case] good: bool) {
    assert_eq!(text.parse::<Cron>().is_ok(), good, "{:?}", text.parse::<Cron>());
    if good {
        assert_eq!(Every::try_from(text.to_owned()).unwrap().to_string(), text);
    }
}

#[test]
fn either_day_field_of_cron_counts_unless_one_has_a_star() {
    let both: Cron = "0 0 13 * fri".parse().unwrap();
    // The 13th on a Tuesday, a Friday the 14th, neither.
    assert!(both.has_day(1, 13, 2) && both.has_day(1, 14, 5) && !both.has_day(1, 14, 2));
    let starred: Cron = "0 0 */2 * fri".parse().unwrap();
    assert!(starred.has_day(1, 13, 5) && !starred.has_day(1, 14, 5) && !starred.has_day(1, 13, 2));
    let sunday: Cron = "0 0 * * 7".parse().unwrap();
    assert!(sunday.has_day(1, 1, 0) && !sunday.has_day(1, 1, 1));
}

fn schedule(text: &str) -> Result<Schedule, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn a_schedule_is_read_back_from_a_journal_as_it_was() {
    let text = r#"{"every":"quarter","on":"second tuesday of the second month","at":"09:00","timezone":"Europe/Amsterdam",
        "from":"2026-01-01","not_on":["2026-12-24..2027-01-02",{"ics":"holidays.ics","days":["2026-05-14"]}],
        "if_missed":"run within 5 days","warn":"7 days before"}"#;
    let read = schedule(text).unwrap();
    assert_eq!(read.check(), Ok(()));
    assert!(matches!(&read.not_on[1], NotOn::Ics { ics, days } if ics == "holidays.ics" && days.len() == 1));
    let again = serde_json::to_string(&read).unwrap();
    assert_eq!(schedule(&again).unwrap(), read);
    let plain = schedule(r#"{"every":"month","on":"31","at":"00:00"}"#).unwrap();
    assert_eq!((plain.timezone.as_str(), plain.if_missed.within().as_secs_f64()), ("UTC", 86_400.0));
}

#[rstest]
#[case(r#"{"every":"quarter","at":"09:00"}"#, "every", "on which day of the quarter")]
#[case(r#"{"every":"week","on":"tuesday"}"#, "every", "at what time")]
#[case(r#"{"every":"0 9 * * 1","at":"09:00"}"#, "at", "says it again")]
#[case(r#"{"every":"0 9 30 2 *"}"#, "every", "no year has a day")]
fn what_does_not_fit_together_is_told_at_its_key(#[case] text: &str, #[case] key: &str, #[case] what: &str) {
    let (at, message, help) = schedule(text).unwrap().check().unwrap_err();
    assert_eq!(at, key);
    assert!(message.contains(what) && !help.is_empty(), "{message}");
}

#[test]
fn a_leap_day_and_a_friday_the_thirtieth_are_due_at_times() {
    for every in ["0 9 29 2 *", "0 9 30 2 fri"] {
        let text = format!(r#"{{"every":"{every}"}}"#);
        assert_eq!(schedule(&text).unwrap().check(), Ok(()));
    }
}

#[test]
fn lengths_are_said_in_words_within_bounds() {
    let within = |text: &str| IfMissed::try_from(text.to_owned()).map(|it| it.within().as_secs_f64());
    assert_eq!(within("run within 5 days"), Ok(5.0 * 86_400.0));
    assert_eq!(within("run within 36h"), Ok(36.0 * 3600.0));
    assert_eq!(within("skip"), Ok(900.0));
    for wrong in ["run", "run within 5", "run within 0 days", "run within 367 days", "run within five days"] {
        assert!(within(wrong).unwrap_err().contains("run within 5 days"));
    }
    assert!(Warn::try_from("7 days before".to_owned()).is_ok() && Warn::try_from("7 days".to_owned()).is_err());
    assert!(At::try_from("9:00".to_owned()).is_err() && At::try_from("24:00".to_owned()).is_err());
    assert!(Days::try_from("2027-01-02..2026-12-24".to_owned()).is_err());
    assert!(Days::try_from("2026-02-29".to_owned()).is_err());
}
