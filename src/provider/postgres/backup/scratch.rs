//! A scratch server: a base backup and the log after it, replayed to a point in time, asked, and removed.

use std::fmt::Write as _;

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::archive::{Archived, BaseBackup, between};
use super::{ENCRYPTED, PostgresBackups};
use crate::id::RegionRole;
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
    let verified = unpack(it, cx, backup, &folder).await?;
    let log = &it.settings.regions.of(region).archive;
    let log = log.to_string_lossy();
    if start(it, cx, &folder, &log, target).await? == Started::LogTooShort {
        // Nothing was written between the log's end and that moment, or it is not archived yet: all that there is.
        start(it, cx, &folder, &log, None).await?;
    }
    let asked = ask(it, cx, &folder, target).await?;
    Ok(Restored {
        scratch: name,
        newest_age: between(asked.newest, now),
        checked: asked.checked + 1,
        damaged: asked.damaged + u32::from(!verified),
        rows: Some(asked.rows),
    })
}

/// Copies a base backup into `folder`/data; gives whether its files are what its manifest says.
async fn unpack(it: &PostgresBackups, cx: &Context, backup: &BaseBackup, folder: &str) -> Result<bool, ProviderError> {
    let (from, data) = (backup.folder.to_string_lossy(), format!("{folder}/data"));
    it.succeed(cx, "mkdir", &["-m", "700", folder]).await?;
    let packed = ["base.tar", "base.tar.gz"].into_iter().find(|name| backup.folder.join(name).exists());
    let Some(packed) = packed else {
        it.succeed(cx, "cp", &["-a", &from, &data]).await?;
        it.succeed(cx, "chmod", &["700", &data]).await?;
        return is_whole(it, cx, &data).await;
    };
    it.succeed(cx, "mkdir", &["-m", "700", &data]).await?;
    it.succeed(cx, "tar", &["-xf", &format!("{from}/{packed}"), "-C", &data]).await?;
    it.succeed(cx, "cp", &[&format!("{from}/backup_manifest"), &data]).await?;
    let log = ["pg_wal.tar", "pg_wal.tar.gz"].into_iter().find(|name| backup.folder.join(name).exists());
    if let Some(log) = log {
        it.succeed(cx, "tar", &["-xf", &format!("{from}/{log}"), "-C", &format!("{data}/pg_wal")]).await?;
    }
    is_whole(it, cx, &data).await
}

/// Whether the files in `data` are what their manifest says. What says that a backup is encrypted was laid beside them
/// later, and stands in no manifest.
async fn is_whole(it: &PostgresBackups, cx: &Context, data: &str) -> Result<bool, ProviderError> {
    let verify = it.argv("pg_verifybackup", &["-q", "-n", "-i", ENCRYPTED, data]);
    Ok(it.run(cx, verify).await?.code == Some(0))
}

/// A word for the shell that `pg_ctl` hands its server's options to.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Starts the scratch server: it listens on a socket in its own folder alone, archives nothing and follows nobody.
async fn start(
    it: &PostgresBackups,
    cx: &Context,
    folder: &str,
    log: &str,
    target: Option<Timestamp>,
) -> Result<Started, ProviderError> {
    let data = format!("{folder}/data");
    // A file of settings that the server had elsewhere is not in its backup.
    it.succeed(cx, "touch", &[&format!("{data}/recovery.signal"), &format!("{data}/postgresql.conf")]).await?;
    it.succeed(cx, "rm", &["-f", &format!("{data}/standby.signal"), &format!("{data}/postmaster.pid")]).await?;
    let rules = format!("printf 'local all all trust\\n' > {}", word(&format!("{folder}/hba")));
    it.succeed(cx, "sh", &["-c", &rules]).await?;
    let copy = format!("f={}/%f; if [ -e \"$f\" ]; then cp \"$f\" %p; else gzip -dc \"$f.gz\" > %p; fi", word(log));
    let mut options = String::new();
    let mut set = |key: &str, value: &str| {
        let _ = write!(options, "-c {} ", word(&format!("{key}={value}")));
    };
    for (key, value) in [
        ("listen_addresses", ""),
        ("unix_socket_directories", folder),
        ("hba_file", &format!("{folder}/hba")),
        ("restore_command", &copy),
        ("recovery_target_action", "promote"),
        ("hot_standby", "off"),
        ("archive_mode", "off"),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
        ("ssl", "off"),
        ("shared_preload_libraries", ""),
        ("logging_collector", "off"),
        ("autovacuum", "off"),
        ("external_pid_file", ""),
    ] {
        set(key, value);
    }
    for other in ["recovery_target", "recovery_target_name", "recovery_target_xid", "recovery_target_lsn"] {
        set(other, "");
    }
    set(
        "recovery_target_time",
        &target.map(|target| target.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string()).unwrap_or_default(),
    );
    set("port", &PORT.to_string());
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

/// How many of the canary's rows the live database has from before `until`; `None` if no server can tell.
async fn expected(it: &PostgresBackups, cx: &Context, until: Timestamp) -> Option<u64> {
    let link = it.database.as_ref()?;
    for region in RegionRole::ALL {
        let Ok(live) = link.app(cx, region, "muster backup").await else { continue };
        let count = rows_when("<=", until);
        let asked = cx.clock.timeout(link.settings.timeout.0, live.client.query_one(&count, &[])).await;
        if let Ok(Ok(row)) = asked {
            return Some(counted(row.get(0)));
        }
    }
    None
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
