//! A scratch server: a base backup and the log after it, replayed to a point in time, asked, and removed.

use std::fmt::Write as _;

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::archive::{Archived, BaseBackup, between};
use super::{ENCRYPTED, PostgresBackups};
use crate::id::RegionRole;
use crate::provider::postgres::host::failure;
use crate::provider::postgres::link::literal;
use crate::resource::{Context, ProviderError, RestorePoint, Restored, RestoredRows};
use crate::time::{JoinHandle, Span};

/// A socket's path may have no more bytes than this.
const SOCKET_PATH_MAX: usize = 100;
/// How long one question to the scratch server may take: each table is read through.
const READ_MAX: Span = Span::from_secs(3600);
/// The number that the socket is named by.
const PORT: u16 = 5432;
/// From one look whether it takes sessions to the next.
const OPENS: Span = Span::from_millis(100);

/// What the scratch copies of a run are called.
pub(super) fn prefix(cx: &Context) -> String {
    format!("muster-{}-", cx.run)
}

/// Restores `region`'s archive to `point`.
pub(super) async fn restore(
    it: &PostgresBackups,
    cx: &Context,
    region: RegionRole,
    point: RestorePoint,
    archived: &Archived,
) -> Result<Restored, ProviderError> {
    let now = cx.clock.wall();
    let target = match point {
        RestorePoint::Latest => None,
        RestorePoint::Ago(ago) => Some(
            now.checked_sub(jiff::SignedDuration::from_nanos(i64::try_from(ago.0).unwrap_or(i64::MAX)))
                .map_err(|error| ProviderError::Refused(error.to_string()))?,
        ),
    };
    let usable = |backup: &&BaseBackup| target.is_none_or(|target| backup.at <= target);
    let backup = archived.backups.iter().rev().find(usable).ok_or_else(|| {
        let oldest = archived.backups.first().map(|backup| format!("; the oldest is {} old", between(backup.at, now)));
        ProviderError::Refused(format!("there is no base backup from before that{}", oldest.unwrap_or_default()))
    })?;
    let name = format!("{}{}-{}", prefix(cx), now.strftime("%H%M%S%3f"), cx.attempt);
    let folder = it.settings.scratch.join(&name).to_string_lossy().into_owned();
    if folder.len() > SOCKET_PATH_MAX {
        return Err(ProviderError::Refused(format!("`{folder}` is too long for a socket: name a shorter `scratch`")));
    }
    unpack(it, cx, backup, &folder).await?;
    let log = &it.settings.regions.of(region).archive;
    let log = log.to_string_lossy();
    if start(it, cx, &folder, &log, target).await? == Started::LogTooShort {
        // Nothing was written between the log's end and that moment, or it is not archived yet: all that there is.
        start(it, cx, &folder, &log, None).await?;
    }
    let asked = ask(it, cx, &folder, target).await?;
    Ok(Restored {
        scratch: name,
        from: backup.folder.file_name().map(|name| name.to_string_lossy().into_owned()),
        newest_age: between(asked.newest, now),
        checked: asked.checked + 1,
        damaged: asked.damaged,
        rows: Some(asked.rows),
    })
}

/// Copies a base backup into `folder`/data, and sees that its files are what its manifest says.
async fn unpack(it: &PostgresBackups, cx: &Context, backup: &BaseBackup, folder: &str) -> Result<(), ProviderError> {
    let (from, data) = (backup.folder.to_string_lossy(), format!("{folder}/data"));
    it.succeed(cx, "mkdir", &["-m", "700", folder]).await?;
    let packed = ["base.tar", "base.tar.gz"].into_iter().find(|name| backup.folder.join(name).exists());
    let Some(packed) = packed else {
        refuse_tablespaces(it, cx, backup, &from).await?;
        it.succeed(cx, "cp", &["-a", &from, &data]).await?;
        it.succeed(cx, "chmod", &["700", &data]).await?;
        return verify(it, cx, backup, &data).await;
    };
    it.succeed(cx, "mkdir", &["-m", "700", &data]).await?;
    it.succeed(cx, "tar", &["-xf", &format!("{from}/{packed}"), "-C", &data]).await?;
    refuse_tablespaces(it, cx, backup, &data).await?;
    it.succeed(cx, "cp", &[&format!("{from}/backup_manifest"), &data]).await?;
    let log = ["pg_wal.tar", "pg_wal.tar.gz"].into_iter().find(|name| backup.folder.join(name).exists());
    if let Some(log) = log {
        it.succeed(cx, "tar", &["-xf", &format!("{from}/{log}"), "-C", &format!("{data}/pg_wal")]).await?;
    }
    verify(it, cx, backup, &data).await
}

