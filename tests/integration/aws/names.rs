//! A name server on loopback that answers what the hosted zone of a cloud holds, as Route 53's own servers would: record
//! sets by their policy, aliases followed within the zone.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use hickory_proto::op::{Message as Dns, MessageType, OpCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::wire::{self, Message, signed, texts};

/// A file, and what is answered without it and with it.
type Checked = (PathBuf, [&'static str; 2]);

/// One server of the zone.
pub(super) struct NameServer {
    pub(super) port: u16,
    stopped: Arc<AtomicBool>,
    /// What it answers whatever the zone says.
    pub(super) stuck: Arc<Mutex<Option<Vec<String>>>>,
    /// The file that an inverted health check looks for.
    pub(super) checked: Arc<Mutex<Option<Checked>>>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl NameServer {
    /// For `zone` as moto at this port has it.
    pub(super) fn start(moto: u16, zone: &str) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stopped, stuck) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let checked: Arc<Mutex<Option<Checked>>> = Arc::default();
        let (ended, kept, zone) = (Arc::clone(&stopped), Arc::clone(&stuck), zone.to_owned());
        let check = Arc::clone(&checked);
        thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let Ok(question) = Dns::from_vec(&buffer[..length]) else { continue };
                let by_check = check.lock().unwrap().clone();
                let by_check = by_check.map(|(file, values)| vec![values[usize::from(file.exists())].to_owned()]);
                let kept: Option<Vec<String>> = kept.lock().unwrap().clone().or(by_check);
                let answer = answer(&question, moto, &zone, kept.as_deref());
                let _ = socket.send_to(&answer.to_vec().unwrap(), from);
            }
        });
        Self { port, stopped, stuck, checked }
    }
}

fn answer(question: &Dns, moto: u16, zone: &str, stuck: Option<&[String]>) -> Dns {
    let mut answer = Dns::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.authoritative = true;
    let Some(query) = question.queries.first() else { return answer };
    answer.add_query(query.clone());
    let (name, kind) = (query.name().clone(), query.query_type());
    let plain = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let values = stuck.map_or_else(|| look(moto, zone, &plain, kind, 4), <[String]>::to_vec);
    for value in values {
        let data = match kind {
            RecordType::A => RData::A(A(value.parse().unwrap())),
            RecordType::AAAA => RData::AAAA(AAAA(value.parse().unwrap())),
            _ => RData::CNAME(CNAME(Name::from_ascii(format!("{value}.")).unwrap())),
        };
        answer.add_answer(Record::from_rdata(name.clone(), 60, data));
    }
    answer
}

/// What the zone answers for a name: of several sets the one that the policy chooses for a user near the primary region.
fn look(moto: u16, zone: &str, name: &str, kind: RecordType, depth: u32) -> Vec<String> {
    let request = Message {
        line: format!("GET /2013-04-01/hostedzone/{zone}/rrset HTTP/1.1"),
        headers: vec![("host".into(), "route53.amazonaws.com".into()), signed("route53", "us-east-1")],
        body: Vec::new(),
    };
    let listed = wire::ask(moto, &request).map(|it| it.text()).unwrap_or_default();
    let one = |set: &str, element: &str| texts(set, element).into_iter().next().unwrap_or_default();
    let mut sets = texts(&listed, "ResourceRecordSet");
    sets.retain(|set| one(set, "Name").trim_end_matches('.') == name && one(set, "Type") == kind.to_string());
    let rank = |set: &String| {
        let weight: i64 = one(set, "Weight").parse().unwrap_or(1);
        (one(set, "Failover") == "SECONDARY", weight == 0, one(set, "Region"))
    };
    sets.sort_by_key(rank);
    let Some(set) = sets.first() else { return Vec::new() };
    let target = one(set, "DNSName");
    if !target.is_empty() && depth > 0 {
        return look(moto, zone, target.trim_end_matches('.'), kind, depth - 1);
    }
    texts(set, "Value")
}
