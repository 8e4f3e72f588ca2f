//! What may be done next, decided from plan and state alone.

use super::step::Status;
use super::{Graph, PhaseStatus, RunState, Trigger};
use crate::catalogue::{OnFailure, Part};
use crate::model::{Course, Happened, Leg, PhaseKind, PhaseResult, Plan};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Begin this phase.
    StartPhase(usize),
    /// End this phase.
    FinishPhase(usize, PhaseResult),
    /// Begin these steps.
    StartSteps(Vec<usize>),
    /// Leave this step out: a refused run tidies up only what changes nothing.
    Skip(usize),
    /// Give up this step, which waits for its next attempt.
    GiveUp(usize),
    /// Ask what acts to end, and wait for it.
    Quiesce,
    /// Ask a person; the trigger says why.
    Ask(Trigger),
    /// Leave the course.
    Turn {
        /// Where to.
        course: Course,
        /// The leg that is concerned.
        leg: Option<Leg>,
        /// Why.
        because: String,
        /// Whether a person or a guardrail said so.
        aborted: bool,
    },
    /// Take this step back.
    Undo(usize),
    /// Something is under way.
    Wait,
    /// Nothing is left to do.
    Finish,
}

/// One row of the table of courses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// From this course
    pub from: Course,
    /// the run may turn to this one.
    pub to: Course,
    /// When it does.
    pub why: &'static str,
}

const fn row(from: Course, to: Course, why: &'static str) -> Row {
    Row { from, to, why }
}

/// Which course may follow which. Every pair that is not in it is illegal.
pub const TABLE: [Row; 22] = {
    use Course::{CleaningUp, Forward, Holding, Paused, Returning, Stopping, Undoing};
    [
        // From the planned way everything can happen,
        row(Forward, Paused, "A person is asked how to go on, or said to wait."),
        row(Forward, Undoing, "Before the point of no return, what was done is taken back."),
        row(Forward, Returning, "Past the point of no return, safety lies ahead: the failback phases."),
        row(Forward, Holding, "Past the point of no return and no way home: traffic stays where it is healthy."),
        row(Forward, Stopping, "Somebody said stop, or nothing was changed yet."),
        row(Forward, CleaningUp, "Every phase has ended."),
        // and a pause can end in everything.
        row(Paused, Forward, "A person said to go on, or to try again."),
        row(Paused, Undoing, "A person said to undo, before the point of no return."),
        row(Paused, Returning, "The way home goes on, or undo past the point of no return means to take it."),
        row(Paused, Holding, "A person said to undo, and no way home is left."),
        row(Paused, Stopping, "A person said to stop."),
        row(Paused, CleaningUp, "The pause ended when nothing but tidying up was left."),
        // What is taken back ends at home or holds in the secondary; it can be stopped, but not turned round.
        row(Undoing, Holding, "The return was taken back: the secondary goes on serving."),
        row(Undoing, Stopping, "Somebody said stop a second time."),
        row(Undoing, CleaningUp, "Everything that could be taken back was."),
        // The way home can fail: before its own promotion it is taken back, after it the run holds.
        row(Returning, Undoing, "It failed before its own promotion: back to the serving secondary."),
        row(Returning, Paused, "A person is asked how to go on, or said to wait."),
        row(Returning, Holding, "It failed past its own promotion: nothing more is moved."),
        row(Returning, Stopping, "Somebody said stop."),
        row(Returning, CleaningUp, "The run is home."),
        // Whatever happened, cleanup comes last.
        row(Holding, CleaningUp, "What can be tidied up is tidied up."),
        row(Stopping, CleaningUp, "What can be tidied up is tidied up."),
    ]
};

/// Whether one course may follow the other, as [`TABLE`] says.
#[must_use]
pub fn may_follow(from: Course, to: Course) -> bool {
    TABLE.iter().any(|row| row.from == from && row.to == to)
}

/// Decides what to do next. `at_once`: how many steps may run at the same time.
#[must_use]
pub fn next(plan: &Plan, graph: &Graph, state: &RunState) -> Next {
    if let Some(trigger) = &state.trigger
        && state.course != Course::CleaningUp
    {
        return leave(plan, graph, state, trigger);
    }
    match state.course {
        Course::Forward | Course::Returning => onward(plan, state),
        Course::CleaningUp => clean_up(plan, graph, state),
        Course::Undoing => undo(state),
        Course::Paused => Next::Wait,
        Course::Holding | Course::Stopping => close(state, "what can be tidied up is tidied up"),
    }
}

