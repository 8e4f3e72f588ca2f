//! `dns.switch` on Route 53: every kind of record, there and back, what races it and what goes wrong on the way.

use std::fs;

use super::cloud::{Cloud, Wrong};
use super::names::NameServer;
use super::{REAL, Setup};
use crate::harness::Scene;

const A: &str =
    "<TTL>30</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>";

/// A playbook that switches, then does what stands in `more`.
fn playbook(timeout: &str, more: &str) -> String {
    format!(
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n      \
         - {{ id: dns, dns.switch: {{ records: [code], to: secondary }}, timeout: {timeout}, on_failure: undo }}\n{more}"
    )
}

const FAILS: &str = "      - { id: broken, command: { argv: ['false'] }, on_failure: undo }\n";

/// A record of a zone that has this name server, with these settings.
fn code(zone: &str, server: &NameServer, settings: &str) -> String {
    format!(
        "  code:\n    dns:\n      provider: aws\n      name: code.example.test\n      zone: {zone}\n      \
         authoritative: [\"127.0.0.1:{}\"]\n{settings}",
        server.port
    )
}

/// A zone with a record, a name server for it, and a scene whose record has these settings.
fn scene(cloud: &Cloud, zone: &str, server: &NameServer, settings: &str) -> Scene {
    Setup::of(cloud).resource(&code(zone, server, settings)).scene()
}

const SIMPLE: &str = "      targets: { primary: { values: [192.0.2.1] }, secondary: { values: [198.51.100.1] } }\n";

fn simple() -> (Cloud, String, NameServer, Scene) {
    let cloud = Cloud::start();
    let zone = cloud.zone("example.test");
    cloud.record(&zone, "code.example.test", "A", A);
    let server = NameServer::start(cloud.moto, &zone);
    let scene = scene(&cloud, &zone, &server, SIMPLE);
    (cloud, zone, server, scene)
}

#[test]
fn a_plain_record_is_switched_and_taken_back_whole_needs_moto() {
    let (cloud, zone, _server, scene) = simple();
    let before = cloud.records(&zone);
    scene.write("drill.yaml", &playbook("20s", FAILS));
    scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    assert_eq!(cloud.records(&zone), before, "the record with its TTL, and no mark");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("192.0.2.1 (TTL 30 s) -> 198.51.100.1 (TTL 30 s)"), "the switch");
    assert!(journal.contains("\"code at 127.0.0.1:"), "the zone's server was asked itself");
    let changes = cloud.calls().iter().filter(|call| *call == "route53:ChangeResourceRecordSets").count();
    assert_eq!(changes, 4, "mark, switch, undo, mark taken away: {:?}", cloud.calls());
    assert!(cloud.calls().iter().any(|call| call == "route53:GetChange"), "INSYNC was asked for");
}

#[test]
fn a_record_stays_switched_when_all_goes_well_needs_moto() {
    let (cloud, zone, _server, scene) = simple();
    scene.write("drill.yaml", &playbook("20s", ""));
    scene.types(&format!("run drill.yaml {REAL}"));
    let records = cloud.records(&zone);
    assert!(
        records.len() == 1 && records[0].contains("198.51.100.1") && records[0].contains("<TTL>30</TTL>"),
        "{records:?}"
    );
}

