//! `muster simulate --explore`: every fault, what it ends in, and what the playbook accepts.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;
use sha2::Digest as _;

use crate::harness::Scene;

const INFRASTRUCTURE: &str = "\
muster: 1
name: two-rooms
environment: simulated
regions: { primary: { name: left }, secondary: { name: right } }
resources:
  www: { dns: { provider: simulated, name: www.example.test } }
  main: { database: { provider: simulated } }
";

/// A way there and no way back: users are out where it ends in the middle.
const DRILL: &str = "\
muster: 1
name: drill
title: A drill
owner: me
infrastructure: rooms.yaml
mode: planned
services:
  app:
    depends_on: [www, main]
    probe: { http: 'https://www.example.test/healthz', every: 1s }
ACCEPTSphases:
  - name: failover
    steps:
      - { id: hold, command: { argv: [auto, pause], observe: [auto, status], undo: [auto, resume] } }
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: dns, dns.switch: { records: [www], to: secondary } }
  - name: verify
    steps:
      - { id: there, check: { services: all, served_by: secondary, healthy_for: 10s } }
  - name: cleanup
    steps:
      - { id: tidy, command: { argv: [auto, resume], observe: [auto, status] } }
";

/// All bad ends of the drill, accepted.
const ALL: &str = "accepts:
  - end: held-with-users-out
    when: [any=fails, any=hangs, any=slow, any=flaky, any=lies, any=fails-in-undo, any=loses-its-region]
    because: Nobody minds
";

fn drill(accepts: &str) -> Scene {
    Scene::new().file("rooms.yaml", INFRASTRUCTURE).file("drill.yaml", &DRILL.replace("ACCEPTS", accepts))
}

const EXPLORE: &str = "simulate drill.yaml --mode planned --explore";

/// What was found, in full.
fn found(scene: &Scene) -> Value {
    serde_json::from_str(&fs::read_to_string(scene.path("out/rehearsal.json")).unwrap()).unwrap()
}

fn end_of<'a>(found: &'a Value, fault: &str) -> &'a str {
    let named = |tried: &&Value| {
        let faults = &tried["case"]["faults"];
        format!("{}={}", faults[0]["target"].as_str().unwrap(), faults[0]["kind"].as_str().unwrap()) == fault
    };
    let singles = found["exploration"]["singles"].as_array().unwrap();
    singles.iter().find(named).unwrap_or_else(|| panic!("no {fault}"))["end"].as_str().unwrap()
}

#[test]
fn bad_ends_come_with_the_command_that_shows_them_and_it_does() {
    let scene = drill("");
    let seen = scene.types(&format!("{EXPLORE} --pairs 0 --out out")).exits(1);
    let seen = seen.says("held with users out: planned dns=fails").says("█ out").says("How every fault ended");
    let bad = found(&scene)["exploration"]["bad"].as_array().unwrap().clone();
    assert!(!bad.is_empty());
    for (n, bad) in bad.iter().enumerate() {
        let command = bad["command"].as_str().unwrap();
        assert!(seen.stdout.contains(command.split(" --start").next().unwrap()), "{command}\n{seen}");
        let line = command.strip_prefix("muster ").unwrap();
        let ran = scene.types(&format!("{line} --reports replay-{n}"));
        assert_eq!(u64::try_from(ran.code).unwrap(), 5, "{ran}");
        // The very same run: its journal's last line has the hash that the exploration saw.
        let folder = fs::read_dir(scene.path(&format!("replay-{n}"))).unwrap().map(Result::unwrap);
        let run = folder.map(|it| it.path()).find(|path| path.is_dir()).unwrap();
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        let head = sha2::Sha256::digest(journal.lines().last().unwrap().as_bytes());
        let head: String = head.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(head, bad["first"]["head"].as_str().unwrap(), "{command}");
    }
}