/// A reason to leave the course: first nothing may act any more, then it depends on what had happened by then.
fn leave(plan: &Plan, graph: &Graph, state: &RunState, trigger: &Trigger) -> Next {
    // A pause asks at once and lets what acts go on; everything else asks it to end first.
    // Before the first change a failure refuses the run; a person who pauses it wants it to wait.
    let by_person = trigger.aborted && !trigger.guardrail;
    if trigger.wants == OnFailure::Pause && (state.changed || by_person) {
        if state.course == Course::Paused {
            return Next::Wait;
        }
        return Next::Ask(trigger.clone());
    }
    if state.acting > 0 {
        return if finishes_prechecks(plan, graph, state) { Next::Wait } else { Next::Quiesce };
    }
    if state.resting > 0
        && let Some(step) = state.steps.iter().position(|status| status.rests())
    {
        return Next::GiveUp(step);
    }
    let turn = |course, leg| Next::Turn { course, leg, because: trigger.because.clone(), aborted: trigger.aborted };
    if !state.changed {
        return turn(Course::Stopping, None);
    }
    match trigger.wants {
        OnFailure::Stop => turn(Course::Stopping, None),
        OnFailure::Undo | OnFailure::Pause | OnFailure::Continue => {
            let (course, leg) = to_safety(plan, state);
            turn(course, Some(leg))
        }
    }
}

/// Whether prechecks that were begun beside one that failed are let finish, so that one refusal tells of every fault: they
/// change nothing, and no person is asked.
#[must_use]
pub fn finishes_prechecks(plan: &Plan, graph: &Graph, state: &RunState) -> bool {
    let is_precheck = |step: usize| plan.phase_of(step).kind == PhaseKind::Prechecks;
    let failed = |trigger: &Trigger| !trigger.aborted && !trigger.guardrail && trigger.step.is_some_and(is_precheck);
    if state.changed || state.course != Course::Forward || !state.trigger.as_ref().is_some_and(failed) {
        return false;
    }
    let Some(open) = state.open_phase.map(|open| &plan.phases[open]) else { return false };
    let mut acting = (open.first..open.first + open.count).filter(|step| state.steps[*step].acts());
    acting.all(|step| only_looks(plan, graph, step))
}

/// Whether a step neither changes anything nor asks anybody.
#[must_use]
pub fn only_looks(plan: &Plan, graph: &Graph, step: usize) -> bool {
    !graph.changes(step) && !matches!(plan.steps[step].act.describe().part(), Part::Gate | Part::Notice)
}

/// What `undo` means here: back before the point of no return of the leg, forward or hold after it.
#[must_use]
pub fn to_safety(plan: &Plan, state: &RunState) -> (Course, Leg) {
    let course = if state.course == Course::Paused { state.resumes_to() } else { state.course };
    let returning = course == Course::Returning
        || state
            .phases
            .iter()
            .enumerate()
            .any(|(n, status)| plan.phases[n].leg == Some(Leg::Return) && *status != PhaseStatus::Waiting);
    if returning {
        return if state.is_committed(Leg::Return) {
            (Course::Holding, Leg::Return)
        } else {
            (Course::Undoing, Leg::Return)
        };
    }
    if !state.is_committed(Leg::Failover) {
        return (Course::Undoing, Leg::Failover);
    }
    if next_phase(plan, state, Course::Returning).is_some() {
        (Course::Returning, Leg::Failover)
    } else {
        (Course::Holding, Leg::Failover)
    }
}

/// The next phase on a course.
fn next_phase(plan: &Plan, state: &RunState, course: Course) -> Option<usize> {
    let belongs = |kind: PhaseKind| match course {
        Course::CleaningUp => kind == PhaseKind::Cleanup,
        Course::Returning => kind == PhaseKind::Failback,
        _ => kind != PhaseKind::Cleanup,
    };
    // Phases go one after another, so the search begins behind the last that was begun.
    plan.phases
        .iter()
        .enumerate()
        .position(|(n, phase)| phase.applies && state.phases[n] == PhaseStatus::Waiting && belongs(phase.kind))
}

