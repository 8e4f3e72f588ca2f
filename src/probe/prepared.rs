//! A probe made ready once, so that a sample has nothing left to work out.

use std::net::IpAddr;
use std::sync::Arc;

use super::Regions;
use crate::catalogue::{
    DnsExpect, HttpExpect, HttpProbe, PostgresExpect, Probe, ProgramExpect, TcpExpect, TlsExpect, Value, split_url,
};
use crate::id::ProbeId;
use crate::model::ProbePlan;
use crate::resource::{CommandLine, DnsRequest, HttpRequest, PostgresRequest, Resolver, TcpRequest, TlsRequest};
use crate::time::Span;

/// The most of an answer that a probe reads, in bytes: enough for a health page.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A probe, ready to be sampled.
#[derive(Clone, Debug)]
pub struct PreparedProbe {
    /// Its name.
    pub id: ProbeId,
    /// After this long a sample has failed.
    pub timeout: Span,
    pub(super) ask: Ask,
    pub(super) regions: Arc<Regions>,
}

/// What is asked, and of whom.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Http {
        request: Box<HttpRequest>,
        expect: Box<HttpExpect>,
    },
    Tcp {
        request: TcpRequest,
        expect: TcpExpect,
    },
    Tls {
        request: Box<TlsRequest>,
        expect: TlsExpect,
    },
    Dns {
        request: DnsRequest,
        expect: DnsExpect,
    },
    Postgres {
        request: Box<PostgresRequest>,
        expect: PostgresExpect,
    },
    Command {
        line: Box<CommandLine>,
        prints_address: bool,
        expect: ProgramExpect,
    },
    /// Of these, each with its name, so many must be well.
    Several {
        needed: usize,
        parts: Vec<(Arc<str>, Ask)>,
    },
    /// Nothing can be asked. Loading a playbook finds that out; here it makes each sample fail, in these words, rather
    /// than leave a service without samples.
    Never(String),
}

impl PreparedProbe {
    /// Makes `plan` ready.
    #[must_use]
    pub fn new(plan: &ProbePlan, regions: Arc<Regions>) -> Self {
        Self::of(plan.id.clone(), &plan.probe, plan.timeout, regions)
    }

    /// Makes a probe without a rhythm ready.
    #[must_use]
    pub fn of(id: ProbeId, probe: &Probe, timeout: Span, regions: Arc<Regions>) -> Self {
        Self { ask: Ask::of(probe, timeout), id, timeout, regions }
    }

    /// The same probe, which connects to `address` whatever the name says. Name servers are asked as ever; a program
    /// finds the address in its environment.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Self {
        let region = self.regions.of(address).map(|region| region.to_string());
        self.ask.at(address, region.as_deref());
        self
    }
}

impl Ask {
    fn of(probe: &Probe, timeout: Span) -> Self {
        match probe {
            Probe::Http(http) => Self::http(http),
            Probe::Tcp(tcp) => Self::Tcp {
                request: TcpRequest {
                    family: tcp.family,
                    send: tcp.send.as_deref().map(Arc::from),
                    until: tcp.expect.texts().to_vec(),
                    ..TcpRequest::to(&tcp.host, tcp.port, tcp.resolver.clone())
                },
                expect: tcp.expect.clone(),
            },
            Probe::Tls(tls) => Self::Tls {
                request: Box::new(TlsRequest {
                    host: tls.host.as_str().into(),
                    port: tls.port,
                    resolver: tls.resolver.clone(),
                    family: tls.family,
                    tls: tls.tls.clone(),
                }),
                expect: tls.expect.clone(),
            },
            Probe::Dns(dns) => Self::Dns {
                request: DnsRequest {
                    name: dns.name.as_str().into(),
                    record: dns.record,
                    servers: dns.servers.clone(),
                },
                expect: dns.expect.clone(),
            },
            Probe::Postgres(it) => Self::Postgres {
                request: Box::new(PostgresRequest {
                    host: it.host.as_str().into(),
                    port: it.port,
                    resolver: it.resolver.clone(),
                    family: it.family,
                    database: it.database.clone(),
                    user: it.user.clone(),
                    password: it.password.clone(),
                    query: it.query.as_str().into(),
                    sslmode: it.sslmode,
                    tls: it.tls.clone(),
                }),
                expect: it.expect.clone(),
            },
            Probe::Command(command) => Self::Command {
                line: Box::new(CommandLine {
                    argv: command.argv.clone(),
                    env: Vec::new(),
                    folder: None,
                    timeout,
                    output_limit: ANSWER_LIMIT,
                    input: None,
                }),
                prints_address: command.prints_address,
                expect: command.expect.clone(),
            },
            Probe::Several(several) => Self::Several {
                needed: several.needed,
                parts: several.probes.iter().map(|it| (it.to_string().into(), Self::of(it, timeout))).collect(),
            },
        }
    }

    fn http(probe: &HttpProbe) -> Self {
        let (host, port, _) = match split_url(&probe.url) {
            Ok(parts) => parts,
            Err(error) => return Self::Never(error),
        };
        let mut request =
            HttpRequest::new(probe.method, &probe.url, (host, port), probe.resolver.clone(), ANSWER_LIMIT);
        for (name, value) in &probe.headers {
            match value {
                Value::Plain(text) => request.headers.push((name.clone(), text.clone())),
                Value::Secret(source) => request.secret_headers.push((name.clone(), source.clone())),
            }
        }
        request.body.clone_from(&probe.body);
        request.tls.clone_from(&probe.tls);
        (request.redirects, request.family) = (probe.redirects, probe.family);
        Self::Http { request: Box::new(request), expect: Box::new(probe.expect.clone()) }
    }

    fn at(&mut self, address: IpAddr, region: Option<&str>) {
        match self {
            Self::Http { request, .. } => request.resolver = Resolver::Fixed(address),
            Self::Tcp { request, .. } => request.resolver = Resolver::Fixed(address),
            Self::Tls { request, .. } => request.resolver = Resolver::Fixed(address),
            Self::Postgres { request, .. } => request.resolver = Resolver::Fixed(address),
            Self::Command { line, .. } => {
                line.env.push(("MUSTER_ADDRESS".to_owned(), address.to_string()));
                line.env.extend(region.map(|region| ("MUSTER_REGION".to_owned(), region.to_owned())));
            }
            Self::Several { parts, .. } => parts.iter_mut().for_each(|(_, part)| part.at(address, region)),
            Self::Dns { .. } | Self::Never(_) => {}
        }
    }
}
