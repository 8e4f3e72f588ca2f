//! The graph of one phase while it is compiled: steps, and joints where inlined playbooks begin and end.

use std::collections::BTreeSet;

use crate::model::{Phase, Plan, Step};
use crate::playbook::Name;

/// How many needs the steps of a phase may have in all: two wide phases of an inlined playbook multiply.
pub(super) const NEEDS_MAX: usize = 2_000_000;

/// A node.
pub(super) struct Node {
    /// The step with its text's place, or nothing: a joint.
    pub(super) step: Option<(Step, Name)>,
    /// The nodes that it waits for.
    pub(super) needs: Vec<usize>,
}

impl Node {
    fn applies(&self) -> bool {
        self.step.as_ref().is_some_and(|(step, _)| step.applies)
    }
}

/// The steps of a phase, each after those that it needs.
pub(super) fn in_order(plan: &Plan, phase: &Phase) -> Vec<usize> {
    let range = phase.first..phase.first + phase.count;
    let mut waits_for: Vec<usize> = range.clone().map(|step| plan.steps[step].needs.len()).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); phase.count];
    for step in range.clone() {
        for need in &plan.steps[step].needs {
            needed_by[*need - phase.first].push(step);
        }
    }
    let mut order: Vec<usize> = range.filter(|step| waits_for[*step - phase.first] == 0).collect();
    let mut next = 0;
    while let Some(step) = order.get(next).copied() {
        next += 1;
        for after in &needed_by[step - phase.first] {
            waits_for[*after - phase.first] -= 1;
            if waits_for[*after - phase.first] == 0 {
                order.push(*after);
            }
        }
    }
    order
}

/// Why a phase is no graph that can be carried out.
pub(super) enum Unsound {
    /// These nodes wait for each other.
    Cycle(Vec<usize>),
    /// More than [`NEEDS_MAX`].
    TooMany,
}

/// For each node the steps that it waits for: a joint or a step that does not apply is replaced by what it waits for
/// itself. As places among the nodes.
pub(super) fn effective(nodes: &[Node]) -> Result<Vec<Vec<usize>>, Unsound> {
    let order = order(nodes)?;
    let mut effective: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut total = 0;
    for node in order {
        let mut found = BTreeSet::new();
        for need in &nodes[node].needs {
            if nodes[*need].applies() {
                found.insert(*need);
            } else {
                found.extend(effective[*need].iter().copied());
            }
        }
        total += found.len();
        if total > NEEDS_MAX {
            return Err(Unsound::TooMany);
        }
        effective[node] = found.into_iter().collect();
    }
    Ok(effective)
}

/// The nodes in an order in which each comes after what it needs.
fn order(nodes: &[Node]) -> Result<Vec<usize>, Unsound> {
    let mut waits_for: Vec<usize> = nodes.iter().map(|node| node.needs.len()).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (number, node) in nodes.iter().enumerate() {
        for need in &node.needs {
            needed_by[*need].push(number);
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|node| waits_for[*node] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for after in &needed_by[node] {
            waits_for[*after] -= 1;
            if waits_for[*after] == 0 {
                order.push(*after);
            }
        }
    }
    if order.len() == nodes.len() {
        return Ok(order);
    }
    Err(Unsound::Cycle((0..nodes.len()).filter(|node| waits_for[*node] > 0).collect()))
}
