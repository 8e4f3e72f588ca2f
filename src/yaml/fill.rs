//! Templates: `{{ name }}` in values, filled in by whoever knows the names.

use super::guard;
use super::node::{Node, Value};
use super::scalar::Scalar;
use crate::diagnostic::{Diagnostic, Place};

/// What filling a text gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The text with its templates filled in.
    Text(String),
    /// The text names something that exists only later, such as `run.verdict`: it stays as it is.
    Later,
}

/// Fills every text value with `{{` in it, in written order; keys are left alone.
///
/// A value that was one template and nothing else is typed anew: `to: "{{ var.servers }}"` becomes the number 12, and
/// whoever wants text there gets the text `12`. An error of `filler` is noted at the value, which becomes
/// [`Value::Broken`].
pub fn fill(
    node: &mut Node,
    filler: &mut dyn FnMut(&str, &Place) -> Result<Filled, String>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let place = node.place();
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                fill(item, filler, diagnostics);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                fill(&mut entry.value, filler, diagnostics);
            }
        }
        Value::Scalar(scalar) if scalar.text.contains("{{") => match filler(&scalar.text, &place) {
            Ok(Filled::Later) => {}
            Ok(Filled::Text(text)) => {
                if let Some(c) = text.chars().find(|c| guard::is_forbidden(*c)) {
                    diagnostics.push(guard::forbidden(c, "the filled text").at(place));
                    node.value = Value::Broken;
                } else {
                    let alone = is_one_template(&scalar.text);
                    *scalar = if alone { Scalar::filled(text) } else { Scalar::quoted(text) };
                }
            }
            Err(message) => {
                diagnostics.push(Diagnostic::error("M025", message).at(place));
                node.value = Value::Broken;
            }
        },
        Value::Scalar(_) | Value::Broken => {}
    }
}

/// Whether a text is one template and nothing else.
fn is_one_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text.matches("{{").count() == 1 && text.matches("}}").count() == 1
}
