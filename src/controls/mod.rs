//! Controls of standards and regulations: for each, in Muster's own words, what it asks for, what a drill can show for it,
//! and what no drill can.
//!
//! The catalogue is data: a file of YAML for each standard, beside this one. A team brings its own in the same form; a
//! playbook names them under `catalogues:`. What a control rests on is a list of [`Showing`]s, and whether a run has shown
//! them is told by `record`. Pure; may rely on `yaml`, `diagnostic`, `model`.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::diagnostic::Diagnostic;
use crate::model::{Control, Showing};
use crate::yaml::{Node, decode, nearest, parse};

/// A file of the catalogue: what the ids of its controls begin with, and its text.
const OWN: [(&str, &str); 8] = [
    ("soc2", include_str!("soc2.yaml")),
    ("iso27001", include_str!("iso27001.yaml")),
    ("iso22301", include_str!("iso22301.yaml")),
    ("nist-800-53", include_str!("nist-800-53.yaml")),
    ("pci-dss", include_str!("pci-dss.yaml")),
    ("hipaa", include_str!("hipaa.yaml")),
    ("dora", include_str!("dora.yaml")),
    ("rts-2024-1774", include_str!("rts-2024-1774.yaml")),
];

/// The version of the form that this build reads.
const VERSION: u32 = 1;
/// Controls that a catalogue may have at most.
const CONTROLS_MAX: usize = 2_000;
/// The longest text of a control, in bytes.
const TEXT_MAX: usize = 4_000;
/// What a catalogue must not say: whether somebody complies is for an assessor to find, never for a run to claim.
const CLAIMS: [&str; 3] = ["compliant", "certified", "guarantee"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    muster: u32,
    prefix: String,
    standard: String,
    #[serde(rename = "controls")]
    _controls: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    title: String,
    asks: String,
    can: String,
    cannot: String,
    rests_on: Vec<Showing>,
    #[serde(default)]
    adds: Vec<Showing>,
}

/// The control of Muster's own catalogue with this id.
#[must_use]
pub fn find(id: &str) -> Option<Control> {
    let prefix = id.split_once(':')?.0;
    let (_, text) = OWN.iter().find(|(own, _)| *own == prefix)?;
    standard(prefix, text).into_iter().find(|control| control.id == id)
}

/// All controls of Muster's own catalogue.
#[must_use]
pub fn all() -> Vec<Control> {
    OWN.iter().flat_map(|(prefix, text)| standard(prefix, text)).collect()
}

/// One of Muster's own files.
fn standard(prefix: &str, text: &str) -> Vec<Control> {
    let mut diagnostics = Vec::new();
    let parsed = parse(&format!("{prefix}.yaml"), text.as_bytes());
    parsed.node.map(|root| controls(&root, None, &mut diagnostics)).unwrap_or_default()
}

/// The id that somebody probably meant, among Muster's own and these.
#[must_use]
pub fn meant(id: &str, others: &[Control]) -> Option<String> {
    let own = all();
    let known = || own.iter().chain(others).map(|control| control.id.as_str());
    nearest(id, known())
        // `dora:11(6)`, `nist:CP-4(2)`: the right name behind another prefix, or written otherwise.
        .or_else(|| {
            let name = |id: &str| plain(id.split_once(':').map_or(id, |(_, name)| name));
            known().find(|known| name(known) == name(id))
        })
        .map(str::to_owned)
}

/// A control's name without what people write in different ways.
fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace("art.", "").replace("article", "");
    name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// Reads a catalogue that a team brought. With something returned there may still be errors among the diagnostics.
pub fn read(root: &Node, path: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Control> {
    controls(root, Some(path), diagnostics)
}

fn controls(root: &Node, path: Option<&str>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Control> {
    let Some(header) = decode::<Header>(root, diagnostics) else { return Vec::new() };
    let place = |key: &str| root.get(key).map_or_else(|| root.place(), Node::place);
    if header.muster != VERSION {
        let message = format!("the file is of version {} of the format", header.muster);
        let help = format!("this build reads `muster: {VERSION}`");
        diagnostics.push(Diagnostic::error("M055", message).at(place("muster")).help(help));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if header.prefix.is_empty() || header.prefix.len() > 40 || !header.prefix.chars().all(plain) {
        let message = format!("`{}` is no prefix of controls", header.prefix);
        diagnostics.push(
            Diagnostic::error("M126", message)
                .at(place("prefix"))
                .help("write lower-case letters, digits and `-`: a control is then `prefix:name`"),
        );
    }
    if path.is_some() && OWN.iter().any(|(own, _)| *own == header.prefix) {
        let message = format!("the prefix `{}` is that of a standard in Muster's own catalogue", header.prefix);
        diagnostics.push(Diagnostic::error("M126", message).at(place("prefix")).help("choose one of your own"));
    }
    let node = root.get("controls");
    let entries = node.and_then(Node::as_map).unwrap_or_default();
    if entries.is_empty() || entries.len() > CONTROLS_MAX {
        let message = format!("a catalogue has 1 to {CONTROLS_MAX} controls by their names");
        diagnostics.push(Diagnostic::error("M126", message).at(place("controls")));
        return Vec::new();
    }
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(raw) = decode::<RawControl>(&entry.value, diagnostics) else { continue };
        for (key, text) in [("title", &raw.title), ("asks", &raw.asks), ("can", &raw.can), ("cannot", &raw.cannot)] {
            let place = entry.value.get(key).map_or_else(|| entry.key.place(), Node::place);
            if text.trim().is_empty() || text.len() > TEXT_MAX {
                let message = format!("`{key}` has 1 to {TEXT_MAX} bytes, this has {}", text.len());
                diagnostics.push(Diagnostic::error("M126", message).at(place.clone()));
            }
            if let Some(claim) = CLAIMS.iter().find(|claim| text.to_lowercase().contains(**claim)) {
                let message = format!("a control's text says `{claim}`");
                diagnostics.push(
                    Diagnostic::error("M127", message)
                        .at(place)
                        .help("a run is evidence supporting a control; whether somebody complies is for an assessor"),
                );
            }
        }
        if raw.rests_on.is_empty() {
            diagnostics.push(
                Diagnostic::error("M126", "a control rests on nothing, so every run would be evidence for it")
                    .at(entry.value.get("rests_on").map_or_else(|| entry.key.place(), Node::place))
                    .help("name what a run must have shown: `rests_on: [exercised]`"),
            );
        }
        found.push(Control {
            id: format!("{}:{}", header.prefix, entry.name()),
            standard: header.standard.clone(),
            title: raw.title,
            asks: raw.asks,
            can: raw.can,
            cannot: raw.cannot,
            rests_on: raw.rests_on,
            adds: raw.adds,
            from: path.map(str::to_owned),
        });
    }
    found
}

#[cfg(test)]
mod tests;
