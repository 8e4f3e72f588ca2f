//! The actions: what each is told.

use serde_json::{Value, json};

use super::leaf::{count, duration, id, mode, on_failure, region};
use super::probe::http_expect;
use super::shape::{Object, Shape};
use crate::catalogue::Act;

/// The keys that say what an action acts on.
fn of(about: &'static str, key: &'static str, what: &'static str, example: &str) -> Object {
    Object::new(about).must(key, id(), what, json!(example))
}

fn at(object: Object) -> Object {
    object.must("in", region(), "The region in which it does so.", json!("secondary"))
}

fn to(object: Object) -> Object {
    object.must("to", region(), "The region that takes over.", json!("secondary"))
}

const DATABASE: &str = "The database, by its name in the infrastructure file.";
const STORAGE: &str = "The storage, by its name in the infrastructure file.";
const COMPUTE: &str = "The compute group, by its name in the infrastructure file.";
const BACKUP: &str = "The backup, by its name in the infrastructure file.";

fn unreachable(object: Object) -> Object {
    let words =
        Shape::Words(&[("fail", "the step fails"), ("continue", "the step passes and says that nothing was fenced")]);
    object
        .may(
            "unreachable",
            words,
            "What if it does not answer, as in an unplanned drill.",
            json!("fail"),
            json!("continue"),
        )
        .not_null()
}

fn drain(object: Object) -> Object {
    object.else_in_words(
        "drain",
        Shape::Bool,
        "Whether to wait until the new side has everything that was written up to the fence; then nothing is lost.",
        "in planned mode only",
        json!(true),
    )
}

fn copied(object: Object) -> Object {
    object
        .must("from", region(), "The region of the original.", json!("secondary"))
        .must(
            "to",
            region(),
            "The region in which it is built anew; what only that side has is lost.",
            json!("primary"),
        )
        .rule(other_region("primary"))
        .rule(other_region("secondary"))
}

/// A copy is made from one region to the other.
fn other_region(region: &str) -> Value {
    let both =
        json!({ "properties": { "from": { "const": region }, "to": { "const": region } }, "required": ["from", "to"] });
    json!({ "not": both })
}

