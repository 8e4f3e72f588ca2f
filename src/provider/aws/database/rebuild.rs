//! Building a side anew from the other, and keeping what only one side has.
//!
//! A read replica that was promoted never follows again: the old instance is renamed and stopped, so that nothing of it is
//! lost, and a new replica takes its name.

use aws_sdk_rds::types::{DbInstance, Tag};

use super::AwsRds;
use super::fence;
use super::look;
use super::promote::NOT_IN_THIS_STATE;
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::Kind;
use crate::provider::aws::access::Access;
use crate::provider::aws::call::{self, Action, until};
use crate::provider::aws::tags::RUN;
use crate::resource::{Context, Preserved, ProviderError};

pub(in crate::provider::aws) const MODIFY: Action = Action("rds:ModifyDBInstance");
pub(in crate::provider::aws) const STOP: Action = Action("rds:StopDBInstance");
pub(in crate::provider::aws) const REPLICA: Action = Action("rds:CreateDBInstanceReadReplica");
pub(in crate::provider::aws) const SNAPSHOT: Action = Action("rds:CreateDBSnapshot");
pub(in crate::provider::aws) const SNAPSHOTS: Action = Action("rds:DescribeDBSnapshots");
pub(in crate::provider::aws) const CLUSTER_SNAPSHOT: Action = Action("rds:CreateDBClusterSnapshot");
pub(in crate::provider::aws) const CLUSTER_SNAPSHOTS: Action = Action("rds:DescribeDBClusterSnapshots");

/// What RDS says to an order for what is not there, by that name.
const NOT_FOUND: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];

/// An identifier that RDS takes, with the run in it: `main-use1-was-20261122-084216`.
fn with_run(cx: &Context, id: &str, what: &str) -> String {
    let run: String = cx.run.as_str().chars().take(15).collect();
    let tail = format!("-{what}-{run}");
    let head: String = id.chars().take(63 - tail.len()).collect();
    format!("{}{tail}", head.trim_end_matches('-'))
}

fn run_tag(cx: &Context) -> Tag {
    Tag::builder().key(RUN).value(cx.run.as_str()).build()
}

/// Builds `to` as what follows `from`.
pub(super) async fn replicate(
    it: &AwsRds,
    cx: &Context,
    from: RegionRole,
    to: RegionRole,
) -> Result<(), ProviderError> {
    if it.settings.kind == Kind::Replica {
        return Box::pin(replica(it, cx, from, to)).await;
    }
    // The service makes the old writer a reader by itself.
    until(cx, || async {
        let told = Box::pin(look::told(it, cx, to)).await?;
        Ok(match (told.writer, told.is_available()) {
            (false, true) => Ok(()),
            (true, _) => Err(format!("{} is the writer", it.what(to))),
            (false, false) => Err(format!("{} is {}", it.what(to), told.status)),
        })
    })
    .await?;
    open(it, cx, to).await
}

/// A fence that stayed would outlive a promotion.
async fn open(it: &AwsRds, cx: &Context, to: RegionRole) -> Result<(), ProviderError> {
    if it.settings.side(to).fence.is_some() { fence::take_away(it, cx, to).await } else { Ok(()) }
}

async fn replica(it: &AwsRds, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
    let (id, access) = (it.instance(to), it.ways.to(to));
    let source = look::instance(cx, it.ways.to(from), it.instance(from)).await?;
    let arn = source.db_instance_arn().unwrap_or_default().to_owned();
    let there = look::instance_if_any(cx, access, id).await?;
    let follows = |one: &DbInstance| {
        one.read_replica_source_db_instance_identifier().is_some_and(|of| of == arn || of == it.instance(from))
    };
    if there.as_ref().is_none_or(|one| !follows(one)) {
        it.tag_if_there(cx, to, there.as_ref()).await?;
        let kept = with_run(cx, id, "was");
        let model = match there {
            Some(old) => {
                Box::pin(set_aside(cx, access, (id, &kept))).await?;
                old
            }
            // An earlier attempt set it aside already.
            None => Box::pin(look::instance_if_any(cx, access, &kept)).await?.unwrap_or_else(|| source.clone()),
        };
        Box::pin(stop(cx, access, &kept)).await?;
        Box::pin(open(it, cx, to)).await?;
        Box::pin(create(it, cx, (from, to), &model, &arn)).await?;
    } else {
        Box::pin(open(it, cx, to)).await?;
    }
    until(cx, || async {
        let found = Box::pin(look::instance(cx, access, id)).await?;
        let status = found.db_instance_status().unwrap_or_default();
        Ok(if status == "available" { Ok(()) } else { Err(format!("the new replica {id} is {status}")) })
    })
    .await
}

