//! Corrective actions of past runs, which the next run of the playbook takes along while they are open.
//!
//! They stand in the journals, behind the end of the run that opened them; so the ends are all that is read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::{AppError, History, Runs};
use crate::event::Event;
use crate::journal;
use crate::model::{ActionId, OpenAction};
use crate::record::ReviewRecord;
use crate::store::RunRow;

/// So many of a playbook's runs are looked at, the newest first.
const RUNS_MAX: u32 = 2_000;
/// So many open actions a run takes along, the oldest first.
const ACTIONS_MAX: usize = 500;
/// So much of a journal's end is looked at first.
const TAIL_BYTES: u64 = 32 * 1024;
/// How the line of a run's end names its event.
const FINISHED: &[u8] = b"\"event\":{\"kind\":\"finished\"";

/// A corrective action with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionLine {
    /// The action, as it was opened.
    pub action: OpenAction,
    /// The playbook of its run.
    pub playbook: String,
    /// Whether its run was on a simulation.
    pub simulated: bool,
    /// When and how it was closed; `None` while it is open.
    pub closed: Option<(Timestamp, String)>,
}

/// What is read of a line behind a run's end.
#[derive(Deserialize)]
struct Line {
    at: Timestamp,
    event: Event,
}

/// What was added to a run behind its end; nothing where it has none.
pub(super) fn review_of(journal: &Path) -> Result<ReviewRecord, String> {
    let mut review = ReviewRecord::default();
    for line in behind_the_end(journal).map_err(|error| error.to_string())?.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        // A line that was cut in its writing is no line yet.
        let Ok(Line { at, event }) = serde_json::from_slice(line) else { break };
        if let Event::Reviewed { by, what } = event {
            review.take(at, by, what)?;
        }
    }
    Ok(review)
}

/// The bytes of a journal behind the line of its `finished`.
fn behind_the_end(journal: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(journal)?;
    let length = file.metadata()?.len();
    let mut looked_at = TAIL_BYTES;
    loop {
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(looked_at)))?;
        (&mut file).take(looked_at).read_to_end(&mut tail)?;
        // Within a text the quotes would be escaped.
        if let Some(at) = tail.windows(FINISHED.len()).rposition(|window| window == FINISHED) {
            let end = tail[at..].iter().position(|byte| *byte == b'\n').map_or(tail.len(), |end| at + end + 1);
            return Ok(tail.split_off(end));
        }
        if looked_at >= length || looked_at > 2 * journal::MAX_LINE_BYTES as u64 {
            return Ok(Vec::new());
        }
        looked_at *= 8;
    }
}

/// All corrective actions of a playbook's runs, or of all playbooks', oldest first.
///
/// # Errors
/// [`AppError::Files`].
pub fn action_lines(runs: &Runs, playbook: Option<&str>) -> Result<Vec<ActionLine>, AppError> {
    let (history, _) = History::open(runs)?;
    lines(&history, &runs.reports, playbook)
}

fn lines(history: &History, reports: &Path, playbook: Option<&str>) -> Result<Vec<ActionLine>, AppError> {
    let rows = history.list(playbook.map(str::to_owned), Some(RUNS_MAX))?;
    let mut all = Vec::new();
    for row in rows.iter().rev().filter(|row| row.finished_at.is_some()) {
        let path = journal::path_in(&reports.join(row.run.as_str()));
        let review = review_of(&path).map_err(|why| AppError::Files(format!("{}: {why}", path.display())))?;
        all.extend(of_run(row, review));
    }
    Ok(all)
}

fn of_run(row: &RunRow, review: ReviewRecord) -> impl Iterator<Item = ActionLine> {
    review.actions.into_iter().map(|it| ActionLine {
        playbook: row.playbook.clone(),
        simulated: row.simulated,
        closed: it.closed.map(|closed| (closed.at, closed.text)),
        action: OpenAction {
            id: ActionId { run: row.run.clone(), number: it.number },
            opened: it.opened.at,
            text: it.opened.text,
            owner: it.owner,
            due: it.due,
        },
    })
}

/// The actions that a run of a playbook takes along.
pub(super) fn open(history: &History, reports: &Path, playbook: &str) -> Result<Vec<OpenAction>, AppError> {
    let open = lines(history, reports, Some(playbook))?.into_iter().filter(|line| line.closed.is_none());
    Ok(open.map(|line| line.action).take(ACTIONS_MAX).collect())
}
