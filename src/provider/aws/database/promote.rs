//! Promotions, by the four ways that RDS has. Each is asked for once and believed only when RDS shows it: an answer of
//! success alone says nothing.

use super::AwsRds;
use super::look::{self, Told};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::Kind;
use crate::provider::aws::acl::Wall;
use crate::provider::aws::call::{self, Action, Failed, until};
use crate::provider::aws::tags::Tagged;
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

/// The last failover that was ordered of a Multi-AZ instance: `RUN STEP MILLISECONDS`.
const ORDERED: &str = "muster:failover";
/// For how long RDS may go on to show the old zone although the instance has moved.
const ZONE_LAG_MS: i64 = 15 * 60 * 1000;

/// What a tag has room for beside the milliseconds.
const ORDERED_MAX: usize = 200;

/// How this run's and step's tag begins.
fn orders(cx: &Context) -> String {
    let who: String = format!("{} {}", cx.run, cx.actor).chars().take(ORDERED_MAX).collect();
    format!("{who} ")
}

/// Whether the tag says that this step of this run ordered a failover, less than [`ZONE_LAG_MS`] ago.
fn is_ordered(cx: &Context, tag: &str) -> bool {
    let lately = |at: &str| at.parse::<i64>().is_ok_and(|at| cx.clock.wall().as_millisecond() - at < ZONE_LAG_MS);
    tag.strip_prefix(&orders(cx)).is_some_and(lately)
}

/// An order changes the zone, whichever it is: a second one would move the writer back. RDS may show the old zone for
/// minutes after the first, so who ordered it is noted before, and whoever goes on or tries again only waits.
async fn multi_az(it: &AwsRds, cx: &Context, role: RegionRole, now: &Told) -> Ordered {
    let side = it.of(role);
    if side.tags(cx).await?.iter().filter_map(|tags| tags.get(ORDERED)).any(|tag| is_ordered(cx, tag)) {
        return Ok(Ok(()));
    }
    if !now.is_available() {
        return Err(ProviderError::Refused(format!(
            "the instance {} is {}: only one that is available is rebooted",
            it.name(),
            now.status
        )));
    }
    let access = it.ways.to(role);
    let client = access.rds(cx).await?;
    side.put(cx, &[(ORDERED, format!("{}{}", orders(cx), cx.clock.wall().as_millisecond()))]).await?;
    let request = client.reboot_db_instance().db_instance_identifier(it.name()).force_failover(true).send();
    let answer = call::writes(cx, access, &REBOOT, request).await.map(|_| ());
    if let Err(failed) = &answer
        && !failed.error.in_doubt()
    {
        // What is refused for the state may be the answer to an order that was sent again, and the first one was taken:
        // then it shows. Why an order was refused is worth more than why the tag stays; a retry would wait in vain.
        let may_be_taken = failed.is(NOT_IN_THIS_STATE)
            && !matches!(Box::pin(look::told(it, cx, role)).await, Ok(now) if !now.writer && now.status != "rebooting");
        if !may_be_taken {
            drop(side.take_off(cx, ORDERED).await);
        }
    }
    Ok(answer)
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
/// service can only fail over, which loses what was not replicated. The first is ordered in the region of the writer, the
/// second in that of the cluster that becomes it: there the service takes each.
async fn global(it: &AwsRds, cx: &Context, role: RegionRole) -> Ordered {
    let access = it.ways.to(role);
    let arn = it.of(role).arn();
    let wall = look::wall_if_there(it, cx, role.other()).await;
    if matches!(wall, Ok(Some(Wall { ended: Some(_), .. }))) {
        let writers = it.ways.to(role.other());
        let client = writers.rds(cx).await?;
        let request =
            client.switchover_global_cluster().global_cluster_identifier(it.name()).target_db_cluster_identifier(arn);
        return Ok(call::writes(cx, writers, &SWITCHOVER_GLOBAL, request.send()).await.map(|_| ()));
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
    let client = access.rds(cx).await?;
    let request = client
        .failover_global_cluster()
        .global_cluster_identifier(it.name())
        .target_db_cluster_identifier(arn)
        .allow_data_loss(true);
    Ok(call::writes(cx, access, &FAILOVER_GLOBAL, request.send()).await.map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;
    use crate::resource::{Actor, Cancellation, Errand};
    use crate::time::Clock;

    #[test]
    fn a_failover_was_ordered_by_this_step_alone_and_not_long_ago() {
        let cx = Context {
            run: RunId::new("20261122-084216-drill").unwrap(),
            actor: Actor::Muster,
            attempt: 1,
            errand: Errand::Do,
            clock: Clock::real(),
            fencing: 1,
            cancel: Cancellation::default(),
        };
        let now = cx.clock.wall().as_millisecond();
        let said = |run: &str, step: &str, at: i64| is_ordered(&cx, &format!("{run} {step} {at}"));
        assert!(said("20261122-084216-drill", "muster", now - 14 * 60_000));
        assert!(!said("20261122-084216-drill", "muster", now - 16 * 60_000), "the zone shows by now");
        assert!(!said("20261122-084216-drill", "failback", now), "the way back is ordered anew");
        assert!(!said("20261122-084216-drill-2", "muster", now) && !is_ordered(&cx, "somebody"));
    }
}
