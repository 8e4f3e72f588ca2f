//! The store in an `SQLite` file.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior, named_params};

use super::refresh::{self, Notice, ReadRun, Stamp};
use super::{FILE_NAME, Reality, RunFilter, RunRow, Store, StoreError};
use crate::id::RunId;

/// The version of the schema below, kept in `user_version`.
pub(super) const SCHEMA_VERSION: i64 = 4;

/// How long a statement waits while another process writes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many broken databases may lie beside the good one.
const BROKEN_TRIES: u32 = 1000;

const SCHEMA: &str = "
    CREATE TABLE runs (
        run TEXT PRIMARY KEY NOT NULL,
        playbook TEXT NOT NULL,
        title TEXT NOT NULL,
        environment TEXT NOT NULL,
        mode TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        verdict TEXT,
        world TEXT,
        exit_code INTEGER,
        rta_ns INTEGER,
        rpa_ns INTEGER,
        journal_head TEXT NOT NULL,
        simulated INTEGER NOT NULL,
        detail TEXT NOT NULL,
        journal_len INTEGER NOT NULL,
        journal_mtime_ns INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_playbook ON runs (playbook, started_at);
    -- Journals that could not be read, so that they are not read again until they change.
    CREATE TABLE unreadable (
        run TEXT PRIMARY KEY NOT NULL,
        why TEXT NOT NULL,
        journal_len INTEGER NOT NULL,
        journal_mtime_ns INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What version 2 added: what goes on now. Unlike the index it is in no journal, and is of use only while runs go on.
const SINCE_2: &str = "
    CREATE TABLE commands (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL,
        command TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX commands_by_run ON commands (run, id);
    CREATE TABLE leases (
        name TEXT PRIMARY KEY NOT NULL,
        shown TEXT NOT NULL,
        run TEXT NOT NULL,
        fencing INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        pid_started INTEGER NOT NULL,
        boot TEXT NOT NULL,
        host TEXT NOT NULL,
        user TEXT NOT NULL,
        since TEXT NOT NULL,
        renewed TEXT NOT NULL,
        renewed_boot_ns INTEGER NOT NULL,
        ttl_ns INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- Who took what last, also after it was let go: who slept meanwhile must not take it for free.
    CREATE TABLE fencing (
        name TEXT PRIMARY KEY NOT NULL,
        last INTEGER NOT NULL,
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        user TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What version 3 added: what a scheduler must know across its restarts. The index itself got a column more; being a cache,
/// it is thrown away and made again.
const SINCE_3: &str = "
    -- One row for each time that a drill was begun: whoever makes it runs the drill, and nobody else.
    CREATE TABLE IF NOT EXISTS occurrences (
        playbook TEXT NOT NULL,
        occurrence TEXT NOT NULL,
        run TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (playbook, occurrence)
    ) STRICT, WITHOUT ROWID;
    -- When the schedule of a playbook was first looked at: nothing before that was missed.
    CREATE TABLE IF NOT EXISTS scheduled (
        playbook TEXT PRIMARY KEY NOT NULL,
        since TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- What people are told; a key is told once.
    CREATE TABLE IF NOT EXISTS notices (
        key TEXT PRIMARY KEY NOT NULL,
        told TEXT NOT NULL,
        made_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- To whom, and how that went.
    CREATE TABLE IF NOT EXISTS deliveries (
        key TEXT NOT NULL,
        target TEXT NOT NULL,
        tries INTEGER NOT NULL,
        next_at INTEGER NOT NULL,
        state TEXT NOT NULL,
        why TEXT,
        PRIMARY KEY (key, target)
    ) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str = "run, playbook, title, environment, mode, started_at, finished_at, verdict, world, exit_code, \
                       rta_ns, rpa_ns, journal_head, simulated, detail, journal_len, journal_mtime_ns";

const UPSERT: &str = "INSERT OR REPLACE INTO runs VALUES (:run, :playbook, :title, :environment, :mode, :started_at, \
                      :finished_at, :verdict, :world, :exit_code, :rta_ns, :rpa_ns, :journal_head, :simulated, :detail, \
                      :journal_len, :journal_mtime_ns)";

/// The store in `REPORTS/muster.db`.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) reports: PathBuf,
    path: PathBuf,
}

/// What is wrong with a database file.
enum Fault {
    /// Its content: it is moved aside and made again.
    Broken(String),
    /// Anything else is told.
    Other(StoreError),
}

impl SqliteStore {
    /// Opens the store of a reports folder, which must exist, and brings its index up to date with the journals in it:
    /// `read` is called for each one that is new or has changed. Also says what was out of the ordinary.
    ///
    /// # Errors
    /// [`StoreError`]; a broken database is none, it is moved aside and made again.
    pub fn open(reports: &Path, read: &ReadRun<'_>) -> Result<(Self, Vec<Notice>), StoreError> {
        Self::open_at(reports, &reports.join(FILE_NAME), read)
    }

    /// As [`open`](Self::open), with the database in a file of its own; the folder that it is in must exist.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at(reports: &Path, path: &Path, read: &ReadRun<'_>) -> Result<(Self, Vec<Notice>), StoreError> {
        Self::open_but_for(reports, path, None, read)
    }

    /// As [`open_at`](Self::open_at), but leaves one run as the index has it, or has not.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_but_for(
        reports: &Path,
        path: &Path,
        but_for: Option<&RunId>,
        read: &ReadRun<'_>,
    ) -> Result<(Self, Vec<Notice>), StoreError> {
        let mut notices = Vec::new();
        let mut store = match Self::try_open(reports, path) {
            Ok(store) => store,
            Err(Fault::Other(error)) => return Err(error),
            Err(Fault::Broken(_)) => Self::replace_broken(reports, path, &mut notices)?,
        };
        refresh::refresh(&mut store, but_for, read, &mut notices)?;
        Ok((store, notices))
    }

    /// Opens the database and sees that it is sound and of our version.
    fn try_open(reports: &Path, path: &Path) -> Result<Self, Fault> {
        let failed = |error| Self::fault(path, error);
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        prepare(&mut connection, path)?;
        Ok(Self { connection, reports: reports.to_owned(), path: path.to_owned() })
    }

    /// Tells a broken database from one that cannot be used for another reason.
    fn fault(path: &Path, error: rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Fault::Broken(error.to_string()),
            _ => Fault::Other(StoreError::Database { path: path.to_owned(), source: Arc::new(error) }),
        }
    }

    /// Moves a broken database aside and makes a new one. One process at a time: a second one that saw the same
    /// broken file must not move the new one aside.
    fn replace_broken(reports: &Path, path: &Path, notices: &mut Vec<Notice>) -> Result<Self, StoreError> {
        let folder = File::open(reports).map_err(|error| StoreError::file("open", reports, error))?;
        folder.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Repairing { path: path.to_owned() },
            TryLockError::Error(error) => StoreError::file("lock", reports, error),
        })?;
        let why = match Self::try_open(reports, path) {
            Ok(store) => return Ok(store),
            Err(Fault::Other(error)) => return Err(error),
            Err(Fault::Broken(why)) => why,
        };
        let to = move_aside(path)?;
        notices.push(Notice::MovedAside { from: path.to_owned(), to, why });
        Self::try_open(reports, path).map_err(|fault| match fault {
            Fault::Other(error) => error,
            Fault::Broken(why) => StoreError::file("make", path, std::io::Error::new(ErrorKind::InvalidData, why)),
        })
    }

    /// Wraps what `SQLite` said.
    pub(super) fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), source: Arc::new(error) }
    }

    /// Writes a row with the journal's length and time as they are now.
    fn record(&self, row: &RunRow) -> Result<(), StoreError> {
        let stamp = Stamp::of(&self.reports, &row.run).unwrap_or_default();
        upsert(&self.connection, row, stamp).map_err(|error| self.failed(error))
    }
}

