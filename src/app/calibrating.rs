//! `muster calibrate`: reads the journals of past runs, has them fitted, and writes the file that the twin is set by.

use std::path::{Path, PathBuf};

use super::history::{History, Runs, read_journal};
use super::{AppError, Calibrating, Request, load, write_whole};
use crate::diagnostic::{Diagnostic, Sources};
use crate::infrastructure::calibration::{self, Calibration};
use crate::infrastructure::{self, Infrastructure};
use crate::journal;
use crate::model::{Environment, Plan};
use crate::rehearsal::calibration::{Fitter, Fitting, ask};
use crate::time::Span;

/// What is calibrated, and where it goes.
#[derive(Clone, Debug)]
pub struct CalibrationRequest {
    /// The playbook, if one is named, and how it is read.
    pub playbook: Option<Request>,
    /// The infrastructure file, where no playbook names it.
    pub infrastructure: Option<String>,
    /// Where runs are.
    pub runs: Runs,
    /// A run that is so much older than the newest weighs half as much.
    pub half_life: Span,
    /// The file; `None`: beside the infrastructure file.
    pub out: Option<PathBuf>,
    /// What is done with it.
    pub then: Then,
}

/// What is done with a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is written.
    Write,
    /// It is compared with what is there.
    Compare,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct CalibrationMade {
    /// What was fitted.
    pub fitting: Fitting,
    /// The file.
    pub path: PathBuf,
    /// What became of it.
    pub file: FileState,
    /// Journals that can't be read, and what else is out of the ordinary.
    pub notices: Vec<String>,
}

/// What became of a calibration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It was written.
    Written,
    /// It is as it would be written.
    Same,
    /// It is not as it would be written; nothing was.
    Differs,
    /// There is nothing to be written.
    Nothing,
}

/// Calibrates.
///
/// # Errors
/// [`AppError::Usage`] if neither a playbook nor an infrastructure file is named, [`AppError::Invalid`] for mistakes in
/// them, [`AppError::Files`] for what can't be read or written.
pub fn calibrate(request: &CalibrationRequest) -> Result<CalibrationMade, AppError> {
    let (infrastructure, path, plan) = infrastructure_of(request)?;
    let (history, mut notices) = History::open(&request.runs)?;
    let mut fitter = Fitter::default();
    for row in history.list(None, None)? {
        // Of a simulated environment nothing is real; a twin's run of a real one is told by its journal alone.
        if row.environment == Environment::Simulated.to_string() {
            fitter.add(crate::rehearsal::calibration::Asked::Simulated);
            continue;
        }
        let journal = journal::path_in(&request.runs.reports.join(row.run.as_str()));
        match read_journal(&journal) {
            Ok((record, _)) => fitter.add(ask(&record, &infrastructure)),
            Err(error) => notices.push(format!("the run {} is left out: {error}", row.run)),
        }
    }
    let (fitting, calibration) = fitter.fit(&infrastructure, plan.as_ref(), request.half_life);
    let path = request.out.clone().unwrap_or_else(|| PathBuf::from(calibration::beside(&path)));
    let file = keep(&fitting, &calibration, &path, request.then)?;
    Ok(CalibrationMade { fitting, path, file, notices })
}

fn keep(fitting: &Fitting, calibration: &Calibration, path: &Path, then: Then) -> Result<FileState, AppError> {
    let text = calibration.text();
    let is_there = std::fs::read(path).ok();
    Ok(match then {
        _ if fitting.lines.is_empty() => FileState::Nothing,
        _ if is_there.as_deref() == Some(text.as_bytes()) => FileState::Same,
        Then::Compare => FileState::Differs,
        Then::Write => {
            write_whole(path, text.as_bytes())?;
            FileState::Written
        }
    })
}

/// The infrastructure file as it stands, without any calibration, and the playbook's plan if one is named.
fn infrastructure_of(request: &CalibrationRequest) -> Result<(Infrastructure, String, Option<Plan>), AppError> {
    if let Some(playbook) = &request.playbook {
        let loaded = load(&Request { calibration: Calibrating::No, ..playbook.clone() })?;
        let document = loaded.documents.infrastructure;
        let read = typed(&document.path, document.text.as_bytes())?;
        return Ok((read, document.path, Some(loaded.plan)));
    }
    let Some(path) = &request.infrastructure else {
        return Err(AppError::Usage("name a playbook, or the infrastructure file with --infra FILE".to_owned()));
    };
    let bytes = super::load::read_document(path)
        .map_err(|why| AppError::Usage(format!("the infrastructure file {path} can't be read: {why}")))?;
    Ok((typed(path, &bytes)?, path.clone(), None))
}

fn typed(path: &str, bytes: &[u8]) -> Result<Infrastructure, AppError> {
    let parsed = crate::yaml::parse(path, bytes);
    let mut diagnostics = parsed.diagnostics;
    let read = parsed.node.and_then(|root| infrastructure::read(root, &mut diagnostics));
    match read {
        Some(read) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(read),
        _ => {
            let mut sources = Sources::new();
            sources.add(path, parsed.text);
            Err(AppError::Invalid { diagnostics, sources: Box::new(sources) })
        }
    }
}
