//! What real providers are told: the settings that [`crate::infrastructure::real`] types.

use serde_json::json;

use super::leaf::{count, duration, id, secret};
use super::shape::{Object, Shape};
use crate::infrastructure::real::aws::AWS;
use crate::resource::ResourceKind;

/// The settings of a provider that this build types; nothing for one whose settings are taken as they stand.
pub(super) fn settings(kind: ResourceKind, provider: &str) -> Option<Object> {
    Some(match (kind, provider) {
        (ResourceKind::Dns, "rfc2136") => rfc2136(),
        (ResourceKind::Dns, "exec") => exec_of_dns(),
        (_, "exec") => exec(),
        (ResourceKind::Database, "postgres") => postgres(),
        (ResourceKind::Backup, "postgres") => postgres_backup(),
        (ResourceKind::Compute, "process") => servers(),
        (ResourceKind::Region, "process") => walls(),
        (ResourceKind::Storage, "git") => git(),
        (_, AWS) => return super::aws::settings(kind),
        _ => return None,
    })
}

pub(super) fn each(of: Object, example: &serde_json::Value) -> Shape {
    Shape::Object(
        Object::new("For each region.")
            .must("primary", Shape::Object(of.clone()), "In the primary region.", example.clone())
            .must("secondary", Shape::Object(of), "In the secondary region.", example.clone()),
    )
}

pub(super) fn record_type() -> Shape {
    Shape::Words(&[("A", "IPv4 addresses"), ("AAAA", "IPv6 addresses"), ("CNAME", "another name")])
}

fn targets() -> Shape {
    let values = |example: &str| (Shape::List(Box::new(Shape::Text), 1), json!([example]));
    let (of, one) = values("192.0.2.10");
    let (again, two) = values("198.51.100.10");
    Shape::Object(
        Object::new("The values that point to each region.")
            .must("primary", of, "Those of the primary region.", one)
            .must("secondary", again, "Those of the secondary region.", two),
    )
}

pub(super) fn server_address() -> Shape {
    Shape::Form(super::leaf::SERVER, "an address is wanted, such as 192.0.2.53 or 192.0.2.53:5353")
}

fn rfc2136() -> Object {
    let algorithms = Shape::Words(&[
        ("hmac-sha256", "HMAC with SHA-256"),
        ("hmac-sha384", "HMAC with SHA-384"),
        ("hmac-sha512", "HMAC with SHA-512"),
    ]);
    let key = Object::new("The key that signs updates.")
        .must("name", Shape::Text, "Its name, as the name server knows it.", json!("muster"))
        .must("algorithm", algorithms, "Its algorithm.", json!("hmac-sha256"))
        .must("secret", secret(), "Its secret, in base64.", json!({ "env": "TSIG" }));
    let record = Object::new("A record that is changed by dynamic update (RFC 2136).")
        .must("name", Shape::Text, "The record's name.", json!("code.example.com"))
        .must("zone", Shape::Text, "The zone that it is in.", json!("example.com"))
        .must("server", server_address(), "The primary name server, which takes updates.", json!("192.0.2.53"))
        .must(
            "key",
            Shape::Object(key),
            "The key that signs them.",
            json!({ "name": "muster", "algorithm": "hmac-sha256", "secret": { "env": "TSIG" } }),
        )
        .must(
            "targets",
            targets(),
            "The values that point to each region.",
            json!({ "primary": ["192.0.2.10"], "secondary": ["198.51.100.10"] }),
        );
    record_keys(record, "The zone's authoritative servers, in place of what its NS records say.")
}

/// What every record that is changed over the network is told: its type and TTL, and who is asked about it.
pub(super) fn record_keys(record: Object, authoritative: &'static str) -> Object {
    record
        .may("type", record_type(), "The record's type.", json!("A"), json!("AAAA"))
        .not_null()
        .else_in_words("ttl", duration(), "The TTL that it gets where there is no record yet.", "60s", json!("60s"))
        .may(
            "authoritative",
            Shape::list(server_address()),
            authoritative,
            json!([]),
            json!(["192.0.2.53", "192.0.2.54"]),
        )
        .not_null()
        .may(
            "resolvers",
            Shape::list(server_address()),
            "Users' resolvers that the change is followed through.",
            json!([]),
            json!(["203.0.113.53"]),
        )
        .not_null()
}

