//! `tcp`, `tls`, `dns`, `postgres` and `command`: what is asked, and what is expected of the answer.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{Judged, on_time, quoted};
use crate::catalogue::{CommandExpect, ExitCodes, OneOrMany, Period};
use crate::resource::{Certificate, DnsAnswer, DnsType, Family, Finished, Resolver, SslMode, TlsOptions};
use crate::secret::SecretSource;
use crate::time::Span;

/// What is expected of a TCP connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpExpect {
    /// Each of these texts comes back, after what was sent. Bytes that are no UTF-8 are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receives: Option<OneOrMany<String>>,
    /// All of it takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl TcpExpect {
    /// Whether it expects nothing but a connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The texts that must come back.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        self.receives.as_ref().map_or(&[], |texts| &texts.0)
    }

    /// Judges what came back.
    #[must_use]
    pub fn judge(&self, received: &str, took: Span) -> Judged {
        match self.texts().iter().find(|text| !received.contains(text.as_str())) {
            Some(text) => {
                Judged::Otherwise(format!("`{text}` does not come back; what came is `{}`", quoted(received)))
            }
            None => on_time(self.within, took),
        }
    }
}

/// A TCP connection, and a word or two over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is sent, as soon as the connection stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What is expected.
    #[serde(default, skip_serializing_if = "TcpExpect::is_empty")]
    pub expect: TcpExpect,
    /// Who resolves the name.
    #[serde(default)]
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    #[serde(default, skip_serializing_if = "Family::is_any")]
    pub family: Family,
}

impl TcpProbe {
    /// One that connects and does nothing else.
    #[must_use]
    pub fn to(host: &str, port: u16, resolver: Resolver) -> Self {
        let (expect, family) = (TcpExpect::default(), Family::Any);
        Self { host: host.to_owned(), port, send: None, expect, resolver, family }
    }
}

/// What is expected of a TLS handshake, beside that it succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsExpect {
    /// The certificate names each of these hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<OneOrMany<String>>,
    /// The certificate is valid for at least so many more days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// This text stands in the name of who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// All of it takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl TlsExpect {
    /// Judges the certificate that was shown.
    #[must_use]
    pub fn judge(&self, shown: &Certificate, took: Span) -> Judged {
        let names = self.names.as_ref().map_or(&[][..], |names| &names.0);
        if let Some(missing) = names.iter().find(|name| !shown.is_for(name)) {
            return Judged::Otherwise(format!(
                "the certificate is not for {missing}, but for {}",
                shown.names.join(", ")
            ));
        }
        if let Some(short) = self.days.and_then(|least| shown.short_of(least)) {
            return Judged::Otherwise(short);
        }
        match &self.issuer {
            Some(issuer) if !shown.issuer.contains(issuer.as_str()) => Judged::Otherwise(format!(
                "the certificate was issued by `{}`, expected `{issuer}` in it",
                shown.issuer
            )),
            _ => on_time(self.within, took),
        }
    }
}

/// A TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsProbe {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is expected.
    #[serde(default)]
    pub expect: TlsExpect,
    /// Who resolves the name.
    #[serde(default)]
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    #[serde(default, skip_serializing_if = "Family::is_any")]
    pub family: Family,
    /// How TLS is spoken.
    #[serde(default, skip_serializing_if = "TlsOptions::is_default")]
    pub tls: TlsOptions,
}

