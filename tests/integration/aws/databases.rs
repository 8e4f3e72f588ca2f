//! Databases on moto: what it moves is followed, and what it only says that it did is noticed.

use super::cloud::{Cloud, Wrong};
use super::engine::Engine;
use super::servers::{acls, subnets};
use super::wire::{text, texts};
use super::{REAL, Setup};
use crate::harness::Scene;

/// A database resource with these settings, whose engines are these.
pub(super) fn database(settings: &str, [primary, secondary]: [&Engine; 2]) -> String {
    let server = |engine: &Engine| format!("{{ host: 127.0.0.1, port: {} }}", engine.port);
    format!(
        "  main:\n    database:\n      provider: aws\n{settings}      sql:\n        dbname: code\n        sslmode: disable\n        \
         password: {{ env: ENGINE_PASSWORD }}\n        timeout: 500ms\n        regions: {{ primary: {}, secondary: {} }}\n",
        server(primary),
        server(secondary)
    )
}

const MASTER: [(&str, &str); 4] = [
    ("MasterUsername", "ops"),
    ("MasterUserPassword", "not-a-secret-1"),
    ("DBInstanceClass", "db.m6g.large"),
    ("AllocatedStorage", "20"),
];

fn playbook(steps: &str) -> String {
    format!(
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\ndiscard: accept\nphases:\n  - name: failover\n    steps:\n{steps}"
    )
}

/// Whenever a wall is raised or lowered before `subnet`, the engine behind it is cut off or let in.
pub(super) fn behind_wall(cloud: &Cloud, region: &'static str, subnet: &str, engine: &Engine) {
    let (moto, subnet, engine) = (cloud.moto, subnet.to_owned(), engine.clone());
    cloud.whenever("ec2:ReplaceNetworkAclAssociation", move |_| {
        let fields = [("Filter.1.Name", "association.subnet-id"), ("Filter.1.Value.1", subnet.as_str())];
        let acl = super::cloud::form_at(moto, "ec2", region, "DescribeNetworkAcls", &fields);
        engine.cut(acl.contains("muster:wall"));
    });
}

/// An instance in us-east-1 and a replica of it in us-west-2.
pub(super) fn replicas(cloud: &Cloud) {
    let mut one = vec![("DBInstanceIdentifier", "main-use1"), ("Engine", "postgres")];
    one.extend(MASTER);
    cloud.form("rds", "us-east-1", "CreateDBInstance", &one);
    let source = "arn:aws:rds:us-east-1:123456789012:db:main-use1";
    let replica = [("DBInstanceIdentifier", "main-usw2"), ("SourceDBInstanceIdentifier", source)];
    cloud.form("rds", "us-west-2", "CreateDBInstanceReadReplica", &replica);
}

#[test]
fn a_promotion_that_is_answered_with_success_and_leaves_a_replica_a_replica_fails_needs_moto() {
    let cloud = Cloud::start();
    replicas(&cloud);
    let (home, away) = (Engine::start(), Engine::start());
    away.stands_by(true);
    let subnet = subnets(&cloud, "us-east-1", 1).remove(0);
    behind_wall(&cloud, "us-east-1", &subnet, &home);
    let settings = format!(
        "      kind: replica\n      regions:\n        primary: {{ instance: main-use1, fence: {{ subnets: [{subnet}] }} }}\n        \
         secondary: {{ instance: main-usw2 }}\n"
    );
    let scene = Setup::of(&cloud).resource(&database(&settings, [&home, &away])).scene();
    let promote = "      - { id: fence, database.fence: { database: main, in: primary }, timeout: 30s }\n      \
                   - { id: promote, database.promote: { database: main, to: secondary, irreversible: accept }, timeout: 6s, on_failure: stop }\n";
    scene.write("drill.yaml", &playbook(promote));
    let seen = scene.types(&format!("run drill.yaml {REAL}"));
    let all = format!("{seen}");
    assert!(
        seen.code != 0 && all.contains("took the order and is a replica of") && all.contains("main-use1 still"),
        "{all}"
    );
    assert_eq!(cloud.calls().iter().filter(|call| *call == "rds:PromoteReadReplica").count(), 1, "asked for once");
    // Without the acceptance nothing is even begun.
    scene.write("drill.yaml", &playbook(&promote.replace(", irreversible: accept", "")));
    let seen = scene.types("validate drill.yaml").exits(2);
    assert!(format!("{seen}").contains("M147") && format!("{seen}").contains("irreversible: accept"), "{seen}");
}

