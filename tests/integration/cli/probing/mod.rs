//! `muster probe`, and with it every kind of probe against real parts: each expectation green and red.

mod https;
mod simulated;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::lab_with;
use crate::harness::{Scene, Seen};

/// A lab with one service, `web`, of which this is the probe.
fn service(probe: &str) -> Scene {
    let services = format!("services: {{ web: {{ title: Web, probe: {probe} }} }}\n");
    lab_with(&services, "      - { id: nothing, wait: { for: 1s } }\n")
}

/// Tries a probe of a lab's.
fn tries(probe: &str) -> Seen {
    service(probe).types("probe drill.yaml web")
}

#[track_caller]
fn green(probe: &str) -> Seen {
    tries(probe).exits(0).says("✓ healthy")
}

#[track_caller]
fn red(probe: &str, why: &str) -> Seen {
    tries(probe).exits(1).says("✗ not healthy").says(why)
}

/// A small server: JSON at `/`, a redirect to `/` at `/moved`, and at `/echo` what it was sent.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(header.trim());
        headers.push(';');
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).ok()?;
    let (status, more, said) = match request.split(' ').nth(1)? {
        "/moved" => ("302 Found", "Location: /\r\n", String::new()),
        "/loop" => ("301 Moved", "Location: /loop\r\n", String::new()),
        "/echo" => ("201 Created", "", format!("{} {headers} {body}", request.trim())),
        _ => ("200 OK", "X-Region: west-2\r\n", r#"{"status":"ok","checks":[{"lag":3}]}"#.to_owned()),
    };
    let length = said.len();
    write!(stream, "HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{said}").ok()
}

#[test]
fn every_expectation_of_http_is_seen_green_and_red() {
    let url = format!("http://127.0.0.1:{}", serve());
    let probe = |expect: &str| format!("{{ http: '{url}/', expect: {{ {expect} }} }}");
    green(&probe("status: [200, 201]")).says("came       status 200").says("connect").says("first byte");
    red(&probe("status: 500-599"), "status 200, expected 5xx");
    for (expect, other, why) in [
        ("body_contains: checks", "body_contains: nowhere", "the body does not contain `nowhere`"),
        ("body_lacks: error", "body_lacks: checks", "the body contains `checks`, which it must not"),
        ("headers: { X-Region: west-2 }", "headers: { X-Region: east }", "header X-Region is `west-2`"),
        ("headers_contain: { x-region: west }", "headers_contain: { x-region: east }", "expected `east` in it"),
        ("json: { /checks/0/lag: 3 }", "json: { /checks/0/lag: 4 }", "JSON `/checks/0/lag` is 3, expected 4"),
    ] {
        green(&probe(expect));
        red(&probe(other), why);
    }
}

#[test]
fn redirects_are_followed_as_far_as_they_may_be() {
    let url = format!("http://127.0.0.1:{}", serve());
    red(&format!("{{ http: '{url}/moved' }}"), "status 302, expected 2xx");
    green(&format!("{{ http: '{url}/moved', redirects: none, expect: {{ status: 302 }} }}"));
    green(&format!("{{ http: '{url}/moved', redirects: 1, expect: {{ body_contains: checks }} }}"));
    red(&format!("{{ http: '{url}/loop', redirects: 3 }}"), "status 301, expected 2xx");
}

#[test]
fn what_is_sent_arrives_and_a_secret_header_is_shown_nowhere() {
    let url = format!("http://127.0.0.1:{}", serve());
    let probe = format!(
        "{{ http: '{url}/echo', method: POST, body: 'ping 4711', headers: {{ X-Plain: seen, Authorization: {{ env: TOKEN }} }}, \
         expect: {{ status: 201, body_contains: ['POST /echo', 'ping 4711', 'x-plain: seen', 'authorization: '] }} }}"
    );
    let token = "t0p-secret-token";
    service(&probe).env("TOKEN", token).types("probe drill.yaml web").exits(0);
    let leaks = probe.replace("status: 201", "status: 500");
    let seen = service(&leaks).env("TOKEN", token).types("probe drill.yaml web").exits(1);
    seen.says("authorization: ***").never_says(token);
    // Nobody has said what it is.
    red(&probe, "the environment variable `TOKEN` is not set");
}

/// Answers each connection with `+PONG` once it was sent `PING`, and keeps it open.
fn ponger() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                reader.read_line(&mut line).unwrap();
                let word: &[u8] = if line.trim() == "PING" { b"+PO" } else { b"-ERR" };
                stream.write_all(word).unwrap();
                stream.write_all(b"NG\r\n").unwrap();
                // Until the other side has had enough.
                let _ = reader.read_line(&mut line);
            });
        }
    });
    port
}

#[test]
fn what_comes_back_over_tcp_is_judged() {
    let port = ponger();
    green(&format!("{{ tcp: '127.0.0.1:{port}', send: \"PING\\r\\n\", expect: {{ receives: +PONG }} }}")).says("+PONG");
    // What never comes is waited for no longer than the timeout.
    let seen = red(
        &format!("{{ tcp: '127.0.0.1:{port}', send: \"PANG\\r\\n\", expect: {{ receives: +PONG }}, timeout: 300ms }}"),
        "no answer within 300ms",
    );
    seen.never_says("came       `+PONG");
    green(&format!("{{ tcp: '127.0.0.1:{port}' }}")).says("came       a connection");
    red("{ tcp: '127.0.0.1:1' }", "connection refused");
}

