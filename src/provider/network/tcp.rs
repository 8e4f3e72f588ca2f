//! A bare connection: resolve, connect, close.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use tokio::net::TcpStream;

use super::{fault, resolve, with_port};
use crate::resource::{Exchange, NetError, Resolver, Stage, Stages, TcpRequest};
use crate::time::{Clock, Span};

/// After this long the other family is tried beside the first one (RFC 8305; what the HTTP client does too).
const OTHER_FAMILY_AFTER: Span = Span(300_000_000);

/// Resolves and connects; the connection is closed at once.
pub(super) async fn probe(clock: &Clock, request: &TcpRequest) -> Exchange<()> {
    let mut stages = Stages::default();
    let addresses = match (&request.resolver, resolve::literal(&request.host)) {
        (Resolver::Fixed(address), _) => vec![*address],
        (_, Some(address)) => vec![address],
        _ => {
            let began = clock.now();
            let found = resolve::addresses(clock, &request.host, &request.resolver).await;
            stages.resolve = Some(clock.now().since(began));
            match found {
                Ok(found) => found,
                Err(text) => {
                    let error = NetError { stage: Stage::Resolve, text };
                    return Exchange { address: None, stages, result: Err(error) };
                }
            }
        }
    };
    let began = clock.now();
    let connected = connect(clock, &with_port(&addresses, request.port)).await;
    stages.connect = Some(clock.now().since(began));
    match connected {
        Ok(address) => Exchange { address: Some(address), stages, result: Ok(()) },
        Err(error) => Exchange {
            address: addresses.first().copied(),
            stages,
            result: Err(NetError { stage: Stage::Connect, text: fault::io_text(&error) }),
        },
    }
}

/// Tries the addresses of the first one's family in turn and, when that takes long or fails, those of the other.
pub(super) async fn connect(clock: &Clock, addresses: &[SocketAddr]) -> io::Result<IpAddr> {
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
async fn in_turn(addresses: Vec<SocketAddr>) -> io::Result<IpAddr> {
    let mut first_error = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(address.ip()),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable)))
}
