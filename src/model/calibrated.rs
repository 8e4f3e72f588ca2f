//! By which calibration a plan's twin was set, as it stands in the plan and in the journal of its runs.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The calibration that a plan's twin was set by. The settings themselves stand in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Calibrated {
    /// The file, as it was named.
    pub path: String,
    /// SHA-256 of its text, in hex.
    pub sha256: String,
    /// From how many real runs it was fitted.
    pub runs: u64,
    /// The newest of them.
    pub newest: Option<String>,
    /// What it set: `main promotion`, `step go takes`.
    pub used: Vec<String>,
    /// Those of them that rest on few samples.
    pub few: Vec<String>,
    /// What is in it and was not used, each with the reason.
    pub unused: Vec<String>,
}

impl Calibrated {
    /// In one line for people: `production.calibration.yaml (7 settings from 4 real runs, 2 of them from few samples)`.
    #[must_use]
    pub fn told(&self) -> String {
        let many =
            |count: u64, thing: &str| if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") };
        let mut told =
            format!("{} ({} from {}", self.path, many(self.used.len() as u64, "setting"), many(self.runs, "real run"));
        if !self.few.is_empty() {
            let _ = write!(told, ", {} of them from few samples", self.few.len());
        }
        if !self.unused.is_empty() {
            let _ = write!(told, ", {} not used", self.unused.len());
        }
        told + ")"
    }
}
