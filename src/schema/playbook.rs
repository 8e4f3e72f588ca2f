//! A playbook, its phases and steps.

use serde_json::{Value, json};

use super::action::{arguments, when};
use super::leaf::{ID_KEY, VARIABLE_KEY, duration, id, mode};
use super::probe::{a_probe, shared};
use super::schedule;
use super::services::{canary, guardrail, service};
use super::shape::{Object, Shape};
use super::step::{example, step};
use crate::catalogue::Act;

/// `silence`, which many parts have.
pub(super) fn silence(object: Object) -> Object {
    let one = Object::new("A warning that is right so.")
        .must(
            "code",
            Shape::Form("M[0-9]{3}", "the code of a warning is wanted, such as M095"),
            "The warning's code. Errors can't be silenced.",
            json!("M095"),
        )
        .must("because", said(), "Why that is well as it is.", json!("the way home is a drill of its own"));
    object
        .else_in_words(
            "silence",
            Shape::List(Box::new(Shape::Object(one)), 0),
            "Warnings about this part that are not told, each with a reason.",
            "every warning is told",
            json!([{ "code": "M095", "because": "the way home is a drill of its own" }]),
        )
        .not_null()
}

/// A reason, which is not empty.
fn said() -> Shape {
    Shape::Form("\\s*(?:[^\\s{]|\\{[^{])(?:\\{?[^{])*\\{?|\\s*\\{", "a reason is wanted")
}

pub(super) fn objectives(about: &'static str, drill: bool) -> Object {
    let otherwise = if drill { "no objective" } else { "the drill's" };
    Object::new(about)
        .else_in_words("rto", duration(), "How long users may be out in the failover.", otherwise, json!("15m"))
        .else_in_words(
            "rpo",
            duration(),
            "How much of what was acknowledged may be lost in the failover, as time.",
            otherwise,
            json!("30s"),
        )
        .else_in_words(
            "failback_rto",
            duration(),
            "How long users may be out on the way back.",
            "as `rto`",
            json!("15m"),
        )
        .else_in_words("failback_rpo", duration(), "How much may be lost on the way back.", "as `rpo`", json!("0s"))
}

/// When runs may begin.
pub(super) fn windows() -> Object {
    let range = || {
        Shape::list(Shape::Form(
            "\\s*(?:daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?)(?:\\s+(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\\.\\.(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00))?\\s*|\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:\\.\\.[0-9]{4}-[0-9]{2}-[0-9]{2})?\\s*",
            "a range is wanted, such as `mon-fri 09:00..17:00`, `sat-sun`, `daily 22:00..02:00` or `2026-12-24..2027-01-02`",
        ))
    };
    Object::new("When runs may begin.")
        .may("allowed", range(), "When they may; of nothing: always.", json!([]), json!(["mon-fri 09:00..17:00"]))
        .not_null()
        .may(
            "blackout",
            range(),
            "When they must not, whatever is allowed.",
            json!([]),
            json!(["2026-12-24..2027-01-02"]),
        )
        .not_null()
        .may("timezone", Shape::Text, "The time zone's IANA name.", json!("UTC"), json!("Europe/Berlin"))
        .not_null()
}

fn accepted() -> Object {
    Object::new("A bad end of `muster simulate --explore` that is accepted, with a reason.")
        .must("end", Shape::Words(&[
            ("two-writers", "two sides took users' writes at once"),
            ("data-lost-beyond-the-objective", "more was lost than the objective, or the playbook, accepts"),
            ("report-not-true", "the report says something that is not so"),
            ("held-with-users-out", "it ended, and users of a service are not served"),
        ]), "Which.", json!("held-with-users-out"))
        .must("when", Shape::one_or_many(Shape::Form(
            "[^={]+=(?:fails|hangs|slow|flaky|lies|fails-in-undo|loses-its-region|any)(?: and [^={]+=(?:fails|hangs|slow|flaky|lies|fails-in-undo|loses-its-region|any))*",
            "a fault is wanted, such as dns=hangs, any=hangs, or a=fails and b=hangs",
        )), "With any of these faults; `a=fails and b=hangs`: both at once.", json!(["dns=hangs", "any=loses-its-region"]))
        .else_in_words("mode", Shape::one_or_many(mode()), "In which modes.", "in all", json!("unplanned"))
        .must("because", said(), "Why it is better than what could be done about it.", json!("nobody can move the names while their provider does not answer"))
}

