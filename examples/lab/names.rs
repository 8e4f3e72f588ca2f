//! Names: Knot DNS as the zone's primary, which takes signed updates, and as its second name server; Unbound as users'
//! caching resolver; and a question to any of them, asked as a program would.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::daemon::{self, Start};
use crate::world::{Lab, OUTSIDE, Role, TTL_S, ZONE, database_name, text, write_private};
use crate::{Result, wait_until};

/// The name of the key of updates and transfers.
pub(crate) const KEY_NAME: &str = "muster";
/// A server that does not answer after so long will not.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Starts all three.
pub(crate) fn start(lab: &Lab) -> Result<()> {
    let (first, second) = (lab.ports.names, lab.ports.second_names);
    knot(lab, "names", first, &zone(), "notify: [ second ]\n    acl: [ update, transfer ]")?;
    knot(lab, "second-names", second, "", "master: first\n    acl: [ notify ]")?;
    unbound(lab)?;
    for (name, port) in [("names", first), ("second-names", second), ("resolver", lab.ports.resolver)] {
        let at = SocketAddr::new(OUTSIDE, port);
        let mut died = false;
        wait_until(&format!("{name} answers on {at}"), START_WITHIN, || {
            died = daemon::running(lab, name).is_none();
            died || matches!(ask(at, &code(), Duration::from_millis(300)), Ok(answer) if !answer.0.is_empty())
        })?;
        if died {
            return Err(format!("{name} ended at once: {}", daemon::last_words(lab, name)));
        }
    }
    Ok(())
}

/// The application's name.
pub(crate) fn code() -> String {
    format!("code.{ZONE}")
}

/// The name of the repositories.
pub(crate) fn git() -> String {
    format!("git.{ZONE}")
}

fn zone() -> String {
    let home = Role::Primary.address();
    let mut records = format!(
        "$ORIGIN {ZONE}.
$TTL {TTL_S}
@ SOA ns1 hostmaster 1 3600 5 604800 {TTL_S}
@ NS ns1
@ NS ns2
ns1 A {OUTSIDE}
ns2 A {OUTSIDE}
status A {OUTSIDE}
code A {home}
git A {home}
"
    );
    for region in Role::ALL {
        let line = format!("{}. A {}\n", database_name(region), region.address());
        records.push_str(&line);
    }
    records
}

fn knot(lab: &Lab, name: &str, port: u16, zone: &str, role: &str) -> Result<()> {
    let folder = lab.folder.join(name);
    let made = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(format!("{ZONE}.zone")), zone));
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    if zone.is_empty() {
        // A second name server has what it is sent.
        let _ = fs::remove_file(folder.join(format!("{ZONE}.zone")));
    }
    let (path, key) = (text(&folder), &lab.key);
    let (first, second) = (lab.ports.names, lab.ports.second_names);
    let conf = format!(
        "server:
    rundir: {path}
    listen: {OUTSIDE}@{port}
    pidfile: {path}/knot.pid
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
log:
  - target: stderr
    any: warning
key:
  - id: {KEY_NAME}
    algorithm: hmac-sha256
    secret: {key}
remote:
  - id: first
    address: {OUTSIDE}@{first}
    key: {KEY_NAME}
  - id: second
    address: {OUTSIDE}@{second}
    key: {KEY_NAME}
acl:
  - id: update
    key: {KEY_NAME}
    action: update
  - id: transfer
    key: {KEY_NAME}
    action: transfer
  - id: notify
    key: {KEY_NAME}
    action: notify
database:
    storage: {path}
template:
  - id: default
    storage: {path}
    file: {ZONE}.zone
    semantic-checks: off
    # All changes stay on record, and not the last twenty alone: tests count them.
    journal-max-depth: 100000
zone:
  - domain: {ZONE}
    {role}
"
    );
    let file = folder.join("knot.conf");
    write_private(&file, &conf)?;
    let argv = vec![text(&lab.programs.knotd), "-c".to_owned(), text(&file)];
    daemon::start(lab, &Start { name: name.to_owned(), region: None, argv, folder: &folder, user: None }).map(|_| ())
}

fn unbound(lab: &Lab) -> Result<()> {
    let folder = lab.folder.join("resolver");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = text(&folder);
    let (port, first, second) = (lab.ports.resolver, lab.ports.names, lab.ports.second_names);
    // No root, no keys, no control: this resolver knows one zone and where it is served.
    let conf = format!(
        "server:
  interface: {OUTSIDE}@{port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-daemonize: no
  username: \"\"
  chroot: \"\"
  directory: \"{path}\"
  pidfile: \"\"
  use-syslog: no
  logfile: \"\"
  log-time-ascii: yes
  verbosity: 0
  num-threads: 1
  module-config: \"iterator\"
  do-not-query-localhost: no
  local-zone: \"test.\" nodefault
  cache-max-negative-ttl: 1
  hide-identity: yes
  root-hints: \"\"
stub-zone:
  name: \"{ZONE}.\"
  stub-addr: {OUTSIDE}@{first}
  stub-addr: {OUTSIDE}@{second}
remote-control:
  control-enable: no
"
    );
    let file = folder.join("unbound.conf");
    fs::write(&file, conf).map_err(|error| format!("{}: {error}", file.display()))?;
    let argv = vec![text(&lab.programs.unbound), "-d".to_owned(), "-c".to_owned(), text(&file)];
    let start = Start { name: "resolver".to_owned(), region: None, argv, folder: &folder, user: None };
    daemon::start(lab, &start).map(|_| ())
}

/// The A records of a name and the lowest TTL among them, as this server says now; one question, one answer.
pub(crate) fn ask(server: SocketAddr, name: &str, at_most: Duration) -> Result<(Vec<IpAddr>, u32)> {
    let failed = |error: std::io::Error| format!("{server}: {error}");
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed)?;
    socket.set_read_timeout(Some(at_most)).map_err(failed)?;
    socket.connect(server).map_err(failed)?;
    // The port that the system picks is what tells the answer from another's; the number need not be secret here.
    let id = socket.local_addr().map_err(failed)?.port();
    socket.send(&question(id, name)).map_err(failed)?;
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).map_err(failed)?;
    addresses(&answer[..length], id).ok_or_else(|| format!("{server} has no answer for {name}"))
}

fn question(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    // Recursion desired; one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(63));
        bytes.extend(label.as_bytes());
    }
    // The root; type A; class IN.
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// The addresses in an answer; `None` if it is none to `id`, or not whole.
fn addresses(bytes: &[u8], id: u16) -> Option<(Vec<IpAddr>, u32)> {
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    if number(0)? != id || bytes.get(3)? & 0x0f != 0 {
        return None;
    }
    let mut at = skip_name(bytes, 12)? + 4;
    let (mut found, mut lowest) = (Vec::new(), u32::MAX);
    for _ in 0..number(6)? {
        at = skip_name(bytes, at)?;
        let (kind, length) = (number(at)?, usize::from(number(at + 8)?));
        let data = bytes.get(at + 10..at + 10 + length)?;
        if let (1, [a, b, c, d]) = (kind, data) {
            found.push(Ipv4Addr::new(*a, *b, *c, *d).into());
            lowest = lowest.min(u32::from_be_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]));
        }
        at += 10 + length;
    }
    Some((found, lowest))
}

fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}