#[expect(clippy::too_many_lines, reason = "a table, a few lines an action")]
/// What the action `key` is told; `None` for an action that this table does not have.
pub(super) fn arguments(key: &str) -> Option<Object> {
    let about = Act::explain(key)?.trim();
    Some(match key {
        "dns.switch" => to(Object::new(about).must(
            "records",
            Shape::one_or_many(id()),
            "The DNS records, all of them at once, by their names in the infrastructure file.",
            json!(["code", "git"]),
        )),
        "database.fence" => unreachable(at(of(about, "database", DATABASE, "main"))),
        "database.promote" => drain(to(of(about, "database", DATABASE, "main"))).else_in_words(
            "irreversible",
            Shape::Words(&[("accept", "that is known")]),
            "That what is promoted never follows again, where that is so: the way back then builds a new replica.",
            "it is refused where it is so (M147)",
            json!("accept"),
        ),
        "database.replicate" => copied(of(about, "database", DATABASE, "main")),
        "storage.fence" => unreachable(at(of(about, "storage", STORAGE, "repositories"))),
        "storage.promote" => drain(to(of(about, "storage", STORAGE, "repositories"))),
        "storage.replicate" => copied(of(about, "storage", STORAGE, "repositories")),
        "storage.verify" => at(of(about, "storage", STORAGE, "repositories"))
            .may(
                "behind_at_most",
                duration(),
                "How old the oldest push may be that the copy lacks.",
                json!("30s"),
                json!("1m"),
            )
            .not_null(),
        "storage.recover" => at(of(about, "storage", STORAGE, "repositories"))
            .must("deleted_ago", duration(), "How long ago it was deleted.", json!("6d"))
            .else_in_words(
                "repository",
                Shape::Text,
                "The repository.",
                "one that was deleted about then",
                json!("team/app.git"),
            )
            .may(
                "expect",
                Shape::Words(&[
                    ("recovered", "it comes back"),
                    ("refused", "it was deleted too long ago; a refusal is the expected result"),
                ]),
                "What users are promised.",
                json!("recovered"),
                json!("refused"),
            )
            .not_null()
            .may(
                "metadata",
                Shape::Bool,
                "Whether issues, settings and the like are promised too.",
                json!(false),
                json!(false),
            )
            .not_null(),
        "data.preserve" => at(Object::new(about).must(
            "of",
            Shape::one_or_many(id()),
            "The databases and storages whose own writes are kept.",
            json!(["main", "repositories"]),
        ))
        .else_in_words(
            "at_most",
            duration(),
            "How long each may take before it is given up.",
            "the step's timeout",
            json!("30m"),
        ),
        "compute.start" => at(of(about, "compute", COMPUTE, "web-servers")).else_in_words(
            "servers",
            count(),
            "How many servers.",
            "as many as the region can give",
            json!(12),
        ),
        "compute.stop" => at(of(about, "compute", COMPUTE, "web-servers")),
        "compute.scale" => at(of(about, "compute", COMPUTE, "web-servers")).must(
            "to",
            Shape::Either(vec![count(), Shape::Words(&[("as_before", "as many as before the drill")])]),
            "How many servers: a number, or `as_before`.",
            json!(12),
        ),
        "backup.verify" => backup_verify(at(of(about, "backup", BACKUP, "snapshots"))),
        "backup.restore" => backup_restore(at(of(about, "backup", BACKUP, "snapshots"))),
        "region.isolate" => Object::new(about)
            .must("region", region(), "The region that is lost.", json!("primary"))
            .must("from", isolated_from(), "From whom it is cut off.", json!(["users", "secondary"])),
        "region.rejoin" => Object::new(about)
            .must("region", region(), "The region that comes back.", json!("primary"))
            .may(
                "fenced",
                Shape::list(id()),
                "What must refuse writes there before anyone can reach it again.",
                json!([]),
                json!(["main", "repositories"]),
            )
            .not_null(),
        "check" => check(about),
        "wait" => wait(about),
        "command" => command(about),
        "http" => http(about),
        "notify" => Object::new(about)
            .must(
                "webhook",
                value(),
                "The address that the message is posted to. Usually a secret.",
                json!({ "env": "STATUS_HOOK" }),
            )
            .must(
                "message",
                Shape::Text,
                "What is said; `run.id`, `run.verdict` and so on may stand in it.",
                json!("Drill {{ run.id }}: {{ run.verdict }}"),
            )
            .may(
                "shape",
                Shape::Words(&[("text", "JSON with the one field `text`"), ("slack", "the blocks of Slack")]),
                "The shape of the message.",
                json!("text"),
                json!("slack"),
            )
            .not_null(),
        "approve" => gate(
            Object::new(about)
                .must("prompt", Shape::Text, "The question.", json!("Start? Users are out from here."))
                .may(
                    "quorum",
                    Shape::Integer(1, 100),
                    "How many must approve, under different names.",
                    json!(1),
                    json!(2),
                )
                .not_null()
                .may(
                    "other_than_starter",
                    Shape::Bool,
                    "Whether it must be somebody else than who started the run.",
                    json!(false),
                    json!(true),
                )
                .not_null(),
        ),
        "manual" => gate(
            Object::new(about)
                .must(
                    "checklist",
                    Shape::list(Shape::Text),
                    "What is to be done, a line each.",
                    json!(["Pull the red cable", "Close the door"]),
                )
                .may(
                    "evidence",
                    Shape::Words(&[
                        ("optional", "it is asked for and may be left out"),
                        ("required", "who has none is not done"),
                    ]),
                    "Whether it is done without evidence: a text, a file or a link.",
                    json!("optional"),
                    json!("required"),
                )
                .not_null()
                .may(
                    "undo",
                    Shape::list(Shape::Text),
                    "What to do by hand to take it back, a line each.",
                    json!([]),
                    json!(["Plug the red cable in"]),
                )
                .not_null(),
        ),
        "playbook" => Object::new(about)
            .must(
                "file",
                Shape::Text,
                "The other playbook's file, from the folder of this one.",
                json!("parts/failover.yaml"),
            )
            .may(
                "vars",
                Shape::Named("", Box::new(Shape::Text)),
                "Variables that it is given, over its own defaults; as texts.",
                json!({}),
                json!({ "lag": "10s" }),
            )
            .not_null(),
        _ => return None,
    })
}

fn isolated_from() -> Shape {
    let parties = Shape::Words(&[
        ("users", "users, and Muster's probes, which stand where users are"),
        ("primary", "the primary region"),
        ("secondary", "the secondary region"),
    ]);
    Shape::List(Box::new(parties), 1)
}

