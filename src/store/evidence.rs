//! Files that people give as evidence: read once, bounded, and kept in the run's folder under their digest.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use crate::resource::{EXHIBIT_FILE_MAX, Exhibit};

/// The folder in a run's folder that has the copies.
pub const EVIDENCE_FOLDER: &str = "evidence";

/// Why a file can't be evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It can't be read.
    #[error("{0} can't be read: {1}. Name a file that you may read")]
    Unread(String, std::io::Error),
    /// It is something else than a file.
    #[error("{0} is no regular file. Name a file, not a folder or a device")]
    NoFile(String),
    /// It is too large.
    #[error("{0} is larger than {max} MiB. Name a smaller one, or a link to it", max = EXHIBIT_FILE_MAX / 1024 / 1024)]
    TooLarge(String),
    /// The copy can't be written.
    #[error("the copy {0} can't be written: {1}")]
    Unkept(String, std::io::Error),
}

/// Reads a file as evidence, without keeping a copy. At most [`EXHIBIT_FILE_MAX`] bytes; a pipe or a device is not
/// waited for.
///
/// # Errors
/// [`EvidenceError`], but for [`EvidenceError::Unkept`].
pub fn read_evidence(path: &Path) -> Result<(Exhibit, Vec<u8>), EvidenceError> {
    let shown = path.display().to_string();
    let unread = |error| EvidenceError::Unread(shown.clone(), error);
    // Looked at before it is opened: to open a pipe is to wait for its other end.
    if !fs::metadata(path).map_err(unread)?.is_file() {
        return Err(EvidenceError::NoFile(shown));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(EXHIBIT_FILE_MAX + 1).read_to_end(&mut content).map_err(unread)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let exhibit = Exhibit::file(&name, &content).map_err(|_| EvidenceError::TooLarge(shown))?;
    Ok((exhibit, content))
}

/// Reads a file as evidence and keeps a copy of what was read in `evidence` of the run's folder, named
/// `<sha256>-<name>`. The copy is durable when this returns.
///
/// # Errors
/// [`EvidenceError`]; no half copy is left behind under that name.
pub fn keep_evidence(path: &Path, run_folder: &Path) -> Result<Exhibit, EvidenceError> {
    let (exhibit, content) = read_evidence(path)?;
    let Some(name) = exhibit.copy_name() else { return Ok(exhibit) };
    let folder = run_folder.join(EVIDENCE_FOLDER);
    let copy = folder.join(&name);
    let write = || {
        fs::create_dir_all(&folder)?;
        let half = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file = File::create(&half)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&half, &copy)?;
        File::open(&folder)?.sync_all()
    };
    write().map_err(|error| EvidenceError::Unkept(copy.display().to_string(), error))?;
    Ok(exhibit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_under_its_digest() {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        let path = folder.path().join("switch.log");
        fs::write(&path, "abc").unwrap();
        let run = folder.path().join("run");
        for _ in 0..2 {
            let exhibit = keep_evidence(&path, &run).unwrap();
            assert_eq!((exhibit.what.as_str(), exhibit.size), ("switch.log", 3));
            let copies: Vec<_> =
                fs::read_dir(run.join(EVIDENCE_FOLDER)).unwrap().map(|it| it.unwrap().path()).collect();
            assert_eq!(copies, [run.join(EVIDENCE_FOLDER).join(exhibit.copy_name().unwrap())]);
            assert_eq!(fs::read(&copies[0]).unwrap(), b"abc");
        }
    }

    #[test]
    fn what_is_no_small_file_is_refused() {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(EXHIBIT_FILE_MAX + 1).unwrap();
        assert!(matches!(keep_evidence(&path, folder.path()), Err(EvidenceError::TooLarge(_))));
        assert!(!folder.path().join(EVIDENCE_FOLDER).exists());
        assert!(matches!(read_evidence(folder.path()), Err(EvidenceError::NoFile(_))));
        assert!(matches!(read_evidence(&folder.path().join("none")), Err(EvidenceError::Unread(..))));
        assert!(matches!(read_evidence(Path::new("/dev/zero")), Err(EvidenceError::NoFile(_))));
        fs::write(&path, "small").unwrap();
        fs::write(folder.path().join("run"), "").unwrap();
        assert!(matches!(keep_evidence(&path, &folder.path().join("run")), Err(EvidenceError::Unkept(..))));
    }
}