fn exec_keys(object: Object) -> Object {
    object
        .must(
            "command",
            Shape::Program,
            "The program and its arguments; never a shell's line.",
            json!(["python3", "my-provider.py"]),
        )
        .else_in_words("folder", Shape::Text, "The folder to run it in.", "Muster's own", json!("/srv/muster"))
        .may(
            "env",
            Shape::Named("", Box::new(secret())),
            "Secrets that it finds in its environment.",
            json!({}),
            json!({ "TOKEN": { "env": "PROVIDER_TOKEN" } }),
        )
        .not_null()
        .may("timeout", duration(), "How long one call may take.", json!("30s"), json!("1m"))
        .may(
            "settings",
            Shape::Any,
            "Whatever else it is to know; handed over with each call.",
            json!({}),
            json!({ "cluster": "code" }),
        )
        .not_null()
}

fn exec() -> Object {
    exec_keys(Object::new("A program of one's own that acts on it."))
}

fn exec_of_dns() -> Object {
    exec_keys(Object::new("A program of one's own that changes a DNS record."))
        .must("name", Shape::Text, "The record's name.", json!("code.example.com"))
        .must(
            "targets",
            targets(),
            "The values that point to each region.",
            json!({ "primary": ["192.0.2.10"], "secondary": ["198.51.100.10"] }),
        )
        .may("type", record_type(), "The record's type.", json!("A"), json!("CNAME"))
        .else_in_words(
            "ttl",
            duration(),
            "The record's TTL for its twin, and where there is no record yet.",
            "60s",
            json!("60s"),
        )
}

fn git() -> Object {
    let side = Object::new("One region's repositories.")
        .must(
            "url",
            Shape::Text,
            "What users push to, without the repository's name.",
            json!("ssh://git@git1.example.com/srv/git"),
        )
        .must(
            "path",
            Shape::Text,
            "The folder of the bare repositories, on the machine that has them.",
            json!("/srv/git"),
        )
        .may(
            "via",
            Shape::list(Shape::Text),
            "What runs a command on that machine.",
            json!([]),
            json!(["ssh", "git@git1.example.com"]),
        )
        .not_null();
    let example = json!({ "url": "ssh://git@git1.example.com/srv/git", "path": "/srv/git" });
    Object::new("Bare git repositories in each region, copied to the other one behind each push.")
        .must("regions", each(side, &example), "By region.", json!({ "primary": example, "secondary": example }))
        .may("sample", count(), "How many repositories of a copy `storage.verify` reads through.", json!(20), json!(50))
        .may("timeout", duration(), "How long one command may take.", json!("30s"), json!("1m"))
}

/// Where a run marks something as its own.
fn mark() -> Shape {
    Shape::Object(
        Object::new("A file that says whose the thing is while a run goes on.")
            .must(
                "file",
                Shape::Text,
                "The file; everybody who drills the same thing names the same.",
                json!("/var/lib/muster/web.mark"),
            )
            .may(
                "via",
                Shape::list(Shape::Text),
                "What runs a command on the machine that has it.",
                json!([]),
                json!(["ssh", "ops@host"]),
            )
            .not_null(),
    )
}

fn marked(object: Object) -> Object {
    object.else_in_words(
        "mark",
        mark(),
        "Where a run marks it as its own.",
        "only the lease guards it",
        json!({ "file": "/var/lib/muster/web.mark" }),
    )
}

fn servers() -> Object {
    let numbered = || {
        Shape::Raw(json!({
            "type": "array",
            "items": { "type": "string", "pattern": super::leaf::text(super::shape::Templates::Refused) },
            "contains": { "type": "string", "pattern": "\\{server\\}" },
        }))
    };
    let group = Object::new("The servers of one region; they have the numbers 1 to `capacity`.")
        .must("capacity", Shape::Integer(0, 1000), "How many servers the region can give.", json!(24))
        .must("start", numbered(), "Starts one; `{server}` is its number.", json!(["systemctl", "start", "web@{server}"]))
        .must("stop", numbered(), "Stops one; `{server}` is its number.", json!(["systemctl", "stop", "web@{server}"]))
        .must("status", Shape::Program, "Exits with 0 if a server runs and passes its check, with 1 or 3 if not; without `{server}` it prints the numbers of those that do.", json!(["systemctl", "is-active", "web@{server}"]))
        .may("timeout", duration(), "How long one command may take.", json!("1m"), json!("2m"));
    let example = json!({
        "capacity": 24, "start": ["systemctl", "start", "web@{server}"], "stop": ["systemctl", "stop", "web@{server}"],
        "status": ["systemctl", "is-active", "web@{server}"],
    });
    marked(Object::new("Servers that commands start and stop.").must(
        "regions",
        each(group, &example),
        "By region.",
        json!({ "primary": example, "secondary": example }),
    ))
}

