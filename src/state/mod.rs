//! What a run is at any moment, and how each event changes it. Pure: replay is the same function.
//!
//! Four parts, a file each:
//!
//! * [`step`]: the states of a step, one commented table;
//! * [`RunState::apply`]: every event of a run, total: an event that can't follow is refused, never ignored;
//! * [`course`]: the table of courses, and what may be done next, decided from plan and state alone;
//! * [`chart`]: both tables as `docs/states.md` shows them.
//!
//! # Where undo ends
//!
//! A phase that ended well is a checkpoint, but not each is a place to rest: between the disaster and the end of
//! verification users are out. So undo in the failover leg goes back to before the run's first change (home), and
//! undo in the return leg to before the first failback phase (the serving secondary). Past a leg's point of no
//! return nothing of it is taken back: the run goes forward through the failback phases, or holds.

pub mod chart;
pub mod course;
mod graph;
mod left;
pub mod step;

pub use graph::Graph;
pub use left::LeftBehind;

use std::sync::Arc;

use crate::catalogue::{OnFailure, Part};
use crate::event::{Event, ResumeTo, Resumed};
use crate::id::{PhaseId, ResourceId, StepId};
use crate::model::{Command, Course, Happened, Leg, PhaseKind, PhaseResult, Plan};
use crate::resource::{Choice, Marker};
use left::Did;
use step::{Status, StepEvent};

/// An event that can't follow from where the run is: a defect in whoever emitted it, or a journal that was not
/// written by this engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Illegal(pub String);

/// The state of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseStatus {
    /// Not begun.
    Waiting,
    /// Begun.
    Open,
    /// Ended.
    Ended(PhaseResult),
}

/// Why the run must leave its course as soon as nothing acts any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What it asks for.
    pub wants: OnFailure,
    /// Why, for people.
    pub because: String,
    /// Whether a person or a guardrail asked: the run is aborted, not failed.
    pub aborted: bool,
    /// The step whose failure asked.
    pub step: Option<usize>,
    /// Whether a guardrail asked.
    pub guardrail: bool,
}

/// Whether a step that changes something may have done so: it acted, and was not observed to have done nothing.
fn may_have_changed(status: Status) -> bool {
    !matches!(status, Status::Waiting | Status::Skipped | Status::Failed { happened: Happened::No, .. })
}

/// What a run is at a moment.
#[derive(Clone, Debug)]
pub struct RunState {
    /// Each step, by its place in the plan.
    pub steps: Vec<Status>,
    /// Each phase, by its place in the plan.
    pub phases: Vec<PhaseStatus>,
    /// The phase whose steps run now.
    pub open_phase: Option<usize>,
    /// Where the run is going.
    pub course: Course,
    /// The leg that is undone or returned from.
    pub leg: Option<Leg>,
    /// Whether a person or a guardrail ended it.
    pub aborted: bool,
    /// Whether a step that changes something was begun, and is not known to have changed nothing.
    pub changed: bool,
    /// How many such steps there are.
    changes: usize,
    /// Whether a precheck, a gate or a guardrail stopped it before the first change.
    pub refused: bool,
    /// Whether it was stopped: what it did was neither finished nor taken back.
    pub stopped: bool,
    /// Whether two sides took writes at once.
    pub split_brain: bool,
    /// The legs whose point of no return is passed.
    pub committed: Vec<Leg>,
    /// Why the course must change.
    pub trigger: Option<Trigger>,
    /// Steps in the order in which they were begun.
    pub begun: Vec<usize>,
    /// How many steps act now: running, or being taken back.
    pub acting: usize,
    /// How many wait for their next attempt.
    pub resting: usize,
    /// Whether the run has ended.
    pub finished: bool,
    /// What each side may hold that exists nowhere else.
    pub left_behind: Arc<LeftBehind>,
    /// Steps of the open phase that may start, lowest first.
    ready: std::collections::BTreeSet<usize>,
    /// How many needs of each step are not met.
    unmet: Vec<usize>,
    /// What the failed attempts of each step did.
    tried: Vec<Happened>,
    /// Steps that found their work done: there is nothing of theirs to take back.
    idle: Vec<bool>,
    /// Steps that have let go what needs them.
    released: Vec<bool>,
    /// Steps that a person wants tried again, and that were not begun again yet.
    again: std::collections::BTreeSet<usize>,
    /// What is still to be taken back, newest last.
    owed: Vec<usize>,
    /// The step whose failure is behind a pause.
    paused_for: Option<usize>,
    /// Whether a person or a guardrail is behind a pause.
    paused_by_people: bool,
    /// Where a pause goes on to.
    resume_to: Course,
}

