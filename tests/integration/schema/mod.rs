//! The schemas say what the loader takes: no more, no less.

mod documents;
mod editor;
mod exact;
mod told;

use muster::diagnostic::Diagnostic;
use muster::plan::{Checked, LoadInput, Loaded, Reality, infrastructure, load, uncalibrated};
use muster::schema::{Document, schema};
use serde_json::Value;

const SIMULATED: &str = include_str!("../../../playbooks/infra/simulated.yaml");

/// A validator that is not ours.
struct Validator {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Validator {
    fn of(document: Document) -> Self {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        let schema = schema(document);
        let name = schema["$id"].as_str().unwrap().to_owned();
        compiler.add_resource(&name, schema).unwrap();
        let index = compiler.compile(&name, &mut schemas).unwrap_or_else(|error| panic!("no valid schema: {error:#}"));
        Self { schemas, index }
    }

    /// Why the schema refuses it; `None` if it accepts it.
    fn refusal(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }
}

fn load_playbook(document: &Value) -> Loaded {
    let part =
        "muster: 1\nname: part\nvars: { lag: 1s }\nphases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]\n";
    let read = |path: &str| match path {
        "parts/failover.yaml" => Ok(part.as_bytes().to_vec()),
        "infra.yaml" => Ok(SIMULATED.as_bytes().to_vec()),
        _ => Err("there is no such file".to_owned()),
    };
    load(&LoadInput {
        playbook_path: "drill.yaml",
        playbook: document.to_string().as_bytes(),
        infrastructure_path: Some("infra.yaml"),
        mode: None,
        vars: &[],
        reality: Reality::AsBound,
        checked: Checked::InItsMode,
        read: &read,
        calibration: &uncalibrated,
    })
}

/// What the loader says of a document.
fn told(of: Document, document: &Value) -> Vec<Diagnostic> {
    match of {
        Document::Playbook => load_playbook(document).diagnostics,
        Document::Infrastructure => infrastructure("infra.yaml", document.to_string().as_bytes()).diagnostics,
    }
}
