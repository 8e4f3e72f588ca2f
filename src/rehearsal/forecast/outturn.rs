//! What is kept of a run: a fixed number of numbers, so that thousands fit into memory.

use super::path::{Links, on_path};
use super::{Layout, NOT_OVER, Of};
use crate::measure::{Judgement, Measure, Parts};
use crate::model::{ExitCode, Leg, Place, Verdict};
use crate::record::{LegVerdict, Record};
use crate::time::Span;

/// What a run says of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// At most so long.
    Measured(Span),
    /// No outage was seen that is longer than this, or nothing was lost.
    None(Span),
    /// It was not over.
    NotOver,
    /// Nothing measured it.
    NotMeasured,
    /// The run did not come to the leg.
    NotReached,
}

impl Reading {
    fn of(measure: &Measure) -> Self {
        match measure {
            Measure::Between { upper, .. } => Self::Measured(*upper),
            Measure::NoneSeen { resolution } => Self::None(*resolution),
            Measure::NoneLost { .. } => Self::None(Span::ZERO),
            Measure::MoreThan { .. } => Self::NotOver,
            Measure::NotMeasured { .. } => Self::NotMeasured,
        }
    }

    /// As a value of a spread; `None`: it has none.
    pub(super) fn value(self) -> Option<u64> {
        match self {
            Self::Measured(span) | Self::None(span) => Some(span.0.min(NOT_OVER - 1)),
            Self::NotOver => Some(NOT_OVER),
            Self::NotMeasured | Self::NotReached => None,
        }
    }
}

/// How long a step took, in milliseconds; [`u32::MAX`] if it did not end.
pub(super) const NEVER_MS: u32 = u32::MAX;

/// What is kept of a run.
#[derive(Clone, Debug)]
pub struct Outturn {
    pub(super) verdict: Verdict,
    pub(super) world: Place,
    pub(super) exit: Option<ExitCode>,
    /// In the order of [`Layout::figures`].
    pub(super) readings: Vec<(Reading, Judgement)>,
    /// In the order of [`Layout::within`].
    pub(super) within: Vec<Judgement>,
    /// Leg by leg.
    pub(super) parts: Vec<Option<Parts>>,
    /// For each step of the plan: how long it took, in milliseconds.
    pub(super) took_ms: Vec<u32>,
    /// Leg by leg, for each step: how much of the recovery went by in it on the critical path, in milliseconds.
    pub(super) path_ms: Vec<Vec<u32>>,
}

impl Outturn {
    /// What is kept of the run that `record` tells of.
    #[must_use]
    pub fn of(record: &Record, layout: &Layout) -> Self {
        let of_steps = layout.keeps_steps();
        let took = |step: &crate::record::StepRecord| step.took.map_or(NEVER_MS, millis);
        let paths = layout.legs().iter().map(|leg| on_path(record, *leg, layout.links()));
        Self {
            verdict: record.ended.verdict,
            world: record.ended.world,
            exit: record.ended.exit,
            readings: layout.figures().iter().map(|(of, leg)| reading(record, of, *leg)).collect(),
            within: layout.within().iter().map(|step| within(record, *step)).collect(),
            parts: layout.legs().iter().map(|leg| leg_of(record, *leg).and_then(|leg| leg.parts.clone())).collect(),
            took_ms: if of_steps { record.steps.iter().map(took).collect() } else { Vec::new() },
            path_ms: if of_steps { paths.collect() } else { Vec::new() },
        }
    }

    /// The recovery time of the drill in each leg, as a value of a spread.
    pub(super) fn recovery(&self, layout: &Layout) -> Vec<Option<u64>> {
        let figures = layout.figures().iter().zip(&self.readings);
        figures.filter(|((of, _), _)| *of == Of::AllServices).map(|(_, (reading, _))| reading.value()).collect()
    }
}

/// In whole milliseconds; 49 days and more are 49 days.
pub(super) fn millis(span: Span) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(NEVER_MS).min(NEVER_MS - 1)
}

fn leg_of(record: &Record, leg: Leg) -> Option<&crate::record::LegRecord> {
    record.legs.iter().find(|one| one.leg == leg)
}

fn within(record: &Record, step: usize) -> Judgement {
    let result = record.steps.get(step).and_then(|step| step.within);
    result.map_or(Judgement::NotMeasured, |result| result.judgement)
}

fn reading(record: &Record, of: &Of, leg: Leg) -> (Reading, Judgement) {
    let nothing = (Reading::NotReached, Judgement::NotMeasured);
    let Some(drill) = leg_of(record, leg).filter(|leg| leg.verdict != LegVerdict::NotReached) else { return nothing };
    let found = match of {
        Of::AllServices => Some((&drill.rta, drill.rto_judgement)),
        Of::AllCanaries => Some((&drill.rpa, drill.rpo_judgement)),
        Of::Service { id, .. } => {
            let service = record.services.iter().find(|service| service.id == *id);
            let legs = service.and_then(|service| service.legs.iter().find(|one| one.leg == leg));
            legs.map(|leg| (&leg.rta, leg.judgement))
        }
        Of::Canary { id } => {
            let canary = record.canaries.iter().find(|canary| canary.id == *id);
            let legs = canary.and_then(|canary| canary.legs.iter().find(|one| one.leg == leg));
            legs.map(|leg| (&leg.rpa, leg.judgement))
        }
    };
    found.map_or(nothing, |(measure, judgement)| (Reading::of(measure), judgement))
}

/// The needs of a plan's steps: see [`Links`].
pub(super) fn links(plan: &crate::model::Plan) -> Links {
    Links::of(plan)
}
