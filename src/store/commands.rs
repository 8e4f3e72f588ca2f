//! What runs are told from other terminals.
//!
//! A command is a row; the process that carries the run out reads the new ones of its run every now and then. Reading
//! waits for nobody, writing only for another writer of the store, never for a journal.

use jiff::Timestamp;

use super::{SqliteLive, StoreError};
use crate::id::RunId;
use crate::model::Commanded;

/// A command as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its number: later ones have higher numbers.
    pub id: i64,
    /// What, and by whom; or why that can't be read.
    pub commanded: Result<Commanded, String>,
}

/// The commands to runs.
pub trait Commands: Send {
    /// Gives a run a command; `at` is a label. Gives its number.
    ///
    /// # Errors
    /// [`StoreError`].
    fn give(&self, run: &RunId, commanded: &Commanded, at: Timestamp) -> Result<i64, StoreError>;

    /// The commands of a run that have higher numbers than `after`, in order; at most [`AT_ONCE`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn given(&self, run: &RunId, after: i64) -> Result<Vec<Given>, StoreError>;

    /// The number of a run's newest command; 0 if it has none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn last(&self, run: &RunId) -> Result<i64, StoreError>;
}

/// How many commands are read at once; the others are read the next time.
pub const AT_ONCE: u32 = 64;

impl Commands for SqliteLive {
    fn give(&self, run: &RunId, commanded: &Commanded, at: Timestamp) -> Result<i64, StoreError> {
        let text = serde_json::to_string(commanded).map_err(|error| self.unreadable("command", &error))?;
        let give = || {
            self.connection
                .prepare_cached("INSERT INTO commands (run, command, at) VALUES (?1, ?2, ?3)")?
                .execute((run.as_str(), text, format!("{at:.9}")))?;
            Ok(self.connection.last_insert_rowid())
        };
        give().map_err(|error| self.failed(error))
    }

    fn given(&self, run: &RunId, after: i64) -> Result<Vec<Given>, StoreError> {
        let read = || {
            let mut statement = self
                .connection
                .prepare_cached("SELECT id, command FROM commands WHERE run = ?1 AND id > ?2 ORDER BY id LIMIT ?3")?;
            statement
                .query_map((run.as_str(), after, AT_ONCE), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()
        };
        let rows = read().map_err(|error| self.failed(error))?;
        let understand = |(id, text): (i64, String)| Given {
            id,
            commanded: serde_json::from_str(&text).map_err(|error| error.to_string()),
        };
        Ok(rows.into_iter().map(understand).collect())
    }

    fn last(&self, run: &RunId) -> Result<i64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(id), 0) FROM commands WHERE run = ?1", [run.as_str()], |row| row.get(0))
            .map_err(|error| self.failed(error))
    }
}
