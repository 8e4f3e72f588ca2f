//! Findings for a wiki or a pull request.

use std::fmt::Write as _;

use super::{Block, Cell, Chapter, Column, STAMP};
use crate::rehearsal::Findings;
use crate::report::markdown::{esc, fence};

pub(super) fn render(findings: &Findings, chapters: &[Chapter]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n", esc(&findings.subject.title));
    let _ = writeln!(out, "{}\n\n**{STAMP}**", esc(&super::subject(findings)));
    body(&mut out, chapters);
    out
}

/// Chapters, one after another.
pub(in crate::report) fn body(out: &mut String, chapters: &[Chapter]) {
    for chapter in chapters {
        let _ = writeln!(out, "\n## {}\n", esc(&chapter.title));
        chapter.blocks.iter().for_each(|block| draw(out, block));
    }
}

fn draw(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "### {}\n", esc(text));
        }
        Block::Text(text) => {
            let _ = writeln!(out, "{}\n", esc(text));
        }
        Block::Marked(mark, text) => {
            let _ = writeln!(out, "{} **{}** {}\n", mark.sign, esc(&mark.word), esc(text));
        }
        Block::List(points) => {
            for point in points {
                let _ = writeln!(out, "- {}", esc(point));
            }
            out.push('\n');
        }
        Block::Code(text) | Block::Drawing { text, .. } => {
            let fence = fence(text);
            let _ = writeln!(out, "{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'));
        }
        Block::Table(table) => {
            let heads: Vec<String> = table.head.iter().map(|(head, _)| esc(head)).collect();
            let lines = table.head.iter().map(|(_, column)| if *column == Column::Numbers { "--:" } else { "---" });
            let _ = writeln!(out, "| {} |\n|{}|", heads.join(" | "), lines.collect::<Vec<_>>().join("|"));
            for row in &table.rows {
                let cells = row.iter().map(|one| match one {
                    Cell::Text(text) => esc(text),
                    Cell::Mark(mark) => format!("{} {}", mark.sign, esc(&mark.word)),
                });
                let _ = writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "));
            }
            out.push('\n');
        }
    }
}
