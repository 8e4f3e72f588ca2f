//! What databases and storages have in common: two sides, of which one takes writes and the other follows it; and which
//! worlds a promotion and a replication refuse to act in.
//!
//! The plan asks here of the world as it foresees it, the action of the world as it is.

use std::fmt;

use super::Mode;
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ByRegion, DatabaseInstance, ReplicaRole, ResourceState, Seen, StorageSide, World};
use crate::time::Span;

/// One region's side of a database or storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) role: ReplicaRole,
    pub(crate) fenced: bool,
    pub(crate) writable: bool,
    pub(crate) replicates_from: Option<RegionRole>,
    pub(crate) position: u64,
    /// Storages have none: their positions are comparable all the time.
    pub(crate) timeline: Option<u32>,
    pub(crate) lag: Option<Span>,
}

impl From<&DatabaseInstance> for Side {
    fn from(it: &DatabaseInstance) -> Self {
        Self {
            role: it.role,
            fenced: it.fenced,
            writable: it.writable,
            replicates_from: it.replicates_from,
            position: it.position,
            timeline: Some(it.timeline),
            lag: it.lag,
        }
    }
}

impl From<&StorageSide> for Side {
    fn from(it: &StorageSide) -> Self {
        Self {
            role: it.role,
            fenced: it.fenced,
            writable: it.writable,
            replicates_from: it.replicates_from,
            position: it.position,
            timeline: None,
            lag: it.lag,
        }
    }
}

impl Side {
    /// Whether it, in `here`, is what `other` follows: nothing was promoted there.
    pub(crate) fn is_original_of(&self, other: &Self, here: RegionRole) -> bool {
        self.role == ReplicaRole::Primary && other.follows(here)
    }

    /// Whether it takes writes, or would as soon as it is let.
    pub(crate) fn may_take_writes(&self) -> bool {
        self.writable || (self.role == ReplicaRole::Primary && !self.fenced)
    }

    fn follows(&self, there: RegionRole) -> bool {
        self.role == ReplicaRole::Replica && self.replicates_from == Some(there)
    }
}

/// The sides of a database or storage as they were seen.
pub(crate) fn sides<'a, T: 'a>(regions: &'a ByRegion<T>) -> ByRegion<Side>
where
    Side: From<&'a T>,
{
    let side = |seen: &'a Seen<T>| match seen {
        Seen::Is(it) => Seen::Is(Side::from(it)),
        Seen::Unreachable(why) => Seen::Unreachable(why.clone()),
    };
    regions.iter().map(|(role, seen)| (*role, side(seen))).collect()
}

/// The sides of `id` in a world that was seen; `None` if it is not there or neither database nor storage.
pub(crate) fn sides_in(world: &World, id: &ResourceId) -> Option<ByRegion<Side>> {
    match world.get(id)? {
        ResourceState::Database(state) => Some(sides(&state.regions)),
        ResourceState::Storage(state) => Some(sides(&state.regions)),
        _ => None,
    }
}

/// A database or storage, and what users do to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'a> {
    pub(crate) id: &'a ResourceId,
    /// `writes`, `pushes`.
    pub(crate) writes: &'static str,
}

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// How a side is promoted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promotion {
    pub(crate) to: RegionRole,
    /// Whether it is first to have all that the other side took before its fence.
    pub(crate) drained: bool,
    pub(crate) mode: Mode,
    /// Whether acknowledged writes may be thrown away.
    pub(crate) discard: bool,
}

/// One side out of what was seen.
///
/// # Errors
/// It does not answer, or is not there.
pub(crate) fn side<'s>(of: Of<'_>, sides: &'s ByRegion<Side>, region: RegionRole) -> Result<&'s Side, String> {
    match sides.get(&region) {
        Some(Seen::Is(side)) => Ok(side),
        Some(Seen::Unreachable(why)) => Err(format!("{of} in {region} does not answer: {why}")),
        None => Err(format!("{of} has nothing in {region}")),
    }
}

