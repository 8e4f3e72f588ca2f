//! `silence:`, by which a part of a document takes warnings about itself back, with a reason.

use serde::Deserialize;

use super::decode::decode;
use super::node::Node;
use crate::diagnostic::{Diagnostic, Silence, silence};

/// The key.
pub const SILENCE: &str = "silence";

/// Silences of one part at most.
const MOST: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    code: String,
    because: String,
}

/// Reads what the mapping `of` silences. `key`: where the mapping is the value of a name that belongs to it.
pub fn silences(of: &Node, key: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Silence> {
    let Some(node) = of.get(SILENCE) else { return Vec::new() };
    let Some(items) = node.as_seq() else {
        if !node.is_broken() {
            let message = format!("expected a list of codes with reasons, found {}", node.describe());
            diagnostics.push(
                Diagnostic::error("M022", message)
                    .at(node.place())
                    .help("write it as a list: [{ code: M096, because: \"…\" }]"),
            );
        }
        return Vec::new();
    };
    if items.len() > MOST {
        diagnostics.push(
            Diagnostic::error("M024", format!("{} silences in one place", items.len()))
                .at(node.place())
                .help(format!("at most {MOST}: one each code is enough")),
        );
        return Vec::new();
    }
    let mut part = of.place();
    if let Some(key) = key {
        part.span.start = part.span.start.min(key.place().span.start);
    }
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let Some(raw) = decode::<Raw>(item, diagnostics) else { continue };
        let place = |key: &str| item.get(key).map_or_else(|| item.place(), Node::place);
        if let Some(fault) = silence::fault_of(&raw.code, place("code")) {
            diagnostics.push(fault);
            continue;
        }
        if raw.because.trim().is_empty() {
            diagnostics.push(
                Diagnostic::error("M024", "a warning is silenced without a reason")
                    .at(place("because"))
                    .help("say why it is well as it is; whoever reads the playbook next will ask"),
            );
        }
        found.push(Silence {
            code: raw.code,
            because: raw.because,
            place: place("code"),
            of: part.clone(),
            of_all: false,
        });
    }
    found
}
