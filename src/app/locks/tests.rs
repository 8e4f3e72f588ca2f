use std::path::Path;

use tempfile::TempDir;

use super::{LEASE, Others, Standing, Wanted, claims, standing, take};
use crate::app::machine::{self, Machine};
use crate::app::{AppError, History, Request, Runs, load};
use crate::catalogue::Mode;
use crate::id::RunId;
use crate::model::Plan;
use crate::store::{Claim, Holder, Instant, Lease};
use crate::time::{Moment, Span};

const DRILL: &str = "
muster: 1
name: NAME
infrastructure: infra.yaml
phases:
  - name: failover
    steps:
      - { id: switch, dns.switch: { records: [NAMED], to: secondary } }
      - { id: scale, compute.scale: { compute: web, in: secondary, to: 2 } }
      - { id: again, compute.scale: { compute: web, in: secondary, to: 3 } }
      - { id: read, storage.verify: { storage: files, in: secondary } }
";

const INFRA: &str = "
muster: 1
name: lab
environment: lab
regions: { primary: { name: a }, secondary: { name: b } }
resources:
  NAMED:
    dns:
      { provider: rfc2136, name: HOST, ttl: TTL, zone: example.test, server: 192.0.2.53,
        key: { name: muster, algorithm: hmac-sha256, secret: { env: TSIG } },
        targets: { primary: [192.0.2.1], secondary: [198.51.100.1] } }
  web: { compute: { provider: simulated } }
  files:
    storage:
      provider: git
      regions: { primary: { url: 'http://a/git', path: /srv/git }, secondary: { url: 'http://b/git', path: /srv/git } }
";

