//! Votes in any order, from anybody.

use proptest::prelude::*;

use super::*;
use crate::chance::Distribution;
use crate::resource::{AnsweredBy, Exhibit};
use crate::time::Span;

fn question(approvers: &[&str], quorum: u32) -> Question {
    Question {
        prompt: "Start?".to_owned(),
        approvers: approvers.iter().map(|who| (*who).to_owned()).collect(),
        quorum,
        other_than_starter: false,
        evidence_required: false,
        checklist: Vec::new(),
        takes: Distribution::fixed(Span::ZERO),
        deadline: None,
    }
}

fn person(name: Option<&str>, user: &str, host: &str) -> Person {
    Person { name: name.map(str::to_owned), user: user.to_owned(), host: host.to_owned() }
}

fn vote(decision: Decision, stated: &str) -> Answer {
    Answer::vote(decision, &Stated::read(stated).unwrap(), AnsweredBy::Command)
}

fn approve(stated: &str) -> Answer {
    vote(Decision::Approved, stated)
}

fn refusal(cast: Cast) -> String {
    match cast {
        Cast::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_or_a_role_counts_and_nobody_else() {
    let question = question(&["incident-commander", "Grace Hopper"], 1);
    let cast = |stated: &str| Ballot::new(&question, &Person::default()).cast(&approve(stated));
    let why = refusal(cast("Ada"));
    assert!(why.contains("Ada is not among those who may decide (incident-commander, Grace Hopper)"), "{why}");
    assert!(refusal(cast("Ada as dba")).contains("not among"));
    assert!(matches!(cast("grace  hopper"), Cast::Decided(_)));
    let Cast::Decided(answer) = cast("Ada as Incident-Commander") else { panic!() };
    assert_eq!(answer.names, ["Ada (Incident-Commander)"]);
}

#[test]
fn a_quorum_is_of_different_people_whose_words_and_evidence_are_kept() {
    let mut ballot = Ballot::new(&question(&[], 2), &Person::default());
    let text = Exhibit::text("ticket 17").unwrap();
    let first = Answer {
        because: Some("lag is low".to_owned()),
        evidence: vec![text.clone()],
        people: vec![person(None, "ada", "laptop")],
        ..approve("Ada")
    };
    assert_eq!(ballot.cast(&first), Cast::Counted { approved: 1, needed: 2 });
    assert!(refusal(ballot.cast(&approve("ADA as dba"))).contains("approved already"));
    assert_eq!(ballot.approved(), ["Ada"]);
    let Cast::Decided(answer) = ballot.cast(&approve("Grace")) else { panic!() };
    assert_eq!((answer.names.len(), answer.because.as_deref()), (2, Some("lag is low")));
    assert_eq!((answer.evidence, answer.people), (vec![text], first.people));
    assert!(refusal(ballot.cast(&approve("Edsger"))).contains("answered already"));
}

#[test]
fn a_vote_is_one_persons() {
    let mut ballot = Ballot::new(&question(&[], 2), &Person::default());
    let two = Answer { names: vec!["Ada".to_owned(), "Grace".to_owned()], ..approve("x") };
    assert!(refusal(ballot.cast(&two)).contains("one person's"));
    assert!(refusal(ballot.cast(&Answer { names: Vec::new(), ..two })).contains("one person's"));
}

#[test]
fn who_started_the_run_does_not_approve_it_and_in_doubt_nobody_does() {
    let question = Question { other_than_starter: true, ..question(&[], 1) };
    let ada = person(Some("Ada (incident-commander)"), "ada", "laptop");
    let cast = |starter: &Person, stated: &str, account: Option<Person>| {
        let vote = Answer { people: account.into_iter().collect(), ..approve(stated) };
        Ballot::new(&question, starter).cast(&vote)
    };
    let grace = || Some(person(None, "grace", "bastion"));
    assert!(matches!(cast(&ada, "Grace", grace()), Cast::Decided(_)));
    assert!(refusal(cast(&ada, "ada", grace())).contains("and ada did"));
    assert!(refusal(cast(&person(Some("Lovelace"), "ada", "laptop"), "Ada", grace())).contains("and Ada did"));
    let why = refusal(cast(&ada, "Grace", Some(person(None, "ada", "bastion"))));
    assert!(why.contains("the account ada, which started it on laptop") && why.contains("muster approve"), "{why}");
    assert!(refusal(cast(&ada, "Grace", None)).contains("from which account Grace answers is not known"));
    assert!(refusal(cast(&Person::default(), "Grace", grace())).contains("not known"));
    // To say no is everybody's right.
    let mut ballot = Ballot::new(&question, &ada);
    assert!(matches!(ballot.cast(&vote(Decision::Rejected, "Ada")), Cast::Decided(_)));
}

#[test]
fn what_needs_evidence_is_not_done_without() {
    let question = Question { evidence_required: true, ..question(&[], 1) };
    let mut ballot = Ballot::new(&question, &Person::default());
    assert!(refusal(ballot.cast(&approve("Ada"))).contains("without evidence"));
    let shown = Answer { evidence: vec![Exhibit::text("done at 10:02").unwrap()], ..approve("Ada") };
    assert!(matches!(ballot.cast(&shown), Cast::Decided(_)));
    let mut ballot = Ballot::new(&question, &Person::default());
    assert!(matches!(ballot.cast(&vote(Decision::Rejected, "Ada")), Cast::Decided(_)));
}

const NAMES: [&str; 6] = ["Ada", "ada", "Grace as dba", "GRACE (dba)", "Mallory", "Edsger as dba"];
/// Which of them is the same person; none: a stranger.
const PEOPLE: [Option<usize>; 6] = [Some(0), Some(0), Some(1), Some(1), None, Some(2)];

proptest! {
    #[test]
    fn approval_takes_a_quorum_of_different_names_and_a_rejection_rejects(
        quorum in 1_u32..4,
        votes in proptest::collection::vec((0..NAMES.len(), proptest::bool::weighted(0.1)), 0..16),
    ) {
        let mut ballot = Ballot::new(&question(&["Ada", "dba"], quorum), &Person::default());
        let mut approved = std::collections::BTreeSet::new();
        let mut over = false;
        for (who, rejects) in votes {
            let decision = if rejects { Decision::Rejected } else { Decision::Approved };
            let cast = ballot.cast(&vote(decision, NAMES[who]));
            let Some(person) = PEOPLE[who].filter(|_| !over) else {
                prop_assert!(matches!(cast, Cast::Refused(_)), "{cast:?}");
                continue;
            };
            if rejects {
                prop_assert!(matches!(&cast, Cast::Decided(answer) if answer.decision == Decision::Rejected));
                over = true;
            } else if !approved.insert(person) {
                prop_assert!(matches!(cast, Cast::Refused(_)), "{cast:?}");
            } else if approved.len() < quorum as usize {
                prop_assert!(matches!(cast, Cast::Counted { .. }), "{cast:?}");
            } else {
                prop_assert!(matches!(&cast, Cast::Decided(answer) if answer.decision == Decision::Approved
                    && answer.names.len() == quorum as usize));
                over = true;
            }
        }
    }
}
