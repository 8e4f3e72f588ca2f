//! Names that the drill moves, and who goes by them that should not, or does not and should.

use std::collections::BTreeMap;

use serde_json::Value;

use super::View;
use crate::catalogue::{Act, split_url};
use crate::diagnostic::Diagnostic;
use crate::id::ResourceId;
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::twin;

pub(super) fn check(view: &View<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let moved = moved(view);
    if moved.is_empty() {
        return;
    }
    canaries(view, &moved, diagnostics);
}

/// The names that are moved, and the first step that does it.
fn moved(view: &View<'_>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (step, one) in view.plan.steps.iter().enumerate().filter(|(_, step)| step.applies) {
        let Act::DnsSwitch(switch) = &one.act else { continue };
        for record in &switch.records.0 {
            found.entry(name_of(view, record)).or_insert(step);
        }
    }
    found
}

/// The name that a record has.
fn name_of(view: &View<'_>, record: &ResourceId) -> String {
    let binding = view.infrastructure.resources.get(record);
    let name = match binding.map(twin::resource) {
        Some(Ok(SimulatedResource::Dns(dns))) => dns.name,
        _ => None,
    };
    plain(&name.unwrap_or_else(|| record.to_string()))
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A canary that goes through a moved name writes to whichever side the name points to: what is lost on the other, and
/// that two sides take writes, is not seen.
fn canaries(view: &View<'_>, moved: &BTreeMap<String, usize>, diagnostics: &mut Vec<Diagnostic>) {
    for (canary, name) in &view.playbook.canaries {
        let Some(binding) = view.infrastructure.resources.get(&canary.of) else { continue };
        let mut hosts = Vec::new();
        hosts_in(&binding.settings, &mut hosts);
        let through = hosts.into_iter().find_map(|host| moved.get_key_value(&host));
        if let Some((host, step)) = through {
            diagnostics.push(
                Diagnostic::warning(
                    "M087",
                    format!("the canary `{}` writes to {} through {host}, a name that the drill moves", canary.id, canary.of),
                )
                .at(name.place())
                .label(view.names[*step].place(), "moved here")
                .help(format!(
                    "give {} its servers' own names or addresses in the infrastructure file: a canary writes straight to them",
                    canary.of
                )),
            );
        }
    }
}

/// Hosts in a provider's settings: values of `host` and of `url`.
fn hosts_in(settings: &Value, found: &mut Vec<String>) {
    match settings {
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("host" | "endpoint", Value::String(host)) => found.push(plain(host)),
                    ("url", Value::String(url)) => found.extend(host_of(url)),
                    (_, value) => hosts_in(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| hosts_in(item, found)),
        _ => {}
    }
}

/// The host of a URL of any scheme, or of `user@host:path`.
fn host_of(url: &str) -> Option<String> {
    if let Ok((host, _, _)) = split_url(url) {
        return Some(plain(host));
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next()?;
    (!host.is_empty()).then(|| plain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_however_they_are_written() {
        let of = |url: &str| host_of(url).unwrap_or_default();
        assert_eq!(of("https://Git.example.test:8443/x"), "git.example.test");
        assert_eq!(of("ssh://git@git.example.test/x"), "git.example.test");
        assert_eq!(of("git@git.example.test:x"), "git.example.test");
        let mut found = Vec::new();
        hosts_in(&serde_json::json!({ "regions": { "primary": { "host": "db.example.test." } } }), &mut found);
        assert_eq!(found, ["db.example.test"]);
    }
}
