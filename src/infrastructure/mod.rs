//! Infrastructure files: they bind a playbook's resources to real or simulated things.
//!
//! [`read`] makes a checked [`Infrastructure`] of a marked tree, with every problem and its place. What a simulated
//! twin is like is typed here ([`simulate`]), and so is what the real providers are told ([`real`]) that this build can
//! act with; what others are told is kept as it stands: their playbooks can be rehearsed on their twins.
//!
//! May rely on `yaml`, `diagnostic`, `model` and above. Must never do I/O or build a provider.

pub mod calibration;
pub(crate) mod plain;
pub mod handbook;
mod providers;
mod read;
pub mod real;
pub mod simulate;
pub mod twin;

use std::collections::BTreeMap;

use crate::diagnostic::{Place, Silence};
use crate::id::{RegionRole, ResourceId};
use crate::model::{Binding, Environment, RegionInfo, Windows};

pub use providers::{SIMULATED, of_kind, of_region};
pub use read::read;

/// A variable that the file sets.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Where it stands.
    pub place: Place,
}

/// A checked infrastructure file.
#[derive(Clone, Debug)]
pub struct Infrastructure {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it is.
    pub environment: Environment,
    /// Both regions.
    pub regions: BTreeMap<RegionRole, RegionInfo>,
    /// The resources.
    pub resources: BTreeMap<ResourceId, Binding>,
    /// Variables that it gives other values than the playbook does.
    pub vars: Vec<Setting>,
    /// Whether real drills on it may begin by a schedule with nobody there.
    pub unattended: bool,
    /// When runs on it may begin.
    pub windows: Option<Windows>,
    /// Settings of the simulated network.
    pub network: serde_json::Value,
    /// The resolver that stands for `system`, in a real environment.
    pub resolver: Option<std::net::SocketAddr>,
    /// Warnings that it silences.
    pub silences: Vec<Silence>,
}

#[cfg(test)]
mod tests;
