//! `muster simulate --prove`: every check is seen red because of what it is there to see, or named.

use std::fs;

use serde_json::Value;

use super::{SHIPPED, SHIPPED_RUN, shipped};
use crate::harness::Scene;

/// The shipped playbook.
const PLAYBOOK: &str = "playbooks/quarterly-failover.yaml";

/// The findings of a proof, as JSON, and the exit code that is in them.
fn proven(scene: &Scene, typed: &str) -> Value {
    let seen = scene.types(&format!("simulate {typed} --prove --format json --out found"));
    let _ = seen.to_string();
    serde_json::from_str(&fs::read_to_string(scene.path("found/rehearsal.json")).unwrap()).unwrap()
}

/// The checks of findings that were seen red, and those that never were, each with the reason.
fn told(findings: &Value) -> (Vec<String>, Vec<(String, String)>) {
    let (mut red, mut never) = (Vec::new(), Vec::new());
    for check in findings["proof"]["checks"].as_array().unwrap() {
        let name = check["name"].as_str().unwrap().to_owned();
        match &check["outcome"]["because"] {
            Value::String(because) => never.push((name, because.clone())),
            _ => red.push(name),
        }
    }
    (red, never)
}

#[test]
fn the_shipped_playbook_has_no_check_that_was_never_seen_red() {
    let findings = proven(&shipped(), PLAYBOOK);
    let (red, never) = told(&findings);
    assert_eq!(never, [], "these prove nothing");
    assert_eq!(findings["exit"], 0);
    // One of each kind: that none is left out, and each is put to the test.
    for check in [
        "service web: status 200",
        "service web: within 800 ms",
        "service ssh: accepts a connection",
        "guardrail secondary stays reachable",
        "guardrail users are out too long",
        "guardrail outage limit, built in: 30 min",
        "guardrail witness, built in",
        "guardrail two writers of main, built in",
        "step all-healthy: ssh is healthy",
        "step all-healthy: web is healthy for 2 min",
        "step standby-ready: standby of web in secondary: status 200",
        "step replica: lag of main at most 10 s",
        "step copies: behind at most 30 s",
        "step copies: none missing",
        "step snapshots: newest at most 1 h 10 min",
        "step snapshots: kept at least 30 d",
        "step snapshots: encrypted",
        "step ttls: TTL of git at most 1 min",
        "step capacity: web-servers in secondary can scale to 12",
        "step go: people say yes",
        "step hold-automation: seen by `observe`",
        "step alarm: web is down",
        "step promote: within 2 min",
        "step served-there: push is served by secondary",
        "objective RTO of web (10 min) of the failover",
        "objective RTO (15 min) of the return",
        "objective RPO by canary repositories (30 s) of the failover",
        "objective RPO (0 s) of the return",
        "objective data loss accepted (30 s) of the failover",
    ] {
        assert!(red.iter().any(|name| name == check), "{check} is not among {red:#?}");
    }
}

