//! The mark of a run as a TXT record in the hosted zone, beside the record that it guards: `_muster.code.example.com`.

use std::fmt::Write as _;

use crate::id::RunId;
use crate::infrastructure::real::aws::dns::Route53;
use crate::infrastructure::real::rfc2136::plain_name;
use crate::resource::Marker;

/// The longest string of a TXT record (RFC 1035 section 3.3).
const STRING_MAX: usize = 255;

/// A mark, and how many changes were made under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) marker: Marker,
    /// Each change replaces the mark by the next, so that a change which was sent twice is made once.
    pub(super) changes: u64,
}

impl Mark {
    /// In seconds: nobody but Muster asks for it.
    pub(super) const TTL: i64 = 60;

    pub(super) fn name(settings: &Route53) -> String {
        format!("_muster.{}", plain_name(&settings.name))
    }

    /// The mark after one more change.
    pub(super) fn next(&self) -> Self {
        Self { marker: self.marker.clone(), changes: self.changes + 1 }
    }

    /// As Route 53 writes the strings of a TXT record: quoted, with anything but plain ASCII as octal escapes.
    pub(super) fn text(&self) -> String {
        let Marker { run, fencing, who, since } = &self.marker;
        let strings = [
            format!("run={run}"),
            format!("fencing={fencing}"),
            format!("since={since}"),
            format!("who={who}"),
            format!("changes={}", self.changes),
        ];
        strings.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let strings = unquoted(text)?;
        let value = |key: &str| {
            strings.iter().filter_map(|one| one.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let marker = Marker {
            run: RunId::new(value("run")?).ok()?,
            fencing: value("fencing")?.parse().ok()?,
            since: value("since")?.parse().ok()?,
            who: value("who")?.to_owned(),
        };
        Some(Self { marker, changes: value("changes")?.parse().ok()? })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes().take(STRING_MAX) {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "\\{other:03o}");
            }
        }
    }
    out.push('"');
    out
}

/// The strings of a TXT record; `None` if it is written in a way that Route 53 does not write.
fn unquoted(text: &str) -> Option<Vec<String>> {
    let (mut strings, mut bytes) = (Vec::new(), text.bytes().peekable());
    loop {
        while bytes.next_if_eq(&b' ').is_some() {}
        match bytes.next() {
            None => return Some(strings),
            Some(b'"') => {}
            Some(_) => return None,
        }
        let mut one = Vec::new();
        loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => match bytes.next()? {
                    digit @ b'0'..=b'3' => {
                        let (second, third) = (bytes.next()?, bytes.next()?);
                        let octal = [digit, second, third].map(char::from).iter().collect::<String>();
                        one.push(u8::from_str_radix(&octal, 8).ok()?);
                    }
                    other => one.push(other),
                },
                other => one.push(other),
            }
        }
        // A name that was cut in the middle of a character.
        strings.push(String::from_utf8_lossy(&one).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_was_written() {
        let marker = Marker {
            run: RunId::new("20261122-084216-drill").unwrap(),
            fencing: 4,
            who: "zoë \"z\" at c:\\host".into(),
            since: "2026-11-22T08:42:16.5Z".parse().unwrap(),
        };
        let mark = Mark { marker, changes: 2 };
        let text = mark.text();
        assert!(text.contains("zo\\303\\253"), "{text}");
        assert_eq!(Mark::parse(&text), Some(mark.clone()));
        assert_eq!(mark.next().changes, 3);
        for other in ["\"v=spf1 -all\"", "run=1", "\"run=", ""] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }
}
