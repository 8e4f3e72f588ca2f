//! Calibration: what a world is like comes out of the journals of the drills in it, whichever provider it is bound to.

use std::sync::{Arc, Mutex};

use muster::app::{self, Loaded, Rehearsal, Request};
use muster::catalogue::Mode;
use muster::chance::{Distribution, Seed};
use muster::engine::Observer;
use muster::engine::watch::Pace;
use muster::event::Event;
use muster::infrastructure::{Infrastructure, read};
use muster::model::{Foreseen, MeasureOf, Verdict};
use muster::record::{Entry, ForecastRecord, Heads, Record, Simulated, Truth};
use muster::rehearsal::calibration::reliability::{Finding, Kind};
use muster::rehearsal::calibration::{Asked, Fitter, Fitting, HALF_LIFE, ask};
use muster::rehearsal::forecast::{Layout, Outturn, Tally, foresee};
use muster::report::Format;
use muster::resource::AnsweredBy;
use muster::time::Span;
use tempfile::TempDir;

const PLAYBOOK: &str = r#"
muster: 1
name: calibrating
title: There and back
infrastructure: world.yaml
mode: planned
objectives: { rto: 15m, rpo: 1m }
services:
  app:
    title: The application
    depends_on: [www, main, files]
    probe: { http: "https://www.example.test/healthz", every: 1s }
canaries: { main: { database: main, every: 100ms } }
phases:
  - name: prechecks
    steps:
      - { id: go, approve: { by: [lead], deadline: 4h, prompt: "Start?" }, simulate: { takes: { p50: 3m, p95: 9m } } }
  - name: failover
    steps:
      - { id: drain, command: { argv: [drain, web] }, simulate: { takes: { p50: 12s, p95: 30s } } }
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: fence-files, needs: [drain], storage.fence: { storage: files, in: primary } }
      - { id: scale, needs: [drain], compute.scale: { compute: web, in: secondary, to: 12 } }
      - { id: promote, needs: [fence], database.promote: { database: main, to: secondary } }
      - { id: promote-files, needs: [fence-files], storage.promote: { storage: files, to: secondary } }
      - { id: dns, needs: [promote, promote-files, scale], dns.switch: { records: [www], to: secondary } }
  - name: verify
    steps:
      - { id: served-there, check: { services: all, served_by: secondary, healthy_for: 10s } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary }, timeout: 2h }
      - { id: keep-files, data.preserve: { of: [files], in: primary }, timeout: 2h }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary }, timeout: 6h }
      - { id: replicate-files, storage.replicate: { storage: files, from: secondary, to: primary }, timeout: 6h }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: fence-files-back, storage.fence: { storage: files, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true } }
      - { id: promote-files-back, storage.promote: { storage: files, to: primary, drain: true } }
      - { id: dns-back, dns.switch: { records: [www], to: primary } }
      - { id: served-home, check: { services: all, served_by: primary, healthy_for: 10s } }
"#;

/// A world that is bound to a real provider; what it is really like stands in its twin.
fn world() -> &'static str {
    "muster: 1
name: world
environment: staging
regions: { primary: { name: here, provider: exec, command: [world] }, secondary: { name: there, provider: exec, command: [world] } }
resources:
  www: { dns: { provider: exec, command: [world], name: www.example.test, ttl: 20s, targets: { primary: [192.0.2.10], secondary: [198.51.100.10] } }, simulate: { change_takes: 1s, converges: { p50: 9s, p95: 20s } } }
  main:
    database: { provider: exec, command: [world] }
    simulate:
      replication_lag: { p50: 900ms, p95: 4s }
      promotion: { p50: 20s, p95: 31s }
      fence: { p50: 5s, p95: 9s }
      replicate: { p50: 90s, p95: 4m }
      preserve: { p50: 15s, p95: 40s }
  files:
    storage: { provider: exec, command: [world] }
    simulate:
      promotion: { p50: 4s, p95: 10s }
      fence: { p50: 2s, p95: 6s }
      replicate: { p50: 3m, p95: 5m }
      preserve: { p50: 50s, p95: 100s }
  web: { compute: { provider: exec, command: [world] }, simulate: { boot: { p50: 40s, p95: 68s } } }
"
}

/// The same world as its owners assumed it to be: with every default, but for the spread of booting.
fn assumed() -> Infrastructure {
    let text = "muster: 1
name: world
environment: staging
regions: { primary: { name: here, provider: exec, command: [world] }, secondary: { name: there, provider: exec, command: [world] } }
resources:
  www: { dns: { provider: exec, command: [world], name: www.example.test, ttl: 20s, targets: { primary: [192.0.2.10], secondary: [198.51.100.10] } } }
  main: { database: { provider: exec, command: [world] }, simulate: { promotion: 100s } }
  files: { storage: { provider: exec, command: [world] } }
  web: { compute: { provider: exec, command: [world] } }
";
    let parsed = muster::yaml::parse("world.yaml", text.as_bytes());
    read(parsed.node.unwrap(), &mut Vec::new()).unwrap()
}

