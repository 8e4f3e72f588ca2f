//! The fence in `pg_hba.conf`: a block at its top that lets in Muster, where it sees to the server, and replication, both
//! by the very rules that let them in before, and nobody else. What follows the block is the file as it was, byte for
//! byte, so taking the block out takes the fence away. Pure.

pub(super) use crate::infrastructure::real::postgres::{FENCE_BEGIN as BEGIN, FENCE_END as END};

/// A rule as the server understands it (`pg_hba_file_rules`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) kind: String,
    pub(super) databases: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) address: Option<String>,
    pub(super) netmask: Option<String>,
    pub(super) method: String,
    pub(super) options: Vec<String>,
    /// Whether it is for Muster's role, groups considered.
    pub(super) for_muster: bool,
}

/// `file` with the block at its top.
pub(super) fn fenced(file: &[u8], rules: &[Rule], user: &str, maintenance: &str) -> Vec<u8> {
    let mut block = format!("{BEGIN}\n");
    for rule in rules {
        let for_database = |name: &str| rule.databases.iter().any(|one| one == name);
        if for_database("replication") {
            let users: Vec<String> = rule.users.iter().map(|user| user_word(user)).collect();
            block.push_str(&line(rule, "replication", &users.join(",")));
        }
        let same = for_database("sameuser") && user == maintenance;
        if rule.for_muster && (for_database("all") || for_database(maintenance) || same) {
            block.push_str(&line(rule, &quoted(maintenance), &quoted(user)));
        }
    }
    block.push_str("local all all reject\nhost all all all reject\n");
    block.push_str(END);
    block.push('\n');
    let mut whole = block.into_bytes();
    whole.extend_from_slice(file);
    whole
}

/// `file` without the block; `None` if it has none.
pub(super) fn unfenced(file: &[u8]) -> Option<Vec<u8>> {
    let begin = find(file, BEGIN.as_bytes())?;
    let end = begin + find(&file[begin..], END.as_bytes())? + END.len();
    let after = if file.get(end) == Some(&b'\n') { end + 1 } else { end };
    Some([&file[..begin], &file[after..]].concat())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn line(rule: &Rule, database: &str, user: &str) -> String {
    let mut words = vec![rule.kind.clone(), database.to_owned(), user.to_owned()];
    words.extend(rule.address.clone());
    words.extend(rule.netmask.clone());
    words.push(rule.method.clone());
    words.extend(rule.options.iter().map(|option| quoted(option)));
    format!("{}\n", words.join(" "))
}

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// A user as the file writes it: words that mean something else than a name stay bare.
fn user_word(user: &str) -> String {
    match user.strip_prefix('+') {
        _ if user == "all" => user.to_owned(),
        Some(group) => format!("+{}", quoted(group)),
        None => quoted(user),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, fenced, unfenced};

    fn rule(kind: &str, databases: &[&str], users: &[&str], method: &str) -> Rule {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Rule {
            kind: kind.to_owned(),
            databases: owned(databases),
            users: owned(users),
            method: method.to_owned(),
            for_muster: users.contains(&"all") || users.contains(&"muster"),
            ..Rule::default()
        }
    }

    #[test]
    fn muster_and_replication_come_in_as_before_and_nobody_else() {
        let at = |rule: Rule| Rule {
            address: Some("10.0.0.0".to_owned()),
            netmask: Some("255.0.0.0".to_owned()),
            options: vec!["clientcert=verify-full".to_owned()],
            ..rule
        };
        let rules = [
            rule("local", &["all"], &["postgres"], "peer"),
            rule("local", &["all", "replication"], &["all"], "peer"),
            at(rule("hostssl", &["app"], &["all"], "md5")),
            at(rule("hostssl", &["all"], &["muster"], "scram-sha-256")),
            at(rule("host", &["replication"], &["+rep l"], "trust")),
        ];
        let file = b"# mine\r\nlocal all all peer\n";
        let whole = fenced(file, &rules, "muster", "postgres");
        assert_eq!(
            String::from_utf8(whole.clone()).unwrap(),
            "# >>> fenced by muster: everybody but replication and muster itself is refused\n\
             local replication all peer\n\
             local \"postgres\" \"muster\" peer\n\
             hostssl \"postgres\" \"muster\" 10.0.0.0 255.0.0.0 scram-sha-256 \"clientcert=verify-full\"\n\
             host replication +\"rep l\" 10.0.0.0 255.0.0.0 trust \"clientcert=verify-full\"\n\
             local all all reject\nhost all all all reject\n\
             # <<< fenced by muster\n# mine\r\nlocal all all peer\n"
        );
        assert_eq!(unfenced(&whole).unwrap(), file);
        assert_eq!(unfenced(file), None);
    }

    #[test]
    fn what_was_changed_below_the_block_meanwhile_stays() {
        let mut whole = fenced(b"a\n", &[], "muster", "postgres");
        whole.extend_from_slice(b"b\n");
        assert_eq!(unfenced(&whole).unwrap(), b"a\nb\n");
    }
}
