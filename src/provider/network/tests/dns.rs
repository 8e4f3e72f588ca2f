//! The stub resolver against a small server of the test's own.

use std::net::SocketAddr;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use tokio::net::UdpSocket;

use super::super::resolve;
use super::*;

/// What the server does with a question.
pub(super) enum Reply {
    Answers(Vec<RData>),
    Code(ResponseCode),
    /// Over UDP too long, over TCP these.
    Long(Vec<RData>),
    /// First answers with a wrong id, a wrong question and rubbish, then these.
    AfterForgeries(Vec<RData>),
    Silence,
}

fn a(address: [u8; 4]) -> RData {
    RData::A(rdata::A(address.into()))
}

/// `127.0.0.1` and `::1`, whatever is asked for.
pub(super) fn loopback_in_both_families(query: &Query) -> Reply {
    Reply::Answers(match query.query_type() {
        RecordType::A => vec![a([127, 0, 0, 1])],
        _ => vec![RData::AAAA(rdata::AAAA("::1".parse().unwrap()))],
    })
}

fn respond(question: &Message, data: Vec<RData>) -> Message {
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_queries(question.queries.clone());
    let name = question.queries[0].name().clone();
    answer.add_answers(data.into_iter().map(|data| Record::from_rdata(name.clone(), 60, data)));
    answer
}

/// A port that is free for TCP may be taken for UDP: then another is tried.
async fn both_on_one_port() -> (TcpListener, UdpSocket) {
    for _ in 0..100 {
        let tcp = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (tcp, udp);
        }
    }
    panic!("no port is free for both TCP and UDP");
}

/// Runs a server that answers by `reply` and returns its address and how often it was asked over UDP.
pub(super) async fn name_server(
    clock: &Clock,
    reply: impl Fn(&Query) -> Reply + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let (tcp, udp) = both_on_one_port().await;
    let address = udp.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let reply = Arc::new(reply);
    let tcp_reply = reply.clone();
    clock.spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            let question = Message::from_vec(&buffer[..length]).unwrap();
            assert_eq!(question.edns.as_ref().unwrap().max_payload(), 1232);
            let answer = match reply(&question.queries[0]) {
                Reply::Silence => continue,
                Reply::Answers(data) => respond(&question, data),
                Reply::Code(code) => {
                    let mut answer = respond(&question, Vec::new());
                    answer.metadata.response_code = code;
                    answer
                }
                Reply::Long(_) => {
                    let mut answer = respond(&question, Vec::new());
                    answer.metadata.truncation = true;
                    answer
                }
                Reply::AfterForgeries(data) => {
                    let mut forged = respond(&question, vec![a([6, 6, 6, 6])]);
                    forged.metadata.id = forged.metadata.id.wrapping_add(1);
                    udp.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
                    let mut forged = respond(&question, vec![a([6, 6, 6, 6])]);
                    forged.queries[0].set_name(Name::from_ascii("other.test.").unwrap());
                    udp.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
                    udp.send_to(b"rubbish", from).await.unwrap();
                    respond(&question, data)
                }
            };
            udp.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    clock.spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            let question = Message::from_vec(&bytes).unwrap();
            if let Reply::Long(data) = tcp_reply(&question.queries[0]) {
                let bytes = respond(&question, data).to_vec().unwrap();
                stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        }
    });
    (address, asked)
}

fn resolve_with(reply: impl Fn(&Query) -> Reply + Send + Sync + 'static) -> Result<Vec<String>, String> {
    run_real(|clock| async move {
        let (server, _) = name_server(&clock, reply).await;
        let found = resolve::addresses(
            &clock,
            "code.example.test",
            &Resolver::Server(server.to_string()),
            crate::resource::Family::Any,
        )
        .await?;
        Ok(found.iter().map(ToString::to_string).collect())
    })
    .unwrap()
}

