//! The days that the events of an iCalendar file (RFC 5545) lie on.
//!
//! Files of public holidays are lists of whole days, some with a yearly rule. Read are `DTSTART`, `DTEND`, `DURATION` in
//! days or weeks, and yearly rules without further parts than `INTERVAL`, `COUNT`, `UNTIL`, `BYMONTH` and `BYMONTHDAY`
//! that name the day that the event begins on. Anything else that would say which days are meant is refused, never passed over: a drill on a
//! holiday that was not understood would be a bad surprise.

use jiff::civil::Date;
use jiff::{SpanRelativeTo, ToSpan as _};

use crate::model::schedule::Days;

/// A file may have so many bytes.
pub const BYTES_MAX: usize = 4 << 20;
/// And so many events, each on at most so many days.
const EVENTS_MAX: usize = 20_000;
const DAYS_MAX: i32 = 400;
/// Events without an end of their rule are looked at until this year.
const UNTIL_YEAR: i16 = 2099;

/// The days of a file, in order.
///
/// # Errors
/// What can't be read, with its line.
pub fn read(bytes: &[u8]) -> Result<Vec<Days>, String> {
    if bytes.len() > BYTES_MAX {
        return Err("it is larger than 4 MiB".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let lines = unfolded(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut lines = lines.iter().filter(|(_, line)| !line.trim().is_empty());
    if !lines.next().is_some_and(|(_, line)| line.trim().eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err("it is no iCalendar file: it does not begin with BEGIN:VCALENDAR".to_owned());
    }
    let (mut days, mut event, mut depth, mut events) = (Vec::new(), None::<Event>, 0_usize, 0_usize);
    for (number, line) in lines {
        let (name, value) =
            property(line).ok_or_else(|| format!("line {number}: `{}` is no property", shortened(line)))?;
        let within = depth;
        match (name.as_str(), value.to_uppercase().as_str()) {
            ("BEGIN", what) => {
                depth += 1;
                if within == 0 && what == "VEVENT" {
                    event = Some(Event { line: *number, ..Event::default() });
                }
            }
            ("END", _) => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some(event) = event.take()
                {
                    events += 1;
                    if events > EVENTS_MAX {
                        return Err(format!("it has more than {EVENTS_MAX} events"));
                    }
                    event.days(&mut days).map_err(|why| format!("the event in line {}: {why}", event.line))?;
                }
            }
            // An alarm or the like within the event has properties of its own.
            _ if within == 1 => {
                if let Some(event) = &mut event {
                    event.take(&name, value).map_err(|why| format!("line {number}: {why}"))?;
                }
            }
            _ => {}
        }
    }
    if event.is_some() {
        return Err("it breaks off within an event".to_owned());
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// Lines with their numbers, from 1; one that begins with white space goes on with the line before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, last))) => last.push_str(more),
            _ => lines.push((number + 1, line.to_owned())),
        }
    }
    lines
}

/// The name, in capitals and without its parameters, and the value.
fn property(line: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let colon = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let name = line[..colon].split(';').next().unwrap_or_default().trim();
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    good.then(|| (name.to_ascii_uppercase(), line[colon + 1..].trim()))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[derive(Default)]
struct Event {
    line: usize,
    start: Option<Date>,
    /// The day after the last, of an event of whole days; the last of one with times.
    end: Option<(Date, bool)>,
    length: Option<i32>,
    rule: Option<String>,
    /// Taken out of the rule.
    except: Vec<Date>,
    cancelled: bool,
}

/// `20261224` or `20261224T100000Z`; says whether it has a time that is not midnight.
fn date(value: &str) -> Result<(Date, bool), String> {
    let wrong = || format!("`{}` is no date", shortened(value));
    let digits = value.get(..8).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(wrong)?;
    let (year, rest) = digits.split_at(4);
    let (month, day) = rest.split_at(2);
    let number = |text: &str| text.parse::<i16>().map_err(|_| wrong());
    let small = |text: &str| text.parse::<i8>().map_err(|_| wrong());
    let date = Date::new(number(year)?, small(month)?, small(day)?).map_err(|_| wrong())?;
    let time = value[8..].trim_start_matches('T').trim_end_matches('Z');
    if !value[8..].is_empty() && (!value[8..].starts_with('T') || time.len() != 6) {
        return Err(wrong());
    }
    Ok((date, time.bytes().any(|digit| digit != b'0')))
}

impl Event {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "DTSTART" => self.start = Some(date(value)?.0),
            "DTEND" => self.end = Some(date(value)?),
            "DURATION" => self.length = Some(length(value)?),
            "RRULE" => self.rule = Some(value.to_ascii_uppercase()),
            "EXDATE" => {
                for one in value.split(',') {
                    self.except.push(date(one)?.0);
                }
            }
            "RDATE" => return Err("further dates (RDATE) are not read; write an event for each".to_owned()),
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
        Ok(())
    }

    fn days(&self, days: &mut Vec<Days>) -> Result<(), String> {
        if self.cancelled {
            return Ok(());
        }
        let first = self.start.ok_or("it has no DTSTART")?;
        let more = match (self.end, self.length) {
            (Some((end, true)), _) => between(first, end),
            (Some((end, false)), _) => between(first, end) - 1,
            (None, Some(length)) => length - 1,
            (None, None) => 0,
        };
        if more >= DAYS_MAX {
            return Err(format!("it lasts more than {DAYS_MAX} days"));
        }
        let more = more.max(0);
        for first in self.firsts(first)? {
            if self.except.contains(&first) {
                continue;
            }
            let last = first.checked_add(more.days()).map_err(|error| error.to_string())?;
            days.push(Days { first, last });
        }
        Ok(())
    }

    /// The days on which it begins.
    fn firsts(&self, first: Date) -> Result<Vec<Date>, String> {
        let Some(rule) = &self.rule else { return Ok(vec![first]) };
        let unread = || format!("the rule `{}` is not read: only FREQ=YEARLY on the same day is", shortened(rule));
        let (mut interval, mut count, mut until, mut yearly) = (1_i16, i32::MAX, None, false);
        for part in rule.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(unread)?;
            match name {
                "FREQ" if value == "YEARLY" => yearly = true,
                "INTERVAL" => interval = value.parse().ok().filter(|it| *it > 0).ok_or_else(unread)?,
                "COUNT" => count = value.parse().ok().filter(|it| *it > 0).ok_or_else(unread)?,
                "UNTIL" => until = Some(date(value)?.0),
                "BYMONTH" if value.parse() == Ok(first.month()) => {}
                "BYMONTHDAY" if value.parse() == Ok(first.day()) => {}
                "WKST" => {}
                _ => return Err(unread()),
            }
        }
        if !yearly {
            return Err(unread());
        }
        let mut firsts = Vec::new();
        let mut year = first.year();
        while year <= UNTIL_YEAR && i32::try_from(firsts.len()).is_ok_and(|found| found < count) {
            // A leap day is there in leap years only, as the standard has it.
            if let Ok(date) = Date::new(year, first.month(), first.day()) {
                if until.is_some_and(|until| date > until) {
                    break;
                }
                firsts.push(date);
            }
            year = year.saturating_add(interval);
        }
        Ok(firsts)
    }
}

fn between(first: Date, last: Date) -> i32 {
    first.until(last).map_or(0, |span| span.get_days())
}

/// `P1D`, `P2W`, in days; parts of a day count as one.
fn length(value: &str) -> Result<i32, String> {
    let wrong = || format!("`{}` is no length in days or weeks", shortened(value));
    let span: jiff::Span = value.parse().map_err(|_| wrong())?;
    let hours = span.total((jiff::Unit::Hour, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
    if !(0.0..=24.0 * f64::from(DAYS_MAX)).contains(&hours) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was held within a few hundred days")]
    let days = (hours / 24.0).ceil() as i32;
    Ok(days.max(1))
}

#[cfg(test)]
mod tests;
