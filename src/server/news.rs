//! What people are told, and in which shapes.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewsKind {
    /// A drill will be due.
    Before,
    /// A run waits for a person.
    Gate,
    /// A run has ended.
    End,
    /// A drill is overdue.
    Overdue,
    /// A drill could not begin, or a run was left behind.
    Trouble,
}

impl fmt::Display for NewsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Gate => "gate",
            Self::End => "end",
            Self::Overdue => "overdue",
            Self::Trouble => "trouble",
        })
    }
}

/// Something that people are told once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// What happened.
    pub event: NewsKind,
    /// The playbook's name.
    pub playbook: String,
    /// Its title.
    pub title: String,
    /// The occurrence of its schedule that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// The run that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// A run's verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// One sentence or a few.
    pub text: String,
    /// When this was known.
    pub at: Timestamp,
}

/// The document that webhooks get.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u32,
    key: &'a str,
    #[serde(flatten)]
    news: &'a News,
}

impl News {
    /// As a JSON document; `key` is what stays the same when it is delivered again.
    #[must_use]
    pub fn json(&self, key: &str) -> String {
        let document = Document { kind: "muster-notice", version: 1, key, news: self };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// In the shape that Slack takes, and what copies it. Its special characters are escaped, so that no text of a
    /// playbook calls people.
    #[must_use]
    pub fn slack(&self) -> String {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        serde_json::json!({ "text": format!("*{}*\n{}", escape(&self.headline()), escape(&self.text)) }).to_string()
    }

    /// In one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let what = match self.event {
            NewsKind::Before => "Drill ahead".to_owned(),
            NewsKind::Gate => "Drill waits for a person".to_owned(),
            NewsKind::End => format!("Drill {}", self.verdict.as_deref().unwrap_or("ended")),
            NewsKind::Overdue => "Drill overdue".to_owned(),
            NewsKind::Trouble => "Drill needs a look".to_owned(),
        };
        let line: String = format!("{what}: {}", self.title).chars().filter(|c| !c.is_control()).take(200).collect();
        line
    }
}

/// The signature of a webhook's body, as its header has it: `sha256=` and the HMAC-SHA256, in hex, of the time (seconds since
/// 1970, as the other header has it), a full stop, and the body.
#[must_use]
pub fn signature(secret: &[u8], at: i64, body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let tag = ring::hmac::sign(&key, format!("{at}.{body}").as_bytes());
    format!("sha256={}", data_encoding::HEXLOWER.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news() -> News {
        News {
            event: NewsKind::End,
            playbook: "failover".to_owned(),
            title: "Fail <!channel> over\r\nBcc: x".to_owned(),
            occurrence: None,
            run: Some("20260512-070000-failover".to_owned()),
            verdict: Some("passed".to_owned()),
            text: "All & well".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_signature_is_what_openssl_makes_of_the_same() {
        // printf '17.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=79cd1542875f006ad515323686688f9e78c4c57c76e9153a0f67bf5baa454b2a";
        assert_eq!(signature(b"secret", 17, "{\"a\":1}"), expected);
        assert_ne!(signature(b"secret", 18, "{\"a\":1}"), expected);
        assert_ne!(signature(b"other", 17, "{\"a\":1}"), expected);
    }

    #[test]
    fn shapes_hold_what_happened_and_nothing_that_calls_people() {
        let slack: serde_json::Value = serde_json::from_str(&news().slack()).unwrap();
        assert_eq!(slack["text"], "*Drill passed: Fail &lt;!channel&gt; overBcc: x*\nAll &amp; well");
        let json: serde_json::Value = serde_json::from_str(&news().json("end/1")).unwrap();
        assert_eq!((json["kind"].as_str(), json["event"].as_str()), (Some("muster-notice"), Some("end")));
        assert_eq!((json["key"].as_str(), json["run"].as_str()), (Some("end/1"), Some("20260512-070000-failover")));
    }
}
