//! `muster probe` on the simulation, and every kind of probe in the twin.

use crate::harness::Scene;

/// A simulated world in which every kind of probe is asked.
const WORLD: &str = "muster: 1
name: two
environment: simulated
regions: { primary: { name: us-east-1, gateway: gw.east.test }, secondary: { name: us-west-2, gateway: gw.west.test } }
resources:
  www: { dns: { provider: simulated, name: www.example.test, ttl: 60s } }
  main: { database: { provider: simulated } }
  web-servers: { compute: { provider: simulated } }
";

/// Every kind of probe, each with every expectation; and a way there and back.
const DRILL: &str = "muster: 1
name: kinds
infrastructure: world.yaml
mode: planned
data_loss: { accept_up_to: 30s, because: test }
services:
  page:
    depends_on: [www, main, web-servers]
    probe:
      http: https://www.example.test/health
      method: POST
      body: ping
      expect: { status: 200-204, body_contains: up, body_lacks: error, headers: { x-a: b }, headers_contain: { x-c: d }, json: { /status: ok }, certificate_days: 20, within: 2s }
      every: 2s
      timeout: 3s
    standby: { http: https://www.example.test/ready, expect: { json: { /standby: true } } }
  cache:
    depends_on: [www, web-servers]
    probe: { tcp: 'www.example.test:6379', send: PING, expect: { receives: [+PONG, ready], within: 2s }, every: 2s, timeout: 3s }
  door:
    depends_on: [www, web-servers]
    probe: { tls: 'www.example.test:443', expect: { names: www.example.test, days: 14, issuer: Ours, within: 2s }, every: 2s, timeout: 3s }
  name:
    depends_on: [www]
    probe: { dns: ns.example.test, servers: [192.0.2.53, 192.0.2.54], expect: { contains: 203.0.113.7, ttl_at_most: 60s, within: 2s }, every: 2s, timeout: 3s }
  rows:
    depends_on: [www, main]
    probe: { postgres: 'www.example.test:5432', user: muster, query: 'select 7', expect: { value: 7, within: 2s }, every: 2s, timeout: 3s }
  script:
    depends_on: [www, web-servers]
    probe: { command: [check-it, --fast], prints_address: true, expect: { exit: [0, 2], stdout_contains: fine, within: 2s }, every: 2s, timeout: 3s }
  several:
    depends_on: [www, web-servers]
    probe:
      of: 2
      probes:
        - { http: https://www.example.test/a, expect: { body_contains: a } }
        - { tcp: 'www.example.test:7000' }
        - any: [{ tcp: 'www.example.test:7001' }, { tcp: 'www.example.test:7002' }]
      every: 2s
      timeout: 3s
canaries: { main: { database: main, every: 1s } }
guardrails:
  - { name: the gateway answers, probe: { any: [{ tcp: 'gw.west.test:22' }, { dns: gw.west.test }], every: 2s }, broken_after: 20s, then: pause }
phases:
  - name: prechecks
    steps:
      - { id: well, check: { services: all, healthy_for: 1m } }
      - { id: ready, check: { service: page, in: secondary } }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: move, dns.switch: { records: [www], to: secondary } }
  - name: verify
    steps:
      - { id: there, check: { service: page, served_by: secondary, healthy_for: 1m }, timeout: 20m }
      - { id: rest, check: { services: [cache, door, rows, script, several], healthy_for: 1m }, timeout: 20m }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: again, database.replicate: { database: main, from: secondary, to: primary }, timeout: 1h }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: home, database.promote: { database: main, to: primary, drain: true } }
      - { id: names, dns.switch: { records: [www], to: primary } }
      - { id: back, check: { services: all, healthy_for: 1m }, timeout: 20m }
";

fn world() -> Scene {
    Scene::new().file("world.yaml", WORLD).file("drill.yaml", DRILL)
}

