//! What the provider `postgres` is told, for databases and for their backups. `docs/providers/postgres.md` has it for
//! people.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::by_type;
use crate::catalogue::Period;
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId};
use crate::secret::SecretSource;
use crate::time::Span;
use crate::yaml::{Node, Value};

pub use crate::resource::SslMode;

/// The first line of a fence in `pg_hba.conf`.
pub const FENCE_BEGIN: &str = "# >>> fenced by muster: everybody but replication and muster itself is refused";
/// Its last line.
pub const FENCE_END: &str = "# <<< fenced by muster";

/// How the standby of a region follows the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// The role that a standby connects with.
    pub user: String,
    /// More of the connection string that a standby uses: `passfile=/etc/postgresql/replication.pgpass sslmode=require`.
    #[serde(default)]
    pub options: String,
}

/// Programs that are run where a region's server lives: each an argv, started by Muster itself, so `[ssh, db1, …]` where
/// it lives elsewhere. `{…}` stands for what is known only then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostCommands {
    /// Starts the server and waits until it takes connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// Stops it in good order (fast) and waits until it has stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Exit 0: it runs; 3: it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// Stops and starts it; for people, Muster uses the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
    /// Marks the data folder of a stopped server as a standby's, so that no start of it takes writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standby: Vec<String>,
    /// Rewinds the data folder to what `{source}` (a connection string) has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewind: Vec<String>,
    /// Replaces the data folder by a fresh base backup of `{source}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basebackup: Vec<String>,
    /// Copies the data, the log included, into the new folder `{into}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserve: Vec<String>,
    /// Prints the log's records from `{from}` to `{to}` on `{timeline}`, in the files `{first_segment}` to `{last_segment}`,
    /// as `pg_waldump` does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waldump: Vec<String>,
}

/// One region's server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it is reached by Muster: a name or an address.
    pub host: String,
    /// Its port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Where the other region's server reaches it, if that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_host: Option<String>,
    /// The port there, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_port: Option<u16>,
    /// The replication slot that this server uses at the other one, made when it is missing; unstated: the one that its own
    /// settings name, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The folder, where the server lives, under which `data.preserve` keeps its copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_in: Option<String>,
    /// Programs that are run where it lives.
    #[serde(default)]
    pub host_commands: HostCommands,
}

impl Server {
    /// Where the other region's server reaches it.
    #[must_use]
    pub fn for_peer(&self) -> (&str, u16) {
        (self.replication_host.as_deref().unwrap_or(&self.host), self.replication_port.unwrap_or(self.port))
    }
}

/// Both regions' servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Servers {
    /// The primary region's.
    pub primary: Server,
    /// The secondary region's.
    pub secondary: Server,
}

impl Servers {
    /// The server of `role`.
    #[must_use]
    pub fn of(&self, role: RegionRole) -> &Server {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Secondary => &self.secondary,
        }
    }
}

/// A database of `PostgreSQL` servers, one in each region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresDatabase {
    /// The database that the application uses.
    pub dbname: String,
    /// The database from which Muster sees to the server; its fence lets Muster alone into it.
    #[serde(default = "default_maintenance")]
    pub maintenance: String,
    /// Muster's own role; nobody else may use it.
    #[serde(default = "default_user")]
    pub user: String,
    /// Its password; unstated: what the password file has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// The password file; unstated: `PGPASSFILE`, or `~/.pgpass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passfile: Option<PathBuf>,
    /// How connections are secured.
    #[serde(default)]
    pub sslmode: SslMode,
    /// The certificates of the authorities that are known, in PEM; `system`: those that the machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sslrootcert: Option<PathBuf>,
    /// How long a connection, or a look at a server, may take.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How long a program of `host_commands` may run.
    #[serde(default = "default_command_timeout")]
    pub command_timeout: Period,
    /// How standbys follow; unstated: as `rewind` and `basebackup` set them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// The servers.
    pub regions: Servers,
}

/// One region's archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The folder with one folder for each base backup.
    pub backups: PathBuf,
    /// The folder into which `archive_command` puts the log.
    pub archive: PathBuf,
    /// Exit 0: the base backup `{backup}` is encrypted. Unstated: it is if its folder has a file `ENCRYPTED`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encrypted: Vec<String>,
}

/// Both regions' archives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archives {
    /// The primary region's.
    pub primary: Archive,
    /// The secondary region's.
    pub secondary: Archive,
}

impl Archives {
    /// The archive of `role`.
    #[must_use]
    pub fn of(&self, role: RegionRole) -> &Archive {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Secondary => &self.secondary,
        }
    }
}

/// The backups of a `PostgreSQL` server, as folders that Muster can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresBackup {
    /// The database resource whose canary's rows prove a restore; unstated: the only one that `postgres` provides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<ResourceId>,
    /// The folder under which scratch servers are made.
    pub scratch: PathBuf,
    /// The folder of `PostgreSQL`'s programs; unstated: they are on the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<PathBuf>,
    /// What stands before each program, such as `[runuser, -u, postgres, --]`: `PostgreSQL` refuses to run as root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_as: Vec<String>,
    /// How long a restore may take.
    #[serde(default = "default_restore_timeout")]
    pub timeout: Period,
    /// The archives.
    pub regions: Archives,
}

fn default_port() -> u16 {
    5432
}

fn default_maintenance() -> String {
    "postgres".to_owned()
}

fn default_user() -> String {
    "muster".to_owned()
}

fn default_timeout() -> Period {
    Period(Span::from_secs(3))
}

fn default_command_timeout() -> Period {
    Period(Span::from_secs(3600))
}

fn default_restore_timeout() -> Period {
    Period(Span::from_secs(3600))
}

/// Tells what is wrong with a database's settings.
pub(super) fn check_database(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    by_type::<PostgresDatabase>(settings, diagnostics);
    let text = |key: &str| match settings.get(key).map(|node| &node.value) {
        Some(Value::Scalar(scalar)) => Some(scalar.text.clone()),
        _ => None,
    };
    let maintenance = text("maintenance").unwrap_or_else(default_maintenance);
    if text("dbname").is_some_and(|dbname| dbname == maintenance) {
        diagnostics.push(
            Diagnostic::error("M023", format!("`{maintenance}` can't be both the application's database and Muster's way in"))
                .at(settings.place())
                .help("the fence closes `dbname` to everybody and leaves `maintenance` to Muster: name another database there"),
        );
    }
}

/// Tells what is wrong with a backup's settings.
pub(super) fn check_backup(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    by_type::<PostgresBackup>(settings, diagnostics);
}
