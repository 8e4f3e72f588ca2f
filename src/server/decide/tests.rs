use std::fs;

use jiff::Timestamp;

use super::{Deed, Known, RESUMED, RESUMES_MAX, Resume, could_not_begin, decide};
use crate::app::{Asked, OpenQuestion, Runs};
use crate::record::{IndexDetail, IndexRow};
use crate::schedule::Survey;
use crate::server::news::NewsKind;

const PLAYBOOK: &str = "muster: 1\nname: drill\ninfrastructure: infra.yaml\nschedule: { every: week, on: tuesday, at: \"09:00\", \
    from: 2026-01-05, if_missed: run within 2 days, warn: 1 days before }\nphases: []\n";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What there is at an instant, with no run yet.
fn survey(infrastructure: &str, now: &str) -> Survey {
    let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("drill.yaml", PLAYBOOK);
    write("infra.yaml", &format!("muster: 1\n{infrastructure}\n"));
    let runs = Runs::of(&folder.path().join("reports"));
    Survey::read(&[folder.path().join("drill.yaml")], &runs, at(now)).unwrap()
}

fn begins(survey: &Survey, known: &Known) -> Vec<(String, bool)> {
    let (deeds, _) = decide(survey, known, Resume::Never);
    let begin = |deed| match deed {
        Deed::Begin { occurrence, hold, .. } => Some((occurrence, hold)),
        _ => None,
    };
    deeds.into_iter().filter_map(begin).collect()
}

fn told(survey: &Survey, known: &Known) -> Vec<(String, NewsKind)> {
    let (deeds, _) = decide(survey, known, Resume::Never);
    let tell = |deed| match deed {
        Deed::Tell { key, news } => Some((key, news.event)),
        _ => None,
    };
    deeds.into_iter().filter_map(tell).collect()
}

const SIMULATED: &str = "environment: simulated";
const DUE: &str = "2026-01-06T09:00:00Z";

#[test]
fn what_is_due_begins_held_unless_nobody_need_be_there() {
    let none = Known::default();
    assert_eq!(begins(&survey(SIMULATED, "2026-01-06T08:59:59Z"), &none), []);
    assert_eq!(begins(&survey(SIMULATED, DUE), &none), [("2026-W02".to_owned(), false)]);
    assert_eq!(begins(&survey("environment: production", DUE), &none), [("2026-W02".to_owned(), true)]);
    assert_eq!(
        begins(&survey("environment: production\nunattended: true", DUE), &none),
        [("2026-W02".to_owned(), false)]
    );
    // Missed by less than two days it is made up for, then no more.
    assert_eq!(begins(&survey(SIMULATED, "2026-01-08T09:00:00Z"), &none).len(), 1);
    assert_eq!(begins(&survey(SIMULATED, "2026-01-08T09:00:01Z"), &none).len(), 0);
}

#[test]
fn nothing_begins_twice_nor_again_by_itself_when_it_could_not() {
    let taken = Known { taken: [("drill".to_owned(), "2026-W02".to_owned())].into(), ..Known::default() };
    assert_eq!(begins(&survey(SIMULATED, DUE), &taken), []);
    let tried = Known { told: [could_not_begin("drill", "2026-W02")].into(), ..Known::default() };
    assert_eq!(begins(&survey(SIMULATED, DUE), &tried), []);
    let mut run = survey(SIMULATED, DUE);
    run.drills[0].slots[0].run = Some(0);
    assert_eq!(begins(&run, &Known::default()), []);
}

#[test]
fn a_real_drill_waits_for_its_window() {
    let ground = "environment: lab\nunattended: true\nwindows: { allowed: [wed 10:00..12:00] }";
    let (deeds, next) = decide(&survey(ground, DUE), &Known::default(), Resume::Never);
    assert!(!deeds.iter().any(|deed| matches!(deed, Deed::Begin { .. })));
    assert_eq!(next, Some(at("2026-01-07T10:00:00Z")));
    assert_eq!(begins(&survey(ground, "2026-01-07T10:00:00Z"), &Known::default()).len(), 1);
}

