use rstest::rstest;

use super::read;

fn file(events: &str) -> Vec<u8> {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n").replace('\n', "\r\n").into_bytes()
}

fn event(lines: &str) -> Vec<u8> {
    file(&format!("BEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\n"))
}

fn days(bytes: &[u8]) -> Result<String, String> {
    let days = read(bytes)?;
    Ok(days.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

#[rstest]
#[case("DTSTART;VALUE=DATE:20261225\n", "2026-12-25")]
#[case("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226\n", "2026-12-25")]
#[case("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\n", "2026-12-25..2026-12-26")]
#[case("DTSTART;VALUE=DATE:20261225\nDURATION:P1W\n", "2026-12-25..2026-12-31")]
#[case("DTSTART:20261225T100000Z\nDTEND:20261226T120000Z\n", "2026-12-25..2026-12-26")]
#[case("DTSTART:20261225T100000\nDTEND:20261226T000000\n", "2026-12-25")]
#[case("DTSTART;TZID=\"Europe/Paris: old\":20261225T100000\n", "2026-12-25")]
#[case("DTST\n ART;VALUE=DATE:2026\n 1225\n", "2026-12-25")]
#[case("DTSTART;VALUE=DATE:20261225\nSTATUS:CANCELLED\n", "")]
#[case("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;COUNT=2\n", "2026-12-25 2027-12-25")]
#[case("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=2;BYMONTH=2\n", "2024-02-29 2028-02-29")]
#[case("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;UNTIL=20280101\nEXDATE;VALUE=DATE:20271225\n", "2026-12-25")]
#[case("BEGIN:VALARM\nDURATION:P900D\nEND:VALARM\nDTSTART;VALUE=DATE:20261225\n", "2026-12-25")]
fn an_event_lies_on_days(#[case] lines: &str, #[case] expected: &str) {
    assert_eq!(days(&event(lines)).as_deref(), Ok(expected));
}

#[test]
fn a_rule_without_end_goes_on_for_as_long_as_anybody_plans() {
    let all = read(&event("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\n")).unwrap();
    assert_eq!((all.len(), all.last().unwrap().to_string()), (74, "2099-12-25".to_owned()));
}

#[rstest]
#[case("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=WEEKLY\n", "only FREQ=YEARLY")]
#[case("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;BYDAY=4TH\n", "only FREQ=YEARLY")]
#[case("DTSTART;VALUE=DATE:20261225\nRDATE:20271225\n", "RDATE")]
#[case("DTSTART;VALUE=DATE:20261325\n", "is no date")]
#[case("DTSTART:2026122\n", "is no date")]
#[case("DTSTART:20261225TZ\n", "is no date")]
#[case("SUMMARY:nothing\n", "no DTSTART")]
#[case("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20290101\n", "more than 400 days")]
#[case("DTSTART;VALUE=DATE:20261225\nDURATION:P900D\n", "no length")]
#[case("no colon\n", "is no property")]
fn what_is_not_understood_is_refused(#[case] lines: &str, #[case] why: &str) {
    let error = days(&event(lines)).unwrap_err();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_is_no_calendar_is_refused() {
    assert!(days(b"hello").unwrap_err().contains("BEGIN:VCALENDAR"));
    assert!(days(b"").unwrap_err().contains("BEGIN:VCALENDAR"));
    assert!(days(&[0xff, 0xfe]).unwrap_err().contains("UTF-8"));
    assert!(days(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\n").unwrap_err().contains("breaks off"));
    assert!(days(&vec![b' '; super::BYTES_MAX + 1]).unwrap_err().contains("4 MiB"));
    let many = "BEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\n".repeat(20_001);
    assert!(days(&file(&many)).unwrap_err().contains("20000 events"));
}

#[test]
fn the_days_of_several_events_come_in_order_each_once() {
    let one = |day: &str| format!("BEGIN:VEVENT\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\n");
    let all = file(&[one("20261226"), one("20261225"), one("20261226")].concat());
    assert_eq!(days(&all).as_deref(), Ok("2026-12-25 2026-12-26"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let mut framed = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:".to_vec();
        framed.extend(bytes);
        let _ = read(&framed);
    }
}
