//! From the parser's events to the tree. Everything that YAML allows and Muster does not is refused here.
//!
//! The parser is asked for one event at a time and recurses nowhere, so the depth is known before it can hurt.

use super::guard::{self, Offsets};
use super::node::{Entry, Mark, Node, Value, shortened};
use super::scalar::{Kind, Origin, Scalar};
use super::{MAX_DEPTH, MAX_NODES, MAX_PROBLEMS, syntax};
use crate::diagnostic::{Diagnostic, Place};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// The tree of a text; nothing if it has none or cannot be read to its end.
pub(super) fn tree(file: &Arc<str>, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        file: Arc::clone(file),
        text,
        offsets: Offsets::new(text),
        diagnostics,
        stack: Vec::new(),
        root: None,
        first_document: None,
        nodes: 0,
    };
    let end = builder.run();
    let root = builder.root.take();
    if let Err(fatal) = end {
        if let Fatal::Problem(diagnostic) = fatal {
            diagnostics.push(*diagnostic);
        }
        return None;
    }
    if root.is_none() {
        let start = Place { file: Arc::clone(file), span: 0..0, line: 1, column: 1 };
        diagnostics.push(
            Diagnostic::error("M008", "the file is empty")
                .at(start)
                .help("`muster init` writes a playbook and an infrastructure file to start from"),
        );
    }
    root
}

/// Why reading ended early.
enum Fatal {
    /// Because of this.
    Problem(Box<Diagnostic>),
    /// Because of something that was noted already.
    Noted,
}

struct Builder<'a> {
    file: Arc<str>,
    text: &'a str,
    offsets: Offsets<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
    stack: Vec<Frame>,
    root: Option<Node>,
    first_document: Option<Mark>,
    nodes: usize,
}

/// A list or mapping that has not ended yet.
enum Frame {
    List { mark: Mark, items: Vec<Node> },
    Map { mark: Mark, entries: Vec<Entry>, key: Option<Node> },
}

