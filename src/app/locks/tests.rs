use std::path::Path;

use tempfile::TempDir;

use super::{LEASE, Others, Wanted, claims, take};
use crate::app::{AppError, History, Request, Runs, load, machine};
use crate::catalogue::Mode;
use crate::id::RunId;
use crate::model::Plan;

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
  NAMED: { dns: { provider: rfc2136, name: HOST, ttl: 30s } }
  web: { compute: { provider: simulated } }
  files: { storage: { provider: git } }
";

/// A plan that switches the name `host`, which it calls `named`.
fn plan(folder: &Path, name: &str, named: &str, host: &str) -> Plan {
    let write = |file: &str, text: &str| {
        let text = text.replace("NAMED", named).replace("NAME", name).replace("HOST", host);
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
