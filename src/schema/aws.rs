//! What the provider `aws` is told, as [`crate::infrastructure::real::aws`] types it. A build without the feature `aws`
//! checks these settings all the same, so the schema does not depend on it.

use serde_json::{Value, json};

use super::leaf::{duration, region};
use super::provider::{each, postgres, record_keys};
use super::shape::{Object, Shape, given};
use crate::infrastructure::real::aws::SERVICES;
use crate::resource::ResourceKind;

/// A name that a service takes as one of its things.
const IDENTIFIER: &str = "[A-Za-z][A-Za-z0-9-]{0,62}";

/// The settings of a kind of resource; nothing for one that AWS is not asked for.
pub(super) fn settings(kind: ResourceKind) -> Option<Object> {
    Some(match kind {
        ResourceKind::Dns => record(),
        ResourceKind::Database => database(),
        ResourceKind::Compute => servers(),
        ResourceKind::Backup => snapshots(),
        ResourceKind::Region => account(),
        ResourceKind::Storage => return None,
    })
}

fn subnets() -> Shape {
    let subnet = Shape::Form("subnet-[A-Za-z0-9]{1,40}", "a subnet's id is wanted, such as subnet-0a1b2c3d4e5f60001");
    Shape::List(Box::new(subnet), 1)
}

fn blocks() -> Shape {
    let block = Shape::Form(
        "(?:IPV4|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/\\+?[0-9]+",
        "an address block is wanted, such as 10.1.0.0/16",
    );
    Shape::list(block)
}

fn address() -> Shape {
    Shape::Form("https?://(?:\\{?[^{])*\\{?", "an address is wanted, such as https://rds.internal")
}

fn tag() -> Shape {
    Shape::Object(Object::new("A tag.").must("key", Shape::Text, "Its key.", json!("Role")).must(
        "value",
        Shape::Text,
        "Its value.",
        json!("web"),
    ))
}

fn account() -> Object {
    let parties = Object::new("Address blocks (CIDR) of parties.")
        .may("primary", blocks(), "Those of the primary region.", json!([]), json!(["10.1.0.0/16"]))
        .not_null()
        .may("secondary", blocks(), "Those of the secondary region.", json!([]), json!(["10.2.0.0/16"]))
        .not_null()
        .may("users", blocks(), "Those of users, where they are not everybody else.", json!([]), json!(["0.0.0.0/0"]))
        .not_null();
    let isolate = Object::new("What a network ACL cuts off.")
        .must("subnets", subnets(), "The subnets, 1 to 200.", json!(["subnet-0a1b2c3d4e5f60001"]))
        .may(
            "blocks",
            Shape::Object(parties),
            "The address blocks of each party, needed where one party is cut off and another is not.",
            json!({}),
            json!({ "secondary": ["10.2.0.0/16"] }),
        )
        .not_null();
    let services = format!("^(?:{})$", SERVICES.join("|"));
    let endpoints = json!({
        "type": "object",
        "propertyNames": { "pattern": services },
        "additionalProperties": address().json(super::shape::Templates::Refused),
    });
    Object::new("A region of AWS: the way into its account, and what of it can be cut off.")
        .must(
            "account",
            Shape::Form("[0-9]{12}", "an account's number has 12 digits: write it in quotes"),
            "The account's number; credentials of another account touch nothing.",
            json!("123456789012"),
        )
        .else_in_words(
            "profile",
            Shape::Text,
            "The profile of `~/.aws/config`.",
            "what the environment, the machine or the container gives",
            json!("drill"),
        )
        .else_in_words(
            "role",
            Shape::Form(
                "arn:(?:\\{?[^{])*:role/(?:\\{?[^{])*\\{?",
                "a role's ARN is wanted, such as arn:aws:iam::123456789012:role/muster",
            ),
            "The role to assume, of that account.",
            "none",
            json!("arn:aws:iam::123456789012:role/muster"),
        )
        .else_in_words(
            "endpoint",
            address(),
            "Where all services are reached.",
            "AWS's own addresses",
            json!("https://proxy.internal"),
        )
        .may(
            "endpoints",
            Shape::Raw(endpoints),
            "Where single services are reached, such as through a VPC's interface endpoints.",
            json!({}),
            json!({ "rds": "https://rds.internal" }),
        )
        .not_null()
        .may("timeout", duration(), "How long one request may take until it is sent again.", json!("10s"), json!("5s"))
        .else_in_words(
            "isolate",
            Shape::Object(isolate),
            "What `region.isolate` cuts off.",
            "it can't be cut off",
            json!({ "subnets": ["subnet-0a1b2c3d4e5f60001"] }),
        )
}

