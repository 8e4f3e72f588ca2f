//! Every code is explained, and every explanation is true: its wrong example is told of by it, its right one is not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster::diagnostic::examples::{EXAMPLES, Part};
use muster::diagnostic::{Diagnostic, codes, explain};
use muster::plan::{Checked, LoadInput, Reality, load, uncalibrated};

use crate::harness::Scene;

const SIMULATED: &str = include_str!("../../playbooks/infra/simulated.yaml");
const HEAD: &str = "muster: 1\nname: drill\ninfrastructure: infra.yaml\n";
const SERVICES: &str =
    "services: { web: { depends_on: [code, main], probe: { http: \"https://code.example.test/\", every: 1s } } }\n";
const PHASES: &str = "phases: [ { name: prechecks, steps: [ { id: quiet, wait: { for: 1s } } ] } ]\n";

/// What is said of an example where it stands.
fn told(part: Part, text: &str) -> Vec<Diagnostic> {
    let indented = || text.lines().flat_map(|line| ["      ", line, "\n"]).collect::<String>();
    let lacks = |key: &str| !text.lines().any(|line| line.starts_with(key));
    let (playbook, infrastructure) = match part {
        Part::Steps => {
            (format!("{HEAD}{SERVICES}phases:\n  - name: failover\n    steps:\n{}", indented()), SIMULATED.to_owned())
        }
        Part::Playbook => {
            let phases = if lacks("phases") { PHASES } else { "" };
            let moves =
                text.contains("dns.switch") || text.contains("database.promote") || text.contains("services: all");
            let services = if lacks("services") && (!moves || text.contains("services: all")) { SERVICES } else { "" };
            (format!("{HEAD}{services}{phases}{text}\n"), SIMULATED.to_owned())
        }
        Part::Document => (text.to_owned(), SIMULATED.to_owned()),
        Part::Infrastructure => {
            let head = "muster: 1\nname: rooms\nenvironment: simulated\nregions: { primary: { name: a }, secondary: { name: b } }\n";
            (format!("{HEAD}{PHASES}"), format!("{head}{text}\n"))
        }
        Part::Words => return Vec::new(),
    };
    let part = "muster: 1\nname: part\nphases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]\n";
    let read = |path: &str| match path {
        "infra.yaml" => Ok(infrastructure.as_bytes().to_vec()),
        "part.yaml" => Ok(part.as_bytes().to_vec()),
        _ => Err("there is no such file".to_owned()),
    };
    load(&LoadInput {
        playbook_path: "drill.yaml",
        playbook: playbook.as_bytes(),
        infrastructure_path: None,
        mode: None,
        vars: &[],
        reality: Reality::AsBound,
        checked: Checked::InEveryMode,
        read: &read,
        calibration: &uncalibrated,
    })
    .diagnostics
}

#[test]
fn a_wrong_example_is_told_of_by_its_code_and_the_mended_one_is_not() {
    let mut unlike = Vec::new();
    for example in EXAMPLES.iter().filter(|example| example.part != Part::Words) {
        let of = |text: &str| -> Vec<Diagnostic> {
            told(example.part, text).into_iter().filter(|found| found.code == example.code).collect()
        };
        let (wrong, right) = (of(example.wrong), of(example.right));
        if wrong.is_empty() || !right.is_empty() {
            unlike.push(format!(
                "{}: wrong {wrong:?}, right {right:?}; {:?}",
                example.code,
                told(example.part, example.wrong)
            ));
        }
        let errors: Vec<String> =
            told(example.part, example.right).iter().filter(|it| it.is_error()).map(|it| format!("{it:?}")).collect();
        if !errors.is_empty() {
            unlike.push(format!("{}: the mended one is refused: {errors:?}", example.code));
        }
        for found in wrong {
            if found.is_error() == codes::may_be_a_warning(found.code) {
                unlike.push(format!("{} is not what codes::WARNINGS says", found.code));
            }
            if found.help.as_ref().is_none_or(String::is_empty) && found.message.len() < 30 {
                unlike.push(format!("{} does not say what to do: {found:?}", found.code));
            }
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target" && name != "corpus") {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The codes that stand in a text, in quotes or as they are told.
fn codes_in(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices('M').map(|(at, _)| at);
    let code = |at: usize| text.get(at..at + 4).filter(|code| code[1..].bytes().all(|byte| byte.is_ascii_digit()));
    let alone = |at: usize| !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_');
    starts.filter(|at| alone(*at)).filter_map(code).map(str::to_owned).collect()
}

#[test]
fn every_code_in_use_is_explained_and_every_explained_code_is_told_by_some_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let is_test = |path: &Path| path.to_string_lossy().contains("tests");
    let (tests, code): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| is_test(path));
    let explains = |path: &Path| path.ends_with("diagnostic/codes.rs") || path.ends_with("diagnostic/examples.rs");
    let mut used = BTreeSet::new();
    for path in code.iter().filter(|path| !explains(path)) {
        let text = std::fs::read_to_string(path).unwrap();
        used.extend(codes_in(&text).into_iter().filter(|code| text.contains(&format!("\"{code}\""))));
    }
    let explained: BTreeSet<String> = codes::CODES.iter().map(|code| code.code.to_owned()).collect();
    assert_eq!(
        used.difference(&explained).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "give them a line in diagnostic/codes.rs"
    );
    assert_eq!(explained.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "nothing tells these");
    let examples: BTreeSet<String> = EXAMPLES.iter().map(|example| example.code.to_owned()).collect();
    let without: Vec<&String> = explained.difference(&examples).collect();
    assert!(
        without.is_empty(),
        "{without:?} have no example: add one to diagnostic/examples.rs, and write docs/diagnostics.md anew"
    );
    let mut tested: BTreeSet<String> =
        EXAMPLES.iter().filter(|it| it.part != Part::Words).map(|it| it.code.to_owned()).collect();
    let mut files = tests;
    sources(&root.join("tests"), &mut files);
    for path in files.iter().filter(|path| !path.ends_with("explained.rs")) {
        tested.extend(codes_in(&std::fs::read_to_string(path).unwrap()));
    }
    assert_eq!(explained.difference(&tested).collect::<Vec<_>>(), Vec::<&String>::new(), "no test tells these");
}

#[test]
fn the_page_is_what_the_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md");
    let page = explain::page(&explain::all());
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "write it anew: muster explain --all --format markdown > docs/diagnostics.md");
    assert_eq!(Scene::new().types("explain --all --format markdown").exits(0).stdout, page);
}

#[test]
fn a_code_is_explained_with_an_example_and_the_same_mended() {
    insta::assert_snapshot!(Scene::new().types("explain m022"), @r"
    exit 0
    --- output
    error[M022]: a value of the wrong type

    The value is not of the type that its key demands: text where a number is
    wanted, a list where a mapping is, a duration without its unit. Text that looks
    like a number, `true`, `false` or `null` needs quotes.

    Wrong, in the `steps` of a phase:

        - { id: a-moment, wait: { for: 30 } }

    Right, in the `steps` of a phase:

        - { id: a-moment, wait: { for: 30s } }
    ");
    let scene = Scene::new();
    scene.types("explain M02").exits(2).warns("there is no code `M02`");
    let list = scene.types("explain").exits(0);
    assert_eq!(list.stdout.lines().count(), codes::CODES.len());
    let document = scene.types("explain M095 --format json").exits(0).json();
    assert_eq!((document[0]["severity"].as_str(), document[0]["code"].as_str()), (Some("warning"), Some("M095")));
}
