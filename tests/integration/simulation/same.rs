//! The same seed and start give the same journal: in fresh processes, looking ahead or not, from memory or from files.

use std::fs;
use std::path::Path;

use muster::app::{self, Attendance, Keep, Rehearsal, RunRequest, Runs};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::watch::Pace;
use muster::record::Heads;
use muster::report::Format;
use tempfile::TempDir;

use super::scene::{all, quarterly, rehearse, shipped, with};

/// The journal of a run by the program, in a process of its own.
fn typed(mode: Mode, seed: u64) -> Vec<u8> {
    let folder = TempDir::with_prefix("muster-").unwrap();
    let reports = folder.path().join("reports");
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["run", &shipped("quarterly-failover.yaml"), "--mode", &mode.to_string(), "--var", "soak=3m"])
        .args(["--seed", &seed.to_string(), "--start", "2026-03-01T02:00:00Z", "--reports"])
        .arg(&reports)
        .env_clear()
        .timeout(std::time::Duration::from_mins(1))
        .output()
        .unwrap();
    assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
    journal_in(&reports)
}

fn journal_in(reports: &Path) -> Vec<u8> {
    let run = fs::read_dir(reports).unwrap().map(Result::unwrap).find(|entry| entry.path().is_dir()).unwrap();
    fs::read(muster::journal::path_in(&run.path())).unwrap()
}

#[test]
fn twenty_fresh_processes_write_the_same_journal() {
    let cases = (0..20).map(|n| if n % 2 == 0 { Mode::Planned } else { Mode::Unplanned }).collect();
    let journals = all(cases, |mode: &Mode| typed(*mode, 7));
    let journals: Vec<Vec<u8>> = journals.into_iter().map(Result::unwrap).collect();
    for (n, journal) in journals.iter().enumerate() {
        assert!(*journal == journals[n % 2], "process {n} wrote another journal");
    }
    assert!(journals[0] != journals[1]);
    assert!(typed(Mode::Planned, 8) != journals[0], "another seed gives another journal");
}

/// Fifty seeds with a soak of a minute, and one with the half hour that is shipped.
fn looking_ahead_changes_no_byte(mode: Mode) {
    let mut cases: Vec<(u64, &str)> = (1..=50).map(|seed| (seed, "1m")).collect();
    cases.push((51, "30m"));
    let same = all(cases.clone(), move |(seed, soak)| {
        let loaded = quarterly(mode, &[("soak", soak)]);
        let ahead = with(*seed, &[]);
        let plain = Rehearsal { pace: Pace::Plain, ..ahead.clone() };
        rehearse(&loaded, &ahead).journal == rehearse(&loaded, &plain).journal
    });
    let different: Vec<_> = cases.iter().zip(same).filter(|(_, same)| *same != Ok(true)).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[test]
fn looking_ahead_changes_no_byte_of_a_planned_drill() {
    looking_ahead_changes_no_byte(Mode::Planned);
}

#[test]
fn looking_ahead_changes_no_byte_of_an_unplanned_drill() {
    looking_ahead_changes_no_byte(Mode::Unplanned);
}

#[test]
fn a_record_from_memory_is_the_record_read_back() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let folder = TempDir::with_prefix("muster-").unwrap();
        let request = RunRequest {
            loaded: quarterly(mode, &[("soak", "3m")]),
            runs: Runs::of(&folder.path().join("reports")),
            execute: false,
            approved: None,
            approved_by: None,
            mode_said: true,
            attendance: Attendance::Nobody,
            lead: None,
            participants: Vec::new(),
            seed: Seed(3),
            start: Some("2026-03-01T02:00:00Z".parse().unwrap()),
            faults: Vec::new(),
            pace: Pace::Ahead,
            program: None,
            observers: Vec::new(),
            break_glass: None,
            lease: muster::app::LEASE,
            forecast_time: None,
            occurrence: None,
            hold: false,
        };
        let finished = app::run(request).unwrap();
        let (back, cut) = app::read_journal(&muster::journal::path_in(&finished.folder)).unwrap();
        assert_eq!(cut, None);
        assert!(back == finished.record, "{mode}: the record that was read back is another");
        for format in Format::ALL {
            let drawn = app::draw(&back, format);
            assert!(drawn == app::draw(&finished.record, format), "{mode} {format:?}");
            if let Some(name) = format.file_name() {
                assert!(drawn.as_bytes() == fs::read(finished.folder.join(name)).unwrap(), "{mode} {name}");
            }
        }
        // What is run in memory is what is run into a folder, but for who is said to have run it.
        let in_memory = rehearse(&quarterly(mode, &[("soak", "3m")]), &with(3, &[]));
        assert_eq!(in_memory.journal.len(), fs::read(muster::journal::path_in(&finished.folder)).unwrap().len());
    }
}

#[test]
fn without_a_journal_the_record_is_the_same_but_for_its_heads() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let loaded = quarterly(mode, &[("soak", "3m")]);
        let prepared = app::Prepared::new(&loaded).unwrap();
        for (seed, faults) in [(3, &[][..]), (4, &["promote=fails".to_owned()])] {
            let with = with(seed, faults);
            let kept = rehearse(&loaded, &with);
            let mut unkept = prepared.rehearse(&with, Keep::Nothing, Vec::new()).unwrap();
            assert!(unkept.journal.is_empty());
            assert_eq!(unkept.record.header.heads, Heads::default());
            unkept.record.header.heads = kept.record.header.heads.clone();
            assert!(unkept.record == kept.record, "{mode}, seed {seed}: another record");
            assert_eq!((unkept.exit, unkept.aftermath.after), (kept.exit, kept.aftermath.after));
            // What is prepared can be rehearsed again and again.
            let again = prepared.rehearse(&with, Keep::Journal, Vec::new()).unwrap();
            assert!(again.journal == kept.journal && again.record == kept.record, "{mode}, seed {seed}");
        }
    }
}
