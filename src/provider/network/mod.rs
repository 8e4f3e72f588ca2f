//! The real network, as a user's program sees it: every request resolves its name afresh and opens its own
//! connection, and the time of each stage is taken where it happens.
//!
//! Requests go through one reqwest client, and one more for each way of speaking TLS that a probe asks for. What differs between them (which resolver is asked) and what is learnt on
//! the way (the times, the address) travels in a task-local `trace::Trace`, because reqwest has one resolver and one
//! connector a client and building a client for each request costs a thousand times more than the request.
//! May rely on `resource`, `time`; must never keep a connection, a name or an answer from one request to the next,
//! follow a redirect that was not asked for, use a proxy from the environment, or set a limit of time of its own that outlives the caller's.

mod certificate;
mod fault;
mod handshake;
mod masked;
pub(in crate::provider) mod names;
mod query;
pub(in crate::provider) mod record;
mod redirect;
mod resolve;
mod stub;
mod tcp;
mod tls;
mod trace;
pub(in crate::provider) mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};

use crate::provider::postgres::tls::Trust;
use crate::resource::{
    Certificate, Context, DnsAnswer, DnsRequest, Exchange, HttpRequest, HttpResponse, Method, NetError, Network,
    PostgresRequest, Resolver, Stage, Stages, TcpRequest, TlsOptions, TlsRequest,
};
use crate::secret::{Redactor, Secret, SecretSource};
use crate::time::Clock;
pub use masked::Masked;
use tls::Inside;
use trace::{TRACE, TimeConnect, Trace, TraceResolver};

/// How a client speaks TLS, and what inside.
type Manner = (TlsOptions, Inside);

/// The machine's own network. Cheap to make; certificates are loaded at the first request.
#[derive(Debug, Default)]
pub struct RealNetwork {
    /// The client of those who have TLS as the machine has it, or why there is none.
    client: OnceLock<Result<reqwest::Client, String>>,
    /// The others.
    others: Mutex<BTreeMap<Manner, Result<reqwest::Client, String>>>,
    /// Who is asked in place of the machine's own resolver.
    system: Option<SocketAddr>,
    /// Whatever secret is read is made known to it.
    redactor: Redactor,
}

/// The most ways of speaking TLS for which clients are kept; one more is made anew each time.
const MANNERS_MAX: usize = 64;

impl RealNetwork {
    /// A network that has not been used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Self::new`], with a resolver that is asked wherever the machine's own is meant.
    #[must_use]
    pub fn resolving_at(server: SocketAddr) -> Self {
        Self { system: Some(server), ..Self::default() }
    }

    /// The same; whatever secret it reads is made known to `redactor`.
    #[must_use]
    pub fn telling(self, redactor: Redactor) -> Self {
        Self { redactor, ..self }
    }

    /// Who is asked where `resolver` is meant.
    fn meant(&self, resolver: &Resolver) -> Resolver {
        match (resolver, self.system) {
            (Resolver::System, Some(server)) => Resolver::Server(server.to_string()),
            _ => resolver.clone(),
        }
    }

    /// Resolves, connects, asks, with no run to be asked for; a redirect is an answer.
    pub async fn send(&self, clock: &Clock, request: &HttpRequest) -> Exchange<HttpResponse> {
        self.one(clock, request).await
    }

    fn client(&self, options: &TlsOptions) -> Result<reqwest::Client, NetError> {
        let built = if options.is_default() {
            self.client.get_or_init(|| build_client(tls::config())).clone()
        } else {
            // A name of its own is asked for in the URL, and HTTP/2 has no other place for the host.
            let inside = if options.server_name.is_some() { Inside::Http1 } else { Inside::Http };
            self.other(&(options.clone(), inside))
        };
        built.map_err(|text| NetError {
            stage: Stage::Exchange,
            text: format!("the HTTP client could not be set up: {text}"),
        })
    }

    fn other(&self, manner: &Manner) -> Result<reqwest::Client, String> {
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others().get(manner) {
            return known.clone();
        }
        let config = tls::config_of(Trust::AuthorityAndName, &manner.0, manner.1, &self.redactor);
        let built = config.and_then(build_client);
        let mut others = others();
        if others.len() < MANNERS_MAX {
            others.insert(manner.clone(), built.clone());
        }
        built
    }
}

fn build_client(config: rustls::ClientConfig) -> Result<reqwest::Client, String> {
    let built = reqwest::Client::builder()
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        // No connection outlives its request, so each sample connects as a new user would.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .dns_resolver(TraceResolver)
        .connector_layer(TimeConnect)
        .tls_backend_preconfigured(config)
        .tls_info(true)
        .build();
    built.map_err(|error| fault::root_text(&error))
}

#[async_trait]
impl Network for RealNetwork {
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse> {
        let mut exchange = self.one(&cx.clock, request).await;
        let mut asked: Option<HttpRequest> = None;
        for _ in 0..request.redirects {
            let Ok(response) = &exchange.result else { break };
            match redirect::next(asked.as_ref().unwrap_or(request), response) {
                Ok(None) => break,
                Err(text) => {
                    exchange.result = Err(NetError { stage: Stage::Exchange, text });
                    break;
                }
                Ok(Some(next)) => {
                    let before = exchange.stages;
                    exchange = self.one(&cx.clock, &next).await;
                    exchange.stages = before.and(exchange.stages);
                    asked = Some(next);
                }
            }
        }
        exchange
    }

    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String> {
        let resolver = self.meant(&request.resolver);
        tcp::probe(&cx.clock, &TcpRequest { resolver, ..request.clone() }).await
    }

