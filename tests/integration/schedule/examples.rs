//! The examples for other people's schedulers: they can be read, and what they call is there.

use std::fs;

use crate::harness::Scene;

fn example(name: &str) -> String {
    fs::read_to_string(format!("{}/examples/schedule/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Where the examples suppose to be: some playbooks, and a configuration.
fn scene() -> Scene {
    let scene = Scene::new().file("muster-serve.yaml", "muster: 1\nplaybooks: [playbooks]\n");
    scene.shipped("playbooks/quarterly-failover.yaml").shipped("playbooks/infra/simulated.yaml")
}

/// Has each call of Muster in a shell's line run; gives how many there were.
fn calls(scene: &Scene, line: &str) -> usize {
    let parts = line.split("&&").map(str::trim);
    let calls: Vec<&str> =
        parts.filter_map(|part| part.trim_start_matches("/usr/bin/").strip_prefix("muster ")).collect();
    for call in &calls {
        let _ = scene.types(call).exits(0);
    }
    calls.len()
}

#[test]
fn the_crontab_has_times_and_calls_that_muster_takes() {
    let scene = scene();
    let lines: Vec<String> = example("crontab")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        // As crontab(5) has a system's table: five fields, who, and what; a percent sign with a backslash before it.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let head = "muster: 1\nname: timed\ntitle: Timed\ninfrastructure: playbooks/infra/simulated.yaml\n";
        let steps = "phases: [{ name: verify, steps: [{ id: wait, wait: { for: 1s } }] }]\n";
        scene.write("timed.yaml", &format!("{head}schedule: {{ every: '{}' }}\n{steps}", fields[..5].join(" ")));
        let _ = scene.types("validate timed.yaml").exits(0);
        assert_eq!(fields[5], "drills");
        let command = line.split_once("drills  ").unwrap().1;
        assert!(command.matches('%').count() == command.matches("\\%").count());
        assert_eq!(calls(&scene, command), 1, "{line}");
    }
}

/// The settings of a unit: section, name and value.
fn settings(unit: &str) -> Vec<(String, String, String)> {
    let (mut section, mut all) = (String::new(), Vec::new());
    for line in example(unit).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            name.strip_suffix(']').unwrap().clone_into(&mut section);
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{unit}: {line}"));
            all.push((section.clone(), name.to_owned(), value.to_owned()));
        }
    }
    all
}

#[test]
fn the_units_of_systemd_call_what_is_there_and_leave_drills_alone() {
    let scene = scene();
    let service = settings("muster-drill.service");
    let of = |all: &[(String, String, String)], section: &str, name: &str| {
        let found = all.iter().find(|it| it.0 == section && it.1 == name);
        found.unwrap_or_else(|| panic!("there is no {name} in [{section}]")).2.clone()
    };
    assert_eq!(calls(&scene, &of(&service, "Service", "ExecStart")), 1);
    assert_eq!(of(&service, "Service", "KillMode"), "process");
    let timer = settings("muster-drill.timer");
    assert_eq!(of(&timer, "Timer", "Persistent"), "true");
    assert_eq!(of(&timer, "Timer", "OnCalendar"), "*:0/15");
    assert_eq!(of(&timer, "Install", "WantedBy"), "timers.target");
}

#[test]
fn the_workflow_of_a_ci_server_calls_what_is_there_and_keeps_its_reports_also_when_a_drill_fails() {
    let workflow: serde_yaml::Value = serde_yaml::from_str(&example("github-actions.yml")).unwrap();
    let steps = workflow["jobs"]["drill"]["steps"].as_sequence().unwrap();
    let scene = scene();
    let called: usize = steps.iter().filter_map(|step| step["run"].as_str()).map(|line| calls(&scene, line)).sum();
    assert_eq!(called, 2);
    // `serve --once` ends with 1 when a drill fails: what comes behind it is to run all the same.
    let uses = |step: &serde_yaml::Value, what: &str| step["uses"].as_str().is_some_and(|uses| uses.starts_with(what));
    let keeps = |what: &str| steps.iter().find(|step| uses(step, what) && step["if"].as_str() == Some("always()"));
    assert!(keeps("actions/upload-artifact@").is_some() && keeps("actions/cache/save@").is_some());
    let drills = steps.iter().position(|step| step["run"].as_str().is_some_and(|run| run.contains("--once"))).unwrap();
    assert!(steps.iter().position(|step| uses(step, "actions/cache/restore@")).unwrap() < drills);
}
