//! `junit.xml`: a test suite a phase, a test case a step; the objectives and the verdict are suites of their own.
//!
//! Deterministic: the only times in it are the record's.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::Style;
use super::clean::line;
use super::view::{ObjectiveView, PhaseView, StepView, Tone, View};
use crate::measure::Judgement;
use crate::record::{LEASE_ONLY, PhaseRecord, Record, StepRecord};
use crate::time::{Moment, Span};

/// The longest text of a failure, in characters.
const TEXT_MAX: usize = 2_000;

pub(super) fn render(record: &Record, _style: &Style) -> String {
    let view = View::of(record);
    let mut report = Report::new(format!("muster {}", view.playbook));
    report.set_time(record.header.took.into());
    report.add_test_suite(drill(&view, record));
    for (phase, words) in record.phases.iter().zip(&view.phases).filter(|(_, words)| words.is_told()) {
        report.add_test_suite(suite(record, phase, words));
    }
    if !view.objectives.is_empty() {
        report.add_test_suite(objectives(&view.objectives));
    }
    written(&report)
}

/// A report as a text that ends with a line end.
pub(super) fn written(report: &Report) -> String {
    let mut text = report.to_string().unwrap_or_else(|error| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- {} -->\n<testsuites/>",
            error.to_string().replace('-', "‐")
        )
    });
    if !text.ends_with('\n') {
        text.push('\n');
    }
    // The schema of Jenkins has this count in each suite, and not in all of them together. Within texts and values a `<`
    // is written otherwise, so this is the tag.
    if let Some(place) = text.find("<testsuites ") {
        let end = text[place..].find('>').map_or(text.len(), |end| place + end);
        if let Some(at) = text[place..end].find(" skipped=\"").map(|at| place + at) {
            let value = at + " skipped=\"".len();
            let close = text[value..end].find('"').map_or(end, |close| value + close + 1);
            text.replace_range(at..close, "");
        }
    }
    text
}

/// The verdict as a test of its own: a run can fail though every step passed.
fn drill(view: &View, record: &Record) -> TestSuite {
    let mut suite = TestSuite::new("drill");
    for (name, value) in [("run", &view.run), ("plan digest", &view.digest), ("world", &view.world)] {
        suite.add_property(Property::new(name, value));
    }
    if let Some(stamp) = &view.stamp {
        suite.add_property(Property::new("simulated", stamp));
    }
    for limit in record.limits.iter().filter(|limit| limit.code == LEASE_ONLY) {
        suite.add_property(Property::new("guarded by the lease only", line(&limit.text, TEXT_MAX)));
    }
    suite.add_property(Property::new("checks", &view.methodology.checks));
    if let Some(forecast) = &view.forecast {
        suite.add_property(Property::new("forecast", &forecast.sentence));
        for row in &forecast.measures {
            suite.add_property(Property::new("forecast", row.sentence()));
        }
    }
    for head in &view.heads {
        suite.add_property(Property::new(&head.name, &head.value));
    }
    let status = if view.verdict.tone == Tone::Good {
        TestCaseStatus::success()
    } else {
        let reasons = if view.reasons.is_empty() { view.sentence.clone() } else { view.reasons.join("\n") };
        failure(NonSuccessKind::Failure, "verdict", &format!("the drill's verdict is {}", view.verdict.word), &reasons)
    };
    let mut case = case("verdict", "drill", status, None);
    case.set_system_out(format!("{}\n{}", view.stamp.as_deref().unwrap_or(""), view.sentence).trim());
    suite.add_test_case(case);
    suite
}

fn failure(kind: NonSuccessKind, ty: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(line(message, TEXT_MAX)).set_description(description);
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

fn case(name: &str, class: &str, status: TestCaseStatus, took: Option<Span>) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    if let Some(took) = took {
        case.set_time(rounded(took));
    }
    case
}

/// `JUnit` has milliseconds.
fn rounded(took: Span) -> Duration {
    Duration::from_millis(took.as_millis())
}

/// A moment on the calendar, as `JUnit` writes it.
fn stamp(record: &Record, at: Moment) -> Option<String> {
    let since = jiff::SignedDuration::try_from(Duration::from_nanos(at.0)).ok()?;
    let when = record.header.started_at.checked_add(since).ok()?;
    Some(when.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

fn suite(record: &Record, phase: &PhaseRecord, words: &PhaseView) -> TestSuite {
    let mut suite = TestSuite::new(&words.id);
    if let Some(stamp) = phase.started.and_then(|at| stamp(record, at)) {
        suite.extra.insert("timestamp".into(), stamp.into());
    }
    if let Some(took) = phase.took {
        suite.set_time(rounded(took));
    }
    for (step, view) in record.steps.iter().skip(phase.first).take(phase.count).zip(&words.steps) {
        let mut case = case(&view.id, &format!("{}.{}", words.id, view.action), status(step, view), step.took);
        let out = output(view);
        if !out.is_empty() {
            case.set_system_out(out);
        }
        suite.add_test_case(case);
    }
    suite
}

fn status(step: &StepRecord, view: &StepView) -> TestCaseStatus {
    let why = step.failure.as_deref().map_or_else(|| view.result.word.clone(), |why| line(why, TEXT_MAX));
    match view.result.tone {
        Tone::Quiet => skipped(&view.result.word),
        Tone::Doubt => failure(NonSuccessKind::Error, &view.result.word, &why, &view.failures.join("\n")),
        Tone::Bad => failure(NonSuccessKind::Failure, &view.result.word, &why, &view.failures.join("\n")),
        Tone::Good => match &step.within {
            Some(within) if within.judgement == Judgement::Missed => {
                let counted = within.counted.map_or_else(|| "longer".to_owned(), |counted| counted.to_string());
                let message = format!("it took {counted}, {} are allowed", within.within);
                failure(NonSuccessKind::Failure, "too slow", &message, &message)
            }
            _ => TestCaseStatus::success(),
        },
    }
}

fn output(view: &StepView) -> String {
    let mut lines = vec![view.summary.clone()];
    lines.extend(view.warning.iter().map(|warning| format!("warning: {warning}")));
    lines.extend(view.gates.iter().cloned());
    if !view.evidence.is_empty() {
        lines.push(view.evidence.clone());
    }
    lines.extend(view.undo.as_ref().map(|undo| format!("undo: {}", undo.word)));
    lines.join("\n")
}

fn objectives(rows: &[ObjectiveView]) -> TestSuite {
    let mut suite = TestSuite::new("objectives");
    for row in rows {
        let told = format!("objective {}, actual {} ({})", row.objective, row.actual, row.range);
        let status = match row.result.tone {
            Tone::Good => TestCaseStatus::success(),
            Tone::Quiet => skipped(&row.result.word),
            Tone::Bad | Tone::Doubt => failure(NonSuccessKind::Failure, &row.result.word, &told, &told),
        };
        let mut case = case(&format!("{}: {}", row.leg, row.what), "objectives", status, None);
        case.set_system_out(&told);
        suite.add_test_case(case);
    }
    suite
}
