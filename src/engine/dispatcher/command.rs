//! What a run is told from other terminals, and the questions that it puts to people when it stands still.

use std::sync::Arc;

use crate::catalogue::{OnFailure, Part};
use crate::event::Event;
use crate::id::StepId;
use crate::model::{Command, Commanded, Course};
use crate::resource::{AnsweredBy, Cancellation, Choice, Context};
use crate::state::step::Status;

use super::intake::Note;
use super::{Dispatcher, EngineError, Round};
use crate::engine::{Hears, muster_context};

impl Dispatcher {
    /// Every command is journalled with who gave it, also where nothing follows from it.
    pub(super) fn take_command(&mut self, round: &mut Round, commanded: Commanded) -> Result<(), EngineError> {
        let Commanded { command, by } = commanded;
        let (then, ignored) = match &command {
            Command::Abort { .. } => match self.interrupted(OnFailure::Undo).map(|then| (then, self.deaf_to_undo())) {
                None => (None, None),
                Some((then, None)) => (Some(then), None),
                Some((_, deaf)) => (None, deaf),
            },
            Command::Pause { .. } => match self.state.course {
                Course::Forward | Course::Returning => (Some(OnFailure::Pause), None),
                course => (None, Some(format!("a run that is {course} can't be paused"))),
            },
            Command::Choose { choice, step } => (None, self.unfit(*choice, step.as_ref()).err()),
            Command::Vote { step, .. } => (None, self.open_gate(step).err()),
        };
        self.hurry(round);
        if then.is_some() {
            self.end_prechecks(round);
        }
        let heard = ignored.is_none();
        self.emit(round, Event::Commanded { command: command.clone(), by: by.clone(), then, ignored })?;
        match command {
            Command::Choose { choice, .. } if heard => self.take_choice(round, Some((choice, AnsweredBy::Command))),
            Command::Vote { step, answer } if heard => self.take_vote(round, step, answer, &by),
            _ => Ok(()),
        }
    }

    /// Why nothing is taken back now because somebody wants it; `None` if it is.
    fn deaf_to_undo(&self) -> Option<String> {
        let does = match self.state.course {
            Course::Forward | Course::Paused | Course::Returning => return None,
            Course::Undoing => "is being taken back already",
            Course::Holding => "is held where users are served, and ends",
            Course::Stopping => "is being stopped already",
            Course::CleaningUp => "is over but for the tidying up, and takes nothing back any more",
        };
        Some(format!("the run {does}; a second `muster abort` stops it at once"))
    }

    /// Whether a choice answers what is asked now.
    fn unfit(&self, choice: Choice, step: Option<&StepId>) -> Result<(), String> {
        if self.state.course != Course::Paused {
            return Err(format!("the run is not paused, it is {}", self.state.course));
        }
        if self.state.trigger.is_some() {
            return Err("the run leaves its pause already".to_owned());
        }
        let failed = self.state.paused_step().map(|n| &self.plan.steps[n].id);
        match (choice, step, failed) {
            (Choice::Retry, _, None) => Err("no step's failure is behind the pause".to_owned()),
            (Choice::Retry, Some(step), Some(failed)) if step != failed => {
                Err(format!("it is `{failed}` that failed, not `{step}`"))
            }
            _ => Ok(()),
        }
    }

    fn open_gate(&self, step: &StepId) -> Result<(), String> {
        let Some(n) = self.graph.step(step) else {
            return Err(format!("the playbook has no step `{step}`"));
        };
        if self.plan.steps[n].act.describe().part() != Part::Gate {
            return Err(format!("`{step}` is no gate"));
        }
        match self.state.steps[n] {
            Status::Running { .. } | Status::Undoing => Ok(()),
            Status::Waiting => Err(format!("`{step}` does not ask yet")),
            _ => Err(format!("`{step}` does not ask any more")),
        }
    }

    /// Puts the question how to go on to whoever is there. Where nobody is, or they leave, the run waits for a
    /// command from another terminal, as long as the playbook says.
    pub(super) fn ask(&mut self, situation: String) {
        let cancel = Cancellation::default();
        let cx = Context { cancel: cancel.clone(), ..muster_context(&self.run.id, &self.run.clock, self.run.fencing) };
        self.asked += 1;
        self.situation.clone_from(&situation);
        self.question = Some(cancel);
        let (asked, hears, limit) = (self.asked, self.run.commands, self.plan.pause_limit);
        let (notes, people) = (self.notes.clone(), Arc::clone(&self.run.resources.people));
        self.run.clock.spawn(async move {
            let choice = people.decide(&cx, &situation).await;
            if choice.is_none() && hears == Hears::Commands {
                // What settles the question makes it go away; what is left of it is heard by nobody.
                let _ = cx.clock.timeout(limit, cx.cancel.cancelled()).await;
            }
            let _ = notes.send(Note::Chosen { asked, choice });
        });
    }
}
