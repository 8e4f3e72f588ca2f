//! Rehearsals by the thousand: plays a plan on its twin as often as a question needs, on all cores, and has
//! [`crate::rehearsal`] answer it. Nothing real is touched but the files that the findings are written to.

mod difference;
pub mod forecast;
pub mod explore;
pub mod many;
mod modes;
mod prove;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(super) use prove::kept_proof;
pub use prove::{Keeping, keep_proof};

use super::{AppError, Loaded, write_whole};
use crate::catalogue::Mode;
use crate::chance::Seed;
use crate::rehearsal::proof::Proof;
use crate::rehearsal::{Findings, Subject};
use crate::report::Style;
use crate::report::rehearsal::Form;

/// What is asked of rehearsals.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The playbook and the twin.
    pub loaded: Loaded,
    /// Its file, as it was named.
    pub path: String,
    /// What all chances are drawn from.
    pub seed: Seed,
    /// The wall clock's start of every rehearsal.
    pub start: Timestamp,
    /// Faults that are there in every rehearsal.
    pub faults: Vec<String>,
    /// Whether every fault is tried, and how long.
    pub explore: Option<explore::Explore>,
    /// How many threads play.
    pub threads: NonZero<usize>,
    /// What was typed to set the scene.
    pub options: Vec<String>,
    /// The modes in which checks are to be proven, the first one first; none if they are not to be.
    pub prove: Vec<Mode>,
    /// The infrastructure file that was said in place of the playbook's.
    pub infrastructure: Option<String>,
    /// The git revision that is compared with.
    pub diff: Option<String>,
    /// Of how many runs a forecast is wanted.
    pub forecast: Option<forecast::Wanted>,
    /// Who is told how far it has come.
    pub progress: Option<fn(Progress)>,
}

/// How far one part of the rehearsing has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub what: &'static str,
    /// So many are done.
    pub done: u64,
    /// Of at most so many.
    pub of: u64,
}

/// Rehearses until every question is answered.
///
/// # Errors
/// As [`super::rehearse`].
pub fn answer(questions: &Questions) -> Result<Findings, AppError> {
    let mut findings = parts(questions)?;
    if let Some(revision) = &questions.diff {
        findings.difference = Some(difference::difference(questions, &findings, revision)?);
    }
    Ok(findings)
}

/// The answers to all questions but for what differs from another revision, of which they are asked too.
fn parts(questions: &Questions) -> Result<Findings, AppError> {
    Ok(Findings {
        subject: subject(questions),
        forecast: questions.forecast.map(|wanted| forecast::forecast(questions, wanted)).transpose()?,
        exploration: questions.explore.as_ref().map(|asked| explore::explore(questions, asked)).transpose()?,
        proof: proof(questions)?,
        difference: None,
    })
}

fn proof(questions: &Questions) -> Result<Option<Proof>, AppError> {
    if questions.prove.is_empty() { Ok(None) } else { prove::prove(questions).map(Some) }
}

fn subject(questions: &Questions) -> Subject {
    let (plan, documents) = (&questions.loaded.plan, &questions.loaded.documents);
    Subject {
        playbook: plan.name.clone(),
        title: plan.title.clone(),
        path: questions.path.clone(),
        infrastructure: documents.infrastructure.path.clone(),
        mode: plan.mode,
        digest: plan.digest.clone(),
        seed: questions.seed,
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        options: questions.options.clone(),
    }
}

/// Writes findings in every form into `folder`, which is made if it is not there; gives the files' paths.
///
/// # Errors
/// [`AppError::Files`].
pub fn write_findings(findings: &Findings, folder: &Path) -> Result<Vec<PathBuf>, AppError> {
    let style = Style::default();
    let mut written = Vec::new();
    std::fs::create_dir_all(folder)
        .map_err(|error| AppError::Files(format!("the folder {} can't be made: {error}", folder.display())))?;
    for (form, name) in Form::FILES {
        let path = folder.join(name);
        write_whole(&path, form.render(findings, &style).as_bytes())?;
        written.push(path);
    }
    Ok(written)
}
