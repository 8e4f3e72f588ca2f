//! The playbook at another git revision, and what a change since then changes. Git is asked to show files; nothing of
//! the work tree is touched.

use std::path::{Component, Path, PathBuf};

use super::super::{AppError, Loaded, Prepared};
use super::{Questions, modes};
use crate::catalogue::Mode;
use crate::id::RunId;
use crate::model::VariableSource;
use crate::plan::{Checked, LoadInput, Reality};
use crate::provider::process::RealProcesses;
use crate::record::Record;
use crate::rehearsal::Findings;
use crate::rehearsal::difference::{Difference, Told};
use crate::resource::{Actor, Cancellation, CommandLine, Context, Errand, Finished, Processes};
use crate::time::{Span, run_real};

/// How long git may take for one answer.
const GIT_AT_MOST: Span = Span::from_secs(30);

/// A repository at a commit.
struct Repository {
    /// Its top folder.
    top: PathBuf,
    commit: String,
}

/// What differs from the playbook at `revision`; `findings` are those of the playbook as it is.
pub(super) fn difference(questions: &Questions, findings: &Findings, revision: &str) -> Result<Difference, AppError> {
    let repository = Repository::of(Path::new(&questions.path), revision)?;
    let there = Questions { loaded: repository.load(questions, revision)?, ..questions.clone() };
    let other = super::parts(&there)?;
    let before = Told::of(&other, &drills(&there)?);
    let after = Told::of(findings, &drills(questions)?);
    let digest = &there.loaded.plan.digest;
    Ok(Difference::between((revision, &repository.commit, digest), &before, &after))
}

/// One drill of the seed in each mode that is asked for.
fn drills(questions: &Questions) -> Result<Vec<Record>, AppError> {
    let own = questions.loaded.plan.mode;
    let others = questions.prove.iter().copied().filter(|mode| *mode != own);
    let mut all = Vec::new();
    for mode in std::iter::once(own).chain(others) {
        let Ok(loaded) = modes::in_mode(&questions.loaded, mode) else { continue };
        all.push(super::prove::play(questions, &Prepared::new(&loaded)?, &[], &[])?.record);
    }
    Ok(all)
}

impl Repository {
    /// The one that `playbook` is in, at `revision`.
    fn of(playbook: &Path, revision: &str) -> Result<Self, AppError> {
        let folder = playbook.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let top = git(folder, &["rev-parse", "--show-toplevel"])?;
        if top.code != Some(0) {
            let why =
                format!("--diff compares with another git revision, and {} is in no repository", playbook.display());
            return Err(AppError::Usage(why));
        }
        // What begins like an option is none here; it is no revision either.
        let commit = git(folder, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?;
        if commit.code != Some(0) || revision.starts_with('-') {
            return Err(AppError::Usage(format!(
                "the repository of {} has no revision `{revision}`",
                playbook.display()
            )));
        }
        Ok(Self { top: PathBuf::from(top.stdout.trim_end()), commit: commit.stdout.trim().to_owned() })
    }

    /// The text of a file there.
    fn read(&self, path: &str, revision: &str) -> Result<Vec<u8>, String> {
        let whole = std::path::absolute(path).map_err(|error| error.to_string())?;
        // Links on the way to the repository are followed, as git does; those in it are not.
        let whole = plain(&whole);
        let found = whole.ancestors().find(|folder| folder.canonicalize().is_ok_and(|real| real == self.top));
        let inside = found.and_then(|top| whole.strip_prefix(top).ok());
        let Some(inside) = inside else { return Err("it is not in the playbook's repository".to_owned()) };
        let named = format!("{}:{}", self.commit, inside.display());
        let shown = git(&self.top, &["show", &named]).map_err(|error| error.to_string())?;
        if shown.code != Some(0) {
            return Err(format!("there is no such file at {revision}"));
        }
        if shown.bytes > shown.stdout.len() as u64 {
            return Err(format!("it is longer than {} bytes", shown.stdout.len()));
        }
        Ok(shown.stdout.into_bytes())
    }

    /// The playbook with its files, as they were.
    fn load(&self, questions: &Questions, revision: &str) -> Result<Loaded, AppError> {
        let read = |path: &str| self.read(path, revision);
        let playbook = read(&questions.path)
            .map_err(|why| AppError::Usage(format!("the playbook {} can't be read: {why}", questions.path)))?;
        let plan = &questions.loaded.plan;
        let said = plan.variables.iter().filter(|variable| variable.source == VariableSource::CommandLine);
        let vars: Vec<(String, String)> = said.map(|it| (it.name.clone(), it.value.clone())).collect();
        let mode: Mode = plan.mode;
        let loaded = crate::plan::load(&LoadInput {
            playbook_path: &questions.path,
            playbook: &playbook,
            infrastructure_path: questions.infrastructure.as_deref(),
            mode: Some(mode),
            vars: &vars,
            reality: if plan.twin { Reality::Twin } else { Reality::AsBound },
            checked: Checked::InItsMode,
            read: &read,
        });
        match (loaded.plan, loaded.documents) {
            (Some(plan), Some(documents)) => {
                Ok(Loaded { plan, documents, warnings: loaded.diagnostics, sources: loaded.sources })
            }
            _ => Err(AppError::Invalid { diagnostics: loaded.diagnostics, sources: Box::new(loaded.sources) }),
        }
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

/// Asks git.
fn git(folder: &Path, arguments: &[&str]) -> Result<Finished, AppError> {
    let mut argv: Vec<String> = vec!["git".to_owned(), "-C".to_owned(), folder.display().to_string()];
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let line = CommandLine {
        argv,
        env: Vec::new(),
        folder: None,
        timeout: GIT_AT_MOST,
        output_limit: crate::yaml::MAX_BYTES + 1,
    };
    let defect = |error: &dyn std::fmt::Display| AppError::Defect(error.to_string());
    let run = RunId::make(crate::time::wall_now(), "diff").map_err(|error| defect(&error))?;
    let ran = run_real(|clock| async move {
        let cancel = Cancellation::default();
        let cx = Context { run, actor: Actor::Muster, attempt: 1, errand: Errand::Do, clock, fencing: 0, cancel };
        RealProcesses::default().run(&cx, &line).await
    });
    ran.map_err(|error| defect(&error))?.map_err(|error| AppError::Usage(format!("--diff needs git: {error}")))
}
