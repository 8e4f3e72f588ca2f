//! What somebody wants to start from, and what is wrong with it.

use std::collections::BTreeSet;

use crate::catalogue::split_url;
use crate::id::{MAX_ID_LEN, ResourceId, ServiceId};

/// The most services, and the most records: a start, no inventory.
const MOST: usize = 50;
/// The longest free text, in characters.
const TEXT_MAX: usize = 200;

/// A provider that a starter can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Nothing real.
    Simulated,
    /// Records by dynamic update.
    Rfc2136,
    /// `PostgreSQL` servers.
    Postgres,
    /// Repositories of git.
    Git,
}

/// What somebody wants to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The playbook's name, and its file's.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// What users use: a name and a URL each.
    pub services: Vec<(String, String)>,
    /// The primary region's name.
    pub primary: String,
    /// The secondary region's name.
    pub secondary: String,
    /// A database that is copied to the secondary region.
    pub database: Option<String>,
    /// A storage that is copied there.
    pub storage: Option<String>,
    /// Names that the drill moves beside the services' own.
    pub dns: Vec<String>,
    /// Which things are real, by what provides them.
    pub providers: Vec<Provider>,
}

/// A record that the drill moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The resource's name.
    pub id: String,
    /// The record's.
    pub name: String,
}

/// What is wrong with a wish, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Faulty {
    /// The option that it came by, without dashes.
    pub option: &'static str,
    /// All of it, for people.
    pub what: String,
}

fn faulty(option: &'static str, what: impl Into<String>) -> Faulty {
    Faulty { option, what: what.into() }
}

/// The nearest thing to `text` that may be an id; empty if nothing of it may.
#[must_use]
pub fn id_of(text: &str) -> String {
    let mut id = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.truncate(MAX_ID_LEN);
    id.trim_end_matches('-').to_owned()
}

impl Wishes {
    /// Whether anything is real.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.providers.iter().any(|it| *it != Provider::Simulated)
    }

    /// What the infrastructure is called, and is.
    #[must_use]
    pub fn environment(&self) -> &'static str {
        if self.is_real() { "staging" } else { "simulated" }
    }

    /// Whether `provider` is wished for.
    #[must_use]
    pub fn has(&self, provider: Provider) -> bool {
        self.providers.contains(&provider)
    }

    /// The records that the drill moves, if all is as it must be.
    ///
    /// # Errors
    /// The first thing that is not.
    pub fn checked(&self) -> Result<Vec<Record>, Faulty> {
        id("name", "the drill", &self.name)?;
        // A run's id is a file's name too, and so is the playbook's.
        if self.name == "infra" {
            return Err(faulty(
                "name",
                "`infra` is the folder of the infrastructure file: call the drill something else",
            ));
        }
        for (option, what, text) in [
            ("owner", "the owner", &self.owner),
            ("primary", "the primary region", &self.primary),
            ("secondary", "the secondary region", &self.secondary),
        ] {
            free(option, what, text)?;
        }
        if self.primary == self.secondary {
            return Err(faulty(
                "secondary",
                format!("both regions are called `{}`: nothing would fail over", self.primary),
            ));
        }
        self.services()?;
        let mut taken = BTreeSet::new();
        for (option, what, text) in
            [("database", "the database", &self.database), ("storage", "the storage", &self.storage)]
        {
            if let Some(text) = text {
                id(option, what, text)?;
                if !taken.insert(text.clone()) {
                    return Err(faulty(
                        option,
                        format!("database and storage are both called `{text}`: each needs a name of its own"),
                    ));
                }
            }
        }
        for (provider, option, there, what) in [
            (
                Provider::Postgres,
                "provider",
                self.database.is_some(),
                "postgres provides a database: name it with --database",
            ),
            (Provider::Git, "provider", self.storage.is_some(), "git provides a storage: name it with --storage"),
        ] {
            if self.has(provider) && !there {
                return Err(faulty(option, what));
            }
        }
        if self.has(Provider::Simulated) && self.is_real() {
            return Err(faulty("provider", "what no other provider is for is simulated anyway: leave `simulated` out"));
        }
        self.records(taken)
    }

    fn services(&self) -> Result<(), Faulty> {
        if self.services.is_empty() || self.services.len() > MOST {
            return Err(faulty("service", format!("name 1 to {MOST} services, each as NAME=URL")));
        }
        let mut seen = BTreeSet::new();
        for (name, url) in &self.services {
            if let Err(error) = ServiceId::new(name) {
                return Err(faulty("service", with_proposal(&error.to_string(), name)));
            }
            // Both stand for more than one where playbooks name services.
            if name == "all" || name == "any" {
                return Err(faulty(
                    "service",
                    format!("`{name}` means every service where a playbook names some: call it something else"),
                ));
            }
            if !seen.insert(name) {
                return Err(faulty("service", format!("the service `{name}` is named twice")));
            }
            free("service", "the URL", url)?;
            host(url)?;
        }
        Ok(())
    }

    fn records(&self, mut taken: BTreeSet<String>) -> Result<Vec<Record>, Faulty> {
        let mut names: Vec<String> = Vec::new();
        let hosts = self.services.iter().map(|(_, url)| host(url)).collect::<Result<Vec<_>, _>>()?;
        for name in hosts.into_iter().chain(self.dns.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()))
        {
            if let Some(what) = dns_fault(&name) {
                return Err(faulty("dns", what));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > MOST {
            return Err(faulty("dns", format!("{} names are too many to start from: at most {MOST}", names.len())));
        }
        let mut records = Vec::new();
        for name in names {
            // The first label reads best; where it is taken, the whole name, and then a number.
            let first = id_of(name.split('.').next().unwrap_or_default());
            let numbered = (2..).map(|n| format!("dns-{n}"));
            let id = [first, id_of(&name)]
                .into_iter()
                .chain(numbered)
                .find(|id| !id.is_empty() && ResourceId::new(id).is_ok() && !is_word(id) && !taken.contains(id));
            let Some(id) = id else { continue };
            taken.insert(id.clone());
            records.push(Record { id, name });
        }
        Ok(records)
    }
}

