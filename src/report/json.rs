//! `report.json`: the record whole, and the same in words.
//!
//! `version` is the shape's version. `summary` holds readable strings; `record` the data: durations and instants in
//! nanoseconds, instants counted from the run's start, which `record.header.started_at` puts on the calendar.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::{JSON_VERSION, Style, view::View};
use crate::record::Record;

/// A run's report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Document<'a> {
    /// `muster-report`.
    kind: &'static str,
    /// The version of this shape. Under one version fields are only ever added.
    version: u32,
    /// `ns`: what durations and instants of `record` are counted in. Instants are counted from the run's start.
    unit_of_time: &'static str,
    /// The record in words, for people.
    summary: View,
    /// The data.
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

/// The schema of the report, JSON Schema 2020-12.
pub(super) fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Document<'static>>();
    schema.insert("$id".to_owned(), format!("https://muster-dr.github.io/schema/report-{JSON_VERSION}.json").into());
    schema.insert("title".to_owned(), "A report of a Muster run".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
