//! The harness is code too.

use super::redact::redact;
use super::words::split;
use super::{Scene, Seen};

fn shell(script: &str) -> (Scene, String) {
    (Scene::of("sh").file("script", script), "script".to_owned())
}

#[test]
fn a_typed_line_is_taken_apart_as_a_shell_would() {
    assert_eq!(
        split("run  a.yaml --var 'x=1 2' --prompt \"it's\" ''"),
        ["run", "a.yaml", "--var", "x=1 2", "--prompt", "it's", ""]
    );
}

#[test]
#[should_panic(expected = "a quote is not closed")]
fn an_open_quote_is_a_mistake_of_the_test() {
    split("run 'a.yaml");
}

#[test]
fn what_differs_from_run_to_run_is_taken_out() {
    let hash = "0123456789abcdef".repeat(4);
    let text = format!(
        "/tmp/muster-x1/reports/20261122-084216-quarterly-failover-2/report.html, head {hash}, \
         at 2026-11-22T08:42:16.123456789Z, 2026-11-22 08:42:16 UTC, 2026-11-22 08:42+01:00, took 12.5 s"
    );
    assert_eq!(
        redact(&text, "/tmp/muster-x1"),
        "[folder]/reports/[time]-quarterly-failover-2/report.html, head [sha256], at [at], [at], [at], took 12.5 s"
    );
}

#[test]
fn what_only_resembles_it_stays() {
    let text = format!("2026-11-22, 120261122-084216-x, {}0 and v2026-11-22 08:42:16", "a".repeat(64));
    assert_eq!(redact(&text, "/tmp/muster-x1"), text);
}

#[test]
fn everything_that_was_seen_is_shown() {
    let (scene, line) = shell("cat; echo wrong >&2; exit 3");
    let seen = scene.stdin("a\nb\n").types(&line);
    insta::assert_snapshot!(seen, @r"
    exit 3
    --- output
    a
    b
    --- errors
    wrong
    ");
}

#[test]
fn the_environment_is_clean_and_the_home_is_the_folder() {
    let (scene, line) = shell("echo $HOME $TMPDIR $TZ ${CARGO_MANIFEST_DIR-none} $MINE; pwd");
    let seen = scene.env("MINE", "set").types(&line).exits(0);
    assert_eq!(seen.stdout, "[folder] [folder] UTC none set\n[folder]\n");
}

#[test]
fn runs_are_found_by_their_folders() {
    let (scene, _) = shell("");
    assert_eq!(scene.runs(), Vec::<String>::new());
    let scene =
        scene.file("reports/muster.db", "").file("reports/20261122-084216-drill/report.md", "20261122-084216-d");
    assert_eq!(scene.only_run(), scene.path("reports/20261122-084216-drill"));
    assert_eq!(scene.read("reports/20261122-084216-drill/report.md"), "[time]-d");
}

#[test]
fn a_folder_of_the_repository_is_copied_whole() {
    let scene = Scene::of("sh").shipped("src/time");
    assert!(scene.path("src/time/mod.rs").is_file() && scene.path("src/time/tests/mod.rs").is_file());
}

fn failing() -> Seen {
    Seen { code: 1, stdout: "passed\n".to_owned(), stderr: "careful\n".to_owned() }
}

#[test]
fn the_demands_hold_when_they_are_met() {
    failing().exits(1).says("passed").warns("careful").never_says("failed");
}

#[rstest::rstest]
#[case::code(|| drop(failing().exits(0)))]
#[case::output(|| drop(failing().says("careful")))]
#[case::errors(|| drop(failing().warns("passed")))]
#[case::nowhere(|| drop(failing().never_says("careful")))]
#[case::json(|| drop(failing().json()))]
#[should_panic(expected = "exit 1\n--- output\npassed\n--- errors\ncareful")]
fn a_demand_that_is_not_met_shows_what_was_seen(#[case] demand: fn()) {
    demand();
}

#[test]
fn a_running_program_is_interrupted_when_it_is_ready() {
    let (scene, line) = shell("trap 'echo undone; exit 4' INT; echo ready >&2; while :; do sleep 0.02; done");
    let mut running = scene.starts(&line);
    running.until("ready").interrupt();
    running.ends().exits(4).says("undone").warns("ready");
}

#[test]
fn a_running_program_is_answered() {
    let (scene, line) = shell("echo 'go on?'; read answer; echo \"said $answer\"");
    let mut running = scene.starts(&line);
    running.until("go on?").answer("yes");
    running.ends().exits(0).says("said yes");
}

#[test]
fn a_killed_program_shows_its_signal() {
    let (scene, line) = shell("echo ready; while :; do sleep 0.02; done");
    let mut running = scene.starts(&line);
    running.until("ready").kill();
    running.ends().exits(137);
}

#[test]
#[should_panic(expected = "never said `ready`: it ended")]
fn what_is_never_said_fails_the_test() {
    let (scene, line) = shell("echo almost");
    scene.starts(&line).until("ready");
}
