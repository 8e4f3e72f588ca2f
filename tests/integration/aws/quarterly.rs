//! A whole quarterly drill with failover and failback: a record, a group of servers, a global database and snapshots, on
//! moto and (for the global database) ministack, and everything as it was when it is over.

use std::fs;
use std::net::TcpListener;
use std::process::Child;
use std::thread;

use super::Setup;
use super::cloud::{Cloud, Wrong, form_at, free_port, serve};
use super::databases::{behind_wall, database};
use super::engine::Engine;
use super::names::NameServer;
use super::servers::{SNAPSHOTS, acls, capacity, scaling_group, snapshot, subnets};
use super::wire::{Message, texts};
use crate::harness::Scene;

pub(super) const PLAYBOOK: &str = include_str!("quarterly.yaml");

/// The whole world of the drill.
pub(super) struct World {
    pub(super) cloud: Cloud,
    ministack: Child,
    rds: u16,
    zone: String,
    _names: NameServer,
    pub(super) scene: Scene,
    subnets: [String; 2],
    service: u16,
    folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.ministack.kill();
        let _ = self.ministack.wait();
    }
}

/// Something that takes connections at an address of loopback: a region's servers.
fn listens(address: &str, port: u16) -> u16 {
    let listener = TcpListener::bind((address, port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// A global database whose writer is in us-east-1.
fn global_database(port: u16) {
    form_at(
        port,
        "rds",
        "us-east-1",
        "CreateGlobalCluster",
        &[("GlobalClusterIdentifier", "main"), ("Engine", "aurora-postgresql")],
    );
    for (region, id) in [("us-east-1", "main-use1"), ("us-west-2", "main-usw2")] {
        let mut fields =
            vec![("DBClusterIdentifier", id), ("Engine", "aurora-postgresql"), ("GlobalClusterIdentifier", "main")];
        if region == "us-east-1" {
            fields.extend([("MasterUsername", "ops"), ("MasterUserPassword", "not-a-secret-1")]);
        }
        form_at(port, "rds", region, "CreateDBCluster", &fields);
        let instance = format!("{id}-1");
        let fields = [
            ("DBInstanceIdentifier", instance.as_str()),
            ("DBClusterIdentifier", id),
            ("Engine", "aurora-postgresql"),
            ("DBInstanceClass", "db.r6g.large"),
        ];
        form_at(port, "rds", region, "CreateDBInstance", &fields);
    }
}

/// What `GetMetricStatistics` answers: one figure, of now.
fn lag(milliseconds: f64) -> Vec<u8> {
    let text = |text: &str| [&[0x60 + u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let float = |number: f64| [&[0xfb][..], &number.to_be_bytes()].concat();
    #[expect(clippy::disallowed_methods, reason = "a service that tells the time")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let point = [vec![0xa2], text("Timestamp"), vec![0xc1], float(now), text("Maximum"), float(milliseconds)].concat();
    [vec![0xa2], text("Label"), text("lag"), text("Datapoints"), vec![0x81], point].concat()
}

impl World {
    pub(super) fn new() -> Self {
        let cloud = Cloud::start();
        let rds = free_port();
        let folder = tempfile::tempdir().unwrap();
        let gateway = rds.to_string();
        let home = folder.path().to_str().unwrap().to_owned();
        let env = [
            ("GATEWAY_PORT", gateway.as_str()),
            ("BIND_HOST", "127.0.0.1"),
            ("MINISTACK_ACCOUNT_ID", "123456789012"),
            ("IOT_MTLS_PORT", "0"),
            ("HOME", home.as_str()),
            ("TMPDIR", home.as_str()),
        ];
        let ministack = serve("ministack", &[], &env, rds);
        cloud.served_by("rds", rds);
        global_database(rds);
        scaling_group(&cloud, "us-east-1", "web-use1", "4", "3");
        scaling_group(&cloud, "us-west-2", "web-usw2", "4", "1");
        snapshot(&cloud, "us-west-2", "us-west-2a", "true");
        // CloudWatch's SDK speaks CBOR, which neither of them answers in: this is written from its documentation.
        cloud.goes_wrong("cloudwatch:GetMetricStatistics", u32::MAX, Wrong::Cbor(lag(250.0)));
        let zone = cloud.zone("example.test");
        let value =
            "<TTL>2</TTL><ResourceRecords><ResourceRecord><Value>127.0.0.2</Value></ResourceRecord></ResourceRecords>";
        cloud.record(&zone, "code.example.test", "A", value);
        let names = NameServer::start(cloud.moto, &zone);
        let service = listens("127.0.0.2", 0);
        listens("127.0.0.3", service);
        let (home, away) = (Engine::start(), Engine::start());
        away.stands_by(true);
        let subnets = [subnets(&cloud, "us-east-1", 1).remove(0), subnets(&cloud, "us-west-2", 1).remove(0)];
        behind_wall(&cloud, "us-east-1", &subnets[0], &home);
        behind_wall(&cloud, "us-west-2", &subnets[1], &away);
        for call in ["rds:SwitchoverGlobalCluster", "rds:FailoverGlobalCluster"] {
            let (home, away) = (home.clone(), away.clone());
            cloud.whenever(call, move |request: &Message| {
                let to_home = request.text().contains("us-east-1");
                home.stands_by(!to_home);
                away.stands_by(to_home);
            });
        }
        let settings = format!(
            "      kind: global\n      name: main\n      regions:\n        primary: {{ cluster: main-use1, fence: {{ subnets: [{}] }} }}\n        \
             secondary: {{ cluster: main-usw2, fence: {{ subnets: [{}] }} }}\n",
            subnets[0], subnets[1]
        );
        let rest = format!(
            "  code:\n    dns:\n      provider: aws\n      name: code.example.test\n      zone: {zone}\n      \
             authoritative: [\"127.0.0.1:{port}\"]\n      \
             targets: {{ primary: {{ values: [127.0.0.2] }}, secondary: {{ values: [127.0.0.3] }} }}\n  \
             web-servers:\n    compute:\n      provider: aws\n      regions:\n        primary: {{ auto_scaling_group: web-use1 }}\n        \
             secondary: {{ auto_scaling_group: web-usw2 }}\n{SNAPSHOTS}network: {{ resolver: \"127.0.0.1:{port}\" }}\n",
            port = names.port
        );
        let scene = Setup::of(&cloud).resource(&database(&settings, [&home, &away])).resource(&rest).scene();
        scene.write("drill.yaml", &PLAYBOOK.replace("SERVICE_PORT", &service.to_string()));
        Self { cloud, ministack, rds, zone, _names: names, scene, subnets, service, folder }
    }

    /// The identifier of the cluster that takes writes, as ministack has it.
    fn writer(&self) -> String {
        let seen =
            form_at(self.rds, "rds", "us-east-1", "DescribeGlobalClusters", &[("GlobalClusterIdentifier", "main")]);
        let members = seen.split("<DBClusterArn>").skip(1);
        let writer = members.into_iter().find(|one| one.contains("<IsWriter>true</IsWriter>")).expect("a writer");
        writer.split("</DBClusterArn>").next().unwrap().rsplit(':').next().unwrap().to_owned()
    }

    /// All that the drill moves: record, capacities, writer, ACLs, volumes.
    fn state(&self) -> Vec<String> {
        let mut state = self.cloud.records(&self.zone);
        for (region, name) in [("us-east-1", "web-use1"), ("us-west-2", "web-usw2")] {
            state.push(format!("{name} {}", capacity(&self.cloud, region, name)));
        }
        state.push(self.writer());
        state.extend(acls(&self.cloud, "us-east-1", &self.subnets[..1]));
        state.extend(acls(&self.cloud, "us-west-2", &self.subnets[1..]));
        // Servers of the group have volumes of their own; what is meant are scratch ones.
        let scratch = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:scratch")];
        state.extend(texts(&self.cloud.form("ec2", "us-west-2", "DescribeVolumes", &scratch), "volumeId"));
        state
    }
}

#[test]
fn a_whole_quarterly_drill_goes_there_and_back_and_leaves_everything_as_it_was_needs_moto() {
    let world = World::new();
    let before = world.state();
    assert_eq!(world.writer(), "main-use1");
    let line = "run drill.yaml --execute --mode planned --yes";
    let seen = world.scene.types(line);
    assert_eq!(world.state(), before, "{seen}");
    seen.exits(0);
    let report = fs::read_to_string(world.scene.only_run().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["record"]["ended"]["verdict"], &report["record"]["ended"]["world"]),
        (&"passed".into(), &"home".into())
    );
    let calls = world.cloud.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!(count("rds:SwitchoverGlobalCluster"), 2, "there and back, without loss");
    assert_eq!(count("rds:FailoverGlobalCluster"), 0);
    // Nothing secret is in anything that is kept.
    for file in ["journal.jsonl", "report.json", "report.md", "report.html"] {
        let text = fs::read_to_string(world.scene.only_run().join(file)).unwrap();
        assert!(!text.contains("secret-of-the-test"), "{file}");
    }
    // What `aws-policy` says is enough for all that was called.
    let policy = world.scene.types("aws-policy drill.yaml --for run --mode planned").exits(0).stdout;
    let missing: Vec<&String> =
        calls.iter().filter(|call| !call.starts_with("sts:") && !policy.contains(&format!("\"{call}\""))).collect();
    assert!(missing.is_empty(), "not in the policy: {missing:?}\n{policy}");
    let _ = (&world.folder, world.service);
}

#[test]
fn a_plan_only_reads_and_its_policy_is_enough_for_it_needs_moto() {
    let world = World::new();
    let before = world.state();
    world.cloud.forget_calls();
    let seen = world.scene.types("plan drill.yaml --mode planned");
    assert!(seen.code == 0, "{seen}");
    let calls = world.cloud.calls();
    assert!(calls.len() > 10, "{calls:?}");
    for call in &calls {
        let name = call.split(':').nth(1).unwrap();
        assert!(name.starts_with("Describe") || name.starts_with("List") || name.starts_with("Get"), "{call}");
    }
    assert_eq!(world.state(), before);
    assert!(format!("{seen}").contains("M148"), "it says which step needs the lost region's control plane: {seen}");
    let policy = world.scene.types("aws-policy drill.yaml --for plan --mode planned").exits(0).stdout;
    for call in calls.iter().filter(|call| !call.starts_with("sts:")) {
        assert!(policy.contains(&format!("\"{call}\"")), "{call} is missing in {policy}");
    }
    for write in ["Change", "Create", "Delete", "Set", "Switchover", "Reboot", "Replace"] {
        assert!(!policy.contains(&format!(":{write}")), "a plan's policy lets nothing be changed: {policy}");
    }
    // A permission that is missing is named.
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    world.cloud.goes_wrong("autoscaling:DescribeAutoScalingGroups", u32::MAX, Wrong::Says(403, denied));
    world.cloud.goes_wrong("route53:ListResourceRecordSets", u32::MAX, Wrong::Says(403, denied));
    let all = format!("{}", world.scene.types("plan drill.yaml --mode planned"));
    for action in ["autoscaling:DescribeAutoScalingGroups", "route53:ListResourceRecordSets"] {
        assert!(all.contains(&format!("the permission {action} is missing")), "{action}: {all}");
        assert!(all.contains(&format!("\n  {action} in us-")), "and once more in the list at the end: {all}");
    }
    assert!(all.contains("permissions that are missing, as far as this plan asked"), "{all}");
    let json = world.scene.types("plan drill.yaml --mode planned --format json").json();
    let missing = json["missing_permissions"].as_array().unwrap();
    let changes = serde_json::json!({ "permission": "route53:ListResourceRecordSets", "in": "us-west-2" });
    assert!(missing.contains(&changes), "{missing:?}");
}
