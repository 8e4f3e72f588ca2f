//! Findings as a page of their own: one file, no outside asset, light and dark, in the look of a run's report.

use std::fmt::Write as _;

use super::{Block, Cell, Chapter, Column, STAMP, Table};
use crate::rehearsal::Findings;
use crate::report::clean::escape;
use crate::report::html::{STYLE, mark};

pub(super) fn render(findings: &Findings, chapters: &[Chapter]) -> String {
    let title = escape(&crate::report::view::line(&findings.subject.title));
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Rehearsal: {title}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<header>\n<p class=\"stamp\"><strong>{STAMP}</strong></p>\n\
         <h1>{title}</h1>\n<p class=\"quiet\">{}</p>\n</header>\n<main>\n",
        escape(&super::subject(findings))
    );
    body(&mut out, chapters);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Chapters, one after another.
pub(in crate::report) fn body(out: &mut String, chapters: &[Chapter]) {
    for chapter in chapters {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", escape(&chapter.title));
        chapter.blocks.iter().for_each(|block| draw(out, block));
        out.push_str("</section>\n");
    }
}

fn draw(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "<h3>{}</h3>", escape(text));
        }
        Block::Text(text) => {
            let _ = writeln!(out, "<p>{}</p>", escape(text));
        }
        Block::Marked(sign, text) => {
            out.push_str("<p>");
            mark(out, sign);
            let _ = writeln!(out, " {}</p>", escape(text));
        }
        Block::List(points) => {
            out.push_str("<ul>");
            for point in points {
                let _ = write!(out, "<li>{}</li>", escape(point));
            }
            out.push_str("</ul>\n");
        }
        Block::Code(text) => {
            let _ = writeln!(out, "<pre class=\"wide\"><code>{}</code></pre>", escape(text));
        }
        Block::Table(rows) => table(out, rows),
        Block::Drawing { svg, .. } => {
            let _ = writeln!(out, "<div class=\"wide\">{svg}</div>");
        }
    }
}

fn table(out: &mut String, table: &Table) {
    out.push_str("<div class=\"wide\"><table>\n<thead><tr>");
    for (head, _) in &table.head {
        let _ = write!(out, "<th>{}</th>", escape(head));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for ((_, column), cell) in table.head.iter().zip(row) {
            out.push_str(if *column == Column::Numbers { "<td class=\"num\">" } else { "<td>" });
            match cell {
                Cell::Text(text) => out.push_str(&escape(text)),
                Cell::Mark(sign) => mark(out, sign),
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}
