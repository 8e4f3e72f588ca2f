//! All the way from bytes to a frozen plan.

use super::compile::{CompileOptions, compile};
use super::files::{Files, Read, beside};
use super::{check, controls, excluded, modes, variables};
use crate::catalogue::Mode;
use crate::diagnostic::silence::{self, Unused};
use crate::diagnostic::{Diagnostic, Place, Silenced, Sources, sort_by_place};
use crate::infrastructure::calibration::{self, Calibration, Told};
use crate::infrastructure::{self, Infrastructure};
use crate::model::{Documents, Plan, SilencedWarning};
use crate::playbook::{self, Prelude};
use crate::yaml::Node;

/// Whether a plan is for what the infrastructure file binds, or for its simulated twin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reality {
    /// What the file binds; that may be simulated itself.
    #[default]
    AsBound,
    /// The twin: `muster simulate`.
    Twin,
}

/// The modes in which a playbook is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checked {
    /// The one that the plan is for.
    #[default]
    InItsMode,
    /// Every one: what is wrong in another mode than the plan's is told too, and which mode that is.
    InEveryMode,
}

/// A calibration file: its path and its bytes, or in a few words why it can't be read.
pub type CalibrationFile = (String, Result<Vec<u8>, String>);

/// Gives the calibration of the infrastructure file at a path, if one is to be used.
pub type FindCalibration<'a> = dyn Fn(&str) -> Option<CalibrationFile> + 'a;

/// No calibration, whatever the infrastructure file.
#[must_use]
pub fn uncalibrated(_infrastructure: &str) -> Option<CalibrationFile> {
    None
}

/// What a plan is made from.
pub struct LoadInput<'a> {
    /// The playbook's path, as given.
    pub playbook_path: &'a str,
    /// The playbook's bytes.
    pub playbook: &'a [u8],
    /// The path of another infrastructure file than the playbook names (`--infra`).
    pub infrastructure_path: Option<&'a str>,
    /// The mode, where it is not the playbook's (`--mode`).
    pub mode: Option<Mode>,
    /// Variables that are overridden (`--var NAME=VALUE`).
    pub vars: &'a [(String, String)],
    /// Whether the twin is meant.
    pub reality: Reality,
    /// In which modes it is checked.
    pub checked: Checked,
    /// Reads the infrastructure file and inlined playbooks, by path: [`LoadInput::infrastructure_path`] as it is given,
    /// others joined to the folder of the file that names them. The error says in a few words why not.
    pub read: &'a Read<'a>,
    /// Finds the calibration that the twin is set by: [`uncalibrated`] for none.
    pub calibration: &'a FindCalibration<'a>,
}

/// What came of it.
pub struct Loaded {
    /// The plan; `None` if there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// The texts that the plan was made of; there whenever the plan is.
    pub documents: Option<Documents>,
    /// Errors and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Warnings that the documents silence, by place.
    pub silenced: Vec<Silenced>,
    /// The texts that diagnostics point into.
    pub sources: Sources,
}

/// Loads a playbook with its infrastructure file. Every problem of both is found at once.
#[must_use]
pub fn load(input: &LoadInput<'_>) -> Loaded {
    let mut diagnostics = Vec::new();
    let mut files = Files::new(input.read);
    let made = make(input, &mut files, &mut diagnostics);
    files.hide_secrets(&mut diagnostics);
    sort_by_place(&mut diagnostics);
    // With errors, or in one mode alone, not everything was looked for.
    let complete = input.checked == Checked::InEveryMode && !diagnostics.iter().any(Diagnostic::is_error);
    let unused = if complete { Unused::Told } else { Unused::Unknown };
    let silenced = silence::apply(&files.silences(), unused, &mut diagnostics);
    sort_by_place(&mut diagnostics);
    let (plan, documents) = match made {
        Some((plan, documents)) if !diagnostics.iter().any(Diagnostic::is_error) => (Some(plan), Some(documents)),
        _ => (None, None),
    };
    Loaded { plan, documents, diagnostics, silenced, sources: files.into_sources() }
}

/// An infrastructure file that was checked by itself.
pub struct CheckedInfrastructure {
    /// It; `None` if there is an error among the diagnostics.
    pub infrastructure: Option<Infrastructure>,
    /// Errors and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Warnings that it silences.
    pub silenced: Vec<Silenced>,
    /// The text that diagnostics point into.
    pub sources: Sources,
}

/// Checks an infrastructure file by itself.
#[must_use]
pub fn infrastructure(path: &str, bytes: &[u8]) -> CheckedInfrastructure {
    let nothing = |_: &str| Err(String::new());
    let mut diagnostics = Vec::new();
    let mut files = Files::new(&nothing);
    let root = files.parse(path, bytes, &mut diagnostics);
    let read = root.and_then(|root| infrastructure::read(root, &mut diagnostics));
    files.hide_secrets(&mut diagnostics);
    // A playbook may be warned of what it binds, so what it silences is never said to be too much.
    let silences = read.as_ref().map(|it| it.silences.clone()).unwrap_or_default();
    let silenced = silence::apply(&silences, Unused::Unknown, &mut diagnostics);
    sort_by_place(&mut diagnostics);
    let infrastructure = read.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    CheckedInfrastructure { infrastructure, diagnostics, silenced, sources: files.into_sources() }
}

