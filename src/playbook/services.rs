//! Services, canaries, the witness and guardrails.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::Name;
use super::{bounds, probe};
use crate::catalogue::{Check, OnFailure, Period, Services};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::{ProbeId, ResourceId, ServiceId};
use crate::model::{Canary, CheckPlan, Guardrail, Objectives, ProbePlan, Service, ServiceAccess, Watch};
use crate::resource::ResourceKind;
use crate::time::Span;
use crate::yaml::{Node, decode};

/// Objectives as people write them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObjectives {
    rto: Option<Period>,
    rpo: Option<Period>,
    failback_rto: Option<Period>,
    failback_rpo: Option<Period>,
}

impl From<RawObjectives> for Objectives {
    fn from(raw: RawObjectives) -> Self {
        let span = |period: Option<Period>| period.map(|it| it.0);
        Self {
            rto: span(raw.rto),
            rpo: span(raw.rpo),
            failback_rto: span(raw.failback_rto),
            failback_rpo: span(raw.failback_rpo),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    title: Option<String>,
    #[serde(default)]
    depends_on: Vec<ResourceId>,
    /// What users do with it: `write` (unstated), or `read`: a copy will do then.
    #[serde(default)]
    access: ServiceAccess,
    #[serde(default)]
    objectives: RawObjectives,
    #[serde(rename = "probe")]
    _probe: IgnoredAny,
    #[serde(rename = "standby", default)]
    _standby: Option<IgnoredAny>,
    #[serde(rename = "silence", default)]
    _silence: Option<IgnoredAny>,
}

/// Reads a service.
pub(super) fn service(key: &Node, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Service, Name)> {
    let id = named(key, ServiceId::new, diagnostics);
    let raw: Option<RawService> = decode(node, diagnostics);
    let probe_id = id.as_ref().and_then(|id| ProbeId::new(id.as_str()).ok());
    let probe_id = probe_id.or_else(|| ProbeId::new("unnamed").ok())?;
    let probe = node.get("probe").and_then(|it| probe::read(probe_id, it, diagnostics));
    let standby = node.get("standby").and_then(|it| probe::standby(it, diagnostics));
    let (id, raw, probe) = (id?, raw?, probe?);
    let service = Service {
        title: raw.title.unwrap_or_else(|| id.to_string()),
        id,
        depends_on: raw.depends_on,
        access: raw.access,
        objectives: raw.objectives.into(),
        probe,
        standby,
    };
    Some((service, Name::new(key.place(), node.clone())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCanary {
    database: Option<ResourceId>,
    storage: Option<ResourceId>,
    every: Option<Period>,
    #[serde(rename = "silence", default)]
    _silence: Option<IgnoredAny>,
}

/// Reads a canary.
pub(super) fn canary(key: &Node, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Canary, Name)> {
    let id = named(key, ProbeId::new, diagnostics);
    let raw: RawCanary = decode(node, diagnostics)?;
    let every = raw.every.map_or(Span::from_secs(1), |it| it.0);
    let place = node.get("every").map_or_else(|| node.place(), Node::place);
    bounds::span("every", every, bounds::EVERY_MIN, place, diagnostics);
    let (of, kind) = match (raw.database, raw.storage) {
        (Some(of), None) => (of, ResourceKind::Database),
        (None, Some(of)) => (of, ResourceKind::Storage),
        (both, _) => {
            let message = if both.is_some() {
                "a canary writes to a `database` or a `storage`, not both"
            } else if node.has("database") || node.has("storage") {
                return None;
            } else {
                "the canary does not say where it writes"
            };
            let help = "name one: `database: main` or `storage: repositories`";
            diagnostics.push(Diagnostic::error("M042", message).at(node.place()).help(help));
            return None;
        }
    };
    Some((Canary { id: id?, of, kind, every }, Name::new(key.place(), node.clone())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWitness {
    #[serde(rename = "probe")]
    _probe: IgnoredAny,
}

/// Reads the witness.
pub(super) fn witness(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ProbePlan> {
    decode::<RawWitness>(node, diagnostics)?;
    probe::read(ProbeId::new("witness").ok()?, node.get("probe")?, diagnostics)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGuardrail {
    name: String,
    #[serde(rename = "probe")]
    _probe: Option<IgnoredAny>,
    outage_of: Option<OutageOf>,
    check: Option<Check>,
    every: Option<Period>,
    broken_after: Period,
    then: Option<OnFailure>,
    #[serde(rename = "silence", default)]
    _silence: Option<IgnoredAny>,
}

/// `any` and `all` both mean every service: an outage of any one of them counts.
#[derive(Deserialize)]
#[serde(from = "Services")]
struct OutageOf(Services);

impl From<Services> for OutageOf {
    fn from(services: Services) -> Self {
        match services {
            Services::These(names) if names.len() == 1 && names[0] == "any" => Self(Services::All),
            services => Self(services),
        }
    }
}

/// Reads a guardrail.
pub(super) fn guardrail(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Guardrail, Name)> {
    let raw: Option<RawGuardrail> = decode(node, diagnostics);
    let name = raw.as_ref().map_or("guardrail", |raw| raw.name.as_str());
    let probe = node.get("probe").and_then(|it| probe::read(slug(name)?, it, diagnostics));
    let raw = raw?;
    let place = node.get("name").map_or_else(|| node.place(), Node::place);
    if let Some(every) = node.get("every").filter(|_| node.get("check").is_none()) {
        diagnostics.push(
            Diagnostic::error("M042", "`every` goes with `check`")
                .at(every.place())
                .help("a probe has its own `every`"),
        );
    }
    let watch = match (node.get("probe").is_some(), raw.outage_of, raw.check) {
        (true, None, None) => Watch::Probe(probe?),
        (false, Some(OutageOf(services)), None) => Watch::OutageOf(services),
        (false, None, Some(check)) => Watch::Check(look(node, check, raw.every, diagnostics)?),
        (false, None, None) => {
            if !node.has("outage_of") && !node.has("check") {
                diagnostics.push(
                    Diagnostic::error("M042", "the guardrail does not say what it watches")
                        .at(place)
                        .help("write `probe: { … }`, `outage_of: any` or `check: { database: main, … }`"),
                );
            }
            return None;
        }
        _ => {
            let message = "a guardrail watches a `probe`, `outage_of` services or resources by a `check`, one of them";
            diagnostics.push(Diagnostic::error("M042", message).at(place).help("write one guardrail for each"));
            return None;
        }
    };
    let Period(broken_after) = raw.broken_after;
    let then = raw.then.unwrap_or(OnFailure::Pause);
    Some((Guardrail { name: raw.name, watch, broken_after, then }, Name::new(place, node.clone())))
}

/// How often the resources of a guardrail are looked at, unless it says so.
const LOOK_EVERY: Span = Span::from_secs(10);
/// The shortest time from one look at resources to the next: each is a call to their provider.
const LOOK_EVERY_MIN: Span = Span::from_secs(1);

/// A guardrail's condition on resources.
fn look(node: &Node, check: Check, every: Option<Period>, diagnostics: &mut Vec<Diagnostic>) -> Option<CheckPlan> {
    let every_at = node.get("every").map_or_else(|| node.place(), Node::place);
    let every = every.map_or(LOOK_EVERY, |it| it.0);
    bounds::span("every", every, LOOK_EVERY_MIN, every_at, diagnostics);
    if check.0.subjects().is_empty() {
        diagnostics.push(
            Diagnostic::error("M042", "a guardrail's `check` is about resources, not about services")
                .at(node.get("check").map_or_else(|| node.place(), Node::place))
                .help(
                    "name a database or storage (`lag_at_most`), dns records (`ttl_at_most`) or a compute group \
                       (`can_scale_to`); services are watched by `outage_of`, an address by a `probe`",
                ),
        );
        return None;
    }
    Some(CheckPlan { check, every })
}

/// The id of a guardrail's probe: its name, in the letters that ids have.
fn slug(name: &str) -> Option<ProbeId> {
    let mut id = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.truncate(crate::id::MAX_ID_LEN);
    let id = id.trim_end_matches('-');
    ProbeId::new(if id.is_empty() { "guardrail" } else { id }).ok()
}

/// Notes names of probes that are there twice: services, the witness, guardrails.
pub(super) fn distinct(
    services: &[(Service, Name)],
    witness: Option<(&ProbePlan, Place)>,
    guardrails: &[(Guardrail, Name)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut first: std::collections::BTreeMap<&ProbeId, Place> = std::collections::BTreeMap::new();
    let guarded = guardrails.iter().filter_map(|(guardrail, name)| match &guardrail.watch {
        Watch::Probe(plan) => Some((&plan.id, name.place())),
        Watch::OutageOf(_) | Watch::Check(_) => None,
    });
    same_name(guardrails, diagnostics);
    let all = services.iter().map(|(service, name)| (&service.probe.id, name.place()));
    let all = all.chain(witness.map(|(plan, place)| (&plan.id, place))).chain(guarded);
    for (id, place) in all {
        if let Some(before) = first.get(id) {
            diagnostics.push(
                Diagnostic::error("M034", format!("two probes have the name `{id}`"))
                    .at(place)
                    .label(before.clone(), "first here")
                    .help("rename one: services, the witness and guardrails share their names in reports"),
            );
        } else {
            first.insert(id, place);
        }
    }
}

/// Notes guardrails that can't be told apart in reports. Those with a probe each are told by their probes' names.
fn same_name(guardrails: &[(Guardrail, Name)], diagnostics: &mut Vec<Diagnostic>) {
    let probed = |guardrail: &Guardrail| matches!(guardrail.watch, Watch::Probe(_));
    for (n, (guardrail, name)) in guardrails.iter().enumerate() {
        let before = guardrails[..n].iter().find(|(one, _)| one.name == guardrail.name);
        if let Some((first, first_name)) = before.filter(|(first, _)| !(probed(first) && probed(guardrail))) {
            diagnostics.push(
                Diagnostic::error("M034", format!("two guardrails have the name `{}`", first.name))
                    .at(name.place())
                    .label(first_name.place(), "first here")
                    .help("rename one: reports tell them apart by their names"),
            );
        }
    }
}

/// Takes a key as a name.
pub(crate) fn named<T>(
    key: &Node,
    new: impl FnOnce(&str) -> Result<T, crate::id::IdError>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let crate::yaml::Value::Scalar(scalar) = &key.value else { return None };
    match new(&scalar.text) {
        Ok(id) => Some(id),
        Err(error) => {
            diagnostics.push(Diagnostic::error("M030", error.to_string()).at(key.place()));
            None
        }
    }
}
