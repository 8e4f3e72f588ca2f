//! Every fault, and how the run ends with it: which cases there are ([`cases`]), what one ended in ([`ends`]), whether its
//! report told the truth ([`honesty`]), and what a reader needs to see of many ([`sift`]).
//!
//! Pure. The truth comes from the simulation, as plain data; the cases are played by the app.

pub mod cases;
pub mod ends;
pub mod honesty;
pub mod sift;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;
use crate::id::{RegionRole, ResourceId, ServiceId};
use crate::infrastructure::simulate::Fault;
use crate::model::{Accepted, BadEnd, ExitCode, Place, Verdict};
use crate::record::Record;
use crate::resource::World;
use crate::time::Span;

/// A run to be played: a mode and what goes wrong in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Case {
    /// The mode.
    pub mode: Mode,
    /// What goes wrong: one fault, or two.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        self.faults.iter().try_for_each(|fault| write!(f, " {fault}"))
    }
}

/// What a case ended in: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Muster itself failed.
    Defect,
    /// See [`BadEnd`].
    TwoWriters,
    /// See [`BadEnd`].
    DataLostBeyondTheObjective,
    /// See [`BadEnd`].
    ReportNotTrue,
    /// See [`BadEnd`].
    HeldWithUsersOut,
    /// A person is needed, and users are served.
    HeldWithUsersServed,
    /// It failed, and the world is home: by the way back, or although it went on to its end.
    Returned,
    /// It failed, and everything was taken back: the world is as it was before.
    Undone,
    /// It was refused before its first change: the world is as it was before.
    Refused,
    /// Every step passed and every objective was met.
    Passed,
    /// The fault was never met, so the case shows nothing of it.
    NotMet,
}

impl End {
    /// All of them, the worst first.
    pub const ALL: [Self; 11] = [
        Self::Defect,
        Self::TwoWriters,
        Self::DataLostBeyondTheObjective,
        Self::ReportNotTrue,
        Self::HeldWithUsersOut,
        Self::HeldWithUsersServed,
        Self::Returned,
        Self::Undone,
        Self::Refused,
        Self::Passed,
        Self::NotMet,
    ];

    /// The bad end that a playbook may accept, if it is one.
    #[must_use]
    pub fn bad(self) -> Option<BadEnd> {
        match self {
            Self::TwoWriters => Some(BadEnd::TwoWriters),
            Self::DataLostBeyondTheObjective => Some(BadEnd::DataLostBeyondTheObjective),
            Self::ReportNotTrue => Some(BadEnd::ReportNotTrue),
            Self::HeldWithUsersOut => Some(BadEnd::HeldWithUsersOut),
            _ => None,
        }
    }

    /// Whether a drill must not end so.
    #[must_use]
    pub fn is_bad(self) -> bool {
        self == Self::Defect || self.bad().is_some()
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Defect => "a defect in Muster",
            Self::TwoWriters => "two writers",
            Self::DataLostBeyondTheObjective => "data lost beyond the objective",
            Self::ReportNotTrue => "the report does not tell the truth about the world",
            Self::HeldWithUsersOut => "held with users out",
            Self::HeldWithUsersServed => "held with users served",
            Self::Returned => "returned",
            Self::Undone => "undone",
            Self::Refused => "refused",
            Self::Passed => "passed",
            Self::NotMet => "not met",
        }
    }
}

/// What only the simulation knows of a run that has ended.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The true world when it began.
    pub before: World,
    /// The true world when it had ended.
    pub after: World,
    /// Databases and storages of which two sides took users' writes at once.
    pub two_writers: Vec<ResourceId>,
    /// What the old side of each promotion had acknowledged and the new one lacks: resource, new side, time.
    pub losses: Vec<(ResourceId, RegionRole, Span)>,
    /// Services whose users were not served when it had ended.
    pub users_out: Vec<ServiceId>,
    /// Regions that a fault took.
    pub lost: Vec<RegionRole>,
    /// Of the commands that steps observe, the last that took effect: by what observes them.
    pub commands: Vec<(Vec<String>, Vec<String>)>,
    /// How many of the faults went wrong with any call.
    pub met: usize,
}

/// A case that was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub case: Case,
    /// What it ended in.
    pub end: End,
    /// Why it is that end, the weightiest first; empty where the word says all.
    pub why: Vec<String>,
    /// The run's own verdict; `None` if it has none.
    pub verdict: Option<Verdict>,
    /// Where the run says that the world was left.
    pub world: Option<Place>,
    /// The exit code of `muster simulate` with these faults.
    pub exit: ExitCode,
    /// The head of its journal: a replay has the same.
    pub head: String,
}

/// Bad ends of one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bad {
    /// What they are.
    pub end: End,
    /// The smallest case of it.
    pub first: Tried,
    /// All others of the same cause, the smallest first.
    pub others: Vec<Case>,
    /// How many pairs ended so because of one of these faults.
    pub pairs: u64,
    /// What is typed to see the first one.
    pub command: String,
    /// Why the playbook accepts it; `None`: it does not.
    pub accepted: Option<String>,
    /// The record of the first one, to be drawn.
    #[serde(skip)]
    pub record: Option<Box<Record>>,
}

/// What came of every fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// The modes that were explored.
    pub modes: Vec<Mode>,
    /// Modes in which the playbook can't be played, and why.
    pub left_out: Vec<(Mode, String)>,
    /// Every single fault, in the order of the modes and of the plan.
    pub singles: Vec<Tried>,
    /// How many pairs of faults were played.
    pub pairs: u64,
    /// How the pairs ended.
    pub pair_ends: BTreeMap<End, u64>,
    /// Bad ends, those that are not accepted first, then the smallest first; each pair of them needs both of its faults.
    pub bad: Vec<Bad>,
    /// Accepted ends that nothing ended in.
    pub idle: Vec<Accepted>,
}

impl Exploration {
    /// The bad ends that the playbook does not accept.
    pub fn unaccepted(&self) -> impl Iterator<Item = &Bad> {
        self.bad.iter().filter(|bad| bad.accepted.is_none())
    }

    /// How many single faults ended so.
    #[must_use]
    pub fn count(&self, end: End) -> u64 {
        self.singles.iter().filter(|tried| tried.end == end).count() as u64
    }
}
