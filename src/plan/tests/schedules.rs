//! The key `schedule`, as a person gets it wrong, and what is known of a playbook without a plan.

use super::diagnostics::{playbook, problems};
use super::{SIMULATED, load_with};
use crate::model::schedule::NotOn;
use crate::plan::{ground, outline};

fn with(schedule: &str) -> String {
    playbook(&format!(
        "schedule: {schedule}\nphases:\n  - name: failover\n    steps: [{{ id: a, check: {{ services: all }} }}]\n"
    ))
}

fn wrong(schedule: &str) -> String {
    problems(&with(schedule), SIMULATED, None)
}

#[test]
fn what_is_wrong_with_a_schedule_is_told_at_its_place() {
    insta::assert_snapshot!(wrong("{ every: quater, on: tuesday, at: 9:00 }"), @r#"
    M024 drill.yaml:5:20 `quater` is no rhythm; write week, month, quarter, year, or a cron expression of five fields such as "30 9 * * mon"
    M024 drill.yaml:5:45 `9:00` is no time of the day; write hours and minutes such as "09:00"
    "#);
    insta::assert_snapshot!(wrong("{ every: quarter, on: tuesday, at: \"09:00\" }"), @r#"M135 drill.yaml:5:33 which `tuesday` of the quarter is not said | write for example `on: "second tuesday of the second month"`"#);
    insta::assert_snapshot!(wrong("{ every: \"0 9 * * 8\" }"), @"M024 drill.yaml:5:20 `0 9 * * 8` is no cron expression: `8` is none of the days of the week (0 to 7), no range of them and no step");
    insta::assert_snapshot!(wrong("{ every: week, on: monday, at: \"09:00\", timezone: Europe/Amsterdem, warn: soon }"), @r#"
    M043 drill.yaml:5:61 `timezone: Europe/Amsterdem` is not known: failed to find time zone `Europe/Amsterdem` in time zone database | write an IANA name such as `Europe/Berlin`, or `UTC`
    M024 drill.yaml:5:85 `soon` is no time to tell before; write "7 days before" (at most 366)
    "#);
    let excluded = wrong("{ every: week, on: monday, at: \"09:00\", not_on: [\"2026-13-01\", { ics: none.ics }, 7] }");
    for part in [
        "`2026-13-01` is no range of days",
        "M136",
        "none.ics can't be used: there is no such file",
        "found the number 7",
    ] {
        assert!(excluded.contains(part), "{part}: {excluded}");
    }
}

#[test]
fn the_days_of_calendar_files_are_in_the_plan() {
    let text = with("{ every: week, on: monday, at: \"09:00\", not_on: [{ ics: days.ics }] }");
    let ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n";
    let loaded = load_with(&text, &[("infra.yaml", SIMULATED), ("days.ics", ics)], None, &[]);
    let schedule = loaded.plan.unwrap().schedule.unwrap();
    assert_eq!(schedule.not_on[0].days()[0].to_string(), "2026-12-25");
    assert!(matches!(&schedule.not_on[0], NotOn::Ics { ics, .. } if ics == "days.ics"));
    let broken = load_with(&text, &[("infra.yaml", SIMULATED), ("days.ics", "BEGIN")], None, &[]);
    assert_eq!(broken.diagnostics[0].code, "M136");
}

#[test]
fn a_schedule_is_known_without_making_a_plan() {
    let read = |_: &str| Err("there is no such file".to_owned());
    let text = with("{ every: week, on: \"{{ var.day }}\", at: \"09:00\" }")
        .replace("{ web: {", "{ web: { title: \"Web in {{ var.day }}\",")
        .replace("name: drill", "name: drill\ntitle: A drill\nobjectives: { rto: 15m }\nvars: { day: monday }");
    let found = outline("books/drill.yaml", text.as_bytes(), &read);
    let it = found.found.unwrap_or_else(|| panic!("{:?}", found.diagnostics));
    assert_eq!((it.name.as_str(), it.title.as_str()), ("drill", "A drill"));
    assert_eq!(it.infrastructure.as_deref(), Some("books/infra.yaml"));
    assert_eq!(it.schedule.unwrap().describe(), "every week, monday, at 09:00 (UTC)");
    assert_eq!(it.services[0].1, "Web in monday");
    assert!(outline("x", b"muster: 1\nname: Bad Name\n", &read).found.is_none());
    assert!(outline("x", with("{ every: week }").as_bytes(), &read).found.is_none());
    let ground = ground("infra.yaml", b"muster: 1\nenvironment: lab\nunattended: true\n", &read).found.unwrap();
    assert!(ground.unattended);
}
