//! Steps and phases: before anything happened to them, and what they add up to.

use super::bearing;
use super::builder::Builder;
use super::{Change, PhaseRecord, PhaseState, StepRecord, StepState, WithinResult, changes};
use crate::catalogue::{Act, Evidence, Part, Setting};
use crate::measure::Judgement;
use crate::model::{PhaseResult, Plan, UndoResult};
use crate::time::Span;

/// A step that nothing is known of but the plan.
pub(super) fn blank(plan: &Plan, index: usize) -> StepRecord {
    let step = &plan.steps[index];
    let phase = plan.phase_of(index);
    let describe = step.act.describe();
    let applies = step.applies && phase.applies;
    StepRecord {
        id: step.id.clone(),
        title: step.title.clone(),
        phase: step.phase,
        leg: phase.leg,
        action: step.act.key().to_owned(),
        summary: describe.summary(),
        subjects: describe.subjects().into_iter().map(|subject| subject.resource).collect(),
        needs: step.needs.iter().filter_map(|need| plan.steps.get(*need)).map(|need| need.id.clone()).collect(),
        state: if applies { StepState::NotReached } else { StepState::NotInThisMode },
        started: None,
        ended: None,
        took: None,
        expected: step.expected,
        within: step.within.map(|within| WithinResult { within, counted: None, judgement: Judgement::NotMeasured }),
        attempts: Vec::new(),
        gates: Vec::new(),
        on_failure: step.on_failure,
        failure: None,
        warning: None,
        evidence: Evidence::new(),
        changes: Vec::new(),
        undo: None,
        bears_on: bearing::bears_on(plan, index),
    }
}

/// How an undo ended, for people.
pub(super) fn undo_text(result: &UndoResult) -> String {
    match result {
        UndoResult::Restored => "taken back".to_owned(),
        UndoResult::Compensated(what) => format!("made up for: {what}"),
        UndoResult::NothingToDo => "nothing to take back".to_owned(),
        UndoResult::Irreversible(what) => format!("can't be taken back: {what}"),
        UndoResult::Failed(why) => format!("could not be taken back: {why}"),
    }
}

/// Whether a step acts on systems while it runs: gates, notices, checks and waits don't.
pub(super) fn acts(act: &Act) -> bool {
    !matches!(act, Act::Check(_) | Act::Wait(_)) && !matches!(act.describe().part(), Part::Gate | Part::Notice)
}

/// The steps, with what follows from all that happened to them.
pub(super) fn steps(builder: &Builder) -> Vec<StepRecord> {
    let finish = |step: &StepRecord| {
        let mut step = step.clone();
        if step.state == StepState::Running {
            step.ended = None;
        }
        step.took = step.started.zip(step.ended).map(|(from, to)| to.since(from));
        step.within = step.within.map(|result| judge_within(result.within, &step));
        if step.state != StepState::Passed {
            step.changes.clear();
        }
        step
    };
    builder.steps.iter().map(finish).collect()
}

/// Retries count, open gates don't.
fn judge_within(within: Span, step: &StepRecord) -> WithinResult {
    let gates: Span = step.gates.iter().filter_map(|gate| Some(gate.closed?.since(gate.opened))).sum();
    let counted = step.took.map(|took| took - gates);
    let judgement = match counted {
        Some(counted) if counted > within => Judgement::Missed,
        Some(_) if step.state.is_good() => Judgement::Met,
        _ => Judgement::NotMeasured,
    };
    WithinResult { within, counted, judgement }
}

/// What a passed step changed: its effect was seen, so the captured state and its effect tell.
pub(super) fn step_changes(builder: &Builder, index: usize) -> Vec<Change> {
    let plan = builder.plan();
    let before = &builder.captured[index];
    let mut after = before.clone();
    let setting = Setting { mode: plan.mode, initial: &builder.before, discard: plan.discard };
    plan.steps[index].act.describe().effect(&mut after, &setting);
    changes::between(before, &after)
}

/// The phases.
pub(super) fn phases(builder: &Builder) -> Vec<PhaseRecord> {
    let make = |(plan, times): (&crate::model::Phase, &super::builder::PhaseTimes)| {
        let ended = times.ended.map(|(at, _)| at);
        PhaseRecord {
            id: plan.id.clone(),
            title: plan.title.clone(),
            kind: plan.kind,
            leg: plan.leg,
            state: match (plan.applies, times.started, times.ended) {
                (_, _, Some((_, PhaseResult::Passed))) => PhaseState::Passed,
                (_, _, Some((_, PhaseResult::Failed))) => PhaseState::Failed,
                (_, Some(_), None) => PhaseState::Running,
                (true, None, None) => PhaseState::NotReached,
                (false, None, None) => PhaseState::NotInThisMode,
            },
            started: times.started,
            ended,
            took: times.started.zip(ended).map(|(from, to)| to.since(from)),
            first: plan.first,
            count: plan.count,
        }
    };
    builder.plan().phases.iter().zip(&builder.phases).map(make).collect()
}
