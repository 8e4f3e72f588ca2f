//! The story of a run: a time line, what changed, what was not shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ResourceId;
use crate::time::Moment;

/// A resource that is otherwise than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which.
    pub resource: ResourceId,
    /// How it was, in one line; `None` if it was not seen.
    pub before: Option<String>,
    /// How it is, in one line; `None` if it was not seen.
    pub after: Option<String>,
}

/// What kind of thing happened: its colour on a time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HappeningKind {
    /// The run began.
    Started,
    /// A phase began or ended.
    Phase,
    /// The disaster was carried out.
    Disaster,
    /// A gate opened or was answered.
    Gate,
    /// A promotion passed: the point of no return.
    Promotion,
    /// Users were moved.
    Switch,
    /// A service was lost.
    Lost,
    /// A service was back.
    Recovered,
    /// A step failed.
    Failure,
    /// The run took another way.
    Course,
    /// A step was taken back.
    Undo,
    /// A guardrail broke.
    Guardrail,
    /// Two sides took writes at once.
    SplitBrain,
    /// Another run has what this one would change.
    Taken,
    /// A signal came.
    Signal,
    /// The run ended.
    Finished,
}

/// Something worth a mark on a time line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Happening {
    /// When.
    pub at: Moment,
    /// Its kind.
    pub kind: HappeningKind,
    /// What, in one line.
    pub text: String,
}

/// The [`Limit::code`] of resources that only the lease guarded.
pub const LEASE_ONLY: &str = "lease_only";

/// A thing that this drill does not show, in one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// A stable name: `simulated`, `no_canary`, `no_detection`, `nobody_asked`, `planned`, `vantage`, `lease_only` …
    pub code: String,
    /// The sentence.
    pub text: String,
}

/// A time in which nobody watched: Muster was dead, and what services did is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The last thing that the journal tells before.
    pub from: Moment,
    /// When the run was taken up again.
    pub to: Moment,
    /// Whether its length is the wall clock's, because the machine was started anew meanwhile.
    pub estimated: bool,
}
