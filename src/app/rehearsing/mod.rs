//! Rehearsals by the thousand: plays a plan on its twin as often as a question needs, on all cores, and has
//! [`crate::rehearsal`] answer it. Nothing real is touched but the files that the findings are written to.

pub mod explore;
pub mod many;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{AppError, Loaded, write_whole};
use crate::chance::Seed;
use crate::rehearsal::{Findings, Subject};
use crate::report::Style;
use crate::report::rehearsal::Form;

/// What is asked of rehearsals.
#[derive(Debug)]
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
}

/// Rehearses until every question is answered.
///
/// # Errors
/// As [`super::rehearse`].
pub fn answer(questions: &Questions) -> Result<Findings, AppError> {
    let exploration = questions.explore.as_ref().map(|asked| explore::explore(questions, asked)).transpose()?;
    Ok(Findings { subject: subject(questions), exploration })
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