/// Each kind of record: what is there, the settings, and what must be there after the switch.
#[test]
fn record_sets_of_every_policy_are_switched_and_taken_back_needs_moto() {
    let value = |address: &str| {
        format!(
            "<TTL>30</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>"
        )
    };
    let set = |name: &str, policy: &str, address: &str| {
        format!("<SetIdentifier>{name}</SetIdentifier>{policy}{}", value(address))
    };
    let sets = "{ primary: { set: one, values: [192.0.2.1] }, secondary: { set: two, values: [198.51.100.1] } }";
    let alias = |name: &str| {
        format!(
            "<AliasTarget><HostedZoneId>ZONE</HostedZoneId><DNSName>{name}.example.test.</DNSName>\
             <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
        )
    };
    let cases = [
        (
            vec![set("one", "<Weight>100</Weight>", "192.0.2.1"), set("two", "<Weight>0</Weight>", "198.51.100.1")],
            format!("      by: weight\n      targets: {sets}\n"),
            vec!["<Weight>0</Weight><TTL>30</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1", "<Weight>100</Weight><TTL>30</TTL><ResourceRecords><ResourceRecord><Value>198.51.100.1"],
        ),
        (
            vec![set("one", "<Failover>PRIMARY</Failover>", "192.0.2.1"), set("two", "<Failover>SECONDARY</Failover>", "198.51.100.1")],
            format!("      by: failover\n      targets: {sets}\n"),
            vec!["<Failover>SECONDARY</Failover>", "<Failover>PRIMARY</Failover>"],
        ),
        (
            vec![set("one", "<Region>us-east-1</Region>", "192.0.2.1"), set("two", "<Region>us-west-2</Region>", "198.51.100.1")],
            format!("      by: latency\n      targets: {sets}\n"),
            vec!["<Region>us-east-1</Region><TTL>30</TTL><ResourceRecords><ResourceRecord><Value>198.51.100.1", "<Region>us-west-2</Region><TTL>30</TTL><ResourceRecords><ResourceRecord><Value>198.51.100.1"],
        ),
        (
            vec![alias("lb-1")],
            "      targets: { primary: { alias: { name: lb-1.example.test., zone: ZONE } }, secondary: { alias: { name: lb-2.example.test., zone: ZONE } } }\n".to_owned(),
            vec!["<DNSName>lb-2.example.test.</DNSName>"],
        ),
    ];
    let cloud = Cloud::start();
    for (sets, settings, wanted) in cases {
        let zone = cloud.zone("example.test");
        for set in &sets {
            cloud.record(&zone, "code.example.test", "A", &set.replace("ZONE", &zone));
        }
        cloud.record(&zone, "lb-1.example.test", "A", &value("192.0.2.1"));
        cloud.record(&zone, "lb-2.example.test", "A", &value("198.51.100.1"));
        let server = NameServer::start(cloud.moto, &zone);
        let scene = scene(&cloud, &zone, &server, &settings.replace("ZONE", &zone));
        let before = cloud.records(&zone);
        let (moto, asked) = (cloud.moto, zone.clone());
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&seen);
        cloud.whenever("route53:GetChange", move |_| {
            let request = super::wire::Message {
                line: format!("GET /2013-04-01/hostedzone/{asked}/rrset HTTP/1.1"),
                headers: vec![("host".into(), "route53".into()), super::wire::signed("route53", "us-east-1")],
                body: Vec::new(),
            };
            let text = super::wire::ask(moto, &request).unwrap().text();
            kept.lock().unwrap().push(text.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><"));
        });
        scene.write("drill.yaml", &playbook("20s", FAILS));
        let shown = scene.types(&format!("run drill.yaml {REAL}")).exits(1);
        let switched = seen.lock().unwrap().first().cloned().unwrap_or_else(|| panic!("never switched: {shown}"));
        for part in wanted {
            assert!(switched.contains(part), "{settings}: {part} in {switched}");
        }
        assert_eq!(cloud.records(&zone), before, "{settings}");
    }
}

#[test]
fn records_of_other_types_are_switched_and_taken_back_needs_moto() {
    let cloud = Cloud::start();
    let cases = [("AAAA", "2001:db8::1", "2001:db8:1::1"), ("CNAME", "use1.example.test", "usw2.example.test")];
    for (kind, home, away) in cases {
        let zone = cloud.zone("example.test");
        let value = format!(
            "<TTL>30</TTL><ResourceRecords><ResourceRecord><Value>{home}</Value></ResourceRecord></ResourceRecords>"
        );
        cloud.record(&zone, "code.example.test", kind, &value);
        let server = NameServer::start(cloud.moto, &zone);
        let settings = format!(
            "      type: {kind}\n      targets: {{ primary: {{ values: [\"{home}\"] }}, secondary: {{ values: [\"{away}\"] }} }}\n"
        );
        let scene = scene(&cloud, &zone, &server, &settings);
        let before = cloud.records(&zone);
        scene.write("drill.yaml", &playbook("20s", FAILS));
        let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(1);
        assert_eq!(cloud.records(&zone), before, "{kind}");
        let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
        assert!(journal.contains(&format!("{home} (TTL 30 s) -> {away} (TTL 30 s)")), "{kind}: {seen}");
        let answer = format!("\"code at 127.0.0.1:{}\":\"{away}\"", server.port);
        assert!(journal.contains(&answer), "{answer}: the zone's server gives it: {seen}");
    }
}

