//! The reference for people, in Markdown: `docs/playbook.md` and `docs/infrastructure.md`.

use std::fmt::Write as _;

use super::Document;
use super::action::arguments;
use super::playbook::playbook;
use super::shape::{Object, Otherwise};
use super::step::step_keys;
use super::{infrastructure, provider, twin};
use crate::catalogue::Act;
use crate::infrastructure::{SIMULATED, of_kind, of_region};
use crate::resource::ResourceKind;

/// The page.
#[must_use]
pub fn page(of: Document) -> String {
    match of {
        Document::Playbook => playbook_page(),
        Document::Infrastructure => infrastructure_page(),
    }
}

const PLAYBOOK: &str = include_str!("playbook.md");
const INFRASTRUCTURE: &str = include_str!("infrastructure.md");

fn playbook_page() -> String {
    let mut out = format!("{}\n\n## Every key\n", PLAYBOOK.trim_end());
    let mut seen = Vec::new();
    section(&mut out, "The playbook", &playbook(), 3, &mut seen);
    section(&mut out, "A step", &step_keys(), 3, &mut seen);
    let _ = write!(out, "\n## Every action\n\nExactly one of these keys stands in a step.\n");
    for key in Act::KEYS {
        if let Some(arguments) = arguments(key) {
            section(&mut out, &format!("`{key}`"), &arguments, 3, &mut seen);
        }
    }
    out
}

fn infrastructure_page() -> String {
    let mut out = format!("{}\n\n## Every key\n", INFRASTRUCTURE.trim_end());
    let mut seen = Vec::new();
    section(&mut out, "The file", &infrastructure::infrastructure(), 3, &mut seen);
    section(&mut out, "A region", &infrastructure::region_keys(), 3, &mut seen);
    let _ = write!(
        out,
        "\n## Every kind of resource\n\nUnder `resources`, each name has exactly one of these kinds, and beside it `simulate` \
         (what its twin is like, where its provider is real) and `silence`. The settings of the provider `simulated` are the \
         twin's.\n"
    );
    for kind in ResourceKind::DECLARED.into_iter().chain([ResourceKind::Region]) {
        let providers = if kind == ResourceKind::Region { of_region() } else { of_kind(kind) };
        let names: Vec<String> = providers.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(out, "\n### `{}`\n\nProviders: {}.\n", kind.key(), names.join(", "));
        section(&mut out, &format!("`{}` by `{SIMULATED}`", kind.key()), &twin::of(kind), 4, &mut seen);
        for name in providers {
            if let Some(settings) = provider::settings(kind, name) {
                section(&mut out, &format!("`{}` by `{name}`", kind.key()), &settings, 4, &mut seen);
            }
        }
    }
    out
}

/// A mapping as a table, and the mappings in it below.
fn section(out: &mut String, title: &str, object: &Object, level: usize, seen: &mut Vec<String>) {
    let _ = write!(
        out,
        "\n{} {title}\n\n{}\n\n| key | | what it says | example |\n|---|---|---|---|\n",
        "#".repeat(level),
        object.about.trim()
    );
    for key in &object.keys {
        let (must, otherwise) = match &key.otherwise {
            Otherwise::Needed => ("**needed**; ", String::new()),
            Otherwise::Value(value) => ("", format!(" Default: {}.", code(&compact(value)))),
            Otherwise::Words(words) => ("", format!(" Left out: {words}.")),
        };
        let _ = writeln!(
            out,
            "| `{}` | {must}{} | {}{otherwise} | {} |",
            key.name,
            key.shape.words().replace('|', "\\|"),
            key.about.replace('|', "\\|"),
            code(&compact(&key.example)).replace('|', "\\|")
        );
    }
    for key in &object.keys {
        for inner in key.shape.objects() {
            let which = identity(inner);
            if !seen.contains(&which) {
                seen.push(which);
                section(out, &format!("`{}`", key.name), inner, (level + 1).min(5), seen);
            }
        }
    }
}

/// What tells mappings apart: those of both regions are told of in the same words, whatever stands in them.
fn identity(object: &Object) -> String {
    let keys = object.keys.iter().map(|key| {
        let inner: Vec<&str> = key.shape.objects().iter().map(|inner| inner.about).collect();
        format!("{}({})", key.name, inner.join(","))
    });
    format!("{}: {}", object.about, keys.collect::<Vec<_>>().join(" "))
}

fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A value as YAML on one line.
fn compact(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let each: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", compact(value))).collect();
            format!("{{ {} }}", each.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text needs no quotes.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '/');
    first
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-/@?!".contains(c) || c == ':')
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !matches!(text, "true" | "false" | "null")
        && text.parse::<f64>().is_err()
}
