//! PostgreSQL: a primary with an archive of its log, and a standby that streams from it.
//!
//! What differs from region to region (address, archive) is in files outside the data folder, because `pg_rewind` and
//! base backups copy everything inside. There are no Unix sockets: users, Muster and the standby come the same way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::Signal;

use crate::daemon::{self, Start};
use crate::world::{ADMIN, APP_USER, DATABASE, Lab, Role, text, write_private};
use crate::{Result, wait_until};

/// A server that does not answer after so long will not.
const START_WITHIN: Duration = Duration::from_mins(1);
/// What `status` exits with when the server does not run, as `pg_ctl` does.
const NOT_RUNNING: u8 = 3;
/// Who follows: may read the log, and what a rewind needs.
pub(crate) const REPLICATOR: &str = "replicator";
/// Stands in a region's folder while its server may only come back as one that can't be written to.
const REJOINED: &str = "rejoined-fenced";

/// What Muster asks of a region's server, where it lives.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Verb {
    Start,
    Stop,
    Restart,
    /// Exit 0: it runs; 3: it does not.
    Status,
    /// From now on no start of it takes writes.
    Standby,
    /// SOURCE: rewinds the stopped server's data to what that one has.
    Rewind,
    /// SOURCE: replaces the stopped server's data by a copy of that one's.
    Basebackup,
    /// FOLDER: copies the data, the log included.
    Preserve,
    /// TIMELINE FROM TO: prints a stretch of the log.
    Waldump,
}

fn name(region: Role) -> String {
    format!("{region}-postgres")
}

/// A program of PostgreSQL's, run as its user, knowing the administrator's password.
fn program(lab: &Lab, name: &str) -> Command {
    let mut command = daemon::clean(lab, &lab.programs.postgres.join(name));
    daemon::keep_marks(&mut command);
    command.env("PGPASSWORD", &lab.admin_password).env("PGCONNECT_TIMEOUT", "5").current_dir("/");
    daemon::as_user(&mut command, lab.postgres_user);
    command
}

/// Runs a program to its end.
fn done(what: &str, command: &mut Command) -> Result<String> {
    let out = command.output().map_err(|error| format!("{what}: {error}"))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(format!("{what}: {}", String::from_utf8_lossy(&out.stderr).trim()))
}

/// Makes a folder that PostgreSQL's user may write to.
fn own_folder(lab: &Lab, path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    own(lab, path)
}

fn own(lab: &Lab, path: &Path) -> Result<()> {
    let Some((user, group)) = lab.postgres_user else { return Ok(()) };
    std::os::unix::fs::chown(path, Some(user), Some(group)).map_err(|error| format!("{}: {error}", path.display()))
}

/// Makes both servers, the second as a copy that follows the first, and the application's tables.
pub(crate) fn make(lab: &Lab) -> Result<()> {
    for region in Role::ALL {
        settings(lab, region)?;
    }
    let password = lab.of(Role::Primary, "admin-password");
    write_private(&password, &lab.admin_password)?;
    own(lab, &password)?;
    let mut initdb = program(lab, "initdb");
    initdb.arg("-D").arg(lab.data(Role::Primary)).args(["-U", ADMIN, "-A", "scram-sha-256", "-E", "UTF8"]);
    // Small segments: a lab writes little, and each is archived whole.
    initdb.args(["--locale=C", "--wal-segsize=1", "--no-sync", "--no-instructions"]);
    initdb.arg(format!("--pwfile={}", text(&password)));
    done("initdb", &mut initdb)?;
    start(lab, Role::Primary)?;
    sql(lab, Role::Primary, "postgres", &[&format!("CREATE DATABASE {DATABASE}")])?;
    let password = &lab.app_password;
    sql(
        lab,
        Role::Primary,
        DATABASE,
        &[
            &format!("CREATE ROLE {APP_USER} LOGIN PASSWORD '{password}'"),
            "CREATE TABLE items (client text, n bigint, written timestamptz NOT NULL DEFAULT clock_timestamp(), \
             PRIMARY KEY (client, n))",
            "CREATE TABLE health (server text PRIMARY KEY, seen timestamptz NOT NULL)",
            &format!("GRANT SELECT, INSERT, UPDATE ON items, health TO {APP_USER}"),
        ],
    )?;
    let password = &lab.replicator_password;
    sql(
        lab,
        Role::Primary,
        "postgres",
        &[
            &format!("CREATE ROLE {REPLICATOR} LOGIN REPLICATION PASSWORD '{password}'"),
            // What pg_rewind asks of its source.
            &format!("GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO {REPLICATOR}"),
            &format!("GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO {REPLICATOR}"),
            &format!("GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO {REPLICATOR}"),
            &format!("GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO {REPLICATOR}"),
        ],
    )?;
    let pgpass = passfile(lab);
    write_private(&pgpass, &format!("*:*:*:{REPLICATOR}:{password}\n"))?;
    own(lab, &pgpass)?;
    basebackup(lab, &source(lab, Role::Primary), &lab.data(Role::Secondary), true)?;
    start(lab, Role::Secondary)?;
    for region in Role::ALL {
        backup(lab, region)?;
    }
    own_folder(lab, &lab.folder.join("restore"))
}

