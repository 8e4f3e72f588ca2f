//! Building a side anew from the other, and keeping what only one side has.
//!
//! A read replica that was promoted never follows again: the old instance is renamed and stopped, so that nothing of it is
//! lost, and a new replica takes its name. RDS starts what is stopped again after a week: it stays until a person deletes
//! it.

use std::sync::{Mutex, PoisonError};

use aws_sdk_rds::types::{DbInstance, Tag};
use sha2::{Digest, Sha256};

use super::fence;
use super::look;
use super::promote::NOT_IN_THIS_STATE;
use super::{AwsRds, UNTAG};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::Kind;
use crate::provider::aws::access::Access;
use crate::provider::aws::call::{self, Action, until};
use crate::provider::aws::tags::{MARK, RUN};
use crate::resource::{Context, Preserved, ProviderError};

pub(in crate::provider::aws) const MODIFY: Action = Action("rds:ModifyDBInstance");
pub(in crate::provider::aws) const STOP: Action = Action("rds:StopDBInstance");
pub(in crate::provider::aws) const REPLICA: Action = Action("rds:CreateDBInstanceReadReplica");
pub(in crate::provider::aws) const SNAPSHOT: Action = Action("rds:CreateDBSnapshot");
pub(in crate::provider::aws) const SNAPSHOTS: Action = Action("rds:DescribeDBSnapshots");
pub(in crate::provider::aws) const CLUSTER_SNAPSHOT: Action = Action("rds:CreateDBClusterSnapshot");
pub(in crate::provider::aws) const CLUSTER_SNAPSHOTS: Action = Action("rds:DescribeDBClusterSnapshots");

/// From how many GiB on the pace of `gp3` can be chosen for PostgreSQL.
const GP3_CHOICE_GIB: i32 = 400;

/// What RDS says to an order for what is not there, by that name.
const NOT_FOUND: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];

/// An identifier that RDS takes, with the run in it: `main-use1-was-20261122-084216`.
fn with_run(cx: &Context, id: &str, what: &str) -> String {
    let run: String = cx.run.as_str().chars().take(15).collect();
    with_tail(id, &format!("-{what}-{run}"))
}

/// As much of `id` as RDS's 63 characters leave beside `tail`, without two hyphens in a row.
fn with_tail(id: &str, tail: &str) -> String {
    let head: String = id.chars().take(63 - tail.len()).collect();
    format!("{}{tail}", head.trim_end_matches('-'))
}

/// The step that made a thing: what another step of the run finds, it did not make.
const STEP: &str = "muster:step";
/// The longest value of a tag.
const VALUE_MAX: usize = 256;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn run_tag(cx: &Context) -> Tag {
    tag(RUN, cx.run.as_str())
}

/// What a tag has room for of the step.
fn step(cx: &Context) -> String {
    cx.actor.to_string().chars().take(VALUE_MAX).collect()
}

/// The name of what a step keeps, the same for each of its attempts: `main-use1-kept-20261122-084216-1f2e3d4c`. What it ends
/// with stands for the whole run's id and the step.
fn kept_by_step(cx: &Context, id: &str) -> String {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(format!("{} {}", cx.run, cx.actor)).into();
    let run: String = cx.run.as_str().chars().take(15).collect();
    with_tail(id, &format!("-kept-{run}-{:08x}", u32::from_be_bytes([a, b, c, d])))
}

fn value_of<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
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
    Box::pin(unmark(cx, access, &with_run(cx, id, "was"))).await?;
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

/// Takes the run's mark off what was set aside: it is no part of the database any more, and nobody would take it off later.
async fn unmark(cx: &Context, access: &Access, kept: &str) -> Result<(), ProviderError> {
    let Some(old) = look::instance_if_any(cx, access, kept).await? else { return Ok(()) };
    if value_of(old.tag_list(), MARK).is_none_or(|mark| mark.split(' ').next() != Some(cx.run.as_str())) {
        return Ok(());
    }
    let client = access.rds(cx).await?;
    let request = client.remove_tags_from_resource().resource_name(old.db_instance_arn().unwrap_or_default());
    call::writes(cx, access, &UNTAG, request.tag_keys(MARK).send()).await?;
    Ok(())
}

