//! What the simulated twin of each kind of resource is like: typed settings, each with a default that fits an
//! ordinary code host, so that `simulate: {}` and no `simulate` at all both give a world worth rehearsing on.
//!
//! Pure data, read from an infrastructure file. May rely on `time`, `chance`, `id`; must never know how a provider
//! acts on it.

mod affliction;
mod fault;
mod pattern;
mod said;

use serde::{Deserialize, Serialize};

use crate::chance::Distribution;
use crate::id::RegionRole;
use crate::resource::ResourceKind;
use crate::time::Span;

pub use affliction::{Address, Affliction, Ailment, Answering, Recovering, Snapshotting, Stepping};
pub use fault::{Fault, FaultError, FaultKind, Faults};
pub use pattern::Together;
pub use said::{ADDRESS, Said, elsewhere, kept_for, put, seconds};

/// One value for each region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerRegion<T> {
    /// Of the primary region.
    pub primary: T,
    /// Of the secondary region.
    pub secondary: T,
}

impl<T> PerRegion<T> {
    /// The value of `role`.
    pub fn get(&self, role: RegionRole) -> &T {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Secondary => &self.secondary,
        }
    }
}

/// A simulated DNS record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedDns {
    /// The name, without a final dot. Default: the resource's id.
    pub name: Option<String>,
    /// How long resolvers keep an answer. Default: 60s.
    #[serde(with = "span_text")]
    pub ttl: Span,
    /// The addresses of each region. Default: 192.0.2.10 and 198.51.100.10 (RFC 5737).
    pub targets: PerRegion<Vec<String>>,
    /// How long the authority takes to accept a change. Default: p50 1s, p95 3s.
    pub change_takes: Distribution,
    /// How many authoritative servers there are, 1 to 16. Default: 2.
    pub servers: u32,
    /// How long after the change each authoritative server answers with it. Default: p50 4s, p95 15s.
    pub converges: Distribution,
    /// How many users' resolvers are listed, at most 64, each with a cache of its own. Default: 3.
    pub resolvers: u32,
    /// The region that the record points to at the start. Default: primary.
    pub serves: RegionRole,
}

impl Default for SimulatedDns {
    fn default() -> Self {
        Self {
            name: None,
            ttl: Span::from_secs(60),
            targets: PerRegion { primary: vec!["192.0.2.10".into()], secondary: vec!["198.51.100.10".into()] },
            change_takes: p50_p95(1_000, 3_000),
            servers: 2,
            converges: p50_p95(4_000, 15_000),
            resolvers: 3,
            serves: RegionRole::Primary,
        }
    }
}

/// A simulated database: an instance in each region, the secondary one a replica at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedDatabase {
    /// How far the replica is behind. Default: p50 400ms, p99 4s.
    pub replication_lag: Distribution,
    /// How long a promotion takes. Default: p50 35s, p95 80s.
    pub promotion: Distribution,
    /// How long it takes to fence an instance. Default: p50 2s, p95 5s.
    pub fence: Distribution,
    /// How long it takes to build a replica anew. Default: p50 6m, p95 12m.
    pub replicate: Distribution,
    /// How long it takes to keep what only one side has. Default: p50 40s, p95 90s.
    pub preserve: Distribution,
    /// How long a write takes, from sending to acknowledgement. Default: p50 4ms, p95 12ms.
    pub write: Distribution,
    /// How long the provider takes to answer a question. Default: 40ms.
    pub api: Distribution,
    /// How many rows users write in a second. Default: 20.
    pub rows_per_second: u32,
}

impl Default for SimulatedDatabase {
    fn default() -> Self {
        Self {
            replication_lag: quantiles((50.0, 400), (99.0, 4_000)),
            promotion: p50_p95(35_000, 80_000),
            fence: p50_p95(2_000, 5_000),
            replicate: p50_p95(360_000, 720_000),
            preserve: p50_p95(40_000, 90_000),
            write: p50_p95(4, 12),
            api: fixed_ms(40),
            rows_per_second: 20,
        }
    }
}