#[test]
fn both_families_are_asked_for_ipv4_first() {
    let found = resolve_with(|query| {
        assert_eq!(query.name().to_ascii(), "code.example.test.");
        Reply::Answers(match query.query_type() {
            RecordType::A => vec![a([192, 0, 2, 1]), a([192, 0, 2, 2])],
            _ => vec![RData::AAAA(rdata::AAAA("2001:db8::1".parse().unwrap()))],
        })
    });
    assert_eq!(found.unwrap(), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
}

#[test]
fn aliases_are_followed() {
    let found = resolve_with(|query| match (query.name().to_ascii().as_str(), query.query_type()) {
        ("code.example.test.", _) => {
            Reply::Answers(vec![RData::CNAME(rdata::CNAME(Name::from_ascii("west.example.test.").unwrap()))])
        }
        (_, RecordType::A) => Reply::Answers(vec![a([192, 0, 2, 7])]),
        _ => Reply::Answers(Vec::new()),
    });
    assert_eq!(found.unwrap(), ["192.0.2.7"]);
}

#[test]
fn endless_aliases_end() {
    let turn = AtomicUsize::new(0);
    let error = resolve_with(move |_| {
        let next = format!("alias{}.test.", turn.fetch_add(1, Ordering::Relaxed));
        Reply::Answers(vec![RData::CNAME(rdata::CNAME(Name::from_ascii(next).unwrap()))])
    });
    assert!(error.unwrap_err().contains("more than 8 aliases"));
}

#[test]
fn a_long_answer_comes_over_tcp() {
    let found = resolve_with(|query| match query.query_type() {
        RecordType::A => Reply::Long(vec![a([192, 0, 2, 9])]),
        _ => Reply::Answers(Vec::new()),
    });
    assert_eq!(found.unwrap(), ["192.0.2.9"]);
}

#[test]
fn answers_to_other_questions_are_not_believed() {
    let found = resolve_with(|query| match query.query_type() {
        RecordType::A => Reply::AfterForgeries(vec![a([192, 0, 2, 3])]),
        _ => Reply::Answers(Vec::new()),
    });
    assert_eq!(found.unwrap(), ["192.0.2.3"]);
}

#[test]
fn what_the_server_refuses_is_said_in_words() {
    let with = |code| resolve_with(move |_| Reply::Code(code)).unwrap_err();
    assert_eq!(with(ResponseCode::NXDomain), "no such name");
    assert!(with(ResponseCode::ServFail).contains("SERVFAIL"));
    assert!(with(ResponseCode::Refused).contains("REFUSED"));
    assert_eq!(resolve_with(|_| Reply::Answers(Vec::new())).unwrap_err(), "the name has no address");
}

#[test]
fn a_silent_server_is_asked_three_times_and_named() {
    run_real(|clock| async move {
        let (server, asked) = name_server(&clock, |_| Reply::Silence).await;
        let error = resolve::addresses(
            &clock,
            "code.example.test",
            &Resolver::Server(server.to_string()),
            crate::resource::Family::Any,
        )
        .await
        .unwrap_err();
        assert_eq!(error, format!("the resolver {server} does not answer (timed out)"));
        assert_eq!(asked.load(Ordering::Relaxed), 6, "three times for each family");
    })
    .unwrap();
}

#[test]
fn a_probe_asks_the_resolver_that_it_names_each_time() {
    run_real(|clock| async move {
        let (port, mut asked_http) = super::server(&clock, OK).await;
        let (server, asked) = name_server(&clock, |query| {
            Reply::Answers(match query.query_type() {
                RecordType::A => vec![a([127, 0, 0, 1])],
                _ => Vec::new(),
            })
        })
        .await;
        let network = RealNetwork::new();
        let request = HttpRequest { resolver: Resolver::Server(server.to_string()), ..get("code.example.test", port) };
        for round in 1..=2 {
            let exchange = network.http(&context(&clock), &request).await;
            assert_eq!(exchange.result.unwrap().body, "ok");
            assert!(asked_http.recv().await.unwrap().contains("host: code.example.test:"));
            assert_eq!(asked.load(Ordering::Relaxed), round * 2, "no answer is kept");
        }
    })
    .unwrap();
}
