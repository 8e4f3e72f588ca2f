//! Where a redirect leads (RFC 9110, 15.4), and what goes along.

use reqwest::Url;

use crate::resource::{HttpRequest, HttpResponse, Method, Resolver};

/// What is no other server's business.
const PRIVATE: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The request that a redirect asks for; `None`: the answer is no redirect. The error says why it can't be followed.
pub(super) fn next(request: &HttpRequest, response: &HttpResponse) -> Result<Option<HttpRequest>, String> {
    let location = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let (301 | 302 | 303 | 307 | 308, Some((_, location))) = (response.status, location) else { return Ok(None) };
    let wrong = |why: String| format!("status {}: it redirects to `{location}`, {why}", response.status);
    let from = Url::parse(&request.url).map_err(|error| wrong(error.to_string()))?;
    let to = from.join(location).map_err(|error| wrong(error.to_string()))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(wrong("which is no web address".to_owned()));
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(wrong("which carries a user name".to_owned()));
    }
    let Some(host) = to.host_str() else { return Err(wrong("which names no host".to_owned())) };
    let mut next = HttpRequest { url: to.as_str().into(), host: host.into(), ..request.clone() };
    next.port = to.port_or_known_default().unwrap_or(80);
    let becomes_get = match response.status {
        303 => request.method != Method::Head,
        301 | 302 => request.method == Method::Post,
        _ => false,
    };
    if becomes_get {
        (next.method, next.body) = (Method::Get, None);
    }
    if from.origin() != to.origin() {
        next.secret_headers.clear();
        let is_private = |name: &str| PRIVATE.iter().any(|one| name.eq_ignore_ascii_case(one));
        next.headers.retain(|(name, _)| !is_private(name) && !name.eq_ignore_ascii_case("host"));
    }
    if !next.host.eq_ignore_ascii_case(&request.host) {
        next.tls.server_name = None;
        // Where another name leads, that name says.
        if let Resolver::Fixed(_) = next.resolver {
            next.resolver = Resolver::System;
        }
    }
    Ok(Some(next))
}
