//! Routing controls, health checks, and changes of a zone that come in each other's way.

use std::sync::Arc;

use super::recorded::{Recorded, context};
use crate::id::RegionRole;
use crate::provider::aws::Route53;
use crate::provider::host::Host;
use crate::provider::process::RealProcesses;
use crate::resource::{Dns, ProviderError};

fn record(recorded: &Recorded, more: &str) -> Route53 {
    let settings = format!(
        r#"{{"name":"code.example.test","zone":"Z1","targets":{{"primary":{{"values":["192.0.2.1"]}},
            "secondary":{{"values":["198.51.100.1"]}}}}{more}}}"#
    );
    let host = Host::new(Arc::new(RealProcesses::default()));
    Route53::new(serde_json::from_str(&settings).unwrap(), Arc::clone(&recorded.ways().secondary), host).unwrap()
}

const CONTROLS: &str = r#","by":"routing_controls","routing_controls":{
    "primary":"arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/one",
    "secondary":"arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/two",
    "cluster":[{"url":"https://a.test/v1","region":"us-east-1"},{"url":"https://b.test/v1","region":"us-west-2"},
        {"url":"https://c.test/v1","region":"eu-west-1"},{"url":"https://d.test/v1","region":"ap-northeast-1"},
        {"url":"https://e.test/v1","region":"ap-southeast-2"}]}"#;

/// `GetRoutingControlState` as its documentation has it.
fn state(arn: &str, on: &str) -> String {
    format!(r#"{{"RoutingControlArn":"{arn}","RoutingControlState":"{on}","RoutingControlName":"n"}}"#)
}

#[tokio::test]
async fn all_five_endpoints_of_the_cluster_are_tried_in_turn() {
    let recorded = Recorded::new();
    let down = r#"{"__type":"EndpointTemporarilyUnavailableException","message":"later"}"#;
    recorded
        .answers("a.test", 0, "")
        .answers("b.test", 503, down)
        .answers("c.test", 500, "{}")
        .answers("d.test", 429, "{}");
    recorded.answers("e.test/v1/ ToggleCustomerAPI.GetRoutingControlState {\"RoutingControlArn\":\"arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/one", 200, &state("one", "On"));
    recorded.answers("e.test/v1/ ToggleCustomerAPI.GetRoutingControlState {\"RoutingControlArn\":\"arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/two", 200, &state("two", "Off"));
    recorded.answers("UpdateRoutingControlStates", 200, "{}");
    let (record, cx) = (record(&recorded, CONTROLS), context());
    let seen = record.observe(&cx).await.unwrap();
    assert_eq!(
        (seen.serves, seen.record.values.as_slice()),
        (Some(RegionRole::Primary), &["192.0.2.1".to_owned()][..])
    );
    let asked = recorded.asked();
    let hosts: Vec<&str> = asked.iter().skip(1).take(5).map(|one| &one[8..14]).collect();
    assert_eq!(hosts, ["a.test", "b.test", "c.test", "d.test", "e.test"]);
}

#[tokio::test]
async fn both_controls_are_switched_at_once_and_a_safety_rule_says_no() {
    let recorded = Recorded::new();
    recorded.answers("routingcontrol/one\"}", 200, &state("one", "On")).answers(
        "routingcontrol/two\"}",
        200,
        &state("two", "Off"),
    );
    let refused = r#"{"__type":"ConflictException","message":"the safety rule keep-one-on is not met"}"#;
    recorded.answers("UpdateRoutingControlStates", 200, "{}").answers("UpdateRoutingControlStates", 409, refused);
    let (record, cx) = (record(&recorded, CONTROLS), context());
    let seen = record.observe(&cx).await.unwrap().record;
    let to = record.target(RegionRole::Secondary, &seen);
    record.change(&cx, &seen, &to).await.unwrap();
    let asked = recorded.asked();
    let update = asked.iter().find(|one| one.contains("UpdateRoutingControlStates")).unwrap();
    let (one, two) = update.split_once("routingcontrol/two").unwrap();
    assert!(one.contains("\"Off\"") && two.contains("\"On\""), "{update}");
    let error = record.change(&cx, &seen, &to).await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Refused(why) if why.contains("a safety rule") && why.contains("keep-one-on")),
        "{error}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_passed_over_by_a_switch_too() {
    let recorded = Recorded::new();
    recorded.answers("a.test/v1/ ToggleCustomerAPI.UpdateRoutingControlStates", 0, "");
    recorded.answers("routingcontrol/one\"}", 200, &state("one", "On")).answers(
        "routingcontrol/two\"}",
        200,
        &state("two", "Off"),
    );
    recorded.answers("b.test/v1/ ToggleCustomerAPI.UpdateRoutingControlStates", 200, "{}");
    let (record, cx) = (record(&recorded, CONTROLS), context());
    let seen = record.observe(&cx).await.unwrap().record;
    record.change(&cx, &seen, &record.target(RegionRole::Secondary, &seen)).await.unwrap();
    let asked = recorded.asked();
    let updates: Vec<&str> =
        asked.iter().filter(|one| one.contains("UpdateRoutingControlStates")).map(|one| &one[8..14]).collect();
    assert_eq!(updates, ["a.test", "b.test"], "{asked:?}");
}

