use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::server::config::Over;
use crate::time::run_real;

/// Whoever is not answered within this is not answered.
const PATIENCE: Span = Span::from_secs(20);

fn config() -> Arc<Config> {
    let over = Over { playbooks: vec!["drill.yaml".into()], listen: None, token: None };
    Arc::new(Config::read(None, over).unwrap())
}

/// Serves within these limits while something is tried.
fn serving<Fut: Future<Output = ()>>(limits: Limits, tried: impl FnOnce(Clock, SocketAddr) -> Fut) {
    run_real(|clock| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let router = router(config(), Board::default());
        let served = clock.spawn(serve_within(limits, clock.clone(), listener, router, stopped));
        tried(clock.clone(), address).await;
        stop.send(true).unwrap();
        let _ = clock.timeout(PATIENCE, served).await.unwrap();
    })
    .unwrap();
}

/// Sends this, and gives what comes until the connection ends; an error of the connection ends it too.
async fn answered(clock: &Clock, stream: &mut TcpStream, request: &str) -> String {
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = clock.timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection is left open");
    String::from_utf8(answer).unwrap()
}

const ASKS: &str = "GET /healthz HTTP/1.1\r\nhost: muster\r\n\r\n";
/// No round was held yet: the daemon is not well, and says so.
const ANSWERS: &str = "HTTP/1.1 503";

#[test]
fn the_limits_are_those_that_the_page_says() {
    let page = include_str!("../../../docs/serve.md").replace('\n', " ");
    let Limits { connections, head_time, connection_time } = LIMITS;
    let (head, all) = (head_time.as_secs(), connection_time.as_millis() / 1000);
    let said = format!(
        "{connections} connections at once, {head} s and {} KiB and {HEADERS_MAX} headers for a request's head, {all} s for all",
        HEAD_MAX / 1024
    );
    assert!(page.contains(&said), "{said}");
}

#[test]
fn more_connections_than_there_are_places_wait_for_one() {
    serving(LIMITS, |clock, address| async move {
        let mut idle = Vec::new();
        for _ in 0..LIMITS.connections {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let mut one_more = TcpStream::connect(address).await.unwrap();
        one_more.write_all(ASKS.as_bytes()).await.unwrap();
        let mut byte = [0];
        let early = clock.timeout(Span::from_millis(300), one_more.read(&mut byte)).await;
        assert!(early.is_err(), "it is answered although every place is taken");
        drop(idle.pop());
        assert!(answered(&clock, &mut one_more, "").await.starts_with(ANSWERS));
    });
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let limits = Limits { head_time: Duration::from_millis(100), connection_time: Span::from_secs(600), ..LIMITS };
    serving(limits, |clock, address| async move {
        let mut slow = TcpStream::connect(address).await.unwrap();
        let answer = answered(&clock, &mut slow, "GET /healthz HTTP/1.1\r\nhost: mus").await;
        assert!(!answer.contains("503"), "{answer}");
        let mut next = TcpStream::connect(address).await.unwrap();
        assert!(answered(&clock, &mut next, ASKS).await.starts_with(ANSWERS));
    });
}

#[test]
fn a_connection_has_an_end_whatever_comes() {
    let limits = Limits { head_time: Duration::from_mins(10), connection_time: Span::from_millis(100), ..LIMITS };
    serving(limits, |clock, address| async move {
        let mut slow = TcpStream::connect(address).await.unwrap();
        assert_eq!(answered(&clock, &mut slow, "GET /healthz HTTP/1.1\r\n").await, "");
    });
}

#[test]
fn a_head_has_a_bound() {
    serving(LIMITS, |clock, address| async move {
        let asks = |length: usize| {
            let start = "GET /healthz HTTP/1.1\r\nhost: muster\r\nx-long: ";
            format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
        };
        let mut within = TcpStream::connect(address).await.unwrap();
        assert!(answered(&clock, &mut within, &asks(HEAD_MAX - 1024)).await.starts_with(ANSWERS));
        let mut beyond = TcpStream::connect(address).await.unwrap();
        let answer = answered(&clock, &mut beyond, &asks(HEAD_MAX + 1024)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    });
}

#[test]
fn a_token_is_read_as_it_was_meant() {
    for (given, meant) in [("abc", "abc"), ("a%2Bb%3d%25", "a+b=%"), ("a+b", "a+b"), ("50%", "50%"), ("%zz%4", "%zz%4")]
    {
        assert_eq!(percent_decoded(given), meant);
    }
}
