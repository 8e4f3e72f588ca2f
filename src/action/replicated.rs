//! What databases and storages have in common for those who fence, promote and replicate them: two sides, of which
//! one takes writes and the other follows it.

use std::fmt;

use super::{ActError, Tools};
use crate::catalogue::sides::{self, Of, sides};
pub(super) use crate::catalogue::sides::{Side, sides_in};
use crate::id::{RegionRole, ResourceId};
use crate::resource::{ByRegion, Context, Database, FenceProof, Preserved, ProviderError, Storage, WriteAttempt};
use crate::time::Span;

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

    /// What is counted of what only one side has: of repositories what `git` can count, for a push may bring many commits
    /// or none.
    pub(super) fn kept(&self) -> &'static str {
        match self {
            Self::Database(..) => "writes",
            Self::Storage(..) => "commits and references",
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
        sides::side(self.of(), sides, region).map_err(ActError::refused)
    }

    /// What it is, for those who judge its sides.
    pub(super) fn of(&self) -> Of<'a> {
        Of { id: self.id(), writes: self.writes() }
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

    /// How long ago what a copy has last was committed, if it can tell.
    pub(super) async fn newest_commit_age(&self, cx: &Context, region: RegionRole) -> Option<Span> {
        match self {
            Self::Database(_, it) => it.newest_commit_age(cx, region).await,
            Self::Storage(..) => None,
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
