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
fn where_nobody_is_a_gate_fails_and_says_what_to_do() {
    let scene = lab(GATED).stdin("yes incident-commander\n");
    let seen = scene.types("run drill.yaml --execute --mode planned");
    assert_ne!(seen.code, 0, "{seen}");
    seen.says("nobody is there to answer; run at a terminal or with --yes");
    assert!(!scene.path("touched").exists());
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
    let mut running = at_a_terminal!(scene, "run drill.yaml --execute --mode planned");
    running.until("Pull the red cable").until("Close the door").answer("done bob");
    running.ends().exits(0).says("PASSED");
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