    async fn tls(&self, cx: &Context, request: &TlsRequest) -> Exchange<Certificate> {
        let config = tls::config_of(Trust::AuthorityAndName, &request.tls, Inside::Anything, &self.redactor);
        let resolver = self.meant(&request.resolver);
        handshake::probe(&cx.clock, &TlsRequest { resolver, ..request.clone() }, config).await
    }

    async fn dns(&self, cx: &Context, request: &DnsRequest) -> Exchange<Vec<DnsAnswer>> {
        names::ask(&cx.clock, request, self.system).await
    }

    async fn postgres(&self, cx: &Context, request: &PostgresRequest) -> Exchange<Option<String>> {
        let resolver = self.meant(&request.resolver);
        query::ask(&cx.clock, &PostgresRequest { resolver, ..request.clone() }, &self.redactor).await
    }

    fn vantage(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }
}

impl RealNetwork {
    /// One request; redirects are the caller's.
    async fn one(&self, clock: &Clock, request: &HttpRequest) -> Exchange<HttpResponse> {
        let literal = resolve::literal(&request.host);
        let built = self
            .secrets(request)
            .and_then(|secret| Ok((self.client(&request.tls)?, build_request(request, &secret, literal)?)));
        let (client, ready) = match built {
            Ok(built) => built,
            Err(error) => return Exchange { address: None, stages: Stages::default(), result: Err(error) },
        };
        let named = request.tls.server_name.as_ref().map(|_| Arc::clone(&request.host));
        let asks = (self.meant(&request.resolver), request.family);
        let trace = Arc::new(Trace::new(clock.clone(), asks, named, literal));
        TRACE.scope(trace.clone(), exchange(&client, ready, request.body_limit, &trace)).await
    }

    /// Headers that are secrets, read now.
    fn secrets(&self, request: &HttpRequest) -> Result<Vec<(String, Secret)>, NetError> {
        let read = |(name, source): &(String, SecretSource)| match source.resolve(&self.redactor) {
            Ok(secret) => Ok((name.clone(), secret)),
            Err(error) => Err(NetError { stage: Stage::Exchange, text: error.to_string() }),
        };
        request.secret_headers.iter().map(read).collect()
    }
}

/// Sends `ready` and reads the answer; runs inside the scope of `trace`.
async fn exchange(
    client: &reqwest::Client,
    ready: reqwest::Request,
    body_limit: usize,
    trace: &Trace,
) -> Exchange<HttpResponse> {
    let mut response = match client.execute(ready).await {
        Ok(response) => response,
        Err(error) => {
            return Exchange {
                address: trace.address(),
                stages: trace.stages(None),
                result: Err(trace.fault(&error.without_url())),
            };
        }
    };
    let stages = trace.stages(Some(trace.now()));
    let address = response.remote_addr().map(|peer| peer.ip()).or_else(|| trace.address());
    let status = response.status().as_u16();
    let shown = response.extensions().get::<reqwest::tls::TlsInfo>().and_then(|it| it.peer_certificate());
    let certificate = shown.and_then(|der| certificate::read(der, trace.wall()).ok());
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let result = match read_body(&mut response, body_limit).await {
        Ok(body) => Ok(HttpResponse { status, headers, body, certificate }),
        Err(error) => Err(NetError { stage: Stage::Exchange, text: fault::root_text(&error.without_url()) }),
    };
    Exchange { address, stages, result }
}

/// At most `limit` bytes of the body. What a server sends beyond them is not read: the connection is closed.
async fn read_body(response: &mut reqwest::Response, limit: usize) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < limit {
        let Some(chunk) = response.chunk().await? else { break };
        let wanted = chunk.len().min(limit - body.len());
        body.extend_from_slice(&chunk[..wanted]);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn build_request(
    request: &HttpRequest,
    secret: &[(String, Secret)],
    literal: Option<IpAddr>,
) -> Result<reqwest::Request, NetError> {
    let invalid = |text: String| NetError { stage: Stage::Exchange, text };
    let mut url = reqwest::Url::parse(&request.url).map_err(|error| invalid(format!("not a URL: {error}")))?;
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    let secret = secret.iter().map(|(name, value)| (name.as_str(), value.expose(), true));
    for (name, value, secret) in
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str(), false)).chain(secret)
    {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("`{name}` can't be the name of a header")))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| invalid(format!("the value of the header `{name}` has characters that can't be sent")))?;
        value.set_sensitive(secret);
        headers.append(name, value);
    }
    if let Some(name) = &request.tls.server_name {
        // The URL says whom TLS asks for; who is connected to and which host is read say the resolver and the header.
        if let (false, Ok(host)) = (headers.contains_key(HOST), HeaderValue::from_str(&authority(&url))) {
            headers.insert(HOST, host);
        }
        url.set_host(Some(name))
            .map_err(|error| invalid(format!("`{name}` can't be the name of a server: {error}")))?;
    } else if let (Resolver::Fixed(address), Some(_)) = (&request.resolver, literal) {
        // An address is not resolved, so the resolver can't redirect it: the URL itself is moved, and the server
        // still reads the host that was asked for.
        if let (false, Ok(host)) = (headers.contains_key(HOST), HeaderValue::from_str(&authority(&url))) {
            headers.insert(HOST, host);
        }
        url.set_ip_host(*address).map_err(|()| invalid(format!("the URL's host can't be replaced by {address}")))?;
    }
    let mut ready = reqwest::Request::new(method(request.method), url);
    *ready.headers_mut() = headers;
    if let Some(body) = &request.body {
        *ready.body_mut() = Some(body.clone().into());
    }
    Ok(ready)
}

fn authority(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Where to connect: each address with the port.
fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
}
