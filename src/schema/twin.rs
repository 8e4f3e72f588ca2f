//! What simulated twins are told. Every default stands in [`crate::infrastructure::simulate`] and is taken from there.

use serde::Serialize;
use serde_json::{Value, json};

use super::leaf::{count, duration, region};
use super::shape::{Object, Shape};
use crate::infrastructure::simulate::{
    SimulatedBackup, SimulatedCompute, SimulatedDatabase, SimulatedDns, SimulatedNetwork, SimulatedRegion,
    SimulatedStorage,
};
use crate::resource::ResourceKind;

/// A table of keys, with the defaults of the twin.
struct Table {
    object: Object,
    defaults: Value,
}

impl Table {
    fn new<T: Serialize + Default>(about: &'static str) -> Self {
        Self { object: Object::new(about), defaults: serde_json::to_value(T::default()).unwrap_or_default() }
    }

    fn key(mut self, name: &'static str, shape: Shape, about: &str, example: Value) -> Self {
        let default = self.defaults[name].clone();
        self.object = self.object.may(name, shape, about, default, example).not_null();
        self
    }

    /// How long something takes.
    fn time(self, name: &'static str, about: &str) -> Self {
        self.key(name, Shape::Of("distribution"), about, json!({ "p50": "2s", "p95": "5s" }))
    }
}

/// One value for each region.
fn each(of: Shape, examples: (Value, Value)) -> Shape {
    Shape::Object(
        Object::new("For each region.").must("primary", of.clone(), "In the primary region.", examples.0).must(
            "secondary",
            of,
            "In the secondary region.",
            examples.1,
        ),
    )
}

/// The keys of a twin.
pub(super) fn of(kind: ResourceKind) -> Object {
    match kind {
        ResourceKind::Dns => dns(),
        ResourceKind::Database => database(),
        ResourceKind::Compute => compute(),
        ResourceKind::Storage => storage(),
        ResourceKind::Backup => backup(),
        ResourceKind::Region => {
            Table::new::<SimulatedRegion>("A simulated region.")
                .time("isolate", "How long it takes to cut it off.")
                .time("rejoin", "How long it takes to let it in again.")
                .time("api", "How long the provider takes to answer a question.")
                .object
        }
    }
}

fn dns() -> Object {
    let table = Table::new::<SimulatedDns>("A simulated DNS record.");
    let object = table.object.else_in_words(
        "name",
        Shape::Text,
        "The name, without a final dot.",
        "the resource's name",
        json!("code.example.test"),
    );
    Table { object, defaults: table.defaults }
        .key("ttl", duration(), "How long resolvers keep an answer.", json!("60s"))
        .key(
            "targets",
            each(Shape::list(Shape::Text), (json!(["192.0.2.10"]), json!(["198.51.100.10"]))),
            "The addresses of each region.",
            json!({ "primary": ["192.0.2.10"], "secondary": ["198.51.100.10"] }),
        )
        .time("change_takes", "How long the authority takes to accept a change.")
        .key("servers", count(), "How many authoritative servers there are, 1 to 16.", json!(2))
        .time("converges", "How long after the change each authoritative server answers with it.")
        .key(
            "resolvers",
            count(),
            "How many users' resolvers there are, at most 64, each with a cache of its own.",
            json!(3),
        )
        .key("serves", region(), "The region that the record points to at the start.", json!("primary"))
        .object
}

fn database() -> Object {
    Table::new::<SimulatedDatabase>(
        "A simulated database: an instance in each region, the secondary one a replica at the start.",
    )
    .time("replication_lag", "How far the replica is behind.")
    .time("promotion", "How long a promotion takes.")
    .time("fence", "How long it takes to fence an instance.")
    .time("replicate", "How long it takes to build a replica anew.")
    .time("preserve", "How long it takes to keep what only one side has.")
    .time("write", "How long a write takes, from sending to acknowledgement.")
    .time("api", "How long the provider takes to answer a question.")
    .key("rows_per_second", count(), "How many rows users write in a second.", json!(20))
    .object
}

fn storage() -> Object {
    Table::new::<SimulatedStorage>(
        "A simulated storage of repositories: a side in each region, the secondary one a copy at the start.",
    )
    .key("repositories", count(), "How many repositories there are.", json!(2400))
    .key("missing", count(), "How many of them the copy lacks until it is built anew.", json!(0))
    .key("damaged", count(), "How many of the copy's are damaged until it is built anew.", json!(0))
    .time("replication_delay", "How long after a push the copy has it.")
    .time("promotion", "How long a promotion takes.")
    .time("fence", "How long it takes to fence a side.")
    .time("replicate", "How long it takes to make the copy anew.")
    .time("preserve", "How long it takes to keep what only one side has.")
    .time("verify", "How long it takes to compare the copy with the original.")
    .key("deleted_kept", duration(), "For how long a deleted repository is kept.", json!("7d"))
    .time("recover", "How long it takes to give one back.")
    .time("write", "How long a push takes.")
    .time("api", "How long the provider takes to answer a question.")
    .key("pushes_per_minute", count(), "How many pushes users make in a minute.", json!(30))
    .object
}

fn compute() -> Object {
    Table::new::<SimulatedCompute>("A simulated group of servers in each region.")
        .key(
            "servers",
            each(count(), (json!(12), json!(3))),
            "How many run at the start.",
            json!({ "primary": 12, "secondary": 3 }),
        )
        .key(
            "capacity",
            each(count(), (json!(24), json!(24))),
            "How many each region can give.",
            json!({ "primary": 24, "secondary": 24 }),
        )
        .time("boot", "How long a server takes from being asked for to passing its checks.")
        .time("api", "How long the provider takes to answer.")
        .object
}

fn backup() -> Object {
    let table = Table::new::<SimulatedBackup>("Simulated snapshots, in each region.")
        .key("every", duration(), "How often one is taken.", json!("1h"))
        .key("kept", duration(), "How long one is kept.", json!("30d"))
        .key("encrypted", Shape::Bool, "Whether they are encrypted.", json!(true));
    let object = table.object.else_in_words(
        "newest_age",
        duration(),
        "The age of the newest at the start; longer than `every` means that they have stopped being taken.",
        "drawn between nothing and `every`",
        json!("3h"),
    );
    Table { object, defaults: table.defaults }
        .key("log_behind", duration(), "How far the log behind point-in-time restore is behind.", json!("30s"))
        .time("restore", "How long it takes to restore one and to read it through.")
        .time("api", "How long the provider takes to answer a question.")
        .key("things", count(), "How many things a restore reads through.", json!(412))
        .key("damaged", count(), "How many of them are damaged.", json!(0))
        .object
}

/// The simulated network.
pub(super) fn network() -> Object {
    Table::new::<SimulatedNetwork>("The network between users and regions.")
        .time("resolve", "How long a name takes to resolve.")
        .time("connect", "How long a connection takes to open; a TLS handshake takes as long again.")
        .time("answer", "How long a server takes to answer.")
        .object
}
