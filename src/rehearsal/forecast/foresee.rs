//! A forecast as a real run takes it along: a few numbers a figure, from which its report tells where the truth fell.

use std::cmp::Reverse;

use super::{NOT_OVER, Of, Tally};
use crate::model::{ForeseenMeasure, ForeseenRuns, ForeseenStep, MeasureOf, Percentiles};
use crate::time::Span;

/// The values that are kept of a recovery time or data loss: one a percent.
const POINTS: usize = 101;
/// The values that are kept of a step's time.
const STEP_POINTS: usize = 21;
/// At most so many steps are taken along, those that take longest.
const STEPS_MAX: usize = 60;

/// What `tally` foretells.
#[must_use]
pub fn foresee(tally: &Tally) -> ForeseenRuns {
    let figures = tally.layout().figures().iter().zip(tally.values());
    let measures = figures.filter_map(|((of, leg), values)| {
        let of = match of {
            Of::AllServices => MeasureOf::AllServices,
            Of::Service { id, .. } => MeasureOf::Service(id.clone()),
            Of::AllCanaries => MeasureOf::AllCanaries,
            Of::Canary { id } => MeasureOf::Canary(id.clone()),
        };
        let values: Vec<Option<Span>> = values.into_iter().map(|raw| (raw != NOT_OVER).then_some(Span(raw))).collect();
        Some(ForeseenMeasure { of, leg: *leg, spread: Percentiles::of(&values, POINTS)? })
    });
    let mut steps: Vec<ForeseenStep> = tally
        .took()
        .filter_map(|(step, times)| {
            let values: Vec<Option<Span>> = times.into_iter().map(Some).collect();
            Some(ForeseenStep { step: step.clone(), spread: Percentiles::of(&values, STEP_POINTS)? })
        })
        .collect();
    // In the plan's order again once the longest are chosen.
    let mut longest: Vec<usize> = (0..steps.len()).collect();
    longest.sort_by_key(|n| Reverse(steps[*n].spread.quantile(0.5)));
    longest.truncate(STEPS_MAX);
    longest.sort_unstable();
    steps = longest.into_iter().map(|n| steps[n].clone()).collect();
    ForeseenRuns {
        runs: tally.runs(),
        seed: tally.seed(0),
        passed: tally.passed().count,
        measures: measures.collect(),
        steps,
    }
}
