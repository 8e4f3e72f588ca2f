//! Steps into nodes, and playbooks as steps into the steps that they consist of.

use super::check;
use super::compile::applies;
use super::expected::Twins;
use super::files::{Files, beside};
use super::graph::Node;
use super::load::Reality;
use super::variables;
use crate::catalogue::{Act, Mode, NestedPlaybook, OnFailure};
use crate::diagnostic::Diagnostic;
use crate::id::StepId;
use crate::infrastructure::Infrastructure;
use crate::model::{PhaseKind, Step, VariableSource};
use crate::playbook::{self, Playbook, StepText};
use crate::yaml::nearest;

/// How deep playbooks may stand in each other.
const DEPTH_MAX: usize = 8;
/// Steps of a plan at most: a few small files that name each other could make any number.
const STEPS_MAX: usize = 100_000;

/// Where steps stand: at the top, or in a playbook that is inlined.
pub(super) struct Level {
    phase: usize,
    kind: PhaseKind,
    applies: bool,
    /// The id of the step that is replaced.
    outer: Option<StepId>,
    on_failure: Option<OnFailure>,
    /// The files that we are in, outermost first.
    files: Vec<String>,
    /// The nodes that steps without needs wait for.
    entry: Vec<usize>,
}

impl Level {
    /// The level of the playbook's own steps.
    pub(super) fn top(phase: usize, kind: PhaseKind, applies: bool, file: &str) -> Self {
        let files = vec![file.to_owned()];
        Self { phase, kind, applies, outer: None, on_failure: None, files, entry: Vec::new() }
    }
}

/// Makes nodes of steps.
pub(super) struct Inlining<'a, 'f> {
    playbook: &'a Playbook,
    infrastructure: &'a Infrastructure,
    mode: Mode,
    reality: Reality,
    twins: &'a Twins,
    files: &'a mut Files<'f>,
    nested: Vec<String>,
    steps: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a, 'f> Inlining<'a, 'f> {
    pub(super) fn new(
        playbook: &'a Playbook,
        infrastructure: &'a Infrastructure,
        mode: Mode,
        reality: Reality,
        twins: &'a Twins,
        files: &'a mut Files<'f>,
    ) -> Self {
        let (nested, diagnostics) = (Vec::new(), Vec::new());
        Self { playbook, infrastructure, mode, reality, twins, files, nested, steps: 0, diagnostics }
    }

    /// The files that were inlined, in the order in which they were first named.
    pub(super) fn nested_paths(&self) -> Vec<String> {
        self.nested.clone()
    }

    /// Adds steps as nodes, in written order; gives the nodes that nobody among them waits for.
    pub(super) fn add(&mut self, texts: &[StepText], level: &Level, nodes: &mut Vec<Node>) -> Vec<usize> {
        let mut begin = Vec::with_capacity(texts.len());
        let mut end = Vec::with_capacity(texts.len());
        let mut before: Option<usize> = None;
        let mut before_of = Vec::with_capacity(texts.len());
        for (number, text) in texts.iter().enumerate() {
            let applies = level.applies && text.modes.as_ref().is_none_or(|modes| modes.contains(&self.mode));
            before_of.push(before);
            if applies {
                before = Some(number);
            }
            begin.push(nodes.len());
            end.push(self.node(text, applies, level, nodes));
        }
        let mut is_needed = vec![false; texts.len()];
        for (number, text) in texts.iter().enumerate() {
            let needs: &[usize] = match (&text.needs, &before_of[number]) {
                (Some(needs), _) => needs,
                (None, Some(before)) => std::slice::from_ref(before),
                (None, None) => &[],
            };
            nodes[begin[number]].needs =
                if needs.is_empty() { level.entry.clone() } else { needs.iter().map(|need| end[*need]).collect() };
            for need in needs {
                is_needed[*need] = true;
            }
        }
        end.into_iter().zip(is_needed).filter(|(_, needed)| !needed).map(|(end, _)| end).collect()
    }

