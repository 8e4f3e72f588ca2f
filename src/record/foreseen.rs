//! How good the forecast was that a real run began with: where in its distribution each truth fell.
//!
//! A recovery time is the upper end of its measure, and where no outage was seen the longest that could have been missed; a
//! data loss is the upper end of its measure, nothing where every row survived: as the forecast counted them in its
//! simulated drills. A step's time is from its begin to its end, however it ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CanaryRecord, LegRecord, LegVerdict, Record, ServiceRecord, StepRecord};
use crate::chance::Seed;
use crate::id::StepId;
use crate::measure::Measure;
use crate::model::{Foreseen, ForeseenMeasure, ForeseenRuns, ForeseenStep, Leg, MeasureOf, Percentiles};
use crate::time::Span;

/// What became of something that was foreseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It took so long.
    Took(Span),
    /// It was not over when the run ended.
    NotOver,
    /// It did not come to it, or nothing measured it.
    Unknown,
}

/// Something that was foreseen, and where the truth fell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fallen {
    /// What came.
    pub truth: Truth,
    /// The share of the simulated drills that were below it, 0 to 1, those of the same value by half; `None`: nothing came.
    pub below: Option<f64>,
    /// In so many simulated drills it had a value.
    pub of: u64,
    /// The 5th percentile of them; `None`: not over when the run ended.
    pub p5: Option<Span>,
    /// The median.
    pub p50: Option<Span>,
    /// The 95th percentile.
    pub p95: Option<Span>,
    /// Whether nearly all of them said the same, so that where the truth fell tells nothing of the forecast's spread.
    pub certain: bool,
}

/// A recovery time or data loss beside its forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FallenMeasure {
    /// Of what.
    pub of: MeasureOf,
    /// In which leg.
    pub leg: Leg,
    /// Where it fell.
    pub fallen: Fallen,
}

/// A step's time beside its forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FallenStep {
    /// Which.
    pub step: StepId,
    /// Where it fell.
    pub fallen: Fallen,
}

/// The forecast of a run, held against what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastRun {
    /// So many simulated drills.
    pub runs: u64,
    /// The seed of the first.
    pub seed: Seed,
    /// So many of them passed.
    pub passed: u64,
    /// Recovery times and data losses.
    pub measures: Vec<FallenMeasure>,
    /// Steps.
    pub steps: Vec<FallenStep>,
}

/// The forecast of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastRecord {
    /// None was made, and why.
    NotMade {
        /// Why.
        because: String,
    },
    /// One was made.
    Made(ForecastRun),
}

/// The forecast held against `record`.
pub(super) fn held_against(foreseen: &Foreseen, record: &Record) -> ForecastRecord {
    match foreseen {
        Foreseen::NotMade { because } => ForecastRecord::NotMade { because: because.clone() },
        Foreseen::Made(made) => ForecastRecord::Made(made_run(made, record)),
    }
}

fn made_run(made: &ForeseenRuns, record: &Record) -> ForecastRun {
    let measure = |it: &ForeseenMeasure| FallenMeasure {
        of: it.of.clone(),
        leg: it.leg,
        fallen: fallen(&it.spread, truth_of(record, &it.of, it.leg)),
    };
    let step = |it: &ForeseenStep| FallenStep {
        step: it.step.clone(),
        fallen: fallen(&it.spread, step_truth(record.steps.iter().find(|step| step.id == it.step))),
    };
    ForecastRun {
        runs: made.runs,
        seed: made.seed,
        passed: made.passed,
        measures: made.measures.iter().map(measure).collect(),
        steps: made.steps.iter().map(step).collect(),
    }
}

fn fallen(spread: &Percentiles, truth: Truth) -> Fallen {
    let below = match &truth {
        Truth::Took(span) => Some(spread.share_below(Some(*span))),
        Truth::NotOver => Some(spread.share_below(None)),
        Truth::Unknown => None,
    };
    // A hundredth of a percent is more than is known, and is written and read back as it is.
    let below = below.map(|below| (below * 1e4).round() / 1e4);
    let [p5, p50, p95] = [0.05, 0.50, 0.95].map(|p| spread.quantile(p));
    Fallen { truth, below, of: spread.of, p5, p50, p95, certain: spread.is_certain() }
}

fn step_truth(step: Option<&StepRecord>) -> Truth {
    let took = step.and_then(|step| step.took);
    // Whole milliseconds, as the forecast keeps them.
    took.map_or(Truth::Unknown, |took| Truth::Took(Span::from_millis(took.as_millis())))
}

fn truth_of(record: &Record, of: &MeasureOf, leg: Leg) -> Truth {
    let reached = |it: &&LegRecord| it.leg == leg && it.verdict != LegVerdict::NotReached;
    let Some(drill) = record.legs.iter().find(reached) else { return Truth::Unknown };
    let service = |it: &ServiceRecord| it.legs.iter().find(|one| one.leg == leg).map(|one| one.rta.clone());
    let canary = |it: &CanaryRecord| it.legs.iter().find(|one| one.leg == leg).map(|one| one.rpa.clone());
    let measure = match of {
        MeasureOf::AllServices => Some(drill.rta.clone()),
        MeasureOf::AllCanaries => Some(drill.rpa.clone()),
        MeasureOf::Service(id) => record.services.iter().find(|it| it.id == *id).and_then(service),
        MeasureOf::Canary(id) => record.canaries.iter().find(|it| it.id == *id).and_then(canary),
    };
    match measure {
        Some(Measure::Between { upper: span, .. } | Measure::NoneSeen { resolution: span }) => Truth::Took(span),
        Some(Measure::NoneLost { .. }) => Truth::Took(Span::ZERO),
        Some(Measure::MoreThan { .. }) => Truth::NotOver,
        Some(Measure::NotMeasured { .. }) | None => Truth::Unknown,
    }
}
