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
    assert!(
        asked.iter().any(|one| one.contains("Action=RebootDBInstance") && one.contains("ForceFailover=true")),
        "{asked:?}"
    );
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
}
