use std::sync::OnceLock;

use super::super::contents::contents;
use super::*;
use crate::app::{Loaded, Rehearsal, rehearse};
use crate::bundle::{MANIFEST, SIGNATURE, pack, seal, sign};
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::plan::{Checked, LoadInput, Reality, load, uncalibrated};

/// As small as a drill gets.
const PLAYBOOK: &str = "muster: 1\nname: d\ninfrastructure: i.yaml\nphases:\n  - { name: failover, steps: [{ id: a, wait: { \
                        for: 1s } }] }\n";
const INFRASTRUCTURE: &str =
    "muster: 1\nname: i\nenvironment: simulated\nregions: { primary: { name: a }, secondary: { name: b } }\n";

/// A private key in OpenSSH's form.
fn key() -> Vec<u8> {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
    let key = ssh_key::PrivateKey::new(pair.into(), "a key for tests").unwrap();
    key.to_openssh(ssh_key::LineEnding::LF).unwrap().as_bytes().to_vec()
}

/// The journal of a run that begins at this hour.
fn journal(start: &str) -> Vec<u8> {
    let read = |path: &str| match path {
        "i.yaml" => Ok(INFRASTRUCTURE.as_bytes().to_vec()),
        _ => Err("there is no such file".to_owned()),
    };
    let loaded = load(&LoadInput {
        playbook_path: "d.yaml",
        playbook: PLAYBOOK.as_bytes(),
        infrastructure_path: None,
        mode: None,
        vars: &[],
        reality: Reality::AsBound,
        checked: Checked::InItsMode,
        read: &read,
        calibration: &uncalibrated,
    });
    let (plan, documents) = (loaded.plan.unwrap(), loaded.documents.unwrap());
    let loaded = Loaded { plan, documents, warnings: Vec::new(), sources: loaded.sources };
    let with = Rehearsal { seed: Seed(1), start: start.parse().unwrap(), faults: Vec::new(), pace: Pace::Ahead };
    rehearse(&loaded, &with, Vec::new()).unwrap().journal
}

fn input(start: &str) -> RunInput {
    RunInput { journal: journal(start), evidence: BTreeMap::new() }
}

/// A folder's name and what is in it.
fn small() -> &'static (String, Files) {
    static SMALL: OnceLock<(String, Files)> = OnceLock::new();
    SMALL.get_or_init(|| {
        let (top, files, _) = contents(vec![input("2026-11-22T08:42:16Z")], None).unwrap();
        (top, files)
    })
}

fn sealed(top: &str, files: Files) -> Vec<u8> {
    seal(top, files, |_| Ok(None)).unwrap()
}

fn signed() -> Vec<u8> {
    let (top, files) = small();
    seal(top, files.clone(), |manifest| sign(&key(), manifest).map(Some)).unwrap()
}

/// What is wrong with it.
#[track_caller]
fn wrong(bytes: &[u8]) -> String {
    check(bytes, None).map(drop).expect_err("it should not hold")
}

#[test]
fn a_bundle_holds_and_the_same_run_gives_the_same_bytes() {
    let bytes = signed();
    let verified = check(&bytes, None).unwrap();
    assert_eq!(verified.followed, Followed::ByteForByte);
    assert_eq!(verified.records[0].header.run.as_str(), "20261122-084216-d");
    assert!(verified.signed.unwrap().fingerprint.starts_with("SHA256:"));
    assert_eq!(bytes, signed());
    let again = contents(vec![input("2026-11-22T08:42:16Z")], None).unwrap();
    assert_eq!((&again.0, &again.1), (&small().0, &small().1));
}

