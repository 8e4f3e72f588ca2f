//! From checked documents to the frozen plan.

use super::controls::Resolved;
use super::expected::Twins;
use super::files::Files;
use super::graph::{self, Node, Unsound};
use super::inline::{Inlining, Level};
use super::load::Reality;
use super::{accepts, digest, experience, flow};
use crate::catalogue::Mode;
use crate::diagnostic::Diagnostic;
use crate::infrastructure::Infrastructure;
use crate::model::{Documents, Leg, PAUSE_LIMIT, Phase, PhaseKind, Plan, Step, Variable};
use crate::playbook::{Name, PhaseText, Playbook};

/// What a plan depends on beside the two documents.
#[derive(Clone)]
pub(super) struct CompileOptions {
    /// The mode.
    pub(super) mode: Mode,
    /// Whether the twin is meant.
    pub(super) reality: Reality,
    /// The variables that the playbook was filled with.
    pub(super) variables: Vec<Variable>,
    /// The playbook's path, by which `files` knows its text.
    pub(super) playbook_path: String,
    /// The infrastructure file's path, by which `files` knows its text.
    pub(super) infrastructure_path: String,
    /// The controls that the playbook names, and where the team's catalogues are, which `files` knows.
    pub(super) controls: Resolved,
}

/// Freezes a plan. What the documents name must have been checked; what depends on the mode and on inlined playbooks
/// is checked here. With the plan come the texts that it was made of, and warnings.
///
/// # Errors
/// Everything that is wrong.
pub(super) fn compile(
    playbook: &Playbook,
    infrastructure: &Infrastructure,
    options: CompileOptions,
    files: &mut Files<'_>,
) -> Result<(Plan, Documents, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mode = options.mode;
    let twins = Twins::of(infrastructure);
    let mut inlining = Inlining::new(playbook, infrastructure, mode, options.reality, &twins, files);
    let mut phases = Vec::with_capacity(playbook.phases.len());
    let mut steps: Vec<Step> = Vec::new();
    let mut names: Vec<Name> = Vec::new();
    for (number, text) in playbook.phases.iter().enumerate() {
        let applies = applies(text, mode);
        let level = Level::top(number, text.kind, applies, &options.playbook_path);
        let mut nodes = Vec::with_capacity(text.steps.len());
        inlining.add(&text.steps, &level, &mut nodes);
        let first = steps.len();
        place(nodes, text, &mut steps, &mut names, &mut inlining.diagnostics);
        phases.push(Phase {
            id: text.id.clone(),
            title: text.title.clone().unwrap_or_else(|| text.id.to_string()),
            kind: text.kind,
            leg: leg(&playbook.phases, number),
            applies,
            first,
            count: steps.len() - first,
        });
    }
    let nested_paths = inlining.nested_paths();
    let mut diagnostics = std::mem::take(&mut inlining.diagnostics);
    drop(inlining);
    let documents = Documents {
        playbook: files.document(&options.playbook_path),
        infrastructure: files.document(&options.infrastructure_path),
        nested: nested_paths.iter().map(|path| files.document(path)).collect(),
        calibration: None,
        catalogues: options.controls.paths.iter().map(|path| files.document(path)).collect(),
    };
    let rto = playbook.objectives.rto;
    let plan = Plan {
        name: playbook.name.clone(),
        title: playbook.title.clone(),
        owner: playbook.owner.clone(),
        scenario: playbook.scenario.clone(),
        mode,
        environment: infrastructure.environment,
        twin: options.reality == Reality::Twin,
        objectives: playbook.objectives,
        data_loss: playbook.data_loss.clone(),
        discard: playbook.discard,
        accepts: playbook.accepts.iter().map(|(accepted, _)| accepted.clone()).collect(),
        outage_limit: playbook.outage_limit.or_else(|| rto.map(|rto| rto * 2)),
        pause_limit: playbook.pause_limit.unwrap_or(PAUSE_LIMIT),
        windows: playbook.windows.iter().chain(&infrastructure.windows).cloned().collect(),
        unattended: infrastructure.unattended,
        schedule: playbook.schedule.as_ref().map(|(schedule, _)| schedule.clone()),
        about: playbook.about.clone(),
        controls: playbook.controls.iter().map(|(id, _)| id.clone()).collect(),
        control_texts: options.controls.controls,
        roles: playbook.roles.clone(),
        digest: digest::digest(&documents, &options.variables, mode, options.reality),
        variables: options.variables,
        regions: infrastructure.regions.clone(),
        resources: infrastructure.resources.clone(),
        network: infrastructure.network.clone(),
        resolver: infrastructure.resolver,
        services: playbook.services.iter().map(|(service, _)| service.clone()).collect(),
        canaries: playbook.canaries.iter().map(|(canary, _)| canary.clone()).collect(),
        witness: playbook.witness.clone(),
        guardrails: playbook.guardrails.iter().map(|(guardrail, _)| guardrail.clone()).collect(),
        at_once: playbook.at_once,
        phases,
        steps,
        silenced: Vec::new(),
        calibration: None,
    };
    if !diagnostics.iter().any(Diagnostic::is_error) {
        flow::check(&plan, &names, &mut diagnostics);
        accepts::check(&plan, &playbook.accepts, &mut diagnostics);
        experience::check(&plan, playbook, infrastructure, &names, &mut diagnostics);
    }
    if diagnostics.iter().any(Diagnostic::is_error) { Err(diagnostics) } else { Ok((plan, documents, diagnostics)) }
}

