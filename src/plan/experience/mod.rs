//! What only someone with experience would see: a drill that can be carried out, and would end badly or show nothing.
//!
//! All of it warns and nothing is refused: there are drills for which it is right so, and they say so in place, with
//! `silence:`. What is never right stands in [`super::flow`].

mod course;
mod gates;
mod names;
mod objectives;
mod seen;

use std::collections::BTreeSet;

use crate::catalogue::{Act, Part};
use crate::diagnostic::Diagnostic;
use crate::infrastructure::Infrastructure;
use crate::model::{Leg, Plan};
use crate::playbook::{Name, Playbook};

/// What the checks look at.
struct View<'a> {
    plan: &'a Plan,
    playbook: &'a Playbook,
    infrastructure: &'a Infrastructure,
    /// Where each step's text stands.
    names: &'a [Name],
}

impl View<'_> {
    /// The steps of a leg that are carried out, in the order of the plan.
    fn steps_of(&self, leg: Leg) -> impl Iterator<Item = usize> + '_ {
        let plan = self.plan;
        (0..plan.steps.len()).filter(move |step| plan.steps[*step].applies && plan.leg_of(*step) == Some(leg))
    }

    fn act(&self, step: usize) -> &Act {
        &self.plan.steps[step].act
    }

    fn id(&self, step: usize) -> &str {
        self.plan.steps[step].id.as_str()
    }

    /// What has surely ended when `step` begins.
    fn before(&self, step: usize) -> Before {
        Before {
            phase: self.plan.steps[step].phase,
            here: super::flow::ancestors(self.plan, step).into_iter().collect(),
        }
    }
}

/// What has surely ended when a step begins.
struct Before {
    phase: usize,
    /// The steps of its own phase.
    here: BTreeSet<usize>,
}

impl Before {
    fn has(&self, view: &View<'_>, step: usize) -> bool {
        view.plan.steps[step].phase < self.phase || self.here.contains(&step)
    }
}

/// Whether users lose something by it: what comes after is damage.
fn takes_away(act: &Act) -> bool {
    matches!(act, Act::DatabaseFence(_) | Act::StorageFence(_) | Act::ComputeStop(_))
        || matches!(act.describe().part(), Part::Disaster | Part::Promotion(_) | Part::Switch(_))
}

/// Whether users may get something back by it.
fn gives_back(act: &Act) -> bool {
    matches!(act.describe().part(), Part::Promotion(_) | Part::Switch(_))
}

/// Checks the steps that are carried out in the plan's mode.
pub(super) fn check(
    plan: &Plan,
    playbook: &Playbook,
    infrastructure: &Infrastructure,
    names: &[Name],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let view = View { plan, playbook, infrastructure, names };
    objectives::check(&view, diagnostics);
    gates::check(&view, diagnostics);
    names::check(&view, diagnostics);
    course::check(&view, diagnostics);
    seen::check(&view, diagnostics);
}