/// What points to one region. The keys that go together depend on how the record is switched.
fn target() -> Object {
    let alias = Object::new("What an alias record stands for.")
        .must("name", Shape::Text, "Its name: a load balancer's, another record's.", json!("lb-1.elb.amazonaws.com"))
        .must("zone", Shape::Text, "The hosted zone of that name.", json!("Z35SXDOTRQ7X7K"))
        .else_in_words(
            "evaluate_health",
            Shape::Bool,
            "Whether its health counts.",
            "as it did before a switch; not where there was no alias",
            json!(true),
        );
    Object::new("What points to the region.")
        .may("values", Shape::list(Shape::Text), "The values of a plain record.", json!([]), json!(["192.0.2.10"]))
        .not_null()
        .else_in_words(
            "alias",
            Shape::Object(alias),
            "What an alias record stands for.",
            "the record has values",
            json!({ "name": "lb-1.elb.amazonaws.com", "zone": "Z35SXDOTRQ7X7K" }),
        )
        .else_in_words(
            "set",
            Shape::Text,
            "The set identifier of this region's record set, where there are several.",
            "there is one record set",
            json!("primary"),
        )
        .rule(json!({ "not": { "allOf": [has_values(), given("alias")] } }))
}

fn has_values() -> Value {
    json!({ "required": ["values"], "properties": { "values": { "minItems": 1 } } })
}

/// If `key` is one of `words`.
fn is(key: &str, words: &[&str]) -> Value {
    json!({ "required": [key], "properties": { key: { "enum": words } } })
}

fn in_both(part: &Value) -> Value {
    json!({ "properties": { "primary": part, "secondary": part } })
}

fn routing_controls() -> Object {
    let arn = || {
        Shape::Form(
            "arn:(?:\\{?[^{])*:route53-recovery-control:(?:\\{?[^{])*\\{?",
            "a routing control's ARN is wanted, such as arn:aws:route53-recovery-control::123456789012:controlpanel/…/routingcontrol/…",
        )
    };
    let example =
        |id: &str| json!(format!("arn:aws:route53-recovery-control::123456789012:controlpanel/0a/routingcontrol/{id}"));
    let endpoint = Object::new("One endpoint of a cluster.")
        .must(
            "url",
            address(),
            "Its address.",
            json!("https://aaaaaaaa.route53-recovery-cluster.us-east-1.amazonaws.com/v1"),
        )
        .must("region", Shape::Text, "Its region.", json!("us-east-1"));
    Object::new("A pair of routing controls.")
        .must(
            "cluster",
            Shape::List(Box::new(Shape::Object(endpoint)), 1),
            "The endpoints of the cluster, one in each of its regions; each is tried in turn.",
            json!([{ "url": "https://aaaaaaaa.route53-recovery-cluster.us-east-1.amazonaws.com/v1", "region": "us-east-1" }]),
        )
        .must("primary", arn(), "The control that sends users to the primary region.", example("01"))
        .must("secondary", arn(), "The control that sends users to the secondary region.", example("02"))
}

fn health_check() -> Object {
    Object::new("An inverted health check, and the programs that change what it looks at.")
        .must("id", Shape::Text, "The health check of the primary region's record set.", json!("0a1b2c3d-1111"))
        .must("away", Shape::Program, "Puts there what the check looks for: users are sent away.", json!(["send-away"]))
        .must("home", Shape::Program, "Takes it away again.", json!(["send-home"]))
        .must("look", Shape::Program, "Exit 0: it is there; 1: it is not.", json!(["is-there"]))
        .may("timeout", duration(), "How long one of them may run.", json!("30s"), json!("1m"))
}