impl Builder<'_> {
    fn run(&mut self) -> Result<(), Fatal> {
        let mut parser = Parser::new_from_str(self.text);
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => return Err(self.syntax_error(&error)),
            }
            if self.diagnostics.len() >= MAX_PROBLEMS {
                let message =
                    format!("the first {MAX_PROBLEMS} problems of this file are shown; the rest of it was not read");
                return Err(fatal(Diagnostic::error("M014", message)));
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(span),
            Event::Alias(_) => {
                let node = self.node(Value::Broken, self.offsets.mark(span));
                let name = shortened(self.slice(node.mark));
                self.note(
                    Diagnostic::error("M009", format!("`{name}` is an alias, which is not allowed"))
                        .help("write the value out, or use a variable; text that starts with `*` needs quotes"),
                    node.mark,
                );
                self.count()?;
                self.add(node);
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count()?;
                let mark = self.offsets.mark(span);
                self.decorations(anchor, tag.is_some(), mark);
                let value = self.scalar(text.into_owned(), style, mark);
                let node = self.node(value, mark);
                self.add(node);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                let mark = self.open(span, anchor, tag.is_some())?;
                self.stack.push(Frame::List { mark, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                let mark = self.open(span, anchor, tag.is_some())?;
                self.stack.push(Frame::Map { mark, entries: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(span);
                Ok(())
            }
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Fatal> {
        let mark = self.offsets.mark(span);
        let Some(first) = self.first_document.replace(mark) else { return Ok(()) };
        let diagnostic = Diagnostic::error("M007", "a second document starts here; a file holds one")
            .at(mark.place(&self.file))
            .label(first.place(&self.file), "the first document starts here")
            .help("move it into a file of its own, or remove the `---`");
        Err(fatal(diagnostic))
    }

    fn open(&mut self, span: Span, anchor: usize, tagged: bool) -> Result<Mark, Fatal> {
        self.count()?;
        let mark = self.offsets.mark(span);
        if self.stack.len() >= MAX_DEPTH {
            return Err(fatal(too_deep().at(mark.place(&self.file))));
        }
        self.decorations(anchor, tagged, mark);
        Ok(mark)
    }

    fn close(&mut self, span: Span) {
        let end = self.offsets.mark(span).end;
        let (mut mark, value) = match self.stack.pop() {
            Some(Frame::List { mark, items }) => (mark, Value::List(items)),
            Some(Frame::Map { mark, entries, .. }) => (mark, Value::Map(self.without_duplicates(entries))),
            None => return,
        };
        let inside = self.text.get(mark.start as usize..end as usize).unwrap_or("");
        mark.end = mark.start + guard::small(inside.trim_end().len());
        let node = self.node(value, mark);
        self.add(node);
    }

    fn count(&mut self) -> Result<(), Fatal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(fatal(guard::too_many())) } else { Ok(()) }
    }

    fn node(&self, value: Value, mark: Mark) -> Node {
        Node { value, file: Arc::clone(&self.file), mark }
    }

    fn note(&mut self, diagnostic: Diagnostic, mark: Mark) {
        self.diagnostics.push(diagnostic.at(mark.place(&self.file)));
    }

    fn slice(&self, mark: Mark) -> &str {
        self.text.get(mark.start as usize..mark.end as usize).unwrap_or("")
    }

    /// Anchors and tags are refused; the value itself is read on.
    fn decorations(&mut self, anchor: usize, tagged: bool, mark: Mark) {
        if anchor != 0 {
            self.note(
                Diagnostic::error("M009", "this value has an anchor (`&name`), which is not allowed").help(
                    "write the value out where it is needed, or use a variable; text that starts with `&` needs quotes",
                ),
                mark,
            );
        }
        if tagged {
            self.note(
                Diagnostic::error("M010", "this value has a tag (`!name`), which is not allowed")
                    .help("remove the tag; text that starts with `!` needs quotes"),
                mark,
            );
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, mark: Mark) -> Value {
        if style == ScalarStyle::Plain {
            return Value::Scalar(Scalar::plain(text));
        }
        if style == ScalarStyle::DoubleQuoted
            && let Some(c) = text.chars().find(|c| guard::is_forbidden(*c))
        {
            self.note(guard::forbidden(c, "this text"), mark);
            return Value::Broken;
        }
        Value::Scalar(Scalar::quoted(text))
    }

    /// Adds a node to the list or mapping that is open, as the next item, key or value.
    fn add(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                // What belongs to a broken key is left out.
                Some(key) if key.is_broken() => {}
                Some(key) => entries.push(Entry { key, value: node }),
                None => {
                    let checked = self.key(node);
                    if let Some(Frame::Map { key, .. }) = self.stack.last_mut() {
                        *key = Some(checked);
                    }
                }
            },
        }
    }

    /// A key must be a scalar, and none that means something else in YAML.
    fn key(&mut self, mut node: Node) -> Node {
        let diagnostic = match &node.value {
            Value::Broken => return node,
            Value::List(_) | Value::Map(_) => {
                let complaint =
                    Diagnostic::error("M013", format!("a key must be plain text; this is {}", node.kind_name()));
                let template =
                    self.text[..node.mark.start as usize].ends_with('{') && self.slice(node.mark).starts_with('{');
                Some(if template { complaint.help(syntax::QUOTE_TEMPLATES) } else { complaint })
            }
            Value::Scalar(scalar) if scalar.origin == Origin::Plain && scalar.text == "<<" => Some(
                Diagnostic::error("M011", "`<<` is a merge key, which is not allowed").help("write the keys out here"),
            ),
            Value::Scalar(scalar) if scalar.kind == Kind::Null && scalar.text.is_empty() => {
                Some(Diagnostic::error("M013", "there is no key before this colon"))
            }
            Value::Scalar(_) => None,
        };
        if let Some(diagnostic) = diagnostic {
            self.note(diagnostic, node.mark);
            node.value = Value::Broken;
        }
        node
    }

    /// Keeps the first of equal keys and notes the others.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut first: HashMap<&str, Mark> = HashMap::with_capacity(entries.len());
        let mut again: Vec<bool> = Vec::with_capacity(entries.len());
        let mut found = Vec::new();
        for entry in &entries {
            let mark = *first.entry(entry.name()).or_insert(entry.key.mark);
            let twice = mark.start != entry.key.mark.start;
            again.push(twice);
            if twice && found.len() < MAX_PROBLEMS {
                found.push(
                    Diagnostic::error("M012", format!("the key `{}` is there twice", shortened(entry.name())))
                        .at(entry.key.place())
                        .label(mark.place(&self.file), "first here")
                        .help("remove or rename one of the two"),
                );
            }
        }
        if found.is_empty() {
            return entries;
        }
        self.diagnostics.append(&mut found);
        entries.into_iter().zip(again).filter(|(_, twice)| !twice).map(|(entry, _)| entry).collect()
    }

    /// The last line before a mark that has anything in it.
    fn line_before(&self, mark: Mark) -> Mark {
        let before = self.text[..mark.start as usize].trim_end();
        let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let text = line.trim_start();
        let column = line[..line.len() - text.len()].chars().count() + 1;
        Mark {
            start: guard::small(before.len() - text.len()),
            end: guard::small(before.len()),
            line: guard::small(before.matches('\n').count() + 1),
            column: guard::small(column),
        }
    }

    /// The first tab in the indentation of a line from the marked one on: the parser may notice it late or early.
    fn first_tab(&self, mark: Mark) -> Mark {
        let mut at = self.text[..mark.start as usize].rfind('\n').map_or(0, |end| end + 1);
        for (number, line) in (mark.line..).zip(self.text[at..].split_inclusive('\n')) {
            let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
            if let Some(tab) = line[..blank].find('\t') {
                let start = guard::small(at + tab);
                return Mark { start, end: start + 1, line: number, column: guard::small(tab + 1) };
            }
            at += line.len();
        }
        mark
    }

    fn syntax_error(&self, error: &saphyr_parser::ScanError) -> Fatal {
        let mut mark = self.offsets.mark(Span::empty(*error.marker()));
        if syntax::is_missing_colon(error.info()) {
            mark = self.line_before(mark);
        }
        if syntax::is_tab(error.info()) {
            mark = self.first_tab(mark);
        }
        // What follows `{{ ... }}` without quotes is a consequence of it, and that was noted already.
        let known = self.diagnostics.last().is_some_and(|last| {
            last.help.as_deref() == Some(syntax::QUOTE_TEMPLATES)
                && last.place.as_ref().is_some_and(|place| mark.line.abs_diff(place.line) <= 1)
        });
        if known {
            return Fatal::Noted;
        }
        fatal(syntax::explain(error.info(), self.text, mark.start as usize).at(mark.place(&self.file)))
    }
}

fn fatal(diagnostic: Diagnostic) -> Fatal {
    Fatal::Problem(Box::new(diagnostic))
}

/// The complaint about depth.
pub(super) fn too_deep() -> Diagnostic {
    Diagnostic::error("M005", format!("lists and mappings are nested more than {MAX_DEPTH} deep here"))
}