#[test]
fn an_inverted_health_check_switches_although_route_53_answers_nobody_needs_moto() {
    let cloud = Cloud::start();
    let zone = cloud.zone("example.test");
    let server = NameServer::start(cloud.moto, &zone);
    let settings = "      by: health_check\n      health_check: { id: h1, away: [touch, away], home: [rm, -f, away], look: [test, -e, away] }\n      \
                    targets: { primary: { values: [192.0.2.1] }, secondary: { values: [198.51.100.1] } }\n";
    let scene = scene(&cloud, &zone, &server, settings);
    *server.checked.lock().unwrap() = Some((scene.path("away"), ["192.0.2.1", "198.51.100.1"]));
    // The whole control plane is down.
    let down = "<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>down</Message></Error></ErrorResponse>";
    cloud.goes_wrong("route53:*", u32::MAX, Wrong::Says(503, down));
    let check = "      - { id: ready, check: { dns: [code], ttl_at_most: 60s }, timeout: 30s }\n";
    let switch = playbook("20s", "").replace("    steps:\n", &format!("    steps:\n{check}"));
    scene.write("drill.yaml", &switch);
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(scene.path("away").exists(), "{seen}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    assert!(journal.contains("that it is inverted is not known"), "what could not be seen is said: {seen}");
    // And home again when a later step fails.
    fs::remove_file(scene.path("away")).unwrap();
    scene.write("drill.yaml", &playbook("20s", FAILS));
    scene.types(&format!("run drill.yaml {REAL}")).exits(1);
    assert!(!scene.path("away").exists(), "taken back");
    let asked: Vec<String> = cloud.calls().into_iter().filter(|call| call.starts_with("route53:")).collect();
    assert!(asked.iter().all(|call| call.starts_with("route53:GetHealthCheck")), "{asked:?}");
}

#[test]
fn a_ttl_that_is_longer_than_the_data_planes_record_is_said_to_have_is_told_before_the_switch_needs_moto() {
    let cloud = Cloud::start();
    let zone = cloud.zone("example.test");
    let server = NameServer::start(cloud.moto, &zone);
    let settings = "      by: health_check\n      ttl: 30s\n      \
                    health_check: { id: h1, away: [touch, away], home: [rm, -f, away], look: [test, -e, away] }\n      \
                    targets: { primary: { values: [192.0.2.1] }, secondary: { values: [198.51.100.1] } }\n";
    let scene = scene(&cloud, &zone, &server, settings);
    *server.checked.lock().unwrap() = Some((scene.path("away"), ["192.0.2.1", "198.51.100.1"]));
    let down = "<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>down</Message></Error></ErrorResponse>";
    cloud.goes_wrong("route53:*", u32::MAX, Wrong::Says(503, down));
    // The server lets its answers be kept for 60 s.
    let check = "      - { id: ready, check: { dns: [code], ttl_at_most: 45s }, timeout: 20s, on_failure: stop }\n";
    scene.write("drill.yaml", &playbook("20s", "").replace("    steps:\n", &format!("    steps:\n{check}")));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("with a TTL of 1 min") && journal.contains("`ttl` says 30 s"), "{seen}");
    assert!(journal.contains("write `ttl: 60s`") && !scene.path("away").exists(), "nothing was switched: {seen}");
}

