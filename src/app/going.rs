//! Which runs go on now, and which nobody takes care of: by their leases, and where those were lost by their journals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::history::files;
use super::locks::{Standing, now, standing};
use super::machine::machine;
use super::{AppError, Runs, begun};
use crate::id::RunId;
use crate::store::{Lease, Leases as _, SqliteLive};

/// A run that was begun and not ended, and that nobody carries out as far as can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Which.
    pub run: RunId,
    /// Since when it holds its leases.
    pub since: Timestamp,
    /// When it renewed its leases last, if its process may still be there: stopped, asleep, or on another machine.
    pub silent_since: Option<Timestamp>,
}

/// How things stand with a run.
#[derive(Clone, Debug)]
pub(super) struct Going {
    /// Since when it holds what it changes.
    pub(super) since: Timestamp,
    /// When it renewed its leases last, if it has some.
    pub(super) renewed: Option<Timestamp>,
    /// How that stands.
    pub(super) standing: Standing,
}

/// Every run that has begun and not ended. A store that is not there, or that can't be read, tells nothing: the
/// journals do.
pub(super) fn going(runs: &Runs) -> BTreeMap<RunId, Going> {
    let (leases, ended) = told(runs).unwrap_or_default();
    let (here, now) = (machine(), now());
    let mut going = BTreeMap::new();
    for lease in leases {
        let run = lease.holder.run.clone();
        going.entry(run).or_insert_with_key(|run| Going {
            since: lease.since,
            renewed: Some(lease.renewed.wall),
            standing: standing(&lease, &here, now, false, || begun::is_written(&runs.reports, run)),
        });
    }
    for run in with_a_folder(runs) {
        if ended.contains(&run) || going.contains_key(&run) {
            continue;
        }
        let Some(found) = begun::begun(&runs.reports, &run) else { continue };
        let written = begun::is_written(&runs.reports, &run);
        let standing = if written { Standing::GoingOn } else { Standing::LeftBehind };
        going.insert(run, Going { since: found.since, renewed: None, standing });
    }
    going
}

/// What the store tells: all leases, and the runs that have ended.
fn told(runs: &Runs) -> Result<(Vec<Lease>, BTreeSet<RunId>), AppError> {
    if !runs.store.is_file() {
        return Ok(Default::default());
    }
    let store = SqliteLive::open(&runs.store).map_err(files)?;
    Ok((store.leases().map_err(files)?, store.ended().map_err(files)?))
}

/// The runs that have a folder. Whatever else lies in the reports folder is not ours.
fn with_a_folder(runs: &Runs) -> Vec<RunId> {
    let entries = std::fs::read_dir(&runs.reports).into_iter().flatten().flatten();
    entries.filter_map(|entry| RunId::new(entry.file_name().to_str()?).ok()).collect()
}

/// The runs that nobody carries out, oldest first. What can't be told is left out: it is no reason to do nothing else.
#[must_use]
pub fn left_behind(runs: &Runs) -> Vec<LeftBehind> {
    let neglected = |standing| matches!(standing, Standing::LeftBehind | Standing::Silent);
    let mut left: Vec<LeftBehind> = going(runs)
        .into_iter()
        .filter(|(run, going)| neglected(going.standing) && !begun::has_ended(&runs.reports, run))
        .map(|(run, Going { since, renewed, standing })| {
            let silent_since = renewed.filter(|_| standing == Standing::Silent);
            LeftBehind { run, since, silent_since }
        })
        .collect();
    left.sort_by_key(|left| left.since);
    left
}
