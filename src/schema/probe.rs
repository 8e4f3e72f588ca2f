//! Probes: what is asked of a service, how often, and what is expected of its answer.

use serde_json::{Value, json};

use super::leaf::{count, duration};
use super::shape::{Object, Shape, given};

/// A URL of HTTP, without a user or password.
pub(super) fn url() -> Shape {
    Shape::Form(
        "https?://[^/?#@:\\[\\]{}]+(?::[0-9]{1,5})?(?:[/?#][^{]*)?|https?://\\[[0-9A-Fa-f:.]+\\](?::[0-9]{1,5})?(?:[/?#][^{]*)?",
        "a URL is wanted, such as https://code.example.test/healthz",
    )
}

/// The methods of HTTP.
pub(super) fn method() -> Shape {
    Shape::Words(&[
        ("GET", "reads"),
        ("HEAD", "reads the headers"),
        ("POST", "sends"),
        ("PUT", "puts"),
        ("PATCH", "changes in part"),
        ("DELETE", "deletes"),
    ])
}

fn status() -> Shape {
    Shape::one_or_many(Shape::Either(vec![
        Shape::Integer(100, 599),
        Shape::Form(
            "[1-5][0-9]{2}|[1-5]xx|[1-5][0-9]{2}-[1-5][0-9]{2}",
            "a status code such as 200 is wanted, a class such as 2xx, or a range such as 200-204",
        ),
    ]))
}

fn texts() -> Shape {
    Shape::one_or_many(Shape::Text)
}

/// `within`, which every expectation has.
fn in_time(object: Object) -> Object {
    object.else_in_words(
        "within",
        duration(),
        "How long all of it may take; shorter than the probe's `timeout`.",
        "any time",
        json!("800ms"),
    )
}

/// What is expected of an HTTP answer.
pub(super) fn http_expect() -> Object {
    in_time(
        Object::new("What is expected of the answer.")
            .may(
                "status",
                status(),
                "The status codes that are well: `200`, `2xx`, `200-204`, or a list of these.",
                json!("2xx"),
                json!(200),
            )
            .not_null(),
    )
    .else_in_words("body_contains", texts(), "Texts that stand in the body.", "any body", json!("ok"))
    .else_in_words("body_lacks", texts(), "Texts that stand nowhere in the body.", "any body", json!("error"))
    .may(
        "headers",
        Shape::Named("", Box::new(Shape::Text)),
        "Headers that the answer has, with their values.",
        json!({}),
        json!({ "cache-control": "no-store" }),
    )
    .not_null()
    .may(
        "headers_contain",
        Shape::Named("", Box::new(Shape::Text)),
        "Headers that the answer has, with a text that stands in their values.",
        json!({}),
        json!({ "content-type": "json" }),
    )
    .not_null()
    .may(
        "json",
        Shape::Named("", Box::new(Shape::Any)),
        "JSON pointers into the body (RFC 6901), with the value that each points to.",
        json!({}),
        json!({ "/status": "ok" }),
    )
    .not_null()
    .else_in_words(
        "certificate_days",
        count(),
        "For how many more days the server's certificate is valid, at least.",
        "any valid one",
        json!(14),
    )
}

fn tcp_expect() -> Object {
    in_time(Object::new("What is expected of a connection.").else_in_words(
        "receives",
        texts(),
        "Texts that come back.",
        "a connection is enough",
        json!("+PONG"),
    ))
}

fn tls_expect() -> Object {
    in_time(
        Object::new("What is expected of a handshake, beside that it succeeds.")
            .else_in_words(
                "names",
                texts(),
                "Hosts that the certificate is for.",
                "the host that is asked",
                json!("code.example.test"),
            )
            .else_in_words("days", count(), "For how many more days it is valid, at least.", "any valid one", json!(14))
            .else_in_words(
                "issuer",
                Shape::Text,
                "A text in the name of who issued it.",
                "anyone who is trusted",
                json!("Let's Encrypt"),
            ),
    )
}

