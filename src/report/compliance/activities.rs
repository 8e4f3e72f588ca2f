//! What was done: each step with what was expected of it and what came of it; what went otherwise; what was done afterwards.

use super::{chapter, cleaned, list, listed, table, text};
use crate::model::PhaseKind;
use crate::record::{PhaseState, Record};
use crate::report::rehearsal::{Block, Cell, Chapter};
use crate::report::view::{LIST_MAX, PhaseView, StepView, View};
use std::fmt::Write as _;

/// Its chapters.
pub(super) fn chapters(record: &Record, view: &View) -> Vec<Chapter> {
    let (cleanup, test): (Vec<_>, Vec<_>) = record
        .phases
        .iter()
        .zip(&view.phases)
        .filter(|(phase, _)| phase.state != PhaseState::NotInThisMode)
        .partition(|(phase, _)| phase.kind == PhaseKind::Cleanup);
    let mut activities: Vec<Block> = Vec::new();
    for (_, phase) in test {
        activities.extend(one_phase(phase));
    }
    let mut after: Vec<Block> = Vec::new();
    for (_, phase) in cleanup {
        after.extend(one_phase(phase));
    }
    after.extend(afterwards(view));
    vec![
        chapter("Activities", activities),
        list("Deviations", &deviations(view), "Everything went as the plan has it."),
        chapter("Post-test actions", after),
    ]
}

fn one_phase(phase: &PhaseView) -> [Block; 3] {
    let rows = phase.steps.iter().filter(|step| step.result.word != "not in this mode").map(one_step).collect();
    [
        Block::Heading(format!("Phase {}: {}", phase.id, phase.title)),
        Block::Marked(phase.result.clone(), format!("began at {}, took {}", phase.started, phase.took)),
        table(["Step", "Action", "Expected", "Actual", "Result"], rows),
    ]
}

fn one_step(step: &StepView) -> [Cell; 5] {
    let name = step.title.as_ref().map_or_else(|| step.id.clone(), |title| format!("{}: {title}", step.id));
    let mut expected = format!("{} in about {}", step.summary, step.expected);
    if let Some(within) = &step.within {
        let _ = write!(expected, "; objective {}", within.word);
    }
    let mut actual = vec![format!("began at {}, took {}", step.started, step.took)];
    if step.attempts > 1 {
        actual.push(format!("{} attempts", step.attempts));
    }
    actual.extend(step.failures.iter().cloned());
    actual.extend(step.warning.iter().map(|warning| format!("warning: {warning}")));
    actual.extend(step.gates.iter().chain(&step.changes).cloned());
    if !step.evidence.is_empty() {
        actual.push(step.evidence.clone());
    }
    actual.extend(step.undo.iter().map(|undo| format!("taken back: {}", undo.word)));
    [
        Cell::Text(name),
        Cell::Text(step.action.clone()),
        Cell::Text(expected),
        Cell::Text(text(actual.join("; "))),
        Cell::Mark(step.result.clone()),
    ]
}

fn deviations(view: &View) -> Vec<String> {
    let mut all = view.reasons.clone();
    // What asks for an action stands among the corrective actions.
    all.extend(view.warnings.iter().filter(|it| !it.starts_with(super::review::DERIVED)).cloned());
    all
}

/// What is otherwise than before, and what a person must do about what was left.
fn afterwards(view: &View) -> Vec<Block> {
    let mut blocks = vec![Block::Heading("Left otherwise than it was found".to_owned())];
    let left: Vec<String> = view.left.iter().map(|it| format!("{}: {}", it.what, it.advice)).collect();
    blocks.push(listed(&cleaned(left), "Nothing."));
    let changes: Vec<String> =
        view.changes.iter().take(LIST_MAX).map(|it| format!("{}: {} → {}", it.resource, it.before, it.after)).collect();
    if !changes.is_empty() {
        blocks.push(Block::Heading("Otherwise at the end than before".to_owned()));
        blocks.push(listed(&changes, ""));
    }
    blocks
}
