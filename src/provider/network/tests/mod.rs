//! The real network against servers on loopback.

mod dns;
mod families;
mod knot;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;
use crate::id::RunId;
use crate::resource::{Actor, Cancellation};
use crate::time::{Clock, Span, run_real};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than anything here takes on a busy machine.
const AGES: Span = Span::from_secs(30);

fn context(clock: &Clock) -> Context {
    Context {
        run: RunId::new("20261122-084216-network").unwrap(),
        actor: Actor::Muster,
        attempt: 1,
        errand: crate::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 0,
        cancel: Cancellation::default(),
    }
}

fn get(host: &str, port: u16) -> HttpRequest {
    let url = format!("http://{host}:{port}/healthz");
    HttpRequest::new(Method::Get, &url, (host, port), Resolver::System, 1024)
}

/// Reads one request's head (and what comes with it).
async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that gives `answer` to the first request of each connection, then waits for the end of the connection.
/// Returns its port and, by the second value, what it was asked.
async fn server(clock: &Clock, answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    let spawner = clock.clone();
    clock.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let send = send.clone();
            spawner.spawn(async move {
                let _ = send.send(head_of(&mut stream).await);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.read(&mut [0; 16]).await;
            });
        }
    });
    (port, receive)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Served-By: east\r\n\r\nok";

#[test]
fn an_exchange_has_an_address_and_the_time_of_each_stage() {
    run_real(|clock| async move {
        let (port, mut asked) = server(&clock, OK).await;
        let mut request = get("localhost", port);
        request.headers = vec![("X-Probe".to_owned(), "web".to_owned())];
        let exchange = RealNetwork::new().http(&context(&clock), &request).await;
        let response = exchange.result.unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, "ok"));
        assert!(response.headers.contains(&("x-served-by".to_owned(), "east".to_owned())));
        assert_eq!(exchange.address, Some(LOOPBACK));
        assert!(exchange.stages.resolve.is_some() && exchange.stages.connect.is_some());
        assert!(exchange.stages.first_byte.is_some() && exchange.stages.tls.is_none());
        let head = asked.recv().await.unwrap();
        assert!(head.starts_with("GET /healthz HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("x-probe: web\r\n") && head.contains(&format!("host: localhost:{port}\r\n")), "{head}");
    })
    .unwrap();
}

#[test]
fn every_request_opens_its_own_connection_and_follows_no_redirect() {
    run_real(|clock| async move {
        let (port, mut asked) =
            server(&clock, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n").await;
        let network = RealNetwork::new();
        for _ in 0..3 {
            let exchange = network.http(&context(&clock), &get("127.0.0.1", port)).await;
            assert_eq!(exchange.result.unwrap().status, 302);
            // The server answers each connection once: a second request on it would never be answered.
            assert!(asked.recv().await.unwrap().starts_with("GET /healthz "));
        }
        assert!(asked.try_recv().is_err());
    })
    .unwrap();
}

#[test]
fn a_body_is_read_up_to_its_limit() {
    run_real(|clock| async move {
        // It promises a gigabyte and sends ten bytes: only somebody who stops at the limit gets an answer.
        let (port, _asked) = server(&clock, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n0123456789").await;
        let request = HttpRequest { body_limit: 4, ..get("127.0.0.1", port) };
        let exchange = RealNetwork::new().http(&context(&clock), &request).await;
        assert_eq!(exchange.result.unwrap().body, "0123");
    })
    .unwrap();
}

#[test]
fn a_body_that_breaks_off_is_a_failed_exchange() {
    run_real(|clock| async move {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        clock.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head_of(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123").await.unwrap();
        });
        let error = RealNetwork::new().http(&context(&clock), &get("127.0.0.1", port)).await.result.unwrap_err();
        assert_eq!(error.stage, Stage::Exchange, "{}", error.text);
    })
    .unwrap();
}

#[test]
fn who_drips_is_left_with_the_future_and_nothing_stays_open() {
    run_real(|clock| async move {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (gone, is_gone) = oneshot::channel();
        let (dripped, has_dripped) = oneshot::channel();
        let server_clock = clock.clone();
        clock.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head_of(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
            let mut dripped = Some(dripped);
            while stream.write_all(b".").await.is_ok() {
                if let Some(dripped) = dripped.take() {
                    let _ = dripped.send(());
                }
                server_clock.sleep(Span::from_millis(5)).await;
            }
            let _ = gone.send(());
        });
        let network = RealNetwork::new();
        let cx = context(&clock);
        let request = HttpRequest { body_limit: 1_000_000, ..get("127.0.0.1", port) };
        tokio::select! {
            biased;
            exchange = network.http(&cx, &request) => panic!("it ended: {exchange:?}"),
            _ = has_dripped => {}
        }
        // The server sees its connection go although `network` lives on.
        clock.timeout(AGES, is_gone).await.expect("the connection was left open").unwrap();
    })
    .unwrap();
}

