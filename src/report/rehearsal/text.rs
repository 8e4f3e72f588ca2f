//! Findings for the terminal.

use std::fmt::Write as _;

use comfy_table::CellAlignment;

use super::{Block, Cell, Chapter, Column, STAMP, Table};
use crate::rehearsal::Findings;
use crate::report::Style;
use crate::report::text::{paint, paragraph, result, table};
use crate::report::view;

pub(super) fn render(findings: &Findings, chapters: &[Chapter], style: &Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", view::line(&findings.subject.title));
    paragraph(&mut out, "", &super::subject(findings), style);
    paragraph(&mut out, "", STAMP, style);
    for chapter in chapters {
        let _ = writeln!(out, "\n{}\n{}", chapter.title, "═".repeat(chapter.title.chars().count()));
        chapter.blocks.iter().for_each(|block| draw(&mut out, block, style));
    }
    out
}

fn draw(out: &mut String, block: &Block, style: &Style) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "\n{text}");
        }
        Block::Text(text) => paragraph(out, "", text, style),
        Block::Marked(mark, text) => {
            let sign = paint(&format!("{} {}", mark.sign, mark.word), mark.tone, style);
            paragraph(out, &format!("{sign}  "), text, style);
        }
        Block::List(points) => points.iter().for_each(|point| paragraph(out, "- ", point, style)),
        Block::Code(text) => text.lines().for_each(|line| {
            let _ = writeln!(out, "    {line}");
        }),
        Block::Table(rows) => {
            let _ = writeln!(out, "{}", drawn(rows, style).trim_fmt());
        }
        Block::Drawing { text, .. } => {
            let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
        }
    }
}

fn drawn(rows: &Table, style: &Style) -> comfy_table::Table {
    let heads: Vec<&str> = rows.head.iter().map(|(head, _)| head.as_str()).collect();
    let mut table = table(&heads, style);
    for row in &rows.rows {
        table.add_row(rows.head.iter().zip(row).map(|((_, column), cell)| {
            let cell = match cell {
                Cell::Text(text) => comfy_table::Cell::new(text),
                Cell::Mark(mark) => result(mark),
            };
            if *column == Column::Numbers { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    table
}
