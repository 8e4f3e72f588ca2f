//! Scratch volumes and instances: made of a snapshot, found again by their tags, removed again.
//!
//! Each carries the run, the backup, the step and the snapshot in its tags from the request that makes it on.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag as Ec2Tag, TagSpecification, VolumeState};
use aws_sdk_rds::types::{DbInstance, Tag as RdsTag};

use super::kept::Snapshot;
use super::{DELETE_INSTANCE, DELETE_VOLUME, INSTANCES, PAGES_MAX, RESTORE, VOLUME, VOLUMES};
use crate::id::ResourceId;
use crate::infrastructure::real::aws::backup::Snapshots;
use crate::provider::aws::access::Access;
use crate::provider::aws::call::{self, until};
use crate::provider::aws::tags::RUN;
use crate::resource::{Context, ProviderError};

/// The backup that a scratch copy was made from.
const SCRATCH: &str = "muster:scratch";
/// The step that made it.
const STEP: &str = "muster:step";
/// The snapshot that it was made of.
const SNAPSHOT: &str = "muster:snapshot";

/// What RDS says of an instance that is not there, or has this name already, or can't be deleted as it is now.
const NO_INSTANCE: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];
const INSTANCE_EXISTS: &[&str] = &["DBInstanceAlreadyExists", "DBInstanceAlreadyExistsFault"];
const NOT_IN_THIS_STATE: &[&str] = &["InvalidDBInstanceState", "InvalidDBInstanceStateFault"];
/// States of an instance that will never be available.
const BROKEN: &[&str] = &["failed", "incompatible-restore", "incompatible-parameters", "incompatible-network"];
/// The state of an instance that will be gone, and that nobody can keep any more.
const DELETING: &str = "deleting";

/// One region's side of a backup.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) backup: &'a ResourceId,
    pub(super) settings: &'a Snapshots,
    pub(super) access: &'a Access,
}

/// Whose scratch volumes are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// All of the run's.
    Runs,
    /// Those of one step.
    Steps,
}

