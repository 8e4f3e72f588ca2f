//! What follows: everything that may be done now, as events and deeds.

use crate::catalogue::{Before, Mode, OnFailure};
use crate::event::Event;
use crate::model::{Course, Happened, PhaseKind};
use crate::record::{Entry, Heads, PhaseState, Record, StepState};
use crate::resource::World;
use crate::state::course::{self, Next};
use crate::state::step::Status;

use super::deeds::Deed;
use super::intake::Note;
use super::{Dispatcher, EngineError, Guarded, Round};
use crate::engine::ending::{self, Broken};
use crate::engine::executor::{Begin, intent, needs_no_look};
use crate::engine::late;
use crate::engine::redacted::Clean;

impl Dispatcher {
    /// Everything that may be done now, as events and deeds. `true`: nothing is left to do.
    pub(super) fn decide(&mut self, round: &mut Round) -> Result<bool, EngineError> {
        if self.break_off.is_some() {
            return Ok(false);
        }
        self.start_due_retries(round)?;
        loop {
            match course::next(&self.plan, &self.graph, &self.state) {
                Next::StartPhase(n) => {
                    let phase = self.plan.phases[n].id.clone();
                    self.emit(round, Event::PhaseStarted { phase })?;
                }
                Next::FinishPhase(..) if !self.looking.is_empty() => {
                    // A step of it still looks: what it finds is not acted on where the run has left its course.
                    if !self.may_begin() {
                        round.deeds.push(Deed::CancelAll);
                    }
                    return Ok(false);
                }
                Next::FinishPhase(n, result) => {
                    let phase = self.plan.phases[n].id.clone();
                    self.emit(round, Event::PhaseFinished { phase, result })?;
                }
                Next::StartSteps(steps) => {
                    if !self.start_steps(round, &steps)? {
                        return Ok(false);
                    }
                }
                Next::Skip(step) => {
                    let because = "the run was refused before its first change: there is nothing to tidy up".to_owned();
                    let step = self.plan.steps[step].id.clone();
                    self.emit(round, Event::StepSkipped { step, because, by: None })?;
                }
                Next::Quiesce => {
                    round.deeds.push(Deed::CancelAll);
                    return Ok(false);
                }
                Next::Ask(trigger) => {
                    let because = trigger.because.clone();
                    self.situation.clone_from(&because);
                    round.deeds.push(Deed::Ask { situation: because.clone() });
                    let leg = self.state.leg;
                    self.emit(round, Event::CourseChanged { course: Course::Paused, leg, because, aborted: false })?;
                }
                Next::GiveUp(_) | Next::Turn { .. } if self.looks_on() => return Ok(false),
                Next::GiveUp(step) => self.give_up(round, step)?,
                Next::Turn { course, leg, because, aborted } => {
                    self.emit(round, Event::CourseChanged { course, leg, because, aborted })?;
                    if course == Course::CleaningUp {
                        self.foresee(round);
                    }
                }
                Next::Undo(step) => {
                    round.deeds.push(Deed::Undo { step });
                    let step = self.plan.steps[step].id.clone();
                    self.emit(round, Event::UndoStarted { step })?;
                }
                Next::Wait => return Ok(false),
                Next::Finish => return Ok(self.looking.is_empty()),
            }
        }
    }

    /// What cleanup steps can say of how the run ends: the world as the steps so far have left it, by their effects.
    pub(super) fn foresee(&mut self, round: &Round) {
        let tidies = |step: &&std::sync::Arc<crate::model::Step>| {
            step.applies && self.plan.phases[step.phase].kind == PhaseKind::Cleanup
        };
        if !self.steps.iter().filter(tidies).any(|step| late::tells_ending(&step.act)) {
            return;
        }
        let (at, elapsed) = (self.run.clock.wall(), self.run.clock.now());
        let fresh = round.events.iter().zip(self.events.len() as u64..);
        let fresh: Vec<Entry> =
            fresh.map(|(event, seq)| Entry { seq, at, elapsed, event: event.event().clone() }).collect();
        let setting = self.tools.setting();
        let mut world = World::clone(&self.tools.initial);
        for &step in &self.state.begun {
            if self.state.steps[step] == Status::Passed {
                self.plan.steps[step].act.describe().effect(&mut world, &setting);
            }
        }
        let told = self.story.follow(&self.run.id, &self.events).cloned().and_then(|mut story| {
            fresh.iter().try_for_each(|entry| story.push_ref(entry))?;
            let mut record = story.record(Heads::default());
            tidied(&mut record);
            Ok(record)
        });
        let told_of = self.steps.iter().filter(tidies).any(|step| late::tells_summary(&step.act));
        let brief = told.as_ref().ok().filter(|_| told_of).cloned();
        let entries = self.events.iter().chain(&fresh);
        let judged = ending::judge(told, &self.plan, entries, &self.state, &world, Broken::No);
        self.names.summary = brief.map(|mut record| {
            let ended = &mut record.ended;
            (ended.verdict, ended.world, ended.exit) = (judged.verdict, judged.world, Some(judged.exit));
            crate::report::in_brief(&record)
        });
        self.names.ending = Some((judged.verdict, judged.world));
    }

