//! Whether the course of a drill is safe: what semantics 2 refuses where it can be known before anything is touched.

mod aws;
mod following;
mod kept;

use crate::catalogue::{Act, Mode, Part};
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId};
use crate::model::{Environment, Leg, PhaseKind, Plan};
use crate::playbook::Name;

/// Checks the steps that are carried out in the plan's mode. `names` says where each step's text stands.
pub(super) fn check(plan: &Plan, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let disaster = disaster(plan);
    for step in 0..plan.steps.len() {
        if !plan.steps[step].applies {
            continue;
        }
        let describe = plan.steps[step].act.describe();
        match describe.part() {
            Part::Promotion(to) => {
                fenced_before(plan, step, to, names, diagnostics);
                in_a_leg(plan, step, names, diagnostics);
                following::check(plan, step, to, names, diagnostics);
            }
            Part::Disaster => loss_accepted(plan, step, names, diagnostics),
            _ => {}
        }
        kept::check(plan, step, names, diagnostics);
        aws::check(plan, step, disaster, names, diagnostics);
        if let Some(disaster) = disaster {
            lost_region(plan, step, disaster, names, diagnostics);
        }
    }
}

/// What a promotion promotes, and whether it is drained first.
pub(super) fn promotion(act: &Act, mode: Mode) -> Option<(&ResourceId, bool)> {
    match act {
        Act::DatabasePromote(it) => Some((&it.database, it.drained(mode))),
        Act::StoragePromote(it) => Some((&it.storage, it.drained(mode))),
        _ => None,
    }
}

/// The point of no return is a leg's: a promotion outside both would pass none.
fn in_a_leg(plan: &Plan, step: usize, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    if plan.leg_of(step).is_some() {
        return;
    }
    let (step, phase) = (&plan.steps[step], plan.phase_of(step));
    let text = format!("`{}` promotes in the phase `{}`, which belongs to neither leg of the drill", step.id, phase.id);
    let place = names[plan.step_index(&step.id).unwrap_or_default()].place();
    diagnostics.push(
        Diagnostic::error("M057", text).at(place).help("put it into the failover phase or into the failback phase"),
    );
}

pub(super) fn fences(act: &Act, of: &ResourceId, region: RegionRole) -> bool {
    match act {
        Act::DatabaseFence(it) => it.database == *of && it.region == region,
        Act::StorageFence(it) => it.storage == *of && it.region == region,
        _ => false,
    }
}

/// A drained promotion waits for the position at which the old side was fenced; without a fence there is none.
fn fenced_before(plan: &Plan, step: usize, to: RegionRole, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let Some((of, true)) = promotion(&plan.steps[step].act, plan.mode) else { return };
    let from = to.other();
    if precedes(plan, step, |act| fences(act, of, from)) {
        return;
    }
    let kind = if matches!(plan.steps[step].act, Act::DatabasePromote(_)) { "database" } else { "storage" };
    let elsewhere = plan.steps.iter().position(|other| other.applies && fences(&other.act, of, from));
    let mut diagnostic = Diagnostic::error(
        "M047",
        format!("`{}` promotes {of} without a fence of {of} in {from} before it", plan.steps[step].id),
    )
    .at(names[step].place());
    diagnostic = match elsewhere {
        Some(fence) => diagnostic
            .label(names[fence].place(), "this fence does not come before it")
            .help(format!("add `{}` to its `needs`", plan.steps[fence].id)),
        None => diagnostic.help(format!(
            "a drained promotion waits for the fenced position; add `{kind}.fence: {{ {kind}: {of}, in: {from} }}`"
        )),
    };
    diagnostics.push(diagnostic);
}

/// In production users lose what was not copied yet when a region is cut off before it was fenced and drained.
fn loss_accepted(plan: &Plan, step: usize, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    if plan.environment != Environment::Production || plan.twin || plan.data_loss.is_some() {
        return;
    }
    let drained = |act: &Act| promotion(act, plan.mode).is_some_and(|(_, drained)| drained);
    if precedes(plan, step, drained) {
        return;
    }
    diagnostics.push(
        Diagnostic::error(
            "M045",
            format!("`{}` cuts a production region off before its data is fenced and drained", plan.steps[step].id),
        )
        .at(names[step].place())
        .help("accept the loss with `data_loss: { accept_up_to: 30s, because: \"…\" }`, or fence and promote first"),
    );
}

/// From the disaster to the end of verification nothing may need the region that is lost.
fn lost_region(
    plan: &Plan,
    step: usize,
    (disaster, lost): (usize, RegionRole),
    names: &[Name],
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !after_disaster(plan, step, disaster) {
        return;
    }
    let describe = plan.steps[step].act.describe();
    let subjects = describe.subjects().into_iter().filter(|subject| subject.regions.contains(&lost));
    let relied_on = describe.relies_on().into_iter().filter(|(_, region)| *region == lost);
    for what in subjects.map(|subject| subject.resource.to_string()).chain(relied_on.map(|(what, _)| what)) {
        let fence = matches!(plan.steps[step].act, Act::DatabaseFence(_) | Act::StorageFence(_));
        let help = if fence {
            "add `unreachable: continue`: the fence is tried, and the drill goes on without it"
        } else {
            "a real disaster leaves that region's data and control plane out of reach; do it without them, or after the \
             region is back"
        };
        diagnostics.push(
            Diagnostic::error(
                "M046",
                format!("`{}` needs {what} in {lost}, which is lost by then", plan.steps[step].id),
            )
            .at(names[step].place())
            .label(names[disaster].place(), "lost here")
            .help(help),
        );
    }
}

/// Whether `step` is carried out between the disaster and the end of verification.
fn after_disaster(plan: &Plan, step: usize, disaster: usize) -> bool {
    if plan.mode != Mode::Unplanned || plan.leg_of(step) != Some(Leg::Failover) || step <= disaster {
        return false;
    }
    plan.phase_of(step).kind != PhaseKind::Disaster || plan.steps[step].phase != plan.steps[disaster].phase
}

/// The first step that makes a region lose its users, and the region.
fn disaster(plan: &Plan) -> Option<(usize, RegionRole)> {
    plan.steps.iter().enumerate().filter(|(_, step)| step.applies).find_map(|(number, step)| match &step.act {
        Act::RegionIsolate(isolate) => Some((number, isolate.region)),
        _ => None,
    })
}

/// Whether a step that `is` so is surely done before `step` in its leg: in an earlier phase, or needed by it.
pub(super) fn precedes(plan: &Plan, step: usize, is: impl Fn(&Act) -> bool) -> bool {
    let phase = plan.steps[step].phase;
    let leg = plan.leg_of(step);
    let earlier = plan.phases[..phase].iter().filter(|phase| phase.leg == leg);
    let mut earlier = earlier.flat_map(|phase| &plan.steps[phase.first..phase.first + phase.count]);
    if earlier.any(|other| other.applies && is(&other.act)) {
        return true;
    }
    ancestors(plan, step).into_iter().any(|other| plan.steps[other].applies && is(&plan.steps[other].act))
}

/// The steps of its phase that `step` waits for, directly or not.
pub(super) fn ancestors(plan: &Plan, step: usize) -> Vec<usize> {
    let here = plan.phase_of(step);
    let mut seen = vec![false; here.count];
    let (mut open, mut found) = (vec![step], Vec::new());
    while let Some(next) = open.pop() {
        for need in &plan.steps[next].needs {
            if !std::mem::replace(&mut seen[*need - here.first], true) {
                found.push(*need);
                open.push(*need);
            }
        }
    }
    found
}
