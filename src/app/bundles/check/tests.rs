use std::sync::OnceLock;

use super::super::contents::{RECORD, contents};
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

/// What can't be told of a bundle that holds otherwise.
#[track_caller]
fn unheld(bytes: &[u8]) -> Vec<String> {
    match check(bytes, None).unwrap().followed {
        Followed::FigureByFigure { muster, unheld } => {
            assert_eq!(muster, "9.9.9");
            unheld.into_iter().map(|it| it.file).collect()
        }
        Followed::ByteForByte => panic!("it is of another version"),
    }
}

/// Whether a bundle is refused because of a file, or that file is named as one that was not checked.
fn is_doubted(bytes: &[u8], file: &str) -> bool {
    match check(bytes, None) {
        Err(why) => why.contains(file),
        Ok(VerifiedBundle { followed: Followed::FigureByFigure { unheld, .. }, .. }) => {
            unheld.iter().any(|it| it.file == file)
        }
        Ok(_) => false,
    }
}

#[test]
fn what_another_version_worded_otherwise_follows_and_what_it_laid_out_otherwise_is_named() {
    assert_eq!(unheld(&of_another_version(|_, text| text)), [""; 0]);
    let reworded = of_another_version(|name, text| match name {
        "reports/report.md" | "reports/compliance.md" => text.replace(" the ", " that very "),
        _ => text,
    });
    assert_ne!(reworded, of_another_version(|_, text| text));
    assert_eq!(unheld(&reworded), [""; 0]);
    for (file, from, to) in [
        (RECORD, "{", "{\"new_in_9\":true,"),
        ("reports/report.json", "{", "{\"new_in_9\":1,"),
        ("reports/report.md", "\n", "\n\nIn all 5 figures more.\n"),
        ("reports/report.html", "<body", "<body hidden"),
        ("reports/compliance.html", "</style>", "p { display: none }</style>"),
        ("reports/junit.xml", "</testsuites>", "<properties/></testsuites>"),
        ("reports/oscal-assessment-results.json", "{", "{\"new_in_9\":\"x\","),
    ] {
        let other = of_another_version(|this, text| {
            let other = if this == file { text.replacen(from, to, 1) } else { text.clone() };
            assert!(this != file || other != text, "{file} has no {from}");
            other
        });
        assert_eq!(unheld(&other), [file], "{to}");
    }
    // A report that this version does not know.
    let (top, files) = small();
    let own = format!("\"muster\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let mut files = files.clone();
    let index = String::from_utf8(files[INDEX].clone()).unwrap().replace(&own, "\"muster\": \"9.9.9\"");
    files.insert(INDEX.to_owned(), index.into_bytes());
    files.insert("reports/more.html".to_owned(), b"All is well".to_vec());
    assert_eq!(unheld(&sealed(top, files.clone())), ["reports/more.html"]);
    files.insert("elsewhere.txt".to_owned(), Vec::new());
    assert!(wrong(&sealed(top, files)).contains("elsewhere.txt"));
}

#[test]
fn what_another_version_drew_contradicts_the_journal() {
    for (file, from, to) in [
        (RECORD, "\"verdict\":\"passed\"", "\"verdict\":\"failed\""),
        (RECORD, "\"took\":1", "\"took\":2"),
        (RECORD, "\"took\":1", "\"took\":2,\"took\":1"),
        ("reports/report.json", "\"state\": \"passed\"", "\"state\": \"failed\""),
        ("reports/report.md", "passed", "failed"),
        ("reports/report.md", "imulated", "eal"),
        ("reports/report.html", "passed", "failed"),
        ("reports/report.html", "imulated", "eal"),
        ("reports/compliance.md", "imulated", "eal"),
        ("reports/compliance.html", "20261122-084216-d", "20261122-084216-e"),
        ("reports/junit.xml", "failures=\"0\"", "failures=\"1\""),
        ("reports/junit.xml", "imulated", "eal"),
        ("reports/oscal-assessment-results.json", "imulated", "eal"),
        ("bundle.json", "\"verdict\": \"passed\"", "\"verdict\": \"failed\""),
        ("bundle.json", "\"simulated\": true", "\"simulated\": false"),
        ("playbook.yaml", "for: 1s", "for: 2s"),
    ] {
        let changed = of_another_version(|this, text| {
            let changed = if this == file { text.replace(from, to) } else { text.clone() };
            assert!(this != file || changed != text, "{file} has no {from}");
            changed
        });
        let why = wrong(&changed);
        assert!(why.contains(file), "{file}, {to}: {why}");
    }
    let journal =
        of_another_version(
            |this, text| {
                if this == JOURNAL { text.replace("\"attempt\":1", "\"attempt\":2") } else { text }
            },
        );
    assert!(wrong(&journal).contains("SHA-256"));
}

/// So many figures of each file are changed, spread over all of it.
const CHANGES: usize = 40;

#[test]
fn no_figure_of_what_another_version_drew_can_be_changed_unseen() {
    let (_, files) = small();
    let mut all = Vec::new();
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with("reports/") || *name == RECORD) {
        let digits: Vec<usize> = (0..content.len()).filter(|at| content[*at].is_ascii_digit()).collect();
        let step = (digits.len() / CHANGES).max(1);
        all.extend(digits.into_iter().step_by(step).map(|at| (name, at)));
    }
    assert!(all.len() > 7 * CHANGES, "{}", all.len());
    let look = |part: &[(&String, usize)]| {
        let mut unseen = Vec::new();
        for (file, at) in part {
            let changed = of_another_version(|name, text| {
                if name != *file {
                    return text;
                }
                let mut bytes = text.into_bytes();
                bytes[*at] = if bytes[*at] == b'9' { b'0' } else { bytes[*at] + 1 };
                String::from_utf8(bytes).unwrap()
            });
            if !is_doubted(&changed, file) {
                unseen.push(format!("{file} at {at}"));
            }
        }
        unseen
    };
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let unseen: Vec<String> = std::thread::scope(|scope| {
        let look = &look;
        let parts = all.chunks(all.len().div_ceil(threads));
        let all: Vec<_> = parts.map(|part| scope.spawn(move || look(part))).collect();
        all.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert_eq!(unseen, [""; 0]);
}

#[test]
fn the_table_of_a_quarter_that_another_version_drew_is_held_against_its_runs() {
    let quarter = "2026-Q4".parse().unwrap();
    let (top, files, _) = contents(vec![input("2026-11-22T08:42:16Z")], Some(quarter)).unwrap();
    let own = format!("\"muster\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let index = String::from_utf8(files[INDEX].clone()).unwrap().replace(&own, "\"muster\": \"9.9.9\"");
    let with = |name: &str, from: &str, to: &str| {
        let mut files = files.clone();
        files.insert(INDEX.to_owned(), index.clone().into_bytes());
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from}: {text}");
        files.insert(name.to_owned(), text.replace(from, to).into_bytes());
        sealed(&top, files)
    };
    assert_eq!(unheld(&with("coverage.md", "Coverage", "What it covers")), [""; 0]);
    for (name, from, to) in [
        ("coverage.md", "simulated only", "passed"),
        ("coverage.html", "simulated only", "passed"),
        ("coverage.json", "simulated_only", "passed"),
        ("coverage.json", "\"passed\": 0", "\"passed\": 1"),
        ("coverage.md", "| 0 | 0 | 0 | 1 |", "| 1 | 0 | 0 | 0 |"),
    ] {
        assert!(is_doubted(&with(name, from, to), name), "{name}: {from}");
    }
    let mut less = files.clone();
    less.remove("coverage.html");
    less.insert(INDEX.to_owned(), index.clone().into_bytes());
    assert!(wrong(&sealed(&top, less)).contains("coverage.html is missing"));
}

#[test]
fn a_run_of_another_quarter_does_not_belong() {
    let (top, files, _) = contents(vec![input("2026-09-30T23:59:59Z")], Some("2026-Q4".parse().unwrap())).unwrap();
    assert_eq!(wrong(&sealed(&top, files)), "20260930-235959-d did not begin in 2026-Q4");
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
