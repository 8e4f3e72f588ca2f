use super::*;
use crate::model::{ActionId, Control, OpenAction, Person, Review, Showing};
use crate::record::showing::Holds;
use crate::record::showing::{ControlFinding, Support, controls, fact};
use crate::report::samples::{failed, hostile, incomplete, passed};
use crate::report::{Format, render};

const ALL: [Format; 3] = [Format::Compliance, Format::ComplianceHtml, Format::Oscal];

/// The record with these controls named.
fn naming(mut record: Record, ids: &[&str]) -> Record {
    record.header.controls = ids.iter().map(|&id| id.to_owned()).collect();
    record.header.control_texts = ids.iter().map(|id| crate::controls::find(id).unwrap()).collect();
    record
}

/// The same run as if everything had been real.
fn real(mut record: Record) -> Record {
    record.header.simulated = Simulated::No;
    record.header.environment = crate::model::Environment::Lab;
    record
}

/// The same run with its gates answered by `--yes`.
fn unasked(mut record: Record) -> Record {
    let answers = record.steps.iter_mut().flat_map(|step| &mut step.gates).filter_map(|gate| gate.answer.as_mut());
    answers.for_each(|answer| answer.by = crate::resource::AnsweredBy::NobodyAsked);
    record
}

fn every() -> Vec<String> {
    crate::controls::all().into_iter().map(|control| control.id).collect()
}

fn drawn(record: &Record, format: Format) -> String {
    render(record, format, &Style::default())
}

fn support_of(record: &Record, id: &str) -> Support {
    let record = naming(record.clone(), &[id]);
    let found: Vec<ControlFinding<'_>> = controls(&record);
    found[0].support
}

#[test]
fn it_says_evidence_supporting_and_never_that_anybody_complies() {
    let all = every();
    let ids: Vec<&str> = all.iter().map(String::as_str).collect();
    for record in [passed(), failed(), incomplete(), real(passed()), real(failed())] {
        let record = naming(record, &ids);
        for format in Format::ALL {
            let text = drawn(&record, format).to_lowercase();
            for claim in ["compliant", "complies with", "in compliance", "certif"] {
                assert!(!text.contains(claim), "{format} says {claim}");
            }
        }
        for format in ALL {
            assert!(drawn(&record, format).to_lowercase().contains("evidence supporting"), "{format}");
        }
    }
}

#[test]
fn a_simulated_run_is_marked_throughout() {
    let record = naming(passed(), &["nist-800-53:CP-4", "soc2:A1.3"]);
    let text = drawn(&record, Format::Compliance);
    let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(titles.len(), 16);
    assert!(titles.iter().all(|title| title.ends_with("(simulated)")), "{titles:?}");
    assert!(text.contains("simulated: no evidence of the real systems"));
    assert!(!text.contains("✓ **evidence supporting"), "{text}");
    let page = drawn(&record, Format::ComplianceHtml);
    assert_eq!(page.matches("(simulated)</h2>").count(), page.matches("</h2>").count());
    assert!(page.contains("class=\"stamp\""));
    let oscal: serde_json::Value = serde_json::from_str(&drawn(&record, Format::Oscal)).unwrap();
    let findings = oscal.pointer("/assessment-results/results/0/findings").unwrap().as_array().unwrap();
    for finding in findings {
        assert_eq!(finding.pointer("/target/status/state").unwrap(), "not-satisfied");
        assert!(finding["description"].as_str().unwrap().starts_with("Simulated"));
    }
    for all in every() {
        assert_eq!(support_of(&passed(), &all), Support::Simulated, "{all}");
    }
    let mut partly = passed();
    partly.header.simulated = Simulated::Partly(vec!["main".to_owned()]);
    assert_eq!(support_of(&partly, "nist-800-53:CP-4"), Support::Simulated);
    assert!(drawn(&partly, Format::Compliance).contains("(partly simulated)"));
}