/// Refuses a promotion that would end in two sides that take writes, in one that takes none, or in writes thrown away.
///
/// # Errors
/// Why it is refused.
pub(crate) fn may_promote(of: Of<'_>, sides: &ByRegion<Side>, how: Promotion) -> Result<(), String> {
    let (to, other) = (how.to, how.to.other());
    let copy = side(of, sides, to)?;
    if copy.role == ReplicaRole::Down {
        return Err(format!("{of} in {to} is down: start it, then try again"));
    }
    let source = match sides.get(&other) {
        Some(Seen::Is(side)) if side.writable => {
            return Err(format!(
                "{of} in {other} takes {} now: promoting {to} would make two sides take them; fence {other} first",
                of.writes
            ));
        }
        Some(Seen::Unreachable(why)) if how.mode == Mode::Planned => {
            return Err(format!(
                "{of} in {other} does not answer ({why}): whether it takes {} is not known, and in planned mode nothing \
                 is promoted blind; `--mode unplanned` does",
                of.writes
            ));
        }
        Some(Seen::Is(side)) => Some(side),
        Some(Seen::Unreachable(_)) | None => None,
    };
    if source.is_some_and(|source| copy.is_original_of(source, to)) {
        return may_write_again(of, copy, source, to);
    }
    if how.drained {
        return end_of_writes(of, sides, to).map(|_| ());
    }
    let left_behind = copy.role == ReplicaRole::Primary && copy.fenced
        || source.is_some_and(|source| source.role == ReplicaRole::Primary)
            && copy.role == ReplicaRole::Replica
            && !copy.follows(other);
    if left_behind && !how.discard {
        return Err(format!(
            "{of} in {to} does not follow {other}: what {other} took since exists only there, and promoting {to} would \
             throw it away; build {to} anew as a copy first, or accept the loss with `discard: accept`"
        ));
    }
    if copy.fenced {
        return Err(format!(
            "{of} in {to} is fenced, and its fence would outlive the promotion: it would take no {}; build it anew as a \
             copy first",
            of.writes
        ));
    }
    Ok(())
}

/// A fenced original that was never replaced takes writes again only once the side that follows it is fenced in its turn,
/// so that a promotion that was given up there can't come true beside it.
fn may_write_again(of: Of<'_>, copy: &Side, follower: Option<&Side>, to: RegionRole) -> Result<(), String> {
    if !copy.fenced || follower.is_none_or(|follower| follower.fenced) {
        return Ok(());
    }
    let other = to.other();
    Err(format!(
        "{of} in {to} is the original already, and fenced; fence {other} too before {to} takes {} again, so that nothing \
         that was begun in {other} can come true beside it",
        of.writes
    ))
}

/// The position at which the writes of the side that `to` follows ended.
///
/// # Errors
/// They have not, or there is nothing to compare.
pub(crate) fn end_of_writes(of: Of<'_>, sides: &ByRegion<Side>, to: RegionRole) -> Result<u64, String> {
    let other = to.other();
    let source = side(of, sides, other).map_err(|why| format!("there is nothing to drain to: {why}"))?;
    if !source.fenced || source.writable {
        return Err(format!("{of} in {other} is not fenced: there is nothing to drain to; fence it first"));
    }
    let copy = side(of, sides, to)?;
    if !copy.follows(other) {
        return Err(format!("{of} in {to} does not follow {other}: it would wait for ever"));
    }
    if copy.timeline != source.timeline {
        let number = |timeline: Option<u32>| timeline.map_or_else(|| "none".to_owned(), |it| it.to_string());
        return Err(format!(
            "{of} is on timeline {} in {to} and on {} in {other}: their positions can't be compared",
            number(copy.timeline),
            number(source.timeline)
        ));
    }
    Ok(source.position)
}

/// Refuses a replication over what takes writes, or from what is no original. Whether its target is an original that was
/// never replaced, with which nothing is to be done, is the caller's to ask.
///
/// # Errors
/// Why it is refused.
pub(crate) fn may_replicate(
    of: Of<'_>,
    sides: &ByRegion<Side>,
    from: RegionRole,
    to: RegionRole,
) -> Result<(), String> {
    let (source, target) = (side(of, sides, from)?, side(of, sides, to)?);
    if target.writable {
        return Err(format!(
            "{of} in {to} takes {} now, and replication would destroy them; fence it first, and preserve what only it has",
            of.writes
        ));
    }
    if source.role != ReplicaRole::Primary || !(source.writable || source.fenced) {
        let is = match source.role {
            ReplicaRole::Primary => "refuses writes and is not fenced",
            ReplicaRole::Replica => "is itself a replica",
            ReplicaRole::Down => "is down",
        };
        return Err(format!("{of} in {from} {is}: {to} can't be built from it"));
    }
    Ok(())
}

/// Whether `region` is the fenced original of a way there that did not come so far: nothing is built anew of it.
pub(crate) fn never_replaced(sides: &ByRegion<Side>, region: RegionRole) -> bool {
    let known = |role: RegionRole| sides.get(&role).and_then(Seen::known);
    let both = known(region).zip(known(region.other()));
    both.is_some_and(|(original, copy)| original.fenced && original.is_original_of(copy, region))
}
