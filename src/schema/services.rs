//! What users use, what is written to see what is lost, and what is watched.

use serde_json::json;

use super::action::{check, services};
use super::leaf::{duration, id, on_failure};
use super::playbook::{objectives, silence};
use super::probe::{a_probe, a_standby};
use super::shape::{Object, Shape, given};

pub(super) fn service() -> Object {
    silence(
        Object::new("What users use, with the probe that sees whether they can.")
            .must(
                "probe",
                a_probe(),
                "How its health is known.",
                json!({ "http": "https://code.example.test/healthz", "every": "1s" }),
            )
            .else_in_words("title", Shape::Text, "For people.", "its name", json!("Web interface"))
            .may(
                "depends_on",
                Shape::list(id()),
                "The resources that it needs; the simulation derives its health from them.",
                json!([]),
                json!(["code", "main", "web-servers"]),
            )
            .not_null()
            .may(
                "access",
                Shape::Words(&[("write", "they read and write"), ("read", "they only read: a copy will do")]),
                "What users do with it.",
                json!("write"),
                json!("read"),
            )
            .not_null()
            .may(
                "objectives",
                Shape::Object(objectives("Its own objectives, over the drill's.", false)),
                "Its own objectives, over the drill's.",
                json!({}),
                json!({ "rto": "10m" }),
            )
            .not_null()
            .else_in_words(
                "standby",
                a_standby(),
                "How the region that does not serve yet is asked whether it could.",
                "it can't be asked",
                json!({ "http": "https://code.example.test/readyz" }),
            )
            .not_null(),
    )
}

pub(super) fn canary() -> Object {
    silence(
        Object::new("Small numbered writes that show afterwards what was lost.")
            .else_in_words("database", id(), "The database that it writes to.", "it writes to a storage", json!("main"))
            .else_in_words(
                "storage",
                id(),
                "The storage that it writes to.",
                "it writes to a database",
                json!("repositories"),
            )
            .may("every", duration(), "From one write to the next; at least 10ms.", json!("1s"), json!("200ms"))
            .exactly_one(&["database", "storage"]),
    )
}

pub(super) fn guardrail() -> Object {
    silence(
        Object::new("A condition that is watched during the whole run.")
            .must("name", Shape::Text, "For people.", json!("secondary stays reachable"))
            .must("broken_after", duration(), "For how long it must be broken.", json!("10s"))
            .else_in_words(
                "probe",
                a_probe(),
                "What is probed.",
                "it watches something else",
                json!({ "tcp": "gateway.example.test:22", "every": "2s" }),
            )
            .not_null()
            .else_in_words(
                "outage_of",
                services(),
                "The services of which an outage counts: `any`, one, or a list.",
                "it watches something else",
                json!("any"),
            )
            .else_in_words(
                "check",
                Shape::Object(resource_check()),
                "The condition on resources that must hold.",
                "it watches something else",
                json!({ "database": "main", "in": "secondary", "lag_at_most": "30s" }),
            )
            .else_in_words(
                "every",
                duration(),
                "With `check`: from one look to the next; at least 1s.",
                "10s",
                json!("10s"),
            )
            .may("then", on_failure(), "What happens when it is broken.", json!("pause"), json!("stop"))
            .exactly_one(&["probe", "outage_of", "check"])
            .only_with("every", &["check"]),
    )
}

/// A guardrail's condition is about resources.
fn resource_check() -> Object {
    check("What must hold.").rule(json!({ "not": { "anyOf": [given("services"), given("service")] } }))
}