/// Words that would be no text in YAML.
fn is_word(id: &str) -> bool {
    let radix = |prefix: &str| id.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    id.bytes().all(|byte| byte.is_ascii_digit() || b".e-".contains(&byte))
        || radix("0x")
        || radix("0o")
        || ["null", "true", "false", ".inf", ".nan", "primary", "secondary"].contains(&id)
}

/// The host of a URL, in lower case, which must be a name: an address can't be moved.
pub(super) fn host(url: &str) -> Result<String, Faulty> {
    let (host, port, _) = split_url(url).map_err(|why| faulty("service", why))?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[') {
        return Err(faulty("service", format!("`{url}` is at an address, which no drill can move: users need a name")));
    }
    if port == 0 || url.contains(|c: char| c.is_whitespace() || c == '"' || c == '\\') {
        return Err(faulty(
            "service",
            format!("`{url}` is no URL: write for example https://www.example.test/healthz"),
        ));
    }
    dns_fault(&host).map_or(Ok(host), |why| Err(faulty("service", why)))
}

/// What is wrong with a name of the DNS (RFC 1035).
fn dns_fault(name: &str) -> Option<String> {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let sound = name.len() <= 253 && name.contains('.') && name.split('.').all(fits);
    (!sound).then(|| format!("`{}` is no full DNS name: write for example www.example.test", shown(name)))
}

fn id(option: &'static str, what: &str, text: &str) -> Result<(), Faulty> {
    match ResourceId::new(text) {
        Err(_) => {
            let rule = format!(
                "the name of {what} has small letters a to z, digits, `.`, `_` and `-`, at most {MAX_ID_LEN}, not `{}`",
                shown(text)
            );
            Err(faulty(option, with_proposal(&rule, text)))
        }
        Ok(_) if is_word(text) => {
            Err(faulty(option, format!("`{text}` is no name: a reader would take it for something else")))
        }
        Ok(_) => Ok(()),
    }
}

fn with_proposal(rule: &str, text: &str) -> String {
    let proposal = id_of(text);
    if proposal.is_empty() || proposal == text { rule.to_owned() } else { format!("{rule}; `{proposal}` would do") }
}

/// Text that a document can hold as it is: what acts on a terminal, or is a template, is not.
fn free(option: &'static str, what: &str, text: &str) -> Result<(), Faulty> {
    if text.trim().is_empty() {
        return Err(faulty(option, format!("{what} is empty")));
    }
    if text.chars().count() > TEXT_MAX {
        return Err(faulty(option, format!("{what} is longer than {TEXT_MAX} characters")));
    }
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(odd) {
        return Err(faulty(option, format!("{what} has characters that can't be seen or that end a line")));
    }
    if text.contains("{{") || text.contains("}}") {
        return Err(faulty(option, format!("{what} has `{{{{` or `}}}}`, which a playbook takes for a template")));
    }
    Ok(())
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
