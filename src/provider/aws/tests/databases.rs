//! Promotions as RDS does them: its states on the way, as its documentation has them.

use std::sync::Arc;

use super::engine::Engine;
use super::recorded::{Recorded, context};
use crate::id::{RegionRole, ResourceId};
use crate::provider::aws::AwsRds;
use crate::provider::process::RealProcesses;
use crate::resource::{Database, ProviderError};
use crate::secret::Redactor;

fn database(recorded: &Recorded, engine: &Engine, what: &str, loss_accepted: bool) -> AwsRds {
    let server = format!(r#"{{"host":"127.0.0.1","port":{}}}"#, engine.port);
    let settings = format!(
        r#"{{{what},"sql":{{"dbname":"code","sslmode":"disable","password":{{"env":"PATH"}},"timeout":"1s",
            "regions":{{"primary":{server},"secondary":{server}}}}}}}"#
    );
    let processes = Arc::new(RealProcesses::default());
    let id = ResourceId::new("main").unwrap();
    AwsRds::new(
        id,
        serde_json::from_str(&settings).unwrap(),
        recorded.ways(),
        processes,
        Redactor::default(),
        loss_accepted,
    )
}

fn instance(id: &str, region: &str, status: &str, more: &str) -> String {
    format!(
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier>\
         <DBInstanceStatus>{status}</DBInstanceStatus><DBInstanceArn>arn:aws:rds:{region}:123456789012:db:{id}</DBInstanceArn>{more}\
         </DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    )
}

const NO_TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><TagList/></ListTagsForResourceResult></ListTagsForResourceResponse>";
const TAGGED: &str = "<AddTagsToResourceResponse/>";

fn tags(recorded: &Recorded) {
    recorded.answers("Action=ListTagsForResource", 200, NO_TAGS).answers("Action=AddTagsToResource", 200, TAGGED);
}

const REPLICA: &str = r#""kind":"replica","regions":{"primary":{"instance":"db1"},"secondary":{"instance":"db2"}}"#;

#[tokio::test]
async fn a_replica_is_promoted_once_rds_shows_it_and_not_when_it_says_so() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let follows = "<ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-east-1:123456789012:db:db1</ReadReplicaSourceDBInstanceIdentifier>";
    recorded.answers(
        "Action=PromoteReadReplica",
        200,
        "<PromoteReadReplicaResponse><PromoteReadReplicaResult/></PromoteReadReplicaResponse>",
    );
    for (status, more) in
        [("available", follows), ("available", follows), ("modifying", follows), ("rebooting", ""), ("available", "")]
    {
        recorded.answers("Action=DescribeDBInstances", 200, &instance("db2", "us-west-2", status, more));
    }
    let main = database(&recorded, &engine, REPLICA, false);
    main.promote(&context(), RegionRole::Secondary).await.unwrap();
    let asked = recorded.asked();
    let count = |what: &str| asked.iter().filter(|one| one.contains(what)).count();
    assert_eq!((count("Action=PromoteReadReplica"), count("Action=DescribeDBInstances")), (1, 5), "{asked:?}");
    assert!(asked.iter().any(|one| one.contains("Action=AddTagsToResource") && one.contains("20261122-084216-drill")));
}

#[tokio::test]
async fn a_multi_az_instance_is_rebooted_with_failover_until_it_is_in_the_other_zone() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    recorded.answers(
        "Action=RebootDBInstance",
        200,
        "<RebootDBInstanceResponse><RebootDBInstanceResult/></RebootDBInstanceResponse>",
    );
    let zone = |zone: &str| format!("<MultiAZ>true</MultiAZ><AvailabilityZone>{zone}</AvailabilityZone>");
    for (status, at) in [("available", "us-west-2a"), ("rebooting", "us-west-2a"), ("available", "us-west-2b")] {
        recorded.answers("Action=DescribeDBInstances", 200, &instance("main", "us-west-2", status, &zone(at)));
    }
    let what = r#""kind":"multi_az","name":"main","regions":{"primary":{"zone":"us-west-2a"},"secondary":{"zone":"us-west-2b"}}"#;
    database(&recorded, &engine, what, false).promote(&context(), RegionRole::Secondary).await.unwrap();
    let asked = recorded.asked();
    let at = |parts: [&str; 2]| asked.iter().position(|one| parts.iter().all(|part| one.contains(part)));
    let (noted, ordered) =
        (at(["Action=AddTagsToResource", "muster%3Afailover"]), at(["Action=RebootDBInstance", "ForceFailover=true"]));
    assert!(noted.is_some() && noted < ordered, "who orders it is noted before: {asked:?}");
}

