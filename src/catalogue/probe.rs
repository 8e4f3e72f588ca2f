//! Probes: what is asked of a service, and what is expected of its answer.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{OneOrMany, Period};
use crate::resource::{HttpResponse, Method, Resolver};
use crate::time::Span;

/// A status code or a range of them: `200`, `"2xx"`, or a list of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCodes(pub Vec<(u16, u16)>);

impl Default for StatusCodes {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl StatusCodes {
    /// Whether `status` is one of them.
    #[must_use]
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

impl fmt::Display for StatusCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (low, high)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" or ")?;
            }
            if low == high {
                write!(f, "{low}")?;
            } else {
                write!(f, "{}xx", low / 100)?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct OneStatus(#[serde(deserialize_with = "one_status")] (u16, u16));

fn one_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(u16, u16), D::Error> {
    struct Code;
    impl Visitor<'_> for Code {
        type Value = (u16, u16);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a status code such as 200, or a class such as 2xx")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<(u16, u16), E> {
            match u16::try_from(number) {
                Ok(code) if (100..=599).contains(&code) => Ok((code, code)),
                _ => Err(E::custom(format!("{number} is no status code; they go from 100 to 599"))),
            }
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<(u16, u16), E> {
            self.visit_u64(u64::try_from(number).unwrap_or(0))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<(u16, u16), E> {
            match text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()) {
                Some(class) if (1..=5).contains(&class) => Ok((class * 100, class * 100 + 99)),
                _ => match text.parse::<u64>() {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                },
            }
        }
    }
    deserializer.deserialize_any(Code)
}

impl<'de> Deserialize<'de> for StatusCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OneOrMany::<OneStatus>::deserialize(deserializer)
            .map(|codes| Self(codes.0.into_iter().map(|one| one.0).collect()))
    }
}

impl Serialize for StatusCodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{}xx", low / 100) };
        serializer.collect_seq(self.0.iter().map(text))
    }
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All as expected.
    AsExpected,
    /// Not as expected; says what was seen.
    Otherwise(String),
}

/// What is expected of an HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExpect {
    /// One of these statuses; unstated: 200 to 299.
    #[serde(default)]
    pub status: StatusCodes,
    /// The whole exchange takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
    /// Each of these texts stands in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<OneOrMany<String>>,
    /// Each of these headers has this value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl HttpExpect {
    /// Judges an answer that took `took`; what is not as expected is told with what was seen.
    #[must_use]
    pub fn judge(&self, response: &HttpResponse, took: Span) -> Judged {
        if !self.status.contain(response.status) {
            let body: String = response.body.trim().chars().take(120).collect();
            let body = if body.is_empty() { String::new() } else { format!(": {body}") };
            return Judged::Otherwise(format!("status {}, expected {}{body}", response.status, self.status));
        }
        for (name, wanted) in &self.headers {
            let found = response.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
            match found {
                Some((_, value)) if value == wanted => {}
                Some((_, value)) => {
                    return Judged::Otherwise(format!("header {name} is `{value}`, expected `{wanted}`"));
                }
                None => return Judged::Otherwise(format!("header {name} is missing, expected `{wanted}`")),
            }
        }
        for text in self.body_contains.iter().flat_map(|texts| &texts.0) {
            if !response.body.contains(text.as_str()) {
                let seen: String = response.body.chars().take(120).collect();
                return Judged::Otherwise(format!("the body does not contain `{text}`; it begins `{seen}`"));
            }
        }
        match self.within {
            Some(Period(most)) if took > most => Judged::Otherwise(format!("took {took}, expected at most {most}")),
            _ => Judged::AsExpected,
        }
    }
}

/// An HTTP request on a fresh connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Where.
    pub url: String,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is expected.
    #[serde(default)]
    pub expect: HttpExpect,
    /// Who resolves the name.
    #[serde(default)]
    pub resolver: Resolver,
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who resolves the name.
    #[serde(default)]
    pub resolver: Resolver,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Asks over HTTP.
    Http(HttpProbe),
    /// Connects.
    Tcp(TcpProbe),
}

impl Probe {
    /// Whom it asks: a URL, or a host and port.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Http(probe) => probe.url.clone(),
            Self::Tcp(probe) => format!("{}:{}", probe.host, probe.port),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(probe) => write!(f, "{} {}", probe.method.as_str(), probe.url),
            Self::Tcp(probe) => write!(f, "tcp {}:{}", probe.host, probe.port),
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
