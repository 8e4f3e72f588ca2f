//! `report.json`: the record whole, and the same in words.
//!
//! `version` is the shape's version. `summary` holds readable strings; `record` the data: durations and instants in
//! nanoseconds, instants counted from the run's start, which `record.header.started_at` puts on the calendar.

use serde::Serialize;

use super::{JSON_VERSION, Style, view::View};
use crate::record::Record;

#[derive(Serialize)]
pub(super) struct Document<'a> {
    kind: &'static str,
    version: u32,
    unit_of_time: &'static str,
    summary: View,
    record: &'a Record,
}

pub(super) fn render(record: &Record, _style: &Style) -> String {
    let document = document(record);
    // All keys of the record are strings, so this can't fail; were it otherwise the file still says what happened.
    let mut text = serde_json::to_string_pretty(&document)
        .unwrap_or_else(|error| serde_json::json!({ "kind": "muster-report", "error": error.to_string() }).to_string());
    text.push('\n');
    text
}

/// What the report holds.
pub(super) fn document(record: &Record) -> Document<'_> {
    Document { kind: "muster-report", version: JSON_VERSION, unit_of_time: "ns", summary: View::of(record), record }
}
