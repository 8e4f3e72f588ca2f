//! The infrastructure file of a starter.

use std::fmt::Write as _;

use super::quoted;
use super::wishes::{Provider, Record, Wishes};

pub(super) fn text(wishes: &Wishes, records: &[Record]) -> String {
    let mut out = String::new();
    let (name, environment) = (&wishes.name, wishes.environment());
    if wishes.is_real() {
        let _ = write!(
            out,
            "# What the playbook of {name} runs on. Addresses, hosts and commands here are examples: put your own in their place\n\
             # (docs/providers says what each provider needs). Until then `muster simulate {name}.yaml` plays the drill on the\n\
             # simulated twin of all this and touches nothing; `muster run` refuses anything real without --execute.\n"
        );
    } else {
        let _ = write!(
            out,
            "# What the playbook of {name} runs on. Here every thing is simulated, so a whole drill takes milliseconds and touches\n\
             # nothing. The same playbook runs on real servers with another file: `muster init --provider postgres` writes one.\n#\n\
             # A duration is fixed (`60s`) or drawn anew each time from what two quantiles describe: `{{ p50: 20s, p95: 60s }}` takes\n\
             # 20 s in half of all cases and at most 60 s in 95 of 100. What is not stated has a sensible default.\n"
        );
    }
    let _ = write!(
        out,
        "muster: 1\nname: {environment}\ntitle: {}\nenvironment: {environment}   # simulated | lab | staging | production\n\n",
        quoted(&format!("{name}, {environment}"))
    );
    regions(&mut out, wishes);
    out.push_str("\nresources:\n  # What users' programs resolve. Resolvers keep an answer for the TTL, so that long some still go to the old region.\n");
    for record in records {
        dns(&mut out, wishes, record);
    }
    if let Some(id) = &wishes.database {
        out.push_str("\n  # The database, with a copy in the secondary region.\n");
        database(&mut out, wishes, id);
    }
    if let Some(id) = &wishes.storage {
        out.push_str("\n  # The storage, copied to the secondary region after each push.\n");
        storage(&mut out, wishes, id);
    }
    out
}

fn regions(out: &mut String, wishes: &Wishes) {
    out.push_str("regions:\n");
    if wishes.is_real() {
        out.push_str("  # The commands that cut a region off and let it in again: docs/providers/process.md says what they must do.\n");
    }
    for (role, name) in [("primary", &wishes.primary), ("secondary", &wishes.secondary)] {
        let name = quoted(name);
        if wishes.is_real() {
            let _ = write!(
                out,
                "  {role}:\n    name: {name}\n    provider: process\n    isolate: [ssh, ops@gateway-{role}.example.test, isolate]\n    \
                 rejoin: [ssh, ops@gateway-{role}.example.test, rejoin]\n    status: [ssh, ops@gateway-{role}.example.test, isolated-from]\n"
            );
        } else {
            let _ = writeln!(out, "  {role}: {{ name: {name} }}");
        }
    }
}

fn dns(out: &mut String, wishes: &Wishes, record: &Record) {
    let (id, name) = (&record.id, quoted(&record.name));
    if !wishes.has(Provider::Rfc2136) {
        let _ = writeln!(out, "  {id}: {{ dns: {{ provider: simulated, name: {name}, ttl: 60s }} }}");
        return;
    }
    // The zone is what stands above the name, or the name itself where that is too short to be one.
    let zone =
        record.name.split_once('.').map(|(_, zone)| zone).filter(|zone| zone.contains('.')).unwrap_or(&record.name);
    let _ = write!(
        out,
        "  {id}:\n    dns:\n      provider: rfc2136\n      name: {name}\n      ttl: 60s\n      zone: {}\n      \
         server: 192.0.2.53   # the name server that takes updates\n      \
         key: {{ name: muster, algorithm: hmac-sha256, secret: {{ file: /etc/muster/tsig }} }}   # the file holds it in base64\n      \
         targets: {{ primary: [192.0.2.10], secondary: [198.51.100.10] }}\n",
        quoted(zone)
    );
}

fn database(out: &mut String, wishes: &Wishes, id: &str) {
    if !wishes.has(Provider::Postgres) {
        let _ = write!(
            out,
            "  {id}:\n    database:\n      provider: simulated\n      replication_lag: {{ p50: 400ms, p99: 4s }}\n      \
             promotion: {{ p50: 20s, p95: 60s }}\n      replicate: {{ p50: 5m, p95: 10m }}\n"
        );
        return;
    }
    let _ = write!(
        out,
        "  {id}:\n    database:\n      provider: postgres\n      dbname: {}   # the application's database\n      \
         user: muster   # Muster's own role\n      password: {{ file: /etc/muster/postgres }}\n      \
         replication: {{ user: replicator }}\n      regions:\n",
        quoted(id)
    );
    for role in ["primary", "secondary"] {
        let host = format!("db-{role}.example.test");
        let _ = write!(
            out,
            "        {role}:\n          host: {host}\n          keep_in: /var/backups/muster\n          host_commands:\n            \
             start: [ssh, {host}, systemctl, start, postgresql]\n            stop: [ssh, {host}, systemctl, stop, postgresql]\n            \
             status: [ssh, {host}, sudo, -u, postgres, pg_ctl, status, -D, /data]\n            \
             standby: [ssh, {host}, sudo, -u, postgres, touch, /data/standby.signal]\n            \
             rewind: [ssh, {host}, sudo, -u, postgres, pg_rewind, -D, /data, \"'--source-server={{source}}'\"]\n            \
             preserve: [ssh, {host}, sudo, -u, postgres, pg_basebackup, -D, \"{{into}}\", -c, fast]\n            \
             waldump: [ssh, {host}, sudo, -u, postgres, pg_waldump, -p, /data/pg_wal, -s, \"{{from}}\", -e, \"{{to}}\", \"{{first_segment}}\", \"{{last_segment}}\"]\n"
        );
    }
}

fn storage(out: &mut String, wishes: &Wishes, id: &str) {
    if !wishes.has(Provider::Git) {
        let _ = write!(
            out,
            "  {id}:\n    storage:\n      provider: simulated\n      repositories: 100\n      replication_delay: {{ p50: 1s, p99: 8s }}\n"
        );
        return;
    }
    let _ = write!(out, "  {id}:\n    storage:\n      provider: git\n      regions:\n");
    for role in ["primary", "secondary"] {
        let host = format!("git-{role}.example.test");
        let _ = writeln!(out, "        {role}: {{ url: \"https://{host}\", path: /srv/git, via: [ssh, git@{host}] }}");
    }
}
