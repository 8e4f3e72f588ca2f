//! What databases and storages have in common for those who fence, promote and replicate them: two sides, of which
//! one takes writes and the other follows it.

use std::fmt;

use super::{ActError, Tools};
use crate::id::{RegionRole, ResourceId};
use crate::resource::{
    ByRegion, Context, Database, DatabaseInstance, FenceProof, Preserved, ProviderError, ReplicaRole, ResourceState,
    Seen, Storage, StorageSide, World, WriteAttempt,
};
use crate::time::Span;

/// One region's side of a database or storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) role: ReplicaRole,
    pub(super) fenced: bool,
    pub(super) writable: bool,
    pub(super) replicates_from: Option<RegionRole>,
    pub(super) position: u64,
    /// Storages have none: their positions are comparable all the time.
    pub(super) timeline: Option<u32>,
    pub(super) lag: Option<Span>,
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
    pub(super) fn is_original_of(&self, other: &Self, here: RegionRole) -> bool {
        self.role == ReplicaRole::Primary && other.role == ReplicaRole::Replica && other.replicates_from == Some(here)
    }

    /// Whether it takes writes, or would as soon as it is let.
    pub(super) fn may_take_writes(&self) -> bool {
        self.writable || (self.role == ReplicaRole::Primary && !self.fenced)
    }
}

fn sides<'a, T: 'a>(regions: &'a ByRegion<T>) -> ByRegion<Side>
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
pub(super) fn sides_in(world: &World, id: &ResourceId) -> Option<ByRegion<Side>> {
    match world.get(id)? {
        ResourceState::Database(state) => Some(sides(&state.regions)),
        ResourceState::Storage(state) => Some(sides(&state.regions)),
        _ => None,
    }
}

/// A database or a storage.
#[derive(Clone, Copy)]
pub(super) enum Replicated<'a> {
    Database(&'a ResourceId, &'a dyn Database),
    Storage(&'a ResourceId, &'a dyn Storage),
}

impl fmt::Display for Replicated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

impl<'a> Replicated<'a> {
    pub(super) fn find(tools: &'a Tools, id: &'a ResourceId) -> Result<Self, ActError> {
        if let Some(database) = tools.resources.databases.get(id) {
            return Ok(Self::Database(id, database.as_ref()));
        }
        match tools.resources.storages.get(id) {
            Some(storage) => Ok(Self::Storage(id, storage.as_ref())),
            None => Err(ActError::refused(format!("the infrastructure file has no database or storage `{id}`"))),
        }
    }

    /// All that there are, in the order of their names, databases first.
    pub(super) fn all(tools: &'a Tools) -> impl Iterator<Item = Self> + 'a {
        let databases = tools.resources.databases.iter().map(|(id, it)| Self::Database(id, it.as_ref()));
        databases.chain(tools.resources.storages.iter().map(|(id, it)| Self::Storage(id, it.as_ref())))
    }

    pub(super) fn id(&self) -> &'a ResourceId {
        match self {
            Self::Database(id, _) | Self::Storage(id, _) => id,
        }
    }

    /// What users do to it: `writes`, `pushes`.
    pub(super) fn writes(&self) -> &'static str {
        match self {
            Self::Database(..) => "writes",
            Self::Storage(..) => "pushes",
        }
    }

    pub(super) async fn observe(&self, cx: &Context) -> Result<ByRegion<Side>, ProviderError> {
        match self {
            Self::Database(_, it) => it.observe(cx).await.map(|state| sides(&state.regions)),
            Self::Storage(_, it) => it.observe(cx).await.map(|state| sides(&state.regions)),
        }
    }

    /// Both sides; an error if the provider has nothing to say.
    pub(super) async fn both(&self, cx: &Context) -> Result<ByRegion<Side>, ActError> {
        self.observe(cx).await.map_err(|error| ActError::unseen(self, &error))
    }

    /// One side out of what was observed; an error if it does not answer.
    pub(super) fn side<'s>(&self, sides: &'s ByRegion<Side>, region: RegionRole) -> Result<&'s Side, ActError> {
        match sides.get(&region) {
            Some(Seen::Is(side)) => Ok(side),
            Some(Seen::Unreachable(why)) => {
                Err(ActError::refused(format!("{self} in {region} does not answer: {why}")))
            }
            None => Err(ActError::refused(format!("{self} has nothing in {region}"))),
        }
    }

    pub(super) async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        match self {
            Self::Database(_, it) => it.fence(cx, region).await,
            Self::Storage(_, it) => it.fence(cx, region).await,
        }
    }

    pub(super) async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        match self {
            Self::Database(_, it) => it.unfence(cx, region).await,
            Self::Storage(_, it) => it.unfence(cx, region).await,
        }
    }

    pub(super) async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        match self {
            Self::Database(_, it) => it.promote(cx, region).await,
            Self::Storage(_, it) => it.promote(cx, region).await,
        }
    }

    pub(super) async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        match self {
            Self::Database(_, it) => it.replicate(cx, from, to).await,
            Self::Storage(_, it) => it.replicate(cx, from, to).await,
        }
    }

    pub(super) async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        match self {
            Self::Database(_, it) => it.write(cx, region).await,
            Self::Storage(_, it) => it.write(cx, region).await,
        }
    }

    pub(super) async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        match self {
            Self::Database(_, it) => it.preserve(cx, region).await,
            Self::Storage(_, it) => it.preserve(cx, region).await,
        }
    }
}
