//! The names of things: steps, phases, services, resources, probes, runs, and the two region roles.
//!
//! Relies on nothing but the standard library, serde and jiff. An id is checked once, when it is made, and cheap
//! to clone afterwards (a shared string). Every id is safe as a file name, in a log line and in a URL, because of
//! what it may be made of; nothing here may widen that without looking at all three.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, and the longest part of a step's id, in characters.
pub const MAX_ID_LEN: usize = 64;
/// The longest id of a run: date, time, the playbook's name and a suffix.
pub const MAX_RUN_ID_LEN: usize = 96;
/// How many `/`-separated parts a step's id may have: how deep playbooks may be inlined into each other, plus one.
pub const MAX_STEP_ID_PARTS: usize = 9;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text, or a part of it, is empty.
    #[error("the {what} `{text}` is empty or has an empty part; it needs at least one lower-case letter or digit")]
    Empty {
        /// What was to be named.
        what: &'static str,
        /// The whole text.
        text: String,
    },
    /// The text, or a part of it, is longer than allowed.
    #[error("the {what} `{text}…` is {len} characters long; at most {max} are allowed")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// How the text starts.
        text: String,
        /// Its length in characters.
        len: usize,
        /// The longest that is allowed, in characters.
        max: usize,
    },
    /// A character that no id may have, or not there.
    #[error(
        "the {what} `{text}` has {found:?} at character {at}; use lower-case letters, digits, `-`, `_` and `.`, \
         beginning with a letter or digit"
    )]
    Character {
        /// What was to be named.
        what: &'static str,
        /// The whole text.
        text: String,
        /// The character that is not allowed there.
        found: char,
        /// Its place, counted from 1.
        at: usize,
    },
    /// Too many `/`-separated parts.
    #[error("the {what} `{text}` has {parts} parts; playbooks may be nested at most {} deep", MAX_STEP_ID_PARTS - 1)]
    TooDeep {
        /// What was to be named.
        what: &'static str,
        /// The whole text.
        text: String,
        /// How many parts it has.
        parts: usize,
    },
}

/// Checks one part: `[a-z0-9][a-z0-9._-]*`, at most `max` characters. `offset` is where it starts in `text`.
fn check_part(what: &'static str, text: &str, part: &str, offset: usize, max: usize) -> Result<(), IdError> {
    if part.is_empty() {
        return Err(IdError::Empty { what, text: shown(text) });
    }
    for (index, found) in part.chars().enumerate() {
        let allowed =
            found.is_ascii_lowercase() || found.is_ascii_digit() || (index > 0 && matches!(found, '.' | '_' | '-'));
        if !allowed {
            return Err(IdError::Character { what, text: shown(text), found, at: offset + index + 1 });
        }
    }
    // All is ASCII by now, so bytes are characters.
    if part.len() > max {
        return Err(IdError::TooLong { what, text: text.chars().take(24).collect(), len: part.len(), max });
    }
    Ok(())
}

/// A text as an error message shows it: never longer than a line.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// Checks a plain id.
fn check_plain(what: &'static str, text: &str) -> Result<(), IdError> {
    check_part(what, text, text, 0, MAX_ID_LEN)
}

/// Checks a step's id: plain ids, joined by `/` where playbooks are inlined.
fn check_step(what: &'static str, text: &str) -> Result<(), IdError> {
    let mut offset = 0;
    let mut parts = 0;
    for part in text.split('/') {
        parts += 1;
        if parts > MAX_STEP_ID_PARTS {
            return Err(IdError::TooDeep { what, text: shown(text), parts: text.split('/').count() });
        }
        check_part(what, text, part, offset, MAX_ID_LEN)?;
        offset += part.len() + 1;
    }
    Ok(())
}

