//! What the provider `git` is told: two folders of bare repositories, and how each is reached.

use serde::{Deserialize, Serialize};

use crate::catalogue::Period;
use crate::infrastructure::simulate::PerRegion;

/// Repositories in each region, copied to the other one behind each push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// By region.
    pub regions: PerRegion<Side>,
    /// How many repositories of a copy `storage.verify` reads through. Default: 20.
    pub sample: Option<u32>,
    /// How long one command may take, but for comparing and copying everything. Default: 30s.
    pub timeout: Option<Period>,
}

/// One region's repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// What users push to, without the repository's name; a drill pushes to the region itself, so give its own address.
    pub url: String,
    /// The folder of the bare repositories, on the machine that has them.
    pub path: String,
    /// What runs a command on that machine: `[ssh, git@host]`. Unstated: it is this one.
    #[serde(default)]
    pub via: Vec<String>,
}
