//! The figures of a run that the next one of the same playbook is compared with.

use super::{Record, StepState};
use crate::event::{PreviousMeasure, PreviousRun, PreviousStep};
use crate::measure::{Judgement, Measure};
use crate::model::{Leg, MeasureOf};
use crate::time::Span;

/// At most so many steps are kept: they stand in the first event of the next run.
const STEPS_MAX: usize = 2_000;

/// What of a run the next one is compared with.
#[must_use]
pub fn figures(record: &Record) -> PreviousRun {
    let header = &record.header;
    let failover = record.legs.iter().find(|leg| leg.leg == Leg::Failover);
    let mut measures = Vec::new();
    for leg in &record.legs {
        let mut add = |of: MeasureOf, measure: &Measure, judgement: Judgement| {
            measures.push(PreviousMeasure { of, leg: leg.leg, upper: upper(measure), met: met(judgement) });
        };
        add(MeasureOf::AllServices, &leg.rta, leg.rto_judgement);
        for service in &record.services {
            for own in service.legs.iter().filter(|own| own.leg == leg.leg) {
                add(MeasureOf::Service(service.id.clone()), &own.rta, own.judgement);
            }
        }
        add(MeasureOf::AllCanaries, &leg.rpa, leg.rpo_judgement);
        for canary in &record.canaries {
            for own in canary.legs.iter().filter(|own| own.leg == leg.leg) {
                add(MeasureOf::Canary(canary.id.clone()), &own.rpa, own.judgement);
            }
        }
    }
    let ran = record.steps.iter().filter(|step| step.started.is_some());
    PreviousRun {
        run: header.run.to_string(),
        verdict: record.ended.verdict.to_string(),
        rta: failover.and_then(|leg| upper(&leg.rta)),
        rpa: failover.and_then(|leg| upper(&leg.rpa)),
        mode: Some(header.mode),
        digest: Some(header.digest.clone()),
        measures,
        steps: ran
            .take(STEPS_MAX)
            .map(|step| PreviousStep {
                step: step.id.clone(),
                passed: step.state.is_good(),
                took: step.took,
                already: step.state == StepState::AlreadyDone,
            })
            .collect(),
    }
}

/// The upper end; nothing lost is no loss. `None` where there is none.
pub(super) fn upper(measure: &Measure) -> Option<Span> {
    match measure {
        Measure::Between { upper, .. } => Some(*upper),
        Measure::NoneLost { .. } | Measure::NoneSeen { .. } => Some(Span::ZERO),
        Measure::MoreThan { .. } | Measure::NotMeasured { .. } => None,
    }
}

fn met(judgement: Judgement) -> Option<bool> {
    match judgement {
        Judgement::Met => Some(true),
        Judgement::NoObjective => None,
        Judgement::Missed | Judgement::Undecided | Judgement::NotMeasured => Some(false),
    }
}
