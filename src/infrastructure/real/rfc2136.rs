//! What the provider `rfc2136` is told: a record, the name server that takes its updates, and whom to ask for it.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::ServerAddress;
use crate::catalogue::Period;
use crate::diagnostic::Diagnostic;
use crate::id::RegionRole;
use crate::infrastructure::simulate::PerRegion;
use crate::resource::RecordType;
use crate::secret::SecretSource;
use crate::yaml::{Node, decode};

/// The most name servers or resolvers that are listed.
pub const SERVERS_MAX: usize = 32;
/// The most values of one record set.
pub const VALUES_MAX: usize = 64;

/// A record that is changed by dynamic update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rfc2136 {
    /// The record's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type", default)]
    pub record_type: RecordType,
    /// The TTL that it gets where there is no record yet; one that is there keeps its own. Default: 60s.
    pub ttl: Option<Period>,
    /// The zone that it is in.
    pub zone: String,
    /// The primary name server, which takes updates.
    pub server: ServerAddress,
    /// The key that signs them.
    pub key: Key,
    /// The zone's authoritative servers, in place of what its NS records say.
    #[serde(default)]
    pub authoritative: Vec<ServerAddress>,
    /// Users' caching resolvers that the change is followed through.
    #[serde(default)]
    pub resolvers: Vec<ServerAddress>,
    /// The values that point to each region.
    pub targets: PerRegion<Vec<String>>,
}

/// A TSIG key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name, as the server knows it.
    pub name: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its secret, in base64.
    pub secret: SecretSource,
}

/// The algorithms of TSIG that RFC 8945 asks for, but for the weak ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SHA-384.
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

/// A name as it is compared: in lower case, without a final dot.
#[must_use]
pub fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A value of a record as it is compared.
///
/// # Errors
/// Says what it should be.
pub fn plain_value(record_type: RecordType, text: &str) -> Result<String, String> {
    match record_type {
        RecordType::A => {
            text.parse::<Ipv4Addr>().map(|it| it.to_string()).map_err(|_| format!("`{text}` is no IPv4 address"))
        }
        RecordType::Aaaa => {
            text.parse::<Ipv6Addr>().map(|it| it.to_string()).map_err(|_| format!("`{text}` is no IPv6 address"))
        }
        RecordType::Cname => name_fault(text).map_or_else(|| Ok(plain_name(text)), Err),
    }
}

/// What is wrong with a name, by the lengths and characters of RFC 1035 and 2181; an underscore is allowed.
fn name_fault(name: &str) -> Option<String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte))
    };
    let sound = bare.len() <= 253 && bare.split('.').all(fits);
    (!sound).then(|| format!("`{name}` is no DNS name"))
}

/// Whether `name` is `zone` or below it.
fn within(name: &str, zone: &str) -> bool {
    let (name, zone) = (plain_name(name), plain_name(zone));
    name == zone || name.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.'))
}

impl Rfc2136 {
    /// The values that point to `role`, as they are compared, sorted.
    #[must_use]
    pub fn values(&self, role: RegionRole) -> Vec<String> {
        let plain = |text: &String| plain_value(self.record_type, text).unwrap_or_else(|_| text.clone());
        let mut values: Vec<String> = self.targets.get(role).iter().map(plain).collect();
        values.sort();
        values.dedup();
        values
    }
}

/// Tells what is wrong with the settings, each thing at its place.
pub(super) fn check(settings: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(read) = decode::<Rfc2136>(settings, diagnostics) else { return };
    let mut tell = |path: &[&str], what: String, help: &str| {
        let place = path.iter().try_fold(settings, |node, key| node.get(key)).unwrap_or(settings).place();
        diagnostics.push(Diagnostic::error("M024", what).at(place).help(help.to_owned()));
    };
    for (key, name) in [("name", &read.name), ("zone", &read.zone)] {
        if let Some(fault) = name_fault(name) {
            tell(&[key], fault, "labels of letters, digits, - and _ with dots between: code.example.com");
        }
    }
    if let Some(fault) = name_fault(&read.key.name) {
        tell(&["key", "name"], fault, "the name that the key has in the name server's configuration");
    }
    if !within(&read.name, &read.zone) {
        tell(
            &["zone"],
            format!("`{}` is not in the zone `{}`", read.name, read.zone),
            "the zone's name ends the record's",
        );
    }
    for (key, listed) in [("authoritative", &read.authoritative), ("resolvers", &read.resolvers)] {
        if listed.len() > SERVERS_MAX {
            tell(&[key], format!("{} servers are listed", listed.len()), "at most 32 are asked");
        }
    }
    for role in RegionRole::ALL {
        let path = ["targets", role.as_str()];
        let values = read.targets.get(role);
        for value in values {
            if let Err(fault) = plain_value(read.record_type, value) {
                tell(&path, fault, &format!("the values of a record of type {} are meant", read.record_type));
            }
        }
        match values.len() {
            0 => tell(&path, format!("the {role} region has no value"), "write at least one"),
            2.. if read.record_type == RecordType::Cname => {
                tell(&path, "a CNAME has one value".to_owned(), "name one target, or use `type: A`");
            }
            n if n > VALUES_MAX => tell(&path, format!("{n} values are too many"), "a record set has at most 64 here"),
            _ => {}
        }
    }
    if read.values(RegionRole::Primary) == read.values(RegionRole::Secondary) {
        tell(&["targets"], "both regions have the same values".to_owned(), "nothing would be switched");
    }
}
