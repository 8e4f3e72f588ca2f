//! Diagnostics as JSON, for editors and other programs.

use super::{Diagnostic, Place};
use serde_json::{Value, json};

/// A list with one object a diagnostic: `code`, `severity`, `message`, `place`, `labels`, `help`.
///
/// A place has `file`, `line` and `column` (from 1, in characters) and `start` and `end` (bytes). What a diagnostic
/// does not have is `null`, so every key is always there.
#[must_use]
pub fn render_json(diagnostics: &[Diagnostic]) -> Value {
    diagnostics
        .iter()
        .map(|d| {
            let labels: Vec<Value> =
                d.labels.iter().map(|l| json!({ "place": place(&l.place), "text": l.text })).collect();
            json!({
                "code": d.code,
                "severity": d.severity.as_str(),
                "message": d.message,
                "place": d.place.as_ref().map(place),
                "labels": labels,
                "help": d.help,
            })
        })
        .collect()
}

fn place(p: &Place) -> Value {
    json!({ "file": *p.file, "line": p.line, "column": p.column, "start": p.span.start, "end": p.span.end })
}