/// Gives the old instance another name, and waits until it has it.
async fn set_aside(cx: &Context, access: &Access, (id, kept): (&str, &str)) -> Result<(), ProviderError> {
    let client = access.rds(cx).await?;
    until(cx, || async {
        let request = client
            .modify_db_instance()
            .db_instance_identifier(id)
            .new_db_instance_identifier(kept)
            .apply_immediately(true);
        match call::writes(cx, access, &MODIFY, request.send()).await {
            Ok(_) => Ok(Ok(())),
            // The answer to a first request was lost, and it has, or gets, the other name; or it must be waited for.
            Err(failed) if failed.is(NOT_FOUND) => Ok(Ok(())),
            Err(failed) if failed.is(NOT_IN_THIS_STATE) => {
                let there = Box::pin(look::instance_if_any(cx, access, id)).await?;
                let renamed = there.is_none_or(|one| one.db_instance_status() == Some("renaming"));
                Ok(if renamed { Ok(()) } else { Err(failed.error.to_string()) })
            }
            Err(failed) => Err(failed.into()),
        }
    })
    .await?;
    until(cx, || async {
        let old = Box::pin(look::instance_if_any(cx, access, id)).await?;
        let new = Box::pin(look::instance_if_any(cx, access, kept)).await?;
        let status = new.as_ref().and_then(|one| one.db_instance_status()).unwrap_or("not there").to_owned();
        Ok(if old.is_none() && status == "available" {
            Ok(())
        } else {
            Err(format!("{id} is being renamed to {kept}, which is {status}"))
        })
    })
    .await
}

/// Stops what was set aside, so that nobody writes there.
async fn stop(cx: &Context, access: &Access, kept: &str) -> Result<(), ProviderError> {
    if look::instance_if_any(cx, access, kept).await?.is_none() {
        return Ok(());
    }
    let client = access.rds(cx).await?;
    until(cx, || async {
        let found = look::instance(cx, access, kept).await?;
        let status = found.db_instance_status().unwrap_or_default();
        let mut still = format!("the old instance {kept} is {status}");
        match status {
            "stopped" => return Ok(Ok(())),
            "stopping" => {}
            // It is told to stop as soon as it can be; told so again while it does, it refuses, and stops all the same.
            _ => match call::writes(cx, access, &STOP, client.stop_db_instance().db_instance_identifier(kept).send())
                .await
            {
                Err(failed) if failed.is(NOT_IN_THIS_STATE) => still = format!("{still}: {}", failed.error),
                Err(failed) => return Err(failed.into()),
                Ok(_) => {}
            },
        }
        Ok(Err(still))
    })
    .await
}

/// A replica like the instance that stood there before.
async fn create(
    it: &AwsRds,
    cx: &Context,
    (from, to): (RegionRole, RegionRole),
    model: &DbInstance,
    arn: &str,
) -> Result<(), ProviderError> {
    let access = it.ways.to(to);
    let id = it.instance(to);
    let client = access.rds(cx).await?;
    let groups: Vec<String> =
        model.vpc_security_groups().iter().filter_map(|one| one.vpc_security_group_id().map(str::to_owned)).collect();
    let own = model.db_instance_identifier() != Some(it.instance(from));
    let mut request = client
        .create_db_instance_read_replica()
        .db_instance_identifier(id)
        .source_db_instance_identifier(arn)
        .set_db_instance_class(model.db_instance_class().map(str::to_owned))
        .set_storage_type(model.storage_type().map(str::to_owned))
        .set_multi_az(model.multi_az())
        .set_publicly_accessible(model.publicly_accessible())
        .set_auto_minor_version_upgrade(model.auto_minor_version_upgrade())
        .set_copy_tags_to_snapshot(model.copy_tags_to_snapshot())
        .set_deletion_protection(model.deletion_protection())
        .tags(run_tag(cx));
    // What only means something in the region of the model.
    if own {
        request = request
            .set_db_subnet_group_name(
                model.db_subnet_group().and_then(|group| group.db_subnet_group_name()).map(str::to_owned),
            )
            .set_vpc_security_group_ids((!groups.is_empty()).then_some(groups))
            .set_db_parameter_group_name(
                model
                    .db_parameter_groups()
                    .first()
                    .and_then(|group| group.db_parameter_group_name())
                    .map(str::to_owned),
            )
            .set_kms_key_id(model.kms_key_id().filter(|_| model.storage_encrypted() == Some(true)).map(str::to_owned));
    }
    match call::writes(cx, access, &REPLICA, request.send()).await {
        Ok(_) => Ok(()),
        // Its answer was lost and it was sent again.
        Err(failed) if failed.is(&["DBInstanceAlreadyExists", "DBInstanceAlreadyExistsFault"]) => Ok(()),
        Err(failed) => Err(match failed.error {
            ProviderError::Refused(why) => {
                ProviderError::Halfway(format!("the old instance is set aside, and the new replica is refused: {why}"))
            }
            error => error,
        }),
    }
}

