//! Findings for build servers: a suite a chapter, a test a case.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Chapter, STAMP};
use crate::rehearsal::Findings;
use crate::report::clean::line;

/// The longest text of a failure, in characters.
const TEXT_MAX: usize = 2_000;

pub(super) fn render(findings: &Findings, chapters: &[Chapter]) -> String {
    let mut report = Report::new(format!("muster rehearsal {}", line(&findings.subject.playbook, 100)));
    for chapter in chapters.iter().filter(|chapter| !chapter.cases.is_empty()) {
        let mut suite = TestSuite::new(line(&chapter.title, 100));
        suite.add_property(Property::new("plan digest", &findings.subject.digest));
        suite.add_property(Property::new("simulated", STAMP));
        for case in &chapter.cases {
            let status = match &case.failure {
                None => TestCaseStatus::success(),
                Some(why) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(line(why, TEXT_MAX));
                    status
                }
            };
            let mut case = TestCase::new(line(&case.name, 300), status);
            case.set_classname(line(&findings.subject.playbook, 100));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    crate::report::junit::written(&report)
}
