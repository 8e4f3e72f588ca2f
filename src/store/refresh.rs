//! Brings the index up to date with the journals: reads those that are new or have changed, forgets those that are
//! gone, and leaves the rest alone.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, TransactionBehavior};

use super::sqlite::{SqliteStore, upsert};
use super::{RunRow, StoreError};
use crate::id::RunId;
use crate::journal;

/// Reads a journal file into a row, or says why it cannot.
pub type ReadRun<'a> = dyn Fn(&Path) -> Result<RunRow, String> + 'a;

/// Something out of the ordinary that a person should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The database was broken; it lies under another name, and a new one was made from the journals.
    MovedAside {
        /// What it was called.
        from: PathBuf,
        /// What it is called now.
        to: PathBuf,
        /// What was wrong with it.
        why: String,
    },
    /// A journal cannot be read; its run is not in the index.
    Unreadable {
        /// The run's folder is called so.
        run: RunId,
        /// What is wrong with its journal.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovedAside { from, to, why } => write!(
                f,
                "the index of runs {} was broken ({why}); it was moved to {} and made again from the journals",
                from.display(),
                to.display()
            ),
            Self::Unreadable { run, why } => {
                write!(f, "the run {run} is left out of the index: its journal cannot be read: {why}")
            }
        }
    }
}

/// What tells that a journal has changed since it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its length in bytes.
    pub(super) len: i64,
    /// When it was last changed, in nanoseconds since 1970.
    pub(super) mtime_ns: i64,
}

impl Stamp {
    /// The stamp of a run's journal; `None` where there is none.
    pub(super) fn of(reports: &Path, run: &RunId) -> Option<Self> {
        let metadata = fs::metadata(journal_of(reports, run)).ok()?;
        let since_1970 = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Self {
            len: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            mtime_ns: i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX),
        })
    }
}

fn journal_of(reports: &Path, run: &RunId) -> PathBuf {
    journal::log::path_in(&reports.join(run.as_str()))
}

/// What the index has of a journal.
struct Known {
    stamp: Stamp,
    /// Why it could not be read, if so.
    unreadable: Option<String>,
}

/// Brings the index up to date, but for one run.
pub(super) fn refresh(
    store: &mut SqliteStore,
    but_for: Option<&RunId>,
    read: &ReadRun<'_>,
    notices: &mut Vec<Notice>,
) -> Result<(), StoreError> {
    let found = journals(&store.reports)?;
    let known = known(&store.connection).map_err(|error| store.failed(error))?;
    let gone: Vec<&RunId> = known.keys().filter(|run| !found.contains_key(*run)).collect();
    let mut read_again = Vec::new();
    for (run, stamp) in found.iter().filter(|(run, _)| Some(*run) != but_for) {
        match known.get(run) {
            Some(known) if known.stamp == *stamp => {
                if let Some(why) = &known.unreadable {
                    notices.push(Notice::Unreadable { run: run.clone(), why: why.clone() });
                }
            }
            // The stamp is older than the reading: what is written meanwhile is seen next time.
            _ => read_again.push((run, *stamp, read_row(&store.reports, run, read))),
        }
    }
    for (run, _, row) in &read_again {
        if let Err(why) = row {
            notices.push(Notice::Unreadable { run: (*run).clone(), why: why.clone() });
        }
    }
    if !gone.is_empty() || !read_again.is_empty() {
        apply(&mut store.connection, &gone, &read_again).map_err(|error| store.failed(error))?;
    }
    Ok(())
}

/// The runs that have a journal. Whatever else lies in the folder is not ours.
fn journals(reports: &Path) -> Result<BTreeMap<RunId, Stamp>, StoreError> {
    let failed = |error| StoreError::file("read the reports folder", reports, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(reports).map_err(failed)? {
        let name = match entry {
            Ok(entry) => entry.file_name(),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        let Some(run) = name.to_str().and_then(|name| RunId::new(name).ok()) else { continue };
        if let Some(stamp) = Stamp::of(reports, &run) {
            found.insert(run, stamp);
        }
    }
    Ok(found)
}

/// What the index has, readable or not.
fn known(connection: &Connection) -> rusqlite::Result<BTreeMap<RunId, Known>> {
    let mut statement = connection.prepare(
        "SELECT run, journal_len, journal_mtime_ns, NULL FROM runs \
         UNION ALL SELECT run, journal_len, journal_mtime_ns, why FROM unreadable",
    )?;
    let mut rows = statement.query([])?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let run: String = row.get(0)?;
        // What is no id got in by another hand; nothing can ask for it.
        let Ok(run) = RunId::new(&run) else { continue };
        let stamp = Stamp { len: row.get(1)?, mtime_ns: row.get(2)? };
        known.insert(run, Known { stamp, unreadable: row.get(3)? });
    }
    Ok(known)
}

/// Reads a journal into its row.
fn read_row(reports: &Path, run: &RunId, read: &ReadRun<'_>) -> Result<RunRow, String> {
    let row = read(&journal_of(reports, run))?;
    if row.run == *run { Ok(row) } else { Err(format!("its folder holds the journal of another run, {}", row.run)) }
}

/// Writes all that has changed, in one transaction.
fn apply(
    connection: &mut Connection,
    gone: &[&RunId],
    read_again: &[(&RunId, Stamp, Result<RunRow, String>)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let forget = |run: &RunId| -> rusqlite::Result<()> {
        transaction.prepare_cached("DELETE FROM runs WHERE run = ?1")?.execute([run.as_str()])?;
        transaction.prepare_cached("DELETE FROM unreadable WHERE run = ?1")?.execute([run.as_str()])?;
        Ok(())
    };
    for run in gone {
        forget(run)?;
    }
    for (run, stamp, row) in read_again {
        forget(run)?;
        match row {
            Ok(row) => upsert(&transaction, row, *stamp)?,
            Err(why) => {
                transaction.prepare_cached("INSERT INTO unreadable VALUES (?1, ?2, ?3, ?4)")?.execute((
                    run.as_str(),
                    why,
                    stamp.len,
                    stamp.mtime_ns,
                ))?;
            }
        }
    }
    transaction.commit()
}