fn dns_expect() -> Object {
    in_time(
        Object::new("What is expected of name servers, beside that all of them answer the same.")
            .else_in_words(
                "answers",
                texts(),
                "Exactly these answers, in any order.",
                "any answer",
                json!("192.0.2.10"),
            )
            .else_in_words("contains", texts(), "Answers that are among them.", "any answer", json!("192.0.2.10"))
            .else_in_words("ttl_at_most", duration(), "How long an answer may be kept.", "any time", json!("60s")),
    )
}

fn postgres_expect() -> Object {
    let text = super::leaf::text(super::shape::Templates::Filled);
    let value = Shape::Raw(json!({
        "anyOf": [{ "type": "string", "pattern": text }, { "type": "number" }, { "type": "boolean" }],
    }));
    in_time(Object::new("What is expected of a query, beside that it succeeds.").else_in_words(
        "value",
        value,
        "The first column of the first row.",
        "any",
        json!(false),
    ))
}

fn program_expect() -> Object {
    in_time(
        Object::new("What is expected of a probe's program.")
            .else_in_words(
                "exit",
                Shape::one_or_many(Shape::Integer(i64::from(i32::MIN), i64::from(i32::MAX))),
                "The exit codes that are well.",
                "0",
                json!(0),
            )
            .else_in_words(
                "stdout_contains",
                Shape::Text,
                "A text in its standard output.",
                "any output",
                json!("all well"),
            ),
    )
}

fn family() -> Shape {
    Shape::Words(&[("any", "both, as the resolver orders them"), ("ipv4", "IPv4 alone"), ("ipv6", "IPv6 alone")])
}

fn tls_options() -> Object {
    Object::new("How TLS is spoken, where it is not as the machine has it.")
        .else_in_words(
            "ca",
            Shape::Text,
            "A file with the certificates of the authorities that are trusted, in PEM.",
            "those that the machine trusts",
            json!("certs/ca.pem"),
        )
        .else_in_words(
            "server_name",
            Shape::Text,
            "The name that is asked for, and that the certificate must be for.",
            "the host",
            json!("code.example.test"),
        )
        .may("insecure", Shape::Bool, "Whether any certificate will do.", json!(false), json!(true))
        .not_null()
        .else_in_words(
            "client_certificate",
            Shape::Text,
            "A file with the certificate that is shown to the server, in PEM.",
            "none is shown",
            json!("certs/muster.pem"),
        )
        .else_in_words(
            "client_key",
            Shape::Of("secret"),
            "The key of that certificate, in PEM.",
            "none is shown",
            json!({ "file": "certs/muster.key" }),
        )
}

fn resolver() -> Shape {
    Shape::Either(vec![
        Shape::Words(&[("system", "the one that the machine is set up with")]),
        Shape::Object(Object::new("A resolver of one's own.").must(
            "server",
            Shape::Text,
            "Its address, with a port if it is not 53.",
            json!("192.0.2.53"),
        )),
        Shape::Object(Object::new("No resolver: always this address, whatever the name.").must(
            "fixed",
            address(),
            "The address.",
            json!("192.0.2.10"),
        )),
    ])
}

/// An IP address.
pub(super) fn address() -> Shape {
    Shape::Form(super::leaf::ADDRESS, "an IP address is wanted, such as 192.0.2.10 or 2001:db8::10")
}

/// The kinds of probes, by the key that says which it is.
const KINDS: [&str; 9] = ["http", "tcp", "tls", "dns", "postgres", "command", "all", "any", "of"];

/// A key that goes with these kinds alone.
fn only_of(object: Object, key: &str, kinds: &[&str]) -> Object {
    let each: Vec<Value> = kinds.iter().map(|kind| given(kind)).collect();
    object.rule(json!({ "if": { "required": [key] }, "then": { "anyOf": each } }))
}

/// What is expected, by the kind and the name in the schema.
fn expectations() -> [(&'static str, &'static str, Object); 6] {
    [
        ("http", "http_expect", http_expect()),
        ("tcp", "tcp_expect", tcp_expect()),
        ("tls", "tls_expect", tls_expect()),
        ("dns", "dns_expect", dns_expect()),
        ("postgres", "postgres_expect", postgres_expect()),
        ("command", "program_expect", program_expect()),
    ]
}