impl RunState {
    /// Before the first event.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let unmet = plan.steps.iter().map(|step| step.needs.iter().filter(|need| plan.steps[**need].applies).count());
        Self {
            steps: vec![Status::Waiting; plan.steps.len()],
            phases: vec![PhaseStatus::Waiting; plan.phases.len()],
            open_phase: None,
            course: Course::Forward,
            leg: None,
            aborted: false,
            changed: false,
            changes: 0,
            refused: false,
            stopped: false,
            split_brain: false,
            committed: Vec::new(),
            trigger: None,
            begun: Vec::new(),
            acting: 0,
            resting: 0,
            finished: false,
            left_behind: Arc::default(),
            ready: std::collections::BTreeSet::new(),
            unmet: unmet.collect(),
            tried: vec![Happened::No; plan.steps.len()],
            idle: vec![false; plan.steps.len()],
            released: vec![false; plan.steps.len()],
            again: std::collections::BTreeSet::new(),
            owed: Vec::new(),
            paused_for: None,
            paused_by_people: false,
            resume_to: Course::Forward,
        }
    }

    /// Takes in one event.
    ///
    /// # Errors
    /// The event can't follow; nothing was changed.
    #[expect(clippy::too_many_lines, reason = "one arm an event: the whole of what each does stands in one place")]
    pub fn apply(&mut self, plan: &Plan, graph: &Graph, event: &Event) -> Result<(), Illegal> {
        match (self.finished, event) {
            // What people add afterwards changes nothing of the run.
            (true, Event::Reviewed { .. }) => return Ok(()),
            (true, _) => return Err(Illegal("the run has ended; nothing but a review can follow".to_owned())),
            (false, Event::Reviewed { .. }) => {
                return Err(Illegal("the run is reviewed before it has ended".to_owned()));
            }
            (false, _) => {}
        }
        match event {
            Event::PhaseStarted { phase } => self.start_phase(plan, graph, phase),
            Event::PhaseFinished { phase, result } => self.finish_phase(graph, phase, *result),
            Event::StepStarted { step, attempt, .. } => {
                let n = Self::find(plan, graph, step)?;
                if self.open_phase != Some(plan.steps[n].phase) {
                    return Err(Illegal(format!("step `{step}` can't begin: its phase is not open")));
                }
                self.step_event(plan, graph, n, StepEvent::Started { attempt: *attempt })
            }
            Event::StepPassed { step, attempt, pass } => {
                let n = Self::find(plan, graph, step)?;
                self.step_event(plan, graph, n, StepEvent::Passed { attempt: *attempt })?;
                self.idle[n] = pass.already;
                self.note_left(plan, n, if pass.already { Did::FoundDone } else { Did::Passed });
                Ok(())
            }
            Event::StepFailed { step, attempt, failure } => {
                let n = Self::find(plan, graph, step)?;
                // What an earlier attempt did is not undone by a later one that did nothing.
                let happened = failure.happened.stronger(self.tried[n]);
                let event = match failure.retry_in {
                    Some(_) => StepEvent::FailedForNow { attempt: *attempt },
                    None => StepEvent::Failed { attempt: *attempt, happened },
                };
                self.step_event(plan, graph, n, event)?;
                self.tried[n] = happened;
                self.note_left(plan, n, Did::Failed(happened));
                if failure.ask {
                    let because = format!("step `{}` is in doubt: {}", plan.steps[n].id, failure.what);
                    let wants = OnFailure::Pause;
                    self.pull(Trigger { wants, because, aborted: false, step: Some(n), guardrail: false });
                } else if failure.retry_in.is_none() && !failure.cancelled {
                    self.step_failed_for_good(plan, n, &failure.what);
                }
                Ok(())
            }
            Event::StepSkipped { step, by, .. } => {
                let n = Self::find(plan, graph, step)?;
                let event = if by.is_some() { StepEvent::DoneByHand } else { StepEvent::Skipped };
                self.step_event(plan, graph, n, event)?;
                if by.is_some() {
                    self.note_left(plan, n, Did::ByHand);
                }
                Ok(())
            }
            Event::Resumed(resumed) => {
                self.taken_up(resumed);
                Ok(())
            }
            Event::UndoStarted { step } => {
                let n = Self::find(plan, graph, step)?;
                self.step_event(plan, graph, n, StepEvent::UndoStarted)?;
                self.owed.retain(|owed| *owed != n);
                Ok(())
            }
            Event::UndoFinished { step, result } => {
                let n = Self::find(plan, graph, step)?;
                let leaves_something = result.leaves_something();
                self.step_event(plan, graph, n, StepEvent::UndoFinished { leaves_something })
            }
            Event::CourseChanged { course, leg, aborted, .. } => {
                self.change_course(plan, graph, *course, *leg, *aborted)
            }
            Event::Decided { choice, situation, .. } => {
                self.decide(plan, graph, *choice, situation);
                Ok(())
            }
            Event::SplitBrain { resource, seen } => {
                self.split_brain = true;
                self.pull(Trigger {
                    wants: OnFailure::Stop,
                    because: format!("two sides of {resource} took writes: {seen}"),
                    aborted: false,
                    step: None,
                    guardrail: true,
                });
                Ok(())
            }
            Event::GuardrailBroken { name, seen, then } => {
                if *then != OnFailure::Continue {
                    self.pull(Trigger {
                        wants: *then,
                        because: format!("guardrail `{name}` is broken: {seen}"),
                        aborted: true,
                        step: None,
                        guardrail: true,
                    });
                }
                Ok(())
            }
            Event::Claimed { taken, .. } => {
                if !taken.is_empty() {
                    let because = has_it(taken);
                    self.pull(Trigger { wants: OnFailure::Stop, because, aborted: false, step: None, guardrail: true });
                }
                Ok(())
            }
            Event::Signalled { signal, then } => {
                // A second SIGINT ends the run at once, because a person said so.
                self.aborted |= then.is_none() && signal == "SIGINT";
                if let Some(wants) = *then {
                    let because = format!("{signal} came");
                    self.pull(Trigger { wants, because, aborted: true, step: None, guardrail: false });
                }
                Ok(())
            }
            Event::Finished { .. } => {
                self.finished = true;
                Ok(())
            }
            Event::Commanded { command, by, then, ignored } => {
                // A second abort ends the run at once, because a person said so.
                self.aborted |= then.is_none() && ignored.is_none() && matches!(command, Command::Abort { .. });
                if let Some(wants) = *then {
                    let because = format!("{by}: {command}");
                    self.pull(Trigger { wants, because, aborted: true, step: None, guardrail: false });
                }
                Ok(())
            }
            // Observations: they are measured and reported, and change nothing of what may be done next.
            Event::Started(_)
            | Event::Reviewed { .. }
            | Event::Surveyed { .. }
            | Event::GateOpened { .. }
            | Event::GateVoted { .. }
            | Event::LeaseLost { .. }
            | Event::GateAnswered { .. }
            | Event::Sampled { .. }
            | Event::SamplesSummed { .. }
            | Event::GuardrailSeen { .. }
            | Event::CanaryCounted { .. }
            | Event::DnsAnswered { .. } => Ok(()),
        }
    }

    /// What the step did to what exists nowhere else.
    fn note_left(&mut self, plan: &Plan, n: usize, did: Did) {
        if LeftBehind::concerns(&plan.steps[n].act) {
            Arc::make_mut(&mut self.left_behind).take_in(&plan.steps[n], plan.mode, did);
        }
    }

    /// A run that was left behind goes on, or is brought to an end.
    fn taken_up(&mut self, resumed: &Resumed) {
        let wants = match resumed.to {
            ResumeTo::GoOn => return,
            ResumeTo::Undo => OnFailure::Undo,
            ResumeTo::Stop => OnFailure::Stop,
        };
        let because = format!("{} took it up again to end it", resumed.by);
        self.pull(Trigger { wants, because, aborted: true, step: None, guardrail: false });
    }

    /// Whether a leg's point of no return is passed.
    #[must_use]
    pub fn is_committed(&self, leg: Leg) -> bool {
        self.committed.contains(&leg)
    }

    /// Notes a reason to leave the course; the first stands, but undo outranks pause, and stop
    /// outranks both. While things are taken back or
    /// held, only stop is heard; while they are tidied up, nothing is.
    pub fn pull(&mut self, trigger: Trigger) {
        let rank = |wants: OnFailure| match wants {
            OnFailure::Continue => 0,
            OnFailure::Pause => 1,
            OnFailure::Undo => 2,
            OnFailure::Stop => 3,
        };
        let stop = trigger.wants == OnFailure::Stop;
        let heard = match self.course {
            Course::Forward | Course::Paused => true,
            // On the way to safety a guardrail only reports; it must not turn the run round again.
            Course::Returning => stop || !trigger.guardrail,
            Course::Undoing => stop,
            Course::Holding | Course::Stopping | Course::CleaningUp => false,
        };
        let outranks = self.trigger.as_ref().is_none_or(|old| rank(trigger.wants) > rank(old.wants));
        if heard && outranks {
            self.trigger = Some(trigger);
        }
    }

    /// The place of a step to which something may happen: one that applies.
    fn find(plan: &Plan, graph: &Graph, id: &StepId) -> Result<usize, Illegal> {
        let n = graph.step(id).ok_or_else(|| Illegal(format!("the plan has no step `{id}`")))?;
        if plan.steps[n].applies { Ok(n) } else { Err(Illegal(format!("step `{id}` is no part of this run"))) }
    }

    fn start_phase(&mut self, plan: &Plan, graph: &Graph, id: &PhaseId) -> Result<(), Illegal> {
        let n = *graph.phases.get(id).ok_or_else(|| Illegal(format!("the plan has no phase `{id}`")))?;
        if let Some(open) = self.open_phase {
            return Err(Illegal(format!("phase `{id}` can't begin while `{}` is open", plan.phases[open].id)));
        }
        if self.phases[n] != PhaseStatus::Waiting {
            return Err(Illegal(format!("phase `{id}` has begun before")));
        }
        self.phases[n] = PhaseStatus::Open;
        self.open_phase = Some(n);
        let phase = &plan.phases[n];
        // A person may have done a step by hand before its phase came.
        let waits = |n: usize| self.steps[n] == Status::Waiting;
        let begins = |n: &usize| plan.steps[*n].applies && self.unmet[*n] == 0 && waits(*n);
        self.ready = (phase.first..phase.first + phase.count).filter(begins).collect();
        Ok(())
    }

    fn finish_phase(&mut self, graph: &Graph, id: &PhaseId, result: PhaseResult) -> Result<(), Illegal> {
        let n = *graph.phases.get(id).ok_or_else(|| Illegal(format!("the plan has no phase `{id}`")))?;
        if self.open_phase != Some(n) {
            return Err(Illegal(format!("phase `{id}` is not open")));
        }
        self.phases[n] = PhaseStatus::Ended(result);
        self.open_phase = None;
        self.ready.clear();
        Ok(())
    }

    fn step_event(&mut self, plan: &Plan, graph: &Graph, n: usize, event: StepEvent) -> Result<(), Illegal> {
        let old = self.steps[n];
        let new = step::next(old, &event).map_err(|why| Illegal(format!("step `{}`: {}", plan.steps[n].id, why.0)))?;
        self.steps[n] = new;
        self.acting = self.acting + usize::from(new.acts()) - usize::from(old.acts());
        self.resting = self.resting + usize::from(new.rests()) - usize::from(old.rests());
        if old == Status::Waiting {
            self.ready.remove(&n);
        }
        self.again.remove(&n);
        if old == Status::Waiting && new.acts() {
            self.begun.push(n);
        }
        if graph.changes[n] {
            self.changes = self.changes + usize::from(may_have_changed(new)) - usize::from(may_have_changed(old));
            self.changed = self.changes > 0;
        }
        let gone_on =
            new == Status::Passed || (matches!(new, Status::Failed { .. }) && continues_after_failure(plan, n));
        if (gone_on && !old.ended()) || matches!(new, Status::Skipped | Status::ByHand) {
            self.release(plan, graph, n);
        }
        self.note_promotion(plan, graph, n, new);
        Ok(())
    }

    /// Lets go what needs step `n`.
    fn release(&mut self, plan: &Plan, graph: &Graph, n: usize) {
        if std::mem::replace(&mut self.released[n], true) {
            return;
        }
        for &dependent in &graph.dependents[n] {
            self.unmet[dependent] -= 1;
            // A step that ends late must not wake the steps of a phase that the run has left.
            let open = self.open_phase == Some(plan.steps[dependent].phase);
            let waits = self.steps[dependent] == Status::Waiting;
            if self.unmet[dependent] == 0 && plan.steps[dependent].applies && open && waits {
                self.ready.insert(dependent);
            }
        }
    }

    /// Step `n` is tried again: what needs it and was not begun waits for it once more.
    fn hold_back(&mut self, graph: &Graph, n: usize) {
        if !std::mem::replace(&mut self.released[n], false) {
            return;
        }
        for &dependent in &graph.dependents[n] {
            self.unmet[dependent] += 1;
            self.ready.remove(&dependent);
        }
    }

    /// A person said how a run goes on that stood still.
    fn decide(&mut self, plan: &Plan, graph: &Graph, choice: Choice, situation: &str) {
        let wants = match choice {
            Choice::Retry => {
                // A person may have done it by hand since.
                if let Some(step) = self.paused_for
                    && matches!(self.steps[step], Status::Failed { .. })
                {
                    self.again.insert(step);
                    self.hold_back(graph, step);
                }
                return;
            }
            Choice::GoOn => {
                if let Some(step) = self.paused_for.take() {
                    self.release(plan, graph, step);
                }
                return;
            }
            Choice::Undo => OnFailure::Undo,
            Choice::Stop => OnFailure::Stop,
        };
        let (aborted, step) = (self.paused_by_people, self.paused_for);
        self.pull(Trigger { wants, because: situation.to_owned(), aborted, step, guardrail: false });
    }

    /// The point of no return: a promotion was applied, or is in doubt.
    fn note_promotion(&mut self, plan: &Plan, graph: &Graph, n: usize, status: Status) {
        let passed = match status {
            Status::Passed | Status::ByHand => true,
            Status::Failed { happened, .. } => happened != Happened::No,
            _ => false,
        };
        if graph.promotion[n]
            && passed
            && let Some(leg) = plan.leg_of(n)
            && !self.committed.contains(&leg)
        {
            self.committed.push(leg);
        }
    }

    fn step_failed_for_good(&mut self, plan: &Plan, n: usize, what: &str) {
        if !continues_after_failure(plan, n) {
            let step = &plan.steps[n];
            let because = format!("step `{}` failed: {what}", step.id);
            self.pull(Trigger { wants: step.on_failure, because, aborted: false, step: Some(n), guardrail: false });
        }
    }

    fn change_course(
        &mut self,
        plan: &Plan,
        graph: &Graph,
        course: Course,
        leg: Option<Leg>,
        aborted: bool,
    ) -> Result<(), Illegal> {
        if !course::may_follow(self.course, course) {
            return Err(Illegal(format!("a run that is {} can't turn to {course}", self.course)));
        }
        // What came up while a person was asked is put to them next; an undo that turns the run round has heard it.
        let resumes = self.course == Course::Paused && course == self.resume_to;
        let trigger = if resumes { None } else { self.trigger.take() };
        self.stopped |= course == Course::Stopping;
        if course == Course::Stopping && !self.changed {
            self.refused |= trigger.as_ref().is_some_and(|trigger| refuses(plan, trigger));
        }
        if course == Course::Paused {
            self.resume_to = self.course;
            self.paused_by_people = trigger.as_ref().is_some_and(|trigger| trigger.aborted);
            self.paused_for = trigger.and_then(|trigger| trigger.step);
        }
        if !resumes && course != Course::Paused {
            self.again.clear();
        }
        if course == Course::Undoing {
            self.owed = course::owed(plan, graph, self, leg);
        }
        self.course = course;
        self.leg = leg;
        self.aborted |= aborted && course != Course::Paused;
        Ok(())
    }

    /// Whether a step found its work done and did nothing.
    #[must_use]
    pub fn found_done(&self, step: usize) -> bool {
        self.idle[step]
    }

    /// The course that a pause interrupted.
    #[must_use]
    pub fn resumes_to(&self) -> Course {
        self.resume_to
    }

    /// Steps that a person wants tried again, and that were not begun again yet.
    pub fn to_try_again(&self) -> impl Iterator<Item = usize> {
        self.again.iter().copied()
    }

    /// The step whose failure is behind the pause.
    #[must_use]
    pub fn paused_step(&self) -> Option<usize> {
        self.paused_for
    }
}

/// Whether a step's failure lets what needs it go on. Cleanup is tried to its end, whatever fails in it.
fn continues_after_failure(plan: &Plan, n: usize) -> bool {
    plan.steps[n].on_failure == OnFailure::Continue || plan.phase_of(n).kind == PhaseKind::Cleanup
}

/// Who has what the run would change.
fn has_it(taken: &[(ResourceId, Marker)]) -> String {
    let told: Vec<String> = taken.iter().map(|(resource, marker)| format!("{resource}: {marker}")).collect();
    told.join("; ")
}

/// Whether what stopped a run before its first change refuses it: a precheck, a gate, or a guardrail.
fn refuses(plan: &Plan, trigger: &Trigger) -> bool {
    match trigger.step {
        Some(step) => {
            plan.phase_of(step).kind == PhaseKind::Prechecks || plan.steps[step].act.describe().part() == Part::Gate
        }
        None => trigger.guardrail,
    }
}

#[cfg(test)]
mod tests;
