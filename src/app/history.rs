//! Past runs: their index, and their journals read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::AppError;
use super::run::folder_of;
use crate::event::{Event, PreviousRun, Started};
use crate::id::RunId;
use crate::journal::{self, JournalError};
use crate::record::{Entry, Heads, IndexRow, Record, index_row};
use crate::store::{EVIDENCE_FOLDER, FILE_NAME, Reality, RunFilter, RunRow, SqliteStore, Store, read_evidence};
use crate::time::{Moment, Span};

/// Where runs are, and where their index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The folder of the runs' folders.
    pub reports: PathBuf,
    /// The file of their index.
    pub store: PathBuf,
}

impl Runs {
    /// With the index where it is unless another place is said.
    #[must_use]
    pub fn of(reports: &Path) -> Self {
        Self { reports: reports.to_owned(), store: reports.join(FILE_NAME) }
    }
}

/// The index of a reports folder's runs.
pub struct History {
    store: SqliteStore,
}

/// A run that was read back.
#[derive(Debug)]
pub struct Shown {
    /// All that is known of it.
    pub record: Record,
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with the end of its journal, if it was cut.
    pub cut: Option<String>,
}

impl History {
    /// Opens the index, and makes it again where it is missing or wrong; says what was out of the ordinary.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn open(runs: &Runs) -> Result<(Self, Vec<String>), AppError> {
        Self::open_but_for(runs, None)
    }

    /// As [`History::open`], but leaves a run as the index has it, or has not: whoever takes it up reads its journal
    /// itself, adds to it, and notes how it ended.
    pub(super) fn open_but_for(runs: &Runs, taken_up: Option<&RunId>) -> Result<(Self, Vec<String>), AppError> {
        let Runs { reports, store } = runs;
        if !reports.is_dir() {
            return Err(AppError::Files(format!(
                "there is no reports folder {}: `muster run` makes it, and --reports names another",
                reports.display()
            )));
        }
        let read = |path: &Path| {
            let (record, _) = read_journal(path).map_err(|error| error.to_string())?;
            Ok(row(&record))
        };
        let (store, notices) = SqliteStore::open_but_for(reports, store, taken_up, &read).map_err(files)?;
        Ok((Self { store }, notices.iter().map(ToString::to_string).collect()))
    }

    /// One run, as the index has it.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn get(&self, run: &RunId) -> Result<Option<RunRow>, AppError> {
        self.store.get(run).map_err(files)
    }

    /// Past runs, newest first.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn list(&self, playbook: Option<String>, limit: Option<u32>) -> Result<Vec<RunRow>, AppError> {
        self.store.list(&RunFilter { playbook, limit }).map_err(files)
    }

    /// Runs that have begun and not ended, as far as the index knows, oldest first.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub(super) fn unfinished(&self) -> Result<Vec<RunId>, AppError> {
        self.store.unfinished().map_err(files)
    }

    /// The figures of the newest run of a playbook that ended.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn previous(&self, playbook: &str, reality: Reality, reports: &Path) -> Result<Option<PreviousRun>, AppError> {
        let row = self.store.previous_finished(playbook, reality).map_err(files)?;
        let span = |ns: Option<i64>| ns.and_then(|ns| u64::try_from(ns).ok()).map(Span);
        Ok(row.map(|row| {
            // A journal that is gone or damaged since is no reason not to run: the index has its main figures.
            let read = read_journal(&journal::path_in(&reports.join(row.run.as_str())));
            let whole = read.ok().map(|(record, _)| crate::record::figures(&record));
            whole.unwrap_or_else(|| PreviousRun {
                run: row.run.to_string(),
                verdict: row.verdict.unwrap_or_default(),
                rta: span(row.rta_ns),
                rpa: span(row.rpa_ns),
                mode: None,
                digest: None,
                measures: Vec::new(),
                steps: Vec::new(),
            })
        }))
    }

    /// Notes that a run has begun, so that one that was left behind can be named.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn started(&self, started: &Started, run: &RunId, at: Timestamp) -> Result<(), AppError> {
        let plan = &started.plan;
        let row = RunRow {
            run: run.clone(),
            playbook: plan.name.clone(),
            title: plan.title.clone(),
            environment: plan.environment.to_string(),
            mode: plan.mode.to_string(),
            started_at: label(at),
            finished_at: None,
            verdict: None,
            world: None,
            exit_code: None,
            rta_ns: None,
            rpa_ns: None,
            journal_head: String::new(),
            simulated: plan.simulated(),
            detail: crate::record::IndexDetail {
                occurrence: started.origin.occurrence.clone(),
                scheduled: plan.schedule.is_some(),
                zone: plan.schedule.as_ref().map(|schedule| schedule.timezone.clone()),
                ..Default::default()
            },
            journal_len: 0,
            journal_mtime_ns: 0,
        };
        self.store.record_started(&row).map_err(files)
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// [`AppError::Files`].
    pub fn finished(&self, record: &Record) -> Result<(), AppError> {
        self.store.record_finished(&row(record)).map_err(files)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn files(error: crate::store::StoreError) -> AppError {
    AppError::Files(error.to_string())
}

/// A time as text that sorts.
fn label(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn row(record: &Record) -> RunRow {
    let row = index_row(record);
    RunRow {
        run: row.run,
        playbook: row.playbook,
        title: row.title,
        environment: row.environment,
        mode: row.mode,
        started_at: label(record.header.started_at),
        finished_at: record.header.finished_at.map(label),
        verdict: row.verdict,
        world: row.world,
        exit_code: row.exit_code,
        rta_ns: row.rta_ns,
        rpa_ns: row.rpa_ns,
        journal_head: row.journal_head,
        simulated: row.simulated,
        detail: row.detail,
        journal_len: 0,
        journal_mtime_ns: 0,
    }
}

/// A row of the index as the tables of coverage take it.
#[must_use]
pub fn index_of(row: &RunRow) -> IndexRow {
    let row = row.clone();
    IndexRow {
        run: row.run,
        playbook: row.playbook,
        title: row.title,
        environment: row.environment,
        mode: row.mode,
        started_at: row.started_at,
        finished_at: row.finished_at,
        verdict: row.verdict,
        world: row.world,
        exit_code: row.exit_code,
        rta_ns: row.rta_ns,
        rpa_ns: row.rpa_ns,
        journal_head: row.journal_head,
        simulated: row.simulated,
        detail: row.detail,
    }
}

/// Reads a run back by its id in `reports`, or by the path of its folder or journal.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run, [`AppError::Files`] if its journal is damaged.
pub fn read_run(reports: &Path, run: &str) -> Result<Shown, AppError> {
    let folder = folder_of(reports, run);
    let path = journal::path_in(&folder);
    if !path.is_file() {
        return Err(AppError::Usage(format!(
            "there is no run `{run}` in {}; `muster history` lists them",
            reports.display()
        )));
    }
    let (record, cut) = read_journal(&path)?;
    Ok(Shown { record, folder, cut })
}

/// Reads a journal back. A tail that was cut is left out and told; any other damage is refused.
///
/// # Errors
/// [`AppError::Files`] says which line is damaged and how.
pub fn read_journal(path: &Path) -> Result<(Record, Option<String>), AppError> {
    let wrong = |error: &dyn std::fmt::Display| AppError::Files(format!("{}: {error}", path.display()));
    let ends = Ends::default();
    let whole = journal::read_whole(path, |placed| ends.decode(placed)).map_err(|error: Refusal| wrong(&error))?;
    let JournalRead { run, entries, heads, cut } = JournalRead::of(whole, ends);
    let record = Record::from_events(run, entries, heads).map_err(|error| wrong(&error))?;
    Ok((record, cut))
}

/// What the lines of a journal tell.
#[derive(Debug)]
pub(super) struct JournalRead {
    pub(super) run: RunId,
    pub(super) entries: Vec<Entry>,
    pub(super) heads: Heads,
    /// What is wrong with its end, if it was cut.
    pub(super) cut: Option<String>,
}

impl JournalRead {
    /// What a journal tells that was read whole.
    pub(super) fn of(whole: journal::Whole<Entry>, ends: Ends) -> Self {
        let cut = whole.damage().map(|damage| damage.to_string());
        ends.read(whole.run, whole.items, whole.head, cut)
    }
}

/// Why a journal is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It is damaged, or can't be had.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A line that this Muster does not understand.
    #[error("line {line}: {error}")]
    Line { line: u64, error: serde_json::Error },
}

/// Decodes a journal's records, in any order, and keeps the hash of the one that ends the run.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<Option<(u64, journal::LineHash)>>);

impl Ends {
    /// Decodes one.
    pub(super) fn decode(&self, placed: journal::Placed<'_>) -> Result<Entry, Refusal> {
        let journal::Placed { seq, at, elapsed_ns, event, head } = placed;
        let event = Event::read(event).map_err(|error| Refusal::Line { line: seq + 1, error })?;
        if matches!(event, Event::Finished { .. }) {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *last = (*last).max(Some((seq, head)));
        }
        Ok(Entry { seq, at, elapsed: Moment(elapsed_ns), event })
    }

    /// What the records tell; `last` is the hash of the last.
    fn read(self, run: RunId, entries: Vec<Entry>, last: journal::LineHash, cut: Option<String>) -> JournalRead {
        let finished = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let heads = Heads { finished: finished.map(|(_, head)| head.to_string()), last: last.to_string() };
        JournalRead { run, entries, heads, cut }
    }
}

/// The events of a whole journal in memory.
pub(super) fn journal_entries(bytes: &[u8]) -> Result<JournalRead, AppError> {
    let wrong = |refusal: Refusal| AppError::Files(refusal.to_string());
    let (mut lines, ends) = (journal::reader::read(bytes), Ends::default());
    let mut entries = Vec::new();
    while let Some(line) = lines.next() {
        let (line, head) = (line.map_err(|error| wrong(error.into()))?, lines.head());
        let (seq, at, elapsed_ns, event) = (line.seq, line.at, line.elapsed_ns, line.event.get());
        entries.push(ends.decode(journal::Placed { seq, at, elapsed_ns, event, head }).map_err(wrong)?);
    }
    let run = lines.run().cloned().ok_or_else(|| AppError::Files("the journal has no whole line".to_owned()))?;
    Ok(ends.read(run, entries, lines.head(), None))
}

/// What a check of a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Every record is there and none was changed.
    Whole {
        /// How many.
        lines: u64,
        /// The hash of the last.
        head: String,
        /// The hash of the one that ended the run, if it ended.
        finished: Option<String>,
        /// How many people added after that.
        added: u64,
        /// How many files of evidence are as they were given.
        evidence: usize,
    },
    /// A record is missing, changed or cut; which and how.
    Damaged(String),
    /// The chain is whole, but its head is not the one that the run's report prints, or a file of evidence is not the one
    /// that the journal has the digest of.
    Disagrees(String),
}

