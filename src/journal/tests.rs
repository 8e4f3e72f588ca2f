use std::io;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::id::RunId;

fn run_id() -> RunId {
    RunId::new("20261122-084216-quarterly-failover").unwrap()
}

fn stamp(elapsed_ns: u64) -> Stamp {
    let start: jiff::Timestamp = "2026-11-22T08:42:16Z".parse().unwrap();
    let at = start + jiff::SignedDuration::from_nanos(i64::try_from(elapsed_ns).unwrap());
    Stamp { at, elapsed_ns }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// A small journal with text that a cut may fall into the middle of.
fn small() -> Vec<u8> {
    let log = MemoryLog::new();
    let mut writer = Writer::over(run_id(), Box::new(log.clone()));
    writer.append(stamp(0), &[json!({"kind": "started", "title": "Außer \"Betrieb\"\n", "n": -1.5e3})]).unwrap();
    writer.append(stamp(7), &[json!({"kind": "a", "x": null}), json!({"kind": "b", "y": [true, {}]})]).unwrap();
    writer.append(stamp(1_000_000_001), &[json!({"kind": "finished", "verdict": "passed", "ö": "€"})]).unwrap();
    writer.finish().unwrap();
    log.bytes()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

fn damage(bytes: &[u8]) -> Option<Damage> {
    reader::verify(bytes).err().map(|error| error.damage().expect("damage and nothing else").clone())
}

#[test]
fn a_line_looks_as_the_design_says() {
    let bytes = small();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[1],
        format!(
            "{{\"seq\":1,\"at\":\"2026-11-22T08:42:16.000000007Z\",\"elapsed_ns\":7,\
             \"run\":\"20261122-084216-quarterly-failover\",\"event\":{{\"kind\":\"a\",\"x\":null}},\"prev\":\"{}\"}}",
            LineHash::of(lines[0].as_bytes())
        )
    );
    assert!(lines[0].ends_with(&format!("\"prev\":\"{}\"}}", "0".repeat(64))));
    assert!(text.ends_with("}\n"));
}

/// As somebody would check it who has nothing but `sha256sum`.
#[test]
fn the_chain_is_plain_sha256_over_the_lines() {
    let bytes = small();
    let mut expected = "0".repeat(64);
    for line in bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(value["prev"], expected);
        expected = Sha256::digest(line).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    }
    assert_eq!(reader::verify(&*bytes).unwrap().head.to_string(), expected);
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = small();
    let lines: Vec<_> = reader::read(&*bytes).map(Result::unwrap).collect();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(lines[3].at, stamp(1_000_000_001).at);
    assert_eq!(lines[3].elapsed_ns, 1_000_000_001);
    assert_eq!(lines[3].run, run_id());
    let event: serde_json::Value = lines[0].event().unwrap();
    assert_eq!(event["title"], "Außer \"Betrieb\"\n");
    let verified = reader::verify(&*bytes).unwrap();
    assert_eq!((verified.lines, verified.bytes), (4, bytes.len() as u64));
    assert_eq!(verified.finished, Some(FinishedHead { seq: 3, head: verified.head, lines_after: 0 }));
}

#[test]
fn lines_after_the_end_have_a_head_of_their_own() {
    let log = MemoryLog::new();
    let mut writer = Writer::over(run_id(), Box::new(log.clone()));
    writer.append(stamp(0), &[json!({"kind": "note", "text": "\"kind\":\"finished\""})]).unwrap();
    let end = writer.append(stamp(1), &[json!({"kind": "finished"})]).unwrap();
    let signed = writer.append(stamp(2), &[json!({"kind": "signed-off"})]).unwrap();
    let verified = reader::verify(&*log.bytes()).unwrap();
    assert_eq!(verified.head, signed.head);
    assert_eq!(verified.finished, Some(FinishedHead { seq: 1, head: end.head, lines_after: 1 }));
}

/// A change anywhere but in the last line is damage; there, it is damage or another head.
#[test]
fn every_flipped_byte_is_found() {
    let good = small();
    let head = reader::verify(&*good).unwrap().head;
    let last_line = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for index in 0..good.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[index] ^= flip;
            match reader::verify(&*bad) {
                Ok(verified) => {
                    assert!(index >= last_line, "byte {index} ^ {flip:#x} was not found");
                    assert_ne!(verified.head, head, "byte {index} ^ {flip:#x} left the head as it was");
                }
                Err(error) => {
                    let damage = error.damage().unwrap();
                    let is_cut = matches!(damage, Damage::CutTail { .. });
                    assert!(!is_cut, "byte {index} ^ {flip:#x} was taken for a cut: {damage}");
                }
            }
        }
    }
}

