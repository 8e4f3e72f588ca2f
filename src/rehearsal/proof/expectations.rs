//! What a probe, or a request, expects of its answer, one by one, and what breaks each.

use crate::catalogue::{DnsProbe, HttpExpect, OneOrMany, PostgresProbe, Probe, ProgramExpect, TcpProbe, TlsProbe};
use crate::infrastructure::simulate::{Answering, Said, elsewhere, put, seconds};
use crate::resource::Certificate;
use crate::time::Span;

/// One expectation of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Which of the probe's leaves expects it.
    pub leaf: usize,
    /// What breaks it.
    pub breaks: Answering,
    /// What just keeps it, if it has a threshold.
    pub keeps: Option<Answering>,
    /// What is said when it is broken.
    pub(super) says: String,
}

/// Expectations with their names.
type All = Vec<(String, Expected)>;

/// Every expectation of a probe, each with its name.
pub(super) fn of_probe(probe: &Probe) -> All {
    let leaves = probe.leaves();
    let several = leaves.len() > 1;
    let of = |(n, leaf): (usize, &Probe)| {
        let named = move |(name, expected): (String, Expected)| {
            let name = if several { format!("{leaf}: {name}") } else { name };
            (name, Expected { leaf: n, ..expected })
        };
        of_leaf(leaf).into_iter().map(named).collect::<Vec<_>>()
    };
    leaves.into_iter().enumerate().flat_map(of).collect()
}

/// What a probe expects, in words, in the order in which it is judged.
#[must_use]
pub fn expected_of(probe: &Probe) -> Vec<String> {
    of_probe(probe).into_iter().map(|(name, _)| name).collect()
}

fn of_leaf(probe: &Probe) -> All {
    let mut all = match probe {
        Probe::Http(it) => return of_http(&it.expect),
        Probe::Tcp(it) => of_tcp(it),
        Probe::Tls(it) => of_tls(it, probe),
        Probe::Dns(it) => of_dns(it, probe),
        Probe::Postgres(it) => of_postgres(it),
        Probe::Command(it) => of_command(&it.expect, probe),
        Probe::Several(_) => Vec::new(),
    };
    all.extend(probe.within().map(in_time));
    all
}

fn expected(name: impl Into<String>, breaks: Answering, says: impl Into<String>) -> (String, Expected) {
    (name.into(), Expected { leaf: 0, breaks, keeps: None, says: says.into() })
}

fn instead(words: impl Into<String>, said: Said) -> Answering {
    Answering::Instead(words.into(), said)
}

fn in_time(most: Span) -> (String, Expected) {
    let (longer, shorter) = (most + Span::from_millis(1), most - Span::from_millis(1));
    let (name, expected) = expected(format!("within {most}"), Answering::After(longer), "expected at most");
    (name, Expected { keeps: Some(Answering::After(shorter)), ..expected })
}

/// Those of an answer over HTTP.
pub(super) fn of_http(expect: &HttpExpect) -> All {
    let mut all = Vec::new();
    if let Some(other) = [500, 404, 302, 200, 100].into_iter().find(|status| !expect.status.contain(*status)) {
        let says = format!("status {other}, expected");
        all.push(expected(format!("status {}", expect.status), Answering::Status(other), says));
    }
    for name in expect.headers.keys() {
        let says = format!("header {name} is missing");
        all.push(expected(format!("header {name}"), Answering::Without(name.clone()), says));
    }
    for (name, text) in &expect.headers_contain {
        let says = format!("header {name} is missing, expected one with");
        all.push(expected(format!("header {name} contains `{text}`"), Answering::Without(name.clone()), says));
    }
    let texts = |texts: &Option<OneOrMany<String>>| texts.clone().map_or_else(Vec::new, |texts| texts.0);
    for text in texts(&expect.body_contains) {
        let says = format!("the body does not contain `{text}`");
        all.push(expected(format!("body contains `{text}`"), Answering::Lacking(text), says));
    }
    let well = Said::of_http(expect);
    for text in texts(&expect.body_lacks) {
        let says = format!("the body contains `{text}`");
        let said = with_body(&well, |body| format!("{body}\n{text}"));
        all.push(expected(
            format!("body lacks `{text}`"),
            instead(format!("answers with `{text}` in the body"), said),
            says,
        ));
    }
    for pointer in expect.json.keys() {
        let said = with_body(&well, |body| {
            let mut document = serde_json::from_str(body).unwrap_or_default();
            put(&mut document, pointer, serde_json::json!("something else"));
            document.to_string()
        });
        let words = format!("answers with another JSON `{pointer}`");
        all.push(expected(format!("JSON `{pointer}`"), instead(words, said), format!("JSON `{pointer}` is")));
    }
    if let Some(least) = expect.certificate_days {
        let shown = |left: u32| {
            let mut said = well.clone();
            if let Said::Http { days, .. } = &mut said {
                *days = left;
            }
            instead(format!("shows a certificate that is valid for {left} days"), said)
        };
        all.extend(days(least, shown));
    }
    all.extend(expect.within.map(|within| in_time(within.0)));
    all
}

