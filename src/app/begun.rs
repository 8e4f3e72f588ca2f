//! Runs that have begun and not ended, by their journals alone: what can be told where the store was lost.
//!
//! Leases are in the store, and the store may be gone with the power, with a corrupt file, or by somebody's hand. The
//! journals are the truth: a real run without an end holds what its plan claims, whatever the store says. Whether
//! somebody carries it out is told by the lock that its writer has.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

use crate::event::{Event, Started};
use crate::id::RunId;
use crate::journal;
use crate::store::is_passed_over;

/// So much of a journal's end is looked at first: its last event tells the state of every resource.
const TAIL_BYTES: u64 = 1 << 20;
/// How a run's last event begins.
const FINISHED: &[u8] = b"\"event\":{\"kind\":\"finished\"";
/// How one begins that people added afterwards: it stands behind the end or nowhere.
const REVIEWED: &[u8] = b"\"event\":{\"kind\":\"reviewed\"";

/// So often a journal that somebody locks is looked at again before it is said to be written. A program that Muster was
/// just starting when it was killed holds the lock until it runs, for some milliseconds.
const LOOKS: u32 = 20;
/// From one look to the next.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// A real run that has begun and not ended.
#[derive(Debug)]
pub(super) struct Begun {
    /// Since when.
    pub(super) since: Timestamp,
    /// Its first event.
    pub(super) started: Box<Started>,
}

/// What the journal of `run` tells, if it is a real run that has begun, not ended, and was not passed over. One whose
/// journal can't be read is left out: `muster history` names it.
pub(super) fn begun(reports: &Path, run: &RunId) -> Option<Begun> {
    if is_passed_over(reports, run) || has_ended(reports, run) {
        return None;
    }
    let first = journal::read_file(&journal::path_in(&reports.join(run.as_str()))).ok()?.next()?.ok()?;
    let Ok(Event::Started(started)) = Event::read(first.event.get()) else { return None };
    (!started.plan.simulated()).then_some(Begun { since: first.at, started })
}

/// Whether the run's journal has an end, or is not there at all. A process may end between its last event and letting
/// its leases go.
pub(super) fn has_ended(reports: &Path, run: &RunId) -> bool {
    let Ok(mut file) = File::open(journal::path_in(&reports.join(run.as_str()))) else { return true };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut looked_at = TAIL_BYTES;
    loop {
        let mut tail = Vec::new();
        let read = file
            .seek(SeekFrom::Start(length.saturating_sub(looked_at)))
            .and_then(|_| (&mut file).take(looked_at).read_to_end(&mut tail));
        if read.is_err() {
            return false;
        }
        // Within a text the quotes would be escaped.
        let has = |event: &[u8]| tail.windows(event.len()).any(|window| window == event);
        if has(FINISHED) || has(REVIEWED) {
            return true;
        }
        let whole = tail.strip_suffix(b"\n").unwrap_or(&tail).contains(&b'\n');
        if whole || looked_at >= length || looked_at > journal::MAX_LINE_BYTES as u64 {
            return false;
        }
        // A last line that is longer than what was looked at.
        looked_at *= 8;
    }
}

/// Whether somebody writes the run's journal now. What can't be told is taken for nobody: then only a lease can tell.
pub(super) fn is_written(reports: &Path, run: &RunId) -> bool {
    let path = journal::path_in(&reports.join(run.as_str()));
    for _ in 0..LOOKS {
        if !journal::is_written(&path).unwrap_or(false) {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

/// The same, by one look.
pub(super) fn is_written_now(reports: &Path, run: &RunId) -> bool {
    journal::is_written(&journal::path_in(&reports.join(run.as_str()))).unwrap_or(false)
}
