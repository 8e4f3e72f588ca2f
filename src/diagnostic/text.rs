//! Diagnostics as text for people: the source line with the place underlined.
//!
//! Each place is shown by its first line alone, cut to a window around it, so that neither a 5 MB line nor a control
//! character can harm a terminal, and showing costs the length of a line, not of the file.

use super::{Diagnostic, Place, Severity, Sources};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt::Write as _;

/// Whether text carries colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Never,
    /// ANSI colours.
    Always,
}

/// Characters of a source line before the place up to which the renderer gets the whole line and cuts it itself.
const WHOLE_BEFORE: usize = 400;
/// Characters of a source line that are shown before the place where more than that stand before it.
const SHOWN_BEFORE: usize = 40;
/// Characters of a source line that are shown from the place on.
const SHOWN_FROM: usize = 80;
/// Characters of a message, label or help that are shown.
const SHOWN_OF_MESSAGE: usize = 1000;
/// Related places that are shown of one diagnostic.
const SHOWN_LABELS: usize = 20;

/// The first `most` diagnostics with their source lines; the rest are counted in a last line.
#[must_use]
pub fn render_text(diagnostics: &[Diagnostic], sources: &Sources, color: Color, most: usize) -> String {
    let renderer = match color {
        Color::Never => Renderer::plain(),
        Color::Always => Renderer::styled(),
    };
    let (shown, rest) = diagnostics.split_at(most.min(diagnostics.len()));
    let mut out = String::new();
    for diagnostic in shown {
        for line in render_one(diagnostic, sources, &renderer).lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    if !rest.is_empty() {
        let errors = rest.iter().filter(|d| d.is_error()).count();
        let counted = [(errors, "error"), (rest.len() - errors, "warning")]
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} more {word}{}", if *count == 1 { "" } else { "s" }))
            .collect::<Vec<_>>();
        let _ = writeln!(out, "... and {}", counted.join(" and "));
    }
    out
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(harmless(&diagnostic.message)).id(diagnostic.code);
    let mut group = Group::with_title(title);
    if let Some(place) = &diagnostic.place {
        group = with_place(group, place, None, sources);
    }
    for label in diagnostic.labels.iter().take(SHOWN_LABELS) {
        group = with_place(group, &label.place, Some(&label.text), sources);
    }
    if let Some(hidden) = diagnostic.labels.len().checked_sub(SHOWN_LABELS + 1) {
        group = group.element(Level::NOTE.message(format!("and {} more places", hidden + 1)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(harmless(help)));
    }
    renderer.render(&[group])
}

/// Adds a place: its file, line and column, and its line if the text is known.
fn with_place<'a>(group: Group<'a>, place: &Place, label: Option<&str>, sources: &Sources) -> Group<'a> {
    let origin = Origin::path(harmless(&place.file)).line(place.line as usize).char_column(place.column as usize);
    let Some(window) = sources.get(&place.file).and_then(|text| Window::around(text, place, sources)) else {
        return group.element(origin);
    };
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let mut annotation: Annotation<'a> = kind.span(window.span);
    if let Some(label) = label {
        annotation = annotation.label(harmless(label));
    }
    let snippet = Snippet::source(window.line).line_start(place.line as usize).annotation(annotation);
    if window.is_cut {
        // The renderer would count the column in the line that it sees.
        group.element(origin).element(snippet)
    } else {
        group.element(snippet.path(harmless(&place.file)))
    }
}

/// One source line, cut and made harmless, and where in it the place is.
struct Window {
    line: String,
    span: std::ops::Range<usize>,
    /// Whether the start of the line is missing, so that columns cannot be counted in it.
    is_cut: bool,
}

impl Window {
    /// Nothing if the place is not of this text.
    fn around(text: &str, place: &Place, sources: &Sources) -> Option<Self> {
        let start = place.span.start;
        let (before, from) = (text.get(..start)?, text.get(start..)?);
        let before = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let from = from.lines().next().unwrap_or("");
        let length = place.span.len().min(from.len());
        // One character for one, whosever place it is: a neighbour's message shows the same line.
        let begins = start - before.len();
        let shown = |(at, c): (usize, char)| if sources.is_hidden(&place.file, at) { '*' } else { visible(c) };

        let is_cut = before.chars().nth(WHOLE_BEFORE).is_some();
        let mut line = String::new();
        if is_cut {
            line.push_str("...");
            let from = before.char_indices().rev().nth(SHOWN_BEFORE - 1).map_or(0, |(at, _)| at);
            line.extend(before[from..].char_indices().map(|(at, c)| shown((begins + from + at, c))));
        } else {
            line.extend(before.char_indices().map(|(at, c)| shown((begins + at, c))));
        }
        let span_start = line.len();
        let mut span_end = span_start;
        let mut taken = 0;
        for (at, c) in from.char_indices().take(SHOWN_FROM) {
            line.push(shown((start + at, c)));
            taken = at + c.len_utf8();
            if at < length {
                span_end = line.len();
            }
        }
        if taken < from.len() {
            line.push_str("...");
        }
        Some(Self { line, span: span_start..span_end, is_cut })
    }
}

/// One character for one, so that columns stay: what could act on a terminal or hide text is replaced.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_unsafe(c) => '\u{fffd}',
        c => c,
    }
}

/// A message without control characters, on one line, cut.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SHOWN_OF_MESSAGE));
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_OF_MESSAGE {
            out.push_str("...");
            break;
        }
        if is_unsafe(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and those that reorder text or are not seen at all.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{200b}'..='\u{200f}')
}
