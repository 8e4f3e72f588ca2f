//! Runs whose leases were lost with the store: what their plans claim is theirs all the same, until they have ended.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Others, Standing, Wanted, advice, claims};
use crate::app::{AppError, begun};
use crate::id::RunId;

/// A run without a lease that has begun, has not ended, and has something that is wanted.
pub(super) struct Unleased {
    /// Which.
    pub(super) run: RunId,
    /// How that stands: it goes on, or was left behind.
    pub(super) standing: Standing,
    /// What it has, as people call it.
    shown: Vec<String>,
    since: Timestamp,
    user: String,
    host: String,
}

/// All of them, oldest first. `holders` have their leases, which tell more.
///
/// # Errors
/// [`AppError::Files`]: the index can't be read.
pub(super) fn meeting(wanted: &Wanted<'_>, holders: &BTreeSet<&RunId>) -> Result<Vec<Unleased>, AppError> {
    let reports = &wanted.runs.reports;
    let wants: BTreeSet<&str> = wanted.claims.iter().map(|claim| claim.name.as_str()).collect();
    let mut meeting = Vec::new();
    for run in wanted.history.unfinished()? {
        if run == *wanted.run || holders.contains(&run) {
            continue;
        }
        let Some(found) = begun::begun(reports, &run) else { continue };
        let common = claims(&found.started.plan).into_iter().filter(|claim| wants.contains(claim.name.as_str()));
        let shown: Vec<String> = common.map(|claim| claim.shown).collect();
        if shown.is_empty() {
            continue;
        }
        let written = begun::is_written(reports, &run);
        let standing = if written { Standing::GoingOn } else { Standing::LeftBehind };
        let origin = found.started.origin;
        meeting.push(Unleased { run, standing, shown, since: found.since, user: origin.user, host: origin.host });
    }
    Ok(meeting)
}

impl Unleased {
    /// What it has, since when, and how that stands.
    pub(super) fn sentence(&self) -> String {
        let how = match self.standing {
            Standing::LeftBehind => ", but was left behind: its process is gone",
            _ => "; its lease is not in the store, but it goes on: its journal is being written",
        };
        format!(
            "{}: the run {} has it since {:.0} ({} at {}){how}",
            self.shown.join(", "),
            self.run,
            self.since,
            self.user,
            self.host
        )
    }

    /// The same, with what to do now.
    pub(super) fn refusal(&self, others: Others) -> String {
        format!("{}. {}", self.sentence(), advice(&self.run, self.standing, others))
    }
}
