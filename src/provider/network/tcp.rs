//! A bare connection: resolve, connect, say a word where one is to be said, close.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{fault, resolve, with_port};
use crate::resource::{Exchange, Family, NetError, Resolver, Stage, Stages, TcpRequest};
use crate::time::{Clock, Span};

/// After this long the other family is tried beside the first one (RFC 8305; what the HTTP client does too).
const OTHER_FAMILY_AFTER: Span = Span(300_000_000);

/// The most that is read of what comes back, in bytes.
const RECEIVED_MAX: usize = 64 * 1024;

/// A connection that stands.
pub(super) struct Opened {
    pub(super) address: IpAddr,
    pub(super) stages: Stages,
    pub(super) stream: TcpStream,
}

/// One that does not.
pub(super) struct NotOpened {
    address: Option<IpAddr>,
    stages: Stages,
    error: NetError,
}

impl<T> From<NotOpened> for Exchange<T> {
    fn from(NotOpened { address, stages, error }: NotOpened) -> Self {
        Self { address, stages, result: Err(error) }
    }
}

/// Resolves and connects.
pub(super) async fn open(
    clock: &Clock,
    (host, port): (&str, u16),
    resolver: &Resolver,
    family: Family,
) -> Result<Opened, NotOpened> {
    let mut stages = Stages::default();
    let addresses = match (resolver, resolve::literal(host)) {
        (Resolver::Fixed(address), _) => vec![*address],
        (_, Some(address)) => vec![address],
        _ => {
            let began = clock.now();
            let found = resolve::addresses(clock, host, resolver, family).await;
            stages.resolve = Some(clock.now().since(began));
            found.map_err(|text| NotOpened {
                address: None,
                stages,
                error: NetError { stage: Stage::Resolve, text },
            })?
        }
    };
    let began = clock.now();
    let connected = connect(clock, &with_port(&addresses, port)).await;
    stages.connect = Some(clock.now().since(began));
    match connected {
        Ok((address, stream)) => Ok(Opened { address, stages, stream }),
        Err(error) => {
            let error = NetError { stage: Stage::Connect, text: fault::io_text(&error) };
            Err(NotOpened { address: addresses.first().copied(), stages, error })
        }
    }
}

/// Resolves and connects, says what is to be said, reads until all has come that should, and closes.
pub(super) async fn probe(clock: &Clock, request: &TcpRequest) -> Exchange<String> {
    let target = (&*request.host, request.port);
    let Opened { address, mut stages, mut stream } = match open(clock, target, &request.resolver, request.family).await
    {
        Ok(opened) => opened,
        Err(failed) => return failed.into(),
    };
    let result = if request.talks() { talk(clock, request, &mut stream, &mut stages).await } else { Ok(String::new()) };
    let result = result.map_err(|error| NetError { stage: Stage::Exchange, text: fault::io_text(&error) });
    Exchange { address: Some(address), stages, result }
}

async fn talk(clock: &Clock, request: &TcpRequest, stream: &mut TcpStream, stages: &mut Stages) -> io::Result<String> {
    let began = clock.now();
    if let Some(text) = &request.send {
        stream.write_all(text.as_bytes()).await?;
    }
    let (mut received, mut buffer) = (Vec::new(), [0_u8; 4096]);
    let text = |received: &[u8]| String::from_utf8_lossy(received).into_owned();
    while !request.until.iter().all(|wanted| text(&received).contains(wanted.as_str())) {
        // What the other side sends without a word of what is wanted is read no further.
        if received.len() >= RECEIVED_MAX {
            break;
        }
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        stages.first_byte.get_or_insert_with(|| clock.now().since(began));
        received.extend_from_slice(&buffer[..length]);
    }
    Ok(text(&received))
}

/// Tries the addresses of the first one's family in turn and, when that takes long or fails, those of the other.
pub(super) async fn connect(clock: &Clock, addresses: &[SocketAddr]) -> io::Result<(IpAddr, TcpStream)> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv4() == first_is_v4);
    let mut main = pin!(in_turn(preferred));
    if others.is_empty() {
        return main.await;
    }
    let mut other = pin!(in_turn(others));
    tokio::select! {
        biased;
        connected = &mut main => return match connected {
            Ok(address) => Ok(address),
            Err(error) => other.await.map_err(|_| error),
        },
        () = clock.sleep(OTHER_FAMILY_AFTER) => {}
    }
    tokio::select! {
        biased;
        connected = &mut main => match connected {
            Ok(address) => Ok(address),
            Err(error) => other.await.map_err(|_| error),
        },
        connected = &mut other => match connected {
            Ok(address) => Ok(address),
            Err(_) => main.await,
        },
    }
}

/// The first that can be connected to, else the first one's error.
async fn in_turn(addresses: Vec<SocketAddr>) -> io::Result<(IpAddr, TcpStream)> {
    let mut first_error = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((address.ip(), stream)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable)))
}
