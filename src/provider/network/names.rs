//! Questions to name servers, all of them at the same time.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::wire::{self, Recursion};
use crate::infrastructure::real::ServerAddress;
use crate::resource::{DnsAnswer, DnsRequest, DnsType, Exchange, NetError, Stage, Stages};
use crate::time::{Clock, Span};

/// The most servers that are asked.
const SERVERS_MAX: usize = 16;
/// The most values of one answer that are kept.
const VALUES_MAX: usize = 100;
/// Where the machine keeps its resolvers, and the most that is read of that.
const RESOLVERS: (&str, u64) = ("/etc/resolv.conf", 64 * 1024);

/// Asks each server that `request` names; where it names none, `system`, or who the machine asks.
pub(super) async fn ask(clock: &Clock, request: &DnsRequest, system: Option<SocketAddr>) -> Exchange<Vec<DnsAnswer>> {
    let began = clock.now();
    let failed = |text: String| Exchange {
        address: None,
        stages: Stages::default(),
        result: Err(NetError { stage: Stage::Resolve, text }),
    };
    let mut name = match Name::from_ascii(&*request.name) {
        Ok(name) => name,
        Err(error) => return failed(format!("`{}` can't be asked for: {error}", request.name)),
    };
    name.set_fqdn(true);
    let servers = match system.filter(|_| request.servers.is_empty()) {
        Some(system) => vec![system.to_string()],
        None if request.servers.is_empty() => match machines_own() {
            Ok(server) => vec![server],
            Err(why) => return failed(why),
        },
        None => request.servers.clone(),
    };
    let one = |server: String| {
        let name = &name;
        async move {
            let result = answer(clock, &server, name, request.record).await;
            DnsAnswer { server, result }
        }
    };
    let answers = join_all(servers.into_iter().take(SERVERS_MAX).map(one)).await;
    let mut values = answers.iter().flat_map(|answer| answer.result.iter().flat_map(|(values, _)| values));
    let address = values.find_map(|value| value.parse::<IpAddr>().ok());
    let stages = Stages { resolve: Some(clock.now().since(began)), ..Stages::default() };
    Exchange { address, stages, result: Ok(answers) }
}

/// The first resolver that the machine is set up with.
pub(in crate::provider) fn machines_own() -> Result<String, String> {
    let (path, limit) = RESOLVERS;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|error| format!("who the machine asks is not known: {path} can't be read: {error}; name `servers`"))?;
    let found = text.lines().find_map(|line| line.trim().strip_prefix("nameserver").map(str::trim));
    found.map(str::to_owned).ok_or_else(|| format!("{path} names no resolver; name `servers`"))
}

async fn answer(clock: &Clock, server: &str, name: &Name, record: DnsType) -> Result<(Vec<String>, Span), String> {
    let address: ServerAddress = server.parse()?;
    let kind = of(record);
    let answer = wire::ask(clock, address.0, name, kind, Recursion::Desired).await;
    let answer = answer.map_err(|why| format!("does not answer ({why})"))?;
    match answer.metadata.response_code {
        ResponseCode::NoError => Ok(values(&answer, kind)),
        ResponseCode::NXDomain => Err("no such name".to_owned()),
        ResponseCode::ServFail => Err("failed to find out (SERVFAIL)".to_owned()),
        ResponseCode::Refused => Err("refuses the question (REFUSED)".to_owned()),
        other => Err(format!("answered: {other}")),
    }
}

/// The values of the type that was asked for, and the shortest of their TTLs; an alias on the way counts for that too.
fn values(answer: &Message, kind: RecordType) -> (Vec<String>, Span) {
    let ttl = answer.answers.iter().map(|record| record.ttl).min().unwrap_or(0);
    let asked = answer.answers.iter().filter(|record| record.record_type() == kind);
    let values = asked.map(|record| value(&record.data)).take(VALUES_MAX).collect();
    (values, Span::from_secs(u64::from(ttl)))
}

fn value(data: &RData) -> String {
    match data {
        RData::TXT(text) => text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect(),
        other => other.to_string().trim_end_matches('.').to_owned(),
    }
}

fn of(record: DnsType) -> RecordType {
    match record {
        DnsType::A => RecordType::A,
        DnsType::Aaaa => RecordType::AAAA,
        DnsType::Cname => RecordType::CNAME,
        DnsType::Mx => RecordType::MX,
        DnsType::Ns => RecordType::NS,
        DnsType::Soa => RecordType::SOA,
        DnsType::Srv => RecordType::SRV,
        DnsType::Txt => RecordType::TXT,
    }
}
