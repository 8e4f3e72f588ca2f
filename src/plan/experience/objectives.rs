//! Objectives that the drill's own times contradict: what its steps may take, what its probes need to see that users are
//! served, how long resolvers keep an old address.

use super::{View, gives_back, takes_away};
use crate::catalogue::{Act, Check, Condition};
use crate::diagnostic::Diagnostic;
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::twin;
use crate::model::{Leg, Service};
use crate::playbook::Name;
use crate::time::Span;

pub(super) fn check(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for leg in [Leg::Failover, Leg::Return] {
        critical_path(view, leg, diagnostics);
        lifetimes(view, leg, diagnostics);
    }
    for (service, name) in &view.playbook.services {
        recovery_is_seen(view, service, name, diagnostics);
    }
    lifetimes_checked(view, diagnostics);
}

fn key(leg: Leg) -> &'static str {
    if leg == Leg::Failover { "rto" } else { "failback_rto" }
}

/// The longest way from the first step that takes something from users to the last that gives it back, by what each of
/// its steps may take.
fn critical_path(view: &View<'_>, leg: Leg, diagnostics: &mut Vec<Diagnostic>) {
    let Some(rto) = view.plan.objectives.rto_of(leg) else { return };
    let plan = view.plan;
    // By step: how long it may be from the first loss to its end, and the step before it on that way.
    let mut ends: Vec<Option<(Span, Option<usize>)>> = vec![None; plan.steps.len()];
    let mut before_phase: Option<(Span, Option<usize>)> = None;
    let mut longest: Option<(Span, usize)> = None;
    for phase in plan.phases.iter().filter(|phase| phase.leg == Some(leg) && phase.applies) {
        let mut end_of_phase = before_phase;
        for step in super::super::graph::in_order(plan, phase) {
            let one = &plan.steps[step];
            if !one.applies {
                continue;
            }
            let so_far = one.needs.iter().filter_map(|need| ends[*need].map(|(end, _)| (end, Some(*need))));
            let so_far = so_far.chain(before_phase).max_by_key(|(end, _)| *end);
            let begins = so_far.or_else(|| takes_away(&one.act).then_some((Span::ZERO, None)));
            let Some((begin, before)) = begins else { continue };
            // People's time is no objective of a step.
            let may_take = if matches!(one.act, Act::Approve(_) | Act::Manual(_)) { None } else { one.within };
            let end = begin + may_take.unwrap_or_default();
            ends[step] = Some((end, before));
            if end_of_phase.is_none_or(|(last, _)| last < end) {
                end_of_phase = Some((end, Some(step)));
            }
            if gives_back(&one.act) && longest.is_none_or(|(most, _)| most < end) {
                longest = Some((end, step));
            }
        }
        before_phase = end_of_phase;
    }
    let Some((most, last)) = longest.filter(|(most, _)| *most > rto) else { return };
    let mut path = vec![last];
    while let Some(before) = path.last().and_then(|step| ends[*step]).and_then(|(_, before)| before) {
        path.push(before);
    }
    path.reverse();
    path.retain(|step| plan.steps[*step].within.is_some());
    let ids: Vec<&str> = path.iter().take(12).map(|step| view.id(*step)).collect();
    let message = format!(
        "`{}: {}` is shorter than what the steps on the way may take: {} together by their `within`",
        key(leg),
        rto.short(),
        most.short()
    );
    let mut diagnostic = Diagnostic::warning("M085", message).at(view.playbook.objectives_at.clone()).help(format!(
        "shorten the `within` of {}, let steps run side by side by their `needs`, or allow more time",
        ids.join(", ")
    ));
    for step in path.into_iter().take(12) {
        let within = plan.steps[step].within.unwrap_or_default();
        diagnostic = diagnostic.label(view.names[step].place(), format!("within {}", within.short()));
    }
    diagnostics.push(diagnostic);
}

/// Users whose resolvers keep the old address are out until it has run out.
fn lifetimes(view: &View<'_>, leg: Leg, diagnostics: &mut Vec<Diagnostic>) {
    let Some(rto) = view.plan.objectives.rto_of(leg) else { return };
    for step in view.steps_of(leg) {
        let Act::DnsSwitch(switch) = view.act(step) else { continue };
        for record in &switch.records.0 {
            let Some(binding) = view.infrastructure.resources.get(record) else { continue };
            let Ok(SimulatedResource::Dns(dns)) = twin::resource(binding) else { continue };
            if dns.ttl <= rto {
                continue;
            }
            diagnostics.push(
                Diagnostic::warning(
                    "M089",
                    format!(
                        "the TTL of {record} is {}, longer than `{}: {}`: so long a resolver may send users to the old side",
                        dns.ttl.short(),
                        key(leg),
                        rto.short()
                    ),
                )
                .at(view.names[step].place_of(record.as_str()))
                .help("give the record a shorter `ttl` in the infrastructure file, days before the drill, or allow more time"),
            );
        }
    }
}

/// A check of a TTL that lets one pass which is longer than users may be out.
fn lifetimes_checked(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(rto) = view.plan.objectives.rto else { return };
    for (step, name) in view.names.iter().enumerate() {
        let Act::Check(Check(Condition::Ttl { at_most, .. })) = view.act(step) else { continue };
        if *at_most > rto {
            let (at_most, rto) = (at_most.short(), rto.short());
            let message = format!("this check lets a TTL of {at_most} pass, longer than `rto: {rto}`");
            let help = format!("so long a resolver may send users to the old side: `ttl_at_most: {rto}`, or less");
            diagnostics.push(Diagnostic::warning("M089", message).at(name.place_of_key("ttl_at_most")).help(help));
        }
    }
}

/// An outage ends, for the probe, only after so many good answers in a row.
fn recovery_is_seen(view: &View<'_>, service: &Service, name: &Name, diagnostics: &mut Vec<Diagnostic>) {
    let needed = service.probe.every * u64::from(service.probe.healthy_after.max(1));
    let drill = &view.plan.objectives;
    let objectives = [
        ("rto", service.objectives.rto.or(drill.rto)),
        ("failback_rto", service.objectives.failback_rto.or(drill.failback_rto)),
    ];
    let Some((key, rto)) = objectives.into_iter().find_map(|(key, rto)| Some((key, rto.filter(|rto| *rto < needed)?)))
    else {
        return;
    };
    diagnostics.push(
        Diagnostic::warning(
            "M088",
            format!(
                "the probe of `{}` needs {} to see that users are served again, longer than `{key}: {}`",
                service.id,
                needed.short(),
                rto.short()
            ),
        )
        .at(name.place_of_key("probe"))
        .help(format!(
            "probe it more often than each {}, or with a smaller `healthy_after` than {}",
            service.probe.every.short(),
            service.probe.healthy_after
        )),
    );
}
