//! Two real name servers, Knot DNS, on loopback: a primary that takes signed updates, and a secondary fed by zone
//! transfer. The standard library only, as tests of several crates share it.
#![allow(dead_code, clippy::disallowed_methods, reason = "a vocabulary for tests; servers are programs of their own")]

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The secrets of the keys `muster` (hmac-sha256), `muster-512` (hmac-sha512), and `reader`, which may change nothing.
pub(crate) const SECRET: &str = "c2VjcmV0IG9mIHRoZSBrZXkgbXVzdGVyLCAzMiBieXRlcyE=";

/// How the secondary hears of changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secondary {
    /// At once.
    Notified,
    /// Not within any test.
    Stuck,
}

/// Both servers; they end with this.
pub(crate) struct Pair {
    servers: Vec<Child>,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Drop for Pair {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Pair {
    /// Starts both with these records in the zone `lab.test` and waits until both answer. Somebody else may take the
    /// port in between: then on another.
    pub(crate) fn start(records: &str, secondary: Secondary) -> Self {
        (0..5).find_map(|_| Self::try_start(records, secondary)).expect("knotd answers on one of five ports")
    }

    fn try_start(records: &str, secondary: Secondary) -> Option<Self> {
        let folder = TempDir::with_prefix("muster-knot-").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        // Both addresses, both ways.
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.2", port)).is_ok()
            && UdpSocket::bind(("127.0.0.2", port)).is_ok();
        drop(udp);
        if !free {
            return None;
        }
        let mut pair = Self { servers: Vec::new(), folder, port };
        let zone = format!(
            "$ORIGIN lab.test.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.2\n{records}\n"
        );
        let notify = if secondary == Secondary::Notified { "    notify: other\n" } else { "" };
        let keys: String = [("muster", "hmac-sha256"), ("muster-512", "hmac-sha512"), ("reader", "hmac-sha256")]
            .map(|(id, algorithm)| format!("  - id: {id}\n    algorithm: {algorithm}\n    secret: {SECRET}\n"))
            .concat();
        let primary = format!(
            "key:\n{keys}remote:\n  - id: other\n    address: 127.0.0.2@{port}\nacl:\n  - id: update\n    key: [muster, muster-512]\n    action: update\n  - id: copy\n    address: 127.0.0.0/8\n    action: transfer\nzone:\n  - domain: lab.test\n    storage: \"STORAGE\"\n    file: lab.test.zone\n    zonefile-sync: -1\n    acl: [update, copy]\n{notify}"
        );
        let copy = format!(
            "remote:\n  - id: other\n    address: 127.0.0.1@{port}\nacl:\n  - id: told\n    address: 127.0.0.0/8\n    action: notify\nzone:\n  - domain: lab.test\n    storage: \"STORAGE\"\n    file: lab.test.zone\n    master: other\n    acl: told\n"
        );
        let first = pair.storage("primary");
        std::fs::write(first.join("lab.test.zone"), zone).unwrap();
        pair.serve("127.0.0.1", &first, &primary);
        pair.until_answers("127.0.0.1")?;
        let second = pair.storage("secondary");
        pair.serve("127.0.0.2", &second, &copy);
        pair.until_answers("127.0.0.2")?;
        Some(pair)
    }

    fn storage(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    fn serve(&mut self, address: &str, storage: &Path, rest: &str) {
        let place = storage.display().to_string();
        let config = format!(
            "server:\n    rundir: \"{place}\"\n    listen: {address}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\ndatabase:\n    storage: \"{place}\"\n    journal-db-max-size: 10M\n    kasp-db-max-size: 5M\n    timer-db-max-size: 1M\n{}",
            self.port,
            rest.replace("STORAGE", &place)
        );
        let file = storage.join("knot.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(storage.join("log")).unwrap();
        let server = Command::new("knotd")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("knotd is installed");
        self.servers.push(server);
    }

    /// Waits until a server answers with authority; `None` if it has ended.
    fn until_answers(&mut self, address: &str) -> Option<()> {
        for _ in 0..600 {
            if answers((address, self.port), false) {
                return Some(());
            }
            if self.servers.last_mut().unwrap().try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// A caching resolver that asks both servers for `lab.test`.
    pub(crate) fn unbound(&self) -> Unbound {
        (0..5).find_map(|n| self.try_unbound(n)).expect("unbound answers on one of five ports")
    }

    fn try_unbound(&self, n: u32) -> Option<Unbound> {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "server:\n  interface: 127.0.0.1@{port}\n  port: {port}\n  do-daemonize: no\n  use-syslog: no\n  logfile: \"\"\n  username: \"\"\n  chroot: \"\"\n  directory: \"{place}\"\n  pidfile: \"\"\n  num-threads: 1\n  do-ip6: no\n  module-config: \"iterator\"\n  do-not-query-localhost: no\n  local-zone: \"test.\" transparent\nremote-control:\n  control-enable: no\nstub-zone:\n  name: \"lab.test\"\n  stub-addr: 127.0.0.1@{own}\n",
            place = self.folder.path().display(),
            own = self.port
        );
        let file = self.folder.path().join(format!("unbound-{n}.conf"));
        std::fs::write(&file, config).unwrap();
        let child = Command::new("unbound")
            .args(["-d", "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unbound is installed");
        let mut unbound = Unbound { child, port };
        for _ in 0..600 {
            if answers(("127.0.0.1", port), true) {
                return Some(unbound);
            }
            if unbound.child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn secondary(&self) -> String {
        format!("127.0.0.2:{}", self.port)
    }

    /// Writes a key file; gives its path.
    pub(crate) fn key_file(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("tsig.secret");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What another person types into knsupdate.
    pub(crate) fn by_hand(&self, commands: &str) {
        let script = self.folder.path().join("by-hand");
        let text = format!("server 127.0.0.1 {}\nzone lab.test.\n{commands}\nsend\nquit\n", self.port);
        std::fs::write(&script, text).unwrap();
        let key = format!("hmac-sha256:muster:{SECRET}");
        let done = Command::new("knsupdate").args(["-y", &key]).arg(&script).output().expect("knsupdate is installed");
        assert!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// What a server answers for a name, as kdig prints it: TTL and value a line, sorted.
    pub(crate) fn dig(&self, server: &str, name: &str, kind: &str) -> Vec<String> {
        let done = Command::new("kdig")
            .args([&format!("@{server}"), "-p", &self.port.to_string(), "+norec", "+noall", "+answer", name, kind])
            .output()
            .expect("kdig is installed");
        let text = String::from_utf8(done.stdout).unwrap();
        let line = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {}", words[1], words[4..].join(" "))
        };
        let mut lines: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(line).collect();
        lines.sort();
        lines
    }
}

/// A caching resolver; it ends with this.
pub(crate) struct Unbound {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody has the zone's SOA record: with authority, or by recursion.
fn answers(server: (&str, u16), recursion: bool) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut question = *b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x03lab\x04test\0\0\x06\0\x01";
    question[2] = u8::from(recursion);
    let mut answer = [0_u8; 512];
    socket.send_to(&question, server).is_ok()
        && socket.recv(&mut answer).is_ok()
        // The right one, no error, one answer; with authority (AA) where that is meant.
        && answer[..2] == question[..2]
        && (recursion || answer[2] & 4 != 0)
        && answer[3].trailing_zeros() >= 4
        && answer[7] == 1
}
