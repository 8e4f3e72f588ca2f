//! What people do in a provider's place: the commands for each deed, for the day when Muster itself is down; what a drill
//! leaves in a provider's things beside the change itself; and which hosts, servers and secrets it relies on to get there.
//!
//! One file a provider, one line in `HANDBOOKS`. Every provider that this build acts with has one: a test demands it.
//! What is printed is for a POSIX shell and needs nothing of Muster. Secrets are never in it: a command reads each from
//! where Muster would. May rely on `infrastructure::real` and above; must never do I/O.

mod exec;
mod git;
mod postgres;
mod postgres_backup;
mod process;
mod rfc2136;
pub mod shell;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::id::{RegionRole, ResourceId};
use crate::resource::{Party, ResourceKind, ResourceState, RestorePoint};
use crate::secret::SecretSource;

/// What is to be done with one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Only to look at it.
    Look {
        /// Where; everywhere if it is not said.
        region: Option<RegionRole>,
    },
    /// A record: point it to a region.
    Point {
        /// Where to.
        to: RegionRole,
    },
    /// A record: give it the values that it had.
    PutBack,
    /// A database or storage: let it refuse writes.
    Fence {
        /// Where.
        region: RegionRole,
    },
    /// A database or storage: let it take writes again.
    Unfence {
        /// Where.
        region: RegionRole,
    },
    /// A database or storage: let this side take writes.
    Promote {
        /// Which side.
        to: RegionRole,
        /// Whether it must have everything that the other side has.
        drained: bool,
    },
    /// A database or storage: make one side a copy of the other.
    Replicate {
        /// The original.
        from: RegionRole,
        /// What is replaced.
        to: RegionRole,
    },
    /// A database or storage: keep what only this side has.
    Preserve {
        /// Which side.
        region: RegionRole,
    },
    /// A storage: compare the copy with the original.
    Compare {
        /// Where the copy is.
        region: RegionRole,
    },
    /// A compute group: let so many servers run.
    Scale {
        /// Where.
        region: RegionRole,
        /// How many; not known if it could not be seen how many there were.
        servers: Option<u32>,
    },
    /// A backup: restore it beside, check it, remove it.
    Restore {
        /// Whose.
        region: RegionRole,
        /// To which moment.
        point: RestorePoint,
    },
    /// A region: cut it off.
    Isolate {
        /// Which.
        region: RegionRole,
        /// From whom.
        from: Vec<Party>,
    },
    /// A region: let it in again.
    Rejoin {
        /// Which.
        region: RegionRole,
        /// What must refuse writes in it before anybody reaches it.
        fenced: Vec<ResourceId>,
    },
}

impl Deed {
    /// What it comes to, in the imperative.
    #[must_use]
    pub fn words(&self, resource: &str) -> String {
        let listed = |parts: &[String]| parts.join(" and ");
        match self {
            Self::Look { region: None } => format!("look at {resource}"),
            Self::Look { region: Some(region) } => format!("look at {resource} in {region}"),
            Self::Point { to } => format!("point {resource} to {to}"),
            Self::PutBack => format!("give {resource} the values that it had before"),
            Self::Fence { region } => {
                format!("let {resource} in {region} refuse writes, and try one to see it refused")
            }
            Self::Unfence { region } => format!("let {resource} in {region} take writes again"),
            Self::Promote { to, drained } => {
                let first = if *drained { ", once it has everything that the other side has," } else { "" };
                format!("let {resource} in {to}{first} take writes")
            }
            Self::Replicate { from, to } => format!("build {resource} in {to} anew as a copy of {from}"),
            Self::Preserve { region } => format!("keep a copy of what {resource} has in {region}"),
            Self::Compare { region } => format!("compare the copy of {resource} in {region} with its original"),
            Self::Scale { region, servers: Some(servers) } => {
                format!("let {servers} servers of {resource} run in {region}")
            }
            Self::Scale { region, servers: None } => {
                format!("let as many servers of {resource} run in {region} as did before")
            }
            Self::Restore { region, point } => {
                let point = match point {
                    RestorePoint::Latest => "the newest moment".to_owned(),
                    RestorePoint::Ago(span) => format!("the moment {span} ago"),
                };
                format!("restore {resource} of {region} to {point} in a place of its own, check it, and remove it")
            }
            Self::Isolate { region, from } => {
                let from: Vec<String> = from.iter().map(ToString::to_string).collect();
                format!("cut region {region} off from {}", listed(&from))
            }
            Self::Rejoin { region, fenced } if fenced.is_empty() => {
                format!("let everybody reach region {region} again")
            }
            Self::Rejoin { region, fenced } => {
                let fenced: Vec<String> = fenced.iter().map(ToString::to_string).collect();
                format!(
                    "let everybody reach region {region} again, with {} refusing writes in it before anybody does",
                    listed(&fenced)
                )
            }
        }
    }
}

