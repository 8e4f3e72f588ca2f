//! What a person did of a run that was left behind, held against what its journal tells.

use super::AppError;
use crate::id::StepId;
use crate::model::Plan;
use crate::record::Entry;
use crate::state::step::{Status, StepEvent, next};
use crate::state::{Graph, RunState};

/// The state of a run at the end of its journal.
///
/// # Errors
/// [`AppError::Files`]: the journal was not written by this engine.
pub(super) fn replayed(plan: &Plan, entries: &[Entry]) -> Result<RunState, AppError> {
    let (graph, mut state) = (Graph::new(plan), RunState::new(plan));
    for entry in entries {
        state.apply(plan, &graph, &entry.event).map_err(|illegal| {
            AppError::Files(format!("the journal's line {}: {illegal}. Nothing was touched", entry.seq + 1))
        })?;
    }
    Ok(state)
}

/// The steps that a person did by hand, as the plan has them, each in a state in which that can be.
///
/// # Errors
/// [`AppError::Usage`] says what is wrong with which; [`AppError::Files`] as [`replayed`].
pub(super) fn by_hand(
    plan: &Plan,
    entries: &[Entry],
    given: &[(String, String)],
) -> Result<Vec<(StepId, String)>, AppError> {
    if given.is_empty() {
        // A journal of a hundred thousand records is not read twice for nothing.
        return Ok(Vec::new());
    }
    let mut steps = replayed(plan, entries)?.steps;
    let mut known = Vec::new();
    for (step, because) in given {
        let n = plan.steps.iter().position(|planned| planned.id.as_str() == step).ok_or_else(|| {
            AppError::Usage(format!(
                "the run's plan has no step `{step}`; `muster show` lists its steps. Nothing was touched"
            ))
        })?;
        if !plan.steps[n].applies {
            return Err(AppError::Usage(format!(
                "step `{step}` is no part of this run, which is {}: there is nothing to skip. Nothing was touched",
                plan.mode
            )));
        }
        // Each after those before it, as they will be journalled: none is given twice.
        steps[n] = next(steps[n], &StepEvent::DoneByHand).map_err(|_| {
            AppError::Usage(format!(
                "step `{step}` {}: there is nothing to do by hand in its place. Nothing was touched",
                is(steps[n])
            ))
        })?;
        known.push((plan.steps[n].id.clone(), because.clone()));
    }
    Ok(known)
}

/// What a step in this state is, for people.
const fn is(status: Status) -> &'static str {
    match status {
        Status::Waiting => "has not begun",
        Status::Running { .. } => "is under way",
        Status::Resting { .. } => "waits for its next attempt",
        Status::Passed => "has passed",
        Status::Failed { .. } => "has failed",
        Status::Skipped => "was left out",
        Status::ByHand => "was done by hand already",
        Status::Undoing => "is being taken back",
        Status::Undone => "was taken back",
        Status::Left => "could not be taken back wholly",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Request, load};
    use crate::catalogue::Mode;
    use crate::event::Event;
    use crate::time::Moment;

    const INFRA: &str = "muster: 1\nname: lab\nenvironment: lab\n\
                         regions: { primary: { name: a }, secondary: { name: b } }\n";
    const DRILL: &str = "
muster: 1
name: drill
infrastructure: infra.yaml
phases: [{ name: failover, steps: [{ id: touch, command: { argv: [touch, touched] } }] }]
";

    #[test]
    fn what_was_left_out_is_nothing_to_do_by_hand() {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        std::fs::write(folder.path().join("infra.yaml"), INFRA).unwrap();
        std::fs::write(folder.path().join("drill.yaml"), DRILL).unwrap();
        let playbook = folder.path().join("drill.yaml").display().to_string();
        let plan = load(&Request { playbook, mode: Some(Mode::Planned), ..Request::default() }).unwrap().plan;
        let given = [("touch".to_owned(), "it was there".to_owned())];
        assert_eq!(by_hand(&plan, &[], &given).unwrap().len(), 1);
        let step = plan.steps[0].id.clone();
        let event = Event::StepSkipped { step, because: "refused".to_owned(), by: None };
        let at = "2026-03-01T02:00:00Z".parse().unwrap();
        let left_out = [Entry { seq: 0, at, elapsed: Moment::ZERO, event }];
        let Err(AppError::Usage(why)) = by_hand(&plan, &left_out, &given) else { panic!("it can't follow") };
        assert!(why.starts_with("step `touch` was left out: "), "{why}");
    }
}
