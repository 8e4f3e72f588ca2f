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
/// # Errors
/// [`AppError::Files`] names the first that could not be written; the journal is not touched by that.
pub fn write_reports(record: &Record, folder: &Path) -> Result<Vec<Written>, AppError> {
    let mut written = Vec::new();
    for format in Format::ALL {
        let Some(name) = format.file_name() else { continue };
        let path = folder.join(name);
        write_whole(&path, draw(record, format).as_bytes())?;
        written.push(Written { format, path });
    }
    Ok(written)
}

/// Writes beside and renames, so that nobody reads half a report.
///
/// # Errors
/// [`AppError::Files`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), AppError> {
    let failed = |error: std::io::Error| {
        AppError::Files(format!(
            "{} can't be written: {error}. The journal is whole; try `muster report`",
            path.display()
        ))
    };
    let beside = path.with_extension("part");
    fs::write(&beside, bytes).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}
