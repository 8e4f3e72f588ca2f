//! Draws reports from a record and puts them beside the journal.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::AppError;
use crate::record::Record;
use crate::report::template::{self, TEMPLATE_MAX};
use crate::report::{Format, Style, Telling, render};

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
    render(record, format, &Style { telling: Telling::Whole, ..Style::default() })
}

/// Fills a team's own template with the data of the JSON report.
///
/// # Errors
/// [`AppError::Usage`]: it can't be read, or asks for what is not there.
pub fn fill_template(record: &Record, path: &Path) -> Result<String, AppError> {
    let name = path.display().to_string();
    let unread = |error: std::io::Error| AppError::Usage(format!("the template {name} can't be read: {error}"));
    let file = fs::File::open(path).map_err(unread)?;
    let mut text = String::new();
    // One byte more than may be there tells that there is more.
    file.take(TEMPLATE_MAX as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    template::fill(record, &name, &text).map_err(|error| AppError::Usage(error.to_string()))
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