impl Store for SqliteStore {
    fn record_started(&self, row: &RunRow) -> Result<(), StoreError> {
        self.record(row)
    }

    fn record_finished(&self, row: &RunRow) -> Result<(), StoreError> {
        self.record(row)
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let list = || {
            let mut statement = self.connection.prepare(&format!(
                "SELECT {COLUMNS} FROM runs WHERE :playbook IS NULL OR playbook = :playbook \
                 ORDER BY started_at DESC, length(run) DESC, run DESC LIMIT :limit"
            ))?;
            // SQLite takes a negative limit for none.
            let limit = filter.limit.map_or(-1, i64::from);
            statement
                .query_map(named_params! {":playbook": filter.playbook, ":limit": limit}, from_row)?
                .collect::<rusqlite::Result<_>>()
        };
        list().map_err(|error| self.failed(error))
    }

    fn get(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.connection
            .query_row(&format!("SELECT {COLUMNS} FROM runs WHERE run = ?1"), [run.as_str()], from_row)
            .optional()
            .map_err(|error| self.failed(error))
    }

    fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        runs_where(&self.connection, "finished_at IS NULL").map_err(|error| self.failed(error))
    }

    fn previous_finished(&self, playbook: &str, reality: Reality) -> Result<Option<RunRow>, StoreError> {
        self.connection
            .query_row(
                &format!(
                    "SELECT {COLUMNS} FROM runs \
                     WHERE playbook = :playbook AND simulated = :simulated AND finished_at IS NOT NULL \
                     ORDER BY started_at DESC, length(run) DESC, run DESC LIMIT 1"
                ),
                named_params! {":playbook": playbook, ":simulated": reality == Reality::Simulated},
                from_row,
            )
            .optional()
            .map_err(|error| self.failed(error))
    }
}

