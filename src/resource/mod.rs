//! What steps act on: the state of each kind of resource as data, and the traits by which it is reached.
//!
//! The states are what is captured before a step, predicted by a plan and compared after it. They are serialised
//! into journals, so a field is only ever added with a default. The traits are the boundary between what Muster
//! means and how an infrastructure does it: the engine and the actions know the traits, only `app` knows providers.
//! May rely on `time`, `id`, `chance`; must never know a provider, a playbook or an event.

mod backup;
mod ballot;
mod compute;
mod context;
mod database;
mod dns;
mod exhibit;
mod foretold;
mod health;
mod marker;
mod network;
mod people;
mod person;
mod process;
mod questions;
mod region;
mod settled;
mod storage;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use backup::{Backup, BackupState, RestorePoint, Restored, RestoredRows, SnapshotSummary};
pub use ballot::{Ballot, Cast, Votes};
pub use compute::{Compute, ComputeGroup, ComputeState};
pub use context::{Actor, Cancellation, Context, Errand};
pub use database::{
    CanaryRow, CanaryRows, Database, DatabaseInstance, DatabaseState, FenceProof, ForetellRows, Preserved, ReplicaRole,
    Stance, WriteAttempt,
};
pub use dns::{Dns, DnsState, RecordSet, RecordType, Serial, ServerAnswer, told};
pub use exhibit::{EXHIBIT_FILE_MAX, EXHIBIT_LINK_MAX, EXHIBIT_TEXT_MAX, Exhibit, ExhibitKind};
pub use foretold::{Foretell, Foretold, Steady};
pub use health::{Health, HealthState, ServiceHealth};
pub use marker::{Claimed, Exclusive, Marker};
pub use network::{
    Exchange, ForetellExchange, HttpRequest, HttpResponse, Meeting, Method, NetError, Network, Resolver, Stage, Stages,
    TcpRequest,
};
pub use people::{Answer, AnsweredBy, Choice, Decision, People, Question};
pub use person::{Person, Stated};
pub use process::{CommandLine, Finished, ProcessError, Processes};
pub use questions::{
    Certificate, DnsAnswer, DnsRequest, DnsType, Family, PostgresRequest, SslMode, TlsOptions, TlsRequest,
};
pub use region::{Party, Region, RegionState};
pub use settled::settled;
pub use storage::{CopyReport, Recovered, Recovery, Storage, StorageSide, StorageState, Wanted};

use crate::id::{RegionRole, ResourceId};

/// The kinds of resource, as playbooks and infrastructure files name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// A DNS record.
    Dns,
    /// A replicated database.
    Database,
    /// A group of servers.
    Compute,
    /// Storage of repositories or files, copied to the other region.
    Storage,
    /// Snapshots.
    Backup,
    /// A region itself; not declared under `resources` but under `regions`.
    Region,
}

impl ResourceKind {
    /// The kinds that an infrastructure file may declare.
    pub const DECLARED: [Self; 5] = [Self::Dns, Self::Database, Self::Compute, Self::Storage, Self::Backup];

    /// The key in YAML.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Database => "database",
            Self::Compute => "compute",
            Self::Storage => "storage",
            Self::Backup => "backup",
            Self::Region => "region",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What was seen of something that may not be reachable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// It answered.
    Is(T),
    /// It did not; the reason as the provider gave it. Nothing is known of it.
    Unreachable(String),
}

impl<T> Seen<T> {
    /// The state, if it answered.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Is(state) => Some(state),
            Self::Unreachable(_) => None,
        }
    }

    /// The state to change, if it answered.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Is(state) => Some(state),
            Self::Unreachable(_) => None,
        }
    }
}

/// One state for each region.
pub type ByRegion<T> = BTreeMap<RegionRole, Seen<T>>;

/// The state of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceState {
    /// Of a DNS record.
    Dns(DnsState),
    /// Of a database.
    Database(DatabaseState),
    /// Of a compute group.
    Compute(ComputeState),
    /// Of a storage.
    Storage(StorageState),
    /// Of the snapshots.
    Backup(BackupState),
    /// Of a region.
    Region(RegionState),
}

impl ResourceState {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Dns(_) => ResourceKind::Dns,
            Self::Database(_) => ResourceKind::Database,
            Self::Compute(_) => ResourceKind::Compute,
            Self::Storage(_) => ResourceKind::Storage,
            Self::Backup(_) => ResourceKind::Backup,
            Self::Region(_) => ResourceKind::Region,
        }
    }
}

impl fmt::Display for ResourceState {
    /// One line for people: `primary writable, secondary replica 212 ms behind`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(state) => state.fmt(f),
            Self::Database(state) => state.fmt(f),
            Self::Compute(state) => state.fmt(f),
            Self::Storage(state) => state.fmt(f),
            Self::Backup(state) => state.fmt(f),
            Self::Region(state) => state.fmt(f),
        }
    }
}

