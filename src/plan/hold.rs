//! A gate before the first change: for runs that are begun with nobody there.

use crate::catalogue::{Access, Act, Approve, OnFailure, Period};
use crate::id::StepId;
use crate::model::{Plan, Retry, Step};
use crate::time::Span;

/// The gate's name, unless a step of the playbook has it.
pub const HELD: &str = "begin";

/// Puts a gate before the first changes of a plan: what only looks goes before it, everything that changes something or
/// tells somebody waits for it. `deadline`: how long people may take. The digest stays that of what was written.
pub fn hold(plan: &mut Plan, deadline: Span) {
    let Some(phase) = plan
        .phases
        .iter()
        .position(|phase| phase.applies && plan.steps[phase.first..phase.first + phase.count].iter().any(is_change))
    else {
        return;
    };
    let (first, count) = (plan.phases[phase].first, plan.phases[phase].count);
    let own = first..first + count;
    let changes: Vec<usize> = own.clone().filter(|at| is_change(&plan.steps[*at])).collect();
    let mut after = vec![false; count];
    // Steps need others of their phase, in any order: until nothing is added any more, at most as often as there are steps.
    for _ in 0..=count {
        let follows = |at: usize, after: &[bool]| {
            changes.contains(&at) || plan.steps[at].needs.iter().any(|need| own.contains(need) && after[need - first])
        };
        let next: Vec<bool> = own.clone().map(|at| follows(at, &after)).collect();
        if next == after {
            break;
        }
        after = next;
    }
    let Some(place) = changes.iter().copied().min() else { return };
    let shifted = |at: usize| if at >= place { at + 1 } else { at };
    let before = own.clone().filter(|at| !after[at - first] && plan.steps[*at].applies);
    let gate = gate(plan, phase, before.map(shifted).collect(), deadline);
    for step in &mut plan.steps {
        step.needs.iter_mut().for_each(|need| *need = shifted(*need));
    }
    for at in changes {
        plan.steps[at].needs.push(place);
    }
    plan.steps.insert(place, gate);
    plan.phases[phase].count += 1;
    for later in &mut plan.phases[phase + 1..] {
        later.first += 1;
    }
}

/// Whether a step of this run changes something, or tells somebody.
fn is_change(step: &Step) -> bool {
    let reaches = matches!(step.act, Act::Command(_) | Act::Http(_) | Act::Notify(_));
    step.applies && (reaches || step.act.describe().subjects().iter().any(|subject| subject.access == Access::Changes))
}

fn gate(plan: &Plan, phase: usize, needs: Vec<usize>, deadline: Span) -> Step {
    let names = (1..).map(|number| if number == 1 { HELD.to_owned() } else { format!("{HELD}-{number}") });
    let mut names = names.filter_map(|name| StepId::new(&name).ok()).take(plan.steps.len() + 1);
    let free = names.find(|id| plan.step_index(id).is_none());
    let act = Act::Approve(Approve {
        by: Vec::new(),
        quorum: 1,
        other_than_starter: false,
        deadline: Some(Period(deadline)),
        then: OnFailure::Stop,
        prompt: format!("The drill {} is ready. Nothing was changed yet. Begin?", plan.name),
    });
    Step {
        id: free.unwrap_or_else(|| plan.steps[needs.first().copied().unwrap_or(0)].id.clone()),
        title: "Begin, with nobody at the terminal".to_owned(),
        phase,
        needs,
        within: None,
        timeout: act.describe().patience(),
        retry: Retry::default(),
        on_failure: OnFailure::Stop,
        takes: None,
        pace: None,
        expected: Span::ZERO,
        applies: true,
        act,
    }
}
