//! What past real runs say of how long things take, and how good their forecasts were.
//!
//! # What is counted
//!
//! Real runs on one infrastructure file, known by its name. A resource counts in a run if it is there what it is now: the same
//! kind of thing, by the same provider, and not simulated ([`samples`] says what each journal tells of it). A run that
//! was simulated throughout tells nothing, whatever it was played on.
//!
//! # How it is fitted
//!
//! The twin's distributions are log-normal, so what is fitted is the mean and the variance of logarithms, weighted by age
//! ([`fit`]): a run that is a half-life older than the newest weighs half as much. Few samples say little of a spread; so
//! the spread that was assumed before weighs in as if it rested on [`fit::PRIOR`] samples, and the 95th percentile is that
//! of the next drill (Student's t), which with one sample lies far out and comes in with each one more. A single sample
//! never gives a spread of zero, and [`FEW`](crate::infrastructure::calibration::FEW) effective samples or fewer are said to
//! be few.
//!
//! # How good forecasts were
//!
//! Each real drill's record says where in its forecast each truth fell. Over many runs such shares are spread evenly if the
//! forecasts are right (A. P. Dawid, *Statistical theory: the prequential approach*, 1984): half of them below one half,
//! nine tenths between 5 % and 95 %. Runs count that ended by themselves. [`reliability`] counts them, with intervals, and says when there are too few to tell.

pub mod fit;
pub mod reliability;
pub mod samples;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chance::Distribution;
use crate::id::{RunId, StepId};
use crate::infrastructure::calibration::{Calibration, Fitted, RegionFit, ResourceFit, SourceRun, StepFit};
use crate::infrastructure::{Infrastructure, twin};
use crate::model::{Plan, Verdict};
use crate::record::{ForecastRecord, Record, Simulated};
use crate::time::Span;

pub use reliability::Reliability;
pub use samples::{Sample, Setting};

/// A run that is so much older than the newest weighs half as much, unless it is said otherwise.
pub const HALF_LIFE: Span = Span::from_secs(180 * 86_400);
/// At most so many notes are kept.
const NOTES_MAX: usize = 50;

/// What one run tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The run.
    pub run: RunId,
    /// The hash of its journal's last line.
    pub head: String,
    /// When it began, by the wall clock.
    pub at: Timestamp,
    /// Its playbook.
    pub playbook: String,
    /// What it measured.
    pub samples: Vec<Sample>,
    /// How its forecast fared.
    pub forecast: Option<ForecastRecord>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// What a run is to a calibration.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It was simulated throughout.
    Simulated,
    /// It was on another infrastructure file, of this name.
    Elsewhere(String),
    /// It tells something.
    Real(Box<Evidence>),
}

/// Asks a run what it tells of `infrastructure`.
#[must_use]
pub fn ask(record: &Record, infrastructure: &Infrastructure) -> Asked {
    if record.header.simulated == Simulated::Wholly {
        return Asked::Simulated;
    }
    let then = samples::infrastructure_of(record);
    match then {
        Some(then) if then.name == infrastructure.name => {
            let (samples, notes) = samples::samples(record, &then, infrastructure);
            Asked::Real(Box::new(Evidence {
                run: record.header.run.clone(),
                head: record.header.heads.last.clone(),
                at: record.header.started_at,
                playbook: record.header.playbook.clone(),
                samples,
                // Of a drill that somebody stopped, or that goes on, it was not forecast.
                forecast: record.forecast.clone().filter(|_| ended_by_itself(record)),
                notes,
            }))
        }
        other => Asked::Elsewhere(other.map_or_else(|| "(not readable)".to_owned(), |other| other.name)),
    }
}

/// Whether it was as its forecast supposed: it ended, and neither was refused nor stopped by anybody.
fn ended_by_itself(record: &Record) -> bool {
    record.ended.exit.is_some() && matches!(record.ended.verdict, Verdict::Passed | Verdict::Failed)
}