/// Writes `primary …, secondary …`, each side by `each`.
fn by_region<T>(
    f: &mut fmt::Formatter<'_>,
    regions: &ByRegion<T>,
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (n, (role, seen)) in regions.iter().enumerate() {
        if n > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{role} ")?;
        match seen {
            Seen::Is(state) => each(f, state)?,
            Seen::Unreachable(_) => f.write_str("unreachable")?,
        }
    }
    Ok(())
}

/// The states of all resources that are known, regions included (see [`region_resource`]).
pub type World = BTreeMap<ResourceId, ResourceState>;

/// The name under which a region stands in a [`World`] and in events: `region.primary`.
///
/// # Panics
/// Never: both names are valid.
#[must_use]
pub fn region_resource(role: RegionRole) -> ResourceId {
    let name = match role {
        RegionRole::Primary => "region.primary",
        RegionRole::Secondary => "region.secondary",
    };
    match ResourceId::new(name) {
        Ok(id) => id,
        Err(_) => unreachable!("a region's name is a valid id"),
    }
}

/// Why a provider could not do or see something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ProviderError {
    /// Nobody answered: whether anything happened is not known.
    #[error("{0}: no answer")]
    Unreachable(String),
    /// It answered, and said no; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// A conditional write found something else than was observed before; nothing was changed.
    #[error("changed by somebody else meanwhile: {0}")]
    Changed(String),
    /// A passing fault, worth a retry; nothing was changed.
    #[error("{0} (a passing fault)")]
    Transient(String),
    /// This provider cannot do that at all.
    #[error("{0}")]
    Unsupported(String),
    /// It stopped halfway: something was changed, and what was asked for is not there.
    #[error("{0} (it stopped halfway)")]
    Halfway(String),
    /// The caller asked to end before it was done: whether it happened is not known.
    #[error("ended before an answer came")]
    Cancelled,
}

impl ProviderError {
    /// Whether the thing asked for may have happened in spite of the error.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Halfway(_) | Self::Cancelled)
    }
}

/// Everything that actions and probes can reach, built by `app` from an infrastructure file.
#[derive(Clone)]
pub struct Resources {
    /// DNS records.
    pub dns: BTreeMap<ResourceId, Arc<dyn Dns>>,
    /// Databases.
    pub databases: BTreeMap<ResourceId, Arc<dyn Database>>,
    /// Compute groups.
    pub computes: BTreeMap<ResourceId, Arc<dyn Compute>>,
    /// Storages.
    pub storages: BTreeMap<ResourceId, Arc<dyn Storage>>,
    /// Backups.
    pub backups: BTreeMap<ResourceId, Arc<dyn Backup>>,
    /// The two regions.
    pub regions: BTreeMap<RegionRole, Arc<dyn Region>>,
    /// The network as the vantage point sees it.
    pub network: Arc<dyn Network>,
    /// Programs.
    pub processes: Arc<dyn Processes>,
    /// The people of the drill.
    pub people: Arc<dyn People>,
}

impl Resources {
    /// What can be marked as one run's own, whatever its kind; regions by [`region_resource`].
    #[must_use]
    pub fn exclusive(&self, id: &ResourceId) -> Option<Arc<dyn Exclusive>> {
        if let Some(dns) = self.dns.get(id) {
            return Some(Arc::clone(dns) as _);
        }
        if let Some(database) = self.databases.get(id) {
            return Some(Arc::clone(database) as _);
        }
        if let Some(compute) = self.computes.get(id) {
            return Some(Arc::clone(compute) as _);
        }
        if let Some(storage) = self.storages.get(id) {
            return Some(Arc::clone(storage) as _);
        }
        if let Some(backup) = self.backups.get(id) {
            return Some(Arc::clone(backup) as _);
        }
        let region = self.regions.iter().find(|(role, _)| region_resource(**role) == *id);
        region.map(|(_, region)| Arc::clone(region) as _)
    }

    /// Observes one resource, whatever its kind; regions by [`region_resource`].
    pub async fn observe(&self, cx: &Context, id: &ResourceId) -> Result<ResourceState, ProviderError> {
        if let Some(dns) = self.dns.get(id) {
            return dns.observe(cx).await.map(ResourceState::Dns);
        }
        if let Some(database) = self.databases.get(id) {
            return database.observe(cx).await.map(ResourceState::Database);
        }
        if let Some(compute) = self.computes.get(id) {
            return compute.observe(cx).await.map(ResourceState::Compute);
        }
        if let Some(storage) = self.storages.get(id) {
            return storage.observe(cx).await.map(ResourceState::Storage);
        }
        if let Some(backup) = self.backups.get(id) {
            return backup.observe(cx).await.map(ResourceState::Backup);
        }
        for (role, region) in &self.regions {
            if region_resource(*role) == *id {
                return region.observe(cx).await.map(ResourceState::Region);
            }
        }
        Err(ProviderError::Unsupported(format!("the infrastructure file has no resource `{id}`")))
    }
}
