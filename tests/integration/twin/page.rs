//! `docs/twin.md` and the settings' types have the same keys with the same defaults.

use std::collections::BTreeMap;

use muster::infrastructure::simulate::{
    SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedNetwork, SimulatedRegion,
    SimulatedStorage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PAGE: &str = include_str!("../../../docs/twin.md");

/// The table below the heading `heading`: each key with its default.
fn table(heading: &str) -> BTreeMap<String, String> {
    let (_, rest) = PAGE.split_once(&format!("\n### {heading}\n")).unwrap();
    let lines = rest.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, key, default, source, _] = cells[..] else { panic!("{line}") };
        assert!(!source.is_empty(), "{key} of {heading} has no source");
        (key.trim_matches('`').to_owned(), default.to_owned())
    };
    lines.map(row).collect()
}

/// Each key is in the page, and stands there with the default that the code has.
fn agrees<T: Default + PartialEq + Serialize + DeserializeOwned + std::fmt::Debug>(heading: &str) {
    let page = table(heading);
    let code = serde_json::to_value(T::default()).unwrap();
    let keys: Vec<&String> = code.as_object().unwrap().keys().collect();
    let mut told: Vec<&String> = page.keys().collect();
    let mut known = keys;
    known.sort();
    told.sort();
    assert_eq!(told, known, "the keys of {heading}");
    for (key, default) in &page {
        if default == "–" {
            assert!(code[key].is_null(), "{key} of {heading} has a default");
            continue;
        }
        let stated: T = serde_yaml::from_str(&format!("{{ {key}: {default} }}"))
            .unwrap_or_else(|error| panic!("{key} of {heading}: {error}"));
        assert_eq!(stated, T::default(), "{key} of {heading} is another by default");
        assert!(!code[key].is_null(), "{key} of {heading} has no default");
    }
}

#[test]
fn the_page_of_the_twin_has_every_key_and_its_default() {
    agrees::<SimulatedDns>("`dns`");
    agrees::<SimulatedDatabase>("`database`");
    agrees::<SimulatedStorage>("`storage`");
    agrees::<SimulatedCompute>("`compute`");
    agrees::<SimulatedBackup>("`backup`");
    agrees::<SimulatedRegion>("A region's `simulate`");
    agrees::<SimulatedNetwork>("`network`");
}
