//! `muster calibrate`, and what the twin makes of it.

use std::fs;

use insta::assert_snapshot;

use super::{LAB, REAL, lab};
use crate::harness::Scene;

/// A step that is assumed to take ten minutes and really takes no time.
const STEP: &str = "      - { id: touch, command: { argv: [touch, touched] }, timeout: 2h, simulate: { takes: { p50: 10m, p95: 20m } } }\n";

/// A lab in which the drill was run three times.
fn drilled() -> Scene {
    let scene = lab(STEP);
    for _ in 0..3 {
        scene.types(&format!("run drill.yaml {REAL} --forecast-time 0s")).exits(0);
    }
    scene
}

/// The report of the newest run.
fn newest(scene: &Scene) -> serde_json::Value {
    let run = scene.runs().pop().unwrap();
    serde_json::from_slice(&fs::read(scene.path(&format!("reports/{run}/report.json"))).unwrap()).unwrap()
}

const MINUTE: u64 = 60_000_000_000;

#[test]
fn real_runs_set_the_twin_that_simulations_and_plans_use() {
    let scene = drilled();
    let before = scene.types("plan drill.yaml --format json").exits(0).json();
    assert!(before["total"].as_u64().unwrap() > 9 * MINUTE, "{before}");
    scene.types("simulate drill.yaml").exits(0);
    let digest = newest(&scene)["record"]["header"]["digest"].clone();
    let checked = scene.types("calibrate drill.yaml --check --format json").exits(1).warns("is not as it would be");
    let found = checked.json();
    assert_eq!((found["runs"].as_array().unwrap().len(), found["simulated"].as_u64()), (3, Some(1)));
    let line = &found["lines"][0];
    assert_eq!((line["setting"].as_str(), line["samples"].as_u64()), (Some("drill: step touch takes"), Some(3)));
    assert_eq!((line["few"].as_bool(), line["before"]["p50"].as_str()), (Some(true), Some("10m")));
    assert!(!scene.path("lab.calibration.yaml").exists());

    let wrote = scene.types("calibrate drill.yaml").exits(0).warns("wrote lab.calibration.yaml");
    wrote.says("1 setting rests").says("Left out: 1 simulated run.").says("few");
    scene.types("calibrate drill.yaml --check").exits(0);
    scene.types("calibrate --infra lab.yaml --check --out lab.calibration.yaml").exits(0);
    scene.types("calibrate drill.yaml --half-life 90d --check").exits(1).warns("is not as it would be written");

    let after = scene.types("plan drill.yaml --format json").exits(0).json();
    assert!(after["total"].as_u64().unwrap() < MINUTE, "{after}");
    assert_eq!(after["calibration"]["used"][0], "step touch takes");
    scene
        .types("plan drill.yaml")
        .exits(0)
        .says("expected times set by lab.calibration.yaml (1 setting from 3 real runs, 1 of\n  them from few samples)");

    scene.types("simulate drill.yaml").exits(0).says("Twin set by lab.calibration.yaml");
    let report = newest(&scene);
    assert!(report["record"]["steps"][0]["took"].as_u64().unwrap() < MINUTE);
    assert_eq!(report["record"]["header"]["calibration"]["runs"], 3);
    assert_eq!(report["record"]["header"]["digest"], digest, "it is no part of the digest");
    scene.types("simulate drill.yaml --no-calibration").exits(0).never_says("lab.calibration.yaml");
    assert!(newest(&scene)["record"]["steps"][0]["took"].as_u64().unwrap() > 3 * MINUTE);
    let many = scene.types("simulate drill.yaml --runs 5 --require 1% --format json").exits(0).json();
    assert_eq!(many["subject"]["calibration"]["path"], "lab.calibration.yaml");
    scene.types("simulate drill.yaml --runs 5 --require 1%").says("twin set by lab.calibration.yaml");
}

