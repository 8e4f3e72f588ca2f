//! Makes a bundle of a run, or of all runs of a quarter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::BUNDLE_MAX;
use super::contents::{RunInput, contents, told};
use crate::app::run::folder_of;
use crate::app::{AppError, History, Runs, begun, index_of, write_whole};
use crate::bundle::{seal, sign};
use crate::calendar::Quarter;
use crate::id::RunId;
use crate::journal;
use crate::store::{EVIDENCE_FOLDER, read_evidence};

/// The largest private key that is read, in bytes.
const KEY_MAX: u64 = 64 * 1024;

/// What a bundle is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleOf {
    /// A run, by its id or the path of its folder.
    Run(String),
    /// All runs that began in a quarter.
    Quarter(Quarter),
}

/// What is to be bundled, and how.
#[derive(Clone, Debug)]
pub struct BundleRequest {
    /// Where runs are.
    pub runs: Runs,
    /// Of what.
    pub of: BundleOf,
    /// The private key that signs it.
    pub key: Option<PathBuf>,
    /// The file; unstated: named for what it is of, here.
    pub out: Option<PathBuf>,
}

/// A bundle that was made.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The runs in it.
    pub runs: Vec<RunId>,
    /// Whether it is signed.
    pub signed: bool,
    /// What is to be said beside it.
    pub notices: Vec<String>,
}

/// Makes it.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run, or the key can't be used; [`AppError::Refused`] if the run goes on;
/// [`AppError::Files`].
pub fn bundle(request: BundleRequest) -> Result<Bundled, AppError> {
    let key = request.key.as_deref().map(read_key).transpose()?;
    let reports = &request.runs.reports;
    let mut notices = Vec::new();
    let (inputs, quarter) = match &request.of {
        BundleOf::Run(run) => (vec![input(&named(reports, run)?)?], None),
        BundleOf::Quarter(quarter) => (of_quarter(&request.runs, *quarter, &mut notices)?, Some(*quarter)),
    };
    let (top, files, records) = contents(inputs, quarter)?;
    let sealed = seal(&top, files, |manifest| match &key {
        None => Ok(None),
        Some((path, key)) => {
            sign(key, manifest).map(Some).map_err(|why| format!("{} can't sign it: {why}", path.display()))
        }
    });
    let bytes = sealed.map_err(AppError::Usage)?;
    let size = bytes.len() as u64;
    if size > BUNDLE_MAX {
        return Err(AppError::Usage(format!("the bundle would have {size} bytes; {BUNDLE_MAX} are the most")));
    }
    let path = request.out.unwrap_or_else(|| PathBuf::from(format!("{top}.tar")));
    write_whole(&path, &bytes)?;
    Ok(Bundled {
        path,
        sha256: journal::LineHash::of(&bytes).to_string(),
        bytes: size,
        runs: records.iter().map(|record| record.header.run.clone()).collect(),
        signed: key.is_some(),
        notices,
    })
}

fn read_key(path: &Path) -> Result<(PathBuf, Vec<u8>), AppError> {
    let unread = |why: String| AppError::Usage(format!("the key {} can't be read: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| unread(error.to_string()))?;
    if !size.is_file() || size.len() > KEY_MAX {
        return Err(unread("it is no private key".to_owned()));
    }
    Ok((path.to_owned(), std::fs::read(path).map_err(|error| unread(error.to_string()))?))
}

/// The folder of a run that does not go on.
fn named(reports: &Path, run: &str) -> Result<PathBuf, AppError> {
    let folder = folder_of(reports, run);
    let path = journal::path_in(&folder);
    if !path.is_file() {
        let reports = reports.display();
        return Err(AppError::Usage(format!("there is no run `{run}` in {reports}; `muster history` lists them")));
    }
    if journal::is_written(&path).map_err(|error| AppError::Files(error.to_string()))? {
        return Err(AppError::Refused(format!(
            "{run} goes on, or is being added to: it is bundled once that has ended"
        )));
    }
    Ok(folder)
}

/// The runs of a quarter, oldest first.
fn of_quarter(runs: &Runs, quarter: Quarter, notices: &mut Vec<String>) -> Result<Vec<RunInput>, AppError> {
    let (history, told) = History::open(runs)?;
    // A run that can't be read is named: a quarter's evidence does not leave it out in silence.
    notices.extend(told);
    let mut rows = history.list(None, None)?;
    rows.reverse();
    let (mut inputs, mut size) = (Vec::new(), 0_u64);
    for row in rows {
        if index_of(&row).day().map(Quarter::of) != Some(quarter) {
            continue;
        }
        if row.finished_at.is_none() && begun::is_written_now(&runs.reports, &row.run) {
            notices.push(format!("{} goes on, and is left out", row.run));
            continue;
        }
        let next = input(&runs.reports.join(row.run.as_str()))?;
        size += next.journal.len() as u64 + next.evidence.values().map(|it| it.len() as u64).sum::<u64>();
        if size > BUNDLE_MAX {
            return Err(AppError::Usage(format!(
                "the runs of {quarter} have more than {BUNDLE_MAX} bytes in all; bundle them one by one"
            )));
        }
        inputs.push(next);
    }
    if inputs.is_empty() {
        let reports = runs.reports.display();
        return Err(AppError::Usage(format!("no run in {reports} began in {quarter}")));
    }
    Ok(inputs)
}

/// The whole lines of a run's journal, and what people gave as evidence.
fn input(folder: &Path) -> Result<RunInput, AppError> {
    let path = journal::path_in(folder);
    let failed = |error: &dyn std::fmt::Display| AppError::Files(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(&path).map_err(|error| failed(&error))?.len();
    if size > BUNDLE_MAX {
        return Err(failed(&format!("it has {size} bytes; a bundle holds at most {BUNDLE_MAX}")));
    }
    let mut journal = std::fs::read(&path).map_err(|error| failed(&error))?;
    // What was cut in its writing announces nothing that happened.
    let whole = journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    journal.truncate(whole);
    let mut evidence = BTreeMap::new();
    for (sha256, exhibit) in told(&journal).map_err(|error| failed(&error))?.exhibits {
        let Some(name) = exhibit.copy_name() else { continue };
        let (_, content) = read_evidence(&folder.join(EVIDENCE_FOLDER).join(name)).map_err(|error| failed(&error))?;
        evidence.insert(sha256, content);
    }
    Ok(RunInput { journal, evidence })
}
