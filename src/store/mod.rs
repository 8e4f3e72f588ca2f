//! The store beside the runs: an index of runs, so that `history` need not read every journal; and what goes on now,
//! the commands from other terminals and the leases.
//!
//! The index is a cache. The journals in `REPORTS/*/` are the truth: when the index is missing, broken or out of date
//! it is made again from them, and whatever was broken is moved aside, never deleted. Knows nothing of events: whoever
//! opens it brings the function that reads a journal into a row. Nothing here may wait for a journal's writer, and no
//! clock is read but the files' own times.
//!
//! [`Store`], [`Commands`] and [`Leases`] are the traits, so that a replicated log and a key-value store can stand in;
//! [`SqliteStore`] and [`SqliteLive`] are what is there, in one file. [`RunFolder`] makes the folder of a run.

mod commands;
mod evidence;
mod folder;
mod leases;
mod live;
mod occurrences;
mod refresh;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use crate::id::{IdError, RunId};
use crate::record::IndexDetail;

pub use commands::{AT_ONCE, Commands, Given};
pub use evidence::{EVIDENCE_FOLDER, EvidenceError, keep_evidence, read_evidence};
pub use folder::{RunFolder, is_own_again, is_passed_over, pass_over};
pub use leases::{Claim, Held, Holder, Instant, Lease, Leases, Renewed, Successor, Taken};
pub use live::SqliteLive;
pub use occurrences::{Claimed, Delivery, Telling};
pub use refresh::{Notice, ReadRun};
pub use sqlite::SqliteStore;

/// The name of the store in the reports folder.
pub const FILE_NAME: &str = "muster.db";

/// What the index knows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id, which is its folder's name.
    pub run: RunId,
    /// The playbook's name.
    pub playbook: String,
    /// The playbook's title.
    pub title: String,
    /// The environment that the infrastructure file states.
    pub environment: String,
    /// `planned`, `unplanned` or `emergency`.
    pub mode: String,
    /// When it started: RFC 3339, UTC, always with the same number of digits, so that text sorts as time.
    pub started_at: String,
    /// When it ended, likewise; `None` while it goes on or was left behind.
    pub finished_at: Option<String>,
    /// Its verdict, once it ended.
    pub verdict: Option<String>,
    /// Where it left the world, once it ended.
    pub world: Option<String>,
    /// The exit code that it ended with.
    pub exit_code: Option<u8>,
    /// The drill's RTA in nanoseconds, where one was measured.
    pub rta_ns: Option<i64>,
    /// The drill's RPA in nanoseconds, where one was measured.
    pub rpa_ns: Option<i64>,
    /// The SHA-256 of the journal's last line when it was read.
    pub journal_head: String,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
    /// What the tables of coverage need beside.
    pub detail: IndexDetail,
    /// The journal's length in bytes when it was read. The store fills this in.
    pub journal_len: i64,
    /// When the journal's file was last changed, in nanoseconds since 1970. The store fills this in.
    pub journal_mtime_ns: i64,
}

/// Which runs to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this playbook.
    pub playbook: Option<String>,
    /// At most this many; `None` for all.
    pub limit: Option<u32>,
}

/// Whether runs on simulations or real ones are meant: the two are never compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reality {
    /// All or part was simulated.
    Simulated,
    /// Everything was real.
    Real,
}

/// The index of runs.
pub trait Store: Send {
    /// Notes that a run started. Replaces what was known of it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record_started(&self, row: &RunRow) -> Result<(), StoreError>;

    /// Notes how a run ended, after its journal was closed. Replaces what was known of it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn record_finished(&self, row: &RunRow) -> Result<(), StoreError>;

    /// The runs, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError>;

    /// One run.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError>;

    /// Runs that have begun and not ended, as far as the index knows, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn unfinished(&self) -> Result<Vec<RunId>, StoreError>;

    /// The newest run of a playbook that ended: what the next one is compared with.
    ///
    /// # Errors
    /// [`StoreError`].
    fn previous_finished(&self, playbook: &str, reality: Reality) -> Result<Option<RunRow>, StoreError>;
}

/// Why the store, or a run's folder, could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
    /// The database refused.
    #[error("cannot use the index of runs {}: {}", path.display(), said(source))]
    Database {
        /// Which file.
        path: PathBuf,
        /// What `SQLite` said.
        source: Arc<rusqlite::Error>,
    },
    /// A newer Muster made the index.
    #[error(
        "the index of runs {} was made by a newer Muster (its version is {found}, this one knows {known}); use that \
         one, or move the file away: it is made again from the journals",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this Muster knows.
        known: i64,
    },
    /// A row says something that this build can't read.
    #[error("the store {} has a {what} that can't be read: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What it is of.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Another Muster is moving the broken index aside.
    #[error("the index of runs {} is being repaired by another muster; try again", path.display())]
    Repairing {
        /// Which file.
        path: PathBuf,
    },
    /// No free name was found.
    #[error("there are already {tried} of {}; move some away", path.display())]
    Crowded {
        /// The first of them.
        path: PathBuf,
        /// How many names were tried.
        tried: u32,
    },
    /// The playbook's name cannot be part of a run's id.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// What the database said, and what to do where that is known.
fn said(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "another program holds a lock on it, and did not let go in time. End that program (`fuser FILE` names it), \
             or wait for it, and try again"
                .to_owned()
        }
        Some(
            rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied,
        ) => {
            format!("{error}. Its folder must be one that you may write to; --reports names another")
        }
        Some(rusqlite::ErrorCode::DiskFull | rusqlite::ErrorCode::SystemIoFailure) => {
            format!("{error}. Is the disk full?")
        }
        _ => error.to_string(),
    }
}

impl StoreError {
    /// Wraps what the operating system said about a file.
    fn file(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source: Arc::new(source) }
    }
}

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;
