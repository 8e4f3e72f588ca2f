//! `playbook`: another playbook as one step. Inlined by the plan, so that there is one graph and one journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Describe, Subject, Undo};

/// Another playbook's phases in the place of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestedPlaybook {
    /// Its file, from the folder of the playbook that names it.
    pub file: String,
    /// Variables that it is given, over its own defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
}

impl Describe for NestedPlaybook {
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn summary(&self) -> String {
        format!("carry out {}", self.file)
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }
}
