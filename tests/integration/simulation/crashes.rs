//! Every crash point: the quarterly playbook is killed after each record of its journal, and before each, and taken up
//! again; and killed again while it is taken up.

use std::collections::BTreeMap;
use std::io::Write as _;

use muster::app::{Crash, Kill, Rehearsed, rehearse_crashing};
use muster::catalogue::Mode;
use muster::event::{Event, ResumeTo};
use muster::provider::simulated::settled;
use muster::time::Span;

use super::scene::{all, quarterly, rehearse, with};

/// A long soak shows nothing that a short one does not.
const VARS: [(&str, &str); 1] = [("soak", "3m")];

/// Every point is tried; a larger number would leave some out.
const STRIDE: usize = 1;

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
    same("two writers", format!("{:?}", whole.aftermath.two_writers), format!("{:?}", killed.aftermath.two_writers));
    same("marks", "{}".to_owned(), format!("{:?}", killed.aftermath.markers));
    if muster::journal::reader::verify(killed.journal.as_slice()).is_err() {
        wrong.push("the chain is broken".to_owned());
    }
    wrong
}

fn try_all(mode: Mode, step: usize) -> (usize, Vec<String>) {
    let loaded = quarterly(mode, &VARS);
    let whole = rehearse(&loaded, &with(1, &[]));
    let records = u64::try_from(events(&whole.journal).len()).unwrap();
    let kills: Vec<Kill> = (1..records).flat_map(|n| [Kill::After(n), Kill::Before(n)]).step_by(step).collect();
    let tried = all(kills.clone(), move |kill| match rehearse_crashing(&loaded, &with(1, &[]), &[crash(*kill)]) {
        Ok(killed) => differences(&whole, &killed),
        Err(error) => vec![format!("{error:?}")],
    });
    let wrong = kills.iter().zip(tried).filter_map(|(kill, wrong)| {
        let wrong = wrong.unwrap_or_else(|panic| vec![panic]);
        (!wrong.is_empty()).then(|| format!("{kill:?}: {}", wrong.join("\n    ")))
    });
    (kills.len(), wrong.collect())
}

#[test]
fn every_crash_point_of_a_planned_drill() {
    let (points, wrong) = try_all(Mode::Planned, STRIDE);
    let _ = writeln!(std::io::stdout(), "{points} crash points");
    assert!(wrong.is_empty(), "{} of {points}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn every_crash_point_of_an_unplanned_drill() {
    let (points, wrong) = try_all(Mode::Unplanned, STRIDE);
    let _ = writeln!(std::io::stdout(), "{points} crash points");
    assert!(wrong.is_empty(), "{} of {points}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn a_crash_marks_a_gap_in_which_nothing_is_known() {
    let loaded = quarterly(Mode::Planned, &VARS);
    let killed = rehearse_crashing(&loaded, &with(1, &[]), &[crash(Kill::After(60))]).unwrap();
    assert_eq!(killed.record.gaps.len(), 1);
    assert!(killed.record.gaps[0].to.since(killed.record.gaps[0].from) >= Span::from_secs(5));
    let resumed = events(&killed.journal).iter().filter(|event| event["kind"] == "resumed").count();
    assert_eq!(resumed, 1);
    let _: Event = serde_json::from_value(events(&killed.journal)[60].clone()).unwrap();
}
