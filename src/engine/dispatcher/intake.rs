//! What the dispatcher is told: by signals, by executors, by the watch, by people.

use crate::catalogue::OnFailure;
use crate::event::Event;
use crate::id::StepId;
use crate::model::{Course, LeftOver, PhaseKind, UndoResult};
use crate::resource::{Answer, AnsweredBy, Choice, Person};
use crate::state::course;

use super::deeds::Deed;
use super::recovery::LastLook;
use super::{Attended, BreakOff, Dispatcher, EngineError, LAST_GRACE, Message, Round, Signal};

/// How the signal of a person who interrupts is named.
pub(super) const SIGINT: &str = "SIGINT";

/// What executors and helpers tell the dispatcher.
pub(super) enum Note {
    /// An attempt ended; `None`: its intent was not taken.
    Attempted { step: usize, events: Option<Vec<Event>> },
    /// An undo ended.
    Undone { step: usize, result: UndoResult },
    /// A resting step's wait is over.
    RetryDue { step: usize },
    /// A person said how to go on, or there was nobody; `asked` counts the questions.
    Chosen { asked: u64, choice: Option<(Choice, AnsweredBy)> },
    /// The guardrails' probes have answered; those that do not hold.
    GuardsAnswered { broken: Vec<Event> },
    /// Something that the run must not end without is done.
    Settled,
    /// Users are served again, or were waited for long enough.
    UsersSeen,
    /// The watch has ended; what its canaries wrote and could not take away.
    WatchEnded(Vec<LeftOver>),
    /// The last grace is over.
    GraceOver,
}

impl Dispatcher {
    pub(super) fn take_signal(&mut self, round: &mut Round, signal: Signal) -> Result<(), EngineError> {
        let event = match signal {
            Signal::Command(commanded) => return self.take_command(round, commanded),
            Signal::LeaseLost { to } => {
                self.break_off = Some(BreakOff::LeaseLost);
                Event::LeaseLost { to }
            }
            Signal::Terminate => {
                self.break_off = Some(BreakOff::Resumable);
                Event::Signalled { signal: "SIGTERM".to_owned(), then: None }
            }
            Signal::Interrupt => {
                let first = match self.run.attended {
                    Attended::Yes => OnFailure::Pause,
                    Attended::No => OnFailure::Undo,
                };
                Event::Signalled { signal: SIGINT.to_owned(), then: self.interrupted(first) }
            }
        };
        self.hurry(round);
        self.end_prechecks(round);
        self.emit(round, event)
    }

    /// Who wants the run to end waits for no precheck that is let finish.
    pub(super) fn end_prechecks(&self, round: &mut Round) {
        if course::finishes_prechecks(&self.plan, &self.graph, &self.state) {
            round.deeds.push(Deed::CancelAll);
        }
    }

    /// A person wants the run to end: the first time it leaves its course as `first` says, the second time at once.
    pub(super) fn interrupted(&mut self, first: OnFailure) -> Option<OnFailure> {
        self.interrupts += 1;
        if self.interrupts == 1 {
            return Some(first);
        }
        self.break_off = Some(BreakOff::AtOnce);
        None
    }

    /// A run that breaks off waits for what acts no longer than the last grace.
    pub(super) fn hurry(&mut self, round: &mut Round) {
        if self.last_look == LastLook::Begun {
            // Nothing is left to be taken back: whoever interrupts now has seen enough.
            self.last_look = LastLook::Over;
        }
        if self.break_off.is_none() {
            return;
        }
        round.deeds.push(Deed::CancelAll);
        let (notes, clock) = (self.notes.clone(), self.run.clock.clone());
        self.run.clock.spawn(async move {
            clock.sleep(LAST_GRACE).await;
            let _ = notes.send(Note::GraceOver);
        });
    }

    /// An answer to a gate from another terminal.
    pub(super) fn take_vote(
        &mut self,
        round: &mut Round,
        step: StepId,
        answer: Answer,
        by: &Person,
    ) -> Result<(), EngineError> {
        match self.desk.vote(step, answer, by) {
            Some(refused) => self.emit(round, refused),
            None => Ok(()),
        }
    }

    pub(super) fn take_message(&mut self, round: &mut Round, message: Message) -> Result<(), EngineError> {
        let is_intent = matches!(message.events.first(), Some(Event::StepStarted { .. }));
        if is_intent && !self.may_act(message.events.first()) {
            // The run left its course while the step looked: it must not act any more.
            if let Some(durable) = message.durable {
                let _ = durable.send(false);
            }
            return Ok(());
        }
        for event in message.events {
            self.emit(round, event)?;
        }
        round.durable.extend(message.durable);
        Ok(())
    }

