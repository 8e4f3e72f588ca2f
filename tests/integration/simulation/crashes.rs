//! Every crash point: the quarterly playbook is killed after each record of its journal, and before each, and taken up
//! again; and killed again while it is taken up.

use std::collections::BTreeMap;
use std::io::Write as _;

use muster::app::{Crash, Kill, Rehearsed, rehearse_crashing};
use muster::catalogue::Mode;
use muster::event::ResumeTo;
use muster::model::{ExitCode, Place, Verdict};
use muster::provider::simulated::settled;
use muster::resource::{ResourceState, Seen, World};
use muster::time::Span;

use super::scene::{all, quarterly, rehearse, with};

/// A long soak shows nothing that a short one does not.
const VARS: [(&str, &str); 1] = [("soak", "3m")];

fn crash(kill: Kill) -> Crash {
    Crash { kill, down: Span::from_secs(5), to: ResumeTo::GoOn, by_hand: Vec::new() }
}

/// The events of a journal, by their kinds and what they are about.
fn events(journal: &[u8]) -> Vec<serde_json::Value> {
    let lines = journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()["event"].clone()).collect()
}

/// How often each step passed.
fn passes(journal: &[u8]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events(journal).iter().filter(|event| event["kind"] == "step_passed") {
        *counts.entry(event["step"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Everything in which a run that was killed differs from one that was not, and must not.
fn differences(whole: &Rehearsed, killed: &Rehearsed) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, one: String, other: String| {
        if one != other {
            wrong.push(format!("{what}: {one} without a crash, {other} with it"));
        }
    };
    let ended = |it: &Rehearsed| format!("{} {} exit {:?}", it.record.ended.verdict, it.record.ended.world, it.exit);
    same("end", ended(whole), format!("{} {:?}", ended(killed), killed.record.ended.reasons).replace(" []", ""));
    same("passed", format!("{:?}", passes(&whole.journal)), format!("{:?}", passes(&killed.journal)));
    same("left", format!("{:?}", whole.record.left), format!("{:?}", killed.record.left));
    same("world", format!("{:?}", settled(&whole.aftermath.after)), format!("{:?}", settled(&killed.aftermath.after)));
    let (once, again) = (&whole.aftermath.effects, &killed.aftermath.effects);
    let differ = once.keys().chain(again.keys()).filter(|what| once.get(*what) != again.get(*what));
    for what in differ {
        same(&format!("`{what}`, so often"), format!("{:?}", once.get(what)), format!("{:?}", again.get(what)));
    }
    same("two writers", format!("{:?}", whole.aftermath.two_writers), format!("{:?}", killed.aftermath.two_writers));
    same("marks", "{}".to_owned(), format!("{:?}", killed.aftermath.markers));
    if muster::journal::reader::verify(killed.journal.as_slice()).is_err() {
        wrong.push("the chain is broken".to_owned());
    }
    wrong
}

fn try_all(mode: Mode, crashes: impl Fn(u64) -> Vec<Vec<Crash>>) -> (usize, Vec<String>) {
    let loaded = quarterly(mode, &VARS);
    let whole = rehearse(&loaded, &with(1, &[]));
    let records = u64::try_from(events(&whole.journal).len()).unwrap();
    let cases: Vec<Vec<Crash>> = (1..records).flat_map(crashes).collect();
    let tried = all(cases.clone(), move |crashes| match rehearse_crashing(&loaded, &with(1, &[]), crashes) {
        Ok(killed) => differences(&whole, &killed),
        Err(error) => vec![format!("{error:?}")],
    });
    let wrong = cases.iter().zip(tried).filter_map(|(crashes, wrong)| {
        let wrong = wrong.unwrap_or_else(|panic| vec![panic]);
        let kills: Vec<Kill> = crashes.iter().map(|crash| crash.kill).collect();
        (!wrong.is_empty()).then(|| format!("{kills:?}: {}", wrong.join("\n    ")))
    });
    (cases.len(), wrong.collect())
}

#[track_caller]
fn none_differs(mode: Mode, crashes: impl Fn(u64) -> Vec<Vec<Crash>>) {
    let (points, wrong) = try_all(mode, crashes);
    let _ = writeln!(std::io::stdout(), "{points} crash points");
    assert!(wrong.is_empty(), "{} of {points}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

/// Once after each record, and once before each.
fn once(records: u64) -> Vec<Vec<Crash>> {
    vec![vec![crash(Kill::After(records))], vec![crash(Kill::Before(records))]]
}

/// Once at each record, and again while it is taken up: at once, or a little later.
fn again(records: u64) -> Vec<Vec<Crash>> {
    let more = [Kill::After(1), Kill::Before(2), Kill::After(2), Kill::Before(3), Kill::After(4), Kill::Before(7)];
    let first = if records.is_multiple_of(2) { Kill::After(records) } else { Kill::Before(records) };
    let second = match more[usize::try_from(records % 6).unwrap()] {
        Kill::After(n) => Kill::After(records + n),
        Kill::Before(n) => Kill::Before(records + n),
    };
    vec![vec![crash(first), crash(second)]]
}

#[test]
fn every_crash_point_of_a_planned_drill() {
    none_differs(Mode::Planned, once);
}

#[test]
fn every_crash_point_of_an_unplanned_drill() {
    none_differs(Mode::Unplanned, once);
}

#[test]
fn every_crash_point_of_a_planned_drill_and_another_while_it_is_taken_up() {
    none_differs(Mode::Planned, again);
}

#[test]
fn every_crash_point_of_an_unplanned_drill_and_another_while_it_is_taken_up() {
    none_differs(Mode::Unplanned, again);
}

/// A world without what varies by itself, and without the count of its promotions: a way there and back leaves two.
fn served(world: &World) -> World {
    let mut world = settled(world);
    for state in world.values_mut() {
        if let ResourceState::Database(state) = state {
            state.regions.values_mut().filter_map(Seen::known_mut).for_each(|side| side.timeline = 0);
        }
    }
    world
}

/// What is wrong with a run that was killed and then undone or stopped.
fn ends_badly(killed: &Rehearsed) -> Vec<String> {
    let mut wrong = Vec::new();
    let record = &killed.record;
    if !killed.aftermath.two_writers.is_empty() {
        wrong.push(format!("two writers: {:?}", killed.aftermath.two_writers));
    }
    if record.ended.verdict == Verdict::Passed || killed.exit == ExitCode::Defect {
        wrong.push(format!("{} exit {:?}", record.ended.verdict, killed.exit));
    }
    let (before, after) = (served(&killed.aftermath.before), served(&killed.aftermath.after));
    let same = before == after;
    let told = !record.left.is_empty() || !record.changes.is_empty();
    if !same && !told {
        let other = before.iter().filter(|(id, state)| after.get(*id) != Some(*state));
        let other: Vec<String> = other.map(|(id, state)| format!("{id}: {state:?}, now {:?}", after[id])).collect();
        wrong.push(format!("the world is otherwise than before, and nobody is told: {other:?}"));
    }
    if record.ended.world == Place::Home && !same && record.changes.is_empty() {
        wrong.push("the world is said to be home and as before".to_owned());
    }
    if muster::journal::reader::verify(killed.journal.as_slice()).is_err() {
        wrong.push("the chain is broken".to_owned());
    }
    wrong
}

#[test]
fn a_drill_killed_anywhere_can_be_undone_or_stopped() {
    for (mode, to) in
        [(Mode::Planned, ResumeTo::Undo), (Mode::Unplanned, ResumeTo::Undo), (Mode::Planned, ResumeTo::Stop)]
    {
        let loaded = quarterly(mode, &VARS);
        let records = u64::try_from(events(&rehearse(&loaded, &with(1, &[])).journal).len()).unwrap();
        // In its cleanup a drill is over but for the tidying: it passes whatever it is taken up for.
        let cases: Vec<u64> = (1..records).step_by(3).collect();
        let tried = all(cases.clone(), move |records| {
            let crash = Crash { to, ..crash(Kill::Before(*records)) };
            let killed = rehearse_crashing(&loaded, &with(1, &[]), &[crash]).map_err(|error| format!("{error:?}"))?;
            let tidying = killed.record.ended.verdict == Verdict::Passed && past_cleanup(&killed, *records);
            Ok::<_, String>(if tidying { Vec::new() } else { ends_badly(&killed) })
        });
        for (records, tried) in cases.iter().zip(tried) {
            let wrong = tried.unwrap_or_else(Err).unwrap_or_else(|error| vec![error]);
            assert!(wrong.is_empty(), "{mode}, {to:?} at {records}: {wrong:?}");
        }
    }
}

/// Whether cleanup had begun by that record.
fn past_cleanup(killed: &Rehearsed, records: u64) -> bool {
    let before = &events(&killed.journal)[..usize::try_from(records).unwrap()];
    before.iter().any(|event| event["kind"] == "course_changed" && event["course"] == "cleaning_up")
}

#[test]
fn a_crash_marks_a_gap_in_which_nothing_is_known() {
    let loaded = quarterly(Mode::Planned, &VARS);
    let killed = rehearse_crashing(&loaded, &with(1, &[]), &[crash(Kill::After(60))]).unwrap();
    assert_eq!(killed.record.gaps.len(), 1);
    let gap = &killed.record.gaps[0];
    assert!(gap.to.since(gap.from) >= Span::from_secs(5));
    assert!(
        killed.record.warnings.iter().any(|warning| warning.contains("nobody watched")),
        "{:?}",
        killed.record.warnings
    );
    assert_eq!(events(&killed.journal)[60]["kind"], "resumed");
}

#[test]
fn time_while_muster_was_dead_counts_into_the_recovery_time() {
    let loaded = quarterly(Mode::Unplanned, &VARS);
    let whole = rehearse(&loaded, &with(1, &[]));
    let promote =
        events(&whole.journal).iter().position(|event| event["kind"] == "step_started" && event["step"] == "promote");
    let kill = Kill::After(u64::try_from(promote.unwrap()).unwrap() + 1);
    let down = Span::from_secs(600);
    let killed = rehearse_crashing(&loaded, &with(1, &[]), &[Crash { down, ..crash(kill) }]).unwrap();
    let rta = |it: &Rehearsed| it.record.legs[0].rta.upper().unwrap();
    assert!(rta(&whole) < down && rta(&killed) > down, "{} and {}", rta(&killed), rta(&whole));
}
