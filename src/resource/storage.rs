//! Storage of repositories, copied to the other region behind each push.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    ByRegion, CanaryRow, CanaryRows, Context, Exclusive, FenceProof, ForetellRows, Preserved, ProviderError,
    ReplicaRole, WriteAttempt, by_region,
};
use crate::id::{ProbeId, RegionRole};
use crate::time::Span;

/// The state of one region's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSide {
    /// What it is to the other side.
    pub role: ReplicaRole,
    /// Whether it refuses pushes.
    pub fenced: bool,
    /// Whether a client that reaches it can push.
    pub writable: bool,
    /// Whose pushes are copied here.
    pub replicates_from: Option<RegionRole>,
    /// How much it has taken in, as a count of pushes.
    pub position: u64,
    /// How far it is behind whom it follows.
    pub lag: Option<Span>,
}

/// The state of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageState {
    /// By region.
    pub regions: ByRegion<StorageSide>,
}

impl StorageState {
    /// The regions whose side takes pushes: two of them are a split brain.
    pub fn writable(&self) -> impl Iterator<Item = RegionRole> + '_ {
        self.regions.iter().filter(|(_, seen)| seen.known().is_some_and(|it| it.writable)).map(|(role, _)| *role)
    }
}

impl fmt::Display for StorageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_region(f, &self.regions, |f, it| {
            match (it.role, it.writable) {
                (ReplicaRole::Primary, true) => f.write_str("takes pushes")?,
                (ReplicaRole::Primary, false) if it.fenced => f.write_str("fenced")?,
                (ReplicaRole::Primary, false) => f.write_str("refuses pushes")?,
                (ReplicaRole::Replica, _) => f.write_str("copy")?,
                (ReplicaRole::Down, _) => f.write_str("down")?,
            }
            match it.lag {
                Some(lag) => write!(f, " {lag} behind"),
                None => Ok(()),
            }
        })
    }
}

/// How a copy compares with what it copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// How many repositories the original has.
    pub repositories: u32,
    /// How many of them the copy lacks.
    pub missing: u32,
    /// How many are behind the original.
    pub behind: u32,
    /// How many have what the original never had.
    pub diverged: u32,
    /// How many have references that the original moved back or deleted, or lack new names for old commits, although they
    /// have taken all pushes to them.
    #[serde(default)]
    pub stale: u32,
    /// How many were read through and found sound.
    pub checked: u32,
    /// How many of those were damaged.
    pub damaged: u32,
    /// The age of the oldest push that the copy lacks; zero if it lacks none.
    pub oldest_missing: Span,
}

/// Which deleted repository is to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// By name; unstated: any that was deleted about then.
    pub repository: Option<String>,
    /// How long ago it was deleted.
    pub deleted_ago: Span,
}

/// What came of a repository that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It came back, into a scratch place.
    Back(Recovered),
    /// It was deleted, and is not kept any more; in words.
    Gone(String),
}

/// A repository that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Its name.
    pub repository: String,
    /// How long ago it was deleted.
    pub deleted_ago: Span,
    /// Where it is now.
    pub scratch: String,
    /// How many refs came back.
    pub refs: u32,
    /// How many it had.
    pub refs_before: u32,
    /// How many objects came back.
    pub objects: u64,
    /// How many of them are damaged.
    pub damaged: u32,
    /// Whether more came back than refs and objects: issues, settings.
    pub metadata: bool,
}

/// A storage with a side in each region.
#[async_trait]
pub trait Storage: Exclusive {
    /// The state of both sides; a region that does not answer is `Unreachable`, not an error.
    async fn observe(&self, cx: &Context) -> Result<StorageState, ProviderError>;

    /// Refuses pushes in `region` from now on, and proves it.
    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError>;

    /// Takes a fence away.
    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError>;

    /// Makes `region`'s side the one that takes pushes. Irreversible.
    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError>;

    /// Makes `to` a copy of `from` and keeps it one; what only `to` had is destroyed.
    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError>;

    /// Compares the copy in `region` with the other side.
    async fn verify(&self, cx: &Context, region: RegionRole) -> Result<CopyReport, ProviderError>;

    /// Gives a deleted repository back into a scratch place of the run's own ([`Context::run`]), and reads it through.
    async fn recover(&self, cx: &Context, region: RegionRole, wanted: &Wanted) -> Result<Recovery, ProviderError> {
        let _ = (cx, region, wanted);
        Err(ProviderError::Unsupported("this provider gives no deleted repository back".to_owned()))
    }

    /// Removes whatever this run recovered in `region`; gives what that was.
    async fn discard_recovered(&self, cx: &Context, region: RegionRole) -> Result<Vec<String>, ProviderError> {
        let _ = (cx, region);
        Ok(Vec::new())
    }

    /// Makes one push in `region`.
    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt;

    /// Pushes a canary's small commit in `region`.
    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt;

    /// Foretells what becomes of the rows of `canary` that [`Self::write_canary`] sends.
    fn foretell_canary(&self, canary: &ProbeId) -> Option<Arc<dyn ForetellRows>> {
        let _ = canary;
        None
    }

    /// Which of the canary's commits `region` has.
    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError>;

    /// Makes what a canary needs (a repository of its own).
    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError>;

    /// Removes what [`Storage::prepare_canary`] made.
    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError>;

    /// Keeps what only `region` has.
    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError>;
}
