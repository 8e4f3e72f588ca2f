//! Probes: what is asked of a service, and what is expected of its answer.

mod http;
mod kinds;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Named, Period};
use crate::secret::SecretSource;
use crate::time::Span;

pub use http::{HttpExpect, HttpProbe};
pub use kinds::{
    CommandProbe, DnsExpect, DnsProbe, Literal, PostgresExpect, PostgresProbe, ProgramExpect, TcpExpect, TcpProbe,
    TlsExpect, TlsProbe,
};
pub use status::StatusCodes;

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All as expected.
    AsExpected,
    /// Not as expected; says what was seen.
    Otherwise(String),
}

/// Whether what was as expected otherwise was also in time.
fn on_time(within: Option<Period>, took: Span) -> Judged {
    match within {
        Some(Period(most)) if took > most => Judged::Otherwise(format!("took {took}, expected at most {most}")),
        _ => Judged::AsExpected,
    }
}

/// The beginning of what somebody answered.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 120;
    text.chars().take(SHOWN).collect()
}

/// Several probes of which so many must be healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combination {
    /// So many.
    pub needed: usize,
    /// They are asked at the same time.
    pub probes: Vec<Probe>,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Asks over HTTP.
    Http(HttpProbe),
    /// Connects.
    Tcp(TcpProbe),
    /// Connects, and looks at who answers.
    Tls(TlsProbe),
    /// Asks name servers.
    Dns(DnsProbe),
    /// Asks a database.
    Postgres(PostgresProbe),
    /// Runs a program.
    Command(CommandProbe),
    /// Does several of these.
    Several(Combination),
}

impl Probe {
    /// The most combinations that stand in each other.
    pub const DEPTH_MAX: usize = 4;
    /// The most probes that one is made of.
    pub const LEAVES_MAX: usize = 16;

    /// What it is made of, from left to right: itself, unless it is a combination.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Several(several) => several.probes.iter().flat_map(Self::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    /// What else must fail with the `n`th of its [`Self::leaves`] so that all of it fails, by their numbers.
    #[must_use]
    pub fn beside(&self, n: usize) -> Vec<usize> {
        let mut all = Vec::new();
        let Self::Several(several) = self else { return all };
        let mut first = 0;
        let mut spare = several.probes.len().saturating_sub(several.needed);
        for probe in &several.probes {
            let count = probe.leaves().len();
            if (first..first + count).contains(&n) {
                all.extend(probe.beside(n - first).into_iter().map(|leaf| leaf + first));
            } else if spare > 0 {
                // One that is needed no more than others fails as a whole.
                all.extend(first..first + count);
                spare -= 1;
            }
            first += count;
        }
        all
    }

    /// The name or address, and the port, that the first of its leaves connects to which has one.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        self.leaves().into_iter().find_map(|leaf| match leaf {
            Self::Http(http) => split_url(&http.url).ok().map(|(host, port, _)| (host, port)),
            Self::Tcp(it) => Some((it.host.as_str(), it.port)),
            Self::Tls(it) => Some((it.host.as_str(), it.port)),
            Self::Postgres(it) => Some((it.host.as_str(), it.port)),
            Self::Dns(_) | Self::Command(_) | Self::Several(_) => None,
        })
    }

    /// Whom it asks: a URL, a host and port, or what else it asks.
    #[must_use]
    pub fn target(&self) -> String {
        match (self, self.host_and_port()) {
            (Self::Http(probe), _) => probe.url.clone(),
            (Self::Several(_), _) | (_, None) => self.to_string(),
            (_, Some((host, port))) => format!("{host}:{port}"),
        }
    }

    /// The longest that any of its expectations lets an answer take.
    #[must_use]
    pub fn within(&self) -> Option<Span> {
        let within = match self {
            Self::Http(it) => it.expect.within,
            Self::Tcp(it) => it.expect.within,
            Self::Tls(it) => it.expect.within,
            Self::Dns(it) => it.expect.within,
            Self::Postgres(it) => it.expect.within,
            Self::Command(it) => it.expect.within,
            Self::Several(_) => None,
        };
        within.map(|within| within.0)
    }

    /// The secrets that it reads.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretSource> {
        let mut all = Vec::new();
        for leaf in self.leaves() {
            match leaf {
                Self::Http(it) => {
                    all.extend(it.headers.values().filter_map(super::Value::secret));
                    all.extend(&it.tls.client_key);
                }
                Self::Tls(it) => all.extend(&it.tls.client_key),
                Self::Postgres(it) => all.extend(it.password.iter().chain(&it.tls.client_key)),
                Self::Tcp(_) | Self::Dns(_) | Self::Command(_) | Self::Several(_) => {}
            }
        }
        all
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(probe) => write!(f, "{} {}", probe.method.as_str(), probe.url),
            Self::Tcp(probe) => write!(f, "tcp {}:{}", probe.host, probe.port),
            Self::Tls(probe) => write!(f, "tls {}:{}", probe.host, probe.port),
            Self::Dns(probe) if probe.servers.is_empty() => write!(f, "dns {} {}", probe.name, probe.record),
            Self::Dns(probe) => write!(f, "dns {} {} at {}", probe.name, probe.record, Named(&probe.servers)),
            Self::Postgres(probe) => write!(f, "postgres {}:{}/{}", probe.host, probe.port, probe.database),
            Self::Command(probe) => write!(f, "command {}", probe.argv.join(" ")),
            Self::Several(several) => {
                match (several.needed, several.probes.len()) {
                    (needed, count) if needed == count => f.write_str("all of ")?,
                    (1, _) => f.write_str("any of ")?,
                    (needed, _) => write!(f, "{needed} of ")?,
                }
                write!(f, "({})", Named(&several.probes))
            }
        }
    }
}

/// Splits `http://host:port/path` into host, port and path.
///
/// # Errors
/// Says what is wrong with it and shows a right one.
pub fn split_url(url: &str) -> Result<(&str, u16, &str), String> {
    let wrong = |what: &str| format!("`{url}` {what}; write for example https://code.example.test/healthz");
    let (rest, default_port) = if let Some(rest) = url.strip_prefix("https://") {
        (rest, 443)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (rest, 80)
    } else {
        return Err(wrong("does not begin with http:// or https://"));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(wrong("carries a user name or password, which would stand in every report"));
    }
    let (host, port) = match authority.rfind(':') {
        // A colon inside [ ] belongs to an IPv6 address.
        Some(colon) if !authority[colon..].contains(']') => {
            let port = authority[colon + 1..].parse().map_err(|_| wrong("has no valid port after the colon"))?;
            (&authority[..colon], port)
        }
        _ => (authority, default_port),
    };
    if host.is_empty() {
        return Err(wrong("has no host"));
    }
    Ok((host, port, if path.is_empty() { "/" } else { path }))
}
