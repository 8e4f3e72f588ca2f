//! Building a side of a database or storage anew from the other: never the one that takes writes, and never one that may
//! hold what exists nowhere else and was not kept.

use super::look::Pace;
use super::replicated::{Replicated, sides_in};
use super::{ActError, Applied, Tools};
use crate::catalogue::sides::{may_replicate, never_replaced};
use crate::catalogue::{Before, Evidence};
use crate::id::RegionRole;
use crate::resource::{Context, Errand, ReplicaRole, Seen};

/// Makes `to` follow `from`.
pub(super) async fn apply(
    it: Replicated<'_>,
    tools: &Tools,
    cx: &Context,
    before: &Before,
    from: RegionRole,
    to: RegionRole,
) -> Result<Applied, ActError> {
    if from == to {
        return Err(ActError::refused(format!("{it} in {to} can't be made from itself")));
    }
    let mut sides = it.both(cx).await?;
    if cx.errand == Errand::GoOn
        && matches!(sides.get(&to), Some(Seen::Unreachable(_)))
        && let Some(was @ Seen::Is(_)) = sides_in(before, it.id()).and_then(|mut was| was.remove(&to))
    {
        // A side is stopped while it is built anew, and so it stays if Muster is killed meanwhile: what may be done to it is
        // judged by what it was.
        sides.insert(to, was);
    }
    let (source, target) = (it.side(&sides, from)?, it.side(&sides, to)?);
    if never_replaced(&sides, to) {
        // A way back after a way there that did not come so far.
        let what =
            format!("nothing was promoted in {from}: {it} in {to} still is the original, and nothing was built anew");
        let evidence = [("position of the original".to_owned(), target.position.to_string())].into();
        return Ok(Applied { evidence, warning: Some(what), settled: true, ..Applied::default() });
    }
    may_replicate(it.of(), &sides, from, to).map_err(ActError::refused)?;
    // A side that follows has only what it was given.
    if target.role != ReplicaRole::Replica
        && !tools.plan.discard
        && let Some(why) = tools.left_behind.unkept(it.id(), to)
    {
        return Err(ActError::refused(format!(
            "{it} in {to} may hold {} that exist nowhere else, and nothing in this run has kept them ({why}); let a \
             `data.preserve: {{ of: [{it}], in: {to} }}` pass first, or accept the loss with `discard: accept`",
            it.writes()
        )));
    }
    let mut evidence: Evidence = [
        ("position of the original".to_owned(), source.position.to_string()),
        ("position of what was replaced".to_owned(), target.position.to_string()),
    ]
    .into();
    if let (Some(of), Some(was)) = (source.timeline, target.timeline) {
        evidence.insert("timeline".to_owned(), format!("{was} -> {of}"));
    }
    match it.replicate(cx, from, to).await {
        Ok(()) => Ok(Applied::showing(evidence)),
        Err(error) => Err(ActError::of(format!("building {it} in {to} from {from}"), &error).with(evidence)),
    }
}

/// Looks until `to` follows and says how far it is behind.
pub(super) async fn prove(
    it: Replicated<'_>,
    cx: &Context,
    from: RegionRole,
    to: RegionRole,
) -> Result<Evidence, ActError> {
    let mut pace = Pace::quick();
    loop {
        let sides = it.both(cx).await.map_err(|error| ActError::in_part(error.what))?;
        let side = it.side(&sides, to).map_err(|error| ActError::in_part(error.what))?;
        if let Ok(source) = it.side(&sides, from)
            && side.is_original_of(source, to)
        {
            return Ok([("lag".to_owned(), "none: it is the original".to_owned())].into());
        }
        if side.role != ReplicaRole::Replica || side.replicates_from != Some(from) {
            return Err(ActError::in_part(format!("{it} in {to} was built anew and does not follow {from}")));
        }
        if let Some(lag) = side.lag {
            return Ok([("lag".to_owned(), lag.to_string())].into());
        }
        if let Err(stop) = pace.rest(cx).await {
            return Err(ActError::in_part(format!(
                "{it} in {to} follows {from}, but how far it is behind is not known ({stop})"
            )));
        }
    }
}

/// What an undo of a promotion or a replication says: there is none.
pub(super) fn irreversible(summary: &str) -> ActError {
    ActError::refused(format!("it can't be taken back: {summary}"))
}
