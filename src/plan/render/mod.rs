//! A preview as people and programs read it: one file a format.
//!
//! May rely on [`super::preview`] alone. Text that comes from playbooks and providers is made harmless here.

mod json;
mod markdown;
mod mermaid;
mod signed;
mod table;

pub use json::json;
pub use markdown::markdown;
pub use mermaid::{flowchart, gantt};
pub use table::table;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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

/// Words that fit into `width` columns, later lines indented by `indent`; a word that is longer than a line is cut.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    let room = width.max(indent + 8);
    for word in text.split(' ') {
        let long = word.width();
        if used > 0 && used + 1 + long > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if !out.is_empty() {
            out.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > room {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                used = indent;
            }
            out.push(c);
            used += wide;
        }
    }
    out
}
