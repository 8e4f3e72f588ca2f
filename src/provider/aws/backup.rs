//! Snapshots of EBS volumes and RDS instances, and restores of the newest into a scratch volume or instance.
//!
//! A scratch copy carries the run and the backup in its tags from the request that makes it on: whoever resumes or undoes
//! the run finds it by them, also after a crash.

mod kept;
mod scratch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, SnapshotState};
use aws_smithy_types::DateTime;

use self::kept::{Originals, Snapshot, age, chosen, date, learn, original, summary, told};
use self::scratch::Side;
use super::access::{Access, LOOK};
use super::call::{self, Action};
use super::{Ways, look_at};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::backup::{AwsBackups as Settings, Snapshots};
use crate::resource::{Backup, BackupState, Context, Exclusive, ProviderError, RestorePoint, Restored, Seen};
use crate::time::Span;

pub(super) const EBS: Action = Action("ec2:DescribeSnapshots");
pub(super) const RDS: Action = Action("rds:DescribeDBSnapshots");
pub(super) const VOLUME: Action = Action("ec2:CreateVolume");
pub(super) const VOLUMES: Action = Action("ec2:DescribeVolumes");
pub(super) const DELETE_VOLUME: Action = Action("ec2:DeleteVolume");
pub(super) const RESTORE: Action = Action("rds:RestoreDBInstanceFromDBSnapshot");
pub(super) const INSTANCES: Action = Action("rds:DescribeDBInstances");
pub(super) const DELETE_INSTANCE: Action = Action("rds:DeleteDBInstance");

/// The most pages that are read: 1,000 EBS snapshots, or 100 snapshots or instances of RDS, each.
const PAGES_MAX: u32 = 100;
/// How long removing a scratch copy may take: what is being made or backed up can't be deleted for so long.
const TIDY: Span = Span::from_secs(30 * 60);

/// The backups of a volume or instance in each region.
pub struct AwsSnapshots {
    id: ResourceId,
    settings: Settings,
    ways: Ways,
    /// Which volumes the figures of the last look are of, for people.
    told: Mutex<BTreeMap<RegionRole, String>>,
}

impl fmt::Debug for AwsSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSnapshots").field("id", &self.id).finish_non_exhaustive()
    }
}

