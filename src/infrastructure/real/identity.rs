//! What a real thing is the same by, however two infrastructure files reach it: the name of a record and not its TTL,
//! the servers of a database and not who logs in.
//!
//! Leases exclude each other by it, so in doubt it leaves out rather than in: two things that are taken for one wait for
//! each other, and one thing that is taken for two is changed by two runs at once.

use serde_json::{Map, Value, json};

use crate::resource::ResourceKind;

/// What a kind of resource is the same by; nothing where its settings do not have that.
type Identity = fn(&Value) -> Option<Value>;

/// By whatever provider a record is changed, users ask for its name.
const BY_KIND: &[(ResourceKind, Identity)] = &[(ResourceKind::Dns, record)];

/// What only a provider's settings tell.
const BY_PROVIDER: &[(ResourceKind, &str, Identity)] = &[
    (ResourceKind::Database, "postgres", servers),
    (ResourceKind::Storage, "git", repositories),
    (ResourceKind::Compute, "process", programs),
    (ResourceKind::Region, "process", walls),
];

/// Settings that say how a thing is reached, or how it is treated, and not which it is: of providers that are not above.
const HOW: &[&str] = &[
    "authoritative",
    "capacity",
    "command_timeout",
    "credentials",
    "env",
    "key",
    "passfile",
    "password",
    "resolvers",
    "retry",
    "sample",
    "secret",
    "server",
    "servers",
    "sslmode",
    "sslrootcert",
    "timeout",
    "token",
    "ttl",
    "user",
    "via",
];

/// What a thing is the same by, as text that is the same for everyone who means it.
#[must_use]
pub fn identity(kind: ResourceKind, provider: &str, settings: &Value) -> String {
    let by_kind = BY_KIND.iter().find(|(of, _)| *of == kind).and_then(|(_, identity)| identity(settings));
    if let Some(known) = by_kind {
        return known.to_string();
    }
    let by_provider = BY_PROVIDER.iter().find(|(of, name, _)| (*of, *name) == (kind, provider));
    let known = by_provider.and_then(|(_, _, identity)| identity(settings));
    let what = known.unwrap_or_else(|| {
        let left = without_how(settings);
        // Where nothing is left, how it is reached is all that tells it from others.
        if left.as_object().is_some_and(Map::is_empty) { settings.clone() } else { left }
    });
    format!("{provider} {what}")
}

