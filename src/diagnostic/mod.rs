//! What is wrong with a document, where, and what to do about it: one plain type, one renderer a format.
//!
//! May rely on nothing else of Muster. Must never read a file or the environment: the texts that it shows are handed
//! over in [`Sources`], and whether to use colour is the caller's decision.

pub mod codes;
pub mod examples;
pub mod explain;
mod json;
pub mod silence;
mod text;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub use json::render_json;
pub use silence::{Silence, Silenced};
pub use text::{Color, render_text};

/// Whether a diagnostic refuses the document or only warns about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is accepted; someone should look.
    Warning,
}

impl Severity {
    /// The word that people and JSON see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A stretch of a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// Byte offsets into the text that [`Sources`] holds for the file.
    pub span: Range<usize>,
    /// The line in which the span starts, from 1.
    pub line: u32,
    /// The column in which the span starts, in characters, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A related place and what it has to do with the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is there, in a few words.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A code of the table in [`codes`], such as `M012`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where, if it is anywhere.
    pub place: Option<Place>,
    /// Related places.
    pub labels: Vec<Label>,
    /// What to do now.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error, so far without a place.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A warning, so far without a place.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    fn new(code: &'static str, severity: Severity, message: String) -> Self {
        Self { code, severity, message, place: None, labels: Vec::new(), help: None }
    }

    /// Says where the problem is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds a related place.
    #[must_use]
    pub fn label(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    /// Says what to do now.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether this refuses the document.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts by file and place; what has no place comes first. The order of equal places is kept.
pub fn sort_by_place(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| d.place.as_ref().map(|p| (Arc::clone(&p.file), p.span.start));
        key(a).cmp(&key(b))
    });
}

/// The code of a secret that stands in a document in plain text: its place is shown nowhere.
pub const SECRET: &str = "M097";
/// Shorter secrets are not looked for in messages: they are parts of ordinary words.
const SECRET_MIN: usize = 4;
/// At most so many secrets are looked for in messages.
const SECRETS_MAX: usize = 100;

/// Hides what was found to be secrets, from every line that is shown and every message.
pub fn hide_secrets(diagnostics: &mut [Diagnostic], sources: &mut Sources) {
    let places: Vec<Place> =
        diagnostics.iter().filter(|it| it.code == SECRET).filter_map(|it| it.place.clone()).collect();
    let mut texts: Vec<String> = Vec::new();
    for place in places {
        let text = sources.get(&place.file).and_then(|text| text.get(place.span.clone())).unwrap_or_default();
        let text = text.trim().trim_matches(['"', '\'']).to_owned();
        if text.chars().count() >= SECRET_MIN && texts.len() < SECRETS_MAX && !texts.contains(&text) {
            texts.push(text);
        }
        sources.hide(place);
    }
    // The message about the secret itself names only the key.
    for diagnostic in diagnostics.iter_mut().filter(|it| it.code != SECRET) {
        let said = std::iter::once(&mut diagnostic.message).chain(&mut diagnostic.help);
        for said in said.chain(diagnostic.labels.iter_mut().map(|label| &mut label.text)) {
            for text in texts.iter().filter(|text| said.contains(text.as_str())).collect::<Vec<_>>() {
                *said = said.replace(text.as_str(), "****");
            }
        }
    }
}

/// The texts that diagnostics point into, by file name.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: BTreeMap<Arc<str>, Arc<str>>,
    /// What of each text is never shown, in order.
    hidden: BTreeMap<Arc<str>, Vec<Range<usize>>>,
}

impl Sources {
    /// No texts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the text of a file, or replaces it.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> &mut Self {
        self.texts.insert(name.into(), text.into());
        self
    }

    /// Never shows what stands at a place.
    pub fn hide(&mut self, place: Place) -> &mut Self {
        let hidden = self.hidden.entry(place.file).or_default();
        let at = hidden.partition_point(|range| range.start < place.span.start);
        hidden.insert(at, place.span);
        self
    }

    /// Whether a byte of a file's text is never shown.
    pub(super) fn is_hidden(&self, name: &str, at: usize) -> bool {
        let Some(hidden) = self.hidden.get(name) else { return false };
        let before = hidden.partition_point(|range| range.start <= at);
        hidden[..before].last().is_some_and(|range| at < range.end)
    }

    /// The text of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests;