/// A plan that switches the name `host`, which it calls `named`.
fn plan(folder: &Path, name: &str, named: &str, host: &str) -> Plan {
    let write = |file: &str, text: &str| {
        let text = text.replace("NAMED", named).replace("NAME", name).replace("HOST", host);
        let text = text.replace("TTL", if named == "entry" { "60s" } else { "30s" });
        std::fs::write(folder.join(file), text).unwrap();
    };
    write("drill.yaml", DRILL);
    write("infra.yaml", INFRA);
    let playbook = folder.join("drill.yaml").display().to_string();
    match load(&Request { playbook, mode: Some(Mode::Planned), ..Request::default() }) {
        Ok(loaded) => loaded.plan,
        Err(AppError::Invalid { diagnostics, .. }) => panic!("{diagnostics:#?}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_run_claims_its_playbook_and_each_real_thing_that_it_changes_once() {
    let folder = TempDir::with_prefix("muster-").unwrap();
    let shown: Vec<String> =
        claims(&plan(folder.path(), "one", "code", "code.example.test")).into_iter().map(|claim| claim.shown).collect();
    // Not what is simulated, which is nobody else's, nor what is only looked at.
    assert_eq!(shown, ["dns code", "playbook one"]);
}

#[test]
fn a_thing_is_the_same_by_what_it_is_and_not_by_its_name_in_a_file() {
    let folder = TempDir::with_prefix("muster-").unwrap();
    let name = |named, host| claims(&plan(folder.path(), "one", named, host)).remove(0).name;
    assert_eq!(name("code", "code.example.test"), name("entry", "code.example.test"));
    assert_ne!(name("code", "code.example.test"), name("code", "git.example.test"));
}

#[test]
fn two_playbooks_that_change_one_name_do_not_run_at_once() {
    let folder = TempDir::with_prefix("muster-").unwrap();
    let runs = Runs::of(folder.path());
    let (history, _) = History::open(&runs).unwrap();
    let here = machine::machine();
    let (signals, _signalled) = tokio::sync::mpsc::channel(8);
    let lock = |run: &str, plan: &Plan| {
        take(Wanted {
            runs: &runs,
            history: &history,
            here: &here,
            run: &RunId::new(run).unwrap(),
            claims: &claims(plan),
            ttl: LEASE,
            others: Others::Respected,
            signals: signals.clone(),
        })
    };
    let one = plan(folder.path(), "one", "code", "code.example.test");
    let two = plan(folder.path(), "two", "entry", "code.example.test");
    let other = plan(folder.path(), "other", "git", "git.example.test");
    let (held, _) = lock("20261122-084216-one", &one).unwrap();
    let Err(AppError::Refused(why)) = lock("20261122-084217-two", &two) else { panic!("two runs have one name") };
    assert!(why.starts_with("dns code: the run 20261122-084216-one has it since "), "{why}");
    assert!(why.contains("muster abort 20261122-084216-one"), "{why}");
    let (elsewhere, _) = lock("20261122-084218-other", &other).unwrap();
    assert!(elsewhere.fencing() > held.fencing());
    held.release().unwrap();
    assert!(lock("20261122-084219-two", &two).is_ok());
}

/// A lease of this very process, taken in boot `a` of `here`, and renewed 1000 s after the machine's start, at 02:00.
fn lease() -> Lease {
    let pid = std::process::id();
    let holder = Holder {
        run: RunId::new("20261122-084216-one").unwrap(),
        pid,
        pid_started: machine::started(pid).unwrap(),
        boot: "a".to_owned(),
        host: "here".to_owned(),
        user: "me".to_owned(),
    };
    let renewed = instant(1000, "2026-11-22T02:00:00Z");
    let claim = Claim { name: "playbook one".to_owned(), shown: "playbook one".to_owned() };
    Lease { claim, fencing: 1, holder, since: renewed.wall, renewed, ttl: LEASE }
}

fn instant(boot_s: u64, wall: &str) -> Instant {
    Instant { wall: wall.parse().unwrap(), boot: Moment::ZERO + Span::from_secs(boot_s) }
}

fn at(host: &str, boot: &str) -> Machine {
    Machine { host: host.to_owned(), user: "me".to_owned(), boot: boot.to_owned() }
}

#[test]
fn a_wall_clock_that_jumps_by_hours_makes_no_lease_run_out_and_keeps_none_alive() {
    for wall in ["2026-11-22T02:00:10Z", "2026-11-22T09:00:00Z", "2026-11-21T19:00:00Z"] {
        for host in ["here", "renamed"] {
            let stands = |boot_s| standing(&lease(), &at(host, "a"), instant(boot_s, wall), false, || true);
            assert_eq!(stands(1010), Standing::GoingOn, "{wall} {host}");
            assert_eq!(stands(1031), Standing::Silent, "{wall} {host}");
        }
    }
}

#[test]
fn a_process_that_is_not_seen_is_gone_unless_somebody_writes_its_journal() {
    let mut lease = lease();
    lease.holder.pid_started = 1;
    let stands = |boot_s, written| {
        standing(&lease, &at("renamed", "a"), instant(boot_s, "2026-11-22T02:00:10Z"), false, || written)
    };
    assert_eq!(stands(1010, false), Standing::LeftBehind);
    assert_eq!(stands(1010, true), Standing::GoingOn);
    assert_eq!(stands(1031, true), Standing::Silent);
    let over = standing(&lease, &at("here", "a"), instant(1010, "2026-11-22T02:00:10Z"), true, || false);
    assert_eq!(over, Standing::Over);
}

#[test]
fn of_another_machine_only_the_calendar_tells_and_its_silence_is_not_its_end() {
    let stands = |wall| standing(&lease(), &at("there", "b"), instant(5, wall), false, || false);
    assert_eq!(stands("2026-11-22T02:00:10Z"), Standing::GoingOn);
    assert_eq!(stands("2026-11-22T02:00:31Z"), Standing::Silent);
    assert_eq!(stands("2026-11-21T19:00:00Z"), Standing::GoingOn);
    // The same machine after a reboot: nothing of it is left.
    let rebooted = standing(&lease(), &at("here", "b"), instant(5, "2026-11-22T02:00:10Z"), false, || false);
    assert_eq!(rebooted, Standing::LeftBehind);
}