fn walls() -> Object {
    marked(
        Object::new("A region that commands cut off and let in again.")
            .must(
                "isolate",
                Shape::Program,
                "Cuts it off from the parties that follow as arguments.",
                json!(["ssh", "wall", "isolate"]),
            )
            .must(
                "rejoin",
                Shape::Program,
                "Lets all in again; what follows are the resources that refuse writes in it.",
                json!(["ssh", "wall", "rejoin"]),
            )
            .must(
                "status",
                Shape::Program,
                "Prints from whom it is cut off, nothing if from nobody.",
                json!(["ssh", "wall", "status"]),
            )
            .may("timeout", duration(), "How long one command may take.", json!("5m"), json!("1m")),
    )
}

fn host_commands() -> Object {
    let argv = |object: Object, name: &'static str, about: &'static str, example: &[&str]| {
        object.may(name, Shape::list(Shape::Text), about, json!([]), json!(example)).not_null()
    };
    let object = Object::new("Programs that are run where the server lives.");
    let object =
        argv(object, "start", "Starts the server and waits until it takes connections.", &["ssh", "db1", "start"]);
    let object =
        argv(object, "stop", "Stops it in good order and waits until it has stopped.", &["ssh", "db1", "stop"]);
    let object = argv(object, "status", "Exit 0: it runs; 3: it does not.", &["ssh", "db1", "status"]);
    let object = argv(object, "restart", "Stops and starts it; for people.", &["ssh", "db1", "restart"]);
    let object = argv(
        object,
        "standby",
        "Marks the data folder of a stopped server as a standby's.",
        &["ssh", "db1", "standby"],
    );
    let object = argv(
        object,
        "rewind",
        "Rewinds the data folder to what `{source}` has.",
        &["ssh", "db1", "rewind", "{source}"],
    );
    let object = argv(
        object,
        "basebackup",
        "Replaces the data folder by a base backup of `{source}`.",
        &["ssh", "db1", "basebackup", "{source}"],
    );
    let object = argv(
        object,
        "preserve",
        "Copies the data, log included, into the new folder `{into}`.",
        &["ssh", "db1", "preserve", "{into}"],
    );
    argv(
        object,
        "waldump",
        "Prints the log's records from `{from}` to `{to}` on `{timeline}`, in the files `{first_segment}` to `{last_segment}`.",
        &["ssh", "db1", "pg_waldump", "-s", "{from}", "-e", "{to}", "{first_segment}", "{last_segment}"],
    )
}

fn port() -> Shape {
    Shape::Integer(0, 65_535)
}