fn record() -> Object {
    let controls = json!({ "cluster": [{ "url": "https://aaaaaaaa.route53-recovery-cluster.us-east-1.amazonaws.com/v1", "region": "us-east-1" }],
        "primary": "arn:aws:route53-recovery-control::123456789012:controlpanel/0a/routingcontrol/01",
        "secondary": "arn:aws:route53-recovery-control::123456789012:controlpanel/0a/routingcontrol/02" });
    let by = Shape::Words(&[
        ("record", "the one record set"),
        ("weight", "the weights of weighted record sets"),
        ("failover", "which of two failover record sets is the primary one"),
        ("latency", "where latency record sets point"),
        ("routing_controls", "routing controls: the data plane alone"),
        ("health_check", "what an inverted health check looks for: the data plane alone"),
    ]);
    let several = is("by", &["weight", "failover", "latency"]);
    let some_value = json!({ "anyOf": [has_values(), given("alias")] });
    let record = Object::new("A record of a hosted zone of Route 53, and what switches it.")
        .must("name", Shape::Text, "The record's name.", json!("code.example.com"))
        .must(
            "zone",
            Shape::Form("[A-Z0-9]{1,32}", "the hosted zone's id is wanted, such as Z0123456789ABC, not its name"),
            "The id of the hosted zone that it is in.",
            json!("Z0123456789ABC"),
        )
        .must(
            "targets",
            each(target(), &json!({ "values": ["192.0.2.10"] })),
            "What points to each region.",
            json!({ "primary": { "values": ["192.0.2.10"] }, "secondary": { "values": ["198.51.100.10"] } }),
        );
    record_keys(record, "The zone's authoritative servers, in place of those that Route 53 names.")
        .may("by", by, "What a switch changes.", json!("record"), json!("record"))
        .not_null()
        .may("access", region(), "With whose way in the zone is changed.", json!("secondary"), json!("primary"))
        .not_null()
        .else_in_words(
            "routing_controls",
            Shape::Object(routing_controls()),
            "The routing controls, for `by: routing_controls`.",
            "it is switched another way",
            controls,
        )
        .else_in_words(
            "health_check",
            Shape::Object(health_check()),
            "The health check, for `by: health_check`.",
            "it is switched another way",
            json!({ "id": "0a1b2c3d-1111", "away": ["send-away"], "home": ["send-home"], "look": ["is-there"] }),
        )
        .rule(json!({
            "if": several,
            "then": { "properties": { "targets": in_both(&given("set")) } },
            "else": { "properties": { "targets": in_both(&json!({ "not": given("set") })) } },
        }))
        .rule(json!({
            "if": is("by", &["weight", "failover"]),
            "else": { "properties": { "targets": in_both(&some_value) } },
        }))
        .rule(only_by("routing_controls"))
        .rule(only_by("health_check"))
}

/// What a way of switching needs is said where it is switched that way, and nowhere else.
fn only_by(way: &str) -> Value {
    json!({ "if": is("by", &[way]), "then": given(way), "else": { "not": given(way) } })
}

fn database() -> Object {
    let fence = Object::new("The subnets whose network ACL is the fence.")
        .must("subnets", subnets(), "The database's subnets, all of them.", json!(["subnet-0a1b2c3d4e5f60002"]))
        .may(
            "let_through",
            blocks(),
            "Address blocks that get through all the same: what a replica replicates from, never users.",
            json!([]),
            json!(["10.2.0.0/16"]),
        )
        .not_null();
    let side = Object::new("One side of the database.")
        .else_in_words(
            "instance",
            Shape::Text,
            "The instance's identifier, for `replica` and `cluster`.",
            "the kind needs none",
            json!("main-use1"),
        )
        .else_in_words(
            "cluster",
            Shape::Text,
            "The regional cluster's identifier, for `global`.",
            "the kind needs none",
            json!("main-use1"),
        )
        .else_in_words(
            "zone",
            Shape::Text,
            "The availability zone, for `multi_az`.",
            "the kind needs none",
            json!("us-east-1a"),
        )
        .else_in_words(
            "fence",
            Shape::Object(fence),
            "What fences it.",
            "it can't be fenced",
            json!({ "subnets": ["subnet-0a1b2c3d4e5f60002"] }),
        );
    let kinds = Shape::Words(&[
        ("replica", "a read replica in the other region is promoted"),
        ("multi_az", "one Multi-AZ instance is rebooted with failover"),
        ("cluster", "the writer of one Aurora cluster moves to another of its instances"),
        ("global", "the writer of an Aurora global database moves to the other region's cluster"),
    ]);
    let mut object = Object::new("A database of RDS or Aurora: two sides of which one takes writes.")
        .must("kind", kinds, "How a side comes to take writes.", json!("replica"))
        .must(
            "regions",
            each(side, &json!({ "instance": "main-use1" })),
            "Each side.",
            json!({ "primary": { "instance": "main-use1" }, "secondary": { "instance": "main-usw2" } }),
        )
        .must(
            "sql",
            Shape::Object(postgres()),
            "How Muster itself writes into it, to prove fences and promotions and for canaries.",
            json!({ "dbname": "code", "regions": { "primary": { "host": "db1.example.com" }, "secondary": { "host": "db2.example.com" } } }),
        )
        .else_in_words(
            "name",
            Shape::Form(IDENTIFIER, "letters, digits and hyphens are wanted, a letter first"),
            "The Aurora cluster, the global database or the Multi-AZ instance.",
            "it is of the kind `replica`, whose instances have no common name",
            json!("code-host"),
        )
        .rule(json!({ "if": is("kind", &["replica"]), "then": { "not": given("name") }, "else": given("name") }));
    for (kinds, key) in [(&["replica", "cluster"][..], "instance"), (&["global"], "cluster"), (&["multi_az"], "zone")] {
        let pattern = format!("^(?:{IDENTIFIER})$");
        let has = json!({ "required": [key], "properties": { key: { "type": "string", "pattern": pattern } } });
        object =
            object.rule(json!({ "if": is("kind", kinds), "then": { "properties": { "regions": in_both(&has) } } }));
    }
    object
}

