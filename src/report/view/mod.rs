//! The record put into words, once for all formats.
//!
//! Every string in here is clean (no control characters, bounded) and not yet escaped: that is the format's task.
//! Nothing is told by a colour or a sign alone: a [`Mark`] has a word.

mod compared;
mod forecast;
mod methodology;
mod people;
mod services;
mod steps;
mod summary;

use schemars::JsonSchema;
use serde::Serialize;

use crate::measure::Judgement;
use crate::record::Record;
use crate::time::{Moment, Span};

pub(crate) use compared::ComparedView;
pub(crate) use forecast::ForecastView;
pub(crate) use methodology::MethodologyView;
pub(crate) use people::PersonView;
pub(crate) use services::{CanaryView, DnsView, GuardrailView, OutageView, ServiceView};
pub(crate) use steps::{PhaseView, StepView, step_mark};
pub(crate) use summary::{LegView, ObjectiveView, TileView};

use crate::report::clean;

/// The longest title, name or one-line text, in characters.
pub(crate) const LINE_MAX: usize = 300;
/// The longest text of a playbook that is printed, in bytes; the whole is in the journal.
const DOCUMENT_MAX: usize = 200 * 1024;
/// At most so many nested playbooks are printed.
const NESTED_MAX: usize = 8;
/// At most so many of each list that a run can make long: outages, DNS answers, breaks, changes.
pub(crate) const LIST_MAX: usize = 200;

/// What a result sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    Good,
    Bad,
    Doubt,
    Quiet,
}

impl Tone {
    /// Its name, as style sheets know it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Doubt => "doubt",
            Self::Quiet => "quiet",
        }
    }
}

/// A result: a word with a sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Mark {
    pub(crate) sign: &'static str,
    pub(crate) word: String,
    pub(crate) tone: Tone,
}

impl Mark {
    pub(crate) fn new(tone: Tone, word: impl Into<String>) -> Self {
        let sign = match tone {
            Tone::Good => "✓",
            Tone::Bad => "✗",
            Tone::Doubt => "?",
            Tone::Quiet => "–",
        };
        Self { sign, word: word.into(), tone }
    }

    pub(crate) fn of(judgement: Judgement) -> Self {
        let tone = match judgement {
            Judgement::Met => Tone::Good,
            Judgement::Missed => Tone::Bad,
            Judgement::Undecided | Judgement::NotMeasured => Tone::Doubt,
            Judgement::NoObjective => Tone::Quiet,
        };
        Self::new(tone, judgement.to_string())
    }
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Fact {
    pub(crate) fn new(name: impl Into<String>, value: impl AsRef<str>) -> Self {
        Self { name: name.into(), value: line(value) }
    }
}

/// Something left behind.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct LeftView {
    pub(crate) step: Option<String>,
    pub(crate) what: String,
    pub(crate) advice: String,
}

/// A change of a resource.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ChangeView {
    pub(crate) resource: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A happening.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct HappeningView {
    pub(crate) at: String,
    pub(crate) text: String,
}

/// A document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct DocumentView {
    pub(crate) what: &'static str,
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) cut: bool,
}

/// The record in words.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct View {
    pub(crate) run: String,
    pub(crate) playbook: String,
    pub(crate) title: String,
    pub(crate) scenario: Option<String>,
    /// The stamp of a simulated run.
    pub(crate) stamp: Option<String>,
    pub(crate) verdict: Mark,
    pub(crate) world: String,
    pub(crate) exit_code: Option<u8>,
    pub(crate) exit_meaning: String,
    pub(crate) sentence: String,
    pub(crate) reasons: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) left: Vec<LeftView>,
    /// The objectives of all services and all canaries, leg by leg: what is told first.
    pub(crate) tiles: Vec<TileView>,
    pub(crate) objectives: Vec<ObjectiveView>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) legs: Vec<LegView>,
    pub(crate) phases: Vec<PhaseView>,
    pub(crate) services: Vec<ServiceView>,
    pub(crate) outages: Vec<OutageView>,
    pub(crate) witness: Option<String>,
    pub(crate) canaries: Vec<CanaryView>,
    pub(crate) dns: Vec<DnsView>,
    pub(crate) guardrails: Vec<GuardrailView>,
    pub(crate) happenings: Vec<HappeningView>,
    pub(crate) changes: Vec<ChangeView>,
    pub(crate) overridden: Vec<Fact>,
    /// Warnings that the playbook and its infrastructure file silence, each with the reason.
    pub(crate) silenced: Vec<String>,
    pub(crate) limits: Vec<String>,
    /// How its checks were proven: a sentence, then those that were seen red, then those that were not.
    pub(crate) methodology: MethodologyView,
    /// The forecast that a real run began with.
    pub(crate) forecast: Option<ForecastView>,
    /// By which calibration its twin was set.
    pub(crate) calibration: Option<String>,
    /// This run beside the one before.
    pub(crate) compared: Option<ComparedView>,
    /// Who took part.
    pub(crate) took_part: Vec<PersonView>,
    /// What people wrote down after it had ended.
    pub(crate) written: Vec<String>,
    /// What the record itself says is to be mended.
    pub(crate) corrective: Vec<String>,
    pub(crate) digest: String,
    pub(crate) heads: Vec<Fact>,
}

