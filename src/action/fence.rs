//! Fencing a side of a database or storage: proven when set, proven once more afterwards, taken back only where that
//! cannot make two sides take writes.

use super::look;
use super::replicated::{Replicated, sides_in};
use super::{ActError, Applied, Tools};
use crate::catalogue::{Before, Describe, Evidence, WhenUnreachable};
use crate::id::RegionRole;
use crate::resource::{Context, FenceProof, ProviderError, ReplicaRole, Seen, WriteAttempt};

/// Sets a fence.
pub(super) async fn apply(
    it: Replicated<'_>,
    cx: &Context,
    region: RegionRole,
    unreachable: WhenUnreachable,
) -> Result<Applied, ActError> {
    match it.fence(cx, region).await {
        Ok(proof) => proven(it, region, &proof).map(Applied::showing),
        Err(ProviderError::Unreachable(why)) => match unreachable {
            WhenUnreachable::Continue => unreached(it, cx, region, &why).await,
            WhenUnreachable::Fail => Err(ActError::in_doubt(format!(
                "{it} in {region} could not be reached ({why}): whether it still takes {} is not known",
                it.writes()
            ))),
        },
        Err(error) => Err(ActError::of(format!("fencing {it} in {region}"), &error)),
    }
}

/// What the proof of a fence says; an error if either session could still write.
fn proven(it: Replicated<'_>, region: RegionRole, proof: &FenceProof) -> Result<Evidence, ActError> {
    let said = |refusal: &Option<String>| match refusal {
        Some(words) => format!("refused: {words}"),
        None => "NOT refused".to_owned(),
    };
    let evidence: Evidence = [
        ("position".to_owned(), proof.position.to_string()),
        ("sessions ended".to_owned(), proof.sessions_ended.to_string()),
        ("write on a new session".to_owned(), said(&proof.new_session)),
        ("write on an old session".to_owned(), said(&proof.old_session)),
    ]
    .into();
    let through = match (&proof.old_session, &proof.new_session) {
        (Some(_), Some(_)) => return Ok(evidence),
        (None, Some(_)) => "a session from before it",
        (Some(_), None) => "a new session",
        (None, None) => "an old and a new session",
    };
    let what = format!(
        "the fence of {it} in {region} does not hold: {through} could still write; end those sessions before anything \
         is promoted elsewhere"
    );
    Err(ActError::in_part(what).with(evidence))
}

/// What did not answer may be passed over, but only if it really is out of reach.
async fn unreached(it: Replicated<'_>, cx: &Context, region: RegionRole, why: &str) -> Result<Applied, ActError> {
    let sides = it.both(cx).await?;
    if let Some(Seen::Is(side)) = sides.get(&region) {
        let fenced = if side.fenced { "is" } else { "is not" };
        return Err(ActError::in_doubt(format!(
            "{it} in {region} did not answer the request to fence it ({why}), but it can be seen, and it {fenced} fenced"
        )));
    }
    let warning = format!("{it} in {region} could not be reached: nothing was fenced ({why})");
    let evidence = [("fence".to_owned(), format!("none: {why}"))].into();
    Ok(Applied { evidence, warning: Some(warning), settled: true, ..Applied::default() })
}

/// Tries one more write, which must be refused.
pub(super) async fn prove(
    it: Replicated<'_>,
    cx: &Context,
    region: RegionRole,
    unreachable: WhenUnreachable,
) -> Result<Evidence, ActError> {
    let said = match (it.write(cx, region).await, unreachable) {
        (WriteAttempt::Refused(words), _) => format!("refused: {words}"),
        (WriteAttempt::Unknown(why), WhenUnreachable::Continue) => format!("no answer: {why}"),
        (WriteAttempt::Unknown(why), WhenUnreachable::Fail) => {
            return Err(ActError::in_part(format!(
                "{it} in {region} says that it is fenced, but a write to prove it got no answer: {why}"
            )));
        }
        (WriteAttempt::Acknowledged, _) => {
            return Err(ActError::in_part(format!(
                "{it} in {region} says that it is fenced and still took a write: the fence does not hold"
            )));
        }
    };
    Ok([("write after the fence".to_owned(), said)].into())
}

/// Takes a fence away, if it was not there `before` and nothing was promoted in the other region.
pub(super) async fn undo<D: Describe + Sync>(
    it: Replicated<'_>,
    tools: &Tools,
    cx: &Context,
    act: &D,
    region: RegionRole,
    before: &Before,
) -> Result<Evidence, ActError> {
    let note = |what: &str| Ok([("fence".to_owned(), what.to_owned())].into());
    let was = sides_in(before, it.id()).unwrap_or_default();
    let Some(Seen::Is(side)) = was.get(&region) else {
        return note("it was out of reach before: nothing was fenced");
    };
    if side.fenced {
        return note("it was there before and stays");
    }
    let now = it.both(cx).await?;
    if !it.side(&now, region)?.fenced {
        look::restored(tools, cx, act, before).await?;
        return note("it is not there");
    }
    let other = region.other();
    match now.get(&other) {
        Some(Seen::Is(side)) if side.may_take_writes() => {
            return Err(ActError::refused(format!(
                "{it} stays fenced in {region}: it was promoted in {other}, and without the fence two sides would \
                 take {}. To bring {region} back, build it anew from {other}",
                it.writes()
            )));
        }
        // Nobody can look there now. It followed when the fence was set, and this run promotes nothing before an undo.
        Some(Seen::Unreachable(why)) if !followed(was.get(&other)) => {
            return Err(ActError::refused(format!(
                "{it} stays fenced in {region}: whether it was promoted in {other} can't be seen ({why}). Make sure \
                 that it was not, then take the fence away by hand"
            )));
        }
        _ => {}
    }
    it.unfence(cx, region).await.map_err(|error| ActError::of(format!("unfencing {it} in {region}"), &error))?;
    look::restored(tools, cx, act, before).await?;
    note("taken away")
}

fn followed(side: Option<&Seen<super::replicated::Side>>) -> bool {
    side.and_then(Seen::known).is_some_and(|it| it.role == ReplicaRole::Replica)
}
