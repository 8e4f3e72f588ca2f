//! What a reader sees of many cases.

use std::collections::BTreeSet;

use super::cases::Pairs;
use super::sift::sift;
use super::{Case, End, Exploration, Tried};
use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::model::{Accepted, BadEnd, ExitCode};

fn case(mode: Mode, faults: &[&str]) -> Case {
    Case { mode, faults: faults.iter().map(|fault| fault.parse().unwrap()).collect() }
}

fn tried(faults: &[&str], end: End, why: &str) -> Tried {
    let why = if why.is_empty() { Vec::new() } else { vec![why.to_owned()] };
    let case = case(Mode::Planned, faults);
    Tried { case, end, why, verdict: None, world: None, exit: ExitCode::NeedsPerson, head: String::new() }
}

fn accepted(end: BadEnd, when: &[&str], modes: Option<Vec<Mode>>) -> Accepted {
    Accepted { end, when: when.iter().map(|&text| text.to_owned()).collect(), modes, because: "it is cheap".to_owned() }
}

fn sifted(accepts: &[Accepted], singles: Vec<Tried>, pairs: Vec<Tried>) -> Exploration {
    sift(accepts, singles, pairs, |case| format!("replay {case}"))
}

const OUT: End = End::HeldWithUsersOut;

#[test]
fn a_pair_is_shrunk_to_the_single_fault_that_suffices() {
    let singles = vec![tried(&["dns=hangs"], OUT, "out"), tried(&["fence=slow"], End::Returned, "")];
    let pairs = vec![
        tried(&["dns=hangs", "fence=slow"], OUT, "out, and slowly"),
        tried(&["dns=fails", "fence=slow"], End::Returned, ""),
    ];
    let found = sifted(&[], singles, pairs);
    let [bad] = &found.bad[..] else { panic!("{:?}", found.bad) };
    assert_eq!((bad.first.case.to_string().as_str(), bad.pairs, found.pairs), ("planned dns=hangs", 1, 2));
    assert_eq!(found.pair_ends[&OUT], 1);
}

#[test]
fn a_pair_that_needs_both_of_its_faults_stands_for_itself_after_the_single_ones() {
    let singles = vec![
        tried(&["a=fails"], End::Returned, ""),
        tried(&["b=fails"], OUT, "out"),
        tried(&["c=fails"], End::Undone, ""),
    ];
    // What is worse than each of its faults alone is a finding of its own, too.
    let pairs =
        vec![tried(&["a=fails", "c=fails"], OUT, "gone"), tried(&["b=fails", "c=fails"], End::TwoWriters, "two")];
    let found = sifted(&[], singles, pairs);
    let shown: Vec<String> = found.bad.iter().map(|bad| bad.command.clone()).collect();
    assert_eq!(shown, ["replay planned b=fails", "replay planned b=fails c=fails", "replay planned a=fails c=fails"]);
}

#[test]
fn equal_causes_are_shown_once_and_others_apart() {
    let singles = vec![
        tried(&["a=fails"], OUT, "dns leads to nobody"),
        tried(&["b=fails"], OUT, "dns leads to nobody"),
        tried(&["c=hangs"], OUT, "dns leads to nobody"),
        tried(&["d=fails"], OUT, "main takes writes nowhere"),
    ];
    let found = sifted(&[], singles, Vec::new());
    let shown: Vec<(String, usize)> =
        found.bad.iter().map(|bad| (bad.first.case.to_string(), bad.others.len())).collect();
    let expected = [("planned a=fails", 1), ("planned c=hangs", 0), ("planned d=fails", 0)];
    assert_eq!(shown, expected.map(|(case, others)| (case.to_owned(), others)));
}