pub(super) fn phase() -> Object {
    silence(
        Object::new("A part of the drill. Phases run one after another; one that ended well is a checkpoint.")
            .must("name", id(), "Its name. `prechecks`, `disaster`, `detect`, `failover`, `verify`, `soak`, `failback` and `cleanup` say what it is for.", json!("failover"))
            .must("steps", Shape::List(Box::new(Shape::Of("step")), 1), "Its steps: they run in written order, unless `needs` says otherwise.", json!([{ "id": "a", "wait": { "for": "1s" } }]))
            .else_in_words("title", Shape::Text, "For people.", "its name", json!("To the secondary region"))
            .else_in_words("kind", Shape::Words(&[
                ("prechecks", "before anything is changed; a failure refuses the run"),
                ("disaster", "the disaster itself"),
                ("detect", "until it is noticed and decided upon"),
                ("failover", "to the secondary region"),
                ("verify", "that users are served there"),
                ("soak", "staying there for a while"),
                ("failback", "home"),
                ("cleanup", "whatever happened"),
                ("other", "part of the leg in which it stands"),
            ]), "What it is for.", "what its name says", json!("failover"))
            .else_in_words("when", when(), "In which modes it is carried out.", "in all", json!({ "mode": "unplanned" })),
    )
}

fn data_loss() -> Object {
    Object::new("How much may be lost on purpose.")
        .must("accept_up_to", duration(), "So much of what was acknowledged last, as time.", json!("30s"))
        .must("because", Shape::Text, "Why.", json!("copies are asynchronous, and users are told so"))
}

/// A playbook as a test of a plan.
fn about() -> Object {
    let nothing = "nothing is said";
    let text = |object: Object, key: &'static str, about: &'static str, example: &str| {
        object.else_in_words(key, Shape::Text, about, nothing, json!(example))
    };
    let object = Object::new("What the playbook says of itself as a test of a plan.");
    let object = text(object, "version", "The version of the contingency plan that is tested.", "4.2");
    let object = text(object, "system", "The system that it is for.", "code host");
    let object = text(object, "contact", "Whom to ask.", "platform-reliability");
    let object = text(object, "location", "Where the people are.", "remote");
    let object = text(object, "test_type", "What kind of test it is, in the words of the plan.", "full");
    let object =
        text(object, "methodology", "How it is tested, beside what Muster does by itself.", "as the runbook says");
    object
        .may(
            "assumptions",
            Shape::list(Shape::Text),
            "What is taken for granted.",
            json!([]),
            json!(["staff is there"]),
        )
        .not_null()
}