/// A cluster of two instances in us-west-2, whose writer is main-a behind the first of two subnets.
struct Cluster {
    cloud: Cloud,
    engines: [Engine; 2],
    subnets: Vec<String>,
    scene: Scene,
}

impl Cluster {
    fn new() -> Self {
        let cloud = Cloud::start();
        let cluster = [
            ("DBClusterIdentifier", "main"),
            ("Engine", "aurora-postgresql"),
            ("MasterUsername", "ops"),
            ("MasterUserPassword", "not-a-secret-1"),
        ];
        cloud.form("rds", "us-west-2", "CreateDBCluster", &cluster);
        for id in ["main-a", "main-b"] {
            let instance = [
                ("DBInstanceIdentifier", id),
                ("DBClusterIdentifier", "main"),
                ("Engine", "aurora-postgresql"),
                ("DBInstanceClass", "db.r6g.large"),
            ];
            cloud.form("rds", "us-west-2", "CreateDBInstance", &instance);
        }
        let (home, away) = (Engine::start(), Engine::start());
        away.stands_by(true);
        let subnets = subnets(&cloud, "us-west-2", 2);
        behind_wall(&cloud, "us-west-2", &subnets[0], &home);
        let there = away.clone();
        cloud.whenever("rds:FailoverDBCluster", move |_| there.stands_by(false));
        let settings = format!(
            "      kind: cluster\n      name: main\n      regions:\n        primary: {{ instance: main-a, fence: {{ subnets: [{}] }} }}\n        \
             secondary: {{ instance: main-b }}\n",
            subnets[0]
        );
        let mut setup = Setup::of(&cloud).resource(&database(&settings, [&home, &away]));
        // Both sides of a cluster are in one region of AWS.
        setup.names = ["us-west-2", "us-west-2"];
        let scene = setup.scene();
        let steps = "      - { id: fence, database.fence: { database: main, in: primary }, timeout: 30s }\n      \
                     - { id: promote, database.promote: { database: main, to: secondary }, timeout: 30s, on_failure: stop }\n";
        scene.write("drill.yaml", &playbook(steps));
        Self { cloud, engines: [home, away], subnets, scene }
    }

    fn writer(&self) -> String {
        let whole = self.cloud.form("rds", "us-west-2", "DescribeDBClusters", &[("DBClusterIdentifier", "main")]);
        let members = texts(&whole, "DBClusterMember");
        let writer = members.iter().find(|one| text(one, "IsClusterWriter") == "true");
        text(writer.unwrap_or_else(|| panic!("{whole}")), "DBInstanceIdentifier")
    }

    fn count(&self, call: &str) -> usize {
        self.cloud.calls().iter().filter(|one| *one == call).count()
    }

    /// The walls that there are.
    fn walls(&self) -> String {
        let walls = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "muster:wall")];
        self.cloud.form("ec2", "us-west-2", "DescribeNetworkAcls", &walls)
    }

    /// How many steps passed.
    fn passed(&self) -> usize {
        let journal = std::fs::read_to_string(self.scene.only_run().join("journal.jsonl")).unwrap();
        journal.matches("\"kind\":\"step_passed\"").count()
    }
}

#[test]
fn the_writer_of_a_cluster_moves_behind_a_fence_that_is_proven_needs_moto() {
    let world = Cluster::new();
    let before = acls(&world.cloud, "us-west-2", &world.subnets);
    let seen = world.scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(world.writer(), "main-b", "{seen}");
    let journal = std::fs::read_to_string(world.scene.only_run().join("journal.jsonl")).unwrap();
    assert!(journal.contains("nobody gets through the network ACL acl-"), "the fence was proven: {seen}");
    assert_eq!(world.count("rds:RebootDBInstance"), 1, "sessions were ended");
    let after = acls(&world.cloud, "us-west-2", &world.subnets);
    assert!(after[0] != before[0] && after[1] == before[1], "the wall stands before the named subnet alone");
    let [home, away] = &world.engines;
    assert_eq!((home.writes() > 0, away.writes() > 0), (false, true), "the proving writes");
}

