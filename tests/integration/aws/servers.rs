//! Servers, snapshots and walls on EC2: what is started, made and cut off, and that it is as it was afterwards.

use std::fs;

use super::cloud::{Cloud, Wrong};
use super::wire::{text, texts};
use super::{REAL, Setup};
use crate::harness::Scene;

const IMAGE: &str = "ami-12c6146b";

/// Instances of this name in a region, the first of them running and the rest stopped; their ids as they were made.
pub(super) fn instances(cloud: &Cloud, region: &str, name: &str, many: usize, running: &[usize]) -> Vec<String> {
    let count = many.to_string();
    let fields = [
        ("ImageId", IMAGE),
        ("MinCount", &count),
        ("MaxCount", &count),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Role"),
        ("TagSpecification.1.Tag.1.Value", name),
    ];
    let made = cloud.form("ec2", region, "RunInstances", &fields);
    let ids = texts(&made, "instanceId");
    for (n, id) in ids.iter().enumerate().filter(|(n, _)| !running.contains(n)) {
        let _ = n;
        cloud.form("ec2", region, "StopInstances", &[("InstanceId.1", id)]);
    }
    ids
}

/// The state of each instance.
pub(super) fn states(cloud: &Cloud, region: &str, ids: &[String]) -> Vec<String> {
    let state = |id: &String| {
        let seen = cloud.form("ec2", region, "DescribeInstances", &[("InstanceId.1", id)]);
        text(&text(&seen, "instanceState"), "name")
    };
    ids.iter().map(state).collect()
}

fn playbook(steps: &str) -> String {
    format!("muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n{steps}")
}

const FAILS: &str = "      - { id: broken, command: { argv: ['false'] }, on_failure: undo }\n";

#[test]
fn instances_are_started_by_id_and_exactly_those_that_ran_run_again_after_an_undo_needs_moto() {
    let cloud = Cloud::start();
    // The second one runs, so that an undo by number alone would get another one.
    let ids = instances(&cloud, "us-west-2", "web", 3, &[1]);
    let other = instances(&cloud, "us-east-1", "web", 1, &[0]);
    let resource = format!(
        "  web:\n    compute:\n      provider: aws\n      regions:\n        primary: {{ tag: {{ key: Role, value: web }} }}\n        \
         secondary: {{ instances: [{}] }}\n",
        ids.join(", ")
    );
    let scene = Setup::of(&cloud).resource(&resource).scene();
    let scale = "      - { id: up, compute.scale: { compute: web, in: secondary, to: 3 }, timeout: 30s }\n";
    scene.write("drill.yaml", &playbook(&format!("{scale}{FAILS}")));
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    assert_eq!(states(&cloud, "us-west-2", &ids), ["stopped", "running", "stopped"], "{seen}");
    assert_eq!(states(&cloud, "us-east-1", &other), ["running"]);
    let run = scene.runs().remove(0);
    let tags = cloud.form(
        "ec2",
        "us-west-2",
        "DescribeTags",
        &[("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", &ids[0])],
    );
    assert!(tags.contains("muster:run") && tags.contains(&run), "what was changed says by which run: {tags}");
    assert!(!tags.contains("muster:mark"), "no mark is left: {tags}");
}

#[test]
fn instances_are_stopped_by_tag_and_start_and_stop_stay_when_all_goes_well_needs_moto() {
    let cloud = Cloud::start();
    let away = instances(&cloud, "us-west-2", "web", 2, &[]);
    let home = instances(&cloud, "us-east-1", "web", 2, &[0, 1]);
    let resource = "  web:\n    compute:\n      provider: aws\n      regions:\n        primary: { tag: { key: Role, value: web } }\n        \
                    secondary: { tag: { key: Role, value: web } }\n";
    let scene = Setup::of(&cloud).resource(resource).scene();
    let steps = "      - { id: up, compute.start: { compute: web, in: secondary }, timeout: 30s }\n      \
                 - { id: down, compute.stop: { compute: web, in: primary }, timeout: 30s }\n";
    scene.write("drill.yaml", &playbook(steps));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(states(&cloud, "us-west-2", &away), ["running", "running"], "{seen}");
    assert_eq!(states(&cloud, "us-east-1", &home), ["stopped", "stopped"], "{seen}");
    assert!(cloud.calls().iter().any(|call| call == "ec2:DescribeInstanceStatus"), "status checks were waited for");
}

