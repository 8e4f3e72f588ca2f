//! What is checked of a text before it is parsed, and the way from the parser's characters to bytes.

use super::node::Mark;
use super::{MAX_BYTES, MAX_NODES};
use crate::diagnostic::{Diagnostic, Place};
use std::sync::Arc;

/// Forbidden characters that are shown of one text.
const SHOWN_CHARACTERS: usize = 10;

/// The text of the bytes, without a byte order mark.
pub(super) fn text<'a>(file: &Arc<str>, bytes: &'a [u8]) -> Result<&'a str, Box<Diagnostic>> {
    let start = Place { file: Arc::clone(file), span: 0..0, line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} (16 MiB) are read", bytes.len());
        return Err(Box::new(Diagnostic::error("M002", message).at(start)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line_start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&good[line_start..]).chars().count() + 1;
        let line = good.split(|b| *b == b'\n').count();
        let place = Place { span: good.len()..good.len(), line: small(line), column: small(column), ..start };
        let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        let what = if utf16 { "the file is UTF-16, not UTF-8" } else { "the file is not UTF-8 from here on" };
        Box::new(Diagnostic::error("M001", what).at(place).help("save the file as UTF-8"))
    })
}

/// The characters that must not be in a text, and whether it holds so many values that parsing it would take much memory.
pub(super) fn characters(file: &Arc<str>, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let marks = marks(text.as_bytes());
    if marks > MAX_NODES {
        let start = Place { file: Arc::clone(file), span: 0..0, line: 1, column: 1 };
        found.push(too_many().at(start));
        return found;
    }
    let (mut line, mut column) = (1_usize, 1_usize);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends_line = c == '\n';
        let half_of_line_end = c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n');
        if !ends_line && !half_of_line_end && c != '\t' && (is_forbidden(c) || c == '\r') {
            let place =
                Place { file: Arc::clone(file), span: at..at + c.len_utf8(), line: small(line), column: small(column) };
            found.push(forbidden(c, "the text").at(place));
            if found.len() == SHOWN_CHARACTERS {
                return found;
            }
        }
        (line, column) = if ends_line { (line + 1, 1) } else { (line, column + 1) };
    }
    found
}

/// How many characters of a text may start or end a key or a value.
///
/// The parser holds a whole list in brackets in memory, at a hundred bytes a token, before it hands out the first item,
/// because the list might turn out to be a key; so counting what it hands out comes too late.
fn marks(text: &[u8]) -> usize {
    let is_blank = |at: Option<usize>| at.and_then(|at| text.get(at)).is_none_or(u8::is_ascii_whitespace);
    let is_mark = |(at, byte): &(usize, &u8)| match byte {
        b',' | b'[' | b'{' => true,
        b':' | b'?' => is_blank(at.checked_add(1)),
        b'!' | b'&' | b'*' => is_blank(at.checked_sub(1)),
        _ => false,
    };
    text.iter().enumerate().filter(is_mark).count()
}

/// The complaint about too many values.
pub(super) fn too_many() -> Diagnostic {
    Diagnostic::error("M006", format!("the file holds more than {MAX_NODES} keys and values"))
        .help("split the drill into several playbooks and call them with `playbook:` steps")
}

/// The complaint about a character, which stands in the text itself or comes out of an escape.
pub(super) fn forbidden(c: char, place: &str) -> Diagnostic {
    let what = match c {
        '\0' => "a zero character".to_owned(),
        '\r' => "a carriage return without a line feed".to_owned(),
        '\u{feff}' => "a byte order mark that is not at the start".to_owned(),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            format!("a character that reverses the direction of text (U+{:04X})", c as u32)
        }
        c if c.is_control() => format!("a control character (U+{:04X})", c as u32),
        c => format!("a character that is none (U+{:04X})", c as u32),
    };
    Diagnostic::error("M003", format!("{place} has {what}")).help("remove it")
}

/// Whether a character may be neither in the text nor in a value. Line ends and tabs may.
pub(super) fn is_forbidden(c: char) -> bool {
    match c {
        '\n' | '\r' | '\t' => false,
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// Lines, columns and offsets of a text of at most 16 MiB.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// From the parser's character indices to bytes.
pub(super) struct Offsets<'a> {
    text: &'a str,
    /// The byte at which each `STEP`th character starts; nothing for ASCII, where both are the same.
    steps: Vec<u32>,
    /// Line and column of the text's end, where the parser counts a line end that is not there.
    end: (u32, u32),
}

const STEP: usize = 64;

impl<'a> Offsets<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STEP).map(|(at, _)| small(at)).collect()
        };
        let last_line = &text[text.rfind('\n').map_or(0, |at| at + 1)..];
        let end = (small(text.matches('\n').count() + 1), small(last_line.chars().count() + 1));
        Self { text, steps, end }
    }

    /// The byte at which a character starts; the text's end if it has no such character.
    pub(super) fn byte(&self, character: usize) -> usize {
        if self.steps.is_empty() {
            return character.min(self.text.len());
        }
        let Some(step) = self.steps.get(character / STEP) else { return self.text.len() };
        let from = *step as usize;
        let rest = &self.text[from..];
        rest.char_indices().nth(character % STEP).map_or(self.text.len(), |(at, _)| from + at)
    }

    /// The mark of a span. Trailing line ends and blanks, which the parser counts to block values, are left out.
    pub(super) fn mark(&self, span: saphyr_parser::Span) -> Mark {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        let end = start + self.text[start..end].trim_end().len();
        let (line, column) =
            if start == self.text.len() { self.end } else { (small(span.start.line()), small(span.start.col() + 1)) };
        Mark { start: small(start), end: small(end), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_bytes() {
        for text in ["", "abc", "äöü€😀", &"aä€😀".repeat(100)] {
            let offsets = Offsets::new(text);
            for (index, (at, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.byte(index), at);
            }
            assert_eq!(offsets.byte(text.chars().count()), text.len());
            assert_eq!(offsets.byte(10_000), text.len());
        }
    }
}