    /// Starts what is not started yet, within the limit. `false`: there was nothing to start.
    pub(super) fn start_steps(&mut self, round: &mut Round, steps: &[usize]) -> Result<bool, EngineError> {
        let limit = self.plan.at_once.unwrap_or(usize::MAX);
        let mut any = false;
        for &step in steps {
            if self.looking.contains(&step) {
                continue;
            }
            if self.graph.changes(step) && !self.may_change(round)? {
                // What was told of the guardrails decides what is next.
                any |= self.state.trigger.is_some();
                continue;
            }
            if self.state.acting + self.looking.len() >= limit {
                break;
            }
            any = true;
            self.start_attempt(round, step, 1)?;
        }
        // Steps that only look leave the state as it is: asking it again would start them again.
        Ok(any && self.looking.is_empty())
    }

    /// Whether something may be changed: every guardrail was seen to hold.
    fn may_change(&mut self, round: &mut Round) -> Result<bool, EngineError> {
        // A run that was taken up again after its first change was past this.
        if self.state.changed {
            return Ok(true);
        }
        let Some(watch) = self.watch.as_ref().filter(|_| self.guarded == Guarded::No) else {
            return Ok(self.guarded == Guarded::Yes || self.watch.is_none());
        };
        if let Some(broken) = watch.guards_hold() {
            self.take_guards(round, broken)?;
            return Ok(self.state.trigger.is_none());
        }
        self.guarded = Guarded::Asked;
        let (notes, answer) = (self.notes.clone(), watch.guards_answer());
        self.run.clock.spawn(async move {
            let _ = notes.send(Note::GuardsAnswered { broken: answer.await });
        });
        Ok(false)
    }

    /// What was found of the guardrails before the first change. In the real event they only advise then.
    pub(super) fn take_guards(&mut self, round: &mut Round, broken: Vec<Event>) -> Result<(), EngineError> {
        self.guarded = Guarded::Yes;
        for mut event in broken {
            if let Event::GuardrailBroken { then, .. } = &mut event
                && self.plan.mode == Mode::Emergency
            {
                *then = OnFailure::Continue;
            }
            self.emit(round, event)?;
        }
        Ok(())
    }

    pub(super) fn start_due_retries(&mut self, round: &mut Round) -> Result<(), EngineError> {
        if !self.may_begin() {
            return Ok(());
        }
        for step in std::mem::take(&mut self.retries_due) {
            let attempt = match self.state.steps[step] {
                Status::Resting { attempt } | Status::Failed { attempt, .. } => attempt + 1,
                _ => continue,
            };
            // A run that left the phase while the step was to be tried again does not come back to it.
            if self.state.open_phase == Some(self.plan.steps[step].phase) {
                self.start_attempt(round, step, attempt)?;
            }
        }
        Ok(())
    }

    pub(super) fn start_attempt(&mut self, round: &mut Round, step: usize, attempt: u32) -> Result<(), EngineError> {
        let begin = if needs_no_look(&self.plan.steps[step].act) {
            for event in intent(&self.plan.steps[step], attempt, Before::new()) {
                self.emit(round, event)?;
            }
            Begin::Intended
        } else {
            self.looking.insert(step);
            Begin::Look
        };
        round.deeds.push(Deed::Attempt { step, attempt, begin });
        Ok(())
    }

    /// The run left its course while the step waited for its next attempt.
    pub(super) fn give_up(&mut self, round: &mut Round, step: usize) -> Result<(), EngineError> {
        let Status::Resting { attempt } = self.state.steps[step] else {
            return Err(EngineError::Defect(format!("step {step} does not rest")));
        };
        let id = self.plan.steps[step].id.clone();
        // What the last attempt left is what counts.
        let mut last =
            self.events.iter().rev().map(|stamped| &stamped.event).chain(round.events.iter().rev().map(Clean::event));
        let happened = last
            .find_map(|event| match event {
                Event::StepFailed { step, failure, .. } if *step == id => Some(failure.happened),
                _ => None,
            })
            .unwrap_or(Happened::Unknown);
        let failure = crate::model::StepFailure {
            what: "not tried again: the run left its course".to_owned(),
            happened,
            retry_in: None,
            evidence: crate::catalogue::Evidence::new(),
            ask: false,
            cancelled: false,
        };
        self.emit(round, Event::StepFailed { step: id, attempt, failure })
    }
}

/// The record as if the cleanup that is about to tell of it were over: a step that is still to come, the telling one
/// itself among them, is no reason to call the drill failed.
fn tidied(record: &mut Record) {
    let cleanup: Vec<bool> = record.phases.iter().map(|phase| phase.kind == PhaseKind::Cleanup).collect();
    for step in record.steps.iter_mut().filter(|step| cleanup.get(step.phase) == Some(&true)) {
        if matches!(step.state, StepState::NotReached | StepState::Running) {
            step.state = StepState::NotInThisMode;
        }
    }
    for phase in record.phases.iter_mut().filter(|phase| phase.kind == PhaseKind::Cleanup) {
        if matches!(phase.state, PhaseState::NotReached | PhaseState::Running) {
            phase.state = PhaseState::Passed;
        }
    }
}
