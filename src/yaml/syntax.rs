//! What the parser says, in the words of somebody who writes playbooks.

use super::build::too_deep;
use crate::diagnostic::Diagnostic;

/// The advice for `{{ ... }}` without quotes.
pub(super) const QUOTE_TEMPLATES: &str = "put text with `{{ ... }}` in quotes, because `{` starts a mapping";

/// What the parser says, as (part of its message, our message, what to do).
const WORDS: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "a `:` stands where no key can be",
        "put text that contains `: ` in quotes; check this line's indentation, and the space after the `:` of the line before",
    ),
    ("quoted scalar", "these quotes are not closed, or the lines inside of them are not indented", "close the quotes"),
    (
        "illegal placement of ':'",
        "a `:` stands where no key can be",
        "close the `[` or `{` before it, or put text that contains `: ` in quotes",
    ),
    ("tab", "a tab is used for indentation", "indent with spaces"),
    ("simple key expect ':'", "a `:` is missing after this key", "write `key: value`, or check the indentation"),
    ("simple key expected", "a `:` is missing after this key", "write `key: value`, or check the indentation"),
    ("unexpected end of stream", "the text ends inside of quotes", "close the quotes"),
    ("unclosed bracket", "a `[` or `{` is not closed", "close it, or put the text in quotes"),
    ("misplaced bracket", "a `]` or `}` closes nothing", "remove it, or put the text in quotes"),
    (
        "flow sequence",
        "a list in `[ ]` is not well-formed",
        "separate its items by `,` and close it with `]`, or put text that contains `: ` in quotes",
    ),
    (
        "flow mapping",
        "a mapping in `{ }` is not well-formed",
        "separate its entries by `,` and close it with `}`, or put text that contains `: ` in quotes",
    ),
    ("unexpected character", "a value cannot start with this character", "put the text in quotes"),
    ("unknown escape", "this escape is unknown", "write `\\\\` for a backslash, or use single quotes"),
    ("escape", "this escape is not well-formed", "write `\\\\` for a backslash, or use single quotes"),
    ("invalid indentation", "this line's indentation fits to nothing above it", "indent it like its neighbours"),
    (
        "did not find expected",
        "this does not fit here",
        "check the indentation of this line and the one before, and quotes that were not closed",
    ),
    (
        "block",
        "this does not fit here",
        "check the indentation of this line and the one before, and quotes that were not closed",
    ),
];

/// Whether the parser noticed only on the next line that a key has no `:`.
pub(super) fn is_missing_colon(info: &str) -> bool {
    info.contains("simple key expect")
}

/// Whether the parser stumbled over a tab.
pub(super) fn is_tab(info: &str) -> bool {
    info.contains("tab")
}

/// A diagnostic for what the parser said about the text at a byte.
pub(super) fn explain(info: &str, text: &str, at: usize) -> Diagnostic {
    if info.contains("recursion limit") {
        return too_deep();
    }
    if info.contains("unknown anchor") {
        return Diagnostic::error("M009", "this is an alias, which is not allowed")
            .help("write the value out, or use a variable; text that starts with `*` needs quotes");
    }
    let from = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let to = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = &text[from..to];
    let template = line.contains(": {{") || line.contains("- {{") || line.contains("[{{") || line.contains("[ {{");
    let known = WORDS.iter().find(|(part, _, _)| info.contains(part));
    let help = known.map(|(_, _, help)| *help);
    let diagnostic = match known {
        Some((_, message, _)) => Diagnostic::error("M004", *message),
        None => Diagnostic::error("M004", format!("this is not well-formed YAML: {info}")),
    };
    match (template, help) {
        (true, _) => diagnostic.help(QUOTE_TEMPLATES),
        (false, Some(help)) => diagnostic.help(help),
        (false, None) => diagnostic,
    }
}