#[test]
fn every_kind_lives_through_a_drill_in_the_twin_and_knows_its_region() {
    let scene = world();
    let seen = scene.types("run drill.yaml").exits(0).says("PASSED");
    for service in ["page", "cache", "door", "rows", "script", "several"] {
        let told = |region: &str| {
            let of = seen.stderr.lines().filter(|line| line.contains(&format!("{service} ")));
            of.into_iter().any(|line| line.contains(&format!("served by {region}")))
        };
        assert!(told("secondary") && told("primary"), "{service} was served there and at home\n{seen}");
    }
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(scene.only_run().join("report.json")).unwrap()).unwrap();
    for service in report["record"]["services"].as_array().unwrap() {
        // A planned move costs those their service who need the database, and nobody else.
        let outages = service["outages"].as_array().unwrap().len();
        let needs_rows = service["id"] == "page" || service["id"] == "rows";
        assert_eq!(outages >= 1, needs_rows, "{service}");
    }
}

/// The same without what is asked at the same time, and that alone: such drills can't be computed ahead, and take longer.
fn apart() -> [String; 2] {
    let (services, rest) = DRILL.split_once("services:\n").unwrap();
    let (others, combined) = rest.split_once("  several:\n").unwrap();
    let (combined, course) = combined.split_once("canaries:").unwrap();
    let course = format!("canaries:{course}");
    let guardrail = course.lines().find(|line| line.contains("the gateway answers")).unwrap();
    let plain = course.replace(guardrail, "").replace("guardrails:\n", "").replace(", several]", "]");
    let short = "phases: [{ name: failover, steps: [{ id: well, check: { services: all, healthy_for: 2m } }] }]\n";
    [
        format!("{services}services:\n{others}{plain}"),
        format!("{services}services:\n  several:\n{combined}guardrails:\n{guardrail}\n{short}"),
    ]
}

#[test]
fn every_expectation_of_every_kind_is_seen_red_in_the_twin() {
    let mut all = Vec::new();
    for drill in apart() {
        let scene = world().file("drill.yaml", &drill);
        let seen = scene.types("simulate drill.yaml --prove --mode planned --format json");
        let proof = seen.json();
        all.extend(proof["proof"]["checks"].as_array().unwrap_or_else(|| panic!("{seen}")).clone());
    }
    let checks = all;
    let never: Vec<String> = checks
        .iter()
        .filter(|check| check["outcome"]["seen"] != "red")
        .map(|check| format!("{}: {}", check["name"], check["outcome"]["because"]))
        .collect();
    assert!(never.is_empty(), "{}", never.join("\n"));
    for name in [
        "service page: body lacks `error`",
        "service page: header x-c contains `d`",
        "service page: JSON `/status`",
        "service page: certificate valid for 20 days",
        "service cache: receives `ready`",
        "service door: certificate for www.example.test",
        "service door: certificate issued by `Ours`",
        "service name: answers contain 203.0.113.7",
        "service name: TTL at most 1 min",
        "service name: all servers agree",
        "service rows: value `7`",
        "service script: exit code 0, 2",
        "service script: prints `fine`",
        "service several: tcp www.example.test:7002: accepts a connection",
        "guardrail the gateway answers",
    ] {
        assert!(checks.iter().any(|check| check["name"] == name), "`{name}` is no check: {checks:?}");
    }
}

#[test]
fn a_probe_of_the_twin_says_that_it_is_simulated_and_who_answers() {
    let scene = world();
    let seen = scene.types("probe drill.yaml page").exits(0);
    seen.says("Simulated: nothing real is asked.").says("(primary, us-east-1)").says("resolve").says("JSON `/status`");
    let seen = scene.types("probe drill.yaml page --standby").exits(0);
    seen.says("in secondary, us-west-2").says("(secondary, us-west-2)").says("https://www.example.test/ready");
    // The secondary region's database takes no writes yet.
    scene.types("probe drill.yaml page --in secondary").exits(1).says("status 503");
    scene.types("probe drill.yaml 'the gateway answers'").exits(0).says("came       1 of 2 well, 1 needed");
    scene.types("probe drill.yaml script").exits(0).says("(primary, us-east-1)");
    let json = scene.types("probe drill.yaml several --format json").exits(0).json();
    assert_eq!((&json["simulated"], &json["looks"][0]["region"]), (&true.into(), &"primary".into()), "{json}");
    assert_eq!(json["looks"][0]["parts"].as_array().unwrap().len(), 3);
    assert!(scene.runs().is_empty());
}
