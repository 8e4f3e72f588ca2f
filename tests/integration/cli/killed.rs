//! Muster is killed, and its run is taken up again: no step is lost, none is done twice.

use std::fmt::Write as _;
use std::fs;

use super::{REAL, lab};
use crate::harness::{Patience, Running, Scene};

/// How often a drill is killed at a random moment.
const KILLS: usize = 100;
/// How many steps that drill has.
const STEPS: usize = 8;

/// Steps that each add a line to a file, and can tell whether it is there.
fn lines() -> String {
    let step = |n: usize| {
        format!(
            "      - {{ id: s{n}, command: {{ argv: [sh, -c, 'echo {n} >> lines'], observe: [grep, -qx, '{n}', lines] }} }}\n"
        )
    };
    (1..=STEPS).map(step).collect()
}

fn journal(scene: &Scene) -> String {
    let run = scene.runs().pop();
    run.and_then(|run| fs::read_to_string(scene.path("reports").join(run).join("journal.jsonl")).ok())
        .unwrap_or_default()
}

/// Waits, busily, until the newest journal has so many records; `false` if the run ends before.
fn until_records(scene: &Scene, running: &mut Running<'_>, records: usize) -> bool {
    let patience = Patience::new();
    while journal(scene).matches('\n').count() < records {
        if running.has_ended() {
            return false;
        }
        patience.check("the journal stands still");
    }
    true
}

/// A sequence of numbers that looks random and is the same each time (xorshift64).
struct Chances(u64);

