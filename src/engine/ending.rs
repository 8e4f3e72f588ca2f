//! The end of a run, judged from its own events by the same code that reads a journal back.

use crate::event::Event;
use crate::model::{ExitCode, LeftOver, Place, Plan, UndoResult, Verdict};
use crate::record::{Ending, Entry, Heads, Record, judge as judge_record};
use crate::resource::World;
use crate::state::RunState;
use crate::state::step::Status;

/// What the last event says.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) world: Place,
    pub(super) exit: ExitCode,
    pub(super) left: Vec<LeftOver>,
}

/// Whether the run was broken off, with steps left that nobody will start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    No,
    Off,
}

/// Judges a run by its events and by what is seen at its end.
pub(super) fn judge<'a>(
    run: &crate::id::RunId,
    plan: &Plan,
    entries: impl Iterator<Item = &'a Entry> + Clone,
    state: &RunState,
    seen: &World,
    broken: Broken,
) -> Judged {
    let left = left_over(plan, entries.clone(), state);
    let defect = Judged { verdict: Verdict::Failed, world: Place::Unknown, exit: ExitCode::Defect, left: left.clone() };
    let Ok(record) = Record::of_events(run.clone(), entries, Heads::default()) else {
        return defect;
    };
    let ending = Ending {
        course: state.course,
        aborted: state.aborted,
        refused: state.refused,
        stopped: broken == Broken::Off,
        defect: false,
        world: seen,
    };
    let judged = judge_record(&record, &ending);
    Judged { verdict: judged.verdict, world: judged.world, exit: judged.exit, left }
}

/// Everything that the run did and that is still so although it was to be taken back, or that is in doubt.
fn left_over<'a>(plan: &Plan, entries: impl Iterator<Item = &'a Entry>, state: &RunState) -> Vec<LeftOver> {
    let mut left = Vec::new();
    for entry in entries {
        if let Event::UndoFinished { step, result } = &entry.event {
            match result {
                UndoResult::Irreversible(what) => left.push(LeftOver {
                    step: Some(step.clone()),
                    what: what.clone(),
                    advice: "look whether it must be taken back by hand".to_owned(),
                }),
                UndoResult::Failed(why) => left.push(LeftOver {
                    step: Some(step.clone()),
                    what: format!("it could not be taken back: {why}"),
                    advice: plan.step_index(step).map(|n| advice(&plan.steps[n])).unwrap_or_default(),
                }),
                UndoResult::Restored | UndoResult::Compensated(_) | UndoResult::NothingToDo => {}
            }
        }
    }
    for (n, status) in state.steps.iter().enumerate() {
        let step = &plan.steps[n];
        let doubtful = match status {
            Status::Running { .. } | Status::Undoing => "it was under way when the run ended",
            Status::Failed { happened: crate::model::Happened::Unknown, .. } => "whether it happened is not known",
            _ => continue,
        };
        left.push(LeftOver { step: Some(step.id.clone()), what: doubtful.to_owned(), advice: advice(step) });
    }
    left
}

fn advice(step: &crate::model::Step) -> String {
    let (subjects, step) = (step.act.describe().subjects(), &step.id);
    if subjects.is_empty() {
        return format!("look whether `{step}` took effect, and take it back by hand if it did");
    }
    let names: Vec<String> = subjects.iter().map(|subject| subject.resource.to_string()).collect();
    format!("look at {} and put back by hand what `{step}` changed", names.join(", "))
}