#[test]
fn people_are_told_before_and_when_it_is_overdue_each_once() {
    let (early, next) = decide(&survey(SIMULATED, "2026-01-05T08:00:00Z"), &Known::default(), Resume::Never);
    assert_eq!((early, next), (vec![], Some(at("2026-01-05T09:00:00Z"))));
    let before = survey(SIMULATED, "2026-01-05T09:00:00Z");
    assert_eq!(told(&before, &Known::default()), [("before/drill/2026-W02".to_owned(), NewsKind::Before)]);
    let known = Known { told: ["before/drill/2026-W02".to_owned()].into(), ..Known::default() };
    assert_eq!(told(&before, &known), []);
    let late = told(&survey(SIMULATED, "2026-01-09T00:00:00Z"), &Known::default());
    assert_eq!(late, [("overdue/drill/2026-W02".to_owned(), NewsKind::Overdue)]);
}

fn row(verdict: Option<&str>, occurrence: Option<&str>) -> IndexRow {
    IndexRow {
        run: crate::id::RunId::make(at(DUE), "drill").unwrap(),
        playbook: "drill".to_owned(),
        title: String::new(),
        environment: "simulated".to_owned(),
        mode: "planned".to_owned(),
        started_at: DUE.to_owned(),
        finished_at: verdict.map(|_| "2026-01-06T09:30:00Z".to_owned()),
        verdict: verdict.map(str::to_owned),
        world: Some("home".to_owned()),
        exit_code: None,
        rta_ns: None,
        rpa_ns: None,
        journal_head: String::new(),
        simulated: true,
        detail: IndexDetail { occurrence: occurrence.map(str::to_owned), ..IndexDetail::default() },
    }
}

fn gate(seq: u64) -> OpenQuestion {
    let step = crate::id::StepId::new("go").unwrap();
    OpenQuestion { seq, asked: Asked::Gate { step, prompt: "Start?".to_owned() } }
}

#[test]
fn a_run_that_stands_still_asks_each_time_and_so_does_a_gate() {
    let mut survey = survey(SIMULATED, "2026-01-06T08:00:00Z");
    survey.runs = vec![row(None, None)];
    let run = survey.runs[0].run.to_string();
    let paused = |seq| OpenQuestion {
        seq,
        asked: Asked::HowToGoOn {
            because: "step `go` failed".to_owned(),
            failed: Some(crate::id::StepId::new("go").unwrap()),
            limit: crate::time::Span::from_secs(3600),
        },
    };
    let told_of = |questions: Vec<OpenQuestion>, told: &[String]| {
        let known = Known {
            questions: questions.into_iter().map(|question| (run.clone(), question)).collect(),
            told: told.iter().cloned().chain(["before/drill/2026-W02".to_owned()]).collect(),
            ..Known::default()
        };
        decide(&survey, &known, Resume::Never).0
    };
    let deeds = told_of(vec![paused(12), gate(7)], &[]);
    let Deed::Tell { key, news } = &deeds[0] else { panic!("{deeds:?}") };
    assert_eq!((key.as_str(), news.event), (format!("pause/{run}/12").as_str(), NewsKind::Gate));
    for way in [
        "stands still: step `go` failed",
        "within 1 h",
        "muster retry",
        "muster continue",
        "muster undo",
        "muster stop",
    ] {
        assert!(news.text.contains(way), "{way}: {}", news.text);
    }
    let told = [format!("pause/{run}/12"), format!("gate/{run}/go/7")];
    assert_eq!(told_of(vec![paused(12), gate(7)], &told).len(), 0);
    assert_eq!(told_of(vec![paused(20), gate(15)], &told).len(), 2);
}

