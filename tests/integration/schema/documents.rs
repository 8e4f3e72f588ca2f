//! Documents to begin with, and ways to make them wrong.

use muster::catalogue::Act;
use muster::schema::{Document, schema};
use serde_json::{Value, json};

/// Small documents that are right, between them with every key.
pub(crate) fn of(document: Document) -> Vec<Value> {
    match document {
        Document::Playbook => playbooks(),
        Document::Infrastructure => infrastructures(),
    }
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

/// The smallest playbook.
pub(crate) fn smallest() -> Value {
    json!({ "muster": 1, "name": "drill", "phases": [{ "name": "failover", "steps": [{ "id": "a", "wait": { "for": "1s" } }] }] })
}

fn playbooks() -> Vec<Value> {
    let schema = schema(Document::Playbook);
    let example = |part: &Value| part["examples"][0].clone();
    let mut all = vec![smallest()];
    // Each key of the playbook by itself, with its example.
    for (key, part) in schema["properties"].as_object().unwrap() {
        all.push(with(smallest(), key, example(part)));
    }
    // Each action, first with what it must have, then with each of its other keys where they go together.
    for key in Act::KEYS {
        let arguments = &schema["$defs"][*key];
        all.push(step(json!({ "id": "a", (*key): example(arguments) })));
        for (name, part) in arguments["properties"].as_object().unwrap() {
            let both = with(example(arguments), name, example(part));
            all.push(step(json!({ "id": "a", (*key): both })));
        }
    }
    for (key, part) in schema["$defs"]["step"]["properties"].as_object().unwrap() {
        if !Act::KEYS.contains(&key.as_str()) && key != "needs" {
            all.push(step(with(json!({ "id": "a", "check": { "services": "web" } }), key, example(part))));
        }
    }
    all.extend([
        step(json!({ "id": "a", "check": { "services": ["web"], "healthy_for": "2m", "served_by": "secondary" } })),
        step(json!({ "id": "a", "check": { "database": "main", "in": "secondary", "lag_at_most": "5s" } })),
        step(json!({ "id": "a", "check": { "storage": "repositories", "in": "secondary", "lag_at_most": "5s" } })),
        step(json!({ "id": "a", "check": { "dns": "code", "ttl_at_most": "60s" } })),
        step(json!({ "id": "a", "check": { "compute": "web-servers", "in": "secondary", "can_scale_to": 12 } })),
        step(json!({ "id": "a", "wait": { "service": "web", "until": "unhealthy" }, "timeout": "5m" })),
        step(json!({ "id": "a", "wait": { "at": "2026-12-01T09:00:00Z" } })),
        step(json!({ "id": "a", "command": { "argv": ["x", "{{ var.word }}"], "observe": ["y"], "undo": ["z"], "env": { "A": { "file": "/x" }, "B": "c" } } })),
        step(json!({ "id": "a", "compute.scale": { "compute": "web-servers", "in": "secondary", "to": "as_before" }, "retry": { "attempts": 3, "wait": "1s", "max_wait": "2s" } })),
        step(json!({ "id": "a", "compute.scale": { "compute": "web-servers", "in": "{{ var.region }}", "to": "{{ var.number }}" }, "within": "{{ var.time }}" })),
    ]);
    let rhythm = json!({ "http": "https://code.example.test/x", "every": "1s", "timeout": "3s", "healthy_after": 3, "unhealthy_after": 2,
        "method": "HEAD", "headers": { "a": "b" }, "resolver": "system",
        "expect": { "status": [200, "3xx"], "within": "800ms", "body_contains": ["ok"], "headers": { "c": "d" } } });
    let service = json!({ "title": "Web", "depends_on": ["code"], "objectives": { "rto": "10m", "rpo": "0s", "failback_rto": "1h", "failback_rpo": "1s" },
        "probe": rhythm, "standby": { "tcp": "code.example.test:443", "resolver": { "server": "192.0.2.1" } },
        "silence": [{ "code": "M094", "because": "a test" }] });
    all.push(with(smallest(), "services", json!({ "web": service })));
    for probe in [
        json!({ "http": "https://a.test/", "method": "POST", "headers": { "a": { "env": "B" } }, "body": "c", "redirects": 2, "family": "ipv4",
            "tls_options": { "ca": "ca.pem", "server_name": "b.test", "insecure": false, "client_certificate": "c.pem", "client_key": { "file": "k" } },
            "expect": { "status": "200-204", "body_lacks": "x", "headers_contain": { "a": "b" }, "json": { "/a": 1 }, "certificate_days": 3 } }),
        json!({ "tcp": "a.test:1", "send": "x", "expect": { "receives": ["y"], "within": "1s" } }),
        json!({ "tls": "a.test:443", "tls_options": { "insecure": true }, "expect": { "names": "a.test", "days": 3, "issuer": "x", "within": "1s" } }),
        json!({ "dns": "a.test", "record": "TXT", "servers": ["192.0.2.53"], "expect": { "answers": "x", "contains": ["y"], "ttl_at_most": "1m", "within": "1s" } }),
        json!({ "postgres": "a.test:5432", "user": "x", "password": { "env": "Y" }, "database": "z", "query": "select 1", "sslmode": "require",
            "expect": { "value": 1, "within": "1s" } }),
        json!({ "command": ["x", "y"], "prints_address": true, "expect": { "exit": [0, 2], "stdout_contains": "z", "within": "1s" } }),
        json!({ "all": [{ "tcp": "a.test:1" }, { "any": [{ "dns": "a.test" }, { "command": ["x"] }] }], "every": "2s" }),
        json!({ "of": 1, "probes": [{ "tcp": "a.test:1", "expect": { "within": "1s" } }, { "http": "http://a.test/" }] }),
    ] {
        all.push(with(smallest(), "services", json!({ "web": { "access": "read", "probe": probe } })));
    }
    all.push(with(
        smallest(),
        "services",
        json!({ "web": { "probe": { "tcp": "[2001:db8::1]:22", "resolver": { "fixed": "2001:db8::1" } } } }),
    ));
    all.push(with(smallest(), "guardrails", json!([
        { "name": "a", "check": { "database": "main", "in": "secondary", "lag_at_most": "5s" }, "every": "5s", "broken_after": "1m" },
        { "name": "b", "outage_of": ["web"], "broken_after": "1m", "then": "stop" },
    ])));
    all.push(with(smallest(), "windows", json!({ "allowed": ["mon-fri 09:00..17:00", "sat"], "blackout": ["2026-12-24..2027-01-02"], "timezone": "Europe/Berlin" })));
    all
}

/// A playbook with variables, a service and this step.
#[expect(clippy::needless_pass_by_value, reason = "each is written out where it is handed over")]
fn step(step: Value) -> Value {
    let mut document = smallest();
    document["vars"] = json!({ "word": "x", "number": 3, "time": "10s", "region": "primary", "lag": "1s" });
    document["services"] = json!({ "web": { "probe": { "tcp": "code.example.test:443" }, "standby": { "tcp": "code.example.test:443" } } });
    document["phases"][0]["steps"] = json!([step]);
    document
}

/// The smallest infrastructure file.
pub(crate) fn smallest_infrastructure() -> Value {
    json!({ "muster": 1, "name": "x", "environment": "simulated", "regions": { "primary": { "name": "a" }, "secondary": { "name": "b" } } })
}

fn infrastructures() -> Vec<Value> {
    let schema = schema(Document::Infrastructure);
    let mut all = vec![smallest_infrastructure()];
    for (key, part) in schema["properties"].as_object().unwrap() {
        all.push(with(smallest_infrastructure(), key, part["examples"][0].clone()));
    }
    let mut lab = smallest_infrastructure();
    lab["environment"] = json!("lab");
    for kind in ["dns", "database", "compute", "storage", "backup"] {
        for rule in schema["$defs"][kind]["allOf"].as_array().unwrap() {
            let provider = rule["if"]["properties"]["provider"]["const"].as_str().unwrap();
            let properties = rule["then"]["properties"].as_object().unwrap();
            let required = rule["then"]["required"].as_array().cloned().unwrap_or_default();
            let mut settings = json!({ "provider": provider });
            for key in &required {
                settings[key.as_str().unwrap()] = properties[key.as_str().unwrap()]["examples"][0].clone();
            }
            let base = if provider == "simulated" { smallest_infrastructure() } else { lab.clone() };
            all.push(with(base.clone(), "resources", json!({ "it": { kind: settings } })));
            for (key, part) in properties.iter().filter(|(_, part)| part.is_object()) {
                let one = with(settings.clone(), key, part["examples"][0].clone());
                all.push(with(base.clone(), "resources", json!({ "it": { kind: one } })));
            }
        }
    }
    all.push(with(
        lab.clone(),
        "resources",
        json!({ "it": { "database": { "provider": "patroni", "any": [1] }, "simulate": { "promotion": "3s" } } }),
    ));
    all.extend(on_aws());
    all.push(with(
        lab.clone(),
        "network",
        json!({ "resolver": "192.0.2.53", "connect": { "p50": "1ms", "p99": "2ms" } }),
    ));
    let wall = json!({ "name": "a", "provider": "process", "isolate": ["x"], "rejoin": ["y"], "status": ["z"], "timeout": "1m", "simulate": { "isolate": "1s" } });
    all.push(with(lab.clone(), "regions", json!({ "primary": wall, "secondary": { "name": "b", "gateway": "g" } })));
    let sim = json!({ "name": "a", "provider": "simulated", "isolate": { "p50": "1s", "p95": "2s" }, "rejoin": "1s", "api": "1ms" });
    all.push(with(
        smallest_infrastructure(),
        "regions",
        json!({ "primary": sim, "secondary": { "name": "b", "isolate": "1s" } }),
    ));
    all
}

/// Everything that can be said of AWS, in a lab whose regions have a way in.
fn on_aws() -> Vec<Value> {
    let way_in = |name: &str| {
        json!({ "name": name, "provider": "aws", "account": "123456789012", "gateway": "g.example.test", "profile": "drill",
            "role": "arn:aws:iam::123456789012:role/muster", "endpoint": "https://proxy.internal", "timeout": "5s",
            "endpoints": { "rds": "https://rds.internal", "ec2": "http://127.0.0.1:5000" }, "simulate": { "isolate": "1s" },
            "isolate": { "subnets": ["subnet-0a1b2c3d"], "blocks": { "primary": ["10.1.0.0/16"], "secondary": ["2001:db8::/32"], "users": [] } } })
    };
    let mut base = smallest_infrastructure();
    base["environment"] = json!("lab");
    let in_lab = |resource: Value| {
        let mut document = base.clone();
        document["regions"] = json!({ "primary": way_in("us-east-1"), "secondary": way_in("us-west-2") });
        document["resources"] = json!({ "it": resource });
        document
    };
    let values = json!({ "primary": { "values": ["192.0.2.10"] }, "secondary": { "alias": { "name": "lb.example.test", "zone": "Z1", "evaluate_health": true } } });
    let sets = json!({ "primary": { "set": "one", "values": ["192.0.2.10"] }, "secondary": { "set": "two", "values": ["192.0.2.11"] } });
    let record = |by: &str, targets: &Value, key: &str, value: Value| {
        let mut settings = json!({ "provider": "aws", "name": "code.example.test", "zone": "Z0123456789ABC", "by": by, "targets": targets,
            "ttl": "30s", "access": "primary", "authoritative": ["192.0.2.53"], "resolvers": ["192.0.2.54:5353"], "type": "A" });
        if !key.is_empty() {
            settings[key] = value;
        }
        in_lab(json!({ "dns": settings, "simulate": { "servers": 3 } }))
    };
    let arn = |id: &str| format!("arn:aws:route53-recovery-control::1:controlpanel/0/routingcontrol/{id}");
    let controls = json!({ "cluster": [{ "url": "https://a.example.test/v1", "region": "us-east-1" }], "primary": arn("1"), "secondary": arn("2") });
    let check = json!({ "id": "0a1b", "away": ["away"], "home": ["home", "x"], "look": ["look"], "timeout": "1m" });
    let mut all = vec![
        record("record", &values, "", json!(null)),
        record("weight", &sets, "", json!(null)),
        record("failover", &json!({ "primary": { "set": "one" }, "secondary": { "set": "two" } }), "", json!(null)),
        record("latency", &sets, "", json!(null)),
        record("routing_controls", &values, "routing_controls", controls),
        record("health_check", &values, "health_check", check),
    ];
    let sql = json!({ "dbname": "code", "user": "muster", "password": { "file": "/x" }, "sslmode": "verify-full",
        "regions": { "primary": { "host": "a" }, "secondary": { "host": "b", "port": 5433 } } });
    let fence = json!({ "subnets": ["subnet-0a1b2c3d"], "let_through": ["10.2.0.0/16"] });
    for (kind, key, named) in [
        ("replica", "instance", false),
        ("multi_az", "zone", true),
        ("cluster", "instance", true),
        ("global", "cluster", true),
    ] {
        let side = |name: &str| json!({ key: name, "fence": fence });
        let mut settings = json!({ "provider": "aws", "kind": kind, "regions": { "primary": side("main-1"), "secondary": side("main-2") }, "sql": sql });
        if named {
            settings["name"] = json!("main");
        }
        all.push(in_lab(json!({ "database": settings })));
    }
    let both = |primary: Value, secondary: Value| json!({ "provider": "aws", "regions": { "primary": primary, "secondary": secondary } });
    all.extend([
        in_lab(json!({ "compute": both(json!({ "instances": ["i-0a1b2c3d"] }), json!({ "tag": { "key": "Role", "value": "web" } })) })),
        in_lab(json!({ "compute": both(json!({ "auto_scaling_group": "web" }), json!({ "instances": [], "auto_scaling_group": "web" })) })),
        in_lab(json!({ "backup": both(
            json!({ "tag": { "key": "Backup", "value": "x" }, "zone": "us-east-1a", "key": "arn:aws:kms:us-east-1:1:key/2" }),
            json!({ "instance": "main-1", "subnet_group": "scratch", "class": "db.t4g.medium" }),
        ) })),
    ]);
    all
}

/// Documents that are right but for one slip that somebody made: what the schema accepted and the loader refused.
pub(crate) fn slips() -> Vec<(&'static str, Value)> {
    let right = on_aws();
    let wrong = |n: usize, at: &str, from: &str, to: &str| {
        let mut document = right[n].clone();
        let entries = document.pointer_mut(at).and_then(Value::as_object_mut).unwrap();
        let value = entries.remove(from).unwrap();
        entries.insert(to.to_owned(), value);
        document
    };
    let set = |n: usize, at: &str, value: Value| {
        let mut document = right[n].clone();
        *document.pointer_mut(at).unwrap() = value;
        document
    };
    vec![
        ("acount", wrong(0, "/regions/primary", "account", "acount")),
        ("a number for the account", set(0, "/regions/primary/account", json!(123_456_789_012_u64))),
        ("a short account", set(0, "/regions/primary/account", json!("1234"))),
        ("a service that there is not", wrong(0, "/regions/primary/endpoints", "rds", "rsd")),
        ("zonee", wrong(0, "/resources/it/dns", "zone", "zonee")),
        ("the zone's name", set(0, "/resources/it/dns/zone", json!("example.com"))),
        ("kind: nonsense", set(6, "/resources/it/database/kind", json!("nonsense"))),
        ("a key of the side", wrong(9, "/resources/it/database/regions/primary", "cluster", "instance")),
        ("no name of the whole", wrong(8, "/resources/it/database", "name", "nam")),
        ("a control where nothing goes by it", set(4, "/resources/it/dns/by", json!("record"))),
        ("record sets where there is one", set(1, "/resources/it/dns/by", json!("record"))),
        (
            "a security group for a subnet",
            set(6, "/resources/it/database/regions/primary/fence/subnets", json!(["sg-0a1b2c3d"])),
        ),
        (
            "two ways to name servers",
            set(11, "/resources/it/compute/regions/secondary/instances", json!(["i-0a1b2c3d"])),
        ),
        ("scratch volumes nowhere", wrong(12, "/resources/it/backup/regions/primary", "zone", "class")),
    ]
}

/// A stream of numbers that is the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }
}

