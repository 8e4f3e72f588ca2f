//! The fence: a wall before the database's subnets, which cuts standing connections too, and a restart of the engine,
//! which ends the sessions that those connections leave behind.

use super::AwsRds;
use super::look;
use super::promote::{NOT_IN_THIS_STATE, REBOOT};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::{Fence, Kind};
use crate::provider::aws::acl::{self, Rules};
use crate::provider::aws::call::{self, until};
use crate::provider::aws::region::fences;
use crate::resource::{Context, FenceProof, ProviderError, WriteAttempt};

/// What fences `role`'s side.
fn settings(it: &AwsRds, role: RegionRole) -> Result<&Fence, ProviderError> {
    it.settings.side(role).fence.as_ref().ok_or_else(|| {
        ProviderError::Unsupported(format!(
            "{} in {role} has no `fence: {{ subnets: […] }}`: a security group would let standing connections go on, and \
             is no fence",
            it.id
        ))
    })
}

/// Sets the fence and proves it.
pub(super) async fn set(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<FenceProof, ProviderError> {
    let fence = settings(it, role)?;
    let access = it.ways.to(role);
    let stood = look::wall(it, cx, role).await?.is_some();
    let old = if stood { None } else { Some(it.sql.hold(cx, role).await?) };
    it.tag(cx, role).await?;
    let rules = Rules { let_through: fence.let_through.clone(), but_not: Vec::new() };
    acl::raise(cx, access, (&fences(&it.id), &fence.subnets), &rules).await?;
    let Some((since, acl)) = look::wall(it, cx, role).await? else {
        return Err(ProviderError::Halfway(format!("the network ACL before {} in {role} is another one again", it.id)));
    };
    if !stood {
        Box::pin(end_sessions(it, cx, role)).await?;
    }
    let behind = |why: &str| format!("nobody gets through the network ACL {acl}: {why}");
    // Behind the wall each of them waits until the engine's timeout, and users are out meanwhile: both wait at once.
    let held = async {
        match &old {
            None => None,
            Some(held) => Some(it.sql.write_on(cx, held).await),
        }
    };
    let (fresh, held) = tokio::join!(it.sql.hold(cx, role), held);
    let new_session = fresh.err().map(|error| behind(&error.to_string()));
    let old_session = match held {
        None => Some("the fence was there already, and no session from before it is left".to_owned()),
        Some(WriteAttempt::Acknowledged) => None,
        Some(WriteAttempt::Refused(why) | WriteAttempt::Unknown(why)) => Some(behind(&why)),
    };
    Ok(FenceProof { position: since, old_session, new_session, sessions_ended: 0 })
}

/// Restarts the engine: what a connection that is cut left in it, such as a transaction that waits, ends.
async fn end_sessions(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<(), ProviderError> {
    let access = it.ways.to(role);
    let id = match it.settings.kind {
        Kind::Replica | Kind::Cluster => it.instance(role).to_owned(),
        Kind::MultiAz => it.name().to_owned(),
        Kind::Global => {
            let cluster =
                look::cluster(cx, access, it.settings.side(role).cluster.as_deref().unwrap_or_default()).await?;
            let writer = cluster.db_cluster_members().iter().find(|one| one.is_cluster_writer() == Some(true));
            match writer.and_then(|one| one.db_instance_identifier()) {
                Some(id) => id.to_owned(),
                // A cluster without an instance has no sessions.
                None => return Ok(()),
            }
        }
    };
    let client = access.rds(cx).await?;
    Box::pin(until(cx, || async {
        let request = client.reboot_db_instance().db_instance_identifier(&id).send();
        match call::writes(cx, access, &REBOOT, request).await {
            Ok(_) => Ok(Ok(())),
            // It restarts already, as when the answer to a first request was lost; or something else is done to it, which
            // passes: to take that for a restart would leave its sessions.
            Err(failed) if failed.is(NOT_IN_THIS_STATE) => {
                let found = look::instance(cx, access, &id).await?;
                let restarts = found.db_instance_status() == Some("rebooting");
                let still = format!("the network ACL stands, and its sessions are not ended: {}", failed.error);
                Ok(if restarts { Ok(()) } else { Err(still) })
            }
            Err(failed) => Err(match failed.error {
                ProviderError::Refused(why) => {
                    ProviderError::Halfway(format!("the network ACL stands, and its sessions are not ended: {why}"))
                }
                error => error,
            }),
        }
    }))
    .await?;
    until(cx, || async {
        let found = look::instance(cx, access, &id).await?;
        let status = found.db_instance_status().unwrap_or_default();
        Ok(if status == "available" { Ok(()) } else { Err(format!("the network ACL stands, and {id} is {status}")) })
    })
    .await
}

/// Takes the fence away; nothing to do if there is none.
pub(super) async fn take_away(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<(), ProviderError> {
    let fence = settings(it, role)?;
    let purpose = fences(&it.id);
    acl::lower(cx, it.ways.to(role), &fence.subnets, |it| it == purpose).await
}

/// What became of a write that got no answer: behind a wall that stands it is a refusal.
pub(super) async fn judged(it: &AwsRds, cx: &Context, role: RegionRole, attempt: WriteAttempt) -> WriteAttempt {
    let WriteAttempt::Unknown(why) = attempt else { return attempt };
    match look::wall_if_there(it, cx, role).await {
        Ok(Some((_, acl))) => WriteAttempt::Refused(format!("nobody gets through the network ACL {acl}: {why}").into()),
        _ => WriteAttempt::Unknown(why),
    }
}
