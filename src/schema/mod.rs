//! What a playbook and an infrastructure file may say, key by key: JSON Schemas for editors, and the reference for people.
//!
//! The tables here carry what no type knows: what a key is for, what holds without it, an example. What is accepted they
//! say once more, beside the types that decode it; so the decoder is asked in the tests: generated documents, right and
//! wrong, must be accepted by both or by none, and the decoder's own list of the keys of each mapping must be the
//! table's. A key that is new there and not described here fails a test.
//!
//! A schema says what types say. Whether a name is there, whether steps wait for each other, whether a course is safe,
//! is beyond it, and `muster validate` tells it.
//!
//! May rely on `catalogue`, `infrastructure` and above. Must never do I/O.

mod action;
mod aws;
mod infrastructure;
mod leaf;
mod page;
mod playbook;
mod probe;
mod provider;
mod schedule;
mod services;
mod shape;
mod step;
mod twin;

use serde_json::{Map, Value, json};

pub use page::page;
use shape::{Object, Shape, Templates};

/// What is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A playbook.
    Playbook,
    /// An infrastructure file.
    Infrastructure,
}

impl Document {
    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Playbook => "playbook",
            Self::Infrastructure => "infrastructure",
        }
    }
}

/// What no schema can say.
const BEYOND: &str = "This says what types say. Whether a name is there, steps wait for each other, durations are within bounds, \
                      templates can be filled and a drill is safe is beyond it: `muster validate` tells all of that.";

/// The JSON Schema (2020-12) of a document.
#[must_use]
pub fn schema(of: Document) -> Value {
    let (object, templates, mut parts) = match of {
        Document::Playbook => (playbook::playbook(), Templates::Filled, playbook::parts()),
        Document::Infrastructure => (infrastructure::infrastructure(), Templates::Refused, infrastructure::parts()),
    };
    parts.push(("secret".to_owned(), secret(templates)));
    parts.push(("duration".to_owned(), leaf::written_out(&leaf::duration(), templates)));
    parts.push(("name".to_owned(), leaf::written_out(&leaf::id(), templates)));
    parts.push(("distribution".to_owned(), infrastructure::distribution(templates)));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://github.com/muster-dr/muster/schema/{}.json", of.as_str()),
        "title": format!("Muster {}", of.as_str()),
    });
    let body = Shape::Object(object).json(templates);
    if let (Some(schema), Value::Object(body)) = (schema.as_object_mut(), body) {
        schema.extend(body);
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = format!("{about}\n\n{BEYOND}");
        schema.insert("description".to_owned(), json!(about));
        parts.sort_by(|one, other| one.0.cmp(&other.0));
        schema.insert("$defs".to_owned(), Value::Object(parts.into_iter().collect::<Map<_, _>>()));
    }
    schema
}

/// Where a secret is read from.
fn secret(templates: Templates) -> Value {
    let of = |object: Object| Shape::Object(object).json(templates);
    let env = Object::new("An environment variable of Muster's.").must(
        "env",
        Shape::Form("\\{?(?:[^=\\u0000{]\\{?)+", "the name of an environment variable is wanted"),
        "The variable's name.",
        json!("STATUS_HOOK"),
    );
    let file = Object::new("A file; one newline at its end is no part of the secret.").must(
        "file",
        Shape::Form("\\{?(?:[^{]\\{?)+", "the path of a file is wanted"),
        "The file's path.",
        json!("/etc/muster/status-hook"),
    );
    json!({
        "description": "Where a secret is read from. It is read when it is needed and shown nowhere.",
        "anyOf": [of(env), of(file)],
        "examples": [{ "env": "STATUS_HOOK" }, { "file": "/etc/muster/status-hook" }],
    })
}
