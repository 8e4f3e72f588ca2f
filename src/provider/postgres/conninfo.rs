//! Connection strings of standbys, and the names by which a primary knows them; pure.

/// The value of a key in a connection string, as libpq reads it: `key=value key='a value'`, of several the last, or an
/// address with `?key=value&…`.
pub(super) fn value(conninfo: &str, key: &str) -> Option<String> {
    if conninfo.starts_with("postgres://") || conninfo.starts_with("postgresql://") {
        let (_, query) = conninfo.split_once('?')?;
        return query.split('&').rev().find_map(|part| Some(part.strip_prefix(key)?.strip_prefix('=')?.to_owned()));
    }
    let mut rest = conninfo.trim_start();
    let mut found = None;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = first_value(after.trim_start());
        if name.trim() == key {
            found = Some(value);
        }
        rest = after.trim_start();
    }
    found
}

/// The value that a text begins with, and what follows it.
fn first_value(text: &str) -> (String, &str) {
    let is_quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut signs = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
            '\'' if is_quoted => return (value, &text[at + 1..]),
            blank if !is_quoted && blank.is_whitespace() => return (value, &text[at..]),
            sign => value.push(sign),
        }
    }
    (value, "")
}

/// A value as a connection string has it.
pub(super) fn quoted(value: &str) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() || "_-.:/".contains(sign);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether a list of `synchronous_standby_names` has a standby: `a, "b c"`, `2 (a, b)`, `ANY 1 (*)`.
pub(super) fn waits_for(list: &str, name: &str) -> bool {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for sign in list.chars() {
        match sign {
            '"' => is_quoted = !is_quoted,
            // What stood before is how many of them.
            '(' if !is_quoted => word.clear(),
            ',' | ')' if !is_quoted => words.push(std::mem::take(&mut word)),
            blank if !is_quoted && blank.is_whitespace() => {}
            sign => word.push(sign),
        }
    }
    words.push(word);
    words.iter().any(|one| one == "*" || one.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::{quoted, value, waits_for};

    #[test]
    fn a_connection_string_is_read_as_libpq_reads_it() {
        let text = "user=rep application_name=old passfile='/var/lib/pg pass' application_name = 'node \\'a\\' \\\\' \
                    port=1";
        assert_eq!(value(text, "application_name").as_deref(), Some("node 'a' \\"));
        assert_eq!(value(text, "passfile").as_deref(), Some("/var/lib/pg pass"));
        assert_eq!(value(text, "port").as_deref(), Some("1"));
        assert_eq!((value(text, "name"), value("", "port"), value("port", "port")), (None, None, None));
        let address = "postgresql://rep@db1/?sslmode=require&application_name=node_a";
        assert_eq!(value(address, "application_name").as_deref(), Some("node_a"));
        for name in ["node_a", "node a", "it's", "back\\slash", ""] {
            let text = format!("host=db1 application_name={} port=5432", quoted(name));
            assert_eq!(value(&text, "application_name").as_deref(), Some(name), "{text}");
            assert_eq!(value(&text, "port").as_deref(), Some("5432"), "{text}");
        }
    }

    #[test]
    fn a_list_of_synchronous_standbys_names_whom_the_server_would_take_for_one() {
        for (list, named) in [
            ("node_a", true),
            ("NODE_A", true),
            ("*", true),
            ("other, \"node_a\"", true),
            ("2 (other, node_a)", true),
            ("FIRST 1 (node_a,other)", true),
            ("ANY 1 (*)", true),
            ("other", false),
            ("ANY 1 (other, node_ab)", false),
            ("\"other, node_a\"", false),
        ] {
            assert_eq!(waits_for(list, "node_a"), named, "{list}");
        }
    }
}
