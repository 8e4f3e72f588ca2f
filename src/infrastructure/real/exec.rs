//! What the provider `exec` is told: a program of the user's own that acts on a resource of any kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rfc2136::{plain_name, plain_value};
use crate::catalogue::Period;
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::simulate::PerRegion;
use crate::resource::RecordType;
use crate::secret::SecretSource;
use crate::time::Span;
use crate::yaml::{Node, decode};

/// How long a call may take where nothing is said.
const TIMEOUT: Span = Span::from_secs(30);

/// A program, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The program and its arguments; never a shell's string.
    pub command: Vec<String>,
    /// The folder to run it in. Default: Muster's own.
    pub folder: Option<String>,
    /// Secrets that it finds in its environment, by the variable's name.
    #[serde(default)]
    pub env: BTreeMap<String, SecretSource>,
    /// How long one call may take. Default: 30s.
    pub timeout: Option<Period>,
    /// Whatever else it is to know; handed over with each call.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// A DNS record's name.
    pub name: Option<String>,
    /// A DNS record's type.
    #[serde(rename = "type")]
    pub record_type: Option<RecordType>,
    /// A DNS record's TTL for its twin, and where there is no record yet.
    pub ttl: Option<Period>,
    /// A DNS record's values for each region.
    pub targets: Option<PerRegion<Vec<String>>>,
}

impl Exec {
    /// How long one call may take.
    #[must_use]
    pub fn patience(&self) -> Span {
        self.timeout.map_or(TIMEOUT, |it| it.0)
    }

    /// The record's type.
    #[must_use]
    pub fn kind_of_record(&self) -> RecordType {
        self.record_type.unwrap_or_default()
    }

    /// The record's name as it is compared.
    #[must_use]
    pub fn record_name(&self) -> String {
        self.name.as_deref().map(plain_name).unwrap_or_default()
    }

    /// The values that point to `role`, as they are compared, sorted.
    #[must_use]
    pub fn values(&self, role: RegionRole) -> Vec<String> {
        let written = self.targets.as_ref().map(|targets| targets.get(role).as_slice()).unwrap_or_default();
        self.compared(written)
    }

    /// Values as they are compared, sorted.
    #[must_use]
    pub fn compared(&self, values: &[String]) -> Vec<String> {
        let plain = |text: &String| plain_value(self.kind_of_record(), text).unwrap_or_else(|_| text.clone());
        let mut values: Vec<String> = values.iter().map(plain).collect();
        values.sort();
        values.dedup();
        values
    }
}

/// Tells what is wrong with the settings of any kind but `dns`.
pub(super) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<Exec>(settings, diagnostics) else { return };
    program(&read, settings, diagnostics);
    for key in ["name", "type", "ttl", "targets"] {
        if let Some(node) = settings.get(key) {
            diagnostics.push(
                Diagnostic::error("M024", format!("`{key}` is for DNS records only"))
                    .at(node.place())
                    .help("what the program is to know stands under `settings`"),
            );
        }
    }
}

/// Tells what is wrong with the settings of a DNS record.
pub(super) fn check_dns(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<Exec>(settings, diagnostics) else { return };
    program(&read, settings, diagnostics);
    for (key, there) in [("name", read.name.is_some()), ("targets", read.targets.is_some())] {
        if !there {
            diagnostics.push(
                Diagnostic::error("M021", format!("the key `{key}` is missing here"))
                    .at(settings.place())
                    .help("a DNS record has a name, and values for each region under `targets`"),
            );
        }
    }
    let Some(targets) = &read.targets else { return };
    let place = settings.get("targets").unwrap_or(settings).place();
    let kind = read.kind_of_record();
    for role in RegionRole::ALL {
        let values = targets.get(role);
        let fault = match values.iter().find_map(|value| plain_value(kind, value).err()) {
            Some(fault) => fault,
            None if values.is_empty() => format!("the {role} region has no value"),
            None => continue,
        };
        let help = format!("at least one value of a record of type {kind}");
        diagnostics.push(Diagnostic::error("M024", fault).at(place.clone()).help(help));
    }
    if read.values(RegionRole::Primary) == read.values(RegionRole::Secondary) {
        diagnostics.push(
            Diagnostic::error("M024", "both regions have the same values").at(place).help("nothing would be switched"),
        );
    }
}

fn program(read: &Exec, settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if read.command.first().is_none_or(String::is_empty) {
        diagnostics.push(
            Diagnostic::error("M024", "no program is given")
                .at(settings.get("command").unwrap_or(settings).place())
                .help("write `command: [python3, my-provider.py]`"),
        );
    }
    if read.patience().is_zero() {
        diagnostics.push(
            Diagnostic::error("M024", "no program answers in no time")
                .at(settings.get("timeout").unwrap_or(settings).place())
                .help("write how long one call may take: `timeout: 30s`"),
        );
    }
}
