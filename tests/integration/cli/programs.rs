//! `command` steps, with real programs.

use std::fs;

use super::{REAL, lab};
use crate::harness::{Scene, Seen};

fn run(steps: &str) -> (Scene, Seen) {
    let scene = lab(steps);
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    (scene, seen)
}

#[test]
fn a_program_gets_its_environment_and_its_folder() {
    let (scene, seen) = run("      - { id: make, command: { argv: [mkdir, below] } }
      - { id: tell, command: { argv: [sh, -c, 'echo $GREETING > said'], env: { GREETING: hello }, folder: below } }
      - { id: look, command: { argv: [cat, below/said], expect: { stdout_contains: hello } } }
");
    seen.exits(0);
    assert_eq!(fs::read_to_string(scene.path("below/said")).unwrap(), "hello\n");
}

#[test]
fn an_argument_is_never_read_by_a_shell() {
    let (scene, seen) =
        run("      - { id: say, command: { argv: [echo, '$(touch hacked); `touch hacked` > hacked'] } }\n");
    seen.exits(0);
    assert!(!scene.path("hacked").exists());
}

#[test]
fn another_exit_code_may_be_the_expected_one() {
    run("      - { id: differ, command: { argv: [sh, -c, 'exit 3'], expect: { exit: [1, 3] } } }\n").1.exits(0);
}

#[test]
fn what_was_not_expected_is_told_with_what_was_seen() {
    let (_, seen) = run("      - { id: look, command: { argv: [echo, cold], expect: { stdout_contains: hot } } }\n");
    assert_ne!(seen.code, 0);
    seen.says("its output does not contain `hot`").says("cold");
    let (_, seen) = run("      - { id: look, command: { argv: [no-such-program] } }\n");
    assert_ne!(seen.code, 0);
    seen.says("no-such-program").says("there is no such program");
}

#[test]
fn a_program_that_says_done_and_is_not_fails() {
    let steps = "      - { id: make, command: { argv: ['true'], observe: [test, -f, made] }, timeout: 1s }\n";
    let (_, seen) = run(steps);
    assert_ne!(seen.code, 0, "{seen}");
    seen.warns("make  failed").warns("`test -f made` says that it is not done");
}

#[test]
fn what_is_done_already_is_not_done_again() {
    let scene = lab("      - { id: make, command: { argv: [sh, -c, 'date > made'], observe: [test, -f, made] } }\n");
    scene.write("made", "long ago\n");
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    assert_eq!(fs::read_to_string(scene.path("made")).unwrap(), "long ago\n");
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let steps = "      - id: hang
        command: { argv: [sh, -c, 'sleep 60 & echo $! > child; echo $$ > parent; wait'] }
        timeout: 500ms
";
    let (scene, seen) = run(steps);
    assert_eq!(seen.code, 5, "{seen}");
    for who in ["parent", "child"] {
        let id = fs::read_to_string(scene.path(who)).unwrap();
        assert!(!is_alive(id.trim()), "the {who} {id} goes on");
    }
    seen.says("in doubt");
}

/// Whether a process goes on: one that has ended and was not yet waited for does not.
fn is_alive(id: &str) -> bool {
    match fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']),
        Err(_) => false,
    }
}