fn load(mode: Mode) -> Loaded {
    let folder = TempDir::with_prefix("muster-").unwrap();
    let playbook = folder.path().join("drill.yaml");
    std::fs::write(&playbook, PLAYBOOK).unwrap();
    std::fs::write(folder.path().join("world.yaml"), world()).unwrap();
    let playbook = playbook.display().to_string();
    let reality = muster::plan::Reality::Twin;
    app::load(&Request { playbook, mode: Some(mode), reality, ..Request::default() }).unwrap()
}

fn with(seed: u64) -> Rehearsal {
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    Rehearsal { seed: Seed(seed), start, faults: Vec::new(), pace: Pace::Ahead }
}

/// The record of a drill as it would be had it been real: in a real world too only Muster's own clock measures it.
fn as_if_real(loaded: &Loaded, seed: u64) -> Record {
    let mut record = app::rehearse(loaded, &with(seed), Vec::new()).unwrap().record;
    record.header.simulated = Simulated::No;
    for gate in record.steps.iter_mut().flat_map(|step| &mut step.gates) {
        if let Some(answer) = &mut gate.answer {
            answer.by = AnsweredBy::Terminal;
        }
    }
    record
}

fn fitted(records: &[Record]) -> Fitting {
    let (infrastructure, mut fitter) = (assumed(), Fitter::default());
    for record in records {
        fitter.add(ask(record, &infrastructure));
    }
    fitter.fit(&infrastructure, None, HALF_LIFE).0
}

fn after(fitting: &Fitting, setting: &str) -> Distribution {
    let all = || fitting.lines.iter().map(|line| line.setting.as_str()).collect::<Vec<_>>();
    fitting.lines.iter().find(|line| line.setting == setting).unwrap_or_else(|| panic!("{setting}: {:?}", all())).after
}

#[test]
fn what_a_world_is_like_comes_out_of_the_journals_of_the_drills_in_it() {
    let loaded = load(Mode::Planned);
    let records: Vec<Record> = (0..60).map(|seed| as_if_real(&loaded, seed)).collect();
    let fitting = fitted(&records);
    assert_eq!((fitting.runs.len(), fitting.simulated), (60, 0));
    // A step's time has Muster's own looks in it: up to two seconds of a pace that begins with some milliseconds, and
    // DNS is looked at once a second.
    let near = |setting: &str, p50: f64, p95: f64, looks: f64| {
        let found = after(&fitting, setting);
        let (m, q) = (found.median().as_secs_f64(), found.quantile(0.95).as_secs_f64());
        assert!(m > p50 * 0.85 && m < p50 * 1.18 + looks, "{setting}: p50 {m} of {p50}");
        assert!(q > p95 * 0.75 && q < p95 * 1.4 + looks, "{setting}: p95 {q} of {p95}");
    };
    near("main promotion", 20.0, 31.0, 1.5);
    near("main fence", 5.0, 9.0, 1.0);
    near("main replicate", 90.0, 240.0, 5.0);
    near("main preserve", 15.0, 40.0, 1.0);
    near("files promotion", 4.0, 10.0, 1.5);
    near("files fence", 2.0, 6.0, 1.0);
    near("files replicate", 180.0, 300.0, 5.0);
    near("files preserve", 50.0, 100.0, 1.0);
    near("www converges", 9.0, 20.0, 1.5);
    near("calibrating: step go takes", 180.0, 540.0, 0.1);
    near("calibrating: step drain takes", 12.0, 30.0, 0.1);
    // One look a run, at a lag that wanders: less sure than what is drawn anew each time.
    let lag = after(&fitting, "main replication_lag");
    let (lag, worst) = (lag.median().as_secs_f64(), lag.quantile(0.95).as_secs_f64());
    assert!((0.6..1.4).contains(&lag) && (2.0..6.0).contains(&worst), "{lag} of 0.9, {worst} of 4");
    let boot = after(&fitting, "web boot").median().as_secs_f64();
    assert!((boot / 40.0 - 1.0).abs() < 0.2, "nine servers at once, the slowest is seen: {boot}");
    let promotion = fitting.lines.iter().find(|line| line.setting == "main promotion").unwrap();
    assert_eq!(promotion.before, Some(Distribution::fixed(Span::from_secs(100))));
    assert_eq!((promotion.samples, promotion.few), (120, false), "there and back");
}