/// A simulated storage of repositories: a side in each region, the secondary one a copy at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedStorage {
    /// How many repositories there are. Default: 2400.
    pub repositories: u32,
    /// How many of them the copy lacks until it is built anew. Default: 0.
    pub missing: u32,
    /// How many of the copy's are damaged until it is built anew. Default: 0.
    pub damaged: u32,
    /// How long after a push the copy has it. Default: p50 1s, p99 8s.
    pub replication_delay: Distribution,
    /// How long a promotion takes. Default: p50 8s, p95 20s.
    pub promotion: Distribution,
    /// How long it takes to fence a side. Default: p50 1s, p95 3s.
    pub fence: Distribution,
    /// How long it takes to make the copy anew. Default: p50 8m, p95 15m.
    pub replicate: Distribution,
    /// How long it takes to keep what only one side has. Default: p50 30s, p95 60s.
    pub preserve: Distribution,
    /// How long it takes to compare the copy with the original. Default: p50 40s, p95 90s.
    pub verify: Distribution,
    /// For how long a deleted repository is kept. Default: 7d.
    #[serde(with = "span_text")]
    pub deleted_kept: Span,
    /// How long it takes to give one back. Default: p50 90s, p95 4m.
    pub recover: Distribution,
    /// How long a push takes. Default: p50 60ms, p95 200ms.
    pub write: Distribution,
    /// How long the provider takes to answer a question. Default: 40ms.
    pub api: Distribution,
    /// How many pushes users make in a minute. Default: 30.
    pub pushes_per_minute: u32,
}

impl Default for SimulatedStorage {
    fn default() -> Self {
        Self {
            repositories: 2_400,
            missing: 0,
            damaged: 0,
            replication_delay: quantiles((50.0, 1_000), (99.0, 8_000)),
            promotion: p50_p95(8_000, 20_000),
            fence: p50_p95(1_000, 3_000),
            replicate: p50_p95(480_000, 900_000),
            preserve: p50_p95(30_000, 60_000),
            verify: p50_p95(40_000, 90_000),
            deleted_kept: Span::from_secs(7 * 86_400),
            recover: p50_p95(90_000, 240_000),
            write: p50_p95(60, 200),
            api: fixed_ms(40),
            pushes_per_minute: 30,
        }
    }
}

/// A simulated group of servers in each region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedCompute {
    /// How many run at the start. Default: 12 in the primary region, 3 in the secondary.
    pub servers: PerRegion<u32>,
    /// How many each region can give. Default: 24.
    pub capacity: PerRegion<u32>,
    /// How long a server takes from being asked for to passing its checks. Default: p50 70s, p95 2m.
    pub boot: Distribution,
    /// How long the provider takes to answer. Default: p50 300ms, p95 1s.
    pub api: Distribution,
}

impl Default for SimulatedCompute {
    fn default() -> Self {
        Self {
            servers: PerRegion { primary: 12, secondary: 3 },
            capacity: PerRegion { primary: 24, secondary: 24 },
            boot: p50_p95(70_000, 120_000),
            api: p50_p95(300, 1_000),
        }
    }
}

/// Simulated snapshots, in each region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedBackup {
    /// How often one is taken. Default: 1h.
    #[serde(with = "span_text")]
    pub every: Span,
    /// How long one is kept. Default: 30d.
    #[serde(with = "span_text")]
    pub kept: Span,
    /// Whether they are encrypted. Default: true.
    pub encrypted: bool,
    /// The age of the newest at the start. Longer than `every` means that they have stopped being taken.
    /// Default: drawn between nothing and `every`.
    #[serde(with = "span_text_option")]
    pub newest_age: Option<Span>,
    /// How far the log behind point-in-time restore is behind. Default: 30s.
    #[serde(with = "span_text")]
    pub log_behind: Span,
    /// How long it takes to restore one and to read it through. Default: p50 9m, p95 20m.
    pub restore: Distribution,
    /// How long the provider takes to answer a question. Default: 60ms.
    pub api: Distribution,
    /// How many things a restore reads through. Default: 412.
    pub things: u32,
    /// How many of them are damaged. Default: 0.
    pub damaged: u32,
}

