//! A region's git server: `git http-backend`, which does all the work, behind a small HTTP server.
//!
//! `/git/NAME` is for users, `/takes-pushes` says whether the gate lets them push. `/mirror/REGION/NAME` is for the other region's copier, whom the gate lets into a copy;
//! `/mirror/REGION/copied` says and sets how many of that region's pushes are here.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::Result;
use crate::daemon;
use crate::http::{self, Answer, answer};
use crate::world::{Lab, Role};

/// The longest answer of git, in bytes.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;
/// A push or fetch that takes longer is ended.
const WITHIN: Duration = Duration::from_mins(2);

/// Serves until it is ended.
pub(crate) async fn run(lab: Lab, region: Role) -> Result<()> {
    let listener = http::listen(SocketAddr::new(region.address(), lab.ports.git))?;
    let lab = Arc::new(lab);
    http::serve(listener, move |request| {
        let lab = Arc::clone(&lab);
        async move { respond(&lab, region, request).await }
    })
    .await
}

async fn respond(lab: &Lab, region: Role, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    if path == "/alive" {
        return answer(StatusCode::OK, "alive");
    }
    if path == "/takes-pushes" {
        return takes_pushes(lab, region);
    }
    if path.split('/').any(|part| part == ".." || part == ".muster") {
        return answer(StatusCode::NOT_FOUND, "there is nothing here");
    }
    if let Some(path) = path.strip_prefix("/git") {
        return or_failed(backend(lab, region, request, path, None).await);
    }
    let other = region.other();
    let Some(path) = path.strip_prefix(&format!("/mirror/{other}")) else {
        return answer(StatusCode::NOT_FOUND, "there is nothing here");
    };
    if path == "/copied" {
        return or_failed(copied(lab, region, request).await);
    }
    or_failed(make_if_missing(lab, region, path).and(backend(lab, region, request, path, Some(other)).await))
}

/// Whether the gate lets users' pushes in now: it asks itself the same (`pre-receive`).
fn takes_pushes(lab: &Lab, region: Role) -> Answer {
    let books = lab.repositories(region).join(".muster");
    if books.join("fence").exists() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "pushes are refused here");
    }
    match std::fs::read_to_string(books.join("role")) {
        Ok(role) if role.trim() == "primary" => answer(StatusCode::OK, "pushes are taken"),
        Ok(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "this is a copy: push to the other region"),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, format!("the role is not known: {error}")),
    }
}

fn or_failed(answered: Result<Answer>) -> Answer {
    answered.unwrap_or_else(|why| answer(StatusCode::INTERNAL_SERVER_ERROR, why))
}

/// How many pushes of the other region are here; its copier alone sets it, and only where this is its copy.
async fn copied(lab: &Lab, region: Role, request: Request<Incoming>) -> Result<Answer> {
    let books = lab.repositories(region).join(".muster");
    let failed = |error: std::io::Error| format!("{}: {error}", books.display());
    let role = std::fs::read_to_string(books.join("role")).map_err(failed)?;
    if role.trim() != format!("replica {}", region.other()) || books.join("fence").exists() {
        return Ok(answer(StatusCode::CONFLICT, "this is not your copy"));
    }
    if request.method() == Method::POST {
        let body = http::body(request).await?;
        let text = String::from_utf8_lossy(&body);
        let count: u64 = text.trim().parse().map_err(|_| "expected a number".to_owned())?;
        let part = books.join("copied.part");
        let written =
            std::fs::write(&part, count.to_string()).and_then(|()| std::fs::rename(part, books.join("copied")));
        written.map_err(failed)?;
    }
    Ok(answer(StatusCode::OK, std::fs::read_to_string(books.join("copied")).map_err(failed)?.trim()))
}

/// A repository that is new in the other region is made here when its first push arrives.
fn make_if_missing(lab: &Lab, region: Role, path: &str) -> Result<()> {
    let Some(end) = path.find(".git/") else { return Ok(()) };
    let name = path[1..end + 4].to_owned();
    if lab.repositories(region).join(&name).exists() { Ok(()) } else { super::create(lab, region, &name) }
}

/// `git http-backend`, by CGI (RFC 3875).
async fn backend(
    lab: &Lab,
    region: Role,
    request: Request<Incoming>,
    path: &str,
    mirror_from: Option<Role>,
) -> Result<Answer> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut command = tokio::process::Command::from(daemon::clean(lab, &lab.programs.git_http_backend));
    command.env("GIT_PROJECT_ROOT", lab.repositories(region)).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("PATH_INFO", path).env("QUERY_STRING", request.uri().query().unwrap_or_default());
    command.env("REQUEST_METHOD", request.method().as_str()).env("REMOTE_USER", "lab").env("REMOTE_ADDR", "127.0.0.1");
    let given = [("CONTENT_TYPE", "content-type"), ("HTTP_CONTENT_ENCODING", "content-encoding")];
    for (variable, name) in given.into_iter().chain([("GIT_PROTOCOL", "git-protocol")]) {
        if let Some(value) = header(name) {
            command.env(variable, value);
        }
    }
    if let Some(from) = mirror_from {
        command.env("MUSTER_MIRROR_FROM", from.to_string());
    }
    let body = http::body(request).await?;
    command.env("CONTENT_LENGTH", body.len().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("git http-backend: {error}"))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let exchange = async {
        let write = async move {
            if let Some(mut stdin) = stdin {
                // It may say no before it has read everything.
                let _ = stdin.write_all(&body).await;
            }
        };
        let mut said = Vec::new();
        let read = async {
            if let Some(stdout) = stdout {
                stdout.take(ANSWER_MAX).read_to_end(&mut said).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let ((), read) = tokio::join!(write, read);
        read?;
        child.wait().await?;
        Ok::<_, std::io::Error>(said)
    };
    let said = timeout(WITHIN, exchange).await.map_err(|_| format!("git took longer than {WITHIN:?}"))?;
    parsed(&said.map_err(|error| format!("git http-backend: {error}"))?)
}

/// A CGI answer: headers, an empty line, the body.
fn parsed(said: &[u8]) -> Result<Answer> {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").ok_or("git http-backend gave no answer")?;
    let mut answer = Response::builder();
    for line in String::from_utf8_lossy(&said[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        answer = match (name.eq_ignore_ascii_case("status"), value.trim()) {
            (true, value) => answer.status(value.split(' ').next().unwrap_or(value)),
            (false, value) => answer.header(name, value),
        };
    }
    answer.body(Full::new(Bytes::copy_from_slice(&said[end + 4..]))).map_err(|error| error.to_string())
}