/// The passwords of who follows.
pub(crate) fn passfile(lab: &Lab) -> PathBuf {
    lab.folder.join("replication.pgpass")
}

/// A base backup of the primary server, kept in a region; it stands for one on an encrypted volume.
fn backup(lab: &Lab, region: Role) -> Result<()> {
    let at = lab.of(region, "backups").join("base-1");
    basebackup(lab, &source(lab, Role::Primary), &at, false)?;
    let mark = at.join("ENCRYPTED");
    fs::write(&mark, "The lab's stand-in for an encrypted volume.\n")
        .map_err(|error| format!("{}: {error}", mark.display()))?;
    own(lab, &mark)
}

/// A region's server, as who follows connects to it.
fn source(lab: &Lab, region: Role) -> String {
    format!(
        "host={} port={} user={REPLICATOR} dbname=postgres passfile={}",
        region.address(),
        lab.ports.postgres,
        text(&passfile(lab))
    )
}

/// The program that keeps a segment of the log in both regions, unless the other one is lost. A segment appears under
/// its name only whole, and one that is there already must be the same.
fn archiver(lab: &Lab, region: Role) -> String {
    let (own, other) = (lab.archive(region), lab.archive(region.other()));
    format!(
        "#!/bin/sh
keep() {{
  if [ -e \"$3/$2\" ]; then cmp -s \"$1\" \"$3/$2\"; else cp \"$1\" \"$3/.$2.part\" && mv \"$3/.$2.part\" \"$3/$2\"; fi
}}
keep \"$1\" \"$2\" {} || exit 1
[ -e {} ] || keep \"$1\" \"$2\" {}
",
        text(&own),
        text(&lab.of(region.other(), "isolated")),
        text(&other)
    )
}

/// Writes a region's settings, and its folders.
fn settings(lab: &Lab, region: Role) -> Result<()> {
    let archive = lab.archive(region);
    own_folder(lab, &lab.of(region, ""))?;
    own_folder(lab, &archive)?;
    own_folder(lab, &lab.of(region, "backups"))?;
    let script = lab.of(region, "archive.sh");
    fs::write(&script, archiver(lab, region)).map_err(|error| format!("{}: {error}", script.display()))?;
    own(lab, &script)?;
    let (archive, data, address) = (text(&archive), text(&lab.data(region)), region.address());
    let hba = lab.of(region, "pg_hba.conf");
    let port = lab.ports.postgres;
    let script = text(&script);
    let conf = format!(
        "data_directory = '{data}'
hba_file = '{}'
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''
shared_buffers = 32MB
max_connections = 60
dynamic_shared_memory_type = mmap
wal_level = replica
wal_log_hints = on
hot_standby = on
max_wal_senders = 10
wal_keep_size = 128MB
max_wal_size = 128MB
min_wal_size = 8MB
archive_mode = on
archive_command = 'sh {script} %p %f'
archive_timeout = 10s
restore_command = 'cp {archive}/%f %p 2>/dev/null'
recovery_target_timeline = latest
wal_receiver_timeout = 5s
wal_retrieve_retry_interval = 500ms
log_min_messages = warning
log_line_prefix = '%m [%p] '
",
        text(&hba)
    );
    let access = "host all all 127.0.0.0/8 scram-sha-256\nhost replication replicator 127.0.0.0/8 scram-sha-256\n";
    for (path, content) in [(lab.of(region, "postgresql.conf"), conf.as_str()), (hba, access)] {
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        own(lab, &path)?;
    }
    Ok(())
}

/// Runs statements as the administrator, each by itself; says what the last one gave.
pub(crate) fn sql(lab: &Lab, region: Role, database: &str, statements: &[&str]) -> Result<String> {
    let mut psql = program(lab, "psql");
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d"]);
    let (address, port) = (region.address(), lab.ports.postgres);
    psql.arg(format!("host={address} port={port} user={ADMIN} dbname={database}"));
    for statement in statements {
        psql.args(["-c", statement]);
    }
    done(&format!("PostgreSQL in {region}"), &mut psql).map(|text| text.trim().to_owned())
}

/// Whether a region's server answers.
pub(crate) fn answers(lab: &Lab, region: Role) -> bool {
    let mut ready = program(lab, "pg_isready");
    ready.args(["-q", "-t", "2", "-h", &region.address().to_string(), "-p", &lab.ports.postgres.to_string()]);
    ready.status().is_ok_and(|status| status.success())
}

/// Starts a region's server, if it does not run.
pub(crate) fn start(lab: &Lab, region: Role) -> Result<()> {
    if daemon::running(lab, &name(region)).is_none() {
        let data = lab.data(region);
        if daemon::postmaster(lab, region).is_none() {
            // A killed server may stay in the list of processes until its parent looks, and PostgreSQL takes what stands
            // there for one that runs.
            let _ = fs::remove_file(data.join("postmaster.pid"));
        }
        let mut argv = vec![text(&lab.programs.postgres.join("postgres")), "-D".to_owned(), text(&data)];
        argv.extend(["-c".to_owned(), format!("config_file={}", text(&lab.of(region, "postgresql.conf")))]);
        if lab.of(region, REJOINED).exists() {
            // It replays its own log and waits for more, from nobody: it can be read, and nothing can write to it.
            standby(lab, region)?;
            argv.extend(["-c", "primary_conninfo=", "-c", "restore_command="].map(str::to_owned));
        }
        let user = lab.postgres_user;
        daemon::start(lab, &Start { name: name(region), region: Some(region), argv, folder: &data, user })?;
    }
    let mut died = false;
    wait_until("starting PostgreSQL", START_WITHIN, || {
        died = daemon::running(lab, &name(region)).is_none();
        died || answers(lab, region)
    })?;
    if died {
        return Err(format!("PostgreSQL in {region} ended at once: {}", daemon::last_words(lab, &name(region))));
    }
    Ok(())
}

/// Ends a region's server in good order.
fn stop(lab: &Lab, region: Role) -> Result<()> {
    if let Some(running) = daemon::running(lab, &name(region)) {
        // "Fast": sessions are ended, everything is written.
        running.process.send(Signal::INT);
        wait_until("ending PostgreSQL", START_WITHIN, || !running.process.runs())?;
    }
    daemon::forget(lab, &name(region));
    Ok(())
}

/// Lets a region's server come back after it was lost: only as one that nobody can write to, if `fenced`.
pub(crate) fn rejoin(lab: &Lab, region: Role, fenced: bool) -> Result<()> {
    let mark = lab.of(region, REJOINED);
    if fenced {
        fs::write(&mark, "").map_err(|error| format!("{}: {error}", mark.display()))?;
    }
    start(lab, region)
}

/// Brings what was archived elsewhere while the region was lost into its archive: a hole in it ends every restore there.
pub(crate) fn catch_up(lab: &Lab, region: Role) -> Result<()> {
    let (own_archive, other) = (lab.archive(region), lab.archive(region.other()));
    let failed = |error: std::io::Error| format!("{}: {error}", own_archive.display());
    for entry in fs::read_dir(&other).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, here) = (entry.file_name(), own_archive.join(entry.file_name()));
        // What begins with a point is being written.
        if name.to_string_lossy().starts_with('.') || here.exists() {
            continue;
        }
        let part = own_archive.join(format!(".{}.caught-up", name.to_string_lossy()));
        fs::copy(entry.path(), &part).map_err(failed)?;
        own(lab, &part)?;
        fs::rename(&part, &here).map_err(failed)?;
    }
    Ok(())
}

