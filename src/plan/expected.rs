//! How long a step is expected to take: what the playbook says, else what the twin's settings say, else what the
//! action says of itself.

use std::collections::BTreeMap;

use crate::catalogue::Act;
use crate::chance::Distribution;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::simulate::{
    SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedRegion, SimulatedResource,
    SimulatedStorage,
};
use crate::infrastructure::{Infrastructure, twin};
use crate::time::Span;

/// The twins of all resources, typed once.
pub(super) struct Twins {
    resources: BTreeMap<ResourceId, SimulatedResource>,
    regions: BTreeMap<RegionRole, SimulatedRegion>,
}

impl Twins {
    pub(super) fn of(infrastructure: &Infrastructure) -> Self {
        let resources = infrastructure.resources.iter();
        let regions = infrastructure.regions.iter();
        Self {
            resources: resources.filter_map(|(id, it)| Some((id.clone(), twin::resource(it).ok()?))).collect(),
            regions: regions.filter_map(|(role, it)| Some((*role, twin::region(it).ok()?))).collect(),
        }
    }

    /// How long an action is expected to take.
    pub(super) fn expected(&self, act: &Act, takes: Option<&Distribution>) -> Span {
        if let Some(takes) = takes {
            return takes.median();
        }
        self.known(act).unwrap_or_else(|| act.describe().takes().median())
    }

    fn known(&self, act: &Act) -> Option<Span> {
        Some(match act {
            Act::DnsSwitch(it) => {
                let each = it.records.0.iter().filter_map(|record| self.dns(record));
                // Done when the slowest of a few authoritative servers answers with it.
                each.map(|dns| dns.change_takes.median() + dns.converges.quantile(0.75)).max()?
            }
            Act::DatabaseFence(it) => self.database(&it.database)?.fence.median(),
            Act::DatabasePromote(it) => self.database(&it.database)?.promotion.median(),
            Act::DatabaseReplicate(it) => self.database(&it.database)?.replicate.median(),
            Act::StorageFence(it) => self.storage(&it.storage)?.fence.median(),
            Act::StoragePromote(it) => self.storage(&it.storage)?.promotion.median(),
            Act::StorageReplicate(it) => self.storage(&it.storage)?.replicate.median(),
            Act::StorageVerify(it) => self.storage(&it.storage)?.verify.median(),
            Act::StorageRecover(it) => self.storage(&it.storage)?.recover.median(),
            Act::DataPreserve(it) => it.of.0.iter().filter_map(|id| self.preserve(id)).sum(),
            Act::ComputeStart(it) => self.boot(&it.compute)?,
            Act::ComputeScale(it) => self.boot(&it.compute)?,
            Act::ComputeStop(it) => self.compute(&it.compute)?.api.median(),
            Act::BackupVerify(it) => self.backup(&it.backup)?.api.median(),
            Act::BackupRestore(it) => self.backup(&it.backup)?.restore.median(),
            Act::RegionIsolate(it) => self.regions.get(&it.region)?.isolate.median(),
            Act::RegionRejoin(it) => {
                let fences = it.fenced.iter().filter_map(|id| self.fence(id)).sum::<Span>();
                self.regions.get(&it.region)?.rejoin.median() + fences
            }
            _ => return None,
        })
    }

    fn boot(&self, id: &ResourceId) -> Option<Span> {
        self.compute(id).map(|it| it.api.median() + it.boot.median())
    }

    fn preserve(&self, id: &ResourceId) -> Option<Span> {
        let database = self.database(id).map(|it| it.preserve.median());
        database.or_else(|| self.storage(id).map(|it| it.preserve.median()))
    }

    fn fence(&self, id: &ResourceId) -> Option<Span> {
        let database = self.database(id).map(|it| it.fence.median());
        database.or_else(|| self.storage(id).map(|it| it.fence.median()))
    }

    pub(super) fn dns(&self, id: &ResourceId) -> Option<&SimulatedDns> {
        if let SimulatedResource::Dns(it) = self.resources.get(id)? { Some(it) } else { None }
    }

    fn database(&self, id: &ResourceId) -> Option<&SimulatedDatabase> {
        if let SimulatedResource::Database(it) = self.resources.get(id)? { Some(it) } else { None }
    }

    fn storage(&self, id: &ResourceId) -> Option<&SimulatedStorage> {
        if let SimulatedResource::Storage(it) = self.resources.get(id)? { Some(it) } else { None }
    }

    fn compute(&self, id: &ResourceId) -> Option<&SimulatedCompute> {
        if let SimulatedResource::Compute(it) = self.resources.get(id)? { Some(it) } else { None }
    }

    fn backup(&self, id: &ResourceId) -> Option<&SimulatedBackup> {
        if let SimulatedResource::Backup(it) = self.resources.get(id)? { Some(it) } else { None }
    }
}