const BY_TAG: &str = "  web:\n    compute:\n      provider: aws\n      regions:\n        primary: { tag: { key: Role, value: web } }\n        \
     secondary: { tag: { key: Role, value: web } }\n";

#[test]
fn instances_that_are_stopping_still_are_started_again_by_an_undo_once_they_have_stopped_needs_moto() {
    let cloud = Cloud::start();
    let home = instances(&cloud, "us-east-1", "web", 2, &[0, 1]);
    instances(&cloud, "us-west-2", "web", 1, &[]);
    let scene = Setup::of(&cloud).resource(BY_TAG).scene();
    let stop = "      - { id: down, compute.stop: { compute: web, in: primary }, timeout: 30s }\n";
    scene.write("drill.yaml", &playbook(&format!("{stop}{FAILS}")));
    // On AWS a stop takes a minute, and what is asked for meanwhile is refused.
    let stopping = Wrong::Instead("<name>stopped</name>", "<name>stopping</name>");
    cloud.goes_wrong_after("ec2:StopInstances", "ec2:DescribeInstances", 12, stopping);
    let refused = "<Response><Errors><Error><Code>IncorrectInstanceState</Code><Message>The instance is not in a state from which it can be started.</Message></Error></Errors></Response>";
    cloud.goes_wrong("ec2:StartInstances", 1, Wrong::Says(400, refused));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(states(&cloud, "us-east-1", &home), ["running", "running"], "{seen}");
    seen.exits(1);
    let starts = cloud.calls().iter().filter(|call| *call == "ec2:StartInstances").count();
    assert!(starts <= 3, "nothing is asked for while it is seen to be stopping: {starts} times");
}

/// Starts a stopped instance whose checks are `initializing` so many times; the journal and what was seen.
fn initializing(times: u32, timeout: &str) -> (String, String) {
    let cloud = Cloud::start();
    let away = instances(&cloud, "us-west-2", "web", 1, &[]);
    instances(&cloud, "us-east-1", "web", 1, &[0]);
    let scene = Setup::of(&cloud).resource(BY_TAG).scene();
    let initializing = Wrong::Instead("<status>ok</status>", "<status>initializing</status>");
    cloud.goes_wrong_after("ec2:StartInstances", "ec2:DescribeInstanceStatus", times, initializing);
    scene.write(
        "drill.yaml",
        &playbook(&format!(
            "      - {{ id: up, compute.start: {{ compute: web, in: secondary }}, timeout: {timeout}, on_failure: stop }}\n"
        )),
    );
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(states(&cloud, "us-west-2", &away), ["running"], "{seen}");
    (fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap(), seen.to_string())
}

#[test]
fn instances_whose_checks_are_initializing_are_waited_for_and_do_not_count_needs_moto() {
    let (journal, seen) = initializing(u32::MAX, "3s");
    assert!(!journal.contains("\"kind\":\"step_passed\"") && seen.contains("0 of 1 servers run"), "{seen}");
    let (journal, seen) = initializing(3, "50s");
    assert!(journal.contains("\"kind\":\"step_passed\""), "{seen}");
}

pub(super) fn scaling_group(cloud: &Cloud, region: &str, name: &str, most: &str, desired: &str) {
    let launch = [("LaunchConfigurationName", name), ("ImageId", IMAGE), ("InstanceType", "t2.micro")];
    cloud.form("autoscaling", region, "CreateLaunchConfiguration", &launch);
    let fields = [
        ("AutoScalingGroupName", name),
        ("LaunchConfigurationName", name),
        ("MinSize", "0"),
        ("MaxSize", most),
        ("DesiredCapacity", desired),
        ("AvailabilityZones.member.1", if region == "us-east-1" { "us-east-1a" } else { "us-west-2a" }),
    ];
    cloud.form("autoscaling", region, "CreateAutoScalingGroup", &fields);
}

