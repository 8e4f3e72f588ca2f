//! Snapshots of RDS, which are restored into a scratch instance.

use std::fs;

use super::cloud::{Cloud, Wrong};
use super::wire::texts;
use super::{REAL, Setup};
use crate::harness::Scene;

fn playbook(steps: &str) -> String {
    format!("muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n{steps}")
}

const RESTORE: &str = "      - { id: back, backup.restore: { backup: snapshots, in: secondary }, timeout: 50s }\n";

/// An instance with an encrypted snapshot in us-west-2, and a scene whose backup is of it.
fn of_rds(cloud: &Cloud) -> Scene {
    let instance = [
        ("DBInstanceIdentifier", "main"),
        ("Engine", "postgres"),
        ("MasterUsername", "ops"),
        ("MasterUserPassword", "not-a-secret-1"),
        ("DBInstanceClass", "db.m6g.large"),
        ("AllocatedStorage", "20"),
        ("StorageEncrypted", "true"),
    ];
    cloud.form("rds", "us-west-2", "CreateDBInstance", &instance);
    let snapshot = [("DBInstanceIdentifier", "main"), ("DBSnapshotIdentifier", "main-1")];
    cloud.form("rds", "us-west-2", "CreateDBSnapshot", &snapshot);
    let resource = "  snapshots:\n    backup:\n      provider: aws\n      regions:\n        primary: { instance: main }\n        \
                    secondary: { instance: main }\n";
    Setup::of(cloud).resource(resource).scene()
}

/// The instances in us-west-2, by their identifiers.
fn instances(cloud: &Cloud) -> Vec<String> {
    texts(&cloud.form("rds", "us-west-2", "DescribeDBInstances", &[]), "DBInstanceIdentifier")
}

#[test]
fn snapshots_of_rds_are_checked_and_restored_into_an_instance_that_is_removed_again_needs_moto() {
    let cloud = Cloud::start();
    let scene = of_rds(&cloud);
    let verify = "      - { id: there, backup.verify: { backup: snapshots, in: secondary, newest_at_most: 70m, encrypted: true } }\n";
    scene.write("drill.yaml", &playbook(&format!("{verify}{RESTORE}")));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    assert!(journal.contains("secondary/muster-snapshots-"), "the scratch instance is named: {seen}");
    assert_eq!(instances(&cloud), ["main"], "the scratch instance is gone");
    for call in ["rds:RestoreDBInstanceFromDBSnapshot", "rds:DeleteDBInstance"] {
        assert!(cloud.calls().iter().any(|one| one == call), "{call}: {:?}", cloud.calls());
    }
}

#[test]
fn a_scratch_instance_is_removed_although_muster_was_killed_while_it_was_made_needs_moto() {
    let cloud = Cloud::start();
    let scene = of_rds(&cloud);
    scene.write("drill.yaml", &playbook(RESTORE));
    // It never becomes available, so Muster is waiting when it is killed.
    cloud.goes_wrong(
        "rds:DescribeDBInstances",
        u32::MAX,
        Wrong::Instead("<DBInstanceStatus>available<", "<DBInstanceStatus>creating<"),
    );
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    scene.until("a scratch instance is there", || instances(&cloud).len() == 2);
    running.kill();
    drop(running);
    assert_eq!(instances(&cloud).len(), 2, "it is left behind");
    cloud.all_goes_well();
    let run = scene.runs().remove(0);
    let seen = scene.types(&format!("resume {run} --yes"));
    assert_eq!(instances(&cloud), ["main"], "{seen}");
}

#[test]
fn an_instance_that_can_not_be_deleted_yet_is_deleted_as_soon_as_it_can_needs_moto() {
    let cloud = Cloud::start();
    let scene = of_rds(&cloud);
    scene.write("drill.yaml", &playbook(RESTORE));
    let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBInstanceState</Code><Message>Instance is not in available state.</Message></Error></ErrorResponse>";
    cloud.goes_wrong("rds:DeleteDBInstance", 2, Wrong::Says(400, refused));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"kind\":\"step_passed\"") && journal.contains("main-1 of main"), "{seen}");
    assert_eq!(instances(&cloud), ["main"], "{seen}");
    assert_eq!(cloud.calls().iter().filter(|one| *one == "rds:DeleteDBInstance").count(), 3);
}

#[test]
fn two_restores_of_one_run_have_an_instance_each_and_leave_none_needs_moto() {
    let cloud = Cloud::start();
    let scene = of_rds(&cloud);
    let two = format!("{RESTORE}{}", RESTORE.replace("id: back,", "id: again,"));
    scene.write("drill.yaml", &playbook(&two));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    for name in ["secondary/muster-snapshots-back-", "secondary/muster-snapshots-again-"] {
        assert!(journal.contains(name), "{name}: {seen}");
    }
    assert_eq!(instances(&cloud), ["main"], "{seen}");
}
