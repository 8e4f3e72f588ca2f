//! The fence: a wall before the database's subnets, which cuts standing connections too, and a restart of the engine,
//! which ends the sessions that those connections leave behind.

use super::look;
use super::promote::{NOT_IN_THIS_STATE, REBOOT};
use super::{AwsRds, OfSide};
use crate::id::RegionRole;
use crate::infrastructure::real::aws::database::{Fence, Kind};
use crate::provider::aws::acl::{self, Rules};
use crate::provider::aws::call::{self, until};
use crate::provider::aws::region::fences;
use crate::resource::{Context, FenceProof, ProviderError, WriteAttempt};

/// What is said where the wall is there, and the sessions behind it are too.
const NOT_ENDED: &str = "the network ACL stands, and its sessions are not ended";

/// States of an instance whose engine does not run, and so has no sessions.
const NO_ENGINE: &[&str] = &[
    "stopped",
    "failed",
    "restore-error",
    "incompatible-restore",
    "incompatible-network",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
];

/// What fences a side.
fn settings(side: OfSide<'_>) -> Result<&Fence, ProviderError> {
    side.settings.side(side.access.role).fence.as_ref().ok_or_else(|| {
        ProviderError::Unsupported(format!(
            "{} in {} has no `fence: {{ subnets: […] }}`: a security group would let standing connections go on, and is \
             no fence",
            side.id, side.access.role
        ))
    })
}

/// Who gets through the fence's wall.
fn rules(fence: &Fence) -> Rules {
    Rules { let_through: fence.let_through.clone(), but_not: Vec::new() }
}

/// Sets the fence and proves it.
pub(super) async fn set(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<FenceProof, ProviderError> {
    settings(it.of(role))?;
    let stood = look::wall(it, cx, role).await?.is_some();
    let old = if stood { None } else { Some(it.sql.hold(cx, role).await?) };
    let (position, acl) = Box::pin(close(it.of(role), cx)).await?;
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
    Ok(FenceProof { position, old_session, new_session, sessions_ended: 0 })
}

/// Raises the wall, then ends the sessions behind it, and notes that; what was done before Muster was killed, or an attempt
/// failed, is not done again, and what was not is. Gives the moment at which no session was left, in milliseconds since
/// 1970, and the wall's ACL.
pub(in crate::provider::aws) async fn close(side: OfSide<'_>, cx: &Context) -> Result<(u64, String), ProviderError> {
    let (fence, purpose) = (settings(side)?, fences(side.id));
    let wall = (purpose.as_str(), fence.subnets.as_slice());
    side.tag(cx).await?;
    if let Some(stands) = acl::wall(cx, side.access, wall).await?
        && let Some(ended) = stands.ended
    {
        return Ok((ended, stands.acl));
    }
    acl::raise(cx, side.access, (wall.0, wall.1, None), &rules(fence)).await?;
    let behind = async {
        let Some(stands) = acl::wall(cx, side.access, wall).await?.filter(|it| it.whole) else {
            let (id, role) = (side.id, side.access.role);
            return Err(ProviderError::Halfway(format!("the network ACL before {id} in {role} is another one again")));
        };
        Box::pin(end_sessions(side, cx)).await?;
        // A restart that was ordered and is not noted is ordered once more, by whoever goes on: behind the wall it harms
        // nobody.
        Ok((acl::note_ended(cx, side.access, wall).await?, stands.acl))
    };
    behind.await.map_err(|error| acl::halfway(error, NOT_ENDED))
}

/// As [`close`], where other walls let nobody through: the sessions are ended behind those, so that the fence's wall ends
/// them from its first moment on. Sessions of before those walls would go on to write behind them and behind it.
pub(in crate::provider::aws) async fn close_behind_walls(side: OfSide<'_>, cx: &Context) -> Result<(), ProviderError> {
    let (fence, purpose) = (settings(side)?, fences(side.id));
    side.tag(cx).await?;
    Box::pin(end_sessions(side, cx)).await?;
    let ended = acl::now_ms(cx);
    acl::raise(cx, side.access, (&purpose, &fence.subnets, Some(ended)), &rules(fence)).await
}

/// Restarts the engine: what a connection that is cut left in it, such as a transaction that waits, ends.
async fn end_sessions(side: OfSide<'_>, cx: &Context) -> Result<(), ProviderError> {
    let (access, of) = (side.access, side.settings.side(side.access.role));
    let id = match side.settings.kind {
        Kind::Replica | Kind::Cluster => of.instance.clone().unwrap_or_default(),
        Kind::MultiAz => side.name().to_owned(),
        Kind::Global => {
            let cluster = look::cluster(cx, access, of.cluster.as_deref().unwrap_or_default()).await?;
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
                let ends = found.db_instance_status().is_some_and(|it| it == "rebooting" || NO_ENGINE.contains(&it));
                Ok(if ends { Ok(()) } else { Err(format!("{NOT_ENDED}: {}", failed.error)) })
            }
            Err(failed) => Err(failed.into()),
        }
    }))
    .await?;
    until(cx, || async {
        let found = look::instance(cx, access, &id).await?;
        let status = found.db_instance_status().unwrap_or_default();
        let over = status == "available" || NO_ENGINE.contains(&status);
        Ok(if over { Ok(()) } else { Err(format!("the network ACL stands, and {id} is {status}")) })
    })
    .await
}

/// Takes the fence away; nothing to do if there is none.
pub(super) async fn take_away(it: &AwsRds, cx: &Context, role: RegionRole) -> Result<(), ProviderError> {
    let fence = settings(it.of(role))?;
    let purpose = fences(&it.id);
    acl::lower(cx, it.ways.to(role), &fence.subnets, |it| it == purpose).await
}

/// What became of a write that got no answer: behind a wall that stands it is a refusal.
pub(super) async fn judged(it: &AwsRds, cx: &Context, role: RegionRole, attempt: WriteAttempt) -> WriteAttempt {
    let WriteAttempt::Unknown(why) = attempt else { return attempt };
    match look::wall_if_there(it, cx, role).await {
        Ok(Some(wall)) if wall.whole => {
            WriteAttempt::Refused(format!("nobody gets through the network ACL {}: {why}", wall.acl).into())
        }
        _ => WriteAttempt::Unknown(why),
    }
}
