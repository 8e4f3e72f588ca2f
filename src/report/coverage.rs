//! What the runs of a quarter's bundle cover, as Markdown, a page and JSON: by the same rules as `muster status`.

use std::fmt::Write as _;

use serde::Serialize;

use super::JSON_VERSION;
use super::clean::{escape, line};
use super::markdown::esc;
use super::rehearsal::{Block, Cell, Chapter, Column, Table, html, markdown};
use super::status;
use crate::calendar::Quarter;
use crate::record::quarters::{Coverage, Line};

/// What is said where some were simulated.
const SIMULATED: &str = "Rehearsals on a simulation are no evidence of a real failover.";
/// By which clock a quarter begins.
const ZONES: &str =
    "A run counts for the quarter in which it began, in the time zone of its playbook's schedule, else in UTC.";

/// As Markdown.
#[must_use]
pub fn text(of: Quarter, found: &Coverage) -> String {
    let mut out = format!("# Drills of {}\n", esc(&of.to_string()));
    markdown::body(&mut out, &chapters(found));
    out
}

/// As a page of its own.
#[must_use]
pub fn page(of: Quarter, found: &Coverage) -> String {
    let title = escape(&format!("Drills of {of}"));
    let mut out = status::page_head(&format!("Drills of {of}"));
    let _ = write!(out, "<header>\n<h1>{title}</h1>\n</header>\n<main>\n");
    html::body(&mut out, &chapters(found));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// As one JSON document.
#[must_use]
pub fn json(of: Quarter, found: &Coverage) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        kind: &'static str,
        version: u32,
        unit_of_time: &'static str,
        of: Quarter,
        playbooks: &'a [Line],
        services: &'a [Line],
    }
    let Coverage { playbooks, services, .. } = found;
    let document =
        Document { kind: "muster-coverage", version: JSON_VERSION, unit_of_time: "ns", of, playbooks, services };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

fn chapters(found: &Coverage) -> Vec<Chapter> {
    let table = |first: &str, lines: &[Line]| {
        let words = [first, "Result"].map(|head| (head.to_owned(), Column::Words));
        let numbers = ["Passed", "Failed", "Broken off", "Simulated"].map(|head| (head.to_owned(), Column::Numbers));
        let more = ["Run", "Recovery time", "Data loss"].map(|head| (head.to_owned(), Column::Words));
        Block::Table(Table {
            head: words.into_iter().chain(numbers).chain(more).collect(),
            rows: lines.iter().map(row).collect(),
        })
    };
    let mut blocks = vec![table("Playbook", &found.playbooks)];
    if !found.services.is_empty() {
        blocks.push(table("Service", &found.services));
    }
    blocks.push(Block::Text(ZONES.to_owned()));
    if found.playbooks.iter().flat_map(|it| &it.cells).any(|cell| cell.simulated > 0) {
        blocks.push(Block::Text(SIMULATED.to_owned()));
    }
    vec![Chapter { title: "Coverage".to_owned(), blocks, cases: Vec::new() }]
}

/// A playbook or a service: the real drill that counts or, where there was none, the newest rehearsal.
fn row(it: &Line) -> Vec<Cell> {
    let cell = it.cells.first().cloned().unwrap_or_default();
    let figure = cell.measured.as_ref().or(it.figures.last());
    let name = if it.playbooks.is_empty() { it.name.clone() } else { it.title.clone() };
    let mut cells = vec![Cell::Text(line(&name, 200)), Cell::Mark(status::mark(&cell))];
    cells
        .extend([cell.passed, cell.failed, cell.broken_off, cell.simulated].map(|count| Cell::Text(count.to_string())));
    cells.push(Cell::Text(figure.map_or_else(
        || "–".to_owned(),
        |it| format!("{}{}", line(&it.run, 100), if it.simulated { ", simulated" } else { "" }),
    )));
    let measured = figure.map_or_else(|| ["–".to_owned(), "–".to_owned()], |it| [status::rta(it), status::rpa(it)]);
    cells.extend(measured.map(|text| Cell::Text(line(&text, 300))));
    cells
}