#[test]
fn a_program_is_a_probe() {
    green("{ command: [sh, -c, 'echo all well'], expect: { stdout_contains: well } }").says("exit code 0, `all well`");
    green("{ command: [sh, -c, 'exit 3'], expect: { exit: [0, 3] } }");
    red("{ command: [sh, -c, 'echo on fire >&2; exit 3'] }", "ended with exit code 3, expected 0; it said: on fire");
    red("{ command: [sh, -c, 'echo ill'], expect: { stdout_contains: well } }", "its output does not contain `well`");
    red("{ command: [no-such-program-here] }", "there is no such program");
    red("{ command: [sleep, '30'], timeout: 200ms, every: 1s }", "no answer within 200ms");
    green("{ command: [sh, -c, 'echo asked; echo 192.0.2.77'], prints_address: true }").says("by 192.0.2.77");
    red("{ command: [echo, nobody], prints_address: true }", "the last line of its output is no address: `nobody`");
}

#[test]
fn combinations_are_as_good_as_enough_of_their_parts() {
    let up = format!("{{ tcp: '127.0.0.1:{}' }}", ponger());
    let down = "{ tcp: '127.0.0.1:1' }";
    green(&format!("{{ all: [{up}, {up}] }}")).says("came       2 of 2 well, 2 needed");
    red(&format!("{{ all: [{up}, {down}] }}"), "1 of 2 well, 2 needed: tcp 127.0.0.1:1: connecting");
    green(&format!("{{ any: [{down}, {up}] }}"));
    red(&format!("{{ any: [{down}, {down}] }}"), "0 of 2 well, 1 needed");
    green(&format!("{{ of: 2, probes: [{up}, {down}, {{ any: [{down}, {up}] }}] }}"));
    red(&format!("{{ of: 2, probes: [{up}, {down}, {{ all: [{down}, {up}] }}] }}"), "1 of 3 well, 2 needed");
    // A part that hangs holds nobody up who can do without it.
    let seen = tries(&format!("{{ any: [{{ command: [sleep, '30'] }}, {up}], timeout: 20s, every: 30s }}"));
    seen.exits(0).says("not waited for");
}

#[test]
fn a_probe_is_tried_as_often_as_asked_for_and_told_as_json() {
    let scene = service(&format!("{{ tcp: '127.0.0.1:{}' }}", ponger()));
    let seen = scene.types("probe drill.yaml web --count 3 --every 10ms").exits(0).says("3 of 3 healthy");
    assert_eq!(seen.stdout.matches("✓ healthy").count(), 3, "{seen}");
    let json = scene.types("probe drill.yaml web --count 2 --every 10ms --format json").exits(0).json();
    assert_eq!((json["healthy"].as_bool(), json["simulated"].as_bool()), (Some(true), Some(false)), "{json}");
    assert_eq!(json["looks"].as_array().unwrap().len(), 2);
    assert!(json["looks"][0]["stages"]["connect_ns"].as_u64().is_some(), "{json}");
    assert_eq!(json["expected"][0], "accepts a connection");
    scene.types("probe drill.yaml nobody").exits(2).warns("there are web");
    // It takes no lease, and leaves nothing.
    assert!(scene.runs().is_empty());
}

#[test]
fn what_makes_no_sense_is_told_before_anything_is_asked() {
    for (probe, why) in [
        ("{ http: 'http://a.test/', expect: { certificate_days: 3 } }", "shows no certificate"),
        ("{ http: 'http://a.test/', tls_options: { insecure: true } }", "speaks no TLS"),
        ("{ http: 'https://a.test/', redirects: 2, expect: { status: 302 } }", "of an answer that is followed"),
        ("{ http: 'https://a.test/', redirects: 11 }", "`redirects: 11` is out of bounds"),
        ("{ http: 'https://a.test/', expect: { json: { status: ok } } }", "`status` is no JSON pointer"),
        ("{ tls: 'a.test:443', tls_options: { client_certificate: a.pem } }", "`client_key` is missing"),
        ("{ tcp: 'a.test:1', resolver: { server: ns.test } }", "is not an address"),
        ("{ tcp: '192.0.2.1:1', family: ipv6 }", "an address of the other family"),
        ("{ dns: a.test, servers: ns.test }", "is not an address"),
        ("{ command: [] }", "the command is empty"),
        ("{ tcp: 'a.test:1', sslmode: require }", "`sslmode` goes with `postgres`, not with `tcp`"),
        ("{ all: [] }", "is a list of probes"),
        ("{ all: [{ tcp: 'a.test:1', every: 1s }] }", "is the whole combination's"),
        ("{ of: 3, probes: [{ tcp: 'a.test:1' }] }", "`of: 3` is out of bounds"),
        ("{ any: [{ any: [{ any: [{ any: [{ any: [{ tcp: 'a.test:1' }] }] }] }] }] }", "stand in each other"),
        ("{ tls: 'a.test:443', dns: a.test }", "a probe is `tls` or `dns`, not both"),
        ("{ postgres: 'a.test:5432', user: me, password: plain }", "a secret is never written here"),
    ] {
        service(probe).types("validate drill.yaml").exits(2).warns(why);
    }
    let many = vec!["{ tcp: 'a.test:1' }"; 17].join(", ");
    service(&format!("{{ all: [{many}] }}")).types("validate drill.yaml").exits(2).warns("made of 17 probes");
}
