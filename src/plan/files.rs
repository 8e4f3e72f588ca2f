//! The documents that a plan is made of, as they come in through the caller's reader.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Silence, Sources, hide_secrets};
use crate::model::SourceDocument;
use crate::yaml::{self, Node};

/// Reads a file by its path; the error says in a few words why not.
pub type Read<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// What was read so far, each file once.
pub(super) struct Files<'a> {
    read: &'a Read<'a>,
    texts: BTreeMap<String, Arc<str>>,
    sources: Sources,
    silences: Vec<Silence>,
}

impl<'a> Files<'a> {
    /// Nothing was read so far.
    pub(super) fn new(read: &'a Read<'a>) -> Self {
        Self { read, texts: BTreeMap::new(), sources: Sources::new(), silences: Vec::new() }
    }

    /// Parses a file whose bytes are known.
    pub(super) fn parse(&mut self, path: &str, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
        let mut parsed = yaml::parse(path, bytes);
        diagnostics.append(&mut parsed.diagnostics);
        self.sources.add(path, Arc::clone(&parsed.text));
        self.texts.insert(path.to_owned(), parsed.text);
        parsed.node
    }

    /// Reads and parses a file; one that was read before is not read again.
    ///
    /// # Errors
    /// Says why it could not be read; what is wrong inside goes to `diagnostics`.
    pub(super) fn open(&mut self, path: &str, diagnostics: &mut Vec<Diagnostic>) -> Result<Option<Node>, String> {
        if let Some(text) = self.texts.get(path) {
            return Ok(yaml::parse(path, text.as_bytes()).node);
        }
        let bytes = (self.read)(path)?;
        Ok(self.parse(path, &bytes, diagnostics))
    }

    /// The bytes of a file that is no document.
    ///
    /// # Errors
    /// Says why it could not be read.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        (self.read)(path)
    }

    /// The text of a file that was read; empty if it was not, or is not UTF-8.
    pub(super) fn document(&self, path: &str) -> SourceDocument {
        SourceDocument { path: path.to_owned(), text: self.texts.get(path).map_or("", AsRef::as_ref).to_owned() }
    }

    /// Notes what a document silences; a playbook that is inlined more than once silences it once.
    pub(super) fn silence(&mut self, path: &str, silences: &[Silence]) {
        if !self.silences.iter().any(|known| *known.place.file == *path) {
            self.silences.extend_from_slice(silences);
        }
    }

    /// What all documents silence.
    pub(super) fn silences(&self) -> Vec<Silence> {
        self.silences.clone()
    }

    /// Hides what was found to be secrets, in every line that diagnostics show and in their messages.
    pub(super) fn hide_secrets(&mut self, diagnostics: &mut [Diagnostic]) {
        hide_secrets(diagnostics, &mut self.sources);
    }

    /// All texts, for diagnostics.
    pub(super) fn into_sources(self) -> Sources {
        self.sources
    }
}

/// The path of `file`, as a document in `document`'s folder names it.
pub(super) fn beside(document: &str, file: &str) -> String {
    let folder = Path::new(document).parent().unwrap_or_else(|| Path::new(""));
    let mut path = PathBuf::new();
    for component in folder.join(file).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path.to_string_lossy().into_owned()
}
