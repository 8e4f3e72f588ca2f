//! The marked tree.

use super::scalar::{Kind, Scalar};
use crate::diagnostic::Place;
use std::sync::Arc;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    pub(super) file: Arc<str>,
    pub(super) mark: Mark,
}

/// A place without its file's name, in 16 bytes; a text has at most 16 MiB, so `u32` is enough.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Mark {
    pub(super) fn place(self, file: &Arc<str>) -> Place {
        Place {
            file: Arc::clone(file),
            span: self.start as usize..self.end as usize,
            line: self.line,
            column: self.column,
        }
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text, a number, `true`, `false` or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in written order, each key once.
    Map(Vec<Entry>),
    /// Something whose error was noted already; whoever meets it goes on in silence.
    Broken,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, always a scalar.
    pub key: Node,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// The key as it is written, without quotes.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.key.value {
            Value::Scalar(scalar) => &scalar.text,
            _ => "",
        }
    }
}

impl Node {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.mark.place(&self.file)
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if it is text: quoted, filled in from a template, or neither number, `true`, `false` nor `null`.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => scalar.as_text(),
            _ => None,
        }
    }

    /// The value of a key, if it is a mapping that has the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.get_entry(key).map(|entry| &entry.value)
    }

    /// Whether it is a mapping that has the key with a value, and not with `null`.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| !matches!(&node.value, Value::Scalar(Scalar { kind: Kind::Null, .. })))
    }

    /// The entry of a key, if it is a mapping that has the key.
    #[must_use]
    pub fn get_entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.name() == key)
    }

    /// The same mapping with these entries instead; how a reader that takes a mapping apart decodes each part by itself.
    #[must_use]
    pub fn with_entries(&self, entries: Vec<Entry>) -> Self {
        Self { value: Value::Map(entries), file: Arc::clone(&self.file), mark: self.mark }
    }

    /// Whether an error was noted here already.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.value, Value::Broken)
    }

    /// What it is, for messages: `a mapping`, `a list`, `text`, `a number` …
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "a mapping",
            Value::List(_) => "a list",
            Value::Broken => "something that could not be read",
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Null => "nothing",
                Kind::Bool(_) => "true or false",
                Kind::Integer(_) | Kind::TooLarge | Kind::Float(_) => "a number",
                Kind::Text => "text",
            },
        }
    }

    /// What it is, with its value if that is short: `the number 30`, `the text "abc"`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Null => "nothing".to_owned(),
                Kind::Bool(value) => value.to_string(),
                Kind::Integer(_) | Kind::TooLarge | Kind::Float(_) => format!("the number {}", shortened(&scalar.text)),
                Kind::Text => format!("the text \"{}\"", shortened(&scalar.text)),
            },
            _ => self.kind_name().to_owned(),
        }
    }
}

/// The first 60 characters.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
