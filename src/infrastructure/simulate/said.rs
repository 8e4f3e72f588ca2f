//! What the twin's servers and programs answer when all is well: just what is expected of them.

use super::Address;
use crate::catalogue::{CommandExpect, HttpExpect, OneOrMany, Probe};
use crate::resource::{Certificate, DnsType};
use crate::time::Span;

/// For how many days a certificate of the twin is valid yet, where no more is expected.
const DAYS: u32 = 90;
/// For how long an answer of the twin's name servers may be kept that no resource has.
const TTL: Span = Span::from_secs(60);
/// Stands in a program's output where the address is to stand that answered.
pub const ADDRESS: &str = "{address}";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Over HTTP.
    Http {
        /// The status.
        status: u16,
        /// Headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
        /// For how many days the server's certificate is valid yet.
        days: u32,
    },
    /// Over a connection, or by a database.
    Text(String),
    /// By a certificate.
    Certificate(Certificate),
    /// By name servers. Of a record of the twin's, the record says.
    Dns {
        /// The values.
        values: Vec<String>,
        /// For how long they may be kept; `None`: as the record says.
        ttl: Option<Span>,
        /// Whether the last of several servers says something else.
        at_odds: bool,
    },
    /// By a program.
    Program {
        /// Its exit code.
        code: i32,
        /// Its output.
        stdout: String,
    },
}

impl Said {
    /// What an HTTP server says of which nothing is expected.
    #[must_use]
    pub fn ok() -> Self {
        Self::of_http(&HttpExpect::default())
    }

    /// What is just as expected of a probe; of a combination, of its first.
    #[must_use]
    pub fn of(probe: &Probe) -> Self {
        let first = |texts: &Option<OneOrMany<String>>| texts.clone().map_or_else(Vec::new, |texts| texts.0);
        match probe {
            Probe::Http(it) => Self::of_http(&it.expect),
            Probe::Tcp(it) => Self::Text(it.expect.texts().join("\n")),
            Probe::Tls(it) => {
                let names = first(&it.expect.names);
                let host = it.tls.server_name.clone().unwrap_or_else(|| it.host.clone());
                Self::Certificate(Certificate {
                    names: if names.is_empty() { vec![host] } else { names },
                    issuer: it.expect.issuer.clone().unwrap_or_else(|| "CN=Simulated authority".to_owned()),
                    valid_for_s: seconds(it.expect.days.unwrap_or(0).saturating_add(DAYS)),
                })
            }
            Probe::Dns(it) => {
                let mut values = first(&it.expect.answers);
                values.extend(first(&it.expect.contains).into_iter().filter(|_| it.expect.answers.is_none()));
                if values.is_empty() {
                    values.push(elsewhere(it.record).to_owned());
                }
                Self::Dns { values, ttl: None, at_odds: false }
            }
            Probe::Postgres(it) => Self::Text(it.expect.value.as_ref().map_or("1", |value| &value.0).to_owned()),
            Probe::Command(it) => {
                let expect =
                    CommandExpect { exit: it.expect.exit.clone(), stdout_contains: it.expect.stdout_contains.clone() };
                let Self::Program { code, mut stdout } = Self::of_program(&expect) else { return Self::ok() };
                if it.prints_address {
                    stdout = format!("{stdout}\n{ADDRESS}");
                }
                Self::Program { code, stdout }
            }
            Probe::Several(it) => it.probes.first().map_or_else(Self::ok, Self::of),
        }
    }

    /// The answer that is just as expected.
    #[must_use]
    pub fn of_http(expect: &HttpExpect) -> Self {
        let status = expect.status.0.first().map_or(200, |(low, _)| *low);
        let exact = expect.headers.iter();
        let within = expect.headers_contain.iter().filter(|(name, _)| !expect.headers.contains_key(*name));
        let headers = exact.chain(within).map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let texts = expect.body_contains.as_ref().map_or(&[][..], |texts| &texts.0);
        let body = if !expect.json.is_empty() {
            json(expect, texts)
        } else if texts.is_empty() {
            let lacks = |word: &str| {
                expect.body_lacks.iter().flat_map(|texts| &texts.0).any(|text| word.contains(text.as_str()))
            };
            if lacks("ok") { String::new() } else { "ok".to_owned() }
        } else {
            texts.join("\n")
        };
        Self::Http { status, headers, body, days: expect.certificate_days.unwrap_or(0).saturating_add(DAYS) }
    }

    /// How a program ends that does just what is expected.
    #[must_use]
    pub fn of_program(expect: &CommandExpect) -> Self {
        Self::Program {
            code: expect.exit.as_ref().and_then(|codes| codes.0.first().copied()).unwrap_or(0),
            stdout: expect.stdout_contains.clone().unwrap_or_default(),
        }
    }