fn backup_verify(object: Object) -> Object {
    object
        .else_in_words("newest_at_most", duration(), "How old the newest snapshot may be.", "any age", json!("70m"))
        .else_in_words("kept_at_least", duration(), "How far back the snapshots must reach.", "any time", json!("30d"))
        .else_in_words(
            "encrypted",
            Shape::Bool,
            "Whether every snapshot must be encrypted.",
            "that is not looked at",
            json!(true),
        )
        .else_in_words(
            "gaps_at_most",
            duration(),
            "How much time may lie between two snapshots.",
            "any time",
            json!("2h"),
        )
}

fn backup_restore(object: Object) -> Object {
    object
        .may(
            "to",
            Shape::Form("latest|DUR\\s* ago", "`latest` is wanted, or how long ago: `2h ago`"),
            "The point in time that is restored: `latest`, or `2h ago`.",
            json!("latest"),
            json!("2h ago"),
        )
        .not_null()
        .may(
            "within",
            duration(),
            "How far the newest write that comes back may be from that point.",
            json!("1h10m"),
            json!("10m"),
        )
        .not_null()
}

/// A text, or where a secret is read from.
pub(super) fn value() -> Shape {
    Shape::Either(vec![Shape::Text, super::leaf::secret()])
}

fn gate(object: Object) -> Object {
    object
        .may(
            "by",
            Shape::list(Shape::Text),
            "Whose answer counts: roles or names. Of nobody: anyone's.",
            json!([]),
            json!(["incident-commander", "database-lead"]),
        )
        .not_null()
        .else_in_words("deadline", duration(), "How long they may take.", "a day, and a warning (M096)", json!("30m"))
        .may(
            "then",
            on_failure(),
            "What happens when the answer is no, or none has come in time.",
            json!("stop"),
            json!("pause"),
        )
        .not_null()
}

fn command(about: &'static str) -> Object {
    let codes = || Shape::one_or_many(Shape::Integer(i64::from(i32::MIN), i64::from(i32::MAX)));
    let expect = Object::new("What is expected of a program that has ended.")
        .else_in_words("exit", codes(), "The exit codes that are well.", "0", json!([0, 3]))
        .else_in_words("stdout_contains", Shape::Text, "A text that it prints.", "anything", json!("paused"));
    Object::new(about)
        .must("argv", Shape::Program, "The program and its arguments. There is no shell.", json!(["autofailover", "pause"]))
        .may("observe", Shape::list(Shape::Text), "A program that tells whether it is done: exit 0 it is, 1 it is not, else unknown.", json!([]), json!(["autofailover", "status", "paused"]))
        .not_null()
        .may("undo", Shape::list(Shape::Text), "A program that takes it back.", json!([]), json!(["autofailover", "resume"]))
        .not_null()
        .rule(json!({ "properties": { "observe": { "minItems": 1, "prefixItems": [{ "minLength": 1 }] }, "undo": { "minItems": 1, "prefixItems": [{ "minLength": 1 }] } } }))
        .may("repeatable", Shape::Bool, "Whether twice is as good as once.", json!(false), json!(true))
        .not_null()
        .may("env", Shape::Named("", Box::new(value())), "Variables of its environment: texts, or secrets.", json!({}), json!({ "TOKEN": { "env": "AUTOFAILOVER_TOKEN" } }))
        .not_null()
        .else_in_words("folder", Shape::Text, "The folder that it runs in.", "Muster's own", json!("/srv/muster"))
        .may("expect", Shape::Object(expect), "What is expected of it.", json!({}), json!({ "exit": 0 }))
        .not_null()
}

fn http(about: &'static str) -> Object {
    Object::new(about)
        .must("url", super::probe::url(), "Where the request goes.", json!("https://api.example.test/freeze"))
        .may("method", super::probe::method(), "How.", json!("GET"), json!("POST"))
        .not_null()
        .may(
            "headers",
            Shape::Named("", Box::new(value())),
            "Headers: texts, or secrets.",
            json!({}),
            json!({ "Authorization": { "env": "API_TOKEN" } }),
        )
        .not_null()
        .else_in_words("body", Shape::Text, "What is sent.", "nothing", json!("{\"freeze\": true}"))
        .may(
            "expect",
            Shape::Object(http_expect()),
            "What is expected of the answer.",
            json!({}),
            json!({ "status": 202 }),
        )
        .not_null()
}

/// Which services.
pub(super) fn services() -> Shape {
    Shape::one_or_many(id())
}

