//! Random orders of events, possible or not, thrown at random plans.

use proptest::prelude::*;

use super::plans;
use crate::catalogue::{Before, Evidence, OnFailure};
use crate::event::{Event, ResumeTo, Resumed};
use crate::model::{
    Command, Course, ExitCode, Happened, Leg, Person, PhaseResult, Place, Plan, StepFailure, StepPass, UndoResult,
    Verdict,
};
use crate::resource::{AnsweredBy, Choice, World};
use crate::state::course::next;
use crate::state::{Graph, RunState};
use crate::time::Span;

/// Numbers that an event is made of.
pub(super) type Dice = (u8, u8, u8, u8);

pub(super) const HAPPENED: [Happened; 3] = [Happened::Yes, Happened::No, Happened::Unknown];
pub(super) const CHOICES: [Choice; 4] = [Choice::Retry, Choice::GoOn, Choice::Undo, Choice::Stop];
const WAYS: [OnFailure; 4] = [OnFailure::Undo, OnFailure::Continue, OnFailure::Pause, OnFailure::Stop];
const COURSES: [Course; 7] = [
    Course::Forward,
    Course::Paused,
    Course::Undoing,
    Course::Returning,
    Course::Holding,
    Course::Stopping,
    Course::CleaningUp,
];

pub(super) fn pick<T: Clone>(from: &[T], dice: u8) -> T {
    from[usize::from(dice) % from.len()].clone()
}

pub(super) fn person() -> Person {
    Person { name: Some("Ada".to_owned()), user: "ada".to_owned(), host: "here".to_owned() }
}

pub(super) fn failure(happened: Happened, again: bool, ask: bool) -> StepFailure {
    let retry_in = again.then_some(Span::ZERO);
    StepFailure { what: "broken".to_owned(), happened, retry_in, evidence: Evidence::new(), ask, cancelled: false }
}

pub(super) fn pass(already: bool) -> StepPass {
    StepPass { already, warning: None, evidence: Evidence::new() }
}

pub(super) fn undone(dice: u8) -> UndoResult {
    let left = String::new;
    pick(
        &[UndoResult::Restored, UndoResult::NothingToDo, UndoResult::Irreversible(left()), UndoResult::Failed(left())],
        dice,
    )
}

pub(super) fn resumed(to: ResumeTo) -> Event {
    Event::Resumed(Box::new(Resumed {
        to,
        by: person(),
        muster: String::new(),
        boot: String::new(),
        since_boot: None,
        estimated: false,
        kept: None,
        fencing: 1,
    }))
}

pub(super) fn finished() -> Event {
    let (verdict, world, exit) = (Verdict::Failed, Place::Mixed, ExitCode::NeedsPerson);
    Event::Finished { verdict, world, exit, left: Vec::new(), seen: World::new() }
}

/// What comes from outside at any time: from people, signals, guardrails and whoever takes the run up again.
pub(super) fn disturbance((kind, a, b, c): Dice) -> Event {
    let then = (c % 3 > 0).then(|| pick(&WAYS, b));
    match kind % 6 {
        0 => Event::GuardrailBroken { name: "rail".to_owned(), seen: "broken".to_owned(), then: pick(&WAYS, a) },
        1 => Event::Signalled { signal: pick(&["SIGINT", "SIGTERM"], a).to_owned(), then },
        2 => Event::Commanded { command: Command::Abort { because: None }, by: person(), then, ignored: None },
        3 => Event::Commanded { command: Command::Pause { because: None }, by: person(), then, ignored: None },
        4 => resumed(pick(&[ResumeTo::GoOn, ResumeTo::Undo, ResumeTo::Stop], a)),
        _ => Event::SplitBrain { resource: crate::id::ResourceId::new("main").unwrap(), seen: "rows".to_owned() },
    }
}

