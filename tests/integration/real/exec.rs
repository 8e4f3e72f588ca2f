//! A drill on infrastructure that the shipped example in Python keeps in a file.

use std::fs;

use crate::harness::Scene;

const INFRA: &str = "muster: 1
name: file
environment: lab
regions: { primary: { name: a }, secondary: { name: b } }
resources:
  code:
    dns:
      provider: exec
      command: [python3, examples/exec-provider.py]
      name: code.example.test
      targets: { primary: [192.0.2.10], secondary: [198.51.100.10] }
      settings: { file: world.json }
  web-servers:
    compute: { provider: exec, command: [python3, examples/exec-provider.py], settings: { file: world.json } }
";

const DRILL: &str = "muster: 1
name: drill
infrastructure: infra.yaml
phases:
  - name: prechecks
    steps:
      - { id: room, check: { compute: web-servers, in: secondary, can_scale_to: 3 } }
  - name: failover
    steps:
      - { id: scale, compute.scale: { compute: web-servers, in: secondary, to: 3 } }
      - { id: dns, dns.switch: { records: [code], to: secondary } }
";

const WORLD: &str = r#"{"code": {"values": ["192.0.2.10"], "ttl": "1s"},
    "web-servers": {"primary": {"desired": 2, "capacity": 4}, "secondary": {"desired": 0, "capacity": 4}}}"#;

fn scene(drill: &str) -> Scene {
    Scene::new()
        .shipped("examples/exec-provider.py")
        .file("infra.yaml", INFRA)
        .file("world.json", WORLD)
        .file("drill.yaml", drill)
}

fn world(scene: &Scene) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(scene.path("world.json")).unwrap()).unwrap()
}

#[test]
fn a_program_of_the_users_own_carries_a_failover_out_needs_python3() {
    let scene = scene(DRILL);
    let seen = format!("{}", scene.types("run drill.yaml --execute --mode planned --yes"));
    let after = world(&scene);
    assert_eq!(after["code"]["values"][0], "198.51.100.10", "{seen}");
    assert_eq!(after["web-servers"]["secondary"]["desired"], 3, "{seen}");
    assert_eq!(after["marks"], serde_json::json!({}), "marked while it ran, and no longer: {seen}");
}

#[test]
fn a_program_of_the_users_own_undoes_a_failover_whose_later_step_fails_needs_python3() {
    let broken = format!("{DRILL}      - {{ id: broken, command: {{ argv: ['false'] }}, on_failure: undo }}\n");
    let scene = scene(&broken);
    let seen = scene.types("run drill.yaml --execute --mode planned --yes").exits(1);
    let after = world(&scene);
    assert_eq!(after["code"]["values"][0], "192.0.2.10", "{seen}");
    assert_eq!(after["web-servers"]["secondary"]["desired"], 0, "{seen}");
}

#[test]
fn settings_that_no_program_could_be_run_by_are_told() {
    let infra = INFRA
        .replace("command: [python3, examples/exec-provider.py]\n", "command: []\n")
        .replace("secondary: [198.51.100.10]", "secondary: [here]");
    let scene = scene(DRILL);
    scene.write("infra.yaml", &infra);
    let all = format!("{}", scene.types("validate drill.yaml").exits(2));
    for told in ["no program is given", "`here` is no IPv4 address"] {
        assert!(all.contains(told), "{told}\n{all}");
    }
}
