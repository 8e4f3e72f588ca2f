//! Probes as people write them: `{ http: URL, expect: …, every: 1s }`, `{ tcp: "host:port" }`, `{ all: [...] }` …

mod sense;
mod written;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::bounds;
use crate::catalogue::{
    Combination, CommandProbe, DnsProbe, HttpProbe, PostgresProbe, Probe, TcpProbe, TlsProbe, split_url,
};
use crate::diagnostic::{Diagnostic, Place};
use crate::id::ProbeId;
use crate::model::ProbePlan;
use crate::time::Span;
use crate::yaml::{Node, decode};
use written::Rhythm;

/// From one sample to the next, where nothing is said.
const EVERY: Span = Span::from_secs(5);
/// How long a sample may take, where nothing is said and the interval is not shorter.
const TIMEOUT: Span = Span::from_secs(3);
/// Healthy samples in a row that end an outage, where nothing is said.
const HEALTHY_AFTER: u32 = 3;
/// Unhealthy samples in a row that are an outage, where nothing is said.
const UNHEALTHY_AFTER: u32 = 2;

/// The kinds, by the key that says which it is.
const KINDS: [&str; 9] = ["http", "tcp", "tls", "dns", "postgres", "command", "all", "any", "of"];

/// The keys that not every kind has, and which have it.
const KEYS: [(&str, &[&str]); 16] = [
    ("method", &["http"]),
    ("headers", &["http"]),
    ("body", &["http"]),
    ("redirects", &["http"]),
    ("expect", &["http", "tcp", "tls", "dns", "postgres", "command"]),
    ("resolver", &["http", "tcp", "tls", "postgres"]),
    ("family", &["http", "tcp", "tls", "postgres"]),
    ("tls_options", &["http", "tls", "postgres"]),
    ("send", &["tcp"]),
    ("record", &["dns"]),
    ("servers", &["dns"]),
    ("database", &["postgres"]),
    ("user", &["postgres"]),
    ("password", &["postgres"]),
    ("query", &["postgres"]),
    ("sslmode", &["postgres"]),
];
/// The same, for keys of one kind that are none of a question's.
const MORE_KEYS: [(&str, &[&str]); 2] = [("prints_address", &["command"]), ("probes", &["of"])];

