//! Probes over TLS: a certificate that somebody vouches for, and one that nobody does.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use super::{REAL, lab_with};
use crate::harness::Scene;

/// An authority of the tests' own, and what it vouches for: `localhost`, until 2126. The key protects nothing.
const AUTHORITY: &str = include_str!("certificates/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("certificates/localhost.cert.der");
const KEY: &[u8] = include_bytes!("certificates/localhost.key.der");

/// Answers every HTTPS request with 200 and `ok`; ends with the test's process.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(KEY.to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFICATE.to_vec().into()], key.into())
        .unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || {
                let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let stream = stream.get_mut();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    port
}

/// A drill that checks a service over TLS for up to this long.
fn drill(timeout: &str) -> Scene {
    let services = format!(
        "services:
  web:
    title: Web
    probe: {{ http: 'https://localhost:{}/', expect: {{ status: 200, body_contains: ok }}, every: 100ms, timeout: 5s, healthy_after: 2 }}
",
        serve()
    );
    let check = format!("      - {{ id: well, check: {{ services: all, healthy_for: 300ms }}, timeout: {timeout} }}\n");
    lab_with(&services, &check).file("ca.pem", AUTHORITY)
}

#[test]
fn a_certificate_of_a_known_authority_is_trusted() {
    let scene = drill("30s");
    let authority = scene.path("ca.pem").display().to_string();
    let scene = scene.env("SSL_CERT_FILE", &authority);
    scene.types(&format!("run drill.yaml {REAL}")).exits(0);
    let report = std::fs::read_to_string(scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let web = &report["record"]["services"][0];
    assert!(web["samples"].as_u64() > Some(1) && web["failed"] == 0, "{web}");
    // The handshake's time is measured as a stage of its own.
    let journal = std::fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    let sampled: serde_json::Value = journal
        .lines()
        .find(|line| line.contains("\"sampled\""))
        .map(|line| serde_json::from_str(line).unwrap())
        .unwrap();
    assert!(sampled["event"]["first"].to_string().contains("\"tls\":"), "{sampled}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_not() {
    let seen = drill("2s").types(&format!("run drill.yaml {REAL}"));
    assert_ne!(seen.code, 0, "{seen}");
    seen.warns("certificate");
}