/// Checks a run's id.
fn check_run(what: &'static str, text: &str) -> Result<(), IdError> {
    check_part(what, text, text, 0, MAX_RUN_ID_LEN)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $check:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as an id.
            ///
            /// # Errors
            /// [`IdError`] says which character or length is wrong.
            pub fn new(text: &str) -> Result<Self, IdError> {
                $check($what, text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Text and id order, compare and hash alike, so that maps keyed by ids can be asked with a `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                // Not through an owned string: a journal has an id in nearly every record.
                deserializer.deserialize_str(Text)
            }
        }
    )+};
}

ids! {
    /// A step's id, unique in its playbook. A step of an inlined playbook carries the id of the step that inlined it
    /// before a `/`: `failover-web/switch-dns`.
    StepId, "step id", check_step;
    /// A phase's name, unique in its playbook.
    PhaseId, "phase name", check_plain;
    /// A service's name.
    ServiceId, "service name", check_plain;
    /// A resource's name, as the infrastructure file and the playbook both write it.
    ResourceId, "resource name", check_plain;
    /// A probe's name.
    ProbeId, "probe name", check_plain;
    /// A run's id, which is also the name of its folder: `20261122-084216-quarterly-failover`.
    RunId, "run id", check_run;
}

impl StepId {
    /// The id of a step of an inlined playbook: `outer` is the step that inlines it, `self` its id in there.
    ///
    /// # Errors
    /// [`IdError::TooDeep`] when playbooks are nested deeper than [`MAX_STEP_ID_PARTS`] allows.
    pub fn within(&self, outer: &Self) -> Result<Self, IdError> {
        Self::new(&format!("{outer}/{self}"))
    }
}

impl RunId {
    /// The id of a run of `playbook_name` that starts at `start`, in UTC to the second.
    ///
    /// # Errors
    /// [`IdError`] when the playbook's name is no id, or the start lies before the year 0.
    pub fn make(start: jiff::Timestamp, playbook_name: &str) -> Result<Self, IdError> {
        check_plain("playbook name", playbook_name)?;
        Self::new(&format!("{}-{playbook_name}", start.strftime("%Y%m%d-%H%M%S")))
    }

    /// The same id with `-n` at its end: the n-th run of one playbook that starts in one second.
    ///
    /// # Errors
    /// [`IdError::TooLong`] when it becomes too long, which it does not for what [`RunId::make`] made.
    pub fn with_suffix(&self, n: u32) -> Result<Self, IdError> {
        Self::new(&format!("{self}-{n}"))
    }
}

/// Which of the two regions is meant. The infrastructure file gives each its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegionRole {
    /// Where the system is at home.
    Primary,
    /// Where it goes when the primary is lost.
    Secondary,
}

impl RegionRole {
    /// Both roles, the primary first.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The other region.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }

    /// The role's word: `primary` or `secondary`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

impl fmt::Display for RegionRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_an_id() {
        for good in ["a", "0", "db.main", "web-servers", "a_b", "9lives"] {
            assert_eq!(ServiceId::new(good).unwrap(), good);
        }
        for bad in ["", ".", "..", "-a", "A", "aB", "a b", "a/b", "ä", "a\n", "a\0", "_x"] {
            assert!(ServiceId::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(PhaseId::new(&"x".repeat(64)).is_ok());
        assert!(matches!(PhaseId::new(&"x".repeat(65)), Err(IdError::TooLong { len: 65, max: 64, .. })));
    }

    #[test]
    fn an_error_says_which_character() {
        let error = StepId::new("switch/Dns").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the step id `switch/Dns` has 'D' at character 8; use lower-case letters, digits, `-`, `_` and `.`, \
             beginning with a letter or digit"
        );
        let long = ResourceId::new(&"Ä".repeat(100_000)).unwrap_err().to_string();
        assert!(long.len() < 400, "the message is {} bytes long", long.len());
    }

    #[test]
    fn a_step_id_may_have_parts() {
        let outer = StepId::new("failover-web").unwrap();
        let inner = StepId::new("dns").unwrap();
        assert_eq!(inner.within(&outer).unwrap(), "failover-web/dns");
        for bad in ["/", "a/", "/a", "a//b", "a/.b"] {
            assert!(StepId::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(StepId::new(&["a"; MAX_STEP_ID_PARTS].join("/")).is_ok());
        assert!(matches!(StepId::new(&["a"; MAX_STEP_ID_PARTS + 1].join("/")), Err(IdError::TooDeep { .. })));
    }

    #[test]
    fn a_run_id_names_time_and_playbook() {
        let start: jiff::Timestamp = "2026-11-22T08:42:16.999Z".parse().unwrap();
        let run = RunId::make(start, "quarterly-failover").unwrap();
        assert_eq!(run, "20261122-084216-quarterly-failover");
        assert_eq!(run.with_suffix(2).unwrap(), "20261122-084216-quarterly-failover-2");
        assert!(RunId::make(start, "../evil").is_err());
        let longest = RunId::make(start, &"x".repeat(MAX_ID_LEN)).unwrap();
        assert!(longest.with_suffix(u32::MAX).is_ok());
    }

    #[test]
    fn ids_are_checked_when_read() {
        assert_eq!(serde_json::to_string(&StepId::new("a/b").unwrap()).unwrap(), r#""a/b""#);
        assert_eq!(serde_json::from_str::<StepId>(r#""a/b""#).unwrap(), "a/b");
        assert!(serde_json::from_str::<ServiceId>(r#""a/b""#).is_err());
        assert_eq!(serde_json::from_str::<RegionRole>(r#""secondary""#).unwrap(), RegionRole::Secondary);
        assert_eq!(RegionRole::Primary.other().to_string(), "secondary");
    }

    #[test]
    fn a_map_of_ids_can_be_asked_with_text() {
        let map = std::collections::BTreeMap::from([(StepId::new("dns").unwrap(), 1)]);
        assert_eq!(map.get("dns"), Some(&1));
    }
}