#[test]
fn failures_are_told_apart() {
    run_real(|clock| async move {
        let network = RealNetwork::new();
        let cx = context(&clock);

        let nowhere = network.http(&cx, &get("no-such-name.invalid", 80)).await;
        assert_eq!(nowhere.result.unwrap_err().stage, Stage::Resolve);
        assert_eq!((nowhere.address, nowhere.stages.connect), (None, None));
        assert!(nowhere.stages.resolve.is_some());

        let closed = TcpListener::bind((LOOPBACK, 0)).await.unwrap().local_addr().unwrap().port();
        let refused = network.http(&cx, &get("127.0.0.1", closed)).await;
        assert_eq!(
            refused.result.unwrap_err(),
            NetError { stage: Stage::Connect, text: "connection refused".to_owned() }
        );
        assert_eq!(refused.address, Some(LOOPBACK));
        assert!(refused.stages.connect.is_some() && refused.stages.first_byte.is_none());

        let (port, _asked) = server(&clock, "220 mail.example.test ESMTP\r\n").await;
        let confused = network.http(&cx, &get("127.0.0.1", port)).await;
        assert_eq!(confused.result.unwrap_err().stage, Stage::Exchange);

        let mut broken = get("127.0.0.1", port);
        broken.headers = vec![("bad header".to_owned(), String::new())];
        let error = network.http(&cx, &broken).await.result.unwrap_err();
        assert!(error.text.contains("`bad header`"), "{}", error.text);
    })
    .unwrap();
}

/// A TLS server with a certificate that nobody vouches for, on a thread of its own. The certificate is for
/// `localhost`, self-signed by openssl until 2126; its key protects nothing.
fn self_signed_server() -> u16 {
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let certificate = include_bytes!("self-signed.cert.der").to_vec().into();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(include_bytes!("self-signed.key.der").to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    std::thread::spawn(move || {
        let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = connection.complete_io(&mut stream);
        let _ = stream.write(&[]);
        let _ = stream.read(&mut [0; 16]);
    });
    port
}

#[test]
fn a_certificate_that_nobody_vouches_for_fails_in_the_handshake() {
    let port = self_signed_server();
    run_real(|clock| async move {
        let request = HttpRequest { url: format!("https://localhost:{port}/").into(), ..get("localhost", port) };
        let exchange = RealNetwork::new().http(&context(&clock), &request).await;
        let error = exchange.result.unwrap_err();
        assert_eq!(error.stage, Stage::Tls, "{}", error.text);
        assert!(error.text.contains("certificate"), "{}", error.text);
        assert_eq!(exchange.address, Some(LOOPBACK));
        assert!(exchange.stages.connect.is_some() && exchange.stages.tls.is_some());
        assert!(exchange.stages.first_byte.is_none());
    })
    .unwrap();
}

#[test]
fn a_server_that_speaks_no_tls_fails_in_the_handshake() {
    run_real(|clock| async move {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        clock.spawn(async move {
            // Closed without a word: as far as the client can know, the handshake never came about.
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        let request = HttpRequest { url: format!("https://localhost:{port}/").into(), ..get("localhost", port) };
        let error = RealNetwork::new().http(&context(&clock), &request).await.result.unwrap_err();
        assert_eq!(error.stage, Stage::Tls, "{}", error.text);
    })
    .unwrap();
}

#[test]
fn a_fixed_address_is_connected_to_whatever_the_host() {
    run_real(|clock| async move {
        let (port, mut asked) = server(&clock, OK).await;
        let network = RealNetwork::new();
        for (host, named) in
            [("code.example.test", "code.example.test"), ("192.0.2.1", "192.0.2.1"), ("[2001:db8::1]", "[2001:db8::1]")]
        {
            let request = HttpRequest { resolver: Resolver::Fixed(LOOPBACK), ..get(host, port) };
            let exchange = network.http(&context(&clock), &request).await;
            assert_eq!(exchange.result.unwrap().body, "ok");
            assert_eq!((exchange.address, exchange.stages.resolve), (Some(LOOPBACK), None));
            let head = asked.recv().await.unwrap();
            assert!(head.contains(&format!("host: {named}:{port}\r\n")), "{head}");
        }
    })
    .unwrap();
}

#[test]
fn the_method_and_the_body_are_sent() {
    run_real(|clock| async move {
        let (port, mut asked) = server(&clock, OK).await;
        let request = HttpRequest { method: Method::Put, body: Some("{}".to_owned()), ..get("127.0.0.1", port) };
        assert_eq!(RealNetwork::new().http(&context(&clock), &request).await.result.unwrap().status, 200);
        let head = asked.recv().await.unwrap();
        assert!(head.starts_with("PUT ") && head.contains("content-length: 2\r\n"), "{head}");
    })
    .unwrap();
}

#[test]
fn tcp_connects_or_says_why_not() {
    run_real(|clock| async move {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let network = RealNetwork::new();
        let cx = context(&clock);
        let ask = |host: &str, resolver: Resolver| TcpRequest::to(host, port, resolver);

        let open = network.tcp(&cx, &ask("localhost", Resolver::System)).await;
        assert_eq!((open.result, open.address), (Ok(String::new()), Some(LOOPBACK)));
        assert!(open.stages.resolve.is_some() && open.stages.connect.is_some());
        let fixed = network.tcp(&cx, &ask("gateway.example.test", Resolver::Fixed(LOOPBACK))).await;
        assert_eq!((fixed.result, fixed.stages.resolve), (Ok(String::new()), None));

        drop(listener);
        let closed = network.tcp(&cx, &ask("127.0.0.1", Resolver::System)).await;
        assert_eq!(closed.result, Err(NetError { stage: Stage::Connect, text: "connection refused".to_owned() }));
        let nowhere = network.tcp(&cx, &ask("no-such-name.invalid", Resolver::System)).await;
        assert_eq!(nowhere.result.unwrap_err().stage, Stage::Resolve);
        assert_eq!(nowhere.stages.connect, None);
    })
    .unwrap();
}

#[test]
fn the_vantage_point_has_a_name() {
    assert!(!RealNetwork::new().vantage().is_empty());
}
