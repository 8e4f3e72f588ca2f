//! Taking a sample.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::look::{self, Found, judge, of_http, of_tcp};
use super::prepared::Ask;
use super::{Look, PreparedProbe, Regions, Senses};
use crate::catalogue::{HttpExpect, Probe, TcpExpect};
use crate::id::{ProbeId, RegionRole};
use crate::model::{Sample, SampleResult};
use crate::resource::{Context, ForetellExchange, Foretold, HttpResponse, Meeting, Network, Stages, Steady};
use crate::time::{Elapsed, Moment, Span};

/// Takes one sample now: the probe's tick `tick`, which was due at `scheduled`. It takes at most the probe's timeout
/// and never fails; what went wrong is the sample's result.
pub async fn sample(probe: &PreparedProbe, senses: Senses<'_>, cx: &Context, tick: u64, scheduled: Moment) -> Sample {
    let sent = cx.clock.now();
    let Look { address, region, stages, result, .. } = look(probe, senses, cx).await;
    Sample { tick, scheduled, sent, answered: cx.clock.now(), result, address, region, stages }
}

/// Asks once, now, and tells all that was seen.
pub async fn look(probe: &PreparedProbe, senses: Senses<'_>, cx: &Context) -> Look {
    look::look(&probe.ask, probe.timeout, &probe.regions, senses, cx).await
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
    Tcp(Box<dyn ForetellExchange<String>>, TcpExpect),
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
            Ask::Http { request, expect } => {
                Oracle::Http(network.foretell_http(&probe.id, request)?, HttpExpect::clone(expect))
            }
            Ask::Tcp { request, expect } => Oracle::Tcp(network.foretell_tcp(&probe.id, request)?, expect.clone()),
            // Asked each time: nobody knows ahead what comes.
            Ask::Tls { .. }
            | Ask::Dns { .. }
            | Ask::Postgres { .. }
            | Ask::Command { .. }
            | Ask::Several { .. }
            | Ask::Never(_) => return None,
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
                judge(Ok(exchange), timeout, |response| of_http(expect, response, took))
            }),
            Oracle::Tcp(oracle, expect) => oracle.foretell(scheduled, by, deadline)?.map(|answered, exchange| {
                let took = answered.since(scheduled);
                judge(Ok(exchange), timeout, |received: &String| of_tcp(expect, received, took))
            }),
        };
        let (answered, (address, stages, result, _)) = match foretold {
            Foretold::At(answered, found) => (answered, found),
            Foretold::Silence => {
                let healthy = |(): &()| (SampleResult::Healthy, String::new());
                (deadline, judge::<()>(Err(Elapsed), timeout, healthy))
            }
        };
        let region = address.and_then(|address| self.probe.regions.of(address));
        Some(Sample { tick, scheduled, sent: scheduled, answered, result, address, region, stages })
    }

    /// What samples come to that are sent from `from` on, where that is known.
    #[must_use]
    pub fn steady(&self, from: Moment) -> Option<Steady<Arc<Alike>>> {
        let Steady { answer: meeting, until } = match &self.oracle {
            Oracle::Http(oracle, _) => oracle.steady(from)?,
            Oracle::Tcp(oracle, _) => oracle.steady(from)?,
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
        let (found, within): (Found, _) = match &self.oracle {
            Oracle::Http(oracle, expect) => {
                let answer = |response: &HttpResponse| of_http(expect, response, Span::ZERO);
                (judge(Ok(oracle.answer(meeting)), timeout, answer), expect.within.map(|most| most.0))
            }
            Oracle::Tcp(oracle, expect) => {
                let answer = |received: &String| of_tcp(expect, received, Span::ZERO);
                (judge(Ok(oracle.answer(meeting)), timeout, answer), expect.within.map(|most| most.0))
            }
        };
        let (address, _, result, _) = found;
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
            Oracle::Tcp(oracle, _) => oracle.stages(sent),
        }
    }
}

/// Looks once by `probe` at `address`, whatever its name resolves to: how a service is asked where it does not serve yet.
pub async fn once(
    id: &ProbeId,
    probe: &Probe,
    address: IpAddr,
    timeout: Span,
    regions: &Arc<Regions>,
    senses: Senses<'_>,
    cx: &Context,
) -> Look {
    let prepared = PreparedProbe::of(id.clone(), probe, timeout, Arc::clone(regions)).at(address);
    look(&prepared, senses, cx).await
}