/// The playbook's own keys.
#[expect(clippy::too_many_lines, reason = "a table, a few lines a key")]
pub(super) fn playbook() -> Object {
    let named = |of: Object| Shape::Named(ID_KEY, Box::new(Shape::Object(of)));
    silence(
        Object::new("What a drill does: services, objectives, guardrails, phases, steps.")
            .must("muster", Shape::Raw(json!({ "const": 1 })), "The version of the format.", json!(1))
            .must(
                "name",
                Shape::Form(super::leaf::ID, "a name of lower-case letters, digits, `-`, `_` and `.` is wanted"),
                "Its name; part of the ids of its runs.",
                json!("quarterly-failover"),
            )
            .must(
                "phases",
                Shape::List(Box::new(Shape::Object(phase())), 1),
                "Its phases, in order.",
                json!([{ "name": "failover", "steps": [{ "id": "a", "wait": { "for": "1s" } }] }]),
            )
            .else_in_words(
                "title",
                Shape::Text,
                "For people.",
                "its name",
                json!("Quarterly failover of the code host, and back"),
            )
            .else_in_words(
                "owner",
                Shape::Text,
                "Who answers for it.",
                "nobody is named",
                json!("platform-reliability"),
            )
            .else_in_words(
                "infrastructure",
                Shape::Raw(json!({ "type": "string", "pattern": super::leaf::text(super::shape::Templates::Refused) })),
                "The infrastructure file that a run uses, from this file's folder.",
                "`--infra` must name one",
                json!("infra/simulated.yaml"),
            )
            .may("mode", mode(), "How it is run; `--mode` overrides it.", json!("planned"), json!("unplanned"))
            .else_in_words(
                "scenario",
                Shape::Text,
                "What the drill supposes, in a sentence or two.",
                "nothing is said",
                json!("The primary region is lost without warning."),
            )
            .may(
                "objectives",
                Shape::Object(objectives("What the drill is judged by.", true)),
                "What the drill is judged by.",
                json!({}),
                json!({ "rto": "15m", "rpo": "30s" }),
            )
            .not_null()
            .may(
                "about",
                Shape::Object(about()),
                "What the playbook says of itself as a test of a plan; it stands in the reports for auditors.",
                json!({}),
                json!({ "version": "4.2", "test_type": "full" }),
            )
            .not_null()
            .may(
                "catalogues",
                Shape::list(Shape::Text),
                "The team's own catalogues of controls, by their files from this one's folder.",
                json!([]),
                json!(["controls/own.yaml"]),
            )
            .not_null()
            .may(
                "controls",
                Shape::list(Shape::Text),
                "The controls that it is evidence for.",
                json!([]),
                json!(["soc2:A1.3", "iso27001:A.5.30"]),
            )
            .not_null()
            .may(
                "roles",
                Shape::list(Shape::Text),
                "The roles of people that gates ask for.",
                json!([]),
                json!(["incident-commander", "scribe"]),
            )
            .not_null()
            .may(
                "vars",
                Shape::Named(VARIABLE_KEY, Box::new(variable())),
                "Variables and their defaults; `{{ var.NAME }}` stands for them.",
                json!({}),
                json!({ "url": "https://code.example.test", "servers": 12 }),
            )
            .not_null()
            .may(
                "services",
                named(service()),
                "What users use.",
                json!({}),
                json!({ "web": { "probe": { "http": "https://code.example.test/healthz" } } }),
            )
            .not_null()
            .may(
                "canaries",
                named(canary()),
                "What measures data loss. Without them it is not measured.",
                json!({}),
                json!({ "main": { "database": "main", "every": "200ms" } }),
            )
            .not_null()
            .else_in_words(
                "witness",
                Shape::Object(Object::new("Something unrelated that is probed.").must(
                    "probe",
                    a_probe(),
                    "How.",
                    json!({ "tcp": "status.example.net:443" }),
                )),
                "Something unrelated: if it fails too, it is Muster that is cut off.",
                "a network of Muster's own that fails looks like an outage",
                json!({ "probe": { "tcp": "status.example.net:443", "every": "2s" } }),
            )
            .not_null()
            .may(
                "guardrails",
                Shape::list(Shape::Object(guardrail())),
                "What is watched during the whole run.",
                json!([]),
                json!([{ "name": "users are out too long", "outage_of": "any", "broken_after": "20m" }]),
            )
            .not_null()
            .else_in_words(
                "data_loss",
                Shape::Object(data_loss()),
                "How much may be lost on purpose.",
                "as much as `rpo` allows",
                json!({ "accept_up_to": "30s", "because": "copies are asynchronous" }),
            )
            .else_in_words(
                "discard",
                Shape::Words(&[("accept", "acknowledged writes may be thrown away")]),
                "Whether acknowledged writes may be thrown away.",
                "never",
                json!("accept"),
            )
            .may(
                "accepts",
                Shape::list(Shape::Object(accepted())),
                "Bad ends of rehearsals that are accepted.",
                json!([]),
                json!([{ "end": "held-with-users-out", "when": "any=hangs", "because": "people decide" }]),
            )
            .not_null()
            .else_in_words(
                "at_once",
                Shape::Integer(1, 10_000),
                "How many steps may run at once.",
                "as many as can",
                json!(4),
            )
            .else_in_words(
                "outage_limit",
                duration(),
                "An outage longer than this pauses the run.",
                "twice the `rto`",
                json!("20m"),
            )
            .may(
                "pause_limit",
                duration(),
                "A run that stands still waits so long for a person.",
                json!("30m"),
                json!("2h"),
            )
            .else_in_words(
                "windows",
                Shape::Object(windows()),
                "When runs may begin.",
                "always",
                json!({ "allowed": ["mon-fri 09:00..17:00"], "timezone": "Europe/Berlin" }),
            )
            .else_in_words(
                "schedule",
                Shape::Object(schedule::schedule()),
                "When the drill is due.",
                "whenever somebody runs it",
                json!({ "every": "quarter", "on": "second tuesday of the second month", "at": "09:00" }),
            ),
    )
}

/// The value of a variable: plain, without templates.
pub(super) fn variable() -> Shape {
    Shape::Raw(json!({
        "anyOf": [
            { "type": "string", "pattern": super::leaf::text(super::shape::Templates::Refused) },
            { "type": "number" },
            { "type": "boolean" },
        ]
    }))
}

/// The parts that stand in several places, by their names.
pub(super) fn parts() -> Vec<(String, Value)> {
    let mut parts = vec![("step".to_owned(), step())];
    for (name, object) in shared() {
        parts.push((name.to_owned(), Shape::Object(object).json(super::shape::Templates::Filled)));
    }
    for key in Act::KEYS {
        if let Some(arguments) = arguments(key) {
            let example = example(&arguments);
            let mut schema = Shape::Object(arguments).json(super::shape::Templates::Filled);
            schema["examples"] = json!([example]);
            parts.push(((*key).to_owned(), schema));
        }
    }
    parts
}
