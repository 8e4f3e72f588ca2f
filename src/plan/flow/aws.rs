//! What is only so on AWS: where a control plane is that a step needs, and what can't be taken back there.

use super::after_disaster;
use crate::catalogue::{Act, WhenUnreachable};
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::aws::database::{AwsDatabase, Kind};
use crate::infrastructure::real::aws::dns::Route53;
use crate::infrastructure::real::aws::{AWS, ROUTE53_CONTROL};
use crate::infrastructure::real::typed;
use crate::model::{Leg, Plan};
use crate::playbook::Name;
use crate::resource::ResourceKind;

/// Checks one step.
pub(super) fn check(
    plan: &Plan,
    step: usize,
    disaster: Option<(usize, RegionRole)>,
    names: &[Name],
    diagnostics: &mut Vec<Diagnostic>,
) {
    irreversible(plan, step, names, diagnostics);
    if plan.leg_of(step) != Some(Leg::Failover) {
        return;
    }
    let lost = disaster.map_or(RegionRole::Primary, |(_, lost)| lost);
    if let Act::DnsSwitch(switch) = &plan.steps[step].act {
        for record in &switch.records.0 {
            zone_of(plan, (step, disaster, lost), record, names, diagnostics);
        }
        return;
    }
    // With a disaster these are errors already: the step needs the lost region.
    if disaster.is_none() || plan.mode != crate::catalogue::Mode::Unplanned {
        control_plane(plan, (step, lost), names, diagnostics);
    }
}

/// A promoted read replica never follows again: the playbook must say that it knows.
fn irreversible(plan: &Plan, step: usize, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let Act::DatabasePromote(promote) = &plan.steps[step].act else { return };
    let Some(binding) = plan.resources.get(&promote.database).filter(|it| it.provider == AWS) else { return };
    if !matches!(typed::<AwsDatabase>(binding), Ok(it) if it.kind == Kind::Replica) || promote.irreversible.is_some() {
        return;
    }
    diagnostics.push(
        Diagnostic::error(
            "M147",
            format!("`{}` promotes a read replica of RDS, which never follows again", plan.steps[step].id),
        )
        .at(names[step].place())
        .help(
            "say that you know with `irreversible: accept`: the way back then sets the old instance aside and builds a \
             new replica in its place",
        ),
    );
}

/// A hosted zone is changed in one region of the world.
fn zone_of(
    plan: &Plan,
    (step, disaster, lost): (usize, Option<(usize, RegionRole)>, RegionRole),
    record: &ResourceId,
    names: &[Name],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(binding) = plan.resources.get(record).filter(|it| it.provider == AWS) else { return };
    let changes_the_zone = typed::<Route53>(binding).is_ok_and(|it| it.by.changes_the_zone());
    let there = plan.regions.get(&lost).is_some_and(|region| region.name == ROUTE53_CONTROL);
    if !changes_the_zone || !there {
        return;
    }
    let what = format!(
        "`{}` changes the zone of {record} through Route 53's control plane, which is in {ROUTE53_CONTROL}, the region \
         that is failed away from",
        plan.steps[step].id
    );
    let help = "the real event may not let that change be made: switch by `routing_controls` or by a `health_check`, \
                which need only the data plane";
    let lost_by_then = disaster.filter(|(disaster, _)| after_disaster(plan, step, *disaster));
    diagnostics.push(match lost_by_then {
        Some((disaster, _)) => Diagnostic::error("M148", what)
            .at(names[step].place())
            .label(names[disaster].place(), "lost here")
            .help(help),
        None => Diagnostic::warning("M148", what).at(names[step].place()).help(help),
    });
}

/// Where nothing is lost in the drill, what would be needed of the lost region in the real event is said.
fn control_plane(plan: &Plan, (step, lost): (usize, RegionRole), names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let act = &plan.steps[step].act;
    // A planned failover fences the old side while it is there; the real event passes over it.
    let passes = matches!(act, Act::DatabaseFence(it) if it.unreachable == WhenUnreachable::Continue)
        || matches!(act, Act::DatabasePromote(_) | Act::DatabaseFence(_));
    if passes {
        return;
    }
    for subject in act.describe().subjects() {
        let of_aws =
            plan.resources.get(&subject.resource).is_some_and(|it| it.provider == AWS && it.kind != ResourceKind::Dns);
        if !of_aws || subject.access != crate::catalogue::Access::Changes || !subject.regions.contains(&lost) {
            continue;
        }
        let name = plan.regions.get(&lost).map_or("", |region| region.name.as_str());
        let what = format!(
            "`{}` needs the control plane of {name} for {}, the region that is failed away from",
            plan.steps[step].id, subject.resource
        );
        diagnostics.push(
            Diagnostic::warning("M148", what)
                .at(names[step].place())
                .help("the real event may not let it be done: plan the failover so that it does without"),
        );
    }
}
