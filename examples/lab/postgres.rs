//! PostgreSQL: a primary with an archive of its log, and a standby that streams from it.
//!
//! What differs from region to region (address, archive) is in files outside the data folder, because `pg_rewind` and
//! base backups copy everything inside. There are no Unix sockets: users, Muster and the standby come the same way.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::Signal;

use crate::daemon::{self, Start};
use crate::world::{ADMIN, APP_USER, DATABASE, Lab, Role, text, write_private};
use crate::{Result, wait_until};

/// A server that does not answer after so long will not.
const START_WITHIN: Duration = Duration::from_secs(60);
/// What `status` exits with when the server does not run, as `pg_ctl` does.
const NOT_RUNNING: u8 = 3;
/// Stands in a region's folder while its server may only come back as one that can't be written to.
const REJOINED: &str = "rejoined-fenced";

/// What Muster asks of a region's server, where it lives.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Verb {
    Start,
    Stop,
    Restart,
    Status,
    Rewind,
    Basebackup,
}

fn name(region: Role) -> String {
    format!("{region}-postgres")
}

/// A program of PostgreSQL's, run as its user, knowing the administrator's password.
fn program(lab: &Lab, name: &str) -> Command {
    let mut command = daemon::clean(lab, &lab.programs.postgres.join(name));
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
    basebackup(lab, Role::Secondary)?;
    start(lab, Role::Secondary)
}

/// Writes a region's settings, and its folders.
fn settings(lab: &Lab, region: Role) -> Result<()> {
    let archive = lab.archive(region);
    own_folder(lab, &lab.of(region, ""))?;
    own_folder(lab, &archive)?;
    own_folder(lab, &lab.of(region, "backups"))?;
    let (archive, data, address) = (text(&archive), text(&lab.data(region)), region.address());
    let hba = lab.of(region, "pg_hba.conf");
    let port = lab.ports.postgres;
    // A segment appears under its name only whole, and is never overwritten.
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
archive_command = 'test ! -f {archive}/%f && cp %p {archive}/.%f.part && mv {archive}/.%f.part {archive}/%f'
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
    let access = "host all all 127.0.0.0/8 scram-sha-256\nhost replication muster 127.0.0.0/8 scram-sha-256\n";
    for (path, content) in [(lab.of(region, "postgresql.conf"), conf.as_str()), (hba, access)] {
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        own(lab, &path)?;
    }
    Ok(())
}

/// How to reach a region's server, for PostgreSQL's own programs.
fn connection(lab: &Lab, region: Role) -> String {
    format!("host={} port={} user={ADMIN} application_name={}", region.address(), lab.ports.postgres, region.other())
}

/// Runs statements as the administrator, each by itself; says what the last one gave.
pub(crate) fn sql(lab: &Lab, region: Role, database: &str, statements: &[&str]) -> Result<String> {
    let mut psql = program(lab, "psql");
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d"]);
    psql.arg(format!("{} dbname={database}", connection(lab, region)));
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
        let mut argv = vec![text(&lab.programs.postgres.join("postgres")), "-D".to_owned(), text(&data)];
        argv.extend(["-c".to_owned(), format!("config_file={}", text(&lab.of(region, "postgresql.conf")))]);
        if lab.of(region, REJOINED).exists() {
            // It replays its own log and waits for more, from nobody: it can be read, and nothing can write to it.
            fs::write(data.join("standby.signal"), "").map_err(|error| format!("standby.signal: {error}"))?;
            own(lab, &data.join("standby.signal"))?;
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

/// Copies the other region's server, to follow it.
fn basebackup(lab: &Lab, region: Role) -> Result<()> {
    let data = lab.data(region);
    if data.exists() {
        fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    }
    let mut copy = program(lab, "pg_basebackup");
    copy.arg("-D").arg(&data).args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d"]);
    copy.arg(connection(lab, region.other()));
    done("pg_basebackup", &mut copy).map(|_| ())
}

/// Takes back what only this region's server has and makes it follow the other one.
fn rewind(lab: &Lab, region: Role) -> Result<()> {
    // The source's control file tells its timeline only from the next checkpoint on.
    sql(lab, region.other(), "postgres", &["CHECKPOINT"])?;
    let mut rewind = program(lab, "pg_rewind");
    rewind.arg("-D").arg(lab.data(region)).args(["-R", "--no-sync"]);
    rewind.arg(format!("--config-file={}", text(&lab.of(region, "postgresql.conf"))));
    rewind.arg(format!("--source-server={} dbname=postgres", connection(lab, region.other())));
    done("pg_rewind", &mut rewind).map(|_| ())
}

/// Forgets that the server came back fenced: from now on it follows.
fn follows(lab: &Lab, region: Role) {
    let _ = fs::remove_file(lab.of(region, REJOINED));
}

/// What Muster runs where the server lives.
pub(crate) fn host(lab: &Lab, region: Role, verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Start => start(lab, region)?,
        Verb::Stop => stop(lab, region)?,
        Verb::Restart => {
            stop(lab, region)?;
            start(lab, region)?;
        }
        Verb::Status => {
            let runs = daemon::running(lab, &name(region)).is_some();
            println!("{}", if runs { "running" } else { "not running" });
            return Ok(if runs { ExitCode::SUCCESS } else { NOT_RUNNING.into() });
        }
        Verb::Rewind => {
            stop(lab, region)?;
            rewind(lab, region)?;
            follows(lab, region);
            start(lab, region)?;
        }
        Verb::Basebackup => {
            stop(lab, region)?;
            basebackup(lab, region)?;
            follows(lab, region);
            start(lab, region)?;
        }
    }
    Ok(ExitCode::SUCCESS)
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
