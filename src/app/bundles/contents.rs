//! The files of a bundle: those of each run from its journal, and what lies on top.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::app::history::{JournalRead, journal_entries};
use crate::app::{AppError, draw};
use crate::bundle::Files;
use crate::calendar::Quarter;
use crate::event::Event;
use crate::journal::LineHash;
use crate::model::Documents;
use crate::record::quarters::coverage;
use crate::record::{Entry, Record, index_row};
use crate::report::{self, Format};
use crate::resource::{Exhibit, ExhibitKind};

/// What describes a bundle, in the bundle.
pub(super) const INDEX: &str = "bundle.json";
/// The journal of a run.
pub(super) const JOURNAL: &str = "journal.jsonl";
/// The record of a run.
pub(super) const RECORD: &str = "record.json";
/// Where files lie that people gave as evidence.
pub(super) const EVIDENCE: &str = "evidence/";
/// Where the runs of a quarter lie.
const RUNS: &str = "runs/";
/// The version of a bundle's shape.
const VERSION: u32 = 1;
/// So much of an exhibit's name stands in a bundle, in characters; its digest tells the rest.
const NAME_MAX: usize = 30;

/// The reports in a bundle, by their file names.
pub(super) const REPORTS: [(Format, &str); 7] = [
    (Format::Html, "reports/report.html"),
    (Format::Markdown, "reports/report.md"),
    (Format::Json, "reports/report.json"),
    (Format::Junit, "reports/junit.xml"),
    (Format::Compliance, "reports/compliance.md"),
    (Format::ComplianceHtml, "reports/compliance.html"),
    (Format::Oscal, "reports/oscal-assessment-results.json"),
];

/// What describes a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) kind: String,
    pub(super) version: u32,
    /// The Muster that drew the reports.
    pub(super) muster: String,
    /// The quarter, if it is a quarter's.
    pub(super) quarter: Option<String>,
    pub(super) runs: Vec<IndexedRun>,
}

/// A run in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexedRun {
    pub(super) run: String,
    /// Its folder, with a slash at its end; empty where it lies on top.
    pub(super) folder: String,
    pub(super) playbook: String,
    pub(super) verdict: String,
    pub(super) simulated: bool,
    pub(super) plan_digest: String,
    pub(super) head_when_finished: Option<String>,
    pub(super) head: String,
    pub(super) events: u64,
}

/// A run to be bundled: its journal, whole lines of it, and what can't be drawn from that.
pub(super) struct RunInput {
    pub(super) journal: Vec<u8>,
    /// Files that people gave as evidence, by their SHA-256.
    pub(super) evidence: BTreeMap<String, Vec<u8>>,
}

/// A run as its journal tells it.
pub(super) struct Told {
    pub(super) record: Record,
    /// Files that people gave as evidence.
    pub(super) exhibits: BTreeMap<String, Exhibit>,
}

/// Reads a journal.
pub(super) fn told(journal: &[u8]) -> Result<Told, AppError> {
    let JournalRead { run, entries, heads, .. } = journal_entries(journal)?;
    let exhibits = exhibits(&entries);
    let record = Record::from_events(run, entries, heads).map_err(|error| AppError::Files(error.to_string()))?;
    Ok(Told { record, exhibits })
}

fn exhibits(entries: &[Entry]) -> BTreeMap<String, Exhibit> {
    let answers = entries.iter().filter_map(|entry| match &entry.event {
        Event::GateVoted { answer, .. } | Event::GateAnswered { answer: Some(answer), .. } => Some(answer),
        _ => None,
    });
    let files = answers.flat_map(|answer| &answer.evidence).filter(|exhibit| exhibit.kind == ExhibitKind::File);
    files.map(|exhibit| (exhibit.sha256.clone(), exhibit.clone())).collect()
}

/// The name of an exhibit in a bundle.
pub(super) fn exhibit_name(exhibit: &Exhibit) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let end = exhibit.what.chars().count().saturating_sub(NAME_MAX);
    let name: String = exhibit.what.chars().skip(end).map(plain).collect();
    format!("{EVIDENCE}{}-{name}", exhibit.sha256)
}