#[test]
fn an_unplanned_promotion_tells_how_far_the_copy_was_behind() {
    let planned = fitted(&[as_if_real(&load(Mode::Planned), 3)]);
    let unplanned = fitted(&[as_if_real(&load(Mode::Unplanned), 3)]);
    let samples = |fitting: &Fitting| {
        fitting.lines.iter().find(|line| line.setting == "main replication_lag").map(|line| line.samples)
    };
    assert_eq!((samples(&planned), samples(&unplanned)), (Some(1), Some(2)));
}

#[test]
fn what_was_simulated_or_is_another_thing_by_now_is_left_out_and_told() {
    let infrastructure = assumed();
    let loaded = load(Mode::Planned);
    let wholly = app::rehearse(&loaded, &with(1), Vec::new()).unwrap().record;
    assert_eq!(ask(&wholly, &infrastructure), Asked::Simulated);

    let mut partly = as_if_real(&loaded, 1);
    partly.header.simulated = Simulated::Partly(vec!["main".to_owned()]);
    let fitting = fitted(&[partly]);
    assert!(fitting.lines.iter().all(|line| !line.setting.starts_with("main ")), "{:?}", fitting.lines);
    assert!(fitting.lines.iter().any(|line| line.setting == "files fence"));
    assert!(fitting.notes.iter().any(|note| note.contains("main: it was simulated")), "{:?}", fitting.notes);

    let mut by_another = as_if_real(&loaded, 1);
    let text = &mut std::sync::Arc::make_mut(&mut by_another.header.documents).infrastructure.text;
    *text = text.replace("database: { provider: exec, command: [world] }", "database: { provider: patroni }");
    let fitting = fitted(&[by_another]);
    assert!(fitting.lines.iter().all(|line| !line.setting.starts_with("main ")), "{:?}", fitting.lines);
    assert!(fitting.notes.iter().any(|note| note.contains("another provider")), "{:?}", fitting.notes);

    let mut elsewhere = as_if_real(&loaded, 1);
    let text = &mut std::sync::Arc::make_mut(&mut elsewhere.header.documents).infrastructure.text;
    *text = text.replace("name: world", "name: other-world");
    let fitting = fitted(&[elsewhere]);
    assert!(fitting.runs.is_empty() && fitting.lines.is_empty());
    assert_eq!(fitting.elsewhere.get("other-world"), Some(&1));
}

#[test]
fn the_newest_weighs_most_and_few_are_said_to_be_few() {
    let loaded = load(Mode::Planned);
    let (mut old, new) = (as_if_real(&loaded, 1), as_if_real(&loaded, 2));
    old.header.started_at = "2023-03-01T02:00:00Z".parse().unwrap();
    let took = |record: &Record| record.steps.iter().find(|step| step.id == "drain").unwrap().took.unwrap();
    let fitting = fitted(&[old.clone(), new.clone()]);
    let line = fitting.lines.iter().find(|line| line.setting == "calibrating: step drain takes").unwrap();
    assert!(line.few && (line.effective - 1.0).abs() < 0.1, "{line:?}");
    let (is, newest) = (line.after.median().as_secs_f64(), took(&new).as_secs_f64());
    assert!((is / newest - 1.0).abs() < 0.05, "{is} of {newest}, and long ago {}", took(&old));
    assert!(line.after.quantile(0.95) > line.after.median() * 2, "little is known: {:?}", line.after);

    // Of a step that did something else then, only what it does now counts.
    let mut other = as_if_real(&loaded, 3);
    other.header.started_at = "2025-03-01T02:00:00Z".parse().unwrap();
    other.steps.iter_mut().find(|step| step.id == "drain").unwrap().summary = "run something else".to_owned();
    let fitting = fitted(&[other, new]);
    let line = fitting.lines.iter().find(|line| line.setting == "calibrating: step drain takes").unwrap();
    assert_eq!(line.samples, 1);
    assert!(fitting.notes.iter().any(|note| note.contains("did something else then")), "{:?}", fitting.notes);
}

/// Keeps a run's events.
struct Keeper(Arc<Mutex<Vec<Entry>>>);

