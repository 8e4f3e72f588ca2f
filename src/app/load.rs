//! Reads documents from files and makes a plan of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::AppError;
use crate::catalogue::Mode;
use crate::diagnostic::{Diagnostic, Sources};
use crate::infrastructure::calibration;
use crate::model::{Documents, Plan};
use crate::plan::{CalibrationFile, Checked, LoadInput, Reality};

/// A document may have so many bytes; one more is read, so that a longer one is known to be longer.
const MOST_BYTES: u64 = crate::yaml::MAX_BYTES as u64;

/// Which calibration a plan's twin is set by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Calibrating {
    /// The one that lies beside the infrastructure file, if one does.
    #[default]
    Beside,
    /// The same; one that can't be used is told and done without. For drills, which wait for no rehearsal's file.
    BesideIfGood,
    /// This one.
    File(String),
    /// None.
    No,
}

/// What is to be read, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The playbook's path.
    pub playbook: String,
    /// Another infrastructure file than the playbook names.
    pub infrastructure: Option<String>,
    /// Another mode than the playbook says.
    pub mode: Option<Mode>,
    /// Variables over those of both files.
    pub vars: Vec<(String, String)>,
    /// Whether the simulated twin is meant.
    pub reality: Reality,
    /// In which modes it is checked.
    pub checked: Checked,
    /// Which calibration the twin is set by.
    pub calibration: Calibrating,
}

/// A plan, what it was made of, and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// The texts.
    pub documents: Documents,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// What the warnings point into.
    pub sources: Sources,
}

/// Reads a playbook and its infrastructure file.
///
/// # Errors
/// [`AppError::Usage`] if the playbook can't be read at all, [`AppError::Invalid`] with every problem of both files.
pub fn load(request: &Request) -> Result<Loaded, AppError> {
    let loaded = load_as_asked(request);
    let Err(AppError::Invalid { diagnostics, .. }) = &loaded else { return loaded };
    if request.calibration != Calibrating::BesideIfGood {
        return loaded;
    }
    let without = load_as_asked(&Request { calibration: Calibrating::No, ..request.clone() });
    without.map(|mut without| {
        // Whatever is wrong now and was not without it is the calibration's.
        let first = diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        let at = first.and_then(|first| first.place.as_ref()).map_or_else(String::new, |place| format!(" ({place})"));
        let what = first.map_or("", |first| first.message.as_str());
        let message = format!("the calibration is not used: {what}{at}");
        without.warnings.push(Diagnostic::warning("M060", message).help("`muster calibrate` makes it anew"));
        without
    })
}

fn load_as_asked(request: &Request) -> Result<Loaded, AppError> {
    let playbook = read_document(&request.playbook)
        .map_err(|why| AppError::Usage(format!("the playbook {} can't be read: {why}", request.playbook)))?;
    let loaded = read_plan(request, &playbook);
    match (loaded.plan, loaded.documents) {
        (Some(plan), Some(documents)) => {
            Ok(Loaded { plan, documents, warnings: loaded.diagnostics, sources: loaded.sources })
        }
        _ => Err(AppError::Invalid { diagnostics: loaded.diagnostics, sources: Box::new(loaded.sources) }),
    }
}

/// Makes a plan of a playbook whose bytes were read.
pub(super) fn read_plan(request: &Request, playbook: &[u8]) -> crate::plan::Loaded {
    crate::plan::load(&LoadInput {
        playbook_path: &request.playbook,
        playbook,
        infrastructure_path: request.infrastructure.as_deref(),
        mode: request.mode,
        vars: &request.vars,
        reality: request.reality,
        checked: request.checked,
        read: &read_document,
        calibration: &|infrastructure| find_calibration(&request.calibration, infrastructure),
    })
}

/// The calibration file of an infrastructure file, if one is asked for and there.
fn find_calibration(which: &Calibrating, infrastructure: &str) -> Option<CalibrationFile> {
    let path = match which {
        Calibrating::No => return None,
        Calibrating::File(path) => path.clone(),
        Calibrating::Beside | Calibrating::BesideIfGood => {
            let beside = calibration::beside(infrastructure);
            if !Path::new(&beside).exists() {
                return None;
            }
            beside
        }
    };
    let bytes = read_document(&path);
    Some((path, bytes))
}

/// Reads a file whole, within the bound; `-` is standard input.
///
/// # Errors
/// In a few words why it can't be read.
pub fn read_document(path: &str) -> Result<Vec<u8>, String> {
    if path == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| error.to_string());
    }
    let path = Path::new(path);
    if path.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let plain = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
        _ => error.to_string(),
    };
    let file = File::open(path).map_err(plain)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(plain)?;
    Ok(bytes)
}