    /// Adds one step; gives the node at its end.
    fn node(&mut self, text: &StepText, applies: bool, level: &Level, nodes: &mut Vec<Node>) -> usize {
        let at = nodes.len();
        let id = match level.outer.as_ref().map_or(Ok(text.id.clone()), |outer| text.id.within(outer)) {
            Ok(id) => id,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error("M049", error.to_string()).at(text.name.place()));
                text.id.clone()
            }
        };
        if let Act::Playbook(nested) = &text.act {
            nodes.push(Node { step: None, needs: Vec::new() });
            return self.inline(nested, text, &id, applies, level, nodes);
        }
        self.steps += 1;
        if self.steps == STEPS_MAX + 1 {
            self.diagnostics.push(
                Diagnostic::error("M049", format!("the drill has more than {STEPS_MAX} steps"))
                    .at(text.name.place())
                    .help("split it into several drills"),
            );
        }
        let describe = text.act.describe();
        let step = Step {
            title: text.title.clone().unwrap_or_else(|| describe.summary()),
            id,
            phase: level.phase,
            needs: Vec::new(),
            within: text.within,
            timeout: text.timeout.unwrap_or_else(|| describe.patience()),
            retry: text.retry,
            on_failure: self.on_failure(text, level),
            takes: text.takes,
            pace: None,
            expected: self.twins.expected(&text.act, text.takes.as_ref()),
            act: text.act.clone(),
            applies,
        };
        nodes.push(Node { step: Some((step, text.name.clone())), needs: Vec::new() });
        at
    }

    /// What a step's failure means: what it says, else what the gate says, else what fits its phase. In the real event
    /// prechecks only advise; what people decide still counts.
    fn on_failure(&self, text: &StepText, level: &Level) -> OnFailure {
        let gate = match &text.act {
            Act::Approve(approve) => Some(approve.then),
            Act::Manual(manual) => Some(manual.then),
            _ => None,
        };
        if gate.is_none() && level.kind == PhaseKind::Prechecks && self.mode == Mode::Emergency {
            return OnFailure::Continue;
        }
        let by_phase = if level.kind == PhaseKind::Cleanup { OnFailure::Continue } else { OnFailure::Undo };
        text.on_failure.or(gate).or(level.on_failure).unwrap_or(by_phase)
    }

    /// Replaces a step by the steps of the playbook that it names: phase after phase, between two joints.
    fn inline(
        &mut self,
        nested: &NestedPlaybook,
        text: &StepText,
        id: &StepId,
        applies_here: bool,
        level: &Level,
        nodes: &mut Vec<Node>,
    ) -> usize {
        let begin = nodes.len() - 1;
        let here = level.files.last().map_or("", String::as_str);
        let path = beside(here, &nested.file);
        let Some(inner) = self.open(nested, &path, text, level) else { return begin };
        let mut files = level.files.clone();
        files.push(path);
        let mut joint = begin;
        for phase in &inner.phases {
            check::steps(&phase.steps, self.playbook, self.infrastructure, self.reality, &mut self.diagnostics);
            if self.steps > STEPS_MAX {
                break;
            }
            let level = Level {
                phase: level.phase,
                kind: level.kind,
                applies: applies_here && applies(phase, self.mode),
                outer: Some(id.clone()),
                on_failure: text.on_failure.or(level.on_failure),
                files: files.clone(),
                entry: vec![joint],
            };
            let ends = self.add(&phase.steps, &level, nodes);
            joint = nodes.len();
            nodes.push(Node { step: None, needs: ends });
        }
        joint
    }

    /// Reads the playbook that a step names.
    fn open(&mut self, nested: &NestedPlaybook, path: &str, text: &StepText, level: &Level) -> Option<Playbook> {
        let place = || text.name.place_of_key("file");
        if level.files.iter().any(|file| file == path) {
            let mut round: Vec<&str> = level.files.iter().map(String::as_str).collect();
            round.push(path);
            self.diagnostics.push(
                Diagnostic::error("M049", format!("the playbooks name each other: {}", round.join(" names ")))
                    .at(place())
                    .help("a playbook cannot be a step of itself"),
            );
            return None;
        }
        if level.files.len() > DEPTH_MAX {
            self.diagnostics.push(
                Diagnostic::error("M049", format!("playbooks stand in each other more than {DEPTH_MAX} deep"))
                    .at(place())
                    .help("write some of the steps out"),
            );
            return None;
        }
        let is_new = !self.nested.iter().any(|known| known == path);
        let mut found = Vec::new();
        let root = match self.files.open(path, &mut found) {
            Ok(root) => root,
            Err(why) => {
                self.diagnostics.push(
                    Diagnostic::error("M048", format!("the playbook {path} cannot be read: {why}"))
                        .at(place())
                        .help("the path is taken from the folder of the playbook that names it"),
                );
                return None;
            }
        };
        if is_new {
            self.nested.push(path.to_owned());
        }
        let inner = root.and_then(|root| self.read(nested, root, text, &mut found));
        self.diagnostics.append(&mut found);
        if let Some(inner) = &inner {
            self.files.silence(path, &inner.silences);
        }
        inner
    }

    /// Its variables are its own defaults, overridden by the infrastructure file, overridden by what the step gives.
    fn read(
        &self,
        nested: &NestedPlaybook,
        root: crate::yaml::Node,
        text: &StepText,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Playbook> {
        let prelude = playbook::prelude(&root, found);
        let mut variables = variables::resolve(&prelude.vars, Some(self.infrastructure), &[], found);
        for (name, value) in &nested.vars {
            if let Some(known) = variables.iter_mut().find(|known| known.name == *name) {
                value.clone_into(&mut known.value);
                known.source = VariableSource::Playbook;
            } else {
                let known = variables.iter().map(|known| known.name.as_str());
                let help = match nearest(name, known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "give it a default under `vars:` in that playbook".to_owned(),
                };
                let message = format!("{} has no variable `{name}`", nested.file);
                found.push(Diagnostic::error("M040", message).at(text.name.place_of_key("vars")).help(help));
            }
        }
        playbook::read(root, &variables::names(&variables, Some(self.infrastructure)), found)
    }
}
