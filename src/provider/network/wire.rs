//! DNS messages to one server and back: over UDP and, for what is long or must not be sent twice, over TCP.
//!
//! Nothing is kept. Every wait and every count has a bound. RFC 1035 (messages), RFC 6891 (EDNS), RFC 7766 (TCP).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::fault;
use crate::time::{Clock, Span};

/// How often a question is sent, and how long each is waited for: together below the usual 3 s of a probe, so that
/// a server that does not answer is named as such and is no mere timeout.
const ATTEMPTS: u32 = 3;
const WAIT: Span = Span(800_000_000);

/// Datagrams that are no answer to the question (forged, late, broken) before the attempt is given up.
const MAX_STRAY: usize = 32;

/// What fits one datagram on any path (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// Whether the server is to find out what it does not know itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Recursion {
    /// As a user asks a resolver.
    Desired,
    /// As a resolver asks an authoritative server.
    No,
}

/// Why a message that was sent over TCP has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Silence {
    /// It was not sent: the server has not seen it.
    NotSent(String),
    /// What the server did with it is not known.
    NoAnswer(String),
}

/// One question, asked until it is answered or the attempts are used up; the error is why there is no answer.
pub(in crate::provider) async fn ask(
    clock: &Clock,
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    recursion: Recursion,
) -> Result<Message, String> {
    let mut why = "timed out".to_owned();
    for _ in 0..ATTEMPTS {
        let question = question(name, kind, recursion);
        match clock.timeout(WAIT, once(server, &question)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(text)) => why = text,
            Err(_) => "timed out".clone_into(&mut why),
        }
    }
    Err(why)
}

/// With a random id and, as each attempt opens its own socket, a random port.
fn question(name: &Name, kind: RecordType, recursion: Recursion) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = recursion == Recursion::Desired;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD).set_version(0);
    message.set_edns(edns);
    message
}

async fn once(server: SocketAddr, question: &Message) -> Result<Message, String> {
    let bytes = question.to_vec().map_err(|error| error.to_string())?;
    let answer = over_udp(server, &bytes, question).await?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let answer = over_tcp(server, &bytes).await.map_err(|(Silence::NotSent(why) | Silence::NoAnswer(why))| why)?;
    answer_to(question, &answer).ok_or_else(|| "sends an answer that can't be read".to_owned())
}

async fn over_udp(server: SocketAddr, bytes: &[u8], question: &Message) -> Result<Message, String> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let plain = |error: std::io::Error| fault::io_text(&error);
    let socket = UdpSocket::bind((any, 0)).await.map_err(plain)?;
    // Connected, so that the system drops what others send and passes on that nobody listens.
    socket.connect(server).await.map_err(plain)?;
    socket.send(bytes).await.map_err(plain)?;
    let mut buffer = vec![0_u8; usize::from(u16::MAX)];
    for _ in 0..MAX_STRAY {
        let length = socket.recv(&mut buffer).await.map_err(plain)?;
        if let Some(answer) = answer_to(question, &buffer[..length]) {
            return Ok(answer);
        }
    }
    Err("sends answers to other questions".to_owned())
}

/// Sends one message on a connection of its own, once, and gives the bytes of the answer. Sets no limit of time.
pub(in crate::provider) async fn over_tcp(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>, Silence> {
    let not_sent = |error: std::io::Error| Silence::NotSent(fault::io_text(&error));
    let no_answer = |error: std::io::Error| Silence::NoAnswer(fault::io_text(&error));
    let length = u16::try_from(bytes.len()).map_err(|_| Silence::NotSent("the message is too long".to_owned()))?;
    let mut stream = TcpStream::connect(server).await.map_err(not_sent)?;
    // A part of a message may have reached the server, but it does nothing with one.
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(no_answer)?;
    let length = stream.read_u16().await.map_err(no_answer)?;
    let mut buffer = vec![0_u8; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(no_answer)?;
    Ok(buffer)
}

/// The message, if it is an answer to this very question.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let matches = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    matches.then_some(answer)
}
