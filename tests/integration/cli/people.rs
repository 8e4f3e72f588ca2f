//! Gates: answered at a terminal, by `--yes`, or by nobody.

use super::{REAL, lab};
use crate::harness::Scene;

const GATED: &str =
    "      - { id: go, approve: { by: [incident-commander], prompt: 'Start? Users are out from here.' } }
      - { id: touch, command: { argv: [touch, touched] } }
";

const BY_HAND: &str = "      - { id: pull, manual: { checklist: [Pull the red cable, Close the door] } }\n";

/// What is seen by somebody who types a line at a terminal of their own: `script` makes one.
macro_rules! at_a_terminal {
    ($scene:expr, $line:expr) => {{
        let muster = env!("CARGO_BIN_EXE_muster");
        $scene.starts_program("script", &format!("-qec 'exec {muster} {}' /dev/null", $line))
    }};
}

#[test]
fn where_nobody_is_a_gate_waits_until_its_deadline_for_an_answer_from_elsewhere() {
    let scene = lab(&GATED.replace("prompt:", "deadline: 1s, prompt:")).stdin("yes incident-commander\n");
    let seen = scene.types("run drill.yaml --execute --mode planned");
    assert_ne!(seen.code, 0, "{seen}");
    seen.says("nobody answered within 1 s");
    assert!(!scene.path("touched").exists());
}

#[test]
fn a_gate_is_answered_from_another_terminal_with_evidence_that_is_kept_and_verified() {
    let steps =
        "      - { id: pull, manual: { checklist: [Pull the red cable], evidence: required, deadline: 50s } }\n";
    let scene = lab(steps).file("photo.jpg", "abc");
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until("`pull` waits for an answer").until("muster approve").until("muster reject");
    let run = scene.runs()[0].clone();
    for (wrong, why) in [
        ("--evidence-file none.jpg", "none.jpg can't be read"),
        ("--evidence-file .", "no regular file"),
        ("--evidence-link http://a.test/", "https://"),
        ("--evidence-text ''", "1 to 16384 bytes"),
    ] {
        scene.types(&format!("approve {run} pull --by bob {wrong}")).exits(2).warns(why);
    }
    let given =
        "--evidence-text 'cable 7, both ends' --evidence-file photo.jpg --evidence-link https://a.test/ticket/1";
    scene.types(&format!("approve {run} pull --by bob {given}")).exits(0);
    running.ends().exits(0).says("PASSED");
    let report = scene.types(&format!("report {run}")).exits(0);
    report
        .says("“cable 7, both ends” (SHA-256")
        .says("file photo.jpg (3 bytes, SHA-256")
        .says("link https://a.test/ticket/1")
        .says("bob");
    // The digest of `abc`, FIPS 180-2 appendix B.1.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let copy = format!("reports/{run}/evidence/{digest}-photo.jpg");
    assert_eq!(std::fs::read(scene.path(&copy)).unwrap(), b"abc");
    scene.types(&format!("verify {run}")).exits(0).says("1 file of evidence as it was given");
    scene.write(&copy, "abd");
    scene.types(&format!("verify {run}")).exits(1).says("was changed").says("photo.jpg");
    std::fs::remove_file(scene.path(&copy)).unwrap();
    scene.types(&format!("verify {run}")).exits(1).says("is not there").says("photo.jpg");
    std::fs::copy(scene.only_run().join("journal.jsonl"), scene.path("alone.jsonl")).unwrap();
    scene.types("verify alone.jsonl").exits(0).says("whole");
}

/// A gate that two of two roles must pass.
const TWO: &str =
    "      - { id: go, approve: { by: [incident-commander, database-lead], quorum: 2, deadline: 50s, prompt: Start? } }
      - { id: touch, command: { argv: [touch, touched] } }
";

#[test]
fn a_quorum_comes_together_from_other_terminals_and_each_is_told_whether_the_answer_counts() {
    let scene = lab(TWO);
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until("`go` waits for an answer");
    let approve = |by: &str| scene.types(&format!("approve last go --by '{by}'"));
    approve("mallory").exits(3).warns("does not count").warns("mallory is not among those who may decide");
    approve("ann as incident-commander").exits(0).says("The approval counts");
    approve("Ann as database-lead").exits(3).warns("does not count").warns("Ann has approved already");
    assert!(!scene.path("touched").exists());
    let told = scene.types("approve last go --by 'mallory' --format json").exits(3).json();
    assert_eq!((&told["effect"], told["because"].as_str().is_some()), (&"ignored".into(), true), "{told}");
    approve("bob as database-lead").exits(0).says("The approval counts");
    running.ends().exits(0).says("PASSED");
    assert!(scene.path("touched").exists());
    let report = scene.types(&format!("report {}", scene.runs()[0])).exits(0);
    report.says("ann as incident-commander, bob as database-lead").says("it did not count: mallory");
}