/// Every place in a document.
pub(crate) fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// Values that stand where others should.
fn other(dice: &mut Dice) -> Value {
    let all = [
        json!(1),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(3_000_000_000_u64),
        json!(99_999_999_999_u64),
        json!(true),
        json!(null),
        json!(""),
        json!("x"),
        json!("Not A Name"),
        json!("5"),
        json!("5m"),
        json!("5 m"),
        json!("1m5h"),
        json!("1h5m"),
        json!("1.5s"),
        json!(".5s"),
        json!("5sec"),
        json!("-5s"),
        json!([]),
        json!({}),
        json!(["a"]),
        json!(["a", 1]),
        json!([[]]),
        json!({ "env": "NAME" }),
        json!({ "env": "" }),
        json!({ "file": "/x" }),
        json!({ "a": "b" }),
        json!("{{ var.word }}"),
        json!("{{ broken"),
        json!("{{ a b }}"),
        json!("a {{ var.word }} b"),
        json!("{{ var.number }}"),
        json!("primary"),
        json!("secondary"),
        json!("planned"),
        json!("stop"),
        json!("{ plain }"),
        json!({ "p50": "1s", "p95": "2s" }),
        json!({ "p50": "1s" }),
        json!({ "p50": "1s", "q": "2s" }),
        json!("https://x.example.test/"),
        json!("ftp://x/"),
        json!("a:1"),
        json!("a.example.test"),
        json!("192.0.2.1"),
        json!("all"),
        json!("200"),
        json!("2xx"),
        json!("6xx"),
        json!(200),
        json!(["primary"]),
        json!({ "mode": "planned" }),
        json!("latest"),
        json!("2h ago"),
        json!("mon-fri 09:00..17:00"),
        json!([{ "code": "M095", "because": "x" }]),
        json!([{ "code": "M095" }]),
        json!([{ "code": "M095", "because": " " }]),
        json!("simulated"),
        json!("exec"),
    ];
    all[dice.below(all.len())].clone()
}