const MULTI_AZ: &str =
    r#""kind":"multi_az","name":"main","regions":{"primary":{"zone":"us-west-2a"},"secondary":{"zone":"us-west-2b"}}"#;

/// The tags of something, as RDS lists them.
fn listed(tags: &[(&str, &str)]) -> String {
    NO_TAGS.replace("<TagList/>", &tag_list(tags))
}

fn tag_list(tags: &[(&str, &str)]) -> String {
    let one = |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    format!("<TagList>{}</TagList>", tags.iter().map(one).collect::<Vec<_>>().concat())
}

#[tokio::test]
async fn a_failover_that_was_ordered_is_not_ordered_again_while_rds_shows_the_old_zone() {
    let (recorded, engine, cx) = (Recorded::new(), Engine::start(), context());
    let ordered = format!("{} {} {}", cx.run, cx.actor, cx.clock.wall().as_millisecond() - 60_000);
    recorded.answers("Action=ListTagsForResource", 200, &listed(&[("muster:failover", &ordered)]));
    recorded.answers("Action=AddTagsToResource", 200, TAGGED);
    for at in ["us-west-2a", "us-west-2a", "us-west-2b"] {
        let zone = format!("<MultiAZ>true</MultiAZ><AvailabilityZone>{at}</AvailabilityZone>");
        recorded.answers("Action=DescribeDBInstances", 200, &instance("main", "us-west-2", "available", &zone));
    }
    database(&recorded, &engine, MULTI_AZ, false).promote(&cx, RegionRole::Secondary).await.unwrap();
    let asked = recorded.asked();
    assert!(!asked.iter().any(|one| one.contains("Action=RebootDBInstance")), "it would move back: {asked:?}");
}

#[tokio::test]
async fn a_failover_that_was_refused_is_not_taken_for_one_that_is_under_way() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let zone = "<MultiAZ>true</MultiAZ><AvailabilityZone>us-west-2a</AvailabilityZone>";
    recorded.answers("Action=DescribeDBInstances", 200, &instance("main", "us-west-2", "available", zone));
    recorded.answers("Action=RebootDBInstance", 403, &refusal("AccessDenied"));
    recorded.answers("Action=RemoveTagsFromResource", 200, "<RemoveTagsFromResourceResponse/>");
    let main = database(&recorded, &engine, MULTI_AZ, false);
    let error = main.promote(&context(), RegionRole::Secondary).await.unwrap_err();
    assert!(matches!(&error, ProviderError::Refused(why) if why.contains("rds:RebootDBInstance")), "{error}");
    let asked = recorded.asked();
    let off = |one: &String| one.contains("Action=RemoveTagsFromResource") && one.contains("muster%3Afailover");
    assert!(asked.iter().any(off), "{asked:?}");
}

#[tokio::test]
async fn an_instance_without_a_standby_is_not_rebooted() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    recorded.answers(
        "Action=DescribeDBInstances",
        200,
        &instance("main", "us-west-2", "available", "<MultiAZ>false</MultiAZ>"),
    );
    let what = r#""kind":"multi_az","name":"main","regions":{"primary":{"zone":"us-west-2a"},"secondary":{"zone":"us-west-2b"}}"#;
    let error = database(&recorded, &engine, what, false).promote(&context(), RegionRole::Secondary).await.unwrap_err();
    assert!(error.to_string().contains("no standby in another zone"), "{error}");
    assert!(!recorded.asked().iter().any(|one| one.contains("Action=RebootDBInstance")));
}

fn global(writer: &str, state: &str) -> String {
    let member = |region: &str, id: &str| {
        format!(
            "<GlobalClusterMember><DBClusterArn>arn:aws:rds:{region}:123456789012:cluster:{id}</DBClusterArn><IsWriter>{}</IsWriter>\
             </GlobalClusterMember>",
            id == writer
        )
    };
    format!(
        "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult><GlobalClusters><GlobalClusterMember>\
         <GlobalClusterIdentifier>main</GlobalClusterIdentifier><Status>available</Status>{state}<GlobalClusterMembers>{}{}\
         </GlobalClusterMembers></GlobalClusterMember></GlobalClusters></DescribeGlobalClustersResult></DescribeGlobalClustersResponse>",
        member("us-east-1", "c1"),
        member("us-west-2", "c2")
    )
}