fn millis(time: Option<&DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

/// Whether a snapshot is encrypted, and with the key that is wanted where one is.
fn is_encrypted(encrypted: Option<bool>, key: Option<&str>, wanted: Option<&str>) -> bool {
    encrypted == Some(true) && wanted.is_none_or(|wanted| key == Some(wanted))
}

impl AwsSnapshots {
    /// The backup `id`, as `settings` say.
    #[must_use]
    pub fn new(id: ResourceId, settings: Settings, ways: Ways) -> Self {
        Self { id, settings, ways, told: Mutex::default() }
    }

    fn place(&self, region: RegionRole) -> (&Snapshots, &Access) {
        (self.settings.regions.get(region), self.ways.to(region))
    }

    fn side(&self, region: RegionRole) -> Side<'_> {
        let (settings, access) = self.place(region);
        Side { backup: &self.id, settings, access }
    }

    /// The region's snapshots as it tells of them itself: copies are as old as copies.
    async fn listed(&self, cx: &Context, region: RegionRole) -> Result<Vec<Snapshot>, ProviderError> {
        let (settings, access) = self.place(region);
        match &settings.instance {
            Some(instance) => rds(cx, access, settings, instance).await,
            None => ebs(cx, access, settings).await,
        }
    }

    /// The region's snapshots, with the times and volumes of their originals where the other region knows them.
    async fn list(&self, cx: &Context, region: RegionRole) -> Result<Vec<Snapshot>, ProviderError> {
        let mut found = self.listed(cx, region).await?;
        let mut originals = Originals::new();
        learn(&mut originals, &self.place(region).1.region, &found);
        let there = self.place(region.other()).1;
        if found.iter().any(|one| one.copy_of.as_ref().is_some_and(|(_, from)| *from == there.region)) {
            // Where it does not answer, the copies' own times must do, and it is said that they are.
            if let Ok(seen) = there.within(cx, LOOK, self.listed(cx, region.other())).await {
                learn(&mut originals, &there.region, &seen);
            }
        }
        date(&mut found, &originals);
        Ok(found)
    }

    /// The snapshot to restore from.
    async fn chosen(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Snapshot, ProviderError> {
        let now = cx.clock.wall().as_millisecond();
        let until = match point {
            RestorePoint::Latest => now,
            RestorePoint::Ago(ago) => now.saturating_sub(i64::try_from(ago.0 / 1_000_000).unwrap_or(i64::MAX)),
        };
        let found = self.list(cx, region).await?;
        let chosen = chosen(&found, until).cloned();
        chosen.ok_or_else(|| ProviderError::Refused(format!("{} in {region} has no snapshot that is so old", self.id)))
    }

    /// Keeps which volumes the figures are of, for [`Backup::remark`].
    fn keep_told(&self, region: RegionRole, seen: &[Snapshot]) {
        let mut kept = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told(seen) {
            Some(text) => drop(kept.insert(region, text)),
            None => drop(kept.remove(&region)),
        }
    }
}

async fn ebs(cx: &Context, access: &Access, settings: &Snapshots) -> Result<Vec<Snapshot>, ProviderError> {
    let client = access.ec2(cx).await?;
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let mut request = client.describe_snapshots().owner_ids("self").max_results(1000).set_next_token(next.take());
        if let Some(tag) = &settings.tag {
            request = request.filters(Filter::builder().name(format!("tag:{}", tag.key)).values(&tag.value).build());
        }
        let answer = call::reads(cx, access, &EBS, request.send()).await?;
        let complete = answer.snapshots().iter().filter(|one| one.state() == Some(&SnapshotState::Completed));
        found.extend(complete.map(|one| {
            let copy_of = original(one.description().unwrap_or_default());
            Snapshot {
                id: one.snapshot_id().unwrap_or_default().to_owned(),
                of: one.volume_id().filter(|_| copy_of.is_none()).map(str::to_owned),
                at: millis(one.start_time()),
                encrypted: is_encrypted(one.encrypted(), one.kms_key_id(), settings.key.as_deref()),
                copy_of,
                instance: None,
            }
        }));
        next = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn rds(
    cx: &Context,
    access: &Access,
    settings: &Snapshots,
    instance: &str,
) -> Result<Vec<Snapshot>, ProviderError> {
    let client = access.rds(cx).await?;
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let request =
            client.describe_db_snapshots().db_instance_identifier(instance).max_records(100).set_marker(next.take());
        let answer = call::reads(cx, access, &RDS, request.send()).await?;
        let complete = answer.db_snapshots().iter().filter(|one| one.status() == Some("available"));
        found.extend(complete.map(|one| Snapshot {
            id: one.db_snapshot_identifier().unwrap_or_default().to_owned(),
            of: one.db_instance_identifier().map(str::to_owned),
            // A copy in the other region is as old as what it is a copy of.
            at: millis(one.original_snapshot_create_time().or(one.snapshot_create_time())),
            encrypted: is_encrypted(one.encrypted(), one.kms_key_id(), settings.key.as_deref()),
            copy_of: None,
            instance: one.db_instance_identifier().map(str::to_owned),
        }));
        next = answer.marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Snapshots are only looked at, and scratch copies have the run in their tags.
impl Exclusive for AwsSnapshots {}

#[async_trait]
impl Backup for AwsSnapshots {
    async fn observe(&self, cx: &Context) -> Result<BackupState, ProviderError> {
        // Each side has its own time: a region that is lost takes nothing of what the other one is given.
        let [primary, secondary] = RegionRole::ALL.map(|role| look_at(cx, self.ways.to(role), self.listed(cx, role)));
        let (primary, secondary) = tokio::join!(primary, secondary);
        let sides = [(RegionRole::Primary, primary?), (RegionRole::Secondary, secondary?)];
        let mut originals = Originals::new();
        for (role, side) in &sides {
            if let Some(seen) = side.known() {
                learn(&mut originals, &self.place(*role).1.region, seen);
            }
        }
        let now = cx.clock.wall().as_millisecond();
        let regions = sides.map(|(role, side)| match side {
            Seen::Is(mut found) => {
                date(&mut found, &originals);
                self.keep_told(role, &found);
                (role, Seen::Is(summary(&found, now)))
            }
            Seen::Unreachable(why) => (role, Seen::Unreachable(why)),
        });
        Ok(BackupState { regions: regions.into() })
    }

    fn remark(&self, region: RegionRole) -> Option<(&'static str, String)> {
        let kept = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&region).map(|text| ("volumes", text.clone()))
    }

    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError> {
        let chosen = self.chosen(cx, region, point).await?;
        let scratch = Box::pin(self.side(region).make(cx, &chosen)).await?;
        let newest_age = age(cx.clock.wall().as_millisecond(), chosen.at);
        let from = match &chosen.of {
            Some(of) => format!("{} of {of}", chosen.id),
            None => chosen.id,
        };
        let scratch = format!("{region}/{scratch}");
        Ok(Restored { scratch, from: Some(from), newest_age, checked: 1, damaged: 0, rows: None })
    }

    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        let mut standing = Vec::new();
        for region in RegionRole::ALL {
            let side = self.side(region);
            match side.access.within(cx, LOOK, side.standing(cx)).await {
                Ok(ids) => standing.extend(ids.into_iter().map(|id| format!("{region}/{id}"))),
                // Where nobody answers, nothing was made either; what a lost region holds is found when it is back.
                Err(ProviderError::Unreachable(_)) if region == RegionRole::Primary => {}
                Err(error) => return Err(error),
            }
        }
        Ok(standing)
    }

    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
        let Some((region, id)) = scratch.split_once('/') else {
            return Err(ProviderError::Refused(format!("`{scratch}` is no scratch copy")));
        };
        let region = if region == RegionRole::Primary.as_str() { RegionRole::Primary } else { RegionRole::Secondary };
        self.side(region).remove(cx, id).await
    }

    fn tidy_within(&self) -> Span {
        TIDY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_with_another_key_is_not_encrypted_as_it_should_be() {
        assert!(is_encrypted(Some(true), Some("k1"), None) && is_encrypted(Some(true), Some("k1"), Some("k1")));
        assert!(!is_encrypted(Some(true), Some("k2"), Some("k1")) && !is_encrypted(Some(false), None, None));
    }
}
