//! Asking once, and judging what is seen: a leaf, or several that are asked at the same time.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::Regions;
use super::prepared::Ask;
use crate::catalogue::{HttpExpect, Judged, ProgramExpect, TcpExpect};
use crate::id::RegionRole;
use crate::model::SampleResult;
use crate::resource::{
    CommandLine, Context, Exchange, Finished, HttpResponse, NetError, Network, ProcessError, Processes, Resources,
    Stage, Stages,
};
use crate::time::{Elapsed, Span};

/// By what a probe sees.
#[derive(Clone, Copy)]
pub struct Senses<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// Programs.
    pub processes: &'a dyn Processes,
}

impl<'a> From<&'a Resources> for Senses<'a> {
    fn from(resources: &'a Resources) -> Self {
        Self { network: &*resources.network, processes: &*resources.processes }
    }
}

/// What one look found, and of several what each of them found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The address that answered.
    pub address: Option<IpAddr>,
    /// The region that it is in.
    pub region: Option<RegionRole>,
    /// The time of each stage.
    pub stages: Stages,
    /// How long it took.
    pub took: Span,
    /// What was found.
    pub result: SampleResult,
    /// What came, in a few words: `status 200`. Nothing where nothing came.
    pub came: String,
    /// What each part found, in the order of the probe's own; `None`: it was not waited for.
    pub parts: Vec<Option<Self>>,
}

/// What is kept of an exchange: who answered, how long its stages took, what came of it, and what came.
pub(super) type Found = (Option<IpAddr>, Stages, SampleResult, String);

/// Looks once, for no longer than `timeout`.
pub(super) fn look<'a>(
    ask: &'a Ask,
    timeout: Span,
    regions: &'a Regions,
    senses: Senses<'a>,
    cx: &'a Context,
) -> Pin<Box<dyn Future<Output = Look> + Send + 'a>> {
    Box::pin(async move {
        let sent = cx.clock.now();
        if let Ask::Several { needed, parts } = ask {
            let looks = parts.iter().map(|(_, part)| look(part, timeout, regions, senses, cx)).collect();
            let (answered, order) = decided(looks, *needed).await;
            return several(*needed, parts, answered, &order, cx.clock.now().since(sent));
        }
        let (address, stages, result, came) = leaf(ask, timeout, senses, cx).await;
        let region = address.and_then(|address| regions.of(address));
        Look { address, region, stages, took: cx.clock.now().since(sent), result, came, parts: Vec::new() }
    })
}

async fn leaf(ask: &Ask, timeout: Span, Senses { network, processes }: Senses<'_>, cx: &Context) -> Found {
    let sent = cx.clock.now();
    let took = || cx.clock.now().since(sent);
    let clock = &cx.clock;
    match ask {
        Ask::Http { request, expect } => {
            let exchange = clock.timeout(timeout, network.http(cx, request)).await;
            judge(exchange, timeout, |response| of_http(expect, response, took()))
        }
        Ask::Tcp { request, expect } => {
            let exchange = clock.timeout(timeout, network.tcp(cx, request)).await;
            judge(exchange, timeout, |received| of_tcp(expect, received, took()))
        }
        Ask::Tls { request, expect } => {
            let exchange = clock.timeout(timeout, network.tls(cx, request)).await;
            judge(exchange, timeout, |shown| {
                let came = format!(
                    "a certificate of {} for {}, valid for {} days",
                    shown.issuer,
                    shown.names.join(", "),
                    shown.days()
                );
                (result(expect.judge(shown, took())), came)
            })
        }
        Ask::Dns { request, expect } => {
            let exchange = clock.timeout(timeout, network.dns(cx, request)).await;
            judge(exchange, timeout, |answers| {
                let one = |answer: &crate::resource::DnsAnswer| match &answer.result {
                    Ok((values, ttl)) => format!("{}: {} for {}", answer.server, values.join(" "), ttl.short()),
                    Err(why) => format!("{}: {why}", answer.server),
                };
                let came = answers.iter().map(one).collect::<Vec<_>>().join("; ");
                (result(expect.judge(answers, took())), came)
            })
        }
        Ask::Postgres { request, expect } => {
            let exchange = clock.timeout(timeout, network.postgres(cx, request)).await;
            judge(exchange, timeout, |value| {
                let came = value.as_ref().map_or_else(|| "nothing".to_owned(), |value| format!("`{}`", short(value)));
                (result(expect.judge(value.as_deref(), took())), came)
            })
        }
        Ask::Command { line, prints_address, expect } => {
            let ended = clock.timeout(timeout, processes.run(cx, line)).await;
            of_command(line, *prints_address, expect, ended, took())
        }
        Ask::Never(why) => (None, Stages::default(), SampleResult::Unhealthy(why.clone()), String::new()),
        // Told apart before.
        Ask::Several { .. } => unreachable!("several are looked at one by one"),
    }
}

pub(super) fn judge<T>(
    exchange: Result<Exchange<T>, Elapsed>,
    timeout: Span,
    answer: impl FnOnce(&T) -> (SampleResult, String),
) -> Found {
    match exchange {
        Ok(Exchange { address, stages, result: Ok(response) }) => {
            let (result, came) = answer(&response);
            (address, stages, result, came)
        }
        Ok(Exchange { address, stages, result: Err(error) }) => {
            (address, stages, SampleResult::Unhealthy(told(&error, address)), String::new())
        }
        Err(Elapsed) => (None, Stages::default(), SampleResult::Unhealthy(silent(timeout)), String::new()),
    }
}