#[test]
fn any_single_changed_byte_is_found() {
    let bytes = signed();
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let look = |n: usize| {
        let mut changed = bytes.clone();
        let mut missed = Vec::new();
        for at in (n..bytes.len()).step_by(threads) {
            // Not always the same bit: some mean little, such as that between a small and a capital letter.
            let bit = 1_u8 << (at % 8);
            changed[at] ^= bit;
            if check(&changed, None).is_ok() {
                missed.push(at);
            }
            changed[at] ^= bit;
        }
        missed
    };
    let missed: Vec<usize> = std::thread::scope(|scope| {
        let look = &look;
        let all: Vec<_> = (0..threads).map(|n| scope.spawn(move || look(n))).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(missed, [0; 0], "of {} bytes these may be changed unseen", bytes.len());
}

#[test]
fn a_byte_more_or_less_is_found() {
    let bytes = signed();
    for cut in [0, 1, 511, 512, 1024, bytes.len() / 2, bytes.len() - 1024, bytes.len() - 1] {
        wrong(&bytes[..cut]);
    }
    wrong(&[&bytes[..], &[0]].concat());
    wrong(&[&bytes[..], &[0; 512]].concat());
}

/// The bundle with a file otherwise, and a manifest that knows of it: as whoever forges one would make it.
fn forged(name: &str, content: Option<Vec<u8>>) -> Vec<u8> {
    let (top, files) = small();
    let mut files = files.clone();
    match content {
        Some(content) => files.insert(name.to_owned(), content),
        None => files.remove(name),
    };
    sealed(top, files)
}

#[test]
fn every_file_of_it_follows_from_the_journal() {
    let (_, files) = small();
    for (name, content) in files {
        let mut longer = content.clone();
        longer.push(b'\n');
        let why = wrong(&forged(name, Some(longer)));
        assert!(!why.is_empty(), "{name}");
        wrong(&forged(name, None));
    }
    assert_eq!(wrong(&forged("reports/more.md", Some(Vec::new()))), "reports/more.md does not belong into the bundle");
    assert_eq!(
        wrong(&forged("reports/report.md", Some(b"# All is well\n".to_vec()))),
        "reports/report.md does not follow from the journal: drawn again it is another"
    );
}

#[test]
fn a_forged_journal_breaks_its_chain() {
    let text = String::from_utf8(small().1[JOURNAL].clone()).unwrap();
    let changed = text.replacen("\"attempt\":1", "\"attempt\":2", 1);
    assert_ne!(changed, text);
    assert!(wrong(&forged(JOURNAL, Some(changed.into_bytes()))).contains("SHA-256"));
}

#[test]
fn a_signature_that_is_demanded_must_be_there_and_by_that_key() {
    let signed = signed();
    let public = check(&signed, None).unwrap().signed.unwrap().key;
    let theirs =
        Signers::read(&format!("# who\nops@example.test namespaces=\"muster-bundle\" {public} a comment\n")).unwrap();
    check(&signed, Some(&theirs)).unwrap();
    let other =
        Signers::read("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAHuBznEYLn/EupjwmlOo370uXWrMSZOo8jeCIlrftjM\n").unwrap();
    assert!(check(&signed, Some(&other)).err().unwrap().contains("none of the keys demanded"));
    let (top, files) = small();
    assert!(check(&sealed(top, files.clone()), Some(&theirs)).err().unwrap().contains("not signed"));
    // A signature of another bundle's manifest.
    let (top, _) = small();
    let mut other = small().1.clone();
    other.insert("reports/report.md".to_owned(), Vec::new());
    let manifest = crate::bundle::manifest(&other).into_bytes();
    let mut files = small().1.clone();
    files.insert(SIGNATURE.to_owned(), sign(&key(), &manifest).unwrap());
    files.insert(MANIFEST.to_owned(), crate::bundle::manifest(&small().1).into_bytes());
    assert!(wrong(&pack(top, &files).unwrap()).contains("does not hold"));
}

/// The bundle as another version of Muster might have drawn it.
fn of_another_version(change: impl Fn(&str, String) -> String) -> Vec<u8> {
    let (top, files) = small();
    let own = format!("\"muster\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let files = files.iter().map(|(name, content)| {
        let text = String::from_utf8(content.clone()).unwrap();
        let text = if name == INDEX { text.replace(&own, "\"muster\": \"9.9.9\"") } else { text };
        (name.clone(), change(name, text).into_bytes())
    });
    sealed(top, files.collect())
}

#[test]
fn what_another_version_drew_is_held_against_the_journal_figure_by_figure() {
    let worded = of_another_version(|name, text| match name {
        "reports/report.md" | "reports/report.html" | "reports/compliance.md" => text.replace("Simulated", "Rehearsed"),
        RECORD => text.replacen('{', "{\"new_in_9\":true,", 1),
        _ => text,
    });
    let verified = check(&worded, None).unwrap();
    assert_eq!(verified.followed, Followed::FigureByFigure { muster: "9.9.9".to_owned() });
    for (name, from, to) in [
        (RECORD, "\"verdict\":\"passed\"", "\"verdict\":\"failed\""),
        (RECORD, "\"took\":1", "\"took\":2"),
        ("reports/report.json", "\"state\": \"passed\"", "\"state\": \"failed\""),
        ("reports/report.md", "passed", "failed"),
        ("reports/compliance.html", "20261122-084216-d", "20261122-084216-e"),
        ("playbook.yaml", "for: 1s", "for: 2s"),
        (JOURNAL, "\"attempt\":1", "\"attempt\":2"),
    ] {
        let changed = of_another_version(|this, text| {
            let changed = if this == name { text.replace(from, to) } else { text.clone() };
            assert!(this != name || changed != text, "{name} has no {from}");
            changed
        });
        assert!(
            wrong(&changed).contains(name.trim_start_matches("reports/")) || name == JOURNAL,
            "{}",
            wrong(&changed)
        );
    }
    let (top, files) = small();
    let more = files.iter().map(|(name, content)| (name.clone(), content.clone()));
    let more: Files = more.chain([("elsewhere.txt".to_owned(), Vec::new())]).collect();
    assert!(wrong(&sealed(top, more)).contains("elsewhere.txt"));
}

#[test]
fn a_quarter_has_its_runs_and_what_they_cover() {
    let quarter = "2026-Q4".parse().unwrap();
    let runs = || vec![input("2026-11-22T08:42:16Z"), input("2026-12-01T09:00:00Z")];
    let (top, files, _) = contents(runs(), Some(quarter)).unwrap();
    assert_eq!(top, "muster-2026-Q4");
    assert!(String::from_utf8(files["coverage.md"].clone()).unwrap().contains("simulated only"));
    let verified = check(&sealed(&top, files.clone()), None).unwrap();
    assert_eq!((verified.records.len(), verified.quarter.as_deref()), (2, Some("2026-Q4")));
    for name in ["coverage.md", "coverage.json", "runs/20261201-090000-d/reports/report.md"] {
        let mut files = files.clone();
        files.insert(name.to_owned(), b"{}".to_vec());
        assert!(wrong(&sealed(&top, files)).starts_with(name));
    }
}
