//! A lab of a test's own, gone when the test ends, however it ends.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Far more than anything takes, so that a hang fails and a slow machine does not.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The lab's program, which cargo builds beside the tests.
pub(crate) fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/lab");
    assert!(program.is_file(), "{} is not built: `cargo build --example lab`", program.display());
    program
}

/// A lab in a folder that other users may pass through, as PostgreSQL's must.
pub(crate) struct Rig {
    parent: TempDir,
    pub(crate) settings: Value,
}

impl Rig {
    /// A place for a lab, which is not up yet.
    pub(crate) fn empty() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let parent = TempDir::with_prefix("muster-lab-").unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { parent, settings: Value::Null }
    }

    /// A lab that is up.
    pub(crate) fn up() -> Self {
        let mut rig = Self::empty();
        let out = rig.lab(&["up"]);
        assert!(out.status.success(), "{}", said(&out));
        rig.read_settings();
        rig
    }

    pub(crate) fn read_settings(&mut self) {
        let text = fs::read_to_string(self.folder().join("lab.json")).unwrap();
        self.settings = serde_json::from_str(&text).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.parent.path().join("lab")
    }

    pub(crate) fn infrastructure(&self) -> PathBuf {
        self.parent.path().join("lab.yaml")
    }

    /// The lab's program with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("--dir").arg(self.folder()).args(arguments);
        if arguments.first() == Some(&"up") {
            command.arg("--infra").arg(self.infrastructure());
        }
        command
    }

    /// What the lab's program said.
    pub(crate) fn lab(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The same, of a command that must end well.
    pub(crate) fn well(&self, arguments: &[&str]) -> String {
        let out = self.lab(arguments);
        assert!(out.status.success(), "{arguments:?}: {}", said(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    pub(crate) fn port(&self, of: &str) -> u16 {
        u16::try_from(self.settings["ports"][of].as_u64().unwrap()).unwrap()
    }

    /// A statement's answer from a region's PostgreSQL, asked as the administrator.
    pub(crate) fn sql(&self, address: &str, statement: &str) -> Result<String, String> {
        self.sql_in("app", address, statement)
    }

    /// The same in another database than the application's.
    pub(crate) fn sql_in(&self, database: &str, address: &str, statement: &str) -> Result<String, String> {
        let psql = Path::new(self.settings["programs"]["postgres"].as_str().unwrap()).join("psql");
        let out = Command::new(psql)
            .env("PGPASSWORD", self.settings["admin_password"].as_str().unwrap())
            .args(["-XAtq", "-h", address, "-p", &self.port("postgres").to_string(), "-U", "muster", "-d", database])
            .args(["-c", statement])
            .output()
            .unwrap();
        if out.status.success() {
            Ok(String::from_utf8(out.stdout).unwrap().trim().to_owned())
        } else {
            Err(said(&out))
        }
    }

    /// What one of the lab's name servers says, each answer on a line.
    pub(crate) fn dig(&self, server: &str, name: &str, kind: &str) -> Vec<String> {
        let port = self.port(server).to_string();
        let out =
            Command::new("kdig").args(["@127.0.0.1", "-p", &port, "+short", "+norec", name, kind]).output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
        let mut lines: Vec<String> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Changes the zone by another hand than Muster's.
    pub(crate) fn update(&self, lines: &str) {
        let file = self.folder().with_file_name("update");
        let head = format!("server 127.0.0.1 {}\nzone lab.test\n", self.port("names"));
        fs::write(&file, head + lines + "\n").unwrap();
        let key = format!("hmac-sha256:muster:{}", self.settings["key"].as_str().unwrap());
        let out = Command::new("knsupdate").arg("-y").arg(key).arg("-v").arg(file).output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
    }

    /// A region's server as who follows connects to it.
    pub(crate) fn source(&self, address: &str) -> String {
        let passfile = self.folder().join("replication.pgpass");
        let port = self.port("postgres");
        format!("host={address} port={port} user=replicator dbname=postgres passfile={}", passfile.display())
    }

    /// The status and text of an application server's answer.
    pub(crate) fn get(&self, address: &str, path: &str) -> (u16, String) {
        let mut connection = TcpStream::connect((address, self.port("app"))).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.trim().to_owned())
    }

    /// What the clients wrote down, oldest first.
    pub(crate) fn attempts(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("clients.jsonl")).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A repository's references in a region, as git says.
    pub(crate) fn refs(&self, region: &str, repository: &str) -> Vec<String> {
        let path = self.folder().join(region).join("repositories").join(repository);
        let out = Command::new("git").arg("-C").arg(path).arg("for-each-ref").output().unwrap();
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Every process whose environment or folder is this lab's.
    pub(crate) fn processes(&self) -> Vec<String> {
        let (folder, mark) = (self.folder(), format!("MUSTER_LAB={}", self.folder().display()));
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let marked = environment.split(|byte| *byte == 0).any(|one| one == mark.as_bytes());
            let inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|at| at.starts_with(&folder));
            if marked || inside {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        found
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.lab(&["down"]);
    }
}

/// Waits until `ready`, far longer than it takes.
pub(crate) fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All that a program said.
pub(crate) fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