/// Copies a server into a folder; with what it takes to follow it, if `follow`.
fn basebackup(lab: &Lab, source: &str, into: &Path, follow: bool) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).map_err(|error| format!("{}: {error}", into.display()))?;
    }
    let mut copy = program(lab, "pg_basebackup");
    // Who follows has a password of its own, in a file; a password in the environment would go before it.
    copy.env_remove("PGPASSWORD");
    copy.arg("-D").arg(into).args(["-X", "stream", "-c", "fast", "--no-sync", "-d", source]);
    if follow {
        copy.arg("-R");
    }
    done("pg_basebackup", &mut copy).map(|_| ())
}

/// Takes back what only this region's server has.
fn rewind(lab: &Lab, region: Role, source: &str) -> Result<()> {
    let mut rewind = program(lab, "pg_rewind");
    rewind.env_remove("PGPASSWORD");
    rewind.arg("-D").arg(lab.data(region)).args(["-R", "--no-sync"]);
    rewind.arg(format!("--config-file={}", text(&lab.of(region, "postgresql.conf"))));
    rewind.arg(format!("--source-server={source}"));
    done("pg_rewind", &mut rewind).map(|_| ())
}

/// Copies all of a region's data, from the server if it runs, else as it lies.
fn preserve(lab: &Lab, region: Role, into: &Path) -> Result<()> {
    if answers(lab, region) {
        return basebackup(lab, &source(lab, region), into, false);
    }
    if let Some(parent) = into.parent() {
        own_folder(lab, parent)?;
    }
    let mut copy = daemon::clean(lab, Path::new("cp"));
    daemon::keep_marks(&mut copy);
    copy.arg("-a").arg(lab.data(region)).arg(into);
    daemon::as_user(&mut copy, lab.postgres_user);
    done("cp", &mut copy).map(|_| ())
}

