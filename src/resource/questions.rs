//! What else is asked over the network: who answers by TLS, what name servers say, what a database says.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Resolver;
use crate::secret::SecretSource;
use crate::time::Span;

/// Addresses of which family are connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Both, as the resolver orders them.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl Family {
    /// Whether it is both.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// How TLS is spoken, where it is not as the machine has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsOptions {
    /// A file with the certificates of the authorities that are trusted, in PEM; unstated: those that the machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The name that is asked for, and that the certificate must be for; unstated: the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether any certificate will do, whoever issued it, for whatever name, even one that has expired.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// A file with the certificate that is shown to the server, and those between it and its authority, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// The key of that certificate, in PEM: `{ file: PATH }` or `{ env: NAME }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretSource>,
}

impl TlsOptions {
    /// Whether all is as the machine has it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a connection is secured, in libpq's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never by TLS.
    Disable,
    /// By TLS only if the server takes nothing else.
    Allow,
    /// By TLS if the server has it.
    #[default]
    Prefer,
    /// By TLS, whoever the server is; with `sslrootcert` as [`SslMode::VerifyCa`].
    Require,
    /// By TLS, to a server whose certificate a known authority signed.
    VerifyCa,
    /// The same, and the certificate must be for the host that was asked for.
    VerifyFull,
}

/// Types of DNS records that can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Another name.
    Cname,
    /// Who takes mail.
    Mx,
    /// Name servers.
    Ns,
    /// The zone's serial number and the like.
    Soa,
    /// Where a service is.
    Srv,
    /// Text.
    Txt,
}

impl fmt::Display for DnsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        })
    }
}

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The hosts that it is for: names, `*.example.test`, addresses.
    pub names: Vec<String>,
    /// Who issued it: `CN=R11,O=Let's Encrypt,C=US`.
    pub issuer: String,
    /// For how long it is valid yet, in seconds; less than none once it has expired.
    pub valid_for_s: i64,
}

impl Certificate {
    /// Days that it is valid yet, whole ones.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.valid_for_s.div_euclid(86_400)
    }

    /// What is said of one that is valid for fewer than `least` days.
    #[must_use]
    pub fn short_of(&self, least: u32) -> Option<String> {
        let days = self.days();
        if days >= i64::from(least) {
            return None;
        }
        Some(if self.valid_for_s < 0 {
            format!("the certificate has expired {} days ago, expected at least {least} days left", -days)
        } else {
            format!("the certificate is valid for {days} more days, expected at least {least}")
        })
    }

    /// Whether it is for `name`. A `*` stands for one label (RFC 6125, 6.4.3).
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let parent = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_ascii_lowercase());
        self.names.iter().any(|one| {
            one.eq_ignore_ascii_case(name)
                || one.strip_prefix("*.").is_some_and(|rest| parent(name) == Some(rest.to_ascii_lowercase()))
        })
    }
}

/// A TLS handshake.
#[derive(Clone, Debug)]
pub struct TlsRequest {
    /// The name or address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Who resolves the name.
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    pub family: Family,
    /// How TLS is spoken.
    pub tls: TlsOptions,
}

/// A question to name servers.
#[derive(Clone, Debug)]
pub struct DnsRequest {
    /// The name.
    pub name: Arc<str>,
    /// The type.
    pub record: DnsType,
    /// Who is asked, by address; nobody: the resolver that the machine is set up with.
    pub servers: Vec<String>,
}

/// What one name server answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsAnswer {
    /// The server, as it was named.
    pub server: String,
    /// The values and for how long they may be kept; or why there are none.
    pub result: Result<(Vec<String>, Span), String>,
}

/// A query.
#[derive(Clone, Debug)]
pub struct PostgresRequest {
    /// The name or address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Who resolves the name.
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    pub family: Family,
    /// The database.
    pub database: String,
    /// Who asks.
    pub user: String,
    /// Their password.
    pub password: Option<SecretSource>,
    /// What is asked.
    pub query: Arc<str>,
    /// How the connection is secured.
    pub sslmode: SslMode,
    /// How TLS is spoken.
    pub tls: TlsOptions,
}
