//! One run at a time on each thing, and what becomes of runs that nobody carries out any more.

use super::{REAL, lab};
use crate::harness::{Running, Scene};

/// A step that can be taken back, one that is under way until there is a file `end`, one after it.
const LONG: &str = "      - { id: make, command: { argv: [touch, made], observe: [test, -f, made], undo: [rm, made] } }
      - { id: long, command: { argv: [sh, -c, 'touch begun; while ! test -f end; do sleep 0.02; done'] } }
      - { id: after, command: { argv: [touch, after] } }
";

/// Another playbook of the same name.
const OTHER: &str = "\
muster: 1
name: drill
title: The same drill, shorter
owner: me
infrastructure: lab.yaml
phases: [{ name: failover, steps: [{ id: other, command: { argv: [touch, other] } }] }]
";

fn scene() -> Scene {
    lab(LONG).file("other.yaml", OTHER)
}

fn start<'scene>(scene: &'scene Scene, more: &str) -> Running<'scene> {
    let running = scene.starts(&format!("run drill.yaml {REAL} {more}"));
    scene.until_there("begun");
    running
}

#[test]
fn a_second_run_is_refused_and_told_who_has_it() {
    let scene = scene();
    let running = start(&scene, "");
    let first = scene.runs().pop().unwrap();
    let refused = scene.types(&format!("run other.yaml {REAL}")).exits(3);
    refused
        .warns("playbook drill: the run [time]-drill has it since")
        .warns("process")
        .warns("muster abort [time]-drill")
        .warns("Nothing was touched");
    assert_eq!(scene.runs(), [first], "a run that is refused leaves no folder");
    assert!(!scene.path("other").exists());
    // A simulation touches nothing, so nothing stands in its way.
    scene.types("simulate other.yaml").exits(0);
    scene.write("end", "");
    running.ends().exits(0);
    scene.types(&format!("run other.yaml {REAL}")).exits(0);
}

#[test]
fn a_run_that_was_left_behind_is_named_and_not_passed_over_silently() {
    let scene = scene();
    let mut running = start(&scene, "");
    running.kill();
    running.ends();
    scene.write("end", "");
    let named =
        "the run [time]-drill, begun [at], was left behind: its process is gone. Take it up again: muster resume";
    scene.types("validate other.yaml").exits(0).warns(named);
    scene.types("history").exits(0).warns(named);
    scene.types("abort").exits(3).warns("no run goes on");
    let run = scene.runs().pop().unwrap();
    scene.types(&format!("abort {run}")).exits(3).warns("left behind").warns("muster resume");
    let refused = scene.types(&format!("run other.yaml {REAL}")).exits(3);
    refused.warns("was left behind: its process is gone").warns("muster resume [time]-drill").warns("--break-glass");
    assert!(!scene.path("other").exists());
    scene.types(&format!("run other.yaml {REAL} --break-glass")).exits(2).warns("--because");
    scene.types(&format!("run other.yaml {REAL} --break-glass --because 'it was a test'")).exits(0);
    assert!(scene.path("other").exists());
    let last = scene.runs().pop().unwrap();
    let report = scene.types(&format!("report {last} --format markdown")).exits(0);
    report.says("it was a test").says("the lease on playbook drill");
    scene.types("validate other.yaml").exits(0).never_says("left behind");
}

#[test]
fn a_run_that_slept_through_its_lease_can_not_act_when_it_was_taken_over() {
    let scene = scene();
    let mut running = start(&scene, "--lease 500ms");
    running.freeze();
    let take = format!("run other.yaml {REAL} --break-glass --because 'the laptop sleeps'");
    scene.until("the lease is taken over", || scene.types(&take).code == 0);
    scene.write("end", "");
    running.thaw();
    let seen = running.ends().exits(5);
    seen.warns("the run may not act any more").warns("took its lease over at");
    assert!(!scene.path("after").exists(), "it acted all the same");
    assert!(scene.path("made").exists(), "it took something back all the same");
}

#[test]
fn a_run_that_slept_goes_on_where_nobody_took_over() {
    let scene = scene();
    let mut running = start(&scene, "--lease 500ms");
    running.freeze();
    let again = format!("run other.yaml {REAL}");
    scene.until("it is silent", || scene.types(&again).exits(3).stderr.contains("has not renewed its lease"));
    scene.write("end", "");
    running.thaw();
    running.ends().exits(0).says("PASSED");
    assert!(scene.path("after").exists());
}

#[test]
fn a_run_that_was_terminated_keeps_its_leases() {
    let scene = scene();
    let mut running = start(&scene, "");
    running.terminate();
    running.ends().exits(5);
    scene.types(&format!("run other.yaml {REAL}")).exits(3).warns("muster resume");
}
