//! A small stub resolver: asks one server for the addresses of a name. It keeps nothing, so a probe sees what the
//! server says now.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::wire::{self, Recursion};
use crate::time::Clock;

/// The longest chain of aliases over several questions; a recursive server needs none.
const MAX_ALIASES: usize = 8;

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

/// One question, and what is wrong with its answer.
async fn ask(clock: &Clock, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, String> {
    let answer = wire::ask(clock, server, name, kind, Recursion::Desired).await;
    judge(server, answer.map_err(|why| format!("the resolver {server} does not answer ({why})"))?)
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