const CLUSTER: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster><DBClusterIdentifier>c2</DBClusterIdentifier>\
                       <Status>available</Status><DBClusterArn>arn:aws:rds:us-west-2:123456789012:cluster:c2</DBClusterArn></DBCluster>\
                       </DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";
const GLOBAL: &str =
    r#""kind":"global","name":"main","regions":{"primary":{"cluster":"c1"},"secondary":{"cluster":"c2"}}"#;

#[tokio::test]
async fn a_global_database_fails_over_with_loss_only_where_the_playbook_accepts_it() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let moving = "<FailoverState><Status>failing-over</Status></FailoverState>";
    recorded.answers("Action=DescribeDBClusters", 200, CLUSTER);
    recorded.answers("Action=DescribeGlobalClusters", 200, &global("c1", ""));
    let refusing = database(&recorded, &engine, GLOBAL, false);
    let error = refusing.promote(&context(), RegionRole::Secondary).await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Refused(why) if why.contains("does not accept that with `data_loss`")),
        "{error}"
    );
    recorded.answers(
        "Action=FailoverGlobalCluster",
        200,
        "<FailoverGlobalClusterResponse><FailoverGlobalClusterResult/></FailoverGlobalClusterResponse>",
    );
    for (writer, state) in [("c1", ""), ("c1", moving), ("c2", moving), ("c2", "")] {
        recorded.answers("Action=DescribeGlobalClusters", 200, &global(writer, state));
    }
    database(&recorded, &engine, GLOBAL, true).promote(&context(), RegionRole::Secondary).await.unwrap();
    let asked = recorded.asked();
    let failover = asked.iter().find(|one| one.contains("Action=FailoverGlobalCluster")).unwrap();
    assert!(
        failover.contains("AllowDataLoss=true") && failover.contains("us-west-2%3A123456789012%3Acluster%3Ac2"),
        "{failover}"
    );
    assert!(failover.starts_with("https://rds.us-west-2."), "in the region that takes over: {failover}");
}

/// The network ACL of subnet-1, with these tags.
fn network_acl(tags: &[(&str, &str)]) -> String {
    let one = |(key, value): &(&str, &str)| format!("<item><key>{key}</key><value>{value}</value></item>");
    format!(
        "<DescribeNetworkAclsResponse><networkAclSet><item><networkAclId>acl-1</networkAclId><vpcId>vpc-1</vpcId><associationSet>\
         <item><networkAclAssociationId>aclassoc-1</networkAclAssociationId><networkAclId>acl-1</networkAclId>\
         <subnetId>subnet-1</subnetId></item></associationSet><tagSet>{}</tagSet></item></networkAclSet>\
         </DescribeNetworkAclsResponse>",
        tags.iter().map(one).collect::<Vec<_>>().concat()
    )
}

const FENCES: (&str, &str) = ("muster:wall", "fences:main");