impl Side<'_> {
    /// Makes a volume, or an instance, of the snapshot and waits until it is available.
    pub(super) async fn make(self, cx: &Context, from: &Snapshot) -> Result<String, ProviderError> {
        if from.instance.is_some() { Box::pin(self.instance(cx, from)).await } else { self.volume(cx, from).await }
    }

    /// The scratch copies of the run that stand, by their ids.
    pub(super) async fn standing(self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        if self.settings.instance.is_some() { self.instances(cx).await } else { self.volumes(cx, Whose::Runs).await }
    }

    /// Removes one, if it is the run's. Not every state lets it be removed: it is asked for again until one does.
    pub(super) async fn remove(self, cx: &Context, id: &str) -> Result<(), ProviderError> {
        if self.standing(cx).await?.iter().all(|one| one != id) {
            return Ok(());
        }
        if self.settings.instance.is_some() {
            self.remove_instance(cx, id).await
        } else {
            self.remove_volume(cx, id).await
        }
    }

    /// Makes a volume of the snapshot and reads what EC2 says of it.
    async fn volume(self, cx: &Context, from: &Snapshot) -> Result<String, ProviderError> {
        let client = self.access.ec2(cx).await?;
        let tag = |key: &str, value: &str| Ec2Tag::builder().key(key).value(value).build();
        // What an attempt of this very step left behind that was killed.
        for left in self.volumes(cx, Whose::Steps).await? {
            self.remove_volume(cx, &left).await?;
        }
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::Volume)
            .tags(tag("Name", "muster scratch"))
            .tags(tag(RUN, cx.run.as_str()))
            .tags(tag(SCRATCH, self.backup.as_str()))
            .tags(tag(STEP, &cx.actor.to_string()))
            .tags(tag(SNAPSHOT, &from.id))
            .build();
        let request = client
            .create_volume()
            .snapshot_id(&from.id)
            .set_availability_zone(self.settings.zone.clone())
            .tag_specifications(tags)
            .send();
        let made = call::writes(cx, self.access, &VOLUME, request).await?;
        let id = made.volume_id().unwrap_or_default().to_owned();
        until(cx, || async {
            let request = client.describe_volumes().volume_ids(&id).send();
            let answer = call::reads(cx, self.access, &VOLUMES, request).await?;
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

    async fn volumes(self, cx: &Context, whose: Whose) -> Result<Vec<String>, ProviderError> {
        let client = self.access.ec2(cx).await?;
        let filter = |key: &str, value: &str| Filter::builder().name(format!("tag:{key}")).values(value).build();
        let request = client
            .describe_volumes()
            .filters(filter(RUN, cx.run.as_str()))
            .filters(filter(SCRATCH, self.backup.as_str()));
        let request =
            if whose == Whose::Steps { request.filters(filter(STEP, &cx.actor.to_string())) } else { request };
        let answer = call::reads(cx, self.access, &VOLUMES, request.send()).await?;
        let standing = answer
            .volumes()
            .iter()
            .filter(|one| !matches!(one.state(), Some(VolumeState::Deleted | VolumeState::Deleting)));
        Ok(standing.filter_map(|one| one.volume_id().map(str::to_owned)).collect())
    }

    async fn remove_volume(self, cx: &Context, id: &str) -> Result<(), ProviderError> {
        let client = self.access.ec2(cx).await?;
        until(cx, || async {
            match call::writes(cx, self.access, &DELETE_VOLUME, client.delete_volume().volume_id(id).send()).await {
                Ok(_) => Ok(Ok(())),
                Err(failed) if failed.is(&["InvalidVolume.NotFound"]) => Ok(Ok(())),
                // One that is being made can't be deleted yet.
                Err(failed) if failed.is(&["IncorrectState"]) => Ok(Err(failed.error.to_string())),
                Err(failed) => Err(failed.error),
            }
        })
        .await
    }

    /// The name of this step's scratch instance: no other step's, though it is of the same backup and run.
    fn name(self, cx: &Context) -> String {
        let (run, step) = (cx.run.as_str(), cx.actor.to_string());
        // What is cut off of the names must not make two of them one.
        let whole = format!("{run} {} {step}", self.backup.as_str());
        let (backup, step, when) = (plain(self.backup.as_str(), 13), plain(&step, 15), plain(run, 15));
        format!("muster-{backup}-{step}-{when}-{:08x}", digest(&whole))
    }

    /// Makes an instance of the snapshot and waits until its engine has started, which reads the data through its log.
    async fn instance(self, cx: &Context, from: &Snapshot) -> Result<String, ProviderError> {
        let id = self.name(cx);
        Box::pin(until(cx, || self.order(cx, &id, from))).await?;
        until(cx, || async {
            let there = self.seen(cx, &id).await?;
            match there.as_ref().and_then(|one| one.db_instance_status()).unwrap_or("not there") {
                "available" => Ok(Ok(())),
                status if BROKEN.contains(&status) => {
                    Err(ProviderError::Refused(format!("the scratch instance {id} is {status}")))
                }
                other => Ok(Err(format!("the scratch instance {id} is {other}"))),
            }
        })
        .await?;
        Ok(id)
    }

    /// Asks for the instance, unless it is being made of this snapshot already: the order was sent twice, or before a
    /// crash. What an earlier attempt made of another one is removed first.
    async fn order(self, cx: &Context, id: &str, from: &Snapshot) -> Result<Result<(), String>, ProviderError> {
        let client = self.access.rds(cx).await?;
        let tag = |key: &str, value: &str| RdsTag::builder().key(key).value(value).build();
        let request = client
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(id)
            .db_snapshot_identifier(&from.id)
            .set_db_subnet_group_name(self.settings.subnet_group.clone())
            .set_db_instance_class(self.settings.class.clone())
            .publicly_accessible(false)
            .multi_az(false)
            .deletion_protection(false)
            .tags(tag(RUN, cx.run.as_str()))
            .tags(tag(SCRATCH, self.backup.as_str()))
            .tags(tag(STEP, &cx.actor.to_string()))
            .tags(tag(SNAPSHOT, &from.id));
        match call::writes(cx, self.access, &RESTORE, request.send()).await {
            Ok(_) => return Ok(Ok(())),
            Err(failed) if !failed.is(INSTANCE_EXISTS) => return Err(failed.error),
            Err(_) => {}
        }
        let Some(there) = self.seen(cx, id).await? else {
            return Ok(Err(format!("the scratch instance {id} of an earlier attempt is on its way out")));
        };
        let step = cx.actor.to_string();
        if !self.is_the_runs(cx, &there) || tagged(&there, STEP) != Some(step.as_str()) {
            return Err(ProviderError::Refused(format!(
                "there is an instance {id} that this step did not make: remove or rename it"
            )));
        }
        let status = there.db_instance_status().unwrap_or_default();
        if status == DELETING {
            return Ok(Err(format!("the scratch instance {id} of an earlier attempt is {DELETING}")));
        }
        if tagged(&there, SNAPSHOT) == Some(from.id.as_str()) && !BROKEN.contains(&status) {
            return Ok(Ok(()));
        }
        self.ask_to_remove(cx, id).await?;
        Ok(Err(format!("the scratch instance {id} of an earlier attempt must go first")))
    }

    /// The instance of this name, whosever it is.
    async fn seen(self, cx: &Context, id: &str) -> Result<Option<DbInstance>, ProviderError> {
        let client = self.access.rds(cx).await?;
        let request = client.describe_db_instances().db_instance_identifier(id).send();
        match call::tries_to_read(cx, self.access, &INSTANCES, request).await {
            Ok(answer) => Ok(answer.db_instances().first().cloned()),
            Err(failed) if failed.is(NO_INSTANCE) => Ok(None),
            Err(failed) => Err(failed.into()),
        }
    }

    fn is_the_runs(self, cx: &Context, one: &DbInstance) -> bool {
        tagged(one, RUN) == Some(cx.run.as_str()) && tagged(one, SCRATCH) == Some(self.backup.as_str())
    }

    /// The run's scratch instances but for those that will be gone: no request can find instances by their tags.
    async fn instances(self, cx: &Context) -> Result<Vec<String>, ProviderError> {
        let client = self.access.rds(cx).await?;
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let request = client.describe_db_instances().max_records(100).set_marker(next.take());
            let answer = call::reads(cx, self.access, &INSTANCES, request.send()).await?;
            let standing = answer
                .db_instances()
                .iter()
                .filter(|one| self.is_the_runs(cx, one) && one.db_instance_status() != Some(DELETING));
            found.extend(standing.filter_map(|one| one.db_instance_identifier().map(str::to_owned)));
            next = answer.marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Orders the removal until RDS has taken it: what is `deleting` will be gone, though that takes minutes.
    async fn remove_instance(self, cx: &Context, id: &str) -> Result<(), ProviderError> {
        until(cx, || async {
            self.ask_to_remove(cx, id).await?;
            let there = self.seen(cx, id).await?;
            match there.as_ref().map(|one| one.db_instance_status().unwrap_or("in no known state")) {
                None | Some(DELETING) => Ok(Ok(())),
                Some(status) => Ok(Err(format!("the scratch instance {id} is {status} and not yet being deleted"))),
            }
        })
        .await
    }

    /// Orders it once. That its state does not allow it yet, or that it is gone, is no error.
    async fn ask_to_remove(self, cx: &Context, id: &str) -> Result<(), ProviderError> {
        let client = self.access.rds(cx).await?;
        let request = client
            .delete_db_instance()
            .db_instance_identifier(id)
            .skip_final_snapshot(true)
            .delete_automated_backups(true)
            .send();
        match call::writes(cx, self.access, &DELETE_INSTANCE, request).await {
            Err(failed) if !failed.is(NO_INSTANCE) && !failed.is(NOT_IN_THIS_STATE) => Err(failed.error),
            _ => Ok(()),
        }
    }
}

/// The value of an instance's tag.
fn tagged<'i>(one: &'i DbInstance, key: &str) -> Option<&'i str> {
    one.tag_list().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value())
}

/// As much of `text` as the name of an instance may have: lower-case letters, digits and single hyphens within.
fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.chars().take(most).collect::<String>().trim_matches('-').to_owned()
}

/// FNV-1a: it tells names apart and keeps no secret.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_what_rds_takes_of_it() {
        assert_eq!(plain("outer/re_-Store.2", 60), "outer-re-store-2");
        assert_eq!(plain("snapshots-of-all", 10), "snapshots", "no hyphen is left at the end");
        assert_ne!(digest("run a step-one"), digest("run a step-two"));
    }
}
