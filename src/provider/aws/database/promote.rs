//! Promotions, by the four ways that RDS has. Each is asked for once and believed only when RDS shows it: an answer of
//! success alone says nothing.

use super::AwsRds;
use super::look::{self, Told};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::Kind;
use crate::provider::aws::call::{self, Action, Failed, until};
use crate::resource::{Context, ProviderError};

pub(in crate::provider::aws) const PROMOTE: Action = Action("rds:PromoteReadReplica");
pub(in crate::provider::aws) const REBOOT: Action = Action("rds:RebootDBInstance");
pub(in crate::provider::aws) const FAILOVER: Action = Action("rds:FailoverDBCluster");
pub(in crate::provider::aws) const SWITCHOVER_GLOBAL: Action = Action("rds:SwitchoverGlobalCluster");
pub(in crate::provider::aws) const FAILOVER_GLOBAL: Action = Action("rds:FailoverGlobalCluster");

/// What RDS says to an order that something in another state than `available` can't take. It also says so to an order that is
/// sent again because the answer to the first was lost, and the first was taken.
pub(in crate::provider::aws) const NOT_IN_THIS_STATE: &[&str] = &[
    "InvalidDBClusterState",
    "InvalidDBClusterStateFault",
    "InvalidDBInstanceState",
    "InvalidDBInstanceStateFault",
    "InvalidGlobalClusterState",
    "InvalidGlobalClusterStateFault",
];

/// Whether an order is under way or done, although RDS refused it for the state: only what is there tells. One that is not
/// was refused.
async fn taken_all_the_same(
    it: &AwsRds,
    cx: &Context,
    role: RegionRole,
    ordered: Result<(), Failed>,
) -> Result<(), ProviderError> {
    match ordered {
        Ok(()) => Ok(()),
        Err(failed) if failed.is(NOT_IN_THIS_STATE) => {
            let now = Box::pin(look::told(it, cx, role)).await?;
            if now.writer || !now.is_available() { Ok(()) } else { Err(failed.into()) }
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Makes `role`'s side the one that takes writes.
pub(super) async fn promote(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<(), ProviderError> {
    let now = Box::pin(look::told(it, cx, role)).await?;
    if !now.writer {
        it.tag(cx, role).await?;
        let ordered = match it.settings.kind {
            Kind::Replica => replica(it, cx, role, &now).await?,
            Kind::MultiAz => multi_az(it, cx, role, &now).await?,
            Kind::Cluster => cluster(it, cx, role).await?,
            Kind::Global => global(it, cx, role).await?,
        };
        taken_all_the_same(it, cx, role, ordered).await?;
    }
    until(cx, || async {
        let told = Box::pin(look::told(it, cx, role)).await?;
        let what = it.what(role);
        Ok(match (&told.source, told.writer) {
            (Some(source), _) => {
                Err(format!("{what} took the order and is a replica of {source} still ({})", told.status))
            }
            (None, false) => Err(format!("{what} took the order and is not the writer ({})", told.status)),
            (None, true) if !told.is_available() => Err(format!("{what} is {}", told.status)),
            (None, true) => Ok(()),
        })
    })
    .await?;
    // The writer's endpoint answers a little later than RDS says that it does.
    until(cx, || async {
        match it.sql.hold(cx, role).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(format!("{} is promoted, and its endpoint gives no session: {error}", it.what(role)))),
        }
    })
    .await
}

/// What became of an order; an error if it was not given.
type Ordered = Result<Result<(), Failed>, ProviderError>;

async fn replica(it: &AwsRds, cx: &Context, role: RegionRole, now: &Told) -> Ordered {
    if !now.is_available() {
        return Err(ProviderError::Refused(format!(
            "{} is {}: only a replica that is available is promoted",
            it.what(role),
            now.status
        )));
    }
    let access = it.ways.to(role);
    let client = access.rds(cx).await?;
    let request = client.promote_read_replica().db_instance_identifier(it.instance(role)).send();
    Ok(call::writes(cx, access, &PROMOTE, request).await.map(|_| ()))
}

async fn multi_az(it: &AwsRds, cx: &Context, role: RegionRole, now: &Told) -> Ordered {
    if !now.is_available() {
        return Err(ProviderError::Refused(format!(
            "the instance {} is {}: only one that is available is rebooted",
            it.name(),
            now.status
        )));
    }
    let access = it.ways.to(role);
    let client = access.rds(cx).await?;
    let request = client.reboot_db_instance().db_instance_identifier(it.name()).force_failover(true).send();
    Ok(call::writes(cx, access, &REBOOT, request).await.map(|_| ()))
}

async fn cluster(it: &AwsRds, cx: &Context, role: RegionRole) -> Ordered {
    let access = it.ways.to(role);
    let client = access.rds(cx).await?;
    let request = client
        .failover_db_cluster()
        .db_cluster_identifier(it.name())
        .target_db_instance_identifier(it.instance(role))
        .send();
    Ok(call::writes(cx, access, &FAILOVER, request).await.map(|_| ()))
}

/// A side that is fenced has nothing more to lose and is switched from without loss; from one that is not known to be, the
/// service can only fail over, which loses what was not replicated.
async fn global(it: &AwsRds, cx: &Context, role: RegionRole) -> Ordered {
    let access = it.ways.to(role);
    let cluster = it.settings.side(role).cluster.as_deref().unwrap_or_default();
    let arn = format!("arn:{}:rds:{}:{}:cluster:{cluster}", it.partition(), access.region, access.settings.account);
    let fenced = matches!(look::wall_if_there(it, cx, role.other()).await, Ok(Some(_)));
    let client = access.rds(cx).await?;
    if fenced {
        let request =
            client.switchover_global_cluster().global_cluster_identifier(it.name()).target_db_cluster_identifier(&arn);
        return Ok(call::writes(cx, access, &SWITCHOVER_GLOBAL, request.send()).await.map(|_| ()));
    }
    if !it.loss_accepted {
        return Err(ProviderError::Refused(format!(
            "{} in {} is not fenced, so {} could only be failed over, which loses what was not replicated; the playbook \
             does not accept that with `data_loss`",
            it.id,
            role.other(),
            it.name()
        )));
    }
    let request = client
        .failover_global_cluster()
        .global_cluster_identifier(it.name())
        .target_db_cluster_identifier(&arn)
        .allow_data_loss(true);
    Ok(call::writes(cx, access, &FAILOVER_GLOBAL, request.send()).await.map(|_| ()))
}
