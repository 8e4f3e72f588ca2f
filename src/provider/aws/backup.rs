//! Snapshots of EBS volumes and RDS instances, and restores of the newest into a scratch volume or instance.
//!
//! A scratch copy carries the run and the backup in its tags from the request that makes it on: whoever resumes or undoes
//! the run finds it by them, also after a crash.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, ResourceType, SnapshotState, Tag as Ec2Tag, TagSpecification, VolumeState};
use aws_sdk_rds::types::Tag as RdsTag;
use aws_smithy_types::DateTime;

use super::access::{Access, LOOK};
use super::call::{self, Action, until};
use super::tags::RUN;
use super::{Ways, look_at};
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::backup::{AwsBackups as Settings, Snapshots};
use crate::resource::{
    Backup, BackupState, Context, Exclusive, ProviderError, RestorePoint, Restored, SnapshotSummary,
};
use crate::time::Span;

pub(super) const EBS: Action = Action("ec2:DescribeSnapshots");
pub(super) const RDS: Action = Action("rds:DescribeDBSnapshots");
pub(super) const VOLUME: Action = Action("ec2:CreateVolume");
pub(super) const VOLUMES: Action = Action("ec2:DescribeVolumes");
pub(super) const DELETE_VOLUME: Action = Action("ec2:DeleteVolume");
pub(super) const RESTORE: Action = Action("rds:RestoreDBInstanceFromDBSnapshot");
pub(super) const INSTANCES: Action = Action("rds:DescribeDBInstances");
pub(super) const DELETE_INSTANCE: Action = Action("rds:DeleteDBInstance");

/// The backup that a scratch copy was made from.
const SCRATCH: &str = "muster:scratch";
/// The step that made it.
const STEP: &str = "muster:step";
/// The most pages that are read: 1,000 EBS snapshots or 100 of RDS each.
const PAGES_MAX: u32 = 100;

/// The backups of a volume or instance in each region.
pub struct AwsSnapshots {
    id: ResourceId,
    settings: Settings,
    ways: Ways,
}

impl fmt::Debug for AwsSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSnapshots").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One snapshot that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    id: String,
    /// In milliseconds since 1970.
    at: i64,
    encrypted: bool,
    /// The original of which it is a copy, and that one's region, as long as `at` is not the original's.
    copy_of: Option<(String, String)>,
    /// What RDS needs to know of it for a restore: its instance's class.
    instance: Option<String>,
}

