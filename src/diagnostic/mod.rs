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

/// The texts that diagnostics point into, by file name.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: BTreeMap<Arc<str>, Arc<str>>,
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

    /// The text of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests;
