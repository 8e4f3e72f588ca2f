//! Draws reports from a record and puts them beside the journal.

use std::fs;
use std::path::{Path, PathBuf};

use super::AppError;
use crate::record::Record;
use crate::report::{Format, Style, render};

/// A report that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub format: Format,
    /// Where.
    pub path: PathBuf,
}

/// Draws one report.
#[must_use]
pub fn draw(record: &Record, format: Format) -> String {
    render(record, format, &Style::default())
}

/// Writes every report that a run leaves into its folder. Each appears whole or not at all.
///
/// One that can't be written keeps none of the others from it; the journal is not touched by that.
#[must_use]
pub fn write_reports(record: &Record, folder: &Path) -> (Vec<Written>, Vec<AppError>) {
    let (mut written, mut missing) = (Vec::new(), Vec::new());
    for format in Format::ALL {
        let Some(name) = format.file_name() else { continue };
        let path = folder.join(name);
        match write_whole(&path, draw(record, format).as_bytes()) {
            Ok(()) => written.push(Written { format, path }),
            Err(error) => missing.push(error),
        }
    }
    (written, missing)
}

/// Writes beside and renames, so that nobody reads half a report.
///
/// # Errors
/// [`AppError::Files`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), AppError> {
    let failed = |error: std::io::Error| AppError::Files(format!("{} can't be written: {error}", path.display()));
    let beside = path.with_extension("part");
    let done = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    done.map_err(|error| {
        // Half a report is none.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}