fn millis(time: Option<&DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

/// The age at `now` of what is of `at`, both in milliseconds.
fn age(now: i64, at: i64) -> Span {
    Span::from_millis(u64::try_from(now.saturating_sub(at)).unwrap_or(0))
}

/// What the snapshots are, seen at `now`.
fn summary(mut snapshots: Vec<Snapshot>, now: i64) -> SnapshotSummary {
    snapshots.sort_by_key(|one| one.at);
    let gaps = snapshots.windows(2).map(|pair| age(pair[1].at, pair[0].at));
    SnapshotSummary {
        count: u32::try_from(snapshots.len()).unwrap_or(u32::MAX),
        newest_age: snapshots.last().map_or(Span::ZERO, |one| age(now, one.at)),
        oldest_age: snapshots.first().map_or(Span::ZERO, |one| age(now, one.at)),
        longest_gap: gaps.max().unwrap_or(Span::ZERO),
        encrypted: u32::try_from(snapshots.iter().filter(|one| one.encrypted).count()).unwrap_or(u32::MAX),
        aged_as_copies: u32::try_from(snapshots.iter().filter(|one| one.copy_of.is_some()).count()).unwrap_or(u32::MAX),
    }
}

/// The original that a copy's description names, and its region: `[Copied snap-0a1b from us-east-1] nightly`, as EBS writes
/// it.
fn original(description: &str) -> Option<(String, String)> {
    let (_, rest) = description.split_once("[Copied ")?;
    let (id, from) = rest.split_once(']')?.0.split_once(" from ")?;
    id.starts_with("snap-").then(|| (id.to_owned(), from.to_owned()))
}

/// Whether a snapshot is encrypted, and with the key that is wanted where one is.
fn is_encrypted(encrypted: Option<bool>, key: Option<&str>, wanted: Option<&str>) -> bool {
    encrypted == Some(true) && wanted.is_none_or(|wanted| key == Some(wanted))
}

impl AwsSnapshots {
    /// The backup `id`, as `settings` say.
    #[must_use]
    pub fn new(id: ResourceId, settings: Settings, ways: Ways) -> Self {
        Self { id, settings, ways }
    }

    fn place(&self, region: RegionRole) -> (&Snapshots, &Access) {
        (self.settings.regions.get(region), self.ways.to(region))
    }

    async fn list(&self, cx: &Context, region: RegionRole) -> Result<Vec<Snapshot>, ProviderError> {
        let (settings, access) = self.place(region);
        if let Some(instance) = &settings.instance {
            return rds(cx, access, settings, instance).await;
        }
        let mut found = ebs(cx, access, settings).await?;
        self.date_copies(cx, region, &mut found).await;
        Ok(found)
    }

    /// Gives copies the times of their originals, which the other region knows: EBS itself says when the copy was begun.
    async fn date_copies(&self, cx: &Context, region: RegionRole, found: &mut [Snapshot]) {
        let (settings, access) = self.place(region.other());
        let from_there = |one: &&mut Snapshot| one.copy_of.as_ref().is_some_and(|(_, from)| *from == access.region);
        if settings.tag.is_none() || !found.iter_mut().any(|one| from_there(&one)) {
            return;
        }
        // Where it does not answer, the copies' own times must do, and it is said that they are.
        let Ok(originals) = access.within(cx, LOOK, ebs(cx, access, settings)).await else { return };
        for copy in found.iter_mut().filter(from_there) {
            let of = copy.copy_of.as_ref().map(|(id, _)| id);
            if let Some(original) = originals.iter().find(|one| Some(&one.id) == of) {
                copy.at = copy.at.min(original.at);
                copy.copy_of = None;
            }
        }
    }

    async fn observed(&self, cx: &Context, region: RegionRole) -> Result<SnapshotSummary, ProviderError> {
        Ok(summary(self.list(cx, region).await?, cx.clock.wall().as_millisecond()))
    }

    /// The snapshot to restore from: the newest that is not newer than `point`.
    async fn chosen(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Snapshot, ProviderError> {
        let now = cx.clock.wall().as_millisecond();
        let until = match point {
            RestorePoint::Latest => now,
            RestorePoint::Ago(ago) => now.saturating_sub(i64::try_from(ago.0 / 1_000_000).unwrap_or(i64::MAX)),
        };
        let found = self.list(cx, region).await?.into_iter().filter(|one| one.at <= until).max_by_key(|one| one.at);
        found.ok_or_else(|| ProviderError::Refused(format!("{} in {region} has no snapshot that is so old", self.id)))
    }

    /// The name of a scratch instance of this run.
    fn scratch_name(&self, cx: &Context) -> String {
        let run: String = cx.run.as_str().chars().take(15).collect();
        let id: String =
            self.id.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(30).collect();
        format!("muster-{}-{run}", id.trim_matches('-').replace("--", "-"))
    }

    /// Makes a volume of the snapshot and reads what EC2 says of it.
    async fn volume(&self, cx: &Context, region: RegionRole, from: &Snapshot) -> Result<String, ProviderError> {
        let (settings, access) = self.place(region);
        let client = access.ec2(cx).await?;
        let tag = |key: &str, value: &str| Ec2Tag::builder().key(key).value(value).build();
        // What an attempt of this very step left behind that was killed.
        for left in scratch_volumes(cx, access, self.id.as_str(), Whose::Steps).await? {
            delete_volume(cx, access, &left).await?;
        }
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Volume)
            .tags(tag("Name", "muster scratch"))
            .tags(tag(RUN, cx.run.as_str()))
            .tags(tag(SCRATCH, self.id.as_str()))
            .tags(tag(STEP, &cx.actor.to_string()))
            .build();
        let request = client
            .create_volume()
            .snapshot_id(&from.id)
            .set_availability_zone(settings.zone.clone())
            .tag_specifications(tags)
            .send();
        let made = call::writes(cx, access, &VOLUME, request).await?;
        let id = made.volume_id().unwrap_or_default().to_owned();
        until(cx, || async {
            let answer = call::reads(cx, access, &VOLUMES, client.describe_volumes().volume_ids(&id).send()).await?;
            match answer.volumes().first().and_then(|one| one.state()) {
                Some(VolumeState::Available) => Ok(Ok(())),
                Some(VolumeState::Error) => {
                    Err(ProviderError::Refused(format!("the scratch volume {id} has the state error")))
                }
                other => {
                    Ok(Err(format!("the scratch volume {id} is {}", other.map_or("not there", VolumeState::as_str))))
                }
            }
        })
        .await?;
        Ok(id)
    }

    /// Makes an instance of the snapshot and waits until its engine has started, which reads the data through its log.
    async fn instance(&self, cx: &Context, region: RegionRole, from: &Snapshot) -> Result<String, ProviderError> {
        let (settings, access) = self.place(region);
        let client = access.rds(cx).await?;
        let tag = |key: &str, value: &str| RdsTag::builder().key(key).value(value).build();
        let id = self.scratch_name(cx);
        let request = client
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(&id)
            .db_snapshot_identifier(&from.id)
            .set_db_subnet_group_name(settings.subnet_group.clone())
            .set_db_instance_class(settings.class.clone())
            .publicly_accessible(false)
            .multi_az(false)
            .deletion_protection(false)
            .tags(tag(RUN, cx.run.as_str()))
            .tags(tag(SCRATCH, self.id.as_str()));
        match call::writes(cx, access, &RESTORE, request.send()).await {
            Err(failed) if !failed.is(&["DBInstanceAlreadyExists", "DBInstanceAlreadyExistsFault"]) => {
                return Err(failed.into());
            }
            _ => {}
        }
        until(cx, || async {
            let answer =
                call::reads(cx, access, &INSTANCES, client.describe_db_instances().db_instance_identifier(&id).send())
                    .await?;
            let status = answer.db_instances().first().and_then(|one| one.db_instance_status()).unwrap_or("not there");
            match status {
                "available" => Ok(Ok(())),
                "failed" | "incompatible-restore" | "incompatible-parameters" => {
                    Err(ProviderError::Refused(format!("the scratch instance {id} is {status}")))
                }
                other => Ok(Err(format!("the scratch instance {id} is {other}"))),
            }
        })
        .await?;
        Ok(id)
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
        found.extend(complete.map(|one| Snapshot {
            id: one.snapshot_id().unwrap_or_default().to_owned(),
            at: millis(one.start_time()),
            encrypted: is_encrypted(one.encrypted(), one.kms_key_id(), settings.key.as_deref()),
            copy_of: original(one.description().unwrap_or_default()),
            instance: None,
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
        let [primary, secondary] = RegionRole::ALL.map(|role| look_at(cx, self.ways.to(role), self.observed(cx, role)));
        let (primary, secondary) = tokio::join!(primary, secondary);
        let regions = [(RegionRole::Primary, primary?), (RegionRole::Secondary, secondary?)];
        Ok(BackupState { regions: regions.into() })
    }

    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError> {
        let chosen = self.chosen(cx, region, point).await?;
        let scratch = if chosen.instance.is_some() {
            self.instance(cx, region, &chosen).await?
        } else {
            self.volume(cx, region, &chosen).await?
        };
        let newest_age = age(cx.clock.wall().as_millisecond(), chosen.at);
        Ok(Restored { scratch: format!("{region}/{scratch}"), newest_age, checked: 1, damaged: 0, rows: None })
    }

    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        let mut standing = Vec::new();
        for region in RegionRole::ALL {
            let (settings, access) = self.place(region);
            let name = self.scratch_name(cx);
            let ids = async {
                if settings.instance.is_some() {
                    scratch_instances(cx, access, &name).await
                } else {
                    scratch_volumes(cx, access, self.id.as_str(), Whose::Runs).await
                }
            };
            match access.within(cx, LOOK, ids).await {
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
        let (settings, access) = self.place(region);
        if settings.instance.is_some() {
            // Only what this run made by this name: an instance of somebody else's is none.
            if scratch_instances(cx, access, &self.scratch_name(cx)).await?.iter().all(|one| one != id) {
                return Ok(());
            }
            let client = access.rds(cx).await?;
            let request = client
                .delete_db_instance()
                .db_instance_identifier(id)
                .skip_final_snapshot(true)
                .delete_automated_backups(true)
                .send();
            return match call::writes(cx, access, &DELETE_INSTANCE, request).await {
                Err(failed)
                    if !failed.is(&["DBInstanceNotFound", "DBInstanceNotFoundFault", "InvalidDBInstanceState"]) =>
                {
                    Err(failed.into())
                }
                _ => gone(cx, access, id).await,
            };
        }
        if scratch_volumes(cx, access, self.id.as_str(), Whose::Runs).await?.iter().all(|one| one != id) {
            return Ok(());
        }
        delete_volume(cx, access, id).await
    }
}

async fn delete_volume(cx: &Context, access: &Access, id: &str) -> Result<(), ProviderError> {
    let client = access.ec2(cx).await?;
    match call::writes(cx, access, &DELETE_VOLUME, client.delete_volume().volume_id(id).send()).await {
        Err(failed) if !failed.is(&["InvalidVolume.NotFound"]) => Err(failed.into()),
        _ => Ok(()),
    }
}

/// Whose scratch volumes are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// All of the run's.
    Runs,
    /// Those of one step.
    Steps,
}

/// Waits until a scratch instance is gone.
async fn gone(cx: &Context, access: &Access, id: &str) -> Result<(), ProviderError> {
    until(cx, || async {
        let still = scratch_instances(cx, access, id).await?;
        Ok(if still.is_empty() { Ok(()) } else { Err(format!("the scratch instance {id} is being deleted")) })
    })
    .await
}

async fn scratch_volumes(
    cx: &Context,
    access: &Access,
    backup: &str,
    whose: Whose,
) -> Result<Vec<String>, ProviderError> {
    let client = access.ec2(cx).await?;
    let filter = |key: &str, value: &str| Filter::builder().name(format!("tag:{key}")).values(value).build();
    let request = client.describe_volumes().filters(filter(RUN, cx.run.as_str())).filters(filter(SCRATCH, backup));
    let request = if whose == Whose::Steps { request.filters(filter(STEP, &cx.actor.to_string())) } else { request };
    let answer = call::reads(cx, access, &VOLUMES, request.send()).await?;
    let standing = answer
        .volumes()
        .iter()
        .filter(|one| !matches!(one.state(), Some(VolumeState::Deleted | VolumeState::Deleting)));
    Ok(standing.filter_map(|one| one.volume_id().map(str::to_owned)).collect())
}

async fn scratch_instances(cx: &Context, access: &Access, name: &str) -> Result<Vec<String>, ProviderError> {
    let client = access.rds(cx).await?;
    let request = client.describe_db_instances().db_instance_identifier(name).send();
    let answer = match call::tries_to_read(cx, access, &INSTANCES, request).await {
        Ok(answer) => answer,
        Err(failed) if failed.is(&["DBInstanceNotFound", "DBInstanceNotFoundFault"]) => return Ok(Vec::new()),
        Err(failed) => return Err(failed.into()),
    };
    let ours = |one: &&aws_sdk_rds::types::DbInstance| {
        one.tag_list().iter().any(|tag| tag.key() == Some(RUN) && tag.value() == Some(cx.run.as_str()))
    };
    Ok(answer
        .db_instances()
        .iter()
        .filter(ours)
        .filter_map(|one| one.db_instance_identifier().map(str::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64, encrypted: bool) -> Snapshot {
        Snapshot { id: format!("snap-{hours}"), at: hours * 3_600_000, encrypted, copy_of: None, instance: None }
    }

    #[test]
    fn the_longest_gap_and_the_ages_are_seen_whatever_the_order() {
        let seen = summary(vec![at(5, true), at(1, true), at(2, false)], 6 * 3_600_000);
        assert_eq!((seen.count, seen.encrypted), (3, 2));
        assert_eq!((seen.newest_age, seen.oldest_age), (Span::from_secs(3600), Span::from_secs(5 * 3600)));
        assert_eq!(seen.longest_gap, Span::from_secs(3 * 3600));
        assert_eq!(summary(Vec::new(), 0).count, 0);
    }

    #[test]
    fn a_copy_names_its_original() {
        let copied = |text: &str| original(text).map(|(id, from)| format!("{id} {from}"));
        assert_eq!(copied("[Copied snap-0a from us-east-1] nightly").as_deref(), Some("snap-0a us-east-1"));
        for other in ["", "nightly", "[Copied from us-east-1]", "[Copied ami-0a from us-east-1]"] {
            assert_eq!(copied(other), None, "{other}");
        }
    }

    #[test]
    fn encrypted_with_another_key_is_not_encrypted_as_it_should_be() {
        assert!(is_encrypted(Some(true), Some("k1"), None) && is_encrypted(Some(true), Some("k1"), Some("k1")));
        assert!(!is_encrypted(Some(true), Some("k2"), Some("k1")) && !is_encrypted(Some(false), None, None));
    }
}
