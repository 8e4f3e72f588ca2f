//! How long recovery will take, and how sure that is: many runs of one plan on its twin, each with chances of its own.
//!
//! # What is counted
//!
//! Run `n` of a forecast, from 0, is the drill with the seed `S + n`, where `S` is the forecast's seed: `muster simulate
//! --seed K` plays any of them again by itself. (So forecasts whose seeds are closer than their runs share runs.)
//! Of each run only an [`Outturn`] of fixed numbers is kept. No run is ever left out: one that was not over counts as
//! longer than all others, one without a value is counted as such beside the spread, and for an objective everything
//! but *met* is not met.
//!
//! * A recovery time is the upper end of its measure, what reports print first and objectives are held against. Where no
//!   outage was seen it is the longest that could have been missed.
//! * A data loss is the upper end of its measure; nothing where every acknowledged row survived.
//!
//! # How sure
//!
//! Shares have Wilson's score interval, quantiles that of order statistics ([`interval`]): 95 %, distribution-free. All of
//! it is about the *twin*: an interval says how well so many runs show what the twin would do, not how well the twin
//! resembles the world. `--until W` looks at the intervals while runs come in and stops when they are narrow ([`until`]);
//! an interval that is looked at until it is narrow holds the truth a little less often than it says (Y. S. Chow and
//! H. Robbins, *On the asymptotic theory of fixed-width sequential confidence intervals*, 1965: in the limit as often).
//!
//! # What drives it
//!
//! [`sensitivity`]: candidates by their time on the critical path and their rank correlation with the recovery time; the
//! few that could matter most are then *played*: the same seeds once more, with that step's time halved.

mod foresee;
mod histogram;
pub mod interval;
mod outturn;
mod path;
pub mod sensitivity;
mod tally;
pub mod until;

use serde::{Deserialize, Serialize};

use crate::chance::Seed;
use crate::id::{ProbeId, ServiceId, StepId};
use crate::model::{ExitCode, Leg, Place, Verdict};
use crate::time::Span;

pub use foresee::foresee;
pub use histogram::Histogram;
pub use interval::{CONFIDENCE, Share};
use interval::{rank, ranks};
pub use outturn::{Outturn, Reading};
pub use sensitivity::Sensitivity;
pub use tally::{Layout, Tally, seed_of};
pub use until::Enough;

/// No forecast has more runs.
pub const MOST_RUNS: u64 = 100_000;
/// What a value is that was not over when its run ended: longer than every other.
const NOT_OVER: u64 = u64::MAX;

/// A value of a spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// So long.
    Span(Span),
    /// Not over when the run ended.
    NotOver,
}

impl Value {
    fn of(raw: u64) -> Self {
        if raw == NOT_OVER { Self::NotOver } else { Self::Span(Span(raw)) }
    }

    /// The length, if it is one.
    #[must_use]
    pub fn span(self) -> Option<Span> {
        match self {
            Self::Span(span) => Some(span),
            Self::NotOver => None,
        }
    }
}

/// A quantile with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantile {
    /// The order statistic.
    pub value: Value,
    /// The lower end; `None`: it may be less than every value that came.
    pub lower: Option<Value>,
    /// The upper end; `None`: there are too few values, it may be more than the worst that came.
    pub upper: Option<Value>,
}

impl Quantile {
    /// The `p`-quantile of values in ascending order, of which there is at least one.
    fn of(sorted: &[u64], p: f64) -> Self {
        let (lower, upper) = ranks(sorted.len(), p);
        let at = |rank: usize| Value::of(sorted[rank]);
        Self { value: at(rank(sorted.len(), p)), lower: lower.map(at), upper: upper.map(at) }
    }
}

/// How values are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Of so many values.
    pub of: u64,
    /// The least.
    pub best: Value,
    /// The median.
    pub p50: Quantile,
    /// The 95th percentile.
    pub p95: Quantile,
    /// The 99th percentile.
    pub p99: Quantile,
    /// The greatest that came.
    pub worst: Value,
}

impl Spread {
    /// Of values in ascending order; `None` of none.
    fn of(sorted: &[u64]) -> Option<Self> {
        let (best, worst) = (*sorted.first()?, *sorted.last()?);
        Some(Self {
            of: sorted.len() as u64,
            best: Value::of(best),
            p50: Quantile::of(sorted, 0.50),
            p95: Quantile::of(sorted, 0.95),
            p99: Quantile::of(sorted, 0.99),
            worst: Value::of(worst),
        })
    }
}

/// What a figure is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Recovery time of all services: the drill's.
    AllServices,
    /// Recovery time of one.
    Service {
        /// Which.
        id: ServiceId,
        /// For people.
        title: String,
    },
    /// The largest data loss of any canary: the drill's.
    AllCanaries,
    /// Data loss of one.
    Canary {
        /// Which.
        id: ProbeId,
    },
}

impl Of {
    /// Whether it is a recovery time, and not a data loss.
    #[must_use]
    pub fn is_time(&self) -> bool {
        matches!(self, Self::AllServices | Self::Service { .. })
    }
}

