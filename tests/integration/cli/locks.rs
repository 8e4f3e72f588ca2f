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
    // Also where it is looked for from a place that has other runs, or none.
    std::fs::rename(scene.path("reports"), scene.path("elsewhere")).unwrap();
    for command in ["validate other.yaml", "plan other.yaml"] {
        scene.types(command).exits(0).never_says("left behind");
        scene.types(&format!("{command} --reports elsewhere")).exits(0).warns(named);
    }
    std::fs::rename(scene.path("elsewhere"), scene.path("reports")).unwrap();
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

/// What becomes of a store: gone with the power or by somebody's hand, or full of something else.
fn lose(scene: &Scene, how: &str) {
    for file in ["muster.db-wal", "muster.db-shm", "muster.db"] {
        let path = scene.path("reports").join(file);
        if how == "gone" || file != "muster.db" {
            let _ = std::fs::remove_file(path);
        } else {
            std::fs::write(path, "this is no database ".repeat(1000)).unwrap();
        }
    }
}

#[test]
fn a_run_that_was_left_behind_stands_in_the_way_also_where_the_store_was_lost() {
    for how in ["gone", "corrupt"] {
        let scene = scene();
        let mut running = start(&scene, "");
        running.kill();
        running.ends();
        scene.write("end", "");
        lose(&scene, how);
        let named = "was left behind: its process is gone. Take it up again: muster resume [time]-drill";
        scene.types("validate other.yaml").exits(0).warns(named);
        scene.types("history").exits(0).warns(named);
        let refused = scene.types(&format!("run other.yaml {REAL}")).exits(3);
        refused
            .warns("playbook drill: the run [time]-drill has it since")
            .warns("was left behind: its process is gone")
            .warns("muster resume [time]-drill")
            .warns("--break-glass");
        assert!(!scene.path("other").exists() && scene.runs().len() == 1);
        let first = scene.runs()[0].clone();
        lose(&scene, how);
        scene.types(&format!("run other.yaml {REAL} --break-glass --because 'it was a test'")).exits(0);
        let report = scene.types(&format!("report {} --format markdown", scene.runs()[1])).exits(0);
        report.says("it was a test").says("the hold on playbook drill");
        // Passed over, it is in nobody's way and nobody's care, whatever becomes of the store.
        lose(&scene, how);
        scene.types("validate other.yaml").exits(0).never_says("left behind");
        scene.types(&format!("run other.yaml {REAL}")).exits(0);
        // Until it is taken up again: then it is its own.
        let seen = scene.types(&format!("resume {first} --skip long --because 'it has ended' --by ada")).exits(1);
        assert!(scene.path("after").exists(), "{seen}");
        scene.types("history").exits(0).never_says("left behind");
    }
}

#[test]
fn a_run_that_was_passed_over_and_taken_up_is_left_behind_anew_if_it_dies() {
    let scene = scene();
    let mut running = start(&scene, "");
    running.kill();
    running.ends();
    let first = scene.runs()[0].clone();
    scene.types(&format!("run other.yaml {REAL} --break-glass --because 'it was a test'")).exits(0);
    let mut resumed = scene.starts(&format!("resume {first}"));
    resumed.until("in doubt").kill();
    resumed.ends();
    lose(&scene, "gone");
    scene.types("validate other.yaml").exits(0).warns("was left behind");
    scene.types(&format!("run other.yaml {REAL}")).exits(3).warns("was left behind");
}

#[test]
fn a_run_that_goes_on_stands_in_the_way_and_is_told_things_also_where_the_store_was_lost() {
    for how in ["gone", "corrupt"] {
        let scene = scene();
        let running = start(&scene, "");
        lose(&scene, how);
        // Before it has had any occasion to renew its leases.
        let refused = scene.types(&format!("run other.yaml {REAL} --break-glass --because 'the store is gone'"));
        refused
            .exits(3)
            .warns("playbook drill: the run [time]-drill has it since")
            .warns("its journal is being written")
            .warns("muster abort [time]-drill");
        assert!(!scene.path("other").exists() && scene.runs().len() == 1);
        scene.types("history").exits(0).never_says("left behind");
        scene.types("abort").exits(0).says("what was done is taken back");
        // What `long` did can't be seen, so a person is needed; what can be taken back is.
        running.ends().exits(5).says("ABORTED");
        assert!(!scene.path("made").exists());
        scene.types(&format!("run other.yaml {REAL}")).exits(0);
    }
}

/// A run that was killed, and whose leases say of their holder what `set` says.
fn killed_elsewhere(set: &str) -> (Scene, String) {
    let scene = scene();
    let mut running = start(&scene, "");
    running.kill();
    running.ends();
    scene.write("end", "");
    let store = rusqlite::Connection::open(scene.path("reports/muster.db")).unwrap();
    store.execute_batch(&format!("UPDATE leases SET {set}")).unwrap();
    let run = scene.runs()[0].clone();
    (scene, run)
}

#[test]
fn a_run_is_taken_up_where_the_machine_is_called_otherwise_meanwhile() {
    let (scene, run) = killed_elsewhere("host = 'before'");
    scene.types("validate other.yaml").exits(0).warns("was left behind: its process is gone");
    scene.types(&format!("resume {run} --skip long --because 'it has ended' --by ada")).exits(1);
    assert!(scene.path("after").exists());
}

#[test]
fn a_run_of_another_machine_is_taken_up_once_its_lease_has_run_out() {
    let (scene, run) = killed_elsewhere("host = 'before', boot = 'another'");
    let resume = format!("resume {run} --skip long --because 'it has ended' --by ada");
    scene.types(&resume).exits(3).warns("at before").warns("try again in 30 s");
    let store = rusqlite::Connection::open(scene.path("reports/muster.db")).unwrap();
    store.execute_batch("UPDATE leases SET renewed = '2026-01-01T00:00:00.000000000Z'").unwrap();
    let named = scene.types("validate other.yaml").exits(0);
    named
        .warns("has not renewed its lease since")
        .warns("muster resume [time]-drill")
        .never_says("its process is gone");
    let refused = scene.types(&format!("run other.yaml {REAL}")).exits(3);
    refused.warns("or its machine sleeps or is gone").warns("muster resume [time]-drill").warns("--break-glass");
    scene.types(&resume).exits(1);
    assert!(scene.path("after").exists());
    scene.types(&format!("run other.yaml {REAL}")).exits(0);
}
