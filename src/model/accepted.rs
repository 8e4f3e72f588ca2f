//! Bad ends of rehearsals that a playbook accepts by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;

/// How a run must not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadEnd {
    /// Two sides of a database or storage took users' writes at once.
    TwoWriters,
    /// More acknowledged writes were left behind than the objective, or the playbook, accepts.
    DataLostBeyondTheObjective,
    /// The report says something of the world that is not so, or does not say what is.
    ReportNotTrue,
    /// It ended, and users of at least one service are not served.
    HeldWithUsersOut,
}

impl BadEnd {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] =
        [Self::TwoWriters, Self::DataLostBeyondTheObjective, Self::ReportNotTrue, Self::HeldWithUsersOut];

    /// The word in YAML.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TwoWriters => "two-writers",
            Self::DataLostBeyondTheObjective => "data-lost-beyond-the-objective",
            Self::ReportNotTrue => "report-not-true",
            Self::HeldWithUsersOut => "held-with-users-out",
        }
    }
}

impl fmt::Display for BadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A bad end that a playbook accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Which.
    pub end: BadEnd,
    /// With any of these faults: `dns=hangs`, `any=hangs` on every step and resource, `a=fails and b=hangs` at once.
    pub when: Vec<String>,
    /// In which modes; `None`: in all.
    pub modes: Option<Vec<Mode>>,
    /// Why.
    pub because: String,
}