/// What became of a figure, run by run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// It was measured from start to end.
    pub measured: u64,
    /// No outage was seen, or nothing was lost.
    pub none: u64,
    /// It was not over when the run ended.
    pub not_over: u64,
    /// Nothing measured it.
    pub not_measured: u64,
    /// The run never came to the leg.
    pub not_reached: u64,
}

/// How it stood to its objective, run by run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Met.
    pub met: u64,
    /// Missed.
    pub missed: u64,
    /// The objective lay within the measure's interval.
    pub undecided: u64,
    /// Nothing measured it.
    pub not_measured: u64,
    /// The run never came to the leg.
    pub not_reached: u64,
}

/// A run that is worth a look, and its seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The seed that plays it again.
    pub seed: Seed,
    /// What is to be seen there.
    pub what: String,
}

/// A recovery time or data loss in a leg, over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Of what.
    pub of: Of,
    /// In which leg.
    pub leg: Leg,
    /// Its objective.
    pub objective: Option<Span>,
    /// What became of it.
    pub seen: Seen,
    /// How it is spread over the runs in which it has a value; `None` if there are none.
    pub spread: Option<Spread>,
    /// How it stood to the objective, if there is one.
    pub judged: Option<Judged>,
    /// The share of all runs that met the objective, if there is one.
    pub met: Option<Share>,
    /// The seed of the first run with the worst value.
    pub worst: Option<Seed>,
    /// How often which values came.
    pub histogram: Option<Histogram>,
}

/// A step's own objective, over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// The step.
    pub step: StepId,
    /// Its objective.
    pub within: Span,
    /// The share of all runs that met it.
    pub met: Share,
}

/// A part of the recovery time, over all runs of the leg that were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which: detection, execution, decision, propagation, stabilisation.
    pub name: String,
    /// In how many runs there was such a thing; 0: not exercised.
    pub exercised: u64,
    /// Its mean over all runs that were measured; where there was no such thing it took no time.
    pub mean: Span,
    /// Its median over those in which there was such a thing.
    pub p50: Span,
    /// Its 95th percentile over them.
    pub p95: Span,
}

/// A step on the critical path of a leg's recovery, over the runs whose steps were kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathStep {
    /// The step.
    pub step: StepId,
    /// In how many of those runs it was on the path.
    pub on_path: Share,
    /// How much of the recovery went by in it, on average over all of those runs.
    pub mean: Span,
    /// The median of how long the step took.
    pub p50: Span,
    /// The 95th percentile.
    pub p95: Span,
    /// Spearman's rank correlation of how long it took with the leg's recovery time; `None` where one of them is always
    /// the same.
    pub correlation: Option<f64>,
}

/// Where a leg's time goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegForecast {
    /// Which leg.
    pub leg: Leg,
    /// Over how many runs: those in which its recovery time has parts.
    pub of: u64,
    /// Its parts; on average they add up to the mean of the recovery time.
    pub parts: Vec<Part>,
    /// Over how many runs the steps are: the first ones, where there are too many steps to keep all.
    pub steps_of: u64,
    /// The steps on its critical path, the longest first.
    pub path: Vec<PathStep>,
}

/// How many runs ended so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The verdict.
    pub verdict: Verdict,
    /// Where the world was left.
    pub world: Place,
    /// The exit code that the run would give.
    pub exit: Option<ExitCode>,
    /// How many.
    pub runs: Share,
    /// The first of them.
    pub first: Seed,
}

/// Why no further run was played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// So many were asked for.
    AsAsked,
    /// The intervals were as narrow as was asked.
    Narrow {
        /// Half their width, as was asked: 0.01 is ±1 %.
        until: f64,
    },
    /// They were not, and so many is the most.
    TooMany {
        /// What was asked.
        until: f64,
    },
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// How many runs.
    pub runs: u64,
    /// Why no more.
    pub stopped: Stopped,
    /// The seed of the first; each next has the next.
    pub first_seed: Seed,
    /// How sure the intervals are: 0.95.
    pub confidence: f64,
    /// The share of runs that must be shown to pass, 0 to 1.
    pub require: f64,
    /// The share that passed: every step passed, every objective was measured and met.
    pub passed: Share,
    /// How the runs ended, the most frequent end first.
    pub ends: Vec<End>,
    /// Recovery times, then data losses; the drill's before the services', leg by leg.
    pub figures: Vec<Figure>,
    /// Steps with an objective of their own.
    pub within: Vec<Within>,
    /// Where the time goes.
    pub legs: Vec<LegForecast>,
    /// What would be if something were quicker.
    pub sensitivity: Option<Sensitivity>,
}

impl Forecast {
    /// Whether as many runs pass as is required, and surely so.
    #[must_use]
    pub fn suffices(&self) -> bool {
        self.passed.lower >= self.require
    }

    /// Whether more runs that go as these did could still show it.
    #[must_use]
    pub fn too_few(&self) -> bool {
        !self.suffices() && self.passed.share() >= self.require && self.require < 1.0
    }
}
