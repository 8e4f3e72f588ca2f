//! A step: its own keys, and each action as a key.

use serde_json::{Value, json};

use super::action::{arguments, when};
use super::leaf::{duration, id, on_failure};
use super::playbook::silence;
use super::shape::{Object, Otherwise, Shape};
use crate::catalogue::Act;

/// The keys of a step beside its action.
pub(super) fn step_keys() -> Object {
    let distribution = Shape::Of("distribution");
    silence(
        Object::new("A step: an id, exactly one action, and conditions.")
            .must("id", id(), "Its name, unique in the playbook.", json!("promote"))
            .else_in_words(
                "title",
                Shape::Text,
                "For people.",
                "what it does, in one line",
                json!("Let the database there take writes"),
            )
            .else_in_words(
                "needs",
                Shape::list(id()),
                "The steps of its phase that must have ended well before it. `[]`: it starts at once.",
                "the step that is written before it",
                json!(["fence", "fence-git"]),
            )
            .else_in_words(
                "when",
                when(),
                "In which modes it is carried out.",
                "in all",
                json!({ "mode": "unplanned" }),
            )
            .else_in_words(
                "within",
                duration(),
                "Its own objective: timed, passed or missed. Retries count, people's time does not.",
                "it has none",
                json!("2m"),
            )
            .else_in_words(
                "timeout",
                duration(),
                "After this long in all it is given up and in doubt.",
                "what fits its action, 5m for most",
                json!("15m"),
            )
            .may(
                "retry",
                Shape::Object(retry()),
                "How often it is tried.",
                json!({ "attempts": 1 }),
                json!({ "attempts": 3, "wait": "2s", "max_wait": "30s" }),
            )
            .else_in_words(
                "on_failure",
                on_failure(),
                "What its failure means. Gates say `then` instead.",
                "`undo`; in cleanup `continue`",
                json!("pause"),
            )
            .else_in_words(
                "simulate",
                Shape::Object(Object::new("How it is simulated.").must(
                    "takes",
                    distribution,
                    "How long it takes.",
                    json!({ "p50": "1m", "p95": "4m" }),
                )),
                "How it is simulated, where its resource does not say: programs and people.",
                "what fits its action",
                json!({ "takes": "30s" }),
            ),
    )
}

/// A step: its own keys, and each action as a key.
pub(super) fn step() -> Value {
    let own = step_keys();
    let mut schema = Shape::Object(own).json(super::shape::Templates::Filled);
    for key in Act::KEYS {
        let Some(arguments) = arguments(key) else { continue };
        let example = example(&arguments);
        let about = format!("{} Exactly one action stands in a step.", arguments.about);
        schema["properties"][*key] =
            json!({ "$ref": format!("#/$defs/{key}"), "description": about, "examples": [example] });
    }
    let actions: Vec<Value> = Act::KEYS.iter().map(|key| json!({ "required": [key] })).collect();
    let no = |key: &str, without: &[&str]| {
        let each: Vec<Value> = without.iter().map(|key| json!({ "required": [key] })).collect();
        json!({ "if": { "required": [key] }, "then": { "not": { "anyOf": each } } })
    };
    schema["allOf"] = json!([
        { "oneOf": actions },
        no("playbook", &["within", "timeout", "retry", "simulate"]),
        no("approve", &["on_failure"]),
        no("manual", &["on_failure"]),
    ]);
    schema
}

/// An example of a mapping: what it must have.
pub(super) fn example(object: &Object) -> Value {
    let must = object.keys.iter().filter(|key| matches!(key.otherwise, Otherwise::Needed));
    Value::Object(must.map(|key| (key.name.to_owned(), key.example.clone())).collect())
}

fn retry() -> Object {
    Object::new("How often a failed step is tried, and how long is waited in between.")
        .must("attempts", Shape::Integer(1, 20), "Attempts in all, the first included.", json!(3))
        .may("wait", duration(), "Before the second attempt; doubled each time.", json!("1s"), json!("2s"))
        .else_in_words(
            "max_wait",
            duration(),
            "The wait grows no longer than this.",
            "1m, or `wait` if that is longer",
            json!("30s"),
        )
}
