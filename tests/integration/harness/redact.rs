//! Takes out what differs from run to run: the scene's folder, times, run ids' times, hashes.

/// What is replaced, in this order: a pattern (`0` any digit, `x` any lower-case hexadecimal digit, all else itself),
/// what follows it and goes with it, and what is shown instead.
const RULES: [(&str, Tail, &str); 5] = [
    ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Tail::Nothing, "[sha256]"),
    ("00000000-000000-", Tail::Nothing, "[time]-"),
    ("0000-00-00T00:00:00", Tail::FractionAndZone, "[at]"),
    ("0000-00-00 00:00:00", Tail::FractionAndZone, "[at]"),
    ("0000-00-00 00:00", Tail::FractionAndZone, "[at]"),
];

/// What belongs to a match beyond its pattern.
#[derive(Clone, Copy)]
enum Tail {
    Nothing,
    /// `.123`, then `Z`, ` UTC` or `+01:00`, each if it is there.
    FractionAndZone,
}

/// The text with `folder` and all that the rules name replaced.
pub(super) fn redact(text: &str, folder: &str) -> String {
    let text = text.replace(folder, "[folder]");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        if let Some((length, shown)) = matched(rest, before) {
            out.push_str(shown);
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        } else {
            out.push(next);
            before = Some(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

/// How long the match at the start of `text` is, and what is shown for it. A match does not begin within a word.
fn matched(text: &str, before: Option<char>) -> Option<(usize, &'static str)> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    RULES.iter().find_map(|(pattern, tail, shown)| {
        let fits = text.len() >= pattern.len() && pattern.bytes().zip(text.bytes()).all(|(p, t)| is_like(p, t));
        if !fits {
            return None;
        }
        let length = pattern.len() + tail.length(&text[pattern.len()..]);
        let ends = pattern.ends_with('-') || !text[length..].starts_with(|c: char| c.is_ascii_alphanumeric());
        ends.then_some((length, *shown))
    })
}

fn is_like(pattern: u8, byte: u8) -> bool {
    match pattern {
        b'0' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        _ => pattern == byte,
    }
}

impl Tail {
    fn length(self, text: &str) -> usize {
        let Self::FractionAndZone = self else { return 0 };
        let fraction = match text.strip_prefix('.') {
            Some(rest) => 1 + rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len(),
            None => 0,
        };
        let fraction = if fraction == 1 { 0 } else { fraction };
        let zone = &text[fraction..];
        let zone = match zone {
            _ if zone.starts_with('Z') => 1,
            _ if zone.starts_with(" UTC") => 4,
            _ if zone.len() >= 6 && b"+00:00".iter().zip(zone.bytes()).all(|(p, t)| is_like(*p, t)) => 6,
            _ => 0,
        };
        fraction + zone
    }
}
