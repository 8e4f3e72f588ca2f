//! Text to a marked tree, and from there to any type, with all errors and their places.
//!
//! The text is parsed once ([`parse`]) into [`Node`]s that know where they stand. [`fill()`] fills templates in, and
//! [`decode`] turns a node into any type that serde can read; both note each problem as a [`Diagnostic`] and go on.
//! What is read is YAML 1.2 with the core schema and without what makes it dangerous: one document, no anchors,
//! aliases, tags or merge keys, no control characters, bounded in size, depth and number of values.
//!
//! May rely on `diagnostic` alone. Must never do I/O, and never recurse deeper than [`MAX_DEPTH`].
//!
//! Types for [`decode`] should not use `flatten`, `untagged` or internally tagged enums: serde buffers their content,
//! so the places are lost. Externally tagged enums are written as a mapping with one key (`{ env: NAME }`), variants
//! without content as a word.

mod build;
mod decode;
mod fill;
mod guard;
mod nearest;
mod node;
mod scalar;
mod silence;
mod syntax;

use crate::diagnostic::Diagnostic;
use std::sync::Arc;

pub use decode::decode;
pub use fill::{Filled, fill};
pub use nearest::nearest;
pub use node::{Entry, Node, Value};
pub use scalar::{Kind, Scalar};
pub use silence::{SILENCE, silences};

/// Bytes that a text may have.
pub const MAX_BYTES: usize = 16 << 20;
/// How deep lists and mappings may be nested.
pub const MAX_DEPTH: usize = 64;
/// Keys and values that a text may hold.
pub const MAX_NODES: usize = 1_000_000;
/// Problems that are noted of one text, or of one node that is decoded.
pub const MAX_PROBLEMS: usize = 100;

/// What [`parse`] made of a text.
#[derive(Debug)]
pub struct Parsed {
    /// The tree, if the text could be read to its end. It may be there beside errors (a key that is there twice, a
    /// tag): what was wrong is left out of it, so that the rest can be checked too.
    pub node: Option<Node>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that places point into: the bytes without a byte order mark. Empty if they are not UTF-8.
    pub text: Arc<str>,
}

/// Reads a document. `file` is the name that places carry.
///
/// Time and memory are linear in the length of `bytes`, whatever they are.
#[must_use]
pub fn parse(file: &str, bytes: &[u8]) -> Parsed {
    let file: Arc<str> = file.into();
    let text = match guard::text(&file, bytes) {
        Ok(text) => text,
        Err(diagnostic) => {
            return Parsed { node: None, diagnostics: vec![*diagnostic], text: "".into() };
        }
    };
    let mut diagnostics = guard::characters(&file, text);
    let node = if diagnostics.is_empty() { build::tree(&file, text, &mut diagnostics) } else { None };
    Parsed { node, diagnostics, text: text.into() }
}

#[cfg(test)]
mod tests;
