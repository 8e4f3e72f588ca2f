//! Random plans played as an engine would: whatever steps do and whatever comes from outside, the run ends.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::orders::{self, CHOICES, Dice, HAPPENED, check, disturbance, failure, finished, pass, person, pick, undone};
use super::plans;
use crate::catalogue::Before;
use crate::event::{Event, ResumeTo};
use crate::model::{Course, Happened, Plan};
use crate::resource::{AnsweredBy, Choice};
use crate::state::course::{Next, next};
use crate::state::step::Status;
use crate::state::{Graph, RunState};

/// More than any random plan needs: what comes up is bounded by the dice, and each of the steps ends a few times.
const BOUND: usize = 2_000;

struct Engine {
    plan: Plan,
    graph: Graph,
    state: RunState,
    taken: Vec<Event>,
    /// What is thrown, last first; when nothing is left everything passes, and people say stop.
    dice: Vec<Dice>,
    /// Whether a person is asked how to go on.
    asked: bool,
    due: BTreeSet<usize>,
}

type Tested = Result<(), TestCaseError>;

impl Engine {
    fn emit(&mut self, event: Event) -> Tested {
        let before = self.state.clone();
        if let Err(illegal) = self.state.apply(&self.plan, &self.graph, &event) {
            return Err(TestCaseError::fail(format!("{illegal}, after {:?}", self.taken)));
        }
        check(&self.plan, &before, &self.state, &event)?;
        self.taken.push(event);
        Ok(())
    }

    fn start(&mut self, n: usize, attempt: u32) -> Tested {
        self.emit(Event::StepStarted { step: self.plan.steps[n].id.clone(), attempt, before: Before::new() })
    }

    /// Whether a step may begin now; as the dispatcher has it.
    fn may_begin(&self) -> bool {
        (self.state.trigger.is_none() || self.state.course == Course::CleaningUp)
            && matches!(self.state.course, Course::Forward | Course::Returning | Course::CleaningUp)
    }

    /// What acts ends, somehow.
    fn end(&mut self, n: usize, (kind, a, b, _): Dice) -> Tested {
        let step = self.plan.steps[n].id.clone();
        match self.state.steps[n] {
            Status::Undoing => self.emit(Event::UndoFinished { step, result: undone(a) }),
            Status::Running { attempt } if kind % 4 > 0 => {
                self.emit(Event::StepPassed { step, attempt, pass: pass(a.is_multiple_of(5)) })
            }
            Status::Running { attempt } => {
                // Who must be asked is not tried again by itself.
                let again = b % 3 == 1;
                let failure = failure(pick(&HAPPENED, a), again, !again && b % 5 == 1);
                self.emit(Event::StepFailed { step, attempt, failure })
            }
            other => Err(TestCaseError::fail(format!("{step} does not act: {other:?}"))),
        }
    }

    fn acting(&self) -> Vec<usize> {
        (0..self.plan.steps.len()).filter(|n| self.state.steps[*n].acts()).collect()
    }

    /// A person says how to go on.
    fn answer(&mut self, choice: Choice) -> Tested {
        self.asked = false;
        let failed = self.state.paused_step();
        self.emit(Event::Decided { choice, by: AnsweredBy::Terminal, situation: String::new() })?;
        if matches!(choice, Choice::Retry | Choice::GoOn) {
            let (course, leg) = (self.state.resumes_to(), self.state.leg);
            self.emit(Event::CourseChanged { course, leg, because: String::new(), aborted: false })?;
        }
        if choice == Choice::Retry {
            self.due.extend(failed);
        }
        Ok(())
    }

    /// Something that was waited for comes.
    fn go_on(&mut self) -> Tested {
        let dice = self.dice.pop().unwrap_or((1, 0, 0, 0));
        let (acting, resting) = (self.acting(), (0..self.plan.steps.len()).filter(|n| self.state.steps[*n].rests()));
        let resting: Vec<usize> = resting.filter(|n| !self.due.contains(n)).collect();
        if !acting.is_empty() {
            return self.end(pick(&acting, dice.3), dice);
        }
        if self.state.course == Course::Paused && self.asked {
            let choice = if self.dice.is_empty() { Choice::Stop } else { pick(&CHOICES, dice.3) };
            return self.answer(choice);
        }
        if !resting.is_empty() {
            self.due.insert(pick(&resting, dice.3));
            return Ok(());
        }
        Err(TestCaseError::fail(format!("nothing is under way, yet it waits, after {:?}", self.taken)))
    }

    /// Muster dies and is taken up again: what was journalled is all that is known.
    fn taken_up(&mut self, to: ResumeTo, by_hand: Dice) -> Tested {
        let mut again = RunState::new(&self.plan);
        for event in &self.taken {
            again.apply(&self.plan, &self.graph, event).unwrap();
        }
        prop_assert_eq!(format!("{again:?}"), format!("{:?}", self.state));
        self.due = self.state.to_try_again().collect();
        self.emit(orders::resumed(to))?;
        let n = usize::from(by_hand.3) % self.plan.steps.len().max(1);
        if by_hand.2 > 200
            && matches!(self.state.steps.get(n), Some(Status::Waiting | Status::Running { .. } | Status::Failed { .. }))
            && self.plan.steps[n].applies
        {
            let step = self.plan.steps[n].id.clone();
            self.emit(Event::StepSkipped { step, because: String::new(), by: Some(person()) })?;
        }
        self.asked = self.state.course == Course::Paused && self.state.trigger.is_none();
        Ok(())
    }

