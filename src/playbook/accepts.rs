//! Bad ends that are accepted by name, with a reason.

use serde::Deserialize;

use super::document::Name;
use crate::catalogue::{Mode, OneOrMany};
use crate::diagnostic::Diagnostic;
use crate::infrastructure::simulate::Together;
use crate::model::{Accepted, BadEnd};
use crate::yaml::{Node, decode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccepted {
    end: BadEnd,
    when: OneOrMany<String>,
    mode: Option<OneOrMany<Mode>>,
    because: String,
}

/// Reads one of them.
pub(super) fn accepted(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(Accepted, Name)> {
    let raw: RawAccepted = decode(node, diagnostics)?;
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let name = Name::new(place("end"), node.clone());
    for text in &raw.when.0 {
        if let Err(error) = text.parse::<Together>() {
            diagnostics.push(
                Diagnostic::error("M024", error.to_string()).at(name.place_of(text)).help(
                    "write it as for --fault: `when: dns=hangs`, or `when: any=hangs` for every step and resource",
                ),
            );
        }
    }
    if raw.because.trim().is_empty() {
        diagnostics.push(
            Diagnostic::error("M024", "a bad end is accepted without a reason")
                .at(place("because"))
                .help("say why it is better than what could be done about it; the reason stands in every report"),
        );
    }
    let modes = raw.mode.map(|modes| modes.0);
    Some((Accepted { end: raw.end, when: raw.when.0, modes, because: raw.because }, name))
}
