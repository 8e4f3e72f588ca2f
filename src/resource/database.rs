//! Replicated databases.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ByRegion, Context, Exclusive, Foretell, ProviderError, by_region};
use crate::id::{ProbeId, RegionRole};
use crate::time::{Moment, Span};

/// What an instance is to the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplicaRole {
    /// Takes writes, or would if it were not fenced.
    Primary,
    /// Follows the other.
    Replica,
    /// Not running.
    Down,
}

/// The state of one region's instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInstance {
    /// What it is.
    pub role: ReplicaRole,
    /// Whether it refuses writes, also after a restart.
    pub fenced: bool,
    /// Whether a client that reaches it can write.
    pub writable: bool,
    /// Whom it follows.
    pub replicates_from: Option<RegionRole>,
    /// How far its log goes, in bytes (an LSN); comparable only on one timeline.
    pub position: u64,
    /// Counts promotions.
    pub timeline: u32,
    /// How far it is behind whom it follows.
    pub lag: Option<Span>,
}

/// The state of both instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// By region.
    pub regions: ByRegion<DatabaseInstance>,
}

impl DatabaseState {
    /// The regions whose instance takes writes: two of them are a split brain.
    pub fn writable(&self) -> impl Iterator<Item = RegionRole> + '_ {
        self.regions.iter().filter(|(_, seen)| seen.known().is_some_and(|it| it.writable)).map(|(role, _)| *role)
    }
}

impl fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_region(f, &self.regions, |f, it| {
            match (it.role, it.writable) {
                (ReplicaRole::Primary, true) => f.write_str("takes writes")?,
                (ReplicaRole::Primary, false) if it.fenced => f.write_str("fenced")?,
                (ReplicaRole::Primary, false) => f.write_str("refuses writes")?,
                (ReplicaRole::Replica, _) => f.write_str("replica")?,
                (ReplicaRole::Down, _) => f.write_str("down")?,
            }
            match it.lag {
                Some(lag) => write!(f, " {lag} behind"),
                None => Ok(()),
            }
        })
    }
}

/// What shows that a fence holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceProof {
    /// How far the log went when writes ended; what a drained promotion waits for.
    pub position: u64,
    /// How a write on a session from before the fence was refused; `None` if it was not.
    pub old_session: Option<String>,
    /// How a write on a new session was refused; `None` if it was not.
    pub new_session: Option<String>,
    /// How many sessions were ended.
    pub sessions_ended: u32,
}

/// What became of one attempt to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteAttempt {
    /// The write was acknowledged.
    Acknowledged,
    /// The server said no, in these words.
    Refused(Cow<'static, str>),
    /// No answer: it may or may not have been written.
    Unknown(Cow<'static, str>),
}

/// What a side makes of a canary's rows, for as long as nothing happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stance {
    /// It takes them.
    Takes,
    /// It refuses them, in these words.
    Refuses(Cow<'static, str>),
    /// Nobody answers.
    Silent,
}

/// Foretells what becomes of a canary's rows in a region, each sent when it says; one by one or as many as come to the
/// same.
pub trait ForetellRows: Foretell<(RegionRole, CanaryRow), WriteAttempt> + fmt::Debug {
    /// What `region` makes of rows from now on.
    fn stance(&self, region: RegionRole) -> Stance;

    /// How long row `number` takes, from sending to its answer.
    fn takes(&self, number: u64) -> Span;

    /// At most so long each of these rows takes; much cheaper than asking for each.
    fn longest(&self, numbers: Range<u64>) -> Span;

    /// `region` takes `many` rows, numbered from `first` on, the first of which is sent at the given moment and each
    /// other so much after the one before it: each is taken when it arrives. None may take twice as long as that.
    fn write(&self, region: RegionRole, first: u64, many: u64, sent: (Moment, Span));
}

/// A numbered row of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanaryRow {
    /// Its number, from 0, without gaps.
    pub number: u64,
    /// When Muster sent it.
    pub sent: Moment,
}

/// The canary's rows that one side has: ascending, disjoint, inclusive ranges of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRows {
    /// First and last number of each range.
    pub ranges: Vec<(u64, u64)>,
}

impl CanaryRows {
    /// Whether row `number` is there.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|range| range.1 < number);
        self.ranges.get(after).is_some_and(|range| range.0 <= number)
    }
}

/// A copy of writes that exist nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preserved {
    /// Where it is kept.
    pub location: String,
    /// What it is: `snapshot and log after the divergence`.
    pub what: String,
    /// How many rows or commits it holds that the other side lacks, where that can be counted.
    pub only_here: Option<u64>,
}

/// A database with an instance in each region.
#[async_trait]
pub trait Database: Exclusive {
    /// The state of both instances; a region that does not answer is `Unreachable`, not an error.
    async fn observe(&self, cx: &Context) -> Result<DatabaseState, ProviderError>;

    /// Refuses writes in `region` from now on, also after a restart, ends old sessions, and proves it.
    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError>;

    /// Takes a fence away.
    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError>;

    /// How long ago what `region`'s replica has last was committed, by the clocks of both servers; `None` if it can't
    /// tell. Where the original does not answer this is the most that can be known of the replica's lag.
    async fn newest_commit_age(&self, cx: &Context, region: RegionRole) -> Option<Span> {
        let _ = (cx, region);
        None
    }

    /// Makes `region`'s instance the one that takes writes. Irreversible.
    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError>;

    /// Builds `to` anew as a replica that follows `from`; what only `to` had is destroyed.
    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError>;

    /// Writes one row in `region`, on a new session.
    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt;

    /// Writes a canary's row in `region`, straight to the server.
    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt;

    /// Foretells what becomes of the rows of `canary` that [`Self::write_canary`] sends.
    fn foretell_canary(&self, canary: &ProbeId) -> Option<Arc<dyn ForetellRows>> {
        let _ = canary;
        None
    }

    /// Which of the canary's rows `region` has.
    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError>;

    /// Makes and drops what a canary needs (a schema and a table of its own).
    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError>;

    /// Drops what [`Database::prepare_canary`] made.
    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError>;

    /// Keeps what only `region` has.
    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError>;
}
