//! The shapes in which a secret turns up in texts.

/// Shorter ones are not looked for.
const MIN_BYTES: usize = 4;

/// A line of a longer secret (a PEM key) is looked for by itself from this length on.
const MIN_LINE_BYTES: usize = 8;

/// A part of a secret URL's path is a token from this length on, if it has a digit.
const MIN_TOKEN_BYTES: usize = 8;

/// Shorter pieces of base64 would be found by chance.
const MIN_BASE64: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All forms of `secret`, without doubles; none if it is too short to be told from other text.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    if secret.len() < MIN_BYTES {
        return forms;
    }
    push(&mut forms, secret.to_owned());
    for line in secret.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE_BYTES) {
        push(&mut forms, line.to_owned());
    }
    for piece in pieces_of_url(secret) {
        push(&mut forms, piece.to_owned());
    }
    push(&mut forms, percent(secret, b"0123456789ABCDEF"));
    push(&mut forms, percent(secret, b"0123456789abcdef"));
    if let Ok(json) = serde_json::to_string(secret) {
        push(&mut forms, json[1..json.len() - 1].to_owned());
    }
    for alphabet in [STANDARD, URL_SAFE] {
        for shift in 0..3 {
            // With text behind it, and as the end of what was encoded.
            for end in [End::Open, End::Padded] {
                let piece = base64_piece(secret.as_bytes(), shift, alphabet, end);
                if piece.len() >= MIN_BASE64 {
                    push(&mut forms, piece);
                }
            }
        }
    }
    forms
}

/// What is secret in a URL that is one, such as a webhook's: its user and password, and the tokens in its path and query.
/// Its words and its host are none.
fn pieces_of_url(secret: &str) -> impl Iterator<Item = &str> {
    let rest = secret.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let token = |piece: &&str| piece.len() >= MIN_TOKEN_BYTES && piece.bytes().any(|byte| byte.is_ascii_digit());
    user.split(':').chain(path.split(['/', '?', '&', '=', '#']).filter(token))
}

fn push(forms: &mut Vec<String>, form: String) {
    if form.len() >= MIN_BYTES && !forms.contains(&form) {
        forms.push(form);
    }
}

/// All but the unreserved characters of RFC 3986 as `%XX`.
fn percent(text: &str, digits: &[u8; 16]) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(digits[usize::from(byte >> 4)]));
            encoded.push(char::from(digits[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// What follows the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Something: the last character depends on it, if it is shared, and is left out.
    Open,
    /// Nothing: the bits that are missing are zeros.
    Padded,
}

/// The characters of base64 that depend on `bytes` alone when they stand `shift` bytes into a group of three, as the
/// password does in `Authorization: Basic`.
fn base64_piece(bytes: &[u8], shift: usize, alphabet: &[u8; 64], end: End) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    // The first whole sextet starts where the shifted bits meet a border of six.
    let first = (6 - shift * 8 % 6) % 6;
    let bits = (bytes.len() * 8).saturating_sub(first);
    let count = if end == End::Open { bits / 6 } else { bits.div_ceil(6) };
    (0..count)
        .map(|n| {
            let sextet = (0..6).fold(0, |value, offset| value << 1 | bit(first + n * 6 + offset));
            char::from(alphabet[sextet])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_known_answers() {
        assert_eq!(base64_piece(b"foobar", 0, STANDARD, End::Open), "Zm9vYmFy");
        // Of `xfoobar` (eGZvb2Jhcg==) and `xyfoobar` (eHlmb29iYXI=), what does not depend on the neighbours.
        assert_eq!(base64_piece(b"foobar", 1, STANDARD, End::Open), "Zvb2Jhc");
        assert_eq!(base64_piece(b"foobar", 2, STANDARD, End::Open), "mb29iYX");
        assert_eq!(base64_piece(b"foobar", 2, STANDARD, End::Padded), "mb29iYXI");
    }

    #[test]
    fn the_tokens_of_a_url_are_secrets_by_themselves() {
        let url = "https://ann:s3cret@hooks.example.test/services/T0AB12CD34/deploys?key=k9k9k9k9";
        assert_eq!(pieces_of_url(url).collect::<Vec<_>>(), ["ann", "s3cret", "T0AB12CD34", "k9k9k9k9"]);
        assert_eq!(pieces_of_url("a/b0b0b0b0b0").count(), 1, "no URL, no user but an empty one");
    }

    #[test]
    fn percent_encoding_leaves_unreserved_characters() {
        assert_eq!(percent("a b/ü", b"0123456789ABCDEF"), "a%20b%2F%C3%BC");
    }
}