/// The keys of conditions. What goes together with what is a rule of its own.
fn keys(about: &'static str) -> Object {
    let none = "the condition is about something else";
    Object::new(about)
        .else_in_words("services", services(), "Services that must be healthy: `all`, one, or a list.", none, json!("all"))
        .else_in_words("service", id(), "One service; with `in`, its standby there.", none, json!("web"))
        .else_in_words("database", id(), "A database whose copy must be close behind: with `in` and `lag_at_most`.", none, json!("main"))
        .else_in_words("storage", id(), "A storage whose copy must be close behind: with `in` and `lag_at_most`.", none, json!("repositories"))
        .else_in_words("dns", Shape::one_or_many(id()), "DNS records whose TTL must be short: with `ttl_at_most`.", none, json!(["code", "git"]))
        .else_in_words("compute", id(), "A compute group that must have room: with `in` and `can_scale_to`.", none, json!("web-servers"))
        .else_in_words("in", region(), "The region that is meant.", "any", json!("secondary"))
        .else_in_words("healthy_for", duration(), "For how long services must be healthy without a failed sample.", "a moment is enough", json!("2m"))
        .else_in_words("served_by", region(), "The region that must answer for the services.", "any", json!("secondary"))
        .else_in_words("until", Shape::Words(&[("healthy", "they are up"), ("unhealthy", "they are down")]), "What services are waited for.", "`healthy`", json!("unhealthy"))
        .else_in_words("lag_at_most", duration(), "How far the copy may be behind.", none, json!("10s"))
        .else_in_words("ttl_at_most", duration(), "How long resolvers may keep an answer.", none, json!("60s"))
        .else_in_words("can_scale_to", count(), "How many servers the region must be able to give.", none, json!(12))
        .else_in_words("for", duration(), "In a `wait`: so much time passes.", none, json!("30s"))
        .else_in_words("at", Shape::Form("[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)", "a time with its zone is wanted, such as 2026-12-01T09:00:00Z"), "In a `wait`: this time comes.", none, json!("2026-12-01T09:00:00Z"))
}

/// The keys of all conditions.
const CONDITION: &[&str] = &[
    "services",
    "service",
    "database",
    "storage",
    "dns",
    "compute",
    "in",
    "healthy_for",
    "served_by",
    "until",
    "lag_at_most",
    "ttl_at_most",
    "can_scale_to",
    "for",
    "at",
];

/// One kind of condition: the keys that it must have and those that it may have; of others, `null` says that they are not
/// there.
fn kind(must: &[&str], may: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> = CONDITION
        .iter()
        .filter(|key| !may.contains(*key))
        .map(|key| {
            let null = json!({ "type": "null" });
            ((*key).to_owned(), if must.contains(key) { json!({ "not": { "type": "null" } }) } else { null })
        })
        .collect();
    json!({ "required": must, "properties": properties })
}

fn conditions() -> Vec<Value> {
    let until = |what: Value| json!({ "properties": { "until": what } });
    let down = |key: &str| json!({ "allOf": [kind(&[key, "until"], &[]), until(json!({ "const": "unhealthy" }))] });
    let served = |key: &str| {
        json!({ "allOf": [
            kind(&[key], &["healthy_for", "served_by", "until"]), until(json!({ "not": { "const": "unhealthy" } })),
        ] })
    };
    vec![
        served("services"),
        served("service"),
        down("services"),
        down("service"),
        kind(&["service", "in"], &[]),
        kind(&["database", "in", "lag_at_most"], &[]),
        kind(&["storage", "in", "lag_at_most"], &[]),
        kind(&["dns", "ttl_at_most"], &[]),
        kind(&["compute", "in", "can_scale_to"], &[]),
    ]
}

/// The schema of `check`, which guardrails have, too.
pub(super) fn check(about: &'static str) -> Object {
    keys(about).rule(json!({ "anyOf": conditions() }))
}

fn wait(about: &'static str) -> Object {
    let mut all = conditions();
    all.extend([kind(&["for"], &[]), kind(&["at"], &[])]);
    keys(about).rule(json!({ "anyOf": all }))
}

/// In which modes something is carried out.
pub(super) fn when() -> Shape {
    Shape::Object(Object::new("In which modes it is carried out.").must(
        "mode",
        Shape::one_or_many(mode()),
        "One mode, or a list.",
        json!("unplanned"),
    ))
}
