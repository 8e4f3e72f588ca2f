//! The functions and their tables say the same, for every pair.

use std::collections::BTreeSet;

use crate::model::{Course, Happened};
use crate::state::course;
use crate::state::step::{self, Attempt, Kind, Row, Status, StepEvent};

const HAPPENED: [Happened; 3] = [Happened::Yes, Happened::No, Happened::Unknown];
const ATTEMPTS: [u32; 5] = [0, 1, 2, 3, u32::MAX];

fn states() -> Vec<Status> {
    let mut all = vec![Status::Waiting, Status::Passed, Status::Skipped, Status::ByHand];
    all.extend([Status::Undoing, Status::Undone, Status::Left]);
    for attempt in ATTEMPTS {
        all.extend([Status::Running { attempt }, Status::Resting { attempt }]);
        all.extend(HAPPENED.map(|happened| Status::Failed { attempt, happened }));
    }
    all
}

fn events() -> Vec<StepEvent> {
    let mut all = vec![StepEvent::Skipped, StepEvent::DoneByHand, StepEvent::UndoStarted];
    all.extend([true, false].map(|leaves_something| StepEvent::UndoFinished { leaves_something }));
    for attempt in ATTEMPTS {
        all.extend([StepEvent::Started { attempt }, StepEvent::Passed { attempt }]);
        all.push(StepEvent::FailedForNow { attempt });
        all.extend(HAPPENED.map(|happened| StepEvent::Failed { attempt, happened }));
    }
    all
}

/// What a state or an event says of attempts and of what they did.
fn carried(debug: &impl std::fmt::Debug) -> (Option<u32>, Option<String>) {
    let text = format!("{debug:?}");
    let after = |name: &str| text.split_once(name).map(|(_, rest)| rest.split([',', ' ']).next().unwrap().to_owned());
    (after("attempt: ").map(|number| number.parse().unwrap()), after("happened: "))
}

#[test]
fn every_pair_of_state_and_event_goes_as_the_table_says() {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for state in states() {
        for event in events() {
            let ((before, _), (attempt, happened)) = (carried(&state), carried(&event));
            let fits = |row: &Row| {
                row.from == state.kind()
                    && row.on == event.cause()
                    && match row.attempt {
                        Attempt::First => attempt == Some(1),
                        Attempt::Same => attempt == before,
                        Attempt::Next => attempt.unwrap().checked_sub(1) == before,
                        Attempt::None => true,
                    }
            };
            let rows: Vec<usize> = (0..step::TABLE.len()).filter(|n| fits(&step::TABLE[*n])).collect();
            let followed = step::next(state, &event);
            assert!(rows.len() < 2, "{state:?} and {event:?} have several rows");
            assert_eq!(followed.is_ok(), rows.len() == 1, "{state:?}, {event:?}: {followed:?}");
            let Ok(to) = followed else { continue };
            assert_eq!(to.kind(), step::TABLE[rows[0]].to, "{state:?}, {event:?}");
            let (now, did) = carried(&to);
            assert!(now.is_none() || now == attempt, "{state:?}, {event:?}: {to:?}");
            assert!(did.is_none() || did == happened, "{state:?}, {event:?}: {to:?}");
            used.extend(rows);
        }
    }
    assert_eq!(used.len(), step::TABLE.len(), "a row of the table is never used");
}

#[test]
fn what_the_tables_are_trusted_for_stands_in_them() {
    let reaches = |from: Kind, to: Kind| step::TABLE.iter().any(|row| row.from == from && row.to == to);
    for kind in Kind::ALL {
        assert!(!reaches(kind, Kind::Waiting), "{kind:?}: what was begun was begun");
        assert!(!reaches(kind, kind), "{kind:?} is begun twice without an end");
        let over = matches!(kind, Kind::Skipped | Kind::ByHand | Kind::Undone | Kind::Left);
        assert_eq!(over, !step::TABLE.iter().any(|row| row.from == kind), "{kind:?} and whether something follows it");
        let begins = step::TABLE.iter().any(|row| row.to == kind);
        assert_eq!(begins, kind != Kind::Waiting, "{kind:?} and whether it is reached");
    }
    let courses = course::TABLE.iter().map(|row| (row.from as u8, row.to as u8));
    assert_eq!(courses.collect::<BTreeSet<_>>().len(), course::TABLE.len(), "a pair of courses stands there twice");
    for row in course::TABLE {
        assert_ne!(row.from, row.to, "a run that turns goes elsewhere");
        assert_ne!(row.from, Course::CleaningUp, "cleanup comes last");
        let tidied = row.to == Course::CleaningUp || course::may_follow(row.to, Course::CleaningUp);
        assert!(tidied, "{:?} is never tidied up", row.to);
    }
}
