use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::{Claim, Commands, Held, Holder, Instant, Lease, Leases, Renewed, SqliteLive, SqliteStore, Taken};
use crate::id::RunId;
use crate::model::{Command, Commanded, Person};
use crate::time::{Moment, Span};

fn store(reports: &Path) -> SqliteLive {
    drop(SqliteStore::open(reports, &|_| Err("no run is read here".to_owned())).unwrap());
    SqliteLive::open(&reports.join(super::FILE_NAME)).unwrap()
}

const TTL: Span = Span::from_secs(30);

fn at(second: u64) -> Instant {
    let start: Timestamp = "2026-11-22T08:42:16Z".parse().unwrap();
    let wall = start + SignedDuration::from_secs(i64::try_from(second).unwrap());
    Instant { wall, boot: Moment::ZERO + Span::from_secs(1000 + second) }
}

fn holder(run: &str) -> Holder {
    Holder {
        run: RunId::new(run).unwrap(),
        pid: 42,
        pid_started: 4242,
        boot: "a-boot".to_owned(),
        host: "bastion-1".to_owned(),
        user: "ops".to_owned(),
    }
}

fn claims(names: &[&str]) -> Vec<Claim> {
    names.iter().map(|name| Claim { name: (*name).to_owned(), shown: format!("the {name}") }).collect()
}

#[track_caller]
fn all(taken: Taken) -> (Held, Vec<Lease>) {
    match taken {
        Taken::All { held, over } => (held, over),
        Taken::None(in_the_way) => panic!("not taken: {in_the_way:?}"),
    }
}

fn never(_: &Lease) -> bool {
    false
}

fn always(_: &Lease) -> bool {
    true
}

fn abort(why: &str) -> Commanded {
    Commanded { command: Command::Abort { because: Some(why.to_owned()) }, by: Person::default() }
}

#[test]
fn a_run_gets_its_own_commands_in_order_and_each_once() {
    let reports = tempfile::tempdir().unwrap();
    let (giver, reader) = (store(reports.path()), store(reports.path()));
    let (one, other) = (RunId::new("one").unwrap(), RunId::new("other").unwrap());
    for (run, why) in [(&one, "first"), (&other, "not for it"), (&one, "second")] {
        giver.give(run, &abort(why), at(0).wall).unwrap();
    }
    let given = reader.given(&one, 0).unwrap();
    let told: Vec<_> = given.iter().map(|given| given.commanded.as_ref().unwrap().command.to_string()).collect();
    assert_eq!(told, ["abort: first", "abort: second"]);
    assert_eq!(reader.given(&one, given[0].id).unwrap(), given[1..]);
    assert_eq!(reader.given(&one, given[1].id).unwrap(), []);
    assert_eq!(reader.last(&one).unwrap(), given[1].id);
    assert_eq!(reader.last(&RunId::new("none").unwrap()).unwrap(), 0);
}

#[test]
fn commands_are_read_while_another_writes() {
    let reports = tempfile::tempdir().unwrap();
    let (giver, reader) = (store(reports.path()), store(reports.path()));
    let run = RunId::new("one").unwrap();
    giver.give(&run, &abort("before"), at(0).wall).unwrap();
    // Somebody holds the right to write and does not let go: reading must not wait for it.
    let writer = rusqlite::Connection::open(reports.path().join(super::FILE_NAME)).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM commands").unwrap();
    assert_eq!(reader.given(&run, 0).unwrap().len(), 1);
}

#[test]
fn all_leases_are_taken_or_none() {
    let reports = tempfile::tempdir().unwrap();
    let mut store = store(reports.path());
    let (first, over) = all(store.take(&claims(&["playbook a", "main"]), &holder("one"), TTL, at(0), &never).unwrap());
    assert_eq!(over, []);
    let taken = store.take(&claims(&["playbook b", "main"]), &holder("two"), TTL, at(1), &never).unwrap();
    let Taken::None(in_the_way) = taken else { panic!("{taken:?}") };
    assert_eq!(in_the_way.len(), 1);
    let lease = &in_the_way[0];
    assert_eq!((lease.claim.shown.as_str(), &lease.holder, lease.since), ("the main", &holder("one"), at(0).wall));
    assert_eq!(store.leases().unwrap().len(), 2, "nothing of the second was taken");
    let (third, _) = all(store.take(&claims(&["playbook c"]), &holder("three"), TTL, at(2), &never).unwrap());
    assert!(third.fencing > first.fencing);
}

