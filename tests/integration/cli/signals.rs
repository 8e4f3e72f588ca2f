//! What a run does when it is told to end.

use std::fs;

use super::{REAL, lab};
use crate::harness::{Running, Scene};

/// A step that can be taken back, then one that is under way until it is ended or there is a file `end`.
const LONG: &str = "      - { id: make, command: { argv: [touch, made], observe: [test, -f, made], undo: [rm, made] } }
      - id: long
        command:
          argv: [sh, -c, 'echo $$ > id; touch begun; while ! test -f end; do sleep 0.02; done; touch finished']
          observe: [test, -f, finished]
          undo: [rm, -f, finished]
";

/// Starts it and waits until the long step is under way.
fn start(scene: &Scene) -> Running<'_> {
    let running = scene.starts(&format!("run drill.yaml {REAL}"));
    let begun = || scene.path("begun").exists();
    for _ in 0..1000 {
        if begun() {
            return running;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the long step never began");
}

#[track_caller]
fn is_ended(scene: &Scene) {
    let id = fs::read_to_string(scene.path("id")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    assert!(state.is_empty() || state.starts_with(['Z', 'X']), "the program goes on: {stat}");
}

#[test]
fn an_interrupt_takes_everything_back() {
    let scene = lab(LONG);
    let mut running = start(&scene);
    running.interrupt();
    running.ends().exits(4).says("ABORTED").says("World  home").warns("make  taken back");
    assert!(!scene.path("made").exists());
    is_ended(&scene);
}

#[test]
fn a_second_interrupt_stops_at_once_and_says_what_is_left() {
    let slow_undo = LONG.replace("undo: [rm, made]", "undo: [sh, -c, 'touch undoing; sleep 60']");
    let scene = lab(&slow_undo);
    let mut running = start(&scene);
    running.interrupt().until("undoing").interrupt();
    running.ends().exits(5).says("make");
    assert!(scene.path("made").exists());
    is_ended(&scene);
}

#[test]
fn a_terminated_run_ends_without_an_end_so_that_it_can_be_resumed() {
    let scene = lab(LONG);
    let mut running = start(&scene);
    running.terminate();
    running.ends().exits(5).says("INCOMPLETE").warns("SIGTERM");
    assert!(scene.path("made").exists(), "nothing is taken back");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(!journal.contains(r#""kind":"finished""#));
    scene.types("history").exits(0).says("no end");
    scene.types(&format!("verify {}", scene.runs()[0])).exits(0).says("the run has not ended");
    is_ended(&scene);
}

#[test]
fn a_closed_terminal_ends_nothing() {
    let scene = lab(LONG);
    let mut running = start(&scene);
    running.hang_up();
    scene.write("end", "");
    running.ends().exits(0).says("PASSED");
    assert!(scene.path("finished").exists());
}
