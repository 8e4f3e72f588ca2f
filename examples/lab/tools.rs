//! The programs that the lab needs: found, or named together with the one command that installs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::world::Programs;

/// The oldest PostgreSQL that the lab runs on.
const OLDEST_POSTGRES: u32 = 15;

/// What is missing, by what it is called: in Debian, Fedora and Homebrew.
struct Needed {
    what: &'static str,
    debian: &'static str,
    fedora: &'static str,
    homebrew: &'static str,
}

const POSTGRES: Needed = Needed {
    what: "PostgreSQL 15 or newer",
    debian: "postgresql",
    fedora: "postgresql-server postgresql-contrib",
    homebrew: "postgresql@17",
};
const KNOT: Needed =
    Needed { what: "Knot DNS", debian: "knot knot-dnsutils", fedora: "knot knot-utils", homebrew: "knot" };
const UNBOUND: Needed = Needed { what: "Unbound", debian: "unbound", fedora: "unbound", homebrew: "unbound" };
const GIT: Needed = Needed { what: "git with git-http-backend", debian: "git", fedora: "git", homebrew: "git" };

/// Finds all programs; an error names every one that is missing, and installs nothing.
pub(crate) fn find() -> Result<Programs> {
    let mut missing = Vec::new();
    let mut need = |found: Option<PathBuf>, needed: &'static Needed| {
        if found.is_none() {
            missing.push(needed);
        }
        found.unwrap_or_default()
    };
    let programs = Programs {
        postgres: need(postgres(), &POSTGRES),
        knotd: need(on_path("knotd"), &KNOT),
        unbound: need(on_path("unbound"), &UNBOUND),
        git: need(on_path("git"), &GIT),
        git_http_backend: need(http_backend(), &GIT),
    };
    missing.dedup_by_key(|needed| needed.what);
    if missing.is_empty() { Ok(programs) } else { Err(how_to_install(&missing, system())) }
}

/// Which system's command is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Debian,
    Fedora,
    Homebrew,
    Unknown,
}

fn system() -> System {
    if cfg!(target_os = "macos") {
        return System::Homebrew;
    }
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let like = |name: &str| {
        let lines = os.lines().filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE="));
        lines.flat_map(|line| line.split(['=', '"', ' '])).any(|word| word == name)
    };
    match () {
        () if like("debian") || like("ubuntu") => System::Debian,
        () if like("fedora") || like("rhel") => System::Fedora,
        () => System::Unknown,
    }
}

fn how_to_install(missing: &[&Needed], system: System) -> String {
    let all = |name: fn(&Needed) -> &'static str| missing.iter().map(|one| name(one)).collect::<Vec<_>>().join(" ");
    // The servers that a package starts by itself stay out of the lab's way: it uses ports of its own.
    let debian = format!("sudo apt-get install -y --no-install-recommends {}", all(|it| it.debian));
    let fedora = format!("sudo dnf install -y {}", all(|it| it.fedora));
    let homebrew = format!("brew install {}", all(|it| it.homebrew));
    let commands = match system {
        System::Debian => debian,
        System::Fedora => fedora,
        System::Homebrew => homebrew,
        System::Unknown => format!("Debian: {debian}\n  Fedora: {fedora}\n  Homebrew: {homebrew}"),
    };
    let names = missing.iter().map(|one| one.what).collect::<Vec<_>>().join(", ");
    format!("not found: {names}. Nothing was started. To install:\n\n  {commands}\n")
}

/// A program on the path, or where servers stand that are not on every user's.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The folder of the newest PostgreSQL's programs.
fn postgres() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let entries = fs::read_dir(parent).into_iter().flatten().filter_map(std::result::Result::ok);
        folders.extend(entries.map(|entry| entry.path().join("bin")));
    }
    folders.extend(on_path("postgres").and_then(|path| Some(path.parent()?.to_owned())));
    let whole = |folder: &PathBuf| {
        ["initdb", "pg_basebackup", "pg_rewind", "psql", "pg_isready"].iter().all(|it| folder.join(it).is_file())
    };
    let known =
        folders.into_iter().filter(whole).filter_map(|folder| Some((version(&folder.join("postgres"))?, folder)));
    known
        .filter(|(version, _)| *version >= OLDEST_POSTGRES)
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder)
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` is 15.
fn version(postgres: &Path) -> Option<u32> {
    let said = Command::new(postgres).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.split_whitespace().nth(2)?.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

fn http_backend() -> Option<PathBuf> {
    let said = Command::new(on_path("git")?).arg("--exec-path").output().ok()?;
    let backend = Path::new(String::from_utf8_lossy(&said.stdout).trim()).join("git-http-backend");
    backend.is_file().then_some(backend)
}

/// The user whom PostgreSQL runs as where the lab is run by root, with its group.
pub(crate) fn postgres_user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let own = users.lines().find(|line| line.starts_with("postgres:")).and_then(|line| {
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    let why = "PostgreSQL refuses to run as root, and there is no user `postgres`: run the lab as an ordinary user";
    own.map(Some).ok_or_else(|| why.to_owned())
}
