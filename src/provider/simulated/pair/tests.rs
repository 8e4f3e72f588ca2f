//! The model's rules, and that no acknowledged row is ever lost without a reason.

use proptest::prelude::*;

use super::*;

const P: RegionRole = RegionRole::Primary;
const S: RegionRole = RegionRole::Secondary;

fn at(ms: u64) -> Moment {
    Moment(ms * 1_000_000)
}

fn pair(lag_ms: u64) -> Pair {
    Pair::new(Seed(3), "main", Distribution::fixed(Span::from_millis(lag_ms)), 20.0, 400)
}

#[test]
fn a_row_is_on_the_replica_once_the_lag_has_passed() {
    let mut pair = pair(500);
    assert!(pair.write_row(P, 0, at(1_000)));
    assert!(!pair.write_row(S, 9, at(1_000)), "a replica takes no writes");
    assert!(!pair.rows(S, at(1_499)).contains(0));
    assert!(pair.rows(S, at(1_500)).contains(0));
    assert_eq!(pair.view(S, at(9_000)).lag, Some(Span::from_millis(500)));
    assert!(pair.view(P, at(2_000)).position > pair.view(P, at(1_000)).position);
}

#[test]
fn a_fenced_primary_takes_nothing_and_the_replica_catches_up_to_it() {
    let mut pair = pair(500);
    pair.write_row(P, 0, at(1_000));
    let end = pair.fence(P, at(1_000));
    assert!(!pair.write_row(P, 1, at(1_001)));
    assert!(pair.view(S, at(1_499)).position < end);
    let view = pair.view(S, at(1_500));
    assert_eq!((view.position, view.lag), (end, Some(Span::ZERO)));
    assert_eq!(pair.view(P, at(60_000)).position, end);
}

#[test]
fn a_cut_link_freezes_the_replica_and_mends_without_loss() {
    let mut pair = pair(500);
    pair.write_row(P, 0, at(1_000));
    pair.reached([true, true], false, at(1_200));
    assert!(pair.rows(S, at(90_000)).ranges.is_empty());
    assert_eq!(pair.view(S, at(10_200)).lag, Some(Span::from_millis(9_500)));
    pair.reached([true, true], true, at(95_000));
    assert!(pair.rows(S, at(95_000)).contains(0));
}

#[test]
fn promotion_without_a_fence_is_a_split_brain() {
    let mut pair = pair(500);
    pair.promote(S, true, at(5_000));
    assert!(pair.view(P, at(5_000)).writable && pair.view(S, at(5_000)).writable);
    assert!(pair.write_row(P, 0, at(6_000)) && pair.write_row(S, 1, at(6_000)));
    assert_eq!(pair.rows(P, at(7_000)).ranges, [(0, 0)]);
    assert_eq!(pair.rows(S, at(7_000)).ranges, [(1, 1)]);
    assert_eq!(pair.view(S, at(7_000)).timeline, 2);
}

#[test]
fn what_only_the_old_side_has_is_counted_and_destroyed_by_replication() {
    let mut pair = pair(1_000);
    for number in 0..10 {
        pair.write_row(P, number, at(number * 200));
    }
    pair.reached([false, true], false, at(2_000));
    pair.promote(S, true, at(30_000));
    assert_eq!(pair.rows(S, at(30_000)).ranges, [(0, 5)]);
    // A second of users' writes, 20 rows, and the canary's four.
    assert_eq!(pair.only_here(P, at(40_000)), 24);
    pair.reached([true, true], true, at(50_000));
    pair.fence(P, at(50_000));
    pair.replicate(P, true, at(60_000));
    assert_eq!(pair.rows(P, at(62_000)).ranges, [(0, 5)]);
    assert_eq!(pair.view(P, at(62_000)).role, ReplicaRole::Replica);
    assert_eq!(pair.only_here(P, at(62_000)), 0);
}