/// Keeps what `role`'s side has in a snapshot.
pub(super) async fn preserve(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Preserved, ProviderError> {
    let access = it.ways.to(role);
    let client = access.rds(cx).await?;
    let (instance, cluster) = match it.settings.kind {
        Kind::Replica => (Some(it.instance(role)), None),
        Kind::MultiAz => (Some(it.name()), None),
        Kind::Cluster => (None, Some(it.name())),
        Kind::Global => (None, it.settings.side(role).cluster.as_deref()),
    };
    let id = with_run(cx, instance.or(cluster).unwrap_or_default(), "kept");
    let exists = ["DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault", "DBClusterSnapshotAlreadyExists"];
    let made = if let Some(instance) = instance {
        let request =
            client.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(&id).tags(run_tag(cx));
        call::writes(cx, access, &SNAPSHOT, request.send()).await.map(|_| ())
    } else {
        let request = client
            .create_db_cluster_snapshot()
            .db_cluster_identifier(cluster.unwrap_or_default())
            .db_cluster_snapshot_identifier(&id)
            .tags(run_tag(cx));
        call::writes(cx, access, &CLUSTER_SNAPSHOT, request.send()).await.map(|_| ())
    };
    match made {
        Err(failed) if !failed.is(&exists) => return Err(failed.into()),
        _ => {}
    }
    let location = std::sync::Mutex::new(String::new());
    until(cx, || async {
        let (status, arn) = if instance.is_some() {
            let request = client.describe_db_snapshots().db_snapshot_identifier(&id).send();
            let answer = call::reads(cx, access, &SNAPSHOTS, request).await?;
            let one = answer.db_snapshots().first().cloned();
            (
                one.as_ref().and_then(|it| it.status().map(str::to_owned)),
                one.and_then(|it| it.db_snapshot_arn().map(str::to_owned)),
            )
        } else {
            let request = client.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(&id).send();
            let answer = call::reads(cx, access, &CLUSTER_SNAPSHOTS, request).await?;
            let one = answer.db_cluster_snapshots().first().cloned();
            let arn = one.as_ref().and_then(|it| it.db_cluster_snapshot_arn().map(str::to_owned));
            (one.and_then(|it| it.status().map(str::to_owned)), arn)
        };
        *location.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = arn.unwrap_or_default();
        Ok(match status.as_deref() {
            Some("available") => Ok(()),
            Some("failed") => return Err(ProviderError::Refused(format!("the snapshot {id} failed"))),
            other => Err(format!("the snapshot {id} is {}", other.unwrap_or("not there"))),
        })
    })
    .await?;
    let location = location.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Preserved { location, what: "snapshot".to_owned(), only_here: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;
    use crate::resource::{Actor, Cancellation, Errand};
    use crate::time::Clock;

    #[test]
    fn names_with_the_run_in_them_are_what_rds_takes() {
        let cx = Context {
            run: RunId::new("20261122-084216-quarterly-failover").unwrap(),
            actor: Actor::Muster,
            attempt: 1,
            errand: Errand::Do,
            clock: Clock::real(),
            fencing: 1,
            cancel: Cancellation::default(),
        };
        assert_eq!(with_run(&cx, "main-use1", "was"), "main-use1-was-20261122-084216");
        let long = with_run(&cx, &"a".repeat(63), "kept");
        assert!(long.len() == 63 && long.ends_with("-kept-20261122-084216"), "{long}");
        assert!(!with_run(&cx, &format!("{}-b", "a".repeat(41)), "kept").contains("--"));
    }
}