#[test]
fn what_was_put_in_is_beyond_the_threshold_and_less_than_it_leaves_the_check_green() {
    let findings = proven(&shipped(), PLAYBOOK);
    let checks = findings["proof"]["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
    let lag = of("step replica: lag of main at most 10 s");
    assert_eq!(lag["put_in"], "the copy of main is 10.001s behind");
    assert_eq!(lag["outcome"]["green_with"], "the copy of main is 9.999s behind");
    assert_eq!(lag["outcome"]["saw"], "main in secondary is 10 s behind, at most 10 s is allowed");
    // What no run in the playbook's own mode has is tried in the other.
    assert_eq!((&lag["mode"], &of("step alarm: web is down")["mode"]), (&"planned".into(), &"unplanned".into()));
}

#[test]
fn a_check_that_nothing_can_turn_red_is_named_with_the_reason() {
    let scene = shipped();
    let text = fs::read_to_string(scene.path(PLAYBOOK)).unwrap();
    // As it was before it was found so: an answer is given up when it is as late as it may be.
    let mended = text.lines().filter(|line| !line.contains("timeout: 4s") && !line.contains("timeout: 20m"));
    scene.write(PLAYBOOK, &mended.fold(String::new(), |all, line| all + line + "\n"));
    let findings = proven(&scene, PLAYBOOK);
    let (_, never) = told(&findings);
    let because = |name: &str| never.iter().find(|(check, _)| check == name).map(|(_, why)| why.as_str()).unwrap();
    assert_eq!(
        because("service push: within 2 s"),
        "an answer is waited for no longer than 2 s, its `timeout`: a later one is never judged"
    );
    let hidden = because("objective RTO (15 min) of the return");
    assert!(hidden.starts_with("step served-home stops the drill first: given up after 10 min"), "{hidden}");
    assert_eq!(findings["exit"], 1);
    let seen = scene.types(&format!("simulate {PLAYBOOK} --prove"));
    let seen = seen.exits(1).says("✗ unproven").says("Never seen red: these prove nothing");
    seen.says("service push: within 2 s");
    let junit = fs::read_to_string(scene.path("found/rehearsal-junit.xml")).unwrap();
    assert!(
        junit.contains(r#"<failure message="never seen red: an answer is waited for no longer than 2 s"#),
        "{junit}"
    );
}

#[test]
fn a_check_that_is_red_with_nothing_wrong_is_not_proven() {
    let slow = "--infra playbooks/infra/simulated-slow.yaml --mode planned";
    let (_, never) = told(&proven(&shipped(), &format!("{PLAYBOOK} {slow}")));
    let within = never.iter().find(|(check, _)| check == "step promote: within 2 min").unwrap();
    assert!(within.1.contains("though nothing is wrong"), "{within:?}");
}

#[test]
fn findings_are_the_same_on_any_number_of_threads() {
    let of = |threads: u32| proven(&shipped(), &format!("{PLAYBOOK} --mode planned --seed 5 --threads {threads}"));
    assert_eq!(of(1), of(3));
}

/// A drill of everything that the shipped one has not.
const ODD: &str = r#"muster: 1
name: odd
infrastructure: playbooks/infra/simulated.yaml
mode: planned
services:
  app:
    depends_on: [code, main]
    probe:
      http: "https://code.example.test/x?deep=1"
      expect: { status: 2xx, body_contains: [fine, all is well], headers: { X-Served-By: app } }
      every: 1s
phases:
  - name: prechecks
    steps:
      - { id: lag, wait: { database: main, in: secondary, lag_at_most: 5s }, within: 1m }
      - { id: ask, http: { url: "https://elsewhere.example.test/x", expect: { status: 201, body_contains: done } } }
      - { id: say, command: { argv: [tool], expect: { exit: [3, 4], stdout_contains: ready } }, within: 20s }
      - { id: restore, backup.restore: { backup: snapshots, in: secondary, to: 2h ago, within: 30m } }
      - { id: gaps, backup.verify: { backup: snapshots, in: secondary, gaps_at_most: 2h } }
      - { id: up, check: { services: all, healthy_for: 1m }, within: 90s }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: dns, dns.switch: { records: [code], to: secondary } }
  - name: verify
    steps:
      - { id: there, check: { services: all, served_by: secondary } }
"#;

#[test]
fn expectations_of_programs_requests_bodies_headers_and_restores_are_proven_too() {
    let scene = shipped().file("odd.yaml", ODD);
    // The twin answers just what is expected: without that no such drill would pass.
    // It leaves what it does not move where it was, so a person is needed all the same.
    scene.types("simulate odd.yaml").exits(5).says("PASSED");
    let (red, never) = told(&proven(&scene, "odd.yaml --mode planned"));
    // Nobody writes to main, so nobody would see it written to on two sides.
    let names: Vec<&str> = never.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["guardrail two writers of main, built in"]);
    assert!(never[0].1.starts_with("no canary writes to main"), "{never:?}");
    assert_eq!(
        red,
        [
            "service app: status 2xx",
            "service app: header X-Served-By",
            "service app: body contains `fine`",
            "service app: body contains `all is well`",
            "step lag: lag of main at most 5 s",
            "step lag: within 1 min",
            "step ask: status 201",
            "step ask: body contains `done`",
            "step say: exit code 3, 4",
            "step say: prints `ready`",
            "step say: within 20 s",
            "step restore: none damaged",
            "step restore: newest write within 30 min",
            "step gaps: gaps at most 2 h",
            "step up: app is healthy",
            "step up: app is healthy for 1 min",
            "step up: within 1 min 30 s",
            "step there: app is healthy",
            "step there: app is served by secondary",
        ]
    );
}