#[tokio::test]
async fn a_global_database_is_switched_over_in_the_region_of_its_writer_once_that_is_wholly_fenced() {
    let fenced = GLOBAL.replace(r#"{"cluster":"c1"}"#, r#"{"cluster":"c1","fence":{"subnets":["subnet-1"]}}"#);
    for (wall, switches) in [(vec![FENCES, ("muster:sessions-ended", "1764150000000")], true), (vec![FENCES], false)] {
        let (recorded, engine) = (Recorded::new(), Engine::start());
        tags(&recorded);
        recorded.answers("Action=DescribeNetworkAcls", 200, &network_acl(&wall));
        recorded.answers("Action=DescribeDBClusters", 200, CLUSTER);
        let answer =
            "<SwitchoverGlobalClusterResponse><SwitchoverGlobalClusterResult/></SwitchoverGlobalClusterResponse>";
        recorded.answers("Action=SwitchoverGlobalCluster", 200, answer);
        for writer in ["c1", "c2"] {
            recorded.answers("Action=DescribeGlobalClusters", 200, &global(writer, ""));
        }
        let main = database(&recorded, &engine, &fenced, false);
        let promoted = main.promote(&context(), RegionRole::Secondary).await;
        let asked = recorded.asked();
        let order = asked.iter().find(|one| one.contains("Action=SwitchoverGlobalCluster"));
        if switches {
            promoted.unwrap();
            let order = order.unwrap_or_else(|| panic!("{asked:?}"));
            assert!(order.starts_with("https://rds.us-east-1."), "{order}");
            assert!(order.contains("us-west-2%3A123456789012%3Acluster%3Ac2"), "{order}");
        } else {
            assert!(promoted.unwrap_err().to_string().contains("is not fenced"), "sessions may still write");
            assert_eq!(order, None);
        }
    }
}

#[tokio::test]
async fn a_side_is_fenced_from_the_moment_on_at_which_its_sessions_were_ended() {
    let fenced = REPLICA.replace(r#"{"instance":"db1"}"#, r#"{"instance":"db1","fence":{"subnets":["subnet-1"]}}"#);
    let follows = "<ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-east-1:123456789012:db:db1</ReadReplicaSourceDBInstanceIdentifier>";
    let (since, ended) = (("muster:since", "1764150000000"), ("muster:sessions-ended", "1764150042000"));
    for (wall, position) in [(vec![FENCES, since], None), (vec![FENCES, since, ended], Some(1_764_150_042_000))] {
        let (recorded, engine) = (Recorded::new(), Engine::start());
        recorded.answers("Action=DescribeNetworkAcls", 200, &network_acl(&wall));
        recorded.answers("DBInstanceIdentifier=db1 ", 200, &instance("db1", "us-east-1", "available", ""));
        recorded.answers("DBInstanceIdentifier=db2 ", 200, &instance("db2", "us-west-2", "available", follows));
        let seen = database(&recorded, &engine, &fenced, false).observe(&context()).await.unwrap();
        let side = seen.regions[&RegionRole::Primary].known().unwrap();
        assert_eq!((side.fenced, side.writable), (true, position.is_none()), "{side:?}");
        if let Some(position) = position {
            assert_eq!(side.position, position, "writes end there, not when the wall was begun");
        }
    }
}

/// RDS's refusal of what something in another state can't take.
fn refusal(code: &str) -> String {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
}

#[tokio::test]
async fn a_promotion_whose_answer_was_lost_is_seen_to_be_under_way() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let follows = "<ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-east-1:123456789012:db:db1</ReadReplicaSourceDBInstanceIdentifier>";
    recorded.answers("Action=PromoteReadReplica", 0, "");
    recorded.answers("Action=PromoteReadReplica", 400, &refusal("InvalidDBInstanceState"));
    for (status, more) in [("available", follows), ("modifying", follows), ("available", "")] {
        recorded.answers("Action=DescribeDBInstances", 200, &instance("db2", "us-west-2", status, more));
    }
    let main = database(&recorded, &engine, REPLICA, false);
    main.promote(&context(), RegionRole::Secondary).await.unwrap();
    let orders = recorded.asked().iter().filter(|one| one.contains("Action=PromoteReadReplica")).count();
    assert_eq!(orders, 2, "once, and once more by the SDK");
}

#[tokio::test]
async fn what_is_in_another_region_or_account_than_stated_is_not_touched() {
    for arn in ["arn:aws:rds:eu-west-1:123456789012:db:db2", "arn:aws:rds:us-west-2:210987654321:db:db2"] {
        let (recorded, engine) = (Recorded::new(), Engine::start());
        let found =
            instance("db2", "us-west-2", "available", "").replace("arn:aws:rds:us-west-2:123456789012:db:db2", arn);
        recorded.answers("Action=DescribeDBInstances", 200, &found);
        let main = database(&recorded, &engine, REPLICA, false);
        let error = main.promote(&context(), RegionRole::Secondary).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{arn} is not in us-west-2 of the account 123456789012")), "{error}");
        assert!(recorded.asked().iter().all(|one| one.contains("Describe") || one.contains("GetCallerIdentity")));
    }
}

#[tokio::test]
async fn failback_sets_the_old_instance_aside_and_builds_a_replica_by_its_name_although_answers_are_lost() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let describes = |id: &str| -> &'static str {
        // The identifier ends the request, so that the name with the run in it is another one.
        format!("Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier={id} ").leak()
    };
    let (db1, db2, kept) = (describes("db1"), describes("db2"), describes("db1-was-20261122-084216"));
    let gone = refusal("DBInstanceNotFound");
    recorded.answers(db2, 200, &instance("db2", "us-west-2", "available", ""));
    let mark = ("muster:mark", "20261122-084216-drill 1 2026-11-22T08:42:16Z ops at bastion-1");
    let model = format!(
        "<DBInstanceClass>db.m6g.large</DBInstanceClass><DBSubnetGroup><DBSubnetGroupName>data</DBSubnetGroupName></DBSubnetGroup>\
         <StorageType>gp3</StorageType><AllocatedStorage>400</AllocatedStorage><Iops>12000</Iops>\
         <StorageThroughput>500</StorageThroughput><MaxAllocatedStorage>1000</MaxAllocatedStorage>\
         <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled>{}",
        tag_list(&[mark])
    );
    let model = model.as_str();
    recorded.answers("Action=RemoveTagsFromResource", 200, "<RemoveTagsFromResourceResponse/>");
    let follows = "<ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-west-2:123456789012:db:db2</ReadReplicaSourceDBInstanceIdentifier>";
    // There, being renamed, gone; then the new one.
    recorded.answers(db1, 200, &instance("db1", "us-east-1", "available", model));
    recorded.answers(db1, 200, &instance("db1", "us-east-1", "renaming", model));
    recorded.answers(db1, 404, &gone);
    recorded.answers(db1, 200, &instance("db1", "us-east-1", "creating", follows));
    recorded.answers(db1, 200, &instance("db1", "us-east-1", "available", follows));
    let name = "db1-was-20261122-084216";
    for status in ["available", "available", "available", "stopping", "stopped"] {
        recorded.answers(kept, 200, &instance(name, "us-east-1", status, model));
    }
    for (order, code) in [
        ("Action=ModifyDBInstance", "InvalidDBInstanceState"),
        ("Action=StopDBInstance", "InvalidDBInstanceState"),
        ("Action=CreateDBInstanceReadReplica", "DBInstanceAlreadyExists"),
    ] {
        recorded.answers(order, 0, "");
        recorded.answers(order, 400, &refusal(code));
    }
    let main = database(&recorded, &engine, REPLICA, false);
    main.replicate(&context(), RegionRole::Secondary, RegionRole::Primary).await.unwrap();
    let asked = recorded.asked();
    let first =
        |what: &str| asked.iter().position(|one| one.contains(what)).unwrap_or_else(|| panic!("{what}: {asked:?}"));
    let (renamed, stopped, built) = (
        first("NewDBInstanceIdentifier=db1-was-20261122-084216"),
        first("Action=StopDBInstance&Version=2014-10-31&DBInstanceIdentifier=db1-was-20261122-084216"),
        first("Action=CreateDBInstanceReadReplica"),
    );
    assert!(renamed < stopped && stopped < built, "{asked:?}");
    for part in [
        "DBInstanceIdentifier=db1",
        "SourceDBInstanceIdentifier=arn%3Aaws%3Ards%3Aus-west-2%3A123456789012%3Adb%3Adb2",
        "DBInstanceClass=db.m6g.large",
        "DBSubnetGroupName=data",
        "20261122-084216-drill",
        "StorageType=gp3",
        "Iops=12000",
        "StorageThroughput=500",
        "MaxAllocatedStorage=1000",
        "EnableIAMDatabaseAuthentication=true",
        "muster%3Amark",
    ] {
        assert!(asked[built].contains(part), "{part}: {}", asked[built]);
    }
    // What was set aside is nobody's any more, and nothing else would take the mark off it.
    let off = &asked[first("Action=RemoveTagsFromResource")];
    assert!(off.contains("db%3Adb1-was-20261122-084216") && off.contains("muster%3Amark"), "{off}");
}