impl Default for SimulatedBackup {
    fn default() -> Self {
        Self {
            every: Span::from_secs(3_600),
            kept: Span::from_secs(30 * 86_400),
            encrypted: true,
            newest_age: None,
            log_behind: Span::from_secs(30),
            restore: p50_p95(540_000, 1_200_000),
            api: fixed_ms(60),
            things: 412,
            damaged: 0,
        }
    }
}

/// A simulated region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedRegion {
    /// How long it takes to cut it off. Default: p50 1s, p95 3s.
    pub isolate: Distribution,
    /// How long it takes to let it in again. Default: p50 5s, p95 15s.
    pub rejoin: Distribution,
    /// How long the provider takes to answer a question. Default: 40ms.
    pub api: Distribution,
}

impl Default for SimulatedRegion {
    fn default() -> Self {
        Self { isolate: p50_p95(1_000, 3_000), rejoin: p50_p95(5_000, 15_000), api: fixed_ms(40) }
    }
}

/// The simulated network between users and regions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedNetwork {
    /// How long a name takes to resolve. Default: 1ms.
    pub resolve: Distribution,
    /// How long a connection takes to open; a TLS handshake takes as long again. Default: 12ms.
    pub connect: Distribution,
    /// How long a server takes to answer. Default: p50 20ms, p99 80ms.
    pub answer: Distribution,
}

impl Default for SimulatedNetwork {
    fn default() -> Self {
        Self { resolve: fixed_ms(1), connect: fixed_ms(12), answer: quantiles((50.0, 20), (99.0, 80)) }
    }
}

/// The settings of one simulated resource, whatever its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum SimulatedResource {
    /// A DNS record.
    Dns(SimulatedDns),
    /// A database.
    Database(SimulatedDatabase),
    /// A group of servers.
    Compute(SimulatedCompute),
    /// A storage of repositories.
    Storage(SimulatedStorage),
    /// Snapshots.
    Backup(SimulatedBackup),
}

impl SimulatedResource {
    /// The twin with all defaults; `None` for a region, which is not declared as a resource.
    #[must_use]
    pub fn with_defaults(kind: ResourceKind) -> Option<Self> {
        Some(match kind {
            ResourceKind::Dns => Self::Dns(SimulatedDns::default()),
            ResourceKind::Database => Self::Database(SimulatedDatabase::default()),
            ResourceKind::Compute => Self::Compute(SimulatedCompute::default()),
            ResourceKind::Storage => Self::Storage(SimulatedStorage::default()),
            ResourceKind::Backup => Self::Backup(SimulatedBackup::default()),
            ResourceKind::Region => return None,
        })
    }

    /// Reads the settings of a resource of `kind`; `null` stands for the defaults.
    ///
    /// # Errors
    /// What serde says of the first thing that is wrong; a region's settings are not a resource's.
    pub fn from_json(kind: ResourceKind, settings: &serde_json::Value) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let empty = serde_json::Value::Object(serde_json::Map::new());
        let settings = if settings.is_null() { &empty } else { settings };
        Ok(match kind {
            ResourceKind::Dns => Self::Dns(SimulatedDns::deserialize(settings)?),
            ResourceKind::Database => Self::Database(SimulatedDatabase::deserialize(settings)?),
            ResourceKind::Compute => Self::Compute(SimulatedCompute::deserialize(settings)?),
            ResourceKind::Storage => Self::Storage(SimulatedStorage::deserialize(settings)?),
            ResourceKind::Backup => Self::Backup(SimulatedBackup::deserialize(settings)?),
            ResourceKind::Region => return Err(serde_json::Error::custom("a region is no resource")),
        })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Dns(_) => ResourceKind::Dns,
            Self::Database(_) => ResourceKind::Database,
            Self::Compute(_) => ResourceKind::Compute,
            Self::Storage(_) => ResourceKind::Storage,
            Self::Backup(_) => ResourceKind::Backup,
        }
    }
}

