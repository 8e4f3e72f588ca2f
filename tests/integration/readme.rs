//! The README keeps its word: its playbook runs as it stands, and its drills end as it says.

use crate::harness::Scene;

const README: &str = include_str!("../../README.md");

/// The YAML block of the README that begins with `# {name}`.
fn block(name: &str) -> &'static str {
    let blocks = README.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.into_iter().find(|block| block.starts_with(&format!("# {name}"))).unwrap()
}

fn small_drill() -> Scene {
    Scene::new().file("drill.yaml", block("drill.yaml")).file("two-regions.yaml", block("two-regions.yaml"))
}

#[test]
fn the_playbook_in_it_runs_as_it_stands() {
    small_drill().types("run drill.yaml").exits(0).says("PASSED");
}

#[test]
fn the_mistake_in_it_is_told_as_it_says() {
    let wrong = block("drill.yaml").replace("lag_at_most: 5s", "lag_at_most: 5");
    let scene = small_drill().file("drill.yaml", &wrong);
    scene.types("validate drill.yaml").exits(2).warns("found the number 5").warns("lag_at_most: 5 }");
}

#[test]
fn the_drills_in_it_end_as_it_says() {
    let scene = Scene::new().shipped("playbooks");
    scene.types("run playbooks/quarterly-failover.yaml").exits(0).says("PASSED");
    scene
        .types("run playbooks/quarterly-failover.yaml --infra playbooks/infra/simulated-slow.yaml")
        .exits(1)
        .says("RTO of the failover (15 min) missed");
}

#[test]
fn nothing_in_it_is_left_to_be_filled_in() {
    assert!(!README.contains("TODO"), "the README has a gap");
}
