//! What rehearsals on the simulated twin tell of a playbook before it runs: how long recovery will take, what could go
//! wrong and how it would end, and which of its checks would not notice.
//!
//! Values from values: a rehearsal's [`crate::record::Record`], and what the simulation knows of the truth, go in; what
//! follows from many of them comes out. Playing them is the app's. May rely on `record` and what lies above it; must
//! never do I/O, read a clock or draw a chance that is not a function of the seed.

pub mod calibration;
pub mod difference;
pub mod exploration;
pub mod proof;
pub mod forecast;

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::model::{Calibrated, ExitCode};

/// The version of the JSON document's shape. Fields are only ever added under one version.
pub const JSON_VERSION: u32 = 1;

/// What was rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The playbook's name.
    pub playbook: String,
    /// Its title, for people.
    pub title: String,
    /// Its file, as it was named.
    pub path: String,
    /// Its infrastructure file.
    pub infrastructure: String,
    /// The mode that was rehearsed first, or alone.
    pub mode: Mode,
    /// The plan's digest.
    pub digest: String,
    /// What all chances were drawn from.
    pub seed: Seed,
    /// The version of Muster.
    pub muster: String,
    /// By which calibration the twin was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibrated>,
    /// What was typed to set the scene: options that have to be given again to rehearse the same.
    pub options: Vec<String>,
}

/// All that a rehearsal was asked for. What was not asked for is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// What was rehearsed.
    pub subject: Subject,
    /// Every fault, and how the run ended with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploration: Option<exploration::Exploration>,
    /// Which checks were seen red.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<proof::Proof>,
    /// What differs from another revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<difference::Difference>,
    /// How long it takes, and how sure that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<forecast::Forecast>,
}

impl Findings {
    /// The exit code: [`ExitCode::Failed`] if anything was found that the playbook does not accept.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        let unproven = self.proof.as_ref().is_some_and(|proof| proof.unproven().next().is_some());
        let short = self.forecast.as_ref().is_some_and(|forecast| !forecast.suffices());
        let bad = self.exploration.as_ref().is_some_and(|it| it.unaccepted().next().is_some());
        if unproven || bad || short { ExitCode::Failed } else { ExitCode::Passed }
    }
}
