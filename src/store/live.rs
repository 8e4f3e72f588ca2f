//! A way to what goes on now: commands and leases, in the same file as the index and without reading that.
//!
//! Light to open, for each thread its own. A database that was found broken is moved aside under those who have it
//! open; they notice by the file's identity and open the new one.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::sqlite::{BUSY_TIMEOUT, SCHEMA_VERSION, runs_where, version};
use crate::id::RunId;

/// A connection of its own to the store's file.
#[derive(Debug)]
pub struct SqliteLive {
    pub(super) connection: Connection,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    /// How long others' locks are waited for.
    patience: Duration,
}

impl SqliteLive {
    /// Opens the store's file, which must be there: [`SqliteStore`](super::SqliteStore) makes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_patient(path, BUSY_TIMEOUT)
    }

    /// The same, for a caller who must not stand still: it waits no longer than `patience` for others' locks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_patient(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Database { path: path.to_owned(), source: Arc::new(error) };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(patience).map_err(failed)?;
        // What is lost with the power is a run's that is lost with it: no commit waits for the disk.
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        let found = version(&connection).map_err(failed)?;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
        }
        if found < SCHEMA_VERSION {
            let why = format!("its version is {found}; `muster history` brings it up to date");
            return Err(StoreError::Unreadable { path: path.to_owned(), what: "version", why });
        }
        Ok(Self { connection, path: path.to_owned(), identity: identity(path), patience })
    }

    /// Opens the file anew if another one stands in its place now; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`]: the new one can't be opened.
    pub fn follow(&mut self) -> Result<bool, StoreError> {
        let moved = identity(&self.path).is_some_and(|now| Some(now) != self.identity);
        if moved {
            *self = Self::open_patient(&self.path, self.patience)?;
        }
        Ok(moved)
    }

    /// Runs that have ended, as far as the index knew when it was brought up to date last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ended(&self) -> Result<BTreeSet<RunId>, StoreError> {
        let ended = runs_where(&self.connection, "finished_at IS NOT NULL").map_err(|error| self.failed(error))?;
        Ok(ended.into_iter().collect())
    }

    /// Wraps what `SQLite` said.
    pub(super) fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), source: Arc::new(error) }
    }

    /// Says that a row can't be read.
    pub(super) fn unreadable(&self, what: &'static str, why: &impl ToString) -> StoreError {
        StoreError::Unreadable { path: self.path.clone(), what, why: why.to_string() }
    }
}

/// Which file it is, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
