use std::cell::Cell;
use std::fs;
use std::path::Path;

use super::*;
use crate::journal::{self, Durability, Stamp, Writer};

const START: &str = "2026-11-22T08:42:16Z";

fn start() -> jiff::Timestamp {
    START.parse().unwrap()
}

/// Writes the journal of a run of `playbook` and returns its id.
fn run(reports: &Path, playbook: &str, seconds: i64, events: &[&str]) -> RunId {
    let at = start() + jiff::SignedDuration::from_secs(seconds);
    let folder = RunFolder::create(reports, at, playbook).unwrap();
    let path = journal::log::path_in(&folder.path);
    let mut writer = Writer::create(&path, folder.run.clone(), Durability::AtEnd).unwrap();
    for event in events {
        writer
            .append(Stamp { at, elapsed_ns: 0 }, &[serde_json::json!({"kind": event, "playbook": playbook})])
            .unwrap();
    }
    writer.finish().unwrap();
    folder.run
}

/// Reads a journal as the record module will, from what the tests above put there.
fn read_run(path: &Path) -> Result<RunRow, String> {
    let verified = journal::reader::verify_file(path).map_err(|error| error.to_string())?;
    let mut lines = journal::reader::read_file(path).map_err(|error| error.to_string())?;
    let first = lines.next().ok_or("no line")?.map_err(|error| error.to_string())?;
    let event: serde_json::Value = first.event().map_err(|error| error.to_string())?;
    let ended = verified.finished.is_some();
    Ok(RunRow {
        run: verified.run,
        playbook: event["playbook"].as_str().unwrap_or_default().to_owned(),
        title: "A title".to_owned(),
        environment: "simulated".to_owned(),
        mode: "planned".to_owned(),
        started_at: format!("{:.9}", first.at),
        finished_at: ended.then(|| format!("{:.9}", first.at)),
        verdict: ended.then(|| "passed".to_owned()),
        world: ended.then(|| "home".to_owned()),
        exit_code: ended.then_some(0),
        rta_ns: ended.then_some(42),
        rpa_ns: None,
        journal_head: verified.head.to_string(),
        simulated: true,
        detail: IndexDetail { occurrence: Some("2026-Q4".to_owned()), ..Default::default() },
        journal_len: 0,
        journal_mtime_ns: 0,
    })
}

fn open(reports: &Path) -> (SqliteStore, Vec<Notice>) {
    SqliteStore::open(reports, &read_run).unwrap()
}

fn ids(store: &SqliteStore) -> Vec<String> {
    store.list(&RunFilter::default()).unwrap().iter().map(|row| row.run.to_string()).collect()
}

/// Opens the store and counts how many journals it read.
fn journals_read(reports: &Path) -> usize {
    let count = Cell::new(0);
    let read = |path: &Path| {
        count.set(count.get() + 1);
        read_run(path)
    };
    drop(SqliteStore::open(reports, &read).unwrap());
    count.get()
}

#[test]
fn a_run_that_finds_its_folder_taken_gets_the_next() {
    let reports = tempfile::tempdir().unwrap();
    let below = reports.path().join("not/there/yet");
    let made: Vec<_> = (0..3).map(|_| RunFolder::create(&below, start(), "drill").unwrap()).collect();
    let ids: Vec<_> = made.iter().map(|folder| folder.run.as_str()).collect();
    assert_eq!(ids, ["20261122-084216-drill", "20261122-084216-drill-2", "20261122-084216-drill-3"]);
    assert!(made.iter().all(|folder| folder.path.is_dir()));
}

#[test]
fn runs_that_start_at_once_never_share_a_folder() {
    let reports = tempfile::tempdir().unwrap();
    let make = || RunFolder::create(reports.path(), start(), "drill").unwrap().run;
    let mut runs = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), 16);
}

#[test]
fn a_reports_folder_that_is_a_file_is_named() {
    let reports = tempfile::tempdir().unwrap();
    let file = reports.path().join("file");
    fs::write(&file, "").unwrap();
    let message = RunFolder::create(&file, start(), "drill").unwrap_err().to_string();
    assert!(message.starts_with("cannot make the reports folder") && message.contains("file"), "{message}");
    assert!(matches!(RunFolder::create(&file, start(), "a/b"), Err(StoreError::Id(_))));
}