/// The runs of which a condition holds, oldest first.
pub(super) fn runs_where(connection: &Connection, condition: &str) -> rusqlite::Result<Vec<RunId>> {
    let mut statement =
        connection.prepare(&format!("SELECT run FROM runs WHERE {condition} ORDER BY started_at, run"))?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    // What is no id got in by another hand; nothing can ask for it.
    Ok(found.iter().filter_map(|run| RunId::new(run).ok()).collect())
}

/// Brings a connection to our schema: checks a database that is there, fills one that is new.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    let failed = |error| SqliteStore::fault(path, error);
    match version(connection).map_err(failed)? {
        SCHEMA_VERSION => {}
        0..=3 => create(connection).map_err(failed)?,
        found if found > SCHEMA_VERSION => {
            return Err(Fault::Other(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION }));
        }
        found => return Err(Fault::Broken(format!("its version {found} is none of Muster's"))),
    }
    if version(connection).map_err(failed)? != SCHEMA_VERSION {
        return Err(Fault::Broken("it is a database, but not Muster's".to_owned()));
    }
    write_ahead(connection).map_err(failed)?;
    // It may be lost with the power: the journals are the truth. So no commit waits for the disk.
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
    let health: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if health == "ok" { Ok(()) } else { Err(Fault::Broken(health)) }
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables that are not there, unless another process does so at the same moment, or there are tables of
/// somebody else.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found = version(&transaction)?;
    if found == 0 && tables == 0 {
        transaction.execute_batch(SCHEMA)?;
    }
    if found == 1 || (found == 0 && tables == 0) {
        transaction.execute_batch(SINCE_2)?;
    }
    // What the index keeps of a run is another since: it is made again from the journals.
    if (1..=3).contains(&found) {
        transaction.execute_batch("DROP TABLE runs; DROP TABLE unreadable;")?;
        transaction.execute_batch(SCHEMA)?;
    }
    if found == 1 || found == 2 || (found == 0 && tables == 0) {
        transaction.execute_batch(SINCE_3)?;
    }
    if (1..=3).contains(&found) || (found == 0 && tables == 0) {
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()
}

/// Lets readers and the one that writes get on side by side. The file remembers it.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
        // SQLite does not wait for others here. It works without, only slower, and the next one that opens it tries.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        changed => changed,
    }
}

/// Writes one row.
pub(super) fn upsert(connection: &Connection, row: &RunRow, stamp: Stamp) -> rusqlite::Result<()> {
    connection.prepare_cached(UPSERT)?.execute(named_params! {
        ":run": row.run.as_str(),
        ":playbook": row.playbook,
        ":title": row.title,
        ":environment": row.environment,
        ":mode": row.mode,
        ":started_at": row.started_at,
        ":finished_at": row.finished_at,
        ":verdict": row.verdict,
        ":world": row.world,
        ":exit_code": row.exit_code,
        ":rta_ns": row.rta_ns,
        ":rpa_ns": row.rpa_ns,
        ":journal_head": row.journal_head,
        ":simulated": row.simulated,
        ":detail": serde_json::to_string(&row.detail).unwrap_or_default(),
        ":journal_len": stamp.len,
        ":journal_mtime_ns": stamp.mtime_ns,
    })?;
    Ok(())
}

/// Reads one row, in the order of [`COLUMNS`].
fn from_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let run: String = row.get(0)?;
    let run = RunId::new(&run)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(RunRow {
        run,
        playbook: row.get(1)?,
        title: row.get(2)?,
        environment: row.get(3)?,
        mode: row.get(4)?,
        started_at: row.get(5)?,
        finished_at: row.get(6)?,
        verdict: row.get(7)?,
        world: row.get(8)?,
        exit_code: row.get(9)?,
        rta_ns: row.get(10)?,
        rpa_ns: row.get(11)?,
        journal_head: row.get(12)?,
        simulated: row.get(13)?,
        // What another hand wrote there is no detail; the journals have it.
        detail: serde_json::from_str(&row.get::<_, String>(14)?).unwrap_or_default(),
        journal_len: row.get(15)?,
        journal_mtime_ns: row.get(16)?,
    })
}

/// Renames a broken database, and what `SQLite` keeps beside it, to the first free `muster.db.broken-N`.
fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let free = (1..=BROKEN_TRIES).map(|number| with(&format!(".broken-{number}"))).find(|path| !path.exists());
    let to = free.ok_or_else(|| StoreError::Crowded { path: with(".broken-1"), tried: BROKEN_TRIES })?;
    // The log first: left beside a new database, it would be played into it.
    for beside in ["-wal", "-shm", ""] {
        let from = with(beside);
        let mut aside = to.as_os_str().to_owned();
        aside.push(beside);
        match fs::rename(&from, &aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::file("move aside", &from, error));
            }
            _ => {}
        }
    }
    Ok(to)
}