#[test]
fn a_digest_that_was_approved_before_a_calibration_runs_after_it() {
    let scene = drilled();
    let approved = newest(&scene)["record"]["header"]["digest"].as_str().unwrap().to_owned();
    scene.types("calibrate drill.yaml").exits(0);
    scene.types(&format!("run drill.yaml {REAL} --approved {approved}")).exits(0);
    let report = newest(&scene);
    assert_eq!(report["record"]["header"]["digest"].as_str(), Some(approved.as_str()));
    assert_eq!(report["record"]["header"]["calibration"]["path"], "lab.calibration.yaml");
}

#[test]
fn the_journal_has_what_the_twin_was_set_by_so_that_it_tells_the_same_without_the_file() {
    let scene = drilled();
    scene.types("calibrate drill.yaml").exits(0);
    let simulate = "simulate drill.yaml --start 2026-03-01T02:00:00Z --reports";
    scene.types(&format!("{simulate} one")).exits(0);
    scene.types(&format!("{simulate} two")).exits(0);
    let of = |reports: &str, file: &str| {
        let folder = fs::read_dir(scene.path(reports)).unwrap().map(Result::unwrap).find(|it| it.path().is_dir());
        fs::read(folder.unwrap().path().join(file)).unwrap()
    };
    assert!(of("one", "journal.jsonl") == of("two", "journal.jsonl"), "same file, same bytes");
    fs::remove_file(scene.path("lab.calibration.yaml")).unwrap();
    scene.types("report 20260301-020000-drill --reports one --format json --out again.json").exits(0);
    assert!(fs::read(scene.path("again.json")).unwrap() == of("one", "report.json"));
    let journal = String::from_utf8(of("one", "journal.jsonl")).unwrap();
    assert!(journal.lines().next().unwrap().contains("made by `muster calibrate`"), "its text is in the first event");
    scene.types(&format!("{simulate} three")).exits(0);
    assert!(of("one", "journal.jsonl") != of("three", "journal.jsonl"));
}

