//! Gates that come too late, or that nobody has to answer.

use super::{View, takes_away};
use crate::catalogue::{Act, Mode};
use crate::diagnostic::Diagnostic;
use crate::model::{Leg, PhaseKind};

pub(super) fn check(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    behind_the_damage(view, diagnostics);
    for (step, one) in view.plan.steps.iter().enumerate().filter(|(_, step)| step.applies) {
        let deadline = match &one.act {
            Act::Approve(gate) => gate.deadline,
            Act::Manual(gate) => gate.deadline,
            _ => continue,
        };
        if deadline.is_none() {
            diagnostics.push(
                Diagnostic::warning("M096", format!("the gate `{}` has no deadline: it waits for a day", one.id))
                    .at(view.names[step].place())
                    .help("add for example `deadline: 30m`, and `then:` says what happens when it has passed"),
            );
        }
    }
}

/// Who is asked only after users are out was not asked. In the real event users are out before anyone can be.
fn behind_the_damage(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if view.plan.mode == Mode::Emergency {
        return;
    }
    let Some(damage) = view.steps_of(Leg::Failover).find(|step| takes_away(view.act(*step))) else { return };
    let early = |step: &usize| {
        let phase = view.plan.phase_of(*step);
        phase.leg == Some(Leg::Failover) || phase.kind == PhaseKind::Prechecks
    };
    let gates: Vec<usize> = (0..view.plan.steps.len())
        .filter(|step| view.plan.steps[*step].applies && matches!(view.act(*step), Act::Approve(_)))
        .filter(early)
        .collect();
    let Some(first) = gates.first().copied() else { return };
    let before = view.before(damage);
    if gates.iter().any(|gate| before.has(view, *gate)) {
        return;
    }
    let how = if view.before(first).has(view, damage) { "after" } else { "beside" };
    let help = if view.plan.steps[first].phase == view.plan.steps[damage].phase {
        format!("let `{}` wait for it: add `{}` to its `needs`", view.id(damage), view.id(first))
    } else {
        format!("ask before `{}`, for example at the end of the prechecks", view.id(damage))
    };
    diagnostics.push(
        Diagnostic::warning(
            "M086",
            format!(
                "the gate `{}` comes {how} `{}`, by which users lose their service",
                view.id(first),
                view.id(damage)
            ),
        )
        .at(view.names[first].place())
        .label(view.names[damage].place(), "users are out from here")
        .help(help),
    );
}