fn onward(plan: &Plan, state: &RunState) -> Next {
    if let Some(open) = state.open_phase {
        // A run that turned round in the middle of a phase leaves that phase first.
        if state.course == Course::Returning && plan.phases[open].kind != PhaseKind::Failback {
            return leave_phase(state, open);
        }
        return work(plan, state, open);
    }
    match next_phase(plan, state, state.course) {
        Some(phase) => Next::StartPhase(phase),
        None => Next::Turn {
            course: Course::CleaningUp,
            leg: None,
            because: "every phase has ended".to_owned(),
            aborted: false,
        },
    }
}

fn clean_up(plan: &Plan, graph: &Graph, state: &RunState) -> Next {
    if let Some(open) = state.open_phase {
        if plan.phases[open].kind != PhaseKind::Cleanup {
            return leave_phase(state, open);
        }
        let changes = |step: &&usize| graph.changes(**step);
        if state.refused
            && let Some(step) = state.ready.iter().find(changes)
        {
            return Next::Skip(*step);
        }
        return work(plan, state, open);
    }
    match next_phase(plan, state, Course::CleaningUp) {
        Some(phase) => Next::StartPhase(phase),
        None if state.acting > 0 => Next::Wait,
        None => Next::Finish,
    }
}

/// The steps of the open phase, as many at once as the graph and the limit allow.
fn work(plan: &Plan, state: &RunState, phase: usize) -> Next {
    let room = plan.at_once.map_or(usize::MAX, |limit| limit.saturating_sub(state.acting));
    let ready: Vec<usize> = state.ready.iter().copied().take(room).collect();
    if !ready.is_empty() {
        return Next::StartSteps(ready);
    }
    if state.acting > 0 || state.resting > 0 || state.to_try_again().next().is_some() {
        return Next::Wait;
    }
    leave_phase(state, phase).or_passed(plan, state, phase)
}

fn leave_phase(state: &RunState, phase: usize) -> Next {
    if state.acting > 0 {
        return Next::Quiesce;
    }
    Next::FinishPhase(phase, PhaseResult::Failed)
}

impl Next {
    /// A phase all of whose steps passed ended well.
    fn or_passed(self, plan: &Plan, state: &RunState, n: usize) -> Self {
        let phase = &plan.phases[n];
        let passed = |step: usize| {
            !plan.steps[step].applies || matches!(state.steps[step], Status::Passed | Status::Skipped | Status::ByHand)
        };
        match self {
            Self::FinishPhase(..) if (phase.first..phase.first + phase.count).all(passed) => {
                Self::FinishPhase(n, PhaseResult::Passed)
            }
            other => other,
        }
    }
}

fn undo(state: &RunState) -> Next {
    if state.acting > 0 {
        return Next::Wait;
    }
    if let Some(open) = state.open_phase {
        return Next::FinishPhase(open, PhaseResult::Failed);
    }
    match state.owed.last() {
        Some(step) => Next::Undo(*step),
        None => match state.leg {
            Some(Leg::Return) => Next::Turn {
                course: Course::Holding,
                leg: state.leg,
                because: "the return was taken back as far as it could be; nothing more is moved".to_owned(),
                aborted: false,
            },
            _ => close(state, "everything that could be taken back was"),
        },
    }
}

/// What an undo of `leg` has to take back, newest last.
#[must_use]
pub fn owed(plan: &Plan, graph: &Graph, state: &RunState, leg: Option<Leg>) -> Vec<usize> {
    let in_scope = |step: usize| match leg {
        Some(Leg::Return) => plan.leg_of(step) == Some(Leg::Return),
        _ => plan.phase_of(step).kind != PhaseKind::Cleanup,
    };
    let may_have_happened = |step: usize| match state.steps[step] {
        Status::Passed => true,
        Status::Failed { happened, .. } => happened != Happened::No,
        _ => false,
    };
    let owes =
        |step: &usize| may_have_happened(*step) && !state.idle[*step] && graph.undoable[*step] && in_scope(*step);
    state.begun.iter().copied().filter(owes).collect()
}

fn close(state: &RunState, because: &str) -> Next {
    if state.acting > 0 {
        return Next::Wait;
    }
    if let Some(open) = state.open_phase {
        return Next::FinishPhase(open, PhaseResult::Failed);
    }
    Next::Turn { course: Course::CleaningUp, leg: state.leg, because: because.to_owned(), aborted: false }
}
