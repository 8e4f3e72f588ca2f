//! An infrastructure file: regions, resources, and what each provider is told.

use serde_json::{Value, json};

use super::leaf::{ID_KEY, duration};
use super::playbook::{silence, variable, windows};
use super::provider;
use super::shape::{Object, Shape, Templates};
use super::twin;
use crate::infrastructure::{SIMULATED, of_kind, of_region};
use crate::resource::ResourceKind;

/// The file's own keys.
pub(super) fn infrastructure() -> Object {
    let resources = json!({
        "type": "object",
        "propertyNames": { "pattern": ID_KEY, "not": { "pattern": "^region\\." } },
        "additionalProperties": { "$ref": "#/$defs/resource" },
    });
    let regions = Object::new("Both regions.")
        .must("primary", Shape::Of("region"), "Where production is at home.", json!({ "name": "us-east-1" }))
        .must("secondary", Shape::Of("region"), "Where it goes when that is lost.", json!({ "name": "us-west-2" }));
    let mut network = twin::network();
    network = network
        .else_in_words(
            "resolver",
            Shape::Form(super::leaf::SERVER, "an address is wanted, such as 192.0.2.53 or 192.0.2.53:5353"),
            "In a real environment: the resolver that stands for `system`.",
            "the machine's own",
            json!("192.0.2.53"),
        )
        .not_null();
    silence(
        Object::new(
            "What the names of a playbook stand for: the same playbook with another file runs in another world.",
        )
        .must("muster", Shape::Raw(json!({ "const": 1 })), "The version of the format.", json!(1))
        .must("name", Shape::Text, "Its name.", json!("simulated"))
        .must(
            "environment",
            Shape::Words(&[
                ("simulated", "everything is simulated"),
                ("lab", "real servers that nobody depends on"),
                ("staging", "real servers that testers depend on"),
                ("production", "real servers that users depend on"),
            ]),
            "What it is.",
            json!("simulated"),
        )
        .must(
            "regions",
            Shape::Object(regions),
            "Both regions.",
            json!({ "primary": { "name": "us-east-1" }, "secondary": { "name": "us-west-2" } }),
        )
        .else_in_words("title", Shape::Text, "For people.", "its name", json!("A simulated code host in two regions"))
        .may(
            "resources",
            Shape::Raw(resources),
            "What steps act on, each by its name.",
            json!({}),
            json!({ "main": { "database": { "provider": "simulated" } } }),
        )
        .not_null()
        .may(
            "vars",
            Shape::Named("", Box::new(variable())),
            "Variables that it gives other values than the playbook does.",
            json!({}),
            json!({ "url": "https://code.example.com" }),
        )
        .not_null()
        .may(
            "network",
            Shape::Object(network),
            "The simulated network between users and regions, and the resolver of a real one.",
            json!({}),
            json!({ "connect": "12ms" }),
        )
        .not_null()
        .else_in_words(
            "windows",
            Shape::Object(windows()),
            "When runs on it may begin.",
            "always",
            json!({ "blackout": ["fri 12:00..24:00"] }),
        )
        .may(
            "unattended",
            Shape::Bool,
            "Whether a real drill may begin by its schedule with nobody there.",
            json!(false),
            json!(true),
        )
        .not_null(),
    )
    .rule(simulated_alone())
}

/// In a simulated environment nothing is real.
fn simulated_alone() -> Value {
    let kinds: serde_json::Map<String, Value> = ResourceKind::DECLARED
        .map(|kind| (kind.key().to_owned(), json!({ "properties": { "provider": { "const": SIMULATED } } })))
        .into_iter()
        .collect();
    let region = json!({
        "properties": { "provider": { "enum": [SIMULATED, "none"] } },
        "if": { "not": { "required": ["provider"] } },
        "then": { "$ref": "#/$defs/simulated-region" },
    });
    json!({
        "if": { "properties": { "environment": { "const": "simulated" } }, "required": ["environment"] },
        "then": { "properties": {
            "resources": { "additionalProperties": { "properties": kinds } },
            "regions": { "properties": { "primary": region, "secondary": region } },
            "network": { "not": { "required": ["resolver"] } },
        } },
    })
}

/// The parts that stand in several places, by their names.
pub(super) fn parts() -> Vec<(String, Value)> {
    let mut parts = vec![
        ("resource".to_owned(), resource()),
        ("region".to_owned(), region()),
        ("simulated-region".to_owned(), simulated_region()),
    ];
    for kind in ResourceKind::DECLARED {
        parts.push((kind.key().to_owned(), of(kind)));
    }
    parts
}