#[test]
fn a_run_supports_what_it_shows_and_nothing_else() {
    let run = real(passed());
    assert_eq!(support_of(&run, "nist-800-53:CP-4"), Support::Evidence);
    assert_eq!(support_of(&run, "nist-800-53:CP-4(4)"), Support::Evidence);
    assert_eq!(support_of(&run, "nist-800-53:CP-4(1)"), Support::Evidence);
    assert_eq!(support_of(&run, "dora:12.7"), Support::Evidence);
    // No step looked at a backup, and nobody lost a region: whatever was carried out, a challenge without a loss is none.
    assert_eq!(support_of(&run, "nist-800-53:CP-9"), Support::Nothing);
    assert_eq!(support_of(&run, "hipaa:164.308(a)(7)(ii)(A)"), Support::Nothing);
    assert_eq!(support_of(&run, "nist-800-53:CP-4(5)"), Support::Nothing);
    assert_eq!(support_of(&run, "dora:12.2"), Support::Nothing);
    // Where nobody was asked, nobody coordinated.
    assert_eq!(support_of(&unasked(run.clone()), "nist-800-53:CP-4(1)"), Support::Nothing);
    // The way back failed: no full recovery, whatever the way there.
    let failed = real(failed());
    assert_eq!(support_of(&failed, "nist-800-53:CP-4(4)"), Support::Nothing);
    let mut away = run.clone();
    away.ended.world = crate::model::Place::Secondary;
    assert_eq!(support_of(&away, "nist-800-53:CP-4(4)"), Support::Nothing);
    let aborted = real(incomplete());
    for id in every() {
        assert_ne!(support_of(&aborted, &id), Support::Evidence, "{id}");
    }
}

#[test]
fn a_step_that_failed_is_the_contrary_and_one_that_was_not_there_is_nothing() {
    let mut record = real(passed());
    let looked = |record: &Record| fact(record, Showing::BackupsLooked).holds;
    assert_eq!(looked(&record), Holds::NotShown);
    record.steps[0].bears_on = vec![Showing::BackupsLooked];
    assert_eq!(looked(&record), Holds::Shown);
    record.steps[0].state = crate::record::StepState::Failed;
    assert_eq!(looked(&record), Holds::Contrary);
    record.steps[0].state = crate::record::StepState::NotReached;
    assert_eq!(looked(&record), Holds::NotShown);
    // A fence that could not be set is none.
    let mut record = real(passed());
    assert_eq!(fact(&record, Showing::OneWriter).holds, Holds::Shown);
    let fence = record.steps.iter_mut().find(|step| step.action == "database.fence").unwrap();
    fence.warning = Some("it could not be reached: nothing was fenced".to_owned());
    assert_eq!(fact(&record, Showing::OneWriter).holds, Holds::NotShown);
}

#[test]
fn it_has_all_that_such_a_report_has() {
    let mut record = naming(passed(), &["rts-2024-1774:25"]);
    record.header.about = crate::model::About {
        version: Some("3.2".to_owned()),
        system: Some("Code host".to_owned()),
        contact: Some("ops@example.test".to_owned()),
        location: Some("Amsterdam".to_owned()),
        test_type: Some("functional".to_owned()),
        assumptions: vec!["No change is rolled out meanwhile".to_owned()],
        methodology: Some("Two observers take notes".to_owned()),
    };
    let schedule =
        r#"{"every":"quarter","on":"second tuesday of the second month","at":"09:00","timezone":"Europe/Amsterdam"}"#;
    record.header.schedule = Some(serde_json::from_str(schedule).unwrap());
    record.header.origin.next_due = Some("2027-02-09T08:00:00Z".parse().unwrap());
    record.header.origin.approved = Some("a3".repeat(32));
    record.header.origin.approved_by = Some("Board".to_owned());
    let text = drawn(&record, Format::Compliance);
    for said in [
        "| Test name |",
        "| System | Code host |",
        "| Began | 2026-11-22 08:42:16 UTC |",
        "| Test lead | Ada |",
        "| Contact | ops&#64;example.test |",
        "| Location of the people | Amsterdam |",
        "| Participants | Grace |",
        "| Plan version | 3.2 |",
        "| Plan approved by | Board, as stated",
        "| Test type | functional, as stated; rehearsal on a simulation |",
        "| Frequency | every quarter, on second tuesday of the second month, at 09:00 Europe/Amsterdam |",
        "| Next due | 2027-02-09 08:00:00 UTC |",
        "| Scenario | The primary region is lost without warning |",
        "| Planned or not | planned",
        "| Overridden variables | ttl = 30s",
        "## Components",
        "- No change is rolled out meanwhile",
        "## Objectives",
        "Two observers take notes",
        "| Step | Action | Expected | Actual | Result |",
        "## Post-test actions",
        "## Lessons learned",
        "## Recommended changes of the plan",
        "| Ran in the secondary region for |",
        "| Return to normal functioning | the return passed",
        "Asked for:",
        "A drill can show:",
        "What it does not show:",
        "By any drill:",
        "## What this drill does not show",
        "| Journal head when the run finished |",
    ] {
        assert!(text.contains(said), "it should say {said}\n{text}");
    }
}

