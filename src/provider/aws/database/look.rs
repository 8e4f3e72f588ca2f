//! What each side is: by RDS, by a session with it, and by the wall before it.
//!
//! Positions are times here, in milliseconds since 1970: up to then a side is known to have everything that was written.

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_rds::types::{DbInstance, GlobalClusterMember};
use aws_smithy_types::DateTime;

use super::AwsRds;
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::Kind;
use crate::provider::aws::access::{Access, LOOK};
use crate::provider::aws::acl::{self, Wall};
use crate::provider::aws::call::{self, Action};
use crate::provider::aws::region::fences;
use crate::provider::aws::seen;
use crate::resource::{Context, DatabaseInstance, DatabaseState, ProviderError, ReplicaRole};
use crate::time::Span;

pub(in crate::provider::aws) const INSTANCES: Action = Action("rds:DescribeDBInstances");
pub(in crate::provider::aws) const CLUSTERS: Action = Action("rds:DescribeDBClusters");
pub(in crate::provider::aws) const GLOBALS: Action = Action("rds:DescribeGlobalClusters");
pub(in crate::provider::aws) const METRICS: Action = Action("cloudwatch:GetMetricStatistics");

/// How far back a figure of `CloudWatch` is taken for news.
const NEWS_S: i64 = 600;

/// Where a standby of `PostgreSQL` is: the time up to which it has everything. With everything replayed that the primary
/// has told of, that is the time of the primary's last word; else that of the last commit that was replayed.
const REPLAYED: &str = "SELECT (extract(epoch FROM CASE WHEN r.latest_end_lsn <= pg_last_wal_replay_lsn() \
     THEN r.last_msg_send_time ELSE pg_last_xact_replay_timestamp() END) * 1000)::bigint::text \
     FROM (SELECT 1) one LEFT JOIN pg_stat_wal_receiver r ON true";

/// What RDS says of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether it takes writes, as far as RDS knows.
    pub(super) writer: bool,
    /// Its state in RDS's words: `available`.
    pub(super) status: String,
    /// The ARN of the instance that it follows, for a read replica.
    pub(super) source: Option<String>,
}

impl Told {
    pub(super) fn is_available(&self) -> bool {
        self.status == "available"
    }
}

pub(super) async fn instance(cx: &Context, access: &Access, id: &str) -> Result<DbInstance, ProviderError> {
    let found = instance_if_any(cx, access, id).await?;
    found.ok_or_else(|| ProviderError::Refused(format!("there is no instance {id} in {}", access.region)))
}

pub(super) async fn instance_if_any(
    cx: &Context,
    access: &Access,
    id: &str,
) -> Result<Option<DbInstance>, ProviderError> {
    let client = access.rds(cx).await?;
    let request = client.describe_db_instances().db_instance_identifier(id).send();
    match call::tries_to_read(cx, access, &INSTANCES, request).await {
        Ok(answer) => {
            let Some(found) = answer.db_instances().first().cloned() else { return Ok(None) };
            of_the_account(access, found.db_instance_arn().unwrap_or_default())?;
            Ok(Some(found))
        }
        Err(failed) if failed.is(&["DBInstanceNotFound", "DBInstanceNotFoundFault"]) => Ok(None),
        Err(failed) => Err(failed.into()),
    }
}

/// Whoever answers must be in the account and region that the infrastructure file states.
fn of_the_account(access: &Access, arn: &str) -> Result<(), ProviderError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, _, _, region, account, ..] = parts[..] else { return Ok(()) };
    if region == access.region && account == access.settings.account {
        return Ok(());
    }
    Err(ProviderError::Refused(format!(
        "{arn} is not in {} of the account {}, as the infrastructure file has it",
        access.region, access.settings.account
    )))
}

pub(super) async fn cluster(
    cx: &Context,
    access: &Access,
    id: &str,
) -> Result<aws_sdk_rds::types::DbCluster, ProviderError> {
    let client = access.rds(cx).await?;
    let answer =
        call::reads(cx, access, &CLUSTERS, client.describe_db_clusters().db_cluster_identifier(id).send()).await?;
    let found = answer.db_clusters().first().cloned();
    found.ok_or_else(|| ProviderError::Refused(format!("there is no cluster {id} in {}", access.region)))
}

/// Whether a member of a global database is this cluster.
pub(super) fn is_cluster(member: &GlobalClusterMember, region: &str, id: &str) -> bool {
    let arn = member.db_cluster_arn().unwrap_or_default();
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts[..], [_, _, _, of, _, _, name] if of == region && name.eq_ignore_ascii_case(id))
}

