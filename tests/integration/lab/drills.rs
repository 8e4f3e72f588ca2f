//! Drills of the lab's repositories and servers, by Muster as a person types it.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::rig::{Rig, said, until};

/// The steps that both drills have: there and back.
const THERE_AND_BACK: &str = "
  - name: failover
    steps:
      - { id: scale-out, compute.scale: { compute: web-servers, in: secondary, to: 2 } }
      - { id: fence, storage.fence: { storage: repositories, in: primary, unreachable: continue } }
      - { id: promote, storage.promote: { storage: repositories, to: secondary } }
  - name: verify
    steps:
      - { id: served, check: { services: all, healthy_for: 1s } }
  - name: failback
    steps:
      - { id: rejoin, when: { mode: unplanned }, region.rejoin: { region: primary, fenced: [repositories] } }
      - { id: keep, data.preserve: { of: [repositories], in: primary } }
      - { id: replicate, storage.replicate: { storage: repositories, from: secondary, to: primary } }
      - { id: fence-back, storage.fence: { storage: repositories, in: secondary } }
      - { id: promote-back, storage.promote: { storage: repositories, to: primary, drain: true } }
      - { id: protect, storage.replicate: { storage: repositories, from: primary, to: secondary } }
      - { id: copies-again, storage.verify: { storage: repositories, in: secondary, behind_at_most: 30s } }
      - { id: scale-in, compute.scale: { compute: web-servers, in: secondary, to: as_before } }
";

/// Runs a drill on those of the lab's resources that are named, and says how it went.
fn drill(rig: &Rig, mode: &str) -> Output {
    let infrastructure = fs::read_to_string(rig.infrastructure()).unwrap();
    let mut infrastructure: Value = serde_yaml::from_str(&infrastructure).unwrap();
    let resources = infrastructure["resources"].as_object_mut().unwrap();
    resources.retain(|name, _| ["repositories", "web-servers"].contains(&name.as_str()));
    infrastructure["vars"] = json!({});
    infrastructure.as_object_mut().unwrap().remove("network");
    let place = rig.folder().with_file_name("drill");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("infra.yaml"), infrastructure.to_string()).unwrap();
    let head = format!(
        "muster: 1\nname: repositories\ntitle: The repositories to the other region, and back\ninfrastructure: infra.yaml\n\
         mode: planned\nobjectives: {{ rto: 5m, rpo: 30s }}\n\
         data_loss: {{ accept_up_to: 30s, because: copies are asynchronous }}\n\
         services:\n  git:\n    title: Git\n    depends_on: [repositories]\n    probe: {{ tcp: \"127.0.20.1:{}\", every: 500ms }}\n\
         canaries: {{ repositories: {{ storage: repositories, every: 500ms }} }}\nphases:\n  - name: prechecks\n    steps:\n\
         \x20     - {{ id: copies, storage.verify: {{ storage: repositories, in: secondary, behind_at_most: 30s }} }}\n\
         \x20     - {{ id: capacity, check: {{ compute: web-servers, in: secondary, can_scale_to: 2 }} }}\n\
         \x20 - name: disaster\n    when: {{ mode: unplanned }}\n    steps:\n\
         \x20     - {{ id: isolate, region.isolate: {{ region: primary, from: [users, secondary] }} }}",
        rig.port("git")
    );
    fs::write(place.join("drill.yaml"), head + THERE_AND_BACK).unwrap();
    Command::new(env!("CARGO_BIN_EXE_muster"))
        .current_dir(&place)
        .args(["run", "drill.yaml", "--execute", "--yes", "--mode", mode])
        .output()
        .unwrap()
}

/// The clients' pushes that were acknowledged, by number.
fn acknowledged(rig: &Rig) -> BTreeSet<u64> {
    let attempts = rig.attempts();
    let pushes = attempts.iter().filter(|one| one["what"] == "push" && one["ok"] == true);
    pushes.map(|one| one["n"].as_u64().unwrap()).collect()
}

/// The clients' pushes that are in a region.
fn there(rig: &Rig, region: &str) -> BTreeSet<u64> {
    let refs = rig.refs(region, "clients.git");
    refs.iter().filter_map(|line| line.rsplit_once("refs/pushes/")?.1.parse().ok()).collect()
}

fn running(rig: &Rig, region: &str) -> Vec<i32> {
    (1..=4).map(|n| rig.lab(&["server", region, "status", &n.to_string()]).status.code().unwrap()).collect()
}