#[test]
fn a_bad_end_is_accepted_by_its_name_its_mode_and_all_of_its_faults() {
    let singles = || vec![tried(&["dns=hangs"], OUT, "out")];
    let open = |accepts: &[Accepted]| {
        let found = sifted(accepts, singles(), Vec::new());
        (found.unaccepted().count(), found.idle.len())
    };
    assert_eq!(open(&[]), (1, 0));
    assert_eq!(open(&[accepted(BadEnd::HeldWithUsersOut, &["dns=hangs"], None)]), (0, 0));
    assert_eq!(open(&[accepted(BadEnd::HeldWithUsersOut, &["any=hangs"], None)]), (0, 0));
    assert_eq!(open(&[accepted(BadEnd::HeldWithUsersOut, &["dns=hangs"], Some(vec![Mode::Planned]))]), (0, 0));
    assert_eq!(open(&[accepted(BadEnd::HeldWithUsersOut, &["dns=hangs", "dns=fails"], None)]), (0, 1), "one is idle");
    // One of another end, kind, target, mode, or with a second fault accepts nothing, and is said to.
    for (end, when, modes) in [
        (BadEnd::TwoWriters, &["dns=hangs"][..], None),
        (BadEnd::HeldWithUsersOut, &["dns=fails"], None),
        (BadEnd::HeldWithUsersOut, &["main=hangs"], None),
        (BadEnd::HeldWithUsersOut, &["dns=hangs"], Some(vec![Mode::Unplanned])),
        (BadEnd::HeldWithUsersOut, &["dns=hangs and main=slow"], None),
    ] {
        assert_eq!(open(&[accepted(end, when, modes)]), (1, 1), "{when:?}");
    }
}

#[test]
fn a_pair_that_needs_both_of_its_faults_is_accepted_with_both() {
    let singles = || vec![tried(&["a=fails"], End::Returned, ""), tried(&["b=hangs"], End::Returned, "")];
    let open = |when: &str| {
        let pairs = vec![tried(&["a=fails", "b=hangs"], OUT, "out")];
        sifted(&[accepted(BadEnd::HeldWithUsersOut, &[when], None)], singles(), pairs).unaccepted().count()
    };
    assert_eq!((open("a=fails and b=hangs"), open("a=fails and b=fails")), (0, 1));
}

#[test]
fn what_is_not_accepted_comes_first() {
    let singles = vec![tried(&["a=fails"], OUT, "out"), tried(&["b=hangs"], OUT, "gone")];
    let found = sifted(&[accepted(BadEnd::HeldWithUsersOut, &["a=fails"], None)], singles, Vec::new());
    let accepted: Vec<bool> = found.bad.iter().map(|bad| bad.accepted.is_some()).collect();
    assert_eq!(accepted, [false, true]);
}

#[test]
fn a_defect_can_not_be_accepted() {
    let accepts = BadEnd::ALL.map(|end| accepted(end, &["any=fails"], None));
    let found = sifted(&accepts, vec![tried(&["a=fails"], End::Defect, "it panicked")], Vec::new());
    assert_eq!(found.unaccepted().count(), 1);
}

#[test]
fn more_pairs_are_the_same_pairs_and_more() {
    let singles: Vec<Case> = ["a", "b", "c", "d"]
        .iter()
        .flat_map(|target| ["fails", "hangs"].map(|kind| case(Mode::Planned, &[&format!("{target}={kind}")])))
        .chain([case(Mode::Unplanned, &["a=fails"]), case(Mode::Unplanned, &["b=fails"])])
        .collect();
    let drawn = |count| Pairs::of(&singles, Seed(7)).take(count).collect::<Vec<Case>>();
    assert_eq!(drawn(25)[..10], drawn(10)[..]);
    // Four targets, two kinds each, in pairs of different targets: 24; and the one of the other mode.
    let all = drawn(1_000);
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (25, 25));
    assert!(all.iter().all(|pair| pair.faults[0].target != pair.faults[1].target));
    assert_ne!(Pairs::of(&singles, Seed(8)).take(10).collect::<Vec<_>>(), drawn(10));
}
