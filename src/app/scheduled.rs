//! Reads the playbooks that are scheduled: many files at once, on all cores, no more of each than a schedule must know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::{Ends, JournalRead, files};
use super::load::read_document;
use super::{AppError, Runs};
use crate::diagnostic::{Color, render_text};
use crate::event::Event;
use crate::id::StepId;
use crate::model::Course;
use crate::plan::{Ground, Outline, ground, outline};
use crate::record::{Entry, Record};
use crate::store::{Claimed, SqliteLive};
use crate::time::Span;

/// Files that are looked at, at most.
const FILES_MAX: usize = 200_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;
/// Problems of a file that are told.
const PROBLEMS_MAX: usize = 5;

/// A playbook, as far as a schedule must know it.
#[derive(Clone, Debug)]
pub struct ScheduledPlaybook {
    /// Its file.
    pub file: String,
    /// What it says.
    pub outline: Outline,
    /// What its infrastructure file says; none where that can't be read.
    pub ground: Option<Ground>,
    /// The time zone of its schedule.
    pub zone: TimeZone,
}

/// Playbooks by their names, and what is wrong with others.
#[derive(Clone, Debug, Default)]
pub struct Scheduled {
    /// Those that can be used.
    pub playbooks: Vec<ScheduledPlaybook>,
    /// What is wrong with others.
    pub problems: Vec<String>,
}

/// Reads playbooks: files as they are named, and those in folders, however deep, that have `phases`.
///
/// # Errors
/// [`AppError::Usage`]: a name is of no file and no folder, or there are too many files.
pub fn read_schedules(paths: &[PathBuf]) -> Result<Scheduled, AppError> {
    let mut named = Vec::new();
    for path in paths {
        if path.is_dir() {
            find(path, 0, &mut named)?;
        } else if path.is_file() {
            named.push((path.clone(), Found::Named));
        } else {
            return Err(AppError::Usage(format!("there is no file and no folder {}", path.display())));
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = named.len().div_ceil(cores).max(1);
    let read: Vec<Result<Option<ScheduledPlaybook>, String>> = std::thread::scope(|scope| {
        let parts: Vec<_> = named.chunks(share).map(|part| scope.spawn(move || read_part(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    });
    let mut all = Scheduled::default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for found in read {
        match found {
            Ok(None) => {}
            Ok(Some(playbook)) => {
                let (name, file) = (playbook.outline.name.clone(), playbook.file.clone());
                if let Some(other) = names.get(&name) {
                    all.problems
                        .push(format!("{file}: {other} has the name `{name}` too; it counts, this one does not"));
                    continue;
                }
                names.insert(name, file);
                all.playbooks.push(playbook);
            }
            Err(problem) => all.problems.push(problem),
        }
    }
    all.playbooks.sort_by(|a, b| a.outline.name.cmp(&b.outline.name));
    Ok(all)
}

/// How a file was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It was named: it must be a playbook.
    Named,
    /// It lies in a folder: it may be something else.
    InFolder,
}

fn find(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, Found)>) -> Result<(), AppError> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let failed =
        |error: std::io::Error| AppError::Files(format!("the folder {} can't be read: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link may lead around in a circle.
        if path.is_dir() && !path.is_symlink() && !hidden {
            find(&path, depth + 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") && path.is_file()
        {
            if found.len() == FILES_MAX {
                return Err(AppError::Usage(format!("there are more than {FILES_MAX} files in these folders")));
            }
            found.push((path, Found::InFolder));
        }
    }
    Ok(())
}

fn read_part(files: &[(PathBuf, Found)]) -> Vec<Result<Option<ScheduledPlaybook>, String>> {
    // Many playbooks name the same infrastructure file.
    let mut grounds = BTreeMap::new();
    files.iter().map(|(path, found)| read_one(path, *found, &mut grounds)).collect()
}

fn read_one(
    path: &Path,
    found: Found,
    grounds: &mut BTreeMap<String, Option<Ground>>,
) -> Result<Option<ScheduledPlaybook>, String> {
    let file = path.to_string_lossy().into_owned();
    let bytes = read_document(&file).map_err(|why| format!("{file} can't be read: {why}"))?;
    let has_phases = bytes.starts_with(b"phases:") || bytes.windows(8).any(|part| part == b"\nphases:");
    if found == Found::InFolder && !has_phases {
        return Ok(None);
    }
    let read = |path: &str| read_document(path);
    let outlined = outline(&file, &bytes, &read);
    let Some(outline) = outlined.found else {
        let errors: Vec<_> = outlined.diagnostics.into_iter().filter(crate::diagnostic::Diagnostic::is_error).collect();
        return Err(render_text(&errors, &outlined.sources, Color::Never, PROBLEMS_MAX));
    };
    let zone = outline.schedule.as_ref().map_or("UTC", |schedule| schedule.timezone.as_str());
    let zone = TimeZone::get(zone).map_err(|error| format!("{file}: the time zone `{zone}` is not known: {error}"))?;
    let ground = outline.infrastructure.as_ref().and_then(|path| {
        grounds
            .entry(path.clone())
            .or_insert_with(|| read_document(path).ok().and_then(|bytes| ground(path, &bytes, &read).found))
            .clone()
    });
    Ok(Some(ScheduledPlaybook { file, outline, ground, zone }))
}

/// What the store keeps for schedulers.
pub struct Ledger(SqliteLive);

impl Ledger {
    /// Opens it; the index must have been opened before, which makes it.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn open(runs: &Runs) -> Result<Self, AppError> {
        SqliteLive::open(&runs.store).map(Self).map_err(files)
    }

    /// The store itself.
    pub fn store(&mut self) -> &mut SqliteLive {
        &mut self.0
    }

    /// Since when each playbook's schedule is looked at; new ones since `now`.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn since(&mut self, playbooks: &[&str], now: Timestamp) -> Result<BTreeMap<String, Timestamp>, AppError> {
        self.0.scheduled_since(playbooks, now).map_err(files)
    }
}

/// Something that a run asks people, and that nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// The record of the journal that asks: the same step, or the same run, may ask again later.
    pub seq: u64,
    /// What is asked.
    pub asked: Asked,
}

/// What a run asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Whether a gate opens.
    Gate {
        /// The step.
        step: StepId,
        /// What people read.
        prompt: String,
    },
    /// How it goes on: a step is in doubt or failed, a guardrail broke, or a person said to wait.
    HowToGoOn {
        /// Why it stands still.
        because: String,
        /// The step that may be tried again.
        failed: Option<StepId>,
        /// So long it waits.
        limit: Span,
    },
}

/// What a run asks people now. What can't be read asks nothing.
#[must_use]
pub fn open_questions(runs: &Runs, run: &str) -> Vec<OpenQuestion> {
    let path = crate::journal::path_in(&super::run::folder_of(&runs.reports, run));
    let ends = Ends::default();
    let Ok(whole) = crate::journal::read_whole(&path, |placed| ends.decode(placed)) else { return Vec::new() };
    let JournalRead { run, entries, heads, .. } = JournalRead::of(whole, ends);
    let opened: BTreeMap<StepId, u64> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::GateOpened { step, .. } => Some((step.clone(), entry.seq)),
            _ => None,
        })
        .collect();
    let stands_still = stands_still(&entries);
    let Ok(record) = Record::from_events(run, entries, heads) else { return Vec::new() };
    let gates = record.steps.iter().flat_map(|step| &step.gates);
    let open = gates.filter(|gate| gate.closed.is_none() && gate.answer.is_none());
    let open = open.map(|gate| OpenQuestion {
        seq: opened.get(&gate.step).copied().unwrap_or_default(),
        asked: Asked::Gate { step: gate.step.clone(), prompt: gate.prompt.clone() },
    });
    open.chain(stands_still).collect()
}

