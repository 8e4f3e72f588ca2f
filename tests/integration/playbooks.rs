//! The playbooks that are shipped: each is right, passes on its simulated infrastructure, and proves what it says.

use crate::harness::Scene;

/// Those beside the quarterly one, which has tests of its own.
const SMALLER: [&str; 4] = ["backup-integrity", "deleted-repository", "read-only-degradation", "tabletop"];

fn shipped() -> Scene {
    Scene::new().shipped("playbooks")
}

fn report(scene: &Scene) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(scene.only_run().join("report.json")).unwrap()).unwrap()
}

#[test]
fn every_playbook_is_here_and_says_at_its_top_what_it_proves_and_for_whom() {
    let scene = shipped();
    let mut found: Vec<String> = std::fs::read_dir(scene.path("playbooks"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    found.sort();
    let mut known: Vec<String> = SMALLER.iter().map(|name| (*name).to_owned()).collect();
    known.push("quarterly-failover".to_owned());
    known.sort();
    assert_eq!(found, known);
    for name in SMALLER {
        let text = std::fs::read_to_string(scene.path(&format!("playbooks/{name}.yaml"))).unwrap();
        let top: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(top.contains("What it proves:") && top.contains("For whom:"), "{name} does not say it: {top}");
        assert!(include_str!("../../README.md").contains(&format!("playbooks/{name}.yaml")), "the README lists {name}");
    }
}

#[test]
fn every_playbook_is_valid_without_a_warning_and_can_be_planned() {
    let scene = shipped();
    for name in SMALLER {
        let seen = scene.types(&format!("validate playbooks/{name}.yaml")).exits(0);
        assert!(!seen.stderr.contains("warning"), "{seen}");
        scene.types(&format!("plan playbooks/{name}.yaml")).exits(0);
    }
}

#[test]
fn every_playbook_passes_on_its_simulated_infrastructure() {
    for name in SMALLER {
        let scene = shipped();
        scene.types(&format!("run playbooks/{name}.yaml")).exits(0).says("PASSED");
        scene.types(&format!("simulate playbooks/{name}.yaml --seed 7")).exits(0).says("PASSED");
    }
}

#[test]
fn a_drill_around_a_table_is_told_as_one_and_one_that_only_waits_is_not() {
    let scene = shipped();
    let told = "passed, all of them people's; no service was watched and no writes were counted; nothing was changed.";
    scene.types("run playbooks/tabletop.yaml -q").exits(0);
    let report = std::fs::read_to_string(scene.only_run().join("report.md")).unwrap();
    assert!(report.replace('\n', " ").contains(told), "{report}");
    let scene = shipped();
    scene.write(
        "waits.yaml",
        "muster: 1\nname: waits\ninfrastructure: playbooks/infra/code-host.yaml\nphases:\n  - name: failover\n    steps: [{ id: it, \
         wait: { for: 1s } }]\n",
    );
    scene.types("run waits.yaml -q --format json").exits(0);
    let report = std::fs::read_to_string(scene.only_run().join("report.md")).unwrap().replace('\n', " ");
    assert!(report.contains("1 of 1 step passed; no service was watched"), "{report}");
}

#[test]
fn every_check_of_every_playbook_is_seen_red() {
    let scene = shipped();
    for name in SMALLER {
        scene.types(&format!("simulate playbooks/{name}.yaml --prove")).exits(0);
    }
}

#[test]
fn no_playbook_has_a_bad_end_that_it_does_not_accept() {
    let scene = shipped();
    for name in SMALLER {
        let shorter = if name == "read-only-degradation" { " --var away=1m" } else { "" };
        scene.types(&format!("simulate playbooks/{name}.yaml --explore --pairs 5{shorter}")).exits(0);
    }
}

#[test]
fn a_repository_that_comes_back_too_late_or_not_at_all_fails_the_drill() {
    let scene = shipped();
    let infra = scene.path("playbooks/infra/code-host.yaml");
    let text = std::fs::read_to_string(&infra).unwrap();
    std::fs::write(&infra, text.replace("deleted_kept: 7d", "deleted_kept: 9d")).unwrap();
    let seen = scene.types("simulate playbooks/deleted-repository.yaml").exits(1);
    seen.says("came back 8 d").says("was promised to be refused");
    std::fs::write(&infra, text.replace("deleted_kept: 7d", "deleted_kept: 6d")).unwrap();
    let seen = scene.types("simulate playbooks/deleted-repository.yaml").exits(1);
    seen.says("promised to: it was deleted 6d23h ago");
}

#[test]
fn a_refusal_is_the_expected_result_and_stands_in_the_report() {
    let scene = shipped();
    scene.types("run playbooks/deleted-repository.yaml").exits(0);
    let report = report(&scene);
    let step = |id: &str| {
        let steps = report["record"]["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap().clone()
    };
    let evidence = |id: &str| step(id)["evidence"].to_string();
    assert!(evidence("too-late").contains("deleted repositories are kept for 7d"), "{}", step("too-late"));
    assert!(evidence("yesterday").contains("did not come back"), "metadata is told: {}", step("yesterday"));
    assert!(evidence("just-in-time").contains("14 of 14"), "{}", step("just-in-time"));
}

#[test]
fn backups_that_are_stale_plain_or_short_are_found() {
    let scene = shipped();
    let infra = scene.path("playbooks/infra/code-host.yaml");
    let text = std::fs::read_to_string(&infra).unwrap();
    for (change, why) in [
        ("every: 2h, kept: 31d, encrypted: true }", "without a snapshot"),
        ("every: 1h, kept: 20d, encrypted: true }", "they must reach back"),
        ("every: 1h, kept: 31d, encrypted: false }", "are not encrypted"),
    ] {
        std::fs::write(&infra, text.replacen("every: 1h, kept: 31d, encrypted: true }", change, 1)).unwrap();
        let seen = scene.types("simulate playbooks/backup-integrity.yaml").exits(3);
        seen.says(why);
    }
}

#[test]
fn readers_are_back_in_minutes_and_writers_only_with_the_primary() {
    let scene = shipped();
    scene.types("run playbooks/read-only-degradation.yaml").exits(0);
    let report = report(&scene);
    let services = report["record"]["services"].as_array().unwrap();
    let out = |id: &str| {
        let service = services.iter().find(|service| service["id"] == id).unwrap();
        let outage = &service["outages"][0]["outage"];
        let end = outage["recovery"].to_string() + &outage["recovered"].to_string() + &outage.to_string();
        (service["outages"].as_array().unwrap().len(), end)
    };
    assert!(out("browse").0 >= 1, "readers were out for a while: {services:?}");
    assert!(out("push").0 >= 1, "nobody could write: {services:?}");
    // Nothing was promoted.
    assert!(!report.to_string().contains("database.promote"));
}