/// The mappings that stand in several places, by their names.
pub(super) fn shared() -> Vec<(&'static str, Object)> {
    let mut all = vec![
        ("probe", probe()),
        ("standby", standby()),
        ("part", question("One of several probes, without a rhythm of its own.")),
        ("tls_options", tls_options()),
    ];
    all.extend(expectations().into_iter().map(|(_, name, expect)| (name, expect)));
    all
}

/// What is expected depends on what is asked.
fn expects(object: Object, kind: &str, name: &str) -> Object {
    let expect = json!({ "anyOf": [{ "$ref": format!("#/$defs/{name}") }, { "type": "null" }] });
    object.rule(json!({ "if": given(kind), "then": { "properties": { "expect": expect } } }))
}

/// The keys by which it is said what is asked.
fn kinds(object: Object) -> Object {
    let other = "the probe asks otherwise";
    let target = || {
        Shape::Form(
            "(?:[^:/@ \\[\\]{}]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}",
            "`host:port` is wanted, such as db.example.test:5432",
        )
    };
    let parts = || Shape::List(Box::new(Shape::Of("part")), 1);
    let two = || json!([{ "tcp": "a.example.test:22" }, { "tcp": "b.example.test:22" }]);
    object
        .else_in_words(
            "http",
            url(),
            "Asks over HTTP, on a fresh connection.",
            other,
            json!("https://code.example.test/healthz"),
        )
        .else_in_words(
            "tcp",
            target(),
            "Opens a connection, and says a word where one is to be said.",
            other,
            json!("git.example.test:22"),
        )
        .else_in_words(
            "tls",
            target(),
            "Shakes hands by TLS, and looks at the certificate.",
            other,
            json!("code.example.test:443"),
        )
        .else_in_words(
            "dns",
            Shape::Text,
            "Asks name servers for a name; all of them must answer and agree.",
            other,
            json!("code.example.test"),
        )
        .else_in_words(
            "postgres",
            target(),
            "Asks a PostgreSQL server, in a session that can't write; needs a `user`.",
            other,
            json!("db.example.test:5432"),
        )
        .else_in_words(
            "command",
            Shape::list(Shape::Text),
            "Runs a program: the program and its arguments.",
            other,
            json!(["check-push", "--fast"]),
        )
        .else_in_words("all", parts(), "Several probes at the same time, all of which must be well.", other, two())
        .else_in_words("any", parts(), "Several probes at the same time, one of which must be well.", other, two())
        .else_in_words("of", count(), "So many of the `probes` must be well.", other, json!(2))
        .else_in_words("probes", parts(), "With `of`: the probes.", "`of` is not used", two())
        .exactly_one(&KINDS)
}

