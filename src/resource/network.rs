//! The network as a user's program sees it: names are resolved afresh, connections are opened afresh.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::ProbeId;
use crate::resource::{
    Certificate, Context, DnsAnswer, DnsRequest, Family, Foretell, PostgresRequest, Steady, TlsOptions, TlsRequest,
};
use crate::secret::SecretSource;
use crate::time::{Moment, Span};

/// Which resolver is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolver {
    /// The one that the machine is set up with.
    #[default]
    System,
    /// This one, `address` or `address:port`.
    Server(String),
    /// None: connects to this address whatever the name (as `curl --connect-to` does).
    Fixed(IpAddr),
}

/// The methods of HTTP that a probe or step may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads the headers.
    Head,
    /// Sends.
    Post,
    /// Puts.
    Put,
    /// Changes in part.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request on a fresh connection.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// `http://` or `https://`, checked at load.
    pub url: Arc<str>,
    /// The host of `url`, which is what is resolved.
    pub host: Arc<str>,
    /// The port of `url`, stated or by its scheme.
    pub port: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Headers whose values are read when they are sent.
    pub secret_headers: Vec<(String, SecretSource)>,
    /// The body.
    pub body: Option<String>,
    /// So many redirects are followed.
    pub redirects: u32,
    /// Who resolves the name.
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    pub family: Family,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// The most that is kept of the answer's body, in bytes; the rest is read no further.
    pub body_limit: usize,
}

/// One TCP connection.
#[derive(Clone, Debug)]
pub struct TcpRequest {
    /// The name or address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Who resolves the name.
    pub resolver: Resolver,
    /// Addresses of which family are connected to.
    pub family: Family,
    /// What is sent once the connection stands.
    pub send: Option<Arc<str>>,
    /// It is read until each of these texts has come; none: nothing is read.
    pub until: Vec<String>,
}

impl HttpRequest {
    /// A plain request: nothing is followed, and TLS is as the machine has it.
    #[must_use]
    pub fn new(method: Method, url: &str, (host, port): (&str, u16), resolver: Resolver, body_limit: usize) -> Self {
        Self {
            method,
            url: url.into(),
            host: host.into(),
            port,
            headers: Vec::new(),
            secret_headers: Vec::new(),
            body: None,
            redirects: 0,
            resolver,
            family: Family::Any,
            tls: TlsOptions::default(),
            body_limit,
        }
    }
}

impl TcpRequest {
    /// A connection over which nothing is said.
    #[must_use]
    pub fn to(host: &str, port: u16, resolver: Resolver) -> Self {
        Self { host: host.into(), port, resolver, family: Family::Any, send: None, until: Vec::new() }
    }

    /// Whether something is said over it.
    #[must_use]
    pub fn talks(&self) -> bool {
        self.send.is_some() || !self.until.is_empty()
    }
}

/// The time that each stage of an exchange took; `None` if it was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Resolving the name.
    pub resolve: Option<Span>,
    /// Opening the connection.
    pub connect: Option<Span>,
    /// The TLS handshake.
    pub tls: Option<Span>,
    /// From sending the request to the first byte of the answer.
    pub first_byte: Option<Span>,
}

impl Stages {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> Span {
        [self.resolve, self.connect, self.tls, self.first_byte].into_iter().flatten().sum()
    }

    /// These, and then those of `next`.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        let both = |one: Option<Span>, other: Option<Span>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self {
            resolve: both(self.resolve, next.resolve),
            connect: both(self.connect, next.connect),
            tls: both(self.tls, next.tls),
            first_byte: both(self.first_byte, next.first_byte),
        }
    }
}

/// Where an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Resolving the name.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending, waiting, reading.
    Exchange,
}

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetError {
    /// Where.
    pub stage: Stage,
    /// What happened: `connection refused`, `no such name`.
    pub text: String,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as much as was asked for, decoded as UTF-8 with replacement.
    pub body: String,
    /// What the server's certificate says, if it showed one.
    pub certificate: Option<Certificate>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Exchange<T> {
    /// The address that was connected to, once the name was resolved.
    pub address: Option<IpAddr>,
    /// The time of each stage.
    pub stages: Stages,
    /// The answer or the failure.
    pub result: Result<T, NetError>,
}

/// What an exchange meets. Two that meet the same come to the same, but for how long each takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Who answers.
    pub address: IpAddr,
    /// How; what the numbers mean, the simulation knows.
    pub kind: usize,
}

/// Foretells exchanges of one kind, one by one or as many as come to the same.
pub trait ForetellExchange<T>: Foretell<Moment, Exchange<T>> {
    /// What exchanges meet that are sent from `from` on; `None` if that is not known.
    fn steady(&self, from: Moment) -> Option<Steady<Meeting>>;

    /// What such exchanges come to, the time of their stages apart.
    fn answer(&self, meeting: &Meeting) -> Exchange<T>;

    /// The time of each stage of the exchange that is sent at `sent`, while it is steady. It is answered when all of
    /// them have passed.
    fn stages(&self, sent: Moment) -> Stages;
}

fn cannot<T>() -> Exchange<T> {
    let error = NetError { stage: Stage::Exchange, text: "this can't be asked on this network".to_owned() };
    Exchange { address: None, stages: Stages::default(), result: Err(error) }
}

/// The network from the vantage point of the run. The caller bounds the time by dropping the future.
#[async_trait]
pub trait Network: Send + Sync {
    /// Resolves, connects, asks.
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse>;

    /// Resolves, connects, says what is to be said, and gives what came back.
    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<String>;

    /// Resolves, connects, shakes hands, and gives who answered. A network that can't, says so.
    async fn tls(&self, cx: &Context, request: &TlsRequest) -> Exchange<Certificate> {
        let _ = (cx, request);
        cannot()
    }

    /// Asks every server at the same time. The exchange's address is the first that they answer with, if it is one.
    async fn dns(&self, cx: &Context, request: &DnsRequest) -> Exchange<Vec<DnsAnswer>> {
        let _ = (cx, request);
        cannot()
    }

    /// Resolves, connects, asks; gives the first column of the first row.
    async fn postgres(&self, cx: &Context, request: &PostgresRequest) -> Exchange<Option<String>> {
        let _ = (cx, request);
        cannot()
    }

    /// Foretells what comes of `request`, sent by `probe` through [`Self::http`] at the moments that are given.
    fn foretell_http(&self, probe: &ProbeId, request: &HttpRequest) -> Option<Box<dyn ForetellExchange<HttpResponse>>> {
        let _ = (probe, request);
        None
    }

    /// As [`Self::foretell_http`], through [`Self::tcp`].
    fn foretell_tcp(&self, probe: &ProbeId, request: &TcpRequest) -> Option<Box<dyn ForetellExchange<String>>> {
        let _ = (probe, request);
        None
    }

    /// What the vantage point is, for the report: host name, or `simulated user`.
    fn vantage(&self) -> String;
}