/// Checks the chain of a journal, that its head is the one that the report beside it prints, and that each file that was
/// given as evidence is there as it was.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run, [`AppError::Files`] if its journal can't be read.
pub fn verify(reports: &Path, run: &str) -> Result<(PathBuf, Checked), AppError> {
    let named = Path::new(run);
    let path = if named.is_file() { named.to_owned() } else { journal::path_in(&folder_of(reports, run)) };
    if !path.is_file() {
        return Err(AppError::Usage(format!(
            "there is no run `{run}` in {}, and no such file; `muster history` lists the runs",
            reports.display()
        )));
    }
    let verified = match journal::verify_file(&path) {
        Ok(verified) => verified,
        Err(JournalError::Damaged(damage)) => return Ok((path, Checked::Damaged(damage.to_string()))),
        Err(error) => return Err(AppError::Files(format!("{}: {error}", path.display()))),
    };
    let finished = verified.finished.as_ref().map(|finished| finished.head.to_string());
    // The last record has no successor whose `prev` would give a change away; the report pins it.
    if let Some(printed) = printed(&path, "/record/header/heads/finished")
        && finished.as_ref() != Some(&printed)
    {
        let what = format!(
            "the chain is whole, but its head at the run's end is {}, and report.json beside it prints {printed}: \
             one of the two was changed",
            finished.as_deref().unwrap_or("not there")
        );
        return Ok((path, Checked::Disagrees(what)));
    }
    // What people added after the end may end in a line of which the same is true.
    if let Some(printed) = printed(&path, "/record/header/heads/last")
        && printed != verified.head.to_string()
        && !has_line(&path, &printed)?
    {
        let what = format!(
            "the chain is whole, but report.json beside it prints {printed} as the head of its last line, and no line has \
             that hash: one of the two was changed"
        );
        return Ok((path, Checked::Disagrees(what)));
    }
    // Of a journal that was taken out of its run's folder there is nothing to compare.
    let alone = named.is_file() && !path.with_file_name(EVIDENCE_FOLDER).is_dir();
    match if alone { Ok(0) } else { evidence(&path)? } {
        Ok(evidence) => {
            let head = verified.head.to_string();
            let added = verified.finished.as_ref().map_or(0, |finished| finished.lines_after);
            Ok((path, Checked::Whole { lines: verified.lines, head, finished, added, evidence }))
        }
        Err(what) => Ok((path, Checked::Disagrees(format!("the chain is whole, but {what}")))),
    }
}

