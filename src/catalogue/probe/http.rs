//! `http`: a request on a fresh connection, and what is expected of its answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Judged, StatusCodes, on_time, quoted};
use crate::catalogue::{OneOrMany, Period, Value};
use crate::resource::{Family, HttpResponse, Method, Resolver, TlsOptions};
use crate::time::Span;

/// What is expected of an HTTP answer. All of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExpect {
    /// One of these statuses: `200`, a class such as `2xx`, a range such as `200-204`, or a list of these; unstated: 200 to 299.
    #[serde(default)]
    pub status: StatusCodes,
    /// The whole exchange takes no longer, redirects included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
    /// Each of these texts stands in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<OneOrMany<String>>,
    /// None of these texts stands in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_lacks: Option<OneOrMany<String>>,
    /// Each of these headers has exactly this value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Each of these headers has this text somewhere in its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers_contain: BTreeMap<String, String>,
    /// The body is JSON, and what each of these JSON pointers (RFC 6901, such as `/status`) points to is this value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// The server's certificate is valid for at least so many more days. For `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<u32>,
}

impl HttpExpect {
    /// Judges an answer that took `took`; what is not as expected is told with what was seen.
    #[must_use]
    pub fn judge(&self, response: &HttpResponse, took: Span) -> Judged {
        let found = self.of_status(response).or_else(|| self.of_headers(response)).or_else(|| self.of_body(response));
        let found = found.or_else(|| self.of_json(response)).or_else(|| self.of_certificate(response));
        match found {
            Some(what) => Judged::Otherwise(what),
            None => on_time(self.within, took),
        }
    }

    fn of_status(&self, response: &HttpResponse) -> Option<String> {
        if self.status.contain(response.status) {
            return None;
        }
        let body = quoted(response.body.trim());
        let body = if body.is_empty() { String::new() } else { format!(": {body}") };
        Some(format!("status {}, expected {}{body}", response.status, self.status))
    }

    fn of_headers(&self, response: &HttpResponse) -> Option<String> {
        let all = |name: &str| -> Vec<&str> {
            let named = response.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.as_str()).collect()
        };
        for (name, wanted) in &self.headers {
            match all(name)[..] {
                [] => return Some(format!("header {name} is missing, expected `{wanted}`")),
                ref found if found.contains(&wanted.as_str()) => {}
                ref found => return Some(format!("header {name} is `{}`, expected `{wanted}`", found.join(", "))),
            }
        }
        for (name, wanted) in &self.headers_contain {
            match all(name)[..] {
                [] => return Some(format!("header {name} is missing, expected one with `{wanted}` in it")),
                ref found if found.iter().any(|value| value.contains(wanted.as_str())) => {}
                ref found => {
                    return Some(format!("header {name} is `{}`, expected `{wanted}` in it", found.join(", ")));
                }
            }
        }
        None
    }

    fn of_body(&self, response: &HttpResponse) -> Option<String> {
        let texts = |texts: &Option<OneOrMany<String>>| texts.clone().map_or_else(Vec::new, |texts| texts.0);
        for text in texts(&self.body_contains) {
            if !response.body.contains(text.as_str()) {
                return Some(format!("the body does not contain `{text}`; it begins `{}`", quoted(&response.body)));
            }
        }
        let unwanted = texts(&self.body_lacks).into_iter().find(|text| response.body.contains(text.as_str()));
        unwanted.map(|text| {
            format!("the body contains `{text}`, which it must not; it begins `{}`", quoted(&response.body))
        })
    }

    fn of_json(&self, response: &HttpResponse) -> Option<String> {
        if self.json.is_empty() {
            return None;
        }
        let body: serde_json::Value = match serde_json::from_str(&response.body) {
            Ok(body) => body,
            Err(_) => return Some(format!("the body is no JSON; it begins `{}`", quoted(&response.body))),
        };
        self.json.iter().find_map(|(pointer, wanted)| match body.pointer(pointer) {
            Some(found) if same(found, wanted) => None,
            Some(found) => Some(format!("JSON `{pointer}` is {}, expected {wanted}", quoted(&found.to_string()))),
            None => Some(format!("JSON `{pointer}` is not there, expected {wanted}")),
        })
    }

    fn of_certificate(&self, response: &HttpResponse) -> Option<String> {
        let least = self.certificate_days?;
        match &response.certificate {
            Some(certificate) => certificate.short_of(least),
            None => Some(format!("no certificate was shown, expected one that is valid for {least} more days")),
        }
    }
}

/// Whether two JSON values mean the same; `1` and `1.0` do.
fn same(found: &serde_json::Value, wanted: &serde_json::Value) -> bool {
    found == wanted
        || matches!((found.as_f64(), wanted.as_f64()), (Some(one), Some(other)) if one.to_bits() == other.to_bits())
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
    /// Headers; a value may be a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// So many redirects are followed; the answer to the last request is judged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u32,
    /// What is expected.
    #[serde(default)]
    pub expect: HttpExpect,
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

impl HttpProbe {
    /// One that asks with GET, and nothing else said.
    #[must_use]
    pub fn get(url: &str, expect: HttpExpect) -> Self {
        Self {
            url: url.to_owned(),
            method: Method::Get,
            headers: BTreeMap::new(),
            body: None,
            redirects: 0,
            expect,
            resolver: Resolver::System,
            family: Family::Any,
            tls: TlsOptions::default(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
