//! Promoting a side of a database or storage: never while the other one takes writes, drained first where nothing may
//! be lost.

use super::look::Pace;
use super::replicated::{Replicated, Side};
use super::{ActError, Applied};
use crate::catalogue::Evidence;
use crate::catalogue::sides::{Promotion, end_of_writes, may_promote};
use crate::id::RegionRole;
use crate::resource::{ByRegion, Context, WriteAttempt};

/// Promotes a side.
pub(super) async fn apply(it: Replicated<'_>, cx: &Context, how: Promotion) -> Result<Applied, ActError> {
    let to = how.to;
    let mut sides = it.both(cx).await?;
    may_promote(it.of(), &sides, how).map_err(ActError::refused)?;
    if let Some(restored) = let_write_again(it, cx, to, &sides).await {
        return restored;
    }
    let mut evidence = Evidence::new();
    if how.drained {
        sides = drain(it, cx, to, sides, &mut evidence).await?;
        may_promote(it.of(), &sides, how).map_err(ActError::refused)?;
    }
    let side = it.side(&sides, to)?;
    evidence.insert("position at promotion".to_owned(), side.position.to_string());
    let lag = match side.lag {
        Some(lag) => lag.to_string(),
        None => match it.newest_commit_age(cx, to).await {
            Some(age) => format!("not known; what it had last was committed {age} before"),
            None => "not known".to_owned(),
        },
    };
    evidence.insert("lag at promotion".to_owned(), lag);
    if let Some(timeline) = side.timeline {
        evidence.insert("timeline before".to_owned(), timeline.to_string());
        let behind = behind(&sides, to).map_or_else(|| "not known".to_owned(), |bytes| bytes.to_string());
        evidence.insert("bytes behind at promotion".to_owned(), behind);
    }
    match it.promote(cx, to).await {
        Ok(()) => Ok(Applied::showing(evidence)),
        Err(error) => Err(ActError::of(format!("promoting {it} in {to}"), &error).with(evidence)),
    }
}

/// How many bytes of the other side's log `to` lacks, where both can be seen and are on one timeline.
fn behind(sides: &ByRegion<Side>, to: RegionRole) -> Option<u64> {
    let (copy, source) = (sides.get(&to)?.known()?, sides.get(&to.other())?.known()?);
    let comparable = copy.timeline.is_some() && copy.timeline == source.timeline;
    comparable.then(|| source.position.saturating_sub(copy.position))
}

/// A fenced original that was never replaced needs no promotion: its fence is taken away. `None`: it is none.
async fn let_write_again(
    it: Replicated<'_>,
    cx: &Context,
    to: RegionRole,
    sides: &ByRegion<Side>,
) -> Option<Result<Applied, ActError>> {
    let (side, copy) = (it.side(sides, to).ok()?, it.side(sides, to.other()).ok()?);
    if !side.is_original_of(copy, to) || !side.fenced {
        return None;
    }
    let evidence: Evidence = [("fence".to_owned(), "taken away: it was never replaced".to_owned())].into();
    let unfenced = it.unfence(cx, to).await;
    let failed = |error| ActError::of(format!("letting {it} in {to} take {} again", it.writes()), &error);
    Some(unfenced.map(|()| Applied::showing(evidence.clone())).map_err(|error| failed(error).with(evidence)))
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
    let fenced_at = end_of_writes(it.of(), &sides, to).map_err(ActError::refused)?;
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
        end_of_writes(it.of(), &sides, to).map_err(ActError::refused)?;
    }
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
    // Users are out: what has no timeline is not looked at once more.
    if matches!(it, Replicated::Storage(..)) {
        return Ok(evidence);
    }
    if let Some(timeline) = it.both(cx).await.ok().and_then(|sides| it.side(&sides, to).ok()?.timeline) {
        evidence.insert("timeline".to_owned(), timeline.to_string());
    }
    Ok(evidence)
}