impl Observer for Keeper {
    fn event(&mut self, entry: &Entry) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

#[test]
fn a_run_that_began_with_a_forecast_tells_where_in_it_the_truth_fell() {
    let loaded = load(Mode::Planned);
    let layout = Layout::of(&loaded.plan);
    let mut tally = Tally::new(layout.clone(), Seed(0));
    let records: Vec<Record> = (0..101).map(|seed| as_if_real(&loaded, seed)).collect();
    for record in &records {
        tally.add(&Outturn::of(record, &layout));
    }
    let foreseen = foresee(&tally);
    assert_eq!(foreseen.runs, 101);
    let recovery = |record: &Record| record.legs[0].rta.upper().unwrap();
    let mut all: Vec<Span> = records.iter().map(recovery).collect();
    all.sort_unstable();
    for seed in [4_u64, 40, 77] {
        let kept = Arc::default();
        let rehearsed = app::rehearse(&loaded, &with(seed), vec![Box::new(Keeper(Arc::clone(&kept)))]).unwrap();
        let mut entries = std::mem::take(&mut *kept.lock().unwrap());
        let Event::Started(started) = &mut entries[0].event else { panic!() };
        started.forecast = Some(Foreseen::Made(foreseen.clone()));
        let record = Record::from_events(rehearsed.record.header.run.clone(), entries, Heads::default()).unwrap();
        let Some(ForecastRecord::Made(made)) = &record.forecast else { panic!("{:?}", record.forecast) };
        let drill = made.measures.iter().find(|it| it.of == MeasureOf::AllServices).unwrap();
        let truth = recovery(&record);
        assert_eq!(drill.fallen.truth, Truth::Took(truth));
        let rank = all.iter().filter(|one| **one < truth).count() as f64 / 100.0;
        let below = drill.fallen.below.unwrap();
        assert!((below - rank).abs() < 0.011, "{below}: it is one of those that were foretold, the {rank}th");
        let step = made.steps.iter().find(|it| it.step == "promote").unwrap();
        assert!(step.fallen.below.is_some() && !step.fallen.certain, "{step:?}");
        // The same bytes when it is read back years later.
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        // A drawing, tables for spreadsheets and reports for auditors have no place for it: it is for those who drill.
        for format in [Format::Html, Format::Markdown, Format::Json, Format::Junit, Format::Text] {
            let drawn = app::draw(&record, format);
            assert!(drawn.contains("simulated drill"), "{format} says nothing of the forecast");
        }
    }
}

#[test]
fn forecasts_of_the_world_as_it_is_are_found_to_agree() {
    let loaded = load(Mode::Planned);
    let layout = Layout::of(&loaded.plan);
    let mut tally = Tally::new(layout.clone(), Seed(1_000));
    (1_000..1_120).for_each(|seed| tally.add(&Outturn::of(&as_if_real(&loaded, seed), &layout)));
    let foreseen = foresee(&tally);
    let infrastructure = assumed();
    let played = |seed: u64| {
        let kept = Arc::default();
        let run = app::rehearse(&loaded, &with(seed), vec![Box::new(Keeper(Arc::clone(&kept)))]).unwrap();
        (run.record.header.run, std::mem::take(&mut *kept.lock().unwrap()))
    };
    let runs: Vec<_> = (0..40).map(played).collect();
    let told = |slower: u64, verdict: Verdict| {
        let mut fitter = Fitter::default();
        for (run, entries) in &runs {
            let mut entries = entries.clone();
            let Event::Started(started) = &mut entries[0].event else { panic!() };
            let mut foreseen = foreseen.clone();
            // A forecast of a slower, or quicker, world than the true one.
            let spreads = foreseen.measures.iter_mut().map(|it| &mut it.spread);
            spreads.flat_map(|it| &mut it.at).flatten().for_each(|span| *span = Span(span.0 / 100 * slower));
            started.forecast = Some(Foreseen::Made(foreseen));
            let mut record = Record::from_events(run.clone(), entries, Heads::default()).unwrap();
            record.header.simulated = Simulated::No;
            record.ended.verdict = verdict;
            fitter.add(ask(&record, &infrastructure));
        }
        fitter.fit(&infrastructure, None, HALF_LIFE).0
    };
    let right = told(100, Verdict::Passed);
    assert_eq!(right.forecasts, 40);
    let recovery = right.reliability.iter().find(|it| it.of == Kind::Recovery).unwrap();
    assert_eq!((recovery.within.of, recovery.findings.as_slice()), (80, &[Finding::Agrees][..]), "{recovery:?}");
    let slow = told(200, Verdict::Failed);
    let recovery = slow.reliability.iter().find(|it| it.of == Kind::Recovery).unwrap();
    assert!(recovery.findings.contains(&Finding::TooLong), "{recovery:?}");
    let quick = told(50, Verdict::Passed);
    assert_eq!(told(100, Verdict::Aborted).forecasts, 0, "whoever stops a drill makes another one of it");
    let recovery = quick.reliability.iter().find(|it| it.of == Kind::Recovery).unwrap();
    assert!(recovery.findings.contains(&Finding::TooShort), "{recovery:?}");
}
