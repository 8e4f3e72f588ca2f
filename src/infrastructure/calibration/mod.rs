//! Calibration files: what past real runs say of how long things take, in place of what the infrastructure file, or
//! nobody, assumed of its twin.
//!
//! A file belongs to the infrastructure file of the name that it `calibrates` and is strict like it: what is unknown in it
//! is an error at its place. [`read`] types it, [`Calibration::apply`] sets the twins of resources and regions, and
//! [`Calibration::apply_to_steps`] the `takes` of a plan's steps. What was measured goes before what was assumed: a setting
//! in here replaces that of `simulate:`. A setting whose resource is another kind of thing by now, or by another provider,
//! and one whose step does something else, is not used, and told.
//!
//! Pure. How the figures come about is [`crate::rehearsal`]'s; nothing in here reads a file.

mod fits;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::Infrastructure;
use crate::catalogue::{Act, Period};
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId, RunId, StepId};
use crate::model::{Calibrated, Plan};
use crate::resource::ResourceKind;
use crate::time::Span;
use crate::yaml::{Node, decode};

pub use fits::{BackupFit, ComputeFit, DatabaseFit, DnsFit, FEW, Fitted, RegionFit, ResourceFit, StorageFit};

/// The version of the format that this build reads.
const VERSION: u32 = 1;
/// So many characters of what a step does tell it from others.
const DOES_MAX: usize = 400;

/// A run that figures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRun {
    /// Its id.
    pub run: RunId,
    /// The hash of its journal's last line, in hex: which text of it was read.
    pub head: String,
}

/// Both regions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionFits {
    /// The primary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<RegionFit>,
    /// The secondary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<RegionFit>,
}

impl RegionFits {
    /// That of `role`.
    #[must_use]
    pub fn get(&self, role: RegionRole) -> Option<&RegionFit> {
        match role {
            RegionRole::Primary => self.primary.as_ref(),
            RegionRole::Secondary => self.secondary.as_ref(),
        }
    }

    /// The place for that of `role`.
    pub fn get_mut(&mut self, role: RegionRole) -> &mut Option<RegionFit> {
        match role {
            RegionRole::Primary => &mut self.primary,
            RegionRole::Secondary => &mut self.secondary,
        }
    }

    fn is_empty(&self) -> bool {
        self.primary.is_none() && self.secondary.is_none()
    }
}

/// How long a step takes of which no resource's settings speak: a command, a request, a message, a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFit {
    /// The key of its action.
    pub action: String,
    /// What it does, in one line: what does something else by now is not meant.
    pub does: String,
    /// How long.
    pub takes: Fitted,
}

/// A calibration file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// [`VERSION`].
    muster: u32,
    /// The `name` of the infrastructure file.
    pub calibrates: String,
    /// A run that is so much older than another weighs half as much.
    pub half_life: Period,
    /// The runs, the newest first.
    pub runs: Vec<SourceRun>,
    /// By resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<ResourceId, ResourceFit>,
    /// By region.
    #[serde(default, skip_serializing_if = "RegionFits::is_empty")]
    pub regions: RegionFits,
    /// By the playbook's name and the step's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, BTreeMap<StepId, StepFit>>,
}

/// What became of the settings of a calibration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    used: Vec<String>,
    few: Vec<String>,
    unused: Vec<String>,
}

impl Told {
    fn used(&mut self, name: String, fitted: &Fitted) {
        if fitted.is_few() {
            self.few.push(name.clone());
        }
        self.used.push(name);
    }
}

/// Where the calibration of an infrastructure file lies unless another place is said: beside it,
/// `production.calibration.yaml` of `production.yaml`.
#[must_use]
pub fn beside(infrastructure: &str) -> String {
    let stem = [".yaml", ".yml"].into_iter().find_map(|end| infrastructure.strip_suffix(end));
    format!("{}.calibration.yaml", stem.unwrap_or(infrastructure))
}