#[test]
fn each_fault_ends_in_what_it_should() {
    let scene = drill("");
    scene.types(&format!("{EXPLORE} --pairs 0 --out out")).exits(1);
    let found = found(&scene);
    for (fault, end) in [
        ("fence=fails", "undone"),
        ("dns=fails", "held-with-users-out"),
        // The promotion fails, and the fence can't be taken away.
        ("fence=fails-in-undo", "held-with-users-out"),
        // The fence fails, and the automatic failover stays paused: a person is needed, users are served.
        ("hold=fails-in-undo", "held-with-users-served"),
        ("dns=loses-its-region", "held-with-users-out"),
        ("tidy=fails", "held-with-users-served"),
        // No call of a look at a resource can lie, and nothing acts on a region as such.
        ("region.primary=fails", "not-met"),
    ] {
        assert_eq!(end_of(&found, fault), end, "{fault}");
    }
}

#[test]
fn what_the_playbook_accepts_with_a_reason_fails_nothing_and_is_shown() {
    let scene = drill(ALL);
    let seen = scene.types(&format!("{EXPLORE} --pairs 0 --out out")).exits(0);
    seen.says("no bad end that is not accepted").says("Accepted because: Nobody minds");
    assert!(!scene.read("out/rehearsal-junit.xml").contains("<failure"));
}

#[test]
fn an_accepted_end_that_nothing_ended_in_is_told() {
    let idle = "  - { end: two-writers, when: dns=slow and fence=slow, because: It was so once }\n";
    let seen = drill(&format!("{ALL}{idle}")).types(&format!("{EXPLORE} --pairs 0")).exits(0);
    seen.says("the playbook accepts two-writers when dns=slow and").says("nothing that was played");
}

#[test]
fn findings_are_the_same_on_any_number_of_threads_and_more_pairs_only_add() {
    let scene = drill(ALL);
    let explore = |more: &str| scene.types(&format!("{EXPLORE} --format json {more}")).json();
    let found = explore("--pairs 40 --threads 1");
    assert_eq!(found, explore("--pairs 40 --threads 3"));
    assert_ne!(found, explore("--pairs 40 --threads 3 --seed 2"));
    let fewer = explore("--pairs 10");
    assert_eq!((&fewer["exploration"]["pairs"], &found["exploration"]["pairs"]), (&10.into(), &40.into()));
    assert_eq!(fewer["exploration"]["singles"], found["exploration"]["singles"]);
    // However short the time, single faults are all played.
    let hurried = explore("--budget 1ms");
    assert_eq!(hurried["exploration"]["singles"], found["exploration"]["singles"]);
    assert_eq!(hurried["exploration"]["pairs"], 0);
}

#[test]
fn findings_are_written_for_build_servers_and_for_people() {
    let scene = drill("");
    scene.types(&format!("{EXPLORE} --pairs 5 --out out")).exits(1).warns("wrote out/rehearsal-junit.xml");
    let junit = scene.read("out/rehearsal-junit.xml");
    assert!(
        junit.contains("planned dns=fails") && junit.contains("held with users out: users of app are out"),
        "{junit}"
    );
    let markdown = scene.read("out/rehearsal.md");
    assert!(markdown.contains("## Every fault") && markdown.contains("muster simulate drill.yaml"), "{markdown}");
    let html = scene.read("out/rehearsal.html");
    assert!(html.contains("<svg class=\"timeline\"") && html.contains("Every fault"));
}

#[test]
fn without_a_mode_both_are_explored_and_one_that_is_not_valid_is_left_out() {
    let scene = drill(ALL);
    let text = scene.read("drill.yaml").replace("{ id: fence,", "{ id: fence, when: { mode: planned },");
    scene.write(
        "drill.yaml",
        &text.replace("to: secondary } }\n      - { id: dns", "to: secondary, drain: true } }\n      - { id: dns"),
    );
    let seen = scene.types("simulate drill.yaml --explore --pairs 0");
    seen.says("in unplanned mode the playbook is not valid: `promote` promotes");
}