/// Whether a phase is carried out in `mode`. The real event has no disaster to be made, and nobody goes home from it
/// without being told to.
pub(super) fn applies(phase: &PhaseText, mode: Mode) -> bool {
    let stated = phase.modes.as_ref().is_none_or(|modes| modes.contains(&mode));
    let left_out = mode == Mode::Emergency && matches!(phase.kind, PhaseKind::Disaster | PhaseKind::Failback);
    stated && !left_out
}

fn leg(phases: &[PhaseText], number: usize) -> Option<Leg> {
    match phases[number].kind {
        PhaseKind::Prechecks | PhaseKind::Soak | PhaseKind::Cleanup => None,
        PhaseKind::Disaster | PhaseKind::Detect | PhaseKind::Failover | PhaseKind::Verify => Some(Leg::Failover),
        PhaseKind::Failback => Some(Leg::Return),
        PhaseKind::Other => {
            let went_home = phases[..number].iter().any(|phase| phase.kind == PhaseKind::Failback);
            Some(if went_home { Leg::Return } else { Leg::Failover })
        }
    }
}

/// Puts a phase's steps into the plan, each with the places of the steps that it needs.
fn place(
    nodes: Vec<Node>,
    phase: &PhaseText,
    steps: &mut Vec<Step>,
    names: &mut Vec<Name>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let effective = match graph::effective(&nodes) {
        Ok(effective) => effective,
        Err(unsound) => {
            diagnostics.push(unsound_phase(&unsound, &nodes, phase));
            return;
        }
    };
    let mut places = vec![0; nodes.len()];
    let mut next = steps.len();
    for (place, node) in places.iter_mut().zip(&nodes) {
        *place = next;
        next += usize::from(node.step.is_some());
    }
    for (node, needs) in nodes.into_iter().zip(effective) {
        let Some((mut step, name)) = node.step else { continue };
        step.needs = needs.into_iter().map(|need| places[need]).collect();
        steps.push(step);
        names.push(name);
    }
}

fn unsound_phase(unsound: &Unsound, nodes: &[Node], phase: &PhaseText) -> Diagnostic {
    match unsound {
        Unsound::Cycle(cycle) => {
            let ids = cycle.iter().filter_map(|node| nodes[*node].step.as_ref()).take(12);
            let ids: Vec<&str> = ids.map(|(step, _)| step.id.as_str()).collect();
            Diagnostic::error("M037", format!("in this mode these steps wait for each other: {}", ids.join(", ")))
                .at(phase.place.clone())
                .help("state `needs` where the step written before is not carried out in every mode")
        }
        Unsound::TooMany => Diagnostic::error(
            "M049",
            format!("the steps of this phase have more than {} needs in all", graph::NEEDS_MAX),
        )
        .at(phase.place.clone())
        .help("put a step between wide stages that all of one need and all of the next wait for"),
    }
}
