//! What one request carries along and what is learnt on its way: which resolver to ask, and when each stage began.
//!
//! reqwest resolves and connects inside the task that asks (its pool is off), so a task-local reaches the resolver,
//! the connector layer and, by the TLS session store, the start of the handshake.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

use super::{fault, resolve};
use crate::resource::{Family, NetError, Resolver, Stage, Stages};
use crate::time::{Clock, Moment};

tokio::task_local! {
    /// The request that the present task is busy with.
    pub(super) static TRACE: Arc<Trace>;
}

/// One request on its way.
pub(super) struct Trace {
    clock: Clock,
    resolver: Resolver,
    family: Family,
    /// What is resolved in place of the name that the server is asked for.
    host: Option<Arc<str>>,
    marks: Mutex<Marks>,
}

/// The moments that were passed.
#[derive(Debug, Default)]
struct Marks {
    address: Option<IpAddr>,
    /// The connector was asked.
    began: Option<Moment>,
    resolving: Option<Moment>,
    resolved: Option<Moment>,
    unresolved: Option<String>,
    handshaking: Option<Moment>,
    connected: Option<Moment>,
}

impl Trace {
    /// `literal` is the host if it is an address: such a host is never resolved.
    pub(super) fn new(
        clock: Clock,
        (resolver, family): (Resolver, Family),
        host: Option<Arc<str>>,
        literal: Option<IpAddr>,
    ) -> Self {
        let address = match resolver {
            Resolver::Fixed(address) => Some(address),
            _ => literal,
        };
        Self { clock, resolver, family, host, marks: Mutex::new(Marks { address, ..Marks::default() }) }
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(super) fn wall(&self) -> jiff::Timestamp {
        self.clock.wall()
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that was connected to: where a name has several, the one that was tried first.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.marks().address
    }

    /// The TLS handshake begins: called by the session store, which is asked first of all.
    pub(super) fn handshake_begins(&self) {
        let now = self.now();
        self.marks().handshaking.get_or_insert(now);
    }

    /// The time of each stage that was reached; the one that is under way counts until now.
    pub(super) fn stages(&self, first_byte: Option<Moment>) -> Stages {
        let now = self.now();
        let marks = self.marks();
        let connecting = match marks.resolving {
            Some(_) => marks.resolved,
            None => marks.began,
        };
        Stages {
            resolve: marks.resolving.map(|began| marks.resolved.unwrap_or(now).since(began)),
            connect: connecting.map(|began| marks.handshaking.or(marks.connected).unwrap_or(now).since(began)),
            tls: marks.handshaking.map(|began| marks.connected.unwrap_or(now).since(began)),
            first_byte: marks.connected.map(|began| first_byte.unwrap_or(now).since(began)),
        }
    }

    /// Says where and why it failed.
    pub(super) fn fault(&self, error: &(dyn std::error::Error + 'static)) -> NetError {
        let marks = self.marks();
        if let Some(text) = &marks.unresolved {
            return NetError { stage: Stage::Resolve, text: text.clone() };
        }
        let stage = if marks.connected.is_some() {
            Stage::Exchange
        } else if marks.handshaking.is_some() {
            Stage::Tls
        } else if marks.began.is_some() {
            Stage::Connect
        } else {
            Stage::Exchange
        };
        NetError { stage, text: fault::root_text(error) }
    }
}

/// Asks the resolver that the request names.
#[derive(Debug)]
pub(super) struct TraceResolver;

impl Resolve for TraceResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trace = TRACE.try_with(Arc::clone);
        Box::pin(async move {
            let trace = trace.map_err(|_| "resolved outside of a request")?;
            if let Resolver::Fixed(address) = trace.resolver {
                return Ok(Box::new(std::iter::once(SocketAddr::new(address, 0))) as Addrs);
            }
            let host = trace.host.as_deref().unwrap_or(name.as_str());
            if let Some(address) = resolve::literal(host) {
                return Ok(Box::new(std::iter::once(SocketAddr::new(address, 0))) as Addrs);
            }
            let began = trace.now();
            trace.marks().resolving = Some(began);
            match resolve::addresses(&trace.clock, host, &trace.resolver, trace.family).await {
                Ok(addresses) => {
                    let now = trace.now();
                    let mut marks = trace.marks();
                    marks.resolved = Some(now);
                    marks.address = addresses.first().copied();
                    Ok(Box::new(super::with_port(&addresses, 0).into_iter()) as Addrs)
                }
                Err(text) => {
                    trace.marks().unresolved = Some(text.clone());
                    Err(text.into())
                }
            }
        })
    }
}

/// Notes when the connector is asked and when it is done, handshake included.
#[derive(Clone, Debug)]
pub(super) struct TimeConnect;

impl<S> Layer<S> for TimeConnect {
    type Service = TimedConnect<S>;

    fn layer(&self, inner: S) -> TimedConnect<S> {
        TimedConnect { inner }
    }
}

/// A connector whose beginning and end are noted.
#[derive(Clone, Debug)]
pub(super) struct TimedConnect<S> {
    inner: S,
}

impl<S, R> Service<R> for TimedConnect<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let trace = TRACE.try_with(Arc::clone).ok();
        if let Some(trace) = &trace {
            let now = trace.now();
            trace.marks().began = Some(now);
        }
        let connecting = self.inner.call(target);
        Box::pin(async move {
            let connected = connecting.await;
            if let (Some(trace), true) = (trace, connected.is_ok()) {
                let now = trace.now();
                trace.marks().connected = Some(now);
            }
            connected
        })
    }
}