/// An event that may or may not follow.
fn event(plan: &Plan, dice: Dice) -> Event {
    let (kind, a, b, c) = dice;
    let phase = || plan.phases[usize::from(a) % plan.phases.len()].id.clone();
    if plan.steps.is_empty() || kind % 16 < 2 {
        return match b % 3 {
            0 => Event::PhaseFinished { phase: phase(), result: pick(&[PhaseResult::Passed, PhaseResult::Failed], c) },
            _ => Event::PhaseStarted { phase: phase() },
        };
    }
    let step = plan.steps[usize::from(a) % plan.steps.len()].id.clone();
    let attempt = u32::from(b % 3) + u32::from(c % 8 > 0);
    match kind % 16 {
        2..=4 => Event::StepStarted { step, attempt, before: Before::new() },
        5 | 6 => Event::StepPassed { step, attempt, pass: pass(c.is_multiple_of(2)) },
        7 | 8 => Event::StepFailed {
            step,
            attempt,
            failure: failure(pick(&HAPPENED, c), c.is_multiple_of(4), c.is_multiple_of(7)),
        },
        9 => Event::StepSkipped { step, because: String::new(), by: c.is_multiple_of(2).then(person) },
        10 => Event::UndoStarted { step },
        11 => Event::UndoFinished { step, result: undone(c) },
        12 => Event::CourseChanged {
            course: pick(&COURSES, a),
            leg: pick(&[None, Some(Leg::Failover), Some(Leg::Return)], b),
            because: String::new(),
            aborted: c.is_multiple_of(2),
        },
        13 => Event::Decided { choice: pick(&CHOICES, a), by: AnsweredBy::Terminal, situation: String::new() },
        14 if a.is_multiple_of(16) => finished(),
        _ => disturbance((b, a, c, kind)),
    }
}

/// What must hold of every state that can be reached. `before` is the one that it followed from.
pub(super) fn check(plan: &Plan, before: &RunState, state: &RunState, event: &Event) -> Result<(), TestCaseError> {
    prop_assert_eq!(state.acting, state.steps.iter().filter(|status| status.acts()).count());
    prop_assert_eq!(state.resting, state.steps.iter().filter(|status| status.rests()).count());
    prop_assert!(state.committed.starts_with(&before.committed), "a leg is no longer past its point of no return");
    prop_assert!(!before.finished, "something followed the end: {:?}", event);
    prop_assert!(!before.split_brain || state.split_brain);
    for (n, planned) in plan.steps.iter().enumerate() {
        let (old, new) = (before.steps[n], state.steps[n]);
        prop_assert!(planned.applies || old == new, "{} does not apply, and something happened to it", planned.id);
        let begins = matches!(event, Event::StepStarted { step, .. } if *step == planned.id);
        prop_assert!(!begins || (!old.acts() && new.acts()), "{} was begun in the midst of {:?}", planned.id, old);
        prop_assert!(!begins || state.open_phase == Some(planned.phase), "{} began out of its phase", planned.id);
        let begun = state.begun.iter().filter(|begun| **begun == n).count();
        prop_assert!(begun <= 1 && (begun == 1 || !new.acts()), "{} stands {} times in the order", planned.id, begun);
    }
    let open: Vec<usize> =
        (0..plan.phases.len()).filter(|n| state.phases[*n] == crate::state::PhaseStatus::Open).collect();
    prop_assert_eq!(open, state.open_phase.into_iter().collect::<Vec<_>>());
    Ok(())
}

proptest! {
    /// Whatever comes in whatever order: nothing panics, what is refused changes nothing, what must hold holds, and who
    /// reads the journal back comes to the same state.
    #[test]
    fn random_events_are_taken_or_refused(
        plan in plans::plan(),
        all in prop::collection::vec(any::<Dice>(), 0..160),
    ) {
        let (graph, mut state) = (Graph::new(&plan), RunState::new(&plan));
        let mut taken = Vec::new();
        for dice in all {
            let event = event(&plan, dice);
            let before = state.clone();
            if state.apply(&plan, &graph, &event).is_ok() {
                check(&plan, &before, &state, &event)?;
                taken.push(event);
            } else {
                prop_assert_eq!(format!("{before:?}"), format!("{state:?}"), "{:?} was refused", event);
            }
            let _ = next(&plan, &graph, &state);
        }
        let mut again = RunState::new(&plan);
        for event in &taken {
            again.apply(&plan, &graph, event).unwrap();
        }
        prop_assert_eq!(format!("{state:?}"), format!("{again:?}"));
    }
}
