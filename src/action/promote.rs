//! Promoting a side of a database or storage: never while the other one takes writes, drained first where nothing may
//! be lost.

use super::look::Pace;
use super::replicated::{Replicated, Side};
use super::{ActError, Applied};
use crate::catalogue::{Evidence, Mode};
use crate::id::RegionRole;
use crate::resource::{ByRegion, Context, ReplicaRole, Seen, WriteAttempt};

/// Promotes `to`'s side; `drained`: once it has all that the other side took before its fence.
pub(super) async fn apply(
    it: Replicated<'_>,
    cx: &Context,
    to: RegionRole,
    drained: bool,
    mode: Mode,
) -> Result<Applied, ActError> {
    let mut sides = it.both(cx).await?;
    refuse_unsafe(it, &sides, to, mode)?;
    if let Some(restored) = let_write_again(it, cx, to, &sides).await {
        return restored;
    }
    let mut evidence = Evidence::new();
    if drained {
        sides = drain(it, cx, to, sides, &mut evidence).await?;
        refuse_unsafe(it, &sides, to, mode)?;
    }
    let side = it.side(&sides, to)?;
    evidence.insert("position at promotion".to_owned(), side.position.to_string());
    let lag = side.lag.map_or_else(|| "not known".to_owned(), |lag| lag.to_string());
    evidence.insert("lag at promotion".to_owned(), lag);
    if let Some(timeline) = side.timeline {
        evidence.insert("timeline before".to_owned(), timeline.to_string());
    }
    match it.promote(cx, to).await {
        Ok(()) => Ok(Applied::showing(evidence)),
        Err(error) => Err(ActError::of(format!("promoting {it} in {to}"), &error).with(evidence)),
    }
}

/// A fenced original that was never replaced needs no promotion: its fence is taken away, once the side that follows it is
/// fenced in its turn, so that a promotion that was given up there can't come true beside it. `None`: it is none.
async fn let_write_again(
    it: Replicated<'_>,
    cx: &Context,
    to: RegionRole,
    sides: &ByRegion<Side>,
) -> Option<Result<Applied, ActError>> {
    let other = to.other();
    let (side, copy) = (it.side(sides, to).ok()?, it.side(sides, other).ok()?);
    if !side.is_original_of(copy, to) || !side.fenced {
        return None;
    }
    if !copy.fenced {
        return Some(Err(ActError::refused(format!(
            "{it} in {to} is the original already, and fenced; fence {other} too before {to} takes {} again, so that \
             nothing that was begun in {other} can come true beside it",
            it.writes()
        ))));
    }
    let evidence: Evidence = [("fence".to_owned(), "taken away: it was never replaced".to_owned())].into();
    let unfenced = it.unfence(cx, to).await;
    let failed = |error| ActError::of(format!("letting {it} in {to} take {} again", it.writes()), &error);
    Some(unfenced.map(|()| Applied::showing(evidence.clone())).map_err(|error| failed(error).with(evidence)))
}

/// Refuses what would end in two sides that take writes.
fn refuse_unsafe(it: Replicated<'_>, sides: &ByRegion<Side>, to: RegionRole, mode: Mode) -> Result<(), ActError> {
    let other = to.other();
    if it.side(sides, to)?.role == ReplicaRole::Down {
        return Err(ActError::refused(format!("{it} in {to} is down: start it, then try again")));
    }
    match sides.get(&other) {
        Some(Seen::Is(side)) if side.writable => Err(ActError::refused(format!(
            "{it} in {other} takes {} now: promoting {to} would make two sides take them; fence {other} first",
            it.writes()
        ))),
        Some(Seen::Unreachable(why)) if mode == Mode::Planned => Err(ActError::refused(format!(
            "{it} in {other} does not answer ({why}): whether it takes {} is not known, and in planned mode nothing is \
             promoted blind; `--mode unplanned` does",
            it.writes()
        ))),
        _ => Ok(()),
    }
}

/// Waits until `to` has what the other side had when it was fenced.
async fn drain(
    it: Replicated<'_>,
    cx: &Context,
    to: RegionRole,
    mut sides: ByRegion<Side>,
    evidence: &mut Evidence,
) -> Result<ByRegion<Side>, ActError> {
    let mut pace = Pace::quick();
    let begun = cx.clock.now();
    let fenced_at = end_of_writes(it, &sides, to)?;
    evidence.insert("fenced position".to_owned(), fenced_at.to_string());
    loop {
        let reached = it.side(&sides, to)?.position;
        if reached >= fenced_at {
            evidence.insert("drained in".to_owned(), cx.clock.now().since(begun).to_string());
            return Ok(sides);
        }
        if let Err(stop) = pace.rest(cx).await {
            return Err(ActError::refused(format!(
                "{it} in {to} has {reached} of {fenced_at}, the position at which {} was fenced; nothing was promoted \
                 ({stop})",
                to.other()
            ))
            .with(evidence.clone()));
        }
        sides = it.both(cx).await?;
        // The fence must still be there, or the position is no end.
        end_of_writes(it, &sides, to)?;
    }
}

/// The position at which the other side's writes ended.
fn end_of_writes(it: Replicated<'_>, sides: &ByRegion<Side>, to: RegionRole) -> Result<u64, ActError> {
    let other = to.other();
    let source = it
        .side(sides, other)
        .map_err(|error| ActError::refused(format!("there is nothing to drain to: {}", error.what)))?;
    if !source.fenced || source.writable {
        return Err(ActError::refused(format!(
            "{it} in {other} is not fenced: there is nothing to drain to; fence it first"
        )));
    }
    let copy = it.side(sides, to)?;
    if copy.role != ReplicaRole::Replica || copy.replicates_from != Some(other) {
        return Err(ActError::refused(format!("{it} in {to} does not follow {other}: it would wait for ever")));
    }
    if copy.timeline != source.timeline {
        let number = |timeline: Option<u32>| timeline.map_or_else(|| "none".to_owned(), |it| it.to_string());
        return Err(ActError::refused(format!(
            "{it} is on timeline {} in {to} and on {} in {other}: their positions can't be compared",
            number(copy.timeline),
            number(source.timeline)
        )));
    }
    Ok(source.position)
}

/// Makes one write, which must be acknowledged.
pub(super) async fn prove(it: Replicated<'_>, cx: &Context, to: RegionRole) -> Result<Evidence, ActError> {
    let mut evidence = Evidence::new();
    match it.write(cx, to).await {
        WriteAttempt::Acknowledged => evidence.insert("proving write".to_owned(), "acknowledged".to_owned()),
        WriteAttempt::Refused(words) => {
            return Err(ActError::in_part(format!(
                "{it} in {to} says that it was promoted and refused a write: {words}"
            )));
        }
        WriteAttempt::Unknown(why) => {
            return Err(ActError::in_part(format!(
                "{it} in {to} says that it was promoted, but a write to prove it got no answer: {why}"
            )));
        }
    };
    if let Some(timeline) = it.both(cx).await.ok().and_then(|sides| it.side(&sides, to).ok()?.timeline) {
        evidence.insert("timeline".to_owned(), timeline.to_string());
    }
    Ok(evidence)
}
