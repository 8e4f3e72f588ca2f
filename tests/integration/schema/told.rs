//! Each key is described, and only the keys that there are.

use std::collections::BTreeSet;

use muster::catalogue::Act;
use muster::playbook::STEP_KEYS;
use muster::schema::{Document, page, schema};
use serde_json::{Value, json};

use super::documents::{of, places, smallest};
use super::{load_playbook, told};
use crate::harness::Scene;

const BOTH: [Document; 2] = [Document::Playbook, Document::Infrastructure];

/// Every mapping with keys of its own, by where it stands.
fn mappings<'a>(value: &'a Value, at: &str, found: &mut Vec<(String, &'a serde_json::Map<String, Value>)>) {
    match value {
        Value::Object(entries) => {
            // A rule names keys that are described elsewhere.
            if entries.get("type") == Some(&json!("object"))
                && let Some(properties) = entries.get("properties").and_then(Value::as_object)
            {
                found.push((at.to_owned(), properties));
            }
            for (key, value) in entries {
                mappings(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                mappings(item, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn each_key_has_a_description_an_example_and_where_it_may_be_left_out_a_default() {
    for document in BOTH {
        let schema = schema(document);
        let mut found = Vec::new();
        mappings(&schema, "", &mut found);
        assert!(found.len() > 30, "{} mappings", found.len());
        for (at, properties) in found {
            let whole = schema.pointer(&at).unwrap();
            let required: Vec<&str> =
                whole["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            for (key, part) in properties.iter().filter(|(_, part)| part.is_object()) {
                let about = part["description"].as_str().unwrap_or_default();
                assert!(about.len() > 3 && about.ends_with('.'), "{at}: {key} is not described: {about:?}");
                let example = part.get("examples").and_then(|all| all.get(0));
                assert!(example.is_some(), "{at}: {key} has no example");
                let choice = part["$ref"].as_str().is_some_and(|it| {
                    !["duration", "name", "secret", "distribution"].iter().any(|end| it.ends_with(end))
                });
                assert!(
                    required.contains(&key.as_str()) || choice || part.get("default").is_some(),
                    "{at}: {key} has no default"
                );
            }
        }
    }
}

#[test]
fn the_decoder_knows_the_keys_of_the_schema_and_no_others() {
    let extra: BTreeSet<&str> = ["provider", "resolver", "name", "gateway", "simulate"].into();
    let mut asked = BTreeSet::new();
    for document in BOTH {
        let schema = schema(document);
        let mut found = Vec::new();
        mappings(&schema, "", &mut found);
        let described: Vec<BTreeSet<&str>> =
            found.iter().map(|(_, properties)| properties.keys().map(String::as_str).collect()).collect();
        for right in of(document) {
            let mut all = Vec::new();
            places(&right, "", &mut all);
            for at in all {
                let mut asks = right.clone();
                let Some(entries) = asks.pointer_mut(&at).and_then(Value::as_object_mut) else { continue };
                entries.insert("not-a-key-of-it".to_owned(), json!("x"));
                for problem in told(document, &asks).iter().filter(|it| it.code == "M020") {
                    let help = problem.help.as_deref().unwrap_or_default();
                    let Some((_, listed)) = help.split_once("known keys: ") else { continue };
                    let known: BTreeSet<&str> = listed.split(", ").map(|key| key.trim_matches('`')).collect();
                    if problem.message.contains("not-a-key-of-it") && asked.insert(format!("{known:?}")) {
                        // A probe's table has the keys of all its kinds; which of them go together, its rules say.
                        let of_probe = at.contains("probe") || at.contains("standby");
                        let is = |described: &BTreeSet<&str>| {
                            let beyond = || described.difference(&known).all(|key| extra.contains(key));
                            known.is_subset(described) && (of_probe || beyond())
                        };
                        assert!(
                            described.iter().any(is),
                            "at {at} the decoder knows {known:?}: no table in src/schema has these keys. Describe the new ones."
                        );
                    }
                }
            }
        }
    }
    assert!(asked.len() > 35, "{} mappings were asked", asked.len());
}

#[test]
fn a_step_has_the_keys_and_the_actions_of_the_schema() {
    let schema = schema(Document::Playbook);
    let described: BTreeSet<&str> =
        schema["$defs"]["step"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = STEP_KEYS.iter().chain(Act::KEYS).copied().collect();
    assert_eq!(described, known);
}

/// The plan of a playbook without what differs by its text alone.
fn plan(document: &Value) -> Option<muster::model::Plan> {
    load_playbook(document).plan.map(|plan| muster::model::Plan {
        digest: String::new(),
        variables: Vec::new(),
        ..plan
    })
}

#[test]
fn a_default_says_what_holds_without_the_key() {
    let schema = schema(Document::Playbook);
    let mut checked = 0;
    let mut same = |without: &Value, at: &str, properties: &Value| {
        for (key, part) in properties.as_object().unwrap() {
            let Some(default) = part.get("default").filter(|default| !default.is_null()) else { continue };
            let mut with = without.clone();
            let Some(entries) = with.pointer_mut(at).and_then(Value::as_object_mut) else { continue };
            if entries.contains_key(key) {
                continue;
            }
            entries.insert(key.clone(), default.clone());
            // A default beside something that it does not go with says nothing.
            if let (Some(one), Some(other)) = (plan(without), plan(&with)) {
                assert_eq!(one, other, "the default of {key} is not {default}");
                checked += 1;
            }
        }
    };
    same(&smallest(), "", &schema["properties"]);
    let mut probed = smallest();
    probed["services"] = json!({ "web": { "probe": { "http": "https://code.example.test/" } } });
    let service = &schema["properties"]["services"]["additionalProperties"]["properties"];
    same(&probed, "/services/web", service);
    same(&probed, "/services/web/probe", &schema["$defs"]["probe"]["properties"]);
    probed["services"]["web"]["probe"]["expect"] = json!({});
    same(&probed, "/services/web/probe/expect", &schema["$defs"]["http"]["properties"]["expect"]["properties"]);
    let mut canary = smallest();
    canary["canaries"] = json!({ "main": { "database": "main" } });
    same(&canary, "/canaries/main", &schema["properties"]["canaries"]["additionalProperties"]["properties"]);
    let mut guardrail = smallest();
    guardrail["guardrails"] = json!([{ "name": "a", "outage_of": "any", "broken_after": "1m" }]);
    guardrail["services"] = json!({ "web": { "probe": { "tcp": "code.example.test:443" } } });
    same(&guardrail, "/guardrails/0", &schema["properties"]["guardrails"]["items"]["properties"]);
    let mut retried = smallest();
    retried["phases"][0]["steps"][0]["retry"] = json!({ "attempts": 2 });
    let steps = &schema["$defs"]["step"]["properties"];
    same(&smallest(), "/phases/0/steps/0", steps);
    same(&retried, "/phases/0/steps/0/retry", &steps["retry"]["anyOf"][0]["properties"]);
    for key in Act::KEYS {
        let part = &schema["$defs"][*key];
        let mut document = smallest();
        document["services"] = json!({ "web": { "probe": { "tcp": "code.example.test:443" }, "standby": { "tcp": "code.example.test:443" } } });
        document["phases"][0]["steps"] = json!([{ "id": "a", (*key): part["examples"][0] }]);
        same(&document, &format!("/phases/0/steps/0/{key}"), &part["properties"]);
    }
    assert!(checked > 25, "{checked} defaults were checked");
}

#[test]
fn the_committed_schemas_and_pages_are_what_the_command_prints() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let scene = Scene::new();
    for document in BOTH {
        let name = document.as_str();
        for (file, text, command) in [
            (
                format!("schema/{name}.json"),
                format!("{}\n", serde_json::to_string_pretty(&schema(document)).unwrap()),
                format!("schema {name}"),
            ),
            (format!("{name}.md"), page(document), format!("schema {name} --format markdown")),
        ] {
            let written = std::fs::read_to_string(folder.join(&file)).unwrap_or_default();
            assert!(written == text, "docs/{file} is not what `muster {command}` prints: write it anew");
            // A scene takes times of day out of what it sees.
            let printed = scene.types(&command).exits(0).stdout;
            assert_eq!(printed.lines().count(), text.lines().count(), "muster {command}");
        }
    }
}

#[test]
fn the_first_playbook_of_the_reference_is_valid_with_the_file_beside_it() {
    let block = |text: &str, holds: &str| {
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned));
        blocks.into_iter().find(|block| block.contains(holds)).unwrap()
    };
    let playbook = block(&page(Document::Playbook), "name: first-drill");
    let infrastructure = block(&page(Document::Infrastructure), "name: two-regions");
    let scene = Scene::new().file("first.yaml", &playbook).file("infra.yaml", &infrastructure);
    let seen = scene.types("validate first.yaml --mode planned").exits(0);
    assert_eq!(seen.stderr, "");
    scene.types("simulate first.yaml").exits(0);
}