/// Always so many milliseconds.
fn fixed_ms(ms: u64) -> Distribution {
    Distribution::fixed(Span::from_millis(ms))
}

/// By its median and its 95th percentile, in milliseconds.
fn p50_p95(p50: u64, p95: u64) -> Distribution {
    quantiles((50.0, p50), (95.0, p95))
}

/// By two quantiles, in percent and milliseconds.
fn quantiles(low: (f64, u64), high: (f64, u64)) -> Distribution {
    Distribution::from_quantiles((low.0, Span::from_millis(low.1)), (high.0, Span::from_millis(high.1)))
        .unwrap_or_else(|_| fixed_ms(low.1))
}

/// A span as playbooks write it: `30s`.
mod span_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::time::Span;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&span.short())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        Span::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A span that may be left out.
mod span_text_option {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::time::Span;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.serialize_some(&span.short()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) => Span::parse(&text).map(Some).map_err(de::Error::custom),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_means_the_defaults() {
        let database: SimulatedDatabase = serde_yaml::from_str("{}").unwrap();
        assert_eq!(database, SimulatedDatabase::default());
        assert_eq!(database.promotion.median().as_millis(), 35_000);
        let dns: SimulatedDns = serde_yaml::from_str("{}").unwrap();
        assert_eq!((dns.ttl, dns.servers), (Span::from_secs(60), 2));
    }

    #[test]
    fn what_is_said_is_taken() {
        let dns: SimulatedDns = serde_yaml::from_str("{ ttl: 5m, change_takes: 2s, servers: 3 }").unwrap();
        assert_eq!((dns.ttl, dns.servers), (Span::from_secs(300), 3));
        assert_eq!(dns.change_takes, Distribution::fixed(Span::from_secs(2)));
        let backup: SimulatedBackup = serde_yaml::from_str("{ newest_age: 3h, encrypted: false }").unwrap();
        assert_eq!((backup.newest_age, backup.encrypted), (Some(Span::from_secs(10_800)), false));
        let compute: SimulatedCompute =
            serde_yaml::from_str("{ servers: { primary: 4, secondary: 0 }, boot: { p50: 1m, p95: 2m } }").unwrap();
        assert_eq!(*compute.servers.get(RegionRole::Secondary), 0);
    }

    #[test]
    fn what_is_unknown_or_lacks_its_unit_is_refused() {
        assert!(serde_yaml::from_str::<SimulatedDatabase>("{ promotoin: 3s }").is_err());
        assert!(serde_yaml::from_str::<SimulatedDns>("{ ttl: 60 }").is_err());
        assert!(serde_yaml::from_str::<SimulatedCompute>("{ servers: { primary: 4 } }").is_err());
    }

    #[test]
    fn settings_are_read_by_kind() {
        let read = |kind, text: &str| SimulatedResource::from_json(kind, &serde_json::from_str(text).unwrap());
        for kind in ResourceKind::DECLARED {
            assert_eq!(read(kind, "null").unwrap(), SimulatedResource::with_defaults(kind).unwrap());
            assert_eq!(read(kind, "{}").unwrap().kind(), kind);
            assert!(read(kind, r#"{"nonsense": 1}"#).is_err());
        }
        assert!(read(ResourceKind::Region, "{}").is_err());
        let quick = read(ResourceKind::Database, r#"{"promotion": {"p50": "10s", "p95": "20s"}}"#).unwrap();
        assert!(matches!(quick, SimulatedResource::Database(it) if it.promotion.median() == Span::from_secs(10)));
    }

    #[test]
    fn settings_come_back_as_they_were_written() {
        let settings = SimulatedBackup { newest_age: Some(Span::from_secs(90)), ..SimulatedBackup::default() };
        let text = serde_yaml::to_string(&settings).unwrap();
        let again: SimulatedBackup = serde_yaml::from_str(&text).unwrap();
        assert_eq!((again.every, again.newest_age), (settings.every, settings.newest_age));
    }
}