#[test]
fn a_gate_is_rejected_from_another_terminal_by_those_who_may() {
    let scene = lab(TWO);
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until("`go` waits for an answer");
    scene.types("reject last go --by ann").exits(2).warns("--because");
    let refused = scene.types("reject last go --by mallory --because 'not today'").exits(3);
    refused.warns("does not count").warns("mallory is not among").never_says("the step fails");
    let told = scene.types("reject last go --by 'ann as incident-commander' --because 'the lag is high'").exits(0);
    told.says("The rejection counts; the step fails by it");
    let seen = running.ends();
    assert_ne!(seen.code, 0, "{seen}");
    seen.says("the lag is high").says("ann");
    assert!(!scene.path("touched").exists());
    scene.types("approve last go --by 'bob as database-lead'").exits(3).warns("no run goes on");
}

#[test]
fn who_started_a_run_is_told_that_somebody_else_must_approve_it() {
    let scene = lab(&GATED.replace("prompt:", "other_than_starter: true, deadline: 50s, prompt:"));
    let mut running = scene.starts("run drill.yaml --execute --mode planned --lead ann");
    running.until("`go` waits for an answer");
    for (by, why) in [("ann", "ann did"), ("bob", "bob answers from the account")] {
        let refused = scene.types(&format!("approve last go --by '{by} as incident-commander'")).exits(3);
        refused.warns("does not count").warns("somebody other than who started the run").warns(why);
    }
    // Who may not let it begin may keep it from beginning.
    scene.types("reject last go --by 'ann as incident-commander' --because 'nobody else is there'").exits(0);
    assert_ne!(running.ends().code, 0);
    assert!(!scene.path("touched").exists());
}

#[test]
fn needs_script_the_question_at_the_terminal_names_the_command_for_others() {
    let scene = lab(GATED);
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    running.until("Type `approve NAME`").until("From another terminal: muster approve");
    let run = scene.runs()[0].clone();
    scene.types(&format!("approve {run} go --by 'ann as incident-commander'")).exits(0);
    running.ends().exits(0).says(&format!("muster approve {} go --by NAME", "[time]-drill"));
    assert!(scene.path("touched").exists());
}

#[test]
fn with_yes_the_report_says_that_nobody_was_asked() {
    let scene = lab(GATED);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    assert!(scene.path("touched").exists());
    scene.types(&format!("report {}", scene.runs()[0])).exits(0).says("nobody was asked");
}

#[test]
fn needs_script_a_gate_is_answered_at_the_terminal() {
    let scene = lab(GATED);
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    running.until("Start? Users are out from here.").until("approve").answer("approve ann as incident-commander");
    running.ends().exits(0).says("PASSED");
    assert!(scene.path("touched").exists());
    let report = scene.types(&format!("report {}", scene.runs()[0])).exits(0);
    report.says("ann (incident-commander)");
}

#[test]
fn needs_script_a_gate_is_refused_at_the_terminal() {
    let scene = lab(GATED);
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    running
        .until("Start? Users are out from here.")
        .until("approve")
        .answer("reject ann as incident-commander: not today");
    let seen = running.ends();
    assert_ne!(seen.code, 0, "{seen}");
    seen.says("not today");
    assert!(!scene.path("touched").exists());
}

#[test]
fn needs_script_something_is_done_by_hand() {
    let scene = lab(BY_HAND);
    scene.write("photo.jpg", "abc");
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    // What is typed before the question stands there is no answer to it.
    running.until("Pull the red cable").until("Close the door").until("When it is done type").answer("done bob");
    running.until("Evidence").answer("file:photo.jpg");
    running.ends().exits(0).says("PASSED");
    // The digest of `abc`, FIPS 180-2 appendix B.1.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let run = &scene.runs()[0];
    scene.types(&format!("report {run}")).exits(0).says("file photo.jpg (3 bytes, SHA-256 [sha256])");
    let copy = scene.path(&format!("reports/{run}/evidence/{digest}-photo.jpg"));
    assert_eq!(std::fs::read(copy).unwrap(), b"abc");
}

#[test]
fn needs_script_an_interrupt_at_a_terminal_asks_how_to_go_on() {
    let scene: Scene = lab(
        "      - { id: wait, command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.05; done'] } }\n",
    );
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    for _ in 0..1000 {
        if scene.path("begun").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.typed("\u{3}").until("continue");
    scene.write("end", "");
    running.answer("continue");
    running.ends().exits(0).says("going on all the same").says("PASSED");
}