impl Chances {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// Waits, busily, until so many steps have added their lines; `false` if the run ends before.
fn until_lines(scene: &Scene, running: &mut Running<'_>, lines: usize) -> bool {
    let patience = Patience::new();
    while written(scene) < lines {
        if running.has_ended() {
            return false;
        }
        patience.check("no line is added");
    }
    true
}

/// How many lines were added.
fn written(scene: &Scene) -> usize {
    fs::read_to_string(scene.path("lines")).unwrap().matches('\n').count()
}

/// How many of the steps have a result in the journal.
fn told(scene: &Scene) -> usize {
    journal(scene).matches(r#""kind":"step_passed""#).count()
}

/// What came of killing a drill again and again.
#[derive(Default)]
struct Killed {
    /// How often.
    times: usize,
    /// How often between an act and its result.
    in_between: usize,
}

/// Kills a drill, and what takes it up, at a few random moments, every other one just after a step has acted; then lets
/// it end.
fn killed_at_random(chances: &mut Chances, kills: usize) -> Killed {
    let scene = lab(&lines()).file("lines", "");
    let mut line = format!("run drill.yaml {REAL}");
    let mut killed = Killed::default();
    for _ in 0..kills {
        let mut running = scene.starts(&line);
        let (records, lines) = (journal(&scene).matches('\n').count(), written(&scene));
        let more = 1 + chances.below(4 * STEPS / kills.max(1) + 1);
        let came = if chances.below(2) == 0 {
            until_lines(&scene, &mut running, (lines + 1 + more / 8).min(STEPS))
        } else {
            until_records(&scene, &mut running, records + more)
        };
        if !came {
            running.ends();
            break;
        }
        // Somewhere in what comes next: a program starts, adds its line, is seen to.
        for _ in 0..chances.below(3000) {
            std::hint::spin_loop();
        }
        running.kill();
        drop(running);
        killed.times += 1;
        killed.in_between += usize::from(written(&scene) > told(&scene));
        line = format!("resume {} --yes", scene.runs()[0]);
    }
    let finished = journal(&scene).contains(r#""kind":"finished""#);
    if !finished {
        scene.types(&line).exits(0);
    }
    let written = fs::read_to_string(scene.path("lines")).unwrap();
    let mut wanted = String::new();
    (1..=STEPS).for_each(|n| writeln!(wanted, "{n}").unwrap());
    assert_eq!(written, wanted, "{}", journal(&scene));
    scene.types(&format!("verify {}", scene.runs()[0])).exits(0);
    killed
}

#[test]
fn a_drill_killed_at_random_moments_does_each_step_once() {
    let mut chances = Chances(0x9e37_79b9_7f4a_7c15);
    let mut killed = Killed::default();
    // Bounded: each round kills at least once, but for the rare one that ended first.
    for _ in 0..2 * KILLS {
        let kills = 1 + chances.below(4);
        let more = killed_at_random(&mut chances, kills);
        killed = Killed { times: killed.times + more.times, in_between: killed.in_between + more.in_between };
        if killed.times >= KILLS {
            break;
        }
    }
    assert!(killed.times >= KILLS);
    // The moment that matters most, between an act and its result, was met often enough to mean something.
    assert!(killed.in_between >= KILLS / 10, "{} of {}", killed.in_between, killed.times);
}

/// Starts a drill, waits until the file is there, and kills Muster.
fn killed_once(steps: &str, sign: &str) -> Scene {
    let scene = lab(steps);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file(sign).kill();
    drop(running);
    scene
}

const BLIND: &str = "      - { id: add, command: { argv: [sh, -c, 'echo x >> adds; sleep 600'] } }
      - { id: after, command: { argv: [touch, after], observe: [test, -f, after] } }
";

#[test]
fn a_step_that_cannot_be_seen_is_asked_about_and_never_done_again() {
    let scene = killed_once(BLIND, "adds");
    let seen = scene.types(&format!("resume {} --stop", scene.runs()[0]));
    seen.exits(5).says("add").says("in doubt");
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\n");
    assert!(!scene.path("after").exists());
}

#[test]
fn whether_a_step_in_doubt_was_done_is_asked_of_people() {
    let scene = killed_once(BLIND, "adds");
    let run = scene.runs()[0].clone();
    let mut running = scene.starts(&format!("resume {run}"));
    running.until("The run stands still").until("muster stop");
    scene.types("stop").exits(0);
    running.ends().exits(5).says("in doubt");
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\n");
    assert!(!scene.path("after").exists());
}

#[test]
fn a_run_that_stood_still_when_it_was_killed_says_so_when_it_is_taken_up() {
    let fails = "      - { id: make, command: { argv: [touch, made], observe: [test, -f, made], undo: [rm, made] } }
      - { id: shaky, command: { argv: [test, -f, mended] }, on_failure: pause }
";
    let scene = lab(fails);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until("muster stop").kill();
    drop(running);
    let mut again = scene.starts(&format!("resume {}", scene.runs()[0]));
    again.until("The run stands still: step `shaky` failed").until("muster retry").until("muster stop");
    scene.write("mended", "");
    scene.types("retry shaky").exits(0);
    again.ends().exits(0).says("PASSED");

    let gate = "      - { id: ask, approve: { by: [ann], prompt: 'Go?' }, timeout: 10m }\n";
    let scene = lab(gate);
    let mut running = scene.starts("run drill.yaml --execute --mode planned");
    running.until("muster reject").kill();
    drop(running);
    let mut again = scene.starts(&format!("resume {}", scene.runs()[0]));
    again.until("`ask` waits for an answer").until("muster reject");
    scene.types("approve ask --by ann").exits(0);
    again.ends().exits(0).says("PASSED");
}

#[test]
fn what_a_person_did_by_hand_is_named_when_the_run_is_undone() {
    let steps = UNDOABLE.to_owned() + "      - { id: fails, command: { argv: ['false'] }, on_failure: undo }\n";
    let scene = killed_once(&steps, "begun");
    let run = scene.runs()[0].clone();
    let seen = scene.types(&format!("resume {run} --skip long --because 'done on the console' --by ada"));
    seen.exits(5).says("long").says("a person did it").says("did not take that back");
    assert!(!scene.path("made").exists(), "what the run did is taken back");
}

#[test]
fn a_second_abort_stops_at_once_also_if_the_first_was_told_to_a_process_that_died() {
    let slow = UNDOABLE.replace("undo: [rm, made]", "undo: [sh, -c, 'touch undoing; sleep 600']");
    let scene = lab(&slow);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("begun");
    scene.types("abort").exits(0);
    running.until_file("undoing").kill();
    drop(running);
    fs::remove_file(scene.path("undoing")).unwrap();
    let mut again = scene.starts(&format!("resume {}", scene.runs()[0]));
    again.until_file("undoing");
    scene.types("abort").exits(0).says("It stops at once");
    again.ends().exits(5).says("make");
}

#[test]
fn what_its_observation_cannot_tell_is_asked_about_too() {
    let steps =
        "      - { id: add, command: { argv: [sh, -c, 'echo x >> adds; sleep 600'], observe: [sh, -c, 'exit 3'] } }\n";
    let scene = killed_once(steps, "adds");
    scene.types(&format!("resume {} --stop", scene.runs()[0])).exits(5).says("in doubt");
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\n");
}

#[test]
fn a_step_that_may_be_repeated_is() {
    let steps = BLIND.replace("sleep 600']", "test $(wc -l < adds) -gt 1 || sleep 600'], repeatable: true");
    let scene = killed_once(&steps, "adds");
    scene.types(&format!("resume {}", scene.runs()[0])).exits(0);
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\nx\n");
    assert!(scene.path("after").exists());
}

#[test]
fn a_step_that_a_person_did_is_skipped_with_a_name() {
    let scene = killed_once(BLIND, "adds");
    let run = scene.runs()[0].clone();
    scene
        .types(&format!("resume {run} --skip add --because 'it was there' --by ada"))
        .exits(1)
        .says("done by hand")
        .says("ada");
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\n");
    assert!(scene.path("after").exists(), "what needs it goes on");
    let report = fs::read_to_string(scene.path("reports").join(&run).join("report.md")).unwrap();
    assert!(report.contains("it was there") && report.contains("ada"), "{report}");
    scene.types(&format!("resume {run} --skip add")).exits(2);
}

#[test]
fn a_run_beside_whose_programs_things_were_simulated_can_only_be_stopped_and_says_why() {
    let lab = "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }
resources: { main: { database: { provider: simulated } } }\n";
    let scene = super::lab(BLIND).file("lab.yaml", lab);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("adds").kill();
    drop(running);
    let run = scene.runs()[0].clone();
    for more in ["", " --undo"] {
        let seen = scene.types(&format!("resume {run}{more}")).exits(3);
        let seen = seen.warns("main was simulated beside real resources").warns("is gone with its process");
        seen.warns("muster resume [time]-drill --stop").warns("Nothing was touched");
    }
    assert_eq!(fs::read_to_string(scene.path("adds")).unwrap(), "x\n");
    scene.types(&format!("resume {run} --stop")).exits(5).says("add").says("in doubt");
    assert!(!scene.path("after").exists());
}

#[test]
fn programs_die_with_muster_even_those_that_left_their_group() {
    let steps = "      - id: spawn
        command: { argv: [sh, -c, 'setsid sleep 600 & echo $! > child; echo $$ > parent; touch begun; sleep 600'] }
";
    let scene = killed_once(steps, "begun");
    for who in ["parent", "child"] {
        let id = fs::read_to_string(scene.path(who)).unwrap();
        let patience = Patience::new();
        while is_alive(id.trim()) {
            patience.check(&format!("the {who} {id} goes on"));
        }
    }
}

fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

const UNDOABLE: &str = "      - { id: make, command: { argv: [touch, made], observe: [test, -f, made], undo: [rm, made] } }
      - { id: long, command: { argv: [sh, -c, 'touch begun; sleep 600; touch done'], observe: [test, -f, done], undo: [rm, -f, done] } }
";

#[test]
fn a_run_that_is_taken_up_can_be_undone() {
    let scene = killed_once(UNDOABLE, "begun");
    scene.types(&format!("resume {} --undo --by ada", scene.runs()[0])).exits(4).says("ABORTED").says("home");
    assert!(!scene.path("made").exists());
    assert!(!scene.path("done").exists());
}

#[test]
fn a_terminated_run_goes_on_where_it_was() {
    let steps = UNDOABLE.replace("sleep 600;", "while ! test -f go; do sleep 0.02; done;");
    let scene = lab(&steps);
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("begun");
    running.terminate();
    running.ends().exits(5);
    scene.write("go", "");
    scene.types("validate drill.yaml").exits(0).warns("was left behind");
    let seen = scene.types(&format!("resume {}", scene.runs()[0])).exits(0).says("PASSED");
    assert!(!seen.stderr.contains("was left behind"), "who takes it up knows: {}", seen.stderr);
    assert!(scene.path("made").exists() && scene.path("done").exists());
}

#[test]
fn a_cut_record_is_repaired_and_any_other_damage_is_refused() {
    let scene = killed_once(UNDOABLE.replace("sleep 600;", "test -f go || sleep 600;").as_str(), "begun");
    scene.write("go", "");
    let path = scene.path("reports").join(&scene.runs()[0]).join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let run = scene.runs()[0].clone();
    // A byte in the middle.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&path, &damaged).unwrap();
    scene.types(&format!("resume {run}")).exits(2).warns("line");
    assert_eq!(fs::read(&path).unwrap(), damaged, "a damaged journal is left as it is");
    // The start of another record.
    let mut cut = whole.clone();
    let last = whole[..whole.len() - 1].rsplit(|byte| *byte == b'\n').next().unwrap();
    cut.extend_from_slice(&last.replacen_seq()[..last.len() / 2]);
    fs::write(&path, &cut).unwrap();
    scene.types(&format!("resume {run}")).exits(0).warns("cut");
    scene.types(&format!("verify {run}")).exits(0);
}

/// A record with the number after its own.
trait NextRecord {
    fn replacen_seq(&self) -> Vec<u8>;
}

impl NextRecord for [u8] {
    fn replacen_seq(&self) -> Vec<u8> {
        let text = std::str::from_utf8(self).unwrap();
        let rest = text.strip_prefix("{\"seq\":").unwrap();
        let digits = rest.find(',').unwrap();
        let next = rest[..digits].parse::<u64>().unwrap() + 1;
        format!("{{\"seq\":{next}{}", &rest[digits..]).into_bytes()
    }
}

#[test]
fn what_cannot_be_taken_up_is_refused() {
    let scene = lab(UNDOABLE.replace("sleep 600;", "while ! test -f go; do sleep 0.02; done;").as_str());
    let mut running = scene.starts(&format!("run drill.yaml {REAL}"));
    running.until_file("begun");
    let run = scene.runs()[0].clone();
    scene.types(&format!("resume {run}")).exits(3).warns("going on");
    scene.write("go", "");
    running.ends().exits(0);
    scene.types(&format!("resume {run}")).exits(2).warns("has ended");
    scene.types("resume no-such-run").exits(2).warns("there is no run");
}

#[test]
fn a_simulated_run_that_was_cut_off_is_played_again_and_goes_on() {
    let scene = Scene::new().shipped("playbooks");
    scene.types("run playbooks/quarterly-failover.yaml --start 2026-03-01T02:00:00Z").exits(0);
    let run = scene.runs()[0].clone();
    let path = scene.path("reports").join(&run).join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let kept: String = text.split_inclusive('\n').take(90).collect();
    fs::write(&path, kept).unwrap();
    scene.types(&format!("resume {run}")).exits(0).says("PASSED");
    scene.types(&format!("verify {run}")).exits(0);
    assert!(fs::read_to_string(&path).unwrap().contains(r#""kind":"resumed""#));
}