/// A deed on one resource, by what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The resource's name; of a region its role.
    pub resource: &'a str,
    /// Its kind.
    pub kind: ResourceKind,
    /// Its provider's settings.
    pub settings: &'a Value,
    /// What is to be done.
    pub deed: &'a Deed,
    /// As it is before the deed; of what is to be taken back, as it was.
    pub before: Option<&'a ResourceState>,
}

/// One thing to do: what it is, and what is typed for it; nothing if it is done by other means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instruction {
    /// In words, a sentence without its full stop.
    pub words: String,
    /// Lines for a POSIX shell.
    pub shell: String,
}

impl Instruction {
    /// Something to be typed.
    #[must_use]
    pub fn typed(words: impl Into<String>, shell: impl Into<String>) -> Self {
        Self { words: words.into(), shell: shell.into() }
    }

    /// Something that nothing is typed for.
    #[must_use]
    pub fn said(words: impl Into<String>) -> Self {
        Self { words: words.into(), shell: String::new() }
    }
}

/// What a run does with a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// A step changes it.
    pub changed: bool,
    /// A canary writes to it.
    pub canary: bool,
    /// A step fences or promotes it: that is proven by a write.
    pub proven: bool,
    /// A step builds a side anew.
    pub rebuilt: bool,
    /// A step keeps what only one side has.
    pub preserved: bool,
    /// A step restores it beside.
    pub restored: bool,
}

/// What something that Muster relies on is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelianceKind {
    /// The machine that Muster runs on.
    Machine,
    /// A folder or file on it.
    File,
    /// A program on it.
    Program,
    /// A server.
    Host,
    /// A name server or resolver.
    NameServer,
    /// An address of an API.
    Endpoint,
    /// A secret.
    Credential,
}

/// Something that Muster relies on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reliance {
    /// What it is.
    pub kind: RelianceKind,
    /// Which: `db1.example.test:5432`.
    pub what: String,
    /// What it is needed for.
    pub purpose: String,
    /// The region that it is in, where the settings say so.
    pub region: Option<RegionRole>,
}

impl Reliance {
    /// One of which the settings say where it is, or don't.
    #[must_use]
    pub fn new(kind: RelianceKind, what: impl Into<String>, purpose: impl Into<String>) -> Self {
        Self { kind, what: what.into(), purpose: purpose.into(), region: None }
    }

    /// One that is in a region.
    #[must_use]
    pub fn within(self, region: RegionRole) -> Self {
        Self { region: Some(region), ..self }
    }

    /// The host of it, without a port.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.kind {
            RelianceKind::Host | RelianceKind::NameServer | RelianceKind::Endpoint => Some(shell::host_of(&self.what)),
            _ => None,
        }
    }

    /// A secret, by where it is read.
    #[must_use]
    pub fn secret(source: &SecretSource, purpose: impl Into<String>) -> Self {
        Self::new(RelianceKind::Credential, shell::source(source), purpose)
    }
}