/// Refuses a base backup with tablespaces: its recovery would link their paths, which are the live server's, and write
/// there. A packed backup has a `tablespace_map` also where there are none, and an empty one then.
async fn refuse_tablespaces(
    it: &PostgresBackups,
    cx: &Context,
    backup: &BaseBackup,
    files: &str,
) -> Result<(), ProviderError> {
    let look = "test -s \"$1/tablespace_map\" || test -n \"$(ls -A \"$1/pg_tblspc\")\"";
    let finished = it.run(cx, it.argv("sh", &["-c", look, "sh", files])).await?;
    let name = backup.folder.display();
    Err(ProviderError::Refused(match finished.code {
        Some(1) => return Ok(()),
        Some(0) => format!(
            "the base backup `{name}` has tablespaces, which are not restored into a scratch server (it would write to \
             their paths, which are those of the server it was taken from), and nothing was started: restore it by hand \
             on a machine of its own"
        ),
        _ => format!("whether `{name}` has tablespaces can't be told: `sh` {}", failure(&finished)),
    }))
}

/// Refuses files that are not what their manifest says: a server that replays over them shows little, and may damage
/// more. What says that a backup is encrypted was laid beside them later, and stands in no manifest.
async fn verify(it: &PostgresBackups, cx: &Context, backup: &BaseBackup, data: &str) -> Result<(), ProviderError> {
    let verify = it.argv("pg_verifybackup", &["-q", "-n", "-i", ENCRYPTED, data]);
    let finished = it.run(cx, verify).await?;
    if finished.code == Some(0) {
        return Ok(());
    }
    Err(ProviderError::Refused(format!(
        "the base backup `{}` is not what its manifest says, and nothing was started: `pg_verifybackup` {}; take a new \
         base backup",
        backup.folder.display(),
        failure(&finished)
    )))
}

/// A word for the shell that `pg_ctl` hands its server's options to.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What the scratch server is told, over all that its backup's own settings say: it listens on a socket in its own
/// folder alone, works on its own data, archives nothing, follows and subscribes to nobody, and runs none of the
/// programs that the live server runs.
fn options(folder: &str, log: &str, target: Option<Timestamp>) -> String {
    let copy = format!("f={}/%f; if [ -e \"$f\" ]; then cp \"$f\" %p; else gzip -dc \"$f.gz\" > %p; fi", word(log));
    let until = target.map(|target| target.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string()).unwrap_or_default();
    let (data, hba, ident) = (format!("{folder}/data"), format!("{folder}/hba"), format!("{folder}/ident"));
    let mut options = String::new();
    for (key, value) in [
        ("listen_addresses", ""),
        ("unix_socket_directories", folder),
        ("port", &PORT.to_string()),
        // One that stands in the settings would win over `-D`.
        ("data_directory", &data),
        ("hba_file", &hba),
        ("ident_file", &ident),
        ("external_pid_file", ""),
        ("restore_command", &copy),
        // These would be run on the live server's archive.
        ("archive_cleanup_command", ""),
        ("recovery_end_command", ""),
        ("recovery_target", ""),
        ("recovery_target_name", ""),
        ("recovery_target_xid", ""),
        ("recovery_target_lsn", ""),
        ("recovery_target_time", &until),
        ("recovery_target_action", "promote"),
        ("recovery_min_apply_delay", "0"),
        ("hot_standby", "off"),
        ("archive_mode", "off"),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
        // Its subscriptions are the live server's: once it takes writes, it would draw from their slots.
        ("max_logical_replication_workers", "0"),
        ("ssl", "off"),
        ("shared_preload_libraries", ""),
        // What it says is read.
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("lc_messages", "C"),
        ("autovacuum", "off"),
    ] {
        let _ = write!(options, "-c {} ", word(&format!("{key}={value}")));
    }
    options
}

