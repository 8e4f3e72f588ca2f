//! The proof of the checks: for each of them, the very thing that it is there to see is put into the twin, and it must go
//! red because of it; without it, it must be green. What was never seen red proves nothing.
//!
//! [`checks`] lists what there is to be seen red in a plan, [`trials`] says for each what is to be wrong, and by how much,
//! going by a rehearsal in which nothing is, and [`Sight`] reads in a record whether it went red. Playing is the app's.

mod baseline;
mod checks;
mod expectations;
mod sight;
mod trials;

use serde::{Deserialize, Serialize};

pub use baseline::Baseline;
pub use checks::{Check, Subject, checks};
pub use expectations::{Expected, expected_of};
pub use sight::{Colour, Sight};
pub use trials::{Trial, Trials, trials};

use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::model::{NotSeenRed, Proof as Kept};

/// What came of proving the checks of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Proof {
    /// The modes that were rehearsed, the first one first.
    pub modes: Vec<Mode>,
    /// Modes that were not, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(Mode, String)>,
    /// How many rehearsals it took.
    pub rehearsals: u64,
    /// Every check.
    pub checks: Vec<Proven>,
}

/// What came of proving one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Proven {
    /// Its name: `step replica: lag at most`.
    pub name: String,
    /// The mode in which it was tried last.
    pub mode: Mode,
    /// What was put into the twin; none if nothing could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_in: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Whether a check was seen red.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Outcome {
    /// It was, because of what was put in, and green without it.
    Red {
        /// What the record says of it.
        saw: String,
        /// What left it green just within its threshold; none if that was not tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        green_with: Option<String>,
    },
    /// It was not: it proves nothing.
    Never {
        /// Why, as far as is known.
        because: String,
    },
}

impl Proof {
    /// Those that were never seen red, each with the reason.
    pub fn unproven(&self) -> impl Iterator<Item = (&Proven, &str)> {
        self.checks.iter().filter_map(|check| match &check.outcome {
            Outcome::Never { because } => Some((check, because.as_str())),
            Outcome::Red { .. } => None,
        })
    }

    /// How many were seen red.
    #[must_use]
    pub fn red(&self) -> usize {
        self.checks.len() - self.unproven().count()
    }

    /// What later runs of the same playbook tell of it.
    #[must_use]
    pub fn kept(&self, at: jiff::Timestamp, seed: Seed, infrastructure: &str) -> Kept {
        let red = self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Red { .. }));
        Kept {
            at,
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            infrastructure: infrastructure.to_owned(),
            modes: self.modes.clone(),
            seen_red: red.map(|check| check.name.clone()).collect(),
            not_seen_red: self
                .unproven()
                .map(|(check, because)| NotSeenRed { name: check.name.clone(), because: because.to_owned() })
                .collect(),
        }
    }
}
