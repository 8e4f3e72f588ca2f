//! Two real PostgreSQL servers, one following the other: up in about a second, since their data folders are copied from a
//! template, on free ports of the loopback interface, and gone with the value, whatever became of them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use muster::id::{RegionRole, ResourceId, RunId, StepId};
use muster::provider::postgres::{Postgres, PostgresBackups};
use muster::provider::process::RealProcesses;
use muster::resource::{Actor, Cancellation, Context, Errand};
use muster::secret::Redactor;
use muster::time::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where Debian keeps the programs that are on no path.
const BIN: &str = "/usr/lib/postgresql";

const CONF: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = on
wal_level = replica
wal_log_hints = on
hot_standby = on
wal_keep_size = 64MB
max_wal_size = 64MB
min_wal_size = 2MB
max_wal_senders = 6
max_connections = 40
shared_buffers = 8MB
wal_retrieve_retry_interval = 100ms
wal_receiver_status_interval = 1s
restart_after_crash = off
log_min_messages = warning
autovacuum = off
jit = off
";

const HBA: &str = "# the rules of a test
host all muster 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
";

/// A pair of servers.
pub(crate) struct Pair {
    folder: TempDir,
    ports: [u16; 2],
}

fn place(region: RegionRole) -> usize {
    usize::from(region == RegionRole::Secondary)
}

/// A program of PostgreSQL's, of the newest version that is here.
fn program(name: &str) -> String {
    let versions = fs::read_dir(BIN).into_iter().flatten().map(|entry| entry.unwrap().path().join("bin").join(name));
    let newest = versions.filter(|path| path.exists()).max();
    newest.map_or_else(|| name.to_owned(), |path| path.to_str().unwrap().to_owned())
}

/// What must stand before a program: PostgreSQL does not run as root.
fn prefix() -> Vec<String> {
    if rustix::process::geteuid().is_root() {
        ["runuser", "-u", "postgres", "--"].map(str::to_owned).to_vec()
    } else {
        Vec::new()
    }
}

fn argv(name: &str, arguments: &[&str]) -> Vec<String> {
    let mut argv = prefix();
    argv.push(if matches!(name, "sh" | "touch" | "cp" | "mkdir") { name.to_owned() } else { program(name) });
    argv.extend(arguments.iter().map(|one| (*one).to_owned()));
    argv
}

/// Runs a program, which must succeed, and gives its output.
#[track_caller]
fn run(argv: &[String]) -> String {
    let (ok, output) = tried(argv);
    assert!(ok, "{argv:?} failed: {output}");
    output
}

fn tried(argv: &[String]) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "servers are started as a person starts them")]
    let mut command = Command::new(&argv[0]);
    let output = command.args(&argv[1..]).current_dir("/tmp").stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    (output.status.success(), text.trim_end().to_owned())
}

