//! What a rehearsal found, in every form. Each part of it ([`crate::rehearsal`]) is put into words once, as a
//! `Chapter`; each format draws chapters, whatever they are about. JSON is the findings themselves.
//!
//! A new part is one file that makes a chapter and one line in `chapters`; a new format one file that draws them and one
//! line in `Form::render`.

mod difference;
mod forecast;
mod exploration;
pub(super) mod html;
mod junit;
pub(super) mod markdown;
mod proof;
mod text;

use super::view::Mark;
use crate::rehearsal::{Findings, JSON_VERSION};
use crate::report::Style;

/// One part of the findings, in words. Strings in it are clean and not yet escaped: that is the format's.
pub(super) struct Chapter {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
    /// What a build server counts as a test.
    pub(super) cases: Vec<Case>,
}

/// A piece of a chapter.
pub(super) enum Block {
    /// A heading below the chapter's.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// What must not be missed, with its sign.
    Marked(Mark, String),
    /// Points of a list.
    List(Vec<String>),
    /// A command to be typed, or a text whose spaces count.
    Code(String),
    /// A table.
    Table(Table),
    /// The same drawing twice: of block characters for a terminal, with at most 78 columns, and as SVG for a page.
    Drawing {
        /// For a terminal and Markdown.
        text: String,
        /// A whole `<svg>` element, escaped within.
        svg: String,
    },
}

/// A table of a chapter.
pub(super) struct Table {
    /// The columns: their heads, and whether they hold numbers.
    pub(super) head: Vec<(String, Column)>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// To the left.
    Words,
    /// To the right.
    Numbers,
}

/// A cell of a table.
pub(super) enum Cell {
    Text(String),
    Mark(Mark),
}

/// What a build server counts as a test.
pub(super) struct Case {
    pub(super) name: String,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

/// A form that findings can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For the terminal.
    Text,
    /// For programs.
    Json,
    /// A page of its own: one file, no outside asset.
    Html,
    /// For a pull request.
    Markdown,
    /// For build servers.
    Junit,
}

impl Form {
    /// Those that are files, each with its name.
    pub const FILES: [(Self, &'static str); 4] = [
        (Self::Html, "rehearsal.html"),
        (Self::Markdown, "rehearsal.md"),
        (Self::Json, "rehearsal.json"),
        (Self::Junit, "rehearsal-junit.xml"),
    ];

    /// Draws findings: same findings, same bytes.
    #[must_use]
    pub fn render(self, findings: &Findings, style: &Style) -> String {
        match self {
            Self::Text => text::render(findings, &chapters(findings), style),
            Self::Json => json(findings),
            Self::Html => html::render(findings, &chapters(findings)),
            Self::Markdown => markdown::render(findings, &chapters(findings)),
            Self::Junit => junit::render(findings, &chapters(findings)),
        }
    }
}

/// The chapters, in the order in which they are read.
fn chapters(findings: &Findings) -> Vec<Chapter> {
    let mut all = Vec::new();
    all.extend(findings.forecast.as_ref().map(|it| forecast::chapter(it, &findings.subject)));
    all.extend(findings.difference.as_ref().map(difference::chapter));
    all.extend(findings.exploration.as_ref().map(exploration::chapter));
    all.extend(findings.proof.as_ref().map(proof::chapter));
    all
}

/// The command that rehearses the same with these options in addition.
fn replay(subject: &crate::rehearsal::Subject, options: &[String]) -> String {
    let words =
        [subject.path.clone()].into_iter().chain(subject.options.iter().cloned()).chain(options.iter().cloned());
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(&byte));
    let quoted = words.map(|word| {
        if plain(&word) && !word.is_empty() {
            return word;
        }
        format!("'{}'", super::view::line(&word).replace('\'', "'\\''"))
    });
    format!("muster simulate {}", quoted.collect::<Vec<_>>().join(" "))
}

/// The line under the title: what was rehearsed.
fn subject(findings: &Findings) -> String {
    let subject = &findings.subject;
    let mut told = vec![
        format!("{} on the simulated twin of {}", subject.playbook, subject.infrastructure),
        format!("seed {}", subject.seed.0),
        format!("plan {}", subject.digest.chars().take(16).collect::<String>()),
        format!("Muster {}", subject.muster),
    ];
    told.extend(subject.calibration.as_ref().map(|it| format!("twin set by {}", it.told())));
    super::view::line(told.join("; "))
}

/// Stands on every form.
const STAMP: &str = "Rehearsed on a simulation: not evidence of a real failover.";

fn json(findings: &Findings) -> String {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        kind: &'static str,
        version: u32,
        exit: u8,
        #[serde(flatten)]
        findings: &'a Findings,
    }
    let exit = u8::from(findings.exit());
    let document = Document { kind: "muster-rehearsal", version: JSON_VERSION, exit, findings };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}
