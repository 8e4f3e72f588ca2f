//! What users saw: services, the witness, canaries, names.

use super::builder::{Builder, Switched};
use super::{
    CanaryRecord, DnsRecord, DnsSwitchRecord, Latency, OutageRecord, RpaRecord, ServiceLeg, ServiceRecord,
    WitnessRecord,
};
use crate::event::ServerKind;
use crate::id::{ProbeId, ResourceId};
use crate::measure::{Measure, Outage, Replayed, Stretch, data_loss, recovery_time, resolution};
use crate::model::{Canary, Leg, Service};
use crate::time::{Moment, Span};

/// A service's record; a type of its own so that more of a replay can stand beside it.
pub(super) struct Seen {
    pub(super) record: ServiceRecord,
}

pub(super) fn witness(builder: &Builder) -> Option<WitnessRecord> {
    let plan = builder.plan().witness.as_ref()?;
    let track = builder.tracks.get(&plan.id)?;
    let mut blind = track.blind();
    for (_, to) in &mut blind {
        // The instant after the last: what was sent then is blind as well.
        *to = (*to).min(Moment(builder.until.0.saturating_add(1)));
    }
    Some(WitnessRecord { probe: plan.probe.to_string(), samples: track.samples(), failed: track.failed(), blind })
}

pub(super) fn services(builder: &Builder, blind: &[(Moment, Moment)], legs: &[Leg]) -> Vec<Seen> {
    let services = builder.plan().services.iter().enumerate();
    services.map(|(index, service)| Seen { record: one_service(builder, index, service, blind, legs) }).collect()
}

fn one_service(
    builder: &Builder,
    index: usize,
    service: &Service,
    blind: &[(Moment, Moment)],
    legs: &[Leg],
) -> ServiceRecord {
    let probe = &service.probe;
    let marks: Vec<Moment> = builder.return_began.into_iter().collect();
    let empty = crate::measure::Track::new(probe);
    let track = builder.tracks.get(&probe.id).unwrap_or(&empty);
    let replayed = track.replay(probe, &builder.actives[index], blind, &marks, builder.until);
    let leg_of = |outage: &Outage| match builder.return_began {
        Some(began) if outage.first_bad >= began => Leg::Return,
        _ => Leg::Failover,
    };
    let record =
        |outage: &Outage| OutageRecord { leg: leg_of(outage), outage: outage.clone(), length: outage.length() };
    let outages: Vec<OutageRecord> = replayed.outages.iter().map(record).collect();
    let in_outages: u64 = outages.iter().map(|it| it.outage.failed).sum();
    let failed = track.failed();
    ServiceRecord {
        id: service.id.clone(),
        title: service.title.clone(),
        probe: probe.probe.to_string(),
        every: probe.every,
        healthy_after: probe.healthy_after,
        unhealthy_after: probe.unhealthy_after,
        state: replayed.health.state,
        served_by: replayed.health.served_by,
        legs: legs.iter().map(|leg| service_leg(builder, service, *leg, &outages, &replayed)).collect(),
        samples: track.samples(),
        failed,
        failed_outside: failed.saturating_sub(in_outages).saturating_sub(replayed.unknown),
        unknown: replayed.unknown,
        missing: track.missing(),
        downtime: downtime(outages.iter().map(|it| &it.outage), builder.until),
        latency: latency(builder, &probe.id),
        failures: builder.failures.get(&probe.id).cloned().unwrap_or_default(),
        pulses: builder.pulses.get(&probe.id).map(super::pulse::Pulses::all).unwrap_or_default(),
        outages,
    }
}

fn service_leg(
    builder: &Builder,
    service: &Service,
    leg: Leg,
    outages: &[OutageRecord],
    replayed: &Replayed,
) -> ServiceLeg {
    let mine = outages_in(leg, outages, builder.return_began);
    let reached = leg == Leg::Failover || builder.return_began.is_some();
    let stretch = match (leg, builder.return_began) {
        (Leg::Failover, _) => replayed.stretches.first(),
        (Leg::Return, Some(_)) => replayed.stretches.get(1),
        (Leg::Return, None) => None,
    };
    let rta = recovery_time(&mine).unwrap_or_else(|| none_seen(service, stretch, reached));
    let rto = service.objectives.rto_of(leg).or(builder.plan().objectives.rto_of(leg));
    // What of an outage lies after the leg counts as the other leg's, so that both add up to the whole.
    let over = if leg == Leg::Failover { builder.return_began } else { None };
    let downtime = downtime(&mine, over.unwrap_or(builder.until).min(builder.until));
    ServiceLeg { leg, judgement: rta.judge(rto), rta, rto, downtime }
}

/// The outages of a leg. One that began on the way there and was not over when the return began is of both: it is whole
/// in the first, and in the return its part from there on.
pub(super) fn outages_in(leg: Leg, outages: &[OutageRecord], return_began: Option<Moment>) -> Vec<Outage> {
    let part = |it: &OutageRecord| match (leg, it.leg, return_began) {
        (one, other, _) if one == other => Some(it.outage.clone()),
        (Leg::Return, Leg::Failover, Some(began)) => it.outage.from(began),
        _ => None,
    };
    outages.iter().filter_map(part).collect()
}

