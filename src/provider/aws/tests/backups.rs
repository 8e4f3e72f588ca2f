//! Copies of EBS snapshots, which say when they were begun and not how old their originals are; and scratch copies that
//! AWS does not remove at once.

use super::recorded::{Recorded, context};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::provider::aws::AwsSnapshots;
use crate::resource::{Actor, Backup, Context, RestorePoint, SnapshotSummary};
use crate::time::Span;

fn snapshots(recorded: &Recorded) -> AwsSnapshots {
    let side = |zone: &str| format!(r#"{{"tag":{{"key":"Backup","value":"code"}},"zone":"{zone}"}}"#);
    let settings = format!(r#"{{"regions":{{"primary":{},"secondary":{}}}}}"#, side("us-east-1a"), side("us-west-2a"));
    let id = ResourceId::new("snapshots").unwrap();
    AwsSnapshots::new(id, serde_json::from_str(&settings).unwrap(), recorded.ways())
}

/// `DescribeSnapshots` with one of them, this many minutes old.
fn one(id: &str, minutes: i64, description: &str) -> String {
    let at = context().clock.wall() - jiff::SignedDuration::from_mins(minutes);
    format!(
        "<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>{id}</snapshotId><status>completed</status>\
         <startTime>{at:.0}</startTime><encrypted>true</encrypted><description>{description}</description></item>\
         </snapshotSet></DescribeSnapshotsResponse>"
    )
}

async fn seen_in_the_secondary_region(recorded: &Recorded) -> SnapshotSummary {
    let state = snapshots(recorded).observe(&context()).await.unwrap();
    state.regions[&RegionRole::Secondary].known().unwrap().clone()
}

#[tokio::test]
async fn a_copy_is_as_old_as_its_original() {
    let recorded = Recorded::new();
    recorded.answers("ec2.us-east-1", 200, &one("snap-1", 90, ""));
    recorded.answers("ec2.us-west-2", 200, &one("snap-2", 5, "[Copied snap-1 from us-east-1]"));
    let seen = seen_in_the_secondary_region(&recorded).await;
    assert!(seen.newest_age >= Span::from_secs(89 * 60), "{seen:?}");
    assert_eq!(seen.aged_as_copies, 0);
}

#[tokio::test]
async fn the_age_of_a_copy_whose_original_is_gone_is_told_as_the_copys() {
    let recorded = Recorded::new();
    recorded.answers("ec2.us-east-1", 200, &one("snap-7", 90, ""));
    recorded.answers("ec2.us-west-2", 200, &one("snap-2", 5, "[Copied snap-1 from us-east-1]"));
    let seen = seen_in_the_secondary_region(&recorded).await;
    assert!(seen.newest_age < Span::from_secs(10 * 60) && seen.aged_as_copies == 1, "{seen:?}");
}

#[tokio::test]
async fn each_volume_is_judged_by_itself_and_the_stalest_is_told_of() {
    let recorded = Recorded::new();
    let item = |volume: &str, minutes: i64| {
        let listed = one("snap-1", minutes, "");
        let item = listed.split_once("<item>").unwrap().1.split_once("</item>").unwrap().0;
        format!("<item><volumeId>{volume}</volumeId>{item}</item>")
    };
    let all = [item("vol-1", 5), item("vol-1", 65), item("vol-2", 21 * 24 * 60)].concat();
    let answer = format!("<DescribeSnapshotsResponse><snapshotSet>{all}</snapshotSet></DescribeSnapshotsResponse>");
    recorded.answers("DescribeSnapshots", 200, &answer);
    let backup = snapshots(&recorded);
    let state = backup.observe(&context()).await.unwrap();
    let seen = state.regions[&RegionRole::Secondary].known().unwrap();
    assert!(seen.newest_age >= Span::from_secs(20 * 86_400) && seen.count == 3, "{seen:?}");
    let (what, said) = backup.remark(RegionRole::Secondary).unwrap();
    assert!(what == "volumes" && said.contains("the newest of vol-2 is the oldest"), "{said}");
}

#[tokio::test]
async fn a_volume_that_is_being_made_is_deleted_once_its_state_lets_it() {
    let recorded = Recorded::new();
    let creating = "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><status>creating</status></item>\
                    </volumeSet></DescribeVolumesResponse>";
    let refused = "<Response><Errors><Error><Code>IncorrectState</Code><Message>vol-1 is creating</Message></Error></Errors>\
                   </Response>";
    recorded.answers("DescribeVolumes", 200, creating).answers("DeleteVolume", 400, refused);
    recorded.answers("DeleteVolume", 200, "<DeleteVolumeResponse><return>true</return></DeleteVolumeResponse>");
    let backup = snapshots(&recorded);
    backup.discard(&context(), "secondary/vol-1").await.unwrap();
    assert_eq!(recorded.asked().iter().filter(|one| one.contains("DeleteVolume")).count(), 2);
    assert!(backup.tidy_within() >= Span::from_secs(30 * 60), "a minute is not what AWS takes");
}

fn of_rds(recorded: &Recorded) -> AwsSnapshots {
    let settings = r#"{"regions":{"primary":{"instance":"main"},"secondary":{"instance":"main"}}}"#;
    let id = ResourceId::new("snapshots").unwrap();
    AwsSnapshots::new(id, serde_json::from_str(settings).unwrap(), recorded.ways())
}

/// The context of a step.
fn step(id: &str) -> Context {
    Context { actor: Actor::Step(StepId::new(id).unwrap()), ..context() }
}

/// One instance that the step `back` of this run made of a snapshot.
fn instance(name: &str, status: &str, snapshot: &str) -> String {
    let tag = |(key, value): (&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags = [
        ("muster:run", "20261122-084216-drill"),
        ("muster:scratch", "snapshots"),
        ("muster:step", "back"),
        ("muster:snapshot", snapshot),
    ];
    format!(
        "<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus>\
         <TagList>{}</TagList></DBInstance>",
        tags.map(tag).concat()
    )
}

/// `DescribeDBInstances` with these.
fn instances(of: &[String]) -> String {
    format!(
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>{}</DBInstances></DescribeDBInstancesResult>\
         </DescribeDBInstancesResponse>",
        of.concat()
    )
}

const NOT_NOW: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBInstanceState</Code><Message>Instance is not in \
                       available state.</Message></Error></ErrorResponse>";
const DELETED: &str =
    "<DeleteDBInstanceResponse><DeleteDBInstanceResult></DeleteDBInstanceResult></DeleteDBInstanceResponse>";

#[tokio::test]
async fn an_instance_is_deleted_once_its_state_lets_it_and_need_not_be_gone() {
    let recorded = Recorded::new();
    let creating = instances(&[instance("muster-1", "creating", "main-1")]);
    recorded.answers("DescribeDBInstances", 200, &creating).answers("DescribeDBInstances", 200, &creating);
    recorded.answers("DescribeDBInstances", 200, &instances(&[instance("muster-1", "deleting", "main-1")]));
    recorded.answers("DeleteDBInstance", 400, NOT_NOW).answers("DeleteDBInstance", 200, DELETED);
    of_rds(&recorded).discard(&step("back"), "secondary/muster-1").await.unwrap();
    assert_eq!(recorded.asked().iter().filter(|one| one.contains("Action=DeleteDBInstance&")).count(), 2);
}

#[tokio::test]
async fn an_instance_that_is_being_deleted_does_not_stand_and_all_others_of_the_run_do() {
    let recorded = Recorded::new();
    let foreign = instance("other", "available", "main-1").replace("20261122-084216-drill", "20261121-084216-drill");
    let all = [instance("muster-1", "deleting", "main-1"), instance("muster-2", "available", "main-1"), foreign];
    recorded.answers("DescribeDBInstances", 200, &instances(&all));
    let standing = of_rds(&recorded).scratches(&step("another")).await.unwrap();
    assert_eq!(standing, ["primary/muster-2", "secondary/muster-2"]);
}

const RESTORED: &str = "<RestoreDBInstanceFromDBSnapshotResponse><RestoreDBInstanceFromDBSnapshotResult>\
                        </RestoreDBInstanceFromDBSnapshotResult></RestoreDBInstanceFromDBSnapshotResponse>";

/// A network whose instance `main` has the snapshot `main-1`.
fn with_snapshot() -> Recorded {
    let recorded = Recorded::new();
    let at = context().clock.wall();
    recorded.answers(
        "DescribeDBSnapshots",
        200,
        &format!(
            "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots><DBSnapshot>\
             <DBSnapshotIdentifier>main-1</DBSnapshotIdentifier><DBInstanceIdentifier>main</DBInstanceIdentifier>\
             <SnapshotCreateTime>{at:.0}</SnapshotCreateTime><Status>available</Status></DBSnapshot></DBSnapshots>\
             </DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
        ),
    );
    recorded
}

/// The names that instances were asked for by.
fn ordered(recorded: &Recorded) -> Vec<String> {
    let asked = recorded.asked();
    let orders = asked.iter().filter(|one| one.contains("Action=RestoreDBInstanceFromDBSnapshot&"));
    let name = |one: &String| one.split("DBInstanceIdentifier=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    orders.map(name).collect()
}

#[tokio::test]
async fn each_step_restores_into_an_instance_of_its_own() {
    let recorded = with_snapshot();
    recorded.answers("RestoreDBInstanceFromDBSnapshot", 200, RESTORED);
    recorded.answers("DescribeDBInstances", 200, &instances(&[instance("any", "available", "main-1")]));
    let backup = of_rds(&recorded);
    for id in ["back", "back-two-hours", "a-step-with-a-long-name-one", "a-step-with-a-long-name-two"] {
        let restored = backup.restore(&step(id), RegionRole::Secondary, RestorePoint::Latest).await.unwrap();
        assert_eq!(restored.from.as_deref(), Some("main-1 of main"));
    }
    let mut names = ordered(&recorded);
    assert!(names.iter().all(|name| name.len() <= 63 && name.starts_with("muster-snapshots-")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("--") || name.ends_with('-')), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
    let asked = recorded.asked();
    let order = asked.iter().find(|one| one.contains("Action=RestoreDBInstanceFromDBSnapshot&")).unwrap();
    assert!(order.contains("muster%3Astep") && order.contains("muster%3Asnapshot"), "{order}");
}

const EXISTS: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>DBInstanceAlreadyExists</Code><Message>DB instance already \
                      exists</Message></Error></ErrorResponse>";

#[tokio::test]
async fn what_an_earlier_attempt_made_of_another_snapshot_is_made_anew() {
    let recorded = with_snapshot();
    recorded.answers("RestoreDBInstanceFromDBSnapshot", 400, EXISTS);
    recorded.answers("RestoreDBInstanceFromDBSnapshot", 200, RESTORED);
    recorded.answers("DeleteDBInstance", 200, DELETED);
    recorded.answers("DescribeDBInstances", 200, &instances(&[instance("any", "available", "main-0")]));
    recorded.answers("DescribeDBInstances", 200, &instances(&[instance("any", "available", "main-1")]));
    of_rds(&recorded).restore(&step("back"), RegionRole::Secondary, RestorePoint::Latest).await.unwrap();
    assert_eq!(ordered(&recorded).len(), 2);
    assert_eq!(recorded.asked().iter().filter(|one| one.contains("Action=DeleteDBInstance&")).count(), 1);
}

#[tokio::test]
async fn what_is_being_made_of_the_same_snapshot_is_waited_for_and_what_another_step_made_is_refused() {
    let recorded = with_snapshot();
    recorded.answers("RestoreDBInstanceFromDBSnapshot", 400, EXISTS);
    recorded.answers("DescribeDBInstances", 200, &instances(&[instance("any", "available", "main-1")]));
    let backup = of_rds(&recorded);
    backup.restore(&step("back"), RegionRole::Secondary, RestorePoint::Latest).await.unwrap();
    let error = backup.restore(&step("other"), RegionRole::Secondary, RestorePoint::Latest).await.unwrap_err();
    assert!(error.to_string().contains("that this step did not make"), "{error}");
    assert!(!recorded.asked().iter().any(|one| one.contains("Action=DeleteDBInstance&")), "it is not this step's");
}
