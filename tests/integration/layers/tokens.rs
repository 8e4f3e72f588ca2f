//! Rust text as the tokens that the rules need: no comments, no strings, no tests.

/// A token: a name, `::`, or a single sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
}

/// Everything of a file.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let length = skipped(&chars[at..]);
        let (length, is_token) = if length > 0 { (length, false) } else { (token(&chars[at..]), true) };
        let piece = &chars[at..at + length];
        if is_token && !piece[0].is_whitespace() {
            found.push(Token { text: piece.iter().collect(), line });
        }
        line += piece.iter().filter(|c| **c == '\n').count();
        at += length;
    }
    found
}

/// The tokens without what is under `#[cfg(test)]`: a block, or all until `;`.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test = tokens[at..].len() >= ATTRIBUTE.len()
            && tokens[at..].iter().zip(ATTRIBUTE).all(|(token, wanted)| token.text == wanted);
        if is_test {
            at += ATTRIBUTE.len();
            at += item(&tokens[at..]);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// How many tokens an item has: to the `;` outside of all brackets, or to the end of its block.
fn item(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                // The block of `use a::{b};` ends before the item does; that of a function or module is its end.
                let more = tokens.get(index + 1).is_some_and(|next| next.text == ";");
                if depth == 0 && token.text == "}" && !more {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// How long the comment, string or character at the start is; 0 if there is none.
fn skipped(text: &[char]) -> usize {
    match text {
        ['/', '/', ..] => text.iter().position(|c| *c == '\n').unwrap_or(text.len()),
        ['/', '*', ..] => block_comment(text),
        ['"', ..] => string(text, 0),
        ['b' | 'c', '"', ..] => string(text, 1),
        ['r', '"' | '#', ..] => raw_string(text, 1),
        ['b' | 'c', 'r', '"' | '#', ..] => raw_string(text, 2),
        ['\'', '\\', _, rest @ ..] => 4 + rest.iter().position(|c| *c == '\'').unwrap_or(0),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment(text: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < text.len() && depth > 0 {
        match text[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn string(text: &[char], open: usize) -> usize {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw_string(text: &[char], open: usize) -> usize {
    let hashes = text[open..].iter().take_while(|c| **c == '#').count();
    // `r#type` is a name.
    if text.get(open + hashes) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = open + hashes + 1;
    let found = text[start..].windows(end.len()).position(|window| window == end);
    found.map_or(text.len(), |found| start + found + end.len())
}

fn token(text: &[char]) -> usize {
    let name = text.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    match text {
        _ if name > 0 => name,
        [':', ':', ..] => 2,
        _ => 1,
    }
}