/// A resolver on loopback that knows one zone's servers.
fn resolver(zone: &'static str, servers: &'static [&'static str]) -> std::net::SocketAddr {
    use hickory_proto::op::{Message, MessageType, OpCode};
    use hickory_proto::rr::rdata::NS;
    use hickory_proto::rr::{Name, RData, Record, RecordType};
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query = question.queries.first().unwrap().clone();
            let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
            answer.add_query(query.clone());
            if query.query_type() == RecordType::NS && query.name().to_ascii() == zone {
                for server in servers {
                    let data = RData::NS(NS(Name::from_ascii(server).unwrap()));
                    answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                }
            }
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_switch_in_the_data_plane_finds_the_zones_servers_without_the_control_plane() {
    let recorded = Recorded::new();
    let address = resolver("example.test.", &["ns-1.invalid.", "ns-2.invalid."]);
    let with = format!(r#"{CONTROLS},"resolvers":["{address}"]"#);
    let answers = record(&recorded, &with).authoritative(&context()).await.unwrap();
    let servers: Vec<&str> = answers.iter().map(|one| one.server.as_str()).collect();
    assert_eq!(servers, ["ns-1.invalid", "ns-2.invalid"]);
    assert!(recorded.asked().is_empty(), "{:?}", recorded.asked());
}

const HEALTH: &str =
    r#","by":"health_check","health_check":{"id":"h1","away":["true"],"home":["true"],"look":["false"]}"#;

#[tokio::test]
async fn a_health_check_that_is_not_inverted_would_send_nobody_away() {
    let check = |inverted: bool| {
        format!(
            "<GetHealthCheckResponse><HealthCheck><Id>h1</Id><CallerReference>c</CallerReference><HealthCheckConfig>\
             <Type>HTTP</Type><Inverted>{inverted}</Inverted></HealthCheckConfig><HealthCheckVersion>1</HealthCheckVersion>\
             </HealthCheck></GetHealthCheckResponse>"
        )
    };
    let recorded = Recorded::new();
    recorded.answers("healthcheck/h1 ", 200, &check(false));
    let error = record(&recorded, HEALTH).ready(&context()).await.unwrap_err().to_string();
    assert!(error.contains("the health check h1 is not inverted"), "{error}");
}

/// A zone that holds one plain record.
fn zone(value: &str) -> String {
    format!(
        "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>code.example.test.</Name><Type>A</Type>\
         <TTL>60</TTL><ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
         </ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>\
         </ListResourceRecordSetsResponse>"
    )
}

const NOTHING: &str = "<ListResourceRecordSetsResponse><ResourceRecordSets></ResourceRecordSets><IsTruncated>false</IsTruncated>\
                       <MaxItems>100</MaxItems></ListResourceRecordSetsResponse>";
const OVERTAKEN: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>[Tried to delete resource \
                         record set [name='code.example.test.', type='A'] but the values provided do not match the current values]\
                         </Message></Error></ErrorResponse>";

#[tokio::test]
async fn a_change_that_another_came_before_is_refused_by_route_53_and_told() {
    let recorded = Recorded::new();
    recorded.answers("name=_muster.", 200, NOTHING);
    recorded.answers("name=code.", 200, &zone("192.0.2.1")).answers("name=code.", 200, &zone("192.0.2.1"));
    recorded.answers("name=code.", 200, &zone("203.0.113.9"));
    recorded.answers("ChangeResourceRecordSetsRequest", 400, OVERTAKEN);
    let (record, cx) = (record(&recorded, ""), context());
    let seen = record.observe(&cx).await.unwrap().record;
    let error = record.change(&cx, &seen, &record.target(RegionRole::Secondary, &seen)).await.unwrap_err();
    assert!(matches!(&error, ProviderError::Changed(what) if what.contains("203.0.113.9")), "{error}");
    let batch = recorded.asked().into_iter().find(|one| one.contains("ChangeResourceRecordSetsRequest")).unwrap();
    let (delete, create) = batch.split_once("<Action>CREATE</Action>").unwrap();
    assert!(
        delete.contains("<Action>DELETE</Action>") && delete.contains("192.0.2.1"),
        "on the condition that it stands: {batch}"
    );
    assert!(create.contains("198.51.100.1") && !batch.contains("UPSERT"), "{batch}");
}

/// How Route 53 takes a change.
const MADE: &str = "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C2</Id><Status>PENDING</Status>\
                    <SubmittedAt>2026-11-22T08:42:17Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>";

/// The zone's mark, of the run that acts here.
fn marked(changes: u32) -> String {
    format!(
        "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>_muster.code.example.test.</Name>\
         <Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"run=20261122-084216-drill\" \"fencing=1\" \
         \"since=2026-11-22T08:42:16Z\" \"who=a\" \"changes={changes}\"</Value></ResourceRecord></ResourceRecords>\
         </ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>\
         </ListResourceRecordSetsResponse>"
    )
}

/// Switches a record by a change whose answer is lost; the last batch that was sent, and whether `INSYNC` is waited for.
async fn answer_lost(marks: [&str; 2]) -> (String, Vec<String>) {
    let recorded = Recorded::new();
    for mark in marks {
        recorded.answers("name=_muster.", 200, mark);
    }
    recorded.answers("name=code.", 200, &zone("192.0.2.1")).answers("name=code.", 200, &zone("192.0.2.1"));
    recorded.answers("name=code.", 200, &zone("198.51.100.1"));
    recorded.answers("ChangeResourceRecordSetsRequest", 400, OVERTAKEN);
    recorded.answers("ChangeResourceRecordSetsRequest", 200, MADE);
    let pending = "<GetChangeResponse><ChangeInfo><Id>/change/C2</Id><Status>PENDING</Status>\
                   <SubmittedAt>2026-11-22T08:42:17Z</SubmittedAt></ChangeInfo></GetChangeResponse>";
    recorded.answers("change/C2", 200, pending);
    let address = resolver("example.test.", &[]);
    let (record, cx) = (record(&recorded, &format!(r#","authoritative":["{address}"]"#)), context());
    let seen = record.observe(&cx).await.unwrap().record;
    record.change(&cx, &seen, &record.target(RegionRole::Secondary, &seen)).await.unwrap();
    let answers = record.authoritative(&cx).await.unwrap();
    let waits = answers.into_iter().filter(|answer| answer.server == "Route 53");
    let asked = recorded.asked();
    assert!(asked.iter().any(|one| one.contains("change/C2")), "GetChange is asked: {asked:?}");
    let batch = asked.into_iter().rfind(|one| one.contains("ChangeResourceRecordSetsRequest")).unwrap();
    (batch, waits.filter_map(|answer| answer.values.err()).collect())
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_seen_to_be_made_and_waited_for_by_one_that_alters_only_the_mark() {
    let (first, second) = (marked(1), marked(2));
    let (batch, waits) = answer_lost([&first, &second]).await;
    assert!(batch.contains("changes=2") && batch.contains("changes=3"), "the mark is replaced by the next: {batch}");
    assert!(!batch.contains("198.51.100.1") && !batch.contains("192.0.2.1"), "the record is left alone: {batch}");
    assert!(waits.len() == 1 && waits[0].contains("C2 is PENDING, not INSYNC"), "{waits:?}");
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_waited_for_where_no_mark_is_kept() {
    let (batch, waits) = answer_lost([NOTHING, NOTHING]).await;
    let (delete, again) = batch.split_once("<Action>UPSERT</Action>").unwrap();
    assert!(delete.contains("198.51.100.1") && again.contains("198.51.100.1"), "the record as it is: {batch}");
    assert_eq!(waits.len(), 1, "{waits:?}");
}
