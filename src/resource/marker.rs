//! Marks on resources: whoever is about to change one says so on the resource itself, where every run can see it.
//!
//! A lease holds among the runs of one store. Two laptops have two stores; the resource is the same for both. A provider
//! that can write conditionally keeps the mark beside the resource (a TXT record, a tag, a row) and refuses what a run
//! asks for that does not have it.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Context, ProviderError};
use crate::id::RunId;

/// What a run leaves on a resource for as long as it may change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The run.
    pub run: RunId,
    /// The number of its lease: of two processes of one run, the one with the higher number has it.
    pub fencing: u64,
    /// Who runs it, for people: `ops at bastion-1`.
    pub who: String,
    /// When the run began.
    pub since: Timestamp,
}

impl Marker {
    /// Whether `self` may take the place of `there` without anybody being passed over: it is the same run, and no
    /// earlier process of it.
    #[must_use]
    pub fn continues(&self, there: &Self) -> bool {
        self.run == there.run && self.fencing >= there.fencing
    }
}

#[cfg(test)]
impl Marker {
    /// A mark of a test's run.
    pub(crate) fn of_test(run: &str, fencing: u64) -> Self {
        let since = "2026-11-22T08:42:16.5Z".parse().unwrap();
        Self { run: RunId::new(run).unwrap(), fencing, who: "ops at bastion-1".to_owned(), since }
    }
}

impl fmt::Display for Marker {
    /// `the run 20261122-084216-drill has it since 2026-11-22T08:42:16Z (ops at bastion-1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run {} has it since {:.0}", self.run, self.since)?;
        if self.who.is_empty() { Ok(()) } else { write!(f, " ({})", self.who) }
    }
}

/// How a resource answered who wants to mark it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It carries the mark now.
    Ours,
    /// Another run has it, or a later process of this one; its mark stands.
    Taken(Marker),
}

/// What can be marked as one run's own.
///
/// Every resource has these; what can't keep a mark leaves them as they are, and then only the lease guards it.
#[async_trait]
pub trait Exclusive: Send + Sync {
    /// Marks it as `marker`'s, by one conditional write: if it carries no mark, one that `marker` continues, or exactly
    /// `over`, which is then passed over. From then on acts of other runs, and of earlier processes of this one, are
    /// refused by it where it can tell.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] if it can't keep a mark; others if nobody answered.
    async fn claim(&self, _cx: &Context, _marker: &Marker, _over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        Err(ProviderError::Unsupported("its provider keeps no marks".to_owned()))
    }

    /// Takes the mark away, if it is one that `marker` continues; another one's stands.
    ///
    /// # Errors
    /// As [`Exclusive::claim`].
    async fn release(&self, _cx: &Context, _marker: &Marker) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported("its provider keeps no marks".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Marker;

    #[test]
    fn only_a_later_process_of_the_same_run_continues_a_mark() {
        let there = Marker::of_test("20261122-084216-drill", 4);
        for (run, fencing, continues) in [
            ("20261122-084216-drill", 4, true),
            ("20261122-084216-drill", 5, true),
            ("20261122-084216-drill", 3, false),
        ] {
            assert_eq!(Marker::of_test(run, fencing).continues(&there), continues, "{run} {fencing}");
        }
        assert!(!Marker::of_test("20261122-084217-drill", 9).continues(&there));
    }

    #[test]
    fn a_mark_says_who_has_it_since_when() {
        let told = Marker::of_test("20261122-084216-drill", 4).to_string();
        assert_eq!(told, "the run 20261122-084216-drill has it since 2026-11-22T08:42:16Z (ops at bastion-1)");
    }
}
