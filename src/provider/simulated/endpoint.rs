//! What users connect to.

use std::borrow::Cow;
use std::sync::Arc;

use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::Said;

/// What an endpoint promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointKind {
    /// It serves users: databases and storages that it depends on must take writes.
    Serve,
    /// It is ready to, or serves reads alone: they must run, as primary or replica.
    Standby,
}

/// A host, port and path that answers as well as what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name or address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// What is asked for there: the path of an HTTP endpoint, from its `/`, or what else tells questions apart
    /// ([`crate::infrastructure::simulate::Address`]); `None` for one that only takes connections.
    pub path: Option<String>,
    /// What it promises.
    pub kind: EndpointKind,
    /// The resources that must be well in the region that is reached; DNS records and backups count for nothing.
    pub depends_on: Vec<ResourceId>,
    /// The region that it stands in, for one whose name is no DNS record of the simulation (a region's gateway).
    /// `None` with such a name: it stands outside both regions (a witness) and is well if either region is.
    pub region: Option<RegionRole>,
    /// What it answers when all is well.
    pub says: Said,
}

/// A name as hosts are known by it: names of the DNS are the same in any case, with a final dot and without.
pub(super) fn plain(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) { host.to_ascii_lowercase().into() } else { host.into() }
}
