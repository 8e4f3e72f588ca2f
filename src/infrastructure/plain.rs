//! Secrets that stand in a document in plain text.

use crate::diagnostic::Diagnostic;
use crate::secret::plain::{is_secret, is_secret_argument};
use crate::yaml::{Entry, Node, Value};

/// Notes them, in a playbook or infrastructure file whose templates are not filled yet.
pub(crate) fn secrets(root: &Node, diagnostics: &mut Vec<Diagnostic>) {
    for entry in root.as_map().unwrap_or_default() {
        // Words for people are no secrets, whatever is in them.
        if !matches!(entry.name(), "title" | "scenario" | "silence" | "accepts") {
            look(entry.name(), &entry.value, diagnostics);
        }
    }
}

fn look(name: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Scalar(scalar) if is_secret(name, &scalar.text) => note(name, node, diagnostics),
        // In a source of a secret the name of the variable says what it is, and is none.
        Value::Map(entries) if is_source(entries) => {}
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| !matches!(entry.name(), "title" | "because" | "prompt")) {
                look(entry.name(), &entry.value, diagnostics);
            }
        }
        Value::List(items) => {
            let mut before = None;
            for item in items {
                match item.as_str() {
                    Some(text) if is_secret_argument(before, text) => note(name, item, diagnostics),
                    Some(_) => {}
                    None => look(name, item, diagnostics),
                }
                before = item.as_str();
            }
        }
        Value::Scalar(_) | Value::Broken => {}
    }
}

/// Whether a mapping is `{ env: NAME }` or `{ file: PATH }`.
fn is_source(entries: &[Entry]) -> bool {
    matches!(entries, [entry] if matches!(entry.name(), "env" | "file") && entry.value.as_str().is_some())
}

fn note(name: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.push(
        Diagnostic::warning(
            "M097",
            format!("a secret stands in `{name}` in plain text: it would be in every journal and report"),
        )
        .at(node.place())
        .help(
            "change it, and name where it is read from: `{ env: NAME }` or `{ file: PATH }`; a program is given it by \
                 `env: { PASSWORD: { env: NAME } }`",
        ),
    );
}