#[test]
fn a_write_that_is_made_twice_at_one_moment_counts_once() {
    let mut pair = pair(1);
    assert!(pair.write_row(P, 7, at(10)) && pair.write_row(P, 7, at(10)));
    assert_eq!(pair.sides[0].rows.len(), 1);
}

#[test]
fn dropping_the_canary_leaves_the_positions() {
    let mut pair = pair(100);
    pair.write_row(P, 0, at(10));
    pair.fence(P, at(1_000));
    let before = pair.view(P, at(2_000)).position;
    pair.drop_rows();
    assert_eq!(pair.view(P, at(2_000)).position, before);
}

#[derive(Clone, Debug)]
enum Deed {
    Write(RegionRole),
    Fence(RegionRole),
    Unfence(RegionRole),
    Promote(RegionRole),
    Cut,
    Mend,
}

fn deed() -> impl Strategy<Value = Deed> {
    let side = || prop_oneof![Just(P), Just(S)];
    prop_oneof![
        8 => side().prop_map(Deed::Write),
        1 => side().prop_map(Deed::Fence),
        1 => side().prop_map(Deed::Unfence),
        1 => side().prop_map(Deed::Promote),
        1 => Just(Deed::Cut),
        1 => Just(Deed::Mend),
    ]
}

proptest! {
    /// Until a replica is built over a side, every acknowledged row is where it was acknowledged or was carried.
    #[test]
    fn acknowledged_rows_are_conserved(deeds in proptest::collection::vec((deed(), 1_u64..700), 1..120), lag in 0_u64..900) {
        let mut pair = pair(lag);
        let (mut now, mut number) = (0, 0);
        let mut acknowledged: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
        for (deed, wait) in deeds {
            now += wait;
            let at = at(now);
            match deed {
                Deed::Write(role) => {
                    if pair.write_row(role, number, at) {
                        acknowledged[index(role)].push(number);
                    }
                    number += 1;
                }
                Deed::Fence(role) => drop(pair.fence(role, at)),
                Deed::Unfence(role) => pair.unfence(role, true, at),
                Deed::Promote(role) => pair.promote(role, true, at),
                Deed::Cut => pair.reached([true, true], false, at),
                Deed::Mend => pair.reached([true, true], true, at),
            }
            let rows = [pair.rows(P, at), pair.rows(S, at)];
            for role in BOTH {
                // A side holds all that it acknowledged itself, and nothing that nobody acknowledged.
                for &row in &acknowledged[index(role)] {
                    prop_assert!(rows[index(role)].contains(row), "row {row} vanished from {role}");
                }
                for range in &rows[index(role)].ranges {
                    for row in range.0..=range.1 {
                        prop_assert!(acknowledged.iter().any(|side| side.contains(&row)), "row {row} from nowhere");
                    }
                }
                let view = pair.view(role, at);
                prop_assert!(view.lag.is_none_or(|lag| lag.0 <= at.0 + 900_000_000));
            }
        }
    }

    /// A promotion that waits for the fenced position loses nothing.
    #[test]
    fn a_drained_promotion_loses_nothing(seed: u64, writes in proptest::collection::vec(1_u64..400, 1..200)) {
        let lag = Distribution::from_quantiles((50.0, Span::from_millis(400)), (99.0, Span::from_secs(4))).unwrap();
        let mut pair = Pair::new(Seed(seed), "repositories", lag, 0.5, 1);
        let mut now = 0;
        for (number, wait) in writes.iter().enumerate() {
            now += wait;
            prop_assert!(pair.write_row(P, number as u64, at(now)));
        }
        let end = pair.fence(P, at(now));
        let mut waited = 0;
        while pair.view(S, at(now)).position < end {
            now += 50;
            waited += 50;
            prop_assert!(waited < 60_000, "never drained");
        }
        pair.promote(S, true, at(now));
        prop_assert_eq!(pair.rows(S, at(now)).ranges, [(0, writes.len() as u64 - 1)]);
    }
}
