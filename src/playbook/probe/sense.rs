//! What of a probe can't be meant, though each of its keys is well formed.

use crate::catalogue::{HttpProbe, Probe, split_url};
use crate::diagnostic::{Diagnostic, Place};
use crate::infrastructure::real::ServerAddress;
use crate::resource::{Family, Resolver, TlsOptions};
use crate::yaml::Node;

/// The most of a body, and of what is sent over TCP, in bytes.
const BODY_MAX: usize = 64 * 1024;
/// The most redirects that are followed.
const REDIRECTS_MAX: u32 = 10;
/// The most name servers of one probe.
const SERVERS_MAX: usize = 16;

/// Notes what of `probe`, which was read from `node`, can't be meant.
pub(super) fn check(probe: &Probe, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let place = |key: &str| node.get(key).map_or_else(|| node.place(), Node::place);
    match probe {
        Probe::Http(it) => {
            http(it, node, &place, diagnostics);
            over(&it.resolver, it.family, host_of(&it.url), &place, diagnostics);
        }
        Probe::Tcp(it) => {
            too_long("send", it.send.as_deref(), place("send"), diagnostics);
            over(&it.resolver, it.family, &it.host, &place, diagnostics);
        }
        Probe::Tls(it) => {
            tls(&it.tls, place("tls_options"), diagnostics);
            over(&it.resolver, it.family, &it.host, &place, diagnostics);
        }
        Probe::Dns(it) => {
            for server in &it.servers {
                if let Err(why) = server.parse::<ServerAddress>() {
                    let help = "whoever looks names up can't be found by one";
                    diagnostics.push(Diagnostic::error("M075", why).at(place("servers")).help(help));
                }
            }
            if it.servers.len() > SERVERS_MAX {
                let message = format!("{} name servers are asked", it.servers.len());
                let help = format!("name at most {SERVERS_MAX}");
                diagnostics.push(Diagnostic::error("M075", message).at(place("servers")).help(help));
            }
        }
        Probe::Postgres(it) => {
            too_long("query", Some(&it.query), place("query"), diagnostics);
            tls(&it.tls, place("tls_options"), diagnostics);
            over(&it.resolver, it.family, &it.host, &place, diagnostics);
        }
        Probe::Command(it) if it.argv.is_empty() => diagnostics.push(
            Diagnostic::error("M075", "the command is empty")
                .at(place("command"))
                .help("write the program and its arguments as a list, such as [curl, -fsS, https://…]"),
        ),
        Probe::Command(_) | Probe::Several(_) => {}
    }
}

fn host_of(url: &str) -> &str {
    split_url(url).map_or("", |(host, _, _)| host)
}

fn http(it: &HttpProbe, node: &Node, place: &impl Fn(&str) -> Place, diagnostics: &mut Vec<Diagnostic>) {
    too_long("body", it.body.as_deref(), place("body"), diagnostics);
    tls(&it.tls, place("tls_options"), diagnostics);
    let expect = |key: &str| {
        let found = node.get("expect").and_then(|expect| expect.get(key));
        found.map_or_else(|| place("expect"), Node::place)
    };
    if it.redirects > REDIRECTS_MAX {
        diagnostics.push(
            Diagnostic::error("M043", format!("`redirects: {}` is out of bounds", it.redirects))
                .at(place("redirects"))
                .help(format!("write none, or a number up to {REDIRECTS_MAX}")),
        );
    }
    // 300 to 399 alone: what is followed is never the answer.
    let redirecting = |(low, high): &(u16, u16)| (300..400).contains(low) && (300..400).contains(high);
    if it.redirects > 0 && it.expect.status.0.iter().all(redirecting) {
        diagnostics.push(
            Diagnostic::error("M075", format!("status {} is expected of an answer that is followed", it.expect.status))
                .at(expect("status"))
                .help("write `redirects: none`, or the status of the page that it leads to"),
        );
    }
    for pointer in it.expect.json.keys().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        diagnostics.push(
            Diagnostic::error("M075", format!("`{pointer}` is no JSON pointer"))
                .at(expect("json"))
                .help(format!("write `/{}`: a slash before each key", pointer.replace('.', "/"))),
        );
    }
    if it.url.starts_with("http://") && it.redirects == 0 {
        if it.expect.certificate_days.is_some() {
            diagnostics.push(
                Diagnostic::error("M075", "`certificate_days` is expected, and `http://` shows no certificate")
                    .at(expect("certificate_days"))
                    .help("ask over https://, or remove it"),
            );
        }
        if !it.tls.is_default() {
            diagnostics.push(
                Diagnostic::error("M075", "`tls_options` are given, and `http://` speaks no TLS")
                    .at(place("tls_options"))
                    .help("ask over https://, or remove them"),
            );
        }
    }
}

/// What goes with every connection.
fn over(
    resolver: &Resolver,
    family: Family,
    host: &str,
    place: &impl Fn(&str) -> Place,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if let Resolver::Server(server) = resolver
        && let Err(why) = server.parse::<ServerAddress>()
    {
        let help = "whoever looks names up can't be found by one";
        diagnostics.push(Diagnostic::error("M075", format!("the resolver {why}")).at(place("resolver")).help(help));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let other = match (bare.parse::<std::net::IpAddr>(), family) {
        (Ok(address), Family::Ipv6) => address.is_ipv4(),
        (Ok(address), Family::Ipv4) => address.is_ipv6(),
        _ => false,
    };
    if other {
        diagnostics.push(
            Diagnostic::error("M075", format!("`{bare}` is an address of the other family"))
                .at(place("family"))
                .help("remove `family`, or name the host"),
        );
    }
}

fn tls(options: &TlsOptions, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    let message = match (&options.client_certificate, &options.client_key) {
        (Some(_), None) => "a client certificate is shown with its key, and `client_key` is missing",
        (None, Some(_)) => "a client's key goes with its certificate, and `client_certificate` is missing",
        _ if options.insecure && options.ca.is_some() => {
            "with `insecure` any certificate will do, so `ca` would never be looked at"
        }
        _ => return,
    };
    diagnostics.push(Diagnostic::error("M075", message).at(place).help("write both or neither"));
}

fn too_long(key: &str, text: Option<&str>, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(text) = text.filter(|text| text.len() > BODY_MAX) {
        diagnostics.push(
            Diagnostic::error("M043", format!("`{key}` has {} bytes", text.len()))
                .at(place)
                .help(format!("a probe sends at most {BODY_MAX} bytes")),
        );
    }
}
