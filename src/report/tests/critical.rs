//! The critical path, and what would have shortened the outage, of a drill with two branches.

use crate::id::StepId;
use crate::model::Leg;
use crate::record::{GateRecord, Record, Sooner, critical, sooner};
use crate::report::samples::passed;
use crate::resource::{Answer, AnsweredBy, Decision, Stated};
use crate::time::Span;

/// `promote` needs `fence`, and `dns` needs it and `scale-out`, which is done five seconds before it.
fn branched() -> Record {
    let mut record = passed();
    let need = |ids: &[&str]| ids.iter().map(|id| StepId::new(id).unwrap()).collect();
    for step in &mut record.steps {
        step.needs = match step.id.as_str() {
            "promote" => need(&["fence"]),
            "dns" => need(&["scale-out", "promote"]),
            "go" => need(&["all-healthy"]),
            "dns-back" => need(&["promote-back"]),
            _ => Vec::new(),
        };
    }
    record
}

#[test]
fn the_path_is_what_the_run_waited_for() {
    let record = branched();
    let path = critical(&record);
    let on_path: Vec<&str> =
        record.steps.iter().zip(path).filter(|(_, on_path)| *on_path).map(|(step, _)| step.id.as_str()).collect();
    assert_eq!(
        on_path,
        ["all-healthy", "go", "fence", "promote", "dns", "served-there", "stay", "promote-back", "dns-back"],
        "all but scale-out, which was done before what waited for it"
    );
}

#[test]
fn half_of_a_step_saves_what_the_steps_beside_it_leave() {
    let record = branched();
    let leg = record.legs.iter().find(|leg| leg.leg == Leg::Failover).unwrap();
    let saved: Vec<(String, Span)> = sooner(&record, leg)
        .into_iter()
        .map(|one| match &one {
            Sooner::Step { step, saved, .. } => (step.to_string(), *saved),
            other => (format!("{other:?}").split(' ').next().unwrap().to_owned(), other.saved()),
        })
        .collect();
    let ms = Span::from_millis;
    assert_eq!(
        saved,
        [
            ("dns".to_owned(), ms(17_000)),
            // Its half is 17.5 s, but scale-out was done only 5 s before it.
            ("promote".to_owned(), ms(5_000)),
            ("Propagation".to_owned(), ms(5_000)),
            // Only what of it lies within the outage counts.
            ("fence".to_owned(), ms(500)),
        ]
    );
}

#[test]
fn what_a_phase_waited_after_its_last_step_is_not_saved() {
    let mut record = branched();
    // Users came back in the phase after it, which began two seconds after the last step of this one.
    record.legs[0].recovered_at = Some(crate::report::samples::at(390));
    let all = sooner(&record, &record.legs[0]);
    let dns = all.iter().find(|one| matches!(one, Sooner::Step { step, .. } if step.as_str() == "dns")).unwrap();
    assert_eq!(dns.saved(), Span::from_secs(17));
    for one in &all {
        if let Sooner::Step { took, saved, .. } = one {
            assert!(saved.0 <= took.0 / 2, "{one:?}");
        }
    }
}

/// Somebody was asked for so many seconds of the detection.
fn asked_while_detecting(by: AnsweredBy) -> Record {
    let mut record = branched();
    let lost = record.legs[0].lost_at.unwrap();
    let gate = GateRecord {
        step: StepId::new("declare").unwrap(),
        prompt: "Is the region lost?".to_owned(),
        approvers: Vec::new(),
        opened: lost + Span::from_secs(10),
        closed: Some(lost + Span::from_secs(50)),
        answer: Some(Answer::vote(Decision::Approved, &Stated::read("Ada").unwrap(), by)),
        votes: Vec::new(),
    };
    record.steps[0].gates = vec![gate];
    record.legs[0].parts.as_mut().unwrap().detection = Some(Span::from_secs(60));
    record
}

#[test]
fn noticing_is_not_blamed_for_the_time_in_which_people_decided() {
    let record = asked_while_detecting(AnsweredBy::Command);
    let all = sooner(&record, &record.legs[0]);
    let secs = Span::from_secs;
    assert!(all.contains(&Sooner::Detection { took: secs(60), asked: secs(40), saved: secs(10) }), "{all:?}");
    assert!(all.contains(&Sooner::Decision { saved: secs(40) }), "{all:?}");
    let view = crate::report::view::View::of(&record);
    let told = view.legs[0].sooner.join(" ");
    assert!(told.contains("until the end of `detect`, of which people were asked for 40 s"), "{told}");
    // Nobody is asked by --yes.
    let record = asked_while_detecting(AnsweredBy::NobodyAsked);
    let all = sooner(&record, &record.legs[0]);
    assert!(all.contains(&Sooner::Detection { took: secs(60), asked: Span::ZERO, saved: secs(30) }), "{all:?}");
    assert!(!all.iter().any(|one| matches!(one, Sooner::Decision { .. })), "{all:?}");
}

#[test]
fn a_part_that_was_not_there_is_not_exercised_and_none_is_told_as_nothing() {
    let mut record = branched();
    let parts = record.legs[0].parts.as_mut().unwrap();
    (parts.execution, parts.decision) = (Some(Span::ZERO), None);
    let view = crate::report::view::View::of(&record);
    let length = |name: &str| view.legs[0].parts.iter().find(|part| part.name == name).unwrap().length.clone();
    assert_eq!(length("decision"), "not exercised");
    assert_eq!(length("execution"), "counted in the parts before it");
    assert!(view.legs[0].parts.iter().all(|part| part.percent != Some(0) || part.name == "stabilisation"));
}

#[test]
fn where_no_recovery_was_measured_nothing_is_said() {
    let mut record = branched();
    record.legs[0].parts = None;
    assert!(sooner(&record, &record.legs[0]).is_empty());
}
