//! What the daemon answers over HTTP: health, metrics, the calendar feed, the status. It changes nothing.
//!
//! Everything has a bound: connections at once, the size and time of a request's head, the time of an answer; bodies are
//! not read, and a connection serves one request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::config::Config;
use super::{Board, look, metrics};
use crate::app::AppError;
use crate::time::{Clock, Span, wall_now};

/// What one client, or many, may take of the daemon.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    connections: usize,
    /// A request's head comes within so long.
    head_time: Duration,
    /// And a connection is over after so long.
    connection_time: Span,
}

/// Those of the daemon; tests that wait for one take a shorter time.
const LIMITS: Limits =
    Limits { connections: 64, head_time: Duration::from_secs(5), connection_time: Span::from_secs(15) };
/// A request's head has at most so many bytes.
const HEAD_MAX: usize = 16 * 1024;
/// So many headers.
const HEADERS_MAX: usize = 64;
/// The path that calendars ask; they can't send headers, so the token may stand in its query.
const FEED: &str = "/schedule.ics";

/// Takes the address.
pub(super) async fn bind(config: &Config) -> Result<TcpListener, AppError> {
    TcpListener::bind(config.listen).await.map_err(|error| {
        AppError::Usage(format!("{} can't be listened on: {error}. --listen names another", config.listen))
    })
}

fn router(config: Arc<Config>, board: Board) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(prometheus))
        .route(FEED, get(feed))
        .route("/status.json", get(status))
        .with_state(board)
        .layer(middleware::from_fn_with_state(config, admit))
}

/// Serves until it is told to stop; what is under way is ended then.
pub(super) async fn serve(
    clock: Clock,
    listener: TcpListener,
    config: Arc<Config>,
    board: Board,
    stopped: watch::Receiver<bool>,
) {
    serve_within(LIMITS, clock, listener, router(config, board), stopped).await;
}

async fn serve_within(
    limits: Limits,
    clock: Clock,
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let free = Arc::new(Semaphore::new(limits.connections));
    loop {
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { return };
        let accepted = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // No file descriptor is free, or the other side is gone already.
            clock.sleep(Span::from_millis(50)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let within = clock.clone();
        clock.spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_time)
                .max_buf_size(HEAD_MAX)
                .max_headers(HEADERS_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // What a client does wrong is its own affair.
            let _ = within.timeout(limits.connection_time, connection).await;
            drop(place);
        });
    }
}

/// Lets those in who know the token, and only those who ask for something to read.
async fn admit(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n").into_response();
    }
    if let Some(token) = &config.token
        && !given(&request).is_some_and(|given| is_same(token.expose(), &given))
    {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "a token is needed\n").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, axum::http::HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

/// The token that a request carries.
fn given(request: &Request) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    // The name of a scheme is the same in capital and small letters (RFC 9110, section 11.1).
    let bearer =
        header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if let Some((_, token)) = bearer {
        return Some(token.trim_start().to_owned());
    }
    let query = request.uri().query().filter(|_| request.uri().path() == FEED)?;
    query.split('&').find_map(|part| part.strip_prefix("token=")).map(percent_decoded)
}

/// A part of an address as it was meant (RFC 3986, section 2.1). What is no such sequence stays; what is no UTF-8 is no
/// token either.
fn percent_decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)));
        let meant = pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()).filter(|_| *byte == b'%');
        out.push(meant.unwrap_or(*byte));
        at += if meant.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether both are the same, in a time that does not tell where they differ.
fn is_same(token: &str, given: &str) -> bool {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, token.as_bytes());
    let tag = ring::hmac::sign(&key, token.as_bytes());
    ring::hmac::verify(&key, given.as_bytes(), tag.as_ref()).is_ok()
}

fn typed(kind: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, kind)], Body::from(body)).into_response()
}

async fn healthz(State(board): State<Board>) -> Response {
    let (well, document) = metrics::health(&look(&board), wall_now());
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, typed("application/json", document + "\n")).into_response()
}

async fn prometheus(State(board): State<Board>) -> Response {
    typed("text/plain; version=0.0.4; charset=utf-8", metrics::metrics(&look(&board)))
}

async fn feed(State(board): State<Board>) -> Response {
    typed("text/calendar; charset=utf-8", look(&board).feed)
}

async fn status(State(board): State<Board>) -> Response {
    typed("application/json", look(&board).status)
}

#[cfg(test)]
mod tests;
