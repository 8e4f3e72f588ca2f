//! What a schedule must know of a playbook, without making a plan of it: thousands are read at once.
//!
//! Steps, probes and resources are not looked at: what is wrong there is `muster validate`'s to tell, and a run's.

use serde::Deserialize;

use super::files::{Files, Read, beside};
use super::{excluded, variables};
use crate::catalogue::{Mode, Period};
use crate::diagnostic::{Diagnostic, Place, Sources};
use crate::id::{RunId, ServiceId};
use crate::model::{Environment, Schedule, Windows};
use crate::playbook::template::Late;
use crate::playbook::{self, Name, prelude};
use crate::time::Span;
use crate::yaml::{Filled, Node, Value, decode, fill};

/// What a schedule must know of a playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How it is run unless the command line says otherwise.
    pub mode: Mode,
    /// The path of its infrastructure file, if it names one.
    pub infrastructure: Option<String>,
    /// When it is due.
    pub schedule: Option<Schedule>,
    /// When runs of it may begin.
    pub windows: Option<Windows>,
    /// Its services: their names and what people call them.
    pub services: Vec<(ServiceId, String)>,
    /// Recovery time and data loss of the failover leg.
    pub objectives: (Option<Span>, Option<Span>),
}

/// What a schedule must know of an infrastructure file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// What it is.
    pub environment: Environment,
    /// Whether real drills on it may begin with nobody there.
    pub unattended: bool,
    /// When runs on it may begin.
    pub windows: Option<Windows>,
}

/// What came of reading one.
pub struct Outlined<T> {
    /// What was found; `None` if it can't be told.
    pub found: Option<T>,
    /// What is wrong, as far as it was looked at.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: Sources,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    title: Option<String>,
    owner: Option<String>,
    mode: Option<Mode>,
    windows: Option<Windows>,
    schedule: Option<Schedule>,
    #[serde(default)]
    objectives: Objectives,
}

#[derive(Default, Deserialize)]
struct Objectives {
    rto: Option<Period>,
    rpo: Option<Period>,
}

/// Reads what a schedule must know of a playbook; `read` reads the calendar files that it names.
pub fn outline(path: &str, bytes: &[u8], read: &Read<'_>) -> Outlined<Outline> {
    let mut diagnostics = Vec::new();
    let mut files = Files::new(read);
    let found =
        files.parse(path, bytes, &mut diagnostics).and_then(|root| of_playbook(path, root, read, &mut diagnostics));
    let found = found.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Outlined { found, diagnostics, sources: files.into_sources() }
}

/// The keys of a playbook that are looked at.
const KEYS: [&str; 7] = ["name", "title", "owner", "mode", "windows", "schedule", "objectives"];

fn of_playbook(path: &str, mut root: Node, read: &Read<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Outline> {
    let prelude = prelude(&root, diagnostics);
    let variables = variables::resolve(&prelude.vars, None, &[], diagnostics);
    let names = variables::names(&variables, None);
    let mut strict = |text: &str, _: &Place| names.fill(text, Late::Refused);
    let services = services(&root, &mut |text| match names.fill(text, Late::Refused) {
        _ if !text.contains("{{") => Some(text.to_owned()),
        Ok(Filled::Text(text)) => Some(text),
        Ok(Filled::Later) | Err(_) => None,
    });
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|entry| KEYS.contains(&entry.name()));
    }
    fill(&mut root, &mut strict, diagnostics);
    let header: Header = decode(&root, diagnostics)?;
    if let Err(error) = RunId::make(jiff::Timestamp::UNIX_EPOCH, &header.name) {
        let place = root.get("name").map_or_else(|| root.place(), Node::place);
        diagnostics.push(Diagnostic::error("M030", error.to_string()).at(place));
    }
    let mut schedule = header.schedule;
    if let Some((schedule, entry)) = schedule.as_mut().zip(root.get_entry("schedule")) {
        playbook::schedule::check(schedule, &entry.value, diagnostics);
        let name = Name::new(entry.key.place(), entry.value.clone());
        excluded::resolve(schedule, &name, path, read, diagnostics);
    }
    Some(Outline {
        title: header.title.unwrap_or_else(|| header.name.clone()),
        name: header.name,
        owner: header.owner,
        mode: header.mode.unwrap_or(Mode::Planned),
        infrastructure: prelude.infrastructure.map(|(file, _)| beside(path, &file)),
        schedule,
        windows: header.windows,
        services,
        objectives: (header.objectives.rto.map(|it| it.0), header.objectives.rpo.map(|it| it.0)),
    })
}

/// The services; what is wrong with one is no matter here.
fn services(root: &Node, filled: &mut dyn FnMut(&str) -> Option<String>) -> Vec<(ServiceId, String)> {
    let entries = root.get("services").and_then(Node::as_map).unwrap_or(&[]);
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let Ok(id) = ServiceId::new(entry.name()) else { continue };
        let title = entry.value.get("title").and_then(Node::as_str).and_then(&mut *filled);
        all.push((id, title.unwrap_or_else(|| entry.name().to_owned())));
    }
    all
}

#[derive(Deserialize)]
struct GroundHeader {
    environment: Environment,
    #[serde(default)]
    unattended: bool,
    windows: Option<Windows>,
}

/// Reads what a schedule must know of an infrastructure file.
pub fn ground(path: &str, bytes: &[u8], read: &Read<'_>) -> Outlined<Ground> {
    let mut diagnostics = Vec::new();
    let mut files = Files::new(read);
    let root = files.parse(path, bytes, &mut diagnostics);
    let header: Option<GroundHeader> = root.and_then(|root| decode(&root, &mut diagnostics));
    let found = header.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)).map(|header| Ground {
        environment: header.environment,
        unattended: header.unattended,
        windows: header.windows,
    });
    Outlined { found, diagnostics, sources: files.into_sources() }
}
