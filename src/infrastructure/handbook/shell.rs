//! Text for a POSIX shell that means exactly what it says, whatever is in the words.

use crate::secret::SecretSource;

/// A word as a shell reads it back, whatever is in it; bare where that is safe.
#[must_use]
pub fn word(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    // `a=b` as the first word would set a variable, so whoever writes a command's name quotes that.
    if !text.is_empty() && text.chars().all(bare) && !text.starts_with('-') || is_option(text) {
        return text.to_owned();
    }
    quoted(text)
}

fn is_option(text: &str) -> bool {
    text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,".contains(c))
}

/// A word in quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A command line.
#[must_use]
pub fn argv(words: &[String]) -> String {
    let first = words.first().map(|it| if it.contains('=') { quoted(it) } else { word(it) });
    first.into_iter().chain(words.iter().skip(1).map(|it| word(it))).collect::<Vec<_>>().join(" ")
}

/// A command line in which `mark` stands for the shell's variable `name`.
#[must_use]
pub fn argv_with(words: &[String], mark: &str, name: &str) -> String {
    let one = |it: &String| {
        if !it.contains(mark) {
            return word(it);
        }
        let parts: Vec<String> =
            it.split(mark).map(|part| if part.is_empty() { String::new() } else { word(part) }).collect();
        parts.join(&format!("\"${name}\""))
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// A secret where a shell reads it: from the variable or the file that Muster would read, in double quotes.
#[must_use]
pub fn secret(source: &SecretSource) -> String {
    format!("\"{}\"", bare_secret(source))
}

/// The same within a text that is in double quotes already, or in a here-document.
#[must_use]
pub fn bare_secret(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("${{{name}:?}}"),
        SecretSource::File(path) => format!("$(cat {})", word(&path.to_string_lossy())),
    }
}

/// Where a secret is read, for people.
#[must_use]
pub fn source(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("environment variable {name}"),
        SecretSource::File(path) => format!("file {}", path.display()),
    }
}

/// A here-document that the shell does not look into.
#[must_use]
pub fn here(command: &str, text: &str) -> String {
    let mut end = "END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    format!("{command} <<'{end}'\n{}\n{end}", text.trim_end_matches('\n'))
}

/// The host in `host:port`, `[address]:port`, a URL, or a host alone.
#[must_use]
pub fn host_of(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let rest = rest.rsplit('@').next().unwrap_or(rest);
    if let Some(inside) = rest.strip_prefix('[') {
        return inside.split(']').next().unwrap_or(inside);
    }
    match rest.rsplit_once(':') {
        // More than one colon is an IPv6 address without a port.
        Some((host, _)) if !host.contains(':') => host,
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        assert_eq!(word("web@3"), "web@3");
        assert_eq!(word(""), "''");
        assert_eq!(word("it's $HOME; rm *"), r"'it'\''s $HOME; rm *'");
        assert_eq!(word("--source-server={source}"), "'--source-server={source}'");
        assert_eq!(word("-D"), "-D");
        assert_eq!(argv(&["A=b".to_owned(), "x y".to_owned()]), "'A=b' 'x y'");
        assert_eq!(argv_with(&["start".to_owned(), "web @{n}!".to_owned()], "{n}", "n"), "start 'web @'\"$n\"'!'");
    }

    #[test]
    fn a_host_is_found_in_whatever_names_it() {
        for (text, host) in [
            ("db1:5432", "db1"),
            ("[2001:db8::1]:53", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("https://git@git.example.test:8443/x", "git.example.test"),
            ("gw", "gw"),
        ] {
            assert_eq!(host_of(text), host, "{text}");
        }
    }

    #[test]
    fn a_here_document_ends_where_it_should() {
        assert_eq!(here("sh -s", "a\nEND\n"), "sh -s <<'END_'\na\nEND\nEND_");
    }
}