/// Keys that are known somewhere.
const KEYS: &[&str] = &[
    "zzz",
    "id",
    "name",
    "title",
    "needs",
    "when",
    "within",
    "timeout",
    "retry",
    "on_failure",
    "simulate",
    "check",
    "wait",
    "http",
    "tcp",
    "every",
    "expect",
    "method",
    "services",
    "service",
    "database",
    "storage",
    "in",
    "to",
    "from",
    "for",
    "until",
    "healthy_for",
    "lag_at_most",
    "deadline",
    "by",
    "silence",
    "provider",
    "ttl",
    "resolver",
    "drain",
    "playbook",
    "approve",
];

/// The document with one thing changed, and what that was.
pub(crate) fn changed(document: &Value, dice: &mut Dice) -> (Value, String) {
    let mut found = Vec::new();
    places(document, "", &mut found);
    let at = found[dice.below(found.len())].clone();
    let mut document = document.clone();
    let value = document.pointer_mut(&at).unwrap();
    let what = match (dice.below(3), &mut *value) {
        (0, Value::Object(entries)) if !entries.is_empty() => {
            let key = entries.keys().nth(dice.below(entries.len())).unwrap().clone();
            entries.remove(&key);
            format!("without {key}")
        }
        (1, Value::Object(entries)) => {
            let key = KEYS[dice.below(KEYS.len())];
            let with = other(dice);
            let what = format!("with {key}: {with}");
            entries.insert(key.to_owned(), with);
            what
        }
        _ => {
            *value = other(dice);
            format!("as {value}")
        }
    };
    (document, format!("{at} {what}"))
}
