//! The folder of a run, `REPORTS/<run-id>/`, made so that no two runs ever share one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::id::RunId;
use crate::journal;

/// How many runs of one playbook may start in one second.
const TRIES: u32 = 1000;

/// The file in the folder of a run that was left behind and passed over: it names the run that did.
const PASSED_OVER: &str = "passed-over";

/// Notes that `by` passed over a run that was left behind: what that one left is nobody's from now on. It counts once `by`
/// has a journal, so that one that never began passed over nothing.
///
/// # Errors
/// [`StoreError::File`]; the run stays in the way of others then.
pub fn pass_over(reports: &Path, run: &RunId, by: &RunId) -> Result<(), StoreError> {
    let path = reports.join(run.as_str()).join(PASSED_OVER);
    fs::write(&path, format!("{by}\n")).map_err(|error| StoreError::file("write", &path, error))
}

/// Whether a run was passed over, and not taken up since.
#[must_use]
pub fn is_passed_over(reports: &Path, run: &RunId) -> bool {
    let by = fs::read_to_string(reports.join(run.as_str()).join(PASSED_OVER)).ok();
    let by = by.and_then(|by| RunId::new(by.trim()).ok());
    by.is_some_and(|by| fs::metadata(journal::path_in(&reports.join(by.as_str()))).is_ok_and(|found| found.len() > 0))
}

/// Takes that note away: the run is taken up again, and what it does is its own.
///
/// # Errors
/// [`StoreError::File`].
pub fn is_own_again(reports: &Path, run: &RunId) -> Result<(), StoreError> {
    let path = reports.join(run.as_str()).join(PASSED_OVER);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::file("remove", &path, error)),
        _ => Ok(()),
    }
}

/// A run's own folder, new and empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    /// The run's id, which is the folder's name.
    pub run: RunId,
    /// Where it is.
    pub path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a run that starts at `start`, and the reports folder if it is not there. When the id is
    /// taken, `-2`, `-3` … is added to it: making the folder is what takes the id, so two that start at once differ.
    ///
    /// # Errors
    /// [`StoreError::File`] when the reports folder cannot be written, [`StoreError::Id`], [`StoreError::Crowded`].
    pub fn create(reports: &Path, start: jiff::Timestamp, playbook_name: &str) -> Result<Self, StoreError> {
        let first = RunId::make(start, playbook_name)?;
        fs::create_dir_all(reports).map_err(|error| StoreError::file("make the reports folder", reports, error))?;
        let mut run = first.clone();
        for number in 2..TRIES + 2 {
            let path = reports.join(run.as_str());
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { run, path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => run = first.with_suffix(number)?,
                Err(error) => return Err(StoreError::file("make the run's folder", &path, error)),
            }
        }
        Err(StoreError::Crowded { path: reports.join(first.as_str()), tried: TRIES })
    }
}
