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

#[test]
fn its_playbook_without_what_keeps_data_safe_is_refused() {
    let keep = "      - { id: keep, data.preserve: { of: [main], in: primary } }\n";
    let careless = block("drill.yaml").replace(keep, "");
    let scene = small_drill().file("drill.yaml", &careless);
    // Planned, the promotion is drained: the old side has nothing of its own. Unplanned it may.
    scene.types("validate drill.yaml --mode planned").exits(0);
    scene.types("validate drill.yaml --mode unplanned").exits(2).warns("M056").warns("data.preserve");
    scene.write("drill.yaml", &careless.replace("mode: planned\n", "mode: planned\ndiscard: accept\n"));
    scene.types("validate drill.yaml --mode unplanned").exits(0);
}

#[test]
fn its_promotion_outside_both_legs_is_refused() {
    let lost = block("drill.yaml").replace("  - name: failover\n", "  - name: failover\n    kind: soak\n");
    small_drill().file("drill.yaml", &lost).types("validate drill.yaml").exits(2).warns("M057");
}
