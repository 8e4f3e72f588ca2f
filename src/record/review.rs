//! What people added to a run after it had ended.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::builder::Builder;
use crate::event::Event;
use crate::model::{Person, Review};

/// Words that a person added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Noted {
    /// When; a label.
    pub at: Timestamp,
    /// Who.
    pub by: Person,
    /// What.
    pub text: String,
}

/// A corrective action of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ActionRecord {
    /// Its number in the run, from 1.
    pub number: u32,
    /// When it was opened, by whom, and what is to be done.
    pub opened: Noted,
    /// Who does it.
    pub owner: Option<String>,
    /// Until when.
    pub due: Option<Date>,
    /// When it was closed, by whom, and how; `None` while it is open.
    pub closed: Option<Noted>,
}

/// A sign-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SignOffRecord {
    /// When; a label.
    pub at: Timestamp,
    /// Who.
    pub by: Person,
    /// In which role, as stated.
    pub role: Option<String>,
    /// What they had to say.
    pub remark: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReviewRecord {
    /// Lessons, in order.
    pub lessons: Vec<Noted>,
    /// Changes of the plan that are recommended, in order.
    pub plan_changes: Vec<Noted>,
    /// Corrective actions, in order.
    pub actions: Vec<ActionRecord>,
    /// Sign-offs, in order. What was added after the last of them was not signed off, but for the closing of actions.
    pub sign_offs: Vec<SignOffRecord>,
    /// How many lessons, changes and actions were added since the last sign-off.
    pub unsigned: u64,
}

impl ReviewRecord {
    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The sign-off that covers all that was added; `None` if none does.
    #[must_use]
    pub fn signed_off(&self) -> Option<&SignOffRecord> {
        self.sign_offs.last().filter(|_| self.unsigned == 0)
    }

    /// Corrective actions that are not closed.
    pub fn open(&self) -> impl Iterator<Item = &ActionRecord> {
        self.actions.iter().filter(|action| action.closed.is_none())
    }

    /// The number of the next action.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.actions.iter().map(|action| action.number).max().unwrap_or(0).saturating_add(1)
    }

    /// Takes one thing in.
    ///
    /// # Errors
    /// Says what does not fit: an action is opened twice, or closed that is not open.
    pub fn take(&mut self, at: Timestamp, by: Person, what: Review) -> Result<(), String> {
        match what {
            Review::Lesson { text } => self.lessons.push(Noted { at, by, text }),
            Review::PlanChange { text } => self.plan_changes.push(Noted { at, by, text }),
            Review::ActionOpened { number, text, owner, due } => {
                if self.actions.iter().any(|action| action.number == number) {
                    return Err(format!("the corrective action {number} is opened twice"));
                }
                let opened = Noted { at, by, text };
                self.actions.push(ActionRecord { number, opened, owner, due, closed: None });
            }
            Review::ActionClosed { number, how } => {
                let action = self.actions.iter_mut().find(|action| action.number == number);
                let action = action.ok_or_else(|| format!("there is no corrective action {number}"))?;
                if action.closed.is_some() {
                    return Err(format!("the corrective action {number} is closed already"));
                }
                action.closed = Some(Noted { at, by, text: how.unwrap_or_default() });
                // What follows from a review, months later as may be, does not undo that it was signed off.
                return Ok(());
            }
            Review::SignOff { role, remark } => {
                self.sign_offs.push(SignOffRecord { at, by, role, remark });
                self.unsigned = 0;
                return Ok(());
            }
        }
        self.unsigned += 1;
        Ok(())
    }
}

impl Builder {
    /// Takes in what follows the run's end, which is a review; any other event is given back while the run has not ended.
    pub(super) fn after_the_end(
        &mut self,
        seq: u64,
        at: Timestamp,
        event: Event,
    ) -> Result<Option<Event>, RecordError> {
        match (self.finish.is_some(), event) {
            (true, Event::Reviewed { by, what }) => {
                self.review.take(at, by, what).map_err(|why| RecordError::Review(seq, why))?;
                Ok(None)
            }
            (true, _) => Err(RecordError::AfterTheEnd(seq)),
            (false, event) => Ok(Some(event)),
        }
    }
}