impl View {
    /// What stands over every page of a run that was simulated.
    pub(crate) fn stamp_of(record: &Record) -> Option<String> {
        summary::stamp(&record.header.simulated)
    }

    /// Puts a record into words.
    pub(crate) fn of(record: &Record) -> Self {
        let header = &record.header;
        let exit = record.ended.exit;
        let mut view = Self {
            run: header.run.to_string(),
            playbook: line(&header.playbook),
            title: line(&header.title),
            scenario: header.scenario.as_ref().map(line),
            stamp: summary::stamp(&header.simulated),
            verdict: summary::verdict_mark(record.ended.verdict),
            world: summary::world(record),
            exit_code: exit.map(u8::from),
            exit_meaning: summary::exit_meaning(record).to_owned(),
            sentence: summary::sentence(record),
            reasons: record.ended.reasons.iter().chain(&record.ended.aborted).map(line).take(LIST_MAX).collect(),
            warnings: record.warnings.iter().map(line).take(LIST_MAX).collect(),
            left: record
                .left
                .iter()
                .map(|left| LeftView {
                    step: left.step.as_ref().map(ToString::to_string),
                    what: line(&left.what),
                    advice: line(&left.advice),
                })
                .collect(),
            tiles: record.legs.iter().flat_map(summary::tiles).collect(),
            objectives: summary::objectives(record),
            facts: summary::facts(record),
            legs: record.legs.iter().map(|leg| summary::leg(record, leg)).collect(),
            phases: steps::phases(record),
            services: record.services.iter().map(services::service).collect(),
            outages: services::outages(record),
            witness: record.witness.as_ref().map(services::witness),
            canaries: record.canaries.iter().map(services::canary).collect(),
            dns: record.dns.iter().map(|one| services::dns(record, one)).collect(),
            guardrails: record.guardrails.iter().map(services::guardrail).collect(),
            happenings: record
                .timeline
                .iter()
                .take(LIST_MAX)
                .map(|happening| HappeningView { at: clock(happening.at), text: line(&happening.text) })
                .collect(),
            changes: record.changes.iter().take(LIST_MAX).map(steps::change).collect(),
            overridden: header.overridden.iter().map(summary::variable).collect(),
            silenced: header.silenced.iter().map(|it| line(it.told())).take(LIST_MAX).collect(),
            limits: record.limits.iter().map(|limit| line(&limit.text)).collect(),
            methodology: methodology::methodology(record),
            forecast: forecast::forecast(record),
            calibration: header.calibration.as_ref().map(|it| line(it.told())),
            compared: compared::compared(record),
            took_part: people::took_part(record),
            written: people::written(record),
            corrective: Vec::new(),
            digest: line(&header.digest),
            heads: summary::heads(record),
        };
        view.corrective = people::corrective(&view);
        view
    }
}

/// The documents that a run was made of, each bounded.
pub(crate) fn documents(record: &Record) -> Vec<DocumentView> {
    let documents = &record.header.documents;
    [("Playbook", &documents.playbook), ("Infrastructure file", &documents.infrastructure)]
        .into_iter()
        .chain(documents.calibration.iter().map(|document| ("Calibration file", document)))
        .chain(documents.nested.iter().take(NESTED_MAX).map(|nested| ("Nested playbook", nested)))
        .enumerate()
        .map(|(n, (what, document))| {
            // The first two weigh most; all together stay well under the size of a page that still opens quickly.
            let max = if n < 2 { DOCUMENT_MAX } else { DOCUMENT_MAX / NESTED_MAX };
            let text = clean::block(&document.text, max);
            DocumentView { what, path: line(&document.path), cut: document.text.len() > max, text }
        })
        .collect()
}

/// One clean line of ordinary length.
pub(crate) fn line(text: impl AsRef<str>) -> String {
    clean::line(text.as_ref(), LINE_MAX)
}

/// An instant as hours, minutes and seconds of the run: `00:04:12`.
pub(crate) fn clock(at: Moment) -> String {
    let seconds = at.0 / 1_000_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A span, or a dash where there is none.
pub(crate) fn or_dash(span: Option<Span>) -> String {
    span.map_or_else(|| "–".to_owned(), |span| span.to_string())
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