    fn start_due(&mut self) -> Tested {
        if self.may_begin() {
            for n in std::mem::take(&mut self.due) {
                let (Status::Resting { attempt } | Status::Failed { attempt, .. }) = self.state.steps[n] else {
                    continue;
                };
                if self.state.open_phase == Some(self.plan.steps[n].phase) {
                    self.start(n, attempt + 1)?;
                }
            }
        }
        Ok(())
    }

    fn start_steps(&mut self, steps: Vec<usize>) -> Tested {
        for n in steps {
            let step = &self.plan.steps[n];
            prop_assert!(step.applies && self.state.open_phase == Some(step.phase), "{} can't begin now", step.id);
            let met = |need: &&usize| self.state.steps[**need].ended() || !self.plan.steps[**need].applies;
            prop_assert!(
                step.needs.iter().all(|need| met(&need)),
                "{} begins too early, after {:?}",
                step.id,
                self.taken
            );
            self.start(n, 1)?;
        }
        prop_assert!(self.state.acting <= self.plan.at_once.unwrap_or(usize::MAX));
        Ok(())
    }

    /// One decision. `true`: nothing is left to do.
    fn decide(&mut self) -> Result<bool, TestCaseError> {
        let phase = |n: usize| self.plan.phases[n].id.clone();
        let step = |n: usize| self.plan.steps[n].id.clone();
        match next(&self.plan, &self.graph, &self.state) {
            Next::StartPhase(n) => self.emit(Event::PhaseStarted { phase: phase(n) })?,
            Next::FinishPhase(n, result) => {
                prop_assert_eq!(self.state.acting, 0, "a phase ends while something acts");
                self.emit(Event::PhaseFinished { phase: phase(n), result })?;
            }
            Next::StartSteps(steps) => self.start_steps(steps)?,
            Next::Skip(n) => self.emit(Event::StepSkipped { step: step(n), because: String::new(), by: None })?,
            Next::GiveUp(n) => {
                let Status::Resting { attempt } = self.state.steps[n] else {
                    return Err(TestCaseError::fail("what is given up does not rest"));
                };
                let failure = failure(Happened::No, false, false);
                self.emit(Event::StepFailed { step: step(n), attempt, failure })?;
            }
            Next::Quiesce => {
                let acting = self.acting();
                prop_assert!(!acting.is_empty(), "nothing acts, yet it must end");
                let dice = self.dice.pop().unwrap_or((0, 1, 0, 0));
                self.end(pick(&acting, dice.3), dice)?;
            }
            Next::Ask(trigger) => {
                let (course, leg) = (Course::Paused, self.state.leg);
                self.emit(Event::CourseChanged { course, leg, because: trigger.because, aborted: false })?;
                self.asked = true;
            }
            Next::Turn { course, leg, because, aborted } => {
                prop_assert_eq!(self.state.acting, 0, "the run turns while something acts");
                self.emit(Event::CourseChanged { course, leg, because, aborted })?;
            }
            Next::Undo(n) => self.emit(Event::UndoStarted { step: step(n) })?,
            Next::Wait => self.go_on()?,
            Next::Finish => return Ok(true),
        }
        Ok(false)
    }

    fn run(&mut self) -> Tested {
        for _ in 0..BOUND {
            self.start_due()?;
            match self.dice.last().copied() {
                Some(dice) if dice.0 > 230 => {
                    self.dice.pop();
                    match disturbance(dice) {
                        Event::Resumed(resumed) => self.taken_up(resumed.to, dice)?,
                        event => self.emit(event)?,
                    }
                }
                _ if self.decide()? => return Ok(()),
                _ => {}
            }
        }
        Err(TestCaseError::fail(format!("it does not end: {:?}", self.taken)))
    }
}

proptest! {
    /// Every run ends, in order: each phase that began has ended, nothing acts, and nothing follows.
    #[test]
    fn whatever_comes_up_a_run_ends(plan in plans::plan(), dice in prop::collection::vec(any::<Dice>(), 0..120)) {
        let (graph, state) = (Graph::new(&plan), RunState::new(&plan));
        let mut engine =
            Engine { plan, graph, state, taken: Vec::new(), dice, asked: false, due: BTreeSet::new() };
        engine.run()?;
        prop_assert_eq!(engine.state.course, Course::CleaningUp);
        prop_assert_eq!((engine.state.acting, engine.state.resting, engine.state.open_phase), (0, 0, None));
        engine.emit(finished())?;
        prop_assert!(engine.state.apply(&engine.plan, &engine.graph, &finished()).is_err());
    }
}
