//! Taking a sample.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::prepared::Ask;
use super::{PreparedProbe, Regions};
use crate::catalogue::{HttpExpect, Judged, Probe};
use crate::id::{ProbeId, RegionRole};
use crate::model::{Sample, SampleResult};
use crate::resource::{
    Context, Exchange, ForetellExchange, Foretold, HttpResponse, Meeting, NetError, Network, Stage, Stages, Steady,
};
use crate::time::{Elapsed, Moment, Span};

/// Takes one sample now: the probe's tick `tick`, which was due at `scheduled`. It takes at most the probe's timeout
/// and never fails; what went wrong is the sample's result.
pub async fn sample(
    probe: &PreparedProbe,
    network: &dyn Network,
    cx: &Context,
    tick: u64,
    scheduled: Moment,
) -> Sample {
    let sent = cx.clock.now();
    let (address, stages, result) = match &probe.ask {
        Ask::Http { request, expect } => {
            let exchange = cx.clock.timeout(probe.timeout, network.http(cx, request)).await;
            let took = cx.clock.now().since(sent);
            judge(exchange, probe.timeout, |response| judge_http(expect, &response, took))
        }
        Ask::Tcp(request) => {
            let exchange = cx.clock.timeout(probe.timeout, network.tcp(cx, request)).await;
            judge(exchange, probe.timeout, |()| SampleResult::Healthy)
        }
        Ask::Never(why) => (None, Stages::default(), SampleResult::Unhealthy(why.clone())),
    };
    let region = address.and_then(|address| probe.regions.of(address));
    Sample { tick, scheduled, sent, answered: cx.clock.now(), result, address, region, stages }
}

/// Tells at once what [`sample`] would find, where a simulation knows.
pub struct Foreteller {
    probe: Arc<PreparedProbe>,
    oracle: Oracle,
    /// What was met last, and what that is as a sample.
    judged: Mutex<Option<(Meeting, Arc<Alike>)>>,
}

/// Who knows what comes of a probe's question.
enum Oracle {
    Http(Box<dyn ForetellExchange<HttpResponse>>, HttpExpect),
    Tcp(Box<dyn ForetellExchange<()>>),
}

/// Samples that differ only in how long they take.
#[derive(Clone, Debug)]
pub struct Alike {
    /// Who answers.
    address: Option<IpAddr>,
    /// The region that is in.
    pub region: Option<RegionRole>,
    /// What each of them finds.
    pub result: SampleResult,
    /// One that takes longer is not one of them.
    pub longest: Span,
}

impl Foreteller {
    /// Of the samples of `probe`; `None` if `network` cannot foretell them.
    #[must_use]
    pub fn new(probe: &Arc<PreparedProbe>, network: &dyn Network) -> Option<Self> {
        let oracle = match &probe.ask {
            Ask::Http { request, expect } => Oracle::Http(network.foretell_http(&probe.id, request)?, expect.clone()),
            Ask::Tcp(request) => Oracle::Tcp(network.foretell_tcp(&probe.id, request)?),
            Ask::Never(_) => return None,
        };
        Some(Self { probe: Arc::clone(probe), oracle, judged: Mutex::default() })
    }

    /// The sample of `tick`, begun when it was due; `None` if its result is not known before `horizon`, until when nothing
    /// else happens. It may be known before it is there.
    #[must_use]
    pub fn foretell(&self, tick: u64, scheduled: Moment, horizon: Moment) -> Option<Sample> {
        let timeout = self.probe.timeout;
        let deadline = scheduled + timeout;
        let by = horizon.min(deadline);
        let foretold = match &self.oracle {
            Oracle::Http(oracle, expect) => oracle.foretell(scheduled, by, deadline)?.map(|answered, exchange| {
                let took = answered.since(scheduled);
                judge(Ok(exchange), timeout, |response| judge_http(expect, &response, took))
            }),
            Oracle::Tcp(oracle) => oracle
                .foretell(scheduled, by, deadline)?
                .map(|_, exchange| judge(Ok(exchange), timeout, |()| SampleResult::Healthy)),
        };
        let (answered, (address, stages, result)) = match foretold {
            Foretold::At(answered, found) => (answered, found),
            Foretold::Silence => (deadline, judge::<()>(Err(Elapsed), timeout, |()| SampleResult::Healthy)),
        };
        let region = address.and_then(|address| self.probe.regions.of(address));
        Some(Sample { tick, scheduled, sent: scheduled, answered, result, address, region, stages })
    }

