//! From the marked tree of an infrastructure file to the typed document.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use super::providers::{self, SIMULATED};
use super::simulate::{
    SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedNetwork, SimulatedRegion,
    SimulatedStorage,
};
use super::{Infrastructure, Setting, plain, real};
use crate::diagnostic::{Diagnostic, Place, Silence};
use crate::id::{RegionRole, ResourceId};
use crate::model::{Binding, Environment, RegionInfo, Windows};
use crate::resource::ResourceKind;
use crate::yaml::{Entry, Kind, Node, SILENCE, Value, decode, fill, nearest, silences};

/// The version of the format that this build reads.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    muster: u32,
    name: String,
    title: Option<String>,
    environment: Environment,
    #[serde(rename = "regions")]
    _regions: IgnoredAny,
    #[serde(rename = "resources")]
    _resources: Option<IgnoredAny>,
    #[serde(rename = "vars")]
    _vars: Option<IgnoredAny>,
    #[serde(rename = "network")]
    _network: Option<IgnoredAny>,
    windows: Option<Windows>,
    #[serde(default)]
    unattended: bool,
    #[serde(rename = "silence")]
    _silence: Option<IgnoredAny>,
}

/// Types an infrastructure file. `None`: its header can't be used. With something returned there may still be errors
/// among the diagnostics; it then serves to find further ones only.
pub fn read(mut root: Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Infrastructure> {
    plain::secrets(&root, diagnostics);
    let mut no_templates = |_: &str, _: &Place| {
        Err("templates are filled in playbooks only: write the value out; playbooks refer to it".to_owned())
    };
    fill(&mut root, &mut no_templates, diagnostics);
    let header: Option<Header> = decode(&root, diagnostics);
    let mut silences = silences(&root, None, diagnostics);
    let environment = header.as_ref().map(|header| header.environment);
    if let Some(header) = &header
        && header.muster != VERSION
    {
        diagnostics.push(
            Diagnostic::error("M055", format!("the file is of version {} of the format", header.muster))
                .at(root.get("muster").map_or_else(|| root.place(), Node::place))
                .help(format!("this build reads `muster: {VERSION}`")),
        );
    }
    if let Some(windows) = header.as_ref().and_then(|header| header.windows.as_ref())
        && let Err(error) = jiff::tz::TimeZone::get(&windows.timezone)
    {
        diagnostics.push(
            Diagnostic::error("M043", format!("`timezone: {}` is not known: {error}", windows.timezone))
                .at(root.get("windows").map_or_else(|| root.place(), Node::place))
                .help("write an IANA name such as `Europe/Berlin`, or `UTC`"),
        );
    }
    let regions = regions(&mut root, environment, diagnostics);
    let resources = resources(&mut root, environment, &regions, &mut silences, diagnostics);
    let resolver = resolver(&mut root, environment, diagnostics);
    let network = root.get("network").map_or(Json::Null, |node| settings_of::<SimulatedNetwork>(node, diagnostics));
    let vars = root.get("vars").map(|node| variables(node, diagnostics)).unwrap_or_default();
    let header = header?;
    Some(Infrastructure {
        name: header.name,
        title: header.title,
        environment: header.environment,
        regions,
        resources,
        vars,
        windows: header.windows,
        unattended: header.unattended,
        network,
        resolver,
        silences,
    })
}

/// Takes the resolver out of the settings of the network: the others are the twin's.
fn resolver(
    root: &mut Node,
    environment: Option<Environment>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<std::net::SocketAddr> {
    let Value::Map(entries) = &mut root.value else { return None };
    let network = entries.iter_mut().find(|entry| entry.name() == "network")?;
    let entry = take(&mut network.value, "resolver")?;
    let address = decode::<real::ServerAddress>(&entry.value, diagnostics)?;
    if environment == Some(Environment::Simulated) {
        diagnostics.push(
            Diagnostic::error("M051", "a resolver is real, but the environment is simulated")
                .at(entry.key.place())
                .help("leave it out, or state the environment: lab, staging or production"),
        );
    }
    Some(address.0)
}

/// Takes an entry out of a mapping.
fn take(node: &mut Node, key: &str) -> Option<Entry> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|entry| entry.name() == key)?;
    Some(entries.remove(at))
}

/// Decodes settings by their type, to find what is wrong with them, and keeps them as JSON.
fn settings_of<T: serde::de::DeserializeOwned>(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Json {
    decode::<T>(node, diagnostics);
    json(node)
}

/// A tree as JSON, as it is written.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Broken => Json::Null,
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.name().to_owned(), json(&entry.value))).collect())
        }
        Value::Scalar(scalar) => match scalar.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(value),
            Kind::Integer(value) => Json::from(value),
            Kind::Float(value) => Json::from(value),
            Kind::TooLarge | Kind::Text => Json::String(scalar.text.clone()),
        },
    }
}