/// The question of a run that is paused.
fn stands_still(entries: &[Entry]) -> Option<OpenQuestion> {
    let Event::Started(started) = &entries.first()?.event else { return None };
    let turned = |entry: &&Entry| matches!(entry.event, Event::CourseChanged { .. } | Event::Finished { .. });
    let last = entries.iter().rev().find(turned)?;
    let Event::CourseChanged { course: Course::Paused, because, .. } = &last.event else { return None };
    let failed = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::StepFailed { step, failure, .. } if failure.retry_in.is_none() => Some(step.clone()),
        _ => None,
    });
    Some(OpenQuestion {
        seq: last.seq,
        asked: Asked::HowToGoOn {
            because: because.clone(),
            failed: failed.filter(|step| because.contains(&format!("`{step}`"))),
            limit: started.plan.pause_limit,
        },
    })
}

/// Takes the time that a run is begun for.
///
/// # Errors
/// [`AppError::Refused`]: another run has it. [`AppError::Files`].
pub(super) fn claim(runs: &Runs, playbook: &str, occurrence: &str, run: &crate::id::RunId) -> Result<(), AppError> {
    let mut store = SqliteLive::open(&runs.store).map_err(files)?;
    match store.claim_occurrence(playbook, occurrence, run, crate::time::wall_now()).map_err(files)? {
        Claimed::Ours => Ok(()),
        Claimed::By(other) => Err(AppError::Refused(format!(
            "the drill {playbook} was begun for {occurrence} already, as {other}, and no drill is run twice. Nothing was \
             touched. Without --occurrence it is a drill of its own"
        ))),
    }
}

/// Gives it back: the run did not begin.
pub(super) fn unclaim(runs: &Runs, run: &crate::id::RunId) {
    if let Ok(store) = SqliteLive::open(&runs.store) {
        let _ = store.release_occurrence(run);
    }
}
