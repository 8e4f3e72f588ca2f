//! A region that is cut off half, and one that comes back behind a fence.

use std::fs;
use std::sync::{Arc, Mutex};

use super::cloud::{Cloud, Wrong, form_at};
use super::databases::{behind_wall, database, replicas};
use super::engine::Engine;
use super::servers::{acls, subnets};
use super::wire::{text, texts};
use super::{REAL, Setup};
use crate::harness::Scene;

/// A scene whose primary region can be cut off at these subnets.
fn scene(cloud: &Cloud, subnets: &[String]) -> Scene {
    let setup = Setup::of(cloud).regions(&format!(", isolate: {{ subnets: [{}] }}", subnets.join(", ")), "");
    let scene = setup.scene();
    scene.write("infra.yaml", &scene.read("infra.yaml").replace("resources:\n", ""));
    scene
}

fn playbook(steps: &str) -> String {
    format!("muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n{steps}")
}

const ISOLATE: &str = "      - { id: out, region.isolate: { region: primary, from: [users, secondary] }, timeout: 40s, on_failure: undo }\n";

/// Muster was killed when one of the subnets had its wall. (All that there are: moto's filter finds ACLs whose subnets are all
/// among those that are asked for, or the other way round.)
fn killed_halfway(cloud: &Cloud, steps: &str) -> (Vec<String>, Vec<String>, Scene) {
    let subnets = subnets(cloud, "us-east-1", usize::MAX);
    let scene = scene(cloud, &subnets);
    let before = acls(cloud, "us-east-1", &subnets);
    scene.write("drill.yaml", &playbook(steps));
    let replace = "ec2:ReplaceNetworkAclAssociation";
    cloud.goes_wrong_after(replace, replace, u32::MAX, Wrong::Silent);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    scene.until("the second subnet is asked for", || cloud.calls().iter().filter(|call| *call == replace).count() > 1);
    running.kill();
    drop(running);
    let half = acls(cloud, "us-east-1", &subnets);
    assert_eq!(half.iter().zip(&before).filter(|(now, was)| now != was).count(), 1, "one has its wall: {half:?}");
    cloud.all_goes_well();
    (subnets, before, scene)
}

#[test]
fn a_region_that_was_cut_off_half_is_cut_off_wholly_by_whoever_resumes_needs_moto() {
    let cloud = Cloud::start();
    let (subnets, before, scene) = killed_halfway(&cloud, ISOLATE);
    let run = scene.runs().remove(0);
    let seen = scene.types(&format!("resume {run} --yes"));
    let after = acls(&cloud, "us-east-1", &subnets);
    assert!(after.iter().zip(&before).all(|(now, was)| now != was), "each subnet has a wall: {after:?}\n{seen}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"kind\":\"step_passed\""), "{seen}");
}

#[test]
fn the_one_wall_of_a_region_that_was_cut_off_half_is_taken_away_by_an_undo_needs_moto() {
    let cloud = Cloud::start();
    let (subnets, before, scene) = killed_halfway(&cloud, ISOLATE);
    // No further wall may be raised.
    let denied =
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
    cloud.goes_wrong("ec2:CreateNetworkAcl", u32::MAX, Wrong::Says(403, denied));
    let run = scene.runs().remove(0);
    let seen = scene.types(&format!("resume {run} --yes"));
    assert_eq!(acls(&cloud, "us-east-1", &subnets), before, "{seen}");
    assert!(walls(&cloud).is_empty(), "nothing is left: {:?}", walls(&cloud));
}

