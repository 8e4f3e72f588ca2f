//! A region that is lost: nobody answers there, and the other one is failed over to all the same.

use std::fs;
use std::net::TcpListener;

use super::Setup;
use super::cloud::Cloud;
use super::names::NameServer;
use super::servers::{SNAPSHOTS, instances, states};
use super::wire::text;

/// Where connections are taken and nothing is ever said, for as long as it lives.
struct Silence(TcpListener);

impl Silence {
    fn start() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

#[test]
fn servers_start_and_the_name_moves_although_nobody_answers_in_the_lost_region_needs_moto() {
    let (cloud, lost) = (Cloud::start(), Silence::start());
    let ids = instances(&cloud, "us-west-2", "web", 2, &[]);
    let zone = cloud.zone("example.test");
    let value =
        "<TTL>30</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>";
    cloud.record(&zone, "code.example.test", "A", value);
    let server = NameServer::start(cloud.moto, &zone);
    let resources = format!(
        "  web:\n    compute:\n      provider: aws\n      regions:\n        primary: {{ tag: {{ key: Role, value: web }} }}\n        \
         secondary: {{ instances: [{}] }}\n  code:\n    dns:\n      provider: aws\n      name: code.example.test\n      \
         zone: {zone}\n      authoritative: [\"127.0.0.1:{}\"]\n      \
         targets: {{ primary: {{ values: [192.0.2.1] }}, secondary: {{ values: [198.51.100.1] }} }}\n  snapshots:\n    \
         backup:\n      provider: aws\n      regions:\n        \
         primary: {{ tag: {{ key: Backup, value: code }}, zone: eu-west-1a }}\n        \
         secondary: {{ tag: {{ key: Backup, value: code }}, zone: us-west-2a }}\n",
        ids.join(", "),
        server.port
    );
    let mut setup = Setup::of(&cloud).resource(&resources);
    // Not where Route 53 is changed.
    setup.names = ["eu-west-1", "us-west-2"];
    setup.ports[0] = lost.port();
    let scene = setup.scene();
    scene.write(
        "drill.yaml",
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n      \
         - { id: up, compute.start: { compute: web, in: secondary }, timeout: 30s }\n      \
         - { id: dns, dns.switch: { records: [code], to: secondary }, timeout: 30s }\n",
    );
    let seen = scene.types("run drill.yaml --execute --mode emergency --yes");
    assert_eq!(states(&cloud, "us-west-2", &ids), ["running", "running"], "{seen}");
    assert!(cloud.records(&zone)[0].contains("198.51.100.1"), "{seen}");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    assert!(journal.contains("eu-west-1 gave no answer within"), "what was not seen is said: {seen}");
    let claimed = journal.lines().find(|line| line.contains("\"kind\":\"claimed\"")).unwrap();
    assert!(claimed.contains("\"marked\":[\"code\",\"web\"]"), "the side that answers carries the mark: {claimed}");
    assert!(!journal.contains("still carries the mark"), "the lost side never had one");
    let tags = [("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", ids[0].as_str())];
    let tags = cloud.form("ec2", "us-west-2", "DescribeTags", &tags);
    assert!(tags.contains("muster:run") && !tags.contains("muster:mark"), "{tags}");
}

#[test]
fn the_secondary_regions_snapshots_are_judged_although_the_originals_region_is_lost_needs_moto() {
    let (cloud, lost) = (Cloud::start(), Silence::start());
    let volume = [("Size", "8"), ("AvailabilityZone", "us-west-2a"), ("Encrypted", "true")];
    let volume = text(&cloud.form("ec2", "us-west-2", "CreateVolume", &volume), "volumeId");
    let copy = [
        ("VolumeId", volume.as_str()),
        ("Description", "[Copied snap-0a1b from eu-west-1] nightly"),
        ("TagSpecification.1.ResourceType", "snapshot"),
        ("TagSpecification.1.Tag.1.Key", "Backup"),
        ("TagSpecification.1.Tag.1.Value", "code"),
    ];
    cloud.form("ec2", "us-west-2", "CreateSnapshot", &copy);
    let resources = SNAPSHOTS.replace("us-east-1a", "eu-west-1a");
    let mut setup = Setup::of(&cloud).resource(&resources);
    setup.names = ["eu-west-1", "us-west-2"];
    setup.ports[0] = lost.port();
    let scene = setup.scene();
    scene.write(
        "drill.yaml",
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n      \
         - { id: there, backup.verify: { backup: snapshots, in: secondary, newest_at_most: 70m }, timeout: 30s }\n",
    );
    let seen = scene.types("run drill.yaml --execute --mode emergency --yes");
    let journal = fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"kind\":\"step_passed\""), "{seen}");
    assert!(journal.contains("1 are copies whose originals were not seen"), "{seen}");
    assert!(!journal.contains("us-west-2 gave no answer"), "the lost region takes nothing of the other's time: {seen}");
}
