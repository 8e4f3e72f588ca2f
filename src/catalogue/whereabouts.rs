//! Where each action acts.

use super::{Act, Check, Condition, Wait};
use crate::id::RegionRole;

impl Act {
    /// The region that it acts or looks in; `None` for what acts in none, or wherever it happens to be.
    #[must_use]
    pub fn region(&self) -> Option<RegionRole> {
        match self {
            Self::DnsSwitch(it) => Some(it.to),
            Self::DatabaseFence(it) => Some(it.region),
            Self::DatabasePromote(it) => Some(it.to),
            Self::DatabaseReplicate(it) => Some(it.to),
            Self::StorageFence(it) => Some(it.region),
            Self::StoragePromote(it) => Some(it.to),
            Self::StorageReplicate(it) => Some(it.to),
            Self::StorageVerify(it) => Some(it.region),
            Self::StorageRecover(it) => Some(it.region),
            Self::DataPreserve(it) => Some(it.region),
            Self::ComputeStart(it) => Some(it.region),
            Self::ComputeStop(it) => Some(it.region),
            Self::ComputeScale(it) => Some(it.region),
            Self::BackupVerify(it) => Some(it.region),
            Self::BackupRestore(it) => Some(it.region),
            Self::RegionIsolate(it) => Some(it.region),
            Self::RegionRejoin(it) => Some(it.region),
            Self::Check(Check(condition)) | Self::Wait(Wait(condition)) => match condition {
                Condition::Served { by, .. } => *by,
                Condition::Standby { region, .. }
                | Condition::Lag { region, .. }
                | Condition::Capacity { region, .. } => Some(*region),
                Condition::Down { .. } | Condition::Ttl { .. } | Condition::For(_) | Condition::At(_) => None,
            },
            Self::Command(_)
            | Self::Http(_)
            | Self::Notify(_)
            | Self::Approve(_)
            | Self::Manual(_)
            | Self::Playbook(_) => None,
        }
    }
}
