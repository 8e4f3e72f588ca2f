//! Makes a text from elsewhere harmless to show, whatever shows it: no control characters, no terminal sequences, no
//! marks that turn the direction of writing round, no more than so many characters. Each format escapes on top of it.

/// One line. Line ends become `⏎`, tabs a space. At most `max` characters, then `…`.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max * 4));
    for (count, c) in visible(text.trim_end()).enumerate() {
        if count == max {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Lines and tabs stay. At most `max` bytes, then `…`.
pub(crate) fn block(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in visible(text) {
        if out.len() + c.len_utf8() > max {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

/// For a text node or a quoted attribute of HTML, SVG and XML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The characters of a text, with what can't be shown replaced by its picture, and colours taken out.
fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let c = chars.next()?;
            match c {
                '\r' if chars.peek() == Some(&'\n') => {}
                // A colour or cursor sequence: ESC [ parameters letter. Output of programs is full of them.
                '\u{1b}' if chars.peek() == Some(&'[') => {
                    chars.next();
                    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                    chars.next_if(|c| matches!(c, '@'..='~'));
                }
                '\n' | '\t' => return Some(c),
                '\0'..='\u{1f}' => return char::from_u32(0x2400 + u32::from(c)),
                '\u{7f}' => return Some('␡'),
                '\u{80}'..='\u{9f}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fffe}'..='\u{ffff}' => return Some('\u{fffd}'),
                c => return Some(c),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_a_terminal_is_gone() {
        assert_eq!(line("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}x", 99), "red ␛]0;title␇x");
        assert_eq!(line("a\r\nb\rc\td\0\n", 99), "a⏎b␍c d␀");
        assert_eq!(line("abc\u{202e}def\u{9b}2J", 99), "abc\u{fffd}def\u{fffd}2J");
        assert_eq!(line("\u{1b}[", 9), "");
    }

    #[test]
    fn a_text_is_cut_with_a_mark() {
        assert_eq!(line("äöüß", 3), "äöü…");
        assert_eq!(line("äöü", 3), "äöü");
        assert_eq!(block("a\nb\tc", 4), "a\nb\t…");
        assert_eq!(block("ää", 3), "ä…");
    }
}
