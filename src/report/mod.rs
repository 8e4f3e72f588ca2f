//! Reports: a [`Record`] in, a text out. One file a format.
//!
//! Every format is drawn from the record alone, most of it by way of the `view`, the record put into words once, so
//! that all formats tell the same in the same words. May rely on `record` and what lies above it; must never do I/O,
//! read a clock or an environment. All text from playbooks, probes and commands passes `clean` on its way into the
//! view and is escaped by the format that prints it.
//!
//! A new format is one file here and one line in [`Format::ALL`].
//!
//! [`template`] fills a team's own template with the data of the JSON report.
//!
//! [`live`] is not a report but draws the progress of a run from its events, [`history`] a list of runs, [`actions`] a
//! list of corrective actions, and [`rehearsal`] what many rehearsals found; [`agenda`] and [`feed`] tell when drills are due,
//! [`status`] what was drilled in which quarter, and [`uptime`] what the public may know of it.

mod clean;
mod compliance;
mod csv;
mod html;
mod json;
mod junit;
mod markdown;
mod mermaid;
mod oscal;
mod svg;
mod text;
mod timeline;
mod view;

pub mod actions;
pub mod agenda;
pub mod calibration;
pub mod coverage;
pub mod feed;
pub mod status;
pub mod history;
pub mod live;
pub mod rehearsal;
pub mod template;
pub mod uptime;

#[cfg(test)]
#[path = "tests/samples.rs"]
mod samples;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::record::Record;

/// The version of the JSON report's shape. Fields are only ever added under one version.
pub const JSON_VERSION: u32 = 1;

/// A form that a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// One file for people, with a drawing.
    Html,
    /// For a wiki or a pull request.
    Markdown,
    /// For programs.
    Json,
    /// For build servers.
    Junit,
    /// Closing tables for the terminal.
    Text,
    /// The time line alone, as a picture.
    Svg,
    /// A report of a contingency plan's test, for auditors: Markdown.
    Compliance,
    /// The same as one page for people.
    ComplianceHtml,
    /// The same for programs of auditors: OSCAL assessment results, JSON.
    Oscal,
    /// For a spreadsheet: a row a step.
    Csv,
    /// For a spreadsheet: a row for each stretch of a service's samples.
    SamplesCsv,
}

/// How a format is called and drawn.
struct Entry {
    format: Format,
    name: &'static str,
    file: Option<&'static str>,
    draw: fn(&Record, &Style) -> String,
}

/// The list of all formats.
const ENTRIES: [Entry; 11] = [
    Entry { format: Format::Html, name: "html", file: Some("report.html"), draw: html::render },
    Entry { format: Format::Markdown, name: "markdown", file: Some("report.md"), draw: markdown::render },
    Entry { format: Format::Json, name: "json", file: Some("report.json"), draw: json::render },
    Entry { format: Format::Junit, name: "junit", file: Some("junit.xml"), draw: junit::render },
    Entry { format: Format::Text, name: "text", file: None, draw: text::render },
    Entry { format: Format::Svg, name: "svg", file: None, draw: svg::render },
    Entry { format: Format::Compliance, name: "compliance", file: None, draw: compliance::markdown },
    Entry { format: Format::ComplianceHtml, name: "compliance-html", file: None, draw: compliance::page },
    Entry { format: Format::Oscal, name: "oscal", file: None, draw: oscal::render },
    Entry { format: Format::Csv, name: "csv", file: None, draw: csv::steps },
    Entry { format: Format::SamplesCsv, name: "samples-csv", file: None, draw: csv::samples },
];

impl Format {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::Html,
        Self::Markdown,
        Self::Json,
        Self::Junit,
        Self::Text,
        Self::Svg,
        Self::Compliance,
        Self::ComplianceHtml,
        Self::Oscal,
        Self::Csv,
        Self::SamplesCsv,
    ];

    fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The file of a run's folder that holds it; `None` for what is only printed.
    #[must_use]
    pub fn file_name(self) -> Option<&'static str> {
        self.entry().file
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no such format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no report format `{0}`; the formats are html, markdown (or md), json, junit, text, svg, csv, samples-csv, compliance, compliance-html and oscal"
)]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let name = if name == "md" { "markdown" } else { name };
        ENTRIES
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| entry.format)
            .ok_or_else(|| UnknownFormat(clean::line(name, 40)))
    }
}

/// Whether a terminal shows colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// No escape sequences at all.
    #[default]
    Plain,
    /// With ANSI colours; nothing is told by them alone.
    Coloured,
}

/// How a text for the terminal looks. The other formats take nothing from it: same record, same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// With or without colours.
    pub paint: Paint,
    /// How many columns there are; at least 60 are used.
    pub width: u16,
    /// The run's folder, as its user knows it, if the reports were written: `reports/20261122-084216-quarterly-failover`.
    pub folder: Option<String>,
    /// How much is told.
    pub telling: Telling,
}

/// How much a text for the terminal tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// What must be known at once, when a run has ended; the files hold the rest.
    #[default]
    Closing,
    /// The whole story, with the time line.
    Whole,
}

impl Default for Style {
    fn default() -> Self {
        Self { paint: Paint::Plain, width: 80, folder: None, telling: Telling::Closing }
    }
}

/// What happened, in the report's own words: one sentence, then a line for each objective of all services and canaries.
#[must_use]
pub fn in_brief(record: &Record) -> String {
    let view = view::View::of(record);
    let mut told = view.sentence;
    if !view.tiles.is_empty() {
        told.push('\n');
    }
    for tile in &view.tiles {
        let (sign, result) = (tile.result.sign, &tile.result.word);
        let _ = write!(told, "\n{sign} {}: {} ({} allowed), {result}", tile.what, tile.actual, tile.objective);
    }
    told
}

/// The JSON Schema of the JSON report.
#[must_use]
pub fn json_schema() -> String {
    json::schema()
}

/// Draws a report.
#[must_use]
pub fn render(record: &Record, format: Format, style: &Style) -> String {
    (format.entry().draw)(record, style)
}
