//! The runbook of a planned drill, typed by hand at a real pair from the first step to the last: Muster is down.

use super::*;
use crate::harness::Scene;
use crate::harness::runbook::{Runbook, typed};

const DRILL: &str = "
muster: 1
name: drill
title: A database goes there and back, by hand
infrastructure: lab.yaml
phases:
  - name: prechecks
    steps:
      - { id: close, check: { database: main, in: secondary, lag_at_most: 1m } }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true } }
      - { id: protect, database.replicate: { database: main, from: primary, to: secondary } }
";

fn scene(pair: &Pair) -> Scene {
    let settings = pair.settings().to_string().replacen('{', "{ \"provider\": \"postgres\", ", 1);
    let infrastructure = format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: here }}, secondary: {{ name: there }} }}\n\
         resources: {{ main: {{ database: {settings} }} }}\n"
    );
    Scene::new().file("lab.yaml", &infrastructure).file("drill.yaml", DRILL)
}

fn runbook(scene: &Scene) -> Runbook {
    // As it is, and not as tests show it: it is typed.
    let seen = scene.types_raw("plan drill.yaml --mode planned --drills 0 --format markdown");
    Runbook::new(&seen)
}

#[test]
fn needs_postgres_a_backup_is_restored_beside_by_hand_with_all_that_was_archived_and_removed() {
    let pair = Pair::up();
    pair.archive();
    pair.base_backup("old");
    pair.sql(Primary, "CREATE DATABASE later");
    pair.until_archived();
    let settings = pair.backup_settings().to_string().replacen('{', "{ \"provider\": \"postgres\", ", 1);
    let infrastructure = format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: here }}, secondary: {{ name: there }} }}\n\
         resources: {{ snapshots: {{ backup: {settings} }} }}\n"
    );
    let drill = "muster: 1\nname: drill\ninfrastructure: lab.yaml\nphases:\n  - name: prechecks\n    steps:\n      \
                 - { id: newest, backup.restore: { backup: snapshots, in: primary } }\n";
    let scene = Scene::new().file("lab.yaml", &infrastructure).file("drill.yaml", drill);
    let book = runbook(&scene);
    let said: String = book.step("newest").doing.iter().map(|block| typed(&scene.path(""), block, &[])).collect();
    assert!(said.contains("backup_manifest") && said.contains("f|app") && said.contains("f|later"), "{said}");
    assert_eq!(std::fs::read_dir(pair.folder("scratch")).unwrap().count(), 0, "nothing is left of it");
}

fn rejected(pair: &Pair, region: RegionRole) -> bool {
    pair.psql(region, "app", "app", "SELECT 1").is_err_and(|why| why.contains("pg_hba.conf rejects"))
}

#[test]
fn needs_postgres_the_runbook_takes_a_database_there_and_back_without_muster() {
    let pair = Pair::up();
    let scene = scene(&pair);
    let book = runbook(&scene);
    let folder = scene.path("");
    let does = |step: &str| book.step(step).doing.iter().map(|block| typed(&folder, block, &[])).collect::<String>();
    let undoes =
        |step: &str| book.step(step).undoing.iter().map(|block| typed(&folder, block, &[])).collect::<String>();

    assert!(does("close").contains("a standby, replayed to"), "a look says what is there");
    // A fence, taken away again: the file is as it was, byte for byte.
    let hba = format!("{}/pg_hba.conf", pair.data(Primary));
    let before = std::fs::read(&hba).unwrap();
    let standing = pair.session(Primary, "app");
    does("fence");
    assert!(rejected(&pair, Primary) && !rejected(&pair, Secondary));
    let told = standing.says("SELECT 1");
    assert!(told.contains("terminating connection"), "the session that stood is ended: {told}");
    // Muster takes it for its own fence.
    scene.types("plan drill.yaml --mode planned --drills 0").says("primary fenced");
    undoes("fence");
    assert_eq!(std::fs::read(&hba).unwrap(), before);
    assert!(!rejected(&pair, Primary));

    pair.sql(Primary, "INSERT INTO orders VALUES (1)");
    does("fence");
    does("promote");
    assert_eq!(pair.sql(Secondary, "SELECT pg_is_in_recovery()"), "f");
    pair.sql(Secondary, "INSERT INTO orders VALUES (2)");
    assert!(does("keep").contains("kept in"));
    does("replicate");
    assert_eq!(pair.sql(Primary, "SELECT pg_is_in_recovery()"), "t");
    pair.until(Secondary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1");
    does("fence-back");
    assert!(rejected(&pair, Secondary));
    does("promote-back");
    does("protect");
    assert_eq!(pair.sql(Primary, "SELECT string_agg(n::text, ',' ORDER BY n) FROM orders"), "1,2", "nothing was lost");
    assert_eq!(pair.sql(Secondary, "SELECT pg_is_in_recovery()"), "t");
    pair.until(Primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1");
    assert!(!rejected(&pair, Primary) && !rejected(&pair, Secondary), "no fence is left");
}
