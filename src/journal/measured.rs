//! What the journal costs, printed: `cargo test --lib measured -- --ignored --nocapture --test-threads 1`.
//! The folder is `TMPDIR`'s: set it to the disk that is meant.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement prints what it timed")]

use std::time::Instant;

use super::*;
use crate::id::RunId;

#[derive(serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Event {
    StepIntent { step: &'static str, attempt: u32, before: &'static str },
    StepResult { step: &'static str, attempt: u32, outcome: &'static str },
}

const INTENT: Event = Event::StepIntent {
    step: "failover-promote",
    attempt: 1,
    before: "database main: primary writable, replica 0.4 s",
};
const RESULT: Event = Event::StepResult { step: "failover-promote", attempt: 1, outcome: "applied and verified" };

fn run_id() -> RunId {
    RunId::new("20261122-084216-quarterly-failover").unwrap()
}

fn stamp(elapsed_ns: u64) -> Stamp {
    Stamp { at: "2026-11-22T08:42:16.123456789Z".parse().unwrap(), elapsed_ns }
}

fn per(what: &str, start: Instant, count: u32) {
    println!("{what}: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn in_memory() {
    const RECORDS: u32 = 200_000;
    let log = MemoryLog::new();
    let journal = Journal::inline(Writer::over(run_id(), Box::new(log.clone())));
    let start = Instant::now();
    for n in 0..RECORDS / 2 {
        drop(journal.commit(stamp(n.into()), &[RESULT, INTENT]));
    }
    per("a record, in memory", start, RECORDS);
    let bytes = log.bytes();
    println!("{} bytes a record", bytes.len() / RECORDS as usize);
    let start = Instant::now();
    reader::verify(&*bytes).unwrap();
    per("a record, verified", start, RECORDS);
    let start = Instant::now();
    assert_eq!(reader::read(&*bytes).map(Result::unwrap).count(), RECORDS as usize);
    per("a record, read", start, RECORDS);

    let folder = tempfile::tempdir().unwrap();
    let path = log::path_in(folder.path());
    let journal = Journal::inline(Writer::create(&path, run_id(), Durability::AtEnd).unwrap());
    let start = Instant::now();
    for n in 0..RECORDS / 2 {
        drop(journal.commit(stamp(n.into()), &[RESULT, INTENT]));
    }
    runtime().block_on(journal.finish()).unwrap();
    per("a record, in a file that is synced at its end", start, RECORDS);
}

#[test]
#[ignore = "a measurement"]
fn on_disk() {
    const COMMITS: u32 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("a"), run_id(), Durability::EachCommit).unwrap();
    let start = Instant::now();
    for n in 0..COMMITS {
        writer.append(stamp(n.into()), &[RESULT, INTENT]).unwrap();
    }
    per("a durable commit of two records, on the calling thread", start, COMMITS);

    let writer = Writer::create(&folder.path().join("b"), run_id(), Durability::EachCommit).unwrap();
    let journal = Journal::threaded(writer).unwrap();
    let start = Instant::now();
    runtime().block_on(async {
        for n in 0..COMMITS {
            journal.commit(stamp(n.into()), &[RESULT, INTENT]).await.unwrap();
        }
    });
    per("a durable commit of two records, by the journal's thread, one after another", start, COMMITS);
}

#[test]
#[ignore = "a measurement"]
fn side_by_side() {
    const COMMITTERS: u32 = 100;
    const EACH: u32 = 100;
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(&log::path_in(folder.path()), run_id(), Durability::EachCommit).unwrap();
    let journal = Journal::threaded(writer).unwrap();
    let start = Instant::now();
    runtime().block_on(async {
        let local = tokio::task::LocalSet::new();
        for _ in 0..COMMITTERS {
            let journal = journal.clone();
            local.spawn_local(async move {
                for n in 0..EACH {
                    journal.commit(stamp(n.into()), &[RESULT, INTENT]).await.unwrap();
                }
            });
        }
        local.await;
    });
    per("a durable record, 100 committers side by side", start, COMMITTERS * EACH * 2);
}
