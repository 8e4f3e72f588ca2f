//! Coverage as a page: one file, no outside asset, in the look of a run's report.

use std::fmt::Write as _;

use super::{CLAIM, beside, day, mark, next, rpa, rta, verdict};
use crate::record::quarters::{Coverage, Line};
use crate::report::clean::{escape, line};
use crate::report::html::{STYLE, mark as draw};

/// The page.
#[must_use]
pub fn html(coverage: &Coverage) -> String {
    let mut out = head("Drills by quarter");
    let overdue: Vec<&str> = coverage.overdue().map(|it| it.name.as_str()).collect();
    let tone = if overdue.is_empty() { "good" } else { "bad" };
    let _ = write!(out, "<header class=\"{tone}\">\n<h1>Drills by quarter</h1>\n<p class=\"sentence\">");
    if overdue.is_empty() {
        out.push_str("Nothing is overdue.");
    } else {
        let _ = write!(out, "Overdue: {}.", escape(&line(&overdue.join(", "), 2000)));
    }
    let _ = writeln!(
        out,
        "</p>\n<p class=\"quiet\">{CLAIM} As of {}.</p>\n</header>\n<main>",
        coverage.at.strftime("%Y-%m-%d %H:%M UTC")
    );
    quarters(&mut out, "Playbooks", coverage, &coverage.playbooks);
    quarters(&mut out, "Services", coverage, &coverage.services);
    figures(&mut out, "Playbooks", &coverage.playbooks);
    figures(&mut out, "Services", &coverage.services);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The beginning of a page, up to its body.
pub(in crate::report) fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n",
        escape(title)
    )
}

fn quarters(out: &mut String, title: &str, coverage: &Coverage, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(out, "<section>\n<h2>{title}</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th>");
    for quarter in &coverage.quarters {
        let _ = write!(out, "<th>{quarter}</th>");
    }
    out.push_str("<th>Next due</th></tr></thead>\n<tbody>\n");
    for it in lines {
        let _ = write!(out, "<tr><td><b>{}</b><br>{}</td>", escape(&line(&it.name, 64)), escape(&line(&it.title, 200)));
        for cell in &it.cells {
            out.push_str("<td>");
            draw(out, &mark(cell));
            let _ = write!(out, "<br><small>{}</small></td>", escape(&beside(cell)));
        }
        let _ = writeln!(out, "<td>{}</td></tr>", escape(&next(it)));
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

fn figures(out: &mut String, title: &str, lines: &[Line]) {
    if lines.iter().all(|it| it.figures.is_empty()) {
        return;
    }
    let _ = write!(
        out,
        "<section>\n<h2>{title}: recovery time and data loss over time</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th>\
         <th>Day</th><th>Verdict</th><th>RTA of RTO</th><th>RPA of RPO</th></tr></thead>\n<tbody>\n"
    );
    for it in lines {
        for figure in &it.figures {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"num\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&line(&it.title, 200)),
                day(figure),
                escape(&verdict(figure)),
                escape(&rta(figure)),
                escape(&rpa(figure)),
            );
        }
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}