fn silent(timeout: Span) -> String {
    format!("no answer within {}", timeout.short())
}

fn result(judged: Judged) -> SampleResult {
    match judged {
        Judged::AsExpected => SampleResult::Healthy,
        Judged::Otherwise(seen) => SampleResult::Unhealthy(seen),
    }
}

pub(super) fn of_http(expect: &HttpExpect, response: &HttpResponse, took: Span) -> (SampleResult, String) {
    (result(expect.judge(response, took)), format!("status {}", response.status))
}

pub(super) fn of_tcp(expect: &TcpExpect, received: &str, took: Span) -> (SampleResult, String) {
    let came =
        if received.is_empty() { "a connection".to_owned() } else { format!("`{}`", short(received.trim_end())) };
    (result(expect.judge(received, took)), came)
}

fn of_command(
    line: &CommandLine,
    prints_address: bool,
    expect: &ProgramExpect,
    ended: Result<Result<Finished, ProcessError>, Elapsed>,
    took: Span,
) -> Found {
    let finished = match ended {
        Ok(Ok(finished)) => finished,
        Ok(Err(ProcessError::TimedOut(_))) | Err(Elapsed) => {
            return (None, Stages::default(), SampleResult::Unhealthy(silent(line.timeout)), String::new());
        }
        Ok(Err(error)) => return (None, Stages::default(), SampleResult::Unhealthy(error.to_string()), String::new()),
    };
    let last = finished.stdout.trim_end().lines().last().unwrap_or_default().trim();
    let address = last.parse().ok().filter(|_| prints_address);
    let code = finished.code.map_or_else(|| "an end by a signal".to_owned(), |code| format!("exit code {code}"));
    let came = if last.is_empty() { code } else { format!("{code}, `{}`", short(last)) };
    let mut judged = expect.judge(&finished, took);
    if judged == Judged::AsExpected && prints_address && address.is_none() {
        judged = Judged::Otherwise(format!("the last line of its output is no address: `{}`", short(last)));
    }
    (address, Stages { first_byte: Some(took), ..Stages::default() }, result(judged), came)
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
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

type Looking<'a> = Pin<Box<dyn Future<Output = Look> + Send + 'a>>;

/// Waits until as many as are `needed` are healthy, or until all have answered; gives the answers, and by number the order
/// in which they came. The rest is dropped.
async fn decided(looks: Vec<Looking<'_>>, needed: usize) -> (Vec<Option<Look>>, Vec<usize>) {
    let mut under_way: Vec<Option<Looking<'_>>> = looks.into_iter().map(Some).collect();
    let mut answered: Vec<Option<Look>> = under_way.iter().map(|_| None).collect();
    let (mut order, mut healthy) = (Vec::new(), 0);
    poll_fn(|polling| {
        for n in 0..under_way.len() {
            let Some(Poll::Ready(look)) = under_way[n].as_mut().map(|it| it.as_mut().poll(polling)) else { continue };
            healthy += usize::from(look.result == SampleResult::Healthy);
            (answered[n], under_way[n]) = (Some(look), None);
            order.push(n);
        }
        if healthy >= needed || order.len() == under_way.len() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (answered, order)
}

/// What several looks come to. Where enough are healthy, these say who answered; else all do. It is a region's answer if
/// none of them was another's; whose region is not known has no say. The stages are those of the one that decided.
fn several(needed: usize, names: &[(Arc<str>, Ask)], parts: Vec<Option<Look>>, order: &[usize], took: Span) -> Look {
    let is_healthy = |look: &&Look| look.result == SampleResult::Healthy;
    let there = || order.iter().filter_map(|n| parts[*n].as_ref());
    let healthy = there().filter(is_healthy).count();
    let well = healthy >= needed;
    let heard: Vec<&Look> = parts.iter().flatten().filter(|look| !well || is_healthy(look)).collect();
    let mut regions: Vec<RegionRole> = heard.iter().filter_map(|look| look.region).collect();
    regions.sort_unstable();
    regions.dedup();
    let region = if let [only] = regions[..] { Some(only) } else { None };
    let mut of_region = heard.iter().filter(|look| regions.is_empty() || (region.is_some() && look.region == region));
    let address = of_region.find_map(|look| look.address);
    let decisive = there().rfind(|look| !well || is_healthy(look));
    let failed =
        names.iter().zip(&parts).filter_map(|((name, _), look)| match look.as_ref().map(|look| &look.result) {
            Some(SampleResult::Unhealthy(why)) => Some(format!("{name}: {why}")),
            _ => None,
        });
    let count = parts.len();
    let result = if well {
        SampleResult::Healthy
    } else {
        let failed = failed.collect::<Vec<_>>().join("; ");
        SampleResult::Unhealthy(format!("{healthy} of {count} well, {needed} needed: {failed}"))
    };
    Look {
        address,
        region,
        stages: decisive.map(|look| look.stages).unwrap_or_default(),
        took,
        result,
        came: format!("{healthy} of {count} well, {needed} needed"),
        parts,
    }
}