pub(super) fn capacity(cloud: &Cloud, region: &str, name: &str) -> String {
    let seen =
        cloud.form("autoscaling", region, "DescribeAutoScalingGroups", &[("AutoScalingGroupNames.member.1", name)]);
    text(&seen, "DesiredCapacity")
}

#[test]
fn an_auto_scaling_group_gets_its_capacity_and_never_more_than_its_maximum_needs_moto() {
    let cloud = Cloud::start();
    scaling_group(&cloud, "us-east-1", "web-use1", "4", "2");
    scaling_group(&cloud, "us-west-2", "web-usw2", "4", "1");
    let resource = "  web:\n    compute:\n      provider: aws\n      regions:\n        primary: { auto_scaling_group: web-use1 }\n        \
                    secondary: { auto_scaling_group: web-usw2 }\n";
    let scene = Setup::of(&cloud).resource(resource).scene();
    let scale = |to: u32| {
        format!("      - {{ id: up, compute.scale: {{ compute: web, in: secondary, to: {to} }}, timeout: 30s }}\n")
    };
    scene.write("drill.yaml", &playbook(&scale(4)));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(capacity(&cloud, "us-west-2", "web-usw2"), "4", "{seen}");
    // moto would set it.
    scene.write("drill.yaml", &playbook(&scale(5)));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(capacity(&cloud, "us-west-2", "web-usw2"), "4", "{seen}");
    assert!(format!("{seen}").contains("can have 4 servers, 5 were asked for"), "{seen}");
    // And back to what it was, where a later step fails.
    scene.write("drill.yaml", &playbook(&format!("{}{FAILS}", scale(2))));
    scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    assert_eq!(capacity(&cloud, "us-west-2", "web-usw2"), "4");
}

/// The subnets of a region's VPC.
pub(super) fn subnets(cloud: &Cloud, region: &str, many: usize) -> Vec<String> {
    let mut found = texts(&cloud.form("ec2", region, "DescribeSubnets", &[]), "subnetId");
    found.truncate(many);
    found
}

/// The network ACL of each subnet.
pub(super) fn acls(cloud: &Cloud, region: &str, subnets: &[String]) -> Vec<String> {
    let acl = |subnet: &String| {
        let fields = [("Filter.1.Name", "association.subnet-id"), ("Filter.1.Value.1", subnet.as_str())];
        text(&cloud.form("ec2", region, "DescribeNetworkAcls", &fields), "networkAclId")
    };
    subnets.iter().map(acl).collect()
}

fn isolated(cloud: &Cloud) -> (Vec<String>, Scene) {
    let subnets = subnets(cloud, "us-east-1", 2);
    let scene = Setup::of(cloud)
        .regions(&format!(", isolate: {{ subnets: [{}] }}", subnets.join(", ")), "")
        .resource("  {}\n")
        .scene();
    (subnets, scene)
}