/// The twin's settings of a kind.
fn twin_of(kind: ResourceKind, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Json {
    match kind {
        ResourceKind::Dns => settings_of::<SimulatedDns>(node, diagnostics),
        ResourceKind::Database => settings_of::<SimulatedDatabase>(node, diagnostics),
        ResourceKind::Compute => settings_of::<SimulatedCompute>(node, diagnostics),
        ResourceKind::Storage => settings_of::<SimulatedStorage>(node, diagnostics),
        ResourceKind::Backup => settings_of::<SimulatedBackup>(node, diagnostics),
        ResourceKind::Region => settings_of::<SimulatedRegion>(node, diagnostics),
    }
}

/// Takes `provider:` out of settings and checks it.
fn provider(
    settings: &mut Node,
    known: &[&str],
    environment: Option<Environment>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let entry = take(settings, "provider")?;
    let provider = decode::<String>(&entry.value, diagnostics)?;
    if !known.contains(&provider.as_str()) {
        let diagnostic = Diagnostic::error("M050", format!("the provider `{provider}` is unknown here"));
        let help = match nearest(&provider, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the providers are {}", known.join(", ")),
        };
        diagnostics.push(diagnostic.at(entry.value.place()).help(help));
        return Some(provider);
    }
    if environment == Some(Environment::Simulated) && provider != SIMULATED && provider != "none" {
        diagnostics.push(
            Diagnostic::error("M051", format!("the provider `{provider}` is real, but the environment is simulated"))
                .at(entry.value.place())
                .help("write `provider: simulated`, or state the environment: lab, staging or production"),
        );
    }
    Some(provider)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegion {
    name: String,
    gateway: Option<String>,
}

fn regions(
    root: &mut Node,
    environment: Option<Environment>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<RegionRole, RegionInfo> {
    let mut found = BTreeMap::new();
    let Some(entry) = take(root, "regions") else { return found };
    let place = entry.key.place();
    let mut node = entry.value;
    let Value::Map(entries) = &mut node.value else {
        if !node.is_broken() {
            let message = format!("expected the regions `primary` and `secondary`, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()));
        }
        return found;
    };
    let mut seen = Vec::new();
    for Entry { key, value } in std::mem::take(entries) {
        let Value::Scalar(name) = &key.value else { continue };
        let Some(role) = RegionRole::ALL.into_iter().find(|role| role.as_str() == name.text) else {
            diagnostics.push(
                Diagnostic::error("M038", format!("there is no region role `{}`", name.text))
                    .at(key.place())
                    .help("the roles are primary and secondary; `name:` gives each its name"),
            );
            continue;
        };
        seen.push(role);
        if let Some(region) = region(value, environment, diagnostics) {
            found.insert(role, region);
        }
    }
    for role in RegionRole::ALL {
        if !seen.contains(&role) {
            diagnostics.push(
                Diagnostic::error("M021", format!("the key `{role}` is missing here"))
                    .at(place.clone())
                    .help(format!("add `{role}: {{ name: us-east-1 }}`")),
            );
        }
    }
    found
}

fn region(mut node: Node, environment: Option<Environment>, diagnostics: &mut Vec<Diagnostic>) -> Option<RegionInfo> {
    let simulate = take(&mut node, "simulate");
    let provider = provider(&mut node, providers::of_region(), environment, diagnostics);
    let provider = provider
        .unwrap_or_else(|| if environment == Some(Environment::Simulated) { SIMULATED } else { "none" }.to_owned());
    // What is not the region's own is its provider's.
    let mut own = node.clone();
    if let (Value::Map(own), Value::Map(settings)) = (&mut own.value, &mut node.value) {
        own.retain(|entry| matches!(entry.name(), "name" | "gateway"));
        settings.retain(|entry| !matches!(entry.name(), "name" | "gateway"));
    }
    let raw: RawRegion = decode(&own, diagnostics)?;
    let (settings, simulate) = both(ResourceKind::Region, &provider, &node, simulate.as_ref(), diagnostics);
    Some(RegionInfo { name: raw.name, gateway: raw.gateway, provider, settings, simulate })
}

/// The provider's settings and the twin's. Those of the provider `simulated` are both.
fn both(
    kind: ResourceKind,
    provider: &str,
    settings: &Node,
    simulate: Option<&Entry>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Json, Json) {
    if provider == SIMULATED {
        if let Some(entry) = simulate {
            diagnostics.push(
                Diagnostic::error("M051", "this is simulated already; it has no other twin")
                    .at(entry.key.place())
                    .help("write these settings beside `provider: simulated`"),
            );
        }
        let settings = twin_of(kind, settings, diagnostics);
        return (settings.clone(), settings);
    }
    let twin = simulate.map_or_else(|| Json::Object(Map::new()), |entry| twin_of(kind, &entry.value, diagnostics));
    real::check(kind, provider, settings, diagnostics);
    (json(settings), twin)
}

fn resources(
    root: &mut Node,
    environment: Option<Environment>,
    regions: &BTreeMap<RegionRole, RegionInfo>,
    silenced: &mut Vec<Silence>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<ResourceId, Binding> {
    let mut found = BTreeMap::new();
    let Some(entry) = take(root, "resources") else { return found };
    let mut node = entry.value;
    let Value::Map(entries) = &mut node.value else {
        if !node.is_broken() {
            let message = format!("expected a mapping of resources by their names, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()));
        }
        return found;
    };
    let mut fences = real::aws::database::Fences::default();
    for Entry { key, value } in std::mem::take(entries) {
        let id = resource_id(&key, diagnostics);
        silenced.append(&mut silences(&value, Some(&key), diagnostics));
        let binding = binding(&key, value, environment, diagnostics);
        if let Some(binding) = &binding {
            real::aws::check_ways_in(&binding.provider, &key.place(), regions, diagnostics);
        }
        if let (Some(id), Some(binding)) = (id, binding) {
            fences.check(&id, &binding, &key.place(), diagnostics);
            found.insert(id, binding);
        }
    }
    found
}

fn resource_id(key: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ResourceId> {
    let Value::Scalar(scalar) = &key.value else { return None };
    match ResourceId::new(&scalar.text) {
        Ok(id) if id.as_str().starts_with("region.") => {
            diagnostics.push(
                Diagnostic::error("M030", format!("`{id}` is the name of a region, not of a resource"))
                    .at(key.place())
                    .help("choose a name that does not begin with `region.`"),
            );
            None
        }
        Ok(id) => Some(id),
        Err(error) => {
            diagnostics.push(Diagnostic::error("M030", error.to_string()).at(key.place()));
            None
        }
    }
}

fn binding(
    key: &Node,
    mut node: Node,
    environment: Option<Environment>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Binding> {
    let kinds = ResourceKind::DECLARED.map(ResourceKind::key).join(", ");
    if node.is_broken() {
        return None;
    }
    let simulate = take(&mut node, "simulate");
    take(&mut node, SILENCE);
    let Value::Map(entries) = &mut node.value else {
        let message = format!("expected a kind of resource with its provider, found {}", node.describe());
        let help = format!("write {{ KIND: {{ provider: simulated }} }}; the kinds are {kinds}");
        diagnostics.push(Diagnostic::error("M022", message).at(node.place()).help(help));
        return None;
    };
    let mut found = None;
    for Entry { key, value } in std::mem::take(entries) {
        let Value::Scalar(name) = &key.value else { continue };
        let Some(kind) = ResourceKind::DECLARED.into_iter().find(|kind| kind.key() == name.text) else {
            let known = ResourceKind::DECLARED.map(ResourceKind::key);
            let help = match nearest(&name.text, known.into_iter().chain(["simulate"])) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the kinds are {kinds}"),
            };
            let message = format!("there is no kind of resource `{}`", name.text);
            diagnostics.push(Diagnostic::error("M038", message).at(key.place()).help(help));
            return None;
        };
        if found.is_some() {
            diagnostics.push(
                Diagnostic::error("M039", "a resource is of one kind")
                    .at(key.place())
                    .help("declare a second resource with a name of its own"),
            );
            return None;
        }
        found = Some((kind, value));
    }
    let Some((kind, mut settings)) = found else {
        diagnostics.push(
            Diagnostic::error("M039", "the resource has no kind")
                .at(key.place())
                .help(format!("the kinds are {kinds}")),
        );
        return None;
    };
    if settings.as_map().is_none() {
        if !settings.is_broken() {
            let message = format!("expected the provider and its settings, found {}", settings.describe());
            let help = "write { provider: simulated }";
            diagnostics.push(Diagnostic::error("M022", message).at(settings.place()).help(help));
        }
        return None;
    }
    let place = settings.place();
    let had_provider = settings.get("provider").is_some();
    let Some(provider) = provider(&mut settings, providers::of_kind(kind), environment, diagnostics) else {
        if !had_provider {
            diagnostics.push(
                Diagnostic::error("M021", "the key `provider` is missing here")
                    .at(place)
                    .help(format!("the providers are {}", providers::of_kind(kind).join(", "))),
            );
        }
        return None;
    };
    let (settings, mut simulate) = both(kind, &provider, &settings, simulate.as_ref(), diagnostics);
    if kind == ResourceKind::Dns
        && let (Some(real), Some(twin)) = (settings.as_object(), simulate.as_object_mut())
    {
        // The twin answers to the same name, so that the playbook's URLs reach it.
        for key in ["name", "ttl"] {
            if let (Some(Json::String(value)), false) = (real.get(key), twin.contains_key(key)) {
                twin.insert(key.to_owned(), Json::String(value.clone()));
            }
        }
    }
    Some(Binding { kind, provider, settings, simulate })
}

fn variables(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Setting> {
    let Some(entries) = node.as_map() else {
        if !node.is_broken() {
            let message = format!("expected a mapping of variables, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()).help("write { name: value }"));
        }
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        match &entry.value.value {
            Value::Scalar(scalar) if scalar.kind != Kind::Null => found.push(Setting {
                name: entry.name().to_owned(),
                value: scalar.text.clone(),
                place: entry.value.place(),
            }),
            Value::Broken => {}
            _ => diagnostics.push(
                Diagnostic::error("M040", format!("the variable `{}` has no value that is text", entry.name()))
                    .at(entry.key.place())
                    .help("a variable's value is a text, a number, true or false"),
            ),
        }
    }
    found
}
