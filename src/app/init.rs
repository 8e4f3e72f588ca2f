//! Writes a playbook and an infrastructure file to start from, once both were seen to be right: all of it or nothing, and
//! never over anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{AppError, Loaded, Rehearsal, rehearse};
use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::model::ExitCode;
use crate::plan::{Checked, LoadInput, Reality, uncalibrated};
use crate::starter::{Texts, Wishes, texts};

/// When the drills start by which the texts are tried: always at the same hour.
const START: i64 = 1_767_261_600;

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The playbook.
    pub playbook: PathBuf,
    /// The infrastructure file.
    pub infrastructure: PathBuf,
}

/// Writes both files into `folder`, which is made if it is not there.
///
/// # Errors
/// [`AppError::Usage`] for a wish that can't be fulfilled, and where a file is there already; [`AppError::Files`] if one
/// can't be written: then neither is there. [`AppError::Defect`] if what would be written did not validate and pass.
pub fn init(folder: &Path, wishes: &Wishes) -> Result<Begun, AppError> {
    let texts = texts(wishes)
        .map_err(|faulty| AppError::Usage(format!("--{}: {faulty}. Nothing was written", faulty.option)))?;
    // The folder that one is in is not named before each file.
    let folder = if folder == Path::new(".") { Path::new("") } else { folder };
    let begun =
        Begun { playbook: folder.join(&texts.playbook_path), infrastructure: folder.join(&texts.infrastructure_path) };
    for path in [&begun.playbook, &begun.infrastructure] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(AppError::Usage(format!(
                "{} is there already, and nothing is ever overwritten: give another --name, or another folder. Nothing was written",
                path.display()
            )));
        }
    }
    tried(&texts)?;
    let mut made = Made::default();
    let written = made
        .folder(folder)
        .and_then(|()| made.folder(begun.infrastructure.parent().unwrap_or(folder)))
        .and_then(|()| made.file(&begun.infrastructure, &texts.infrastructure))
        .and_then(|()| made.file(&begun.playbook, &texts.playbook));
    match written {
        Ok(()) => Ok(begun),
        Err((path, error)) => {
            made.unmake();
            Err(AppError::Files(format!("{} can't be written: {error}. Nothing was left behind", path.display())))
        }
    }
}

/// What was made so far, in order.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

type Step = Result<(), (PathBuf, io::Error)>;

impl Made {
    /// Makes a folder and those on the way to it, where they are not there.
    fn folder(&mut self, path: &Path) -> Step {
        let missing: Vec<&Path> =
            path.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
        for one in missing.into_iter().rev() {
            fs::create_dir(one).map_err(|error| (one.to_owned(), error))?;
            self.folders.push(one.to_owned());
        }
        Ok(())
    }

    /// Writes a file that is not there, whole.
    fn file(&mut self, path: &Path, text: &str) -> Step {
        let told = |error| (path.to_owned(), error);
        let mut file: File = OpenOptions::new().write(true).create_new(true).open(path).map_err(told)?;
        self.files.push(path.to_owned());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(told)
    }

    /// Takes all of it away again; a folder that holds anything else stays.
    fn unmake(&self) {
        for file in self.files.iter().rev() {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Sees that the texts validate in every mode without a warning, and that the drill passes on the twin, planned and unplanned.
fn tried(texts: &Texts) -> Result<(), AppError> {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let loaded = loaded(texts, mode)?;
        let start = Timestamp::from_second(START).unwrap_or_default();
        let with = Rehearsal { seed: Seed(1), start, faults: Vec::new(), pace: Pace::Ahead };
        let rehearsed = rehearse(&loaded, &with, Vec::new())?;
        if rehearsed.exit != ExitCode::Passed {
            return Err(AppError::Defect(format!(
                "what would be written does not pass in {mode} mode. Please report it. Nothing was written"
            )));
        }
    }
    Ok(())
}

fn loaded(texts: &Texts, mode: Mode) -> Result<Loaded, AppError> {
    let read = |_: &str| Ok(texts.infrastructure.clone().into_bytes());
    let loaded = crate::plan::load(&LoadInput {
        playbook_path: &texts.playbook_path,
        playbook: texts.playbook.as_bytes(),
        infrastructure_path: None,
        mode: Some(mode),
        vars: &[],
        reality: Reality::Twin,
        checked: Checked::InEveryMode,
        read: &read,
        calibration: &uncalibrated,
    });
    match (loaded.plan, loaded.documents) {
        (Some(plan), Some(documents)) if loaded.diagnostics.is_empty() => {
            Ok(Loaded { plan, documents, warnings: Vec::new(), sources: loaded.sources })
        }
        _ => Err(AppError::Invalid { diagnostics: loaded.diagnostics, sources: Box::new(loaded.sources) }),
    }
}