fn snapshots(status: &str, tags: &[(&str, &str)]) -> String {
    format!(
        "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots><DBSnapshot><Status>{status}</Status>{}\
         <DBSnapshotArn>arn:aws:rds:us-east-1:123456789012:snapshot:db1-kept-20261122-084216</DBSnapshotArn></DBSnapshot>\
         </DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>",
        tag_list(tags)
    )
}

#[tokio::test]
async fn what_another_step_has_kept_is_not_taken_for_what_this_one_keeps() {
    let run = ("muster:run", "20261122-084216-drill");
    for tags in [vec![run, ("muster:step", "keep")], vec![("muster:run", "another"), ("muster:step", "muster")], vec![]]
    {
        let (recorded, engine) = (Recorded::new(), Engine::start());
        recorded.answers("Action=CreateDBSnapshot", 400, &refusal("DBSnapshotAlreadyExists"));
        recorded.answers("Action=DescribeDBSnapshots", 200, &snapshots("available", &tags));
        let kept = database(&recorded, &engine, REPLICA, false).preserve(&context(), RegionRole::Primary).await;
        let error = kept.unwrap_err();
        assert!(matches!(&error, ProviderError::Refused(why) if why.contains("this step did not make")), "{error}");
    }
}

#[tokio::test]
async fn what_only_one_side_has_is_kept_in_a_snapshot_that_is_waited_for() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    let ours = [("muster:run", "20261122-084216-drill"), ("muster:step", "muster")];
    let snapshot = |status: &str| snapshots(status, &ours);
    // Its answer is lost, and it is there when it is asked for again.
    recorded.answers("Action=CreateDBSnapshot", 0, "");
    recorded.answers("Action=CreateDBSnapshot", 400, &refusal("DBSnapshotAlreadyExists"));
    recorded.answers("Action=DescribeDBSnapshots", 200, &snapshot("creating"));
    recorded.answers("Action=DescribeDBSnapshots", 200, &snapshot("available"));
    let main = database(&recorded, &engine, REPLICA, false);
    let kept = main.preserve(&context(), RegionRole::Primary).await.unwrap();
    assert_eq!(kept.location, "arn:aws:rds:us-east-1:123456789012:snapshot:db1-kept-20261122-084216");
    let asked = recorded.asked();
    let made = asked.iter().find(|one| one.contains("Action=CreateDBSnapshot")).unwrap();
    assert!(made.contains("DBInstanceIdentifier=db1&") && made.contains("20261122-084216-drill"), "{made}");
    assert!(
        made.contains("DBSnapshotIdentifier=db1-kept-20261122-084216-") && made.contains("muster%3Astep"),
        "{made}"
    );
}