    /// Whether the step whose intent this is may act: its phase is open, and the run is on a course for it.
    fn may_act(&self, intent: Option<&Event>) -> bool {
        let Some(Event::StepStarted { step, .. }) = intent else { return false };
        let Some(n) = self.graph.step(step) else { return false };
        let phase = self.plan.steps[n].phase;
        let fits = match self.state.course {
            Course::CleaningUp => self.plan.phases[phase].kind == PhaseKind::Cleanup,
            Course::Returning => self.plan.phases[phase].kind == PhaseKind::Failback,
            _ => true,
        };
        (self.may_begin() || self.may_finish(n)) && fits && self.state.open_phase == Some(phase)
    }

    /// Whether a step that looked first may still act.
    pub(super) fn may_begin(&self) -> bool {
        self.break_off.is_none()
            && (self.state.trigger.is_none() || self.state.course == Course::CleaningUp)
            && matches!(self.state.course, Course::Forward | Course::Returning | Course::CleaningUp)
    }

    /// Whether a step that looked first when a precheck beside it failed may still act: it only looks on.
    fn may_finish(&self, step: usize) -> bool {
        self.break_off.is_none()
            && course::finishes_prechecks(&self.plan, &self.graph, &self.state)
            && course::only_looks(&self.plan, &self.graph, step)
    }

    /// Whether a step that may still act looks at the world first.
    pub(super) fn looks_on(&self) -> bool {
        self.looking.iter().any(|step| self.may_finish(*step))
    }

    pub(super) fn take_note(&mut self, round: &mut Round, note: Note) -> Result<(), EngineError> {
        match note {
            Note::Attempted { step, events } => {
                self.looking.remove(&step);
                self.cancels.remove(&step);
                let asked_to_end = self.cancelled.remove(&step);
                let Some(mut events) = events else { return Ok(()) };
                // It was asked to end so that it can be taken up later: it stays under way, as if Muster had been killed.
                let failed = matches!(events.last(), Some(Event::StepFailed { .. }));
                if failed && self.break_off == Some(BreakOff::Resumable) {
                    return Ok(());
                }
                let begins = matches!(events.first(), Some(Event::StepStarted { .. }));
                if begins && !self.may_act(events.first()) {
                    // It was done already, or could not be seen; either way nothing was changed.
                    return Ok(());
                }
                let in_time = self.deadlines.get(&step).is_none_or(|deadline| self.run.clock.now() < *deadline);
                if let Some(Event::StepFailed { failure, .. }) = events.last_mut() {
                    failure.cancelled = asked_to_end && in_time && failure.retry_in.is_none();
                }
                for event in events {
                    self.emit(round, event)?;
                }
            }
            Note::Undone { step, result } => {
                self.cancels.remove(&step);
                if result.leaves_something() && self.break_off == Some(BreakOff::Resumable) {
                    return Ok(());
                }
                let step = self.plan.steps[step].id.clone();
                self.emit(round, Event::UndoFinished { step, result })?;
            }
            Note::RetryDue { step } => {
                self.retries_due.insert(step);
            }
            Note::Chosen { asked, choice } => {
                // An answer to a question that was settled otherwise meanwhile is none to the next one.
                if asked == self.asked {
                    self.take_choice(round, choice)?;
                }
            }
            Note::GuardsAnswered { broken } => self.take_guards(round, broken)?,
            Note::Settled => self.unsettled -= 1,
            Note::UsersSeen => self.last_look = LastLook::Over,
            Note::WatchEnded(_) => {}
            Note::GraceOver => self.grace_over = true,
        }
        Ok(())
    }

    pub(super) fn take_choice(
        &mut self,
        round: &mut Round,
        choice: Option<(Choice, AnsweredBy)>,
    ) -> Result<(), EngineError> {
        if self.state.course != Course::Paused {
            return Ok(());
        }
        let situation = std::mem::take(&mut self.situation);
        let (choice, by) = choice.unwrap_or((Choice::Stop, AnsweredBy::NobodyAsked));
        let because = match by {
            AnsweredBy::NobodyAsked => format!("{situation}; nobody was there to say how to go on"),
            AnsweredBy::Terminal | AnsweredBy::Command | AnsweredBy::Simulation => situation,
        };
        let retried = self.state.paused_step();
        self.interrupts = 0;
        self.emit(round, Event::Decided { choice, by, situation: because })?;
        if matches!(choice, Choice::Retry | Choice::GoOn) {
            let turn = Event::CourseChanged {
                course: self.state.resumes_to(),
                leg: self.state.leg,
                because: "a person said to go on".to_owned(),
                aborted: false,
            };
            self.emit(round, turn)?;
        }
        if choice == Choice::Retry
            && let Some(step) = retried
        {
            self.deadlines.remove(&step);
            self.retries_due.insert(step);
        }
        Ok(())
    }
}
