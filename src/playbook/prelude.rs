//! What must be known of a playbook before its templates can be filled.

use crate::diagnostic::{Diagnostic, Place};
use crate::yaml::{Kind, Node, Value};

/// A variable as it is written.
#[derive(Clone, Debug)]
pub struct WrittenVariable {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Where the value stands.
    pub place: Place,
}

/// The parts of a playbook in which no template may stand.
#[derive(Clone, Debug, Default)]
pub struct Prelude {
    /// The infrastructure file that a run uses unless another is named, and where that stands.
    pub infrastructure: Option<(String, Place)>,
    /// The defaults of the variables, in written order.
    pub vars: Vec<WrittenVariable>,
}

/// Reads the variables and the infrastructure file's name of a playbook that was parsed. What is of a wrong type is
/// left to [`super::read`] to complain about, but for the variables.
pub fn prelude(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Prelude {
    let mut found = Prelude::default();
    if let Some(node) = root.get("infrastructure")
        && let Some(path) = node.as_str()
    {
        if path.contains("{{") {
            diagnostics.push(
                Diagnostic::error("M040", "the infrastructure file's name cannot have variables in it")
                    .at(node.place())
                    .help("it is read before variables are known; use --infra to name another file"),
            );
        } else {
            found.infrastructure = Some((path.to_owned(), node.place()));
        }
    }
    if let Some(node) = root.get("vars") {
        found.vars = variables(node, diagnostics);
    }
    found
}

/// Reads a mapping of variables, of a playbook or an infrastructure file.
pub(crate) fn variables(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<WrittenVariable> {
    let Some(entries) = node.as_map() else {
        if !node.is_broken() {
            let message = format!("expected a mapping of variables, found {}", node.describe());
            diagnostics.push(Diagnostic::error("M022", message).at(node.place()).help("write { name: value }"));
        }
        return Vec::new();
    };
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = entry.name();
        let place = entry.value.place();
        if !is_name(name) {
            diagnostics.push(
                Diagnostic::error("M040", format!("`{name}` is no name for a variable"))
                    .at(entry.key.place())
                    .help("use letters, digits, `_` and `-`"),
            );
            continue;
        }
        match &entry.value.value {
            Value::Scalar(scalar) if scalar.kind == Kind::Null => diagnostics.push(
                Diagnostic::error("M040", format!("the variable `{name}` has no value"))
                    .at(entry.key.place())
                    .help("write a value; \"\" is an empty text"),
            ),
            Value::Scalar(scalar) if scalar.text.contains("{{") => diagnostics.push(
                Diagnostic::error("M040", format!("the variable `{name}` refers to another name"))
                    .at(place)
                    .help("a variable's value is plain text; put the template where the variable is used"),
            ),
            Value::Scalar(scalar) => {
                found.push(WrittenVariable { name: name.to_owned(), value: scalar.text.clone(), place });
            }
            Value::Broken => {}
            Value::List(_) | Value::Map(_) => diagnostics.push(
                Diagnostic::error("M040", format!("the variable `{name}` is {}", entry.value.kind_name()))
                    .at(place)
                    .help("a variable's value is a text, a number, true or false"),
            ),
        }
    }
    found
}

/// Whether `{{ var.name }}` can name it.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
