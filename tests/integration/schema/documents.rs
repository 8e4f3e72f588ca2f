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