#[test]
fn every_cut_is_told_apart_from_other_damage() {
    let good = small();
    assert_eq!(damage(b""), Some(Damage::Empty));
    for length in 1..good.len() {
        let cut = &good[..length];
        let whole_bytes = cut.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1) as u64;
        let whole_lines = newlines(cut) as u64;
        let cut_bytes = length as u64 - whole_bytes;
        let expected = (cut_bytes > 0).then_some(Damage::CutTail { whole_lines, whole_bytes, cut_bytes });
        assert_eq!(damage(cut), expected, "cut after {length} bytes");
        // What a power cut may leave: the length was there before the data.
        if cut_bytes > 0 {
            let zeros = [cut, &[0; 9]].concat();
            let expected = Damage::CutTail { whole_lines, whole_bytes, cut_bytes: cut_bytes + 9 };
            assert_eq!(damage(&zeros), Some(expected));
        }
    }
}

#[test]
fn a_tail_that_no_crash_leaves_is_no_cut() {
    let good = small();
    let without_newline = &good[..good.len() - 1];
    for tail in [&b"garbage"[..], b"{\"seq\":9,\"at\":\"20", b"{\"seq\":4,\"at\":\"}"] {
        let bad = [&good[..], tail].concat();
        let found = damage(&bad).unwrap();
        let is_cut = matches!(found, Damage::CutTail { .. });
        // The last of them is a string that goes on: a cut indeed.
        assert_eq!(is_cut, tail.ends_with(b"}"), "{found}");
    }
    let more = [without_newline, b"}"].concat();
    assert!(matches!(damage(&more), Some(Damage::NotARecord { line: 4, .. })));
}

#[test]
fn damage_says_which_line_and_what() {
    let good = small();
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let missing = [lines[0], lines[2], lines[3]].concat();
    assert_eq!(damage(&missing), Some(Damage::Sequence { line: 2, expected: 1, found: 2 }));
    let doubled = [lines[0], lines[0]].concat();
    assert_eq!(damage(&doubled), Some(Damage::Sequence { line: 2, expected: 1, found: 0 }));
    let text = String::from_utf8(good.clone()).unwrap();
    let changed = text.replacen("-1500.0", "-1500.1", 1);
    assert_ne!(changed, text);
    let message = reader::verify(changed.as_bytes()).unwrap_err().to_string();
    assert!(
        message.starts_with("the journal is damaged: line 2 says that the line before it has SHA-256"),
        "{message}"
    );

    let mut chain = Chain::new(run_id());
    let mut other = Vec::new();
    chain.append(&mut other, stamp(0), &1).unwrap();
    let mut alien = Chain::continued(RunId::new("other").unwrap(), 1, chain.head());
    alien.append(&mut other, stamp(0), &2).unwrap();
    assert_eq!(damage(&other), Some(Damage::Run { line: 2, expected: run_id(), found: "other".into() }));
}

#[test]
fn an_endless_line_is_refused_in_bounded_memory() {
    let endless = io::BufReader::new(io::repeat(b'x'));
    let error = reader::verify(endless).unwrap_err();
    assert_eq!(error.damage(), Some(&Damage::TooLong { line: 1 }));
}

#[test]
fn an_event_that_is_no_line_leaves_the_journal_as_it_was() {
    let log = MemoryLog::new();
    let mut writer = Writer::over(run_id(), Box::new(log.clone()));
    writer.append(stamp(0), &[1]).unwrap();
    let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
    let error = writer.append(stamp(1), &[raw("2"), raw("[3,\n4]")]).unwrap_err();
    assert!(matches!(error, JournalError::Shape(_)), "{error}");
    assert!(matches!(writer.append::<u8>(stamp(1), &[]), Err(JournalError::NoEvents)));
    assert_eq!(writer.append(stamp(2), &[5, 6]).unwrap().first_seq, 1);
    assert_eq!(reader::verify(&*log.bytes()).unwrap().lines, 3);
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = log::path_in(folder.path());
    let mut first = Writer::create(&path, run_id(), Durability::EachCommit).unwrap();
    first.append(stamp(0), &["one"]).unwrap();
    let refused = Writer::open(&path, Durability::EachCommit).unwrap_err();
    assert!(matches!(&refused, JournalError::Locked { .. }));
    assert!(refused.to_string().contains("is being written by another process"), "{refused}");
    assert!(matches!(Writer::create(&path, run_id(), Durability::AtEnd), Err(JournalError::File { .. })));
    // Readers need no lock.
    assert_eq!(reader::verify_file(&path).unwrap().lines, 1);
    drop(first);
    let mut second = Writer::open(&path, Durability::AtEnd).unwrap();
    assert_eq!(second.append(stamp(1), &["two"]).unwrap().first_seq, 1);
    let head = second.finish().unwrap();
    let verified = reader::verify_file(&path).unwrap();
    assert_eq!((verified.lines, verified.head), (2, head));
}

