//! Probes: what is asked of a service, how often, and what is expected of its answer.

use serde_json::json;

use super::leaf::{count, duration};
use super::shape::{Object, Shape};

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
        Shape::Form("[1-5][0-9]{2}|[1-5]xx", "a status code such as 200 is wanted, or a class such as 2xx"),
    ]))
}

/// What is expected of an HTTP answer.
pub(super) fn http_expect() -> Object {
    Object::new("What is expected of the answer.")
        .may(
            "status",
            status(),
            "The status codes that are well: `200`, `2xx`, or a list of both.",
            json!("2xx"),
            json!(200),
        )
        .not_null()
        .else_in_words(
            "within",
            duration(),
            "How long the whole exchange may take; shorter than the probe's `timeout`.",
            "any time",
            json!("800ms"),
        )
        .else_in_words(
            "body_contains",
            Shape::one_or_many(Shape::Text),
            "Texts that stand in the body.",
            "any body",
            json!("ok"),
        )
        .may(
            "headers",
            Shape::Named("", Box::new(Shape::Text)),
            "Headers that the answer has, with their values.",
            json!({}),
            json!({ "cache-control": "no-store" }),
        )
        .not_null()
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

/// What is asked.
fn question(about: &'static str) -> Object {
    let other = "the probe asks otherwise";
    let target = Shape::Form(
        "(?:[^:/@ \\[\\]{}]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}",
        "`host:port` is wanted, such as db.example.test:5432",
    );
    Object::new(about)
        .else_in_words(
            "http",
            url(),
            "Asks over HTTP, on a fresh connection.",
            other,
            json!("https://code.example.test/healthz"),
        )
        .else_in_words(
            "tcp",
            target,
            "Opens a connection, and is content when that succeeds.",
            other,
            json!("git.example.test:22"),
        )
        .may("method", method(), "With `http`: how it asks.", json!("GET"), json!("HEAD"))
        .may(
            "headers",
            Shape::Named("", Box::new(Shape::Text)),
            "With `http`: what it sends along.",
            json!({}),
            json!({ "accept": "text/plain" }),
        )
        .may(
            "expect",
            Shape::Object(http_expect()),
            "With `http`: what it expects of the answer.",
            json!({}),
            json!({ "status": 200, "within": "800ms" }),
        )
        .may("resolver", resolver(), "Who resolves the name.", json!("system"), json!({ "server": "192.0.2.53" }))
        .exactly_one(&["http", "tcp"])
        .only_with("method", &["http"])
        .only_with("headers", &["http"])
        .only_with("expect", &["http"])
}

/// A probe without a rhythm: a service's standby.
pub(super) fn standby() -> Object {
    question("How the region that does not serve yet is asked whether it could.")
}

/// A probe.
pub(super) fn probe() -> Object {
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
