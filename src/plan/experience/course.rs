//! The course of the drill: promotions without a fence, what can't be taken back, switches that nobody looks at, and no
//! way home.

use super::{Before, View, gives_back};
use crate::catalogue::{Act, Condition, Mode, Part, Undo};
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::model::{Leg, PhaseKind};

pub(super) fn check(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for leg in [Leg::Failover, Leg::Return] {
        for step in view.steps_of(leg) {
            match view.act(step).describe().part() {
                Part::Promotion(to) => unfenced(view, step, to, diagnostics),
                Part::Switch(to) => unverified(view, leg, step, to, diagnostics),
                _ => {}
            }
        }
    }
    not_undone(view, diagnostics);
    no_way_home(view, diagnostics);
}

/// A promotion that drains nothing needs no fence to be carried out, and without one the old side goes on taking writes.
fn unfenced(view: &View<'_>, step: usize, to: RegionRole, diagnostics: &mut Vec<Diagnostic>) {
    let Some((of, drained)) = super::super::flow::promotion(view.act(step), view.plan.mode) else { return };
    let from = to.other();
    // Drained without a fence is an error, told elsewhere.
    if drained {
        return;
    }
    let stops = |act: &Act| {
        super::super::flow::fences(act, of, from)
            || matches!(act, Act::RegionRejoin(it) if it.region == from && it.fenced.contains(of))
    };
    if super::super::flow::precedes(view.plan, step, stops) {
        return;
    }
    let kind = if matches!(view.act(step), Act::DatabasePromote(_)) { "database" } else { "storage" };
    diagnostics.push(
        Diagnostic::warning(
            "M090",
            format!(
                "`{}` promotes {of} in {to}, and nothing before it fences {of} in {from}: both could take writes",
                view.id(step)
            ),
        )
        .at(view.names[step].place())
        .help(format!(
            "put `{kind}.fence: {{ {kind}: {of}, in: {from}, unreachable: continue }}` before it: tried, and gone on without \
             where nothing answers"
        )),
    );
}

/// What was switched and is not looked at may serve nobody.
fn unverified(view: &View<'_>, leg: Leg, step: usize, to: RegionRole, diagnostics: &mut Vec<Diagnostic>) {
    let looks = |other: &usize| {
        let condition = match view.act(*other) {
            Act::Check(check) => &check.0,
            Act::Wait(wait) => &wait.0,
            _ => return false,
        };
        matches!(condition, Condition::Served { by, .. } if by.is_none_or(|by| by == to))
            && view.before(*other).has(view, step)
    };
    let looked_at = view.steps_of(leg).any(|other| looks(&other));
    if !looked_at {
        diagnostics.push(
            Diagnostic::warning(
                "M092",
                format!("nothing after `{}` looks whether users are served by {to}", view.id(step)),
            )
            .at(view.names[step].place())
            .help(format!("add a step `check: {{ services: all, served_by: {to}, healthy_for: 2m }}` after it")),
        );
    }
}

/// What stays if a later step fails before the point of no return: undo goes back over it and can't take it along.
fn not_undone(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let steps: Vec<usize> = view.steps_of(Leg::Failover).collect();
    let promotions: Vec<usize> =
        steps.iter().copied().filter(|step| matches!(view.act(*step).describe().part(), Part::Promotion(_))).collect();
    let Some(first) = promotions.first().copied() else { return };
    let before: Vec<Before> = promotions.iter().map(|promotion| view.before(*promotion)).collect();
    for step in steps {
        let one = &view.plan.steps[step];
        if matches!(one.act.describe().part(), Part::Promotion(_)) || one.phase > view.plan.steps[first].phase {
            continue;
        }
        let Undo::Irreversible(stays) = one.act.describe().undo() else { continue };
        if before.iter().any(|before| !before.has(view, step)) {
            continue;
        }
        diagnostics.push(
            Diagnostic::warning(
                "M091",
                format!("`{}` can't be taken back, and steps after it may fail before `{}`", one.id, view.id(first)),
            )
            .at(view.names[step].place())
            .label(view.names[first].place(), "until here a drill that fails is taken back")
            .help(help_to_undo(&one.act, &stays)),
        );
    }
}

fn help_to_undo(act: &Act, stays: &str) -> String {
    match act {
        Act::Command(_) => {
            "add `undo: [program, argument]`; of a program that changes nothing say `silence:` with that reason"
                .to_owned()
        }
        Act::Manual(_) => "add `undo:`, a list of what to do by hand to take it back".to_owned(),
        _ => format!("do it after the promotion, or know that {stays}"),
    }
}

/// A drill that ends in the secondary region leaves production there, and has shown half of what a disaster needs.
fn no_way_home(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if view.plan.mode == Mode::Emergency {
        return;
    }
    let Some(away) = view.steps_of(Leg::Failover).find(|step| gives_back(view.act(*step))) else { return };
    if view.plan.phases.iter().any(|phase| phase.applies && phase.kind == PhaseKind::Failback) {
        return;
    }
    diagnostics.push(
        Diagnostic::warning("M095", format!("nothing brings home what `{}` moves: there is no phase `failback`", view.id(away)))
            .at(view.names[away].place())
            .help(
                "add a phase `failback`: preserve and replicate, fence the secondary, promote the primary with `drain: true`, \
                 switch back, check",
            ),
    );
}
