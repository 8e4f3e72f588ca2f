//! The key `schedule` of a playbook.

use serde_json::json;

use super::shape::{Object, Shape};

/// The key `schedule`. What goes together, and what words mean, is beyond a schema.
pub(super) fn schedule() -> Object {
    let day = "a day or a range of days is wanted, such as `2026-12-24` or `2026-12-24..2027-01-02`";
    let excluded = Shape::Raw(json!({ "anyOf": [
        { "type": "string" },
        {
            "type": "object",
            "properties": {
                "ics": {
                    "type": "string",
                    "description": "A calendar file, from the playbook's folder.",
                    "examples": ["holidays.ics"],
                },
                "days": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Its days, once it was read: Muster writes them into journals.",
                    "default": [],
                    "examples": [["2026-12-25"]],
                },
            },
            "required": ["ics"],
            "additionalProperties": false,
        },
    ] }));
    Object::new("When the drill is due; docs/schedule.md has the words.")
        .must(
            "every",
            Shape::Text,
            "How often: `week`, `month`, `quarter`, `year`, or a cron expression.",
            json!("quarter"),
        )
        .else_in_words(
            "on",
            Shape::Text,
            "On which day of that.",
            "said by the cron expression",
            json!("second tuesday of the second month"),
        )
        .else_in_words("at", Shape::Text, "At what time of the day.", "said by the cron expression", json!("09:00"))
        .may("timezone", Shape::Text, "The time zone's IANA name.", json!("UTC"), json!("Europe/Amsterdam"))
        .not_null()
        .else_in_words(
            "from",
            Shape::Form("[0-9]{4}-[0-9]{2}-[0-9]{2}", day),
            "The first day on which it may be due.",
            "since it was first run or looked at",
            json!("2026-01-01"),
        )
        .may(
            "not_on",
            Shape::list(excluded),
            "Days on which it is never due.",
            json!([]),
            json!(["2026-12-24..2027-01-02"]),
        )
        .not_null()
        .may(
            "if_missed",
            Shape::Text,
            "What happens when it did not begin in time: `run within 5 days`, or `skip`.",
            json!("run within 1 day"),
            json!("run within 5 days"),
        )
        .not_null()
        .else_in_words(
            "warn",
            Shape::Text,
            "How long before people are told.",
            "nobody is told",
            json!("7 days before"),
        )
}