/// How fast the storage is to be, where that was said: IOPS, and MiB/s.
fn pace(model: &DbInstance) -> (Option<i32>, Option<i32>) {
    match model.storage_type() {
        Some("io1" | "io2") => (model.iops(), None),
        // RDS shows what every small one has, and does not take it from anybody who asks for it.
        Some("gp3") if model.allocated_storage().is_none_or(|gib| gib >= GP3_CHOICE_GIB) => {
            (model.iops(), model.storage_throughput())
        }
        _ => (None, None),
    }
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
    let (iops, throughput) = pace(model);
    // What takes its place is the run's as long as it was.
    let mark = value_of(model.tag_list(), MARK).filter(|_| own).map(|mark| tag(MARK, mark));
    let mut request = client
        .create_db_instance_read_replica()
        .db_instance_identifier(id)
        .source_db_instance_identifier(arn)
        .set_db_instance_class(model.db_instance_class().map(str::to_owned))
        .set_storage_type(model.storage_type().map(str::to_owned))
        .set_iops(iops)
        .set_storage_throughput(throughput)
        .set_max_allocated_storage(model.max_allocated_storage())
        .set_enable_iam_database_authentication(model.iam_database_authentication_enabled())
        .set_multi_az(model.multi_az())
        .set_publicly_accessible(model.publicly_accessible())
        .set_auto_minor_version_upgrade(model.auto_minor_version_upgrade())
        .set_copy_tags_to_snapshot(model.copy_tags_to_snapshot())
        .set_deletion_protection(model.deletion_protection())
        .set_tags(Some(std::iter::once(run_tag(cx)).chain(mark).collect()));
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

/// What is there of a snapshot.
#[derive(Clone, Debug, Default)]
struct Kept {
    status: Option<String>,
    arn: String,
    tags: Vec<Tag>,
}

/// A snapshot: of an instance, or of a cluster.
#[derive(Clone, Copy)]
enum Source<'a> {
    Instance(&'a str),
    Cluster(&'a str),
}

/// Orders a snapshot; whether its name was taken already.
async fn order(cx: &Context, access: &Access, (of, id): (Source<'_>, &str)) -> Result<bool, ProviderError> {
    let client = access.rds(cx).await?;
    let tags = Some(vec![run_tag(cx), tag(STEP, &step(cx))]);
    let ordered = match of {
        Source::Instance(instance) => {
            let request = client.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(id);
            call::writes(cx, access, &SNAPSHOT, request.set_tags(tags).send()).await.map(|_| ())
        }
        Source::Cluster(cluster) => {
            let request = client.create_db_cluster_snapshot().db_cluster_identifier(cluster);
            let request = request.db_cluster_snapshot_identifier(id).set_tags(tags);
            call::writes(cx, access, &CLUSTER_SNAPSHOT, request.send()).await.map(|_| ())
        }
    };
    let exists = ["DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault", "DBClusterSnapshotAlreadyExists"];
    match ordered {
        Ok(()) => Ok(false),
        Err(failed) if failed.is(&exists) => Ok(true),
        Err(failed) => Err(failed.into()),
    }
}

/// Looks at a snapshot.
async fn kept(cx: &Context, access: &Access, (of, id): (Source<'_>, &str)) -> Result<Kept, ProviderError> {
    let client = access.rds(cx).await?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let found = match of {
        Source::Instance(_) => {
            let request = client.describe_db_snapshots().db_snapshot_identifier(id).send();
            let answer = call::reads(cx, access, &SNAPSHOTS, request).await?;
            answer.db_snapshots().first().map(|it| Kept {
                status: it.status().map(str::to_owned),
                arn: text(it.db_snapshot_arn()),
                tags: it.tag_list().to_vec(),
            })
        }
        Source::Cluster(_) => {
            let request = client.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(id).send();
            let answer = call::reads(cx, access, &CLUSTER_SNAPSHOTS, request).await?;
            answer.db_cluster_snapshots().first().map(|it| Kept {
                status: it.status().map(str::to_owned),
                arn: text(it.db_cluster_snapshot_arn()),
                tags: it.tag_list().to_vec(),
            })
        }
    };
    Ok(found.unwrap_or_default())
}

/// Keeps what `role`'s side has in a snapshot of this step's own: what an earlier one has kept lacks what came since.
pub(super) async fn preserve(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Preserved, ProviderError> {
    let access = it.ways.to(role);
    let (of, whose) = match it.settings.kind {
        Kind::Replica => (Source::Instance(it.instance(role)), it.instance(role)),
        Kind::MultiAz => (Source::Instance(it.name()), it.name()),
        Kind::Cluster => (Source::Cluster(it.name()), it.name()),
        Kind::Global => {
            let cluster = it.settings.side(role).cluster.as_deref().unwrap_or_default();
            (Source::Cluster(cluster), cluster)
        }
    };
    let id = kept_by_step(cx, whose);
    let was_there = Box::pin(order(cx, access, (of, &id))).await?;
    let location = Mutex::new(String::new());
    until(cx, || async {
        let now = Box::pin(kept(cx, access, (of, &id))).await?;
        let tagged = |key: &str, value: &str| value_of(&now.tags, key) == Some(value);
        // An earlier attempt of this step made it, or the answer to the order was lost.
        let ours = tagged(RUN, cx.run.as_str()) && tagged(STEP, &step(cx));
        if was_there && now.status.is_some() && !ours {
            return Err(ProviderError::Refused(format!(
                "there is a snapshot {id} in {} that this step did not make (its tags say so): delete it, or give the \
                 step another id",
                access.region
            )));
        }
        *location.lock().unwrap_or_else(PoisonError::into_inner) = now.arn;
        Ok(match now.status.as_deref() {
            Some("available") => Ok(()),
            Some("failed") => return Err(ProviderError::Refused(format!("the snapshot {id} failed"))),
            other => Err(format!("the snapshot {id} is {}", other.unwrap_or("not there"))),
        })
    })
    .await?;
    let location = location.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Preserved { location, what: "snapshot".to_owned(), only_here: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{RunId, StepId};
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
        let long = with_run(&cx, &"a".repeat(63), "was");
        assert!(long.len() == 63 && long.ends_with("-was-20261122-084216"), "{long}");
        assert!(!with_run(&cx, &format!("{}-b", "a".repeat(42)), "was").contains("--"));
    }

    #[test]
    fn the_pace_of_storage_is_asked_for_only_where_rds_takes_it() {
        let of = |storage: &str, gib: i32| {
            let model = DbInstance::builder().storage_type(storage).allocated_storage(gib);
            pace(&model.iops(12_000).storage_throughput(500).build())
        };
        assert_eq!(of("gp3", 400), (Some(12_000), Some(500)));
        assert_eq!(of("gp3", 399), (None, None), "a small one has what all have");
        assert_eq!((of("io1", 100), of("io2", 100)), ((Some(12_000), None), (Some(12_000), None)));
        assert_eq!(of("gp2", 400), (None, None));
    }

    #[test]
    fn each_step_of_each_run_keeps_by_a_name_of_its_own_whatever_the_attempt() {
        let cx = |run: &str, step: &str, attempt: u32| Context {
            run: RunId::new(run).unwrap(),
            actor: Actor::Step(StepId::new(step).unwrap()),
            attempt,
            errand: Errand::Do,
            clock: Clock::real(),
            fencing: 1,
            cancel: Cancellation::default(),
        };
        let name = |run: &str, step: &str, attempt: u32| kept_by_step(&cx(run, step, attempt), "main-use1");
        let first = name("20261122-084216-drill", "keep", 1);
        assert!(first.starts_with("main-use1-kept-20261122-084216-"), "{first}");
        assert_eq!(first, name("20261122-084216-drill", "keep", 2), "a retry goes on with its own");
        assert_ne!(first, name("20261122-084216-drill", "back/keep_again", 1));
        assert_ne!(first, name("20261122-084216-drill-2", "keep", 1));
        let long = kept_by_step(&cx("20261122-084216-drill", "a/b_c.d", 1), &format!("{}-b", "a".repeat(60)));
        assert!(long.len() <= 63 && !long.contains("--") && !long.ends_with('-'), "{long}");
        assert!(long.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{long}");
    }
}