#[test]
fn a_role_is_assumed_with_the_profiles_credentials_needs_moto() {
    let cloud = Cloud::start();
    let zone = cloud.zone("example.test");
    cloud.record(&zone, "code.example.test", "A", A);
    let server = NameServer::start(cloud.moto, &zone);
    let with = ", profile: drill, role: \"arn:aws:iam::123456789012:role/muster\"";
    let setup = Setup::of(&cloud).regions(with, with).resource(&code(&zone, &server, SIMPLE));
    let credentials = "[drill]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret-of-the-profile\n";
    let scene = setup.scene_of_nobody().file(".aws/credentials", credentials);
    scene.write("drill.yaml", &playbook("20s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(cloud.records(&zone)[0].contains("198.51.100.1"), "{seen}");
    assert_eq!(cloud.signers("sts:AssumeRole"), ["AKIDPROFILE"]);
    let change = cloud.signers("route53:ChangeResourceRecordSets");
    assert!(change.len() == 1 && change[0] != "AKIDPROFILE" && !change[0].is_empty(), "the role's own: {change:?}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("secret-of-the-profile"));
}

#[test]
fn a_change_that_never_is_in_sync_is_given_up_and_taken_back_needs_moto() {
    let (cloud, zone, _server, scene) = simple();
    cloud.goes_wrong("route53:GetChange", u32::MAX, Wrong::Instead("INSYNC", "PENDING"));
    scene.write("drill.yaml", &playbook("3s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let all = format!("{seen}");
    assert!(seen.code != 0 && all.contains("is PENDING, not INSYNC"), "{all}");
    assert!(cloud.records(&zone)[0].contains("192.0.2.1"), "put back: {:?}", cloud.records(&zone));
}

#[test]
fn a_name_server_that_keeps_the_old_answer_keeps_the_switch_from_being_done_needs_moto() {
    let (cloud, zone, server, scene) = simple();
    *server.stuck.lock().unwrap() = Some(vec!["192.0.2.1".to_owned()]);
    scene.write("drill.yaml", &playbook("3s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let all = format!("{seen}");
    assert!(seen.code != 0 && all.contains("still answers 192.0.2.1 for code"), "{all}");
    assert!(cloud.records(&zone)[0].contains("192.0.2.1"), "put back");
}

/// What goes wrong on the way and is got over: the step passes all the same.
#[test]
fn throttling_errors_lost_answers_and_silence_are_got_over_needs_moto() {
    let throttled = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let internal = "<ErrorResponse><Error><Code>InternalFailure</Code><Message>oops</Message></Error></ErrorResponse>";
    let (cloud, zone, _server, scene) = simple();
    cloud.goes_wrong("route53:ChangeResourceRecordSets", 1, Wrong::Says(400, throttled));
    cloud.goes_wrong("route53:ListResourceRecordSets", 2, Wrong::Says(500, internal));
    cloud.goes_wrong("route53:ListResourceRecordSets", 1, Wrong::Reset);
    cloud.goes_wrong("route53:GetChange", 1, Wrong::Silent);
    // The change is made, and nobody hears of it: it is not made twice, and not taken for another's.
    cloud.goes_wrong("route53:ChangeResourceRecordSets", 1, Wrong::AnswerLost);
    scene.write("drill.yaml", &playbook("50s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let records = cloud.records(&zone);
    assert!(records.len() == 1 && records[0].contains("198.51.100.1"), "{records:?}\n{seen}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"kind\":\"step_passed\""), "{seen}");
}

#[test]
fn credentials_that_expire_in_the_middle_and_a_clock_that_is_off_are_told_as_that_needs_moto() {
    let expired = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>";
    let skewed = "<ErrorResponse><Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large</Message></Error></ErrorResponse>";
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/a is not authorized</Message></Error></ErrorResponse>";
    let cases = [
        (403, expired, "the credentials for the secondary region have expired"),
        (403, skewed, "this machine's clock is off"),
        (403, denied, "the permission route53:ChangeResourceRecordSets is missing in us-west-2"),
    ];
    let (cloud, zone, _server, scene) = simple();
    let before = cloud.records(&zone);
    for (status, body, told) in cases {
        // The mark was set before that.
        let after_mark = cloud.calls().len();
        cloud.goes_wrong("route53:ChangeResourceRecordSets", u32::MAX, Wrong::Says(status, body));
        scene.write("drill.yaml", &playbook("10s", ""));
        let seen = scene.types(&format!("run drill.yaml {REAL}"));
        let all = format!("{seen}");
        assert!(seen.code != 0 && all.contains(told), "{told}\n{all}");
        assert_eq!(cloud.records(&zone), before);
        assert!(cloud.calls().len() > after_mark);
        cloud.all_goes_well();
    }
}

#[test]
fn a_clock_that_is_a_little_off_is_corrected_by_what_the_service_says_needs_moto() {
    let skewed =
        "<ErrorResponse><Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error></ErrorResponse>";
    let (cloud, zone, _server, scene) = simple();
    cloud.goes_wrong("route53:ListResourceRecordSets", 1, Wrong::Says(403, skewed));
    cloud.goes_wrong("sts:GetCallerIdentity", 1, Wrong::Dated("Thu, 01 Jan 2032 00:00:00 GMT"));
    scene.write("drill.yaml", &playbook("30s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    assert!(cloud.records(&zone)[0].contains("198.51.100.1"), "{seen}");
}

#[test]
fn another_runs_mark_keeps_this_one_out_needs_moto() {
    let (cloud, zone, _server, scene) = simple();
    let mark = "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"run=20261122-084216-other\" \"fencing=1\" \
                \"since=2026-11-22T08:42:16Z\" \"who=ann at laptop\" \"changes=0\"</Value></ResourceRecord></ResourceRecords>";
    cloud.record(&zone, "_muster.code.example.test", "TXT", mark);
    let before = cloud.records(&zone);
    scene.write("drill.yaml", &playbook("10s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(3);
    // The harness takes the time out of a run's id.
    assert!(format!("{seen}").contains("-other has it since"), "{seen}");
    assert_eq!(cloud.records(&zone), before, "nothing was touched");
}

#[test]
fn credentials_of_another_account_touch_nothing_needs_moto() {
    let cloud = Cloud::start();
    let zone = cloud.zone("example.test");
    cloud.record(&zone, "code.example.test", "A", A);
    let server = NameServer::start(cloud.moto, &zone);
    let scene = Setup::of(&cloud).account("210987654321").resource(&code(&zone, &server, SIMPLE)).scene();
    scene.write("drill.yaml", &playbook("5s", ""));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let all = format!("{seen}");
    assert!(seen.code != 0 && all.contains("are of the account 123456789012"), "{all}");
    assert!(cloud.calls().iter().all(|call| call == "sts:GetCallerIdentity"), "{:?}", cloud.calls());
}
