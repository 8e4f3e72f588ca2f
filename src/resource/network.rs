//! The network as a user's program sees it: names are resolved afresh, connections are opened afresh.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::ProbeId;
use crate::resource::{Context, Foretell, Steady};
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
    /// The body.
    pub body: Option<String>,
    /// Who resolves the name.
    pub resolver: Resolver,
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

/// The network from the vantage point of the run. The caller bounds the time by dropping the future.
#[async_trait]
pub trait Network: Send + Sync {
    /// Resolves, connects, asks.
    async fn http(&self, cx: &Context, request: &HttpRequest) -> Exchange<HttpResponse>;

    /// Resolves and connects.
    async fn tcp(&self, cx: &Context, request: &TcpRequest) -> Exchange<()>;

    /// Foretells what comes of `request`, sent by `probe` through [`Self::http`] at the moments that are given.
    fn foretell_http(&self, probe: &ProbeId, request: &HttpRequest) -> Option<Box<dyn ForetellExchange<HttpResponse>>> {
        let _ = (probe, request);
        None
    }

    /// As [`Self::foretell_http`], through [`Self::tcp`].
    fn foretell_tcp(&self, probe: &ProbeId, request: &TcpRequest) -> Option<Box<dyn ForetellExchange<()>>> {
        let _ = (probe, request);
        None
    }

    /// What the vantage point is, for the report: host name, or `simulated user`.
    fn vantage(&self) -> String;
}