#[test]
fn a_journal_that_is_broken_is_named_and_left_out() {
    let scene = drilled();
    let run = scene.runs()[1].clone();
    scene.write(&format!("reports/{run}/journal.jsonl"), "this is no journal\n");
    let seen =
        scene.types("calibrate drill.yaml --format json").exits(0).warns("is left out of the index: its journal");
    assert_eq!(seen.json()["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn where_nothing_is_known_nothing_is_written() {
    let scene = lab(STEP);
    scene.types("calibrate drill.yaml").exits(2).warns("no reports folder");
    scene.types("simulate drill.yaml").exits(0);
    let seen = scene.types("calibrate drill.yaml").exits(0).warns("nothing was fitted");
    seen.says("From 0 real runs").says("Nothing was measured").says("nothing is known of how good they are");
    assert!(!scene.path("lab.calibration.yaml").exists());
    scene.types("calibrate").exits(2).warns("name a playbook, or the infrastructure file");
    scene.types("calibrate drill.yaml --half-life 0s").exits(2);
}

#[test]
fn mistakes_in_the_file_are_told_at_their_places_and_stop_no_drill() {
    let scene = drilled();
    scene.types("calibrate drill.yaml").exits(0);
    let good = fs::read_to_string(scene.path("lab.calibration.yaml")).unwrap();
    scene.write("lab.calibration.yaml", &good.replace("half_life", "halflife"));
    assert_snapshot!(scene.types("plan drill.yaml"), @r"
    exit 2
    --- errors
    error[M020]: the key `halflife` is unknown here
     --> lab.calibration.yaml:6:1
      |
    6 | halflife: 180d
      | ^^^^^^^^
      |
      = help: did you mean `half_life`? known keys: `muster`, `calibrates`, `half_life`, `runs`, `resources`, `regions`, `steps`
    ");
    scene.types("simulate drill.yaml").exits(2).warns("lab.calibration.yaml:");
    scene.types("simulate drill.yaml --no-calibration").exits(0);
    let run = scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    run.warns("the calibration is not used: the key `halflife` is unknown here (lab.calibration.yaml:6:1)");
    assert!(newest(&scene)["record"]["header"]["calibration"].is_null());

    scene.write("lab.calibration.yaml", &good.replace("calibrates: lab", "calibrates: production"));
    scene.types("plan drill.yaml").exits(2).warns("this is the calibration of `production`");
    scene.types("plan drill.yaml --calibration gone.yaml").exits(2).warns("gone.yaml cannot be read");

    // What fits no longer is told and not used.
    scene.write("lab.calibration.yaml", &good.replace("touched", "elsewhere"));
    let seen = scene.types("plan drill.yaml").exits(0).warns("step touch: it does something else now");
    seen.says("not used: step touch").says("expected to take 10 min");
    scene.write("elsewhere.yaml", &good);
    scene.types("plan drill.yaml --calibration elsewhere.yaml").exits(0).says("set by elsewhere.yaml");
}

#[test]
fn the_file_reads_so() {
    let scene = drilled();
    scene.types("calibrate drill.yaml --half-life 90d").exits(0);
    let text = scene.read("lab.calibration.yaml");
    // How long it took is the machine's, and in which seconds.
    let text: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with("  - { run: "))
        .map(|line| match line.split_once("takes: ") {
            Some((before, _)) => format!("{before}takes: [figures]"),
            None => line.to_owned(),
        })
        .collect();
    assert_snapshot!(text.join("\n"), @r#"
    # How long things took in past real runs: made by `muster calibrate`, which writes it anew, and read by `muster plan`,
    # `simulate` and `run` where it lies beside its infrastructure file.
    # few: fewer than 5 effective samples, so that the spread assumed before weighs in.
    muster: 1
    calibrates: lab
    half_life: 90d
    runs:
    steps:
      drill:
        touch:
          action: command
          does: "run touch touched"
          takes: [figures]
    "#);
}

#[test]
fn a_real_run_begins_with_a_forecast_and_tells_where_the_truth_fell() {
    let scene = lab(STEP);
    let run = scene.types(&format!("run drill.yaml {REAL} --forecast-time 55s")).exits(0);
    run.says("Just before it began, 500 simulated drills of this plan were played on its twin,")
        .says("0 of 1 step took as long as was foretold");
    let report = newest(&scene);
    let made = &report["record"]["forecast"]["made"];
    assert_eq!((made["runs"].as_u64(), made["passed"].as_u64()), (Some(500), Some(500)));
    let step = &made["steps"][0];
    assert_eq!((step["step"].as_str(), step["fallen"]["below"].as_f64()), (Some("touch"), Some(0.0)));
    let p50 = step["fallen"]["p50"].as_u64().unwrap();
    assert!((9 * MINUTE..11 * MINUTE).contains(&p50), "{p50}");
    assert_eq!(report["summary"]["forecast"]["steps"][0]["place"]["word"], "below all of them");
    let run = scene.runs().pop().unwrap();
    let markdown = scene.read(&format!("reports/{run}/report.md"));
    assert!(markdown.contains("## Where the truth fell") && markdown.contains("below all of them"), "{markdown}");
    let page = scene.read(&format!("reports/{run}/report.html"));
    assert!(page.contains("<h2>Forecast</h2>") && page.contains("below all of them"));
    let calibrated = scene.types("calibrate drill.yaml --format json").exits(0).json();
    assert_eq!(calibrated["forecasts"], 1);
    assert_eq!(calibrated["reliability"][0]["findings"][0], "too_few");
    // It is no forecast that a simulated run makes.
    scene.types("simulate drill.yaml").exits(0).never_says("forecast");
}

#[test]
fn a_drill_that_is_short_or_wants_none_says_why_it_has_no_forecast() {
    let scene = Scene::new().file("lab.yaml", LAB).file(
        "drill.yaml",
        "muster: 1\nname: drill\ntitle: A drill\ninfrastructure: lab.yaml\nphases:\n  - name: failover\n    steps:\n      - { id: touch, command: { argv: [touch, touched] } }\n",
    );
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).says("No forecast was made: it is expected to take 1 s,");
    scene
        .types(&format!("run drill.yaml {REAL} --forecast-time 0s"))
        .exits(0)
        .says("No forecast was made: none was wanted.");
}
