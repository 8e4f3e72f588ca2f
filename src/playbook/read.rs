//! From the marked tree of a playbook to the typed document.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{Name, PhaseText, Playbook};
use super::needs::{self, Whereabouts};
use super::services::{self, RawObjectives};
use super::step::{self, NamedStep, When};
use super::template::{Late, Names};
use super::{accepts, bounds, schedule, sense};
use crate::catalogue::{Mode, Period};
use crate::diagnostic::{Diagnostic, Place, Silence};
use crate::id::{PhaseId, RunId};
use crate::infrastructure::plain;
use crate::model::{About, DataLoss, PhaseKind, Schedule, Windows};
use crate::time::Span;
use crate::yaml::{Entry, Node, Value, decode, fill, silences};

/// The version of the format that this build reads.
const VERSION: u32 = 1;

/// The playbook's own keys; the parts that are decoded by themselves are only known here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    muster: u32,
    name: String,
    title: Option<String>,
    owner: Option<String>,
    #[serde(rename = "infrastructure")]
    _infrastructure: Option<String>,
    mode: Option<Mode>,
    scenario: Option<String>,
    data_loss: Option<RawDataLoss>,
    discard: Option<Discard>,
    #[serde(rename = "accepts")]
    _accepts: Option<IgnoredAny>,
    #[serde(default)]
    objectives: RawObjectives,
    #[serde(default)]
    about: About,
    #[serde(default, rename = "controls")]
    _controls: Vec<String>,
    #[serde(default, rename = "catalogues")]
    _catalogues: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(rename = "vars")]
    _vars: Option<IgnoredAny>,
    #[serde(rename = "services")]
    _services: Option<IgnoredAny>,
    #[serde(rename = "canaries")]
    _canaries: Option<IgnoredAny>,
    #[serde(rename = "witness")]
    _witness: Option<IgnoredAny>,
    #[serde(rename = "guardrails")]
    _guardrails: Option<IgnoredAny>,
    at_once: Option<u32>,
    outage_limit: Option<Period>,
    pause_limit: Option<Period>,
    windows: Option<Windows>,
    schedule: Option<Schedule>,
    #[serde(rename = "phases")]
    _phases: IgnoredAny,
    #[serde(rename = "silence")]
    _silence: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDataLoss {
    accept_up_to: Period,
    because: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Discard {
    Accept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPhase {
    name: PhaseId,
    title: Option<String>,
    kind: Option<PhaseKind>,
    when: Option<When>,
    #[serde(rename = "steps")]
    _steps: IgnoredAny,
    #[serde(rename = "silence")]
    _silence: Option<IgnoredAny>,
}

/// Fills and types a playbook. `None`: its header can't be used. With something returned there may still be errors
/// among the diagnostics; it then serves to find further ones only.
pub fn read(mut root: Node, names: &Names, diagnostics: &mut Vec<Diagnostic>) -> Option<Playbook> {
    plain::secrets(&root, diagnostics);
    fill_all(&mut root, names, diagnostics);
    let header: Option<Header> = decode(&root, diagnostics);
    let silences = all_silences(&root, diagnostics);
    let objectives_at = root.get_entry("objectives").or_else(|| root.get_entry("name"));
    let objectives_at = objectives_at.map_or_else(|| root.place(), |entry| entry.key.place());
    let services = entries(root.get("services"), "services", diagnostics)
        .iter()
        .filter_map(|entry| services::service(&entry.key, &entry.value, diagnostics))
        .collect::<Vec<_>>();
    let canaries = entries(root.get("canaries"), "canaries", diagnostics)
        .iter()
        .filter_map(|entry| services::canary(&entry.key, &entry.value, diagnostics))
        .collect();
    let witness = root.get("witness").and_then(|node| services::witness(node, diagnostics));
    let guardrails = items(root.get("guardrails"), "guardrails", diagnostics)
        .iter()
        .filter_map(|node| services::guardrail(node, diagnostics))
        .collect::<Vec<_>>();
    let witness_at = root.get_entry("witness").map(|entry| entry.key.place());
    services::distinct(&services, witness.as_ref().zip(witness_at), &guardrails, diagnostics);
    let accepts = items(root.get("accepts"), "accepted ends", diagnostics)
        .iter()
        .filter_map(|node| accepts::accepted(node, diagnostics))
        .collect();
    let place = |key: &str| root.get(key).map_or_else(|| root.place(), Node::place);
    let header = header.inspect(|header| check_header(header, &place, diagnostics));
    let phases = phases(&mut root, diagnostics);
    let header = header?;
    let schedule = header.schedule.zip(root.get_entry("schedule")).map(|(schedule, entry)| {
        schedule::check(&schedule, &entry.value, diagnostics);
        (schedule, Name::new(entry.key.place(), entry.value.clone()))
    });
    let objectives = header.objectives.into();
    sense::objectives(&root, &objectives, &services, diagnostics);
    Some(Playbook {
        title: header.title.unwrap_or_else(|| header.name.clone()),
        name: header.name,
        owner: header.owner,
        scenario: header.scenario,
        mode: header.mode.unwrap_or(Mode::Planned),
        data_loss: header.data_loss.map(|raw| DataLoss { accept_up_to: raw.accept_up_to.0, because: raw.because }),
        discard: header.discard.is_some(),
        accepts,
        objectives,
        about: header.about,
        controls: texts(root.get("controls")),
        catalogues: texts(root.get("catalogues")),
        roles: header.roles,
        at_once: header.at_once.and_then(|most| usize::try_from(most).ok()),
        outage_limit: header.outage_limit.map(|it| it.0),
        pause_limit: header.pause_limit.map(|it| it.0),
        windows: header.windows,
        schedule,
        services,
        canaries,
        witness,
        guardrails,
        phases,
        objectives_at,
        silences,
    })
}

/// What the playbook and its parts silence.
fn all_silences(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Silence> {
    let mut found: Vec<Silence> =
        silences(root, None, diagnostics).into_iter().map(|it| Silence { of_all: true, ..it }).collect();
    for key in ["services", "canaries"] {
        for entry in root.get(key).and_then(Node::as_map).unwrap_or_default() {
            found.append(&mut silences(&entry.value, Some(&entry.key), diagnostics));
        }
    }
    for guardrail in root.get("guardrails").and_then(Node::as_seq).unwrap_or_default() {
        found.append(&mut silences(guardrail, None, diagnostics));
    }
    for phase in root.get("phases").and_then(Node::as_seq).unwrap_or_default() {
        found.append(&mut silences(phase, None, diagnostics));
        for step in phase.get("steps").and_then(Node::as_seq).unwrap_or_default() {
            found.append(&mut silences(step, None, diagnostics));
        }
    }
    found
}

fn check_header(header: &Header, place: &dyn Fn(&str) -> Place, diagnostics: &mut Vec<Diagnostic>) {
    version(header.muster, place("muster"), diagnostics);
    if let Err(error) = RunId::make(jiff::Timestamp::UNIX_EPOCH, &header.name) {
        diagnostics.push(
            Diagnostic::error("M030", error.to_string())
                .at(place("name"))
                .help("the name is part of the run's id and of the name of its folder"),
        );
    }
    if let Some(most) = header.at_once {
        bounds::count("at_once", most, 10_000, place("at_once"), diagnostics);
    }
    if let Some(Period(limit)) = header.outage_limit {
        bounds::span("outage_limit", limit, Span(1), place("outage_limit"), diagnostics);
    }
    if let Some(windows) = &header.windows {
        bounds::zone(&windows.timezone, place("windows"), diagnostics);
    }
    if let Some(Period(limit)) = header.pause_limit {
        bounds::span("pause_limit", limit, Span(1), place("pause_limit"), diagnostics);
    }
}

/// Notes a version that this build can't read.
fn version(found: u32, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if found != VERSION {
        diagnostics.push(
            Diagnostic::error("M055", format!("the file is of version {found} of the format"))
                .at(place)
                .help(format!("this build reads `muster: {VERSION}`")),
        );
    }
}

/// Fills every template. Variables and the infrastructure file's name were read before and have none.
fn fill_all(root: &mut Node, names: &Names, diagnostics: &mut Vec<Diagnostic>) {
    let mut strict = |text: &str, _: &Place| names.fill(text, Late::Refused);
    let Value::Map(entries) = &mut root.value else { return };
    for Entry { key, value } in entries {
        let key = if let Value::Scalar(scalar) = &key.value { scalar.text.as_str() } else { "" };
        match key {
            "vars" | "infrastructure" => {}
            "phases" => {
                let Value::List(phases) = &mut value.value else { continue };
                for phase in phases {
                    fill_phase(phase, names, diagnostics);
                }
            }
            _ => fill(value, &mut strict, diagnostics),
        }
    }
}

fn fill_phase(phase: &mut Node, names: &Names, diagnostics: &mut Vec<Diagnostic>) {
    let mut strict = |text: &str, _: &Place| names.fill(text, Late::Refused);
    let Value::Map(entries) = &mut phase.value else { return };
    for entry in entries {
        let is_steps = entry.name() == "steps";
        match &mut entry.value.value {
            Value::List(steps) if is_steps => {
                for step in steps {
                    step::fill_step(step, names, diagnostics);
                }
            }
            _ => fill(&mut entry.value, &mut strict, diagnostics),
        }
    }
}

/// The entries of a mapping that may be left out.
fn entries<'a>(node: Option<&'a Node>, what: &str, diagnostics: &mut Vec<Diagnostic>) -> &'a [Entry] {
    let Some(node) = node else { return &[] };
    node.as_map().unwrap_or_else(|| {
        if !node.is_broken() {
            let message = format!("expected a mapping of {what} by their names, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()));
        }
        &[]
    })
}

/// The items of a list that may be left out.
fn items<'a>(node: Option<&'a Node>, what: &str, diagnostics: &mut Vec<Diagnostic>) -> &'a [Node] {
    let Some(node) = node else { return &[] };
    node.as_seq().unwrap_or_else(|| {
        if !node.is_broken() {
            let message = format!("expected a list of {what}, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()));
        }
        &[]
    })
}

/// The texts of a list, and where each stands.
fn texts(node: Option<&Node>) -> Vec<(String, Place)> {
    let items = node.and_then(Node::as_seq).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.as_str()?.to_owned(), item.place()))).collect()
}

