//! Every provider has a handbook, and what is typed for a deed is sound.

use serde_json::json;

use super::*;
use crate::infrastructure::real::all_known;

/// Providers whose handbook is still to be written: what is done by hand for them is told in words.
const IN_WORDS: [&str; 1] = ["aws"];

#[test]
fn every_provider_that_this_build_acts_with_has_a_handbook_and_no_other_has() {
    let known: BTreeSet<_> = all_known().filter(|(_, provider)| !IN_WORDS.contains(provider)).collect();
    let books: BTreeSet<_> = HANDBOOKS.iter().map(|book| (book.kind, book.provider)).collect();
    assert_eq!(known, books, "a provider in `real::KNOWN` needs a line in `HANDBOOKS`, and the other way round");
}

#[test]
fn what_no_handbook_is_for_is_told_in_words() {
    let deed = Deed::Fence { region: RegionRole::Primary };
    let ask = Ask { resource: "main", kind: ResourceKind::Database, settings: &json!({}), deed: &deed, before: None };
    for (provider, words) in [
        (
            "simulated",
            "it is simulated, so there is nothing to type; on a real infrastructure: let main in primary refuse",
        ),
        ("patroni", "by the means of patroni: let main in primary refuse writes"),
        // Settings that are not the provider's say nothing.
        ("postgres", "let main in primary refuse writes"),
    ] {
        let told = by_hand(provider, &ask);
        assert!(told[0].words.starts_with(words) && told[0].shell.is_empty(), "{told:?}");
    }
}