#[test]
fn new_faults_can_be_put_in_by_hand() {
    let scene = drill("");
    let seen = scene.types("simulate drill.yaml --fault fence=fails-in-undo").exits(5);
    seen.says("simulated fault in undo");
    scene.types("simulate drill.yaml --fault dns=loses-its-region").exits(5);
    scene.types("simulate drill.yaml --fault secondary=loses-its-region").exits(5);
    scene.types("simulate drill.yaml --fault hold=loses-its-region").exits(2).warns("`hold` acts in no region");
    scene.types("simulate drill.yaml --fault hold=explodes").exits(2).warns("fails-in-undo and loses-its-region");
    scene.types("simulate --help").exits(0).says("loses-its-region");
}

#[test]
fn options_of_an_exploration_need_one() {
    drill("").types("simulate drill.yaml --pairs 3").exits(2).warns("--explore");
    drill("").types("simulate drill.yaml --explore --pairs 3 --budget 5s").exits(2).warns("cannot be used with");
}

#[test]
fn what_is_accepted_is_checked_where_it_stands() {
    let accepts = "accepts:
  - { end: held-with-users-off, when: dns=hangs, because: It is cheap }
  - { end: two-writers, when: dnss=hangs, because: It is cheap }
  - { end: two-writers, when: dns=hums, because: It is cheap }
  - { end: two-writers, when: dns=hangs }
  - { end: two-writers, when: dns=hangs, because: '' }
";
    assert_snapshot!(drill(accepts).types("validate drill.yaml --mode planned"), @r#"
    exit 2
    --- errors
    error[M023]: `held-with-users-off` is not one of the known values
      --> drill.yaml:12:12
       |
    12 |   - { end: held-with-users-off, when: dns=hangs, because: It is cheap }
       |            ^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `held-with-users-out`? known values: `two-writers`, `data-lost-beyond-the-objective`, `report-not-true`, `held-with-users-out`

    error[M024]: there is no fault `hums`: the kinds are fails, hangs, slow, flaky, lies, fails-in-undo and loses-its-region
      --> drill.yaml:14:31
       |
    14 |   - { end: two-writers, when: dns=hums, because: It is cheap }
       |                               ^^^^^^^^
       |
       = help: write it as for --fault: `when: dns=hangs`, or `when: any=hangs` for every step and resource

    error[M021]: the key `because` is missing here
      --> drill.yaml:15:5
       |
    15 |   - { end: two-writers, when: dns=hangs }
       |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: add `because: ...` to this mapping

    error[M024]: a bad end is accepted without a reason
      --> drill.yaml:16:51
       |
    16 |   - { end: two-writers, when: dns=hangs, because: '' }
       |                                                   ^^
       |
       = help: say why it is better than what could be done about it; the reason stands in every report
    "#);
    let unknown = "accepts: [{ end: two-writers, when: dnss=hangs, because: It is cheap }]\n";
    let seen = drill(unknown).types("validate drill.yaml --mode planned").exits(2);
    seen.warns("dnss").warns("drill.yaml:11:");
}

#[test]
fn the_example_for_build_servers_types_what_there_is() {
    let workflow = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ci/github-actions.yml")).unwrap();
    let lines: Vec<&str> = workflow.lines().map(str::trim).filter(|line| line.starts_with("muster ")).collect();
    assert!(lines.len() >= 2, "{workflow}");
    for line in lines {
        let subcommand = line.split(' ').nth(1).unwrap();
        let help = Scene::new().types(&format!("{subcommand} --help")).exits(0);
        for option in line.split([' ', '=']).filter(|word| word.starts_with("--")) {
            assert!(help.stdout.contains(option), "{line}: no {option}\n{help}");
        }
    }
}

#[test]
fn the_shipped_playbook_has_no_bad_end_that_it_does_not_accept_with_the_pairs_that_ci_plays() {
    let scene = Scene::new().shipped("playbooks");
    let workflow =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ci/github-actions.yml")).unwrap();
    assert!(workflow.contains("--explore --pairs 300 "), "the workflow plays others");
    let seen = scene.types("simulate playbooks/quarterly-failover.yaml --explore --pairs 300").exits(0);
    seen.says("569 single faults and 300 pairs were played").says("no bad end that is not accepted");
}
