//! What a user sees for what was written.

mod decoding;
mod hostile;
mod properties;
mod text;

use super::*;
use crate::diagnostic::{Color, Sources, codes, render_text};
use rstest::rstest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The problems of a text and of reading it as `T`, as they are shown.
fn shown<T: serde::de::DeserializeOwned>(text: &str) -> String {
    let parsed = parse("drill.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    if let Some(node) = &parsed.node {
        let _ = decode::<T>(node, &mut diagnostics);
    }
    let mut sources = Sources::new();
    sources.add("drill.yaml", parsed.text);
    render_text(&diagnostics, &sources, Color::Never, 50)
}

/// Codes and places, for tables.
fn brief(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|d| d.place.as_ref().map_or_else(|| d.code.to_owned(), |p| format!("{} {}:{}", d.code, p.line, p.column)))
        .collect()
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Drill {
    name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    attempts: Option<u8>,
    #[serde(default)]
    planned: bool,
    #[serde(default)]
    within: Option<Within>,
    #[serde(default)]
    then: Option<Then>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    probes: Vec<Probe>,
    #[serde(default)]
    vars: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Probe {
    url: String,
    status: u16,
    #[serde(default)]
    share: Option<f64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Then {
    Pause,
    Stop,
    Undo,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Secret {
    Env(String),
    File(String),
}

/// A duration that demands its unit, as the playbook's will.
#[derive(Debug, PartialEq)]
struct Within(u64);

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl serde::de::Visitor<'_> for Reads {
            type Value = Within;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration with a unit such as 30s")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Within, E> {
                let number = text.strip_suffix('s').and_then(|n| n.parse().ok());
                number.map(Within).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Reads)
    }
}

#[test]
fn each_code_stands_in_the_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/yaml");
    let mut found = std::collections::BTreeSet::new();
    for folder in [folder.clone(), folder.join("decode")] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let is_source = path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs");
            let text = if is_source { std::fs::read_to_string(path).unwrap() } else { String::new() };
            for (at, _) in text.match_indices("\"M0") {
                found.insert(text[at + 1..at + 5].to_owned());
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    for code in &found {
        assert!(codes::find(code).is_some(), "{code} is not explained");
    }
    let of_yaml = codes::CODES.iter().filter(|c| c.code < "M030").map(|c| c.code.to_owned()).collect();
    assert_eq!(found, of_yaml, "each explained code is used");
}
