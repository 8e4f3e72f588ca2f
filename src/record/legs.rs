//! The two legs: their measures and verdicts.

use super::builder::Builder;
use super::users::{Seen, outages_in};
use super::{CanaryRecord, LegRecord, LegVerdict, PhaseRecord, PhaseState, StepRecord, steps};
use crate::measure::{Activity, Judgement, Measure, Outage, parts, recovery_bounds, recovery_time, worst};
use crate::model::{Leg, PhaseKind, Plan};
use crate::resource::AnsweredBy;
use crate::time::{Moment, Span};

/// The legs that a plan has in its mode, in order.
pub(super) fn planned(plan: &Plan) -> Vec<Leg> {
    let has = |leg: &Leg| plan.phases.iter().any(|phase| phase.applies && phase.leg == Some(*leg));
    [Leg::Failover, Leg::Return].into_iter().filter(has).collect()
}

pub(super) fn leg(
    builder: &Builder,
    leg: Leg,
    services: &[Seen],
    canaries: &[CanaryRecord],
    phases: &[PhaseRecord],
    steps: &[StepRecord],
) -> LegRecord {
    let plan = builder.plan();
    let mine: Vec<&PhaseRecord> = phases.iter().filter(|it| it.leg == Some(leg) && began_or_due(it)).collect();
    let of = |seen: &Seen| outages_in(leg, &seen.record.outages, builder.return_began);
    let outages: Vec<Outage> = services.iter().flat_map(of).collect();
    let rta = drill_time(leg, services, recovery_time(&outages));
    let bounds = recovery_bounds(&outages).filter(|_| matches!(rta, Measure::Between { .. }));
    let losses = canaries.iter().flat_map(|it| &it.legs).filter(|it| it.leg == leg).map(|it| &it.rpa);
    let rpa = worst(losses).unwrap_or(Measure::NotMeasured { why: "the playbook has no canary".to_owned() });
    let (rto, rpo) = (plan.objectives.rto_of(leg), plan.objectives.rpo_of(leg));
    let mut record = LegRecord {
        leg,
        verdict: LegVerdict::NotReached,
        started: mine.iter().filter_map(|phase| phase.started).min(),
        ended: mine.iter().filter_map(|phase| phase.ended).max(),
        rto_judgement: rta.judge(rto),
        rta,
        rto,
        parts: bounds.map(|(start, end)| parts(start, end, &activity(builder, leg, services, phases, steps))),
        lost_at: outages.iter().map(Outage::start).min(),
        recovered_at: bounds.map(|(_, end)| end),
        rpo_judgement: rpa.judge(rpo),
        rpa,
        rpo,
    };
    record.verdict = judge(&record, &mine, services, canaries, steps);
    record
}

fn began_or_due(phase: &PhaseRecord) -> bool {
    phase.state != PhaseState::NotInThisMode
}

/// The drill's recovery time where an outage was seen, else how short a one could have been missed.
fn drill_time(leg: Leg, services: &[Seen], seen: Option<Measure>) -> Measure {
    if let Some(measure) = seen {
        return measure;
    }
    let of = |it: &Seen| it.record.legs.iter().find(|one| one.leg == leg).map(|one| one.rta.clone());
    let each: Vec<Measure> = services.iter().filter_map(of).collect();
    match each.iter().filter_map(Measure::upper).max() {
        Some(resolution) => Measure::NoneSeen { resolution },
        None => each.into_iter().next().unwrap_or(Measure::NotMeasured { why: "no service is probed".to_owned() }),
    }
}

fn judge(
    leg: &LegRecord,
    phases: &[&PhaseRecord],
    services: &[Seen],
    canaries: &[CanaryRecord],
    steps: &[StepRecord],
) -> LegVerdict {
    if leg.started.is_none() {
        return LegVerdict::NotReached;
    }
    let mut mine = steps.iter().filter(|step| step.leg == Some(leg.leg));
    if mine.any(|step| step.state.is_bad()) || phases.iter().any(|phase| phase.state == PhaseState::Failed) {
        return LegVerdict::Failed;
    }
    if phases.iter().any(|phase| phase.state != PhaseState::Passed) {
        return LegVerdict::Incomplete;
    }
    let of_services = services.iter().flat_map(|seen| &seen.record.legs).filter(|it| it.leg == leg.leg);
    let of_canaries = canaries.iter().flat_map(|it| &it.legs).filter(|it| it.leg == leg.leg);
    let within = steps.iter().filter(|step| step.leg == Some(leg.leg) && step.state.applies());
    let within = within.filter_map(|step| step.within).map(|within| within.judgement);
    let mut all = of_services
        .map(|it| it.judgement)
        .chain(of_canaries.map(|it| it.judgement))
        .chain(within)
        .chain([leg.rto_judgement, leg.rpo_judgement]);
    if all.any(Judgement::fails) { LegVerdict::Failed } else { LegVerdict::Passed }
}

/// What went on in a leg, for the parts of its recovery time.
fn activity(builder: &Builder, leg: Leg, services: &[Seen], phases: &[PhaseRecord], steps: &[StepRecord]) -> Activity {
    let plan = builder.plan();
    let until = builder.until;
    let detected = phases
        .iter()
        .filter(|phase| phase.kind == PhaseKind::Detect && phase.leg == Some(leg) && phase.started.is_some())
        .map(|phase| phase.ended.unwrap_or(until))
        .max();
    let acting = steps.iter().zip(&plan.steps).filter(|(_, step)| steps::acts(&step.act));
    let acting = acting.filter_map(|(step, _)| Some((step.started?, step.ended.unwrap_or(until)))).collect();
    let asked = steps.iter().flat_map(|step| &step.gates);
    let asked = asked.filter(|gate| gate.answer.as_ref().is_none_or(|answer| answer.by != AnsweredBy::NobodyAsked));
    let asking = asked.map(|gate| (gate.opened, gate.closed.unwrap_or(until))).collect();
    Activity { detected, acting, asking, propagating: propagating(builder, leg, services) }
}

/// For each switch of the leg and each service that it moves: from its end until the service was asked in the new
/// region or, where samples don't tell the region, until the old answer ran out in every cache.
fn propagating(builder: &Builder, leg: Leg, services: &[Seen]) -> Vec<(Moment, Moment)> {
    let plan = builder.plan();
    let mut all = Vec::new();
    for switch in builder.switches.iter().filter(|switch| plan.leg_of(switch.step) == Some(leg)) {
        for (service, seen) in plan.services.iter().zip(services) {
            let moved = |record: &&crate::id::ResourceId| service.depends_on.contains(record);
            let Some(record) = switch.records.iter().find(moved) else { continue };
            let asked_there =
                builder.tracks.get(&service.probe.id).and_then(|it| it.answered_by(switch.to, switch.done));
            let run_out = || switch.done + builder.old_ttl(switch.step, record).unwrap_or(Span::ZERO);
            if !outages_in(leg, &seen.record.outages, builder.return_began).is_empty() {
                all.push((switch.done, asked_there.unwrap_or_else(run_out)));
            }
        }
    }
    all
}