/// A program that is started here, and the host that it goes to where that is `ssh`.
#[must_use]
pub fn program(argv: &[String], purpose: &str, region: Option<RegionRole>) -> Vec<Reliance> {
    let Some(first) = argv.first() else { return Vec::new() };
    let mut found = vec![Reliance::new(RelianceKind::Program, first, purpose)];
    if Path::new(first).file_name().is_some_and(|name| name == "ssh")
        && let Some(host) = argv[1..].iter().find(|word| !word.starts_with('-'))
    {
        let host = host.rsplit('@').next().unwrap_or(host);
        found.push(Reliance { region, ..Reliance::new(RelianceKind::Host, host, purpose) });
    }
    found
}

/// All that a provider's handbook says.
struct Handbook {
    kind: ResourceKind,
    provider: &'static str,
    /// The commands for a deed. Fails where the settings are not the provider's.
    by_hand: fn(&Ask<'_>) -> Result<Vec<Instruction>, String>,
    /// What a run makes in the provider's things beside the changes themselves, and whether it goes again.
    makes: fn(&str, &Value, Touched) -> Vec<String>,
    /// What the provider relies on.
    relies: fn(&str, &Value) -> Vec<Reliance>,
}

macro_rules! handbooks {
    ($(($kind:ident, $provider:literal, $module:ident),)*) => {
        const HANDBOOKS: &[Handbook] = &[$(Handbook {
            kind: ResourceKind::$kind,
            provider: $provider,
            by_hand: $module::by_hand,
            makes: $module::makes,
            relies: $module::relies,
        },)*];
    };
}

handbooks! {
    (Dns, "rfc2136", rfc2136),
    (Dns, "exec", exec),
    (Database, "exec", exec),
    (Compute, "exec", exec),
    (Storage, "exec", exec),
    (Backup, "exec", exec),
    (Region, "exec", exec),
    (Database, "postgres", postgres),
    (Backup, "postgres", postgres_backup),
    (Compute, "process", process),
    (Region, "process", process),
    (Storage, "git", git),
}

fn handbook(kind: ResourceKind, provider: &str) -> Option<&'static Handbook> {
    HANDBOOKS.iter().find(|it| (it.kind, it.provider) == (kind, provider))
}

/// What is to be done by hand for a deed: commands where the provider is known, words where nothing is.
#[must_use]
pub fn by_hand(provider: &str, ask: &Ask<'_>) -> Vec<Instruction> {
    let words = ask.deed.words(ask.resource);
    let Some(book) = handbook(ask.kind, provider) else {
        let means = match provider {
            super::SIMULATED => "it is simulated, so there is nothing to type; on a real infrastructure: ".to_owned(),
            "none" => "nothing here can do it: ".to_owned(),
            other => format!("by the means of {other}: "),
        };
        return vec![Instruction::said(format!("{means}{words}"))];
    };
    (book.by_hand)(ask).unwrap_or_else(|_| vec![Instruction::said(words)])
}

/// What a run makes in a resource's things, beside the changes themselves.
#[must_use]
pub fn makes(kind: ResourceKind, provider: &str, resource: &str, settings: &Value, touched: Touched) -> Vec<String> {
    handbook(kind, provider).map(|book| (book.makes)(resource, settings, touched)).unwrap_or_default()
}

/// What a resource's provider relies on, each thing once.
#[must_use]
pub fn relies(kind: ResourceKind, provider: &str, resource: &str, settings: &Value) -> BTreeSet<Reliance> {
    match handbook(kind, provider) {
        Some(book) => (book.relies)(resource, settings).into_iter().collect(),
        None if matches!(provider, super::SIMULATED | "none") => BTreeSet::new(),
        None => [Reliance::new(RelianceKind::Endpoint, provider, format!("{resource}: its API"))].into(),
    }
}

#[cfg(test)]
mod tests;