fn with_body(well: &Said, f: impl FnOnce(&str) -> String) -> Said {
    let mut said = well.clone();
    if let Said::Http { body, .. } = &mut said {
        *body = f(body);
    }
    said
}

/// That a certificate is valid for so many days, if there can be one that is not.
fn days(least: u32, shown: impl Fn(u32) -> Answering) -> Option<(String, Expected)> {
    let fewer = least.checked_sub(1)?;
    let (name, expected) =
        expected(format!("certificate valid for {least} days"), shown(fewer), "the certificate is valid for");
    Some((name, Expected { keeps: Some(shown(least)), ..expected }))
}

fn of_tcp(it: &TcpProbe) -> All {
    let mut all = vec![expected("accepts a connection", Answering::Refused, "connection refused")];
    for text in it.expect.texts() {
        let says = format!("`{text}` does not come back");
        all.push(expected(format!("receives `{text}`"), Answering::Lacking(text.clone()), says));
    }
    all
}

fn of_tls(it: &TlsProbe, probe: &Probe) -> All {
    let mut all = vec![expected("shakes hands", Answering::Refused, "connection refused")];
    let Said::Certificate(well) = Said::of(probe) else { return all };
    for name in it.expect.names.iter().flat_map(|names| &names.0) {
        let names = well.names.iter().filter(|one| *one != name).cloned().chain(["elsewhere.invalid".to_owned()]);
        let said = Said::Certificate(Certificate { names: names.collect(), ..well.clone() });
        let answering = instead(format!("shows a certificate that is not for {name}"), said);
        all.push(expected(format!("certificate for {name}"), answering, format!("the certificate is not for {name}")));
    }
    if let Some(least) = it.expect.days {
        let shown = |left: u32| {
            let said = Said::Certificate(Certificate { valid_for_s: seconds(left), ..well.clone() });
            instead(format!("shows a certificate that is valid for {left} days"), said)
        };
        all.extend(days(least, shown));
    }
    if let Some(issuer) = &it.expect.issuer {
        let said = Said::Certificate(Certificate { issuer: "CN=Somebody else".to_owned(), ..well.clone() });
        let answering = instead("shows a certificate of another issuer", said);
        all.push(expected(format!("certificate issued by `{issuer}`"), answering, "the certificate was issued by"));
    }
    all
}

fn of_dns(it: &DnsProbe, probe: &Probe) -> All {
    let mut all = vec![expected("every server answers", Answering::Refused, "does not answer")];
    let Said::Dns { values, .. } = Said::of(probe) else { return all };
    let other = || Said::Dns { values: vec![elsewhere(it.record).to_owned()], ttl: None, at_odds: false };
    if it.expect.answers.is_some() {
        let says = format!("answers {}, expected", elsewhere(it.record));
        all.push(expected("the answers", instead("is answered with something else", other()), says));
    }
    for value in it.expect.contains.iter().flat_map(|values| &values.0) {
        let says = format!("without {}", value.trim_end_matches('.').to_ascii_lowercase());
        let answering = instead(format!("is answered without {value}"), other());
        all.push(expected(format!("answers contain {value}"), answering, says));
    }
    if let Some(most) = it.expect.ttl_at_most.map(|most| most.0) {
        let kept = |ttl: Span| {
            let said = Said::Dns { values: values.clone(), ttl: Some(ttl), at_odds: false };
            instead(format!("may be kept for {}", ttl.short()), said)
        };
        let (name, longer) = expected(format!("TTL at most {most}"), kept(most + Span::from_secs(1)), "the TTL at");
        all.push((name, Expected { keeps: Some(kept(most)), ..longer }));
    }
    if it.servers.len() > 1 {
        let said = Said::Dns { values, ttl: None, at_odds: true };
        all.push(expected("all servers agree", instead("is answered otherwise by one server", said), "not all agree"));
    }
    all
}

fn of_postgres(it: &PostgresProbe) -> All {
    let mut all = vec![expected("answers", Answering::Refused, "connection refused")];
    if let Some(value) = &it.expect.value {
        let said = Said::Text(format!("not {}", value.0));
        all.push(expected(format!("value `{}`", value.0), instead("gives another value", said), "the query gives"));
    }
    all
}

fn of_command(expect: &ProgramExpect, probe: &Probe) -> All {
    let mut all = Vec::new();
    let Said::Program { stdout, .. } = Said::of(probe) else { return all };
    let wanted = expect.exit.as_ref().map_or(&[0][..], |codes| &codes.0[..]);
    if let Some(other) = (1..=255).find(|code| !wanted.contains(code)) {
        let exit = format!("exit code {}", crate::catalogue::Named(wanted));
        let said = Said::Program { code: other, stdout };
        all.push(expected(exit, instead(format!("ends with exit code {other}"), said), "ended with exit code"));
    }
    if let Some(text) = &expect.stdout_contains {
        let says = "output does not contain";
        all.push(expected(format!("prints `{text}`"), Answering::Lacking(text.clone()), says));
    }
    all
}