#[test]
fn a_missing_index_is_made_from_the_journals() {
    let reports = tempfile::tempdir().unwrap();
    let first = run(reports.path(), "drill", 0, &["started", "finished"]);
    let second = run(reports.path(), "drill", 0, &["started"]);
    let third = run(reports.path(), "other", 60, &["started", "finished"]);
    fs::create_dir(reports.path().join("no run")).unwrap();
    fs::create_dir(reports.path().join("empty")).unwrap();
    let (store, notices) = open(reports.path());
    assert_eq!(notices, []);
    assert_eq!(ids(&store), [third.as_str(), second.as_str(), first.as_str()]);
    let row = store.get(&first).unwrap().unwrap();
    let expected = read_run(&journal::log::path_in(&reports.path().join(first.as_str()))).unwrap();
    assert!(row.journal_len > 0 && row.journal_mtime_ns > 0);
    assert_eq!(RunRow { journal_len: 0, journal_mtime_ns: 0, ..row }, expected);
    let of_drill = RunFilter { playbook: Some("drill".into()), limit: Some(1) };
    assert_eq!(store.list(&of_drill).unwrap()[0].run, second);
    // The second did not end, so the first is what the next is compared with.
    assert_eq!(store.previous_finished("drill", Reality::Simulated).unwrap().unwrap().run, first);
    assert_eq!(store.previous_finished("drill", Reality::Real).unwrap(), None);
    drop(store);
    assert_eq!(journals_read(reports.path()), 0, "an index that is up to date reads no journal");
}

#[test]
fn runs_of_one_second_are_listed_in_their_order() {
    let reports = tempfile::tempdir().unwrap();
    for _ in 0..11 {
        run(reports.path(), "drill", 0, &["started"]);
    }
    let (store, _) = open(reports.path());
    let listed = ids(&store);
    assert_eq!(listed[..2], ["20261122-084216-drill-11", "20261122-084216-drill-10"]);
    assert_eq!(listed[10], "20261122-084216-drill");
}

#[test]
fn an_outdated_index_reads_only_what_changed() {
    let reports = tempfile::tempdir().unwrap();
    let kept = run(reports.path(), "drill", 0, &["started", "finished"]);
    let gone = run(reports.path(), "drill", 1, &["started", "finished"]);
    let grown = run(reports.path(), "drill", 2, &["started"]);
    drop(open(reports.path()));
    fs::remove_dir_all(reports.path().join(gone.as_str())).unwrap();
    let path = journal::log::path_in(&reports.path().join(grown.as_str()));
    let mut writer = Writer::open(&path, Durability::AtEnd).unwrap();
    writer.append(Stamp { at: start(), elapsed_ns: 1 }, &[serde_json::json!({"kind": "finished"})]).unwrap();
    writer.finish().unwrap();
    let added = run(reports.path(), "drill", 3, &["started"]);
    assert_eq!(journals_read(reports.path()), 2);
    let (store, _) = open(reports.path());
    assert_eq!(ids(&store), [added.as_str(), grown.as_str(), kept.as_str()]);
    assert_eq!(store.get(&grown).unwrap().unwrap().verdict.as_deref(), Some("passed"));
}

#[test]
fn a_broken_database_is_moved_aside_and_made_again() {
    let reports = tempfile::tempdir().unwrap();
    let id = run(reports.path(), "drill", 0, &["started", "finished"]);
    let database = reports.path().join(FILE_NAME);
    for (number, garbage) in [&b"this is no database, not at all"[..], &[0xff; 8192]].iter().enumerate() {
        fs::write(&database, garbage).unwrap();
        let (store, notices) = open(reports.path());
        assert_eq!(ids(&store), [id.as_str()]);
        let [Notice::MovedAside { to, .. }] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!(*to, reports.path().join(format!("muster.db.broken-{}", number + 1)));
        assert_eq!(fs::read(to).unwrap(), *garbage, "what was there is kept");
        assert!(notices[0].to_string().contains("made again from the journals"));
        drop(store);
        assert_eq!(open(reports.path()).1, []);
    }
}

#[test]
fn a_database_with_a_broken_page_is_moved_aside() {
    let reports = tempfile::tempdir().unwrap();
    for second in 0..40 {
        run(reports.path(), "drill", second, &["started", "finished"]);
    }
    drop(open(reports.path()));
    let database = reports.path().join(FILE_NAME);
    let mut bytes = fs::read(&database).unwrap();
    assert!(bytes.len() > 5 * 4096, "{}", bytes.len());
    let pages = bytes.len() / 4096;
    bytes[(pages - 1) * 4096..].fill(0x5a);
    fs::write(&database, &bytes).unwrap();
    let (store, notices) = open(reports.path());
    assert!(matches!(notices[..], [Notice::MovedAside { .. }]), "{notices:?}");
    assert_eq!(ids(&store).len(), 40);
}