/// Takes the value of a key out of a mapping.
fn take(node: &mut Node, key: &str) -> Option<Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|entry| entry.name() == key)?;
    Some(entries.remove(at).value)
}

fn phases(root: &mut Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<PhaseText> {
    let root_place = root.place();
    let Some(mut node) = take(root, "phases") else { return Vec::new() };
    items(Some(&node), "phases", diagnostics);
    let Value::List(list) = &mut node.value else { return Vec::new() };
    if list.is_empty() {
        diagnostics.push(Diagnostic::error("M053", "the playbook has no phases").at(root_place).help("add one"));
    }
    let mut read = Vec::with_capacity(list.len());
    let mut whereabouts = Whereabouts::default();
    for (number, mut node) in std::mem::take(list).into_iter().enumerate() {
        let header: Option<RawPhase> = decode(&node, diagnostics);
        let place = node.get("name").map_or_else(|| node.place(), Node::place);
        let steps = steps(&mut node, diagnostics);
        for (id, place) in steps.iter().filter_map(|step| step.id.as_ref()) {
            whereabouts.add(number, id, place, diagnostics);
        }
        read.push((header, place, steps));
    }
    let names: Vec<Option<PhaseId>> =
        read.iter().map(|(header, ..)| header.as_ref().map(|header| header.name.clone())).collect();
    distinct(&names, &read.iter().map(|(_, place, _)| place.clone()).collect::<Vec<_>>(), diagnostics);
    let mut phases = Vec::with_capacity(read.len());
    for (number, (header, place, steps)) in read.into_iter().enumerate() {
        let steps = needs::resolve(number, &names, steps, &whereabouts, diagnostics);
        let Some(header) = header else { continue };
        let kind = header.kind.unwrap_or_else(|| kind_of(header.name.as_str()));
        if header.kind.is_none() && kind == PhaseKind::Other {
            warn_of_near_kind(header.name.as_str(), &place, diagnostics);
        }
        phases.push(PhaseText {
            id: header.name,
            title: header.title,
            kind,
            modes: header.when.map(|when| when.mode.0),
            steps,
            place,
        });
    }
    phases
}

fn steps(phase: &mut Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<NamedStep> {
    let place = phase.get("name").map_or_else(|| phase.place(), Node::place);
    let Some(mut node) = take(phase, "steps") else { return Vec::new() };
    items(Some(&node), "steps", diagnostics);
    let Value::List(list) = &mut node.value else { return Vec::new() };
    if list.is_empty() {
        diagnostics.push(
            Diagnostic::error("M053", "the phase has no steps").at(place).help("add a step, or remove the phase"),
        );
    }
    std::mem::take(list).into_iter().map(|node| step::read(node, diagnostics)).collect()
}

fn distinct(names: &[Option<PhaseId>], places: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    let mut first = std::collections::BTreeMap::new();
    for (name, place) in names.iter().zip(places) {
        let Some(name) = name else { continue };
        if let Some(before) = first.get(name) {
            let before: &Place = before;
            diagnostics.push(
                Diagnostic::error("M034", format!("two phases have the name `{name}`"))
                    .at(place.clone())
                    .label(before.clone(), "first here")
                    .help("rename one, and say what it is for with `kind:`"),
            );
        } else {
            first.insert(name, place.clone());
        }
    }
}

/// The kinds that a phase has by its name.
const KINDS: &[(&str, PhaseKind)] = &[
    ("prechecks", PhaseKind::Prechecks),
    ("disaster", PhaseKind::Disaster),
    ("detect", PhaseKind::Detect),
    ("failover", PhaseKind::Failover),
    ("verify", PhaseKind::Verify),
    ("soak", PhaseKind::Soak),
    ("failback", PhaseKind::Failback),
    ("cleanup", PhaseKind::Cleanup),
];

/// A name that is nearly one that means something: with the meaning, the leg and its point of no return would be missed.
fn warn_of_near_kind(name: &str, place: &Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(meant) = crate::yaml::nearest(name, KINDS.iter().map(|(known, _)| *known)) {
        let message = format!("the phase `{name}` is of no kind; did you mean `{meant}`?");
        diagnostics.push(
            Diagnostic::warning("M058", message)
                .at(place.clone())
                .help(format!("name it `{meant}`, or say what it is: `kind: {meant}`, or `kind: other`")),
        );
    }
}

fn kind_of(name: &str) -> PhaseKind {
    KINDS.iter().find(|(known, _)| *known == name).map_or(PhaseKind::Other, |(_, kind)| *kind)
}