/// What is expected of DNS answers. Every server that is asked must answer, and all of them the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsExpect {
    /// The answers are exactly these, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<OneOrMany<String>>,
    /// Each of these is among the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<OneOrMany<String>>,
    /// No answer may be kept for longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_at_most: Option<Period>,
    /// All of it takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl DnsExpect {
    /// Judges what each server answered.
    #[must_use]
    pub fn judge(&self, answers: &[DnsAnswer], took: Span) -> Judged {
        let mut first: Option<(&str, Vec<String>)> = None;
        for answer in answers {
            let server = &answer.server;
            let (values, ttl) = match &answer.result {
                Ok(found) => found,
                Err(why) => return Judged::Otherwise(format!("{server}: {why}")),
            };
            let values = plain(values);
            if values.is_empty() {
                return Judged::Otherwise(format!("{server} has no such record"));
            }
            match &first {
                Some((other, theirs)) if *theirs != values => {
                    let (ours, theirs) = (values.join(" "), theirs.join(" "));
                    return Judged::Otherwise(format!(
                        "not all agree: {other} answers {theirs}, {server} answers {ours}"
                    ));
                }
                Some(_) => {}
                None => first = Some((server, values.clone())),
            }
            if let Some(wanted) =
                self.answers.as_ref().map(|wanted| plain(&wanted.0)).filter(|wanted| *wanted != values)
            {
                let (found, wanted) = (values.join(" "), wanted.join(" "));
                return Judged::Otherwise(format!("{server} answers {found}, expected {wanted}"));
            }
            let contained = self.contains.as_ref().map_or_else(Vec::new, |wanted| plain(&wanted.0));
            if let Some(missing) = contained.iter().find(|one| !values.contains(one)) {
                return Judged::Otherwise(format!("{server} answers {}, without {missing}", values.join(" ")));
            }
            if let Some(Period(most)) = self.ttl_at_most.filter(|most| *ttl > most.0) {
                return Judged::Otherwise(format!("the TTL at {server} is {ttl}, expected at most {most}"));
            }
        }
        on_time(self.within, took)
    }
}

/// Values as they are compared: in order, names without their last dot and in small letters.
fn plain(values: &[String]) -> Vec<String> {
    let one = |value: &String| value.trim_end_matches('.').to_ascii_lowercase();
    let mut all: Vec<String> = values.iter().map(one).collect();
    all.sort();
    all.dedup();
    all
}

/// A question to name servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsProbe {
    /// The name that is asked for.
    pub name: String,
    /// The type of its records.
    #[serde(default)]
    pub record: DnsType,
    /// The servers that are asked, each by its address; none: the resolver that the machine is set up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// What is expected.
    #[serde(default)]
    pub expect: DnsExpect,
}

/// A value as `PostgreSQL` prints it: text, a number, `true` or `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(pub String);

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Literal;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value: text, a number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Literal, E> {
                Ok(Literal(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Literal, E> {
                Ok(Literal(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Literal, E> {
                Ok(Literal(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Literal, E> {
                Ok(Literal(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Literal, E> {
                // As the server prints it.
                Ok(Literal(if yes { "t" } else { "f" }.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What is expected of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresExpect {
    /// The first column of the first row, as the server prints it; unstated: that the query succeeds is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Literal>,
    /// All of it takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl PostgresExpect {
    /// Judges the first column of the first row; `None`: no row, or null.
    #[must_use]
    pub fn judge(&self, found: Option<&str>, took: Span) -> Judged {
        match (&self.value, found) {
            (Some(Literal(wanted)), Some(found)) if wanted != found => {
                Judged::Otherwise(format!("the query gives `{}`, expected `{wanted}`", quoted(found)))
            }
            (Some(Literal(wanted)), None) => Judged::Otherwise(format!("the query gives nothing, expected `{wanted}`")),
            _ => on_time(self.within, took),
        }
    }
}

/// A query, in a session of its own that may read and not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresProbe {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who asks.
    pub user: String,
    /// Their password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// What is asked.
    pub query: String,
    /// How the connection is secured, in libpq's words.
    #[serde(default)]
    pub sslmode: SslMode,
    /// What is expected.
    #[serde(default)]
    pub expect: PostgresExpect,
    /// Who resolves the name.
    #[serde(default)]
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    #[serde(default, skip_serializing_if = "Family::is_any")]
    pub family: Family,
    /// How TLS is spoken.
    #[serde(default, skip_serializing_if = "TlsOptions::is_default")]
    pub tls: TlsOptions,
}

/// What is expected of a program that is a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramExpect {
    /// One of these exit codes; unstated: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitCodes>,
    /// This text in its standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_contains: Option<String>,
    /// It takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl ProgramExpect {
    /// Judges how it ended.
    #[must_use]
    pub fn judge(&self, seen: &Finished, took: Span) -> Judged {
        let (exit, stdout_contains) = (self.exit.clone(), self.stdout_contains.clone());
        match (CommandExpect { exit, stdout_contains }).judge(seen) {
            Some(what) => Judged::Otherwise(what),
            None => on_time(self.within, took),
        }
    }
}

/// A program of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    /// The program and its arguments; never a shell's string.
    pub argv: Vec<String>,
    /// Whether the last line of its standard output is the address that answered it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prints_address: bool,
    /// What is expected.
    #[serde(default)]
    pub expect: ProgramExpect,
}
