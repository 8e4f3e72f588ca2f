//! A probe made ready once, so that a sample has nothing left to work out.

use std::net::IpAddr;
use std::sync::Arc;

use super::Regions;
use crate::catalogue::{HttpExpect, HttpProbe, Probe, TcpProbe, split_url};
use crate::id::ProbeId;
use crate::model::ProbePlan;
use crate::resource::{HttpRequest, Resolver, TcpRequest};
use crate::time::Span;

/// The most of an answer's body that a probe reads, in bytes: enough for a health page.
const BODY_LIMIT: usize = 64 * 1024;

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
        request: HttpRequest,
        expect: HttpExpect,
    },
    Tcp(TcpRequest),
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
        let ask = match probe {
            Probe::Http(http) => Ask::http(http),
            Probe::Tcp(tcp) => Ask::tcp(tcp),
        };
        Self { id, timeout, ask, regions }
    }

    /// The same probe, which connects to `address` whatever the name says.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Self {
        match &mut self.ask {
            Ask::Http { request, .. } => request.resolver = Resolver::Fixed(address),
            Ask::Tcp(request) => request.resolver = Resolver::Fixed(address),
            Ask::Never(_) => {}
        }
        self
    }
}

impl Ask {
    fn http(probe: &HttpProbe) -> Self {
        let (host, port, _) = match split_url(&probe.url) {
            Ok(parts) => parts,
            Err(error) => return Self::Never(error),
        };
        let request = HttpRequest {
            method: probe.method,
            url: probe.url.as_str().into(),
            host: host.into(),
            port,
            headers: probe.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: None,
            resolver: probe.resolver.clone(),
            body_limit: BODY_LIMIT,
        };
        Self::Http { request, expect: probe.expect.clone() }
    }

    fn tcp(probe: &TcpProbe) -> Self {
        Self::Tcp(TcpRequest { host: probe.host.as_str().into(), port: probe.port, resolver: probe.resolver.clone() })
    }
}