/// Prints a stretch of the log.
fn waldump(lab: &Lab, region: Role, stretch: [&str; 4]) -> Result<()> {
    let [from, to, first, last] = stretch;
    let mut dump = program(lab, "pg_waldump");
    dump.arg("-p").arg(lab.data(region).join("pg_wal")).args(["-s", from, "-e", to, first, last]);
    let failed = |error: std::io::Error| format!("pg_waldump: {error}");
    // What it lists is passed on as it comes.
    let out = dump.stderr(Stdio::piped()).spawn().and_then(std::process::Child::wait_with_output).map_err(failed)?;
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()) }
}

/// From now on no start of it takes writes.
fn standby(lab: &Lab, region: Role) -> Result<()> {
    let signal = lab.data(region).join("standby.signal");
    fs::write(&signal, "").map_err(|error| format!("{}: {error}", signal.display()))?;
    own(lab, &signal)
}

/// What Muster runs where the server lives.
pub(crate) fn host(lab: &Lab, region: Role, verb: Verb, arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (verb, arguments.as_slice()) {
        (Verb::Start, []) => start(lab, region)?,
        (Verb::Stop, []) => stop(lab, region)?,
        (Verb::Restart, []) => {
            stop(lab, region)?;
            start(lab, region)?;
        }
        (Verb::Status, []) => {
            let runs = daemon::running(lab, &name(region)).is_some();
            println!("{}", if runs { "running" } else { "not running" });
            return Ok(if runs { ExitCode::SUCCESS } else { NOT_RUNNING.into() });
        }
        (Verb::Standby, []) => standby(lab, region)?,
        (Verb::Rewind, [source]) => {
            rewind(lab, region, source)?;
            follows(lab, region);
        }
        (Verb::Basebackup, [source]) => {
            basebackup(lab, source, &lab.data(region), true)?;
            follows(lab, region);
        }
        (Verb::Preserve, [into]) => preserve(lab, region, Path::new(into))?,
        (Verb::Waldump, &[from, to, first, last]) => waldump(lab, region, [from, to, first, last])?,
        _ => return Err(format!("{verb:?} is not given these arguments: {arguments:?}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Forgets that the server came back fenced: from now on it follows.
fn follows(lab: &Lab, region: Role) {
    let _ = fs::remove_file(lab.of(region, REJOINED));
}

/// Frees what a killed server leaves in the kernel: a piece of shared memory, named in its data folder.
pub(crate) fn free_memory(lab: &Lab) {
    for region in Role::ALL {
        let written = fs::read_to_string(lab.data(region).join("postmaster.pid")).unwrap_or_default();
        if let Some(id) = written.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            // Gone already after an orderly end.
            let _ = Command::new("ipcrm").args(["-m", id]).output();
        }
    }
}
