//! What a rehearsal has shown of a playbook's checks: which of them were seen to go red.

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;
use crate::chance::Seed;

/// The proof of a playbook's checks, as it is kept for later runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Proof {
    /// When it was made, by the wall clock; a label.
    pub at: jiff::Timestamp,
    /// By which version of Muster.
    pub muster: String,
    /// What all its chances were drawn from.
    pub seed: Seed,
    /// The infrastructure file on whose twin it was made.
    pub infrastructure: String,
    /// The modes that were rehearsed.
    pub modes: Vec<Mode>,
    /// The checks that were seen red.
    pub seen_red: Vec<String>,
    /// Those that were not.
    pub not_seen_red: Vec<NotSeenRed>,
}

/// A check that was never seen red.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NotSeenRed {
    /// Its name.
    pub name: String,
    /// Why, as far as was known.
    pub because: String,
}
