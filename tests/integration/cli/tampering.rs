//! Journals and indexes that somebody, or a broken disk, has changed.

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;

use super::{SHIPPED, SHIPPED_RUN, shipped};
use crate::harness::Scene;

/// A run, and the path of its journal.
fn ran() -> (Scene, PathBuf) {
    let scene = shipped();
    scene.types(&format!("{SHIPPED} -q")).exits(0);
    let journal = scene.only_run().join("journal.jsonl");
    (scene, journal)
}

fn verify(scene: &Scene) -> crate::harness::Seen {
    scene.types(&format!("verify {SHIPPED_RUN}"))
}

#[test]
fn a_whole_journal_is_found_whole() {
    let (scene, journal) = ran();
    verify(&scene).exits(0).says("whole");
    scene.types(&format!("verify {}", journal.display())).exits(0).says("whole");
    let document = scene.types(&format!("verify {SHIPPED_RUN} --format json")).exits(0).json();
    assert_eq!(document["whole"], true);
    assert_snapshot!(scene.types("verify nothing"), @r"
    exit 2
    --- errors
    error: there is no run `nothing` in reports, and no such file; `muster history` lists the runs
    ");
}

#[test]
fn a_single_flipped_bit_is_found_wherever_it_is() {
    let (scene, journal) = ran();
    let bytes = fs::read(&journal).unwrap();
    for at in [0, 100, bytes.len() / 3, bytes.len() / 2, bytes.len() - 200, bytes.len() - 2] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&journal, &changed).unwrap();
        verify(&scene).exits(1);
        assert_eq!(scene.types(&format!("verify {SHIPPED_RUN} --format json")).exits(1).json()["whole"], false);
    }
}

#[test]
fn a_changed_figure_is_found_and_placed() {
    let (scene, journal) = ran();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen(r#""attempt":1"#, r#""attempt":2"#, 1)).unwrap();
    assert_snapshot!(verify(&scene), @r"
    exit 1
    --- output
    reports/[time]-quarterly-failover/journal.jsonl: damaged: line 6 says that the line before it has SHA-256 [sha256], but it has [sha256]: one of the two was changed
    ");
}

#[test]
fn a_missing_line_is_found() {
    let (scene, journal) = ran();
    let text = fs::read_to_string(&journal).unwrap();
    let without: Vec<&str> = text.lines().enumerate().filter(|(n, _)| *n != 10).map(|(_, line)| line).collect();
    fs::write(&journal, without.join("\n") + "\n").unwrap();
    assert_snapshot!(verify(&scene), @r"
    exit 1
    --- output
    reports/[time]-quarterly-failover/journal.jsonl: damaged: line 11 has seq 11, expected 10: lines are missing, doubled or out of order
    ");
}

#[test]
fn a_cut_tail_is_found_and_what_is_whole_is_still_shown() {
    let (scene, journal) = ran();
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 30]).unwrap();
    verify(&scene).exits(1).says("damaged: its last record is cut: ").says("bytes of a line that was never finished");
    scene.types(&format!("show {SHIPPED_RUN}")).exits(0).warns("the end of the journal is cut").says("INCOMPLETE");
}

#[test]
fn a_changed_last_line_and_missing_last_lines_are_found_by_the_report() {
    let (scene, journal) = ran();
    let text = fs::read_to_string(&journal).unwrap();
    assert_eq!(text.matches(r#""verdict":"passed""#).count(), 1);
    fs::write(&journal, text.replace(r#""verdict":"passed""#, r#""verdict":"failed""#)).unwrap();
    assert_snapshot!(verify(&scene), @r"
    exit 1
    --- output
    reports/[time]-quarterly-failover/journal.jsonl: the chain is whole, but its head at the run's end is [sha256], and report.json beside it prints [sha256]: one of the two was changed
    ");
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&journal, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    verify(&scene).exits(1).says("the chain is whole");
    fs::write(&journal, text).unwrap();
    verify(&scene).exits(0);
}

#[test]
fn the_index_is_made_again_when_it_is_missing_or_wrong() {
    let (scene, _) = ran();
    let before = scene.types("history").exits(0).stdout;
    let index = scene.path("reports/muster.db");
    for beside in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        let _ = fs::remove_file(scene.path("reports").join(beside));
    }
    assert_eq!(scene.types("history").exits(0).stdout, before);
    fs::write(&index, "no database at all, however long it is looked at").unwrap();
    let seen = scene.types("history").exits(0).warns("was moved to").warns("made again from the journals");
    assert_eq!(seen.stdout, before);
    let seen = scene.types("history").exits(0);
    assert_eq!((seen.stdout, seen.stderr), (before, String::new()));
}

#[test]
fn a_run_that_is_gone_is_gone_from_the_index() {
    let (scene, journal) = ran();
    fs::remove_dir_all(journal.parent().unwrap()).unwrap();
    scene.types("history").exits(0).never_says(SHIPPED_RUN);
}

#[test]
fn a_damaged_run_is_left_out_of_the_index_and_named() {
    let (scene, journal) = ran();
    fs::write(&journal, "nonsense\n").unwrap();
    scene.types("history").exits(0).warns("left out of the index");
    scene.types(&format!("show {SHIPPED_RUN}")).exits(2).warns("journal.jsonl");
}