/// Reads a probe with its rhythm.
pub(super) fn read(id: ProbeId, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ProbePlan> {
    let (probe, rhythm) = question::<true>(node, 0, diagnostics)?;
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let every = rhythm.every.map_or(EVERY, |it| it.0);
    bounds::span("every", every, bounds::EVERY_MIN, place("every"), diagnostics);
    let timeout = rhythm.timeout.map_or(every.min(TIMEOUT), |it| it.0);
    bounds::span("timeout", timeout, Span(1), place("timeout"), diagnostics);
    let healthy_after = rhythm.healthy_after.unwrap_or(HEALTHY_AFTER);
    bounds::count("healthy_after", healthy_after, bounds::IN_A_ROW_MAX, place("healthy_after"), diagnostics);
    let unhealthy_after = rhythm.unhealthy_after.unwrap_or(UNHEALTHY_AFTER);
    bounds::count("unhealthy_after", unhealthy_after, bounds::IN_A_ROW_MAX, place("unhealthy_after"), diagnostics);
    Some(ProbePlan { id, probe, every, timeout, healthy_after, unhealthy_after })
}

/// Reads a probe that has no rhythm of its own.
pub(super) fn standby(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Probe> {
    question::<false>(node, 0, diagnostics).map(|(probe, _)| probe)
}

/// Decodes the keys of a kind, with those of a rhythm or without.
fn keys<A, R, const RHYTHMIC: bool>(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(A, Rhythm)>
where
    A: DeserializeOwned,
    R: DeserializeOwned + Into<(A, Rhythm)>,
{
    if RHYTHMIC {
        decode::<R>(node, diagnostics).map(Into::into)
    } else {
        decode::<A>(node, diagnostics).map(|alone| (alone, Rhythm::default()))
    }
}

/// The kind that a probe is of; nothing if that can't be told, which is noted.
fn kind(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<&'static str> {
    let mut there = KINDS.into_iter().filter(|kind| node.has(kind));
    let Some(first) = there.next() else {
        if node.as_map().is_none() {
            // It says what it wanted, and what it found.
            decode::<written::Http>(node, diagnostics);
            return None;
        }
        diagnostics.push(
            Diagnostic::error("M042", "the probe does not say what it asks")
                .at(node.place())
                .help("write `http: https://…`, `tcp: \"host:port\"`, or another of `tls`, `dns`, `postgres`, `command`, `all`, `any` and `of`"),
        );
        return None;
    };
    if let Some(second) = there.next() {
        let message = match (first, second) {
            ("http", "tcp") => "a probe asks over `http` or over `tcp`, not both".to_owned(),
            _ => format!("a probe is `{first}` or `{second}`, not both"),
        };
        diagnostics.push(
            Diagnostic::error("M042", message).at(node.get(second).map_or_else(|| node.place(), Node::place)).help(
                if second == "tcp" {
                    "remove one of the two".to_owned()
                } else {
                    format!("remove one of the two, or write `all: [{{ {first}: … }}, {{ {second}: … }}]`")
                },
            ),
        );
        return None;
    }
    Some(first)
}

/// Without the keys that are another kind's, which are noted.
fn own_keys(node: &Node, kind: &str, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let theirs = |name: &str| {
        let of = KEYS.iter().chain(&MORE_KEYS).find(|(key, _)| *key == name)?;
        (!of.1.contains(&kind)).then_some(of.1)
    };
    let entries = node.as_map().unwrap_or_default();
    for entry in entries {
        let Some(kinds) = theirs(entry.name()) else { continue };
        let named: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let message = format!("`{}` goes with {}, not with `{kind}`", entry.name(), named.join(" or "));
        let help = match kind {
            "tcp" => "remove it; a tcp probe is healthy when the connection opens and what it `expect`s comes back",
            "all" | "any" | "of" => "write it with each of the probes that it is meant for",
            _ => "remove it",
        };
        diagnostics.push(Diagnostic::error("M042", message).at(entry.value.place()).help(help));
    }
    // Another kind's key that is `null` is left out.
    let none = |name: &str| name != kind && KINDS.contains(&name) && !node.has(name);
    let own = entries.iter().filter(|entry| theirs(entry.name()).is_none() && !none(entry.name()));
    node.with_entries(own.cloned().collect())
}

fn question<const RHYTHMIC: bool>(
    node: &Node,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Probe, Rhythm)> {
    let kind = kind(node, diagnostics)?;
    let own = &own_keys(node, kind, diagnostics);
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    let before = diagnostics.len();
    let (probe, rhythm) = match kind {
        "http" => {
            let (it, rhythm) = keys::<written::Http, written::RhythmicHttp, RHYTHMIC>(own, diagnostics)?;
            check_url(&it.http, place("http"), diagnostics);
            let probe = HttpProbe {
                url: it.http,
                method: it.method.unwrap_or_default(),
                headers: it.headers.unwrap_or_default(),
                body: it.body,
                redirects: it.redirects.map_or(0, |it| it.0),
                expect: it.expect.unwrap_or_default(),
                resolver: it.resolver.unwrap_or_default(),
                family: it.family.unwrap_or_default(),
                tls: it.tls_options.unwrap_or_default(),
            };
            (Probe::Http(probe), rhythm)
        }
        "tcp" => {
            let (it, rhythm) = keys::<written::Tcp, written::RhythmicTcp, RHYTHMIC>(own, diagnostics)?;
            let (host, port) = target(&it.tcp, place("tcp"), diagnostics)?;
            let (resolver, family) = (it.resolver.unwrap_or_default(), it.family.unwrap_or_default());
            let expect = it.expect.unwrap_or_default();
            (Probe::Tcp(TcpProbe { host, port, send: it.send, expect, resolver, family }), rhythm)
        }
        "tls" => {
            let (it, rhythm) = keys::<written::Tls, written::RhythmicTls, RHYTHMIC>(own, diagnostics)?;
            let (host, port) = target(&it.tls, place("tls"), diagnostics)?;
            let (resolver, family) = (it.resolver.unwrap_or_default(), it.family.unwrap_or_default());
            let (expect, tls) = (it.expect.unwrap_or_default(), it.tls_options.unwrap_or_default());
            (Probe::Tls(TlsProbe { host, port, expect, resolver, family, tls }), rhythm)
        }
        "dns" => {
            let (it, rhythm) = keys::<written::Dns, written::RhythmicDns, RHYTHMIC>(own, diagnostics)?;
            let servers = it.servers.map_or_else(Vec::new, |servers| servers.0);
            let expect = it.expect.unwrap_or_default();
            (Probe::Dns(DnsProbe { name: it.dns, record: it.record.unwrap_or_default(), servers, expect }), rhythm)
        }
        "postgres" => {
            let (it, rhythm) = keys::<written::Postgres, written::RhythmicPostgres, RHYTHMIC>(own, diagnostics)?;
            let (host, port) = target(&it.postgres, place("postgres"), diagnostics)?;
            let probe = PostgresProbe {
                host,
                port,
                database: it.database.unwrap_or_else(|| it.user.clone()),
                user: it.user,
                password: it.password,
                query: it.query.unwrap_or_else(|| "select 1".to_owned()),
                sslmode: it.sslmode.unwrap_or_default(),
                expect: it.expect.unwrap_or_default(),
                resolver: it.resolver.unwrap_or_default(),
                family: it.family.unwrap_or_default(),
                tls: it.tls_options.unwrap_or_default(),
            };
            (Probe::Postgres(probe), rhythm)
        }
        "command" => {
            let (it, rhythm) = keys::<written::Command, written::RhythmicCommand, RHYTHMIC>(own, diagnostics)?;
            let prints_address = it.prints_address.unwrap_or_default();
            (
                Probe::Command(CommandProbe {
                    argv: it.command,
                    prints_address,
                    expect: it.expect.unwrap_or_default(),
                }),
                rhythm,
            )
        }
        _ => combination::<RHYTHMIC>(kind, own, depth, diagnostics)?,
    };
    // What was of a wrong type was taken out, and says nothing about sense.
    if diagnostics.len() == before {
        sense::check(&probe, node, diagnostics);
    }
    Some((probe, rhythm))
}

/// Several probes, of which all, one, or so many must be healthy.
fn combination<const RHYTHMIC: bool>(
    kind: &str,
    node: &Node,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Probe, Rhythm)> {
    let several = |needed: usize, probes: Vec<Probe>| Probe::Several(Combination { needed, probes });
    match kind {
        "all" => {
            let (written::All { all: IgnoredAny }, rhythm) =
                keys::<written::All, written::RhythmicAll, RHYTHMIC>(node, diagnostics)?;
            let probes = parts(node, "all", depth, diagnostics)?;
            Some((several(probes.len(), probes), rhythm))
        }
        "any" => {
            let (written::Any { any: IgnoredAny }, rhythm) =
                keys::<written::Any, written::RhythmicAny, RHYTHMIC>(node, diagnostics)?;
            Some((several(1, parts(node, "any", depth, diagnostics)?), rhythm))
        }
        _ => {
            let (written::Of { of, probes: IgnoredAny }, rhythm) =
                keys::<written::Of, written::RhythmicOf, RHYTHMIC>(node, diagnostics)?;
            let probes = parts(node, "probes", depth, diagnostics)?;
            let needed = usize::try_from(of).unwrap_or(usize::MAX);
            if needed == 0 || needed > probes.len() {
                diagnostics.push(
                    Diagnostic::error("M043", format!("`of: {of}` is out of bounds"))
                        .at(node.get("of").map_or_else(|| node.place(), Node::place))
                        .help(format!("write how many of the {} probes must be healthy, from 1 on", probes.len())),
                );
                return None;
            }
            Some((several(needed, probes), rhythm))
        }
    }
}

/// The probes of a combination.
fn parts(node: &Node, key: &str, depth: usize, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Probe>> {
    let list = node.get(key)?;
    let Some(items) = list.as_seq().filter(|items| !items.is_empty()) else {
        diagnostics.push(
            Diagnostic::error("M076", format!("`{key}` is a list of probes, found {}", list.describe()))
                .at(list.place())
                .help("write for example [{ tcp: \"a.example.test:22\" }, { tcp: \"b.example.test:22\" }]"),
        );
        return None;
    };
    if depth + 1 > Probe::DEPTH_MAX {
        diagnostics.push(
            Diagnostic::error("M076", format!("more than {} combinations stand in each other", Probe::DEPTH_MAX))
                .at(list.place())
                .help("say it with fewer: what is asked of users seldom needs more than one"),
        );
        return None;
    }
    let mut all = Vec::with_capacity(items.len().min(Probe::LEAVES_MAX));
    let mut whole = true;
    for item in items {
        for key in ["every", "timeout", "healthy_after", "unhealthy_after"] {
            if let Some(entry) = item.get_entry(key) {
                let message = format!("`{key}` is the whole combination's, not one part's");
                diagnostics
                    .push(Diagnostic::error("M076", message).at(entry.key.place()).help("write it beside the list"));
                whole = false;
            }
        }
        let rhythm = |entry: &&crate::yaml::Entry| {
            !["every", "timeout", "healthy_after", "unhealthy_after"].contains(&entry.name())
        };
        let entries = item.as_map().map(|entries| entries.iter().filter(rhythm).cloned().collect());
        let item = entries.map_or_else(|| item.clone(), |entries| item.with_entries(entries));
        match question::<false>(&item, depth + 1, diagnostics) {
            Some((probe, _)) => all.push(probe),
            None => whole = false,
        }
    }
    let leaves: usize = all.iter().map(|probe| probe.leaves().len()).sum();
    if leaves > Probe::LEAVES_MAX {
        diagnostics.push(
            Diagnostic::error("M076", format!("the probe is made of {leaves} probes"))
                .at(list.place())
                .help(format!("a probe is made of at most {}", Probe::LEAVES_MAX)),
        );
        return None;
    }
    whole.then_some(all)
}

/// Notes what is wrong with a URL.
pub(super) fn check_url(url: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Err(message) = split_url(url) {
        diagnostics.push(Diagnostic::error("M042", message).at(place));
    }
}

fn target(target: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, u16)> {
    split_target(target)
        .map_err(|message| {
            diagnostics
                .push(Diagnostic::error("M042", message).at(place).help("write for example db.example.test:5432"));
        })
        .ok()
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