#[test]
fn a_planned_drill_of_the_repositories_loses_no_push_and_leaves_the_lab_as_it_was_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let out = drill(&rig, "planned");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let pushed = acknowledged(&rig);
    until("the last push is copied", || there(&rig, "secondary").is_superset(&pushed));
    assert!(there(&rig, "primary").is_superset(&pushed), "an acknowledged push is lost");
    assert_eq!(running(&rig, "secondary"), [0, 3, 3, 3]);
    let status = rig.well(&["status"]);
    assert!(
        status.contains("take pushes") && status.contains("replica primary") && !status.contains("fenced"),
        "{status}"
    );
    for region in ["primary", "secondary"] {
        let left = fs::read_dir(rig.folder().join(region).join("repositories/muster")).into_iter().flatten();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!left.iter().any(|name| name.starts_with("canary")), "{left:?}");
    }
}

#[test]
fn an_unplanned_drill_keeps_the_pushes_that_only_the_lost_region_had_needs_postgres_needs_knot_needs_unbound() {
    let rig = Rig::up();
    // The copier stands still, so that something is lost for certain.
    let copier = fs::read_to_string(rig.folder().join("run/primary-mirror.json")).unwrap();
    let copier: Value = serde_json::from_str(&copier).unwrap();
    let kill = |signal: &str| {
        let status = Command::new("kill").args([signal, &copier["process"]["pid"].to_string()]).status().unwrap();
        assert!(status.success());
    };
    kill("-STOP");
    let before = there(&rig, "secondary");
    until("pushes that are not copied", || acknowledged(&rig).difference(&before).count() >= 2);
    let out = drill(&rig, "unplanned");
    let told = said(&out);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{told}");
    let lost: BTreeSet<u64> = acknowledged(&rig).difference(&there(&rig, "primary")).copied().collect();
    assert!(lost.len() >= 2, "nothing was lost: {told}");
    // Every one of them is in a bundle.
    let preserved = rig.folder().join("primary/repositories/.muster/preserved");
    let bundles = Command::new("find").arg(&preserved).args(["-name", "*-clients.git.bundle"]).output().unwrap();
    let bundle = said(&bundles);
    let heads = Command::new("git").args(["bundle", "list-heads", bundle.trim()]).output().unwrap();
    let heads = said(&heads);
    for number in &lost {
        assert!(heads.lines().any(|line| line.ends_with(&format!("refs/pushes/{number}"))), "{number}: {heads}");
    }
    // And the canary counts what only the old side had of its own pushes: all but one, at the most, that was under way.
    let place = rig.folder().with_file_name("drill");
    let run = fs::read_dir(place.join("reports")).unwrap().map(|entry| entry.unwrap().path());
    let run = run.into_iter().find(|path| path.join("report.json").exists()).unwrap();
    let report: Value = serde_json::from_str(&fs::read_to_string(run.join("report.json")).unwrap()).unwrap();
    let leg = &report["record"]["canaries"][0]["legs"][0];
    let of_canary = Command::new("find").arg(&preserved).args(["-name", "*-muster_canary-*.bundle"]).output().unwrap();
    let of_canary = Command::new("git").args(["bundle", "list-heads", said(&of_canary).trim()]).output().unwrap();
    let of_canary =
        u64::try_from(said(&of_canary).lines().filter(|line| line.contains("refs/canary/")).count()).unwrap();
    let canary_lost = leg["lost"].as_u64().unwrap_or_else(|| panic!("{leg}"));
    assert!(
        canary_lost > 0 && of_canary - canary_lost <= 1,
        "{of_canary} commits of the canary are kept, told is {leg}"
    );
    // Kept is, to the last commit, what the clients and the canary had there alone.
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let kept = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kept = kept
        .map(|entry| entry["event"].clone())
        .find(|event| event["kind"] == "step_passed" && event["step"] == "keep");
    let kept = &kept.unwrap()["pass"]["evidence"]["repositories: commits and references that exist only there"];
    let of_clients = u64::try_from(heads.lines().filter(|line| line.contains("refs/pushes/")).count()).unwrap();
    assert_eq!(kept.as_str().unwrap(), (of_clients + of_canary).to_string(), "{told}");
    assert!(of_clients - u64::try_from(lost.len()).unwrap() <= 1, "{of_clients} are kept, {} lost", lost.len());
    assert_eq!(running(&rig, "primary"), [0, 0, 3, 3]);
}