fn none_seen(service: &Service, stretch: Option<&Stretch>, reached: bool) -> Measure {
    match stretch.filter(|stretch| stretch.samples > 0) {
        Some(stretch) if stretch.telling == 0 => Measure::NotMeasured {
            why: format!("no sample of {} told anything: the witness failed too, each time", service.title),
        },
        Some(stretch) => Measure::NoneSeen {
            resolution: resolution(service.probe.every, service.probe.unhealthy_after, stretch.longest_gap),
        },
        None if reached => Measure::NotMeasured { why: format!("no sample of {} was taken", service.title) },
        None => Measure::NotMeasured { why: "the run did not come to this leg".to_owned() },
    }
}

/// How much of `outages` lies before `until`.
fn downtime<'a>(outages: impl IntoIterator<Item = &'a Outage>, until: Moment) -> Span {
    outages.into_iter().map(|it| it.end().unwrap_or(until).min(until).since(it.start())).sum()
}

fn latency(builder: &Builder, probe: &ProbeId) -> Option<Latency> {
    let times = builder.times.get(probe).filter(|times| times.count > 0)?;
    let mean = |sum: u128| Span(u64::try_from(sum / u128::from(times.count)).unwrap_or(u64::MAX));
    Some(Latency { p50: mean(times.p50_sum), p95: mean(times.p95_sum), max: times.max })
}

pub(super) fn canaries(builder: &Builder, legs: &[Leg]) -> Vec<CanaryRecord> {
    let make = |canary: &Canary| {
        let rows = builder.rows.get(&canary.id).copied().unwrap_or_default();
        CanaryRecord {
            id: canary.id.clone(),
            of: canary.of.clone(),
            kind: canary.kind,
            every: canary.every,
            acknowledged: rows.acknowledged,
            failed: rows.failed,
            legs: legs.iter().map(|leg| loss(builder, canary, *leg)).collect(),
        }
    };
    builder.plan().canaries.iter().map(make).collect()
}

fn loss(builder: &Builder, canary: &Canary, leg: Leg) -> RpaRecord {
    let count = builder.counts.get(&(canary.id.clone(), leg));
    let rpa = count.map_or_else(
        || Measure::NotMeasured { why: format!("the rows of canary {} were not counted in this leg", canary.id) },
        data_loss,
    );
    let rpo = builder.plan().objectives.rpo_of(leg);
    RpaRecord {
        leg,
        judgement: rpa.judge(rpo),
        rpa,
        rpo,
        acknowledged: count.map(|count| count.acknowledged),
        lost: count.map(|count| count.lost),
        survived_unacknowledged: count.map(|count| count.survived_unacknowledged),
    }
}

pub(super) fn dns(builder: &Builder) -> Vec<DnsRecord> {
    let mut names: Vec<ResourceId> = builder.answers.keys().cloned().collect();
    names.extend(builder.switches.iter().flat_map(|switch| switch.records.iter().cloned()));
    names.sort();
    names.dedup();
    let make = |record: ResourceId| {
        let of = |switch: &&Switched| switch.records.contains(&record);
        DnsRecord {
            answers: builder.answers.get(&record).cloned().unwrap_or_default(),
            switches: builder.switches.iter().filter(of).map(|switch| switched(builder, &record, switch)).collect(),
            record,
        }
    };
    names.into_iter().map(make).collect()
}

fn switched(builder: &Builder, record: &ResourceId, switch: &Switched) -> DnsSwitchRecord {
    let began = builder.steps[switch.step].started.unwrap_or(switch.done);
    let next = builder.switches.iter().filter(|other| other.records.contains(record) && other.done > switch.done);
    let next = next.filter_map(|other| builder.steps[other.step].started).min().unwrap_or(Moment::MAX);
    let answers = builder.answers.get(record).map(Vec::as_slice).unwrap_or_default();
    let mut resolvers: Vec<&str> =
        answers.iter().filter(|it| it.server_kind == ServerKind::Resolver).map(|it| it.server.as_str()).collect();
    resolvers.sort_unstable();
    resolvers.dedup();
    let moved = |server: &str| {
        let mine = answers.iter().filter(|it| it.server == server && it.asked >= began && it.asked < next);
        mine.filter(|it| it.serves == Some(switch.to)).map(|it| it.asked).min()
    };
    let each: Option<Vec<Moment>> = resolvers.into_iter().map(moved).collect();
    let old_ttl = builder.old_ttl(switch.step, record);
    DnsSwitchRecord {
        step: builder.steps[switch.step].id.clone(),
        to: switch.to,
        done: switch.done,
        old_ttl,
        resolvers_done: each.and_then(|each| each.into_iter().max()),
        worst_case_until: old_ttl.map(|ttl| switch.done + ttl),
    }
}
