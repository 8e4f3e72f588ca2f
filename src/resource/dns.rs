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
        write!(f, " ({}, TTL {})", self.record.values.join(" "), self.record.ttl)
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

    /// Whether all of them, asked at any time until `to`, surely answer as they did at `from`, so far as the record is not
    /// changed meanwhile. Only a simulation knows that without asking.
    fn answers_alike(&self, cx: &Context, from: Moment, to: Moment) -> bool {
        let _ = (cx, from, to);
        false
    }
}