/// Starts the scratch server.
async fn start(
    it: &PostgresBackups,
    cx: &Context,
    folder: &str,
    log: &str,
    target: Option<Timestamp>,
) -> Result<Started, ProviderError> {
    let data = format!("{folder}/data");
    // A file of settings that the server had elsewhere is not in its backup.
    let (conf, ident) = (format!("{data}/postgresql.conf"), format!("{folder}/ident"));
    it.succeed(cx, "touch", &[&format!("{data}/recovery.signal"), &conf, &ident]).await?;
    it.succeed(cx, "rm", &["-f", &format!("{data}/standby.signal"), &format!("{data}/postmaster.pid")]).await?;
    let rules = format!("printf 'local all all trust\\n' > {}", word(&format!("{folder}/hba")));
    it.succeed(cx, "sh", &["-c", &rules]).await?;
    let options = options(folder, log, target);
    let (log_file, wait) = (format!("{folder}/log"), (it.settings.timeout.0.0 / 1_000_000_000).to_string());
    let start = ["start", "-w", "-s", "-t", &wait, "-D", &data, "-l", &log_file, "-o", &options];
    let why = match it.succeed(cx, "pg_ctl", &start).await {
        Ok(()) => match open(it, cx, folder).await {
            Ok(()) => return Ok(Started::Yes),
            Err(why) => why.to_string(),
        },
        Err(ProviderError::Refused(why)) => why,
        Err(error) => return Err(error),
    };
    let said = it.run(cx, it.argv("tail", &["-n", "30", &log_file])).await?.stdout;
    if said.contains("recovery ended before configured recovery target was reached") {
        return Ok(Started::LogTooShort);
    }
    let last = said.lines().find(|line| line.contains("FATAL")).unwrap_or_default().trim();
    Err(ProviderError::Refused(format!("the scratch server did not start: {why}; {last}")))
}

/// Waits until the scratch server takes sessions: with `hot_standby` off `pg_ctl` takes one for started that has begun to
/// replay.
async fn open(it: &PostgresBackups, cx: &Context, folder: &str) -> Result<(), ProviderError> {
    let dbname = it.database.as_ref().map_or("postgres", |link| link.settings.dbname.as_str());
    let until = cx.clock.now() + it.settings.timeout.0;
    loop {
        match connect(it, cx, folder, dbname).await {
            Ok((_, driver)) => {
                driver.abort();
                return Ok(());
            }
            Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) && cx.clock.now() < until => {
                cx.clock.sleep(OPENS).await;
            }
            Err(error) => return Err(refused(error)),
        }
    }
}

/// Whether a scratch server runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    Yes,
    /// The log ends before the moment that was asked for.
    LogTooShort,
}

struct Asked {
    newest: Timestamp,
    checked: u32,
    damaged: u32,
    rows: RestoredRows,
}

/// A session over the scratch server's socket.
async fn session(
    it: &PostgresBackups,
    cx: &Context,
    folder: &str,
    dbname: &str,
) -> Result<(Client, JoinHandle<()>), ProviderError> {
    connect(it, cx, folder, dbname).await.map_err(refused)
}

async fn connect(
    it: &PostgresBackups,
    cx: &Context,
    folder: &str,
    dbname: &str,
) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
    let user = it.database.as_ref().map_or("postgres", |link| link.settings.user.as_str());
    let mut config = Config::new();
    config.host_path(folder).port(PORT).user(user).dbname(dbname);
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, cx.clock.spawn(async { drop(connection.await) })))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: tokio_postgres::Error) -> ProviderError {
    let said = error.as_db_error().map(|said| said.message().to_owned());
    ProviderError::Refused(format!("the scratch server: {}", said.unwrap_or_else(|| error.to_string())))
}

/// Reads every table through, and the canary's rows: none from after the point may be there, and none that the live
/// database has from before it may be missing.
async fn ask(
    it: &PostgresBackups,
    cx: &Context,
    folder: &str,
    target: Option<Timestamp>,
) -> Result<Asked, ProviderError> {
    let dbname = it.database.as_ref().map_or("postgres", |link| link.settings.dbname.as_str());
    let (client, driver) = session(it, cx, folder, dbname).await?;
    let reading = Box::pin(async {
        let (checked, damaged) = tables(&client).await?;
        let (newest, rows) = canary(it, cx, &client, target).await?;
        Ok(Asked { newest, checked, damaged, rows })
    });
    let asked = cx.clock.timeout(READ_MAX, reading).await;
    driver.abort();
    asked.unwrap_or_else(|_| Err(ProviderError::Refused("the scratch server did not answer in time".to_owned())))
}

