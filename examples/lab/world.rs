//! What the lab consists of: its two regions, its ports and where each thing lies in its folder. Written once by `up`
//! as `lab.json`, read by everything else.

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::Result;

/// The zone of all names.
pub(crate) const ZONE: &str = "lab.test";
/// Whose rows are the application's.
pub(crate) const DATABASE: &str = "app";
/// Who administers PostgreSQL: Muster, and replication.
pub(crate) const ADMIN: &str = "muster";
/// The application's own user, with no right to undo a fence.
pub(crate) const APP_USER: &str = "app";
/// How long resolvers keep an address.
pub(crate) const TTL_S: u32 = 5;
/// Application servers that a region can run.
pub(crate) const CAPACITY: u32 = 4;
/// Ports are drawn from here on, so many: below those that systems give out by themselves.
const FIRST_PORT: u16 = 10_240;
const PORTS: u16 = 22_000;
/// Where name servers, resolver, clients and the status hook are.
pub(crate) const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A region's role at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Serves when the lab is new.
    Primary,
    /// Stands by.
    Secondary,
}

impl Role {
    pub(crate) const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }

    /// Its address.
    pub(crate) fn address(self) -> IpAddr {
        match self {
            Self::Primary => Ipv4Addr::new(127, 0, 10, 1).into(),
            Self::Secondary => Ipv4Addr::new(127, 0, 20, 1).into(),
        }
    }

    /// What it is called in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "lab-a",
            Self::Secondary => "lab-b",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

/// The ports, chosen at `up`. Those of the application and of git are the same in both regions, because a name has
/// one port wherever it points.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) app: u16,
    pub(crate) git: u16,
    pub(crate) postgres: u16,
    /// The primary name server, which takes updates.
    pub(crate) names: u16,
    /// The second name server, fed by zone transfer.
    pub(crate) second_names: u16,
    /// Users' caching resolver.
    pub(crate) resolver: u16,
    /// The status hook, which is the witness too.
    pub(crate) outside: u16,
}

/// Programs, found by `up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Programs {
    /// The folder of PostgreSQL's.
    pub(crate) postgres: PathBuf,
    pub(crate) knotd: PathBuf,
    pub(crate) unbound: PathBuf,
    pub(crate) git: PathBuf,
    pub(crate) git_http_backend: PathBuf,
}

/// The lab as `up` made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lab {
    /// Everything is in it.
    pub(crate) folder: PathBuf,
    /// Where the infrastructure file was written.
    pub(crate) infrastructure: PathBuf,
    pub(crate) ports: Ports,
    pub(crate) programs: Programs,
    /// Whom PostgreSQL runs as, where that is not the user who runs the lab: user and group.
    pub(crate) postgres_user: Option<(u32, u32)>,
    pub(crate) admin_password: String,
    pub(crate) app_password: String,
    pub(crate) replicator_password: String,
    /// The key of dynamic updates, in base64.
    pub(crate) key: String,
    /// Between two writes of the clients.
    pub(crate) client_pause_ms: u64,
}

impl Lab {
    /// The lab of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("lab.json");
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("there is no lab in {} ({error}); start one with `up`", folder.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{} can't be read: {error}", path.display()))
    }

    /// Writes it down, for its owner's eyes only.
    pub(crate) fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        write_private(&self.folder.join("lab.json"), &text)
    }

    /// A file or folder of a region.
    pub(crate) fn of(&self, region: Role, name: &str) -> PathBuf {
        self.folder.join(region.to_string()).join(name)
    }

    /// PostgreSQL's data.
    pub(crate) fn data(&self, region: Role) -> PathBuf {
        self.of(region, "postgres")
    }

    /// PostgreSQL's archived log.
    pub(crate) fn archive(&self, region: Role) -> PathBuf {
        self.of(region, "archive")
    }

    /// The bare repositories.
    pub(crate) fn repositories(&self, region: Role) -> PathBuf {
        self.of(region, "repositories")
    }

    /// One program's log.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("log").join(format!("{name}.log"))
    }

    /// The lab's own program, in its folder so that a new build does not change a lab that runs.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("bin").join("lab")
    }

    /// The resolver's address.
    pub(crate) fn resolver(&self) -> SocketAddr {
        SocketAddr::new(OUTSIDE, self.ports.resolver)
    }

    /// The argv of one of the lab's own subcommands.
    pub(crate) fn command(&self, arguments: &[&str]) -> Vec<String> {
        let mut argv = vec![text(&self.program()), "--dir".to_owned(), text(&self.folder)];
        argv.extend(arguments.iter().map(|one| (*one).to_owned()));
        argv
    }
}

/// A path as text; the lab's folder was checked to be UTF-8.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The database's name of a region, by which its applications connect.
pub(crate) fn database_name(region: Role) -> String {
    format!("db-{}.{ZONE}", region.name())
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{} can't be written: {error}", path.display()))
}

/// The ports of a new lab: free ones, each on all addresses that use it.
pub(crate) fn free_ports(app: Option<u16>) -> Result<Ports> {
    let regions = Role::ALL.map(Role::address);
    let outside = [OUTSIDE];
    // Kept open until all are chosen, so that no port is given twice.
    let mut held = Vec::new();
    let app = match app {
        Some(port) => hold(port, &regions, &mut held).map_err(|why| {
            format!("port {port}, which --app-port asks for, can't be used: {why}. Nothing was started")
        })?,
        None => choose(&regions, &mut held)?,
    };
    Ok(Ports {
        app,
        git: choose(&regions, &mut held)?,
        postgres: choose(&regions, &mut held)?,
        names: choose(&outside, &mut held)?,
        second_names: choose(&outside, &mut held)?,
        resolver: choose(&outside, &mut held)?,
        outside: choose(&outside, &mut held)?,
    })
}

/// Sockets that keep a port from being chosen twice.
type Held = Vec<(TcpListener, UdpSocket)>;

fn hold(port: u16, addresses: &[IpAddr], held: &mut Held) -> Result<u16> {
    for address in addresses {
        let at = SocketAddr::new(*address, port);
        let tcp = TcpListener::bind(at).map_err(|error| format!("{at}: {error}"))?;
        let udp = UdpSocket::bind(at).map_err(|error| format!("{at}: {error}"))?;
        held.push((tcp, udp));
    }
    Ok(port)
}

fn choose(addresses: &[IpAddr], held: &mut Held) -> Result<u16> {
    // Not one that the system would pick: those it also gives to whoever connects to anything, at any moment.
    let first = SocketAddr::new(addresses[0], 0);
    TcpListener::bind(first).map_err(|error| no_address(first.ip(), &error))?;
    let mut last = String::new();
    for _ in 0..100 {
        let drawn: [u8; 2] = random()?;
        let port = FIRST_PORT + u16::from_be_bytes(drawn) % PORTS;
        match hold(port, addresses, held) {
            Ok(port) => return Ok(port),
            Err(why) => last = why,
        }
    }
    Err(format!("no free port was found: {last}"))
}

/// Bytes that nobody foretells.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map(|()| bytes).map_err(|error| format!("/dev/urandom: {error}"))
}

fn no_address(address: IpAddr, error: &std::io::Error) -> String {
    format!(
        "nothing can listen on {address} ({error}). On macOS such an address must be added first: \
         sudo ifconfig lo0 alias {address}"
    )
}
