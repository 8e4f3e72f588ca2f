//! What only one side has is kept before that side is built anew: a preserve must surely pass between the promotion that
//! leaves writes behind and the replication that would destroy them.

use super::{ancestors, promotion};
use crate::catalogue::{Act, OnFailure, Part};
use crate::diagnostic::Diagnostic;
use crate::id::{RegionRole, ResourceId};
use crate::model::{PhaseKind, Plan};
use crate::playbook::Name;

/// What is built anew by `act`: which resource, where.
fn overwrites(act: &Act) -> Option<(&ResourceId, RegionRole)> {
    match act {
        Act::DatabaseReplicate(it) => Some((&it.database, it.to)),
        Act::StorageReplicate(it) => Some((&it.storage, it.to)),
        _ => None,
    }
}

/// Why a preserve is none for a replication.
#[derive(Clone, Copy)]
enum Unsure {
    /// It is no part of a run in this mode.
    LeftOut,
    /// The drill goes on when it fails.
    GoesOn,
    /// In a phase that is carried out to its end, whatever fails in it.
    Cleanup,
    /// Before this promotion, or beside it.
    TooEarly(usize),
    /// It comes later than the replication, or beside it.
    TooLate,
    /// In a phase that the way home may pass over.
    PassedOver,
}

/// After a promotion that was not drained the old side may hold writes that exist nowhere else.
pub(super) fn check(plan: &Plan, step: usize, names: &[Name], diagnostics: &mut Vec<Diagnostic>) {
    let Some((of, region)) = overwrites(&plan.steps[step].act) else { return };
    if plan.discard {
        return;
    }
    let leaving = leaving_behind(plan, step, of, region);
    if leaving.is_empty() {
        return;
    }
    let before = ancestors(plan, step);
    let mut nearest = None;
    for (other, keep) in plan.steps.iter().enumerate() {
        if !matches!(&keep.act, Act::DataPreserve(it) if it.region == region && it.of.0.contains(of)) {
            continue;
        }
        match unsure(plan, step, other, &leaving, &before) {
            None => return,
            Some(why) => nearest = nearest.or(Some((other, why))),
        }
    }
    diagnostics.push(diagnostic(plan, step, (of, region), nearest, names));
}

/// The promotions after which `region` may hold what is nowhere else when `step` begins.
fn leaving_behind(plan: &Plan, step: usize, of: &ResourceId, region: RegionRole) -> Vec<usize> {
    let leaves = |other: &usize| {
        let it = &plan.steps[*other];
        let away = matches!(it.act.describe().part(), Part::Promotion(to) if to == region.other());
        let phase = plan.steps[step].phase;
        it.applies
            && away
            && promotion(&it.act, plan.mode).is_some_and(|(promoted, drained)| promoted == of && !drained)
            && (it.phase < phase || it.phase == phase && !ancestors(plan, *other).contains(&step))
    };
    (0..plan.steps.len()).filter(leaves).collect()
}

/// Why the preserve `keep` does not make sure that nothing is destroyed by `step`; `None` if it does.
fn unsure(plan: &Plan, step: usize, keep: usize, leaving: &[usize], before: &[usize]) -> Option<Unsure> {
    let (preserve, phase) = (&plan.steps[keep], plan.steps[step].phase);
    if !preserve.applies {
        return Some(Unsure::LeftOut);
    }
    if preserve.on_failure == OnFailure::Continue && plan.phase_of(keep).kind != PhaseKind::Cleanup {
        return Some(Unsure::GoesOn);
    }
    if preserve.phase > phase || preserve.phase == phase && !before.contains(&keep) {
        return Some(Unsure::TooLate);
    }
    let after = ancestors(plan, keep);
    let follows = |promotion: usize| {
        plan.steps[promotion].phase < preserve.phase
            || plan.steps[promotion].phase == preserve.phase && after.contains(&promotion)
    };
    if let Some(promotion) = leaving.iter().copied().find(|promotion| !follows(*promotion)) {
        return Some(Unsure::TooEarly(promotion));
    }
    match (plan.phase_of(step).kind, plan.phase_of(keep).kind) {
        (PhaseKind::Cleanup, _) => Some(Unsure::Cleanup),
        // Who goes home because something failed goes on with the failback phases at once.
        (PhaseKind::Failback, kind) if kind != PhaseKind::Failback => Some(Unsure::PassedOver),
        _ => None,
    }
}

fn diagnostic(
    plan: &Plan,
    step: usize,
    (of, region): (&ResourceId, RegionRole),
    nearest: Option<(usize, Unsure)>,
    names: &[Name],
) -> Diagnostic {
    let id = |step: usize| &plan.steps[step].id;
    let error = Diagnostic::error("M056", format!("`{}` overwrites what only {region} may have of {of}", id(step)))
        .at(names[step].place());
    let Some((keep, why)) = nearest else {
        return error.help(format!(
            "put a step with `data.preserve: {{ of: [{of}], in: {region} }}` before it, or accept the loss with \
             `discard: accept`"
        ));
    };
    let (is, help) = match why {
        Unsure::LeftOut => ("this is left out in this mode", "carry it out in this mode too".to_owned()),
        Unsure::GoesOn => (
            "the drill goes on when this fails",
            format!(
                "take `on_failure: continue` away from `{}`: nothing may be built over what it did not keep",
                id(keep)
            ),
        ),
        Unsure::Cleanup => (
            "cleanup goes on when this fails",
            "do it in the failback phase: cleanup is carried out to its end, whatever failed before".to_owned(),
        ),
        Unsure::TooEarly(promotion) => (
            "this is not surely after the promotion that leaves writes behind",
            format!("let `{}` come after `{}`", id(keep), id(promotion)),
        ),
        Unsure::TooLate if plan.steps[keep].phase == plan.steps[step].phase => {
            ("this is not surely done before it", format!("let it wait for `{}` in its `needs`", id(keep)))
        }
        Unsure::TooLate => ("this comes after it", format!("let `{}` come before it", id(keep))),
        Unsure::PassedOver => (
            "a way home that begins because something failed passes this over",
            format!("put `{}` into the failback phase", id(keep)),
        ),
    };
    error.label(names[keep].place(), is).help(format!("{help}; or accept the loss with `discard: accept`"))
}