#[test]
fn a_database_of_somebody_else_is_kept() {
    let reports = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(reports.path().join(FILE_NAME)).unwrap();
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(other);
    let (_, notices) = open(reports.path());
    let [Notice::MovedAside { to, why, .. }] = &notices[..] else { panic!("{notices:?}") };
    assert!(why.contains("not Muster's"), "{why}");
    let kept = rusqlite::Connection::open(to).unwrap();
    assert_eq!(kept.query_row("SELECT x FROM theirs", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_database_of_a_newer_muster_is_left_alone() {
    let reports = tempfile::tempdir().unwrap();
    drop(open(reports.path()));
    let newer = rusqlite::Connection::open(reports.path().join(FILE_NAME)).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let error = SqliteStore::open(reports.path(), &read_run).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 4, .. }), "{error}");
}

#[test]
fn a_journal_that_cannot_be_read_is_named_and_read_once() {
    let reports = tempfile::tempdir().unwrap();
    let good = run(reports.path(), "drill", 0, &["started"]);
    let bad = run(reports.path(), "drill", 1, &["started", "finished"]);
    let alien = RunFolder::create(reports.path(), start(), "alien").unwrap();
    fs::copy(journal::log::path_in(&reports.path().join(good.as_str())), journal::log::path_in(&alien.path)).unwrap();
    let path = journal::log::path_in(&reports.path().join(bad.as_str()));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    for _ in 0..2 {
        let (store, notices) = open(reports.path());
        assert_eq!(ids(&store), [good.as_str()]);
        let text = notices.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains("its last record is cut: 1 whole lines"), "{text}");
        assert!(text.contains(&format!("journal of another run, {good}")), "{text}");
        assert_eq!(notices.len(), 2);
    }
    assert_eq!(journals_read(reports.path()), 0);
    fs::write(&path, &whole).unwrap();
    assert_eq!(open(reports.path()).1.len(), 1);
}

#[test]
fn what_a_run_records_needs_no_reading() {
    let reports = tempfile::tempdir().unwrap();
    let (store, _) = open(reports.path());
    let id = run(reports.path(), "drill", 0, &["started", "finished"]);
    let row = read_run(&journal::log::path_in(&reports.path().join(id.as_str()))).unwrap();
    store.record_started(&RunRow { finished_at: None, verdict: None, ..row.clone() }).unwrap();
    assert_eq!(store.previous_finished("drill", Reality::Simulated).unwrap(), None);
    store.record_finished(&row).unwrap();
    assert_eq!(store.previous_finished("drill", Reality::Simulated).unwrap().unwrap().run, id);
    drop(store);
    assert_eq!(journals_read(reports.path()), 0);
}

#[test]
fn many_may_open_it_at_once_from_nothing() {
    let reports = tempfile::tempdir().unwrap();
    for second in 0..5 {
        run(reports.path(), "drill", second, &["started"]);
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (store, notices) = open(reports.path());
                assert_eq!(notices, []);
                assert_eq!(ids(&store).len(), 5);
            });
        }
    });
}

#[test]
fn many_that_find_it_broken_move_it_aside_once() {
    let reports = tempfile::tempdir().unwrap();
    let id = run(reports.path(), "drill", 0, &["started"]);
    fs::write(reports.path().join(FILE_NAME), b"this is no database, not at all").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match SqliteStore::open(reports.path(), &read_run) {
                Ok((store, _)) => assert_eq!(ids(&store), [id.as_str()]),
                Err(error) => assert!(matches!(error, StoreError::Repairing { .. }), "{error}"),
            });
        }
    });
    let names = fs::read_dir(reports.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let broken: Vec<_> = names.filter(|name| name.contains("broken")).collect();
    assert_eq!(broken, ["muster.db.broken-1"]);
    assert_eq!(ids(&open(reports.path()).0), [id.as_str()]);
}

#[test]
fn a_reports_folder_that_is_not_there_is_not_made() {
    let reports = tempfile::tempdir().unwrap();
    let missing = reports.path().join("missing");
    let error = SqliteStore::open(&missing, &read_run).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(!missing.exists());
}