/// The keys that not every kind has.
fn particulars(object: Object) -> Object {
    object
        .may("method", method(), "With `http`: how it asks.", json!("GET"), json!("HEAD"))
        .may(
            "headers",
            Shape::Named("", Box::new(Shape::Either(vec![Shape::Text, Shape::Of("secret")]))),
            "With `http`: what it sends along; a value may be a secret.",
            json!({}),
            json!({ "accept": "text/plain" }),
        )
        .else_in_words("body", Shape::Text, "With `http`: what it sends.", "nothing", json!("{}"))
        .may(
            "redirects",
            Shape::Either(vec![Shape::Words(&[("none", "none is followed")]), count()]),
            "With `http`: how many redirects are followed, at most 10.",
            json!("none"),
            json!(2),
        )
        .else_in_words("send", Shape::Text, "With `tcp`: what it sends.", "nothing", json!("PING\r\n"))
        .may(
            "record",
            Shape::Words(&[
                ("A", "IPv4 addresses"),
                ("AAAA", "IPv6 addresses"),
                ("CNAME", "another name"),
                ("MX", "who takes mail"),
                ("NS", "name servers"),
                ("SOA", "the zone's serial number"),
                ("SRV", "where a service is"),
                ("TXT", "text"),
            ]),
            "With `dns`: the type of its records.",
            json!("A"),
            json!("AAAA"),
        )
        .else_in_words(
            "servers",
            texts(),
            "With `dns`: who is asked, by address.",
            "who the machine asks",
            json!("192.0.2.53"),
        )
        .else_in_words("user", Shape::Text, "With `postgres`: who asks.", "there is none", json!("muster"))
        .else_in_words(
            "password",
            Shape::Of("secret"),
            "With `postgres`: their password.",
            "there is none",
            json!({ "env": "PGPASSWORD" }),
        )
        .else_in_words("database", Shape::Text, "With `postgres`: which.", "that of the user's name", json!("app"))
        .may("query", Shape::Text, "With `postgres`: what is asked.", json!("select 1"), json!("select 1"))
        .may(
            "sslmode",
            Shape::Words(&[
                ("disable", "never by TLS"),
                ("allow", "by TLS only if the server takes nothing else"),
                ("prefer", "by TLS if the server has it"),
                ("require", "by TLS, whoever the server is"),
                ("verify-ca", "by TLS, to a server of a known authority"),
                ("verify-full", "the same, and of the name that was asked for"),
            ]),
            "With `postgres`: how the connection is secured, in libpq's words.",
            json!("prefer"),
            json!("verify-full"),
        )
        .may(
            "prints_address",
            Shape::Bool,
            "With `command`: whether the last line of its output is the address that answered.",
            json!(false),
            json!(true),
        )
        .may(
            "expect",
            Shape::Either(expectations().map(|(_, name, expect)| Shape::Shared(name, expect)).to_vec()),
            "What is expected of the answer; which keys there are depends on what is asked.",
            json!({}),
            json!({ "within": "800ms" }),
        )
        .may("resolver", resolver(), "Who resolves the name.", json!("system"), json!({ "server": "192.0.2.53" }))
        .may("family", family(), "Addresses of which family are connected to.", json!("any"), json!("ipv4"))
        .may(
            "tls_options",
            Shape::Shared("tls_options", tls_options()),
            "How TLS is spoken, where it is not as the machine has it.",
            json!({}),
            json!({ "ca": "certs/ca.pem" }),
        )
}

/// What is asked.
fn question(about: &'static str) -> Object {
    let mut object = particulars(kinds(Object::new(about)));
    for key in ["method", "headers", "body", "redirects"] {
        object = only_of(object, key, &["http"]);
    }
    for key in ["user", "password", "database", "query", "sslmode"] {
        object = only_of(object, key, &["postgres"]);
    }
    for key in ["record", "servers"] {
        object = only_of(object, key, &["dns"]);
    }
    for key in ["resolver", "family"] {
        object = only_of(object, key, &["http", "tcp", "tls", "postgres"]);
    }
    object = only_of(object, "tls_options", &["http", "tls", "postgres"]);
    object = only_of(object, "send", &["tcp"]);
    object = only_of(object, "prints_address", &["command"]);
    object = only_of(object, "probes", &["of"]);
    object = only_of(object, "expect", &["http", "tcp", "tls", "dns", "postgres", "command"]);
    for (kind, name, _) in expectations() {
        object = expects(object, kind, name);
    }
    object
        .rule(json!({ "if": given("postgres"), "then": given("user") }))
        .rule(json!({ "if": given("of"), "then": given("probes") }))
}

/// A probe without a rhythm: a service's standby.
fn standby() -> Object {
    question("How the region that does not serve yet is asked whether it could.")
}

/// A probe.
fn probe() -> Object {
    question("What is asked, how often, and what is expected of the answer.")
        .may("every", duration(), "From one sample to the next; at least 10ms.", json!("5s"), json!("1s"))
        .else_in_words(
            "timeout",
            duration(),
            "After this long a sample has failed.",
            "3s, or `every` if that is shorter",
            json!("3s"),
        )
        .may("healthy_after", count(), "So many good samples in a row end an outage; at most 1000.", json!(3), json!(3))
        .may(
            "unhealthy_after",
            count(),
            "So many bad samples in a row are an outage; at most 1000.",
            json!(2),
            json!(2),
        )
}

/// A probe, where one is wanted.
pub(super) fn a_probe() -> Shape {
    Shape::Shared("probe", probe())
}

/// A service's standby, where it is wanted.
pub(super) fn a_standby() -> Shape {
    Shape::Shared("standby", standby())
}
