//! A small stub resolver: asks one server for the addresses of a name, over UDP and, for a long answer, over TCP.
//!
//! It keeps nothing, so a probe sees what the server says now. Every wait and every count has a bound.
//! RFC 1035 (messages), RFC 6891 (EDNS), RFC 7766 (TCP).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::fault;
use crate::time::{Clock, Span};

/// How often a question is sent, and how long each is waited for: together below the usual 3 s of a probe, so that
/// a resolver that does not answer is named as such and is no mere timeout.
const ATTEMPTS: u32 = 3;
const WAIT: Span = Span(800_000_000);

/// Datagrams that are no answer to the question (forged, late, broken) before the attempt is given up.
const MAX_STRAY: usize = 32;

/// The longest chain of aliases over several questions; a recursive server needs none.
const MAX_ALIASES: usize = 8;

/// What fits one datagram on any path (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// The addresses of `host` as `server` gives them, IPv4 first. Empty if the name is there without an address.
pub(super) async fn addresses(clock: &Clock, server: SocketAddr, host: &str) -> Result<Vec<IpAddr>, String> {
    let mut name = Name::from_ascii(host).map_err(|error| format!("`{host}` can't be asked for: {error}"))?;
    name.set_fqdn(true);
    let (v4, v6) = tokio::join!(
        of_type(clock, server, name.clone(), RecordType::A),
        of_type(clock, server, name, RecordType::AAAA)
    );
    match (v4, v6) {
        (Ok(mut found), Ok(more)) => {
            found.extend(more);
            Ok(found)
        }
        // One family is enough to connect; the other's failure shows when it alone is there.
        (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
        (Err(text), _) | (_, Err(text)) => Err(text),
    }
}

/// The addresses of one family, following aliases that the server leaves to the asker.
async fn of_type(clock: &Clock, server: SocketAddr, mut name: Name, kind: RecordType) -> Result<Vec<IpAddr>, String> {
    for _ in 0..MAX_ALIASES {
        let answer = ask(clock, server, &name, kind).await?;
        let found: Vec<IpAddr> = answer.answers.iter().filter_map(|record| address(&record.data)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        match last_alias(&answer) {
            Some(target) if target != name => name = target,
            _ => return Ok(Vec::new()),
        }
    }
    Err(format!("the name leads through more than {MAX_ALIASES} aliases"))
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

fn last_alias(answer: &Message) -> Option<Name> {
    answer.answers.iter().rev().find_map(|record| match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    })
}

/// One question, asked until it is answered or the attempts are used up.
async fn ask(clock: &Clock, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, String> {
    let mut why = "timed out".to_owned();
    for _ in 0..ATTEMPTS {
        let question = question(name, kind);
        match clock.timeout(WAIT, once(server, &question)).await {
            Ok(Ok(answer)) => return judge(server, answer),
            Ok(Err(text)) => why = text,
            Err(_) => "timed out".clone_into(&mut why),
        }
    }
    Err(format!("the resolver {server} does not answer ({why})"))
}

/// With a random id and, as each attempt opens its own socket, a random port.
fn question(name: &Name, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD).set_version(0);
    message.set_edns(edns);
    message
}

fn judge(server: SocketAddr, answer: Message) -> Result<Message, String> {
    match answer.metadata.response_code {
        ResponseCode::NoError => Ok(answer),
        ResponseCode::NXDomain => Err("no such name".to_owned()),
        ResponseCode::ServFail => Err(format!("the resolver {server} failed to find out (SERVFAIL)")),
        ResponseCode::Refused => Err(format!("the resolver {server} refuses the question (REFUSED)")),
        other => Err(format!("the resolver {server} answered: {other}")),
    }
}

async fn once(server: SocketAddr, question: &Message) -> Result<Message, String> {
    let bytes = question.to_vec().map_err(|error| error.to_string())?;
    let answer = over_udp(server, &bytes, question).await?;
    if answer.metadata.truncation { over_tcp(server, &bytes, question).await } else { Ok(answer) }
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

async fn over_tcp(server: SocketAddr, bytes: &[u8], question: &Message) -> Result<Message, String> {
    let plain = |error: std::io::Error| fault::io_text(&error);
    let length = u16::try_from(bytes.len()).map_err(|_| "the question is too long".to_owned())?;
    let mut stream = TcpStream::connect(server).await.map_err(plain)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(plain)?;
    let length = stream.read_u16().await.map_err(plain)?;
    let mut buffer = vec![0_u8; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(plain)?;
    answer_to(question, &buffer).ok_or_else(|| "sends an answer that can't be read".to_owned())
}

/// The message, if it is an answer to this very question.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let matches = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    matches.then_some(answer)
}
