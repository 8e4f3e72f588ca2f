//! A preview as people and programs read it: one file a format.
//!
//! May rely on [`super::preview`] alone. Text that comes from playbooks and providers is made harmless here.

mod json;
mod mermaid;
mod table;

pub use json::json;
pub use mermaid::{flowchart, gantt};
pub use table::table;

use crate::time::Span;

/// How long after the start: `+0:00`, `+4:12`, `+1:03:20`.
fn offset(span: Span) -> String {
    let seconds = span.as_millis().div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("+{hours}:{minutes:02}:{seconds:02}") } else { format!("+{minutes}:{seconds:02}") }
}

/// Text without anything that acts on a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
