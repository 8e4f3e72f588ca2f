//! The calendar feed: when drills are due, as an iCalendar file (RFC 5545) that calendars subscribe to.
//!
//! All times are in UTC, so no time zone has to be described; lines end with CRLF and are folded at 75 bytes. An event
//! keeps its UID when its time moves.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::clean;

/// A time at which a drill is due, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Stays the same whatever else changes: the playbook's name and the occurrence's.
    pub uid: String,
    /// When.
    pub start: Timestamp,
    /// How long it is expected to take.
    pub minutes: u32,
    /// What calendars show.
    pub summary: String,
    /// What they show on a closer look; may have several lines.
    pub description: String,
    /// So many minutes before, calendars tell.
    pub warn_minutes: Option<u64>,
}

/// The longest text of a property, in bytes.
const TEXT_MAX: usize = 4000;
/// A line has at most so many bytes, its end not counted.
const LINE_MAX: usize = 75;

/// The feed. `at` is when it was drawn.
#[must_use]
pub fn feed(at: Timestamp, events: &[FeedEvent]) -> String {
    let mut out = String::with_capacity(512 + events.len() * 512);
    line(&mut out, "BEGIN:VCALENDAR");
    line(&mut out, "VERSION:2.0");
    line(&mut out, "PRODID:-//Muster//Drill schedule//EN");
    line(&mut out, "CALSCALE:GREGORIAN");
    line(&mut out, "METHOD:PUBLISH");
    line(&mut out, "X-WR-CALNAME:Disaster-recovery drills");
    line(&mut out, "REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    line(&mut out, "X-PUBLISHED-TTL:PT1H");
    if events.is_empty() {
        // A calendar has a component at least (RFC 5545, section 3.6), and one of a time zone shows nothing.
        for text in ["BEGIN:VTIMEZONE", "TZID:UTC", "BEGIN:STANDARD", "DTSTART:19700101T000000"] {
            line(&mut out, text);
        }
        for text in ["TZOFFSETFROM:+0000", "TZOFFSETTO:+0000", "END:STANDARD", "END:VTIMEZONE"] {
            line(&mut out, text);
        }
    }
    for event in events {
        line(&mut out, "BEGIN:VEVENT");
        line(&mut out, &format!("UID:{}@muster", text(&event.uid)));
        line(&mut out, &format!("DTSTAMP:{}", utc(at)));
        line(&mut out, &format!("DTSTART:{}", utc(event.start)));
        line(&mut out, &format!("DURATION:PT{}M", event.minutes.max(1)));
        line(&mut out, &format!("SUMMARY:{}", text(&event.summary)));
        line(&mut out, &format!("DESCRIPTION:{}", text(&event.description)));
        line(&mut out, "CATEGORIES:Drill");
        line(&mut out, "TRANSP:OPAQUE");
        if let Some(minutes) = event.warn_minutes {
            line(&mut out, "BEGIN:VALARM");
            line(&mut out, "ACTION:DISPLAY");
            line(&mut out, &format!("TRIGGER:-PT{minutes}M"));
            line(&mut out, &format!("DESCRIPTION:{}", text(&event.summary)));
            line(&mut out, "END:VALARM");
        }
        line(&mut out, "END:VEVENT");
    }
    line(&mut out, "END:VCALENDAR");
    out
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of the type TEXT.
fn text(value: &str) -> String {
    let clean = clean::block(value, TEXT_MAX);
    let mut out = String::with_capacity(clean.len() + 8);
    for c in clean.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

/// A line, folded between characters.
fn line(out: &mut String, content: &str) {
    let mut used = 0;
    for c in content.chars() {
        if used + c.len_utf8() > LINE_MAX {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(c);
        used += c.len_utf8();
    }
    let _ = out.write_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_without_drills_is_a_calendar_all_the_same() {
        // RFC 5545, section 3.6: a component at least; section 3.6.5: what one of a time zone must have.
        let feed = feed("2026-01-01T00:00:00Z".parse().unwrap(), &[]);
        assert!(feed.ends_with(
            "BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\n\
             TZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"
        ));
    }

    #[test]
    fn an_event_is_folded_and_escaped() {
        let event = FeedEvent {
            uid: "failover-2026-Q2".to_owned(),
            start: "2026-05-12T07:00:00Z".parse().unwrap(),
            minutes: 60,
            summary: "Failover; back, and \\ é".repeat(8),
            description: "First\nsecond\u{7}".to_owned(),
            warn_minutes: Some(10_080),
        };
        let feed = feed("2026-01-01T00:00:00Z".parse().unwrap(), &[event]);
        assert!(feed.ends_with("END:VCALENDAR\r\n") && !feed.replace("\r\n", "").contains(['\r', '\n', '\u{7}']));
        assert!(feed.split("\r\n").all(|line| line.len() <= 75));
        let unfolded = feed.replace("\r\n ", "");
        assert!(unfolded.contains("SUMMARY:Failover\\; back\\, and \\\\ é"), "{unfolded}");
        assert!(unfolded.contains("DESCRIPTION:First\\nsecond"));
        assert!(unfolded.contains("TRIGGER:-PT10080M\r\n") && unfolded.contains("UID:failover-2026-Q2@muster\r\n"));
    }
}
