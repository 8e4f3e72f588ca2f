//! DNS records.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Context, Exclusive, ProviderError};
use crate::id::RegionRole;
use crate::time::{Moment, Span};

/// The types of record that a drill switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Another name.
    Cname,
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        })
    }
}

/// One record set, whole: what undo puts back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// The name, without a final dot.
    pub name: String,
    /// The type.
    pub record_type: RecordType,
    /// The values, sorted.
    pub values: Vec<String>,
    /// How long resolvers may keep it.
    pub ttl: Span,
    /// All that its provider keeps of it beside that (weights, health checks, what it is an alias of), as the provider
    /// writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<serde_json::Value>,
}

/// The version of a zone that a server answers from, and the one that the last change made (RFC 1035 section 3.3.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serial {
    /// What the server has.
    pub has: u32,
    /// What it must have before its answer counts.
    pub needed: u32,
}

impl Serial {
    /// Whether the server has that version or a later one, in the arithmetic of RFC 1982.
    #[must_use]
    pub fn is_current(self) -> bool {
        self.has.wrapping_sub(self.needed) < 1 << 31
    }
}

/// What one server or resolver answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAnswer {
    /// Its name or address.
    pub server: String,
    /// The values, sorted; an error's text where there was no answer.
    pub values: Result<Vec<String>, String>,
    /// What is left of the TTL.
    pub ttl: Span,
    /// The region that these values belong to, if they are exactly one region's.
    pub serves: Option<RegionRole>,
    /// The version of the zone that it answered from, where the provider knows it.
    pub serial: Option<Serial>,
}

impl ServerAnswer {
    /// Whether it answers from a version of the zone that is not older than the last change.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.serial.is_none_or(Serial::is_current)
    }

    /// Whether it sends users to `region`, and not merely because an earlier change has not reached it.
    #[must_use]
    pub fn gives(&self, region: RegionRole) -> bool {
        self.serves == Some(region) && self.is_current()
    }
}

/// Values as people read them.
#[must_use]
pub fn told(values: &[String]) -> String {
    if values.is_empty() { "nothing".to_owned() } else { values.join(" ") }
}

/// The state of a DNS record at its authoritative servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsState {
    /// The record set.
    pub record: RecordSet,
    /// The region that it points to; `None` if it is neither's.
    pub serves: Option<RegionRole>,
}

impl fmt::Display for DnsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.serves {
            Some(role) => write!(f, "points to {role}")?,
            None => f.write_str("points to neither region")?,
        }
        write!(f, " ({}, TTL {})", told(&self.record.values), self.record.ttl)
    }
}

/// A DNS record that can be switched between regions.
#[async_trait]
pub trait Dns: Exclusive {
    /// Reads the record at the authority that takes changes.
    async fn observe(&self, cx: &Context) -> Result<DnsState, ProviderError>;

    /// The record set that points to `region`, with the TTL of `current`.
    fn target(&self, region: RegionRole, current: &RecordSet) -> RecordSet;

    /// Replaces `expected` by `to`, whole, and only if `expected` is still what stands there.
    async fn change(&self, cx: &Context, expected: &RecordSet, to: &RecordSet) -> Result<(), ProviderError>;

    /// What every authoritative server answers now.
    async fn authoritative(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError>;

    /// What the users' resolvers that are listed answer now, from their caches.
    async fn resolvers(&self, cx: &Context) -> Result<Vec<ServerAnswer>, ProviderError>;

    /// Whether a change would be taken now: that all authoritative servers agree, that the key is accepted. Changes
    /// nothing. Gives what shows it.
    async fn ready(&self, cx: &Context) -> Result<Vec<(String, String)>, ProviderError> {
        let _ = cx;
        Ok(Vec::new())
    }

    /// Whether all of them, asked at any time until `to`, surely answer as they did at `from`, so far as the record is not
    /// changed meanwhile. Only a simulation knows that without asking.
    fn answers_alike(&self, cx: &Context, from: Moment, to: Moment) -> bool {
        let _ = (cx, from, to);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;

    #[test]
    fn serials_are_compared_around_their_end() {
        for (has, needed, current) in
            [(7, 7, true), (8, 7, true), (6, 7, false), (2, u32::MAX, true), (u32::MAX, 2, false)]
        {
            assert_eq!(Serial { has, needed }.is_current(), current, "{has} {needed}");
        }
    }
}