    /// What samples come to that are sent from `from` on, where that is known.
    #[must_use]
    pub fn steady(&self, from: Moment) -> Option<Steady<Arc<Alike>>> {
        let Steady { answer: meeting, until } = match &self.oracle {
            Oracle::Http(oracle, _) => oracle.steady(from)?,
            Oracle::Tcp(oracle) => oracle.steady(from)?,
        };
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, alike)) = judged.as_ref().filter(|(before, _)| *before == meeting) {
            return Some(Steady { answer: Arc::clone(alike), until });
        }
        let alike = Arc::new(self.judge(&meeting));
        *judged = Some((meeting, Arc::clone(&alike)));
        Some(Steady { answer: alike, until })
    }

    fn judge(&self, meeting: &Meeting) -> Alike {
        let timeout = self.probe.timeout;
        // An answer that is not as expected although it takes no time is otherwise, however long it takes.
        let ((address, _, result), within) = match &self.oracle {
            Oracle::Http(oracle, expect) => {
                let answer = |response| judge_http(expect, &response, Span::ZERO);
                (judge(Ok(oracle.answer(meeting)), timeout, answer), expect.within.map(|most| most.0))
            }
            Oracle::Tcp(oracle) => (judge(Ok(oracle.answer(meeting)), timeout, |()| SampleResult::Healthy), None),
        };
        // What is answered at the deadline comes too late.
        let in_time = Span(timeout.0.saturating_sub(1));
        let within = within.filter(|_| result == SampleResult::Healthy);
        let longest = within.map_or(in_time, |within| within.min(in_time));
        let region = address.and_then(|address| self.probe.regions.of(address));
        Alike { address, region, result, longest }
    }

    /// How long a sample takes that is sent at `sent`, while they are steady.
    #[must_use]
    pub fn takes(&self, sent: Moment) -> Span {
        self.stages(sent).total()
    }

    /// The sample of `tick`, begun when it was due and one of these.
    #[must_use]
    pub fn sample(&self, alike: &Alike, tick: u64, scheduled: Moment) -> Sample {
        let stages = self.stages(scheduled);
        Sample {
            tick,
            scheduled,
            sent: scheduled,
            answered: scheduled + stages.total(),
            result: alike.result.clone(),
            address: alike.address,
            region: alike.region,
            stages,
        }
    }

    fn stages(&self, sent: Moment) -> Stages {
        match &self.oracle {
            Oracle::Http(oracle, _) => oracle.stages(sent),
            Oracle::Tcp(oracle) => oracle.stages(sent),
        }
    }
}

/// Takes one sample of `probe` at `address`, whatever its name resolves to: how a service is asked where it does not
/// serve yet.
pub async fn once(
    id: &ProbeId,
    probe: &Probe,
    address: IpAddr,
    timeout: Span,
    regions: &Arc<Regions>,
    network: &dyn Network,
    cx: &Context,
) -> Sample {
    let prepared = PreparedProbe::of(id.clone(), probe, timeout, Arc::clone(regions)).at(address);
    sample(&prepared, network, cx, 0, cx.clock.now()).await
}

/// What a sample keeps of an exchange.
type Found = (Option<IpAddr>, Stages, SampleResult);

fn judge<T>(exchange: Result<Exchange<T>, Elapsed>, timeout: Span, answer: impl FnOnce(T) -> SampleResult) -> Found {
    match exchange {
        Ok(Exchange { address, stages, result: Ok(response) }) => (address, stages, answer(response)),
        Ok(Exchange { address, stages, result: Err(error) }) => {
            (address, stages, SampleResult::Unhealthy(told(&error, address)))
        }
        Err(Elapsed) => {
            let what = format!("no answer within {}", timeout.short());
            (None, Stages::default(), SampleResult::Unhealthy(what))
        }
    }
}

fn judge_http(expect: &HttpExpect, response: &HttpResponse, took: Span) -> SampleResult {
    match expect.judge(response, took) {
        Judged::AsExpected => SampleResult::Healthy,
        Judged::Otherwise(seen) => SampleResult::Unhealthy(seen),
    }
}

/// The failure in words, with where it happened.
fn told(error: &NetError, address: Option<IpAddr>) -> String {
    let stage = match error.stage {
        Stage::Resolve => "resolving the name",
        Stage::Connect => "connecting",
        Stage::Tls => "TLS handshake",
        Stage::Exchange => "waiting for the answer",
    };
    match address {
        Some(address) => format!("{stage} ({address}): {}", error.text),
        None => format!("{stage}: {}", error.text),
    }
}