#[tokio::test]
async fn a_lost_region_is_not_asked_for_ever_whether_its_wall_stands() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    tags(&recorded);
    let fenced = GLOBAL.replace(r#"{"cluster":"c1"}"#, r#"{"cluster":"c1","fence":{"subnets":["subnet-1"]}}"#);
    recorded.answers("ec2.us-east-1", 0, "");
    recorded.answers("Action=DescribeDBClusters", 200, CLUSTER);
    recorded.answers(
        "Action=FailoverGlobalCluster",
        200,
        "<FailoverGlobalClusterResponse><FailoverGlobalClusterResult/></FailoverGlobalClusterResponse>",
    );
    for writer in ["c1", "c2"] {
        recorded.answers("Action=DescribeGlobalClusters", 200, &global(writer, ""));
    }
    let main = database(&recorded, &engine, &fenced, true);
    let cx = context();
    let promoted = cx.clock.timeout(crate::time::Span::from_secs(20), main.promote(&cx, RegionRole::Secondary)).await;
    promoted.expect("a lost region keeps nobody from the other").unwrap();
    assert!(recorded.asked().iter().any(|one| one.contains("Action=FailoverGlobalCluster")));
}

#[tokio::test]
async fn the_side_that_answers_is_seen_although_the_other_one_is_lost() {
    let (recorded, engine) = (Recorded::new(), Engine::start());
    engine.stands_by(true);
    recorded.answers("rds.us-east-1", 0, "");
    recorded.answers("Action=DescribeDBClusters", 200, CLUSTER);
    recorded.answers("Action=DescribeGlobalClusters", 200, &global("c1", ""));
    recorded.answers("monitoring.us-west-2", 0, "");
    let cx = context();
    let main = database(&recorded, &engine, GLOBAL, false);
    let seen = cx.clock.timeout(crate::time::Span::from_secs(20), main.observe(&cx)).await;
    let seen = seen.expect("no look lasts for ever").unwrap();
    let told = format!("{:?}", seen.regions[&RegionRole::Primary]);
    assert!(told.contains("us-east-1 gave no answer within 6 s"), "{told}");
    let copy = seen.regions[&RegionRole::Secondary].known().unwrap();
    assert_eq!(copy.role, crate::resource::ReplicaRole::Replica, "{copy:?}");
}