#[test]
fn guardrails_on_resources_are_proven_too() {
    let scene = shipped();
    let text = fs::read_to_string(scene.path(PLAYBOOK)).unwrap();
    let more = "guardrails:
  - { name: replica keeps up, check: { database: main, in: secondary, lag_at_most: 30s }, every: 10s, broken_after: 30s, then: pause }
  - { name: room for all, check: { compute: web-servers, in: secondary, can_scale_to: 12 }, every: 5s, broken_after: 20s, then: undo }
  - { name: answers stay short, check: { dns: [code, git], ttl_at_most: 60s }, broken_after: 0s, then: pause }
";
    scene.write(PLAYBOOK, &text.replace("guardrails:\n", more));
    let (red, never) = told(&proven(&scene, &format!("{PLAYBOOK} --mode planned")));
    assert_eq!(never, []);
    for name in ["replica keeps up", "room for all", "answers stay short"] {
        assert!(red.contains(&format!("guardrail {name}")), "{red:?}");
    }
}

#[test]
fn a_proof_that_would_mislead_later_runs_is_not_kept() {
    let scene = shipped();
    let nothing = "None of its checks was proven";
    let seen = scene.types(&format!("simulate {PLAYBOOK} --prove --fault promote=fails"));
    seen.exits(1).warns("this proof is not kept for later runs: it was made beside --fault");
    scene.types(SHIPPED).exits(0).says(nothing);
    // One of a single mode is kept while there is no better one, and replaces none that is.
    scene.types(&format!("simulate {PLAYBOOK} --prove --mode planned")).exits(0).warns("kept for later runs: ");
    scene.types(&format!("simulate {PLAYBOOK} --prove")).exits(0).warns("kept for later runs: ");
    let seen = scene.types(&format!("simulate {PLAYBOOK} --prove --mode planned"));
    seen.exits(0).warns("this proof is not kept for later runs: ").warns("is of unplanned drills too");
    scene.types(&format!("{SHIPPED} --seed 9")).exits(0).says("83 of 83 checks were seen red in rehearsal");
}

#[test]
fn a_later_run_of_the_same_playbook_tells_in_every_report_what_was_proven() {
    let scene = shipped();
    let report = |name: &str| fs::read_to_string(scene.path("reports").join(SHIPPED_RUN).join(name)).unwrap();
    scene.types(&format!("simulate {PLAYBOOK} --prove --seed 5")).exits(0).warns("kept for later runs");
    scene.types(SHIPPED).exits(0).says("83 of 83 checks were seen red in rehearsal");
    for (name, says) in [
        ("report.html", "<h2>Methodology</h2>"),
        ("report.html", "<li>step ttls: TTL of code at most 1 min</li>"),
        ("report.md", "\n## Methodology\n\n83 of 83 checks were seen red in rehearsal"),
        ("report.md", "- step ttls: TTL of code at most 1 min"),
        ("report.json", r#""checks": "83 of 83 checks were seen red in rehearsal"#),
        ("report.json", r#""seen_red": ["#),
        ("junit.xml", r#"<property name="checks" value="83 of 83 checks were seen red in rehearsal"#),
        ("journal.jsonl", r#""proof":{"at":""#),
    ] {
        assert!(report(name).contains(says), "{name} does not have {says}");
    }
    assert!(!report("report.md").contains("No rehearsal has shown"));
    // Drawn again from the journal, they are the same.
    let drawn = report("report.md");
    scene.types(&format!("report {SHIPPED_RUN} --format markdown --out again.md")).exits(0);
    assert_eq!(fs::read_to_string(scene.path("again.md")).unwrap(), drawn);
    scene.types(&format!("verify {SHIPPED_RUN}")).exits(0);
}

#[test]
fn a_run_of_a_changed_playbook_or_with_other_variables_tells_that_nothing_was_proven() {
    let scene = shipped();
    let nothing = "None of its checks was proven";
    scene.types(SHIPPED).exits(0).says(nothing);
    scene.types(&format!("simulate {PLAYBOOK} --prove")).exits(0);
    scene.types(&format!("{SHIPPED} --var soak=20m")).exits(0).says(nothing);
    // The same values in another infrastructure file are the same checks.
    scene.types(&format!("{SHIPPED} --seed 9")).exits(0).never_says(nothing);
    let text = fs::read_to_string(scene.path(PLAYBOOK)).unwrap();
    scene.write(PLAYBOOK, &text.replace("lag: 10s", "lag: 11s"));
    scene.types(SHIPPED).exits(0).says(nothing);
}

#[test]
fn a_proof_that_is_damaged_is_passed_over_and_said_to_be() {
    let scene = shipped();
    scene.types(&format!("simulate {PLAYBOOK} --prove --mode planned")).exits(0);
    let kept = fs::read_dir(scene.path("reports/proofs")).unwrap().next().unwrap().unwrap().path();
    fs::write(&kept, "{ \"at\": ").unwrap();
    scene.types(SHIPPED).exits(0).warns("is passed over").says("None of its checks was proven");
}
