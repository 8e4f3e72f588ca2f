//! What follows from a plan alone: who needs whom, and what each step is to the course of a run.

use std::collections::BTreeMap;

use crate::catalogue::{Access, Part, Undo};
use crate::id::{PhaseId, StepId};
use crate::model::Plan;

/// What follows from the plan alone, made once.
#[derive(Debug)]
pub struct Graph {
    pub(super) dependents: Vec<Vec<usize>>,
    pub(super) index: BTreeMap<StepId, usize>,
    pub(super) phases: BTreeMap<PhaseId, usize>,
    pub(super) changes: Vec<bool>,
    pub(super) promotion: Vec<bool>,
    pub(super) undoable: Vec<bool>,
}

impl Graph {
    /// Reads the plan once.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut dependents = vec![Vec::new(); plan.steps.len()];
        for (n, step) in plan.steps.iter().enumerate() {
            for &need in &step.needs {
                dependents[need].push(n);
            }
        }
        let describe = |n: usize| plan.steps[n].act.describe();
        Self {
            dependents,
            index: plan.steps.iter().enumerate().map(|(n, step)| (step.id.clone(), n)).collect(),
            phases: plan.phases.iter().enumerate().map(|(n, phase)| (phase.id.clone(), n)).collect(),
            changes: (0..plan.steps.len()).map(|n| changes_something(plan, n)).collect(),
            promotion: (0..plan.steps.len()).map(|n| matches!(describe(n).part(), Part::Promotion(_))).collect(),
            undoable: (0..plan.steps.len()).map(|n| describe(n).undo() != Undo::Nothing).collect(),
        }
    }

    /// Whether a step changes something.
    #[must_use]
    pub fn changes(&self, step: usize) -> bool {
        self.changes[step]
    }

    /// The place of a step.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<usize> {
        self.index.get(id).copied()
    }
}

/// Whether a step changes a system: the first such step ends the time in which a run can be refused.
fn changes_something(plan: &Plan, step: usize) -> bool {
    let describe = plan.steps[step].act.describe();
    describe.undo() != Undo::Nothing || describe.subjects().iter().any(|subject| subject.access == Access::Changes)
}
