//! The digest of a plan: what was approved is what is run.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::catalogue::Mode;
use crate::model::{Documents, Variable};

/// What the digest is over, so that a later form can be told apart.
pub const DIGEST_FORMAT: &str = "muster-plan-1";

/// The members in this order, as JSON without spaces; paths are left out, so that a file may be moved.
#[derive(Serialize)]
struct Digested<'a> {
    format: &'static str,
    playbook: &'a str,
    infrastructure: &'a str,
    nested: Vec<&'a str>,
    /// Left out where there is none, so that plans without one have the digest that they always had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    catalogues: Vec<&'a str>,
    variables: Vec<(&'a str, &'a str)>,
    mode: Mode,
    twin: bool,
}

/// SHA-256, in hex, over the texts of playbook, infrastructure file, inlined playbooks (in the order in which they
/// were first named) and catalogues of controls, the variables, the mode, and whether the twin is used.
pub(super) fn digest(
    documents: &Documents,
    variables: &[Variable],
    mode: Mode,
    reality: super::load::Reality,
) -> String {
    let digested = Digested {
        format: DIGEST_FORMAT,
        playbook: &documents.playbook.text,
        infrastructure: &documents.infrastructure.text,
        nested: documents.nested.iter().map(|document| document.text.as_str()).collect(),
        catalogues: documents.catalogues.iter().map(|document| document.text.as_str()).collect(),
        variables: variables.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect(),
        mode,
        twin: reality == super::load::Reality::Twin,
    };
    // Texts, pairs and words always serialise.
    let bytes = serde_json::to_vec(&digested).unwrap_or_default();
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(&bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