fn without_how(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let left = fields.iter().filter(|(key, _)| !HOW.contains(&key.as_str()));
            Value::Object(left.map(|(key, value)| (key.clone(), without_how(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_how).collect()),
        plain => plain.clone(),
    }
}

/// Names of the DNS are the same in any case, with a final dot and without.
fn record(settings: &Value) -> Option<Value> {
    let name = settings.get("name")?.as_str()?;
    let of_type = settings.get("type").and_then(Value::as_str).unwrap_or("A");
    Some(json!([name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(), of_type.to_ascii_uppercase()]))
}

fn servers(settings: &Value) -> Option<Value> {
    both(settings, |region| {
        let port = region.get("port").cloned().unwrap_or_else(|| json!(5432));
        Some(json!([region.get("host")?.as_str()?.to_ascii_lowercase(), port]))
    })
}

fn repositories(settings: &Value) -> Option<Value> {
    both(settings, |region| Some(json!([region.get("url")?, region.get("path")?])))
}

fn programs(settings: &Value) -> Option<Value> {
    both(settings, |region| Some(json!([region.get("start")?, region.get("stop")?])))
}

fn walls(settings: &Value) -> Option<Value> {
    Some(json!([settings.get("isolate")?, settings.get("rejoin")?]))
}

/// What stands in both regions, whichever of them a file calls the primary.
fn both(settings: &Value, of: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let regions = settings.get("regions")?;
    let mut both = [of(regions.get("primary")?)?, of(regions.get("secondary")?)?];
    both.sort_by_cached_key(Value::to_string);
    Some(json!(both))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ways to say which are the same thing, and one that is another.
    #[track_caller]
    fn same(kind: ResourceKind, provider: &str, [one, again, other]: [Value; 3]) {
        let identity = |settings| identity(kind, provider, settings);
        assert_eq!(identity(&one), identity(&again));
        assert_ne!(identity(&one), identity(&other));
    }

    #[test]
    fn a_record_is_its_name_and_type_by_whatever_way_it_is_changed() {
        let one = json!({ "name": "code.example.test", "ttl": "30s", "server": "192.0.2.1", "key": { "name": "a" } });
        let again = json!({ "name": "Code.Example.test.", "type": "A", "ttl": "60s", "server": "192.0.2.2" });
        let other = json!({ "name": "git.example.test", "ttl": "30s", "server": "192.0.2.1", "key": { "name": "a" } });
        same(ResourceKind::Dns, "rfc2136", [one.clone(), again.clone(), other]);
        same(
            ResourceKind::Dns,
            "rfc2136",
            [one.clone(), again.clone(), json!({ "name": "code.example.test", "type": "AAAA" })],
        );
        assert_eq!(identity(ResourceKind::Dns, "rfc2136", &one), identity(ResourceKind::Dns, "exec", &again));
    }

    #[test]
    fn a_database_is_its_servers_whoever_logs_in_and_whichever_is_called_the_primary() {
        let regions = |one: Value, two: Value| json!({ "primary": one, "secondary": two });
        let one = json!({ "dbname": "code", "user": "muster", "timeout": "3s",
            "regions": regions(json!({ "host": "db1" }), json!({ "host": "db2", "slot": "b" })) });
        let again = json!({ "dbname": "postgres", "user": "admin", "sslmode": "require",
            "regions": regions(json!({ "host": "DB2" }), json!({ "host": "db1", "port": 5432 })) });
        let other = json!({ "dbname": "code", "regions": regions(json!({ "host": "db1", "port": 5433 }), json!({ "host": "db2" })) });
        same(ResourceKind::Database, "postgres", [one, again, other]);
    }

    #[test]
    fn storage_servers_and_walls_are_what_is_acted_on() {
        let sides = |path: &str, via: &str| {
            json!({ "sample": 3, "regions": { "primary": { "url": "ssh://a", "path": path, "via": [via] },
                "secondary": { "url": "ssh://b", "path": path } } })
        };
        same(ResourceKind::Storage, "git", [sides("/git", "x"), sides("/git", "y"), sides("/other", "x")]);
        let group = |stop: &str, capacity: u32| {
            let region = json!({ "start": ["up", "{server}"], "stop": [stop, "{server}"], "capacity": capacity });
            json!({ "regions": { "primary": region, "secondary": region } })
        };
        same(ResourceKind::Compute, "process", [group("down", 3), group("down", 9), group("halt", 3)]);
        let wall = |isolate: &str, timeout: &str| json!({ "isolate": [isolate], "rejoin": ["in"], "timeout": timeout });
        same(ResourceKind::Region, "process", [wall("out", "3s"), wall("out", "9s"), wall("off", "3s")]);
    }

    #[test]
    fn what_is_not_known_is_the_same_by_all_but_how_it_is_reached() {
        let settings =
            |bucket: &str, ttl: &str| json!({ "bucket": bucket, "ttl": ttl, "deep": { "timeout": ttl, "is": 1 } });
        same(ResourceKind::Backup, "exec", [settings("a", "1s"), settings("a", "2s"), settings("b", "1s")]);
        // Where only that is said, it counts.
        let server = |server: &str| json!({ "server": server });
        same(ResourceKind::Backup, "exec", [server("a"), server("a"), server("b")]);
        assert_ne!(
            identity(ResourceKind::Backup, "exec", &json!({})),
            identity(ResourceKind::Backup, "other", &json!({}))
        );
    }
}