#[test]
fn a_damaged_journal_is_not_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = log::path_in(folder.path());
    let good = small();
    std::fs::write(&path, &good[..good.len() - 3]).unwrap();
    let error = Writer::open(&path, Durability::AtEnd).unwrap_err();
    assert!(matches!(error.damage(), Some(Damage::CutTail { whole_lines: 3, .. })), "{error}");
    assert_eq!(std::fs::read(&path).unwrap().len(), good.len() - 3);
}

/// A disk that takes `left` batches.
struct FullDisk {
    left: usize,
    inner: MemoryLog,
}

impl Log for FullDisk {
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        self.inner.append_batch(first_seq, lines)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_write_stops_the_journal_for_good() {
    let inner = MemoryLog::new();
    let mut writer = Writer::over(run_id(), Box::new(FullDisk { left: 1, inner: inner.clone() }));
    writer.append(stamp(0), &[1]).unwrap();
    assert!(matches!(writer.append(stamp(1), &[2]), Err(JournalError::Write(_))));
    assert!(matches!(writer.append(stamp(2), &[3]), Err(JournalError::Poisoned(_))));
    assert!(matches!(writer.finish(), Err(JournalError::Poisoned(_))));
    assert_eq!(reader::verify(&*inner.bytes()).unwrap().lines, 1);
}

#[test]
fn a_failed_write_is_told_to_all_who_wait() {
    let disk = FullDisk { left: 0, inner: MemoryLog::new() };
    let journal = Journal::threaded(Writer::over(run_id(), Box::new(disk))).unwrap();
    let commits: Vec<_> = (0..50).map(|n| journal.commit(stamp(n), &[n])).collect();
    runtime().block_on(async {
        for commit in commits {
            assert!(matches!(commit.await, Err(JournalError::Write(_) | JournalError::Poisoned(_))));
        }
        assert!(matches!(journal.finish().await, Err(JournalError::Poisoned(_))));
        assert!(matches!(journal.finish().await, Err(JournalError::Closed)));
        assert!(matches!(journal.commit(stamp(0), &[0]).await, Err(JournalError::Closed)));
    });
}

/// A log that remembers how the lines came.
#[derive(Clone, Default)]
struct Batches(std::sync::Arc<std::sync::Mutex<Vec<(u64, usize)>>>, MemoryLog);

impl Log for Batches {
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()> {
        let count = newlines(lines);
        self.0.lock().unwrap().push((first_seq, count));
        self.1.append_batch(first_seq, lines)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log whose first write waits until the test lets it go.
struct Gate(std::sync::mpsc::Receiver<()>, bool, Batches);

impl Log for Gate {
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()> {
        if !std::mem::replace(&mut self.1, true) {
            self.0.recv().map_err(io::Error::other)?;
        }
        self.2.append_batch(first_seq, lines)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_queues_up_is_written_as_one_group() {
    let (open, gate) = std::sync::mpsc::channel();
    let batches = Batches::default();
    let writer = Writer::over(run_id(), Box::new(Gate(gate, false, batches.clone())));
    let journal = Journal::threaded(writer).unwrap();
    let commits: Vec<_> = (0..100).map(|n| journal.commit(stamp(n), &[n, n])).collect();
    open.send(()).unwrap();
    let answers: Vec<_> = runtime().block_on(async {
        let mut answers = Vec::new();
        for commit in commits {
            answers.push(commit.await.unwrap());
        }
        answers
    });
    // The first write held whatever had queued by then; all the rest came in the second.
    let written = batches.0.lock().unwrap().clone();
    assert!(written.len() <= 2, "{written:?}");
    assert_eq!(written.iter().map(|(_, count)| count).sum::<usize>(), 200);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!((answer.first_seq, answer.last_seq), (2 * n as u64, 2 * n as u64 + 1));
    }
    let lines: Vec<_> = reader::read(&*batches.1.bytes()).map(Result::unwrap).collect();
    assert_eq!(
        LineHash::of(batches.1.bytes().strip_suffix(b"\n").unwrap().rsplit(|b| *b == b'\n').next().unwrap()),
        answers[99].head
    );
    assert_eq!(lines.len(), 200);
}

#[test]
fn the_order_is_that_of_the_calls_not_of_the_waits() {
    let log = MemoryLog::new();
    let journal = Journal::threaded(Writer::over(run_id(), Box::new(log.clone()))).unwrap();
    let mut commits: Vec<_> = (0..20).map(|n| journal.commit(stamp(n), &[n])).collect();
    runtime().block_on(async {
        while let Some(commit) = commits.pop() {
            let expected = commits.len() as u64;
            assert_eq!(commit.await.unwrap().first_seq, expected);
        }
    });
}

#[test]
fn twenty_threads_at_once_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = log::path_in(folder.path());
    let journal = Journal::threaded(Writer::create(&path, run_id(), Durability::EachCommit).unwrap()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..20_u64 {
            let journal = journal.clone();
            scope.spawn(move || {
                runtime().block_on(async {
                    for n in 0..20_u64 {
                        let event = json!({"thread": thread, "n": n});
                        journal.commit(stamp(n), &[event]).await.unwrap();
                    }
                });
            });
        }
    });
    let head = runtime().block_on(journal.finish()).unwrap();
    let mut next = [0; 20];
    for line in reader::read_file(&path).unwrap() {
        let event: serde_json::Value = line.unwrap().event().unwrap();
        let thread = usize::try_from(event["thread"].as_u64().unwrap()).unwrap();
        assert_eq!(event["n"], next[thread]);
        next[thread] += 1;
    }
    assert_eq!(next, [20; 20]);
    assert_eq!(reader::verify_file(&path).unwrap().head, head);
}

#[test]
fn a_journal_that_is_dropped_has_written_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let threaded = Journal::threaded(Writer::create(&path("a"), run_id(), Durability::EachCommit).unwrap()).unwrap();
    let inline = Journal::inline(Writer::create(&path("b"), run_id(), Durability::AtEnd).unwrap());
    for n in 0..100 {
        drop(threaded.commit(stamp(n), &[n]));
        drop(inline.commit(stamp(n), &[n]));
    }
    drop((threaded, inline));
    assert_eq!(reader::verify_file(&path("a")).unwrap().lines, 100);
    assert_eq!(std::fs::read(path("a")).unwrap(), std::fs::read(path("b")).unwrap());
}

#[test]
fn a_journal_that_is_not_kept_counts_its_records_and_closes() {
    let journal = Journal::unkept(run_id());
    runtime().block_on(async {
        let first = journal.commit(stamp(0), &[1, 2, 3]).await.unwrap();
        assert_eq!((first.first_seq, first.last_seq, first.head), (0, 2, LineHash::ZERO));
        assert_eq!(journal.clone().commit(stamp(1), &[4]).await.unwrap().first_seq, 3);
        assert_eq!(journal.finish().await.unwrap(), LineHash::ZERO);
        assert!(matches!(journal.commit(stamp(2), &[5]).await, Err(JournalError::Closed)));
        assert!(matches!(journal.finish().await, Err(JournalError::Closed)));
    });
}

#[test]
fn an_inline_commit_is_done_before_it_is_awaited() {
    let log = MemoryLog::new();
    let journal = Journal::inline(Writer::over(run_id(), Box::new(log.clone())));
    let commit = journal.commit(stamp(0), &["now"]);
    assert_eq!(reader::verify(&*log.bytes()).unwrap().lines, 1);
    let mut commit = Box::pin(commit);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(commit.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(_))));
    assert!(matches!(commit.as_mut().poll(&mut context), std::task::Poll::Ready(Err(JournalError::Closed))));
}

