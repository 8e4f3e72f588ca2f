//! The manifest: a line a file, in the form of `sha256sum`, by name.

use std::fmt::Write as _;

use super::{Files, Unsound};
use crate::journal::LineHash;

/// Its name.
pub const MANIFEST: &str = "MANIFEST.sha256";

/// The manifest of files.
#[must_use]
pub fn manifest(files: &Files) -> String {
    let mut text = String::with_capacity(files.len() * 100);
    for (name, content) in files {
        let _ = writeln!(text, "{}  {name}", LineHash::of(content));
    }
    text
}

/// Holds a manifest against files, and says of the first that differs how.
pub(super) fn check(given: &[u8], files: &Files) -> Result<(), Unsound> {
    let given = std::str::from_utf8(given).map_err(|_| Unsound::new(format!("{MANIFEST} is not UTF-8")))?;
    let mut lines = given.split_inclusive('\n');
    for (name, content) in files {
        let line = lines.next().ok_or_else(|| Unsound::new(format!("{MANIFEST} does not list {name}")))?;
        let (sum, listed) = line.trim_end_matches('\n').split_once("  ").unwrap_or((line, ""));
        if listed != name {
            return Err(Unsound::new(format!("{MANIFEST} does not list {name} where it should")));
        }
        let found = LineHash::of(content);
        if found.to_string() != sum {
            return Err(Unsound::new(format!("{name} was changed: its SHA-256 is {found}, {MANIFEST} has another")));
        }
        if !line.ends_with('\n') {
            return Err(Unsound::new(format!("{MANIFEST} is cut")));
        }
    }
    match lines.next() {
        None => Ok(()),
        Some(_) => Err(Unsound::new(format!("{MANIFEST} lists a file that is not there"))),
    }
}
