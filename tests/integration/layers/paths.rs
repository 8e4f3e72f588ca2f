//! The paths that a file names: `crate::a::{b, c::d}` is `crate::a::b` and `crate::a::c::d`.

use super::Source;
use super::tokens::{Token, tokens, without_tests};

/// A path, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its names; a path within the crate begins with `crate`, however it was written.
    pub(super) names: Vec<String>,
    /// From 1.
    pub(super) line: usize,
}

/// The module path of a file under `src`: `src/a/b.rs` and `src/a/b/mod.rs` are `["a", "b"]`, `src/lib.rs` is `[]`.
pub(super) fn module(path: &str) -> Vec<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut names: Vec<&str> = path.split('/').collect();
    if names.last() == Some(&"mod") || names == ["lib"] || names == ["main"] {
        names.pop();
    }
    names
}

/// Whether a file holds nothing but tests: `tests.rs` or anything in a folder `tests`.
pub(super) fn is_test(path: &str) -> bool {
    module(path).contains(&"tests")
}

/// Every path that a file names outside of its tests, single names too.
pub(super) fn paths(source: &Source) -> Vec<Named> {
    if is_test(&source.path) {
        return Vec::new();
    }
    let tokens = without_tests(&tokens(&source.text));
    let own: Vec<&str> = module(&source.path);
    let mut inner: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    let mut found = Vec::new();
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "mod" if tokens.get(at + 2).is_some_and(|open| open.text == "{") => {
                inner.push((tokens[at + 1].text.clone(), depth));
                at += 2;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inner.retain(|(_, opened)| *opened < depth);
            }
            _ => {}
        }
        if !starts_name(&tokens[at]) {
            at += 1;
            continue;
        }
        let here: Vec<&str> = own.iter().copied().chain(inner.iter().map(|(name, _)| name.as_str())).collect();
        let (length, all) = tree(&tokens[at..]);
        found.extend(all.into_iter().map(|named| absolute(named, &here)));
        at += length;
    }
    found
}

/// The path, or the tree of paths, at the start: how many tokens it has, and what it names.
fn tree(tokens: &[Token]) -> (usize, Vec<Named>) {
    let mut names = vec![tokens[0].text.clone()];
    let line = tokens[0].line;
    let mut at = 1;
    while tokens.get(at).is_some_and(|token| token.text == "::") {
        match tokens.get(at + 1) {
            Some(next) if starts_name(next) => {
                names.push(next.text.clone());
                at += 2;
            }
            Some(next) if next.text == "{" => {
                let (length, inside) = group(&tokens[at + 2..]);
                let whole = inside
                    .into_iter()
                    .map(|named| Named { names: names.iter().cloned().chain(named.names).collect(), line: named.line });
                return (at + 2 + length, whole.collect());
            }
            // A glob, or the arguments of a generic.
            _ => {
                at += 1;
                break;
            }
        }
    }
    (at, vec![Named { names, line }])
}

/// The paths up to the `}` that closes a group, and how many tokens that is.
fn group(tokens: &[Token]) -> (usize, Vec<Named>) {
    let mut at = 0;
    let mut found = Vec::new();
    while let Some(token) = tokens.get(at) {
        if token.text == "}" {
            return (at + 1, found);
        }
        if starts_name(token) {
            let (length, all) = tree(&tokens[at..]);
            found.extend(all);
            at += length;
        } else {
            at += 1;
        }
    }
    (at, found)
}

/// With `super` and `self` resolved from the module `here`.
fn absolute(mut named: Named, here: &[&str]) -> Named {
    let ups = named.names.iter().take_while(|name| ["super", "self"].contains(&name.as_str())).count();
    if ups > 0 {
        let up = named.names[..ups].iter().filter(|name| *name == "super").count();
        let base = &here[..here.len().saturating_sub(up)];
        let rest = named.names.split_off(ups);
        named.names = std::iter::once("crate").chain(base.iter().copied()).map(str::to_owned).chain(rest).collect();
    }
    named
}

fn starts_name(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
