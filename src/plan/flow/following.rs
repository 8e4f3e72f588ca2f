//! A side is promoted only while it follows the other: after the other side took over it must have been built anew.

use super::{ancestors, promotion};
use crate::catalogue::{Act, Part};
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId};
use crate::model::Plan;
use crate::playbook::Name;

/// Whether `act` makes `to` follow the other side of `of`.
fn rebuilds(act: &Act, of: &ResourceId, to: RegionRole) -> bool {
    match act {
        Act::DatabaseReplicate(it) => it.database == *of && it.to == to,
        Act::StorageReplicate(it) => it.storage == *of && it.to == to,
        _ => false,
    }
}

/// Notes a promotion of a side that another promotion left behind, and that nothing surely made follow again.
pub(super) fn check(plan: &Plan, step: usize, to: RegionRole, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let Some((of, _)) = promotion(&plan.steps[step].act, plan.mode) else { return };
    if plan.discard {
        return;
    }
    let here = ancestors(plan, step);
    let before = |other: usize| {
        plan.steps[other].applies && (plan.steps[other].phase < plan.steps[step].phase || here.contains(&other))
    };
    let earlier = |is: &dyn Fn(&Act) -> bool| -> Vec<usize> {
        (0..plan.steps.len()).filter(|other| before(*other) && is(&plan.steps[*other].act)).collect()
    };
    let away = |act: &Act| {
        matches!(act.describe().part(), Part::Promotion(there) if there == to.other())
            && promotion(act, plan.mode).is_some_and(|(other, _)| other == of)
    };
    let lefts = earlier(&away);
    if lefts.is_empty() {
        return;
    }
    let rebuilt = earlier(&|act| rebuilds(act, of, to));
    let follows = |left: usize| {
        rebuilt
            .iter()
            .any(|again| plan.steps[left].phase < plan.steps[*again].phase || ancestors(plan, *again).contains(&left))
    };
    let Some(left) = lefts.into_iter().find(|left| !follows(*left)) else { return };
    let kind = if matches!(plan.steps[step].act, Act::DatabasePromote(_)) { "database" } else { "storage" };
    let from = to.other();
    diagnostics.push(
        Diagnostic::error(
            "M061",
            format!("`{}` promotes {of} in {to}, which does not follow {from} by then", plan.steps[step].id),
        )
        .at(names[step].place())
        .label(names[left].place(), format!("{from} took over here"))
        .help(format!(
            "build {to} anew between them with `{kind}.replicate: {{ {kind}: {of}, from: {from}, to: {to} }}`"
        )),
    );
}
