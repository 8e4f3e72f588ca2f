//! The lab as an infrastructure file of Muster's.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Result;
use crate::names::{KEY_NAME, code, git};
use crate::postgres::{REPLICATOR, passfile};
use crate::world::{ADMIN, CAPACITY, DATABASE, Lab, OUTSIDE, Role, TTL_S, ZONE, text, write_private};

/// The key of updates, in a file for Muster.
const KEY_FILE: &str = "key";
/// The administrator's password, in a file for Muster.
const PASSWORD_FILE: &str = "password";
/// The status hook's address, in a file for Muster.
const HOOK_FILE: &str = "status-hook";

/// Where the file is written if nothing else is said: beside the shipped ones.
pub(crate) fn usual_path() -> PathBuf {
    let here = Path::new("playbooks/infra");
    let folder = if here.is_dir() { here.to_owned() } else { Path::new(env!("CARGO_MANIFEST_DIR")).join(here) };
    std::path::absolute(folder.join("lab.yaml")).unwrap_or_else(|_| folder.join("lab.yaml"))
}

/// Writes the file, and the secrets that it points to.
pub(crate) fn write(lab: &Lab) -> Result<()> {
    write_private(&lab.folder.join(KEY_FILE), &lab.key)?;
    write_private(&lab.folder.join(PASSWORD_FILE), &lab.admin_password)?;
    write_private(&lab.folder.join(HOOK_FILE), &format!("http://{OUTSIDE}:{}/", lab.ports.outside))?;
    let path = &lab.infrastructure;
    std::fs::write(path, file(lab)).map_err(|error| format!("{} can't be written: {error}", path.display()))
}

/// The file's text: YAML, whose nested parts are written as JSON is, one resource a line.
fn file(lab: &Lab) -> String {
    let section = |entries: &[(&str, Value)]| {
        entries.iter().fold(String::new(), |all, (name, value)| all + &format!("  {name}: {value}\n"))
    };
    let regions: Vec<(String, Value)> = Role::ALL.map(|role| (role.to_string(), region(lab, role))).into();
    let regions: Vec<(&str, Value)> = regions.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    format!(
        "# Written by `cargo run --release --example lab -- up`; gone after `down`. The lab is in {}.\n\
         muster: 1\nname: lab\ntitle: Two regions of real servers on this machine\nenvironment: lab\n\
         regions:\n{}network: {{ resolver: \"{}\" }}\nresources:\n{}vars:\n{}",
        lab.folder.display(),
        section(&regions),
        lab.resolver(),
        section(&resources(lab)),
        section(&variables(lab)),
    )
}

/// How long something takes in the lab, as its simulated twin is told: in half of all cases, and in 95 of 100 at most.
fn spread(half: &str, nearly_all: &str) -> Value {
    json!({ "p50": half, "p95": nearly_all })
}

/// Where runs mark what has no place of its own for that.
fn mark(lab: &Lab, what: &str) -> Value {
    json!({ "file": lab.folder.join("marks").join(what) })
}

fn region(lab: &Lab, role: Role) -> Value {
    let run = |verb: &str| lab.command(&["region", &role.to_string(), verb]);
    json!({
        "name": role.name(), "gateway": role.address(), "provider": "process",
        "isolate": run("isolate"), "rejoin": run("rejoin"), "status": run("status"),
        "mark": mark(lab, &format!("region-{role}")),
        "simulate": { "isolate": spread("60ms", "300ms"), "rejoin": spread("3900ms", "6s"), "api": "10ms" },
    })
}