/// Runs a program whose outputs its daemon may keep.
#[track_caller]
fn start_daemon(argv: &[String]) {
    #[expect(clippy::disallowed_methods, reason = "servers are started as a person starts them")]
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir("/tmp").stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{argv:?} failed");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A folder that PostgreSQL's user owns.
fn owned_folder(name: &str) -> TempDir {
    let folder = TempDir::with_prefix_in(name, "/tmp").unwrap();
    if rustix::process::geteuid().is_root() {
        let path = folder.path().to_str().unwrap().to_owned();
        run(&["chown".to_owned(), "postgres".to_owned(), path]);
    }
    folder
}

/// The folder with both servers' data as they are when a test begins, made once.
fn template() -> PathBuf {
    let user = if prefix().is_empty() { "own" } else { "postgres" };
    let version = run(&argv("postgres", &["--version"])).chars().filter(char::is_ascii_digit).collect::<String>();
    // A change of what is made here makes another one.
    let recipe =
        include_str!("postgres.rs").bytes().fold(5_381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    let wanted = std::env::temp_dir().join(format!("muster-test-pg-{user}-{version}-{recipe:08x}"));
    if wanted.exists() {
        return wanted;
    }
    let building = owned_folder("muster-template-");
    let path = |name: &str| building.path().join(name).to_str().unwrap().to_owned();
    let (primary, port) = (path("primary"), free_port());
    run(&argv(
        "initdb",
        &["-D", &primary, "-U", "postgres", "-A", "trust", "-N", "--wal-segsize=1", "-E", "UTF8", "--no-locale"],
    ));
    fs::write(building.path().join("primary/pg_hba.conf"), HBA).unwrap();
    let conf = building.path().join("primary/postgresql.conf");
    fs::write(&conf, format!("{}{CONF}", fs::read_to_string(&conf).unwrap())).unwrap();
    let log = path("log");
    start_daemon(&argv("pg_ctl", &["start", "-w", "-D", &primary, "-l", &log, "-o", &format!("-p {port}")]));
    let text = "CREATE ROLE muster SUPERUSER LOGIN PASSWORD 'pass-4711'; CREATE ROLE rep SUPERUSER REPLICATION LOGIN; \
                CREATE ROLE app LOGIN; CREATE ROLE boss SUPERUSER LOGIN; CREATE DATABASE app OWNER app";
    for statement in text.split("; ") {
        psql(port, "postgres", "postgres", statement).unwrap();
    }
    psql(port, "app", "app", "CREATE TABLE orders (n int PRIMARY KEY)").unwrap();
    let secondary = path("secondary");
    let from = format!("host=127.0.0.1 port={port} user=rep");
    run(&argv("pg_basebackup", &["-D", &secondary, "-d", &from, "-c", "fast", "-N", "-X", "stream"]));
    run(&argv("touch", &[&format!("{secondary}/standby.signal")]));
    run(&argv("pg_ctl", &["stop", "-w", "-m", "fast", "-D", &primary]));
    // Who is first wins; the other one's is as good.
    let _ = fs::rename(building.keep(), &wanted);
    wanted
}

fn psql(port: u16, user: &str, dbname: &str, text: &str) -> Result<String, String> {
    let port = port.to_string();
    let argv = [
        &program("psql"),
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-U",
        user,
        "-d",
        dbname,
        "-XAtqw",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        text,
    ]
    .map(str::to_owned);
    match tried(&argv) {
        (true, output) => Ok(output),
        (false, output) => Err(output),
    }
}

impl Pair {
    /// Both up; the secondary streams from the primary.
    pub(crate) fn up() -> Self {
        let pair = Self { folder: owned_folder("muster-pg-"), ports: [free_port(), free_port()] };
        let template = template();
        for region in RegionRole::ALL {
            let from = template.join(region.as_str());
            run(&argv("cp", &["-a", from.to_str().unwrap(), &pair.data(region)]));
        }
        let follow = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user=rep application_name=muster_secondary'\n",
            pair.ports[0]
        );
        fs::write(Path::new(&pair.data(RegionRole::Secondary)).join("postgresql.auto.conf"), follow).unwrap();
        pair.start(RegionRole::Primary);
        pair.start(RegionRole::Secondary);
        pair.until(RegionRole::Primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1");
        pair
    }

    pub(crate) fn data(&self, region: RegionRole) -> String {
        self.folder.path().join(region.as_str()).to_str().unwrap().to_owned()
    }

    pub(crate) fn folder(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn port(&self, region: RegionRole) -> u16 {
        self.ports[place(region)]
    }

    fn start_argv(&self, region: RegionRole) -> Vec<String> {
        let (data, log) = (self.data(region), self.folder(&format!("{region}.log")));
        // With nothing of Muster's environment: what carries that ends when Muster is killed.
        let mut words = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
            .map(str::to_owned)
            .to_vec();
        words.extend(argv(
            "pg_ctl",
            &["start", "-w", "-D", &data, "-l", &log, "-o", &format!("-p {}", self.port(region))],
        ));
        words
    }

    /// How a shell starts a server: with nothing of the environment, so that it is nobody's but its own.
    pub(crate) fn start_line(&self, region: RegionRole) -> String {
        let words = self.start_argv(region);
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        format!("{} >/dev/null 2>&1 </dev/null", quoted.join(" "))
    }

    pub(crate) fn start(&self, region: RegionRole) {
        start_daemon(&self.start_argv(region));
    }

    pub(crate) fn stop(&self, region: RegionRole) {
        run(&argv("pg_ctl", &["stop", "-w", "-m", "fast", "-D", &self.data(region)]));
    }

    pub(crate) fn restart(&self, region: RegionRole) {
        self.stop(region);
        self.start(region);
    }

    /// All processes of a server, the first one first.
    fn processes(&self, region: RegionRole) -> Vec<Pid> {
        let file = fs::read_to_string(Path::new(&self.data(region)).join("postmaster.pid")).unwrap_or_default();
        let Some(first) = file.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
            return Vec::new();
        };
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(first).chain(children).filter_map(Pid::from_raw).collect()
    }

    /// Sends a signal to each of a server's processes.
    pub(crate) fn signal(&self, region: RegionRole, signal: Signal) {
        for pid in self.processes(region) {
            let _ = kill_process(pid, signal);
        }
    }

    /// `kill -9`, and nothing of it is left.
    pub(crate) fn kill(&self, region: RegionRole) {
        let processes = self.processes(region);
        self.signal(region, Signal::KILL);
        let file = Path::new(&self.data(region)).join("postmaster.pid");
        while processes.iter().any(|pid| rustix::process::test_kill_process(*pid).is_ok() && !is_zombie(*pid)) {
            std::thread::yield_now();
        }
        let _ = fs::remove_file(file);
    }

    /// What `psql` prints, as a superuser in the application's database.
    #[track_caller]
    pub(crate) fn sql(&self, region: RegionRole, text: &str) -> String {
        self.psql(region, "postgres", "app", text).unwrap_or_else(|error| panic!("{region}: {text}: {error}"))
    }

    pub(crate) fn psql(&self, region: RegionRole, user: &str, dbname: &str, text: &str) -> Result<String, String> {
        psql(self.port(region), user, dbname, text)
    }

    /// A session of `user` that stands.
    pub(crate) fn session(&self, region: RegionRole, user: &str) -> Standing {
        let port = self.port(region).to_string();
        #[expect(clippy::disallowed_methods, reason = "an application is a program of its own")]
        let mut command = Command::new(program("psql"));
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", user, "-d", "app", "-XAtqw"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}' AND state = 'idle'");
        let standing = Standing(child);
        self.until(region, &count, "1");
        standing
    }

    /// Waits until a question has this answer.
    #[track_caller]
    pub(crate) fn until(&self, region: RegionRole, question: &str, answer: &str) {
        let mut last = String::new();
        for _ in 0..600 {
            last = self.psql(region, "postgres", "postgres", question).unwrap_or_else(|error| error);
            if last == answer {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{region}: {question} is {last}, not {answer}");
    }

    /// The settings of the database as an infrastructure file has them.
    pub(crate) fn settings(&self) -> Value {
        let password = self.folder("password");
        fs::write(&password, "pass-4711\n").unwrap();
        let region = |region: RegionRole| {
            let data = self.data(region);
            let port = self.port(region).to_string();
            json!({
                "host": "127.0.0.1", "port": self.port(region), "keep_in": self.folder("kept"), "slot": format!("muster_{region}"),
                "host_commands": {
                    "start": self.start_argv(region),
                    "stop": argv("pg_ctl", &["stop", "-w", "-m", "fast", "-D", &data]),
                    "status": argv("pg_ctl", &["status", "-D", &data]),
                    "standby": argv("touch", &[&format!("{data}/standby.signal")]),
                    "rewind": argv("pg_rewind", &["-D", &data, "--source-server={source}", "--no-sync"]),
                    "basebackup": argv("sh", &["-c", "rm -rf \"$1\" && \"$3\" -D \"$1\" -d \"$2\" -c fast -N", "sh", &data, "{source}", &program("pg_basebackup")]),
                    "preserve": argv("pg_basebackup", &["-D", "{into}", "-h", "127.0.0.1", "-p", &port, "-U", "rep", "-c", "fast", "-N"]),
                    "waldump": argv("pg_waldump", &["-p", &format!("{data}/pg_wal"), "-s", "{from}", "-e", "{to}", "{first_segment}", "{last_segment}"]),
                },
            })
        };
        json!({
            "dbname": "app", "user": "muster", "password": { "file": password }, "timeout": "2s",
            "replication": { "user": "rep" },
            "regions": { "primary": region(RegionRole::Primary), "secondary": region(RegionRole::Secondary) },
        })
    }

    /// The provider, as `change` has its settings.
    pub(crate) fn provider(&self, change: impl FnOnce(&mut Value)) -> Postgres {
        let mut settings = self.settings();
        change(&mut settings);
        let settings = serde_json::from_value(settings).unwrap();
        let id = ResourceId::new("main").unwrap();
        Postgres::new(id, settings, Arc::new(RealProcesses::default()), Redactor::default())
    }
}

/// A session that stands until it is told its last statement.
pub(crate) struct Standing(Child);

impl Standing {
    /// Tells it, and gives all that it said to its end.
    pub(crate) fn says(mut self, statement: &str) -> String {
        // One that was ended takes nothing more.
        let _ = self.0.stdin.take().unwrap().write_all(statement.as_bytes());
        let output = self.0.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Pair {
    /// Has the primary archive its log from now on.
    pub(crate) fn archive(&self) {
        let archive = self.folder("archive");
        for folder in ["archive", "backups", "scratch"] {
            run(&argv("mkdir", &[&self.folder(folder)]));
        }
        self.sql(RegionRole::Primary, "ALTER SYSTEM SET archive_mode = on");
        self.sql(RegionRole::Primary, &format!("ALTER SYSTEM SET archive_command = 'cp %p {archive}/%f'"));
        self.restart(RegionRole::Primary);
    }

    /// Writes a file that only the server's user may read, as it demands of a key.
    pub(crate) fn put(path: &str, text: &str) {
        run(&argv("sh", &["-c", "umask 077; printf %s \"$2\" > \"$1\"", "sh", path, text]));
    }

    /// Makes a file whose writers wait until somebody reads it.
    pub(crate) fn pipe(path: &str) {
        run(&argv("sh", &["-c", "mkfifo \"$1\"", "sh", path]));
    }

    /// Waits until all of the log up to here is archived.
    pub(crate) fn until_archived(&self) {
        let last = self.sql(RegionRole::Primary, "SELECT pg_walfile_name(pg_switch_wal())");
        let there = format!("SELECT coalesce(last_archived_wal, '') >= '{last}' FROM pg_stat_archiver");
        self.until(RegionRole::Primary, &there, "t");
    }

    /// Takes a base backup.
    pub(crate) fn base_backup(&self, name: &str) {
        let (into, port) = (format!("{}/{name}", self.folder("backups")), self.port(RegionRole::Primary).to_string());
        run(&argv("pg_basebackup", &["-D", &into, "-h", "127.0.0.1", "-p", &port, "-U", "rep", "-c", "fast", "-N"]));
    }

    /// Takes a base backup as packed files.
    pub(crate) fn packed_base_backup(&self, name: &str) {
        let (into, port) = (format!("{}/{name}", self.folder("backups")), self.port(RegionRole::Primary).to_string());
        let arguments: [&str; 13] =
            ["-F", "t", "-D", &into, "-h", "127.0.0.1", "-p", &port, "-U", "rep", "-c", "fast", "-N"];
        run(&argv("pg_basebackup", &arguments));
    }

    /// The settings of the backups as an infrastructure file has them.
    pub(crate) fn backup_settings(&self) -> Value {
        let mut settings = json!({
            "scratch": self.folder("scratch"), "run_as": prefix(), "timeout": "60s",
            "regions": {
                "primary": { "backups": self.folder("backups"), "archive": self.folder("archive") },
                "secondary": { "backups": self.folder("nowhere"), "archive": self.folder("nowhere") },
            },
        });
        if let Some(bin) = Path::new(&program("postgres")).parent().filter(|bin| bin.is_absolute()) {
            settings["programs"] = bin.to_str().unwrap().into();
        }
        settings
    }

    /// The backups, as `change` has their settings.
    pub(crate) fn backups(&self, change: impl FnOnce(&mut Value)) -> PostgresBackups {
        let mut settings = self.backup_settings();
        change(&mut settings);
        let database = serde_json::from_value(self.settings()).unwrap();
        let id = ResourceId::new("snapshots").unwrap();
        let settings = serde_json::from_value(settings).unwrap();
        PostgresBackups::new(id, settings, Some(database), Arc::new(RealProcesses::default()), Redactor::default())
    }

    /// What a scratch server says.
    pub(crate) fn scratch(&self, name: &str, text: &str) -> String {
        let socket = format!("{}/{name}", self.folder("scratch"));
        run(&[&program("psql"), "-h", &socket, "-p", "5432", "-U", "postgres", "-d", "app", "-XAtqwc", text]
            .map(str::to_owned))
    }
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']) || rest.is_empty())
}

impl Drop for Pair {
    fn drop(&mut self) {
        // Scratch servers that a test did not come to remove.
        for scratch in fs::read_dir(self.folder("scratch")).into_iter().flatten().flatten() {
            let first = fs::read_to_string(scratch.path().join("data/postmaster.pid")).unwrap_or_default();
            if let Some(pid) = first.lines().next().and_then(|line| Pid::from_raw(line.trim().parse().ok()?)) {
                let _ = kill_process(pid, Signal::QUIT);
            }
        }
        for region in RegionRole::ALL {
            self.signal(region, Signal::CONT);
            self.signal(region, Signal::KILL);
        }
    }
}

/// A call on behalf of a run.
pub(crate) fn context(clock: &Clock, run: &str) -> Context {
    Context {
        run: RunId::new(run).unwrap(),
        actor: Actor::Step(StepId::new("step").unwrap()),
        attempt: 1,
        errand: Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}