/// A setting of the twin, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Which: `main promotion`.
    pub setting: String,
    /// What the twin had: stated in the infrastructure file or the playbook, or by default.
    pub before: Option<Distribution>,
    /// What it has now.
    pub after: Distribution,
    /// How many samples.
    pub samples: u32,
    /// How many newest samples would tell as much.
    pub effective: f64,
    /// Whether these are few.
    pub few: bool,
    /// The newest run that has one.
    pub newest: RunId,
}

/// What came of all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitting {
    /// The name of the infrastructure file.
    pub infrastructure: String,
    /// A run that is so much older than the newest weighs half as much.
    pub half_life: Span,
    /// The real runs, the newest first.
    pub runs: Vec<RunId>,
    /// How many runs were left out because they were simulated.
    pub simulated: u64,
    /// How many were left out because they were on another infrastructure file, by its name.
    pub elsewhere: BTreeMap<String, u64>,
    /// The settings.
    pub lines: Vec<Line>,
    /// What was left out of single runs, and why.
    pub notes: Vec<String>,
    /// How good the forecasts of real runs were.
    pub reliability: Vec<Reliability>,
    /// How many of the real runs began with a forecast.
    pub forecasts: u64,
}

/// Takes runs in, one by one, in any order.
#[derive(Clone, Debug, Default)]
pub struct Fitter {
    evidence: Vec<Evidence>,
    simulated: u64,
    elsewhere: BTreeMap<String, u64>,
}

impl Fitter {
    /// Takes what a run tells.
    pub fn add(&mut self, asked: Asked) {
        match asked {
            Asked::Simulated => self.simulated += 1,
            Asked::Elsewhere(name) => *self.elsewhere.entry(name).or_default() += 1,
            Asked::Real(evidence) => self.evidence.push(*evidence),
        }
    }

    /// Fits all that was taken in; `plan`: the playbook's, for what its steps were assumed to take.
    #[must_use]
    pub fn fit(
        mut self,
        infrastructure: &Infrastructure,
        plan: Option<&Plan>,
        half_life: Span,
    ) -> (Fitting, Calibration) {
        // The newest first; of one instant by their names, so that the order is the same whoever reads them.
        self.evidence.sort_by(|a, b| (b.at, &b.run).cmp(&(a.at, &a.run)));
        let telling = self.evidence.iter().filter(|it| !it.samples.is_empty());
        let sources = telling.map(|it| SourceRun { run: it.run.clone(), head: it.head.clone() }).collect();
        let mut calibration = Calibration::new(infrastructure.name.clone(), half_life, sources);
        let (settings, mut notes) = gather(&self.evidence, half_life);
        let mut lines = Vec::new();
        for (setting, gathered) in &settings {
            let before = assumed(setting, infrastructure, plan);
            let Some(fitted) = fit::fit(&gathered.values, before.as_ref()) else { continue };
            let fitted = Fitted {
                p50: crate::catalogue::Period(fitted.p50),
                p95: crate::catalogue::Period(fitted.p95),
                samples: u32::try_from(gathered.values.len()).unwrap_or(u32::MAX),
                effective: fitted.effective,
                newest: gathered.newest.clone(),
            };
            lines.push(Line {
                setting: setting.to_string(),
                before,
                after: fitted.distribution(),
                samples: fitted.samples,
                effective: fitted.effective,
                few: fitted.is_few(),
                newest: fitted.newest.clone(),
            });
            put(&mut calibration, setting, gathered, fitted, infrastructure);
        }
        for evidence in &self.evidence {
            notes.extend(evidence.notes.iter().map(|note| format!("{}: {note}", evidence.run)));
        }
        if notes.len() > NOTES_MAX {
            let more = notes.len() - NOTES_MAX;
            notes.truncate(NOTES_MAX);
            notes.push(format!("… and {more} more"));
        }
        let forecasts = self.evidence.iter().filter_map(|it| it.forecast.as_ref());
        let made: Vec<_> = forecasts
            .filter_map(|forecast| match forecast {
                ForecastRecord::Made(made) => Some(made),
                ForecastRecord::NotMade { .. } => None,
            })
            .collect();
        let fitting = Fitting {
            infrastructure: infrastructure.name.clone(),
            half_life,
            runs: self.evidence.iter().map(|it| it.run.clone()).collect(),
            simulated: self.simulated,
            elsewhere: self.elsewhere,
            lines,
            notes,
            reliability: reliability::of(&made),
            forecasts: made.len() as u64,
        };
        (fitting, calibration)
    }
}