#[test]
fn what_rds_took_and_whose_answer_was_lost_is_no_refusal_needs_moto() {
    let world = Cluster::new();
    // The answer is lost, and the order that is sent again comes to something that is no longer available.
    let instance = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBInstanceState</Code><Message>Instance main-a is not in available state.</Message></Error></ErrorResponse>";
    let cluster = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBClusterStateFault</Code><Message>Cluster main is not in available state.</Message></Error></ErrorResponse>";
    for (call, refusal) in [("rds:RebootDBInstance", instance), ("rds:FailoverDBCluster", cluster)] {
        world.cloud.goes_wrong(call, 1, Wrong::AnswerLost);
        world.cloud.goes_wrong(call, 1, Wrong::Says(400, refusal));
    }
    let seen = world.scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(world.writer(), "main-b", "{seen}");
    let journal = std::fs::read_to_string(world.scene.only_run().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"kind\":\"step_passed\"").count(), 2, "{seen}");
    assert_eq!(world.count("rds:FailoverDBCluster"), 2, "sent, and sent again by the SDK");
    assert_eq!(world.count("rds:RebootDBInstance"), 3, "what was not seen to restart is told to once more");
}

#[test]
fn an_order_that_rds_refuses_for_the_state_and_did_not_take_is_refused_needs_moto() {
    let world = Cluster::new();
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidDBClusterStateFault</Code><Message>Cluster main is being backed up.</Message></Error></ErrorResponse>";
    world.cloud.goes_wrong("rds:FailoverDBCluster", u32::MAX, Wrong::Says(400, refusal));
    let seen = world.scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(world.writer(), "main-a");
    assert!(format!("{seen}").contains("Cluster main is being backed up."), "{seen}");
}

/// RDS's word to whoever may not do that.
const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";

#[test]
fn a_fence_whose_sessions_could_not_be_ended_does_not_pass_and_is_taken_back_needs_moto() {
    let world = Cluster::new();
    let before = acls(&world.cloud, "us-west-2", &world.subnets);
    let drill = world.scene.read("drill.yaml");
    let undone = drill.replace("in: primary }, timeout: 30s }", "in: primary }, timeout: 30s, on_failure: undo }");
    assert_ne!(undone, drill);
    world.scene.write("drill.yaml", &undone);
    world.cloud.goes_wrong("rds:RebootDBInstance", u32::MAX, Wrong::Says(403, DENIED));
    let seen = world.scene.types(&format!("run drill.yaml {REAL}"));
    assert!(seen.code != 0 && format!("{seen}").contains("its sessions are not ended"), "{seen}");
    assert_eq!((world.passed(), world.writer().as_str()), (0, "main-a"), "{seen}");
    assert_eq!(acls(&world.cloud, "us-west-2", &world.subnets), before, "the wall is taken away: {seen}");
    assert!(texts(&world.walls(), "networkAclId").is_empty(), "{}", world.walls());
}

#[test]
fn a_retry_behind_a_wall_that_stands_ends_the_sessions_needs_moto() {
    let world = Cluster::new();
    let drill = world.scene.read("drill.yaml");
    let retried = drill
        .replace("in: primary }, timeout: 30s }", "in: primary }, timeout: 30s, retry: { attempts: 2, wait: 100ms } }");
    assert_ne!(retried, drill);
    world.scene.write("drill.yaml", &retried);
    world.cloud.goes_wrong("rds:RebootDBInstance", 1, Wrong::Says(403, DENIED));
    let seen = world.scene.types(&format!("run drill.yaml {REAL}"));
    assert_eq!(world.count("rds:RebootDBInstance"), 2, "denied, and then done: {seen}");
    assert!(world.walls().contains("muster:sessions-ended"), "{}", world.walls());
    assert_eq!((world.passed(), world.writer().as_str()), (2, "main-b"), "{seen}");
}

#[test]
fn a_fence_that_was_killed_between_its_wall_and_the_restart_ends_the_sessions_when_it_is_resumed_needs_moto() {
    let world = Cluster::new();
    world.cloud.goes_wrong("rds:RebootDBInstance", u32::MAX, Wrong::Silent);
    let mut running = world.scene.starts(&format!("run drill.yaml {REAL}"));
    world.scene.until("the restart behind the wall is asked for", || world.count("rds:RebootDBInstance") > 0);
    running.kill();
    drop(running);
    assert!(!world.walls().contains("muster:sessions-ended"), "nothing was ended: {}", world.walls());
    world.cloud.all_goes_well();
    world.cloud.forget_calls();
    let run = world.scene.runs().remove(0);
    let seen = world.scene.types(&format!("resume {run} --yes"));
    assert_eq!(world.count("rds:RebootDBInstance"), 1, "{seen}");
    assert!(world.walls().contains("muster:sessions-ended"), "{}", world.walls());
    assert_eq!((world.passed(), world.writer().as_str()), (2, "main-b"), "{seen}");
}
