//! Two lists of references, compared; pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::time::Span;

/// The references of each repository, with the object that each names.
pub(super) type Listing<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

/// Reads a listing: `= REPOSITORY`, then `OBJECT REFERENCE` for each of its references. `None` if it is none.
pub(super) fn parse(text: &str) -> Option<Listing<'_>> {
    let mut listing = Listing::new();
    let mut current: Option<&mut BTreeMap<&str, &str>> = None;
    for line in text.lines() {
        if let Some(repository) = line.strip_prefix("= ") {
            current = Some(listing.entry(repository).or_default());
        } else {
            let (object, reference) = line.split_once(' ')?;
            current.as_mut()?.insert(reference, object);
        }
    }
    Some(listing)
}

/// One reference that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    pub(super) repository: &'a str,
    pub(super) reference: &'a str,
    /// What the copy has there.
    pub(super) copy: Option<&'a str>,
}

/// The objects that references of a repository name, each once, a line each after the repository's.
fn group(out: &mut String, repository: &str, refs: Option<&BTreeMap<&str, &str>>) {
    let objects: BTreeSet<&&str> = refs.into_iter().flat_map(BTreeMap::values).collect();
    let _ = writeln!(out, "= {repository}");
    for object in objects {
        let _ = writeln!(out, "{object}");
    }
}

/// As the side that has the original is asked about the differences, which are in the order of their repositories.
pub(super) fn asked(differences: &[Difference<'_>], copy: &Listing<'_>) -> String {
    let (mut text, mut last) = (String::new(), None);
    for one in differences {
        if last != Some(one.repository) {
            group(&mut text, one.repository, copy.get(one.repository));
            last = Some(one.repository);
        }
        let _ = writeln!(text, "? {} {}", one.copy.unwrap_or("0"), one.reference);
    }
    text
}

/// As a side is asked to keep what it has in these repositories, and `theirs` has not.
pub(super) fn kept(repositories: &[&str], theirs: &Listing<'_>) -> String {
    let mut text = String::new();
    for repository in repositories {
        group(&mut text, repository, theirs.get(repository));
    }
    text
}

/// The references of ours that are not the same there, in repositories that they have: `OBJECT REFERENCE REPOSITORY`.
pub(super) fn moved(ours: &Listing<'_>, theirs: &Listing<'_>) -> String {
    let mut text = String::new();
    for (repository, refs) in ours {
        let Some(others) = theirs.get(repository) else { continue };
        for (reference, object) in refs.iter().filter(|(reference, object)| others.get(*reference) != Some(*object)) {
            let _ = writeln!(text, "{object} {reference} {repository}");
        }
    }
    text
}

/// What is not the same in repositories that the copy has, and in those that the original does not have.
pub(super) fn differences<'a>(original: &Listing<'a>, copy: &Listing<'a>) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    for (repository, theirs) in copy {
        let nothing = BTreeMap::new();
        let ours = original.get(repository).unwrap_or(&nothing);
        let references: BTreeSet<&&str> = ours.keys().chain(theirs.keys()).collect();
        for reference in references {
            let copy = theirs.get(reference).copied();
            if ours.get(reference).copied() != copy {
                found.push(Difference { repository, reference, copy });
            }
        }
    }
    found
}

/// What became of the differences when the original was asked about each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) behind: u32,
    pub(super) diverged: u32,
    pub(super) stale: u32,
    /// When the oldest commit was made that the copy lacks, in seconds since 1970.
    pub(super) oldest: Option<u64>,
}