#[test]
fn people_are_told_of_gates_and_of_ends_since_the_daemon_serves() {
    let mut survey = survey(SIMULATED, "2026-01-06T08:00:00Z");
    survey.runs = vec![row(Some("passed"), None)];
    let run = survey.runs[0].run.to_string();
    let known = |since: &str| Known {
        since: Some(at(since)),
        questions: vec![(run.clone(), gate(7))],
        told: ["before/drill/2026-W02".to_owned()].into(),
        ..Known::default()
    };
    let all = told(&survey, &known("2026-01-06T09:00:00Z"));
    assert_eq!(all, [(format!("gate/{run}/go/7"), NewsKind::Gate), (format!("end/{run}"), NewsKind::End)]);
    assert_eq!(told(&survey, &known("2026-01-06T10:00:00Z")).len(), 1);
}

/// What is done about a run that was left behind with this head, where this was told already.
fn left(ground: &str, occurrence: Option<&str>, resume: Resume, head: &str, told: &[&str]) -> Vec<Deed> {
    let mut survey = survey(ground, "2026-01-06T08:00:00Z");
    survey.runs = vec![IndexRow { journal_head: head.to_owned(), ..row(None, occurrence) }];
    let run = survey.runs[0].run.to_string();
    let told = told.iter().map(|key| key.replace("RUN", &run)).chain(["before/drill/2026-W02".to_owned()]);
    let known = Known { left_behind: vec![run.clone()], told: told.collect(), ..Known::default() };
    decide(&survey, &known, resume).0
}

#[test]
fn what_was_left_behind_is_taken_up_again_where_nobody_need_be_there_else_named() {
    let taken_up = |ground: &str, occurrence: Option<&str>, resume: Resume| {
        let deeds = left(ground, occurrence, resume, "cafe", &[]);
        match &deeds[..] {
            [Deed::Resume { key, news, .. }] => {
                assert!(key.starts_with("resume/") && key.ends_with("/1") && news.event == NewsKind::Trouble);
                true
            }
            [Deed::Tell { key, news }] => {
                assert!(key.starts_with("left/") && news.text.contains("muster resume"));
                false
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(taken_up(SIMULATED, Some("2026-W02"), Resume::Unattended));
    assert!(!taken_up(SIMULATED, None, Resume::Unattended), "somebody's own run is not the daemon's to take up");
    assert!(!taken_up("environment: production", Some("2026-W02"), Resume::Unattended));
    assert!(!taken_up(SIMULATED, Some("2026-W02"), Resume::Never));
}

#[test]
fn a_run_that_is_left_again_is_told_of_again_and_taken_up_so_often_and_no_more() {
    let named = |told: &[&str], head: &str| left(SIMULATED, None, Resume::Never, head, told).len();
    assert_eq!((named(&[], "cafe"), named(&["left/RUN/cafe"], "cafe"), named(&["left/RUN/cafe"], "beef")), (1, 0, 1));
    let mut told: Vec<String> = Vec::new();
    let again = |told: &[String]| {
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        left(SIMULATED, Some("2026-W02"), Resume::Unattended, "cafe", &told)
    };
    for number in 1..=RESUMES_MAX {
        let deeds = again(&told);
        assert!(matches!(&deeds[..], [Deed::Resume { key, .. }] if key.ends_with(&format!("/{number}"))), "{deeds:?}");
        told.push(format!("resume/RUN/{number}"));
    }
    let deeds = again(&told);
    let [Deed::Tell { news, .. }] = &deeds[..] else { panic!("{deeds:?}") };
    assert!(
        news.text
            .contains("was taken up again 5 times, and is not any more by itself. Take it up again: muster resume")
    );
    told.push("left/RUN/cafe".to_owned());
    assert_eq!(again(&told), []);
}

#[test]
fn a_run_that_is_being_taken_up_is_left_alone() {
    let mut survey = survey(SIMULATED, "2026-01-06T08:00:00Z");
    survey.runs = vec![row(None, Some("2026-W02"))];
    let run = survey.runs[0].run.to_string();
    let known = Known {
        left_behind: vec![run.clone()],
        taken: [(run, RESUMED.to_owned())].into(),
        told: ["before/drill/2026-W02".to_owned()].into(),
        ..Known::default()
    };
    assert_eq!(decide(&survey, &known, Resume::Unattended).0, []);
}