/// Reads every table through; gives how many there are, and how many of them can't be read.
async fn tables(client: &Client) -> Result<(u32, u32), ProviderError> {
    let tables = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = \
                  c.relnamespace WHERE c.relkind IN ('r', 'm') ORDER BY 1";
    let (mut checked, mut damaged) = (0, 0);
    for row in client.query(tables, &[]).await.map_err(refused)? {
        let table: String = row.get(0);
        checked += 1;
        if client.query_one(&format!("SELECT count(t.*) FROM ONLY {table} t"), &[]).await.is_err() {
            damaged += 1;
        }
    }
    Ok((checked, damaged))
}

/// When the newest write that came back was made, and what came back of the canary's rows.
async fn canary(
    it: &PostgresBackups,
    cx: &Context,
    client: &Client,
    target: Option<Timestamp>,
) -> Result<(Timestamp, RestoredRows), ProviderError> {
    let newest = "SELECT (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::int8";
    let mut newest: Option<i64> = client.query_one(newest, &[]).await.map_err(refused)?.get(0);
    let mut rows = RestoredRows { expected: None, back: 0, after: 0 };
    // A row is stamped a moment before it is committed.
    let until = target.map(|target| target - jiff::SignedDuration::from_secs(1));
    let canary = client.query_one("SELECT to_regclass('muster_canary.rows') IS NOT NULL", &[]).await;
    if canary.map_err(refused)?.get(0) {
        let last = "SELECT (extract(epoch FROM max(written)) * 1000000)::int8 FROM muster_canary.rows";
        let last: Option<i64> = client.query_one(last, &[]).await.map_err(refused)?.get(0);
        newest = newest.max(last);
        if let (Some(target), Some(until)) = (target, until) {
            rows.after = counted(client.query_one(&rows_when(">", target), &[]).await.map_err(refused)?.get(0));
            rows.back = counted(client.query_one(&rows_when("<=", until), &[]).await.map_err(refused)?.get(0));
        }
    }
    if let Some(until) = until {
        rows.expected = expected(it, cx, until).await;
    }
    let newest = newest.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let newest = newest.ok_or_else(|| ProviderError::Refused("no write came back whose time is known".to_owned()))?;
    Ok((newest, rows))
}

/// How many of the canary's rows the live database has from before `until`: its side that takes writes is asked, since
/// another one may lack some. `None` if no such side answers, or two do.
async fn expected(it: &PostgresBackups, cx: &Context, until: Timestamp) -> Option<u64> {
    let link = it.database.as_ref()?;
    let mut counts = Vec::new();
    for region in RegionRole::ALL {
        // Who is fenced lets nobody into this database.
        let Ok(live) = link.app(cx, region, "muster backup").await else { continue };
        if let Ok(Ok(Some(count))) = cx.clock.timeout(link.settings.timeout.0, written(&live.client, until)).await {
            counts.push(count);
        }
    }
    match counts[..] {
        [count] => Some(count),
        _ => None,
    }
}

/// How many of the canary's rows a server that takes writes has from before `until`; `None`: it is a standby.
async fn written(client: &Client, until: Timestamp) -> Result<Option<u64>, tokio_postgres::Error> {
    let question = "SELECT pg_is_in_recovery(), to_regclass('muster_canary.rows') IS NOT NULL";
    let row = client.query_one(question, &[]).await?;
    let (standby, there): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match (standby, there) {
        (true, _) => None,
        (false, false) => Some(0),
        (false, true) => Some(counted(client.query_one(&rows_when("<=", until), &[]).await?.try_get(0)?)),
    })
}

fn rows_when(how: &str, moment: Timestamp) -> String {
    format!("SELECT count(*) FROM muster_canary.rows WHERE written {how} {}", literal(&moment.to_string()))
}

fn counted(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// Ends and removes a scratch server.
pub(super) async fn discard(it: &PostgresBackups, cx: &Context, scratch: &str) -> Result<(), ProviderError> {
    if !scratch.starts_with("muster-") || scratch.contains('/') {
        return Err(ProviderError::Refused(format!("`{scratch}` is no scratch copy of Muster's")));
    }
    let folder = it.settings.scratch.join(scratch);
    if !folder.exists() {
        return Ok(());
    }
    let folder = folder.to_string_lossy().into_owned();
    let data = format!("{folder}/data");
    // It may not run, or never have been started: what counts is that it is gone.
    let _ = it.run(cx, it.argv("pg_ctl", &["stop", "-w", "-s", "-m", "immediate", "-D", &data])).await?;
    it.succeed(cx, "rm", &["-rf", &folder]).await
}
