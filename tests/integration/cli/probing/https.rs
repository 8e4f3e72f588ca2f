//! Probes over TLS, against a real server with a certificate of the tests' own authority.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::service;
use crate::harness::{Scene, Seen};

/// An authority of the tests' own, and what it vouches for: `localhost` and 127.0.0.1, until 2126.
const AUTHORITY: &str = include_str!("../certificates/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../certificates/localhost.cert.der");
const KEY: &[u8] = include_bytes!("../certificates/localhost.key.der");

/// Whether clients must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    Anybody,
    Known,
}

/// Lets in who shows the one certificate that there is.
#[derive(Debug)]
struct Known(rustls::crypto::CryptoProvider);

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        assert_eq!(end_entity.as_ref(), CERTIFICATE);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Answers every HTTPS request with 200, the host that was asked for, and the name that TLS was asked for.
fn serve(clients: Clients) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = rustls::crypto::ring::default_provider();
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Clients::Anybody => builder.with_no_client_auth(),
        Clients::Known => builder.with_client_cert_verifier(Arc::new(Known(provider))),
    };
    let key = PrivatePkcs8KeyDer::from(KEY.to_vec());
    let config = Arc::new(builder.with_single_cert(vec![CERTIFICATE.to_vec().into()], key.into()).unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || {
                let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
                let (mut line, mut head) = (String::new(), String::new());
                while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                    head.push_str(line.trim());
                    head.push(';');
                    line.clear();
                }
                let stream = stream.get_mut();
                let body = format!("sni={:?} {}", stream.conn.server_name(), head.to_lowercase());
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    port
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A lab with this probe, and the certificates beside it.
fn scene(probe: &str) -> Scene {
    service(probe)
        .file("ca.pem", AUTHORITY)
        .file("client.pem", &pem("CERTIFICATE", CERTIFICATE))
        .file("client.key", &pem("PRIVATE KEY", KEY))
}

#[track_caller]
fn green(probe: &str) -> Seen {
    scene(probe).types("probe drill.yaml web").exits(0).says("✓ healthy")
}

#[track_caller]
fn red(probe: &str, why: &str) {
    scene(probe).types("probe drill.yaml web").exits(1).says(why);
}

#[test]
fn an_https_probe_trusts_whom_it_is_told_to() {
    let port = serve(Clients::Anybody);
    let probe = |options: &str, expect: &str| {
        format!("{{ http: 'https://localhost:{port}/', tls_options: {{ {options} }}, expect: {{ {expect} }} }}")
    };
    green(&probe("ca: ca.pem", "body_contains: 'sni=Some(\"localhost\")'")).says("TLS");
    red(&format!("{{ http: 'https://localhost:{port}/' }}"), "TLS handshake");
    green(&probe("insecure: true", "status: 200"));
    red(&probe("ca: nowhere.pem", "status: 200"), "nowhere.pem");
    green(&probe("ca: ca.pem", "certificate_days: 30000"));
    red(&probe("ca: ca.pem", "certificate_days: 60000"), "expected at least 60000");
}

#[test]
fn tls_may_be_asked_for_another_name_than_the_host() {
    let port = serve(Clients::Anybody);
    let probe = |name: &str, expect: &str| {
        format!(
            "{{ http: 'https://127.0.0.1:{port}/', tls_options: {{ ca: ca.pem, server_name: {name} }}, expect: {{ {expect} }} }}"
        )
    };
    red(&probe("elsewhere.test", "status: 200"), "TLS handshake");
    // The server is asked for the host of the URL all the same.
    let both = format!("body_contains: ['sni=Some(\"localhost\")', 'host: 127.0.0.1:{port}']");
    green(&probe("localhost", &both));
}

#[test]
fn a_server_that_wants_to_know_its_clients_is_shown_a_certificate() {
    let port = serve(Clients::Known);
    let probe = |more: &str| format!("{{ http: 'https://localhost:{port}/', tls_options: {{ ca: ca.pem{more} }} }}");
    green(&probe(", client_certificate: client.pem, client_key: { file: client.key }"));
    scene(&probe("")).types("probe drill.yaml web").exits(1);
    red(&probe(", client_certificate: client.pem, client_key: { file: ca.pem }"), "no private key in PEM");
}

#[test]
fn every_expectation_of_a_handshake_is_seen_green_and_red() {
    let port = serve(Clients::Anybody);
    let probe =
        |expect: &str| format!("{{ tls: 'localhost:{port}', tls_options: {{ ca: ca.pem }}, expect: {{ {expect} }} }}");
    green(&probe("names: [localhost, 127.0.0.1]")).says("CN=Muster test authority").says("TLS");
    red(&probe("names: code.example.test"), "the certificate is not for code.example.test, but for localhost");
    green(&probe("days: 30000"));
    red(&probe("days: 60000"), "expected at least 60000");
    green(&probe("issuer: Muster test"));
    red(&probe("issuer: Encrypt"), "expected `Encrypt` in it");
    red(&format!("{{ tls: 'localhost:{port}' }}"), "TLS handshake");
    let named = format!("{{ tls: '127.0.0.1:{port}', tls_options: {{ ca: ca.pem, server_name: elsewhere.test }} }}");
    red(&named, "TLS handshake");
}
