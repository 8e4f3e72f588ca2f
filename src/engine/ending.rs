//! The end of a run, judged from its own events by the same code that reads a journal back.

use crate::catalogue::{Part, Undo};
use crate::event::Event;
use crate::id::RunId;
use crate::model::{Course, ExitCode, LeftOver, Place, Plan, UndoResult, Verdict};
use crate::record::{Builder, Ending, Entry, Record, RecordError, changes, judge as judge_record};
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

/// What a run's events add up to, as far as that was asked for.
#[derive(Debug, Default)]
pub(super) struct Story {
    builder: Option<Builder>,
    /// How many events are in it.
    taken: usize,
}

impl Story {
    /// Takes in what is new of `entries`, all events of `run` so far.
    ///
    /// # Errors
    /// They don't belong together: a defect.
    pub(super) fn follow(&mut self, run: &RunId, entries: &[Entry]) -> Result<&Builder, RecordError> {
        if self.builder.is_none() {
            let first = entries.first().ok_or(RecordError::NotStarted)?;
            (self.builder, self.taken) = (Some(Builder::new(run.clone(), first.clone())?), 1);
        }
        let builder = self.builder.as_mut().ok_or(RecordError::NotStarted)?;
        for entry in &entries[self.taken..] {
            builder.push_ref(entry)?;
        }
        self.taken = entries.len();
        Ok(builder)
    }

    /// What it has come to.
    pub(super) fn into_builder(self) -> Option<Builder> {
        self.builder
    }
}

/// Judges a run by what its events add up to and by what is seen at its end. `entries` are its events.
pub(super) fn judge<'a>(
    told: Result<Record, RecordError>,
    plan: &Plan,
    entries: impl Iterator<Item = &'a Entry>,
    state: &RunState,
    seen: &World,
    broken: Broken,
) -> Judged {
    let mut left = left_over(plan, entries, state, broken);
    let Ok(record) = told else {
        return Judged { verdict: Verdict::Failed, world: Place::Unknown, exit: ExitCode::Defect, left };
    };
    let ending = Ending {
        course: state.course,
        aborted: state.aborted,
        refused: state.refused,
        stopped: broken == Broken::Off,
        defect: false,
        left_by_hand: left.iter().any(|it| it.what == BY_HAND),
        world: seen,
    };
    let judged = judge_record(&record, &ending);
    if judged.verdict != Verdict::Passed {
        left.extend(differences(&record, seen));
    }
    Judged { verdict: judged.verdict, world: judged.world, exit: judged.exit, left }
}

/// What is left of a step whose effect only the person knows who had it.
const BY_HAND: &str = "a person did it, and the run, which was taken back, did not take that back";

/// Everything that the run did and that is still so although it was to be taken back, or that is in doubt.
fn left_over<'a>(
    plan: &Plan,
    entries: impl Iterator<Item = &'a Entry>,
    state: &RunState,
    broken: Broken,
) -> Vec<LeftOver> {
    let mut left = Vec::new();
    let mut undone = false;
    for entry in entries {
        undone |= matches!(entry.event, Event::CourseChanged { course: Course::Undoing, .. });
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
    // What can be seen of resources is compared; what programs and requests did can't be seen.
    let stopped = broken == Broken::Off || state.stopped;
    for (n, status) in state.steps.iter().enumerate() {
        let step = &plan.steps[n];
        if step.act.describe().part() == Part::Notice {
            // A message that may have been sent changed no system: there is nothing to look at or take back.
            continue;
        }
        let doubtful = match status {
            Status::Running { .. } | Status::Undoing => "it was under way when the run ended",
            Status::Failed { happened: crate::model::Happened::Unknown, .. } => "whether it happened is not known",
            Status::Passed if stopped && !state.found_done(n) && unseen_trace(step) => "it was done and not taken back",
            Status::ByHand if (stopped || undone) && unseen_trace(step) => BY_HAND,
            _ => continue,
        };
        left.push(LeftOver { step: Some(step.id.clone()), what: doubtful.to_owned(), advice: advice(step) });
    }
    left
}

/// Every resource that is otherwise than before the run, as it is seen.
fn differences(record: &Record, seen: &World) -> Vec<LeftOver> {
    let changed = changes::between(&record.before, seen).into_iter();
    let tell = |change: crate::record::Change| LeftOver {
        step: None,
        what: format!(
            "{}: {}; before the run: {}",
            change.resource,
            change.after.as_deref().unwrap_or("it can't be seen"),
            change.before.as_deref().unwrap_or("it could not be seen")
        ),
        advice: format!("decide whether {} is to stay so; `muster plan` shows it as it is then", change.resource),
    };
    changed.map(tell).collect()
}

fn advice(step: &crate::model::Step) -> String {
    let (subjects, step) = (step.act.describe().subjects(), &step.id);
    if subjects.is_empty() {
        return format!("look whether `{step}` took effect, and take it back by hand if it did");
    }
    let names: Vec<String> = subjects.iter().map(|subject| subject.resource.to_string()).collect();
    format!("look at {} and put back by hand what `{step}` changed", names.join(", "))
}

/// Whether a step changes something that no observation of a resource shows.
fn unseen_trace(step: &crate::model::Step) -> bool {
    let describe = step.act.describe();
    describe.undo() != Undo::Nothing && describe.subjects().is_empty()
}
