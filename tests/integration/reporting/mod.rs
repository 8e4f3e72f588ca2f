//! Reports as those who get them take them: browsers, build servers, programs, spreadsheets, templates.

mod pages;
mod runs;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::Scene;
use runs::{Kind, of_every_kind};

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");
const GUIDE: &str = include_str!("../../../docs/reports.md");

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a program prints; it must end well.
fn output(program: &mut Command) -> String {
    let output = program.output().unwrap_or_else(|error| panic!("{program:?} did not run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program:?} failed: {said}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "reports are looked at by other programs")]
fn program(name: &str) -> Command {
    Command::new(name)
}

fn report(run: &Kind, options: &str) -> String {
    run.scene.types(&format!("report {} {options}", run.id)).exits(0).stdout
}

#[test]
fn the_json_of_every_kind_of_run_is_as_the_published_schema_says() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let name = schema["$id"].as_str().unwrap().to_owned();
    compiler.add_resource(&name, schema).unwrap();
    let index = compiler.compile(&name, &mut schemas).unwrap_or_else(|error| panic!("no valid schema: {error:#}"));
    let refusal = |json: &serde_json::Value| schemas.validate(json, index).err().map(|error| format!("{error:#}"));
    for run in of_every_kind() {
        let mut json: serde_json::Value = serde_json::from_str(&report(&run, "--format json")).unwrap();
        // The harness takes times out, which are not what is looked at here.
        json["record"]["header"]["started_at"] = "2026-11-22T08:42:16Z".into();
        assert_eq!(refusal(&json), None, "{}", run.name);
        assert_eq!(json["version"], 1);
        for (at, other) in [("/record/header/took", "a minute".into()), ("/summary/verdict", 3.into())] {
            let mut broken = json.clone();
            *broken.pointer_mut(at).unwrap() = other;
            assert!(refusal(&broken).is_some(), "{}: {at} may be anything", run.name);
        }
        json["record"].as_object_mut().unwrap().remove("steps");
        assert!(refusal(&json).is_some(), "{}: a record without steps is one", run.name);
    }
}

#[test]
fn the_published_schema_is_what_the_program_prints() {
    let printed = Scene::new().types("schema report").exits(0).stdout;
    assert_eq!(printed, SCHEMA, "muster schema report > docs/report.schema.json");
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["version"]["description"].as_str().unwrap().contains("fields are only ever added"));
}

#[test]
fn needs_xmllint_jenkins_takes_the_junit_of_every_kind_of_run() {
    let schema = root().join("tests/integration/reporting/jenkins.xsd");
    let check = |file: &Path| {
        let mut xmllint = program("xmllint");
        xmllint.args(["--noout", "--nonet", "--schema"]).arg(&schema).arg(file).output().unwrap()
    };
    for run in of_every_kind() {
        let file = run.scene.path("junit.xml");
        run.scene.types(&format!("report {} --format junit --out junit.xml", run.id)).exits(0);
        let done = check(&file);
        assert!(done.status.success(), "{}: {}", run.name, String::from_utf8_lossy(&done.stderr));
    }
    let scene = Scene::new().file("junit.xml", "<testsuites skipped=\"1\"/>");
    assert!(!check(&scene.path("junit.xml")).status.success(), "anything passes");
}

#[test]
fn the_template_in_the_guide_fills() {
    let block = |name: &str| {
        let rest = GUIDE.split(&format!("```handlebars\n{{{{!-- {name} --}}}}\n")).nth(1).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let run = runs::failed();
    run.scene.write("page.md", &block("page.md"));
    let filled = report(&run, "--template page.md");
    for part in [
        "# Quarterly failover of the code host",
        "✗ failed",
        "- dns: changing code: simulated fault",
        "RTO, all services",
    ] {
        assert!(filled.contains(part), "`{part}` is missing in\n{filled}");
    }
    run.scene.write("page.md", "{{summary.titel}}");
    run.scene
        .types(&format!("report {} --template page.md", run.id))
        .exits(2)
        .warns("page.md:1:1: there is no `summary.titel`");
    run.scene.types(&format!("report {} --template none.md", run.id)).exits(2).warns("none.md can't be read");
}

#[test]
fn a_run_is_held_against_another_one() {
    let run = runs::failed();
    run.scene.types("run playbooks/quarterly-failover.yaml --mode unplanned --start 2026-10-01T08:00:00Z -q").exits(0);
    let seen = run.scene.types(&format!("report {} --against 20261001-080000-quarterly-failover", run.id));
    seen.exits(0).says("It passed, and this one did not").says("| step dns |").says("✗ newly failing");
    run.scene.types(&format!("report {}", run.id)).exits(0).never_says("Compared with the run before");
    run.scene.types(&format!("report {} --against 20260101-000000-nothing", run.id)).exits(2).warns("no run");
}

#[test]
fn a_run_is_shown_as_a_story_that_fits_the_terminal() {
    let run = runs::failed();
    let shown = run.scene.types(&format!("show {}", run.id)).exits(0);
    for part in
        ["▸ promote", "░", "critical path", "Leg failover: RTA", "Part of the RTA", "What this drill does not show"]
    {
        assert!(shown.stdout.contains(part), "`{part}` is missing in\n{}", shown.stdout);
    }
    let wide: Vec<&str> = shown.stdout.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(wide, Vec::<&str>::new());
    assert!(!shown.stdout.contains('\u{1b}'), "colours where nobody asked for them");
    run.scene.types(&format!("show {} --color always", run.id)).exits(0).says("\u{1b}[");
}

#[test]
fn the_sample_is_what_its_command_makes() {
    let scene = Scene::new();
    let made = scene.path("sample");
    output(program("bash").arg(root().join("tests/sample")).arg(&made).env("MUSTER", env!("CARGO_BIN_EXE_muster")));
    let files = |folder: &Path| {
        let runs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let all = runs.flat_map(|run| std::fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path()));
        let mut all: Vec<PathBuf> = all.map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let kept = root().join("reports/sample");
    assert_eq!(files(&made), files(&kept), "tests/sample makes it anew");
    for file in files(&kept) {
        let same = std::fs::read(made.join(&file)).unwrap() == std::fs::read(kept.join(&file)).unwrap();
        assert!(same, "reports/sample/{} is another one now: tests/sample makes it anew", file.display());
    }
}

/// Each command must end within the scene's patience, a minute: far more than it takes, far less than a bad order of
/// growth would.
#[test]
fn a_run_of_ten_thousand_steps_is_reported_in_every_format_and_its_page_stays_small() {
    let mut playbook = String::from(
        "muster: 1\nname: long\ntitle: Long\ninfrastructure: rooms.yaml\nphases:\n  - name: work\n    steps:\n",
    );
    for n in 0..10_000 {
        writeln!(playbook, "      - {{ id: s{n}, wait: {{ for: 10ms }} }}").unwrap();
    }
    let rooms = "muster: 1\nname: rooms\nenvironment: simulated\nregions: { primary: { name: left }, secondary: { name: right } }\n";
    let scene = Scene::new().file("rooms.yaml", rooms).file("long.yaml", &playbook);
    scene.types("run long.yaml -q").exits(0);
    let id = scene.runs().pop().unwrap();
    for format in ["html", "markdown", "json", "junit", "text", "svg", "csv", "samples-csv", "oscal"] {
        scene.types(&format!("report {id} --format {format} --out out")).exits(0);
        let bytes = std::fs::metadata(scene.path("out")).unwrap().len();
        assert!(bytes > 0 && (format != "html" || bytes < 5_000_000), "{format}: {bytes} bytes");
    }
}