fn person(name: &str) -> Person {
    Person { name: Some(name.to_owned()), user: "ops".to_owned(), host: "desk".to_owned() }
}

#[test]
fn actions_lessons_and_sign_off_stand_in_it() {
    let mut record = real(passed());
    let at = record.header.finished_at.unwrap();
    let mut add = |what| record.review.take(at, person("Ada"), what).unwrap();
    add(Review::Lesson { text: "TTLs were too long".to_owned() });
    add(Review::PlanChange { text: "Lower them first".to_owned() });
    let due = Some("2027-01-31".parse().unwrap());
    add(Review::ActionOpened { number: 1, text: "Set TTLs".to_owned(), owner: Some("Bob".to_owned()), due });
    add(Review::SignOff { role: Some("reviewer".to_owned()), remark: None });
    record.open_actions.push(OpenAction {
        id: "20260822-084216-quarterly-failover:2".parse::<ActionId>().unwrap(),
        opened: at,
        text: "Older one".to_owned(),
        owner: None,
        due: None,
    });
    let text = drawn(&record, Format::Compliance);
    for said in [
        "TTLs were too long",
        "Lower them first",
        "| Set TTLs | Bob | 2027-01-31 |",
        "| 20260822-084216-quarterly-failover:2 | Older one | not stated | not stated |",
        "| Ada (as stated; ops at desk) | reviewer |",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_eq!(fact(&record, Showing::Reviewed).holds, Holds::Shown);
    assert_eq!(fact(&record, Showing::ActionsOwned).holds, Holds::NotShown);
    // What is added later was not signed off; closing an action is what a review asks for.
    let how = Some("done".to_owned());
    record.review.take(at, person("Bob"), Review::ActionClosed { number: 1, how }).unwrap();
    assert!(record.review.signed_off().is_some());
    record.review.take(at, person("Bob"), Review::Lesson { text: "more".to_owned() }).unwrap();
    assert!(record.review.signed_off().is_none());
    assert!(drawn(&record, Format::Compliance).contains("something was added after the last sign-off"));
}

#[test]
fn no_text_from_elsewhere_is_markup() {
    let mut record = hostile();
    let bad = crate::report::samples::HOSTILE;
    record.header.control_texts = vec![Control {
        id: bad.to_owned(),
        standard: bad.to_owned(),
        title: bad.to_owned(),
        asks: bad.to_owned(),
        can: bad.to_owned(),
        cannot: bad.to_owned(),
        rests_on: vec![Showing::Exercised],
        adds: Vec::new(),
        from: Some(bad.to_owned()),
    }];
    record.header.about.system = Some(bad.to_owned());
    record.review.take(record.header.started_at, person(bad), Review::Lesson { text: bad.to_owned() }).unwrap();
    let page = drawn(&record, Format::ComplianceHtml);
    assert!(!page.contains("<script") && !page.contains("</svg> {{run}}"), "markup got through");
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    let text = drawn(&record, Format::Compliance);
    assert!(!text.contains("<script") && !text.contains("\n# heading") && !text.contains("[x](javascript"));
    serde_json::from_str::<serde_json::Value>(&drawn(&record, Format::Oscal)).unwrap();
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    for format in ALL {
        assert_eq!(drawn(&passed(), format), drawn(&passed(), format));
    }
}
