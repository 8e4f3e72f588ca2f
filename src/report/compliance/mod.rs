//! The report of a drill as a test of a contingency plan, for whoever must show that the plan is tested: all that such a
//! report has by FedRAMP's outline and by Article 25 of Delegated Regulation (EU) 2024/1774, drawn from the record alone.
//!
//! It says *evidence supporting* a control and never that anybody complies: that is for an assessor to find. A run that was
//! simulated, or partly, says so over every chapter. May rely on what the other formats rely on.
//!
//! Each chapter is put into words once, in a file of its own; Markdown and HTML draw the same chapters.

mod activities;
mod controls;
mod review;
mod stay;
mod test;

use std::fmt::Write as _;

use super::clean::{self, escape};
use super::html::STYLE;
use super::markdown::esc;
use super::rehearsal::{Block, Cell, Chapter, Column, Table, html, markdown};
use super::view::View;
use super::{Style, clean::line as clean_line};
use crate::record::{Record, Simulated};

pub(super) use controls::support;

/// The longest text of a paragraph, in characters.
const TEXT_MAX: usize = 2_000;
/// What it is called.
const TITLE: &str = "Contingency plan test report";
/// What it is, and what it is not.
pub(super) const CLAIM: &str = "Evidence supporting the controls named below. Whether a requirement is met is for an assessor \
     to find; nothing here says so.";

/// What stands over everything of a run that was simulated.
pub(super) fn stamp(record: &Record) -> Option<String> {
    View::stamp_of(record)
}

/// As Markdown.
pub(super) fn markdown(record: &Record, _style: &Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {TITLE}: {}\n", esc(&text(&record.header.title)));
    if let Some(stamp) = stamp(record) {
        let _ = writeln!(out, "> **{}**\n", esc(&stamp));
    }
    let _ = writeln!(out, "{CLAIM}");
    markdown::body(&mut out, &chapters(record));
    out
}

/// As a page of its own: one file, no outside asset, in the look of a run's report.
pub(super) fn page(record: &Record, _style: &Style) -> String {
    let title = escape(&text(&record.header.title));
    let stamp = stamp(record)
        .map_or_else(String::new, |stamp| format!("<p class=\"stamp\"><strong>{}</strong></p>\n", escape(&stamp)));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{TITLE}: {title}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<header>\n{stamp}<p class=\"run\">{}</p>\n\
         <h1>{TITLE}: {title}</h1>\n<p class=\"quiet\">{CLAIM}</p>\n</header>\n<main>\n",
        escape(record.header.run.as_str()),
    );
    html::body(&mut out, &chapters(record));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The chapters, in the order in which they are read.
fn chapters(record: &Record) -> Vec<Chapter> {
    let view = View::of(record);
    let mut all = test::chapters(record, &view);
    all.extend(activities::chapters(record, &view));
    all.push(stay::chapter(record));
    all.extend(review::chapters(record, &view));
    all.push(controls::chapter(record));
    all.push(list("What this drill does not show", &view.limits, "Nothing is known that it leaves open."));
    all.push(review::pins(record, &view));
    let marked = match record.header.simulated {
        Simulated::No => "",
        Simulated::Partly(_) => " (partly simulated)",
        Simulated::Wholly => " (simulated)",
    };
    for chapter in &mut all {
        chapter.title.push_str(marked);
    }
    all
}

/// A chapter of these blocks.
fn chapter(title: &str, blocks: Vec<Block>) -> Chapter {
    Chapter { title: title.to_owned(), blocks, cases: Vec::new() }
}

/// A chapter that lists, or says that there is nothing to list.
fn list(title: &str, items: &[String], none: &str) -> Chapter {
    chapter(title, vec![listed(items, none)])
}

fn listed(items: &[String], none: &str) -> Block {
    if items.is_empty() { Block::Text(none.to_owned()) } else { Block::List(items.to_vec()) }
}

/// A table of words.
fn table<const N: usize>(head: [&str; N], rows: Vec<[Cell; N]>) -> Block {
    Block::Table(Table {
        head: head.into_iter().map(|name| (name.to_owned(), Column::Words)).collect(),
        rows: rows.into_iter().map(Vec::from).collect(),
    })
}

/// A table of names and values.
fn facts(rows: Vec<(&str, String)>) -> Block {
    let rows = rows.into_iter().map(|(name, value)| [word(name), Cell::Text(value)]).collect();
    table(["What", "As stated or measured"], rows)
}

fn word(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// A clean text of a paragraph's length.
fn text(text: impl AsRef<str>) -> String {
    clean_line(text.as_ref(), TEXT_MAX)
}

/// What was stated, or that nothing was.
fn stated(said: Option<&str>) -> String {
    said.filter(|said| !said.trim().is_empty()).map_or_else(|| "not stated".to_owned(), text)
}

/// A wall-clock time as a label.
fn wall(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Words for a person reading a list, each cleaned.
fn cleaned(items: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    items.into_iter().map(|item| clean::line(item.as_ref(), TEXT_MAX)).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
