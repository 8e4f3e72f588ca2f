//! Coverage of a time: which playbooks and services were drilled in it, as Markdown, a page and JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::JSON_VERSION;
use super::clean::{escape, line};
use super::html::STYLE;
use super::markdown::esc;
use super::rehearsal::{Block, Cell, Chapter, Column, Table, html, markdown};
use super::view::{Mark, Tone};
use crate::record::coverage::{Against, CoverageRow, Covered};

/// What is said where a rehearsal is all there was.
const SIMULATED: &str = "Rehearsals on a simulation are no evidence of a real failover.";

/// As Markdown; `of` is the time that it covers: `2026-Q4`.
#[must_use]
pub fn text(of: &str, rows: &[CoverageRow]) -> String {
    let mut out = format!("# Drills of {}\n", esc(&line(of, 100)));
    markdown::body(&mut out, &chapters(rows));
    out
}

/// As a page of its own.
#[must_use]
pub fn page(of: &str, rows: &[CoverageRow]) -> String {
    let title = format!("Drills of {}", escape(&line(of, 100)));
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n\
         <body>\n<header>\n<h1>{title}</h1>\n</header>\n<main>\n"
    );
    html::body(&mut out, &chapters(rows));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// As one JSON document.
#[must_use]
pub fn json(of: &str, rows: &[CoverageRow]) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        kind: &'static str,
        version: u32,
        unit_of_time: &'static str,
        of: &'a str,
        rows: &'a [CoverageRow],
    }
    let document = Document { kind: "muster-coverage", version: JSON_VERSION, unit_of_time: "ns", of, rows };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

fn chapters(rows: &[CoverageRow]) -> Vec<Chapter> {
    let mut blocks = Vec::new();
    if rows.is_empty() {
        blocks.push(Block::Text("There was no drill.".to_owned()));
    } else {
        let words = ["Playbook", "Service", "Covered"].map(|head| (head.to_owned(), Column::Words));
        let numbers = ["Passed", "Failed", "Simulated"].map(|head| (head.to_owned(), Column::Numbers));
        let more = ["Newest run", "Recovery time", "Data loss"].map(|head| (head.to_owned(), Column::Words));
        blocks.push(Block::Table(Table {
            head: words.into_iter().chain(numbers).chain(more).collect(),
            rows: rows.iter().map(row).collect(),
        }));
    }
    if rows.iter().any(|row| row.simulated > 0) {
        blocks.push(Block::Text(SIMULATED.to_owned()));
    }
    vec![Chapter { title: "Coverage".to_owned(), blocks, cases: Vec::new() }]
}

fn row(row: &CoverageRow) -> Vec<Cell> {
    let covered = match row.covered {
        Covered::Passed => Mark::new(Tone::Good, "passed"),
        Covered::Failed => Mark::new(Tone::Bad, "not passed"),
        Covered::SimulatedOnly => Mark::new(Tone::Doubt, "simulated only"),
    };
    let service = row.service.as_deref().map_or_else(|| "all".to_owned(), |service| line(service, 200));
    let mut cells = vec![Cell::Text(line(&row.playbook, 100)), Cell::Text(service), Cell::Mark(covered)];
    cells.extend([row.passed, row.failed, row.simulated].map(|count| Cell::Text(count.to_string())));
    cells.push(Cell::Text(format!("{}, {}", row.newest, row.at.strftime("%Y-%m-%d"))));
    cells.extend([&row.rta, &row.rpa].map(|it| Cell::Text(it.as_ref().map_or_else(|| "–".to_owned(), against))));
    cells
}

fn against(it: &Against) -> String {
    let allowed = it.objective.map_or_else(|| "no objective".to_owned(), |span| format!("{span} allowed"));
    line(&format!("{}; {allowed}: {}", it.measure, it.judgement), 300)
}