proptest! {
    #[test]
    fn any_events_come_back(
        batches in prop::collection::vec(prop::collection::vec((any::<u64>(), ".*"), 1..4), 1..6),
    ) {
        let log = MemoryLog::new();
        let mut writer = Writer::over(run_id(), Box::new(log.clone()));
        for (n, batch) in batches.iter().enumerate() {
            writer.append(stamp(n as u64), batch).unwrap();
        }
        let head = writer.finish().unwrap();
        let bytes = log.bytes();
        let back: Vec<(u64, String)> =
            reader::read(&*bytes).map(|line| line.unwrap().event().unwrap()).collect();
        prop_assert_eq!(back, batches.concat());
        prop_assert_eq!(reader::verify(&*bytes).unwrap().head, head);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(reader::verify(&*bytes).is_err());
    }

    #[test]
    fn a_hash_is_read_as_it_is_printed(text in "[ -~]{0,70}") {
        let hash = LineHash::of(text.as_bytes());
        prop_assert_eq!(hash.to_string().parse::<LineHash>(), Ok(hash));
        prop_assert!(text.parse::<LineHash>().is_err() || text.len() == 64);
    }
}

#[test]
fn a_journal_can_be_shared_and_its_answers_sent() {
    fn sendable<T: Send>() {}
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<Journal>();
    sendable::<Commit>();
    shareable::<JournalError>();
}

#[test]
fn a_full_disk_is_said() {
    let log = FileLog::open(std::path::Path::new("/dev/full"), Durability::EachCommit).unwrap();
    let mut writer = Writer::over(run_id(), Box::new(log));
    let error = writer.append(stamp(0), &[1]).unwrap_err();
    assert!(matches!(&error, JournalError::Write(source) if source.kind() == io::ErrorKind::StorageFull), "{error}");
    assert!(matches!(writer.append(stamp(1), &[2]), Err(JournalError::Poisoned(_))));
}