#[test]
fn a_database_comes_back_behind_its_fence_without_an_instant_in_between_needs_moto() {
    let cloud = Cloud::start();
    replicas(&cloud);
    let (home, away) = (Engine::start(), Engine::start());
    away.stands_by(true);
    let subnets = subnets(&cloud, "us-east-1", usize::MAX);
    let before = acls(&cloud, "us-east-1", &subnets);
    behind_wall(&cloud, "us-east-1", &subnets[0], &home);
    let settings = format!(
        "      kind: replica\n      regions:\n        primary: {{ instance: main-use1, fence: {{ subnets: [{}], \
         let_through: [10.2.0.0/16] }} }}\n        secondary: {{ instance: main-usw2 }}\n",
        subnets[0]
    );
    let isolate = format!(", isolate: {{ subnets: [{}] }}", subnets.join(", "));
    let setup = Setup::of(&cloud).regions(&isolate, "").resource(&database(&settings, [&home, &away]));
    let scene = setup.scene();
    // The purposes of the walls before the database's subnet, whenever one is swapped.
    let seen_walls = Arc::new(Mutex::new(Vec::new()));
    let (kept, moto, subnet) = (Arc::clone(&seen_walls), cloud.moto, subnets[0].clone());
    cloud.whenever("ec2:ReplaceNetworkAclAssociation", move |_| {
        let fields = [("Filter.1.Name", "association.subnet-id"), ("Filter.1.Value.1", subnet.as_str())];
        let acl = form_at(moto, "ec2", "us-east-1", "DescribeNetworkAcls", &fields);
        let wall = ["isolates:users+secondary", "fences:main"].into_iter().find(|it| acl.contains(it));
        kept.lock().unwrap().push(wall.unwrap_or("none"));
    });
    let rejoin = "      - { id: back, region.rejoin: { region: primary, fenced: [main] }, timeout: 40s }\n";
    scene.write("drill.yaml", &playbook(&format!("{ISOLATE}{rejoin}")));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    // Before this subnet's wall others may be raised.
    let walls = seen_walls.lock().unwrap().clone();
    let mut walls: Vec<&str> = walls.into_iter().skip_while(|wall| *wall == "none").collect();
    walls.dedup();
    assert_eq!(walls, ["isolates:users+secondary", "fences:main"], "{seen}");
    let after = acls(&cloud, "us-east-1", &subnets);
    assert!(after[0] != before[0] && after[1..] == before[1..], "the fence stays before the database alone\n{seen}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    let wall = cloud.form("ec2", "us-east-1", "DescribeNetworkAcls", &[("NetworkAclId.1", after[0].as_str())]);
    let allowed: Vec<String> =
        texts(&wall, "item").into_iter().filter(|it| it.contains("<ruleAction>allow<")).collect();
    assert!(!allowed.is_empty() && allowed.iter().all(|it| text(it, "cidrBlock") == "10.2.0.0/16"), "{wall}");
    // What sessions of before left in the engine ended behind the isolation: the fence holds from its first moment on.
    assert!(wall.contains("muster:sessions-ended"), "{wall}");
    let calls = cloud.calls();
    let restarted = calls.iter().position(|call| call == "rds:RebootDBInstance");
    let fenced = calls.iter().rposition(|call| call == "ec2:CreateNetworkAcl");
    assert!(restarted.is_some() && restarted < fenced, "{calls:?}");
}

#[test]
fn a_region_whose_database_can_not_be_restarted_stays_cut_off_needs_moto() {
    let cloud = Cloud::start();
    replicas(&cloud);
    let (home, away) = (Engine::start(), Engine::start());
    away.stands_by(true);
    let subnets = subnets(&cloud, "us-east-1", usize::MAX);
    behind_wall(&cloud, "us-east-1", &subnets[0], &home);
    let settings = format!(
        "      kind: replica\n      regions:\n        primary: {{ instance: main-use1, fence: {{ subnets: [{}] }} }}\n        \
         secondary: {{ instance: main-usw2 }}\n",
        subnets[0]
    );
    let isolate = format!(", isolate: {{ subnets: [{}] }}", subnets.join(", "));
    let setup = Setup::of(&cloud).regions(&isolate, "").resource(&database(&settings, [&home, &away]));
    let scene = setup.scene();
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    cloud.goes_wrong("rds:RebootDBInstance", u32::MAX, Wrong::Says(403, denied));
    let rejoin =
        "      - { id: back, region.rejoin: { region: primary, fenced: [main] }, timeout: 40s, on_failure: stop }\n";
    scene.write("drill.yaml", &playbook(&format!("{}{rejoin}", ISOLATE.replace(", on_failure: undo", ""))));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(seen.code != 0 && format!("{seen}").contains("rds:RebootDBInstance"), "{seen}");
    let walls = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:wall")];
    let walls = cloud.form("ec2", "us-east-1", "DescribeNetworkAcls", &walls);
    assert!(walls.contains("isolates:users+secondary") && !walls.contains("fences:main"), "{walls}\n{seen}");
}

#[test]
fn walls_that_went_up_in_part_are_taken_back_although_the_last_answer_was_that_nothing_was_changed_needs_moto() {
    let cloud = Cloud::start();
    let subnets = subnets(&cloud, "us-east-1", usize::MAX);
    let scene = scene(&cloud, &subnets);
    let before = acls(&cloud, "us-east-1", &subnets);
    scene.write("drill.yaml", &playbook(ISOLATE));
    // Somebody else has given the second subnet another ACL meanwhile, by what EC2 says.
    let (replace, gone) = (
        "ec2:ReplaceNetworkAclAssociation",
        "<Response><Errors><Error><Code>InvalidAssociationID.NotFound</Code><Message>no</Message></Error></Errors></Response>",
    );
    cloud.goes_wrong_after(replace, replace, 1, Wrong::Says(400, gone));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(seen.code != 0 && format!("{seen}").contains("raising a wall in us-east-1"), "{seen}");
    assert_eq!(acls(&cloud, "us-east-1", &subnets), before, "{seen}");
    assert!(walls(&cloud).is_empty(), "{:?}", walls(&cloud));
}

/// The ACLs that are walls, or were to be.
fn walls(cloud: &Cloud) -> Vec<String> {
    let walls = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:wall")];
    texts(&cloud.form("ec2", "us-east-1", "DescribeNetworkAcls", &walls), "networkAclId")
}

/// As [`scene`], where the other region gets through a wall: it has entries.
fn scene_with_entries(cloud: &Cloud, subnets: &[String]) -> Scene {
    let isolate = format!(", isolate: {{ subnets: [{}], blocks: {{ secondary: [10.2.0.0/16] }} }}", subnets.join(", "));
    let scene = Setup::of(cloud).regions(&isolate, "").scene();
    scene.write("infra.yaml", &scene.read("infra.yaml").replace("resources:\n", ""));
    scene.write("drill.yaml", &playbook(&ISOLATE.replace("[users, secondary]", "[users]")));
    scene
}

#[test]
fn an_entry_of_a_wall_whose_answer_was_lost_is_there_when_it_is_sent_again_needs_moto() {
    let cloud = Cloud::start();
    let subnets = subnets(&cloud, "us-east-1", usize::MAX);
    let scene = scene_with_entries(&cloud, &subnets);
    let before = acls(&cloud, "us-east-1", &subnets);
    cloud.goes_wrong("ec2:CreateNetworkAclEntry", 1, Wrong::AnswerLost);
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let after = acls(&cloud, "us-east-1", &subnets);
    assert!(after.iter().zip(&before).all(|(now, was)| now != was), "each subnet has a wall: {after:?}\n{seen}");
    let entries = cloud.calls().iter().filter(|call| *call == "ec2:CreateNetworkAclEntry").count();
    assert_eq!(entries, 3, "in and out, and one of them once more");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"kind\":\"step_passed\""), "{seen}");
}

#[test]
fn a_wall_that_gets_no_entries_leaves_no_acl_behind_needs_moto() {
    let cloud = Cloud::start();
    let subnets = subnets(&cloud, "us-east-1", usize::MAX);
    let scene = scene_with_entries(&cloud, &subnets);
    let before = acls(&cloud, "us-east-1", &subnets);
    let denied =
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
    cloud.goes_wrong("ec2:CreateNetworkAclEntry", u32::MAX, Wrong::Says(403, denied));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(seen.code != 0 && format!("{seen}").contains("ec2:CreateNetworkAclEntry"), "{seen}");
    assert_eq!(acls(&cloud, "us-east-1", &subnets), before, "{seen}");
    assert!(walls(&cloud).is_empty(), "{:?}", walls(&cloud));
}