/// A resource: its kind with its provider, and its twin.
fn resource() -> Value {
    let mut properties = serde_json::Map::new();
    for kind in ResourceKind::DECLARED {
        let about = format!("{} Exactly one kind stands here.", about(kind));
        properties.insert(
            kind.key().to_owned(),
            json!({ "$ref": format!("#/$defs/{}", kind.key()), "description": about, "examples": [{ "provider": SIMULATED }] }),
        );
    }
    let mut schema = Shape::Object(silence(Object::new("A resource: exactly one kind, with its provider.")))
        .json(Templates::Refused);
    properties.insert("simulate".to_owned(), json!({
        "type": "object",
        "description": "What its simulated twin is like, where its provider is real. What is not stated has a sensible default.",
        "default": {},
        "examples": [{}],
    }));
    if let Some(own) = schema["properties"].as_object_mut() {
        own.extend(properties);
    }
    let one: Vec<Value> = ResourceKind::DECLARED.iter().map(|kind| json!({ "required": [kind.key()] })).collect();
    let mut rules = vec![json!({ "oneOf": one })];
    for kind in ResourceKind::DECLARED {
        let key = kind.key();
        // What is simulated already has no other twin.
        let simulated = json!({ "required": [key], "properties": { key: { "properties": { "provider": { "const": SIMULATED } } } } });
        rules.push(json!({ "if": simulated, "then": { "not": { "required": ["simulate"] } } }));
        let twin = Shape::Object(twin::of(kind)).json(Templates::Refused);
        rules.push(json!({ "if": { "required": [key] }, "then": { "properties": { "simulate": twin } } }));
    }
    schema["allOf"] = json!(rules);
    schema
}

fn about(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Dns => "A DNS record that users resolve and drills switch.",
        ResourceKind::Database => "A replicated database.",
        ResourceKind::Compute => "A group of servers in each region.",
        ResourceKind::Storage => "Storage of repositories or files, copied to the other region.",
        ResourceKind::Backup => "Snapshots.",
        ResourceKind::Region => "A region.",
    }
}

/// A kind with its providers: what else may be said depends on which.
fn of(kind: ResourceKind) -> Value {
    let providers = of_kind(kind);
    let rules: Vec<Value> = providers.iter().filter_map(|name| settings(kind, name)).collect();
    json!({
        "type": "object",
        "description": about(kind),
        "required": ["provider"],
        "properties": { "provider": {
            "enum": providers, "description": "Who provides it.", "examples": [SIMULATED],
        } },
        "allOf": rules,
    })
}

/// What holds of the settings with one provider; nothing for one whose settings are taken as they stand.
fn settings(kind: ResourceKind, provider: &str) -> Option<Value> {
    let object = if provider == SIMULATED { Some(twin::of(kind)) } else { provider::settings(kind, provider) }?;
    let mut then = Shape::Object(object).json(Templates::Refused);
    then["properties"]["provider"] = json!(true);
    if kind == ResourceKind::Region {
        for key in ["name", "gateway", "simulate"] {
            then["properties"][key] = json!(true);
        }
    }
    let mut only = json!({ "properties": { "provider": { "const": provider } }, "required": ["provider"] });
    if kind == ResourceKind::Region {
        only["description"] = json!("A region of this provider.");
    }
    Some(json!({ "if": only, "then": then }))
}

/// The keys of a region that are its own; the others are its provider's.
pub(super) fn region_keys() -> Object {
    Object::new("A region: its name, and who can cut it off.")
        .must("name", Shape::Text, "Its name, as people call it.", json!("us-east-1"))
        .else_in_words(
            "gateway",
            Shape::Text,
            "A host of it that answers as long as the region can be reached.",
            "playbooks can't refer to it",
            json!("gateway.us-east-1.example.test"),
        )
        .else_in_words(
            "provider",
            Shape::Raw(json!({ "enum": of_region() })),
            "Who can cut it off.",
            "`simulated` in a simulated environment, else `none`",
            json!("simulated"),
        )
        .not_null()
        .may(
            "simulate",
            Shape::Object(twin::of(ResourceKind::Region)),
            "What its simulated twin is like, where its provider is real.",
            json!({}),
            json!({ "isolate": "2s" }),
        )
        .not_null()
}

fn region() -> Value {
    let own = region_keys();
    let mut schema = Shape::Object(own).json(Templates::Refused);
    // What is not the region's own is its provider's.
    schema["additionalProperties"] = json!(true);
    let mut rules: Vec<Value> = of_region().iter().filter_map(|name| settings(ResourceKind::Region, name)).collect();
    rules.push(json!({
        "if": { "properties": { "provider": { "const": SIMULATED } }, "required": ["provider"] },
        "then": { "not": { "required": ["simulate"] } },
    }));
    schema["allOf"] = json!(rules);
    schema
}

/// A region without a provider in a simulated environment.
fn simulated_region() -> Value {
    let mut schema = Shape::Object(twin::of(ResourceKind::Region)).json(Templates::Refused);
    for key in ["name", "gateway"] {
        schema["properties"][key] = json!(true);
    }
    schema
}

/// How long something takes: fixed, or drawn from what two quantiles describe.
pub(super) fn distribution(templates: Templates) -> Value {
    let value = duration().json(templates);
    let quantiles = json!({
        "type": "object",
        "description": "Two quantiles; drawn anew each time from the log-normal distribution that has them.",
        "minProperties": 2,
        "maxProperties": 2,
        "propertyNames": { "pattern": "^p(?:0*[1-9][0-9]?(?:\\.[0-9]*)?|0*\\.0*[1-9][0-9]*|0+\\.0*[1-9][0-9]*)$" },
        "additionalProperties": value,
        "examples": [{ "p50": "35s", "p95": "80s" }],
    });
    json!({ "anyOf": [value, quantiles], "examples": ["60s", { "p50": "35s", "p95": "80s" }] })
}
