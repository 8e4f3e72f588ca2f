//! Each exit code by a case that a user may meet; and every refusal touches nothing.

use std::fs;

use super::{LAB, REAL, lab, lab_with, shipped};
use crate::harness::{Scene, Seen};

const TOUCH: &str = "      - { id: touch, command: { argv: [touch, touched] } }\n";

/// Refused before there was a run.
#[track_caller]
fn refused(scene: &Scene, line: &str, why: &str) -> Seen {
    let seen = scene.types(line).exits(3).warns("refused: ").warns(why).warns("Nothing was touched");
    assert!(!scene.path("touched").exists() && !scene.path("reports").exists(), "something was touched\n{seen}");
    seen
}

#[test]
fn a_real_run_needs_execute_and_its_mode_said() {
    let scene = lab(TOUCH);
    refused(&scene, "run drill.yaml", "--execute was not given");
    refused(&scene, "run drill.yaml --mode planned --yes", "--execute was not given");
    refused(&scene, "run drill.yaml --execute --yes", "--mode planned, unplanned or emergency");
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    assert!(scene.path("touched").exists());
}

#[test]
fn a_refusal_in_json_is_one_document() {
    let document = lab(TOUCH).types("run drill.yaml --format json").exits(3).json();
    assert_eq!(document["exit"], 3);
    assert!(document["error"].as_str().unwrap().contains("--execute was not given"), "{document}");
}

#[test]
fn only_the_approved_plan_is_run() {
    let scene = lab(TOUCH);
    refused(
        &scene,
        &format!("run drill.yaml {REAL} --approved 0123"),
        "the plan that was approved has the digest 0123",
    );
    let plan = scene.path("drill.yaml");
    let line = format!("run drill.yaml {REAL} --approved {}", digest_of(&scene));
    let text = fs::read_to_string(&plan).unwrap();
    fs::remove_file(scene.path("touched")).unwrap();
    fs::write(&plan, text.replace("A drill", "Another drill")).unwrap();
    refused(&scene, &line, "the plan that was approved");
    fs::write(&plan, text).unwrap();
    scene.types(&line).exits(0);
}

