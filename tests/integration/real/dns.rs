//! A drill whose only resource is a record of a real name server.

use std::fmt::Write as _;
use std::fs;

use super::knot::{Pair, SECRET, Secondary};
use crate::harness::{Patience, Scene};

const REAL: &str = "--execute --mode planned --yes";

fn infrastructure(pair: &Pair, more: &str) -> String {
    format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: lab-a }}, secondary: {{ name: lab-b }} }}\n\
         resources:\n  code:\n    dns:\n      provider: rfc2136\n      name: code.lab.test\n      ttl: 2s\n      zone: lab.test\n      \
         server: \"{}\"\n      key: {{ name: muster, algorithm: hmac-sha256, secret: {{ file: secret }} }}\n      \
         authoritative: [\"{}\", \"{}\"]\n      targets: {{ primary: [192.0.2.1, 192.0.2.2], secondary: [198.51.100.1] }}\n{more}",
        pair.address(),
        pair.address(),
        pair.secondary()
    )
}

fn playbook(failover: &str) -> String {
    format!(
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: prechecks\n    steps:\n      \
         - {{ id: ready, check: {{ dns: [code], ttl_at_most: 10s }} }}\n  - name: failover\n    steps:\n{failover}"
    )
}

fn scene(pair: &Pair, more: &str, failover: &str) -> Scene {
    Scene::new()
        .file("secret", SECRET)
        .file("infra.yaml", &infrastructure(pair, more))
        .file("drill.yaml", &playbook(failover))
}

const RECORDS: &str = "code 2 A 192.0.2.1\ncode 2 A 192.0.2.2";
const SWITCH: &str = "      - { id: dns, dns.switch: { records: [code], to: secondary }, timeout: 20s }\n";

#[test]
fn a_later_step_that_fails_takes_the_switch_back_with_all_values_and_the_ttl_needs_knot() {
    let pair = Pair::start(RECORDS, Secondary::Notified);
    let steps = format!("{SWITCH}      - {{ id: broken, command: {{ argv: ['false'] }}, on_failure: undo }}\n");
    let scene = scene(&pair, "", &steps);
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    seen.exits(1);
    for server in ["127.0.0.1", "127.0.0.2"] {
        assert_eq!(pair.dig(server, "code.lab.test", "A"), ["2 192.0.2.1", "2 192.0.2.2"], "{server}");
        // The other server is told of it a moment later.
        let patience = Patience::new();
        while !pair.dig(server, "_muster.code.lab.test", "TXT").is_empty() {
            patience.check("a mark is left");
        }
    }
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("192.0.2.1 192.0.2.2 (TTL 2 s) -> 198.51.100.1 (TTL 2 s)"), "the switch");
    assert!(journal.contains("accepted by"), "the key was tried before the first change");
    assert!(!journal.contains(SECRET), "the secret is nowhere");
}

#[test]
fn a_switch_that_works_is_followed_through_servers_and_resolvers_needs_knot_needs_unbound() {
    let pair = Pair::start(RECORDS, Secondary::Notified);
    let unbound = pair.unbound();
    let mut more = format!("      resolvers: [\"127.0.0.1:{}\"]\n", unbound.port);
    writeln!(more, "network: {{ resolver: \"127.0.0.1:{}\" }}", unbound.port).unwrap();
    // A later step gives the caches the time that they have.
    let scene = scene(&pair, &more, &format!("{SWITCH}      - {{ id: rest, wait: {{ for: 6s }} }}\n"));
    scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(pair.dig("127.0.0.2", "code.lab.test", "A"), ["2 198.51.100.1"]);
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    let report = scene.read(&format!("reports/{}/report.md", scene.runs()[0]));
    for server in [pair.address(), pair.secondary(), format!("127.0.0.1:{}", unbound.port)] {
        let changed = format!("\"kind\":\"dns_answered\",\"record\":\"code\",\"server\":\"{server}\"");
        assert!(journal.contains(&changed), "{server} in the journal:\n{journal}");
        assert!(report.contains(&server), "{server} in the report:\n{report}");
    }
}

#[test]
fn a_key_that_the_server_refuses_stops_the_drill_before_the_first_change_needs_knot() {
    let pair = Pair::start(RECORDS, Secondary::Notified);
    let scene = scene(&pair, "", SWITCH);
    scene.write("secret", "YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgdGhlIG90aGVyIQ==\n");
    let seen = scene.types(&format!("run drill.yaml {REAL}")).exits(3);
    let all = format!("{seen}");
    assert!(all.contains("BADSIG"), "{all}");
    assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["2 192.0.2.1", "2 192.0.2.2"]);
}

#[test]
fn a_server_that_keeps_the_old_answer_keeps_the_switch_from_being_done_needs_knot() {
    let pair = Pair::start(RECORDS, Secondary::Stuck);
    let steps = "      - { id: dns, dns.switch: { records: [code], to: secondary }, timeout: 3s, on_failure: undo }\n";
    // Its mark alone makes a version that the stuck server never has, so nothing is checked before.
    let playbook =
        format!("muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n{steps}");
    let scene = scene(&pair, "", steps).file("drill.yaml", &playbook);
    let seen = format!("{}", scene.types(&format!("run drill.yaml {REAL}")));
    assert!(!seen.contains("exit 0"), "{seen}");
    assert!(seen.contains(&format!("{} still answers 192.0.2.1 192.0.2.2", pair.secondary())), "{seen}");
    assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["2 192.0.2.1", "2 192.0.2.2"], "put back");
}

#[test]
fn what_is_wrong_with_the_settings_is_told_at_its_place() {
    let text = "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: a }, secondary: { name: b } }\n\
                resources:\n  code:\n    dns:\n      provider: rfc2136\n      name: code.lab.test\n      zone: lab.example\n      \
                server: ns1.lab.test\n      key: { name: muster, algorithm: hmac-md5, secret: c2VjcmV0 }\n      \
                targets: { primary: [192.0.2.1], secondary: ['2001:db8::1'] }\nnetwork: { resolver: here }\n";
    let scene = Scene::new().file("infra.yaml", text).file("drill.yaml", &playbook(SWITCH));
    let seen = scene.types("validate drill.yaml").exits(2);
    let all = format!("{seen}");
    for told in
        ["`ns1.lab.test` is not an address", "hmac-md5", "a secret is never written here", "`here` is not an address"]
    {
        assert!(all.contains(told), "{told}\n{all}");
    }
    let better = text
        .replace("server: ns1.lab.test", "server: 192.0.2.53")
        .replace("hmac-md5", "hmac-sha512")
        .replace("secret: c2VjcmV0", "secret: { env: TSIG }")
        .replace("resolver: here", "resolver: 192.0.2.53");
    scene.write("infra.yaml", &better);
    let all = format!("{}", scene.types("validate drill.yaml").exits(2));
    for told in ["`code.lab.test` is not in the zone `lab.example`", "`2001:db8::1` is no IPv4 address"] {
        assert!(all.contains(told), "{told}\n{all}");
    }
    scene.write("infra.yaml", &better.replace("lab.example", "lab.test").replace("'2001:db8::1'", "192.0.2.9"));
    scene.types("validate drill.yaml").exits(0);
}