pub(super) fn postgres() -> Object {
    let server = Object::new("One region's server.")
        .must(
            "host",
            Shape::Text,
            "Where Muster reaches it: its own name or address, none that the drill moves.",
            json!("db1.example.com"),
        )
        .may("port", port(), "Its port.", json!(5432), json!(5433))
        .not_null()
        .else_in_words(
            "replication_host",
            Shape::Text,
            "Where the other region's server reaches it.",
            "as `host`",
            json!("10.0.0.1"),
        )
        .else_in_words("replication_port", port(), "The port there.", "as `port`", json!(5432))
        .else_in_words(
            "slot",
            Shape::Text,
            "The replication slot that it uses at the other one.",
            "the one that its own settings name, if any",
            json!("secondary"),
        )
        .else_in_words(
            "keep_in",
            Shape::Text,
            "The folder, where it lives, under which `data.preserve` keeps copies.",
            "nothing can be preserved",
            json!("/srv/keep"),
        )
        .may(
            "host_commands",
            Shape::Object(host_commands()),
            "Programs that are run where it lives.",
            json!({}),
            json!({ "status": ["ssh", "db1", "status"] }),
        )
        .not_null();
    let replication = Object::new("How standbys follow.")
        .must("user", Shape::Text, "The role that a standby connects with.", json!("replicator"))
        .may("options", Shape::Text, "More of the connection string.", json!(""), json!("sslmode=require"))
        .not_null();
    let sslmode = Shape::Words(&[
        ("disable", "never by TLS"),
        ("allow", "by TLS only if the server takes nothing else"),
        ("prefer", "by TLS if the server has it"),
        ("require", "by TLS, whoever the server is"),
        ("verify-ca", "by TLS, to a server whose certificate a known authority signed"),
        ("verify-full", "the same, and the certificate must be for that host"),
    ]);
    Object::new("A database of PostgreSQL servers, one in each region.")
        .must("dbname", Shape::Text, "The database that the application uses.", json!("code"))
        .must(
            "regions",
            each(server, &json!({ "host": "db1.example.com" })),
            "The servers.",
            json!({ "primary": { "host": "db1.example.com" }, "secondary": { "host": "db2.example.com" } }),
        )
        .may(
            "maintenance",
            Shape::Text,
            "The database from which Muster sees to the server; another than `dbname`.",
            json!("postgres"),
            json!("muster"),
        )
        .not_null()
        .may("user", Shape::Text, "Muster's own role; nobody else may use it.", json!("muster"), json!("muster"))
        .not_null()
        .else_in_words(
            "password",
            secret(),
            "Its password.",
            "what the password file has",
            json!({ "env": "PGPASSWORD" }),
        )
        .else_in_words(
            "passfile",
            Shape::Text,
            "The password file.",
            "`PGPASSFILE`, or `~/.pgpass`",
            json!("/etc/muster/pgpass"),
        )
        .may(
            "sslmode",
            sslmode,
            "How connections are secured, in libpq's words.",
            json!("prefer"),
            json!("verify-full"),
        )
        .not_null()
        .else_in_words(
            "sslrootcert",
            Shape::Text,
            "The authorities' certificates, in PEM; `system`: those that the machine trusts.",
            "none",
            json!("/etc/muster/ca.pem"),
        )
        .may("timeout", duration(), "How long a connection, or a look at a server, may take.", json!("3s"), json!("5s"))
        .not_null()
        .may("command_timeout", duration(), "How long a program of `host_commands` may run.", json!("1h"), json!("2h"))
        .not_null()
        .else_in_words(
            "replication",
            Shape::Object(replication),
            "How standbys follow.",
            "as `rewind` and `basebackup` set them up",
            json!({ "user": "replicator" }),
        )
}

fn postgres_backup() -> Object {
    let archive = Object::new("One region's archive.")
        .must("backups", Shape::Text, "The folder with one folder for each base backup.", json!("/srv/backups"))
        .must("archive", Shape::Text, "The folder into which `archive_command` puts the log.", json!("/srv/wal"))
        .may(
            "encrypted",
            Shape::list(Shape::Text),
            "Exit 0: the base backup `{backup}` is encrypted.",
            json!([]),
            json!(["is-encrypted", "{backup}"]),
        )
        .not_null();
    let example = json!({ "backups": "/srv/backups", "archive": "/srv/wal" });
    Object::new("Base backups and logs of a PostgreSQL server, as folders that Muster can read.")
        .must("scratch", Shape::Text, "The folder under which scratch servers are made.", json!("/srv/scratch"))
        .must("regions", each(archive, &example), "The archives.", json!({ "primary": example, "secondary": example }))
        .else_in_words(
            "database",
            id(),
            "The database whose canary's rows prove a restore.",
            "the only one that `postgres` provides",
            json!("main"),
        )
        .else_in_words(
            "programs",
            Shape::Text,
            "The folder of PostgreSQL's programs.",
            "they are on the path",
            json!("/usr/lib/postgresql/17/bin"),
        )
        .may(
            "run_as",
            Shape::list(Shape::Text),
            "What stands before each program: PostgreSQL refuses to run as root.",
            json!([]),
            json!(["runuser", "-u", "postgres", "--"]),
        )
        .not_null()
        .may("timeout", duration(), "How long a restore may take.", json!("1h"), json!("2h"))
        .not_null()
}
