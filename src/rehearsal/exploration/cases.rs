//! Which cases there are, in an order that depends on nothing but the plan and the seed.

use std::collections::BTreeSet;

use super::Case;
use crate::catalogue::Undo;
use crate::chance::Seed;
use crate::id::RegionRole;
use crate::infrastructure::simulate::{Fault, FaultKind};
use crate::model::Plan;
use crate::resource::region_resource;

/// So many draws in a row that give a known pair, and there are taken to be no more.
const DRAWS_MAX: u64 = 1_000;

/// Every single fault of a run in the plan's mode: each step that is carried out, each resource and both regions, with
/// each kind that can be there.
#[must_use]
pub fn singles(plan: &Plan) -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |target: &str, kind: FaultKind| {
        all.push(Case { mode: plan.mode, faults: vec![Fault { target: target.to_owned(), kind }] });
    };
    let applying = || plan.steps.iter().filter(|step| step.applies && plan.phases[step.phase].applies);
    for step in applying() {
        let can_be_undone = matches!(step.act.describe().undo(), Undo::Restores | Undo::Compensates(_));
        for kind in FaultKind::ALL {
            let can_be = match kind {
                FaultKind::FailsInUndo => can_be_undone,
                FaultKind::LosesItsRegion => step.act.region().is_some(),
                _ => true,
            };
            if can_be {
                add(step.id.as_str(), kind);
            }
        }
    }
    for id in plan.resources.keys() {
        for kind in FaultKind::ALL {
            add(id.as_str(), kind);
        }
    }
    for role in RegionRole::ALL {
        let acted_in = applying().any(|step| step.act.region() == Some(role));
        let kinds = FaultKind::ALL.into_iter().filter(|kind| *kind != FaultKind::LosesItsRegion || acted_in);
        kinds.for_each(|kind| add(region_resource(role).as_str(), kind));
    }
    all
}

/// Pairs of faults on different targets, drawn by seed, each once, without end in sight: a larger number only adds.
pub struct Pairs<'a> {
    singles: &'a [Case],
    seed: Seed,
    draws: u64,
    known: BTreeSet<(usize, usize)>,
}

impl<'a> Pairs<'a> {
    /// Pairs of these, of one mode each.
    #[must_use]
    pub fn of(singles: &'a [Case], seed: Seed) -> Self {
        Self { singles, seed, draws: 0, known: BTreeSet::new() }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a draw lies between 0 and 1, and a list is far shorter than what a float tells apart"
    )]
    fn draw(&self, which: &str) -> usize {
        let count = self.singles.len();
        ((self.seed.draw("pairs of faults", which, self.draws) * count as f64) as usize).min(count.saturating_sub(1))
    }
}

impl Iterator for Pairs<'_> {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        if self.singles.is_empty() {
            return None;
        }
        for _ in 0..DRAWS_MAX {
            self.draws += 1;
            let (one, other) = (self.draw("one"), self.draw("other"));
            let pair = (one.min(other), one.max(other));
            let (one, other) = (&self.singles[pair.0], &self.singles[pair.1]);
            let fits = one.mode == other.mode && one.faults[0].target != other.faults[0].target;
            if fits && self.known.insert(pair) {
                let faults = vec![one.faults[0].clone(), other.faults[0].clone()];
                return Some(Case { mode: one.mode, faults });
            }
        }
        None
    }
}