/// The plan's digest, from a run's journal: the harness takes hashes out of what is seen.
fn digest_of(scene: &Scene) -> String {
    scene.types(&format!("run drill.yaml {REAL} --reports rehearsal")).exits(0);
    let twin = fs::read_dir(scene.path("rehearsal")).unwrap().map(Result::unwrap).find(|entry| entry.path().is_dir());
    let journal = fs::read_to_string(twin.unwrap().path().join("journal.jsonl")).unwrap();
    fs::remove_dir_all(scene.path("rehearsal")).unwrap();
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    first["event"]["plan"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn yes_answers_nothing_in_production() {
    let scene = lab(TOUCH).file("lab.yaml", &LAB.replace("environment: lab", "environment: production"));
    refused(&scene, &format!("run drill.yaml {REAL}"), "--yes answers no gates in production");
    // Nor where a run is taken up again, whatever became of its Muster.
    let gated = "      - { id: long, command: { argv: [sh, -c, 'touch begun; test -f end || sleep 600'], observe: [test, -f, end] } }
      - { id: go, approve: { by: [incident-commander], deadline: 50s, prompt: Go? } }
      - { id: touch, command: { argv: [touch, touched] } }
";
    let scene = lab(gated).file("lab.yaml", &LAB.replace("environment: lab", "environment: production"));
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until_file("begun").kill();
    running.ends();
    scene.write("end", "");
    let run = scene.runs()[0].clone();
    scene.types(&format!("resume {run} --yes")).exits(3).warns("--yes answers no gates in production");
    let mut resumed = scene.starts(&format!("resume {run}"));
    resumed.until("`go` waits for an answer");
    scene.types(&format!("approve {run} go --by 'ann as incident-commander'")).exits(0);
    resumed.ends().exits(0).says("PASSED");
}

#[test]
fn a_provider_that_is_not_there_yet_is_refused_by_name() {
    let scene =
        lab(TOUCH).file("lab.yaml", &format!("{LAB}resources: {{ main: {{ database: {{ provider: patroni }} }} }}\n"));
    refused(&scene, &format!("run drill.yaml {REAL}"), "`main` (database by patroni)");
    scene.types("plan drill.yaml").exits(3).warns("patroni");
    scene.types("simulate drill.yaml").exits(0);
}

#[test]
fn faults_are_for_simulations() {
    let scene = lab(TOUCH);
    scene.types(&format!("run drill.yaml {REAL} --fault touch=fails")).exits(2).warns("muster simulate");
    assert!(!scene.path("touched").exists());
}

#[test]
fn a_precheck_that_fails_refuses_the_run_and_nothing_is_changed() {
    let scene = lab(TOUCH);
    let playbook = fs::read_to_string(scene.path("drill.yaml")).unwrap();
    let checks =
        "phases:\n  - name: prechecks\n    steps:\n      - { id: ready, command: { argv: [test, -f, ready] } }\n";
    scene.write("drill.yaml", &playbook.replace("phases:\n", checks));
    let line = format!("run drill.yaml {REAL}");
    scene.types(&line).exits(3).says("REFUSED").says("ready");
    assert!(!scene.path("touched").exists());
    scene.write("ready", "");
    scene.types(&line).exits(0);
    assert!(scene.path("touched").exists());
}

#[test]
fn a_step_that_fails_and_is_taken_back_leaves_1() {
    let steps = "      - { id: make, command: { argv: [touch, made], observe: [test, -f, made], undo: [rm, made] } }\n\
                 \x20     - { id: break, command: { argv: [sh, -c, 'echo no disk left >&2; exit 7'] }, on_failure: undo }\n";
    let scene = lab(steps);
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    seen.says("FAILED").warns("ended with exit code 7, expected 0; it said: no disk left").warns("make  taken back");
    assert!(!scene.path("made").exists());
}

#[test]
fn what_can_not_be_taken_back_leaves_5_and_says_what_to_do() {
    let steps = "      - { id: make, command: { argv: [touch, made] } }\n\
                 \x20     - { id: break, command: { argv: [sh, -c, 'exit 7'] }, on_failure: undo }\n";
    let seen = lab(steps).types(&format!("run drill.yaml {REAL}")).exits(5);
    seen.says("Left otherwise than it was found").says("what `touch made` did stays").says("try: ");
}

#[test]
fn a_failure_after_the_point_of_no_return_is_held_where_it_is_healthy() {
    let scene = shipped();
    let line = "simulate playbooks/quarterly-failover.yaml --fault promote-back=fails";
    scene.types(line).exits(5).says("FAILED").says("needs a person").says("in the secondary region, us-west-2");
}

#[test]
fn a_missed_objective_leaves_1_although_every_step_passed() {
    let scene = shipped();
    let line = "run playbooks/quarterly-failover.yaml --infra playbooks/infra/simulated-slow.yaml";
    scene.types(line).exits(1).says("FAILED").says("missed").says("World  home");
}

#[test]
fn a_reports_folder_that_can_not_be_is_found_before_the_drill() {
    for (reports, why) in [("occupied", "occupied"), ("/proc/muster", "/proc/muster"), ("/proc", "/proc")] {
        let scene = lab(TOUCH).file("occupied", "a file\n");
        let seen = scene.types(&format!("run drill.yaml {REAL} --reports {reports}")).exits(2).warns(why);
        assert!(!scene.path("touched").exists(), "{seen}");
    }
}

#[test]
fn a_reports_folder_that_is_missing_is_made() {
    let scene = lab_with("", TOUCH);
    scene.types(&format!("run drill.yaml {REAL} --reports deep/down")).exits(0);
    scene.types("history --reports deep/down").exits(0).says("drill");
    scene.types("history --reports nowhere").exits(2).warns("there is no reports folder nowhere");
}
