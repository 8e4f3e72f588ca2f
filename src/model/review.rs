//! What people add to a run after it has ended: lessons, corrective actions, sign-off.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// One thing that a person adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Review {
    /// A lesson that was learned.
    Lesson {
        /// In their words.
        text: String,
    },
    /// A change of the plan that is recommended.
    PlanChange {
        /// In their words.
        text: String,
    },
    /// A corrective action is opened.
    ActionOpened {
        /// Its number in this run, from 1.
        number: u32,
        /// What is to be done.
        text: String,
        /// Who does it.
        owner: Option<String>,
        /// Until when.
        due: Option<Date>,
    },
    /// A corrective action of this run is closed.
    ActionClosed {
        /// Its number in this run.
        number: u32,
        /// How it was dealt with.
        how: Option<String>,
    },
    /// The run was reviewed, and somebody stands for that.
    SignOff {
        /// In which role, as stated.
        role: Option<String>,
        /// What they have to say.
        remark: Option<String>,
    },
}

impl Review {
    /// The words that a person typed, in order.
    pub fn words_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Lesson { text } | Self::PlanChange { text } => vec![text],
            Self::ActionOpened { text, owner, .. } => std::iter::once(text).chain(owner).collect(),
            Self::ActionClosed { how, .. } => how.iter_mut().collect(),
            Self::SignOff { role, remark } => role.iter_mut().chain(remark).collect(),
        }
    }
}

/// The name of a corrective action among all runs: the run that opened it, and its number there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ActionId {
    /// The run.
    pub run: RunId,
    /// Its number there, from 1.
    pub number: u32,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run, self.number)
    }
}

impl std::str::FromStr for ActionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` names no corrective action; write RUN:NUMBER, for example 20261122-084216-drill:1");
        let (run, number) = text.rsplit_once(':').ok_or_else(wrong)?;
        let run = RunId::new(run).map_err(|_| wrong())?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        Ok(Self { run, number })
    }
}

impl TryFrom<String> for ActionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ActionId> for String {
    fn from(id: ActionId) -> Self {
        id.to_string()
    }
}

/// A corrective action of an earlier run that was open when this one began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OpenAction {
    /// Its name.
    pub id: ActionId,
    /// When it was opened; a label.
    pub opened: jiff::Timestamp,
    /// What is to be done.
    pub text: String,
    /// Who does it.
    pub owner: Option<String>,
    /// Until when.
    pub due: Option<Date>,
}