/// The members of the global database, asked in `role`'s region: what is to be told of that side, it alone can tell.
pub(super) async fn global(
    cx: &Context,
    it: &AwsRds,
    role: RegionRole,
) -> Result<aws_sdk_rds::types::GlobalCluster, ProviderError> {
    let (name, access) = (it.name(), it.ways.to(role));
    let client = access.rds(cx).await?;
    let request = client.describe_global_clusters().global_cluster_identifier(name).send();
    let answer = call::reads(cx, access, &GLOBALS, request).await?;
    let found = answer.global_clusters().first().cloned();
    found.ok_or_else(|| ProviderError::Refused(format!("there is no global database {name} in {}", access.region)))
}

/// What RDS says of `role`'s side.
pub(super) async fn told(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Told, ProviderError> {
    let (side, access) = (it.settings.side(role), it.ways.to(role));
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match it.settings.kind {
        Kind::Replica => {
            let found = instance(cx, access, it.instance(role)).await?;
            let source = found.read_replica_source_db_instance_identifier().filter(|id| !id.is_empty());
            Ok(Told {
                writer: source.is_none(),
                status: text(found.db_instance_status()),
                source: source.map(str::to_owned),
            })
        }
        Kind::MultiAz => {
            let found = instance(cx, access, it.name()).await?;
            if found.multi_az() != Some(true) {
                return Err(ProviderError::Refused(format!(
                    "the instance {} has no standby in another zone (Multi-AZ)",
                    it.name()
                )));
            }
            let writer = found.availability_zone() == side.zone.as_deref();
            Ok(Told { writer, status: text(found.db_instance_status()), source: None })
        }
        Kind::Cluster => {
            let id = it.instance(role);
            let whole = cluster(cx, access, it.name()).await?;
            let member = whole.db_cluster_members().iter().find(|one| one.db_instance_identifier() == Some(id));
            let Some(member) = member else {
                return Err(ProviderError::Refused(format!("the cluster {} has no instance {id}", it.name())));
            };
            let found = instance(cx, access, id).await?;
            let writer = member.is_cluster_writer() == Some(true);
            Ok(Told { writer, status: text(found.db_instance_status()), source: None })
        }
        Kind::Global => {
            let id = side.cluster.as_deref().unwrap_or_default();
            let whole = global(cx, it, role).await?;
            let member = whole.global_cluster_members().iter().find(|one| is_cluster(one, &access.region, id));
            let found = cluster(cx, access, id).await?;
            of_the_account(access, found.db_cluster_arn().unwrap_or_default())?;
            let Some(member) = member else {
                return Err(ProviderError::Refused(format!(
                    "the cluster {id} is no part of the global database {}",
                    it.name()
                )));
            };
            let moving = whole.failover_state().and_then(|state| state.status()).is_some();
            let status = if moving { "failing-over".to_owned() } else { text(found.status()) };
            Ok(Told { writer: member.is_writer() == Some(true), status, source: None })
        }
    }
}

/// As [`wall`], of a region that may be lost: no answer within some seconds is an error.
pub(super) async fn wall_if_there(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Option<Wall>, ProviderError> {
    it.ways.to(role).within(cx, LOOK, wall(it, cx, role)).await
}

/// What stands of the fence's wall before `role`'s subnets; `None` if nothing does. Only one that is whole and whose
/// sessions were ended fences.
pub(super) async fn wall(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Option<Wall>, ProviderError> {
    let Some(fence) = &it.settings.side(role).fence else { return Ok(None) };
    acl::wall(cx, it.ways.to(role), (&fences(&it.id), &fence.subnets)).await
}

/// How far `role`'s copy is behind, by `CloudWatch`; nothing if it has no news.
async fn lag(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<Option<(i64, i64)>, ProviderError> {
    let (side, access) = (it.settings.side(role), it.ways.to(role));
    let (metric, dimension, id, scale) = match it.settings.kind {
        Kind::Replica => ("ReplicaLag", "DBInstanceIdentifier", it.instance(role), 1000.0),
        _ => ("AuroraGlobalDBReplicationLag", "DBClusterIdentifier", side.cluster.as_deref().unwrap_or_default(), 1.0),
    };
    let now = cx.clock.wall().as_second();
    let client = access.cloudwatch(cx).await?;
    let request = client
        .get_metric_statistics()
        .namespace("AWS/RDS")
        .metric_name(metric)
        .dimensions(Dimension::builder().name(dimension).value(id).build())
        .start_time(DateTime::from_secs(now - NEWS_S))
        .end_time(DateTime::from_secs(now + 60))
        .period(60)
        .statistics(Statistic::Maximum);
    let asked = async { Ok(call::tries_to_read(cx, access, &METRICS, request.send()).await) };
    let answer = match access.within(cx, LOOK, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(failed)) if failed.is_denied() => return Err(failed.into()),
        // That it has no news, or does not answer now, is no reason not to look at the rest.
        Ok(Err(_)) | Err(_) => return Ok(None),
    };
    let points =
        answer.datapoints().iter().filter_map(|point| Some((point.timestamp()?.secs() * 1000, point.maximum()?)));
    let newest = points.max_by_key(|(at, _)| *at);
    // A negative lag stands for a replication that is not running.
    #[expect(clippy::cast_possible_truncation, reason = "a lag in milliseconds is far below what an i64 holds")]
    let found = newest.filter(|(_, lag)| *lag >= 0.0).map(|(at, lag)| (at, (lag * scale) as i64));
    Ok(found)
}

/// The time up to which a copy has everything, and how far it is behind.
async fn replayed(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<(u64, Option<Span>), ProviderError> {
    let now = cx.clock.wall().as_millisecond();
    let behind = |until: i64| Span::from_millis(u64::try_from(now.saturating_sub(until)).unwrap_or(0));
    let place = |until: i64| (u64::try_from(until).unwrap_or(0), Some(behind(until)));
    if it.settings.kind == Kind::Replica
        && let Ok(Some(text)) = it.sql.value(cx, role, REPLAYED).await
        && let Ok(until) = text.parse::<i64>()
    {
        return Ok(place(until));
    }
    Ok(match lag(it, cx, role).await? {
        Some((at, lag)) => (place(at.saturating_sub(lag)).0, Some(Span::from_millis(u64::try_from(lag).unwrap_or(0)))),
        None => (0, None),
    })
}

/// One side as it is.
async fn side(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<DatabaseInstance, ProviderError> {
    // What the engine itself says has a timeout of its own.
    let asked = async { Ok(tokio::join!(told(it, cx, role), wall(it, cx, role))) };
    let (told, wall) = it.ways.to(role).within(cx, LOOK, asked).await?;
    let (told, wall) = (told?, wall?);
    // A fence that is not whole, or behind which sessions may still write, is there for whoever takes it back or goes on with
    // it, and refuses nothing yet.
    let (fenced, ended) = (wall.is_some(), wall.and_then(|wall| wall.ended));
    // What the service moves by itself waits for everything by itself.
    let moves_itself = it.settings.kind != Kind::Replica;
    if !told.writer {
        let (position, lag) = match it.settings.kind {
            Kind::MultiAz | Kind::Cluster => (0, Some(Span::ZERO)),
            Kind::Global => (0, replayed(it, cx, role).await?.1),
            Kind::Replica => replayed(it, cx, role).await?,
        };
        let role_now = if matches!(told.status.as_str(), "stopped" | "stopping" | "failed" | "deleting") {
            ReplicaRole::Down
        } else {
            ReplicaRole::Replica
        };
        return Ok(DatabaseInstance {
            role: role_now,
            fenced,
            writable: false,
            replicates_from: follows(it, role, &told),
            position,
            timeline: 0,
            lag,
        });
    }
    if matches!(told.status.as_str(), "stopped" | "stopping") {
        let role = ReplicaRole::Down;
        return Ok(DatabaseInstance {
            role,
            fenced,
            writable: false,
            replicates_from: None,
            position: 0,
            timeline: 0,
            lag: None,
        });
    }
    if !fenced {
        // RDS says what it is; whether anybody reaches it, only a session tells.
        it.sql.hold(cx, role).await.map_err(|error| match error {
            ProviderError::Refused(why) | ProviderError::Unreachable(why) => {
                ProviderError::Unreachable(format!("RDS says {}, and no session can be opened: {why}", told.status))
            }
            error => error,
        })?;
    }
    let now = u64::try_from(cx.clock.wall().as_millisecond()).unwrap_or(0);
    let position = if moves_itself { 0 } else { ended.unwrap_or(now) };
    let (role, writable) = (ReplicaRole::Primary, ended.is_none());
    Ok(DatabaseInstance { role, fenced, writable, replicates_from: None, position, timeline: 0, lag: None })
}

/// Whom a copy follows.
fn follows(it: &AwsRds, role: RegionRole, told: &Told) -> Option<RegionRole> {
    if it.settings.kind != Kind::Replica {
        return Some(role.other());
    }
    let source = told.source.as_deref()?;
    let (other, access) = (it.instance(role.other()), it.ways.to(role.other()));
    let is = source == other || source.ends_with(&format!(":{}:{}:db:{other}", access.region, access.settings.account));
    is.then(|| role.other())
}

pub(super) async fn both(it: &AwsRds, cx: &Context) -> Result<DatabaseState, ProviderError> {
    let (primary, secondary) = tokio::join!(side(it, cx, RegionRole::Primary), side(it, cx, RegionRole::Secondary));
    let regions = [(RegionRole::Primary, seen(primary)?), (RegionRole::Secondary, seen(secondary)?)];
    Ok(DatabaseState { regions: regions.into() })
}
