//! The graph of a phase's steps: every need is a step of the phase, and no step waits for itself.

use std::collections::HashMap;

use super::document::StepText;
use super::step::NamedStep;
use crate::diagnostic::{Diagnostic, Place};
use crate::id::{PhaseId, StepId};
use crate::yaml::nearest;

/// Where the steps of a playbook are: their phase, and where their id stands.
#[derive(Default)]
pub(super) struct Whereabouts {
    steps: HashMap<StepId, (usize, Place)>,
}

impl Whereabouts {
    /// Notes a step; a second one with the same id is a problem.
    pub(super) fn add(&mut self, phase: usize, id: &StepId, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
        if let Some((_, first)) = self.steps.get(id) {
            diagnostics.push(
                Diagnostic::error("M034", format!("two steps have the id `{id}`"))
                    .at(place.clone())
                    .label(first.clone(), "first here")
                    .help("rename one; ids are unique in a playbook"),
            );
            return;
        }
        self.steps.insert(id.clone(), (phase, place.clone()));
    }
}

/// Turns the names in `needs` of one phase's steps into places among the steps that could be read.
pub(super) fn resolve(
    phase: usize,
    phases: &[Option<PhaseId>],
    steps: Vec<NamedStep>,
    whereabouts: &Whereabouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<StepText> {
    let mut places: HashMap<StepId, usize> = HashMap::with_capacity(steps.len());
    let mut read: Vec<StepText> = Vec::with_capacity(steps.len());
    let mut named: Vec<Option<Vec<(StepId, Place)>>> = Vec::with_capacity(steps.len());
    for NamedStep { step, needs, .. } in steps {
        if let Some(step) = step {
            places.entry(step.id.clone()).or_insert(read.len());
            read.push(step);
            named.push(needs);
        } else if let Some(needs) = needs {
            check_names(phase, phases, &needs, whereabouts, diagnostics);
        }
    }
    for (step, needs) in read.iter_mut().zip(named) {
        let Some(needs) = needs else { continue };
        check_names(phase, phases, &needs, whereabouts, diagnostics);
        let mut found: Vec<usize> = needs.iter().filter_map(|(id, _)| places.get(id).copied()).collect();
        found.sort_unstable();
        found.dedup();
        step.needs = Some(found);
    }
    acyclic(&read, diagnostics);
    read
}

fn check_names(
    phase: usize,
    phases: &[Option<PhaseId>],
    needs: &[(StepId, Place)],
    whereabouts: &Whereabouts,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (id, place) in needs {
        match whereabouts.steps.get(id) {
            Some((other, _)) if *other == phase => {}
            Some((other, at)) => {
                let name = phases.get(*other).and_then(Option::as_ref).map_or("another phase", PhaseId::as_str);
                let help = if *other < phase {
                    "phases run one after another, so it has ended anyway: remove it"
                } else {
                    "that phase comes later; move one of the two steps"
                };
                diagnostics.push(
                    Diagnostic::error("M036", format!("`{id}` is a step of the phase `{name}`"))
                        .at(place.clone())
                        .label(at.clone(), "it is here")
                        .help(help),
                );
            }
            None => {
                let here = whereabouts.steps.iter().filter(|(_, (other, _))| *other == phase);
                let mut known: Vec<&str> = here.map(|(id, _)| id.as_str()).collect();
                known.sort_unstable();
                let diagnostic =
                    Diagnostic::error("M035", format!("there is no step `{id}` in this phase")).at(place.clone());
                diagnostics.push(match nearest(id.as_str(), known) {
                    Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
                    None => diagnostic.help("name the id of a step of the same phase"),
                });
            }
        }
    }
}

/// What a step of a phase waits for: what it names, or the one written before it.
pub(super) fn needs_of(steps: &[StepText], step: usize) -> Vec<usize> {
    match &steps[step].needs {
        Some(needs) => needs.clone(),
        None => step.checked_sub(1).into_iter().collect(),
    }
}

/// Notes a cycle, if there is one, with the steps in it.
fn acyclic(steps: &[StepText], diagnostics: &mut Vec<Diagnostic>) {
    let mut waits_for: Vec<usize> = vec![0; steps.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (step, waits) in waits_for.iter_mut().enumerate() {
        for need in needs_of(steps, step) {
            *waits += 1;
            needed_by[need].push(step);
        }
    }
    let mut ready: Vec<usize> = (0..steps.len()).filter(|step| waits_for[*step] == 0).collect();
    while let Some(step) = ready.pop() {
        for next in &needed_by[step] {
            waits_for[*next] -= 1;
            if waits_for[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    let Some(start) = (0..steps.len()).find(|step| waits_for[*step] > 0) else { return };
    let cycle = cycle_from(steps, start, &waits_for);
    let names: Vec<&str> = cycle.iter().map(|step| steps[*step].id.as_str()).collect();
    let first = &steps[cycle[0]];
    let mut shown: Vec<&str> = names.iter().copied().take(12).collect();
    if names.len() > shown.len() {
        shown.push("…");
    }
    shown.push(names[0]);
    let message = if names.len() == 1 {
        format!("`{}` needs itself", names[0])
    } else {
        format!("these steps wait for each other: {}", shown.join(" needs "))
    };
    let mut diagnostic = Diagnostic::error("M037", message)
        .at(first.name.place())
        .help("take one of them out of the other's `needs`; a step without `needs` needs the one written before it");
    for step in cycle.iter().skip(1).take(5) {
        diagnostic = diagnostic.label(steps[*step].name.place(), format!("`{}`", steps[*step].id));
    }
    diagnostics.push(diagnostic);
}

/// Follows needs that are never met until one comes again.
fn cycle_from(steps: &[StepText], start: usize, waits_for: &[usize]) -> Vec<usize> {
    let mut seen_at: HashMap<usize, usize> = HashMap::new();
    let mut path = Vec::new();
    let mut step = start;
    loop {
        if let Some(at) = seen_at.get(&step) {
            return path.split_off(*at);
        }
        seen_at.insert(step, path.len());
        path.push(step);
        match needs_of(steps, step).into_iter().find(|need| waits_for[*need] > 0) {
            Some(next) => step = next,
            None => return path,
        }
    }
}