/// How many files were given as evidence; the error says which of their copies is not there as it was.
fn evidence(journal: &Path) -> Result<Result<usize, String>, AppError> {
    let wrong = |error: &dyn std::fmt::Display| AppError::Files(format!("{}: {error}", journal.display()));
    let mut given = BTreeMap::new();
    for line in journal::read_file(journal).map_err(|error| wrong(&error))? {
        let line = line.map_err(|error| wrong(&error))?;
        // Most lines are of something else: they need no second reading.
        if !line.event.get().contains("\"evidence\":[{") {
            continue;
        }
        let event = line.event().map_err(|error| wrong(&format!("line {}: {error}", line.seq + 1)))?;
        if let Event::GateVoted { answer, .. } | Event::GateAnswered { answer: Some(answer), .. } = event {
            given.extend(answer.evidence.into_iter().filter_map(|exhibit| Some((exhibit.copy_name()?, exhibit))));
        }
    }
    let folder = journal.with_file_name(EVIDENCE_FOLDER);
    for (name, exhibit) in &given {
        match read_evidence(&folder.join(name)) {
            Ok((found, _)) if found.sha256 == exhibit.sha256 => {}
            Ok((found, _)) => {
                return Ok(Err(format!(
                    "the evidence {EVIDENCE_FOLDER}/{name} was changed: it has the SHA-256 {}, the journal has {}",
                    found.sha256, exhibit.sha256
                )));
            }
            Err(error) => return Ok(Err(format!("the evidence {EVIDENCE_FOLDER}/{name} is not there: {error}"))),
        }
    }
    Ok(Ok(given.len()))
}

/// Whether a line of a journal has this hash: the report may be older than what was added last.
fn has_line(journal: &Path, head: &str) -> Result<bool, AppError> {
    let wrong = |error: &dyn std::fmt::Display| AppError::Files(format!("{}: {error}", journal.display()));
    let mut lines = journal::read_file(journal).map_err(|error| wrong(&error))?;
    while let Some(line) = lines.next() {
        line.map_err(|error| wrong(&error))?;
        if lines.head().to_string() == head {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A head that the report beside a journal prints.
fn printed(journal: &Path, which: &str) -> Option<String> {
    let text = std::fs::read(journal.with_file_name("report.json")).ok()?;
    let report: serde_json::Value = serde_json::from_slice(&text).ok()?;
    report.pointer(which).and_then(|head| head.as_str()).map(str::to_owned)
}
