//! The folder of a run, `REPORTS/<run-id>/`, made so that no two runs ever share one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::id::RunId;

/// How many runs of one playbook may start in one second.
const TRIES: u32 = 1000;

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
