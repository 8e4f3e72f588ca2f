//! Probes as people write them: `{ http: URL, expect: …, every: 1s }` or `{ tcp: "host:port", every: 2s }`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bounds;
use crate::catalogue::{HttpExpect, HttpProbe, Period, Probe, TcpProbe, split_url};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::ProbeId;
use crate::model::ProbePlan;
use crate::resource::{Method, Resolver};
use crate::time::Span;
use crate::yaml::{Node, decode};

/// From one sample to the next, where nothing is said.
const EVERY: Span = Span::from_secs(5);
/// How long a sample may take, where nothing is said and the interval is not shorter.
const TIMEOUT: Span = Span::from_secs(3);
/// Healthy samples in a row that end an outage, where nothing is said.
const HEALTHY_AFTER: u32 = 3;
/// Unhealthy samples in a row that are an outage, where nothing is said.
const UNHEALTHY_AFTER: u32 = 2;

/// What is asked, without a rhythm: as `standby` is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    http: Option<String>,
    tcp: Option<String>,
    method: Option<Method>,
    headers: Option<BTreeMap<String, String>>,
    expect: Option<HttpExpect>,
    resolver: Option<Resolver>,
}

/// What is asked, and how often.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rhythmic {
    http: Option<String>,
    tcp: Option<String>,
    method: Option<Method>,
    headers: Option<BTreeMap<String, String>>,
    expect: Option<HttpExpect>,
    resolver: Option<Resolver>,
    every: Option<Period>,
    timeout: Option<Period>,
    healthy_after: Option<u32>,
    unhealthy_after: Option<u32>,
}

/// Reads a probe with its rhythm.
pub(super) fn read(id: ProbeId, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ProbePlan> {
    let raw: Rhythmic = decode(node, diagnostics)?;
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let every = raw.every.map_or(EVERY, |it| it.0);
    bounds::span("every", every, bounds::EVERY_MIN, place("every"), diagnostics);
    let timeout = raw.timeout.map_or(every.min(TIMEOUT), |it| it.0);
    bounds::span("timeout", timeout, Span(1), place("timeout"), diagnostics);
    let healthy_after = raw.healthy_after.unwrap_or(HEALTHY_AFTER);
    bounds::count("healthy_after", healthy_after, bounds::IN_A_ROW_MAX, place("healthy_after"), diagnostics);
    let unhealthy_after = raw.unhealthy_after.unwrap_or(UNHEALTHY_AFTER);
    bounds::count("unhealthy_after", unhealthy_after, bounds::IN_A_ROW_MAX, place("unhealthy_after"), diagnostics);
    let question = Question {
        http: raw.http,
        tcp: raw.tcp,
        method: raw.method,
        headers: raw.headers,
        expect: raw.expect,
        resolver: raw.resolver,
    };
    let probe = ask(question, node, diagnostics)?;
    Some(ProbePlan { id, probe, every, timeout, healthy_after, unhealthy_after })
}

/// Reads a probe that has no rhythm of its own.
pub(super) fn standby(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Probe> {
    let question = decode(node, diagnostics)?;
    ask(question, node, diagnostics)
}

fn ask(question: Question, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Probe> {
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let resolver = question.resolver.unwrap_or_default();
    match (question.http, question.tcp) {
        (Some(url), None) => {
            check_url(&url, place("http"), diagnostics);
            Some(Probe::Http(HttpProbe {
                url,
                method: question.method.unwrap_or_default(),
                headers: question.headers.unwrap_or_default(),
                expect: question.expect.unwrap_or_default(),
                resolver,
            }))
        }
        (None, Some(target)) => {
            for key in ["method", "headers", "expect"] {
                if node.get(key).is_some() {
                    diagnostics.push(
                        Diagnostic::error("M042", format!("`{key}` goes with `http`, not with `tcp`"))
                            .at(place(key))
                            .help("remove it; a tcp probe is healthy when the connection opens"),
                    );
                }
            }
            let (host, port) = match split_target(&target) {
                Ok(parts) => parts,
                Err(message) => {
                    diagnostics.push(
                        Diagnostic::error("M042", message)
                            .at(place("tcp"))
                            .help("write for example db.example.test:5432"),
                    );
                    return None;
                }
            };
            Some(Probe::Tcp(TcpProbe { host, port, resolver }))
        }
        (Some(_), Some(_)) => {
            diagnostics.push(
                Diagnostic::error("M042", "a probe asks over `http` or over `tcp`, not both")
                    .at(place("tcp"))
                    .help("remove one of the two"),
            );
            None
        }
        (None, None) => {
            // A key that was of a wrong type was complained about.
            if !node.has("http") && !node.has("tcp") {
                diagnostics.push(
                    Diagnostic::error("M042", "the probe does not say what it asks")
                        .at(node.place())
                        .help("write `http: https://…` or `tcp: \"host:port\"`"),
                );
            }
            None
        }
    }
}

/// Notes what is wrong with a URL.
pub(super) fn check_url(url: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Err(message) = split_url(url) {
        diagnostics.push(Diagnostic::error("M042", message).at(place));
    }
}

/// Splits `host:port`; an IPv6 address stands in `[ ]`.
fn split_target(target: &str) -> Result<(String, u16), String> {
    let Some((host, port)) = target.rsplit_once(':') else {
        return Err(format!("`{target}` has no port"));
    };
    let Some(port) = port.parse::<u16>().ok().filter(|port| *port > 0) else {
        return Err(format!("`{target}` has no valid port after the colon"));
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let is_address = bare.parse::<std::net::Ipv6Addr>().is_ok();
    let is_name = !bare.is_empty() && bare == host && !bare.contains([':', '/', '@', ' ']);
    if !is_address && !is_name {
        return Err(format!("`{target}` has no valid host before the port"));
    }
    Ok((bare.to_owned(), port))
}