/// The files of a bundle, with the folder in which they lie.
pub(super) fn contents(
    runs: Vec<RunInput>,
    quarter: Option<Quarter>,
) -> Result<(String, Files, Vec<Record>), AppError> {
    let mut files = Files::new();
    let mut records: Vec<Record> = Vec::new();
    for RunInput { journal, mut evidence } in runs {
        let Told { record, exhibits } = told(&journal)?;
        let folder = folder_of(&record, quarter);
        let mut add = |name: &str, content: Vec<u8>| files.insert(format!("{folder}{name}"), content);
        for exhibit in exhibits.values() {
            let content = evidence.remove(&exhibit.sha256).filter(|it| LineHash::of(it).to_string() == exhibit.sha256);
            let content = content.ok_or_else(|| {
                let (run, what) = (&record.header.run, &exhibit.what);
                AppError::Files(format!(
                    "the evidence `{what}` of {run} (SHA-256 {}) is not there as it was given; `muster verify {run}` says more",
                    exhibit.sha256
                ))
            })?;
            add(&exhibit_name(exhibit), content);
        }
        for (name, content) in drawn(&record)? {
            add(&name, content);
        }
        add(JOURNAL, journal);
        records.push(record);
    }
    let top = match (&quarter, records.first()) {
        (Some(quarter), _) => format!("muster-{quarter}"),
        (None, Some(record)) => record.header.run.to_string(),
        (None, None) => return Err(AppError::Usage("there is no run to be bundled".to_owned())),
    };
    if let Some(quarter) = quarter {
        files.extend(covered(quarter, &records));
    }
    files.insert(INDEX.to_owned(), contents_index(&records, quarter, env!("CARGO_PKG_VERSION"))?);
    Ok((top, files, records))
}

/// What describes a bundle of these runs, whose reports this version of Muster drew.
pub(super) fn contents_index(records: &[Record], quarter: Option<Quarter>, muster: &str) -> Result<Vec<u8>, AppError> {
    pretty(&Index {
        kind: "muster-bundle".to_owned(),
        version: VERSION,
        muster: muster.to_owned(),
        quarter: quarter.map(|quarter| quarter.to_string()),
        runs: records.iter().map(|record| indexed_run(record, &folder_of(record, quarter))).collect(),
    })
}

/// Where the files of a run lie.
fn folder_of(record: &Record, quarter: Option<Quarter>) -> String {
    if quarter.is_some() { format!("{RUNS}{}/", record.header.run) } else { String::new() }
}

/// All that is drawn from a record, by names within the run's folder.
pub(super) fn drawn(record: &Record) -> Result<Files, AppError> {
    let mut files = documents(&record.header.documents);
    for (format, name) in REPORTS {
        files.insert(name.to_owned(), draw(record, format).into_bytes());
    }
    let text = serde_json::to_vec(record).map_err(|error| AppError::Defect(error.to_string()))?;
    files.insert(RECORD.to_owned(), text);
    Ok(files)
}

/// The coverage table of a quarter.
pub(super) fn covered(quarter: Quarter, records: &[Record]) -> Files {
    let rows: Vec<_> = records.iter().map(index_row).collect();
    // As of the last that was known of its runs: the same runs give the same bytes.
    let at = records.iter().map(|record| record.header.finished_at.unwrap_or(record.header.started_at)).max();
    let found = coverage(at.unwrap_or_default(), &[quarter], &[], &rows);
    Files::from([
        ("coverage.md".to_owned(), report::coverage::text(quarter, &found).into_bytes()),
        ("coverage.html".to_owned(), report::coverage::page(quarter, &found).into_bytes()),
        ("coverage.json".to_owned(), report::coverage::json(quarter, &found).into_bytes()),
    ])
}

/// The documents that a run was made of, as its journal has them.
pub(super) fn documents(documents: &Documents) -> Files {
    let mut files = Files::new();
    let mut add = |name: String, text: &str| files.insert(name, text.as_bytes().to_vec());
    add("playbook.yaml".to_owned(), &documents.playbook.text);
    add("infrastructure.yaml".to_owned(), &documents.infrastructure.text);
    if let Some(calibration) = &documents.calibration {
        add("documents/calibration.yaml".to_owned(), &calibration.text);
    }
    for (n, document) in documents.nested.iter().enumerate() {
        add(format!("documents/nested-{}.yaml", n + 1), &document.text);
    }
    for (n, document) in documents.catalogues.iter().enumerate() {
        add(format!("documents/controls-{}.yaml", n + 1), &document.text);
    }
    files
}

fn indexed_run(record: &Record, folder: &str) -> IndexedRun {
    let header = &record.header;
    IndexedRun {
        run: header.run.to_string(),
        folder: folder.to_owned(),
        playbook: header.playbook.clone(),
        verdict: record.ended.verdict.to_string(),
        simulated: header.simulated.is_stamped(),
        plan_digest: header.digest.clone(),
        head_when_finished: header.heads.finished.clone(),
        head: header.heads.last.clone(),
        events: header.events,
    }
}

fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, AppError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| AppError::Defect(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

/// The names that belong into the folder of a run, reports apart.
pub(super) fn belongs(name: &str, drawn: &Files, exhibits: &BTreeSet<String>) -> bool {
    name == JOURNAL || drawn.contains_key(name) || exhibits.contains(name)
}
