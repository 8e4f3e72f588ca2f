//! The known name that somebody probably meant.

/// Characters of a name that are compared at most; longer ones are no typing mistake of a key.
const COMPARED: usize = 64;

/// The known name nearest to `name`, if it is near enough to be a typing mistake: at most a third of its characters
/// added, left out, changed or swapped with a neighbour. Of equally near ones the first.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = plain(name);
    if wanted.len() > COMPARED {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let letters = plain(candidate);
        let most = (wanted.len().max(letters.len()) / 3).max(1);
        if letters.len() > COMPARED || wanted.len().abs_diff(letters.len()) > most {
            continue;
        }
        let distance = distance(&wanted, &letters);
        // A word of one or two letters is near to every other.
        if distance <= most && distance < letters.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `maxWait`, `max-wait` and `max_wait` are the same to somebody who types from memory.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).take(COMPARED + 1).collect()
}

/// Levenshtein's distance where swapping two neighbours counts once ("optimal string alignment").
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(from != to)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("timout", Some("timeout"))]
    #[case("tiemout", Some("timeout"))]
    #[case("maxWait", Some("max_wait"))]
    #[case("max-wait", Some("max_wait"))]
    #[case("withn", Some("within"))]
    #[case("colour", None)]
    #[case("i", Some("id"))]
    #[case("x", None)]
    #[case("", None)]
    fn finds_what_was_meant(#[case] name: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(name, ["timeout", "max_wait", "within", "id", "retry"]), meant);
    }

    #[test]
    fn a_long_name_costs_nothing() {
        assert_eq!(nearest(&"x".repeat(5_000_000), ["timeout"]), None);
    }
}
