//! Which runs go on now, and which were left behind: by their leases, so that no journal need be read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::history::files;
use super::locks::{Standing, now, standing};
use super::machine::machine;
use super::{AppError, Runs};
use crate::id::RunId;
use crate::journal;
use crate::store::{Lease, Leases as _, SqliteLive};

/// So much of a journal's end is looked at: its last event tells the state of every resource.
const TAIL_BYTES: u64 = 1 << 20;
/// How a run's last event begins.
const FINISHED: &[u8] = b"\"event\":{\"kind\":\"finished\"";

/// A run that was begun and not ended, and whose process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Which.
    pub run: RunId,
    /// Since when it holds its leases.
    pub since: jiff::Timestamp,
}

/// Every run that holds a lease, with one of its leases and how that stands.
pub(super) fn holders(runs: &Runs) -> Result<BTreeMap<RunId, (Lease, Standing)>, AppError> {
    if !runs.store.is_file() {
        return Ok(BTreeMap::new());
    }
    let leases = SqliteLive::open(&runs.store).and_then(|store| store.leases()).map_err(files)?;
    let (here, now) = (machine(), now());
    let mut holders = BTreeMap::new();
    for lease in leases {
        if !holders.contains_key(&lease.holder.run) {
            let standing = standing(&lease, &here, now, false);
            holders.insert(lease.holder.run.clone(), (lease, standing));
        }
    }
    Ok(holders)
}

/// The runs that were left behind, oldest first. What can't be told is left out: it is no reason to do nothing else.
#[must_use]
pub fn left_behind(runs: &Runs) -> Vec<LeftBehind> {
    let mut left: Vec<LeftBehind> = holders(runs)
        .unwrap_or_default()
        .into_iter()
        .filter(|(run, (_, standing))| *standing == Standing::LeftBehind && !has_ended(runs, run))
        .map(|(run, (lease, _))| LeftBehind { run, since: lease.since })
        .collect();
    left.sort_by_key(|left| left.since);
    left
}

/// Whether the run's journal has an end, or is not there at all. A process may end between its last event and letting
/// its leases go.
fn has_ended(runs: &Runs, run: &RunId) -> bool {
    let path = journal::path_in(&runs.reports.join(run.as_str()));
    let Ok(mut file) = File::open(&path) else { return true };
    let mut tail = Vec::new();
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let read = file
        .seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .and_then(|_| file.take(TAIL_BYTES).read_to_end(&mut tail));
    // Within a text the quotes would be escaped.
    read.is_ok() && tail.windows(FINISHED.len()).any(|window| window == FINISHED)
}