fn make(input: &LoadInput<'_>, files: &mut Files<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<(Plan, Documents)> {
    let root = files.parse(input.playbook_path, input.playbook, diagnostics);
    let prelude = root.as_ref().map(|root| playbook::prelude(root, diagnostics));
    let infrastructure_path = infrastructure_path(input, root.as_ref(), prelude.as_ref(), diagnostics);
    let infrastructure = infrastructure_path
        .as_ref()
        .and_then(|(path, named_at)| infrastructure_file(path, named_at.as_ref(), files, diagnostics));
    let (root, prelude) = (root?, prelude?);
    let variables = variables::resolve(&prelude.vars, infrastructure.as_ref(), input.vars, diagnostics);
    let names = variables::names(&variables, infrastructure.as_ref());
    let mut playbook = playbook::read(root, &names, diagnostics)?;
    if let Some((schedule, name)) = &mut playbook.schedule {
        excluded::resolve(schedule, name, input.playbook_path, &|path| files.bytes(path), diagnostics);
    }
    files.silence(input.playbook_path, &playbook.silences);
    let mut infrastructure = infrastructure?;
    if let Some((path, _)) = &infrastructure_path {
        files.silence(path, &infrastructure.silences);
    }
    let found = infrastructure_path.as_ref().and_then(|(path, _)| (input.calibration)(path));
    let calibration = found.and_then(|found| calibration_file(found, &infrastructure.name, files, diagnostics));
    let mut told = Told::default();
    if let Some((_, calibration)) = &calibration {
        calibration.apply(&mut infrastructure, &mut told);
    }
    check::references(&playbook, &infrastructure, input.reality, diagnostics);
    let controls = controls::resolve(&playbook, input.playbook_path, files, diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    let options = CompileOptions {
        mode: input.mode.unwrap_or(playbook.mode),
        reality: input.reality,
        variables,
        playbook_path: input.playbook_path.to_owned(),
        infrastructure_path: infrastructure_path.map(|(path, _)| path).unwrap_or_default(),
        controls,
    };
    let modes = match input.checked {
        Checked::InItsMode => vec![options.mode],
        Checked::InEveryMode => modes::all_from(options.mode),
    };
    let mut made = None;
    let mut found = Vec::with_capacity(modes.len());
    for mode in modes {
        let (plan, problems) =
            match compile(&playbook, &infrastructure, CompileOptions { mode, ..options.clone() }, files) {
                Ok((plan, documents, warnings)) => (Some((plan, documents)), warnings),
                Err(errors) => (None, errors),
            };
        if mode == options.mode {
            made = plan.map(|made| {
                let (mut plan, documents) = calibrated(made, calibration.as_ref(), told.clone(), files);
                plan.silenced = silenced(files, diagnostics, &problems);
                (plan, documents)
            });
        }
        found.push((mode, problems));
    }
    diagnostics.append(&mut modes::merge(found));
    made
}

/// What is silenced of the warnings of one mode: the same whether or not the others are looked at too.
fn silenced(files: &mut Files<'_>, of_all: &[Diagnostic], of_mode: &[Diagnostic]) -> Vec<SilencedWarning> {
    let mut warnings: Vec<Diagnostic> = of_all.iter().chain(of_mode).cloned().collect();
    files.hide_secrets(&mut warnings);
    sort_by_place(&mut warnings);
    let silences = files.silences();
    silence::apply(&silences, Unused::Unknown, &mut warnings).into_iter().map(SilencedWarning::from).collect()
}

/// Reads a calibration file.
fn calibration_file(
    (path, bytes): CalibrationFile,
    infrastructure: &str,
    files: &mut Files<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, Calibration)> {
    match bytes {
        Ok(bytes) => {
            let root = files.parse(&path, &bytes, diagnostics)?;
            Some((path, calibration::read(&root, infrastructure, diagnostics)?))
        }
        Err(why) => {
            let message = format!("the calibration file {path} cannot be read: {why}");
            diagnostics.push(Diagnostic::error("M060", message).help("--no-calibration does without"));
            None
        }
    }
}

/// The plan with the steps' times of the calibration, and what it was made of.
fn calibrated(
    (mut plan, mut documents): (Plan, Documents),
    calibration: Option<&(String, Calibration)>,
    mut told: Told,
    files: &Files<'_>,
) -> (Plan, Documents) {
    if let Some((path, calibration)) = calibration {
        calibration.apply_to_steps(&mut plan, &mut told);
        let document = files.document(path);
        plan.calibration = Some(calibration.told(path, &document.text, told));
        documents.calibration = Some(document);
    }
    (plan, documents)
}

/// The path of the infrastructure file, and where the playbook names it.
fn infrastructure_path(
    input: &LoadInput<'_>,
    root: Option<&Node>,
    prelude: Option<&Prelude>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, Option<Place>)> {
    if let Some(path) = input.infrastructure_path {
        return Some((path.to_owned(), None));
    }
    if let Some((file, place)) = prelude.and_then(|prelude| prelude.infrastructure.as_ref()) {
        return Some((beside(input.playbook_path, file), Some(place.clone())));
    }
    if let Some(root) = root
        && root.get("infrastructure").is_none()
    {
        diagnostics.push(
            Diagnostic::error("M052", "the playbook names no infrastructure file")
                .at(start_of(root))
                .help("add `infrastructure: infra/simulated.yaml`, or use --infra FILE"),
        );
    }
    None
}

/// The place of a document's first line, so that a message about the whole shows one line.
fn start_of(root: &Node) -> Place {
    let first = root.as_map().and_then(|entries| entries.first());
    first.map_or_else(|| root.place(), |entry| entry.key.place())
}

fn infrastructure_file(
    path: &str,
    named_at: Option<&Place>,
    files: &mut Files<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Infrastructure> {
    match files.open(path, diagnostics) {
        Ok(node) => infrastructure::read(node?, diagnostics),
        Err(why) => {
            let diagnostic = Diagnostic::error("M052", format!("the infrastructure file {path} cannot be read: {why}"))
                .help("name another file with --infra FILE");
            diagnostics.push(match named_at {
                Some(place) => diagnostic.at(place.clone()),
                None => diagnostic,
            });
            None
        }
    }
}