fn servers() -> Object {
    let instance = Shape::Form("i-[A-Za-z0-9]{1,40}", "an instance's id is wanted, such as i-0123456789abcdef0");
    let named = json!({ "required": ["instances"], "properties": { "instances": { "minItems": 1 } } });
    let group = Object::new("The servers of one region: exactly one of the three says which.")
        .may(
            "instances",
            Shape::list(instance),
            "Instances by their ids, at most 200; they are started from the first on.",
            json!([]),
            json!(["i-0123456789abcdef0"]),
        )
        .not_null()
        .else_in_words(
            "tag",
            tag(),
            "Instances by a tag, in the order of their ids.",
            "they are named otherwise",
            json!({ "key": "Role", "value": "web" }),
        )
        .else_in_words(
            "auto_scaling_group",
            Shape::Text,
            "An Auto Scaling group by its name.",
            "they are named otherwise",
            json!("web-use1"),
        )
        .rule(json!({ "oneOf": [named, given("tag"), given("auto_scaling_group")] }));
    let example = json!({ "auto_scaling_group": "web-use1" });
    Object::new("Servers on EC2: instances by id or tag, or an Auto Scaling group.").must(
        "regions",
        each(group, &example),
        "By region.",
        json!({ "primary": example, "secondary": { "auto_scaling_group": "web-usw2" } }),
    )
}

fn snapshots() -> Object {
    let side = Object::new("The snapshots of one region: those of EBS, by a tag, or those of RDS, by an instance.")
        .else_in_words(
            "tag",
            tag(),
            "EBS snapshots by a tag.",
            "they are those of RDS",
            json!({ "key": "Backup", "value": "code" }),
        )
        .else_in_words(
            "instance",
            Shape::Form(IDENTIFIER, "letters, digits and hyphens are wanted, a letter first"),
            "RDS snapshots of this instance; in the other region the identifier of the original.",
            "they are those of EBS",
            json!("main-use1"),
        )
        .else_in_words(
            "key",
            Shape::Form("arn:(?:\\{?[^{])*:kms:(?:\\{?[^{])*\\{?", "a key's ARN is wanted"),
            "The ARN of the key that they must be encrypted with.",
            "any key",
            json!("arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"),
        )
        .else_in_words(
            "zone",
            Shape::Text,
            "The availability zone of scratch volumes; needed with `tag`.",
            "no volume is made",
            json!("us-east-1a"),
        )
        .else_in_words(
            "subnet_group",
            Shape::Text,
            "The subnet group of scratch instances.",
            "the default one",
            json!("scratch"),
        )
        .else_in_words(
            "class",
            Shape::Text,
            "The class of scratch instances.",
            "that of the original",
            json!("db.t4g.medium"),
        )
        .rule(json!({ "oneOf": [given("tag"), given("instance")] }))
        .rule(json!({ "if": given("tag"), "then": given("zone") }));
    let example = json!({ "tag": { "key": "Backup", "value": "code" }, "zone": "us-east-1a" });
    Object::new("Snapshots of EBS volumes or RDS instances.").must(
        "regions",
        each(side, &example),
        "By region.",
        json!({ "primary": example, "secondary": { "tag": { "key": "Backup", "value": "code" }, "zone": "us-west-2a" } }),
    )
}