#[test]
fn a_region_is_cut_off_by_network_acls_and_let_in_again_with_nothing_left_needs_moto() {
    let cloud = Cloud::start();
    let (subnets, scene) = isolated(&cloud);
    scene.write("infra.yaml", &scene.read("infra.yaml").replace("resources:\n  {}\n", ""));
    let before = acls(&cloud, "us-east-1", &subnets);
    let moto = cloud.moto;
    let during = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&during);
    cloud.whenever("ec2:ReplaceNetworkAclAssociation", move |_| {
        let seen = super::cloud::form_at(
            moto,
            "ec2",
            "us-east-1",
            "DescribeNetworkAcls",
            &[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:wall")],
        );
        kept.lock().unwrap().push(seen);
    });
    let isolate = "      - { id: out, region.isolate: { region: primary, from: [users, secondary] }, timeout: 20s }\n";
    scene.write("drill.yaml", &playbook(&format!("{isolate}{FAILS}")));
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    let wall = during.lock().unwrap().get(1).cloned().unwrap_or_else(|| panic!("no wall: {seen}"));
    assert!(subnets.iter().all(|subnet| wall.contains(&format!("<subnetId>{subnet}</subnetId>"))), "{wall}");
    assert!(wall.contains("isolates:users+secondary") && wall.contains(&scene.runs()[0]), "{wall}");
    assert!(!texts(&wall, "ruleAction").contains(&"allow".to_owned()), "nobody gets through: {wall}");
    assert_eq!(acls(&cloud, "us-east-1", &subnets), before);
    let left = cloud.form(
        "ec2",
        "us-east-1",
        "DescribeNetworkAcls",
        &[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:wall")],
    );
    assert!(texts(&left, "networkAclId").is_empty(), "nothing is left: {left}");
}

fn volumes(cloud: &Cloud, region: &str) -> Vec<String> {
    texts(&cloud.form("ec2", region, "DescribeVolumes", &[]), "volumeId")
}

/// A snapshot of a new volume in a region, with the tag by which the backup finds it.
pub(super) fn snapshot(cloud: &Cloud, region: &str, zone: &str, encrypted: &str) -> String {
    let made = cloud.form(
        "ec2",
        region,
        "CreateVolume",
        &[("Size", "8"), ("AvailabilityZone", zone), ("Encrypted", encrypted)],
    );
    let volume = text(&made, "volumeId");
    let fields = [
        ("VolumeId", volume.as_str()),
        ("TagSpecification.1.ResourceType", "snapshot"),
        ("TagSpecification.1.Tag.1.Key", "Backup"),
        ("TagSpecification.1.Tag.1.Value", "code"),
    ];
    let id = text(&cloud.form("ec2", region, "CreateSnapshot", &fields), "snapshotId");
    cloud.form("ec2", region, "DeleteVolume", &[("VolumeId", &volume)]);
    id
}

pub(super) const SNAPSHOTS: &str = "  snapshots:\n    backup:\n      provider: aws\n      regions:\n        \
     primary: { tag: { key: Backup, value: code }, zone: us-east-1a }\n        \
     secondary: { tag: { key: Backup, value: code }, zone: us-west-2a }\n";

#[test]
fn snapshots_are_checked_and_restored_into_a_volume_that_is_removed_again_needs_moto() {
    let cloud = Cloud::start();
    snapshot(&cloud, "us-west-2", "us-west-2a", "true");
    let scene = Setup::of(&cloud).resource(SNAPSHOTS).scene();
    let steps = "      - { id: there, backup.verify: { backup: snapshots, in: secondary, newest_at_most: 70m, encrypted: true } }\n      \
                 - { id: back, backup.restore: { backup: snapshots, in: secondary }, timeout: 30s }\n";
    scene.write("drill.yaml", &playbook(steps));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    assert!(volumes(&cloud, "us-west-2").is_empty(), "the scratch volume is gone");
    for call in ["ec2:CreateVolume", "ec2:DeleteVolume"] {
        assert!(cloud.calls().iter().any(|one| one == call), "{call}: {:?}", cloud.calls());
    }
    // One that is not encrypted is told.
    snapshot(&cloud, "us-west-2", "us-west-2a", "false");
    let all = format!("{}", scene.types(&format!("run drill.yaml {REAL}")));
    assert!(all.contains("1 of 2 snapshots are not encrypted"), "{all}");
}

#[test]
fn a_scratch_volume_is_removed_although_muster_was_killed_while_it_was_made_needs_moto() {
    let cloud = Cloud::start();
    snapshot(&cloud, "us-west-2", "us-west-2a", "true");
    let scene = Setup::of(&cloud).resource(SNAPSHOTS).scene();
    scene.write(
        "drill.yaml",
        &playbook("      - { id: back, backup.restore: { backup: snapshots, in: secondary }, timeout: 50s }\n"),
    );
    // It never becomes available, so Muster is waiting when it is killed.
    cloud.goes_wrong(
        "ec2:DescribeVolumes",
        u32::MAX,
        super::cloud::Wrong::Instead("<status>available</status>", "<status>creating</status>"),
    );
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    scene.until("a scratch volume is there", || !volumes(&cloud, "us-west-2").is_empty());
    running.kill();
    drop(running);
    assert_eq!(volumes(&cloud, "us-west-2").len(), 1, "it is left behind");
    cloud.all_goes_well();
    let run = scene.runs().remove(0);
    let seen = scene.types(&format!("resume {run} --yes"));
    assert!(volumes(&cloud, "us-west-2").is_empty(), "{:?}\n{seen}", volumes(&cloud, "us-west-2"));
}