#[test]
fn numbers_rise_also_when_all_was_let_go_and_the_clock_went_back() {
    let reports = tempfile::tempdir().unwrap();
    let mut store = store(reports.path());
    let mut last = 0;
    for second in [100, 50, 0] {
        let (held, _) = all(store.take(&claims(&["main"]), &holder("one"), TTL, at(second), &never).unwrap());
        assert!(held.fencing > last, "{} after {last}", held.fencing);
        last = held.fencing;
        store.release(&held).unwrap();
        assert_eq!(store.leases().unwrap(), []);
    }
}

#[test]
fn who_was_taken_over_can_not_renew_even_when_the_successor_has_gone() {
    let reports = tempfile::tempdir().unwrap();
    let mut store = store(reports.path());
    let (slept, _) = all(store.take(&claims(&["playbook a", "main"]), &holder("one"), TTL, at(0), &never).unwrap());
    assert_eq!(store.renew(&slept, at(10)).unwrap(), Renewed::Ours);
    let (other, over) = all(store.take(&claims(&["main"]), &holder("two"), TTL, at(60), &always).unwrap());
    assert_eq!(over[0].renewed, at(10));
    for _ in 0..2 {
        let Renewed::Lost(successor) = store.renew(&slept, at(61)).unwrap() else { panic!("it may act again") };
        assert_eq!((successor.run.as_str(), successor.user.as_str()), ("two", "ops"));
        let left: Vec<_> = store.leases().unwrap().into_iter().map(|lease| lease.holder.run.to_string()).collect();
        assert!(!left.contains(&"one".to_owned()), "{left:?}");
        store.release(&slept).unwrap();
        store.release(&other).unwrap();
    }
}

#[test]
fn who_slept_and_was_not_taken_over_goes_on() {
    let reports = tempfile::tempdir().unwrap();
    let mut store = store(reports.path());
    let (slept, _) = all(store.take(&claims(&["main"]), &holder("one"), TTL, at(0), &never).unwrap());
    assert_eq!(store.renew(&slept, at(100_000)).unwrap(), Renewed::Ours);
    assert_eq!(store.leases().unwrap()[0].renewed, at(100_000));
}

#[test]
fn leases_are_put_back_into_a_store_that_was_made_anew() {
    let reports = tempfile::tempdir().unwrap();
    let mut live = store(reports.path());
    let (held, _) = all(live.take(&claims(&["main"]), &holder("one"), TTL, at(0), &never).unwrap());
    assert!(!live.follow().unwrap());
    for beside in ["", "-wal", "-shm"] {
        let name = |suffix: &str| reports.path().join(format!("{}{beside}{suffix}", super::FILE_NAME));
        let _ = std::fs::rename(name(""), name(".aside"));
    }
    let new = store(reports.path());
    assert_eq!(new.leases().unwrap(), []);
    assert!(live.follow().unwrap());
    assert_eq!(live.renew(&held, at(10)).unwrap(), Renewed::Ours);
    assert_eq!(new.leases().unwrap()[0].fencing, held.fencing);
}

#[test]
fn two_that_take_the_same_at_once_do_not_both_get_it() {
    let reports = tempfile::tempdir().unwrap();
    drop(store(reports.path()));
    let take = |n: usize| {
        let mut store = SqliteLive::open(&reports.path().join(super::FILE_NAME)).unwrap();
        let taken = store.take(&claims(&["a", "b", "c"]), &holder(&format!("run-{n}")), TTL, at(0), &never).unwrap();
        matches!(taken, Taken::All { .. })
    };
    let take = &take;
    let got = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || take(n))).collect();
        threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|got| *got).count()
    });
    assert_eq!(got, 1);
}

#[test]
fn a_store_of_the_first_version_is_brought_up_to_date() {
    let reports = tempfile::tempdir().unwrap();
    drop(store(reports.path()));
    let path = reports.path().join(super::FILE_NAME);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE commands; DROP TABLE leases; DROP TABLE fencing; PRAGMA user_version = 1").unwrap();
    drop(old);
    let refused = SqliteLive::open(&path).unwrap_err().to_string();
    assert!(refused.contains("muster history"), "{refused}");
    assert_eq!(store(reports.path()).leases().unwrap(), []);
}