/// The samples of one setting.
struct Gathered {
    values: Vec<fit::Weighted>,
    newest: RunId,
    /// Of a step: what it did in the newest run.
    step: Option<(String, String)>,
}

/// All samples by what they are of, weighted by age; of a step only those of what it does in the newest run.
fn gather(evidence: &[Evidence], half_life: Span) -> (BTreeMap<Setting, Gathered>, Vec<String>) {
    let newest = evidence.iter().find(|it| !it.samples.is_empty()).map(|it| it.at);
    let mut settings: BTreeMap<Setting, Gathered> = BTreeMap::new();
    let mut otherwise: BTreeSet<String> = BTreeSet::new();
    for one in evidence {
        let weight = newest.map_or(1.0, |newest| fit::weight(newest, one.at, half_life));
        for sample in &one.samples {
            let gathered = settings.entry(sample.setting.clone()).or_insert_with(|| Gathered {
                values: Vec::new(),
                newest: one.run.clone(),
                step: sample.does.clone(),
            });
            if gathered.step != sample.does {
                otherwise.insert(format!("{}: {} did something else then", one.run, sample.setting));
                continue;
            }
            gathered.values.push(fit::Weighted { value: sample.value, slowest_of: sample.slowest_of, weight });
        }
    }
    (settings, otherwise.into_iter().collect())
}

/// What the twin had of a setting.
fn assumed(setting: &Setting, infrastructure: &Infrastructure, plan: Option<&Plan>) -> Option<Distribution> {
    let of = |settings: serde_json::Result<serde_json::Value>, key: &str| {
        let settings = settings.ok()?;
        serde_json::from_value(settings.get(key)?.clone()).ok()
    };
    match setting {
        Setting::Resource { id, key } => {
            use crate::infrastructure::simulate::SimulatedResource as Twin;
            let settings = match twin::resource(infrastructure.resources.get(id)?).ok()? {
                Twin::Dns(it) => serde_json::to_value(it),
                Twin::Database(it) => serde_json::to_value(it),
                Twin::Compute(it) => serde_json::to_value(it),
                Twin::Storage(it) => serde_json::to_value(it),
                Twin::Backup(it) => serde_json::to_value(it),
            };
            of(settings, key)
        }
        Setting::Region { role, key } => {
            of(serde_json::to_value(twin::region(infrastructure.regions.get(role)?).ok()?), key)
        }
        Setting::Step { playbook, step } => {
            let plan = plan.filter(|plan| plan.name == *playbook)?;
            let step = plan.steps.iter().find(|it| it.id == *step)?;
            Some(step.takes.unwrap_or_else(|| step.act.describe().takes()))
        }
    }
}

/// Puts a figure where it belongs.
fn put(
    calibration: &mut Calibration,
    setting: &Setting,
    gathered: &Gathered,
    fitted: Fitted,
    infrastructure: &Infrastructure,
) {
    match setting {
        Setting::Resource { id, key } => {
            let Some(binding) = infrastructure.resources.get(id) else { return };
            if !calibration.resources.contains_key(id) {
                let Some(fit) = ResourceFit::of(binding.kind, binding.provider.clone()) else { return };
                calibration.resources.insert(id.clone(), fit);
            }
            if let Some(fit) = calibration.resources.get_mut(id) {
                fit.set(key, fitted);
            }
        }
        Setting::Region { role, key } => {
            let Some(region) = infrastructure.regions.get(role) else { return };
            let fit = calibration.regions.get_mut(*role);
            fit.get_or_insert_with(|| RegionFit::of(region.provider.clone())).set(key, fitted);
        }
        Setting::Step { playbook, step } => {
            let Some((action, does)) = gathered.step.clone() else { return };
            let steps: &mut BTreeMap<StepId, StepFit> = calibration.steps.entry(playbook.clone()).or_default();
            steps.insert(step.clone(), StepFit { action, does, takes: fitted });
        }
    }
}