/// Counts repositories by the answers, one a difference; `None` if there are not as many.
pub(super) fn judge(differences: &[Difference<'_>], answers: &str) -> Option<Judged> {
    let (mut behind, mut diverged, mut stale) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut oldest = None::<u64>;
    let mut lines = answers.lines();
    for difference in differences {
        let (what, at) = lines.next()?.split_once(' ')?;
        match what {
            "same" => {}
            "behind" => {
                behind.insert(difference.repository);
                let at: u64 = at.parse().ok()?;
                if at > 0 {
                    oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
                }
            }
            "diverged" => {
                diverged.insert(difference.repository);
            }
            "stale" => {
                stale.insert(difference.repository);
            }
            _ => return None,
        }
    }
    let count = |of: &BTreeSet<&str>| u32::try_from(of.len()).unwrap_or(u32::MAX);
    let only_behind: BTreeSet<&str> = behind.difference(&diverged).copied().collect();
    let judged = Judged { behind: count(&only_behind), diverged: count(&diverged), stale: count(&stale), oldest };
    lines.next().is_none().then_some(judged)
}

/// How long ago that was, by a clock that shows `now`; a moment that is still to come is none ago.
pub(super) fn age(at: Option<u64>, now: u64) -> Span {
    Span::from_secs(at.map_or(0, |at| now.saturating_sub(at)))
}

/// Some of the repositories, spread over all of them and others for each seed.
pub(super) fn sample(listing: &Listing<'_>, at_most: usize, seed: &str) -> Vec<String> {
    use sha2::{Digest, Sha256};
    let mut drawn: Vec<([u8; 32], &str)> =
        listing.keys().map(|name| (Sha256::digest(format!("{seed}/{name}")).into(), *name)).collect();
    drawn.sort_unstable();
    drawn.into_iter().take(at_most).map(|(_, name)| name.to_owned()).collect()
}

/// Repositories in which `ours` has what is not at the same place in `theirs`.
pub(super) fn only_ours<'a>(ours: &Listing<'a>, theirs: &Listing<'a>) -> Vec<&'a str> {
    let nothing = BTreeMap::new();
    let lacks = |name: &str, refs: &BTreeMap<&str, &str>| {
        let others = theirs.get(name).unwrap_or(&nothing);
        refs.iter().any(|(reference, object)| others.get(reference) != Some(object))
    };
    ours.iter().filter(|(name, refs)| lacks(name, refs)).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &str = "= a.git\n1 refs/heads/main\n2 refs/heads/new\n= b.git\n3 refs/heads/main\n= c.git\n";
    const COPY: &str = "= a.git\n1 refs/heads/main\n= d.git\n9 refs/heads/main\n= c.git\n";

    #[test]
    fn references_are_compared_one_by_one() {
        let (original, copy) = (parse(ORIGINAL).unwrap(), parse(COPY).unwrap());
        let found = differences(&original, &copy);
        let text = "= a.git\n1\n? 0 refs/heads/new\n= d.git\n9\n? 9 refs/heads/main\n";
        assert_eq!(asked(&found, &copy), text);
        let judged = judge(&found, "behind 50\ndiverged 0\n").unwrap();
        assert_eq!(judged, Judged { behind: 1, diverged: 1, stale: 0, oldest: Some(50) });
        assert_eq!(judge(&found, "stale 0\nsame 0\n").unwrap(), Judged { stale: 1, ..Judged::default() });
        assert_eq!(kept(&["a.git", "b.git"], &copy), "= a.git\n1\n= b.git\n");
        assert_eq!(moved(&original, &copy), "2 refs/heads/new a.git\n");
        assert_eq!(judge(&found, "behind 50\n"), None, "an answer is missing");
        assert_eq!(judge(&found, "same 0\nsame 0\n"), Some(Judged::default()));
        assert_eq!(only_ours(&copy, &original), ["d.git"]);
        assert_eq!(
            (age(Some(50), 62), age(Some(70), 62), age(None, 62)),
            (Span::from_secs(12), Span::ZERO, Span::ZERO)
        );
    }

    #[test]
    fn a_listing_that_broke_off_is_none() {
        assert_eq!(parse("1 refs/heads/main\n"), None);
        assert_eq!(parse("= a.git\nfatal:\n"), None);
    }

    #[test]
    fn a_sample_is_another_for_each_run_and_the_same_for_one() {
        let text: String = (0..100).fold(String::new(), |all, n| all + &format!("= {n}.git\n"));
        let listing = parse(&text).unwrap();
        assert_eq!(sample(&listing, 5, "run-1"), sample(&listing, 5, "run-1"));
        assert_ne!(sample(&listing, 5, "run-1"), sample(&listing, 5, "run-2"));
        assert_eq!(sample(&listing, 500, "run-1").len(), 100);
    }
}