fn resources(lab: &Lab) -> [(&'static str, Value); 6] {
    let local = |port: u16| format!("{OUTSIDE}:{port}");
    let dns = |name: String| {
        json!({ "dns": {
            "provider": "rfc2136", "name": name, "type": "A", "ttl": format!("{TTL_S}s"), "zone": ZONE,
            "server": local(lab.ports.names),
            "key": { "name": KEY_NAME, "algorithm": "hmac-sha256", "secret": { "file": lab.folder.join(KEY_FILE) } },
            "authoritative": [local(lab.ports.names), local(lab.ports.second_names)],
            "resolvers": [lab.resolver().to_string()],
            "targets": by_region(|role| json!([role.address()])),
        }, "simulate": {
            "ttl": format!("{TTL_S}s"), "change_takes": spread("5ms", "30ms"), "converges": spread("200ms", "1500ms"),
            "resolvers": 1,
        } })
    };
    let database = by_region(|role| {
        let command = |verb: &str, given: &[&str]| {
            let mut argv = lab.command(&["postgres", &role.to_string(), verb]);
            argv.extend(given.iter().map(|one| (*one).to_owned()));
            json!(argv)
        };
        json!({
            "host": role.address(), "port": lab.ports.postgres, "keep_in": lab.of(role, "preserved"),
            "host_commands": {
                "start": command("start", &[]), "stop": command("stop", &[]), "status": command("status", &[]),
                "standby": command("standby", &[]), "rewind": command("rewind", &["{source}"]),
                "basebackup": command("basebackup", &["{source}"]), "preserve": command("preserve", &["{into}"]),
                "waldump": command("waldump", &["{from}", "{to}", "{first_segment}", "{last_segment}"]),
            },
        })
    });
    let storage = by_region(
        |role| json!({ "url": format!("http://{}:{}/git", role.address(), lab.ports.git), "path": lab.repositories(role) }),
    );
    let group = |role: Role, verb: &str| lab.command(&["server", &role.to_string(), verb, "{server}"]);
    let compute = by_region(|role| {
        let [start, stop, status] = ["start", "stop", "status"].map(|verb| group(role, verb));
        json!({ "capacity": CAPACITY, "start": start, "stop": stop, "status": status })
    });
    let backup = by_region(|role| json!({ "backups": lab.of(role, "backups"), "archive": lab.archive(role) }));
    // PostgreSQL refuses to run as root.
    let run_as = if lab.postgres_user.is_some() { json!(["runuser", "-u", "postgres", "--"]) } else { json!([]) };
    [
        ("code", dns(code())),
        ("git", dns(git())),
        (
            "main",
            json!({ "database": {
            "provider": "postgres", "dbname": DATABASE, "user": ADMIN,
            "password": { "file": lab.folder.join(PASSWORD_FILE) }, "sslmode": "prefer", "regions": database,
            "replication": { "user": REPLICATOR, "options": format!("passfile={}", text(&passfile(lab))) },
        }, "simulate": {
            "replication_lag": { "p50": "5ms", "p99": "100ms" }, "promotion": spread("60ms", "300ms"),
            "fence": spread("300ms", "1s"), "replicate": spread("600ms", "2s"), "preserve": spread("60ms", "1s"),
            "write": spread("3ms", "10ms"), "api": "10ms", "rows_per_second": 5,
        } }),
        ),
        (
            "repositories",
            json!({ "storage": { "provider": "git", "regions": storage }, "simulate": {
                "repositories": 5, "replication_delay": { "p50": "150ms", "p99": "600ms" },
                "promotion": spread("60ms", "300ms"), "fence": spread("200ms", "800ms"),
                "replicate": spread("500ms", "2s"), "preserve": spread("100ms", "500ms"),
                "verify": spread("150ms", "500ms"), "write": spread("50ms", "200ms"), "api": "80ms",
                "pushes_per_minute": 55,
            } }),
        ),
        (
            "web-servers",
            json!({ "compute": { "provider": "process", "regions": compute, "mark": mark(lab, "web-servers") }, "simulate": {
                "servers": { "primary": 2, "secondary": 1 },
                "capacity": { "primary": CAPACITY, "secondary": CAPACITY },
                "boot": spread("60ms", "300ms"), "api": spread("10ms", "50ms"),
            } }),
        ),
        (
            "snapshots",
            json!({ "backup": {
            "provider": "postgres", "database": "main", "scratch": lab.folder.join("restore"),
            "programs": lab.programs.postgres, "run_as": run_as, "regions": backup,
        }, "simulate": { "restore": spread("2s", "6s"), "api": "15ms" } }),
        ),
    ]
}

fn by_region(each: impl Fn(Role) -> Value) -> Value {
    json!({ "primary": each(Role::Primary), "secondary": each(Role::Secondary) })
}

fn variables(lab: &Lab) -> Vec<(&'static str, Value)> {
    vec![
        ("url", json!(format!("http://{}:{}", code(), lab.ports.app))),
        ("git_url", json!(format!("http://{}:{}", git(), lab.ports.app))),
        // Both by the git server's port: the lab has no SSH.
        ("git_ssh", json!(format!("{}:{}", git(), lab.ports.git))),
        ("gateway_port", json!(lab.ports.git)),
        ("witness", json!(format!("{OUTSIDE}:{}", lab.ports.outside))),
        ("status_hook", json!(text(&lab.folder.join(HOOK_FILE)))),
        ("autofailover", json!(text(&lab.folder.join("bin/autofailover")))),
        ("ttl", json!(format!("{TTL_S}s"))),
        ("servers", json!(2)),
        ("lag", json!("5s")),
        ("steady", json!("10s")),
        ("steady_home", json!("10s")),
        ("soak", json!("10s")),
        ("keep", json!("1s")),
        ("promotion_timeout", json!("3m")),
    ]
}
