//! Snapshots, and restores from them.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ByRegion, Context, Exclusive, ProviderError, by_region};
use crate::id::RegionRole;
use crate::time::Span;

/// What snapshots one region has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSummary {
    /// How many.
    pub count: u32,
    /// The age of the newest.
    pub newest_age: Span,
    /// The age of the oldest that is kept.
    pub oldest_age: Span,
    /// The longest time between two neighbours.
    pub longest_gap: Span,
    /// How many are encrypted.
    pub encrypted: u32,
    /// How many are copies whose originals were not seen: their ages are those of the copies, and what they hold is older.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub aged_as_copies: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The snapshots of both regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupState {
    /// By region.
    pub regions: ByRegion<SnapshotSummary>,
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_region(f, &self.regions, |f, it| write!(f, "{} snapshots, newest {} old", it.count, it.newest_age))
    }
}

/// The point in time to restore to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorePoint {
    /// The newest that can be had.
    Latest,
    /// This long ago.
    Ago(Span),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The name of the scratch copy.
    pub scratch: String,
    /// What it was made of, for people; none where the provider does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The age, at the time of asking, of the newest write that came back.
    pub newest_age: Span,
    /// How many things (tables, repositories) were read through.
    pub checked: u32,
    /// How many of them were damaged.
    pub damaged: u32,
    /// What came back of a canary's rows; none if this kind of backup has nothing to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RestoredRows>,
}

/// A canary's rows in a restored copy, held against those that the live database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredRows {
    /// How many the side of the live database that takes writes has from before the point; `None` if there is no point, or
    /// not one such side could be asked.
    #[serde(default)]
    pub expected: Option<u64>,
    /// How many of those came back.
    pub back: u64,
    /// How many came back from after the point.
    pub after: u64,
}

/// Snapshots in each region.
#[async_trait]
pub trait Backup: Exclusive {
    /// The snapshots of both regions; a region that does not answer is `Unreachable`, not an error.
    async fn observe(&self, cx: &Context) -> Result<BackupState, ProviderError>;

    /// Restores `region`'s snapshots to `point` into a scratch place and reads what came back.
    async fn restore(&self, cx: &Context, region: RegionRole, point: RestorePoint) -> Result<Restored, ProviderError>;

    /// The scratch copies of this run ([`Context::run`]) that stand.
    async fn scratches(&self, cx: &Context) -> Result<Vec<String>, ProviderError>;

    /// Removes a scratch copy; not an error if it is gone.
    async fn discard(&self, cx: &Context, scratch: &str) -> Result<(), ProviderError>;

    /// How long [`Self::discard`] may take before it is told that the copy still stands.
    fn tidy_within(&self) -> Span {
        Span::from_secs(60)
    }

    /// What the last look at `region` showed beside its figures: what it is, and what it says, for people.
    fn remark(&self, _region: RegionRole) -> Option<(&'static str, String)> {
        None
    }
}