    /// What two say that are asked at one place: what both expect, as far as it goes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Http { status, mut headers, mut body, days },
                Self::Http { headers: more, body: longer, days: later, .. },
            ) => {
                headers.extend(
                    more.into_iter()
                        .filter(|(name, _)| !headers.iter().any(|(known, _)| known == name))
                        .collect::<Vec<_>>(),
                );
                let is_json =
                    |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok_and(|it| it.is_object());
                if longer != "ok" && !body.contains(&longer) {
                    body = if body == "ok" {
                        longer
                    } else if is_json(&body) || is_json(&longer) {
                        joined(&body, &longer)
                    } else {
                        format!("{body}\n{longer}")
                    };
                }
                Self::Http { status, headers, body, days: days.max(later) }
            }
            (Self::Certificate(one), Self::Certificate(other)) => {
                let mut both = one;
                both.names.extend(other.names);
                both.valid_for_s = both.valid_for_s.max(other.valid_for_s);
                Self::Certificate(both)
            }
            (Self::Text(one), Self::Text(other)) if !one.contains(&other) => Self::Text(format!("{one}\n{other}")),
            (first, _) => first,
        }
    }
}

/// Days in seconds, and an hour: a rehearsal takes its time.
#[must_use]
pub fn seconds(days: u32) -> i64 {
    i64::from(days) * 86_400 + 3_600
}

/// An answer that nobody gives.
#[must_use]
pub fn elsewhere(record: DnsType) -> &'static str {
    match record {
        DnsType::A => "203.0.113.99",
        DnsType::Aaaa => "2001:db8::99",
        _ => "elsewhere.invalid",
    }
}

/// How long the twin lets an answer be kept that no resource has.
#[must_use]
pub fn kept_for() -> Span {
    TTL
}

/// A document in which each pointer points to what is expected.
fn json(expect: &HttpExpect, texts: &[String]) -> String {
    let mut document = serde_json::Value::Null;
    for (pointer, value) in &expect.json {
        put(&mut document, pointer, value.clone());
    }
    let text = document.to_string();
    let missing: Vec<&String> = texts.iter().filter(|wanted| !text.contains(wanted.as_str())).collect();
    if let (serde_json::Value::Object(object), false) = (&mut document, missing.is_empty()) {
        object.insert("texts".to_owned(), missing.into_iter().cloned().collect());
    }
    document.to_string()
}

/// One document with what both have.
fn joined(one: &str, other: &str) -> String {
    let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| serde_json::json!({ "text": text }));
    let (mut one, other): (serde_json::Value, serde_json::Value) = (parse(one), parse(other));
    if let (serde_json::Value::Object(one), serde_json::Value::Object(other)) = (&mut one, other) {
        for (key, value) in other {
            one.entry(key).or_insert(value);
        }
    }
    one.to_string()
}

/// Puts `value` where `pointer` points to (RFC 6901), and makes what stands on the way.
pub fn put(document: &mut serde_json::Value, pointer: &str, value: serde_json::Value) {
    /// A list on the way is made no longer.
    const LONGEST: usize = 100;
    let mut place = document;
    for key in pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")) {
        let index = key.parse::<usize>().ok().filter(|index| *index < LONGEST && !place.is_object());
        place = if let Some(index) = index {
            if !place.is_array() {
                *place = serde_json::json!([]);
            }
            let serde_json::Value::Array(list) = place else { return };
            if list.len() <= index {
                list.resize(index + 1, serde_json::Value::Null);
            }
            &mut list[index]
        } else {
            if !place.is_object() {
                *place = serde_json::json!({});
            }
            let serde_json::Value::Object(object) = place else { return };
            object.entry(key).or_insert(serde_json::Value::Null)
        };
    }
    *place = value;
}

impl Address {
    /// What a probe connects to; of a combination, what its first does.
    ///
    /// # Errors
    /// Says what is wrong with its URL.
    pub fn of(probe: &Probe) -> Result<Self, String> {
        let at = |host: &str, port: u16, path: Option<String>| Self { host: host.to_owned(), port, path };
        Ok(match probe {
            Probe::Http(http) => {
                let (host, port, path) = crate::catalogue::split_url(&http.url)?;
                at(host, port, Some(Self::path(http.method, path)))
            }
            Probe::Tcp(it) => at(&it.host, it.port, None),
            Probe::Tls(it) => at(&it.host, it.port, Some("tls".to_owned())),
            Probe::Dns(it) => at(&it.name, Self::DNS_PORT, Some(format!("dns {}", it.record))),
            Probe::Postgres(it) => at(&it.host, it.port, Some(format!("postgres {}: {}", it.database, it.query))),
            Probe::Command(it) => at(&it.argv.join(" "), Self::NO_PORT, None),
            Probe::Several(it) => match it.probes.first() {
                Some(first) => Self::of(first)?,
                None => return Err("the combination is empty".to_owned()),
            },
        })
    }

    /// The port of what is no server, but a program.
    pub const NO_PORT: u16 = 0;
    /// That of name servers.
    pub const DNS_PORT: u16 = 53;

    /// What tells requests apart: the path without its query, and the method where it is none of those that read.
    #[must_use]
    pub fn path(method: crate::resource::Method, path: &str) -> String {
        use crate::resource::Method;
        let path = path.find(['?', '#']).map_or(path, |at| &path[..at]);
        match method {
            Method::Get | Method::Head => path.to_owned(),
            other => format!("{} {path}", other.as_str()),
        }
    }
}