/// Types a calibration file of the infrastructure file `of`. `None`: it can't be used; each reason is noted at its place.
pub fn read(root: &Node, of: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Calibration> {
    let mut found = Vec::new();
    let calibration: Option<Calibration> = decode(root, &mut found);
    if let Some(calibration) = &calibration {
        let at = |key: &str| root.get(key).map_or_else(|| root.place(), Node::place);
        if calibration.muster != VERSION {
            found.push(
                Diagnostic::error("M055", format!("the file is of version {} of the format", calibration.muster))
                    .at(at("muster"))
                    .help(format!("this build reads `muster: {VERSION}`")),
            );
        }
        if calibration.calibrates != of {
            let message = format!(
                "this is the calibration of `{}`, and the infrastructure file is `{of}`",
                calibration.calibrates
            );
            found.push(
                Diagnostic::error("M059", message)
                    .at(at("calibrates"))
                    .help("figures of one infrastructure say nothing of another: `muster calibrate` makes its own; --no-calibration does without"),
            );
        }
    }
    let good = !found.iter().any(Diagnostic::is_error);
    diagnostics.append(&mut found);
    calibration.filter(|_| good)
}

impl Calibration {
    /// One without any figure.
    #[must_use]
    pub fn new(calibrates: String, half_life: Span, runs: Vec<SourceRun>) -> Self {
        Self {
            muster: VERSION,
            calibrates,
            half_life: Period(half_life),
            runs,
            resources: BTreeMap::new(),
            regions: RegionFits::default(),
            steps: BTreeMap::new(),
        }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// Sets the twins of resources and regions.
    pub fn apply(&self, infrastructure: &mut Infrastructure, told: &mut Told) {
        for (id, fit) in &self.resources {
            let Some(binding) = infrastructure.resources.get_mut(id) else {
                told.unused.push(format!("{id}: the infrastructure file has no such resource"));
                continue;
            };
            let kind = fit.kind();
            if binding.kind != kind || binding.provider != fit.provider() {
                told.unused.push(format!(
                    "{id}: it is a {} by {} now, and was measured as a {kind} by {}",
                    binding.kind,
                    binding.provider,
                    fit.provider()
                ));
                continue;
            }
            for (key, fitted) in fit.settings() {
                set(&mut binding.simulate, key, fitted);
                told.used(setting_name(id.as_str(), key), fitted);
            }
        }
        for role in RegionRole::ALL {
            let Some(fit) = self.regions.get(role) else { continue };
            let Some(region) = infrastructure.regions.get_mut(&role).filter(|it| it.provider == fit.provider) else {
                told.unused
                    .push(format!("the {role} region: it was measured by {}, and is by another now", fit.provider));
                continue;
            };
            for (key, fitted) in fit.settings() {
                set(&mut region.simulate, key, fitted);
                told.used(setting_name(&format!("region.{role}"), key), fitted);
            }
        }
    }

    /// Sets how long steps of a plan take and are expected to.
    pub fn apply_to_steps(&self, plan: &mut Plan, told: &mut Told) {
        let Some(steps) = self.steps.get(&plan.name) else { return };
        let mut open: BTreeSet<&StepId> = steps.keys().collect();
        for step in &mut plan.steps {
            let Some(fit) = steps.get(&step.id) else { continue };
            open.remove(&step.id);
            if !has_takes(&step.act) || fit.action != step.act.key() || fit.does != does(&step.act.describe().summary())
            {
                told.unused.push(format!("step {}: it does something else now than when it was measured", step.id));
                continue;
            }
            let distribution = fit.takes.distribution();
            step.takes = Some(distribution);
            step.expected = distribution.median();
            told.used(setting_name(&format!("step {}", step.id), "takes"), &fit.takes);
        }
        told.unused.extend(open.into_iter().map(|step| format!("step {step}: the playbook has no such step")));
    }

    /// How a plan tells that its twin was set by this, which was read from `path` as `text`.
    #[must_use]
    pub fn told(&self, path: &str, text: &str, told: Told) -> Calibrated {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(sha256, "{byte:02x}");
        }
        Calibrated {
            path: path.to_owned(),
            sha256,
            runs: self.runs.len() as u64,
            newest: self.runs.first().map(|source| source.run.to_string()),
            used: told.used,
            few: told.few,
            unused: told.unused,
        }
    }
}

/// Whether `simulate: { takes }` means something to a step: no resource's settings say how long it takes.
#[must_use]
pub fn has_takes(act: &Act) -> bool {
    matches!(act, Act::Command(_) | Act::Http(_) | Act::Notify(_) | Act::Approve(_) | Act::Manual(_))
}

/// What a step does, as the file has it: one clean line.
#[must_use]
pub fn does(summary: &str) -> String {
    summary.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DOES_MAX).collect()
}

/// What a setting is called: `main promotion`.
#[must_use]
pub fn setting_name(of: &str, key: &str) -> String {
    format!("{of} {key}")
}

/// What kinds of resource have which settings that past runs can tell: by their keys in the infrastructure file.
#[must_use]
pub fn settings_of(kind: ResourceKind) -> &'static [&'static str] {
    match kind {
        ResourceKind::Dns => DnsFit::KEYS,
        ResourceKind::Database => DatabaseFit::KEYS,
        ResourceKind::Storage => StorageFit::KEYS,
        ResourceKind::Compute => ComputeFit::KEYS,
        ResourceKind::Backup => BackupFit::KEYS,
        ResourceKind::Region => RegionFit::KEYS,
    }
}

/// Puts a distribution into a twin's settings, in place of what stands there.
fn set(settings: &mut Json, key: &str, fitted: &Fitted) {
    let value = json!({ "p50": fitted.p50.0.short(), "p95": fitted.p95.0.short() });
    match settings {
        Json::Object(settings) => {
            settings.insert(key.to_owned(), value);
        }
        other => *other = json!({ key: value }),
    }
}

#[cfg(test)]
mod tests;
