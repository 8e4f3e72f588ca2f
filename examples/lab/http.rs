//! HTTP as the lab's servers speak and ask it: small, with a limit on everything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::Result;

/// The longest body that is taken, in bytes: a push of the lab's clients is far smaller.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// The longest answer that a client of the lab reads, in bytes.
const ANSWER_MAX: u64 = 1024 * 1024;
/// Connections that wait to be taken.
const BACKLOG: u32 = 128;

/// An answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An answer of plain text.
pub(crate) fn answer(status: StatusCode, text: impl Into<String>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text.into() + "\n")));
    *answer.status_mut() = status;
    answer
}

/// Listens; several servers of one group may share an address, and the system shares connections out among them.
pub(crate) fn listen(at: SocketAddr) -> Result<TcpListener> {
    let failed = |error: std::io::Error| format!("nothing can listen on {at}: {error}");
    let socket = TcpSocket::new_v4().map_err(failed)?;
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.set_reuseport(true).map_err(failed)?;
    socket.bind(at).map_err(failed)?;
    socket.listen(BACKLOG).map_err(failed)
}

/// Answers whoever comes, for ever.
pub(crate) async fn serve<H, F>(listener: TcpListener, handle: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Out of file descriptors: those that are open end, and then there are some again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let handle = handle.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answered = handle(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            // A client that goes away in the middle is no concern of the server's.
            let _ = hyper::server::conn::http1::Builder::new()
                .keep_alive(true)
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

/// All of a request's body; an error if it is too long.
pub(crate) async fn body(request: Request<Incoming>) -> Result<Bytes> {
    let collected = Limited::new(request.into_body(), BODY_MAX).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| format!("the body can't be read: {error}"))
}

/// One request on a connection of its own, answered within `at_most`: the status, and the body as text.
pub(crate) async fn ask(
    at: SocketAddr,
    host: &str,
    line: &str,
    body: &str,
    at_most: Duration,
) -> Result<(u16, String)> {
    let asked = async {
        let mut connection = TcpStream::connect(at).await?;
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        connection.write_all(format!("{head}{body}").as_bytes()).await?;
        let mut bytes = Vec::new();
        connection.take(ANSWER_MAX).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let answered = timeout(at_most, asked).await.map_err(|_| format!("{at}: no answer within {at_most:?}"))?;
    let text = answered.map_err(|error| format!("{at}: {error}"))?;
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    let Some((status, (_, body))) = status.zip(text.split_once("\r\n\r\n")) else {
        return Err(format!("{at}: the answer broke off"));
    };
    Ok((status, body.trim_end().to_owned()))
}
