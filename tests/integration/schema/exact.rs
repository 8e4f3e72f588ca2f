//! What the schema accepts is what the loader accepts: generated documents, right ones and wrong ones, are thrown at both.

use muster::diagnostic::Diagnostic;
use muster::schema::Document;

use super::documents::{Dice, changed, of, slips};
use super::{Validator, told};

/// Problems that no schema can see: what names mean, what goes together, what a template is filled with.
const BEYOND: &[&str] = &[
    "M003", "M014", "M034", "M035", "M036", "M037", "M038", "M039", "M043", "M044", "M045", "M046", "M047", "M048",
    "M049", "M052", "M056", "M057", "M061", "M062", "M075", "M076", "M098", "M125", "M126", "M127", "M135", "M136",
    "M145", "M146", "M147", "M148",
];

/// The same where another rule has the same code.
const BEYOND_WORDS: &[&str] = &[
    "is unknown",
    "has no value: ",
    "has no variable",
    "is known only",
    "is no DNS name",
    "is not in the zone",
    "IPv4 address",
    "IPv6 address",
    "same values",
    "both the application",
    "CNAME has",
    "must be above zero",
    "two different quantiles",
    "are listed",
    "values are too many",
    "no program answers",
    "is the name of a region",
    "does not say which server",
    "is no rhythm",
    "is no cron expression",
    "is no day",
    "is no time of the day",
    "is no range of days",
    "do about a missed drill",
    "is no time to tell before",
    "is empty; write the lower status first",
];

fn is_within(problem: &Diagnostic) -> bool {
    problem.is_error()
        && !BEYOND.contains(&problem.code)
        && !BEYOND_WORDS.iter().any(|words| problem.message.contains(words))
}

fn both_agree(document: Document, each: usize) {
    let validator = Validator::of(document);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut accepted, mut refused) = (0, 0);
    for right in of(document) {
        let first = (right.clone(), "as it is".to_owned());
        for (text, what) in std::iter::once(first).chain((0..each).map(|_| changed(&right, &mut dice))) {
            if !text.is_object() {
                continue;
            }
            let refusal = validator.refusal(&text);
            let problems = told(document, &text);
            match &refusal {
                Some(why) => {
                    refused += 1;
                    let errors = problems.iter().any(Diagnostic::is_error);
                    assert!(errors, "the schema alone refuses it ({what}): {why}\n{text}");
                }
                // What a template is filled with is beyond it.
                None if what.contains("{{") || what.starts_with("/vars") => {}
                None => {
                    accepted += 1;
                    let within: Vec<&Diagnostic> = problems.iter().filter(|problem| is_within(problem)).collect();
                    assert!(within.is_empty(), "the loader alone refuses it ({what}): {within:?}\n{text}");
                }
            }
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused: that shows little");
}

#[test]
fn playbooks_are_accepted_by_both_or_by_none() {
    both_agree(Document::Playbook, 12);
}

#[test]
fn infrastructure_files_are_accepted_by_both_or_by_none() {
    both_agree(Document::Infrastructure, 12);
}

#[test]
fn each_document_to_begin_with_is_right() {
    for document in [Document::Playbook, Document::Infrastructure] {
        let validator = Validator::of(document);
        for right in of(document) {
            // Two examples of a condition or probe at once are one too many: those the schema refuses, and so does the loader.
            let refusal = validator.refusal(&right);
            let problems = told(document, &right);
            match &refusal {
                // The schema may tell of what is beyond others: of each of these the loader must say something, too.
                Some(why) => {
                    assert!(problems.iter().any(Diagnostic::is_error), "the schema alone refuses it: {why}\n{right}");
                }
                None => assert!(!problems.iter().any(is_within), "the loader alone refuses it: {problems:?}\n{right}"),
            }
        }
    }
}

#[test]
fn a_slip_in_the_settings_of_aws_is_refused_by_both() {
    let validator = Validator::of(Document::Infrastructure);
    for (what, wrong) in slips() {
        assert!(told(Document::Infrastructure, &wrong).iter().any(Diagnostic::is_error), "the loader takes {what}");
        assert!(validator.refusal(&wrong).is_some(), "the schema takes {what}");
    }
}
