//! The public record of a service: its drills, their outages, its last passed failover, and nothing internal.
//!
//! A page holds the service's title, dates, verdicts and lengths of time; never a name of a run, a machine, a person, a
//! resource or a step. Simulated drills are left out: they say nothing of the service.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::clean::{escape, line};
use super::status::page_head;
use crate::record::{IndexRow, IndexService, LegVerdict};
use crate::time::Span;

/// Drills that a page lists at most: the newest.
const DRILLS_MAX: usize = 100;

/// What stands in the head of each page.
const WRITTEN: &str = "<meta name=\"generator\" content=\"muster status --public\">";
/// So much of a page is read to see whose it is, in bytes.
pub const BEGINNING_MAX: u64 = 1024;

/// A file of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UptimePage {
    /// Its name, in the folder of all of them.
    pub file: String,
    /// Its content.
    pub html: String,
}

struct Drill<'r> {
    at: Timestamp,
    row: &'r IndexRow,
    service: &'r IndexService,
}

impl Drill<'_> {
    /// Whether the service came over to the other region within its objectives.
    fn passed(&self) -> bool {
        self.switched() && !self.service.fell_short && self.row.detail.failover == Some(LegVerdict::Passed)
    }

    /// Whether anything was moved to the other region at all: a drill that only looks is no failover.
    fn switched(&self) -> bool {
        self.row.detail.switched
    }

    /// How much it was out at most, or what would have been missed.
    fn out(&self) -> String {
        let outages = &self.service.outages;
        if outages.is_empty() {
            return self.service.none_seen.map_or_else(
                || "not measured".to_owned(),
                |span| format!("none longer than {span} would have been missed"),
            );
        }
        let sum = outages.iter().map(|(_, length)| *length).try_fold(Span::ZERO, |sum, length| Some(sum + length?));
        sum.map_or_else(|| "not known".to_owned(), |sum| sum.to_string())
    }
}

/// One page a service, and a list of them, `index.html`. `at` is when this was so.
#[must_use]
pub fn uptime(at: Timestamp, runs: &[IndexRow]) -> Vec<UptimePage> {
    let mut services: BTreeMap<&str, Vec<Drill<'_>>> = BTreeMap::new();
    for row in runs.iter().filter(|row| !row.simulated && row.verdict.is_some() && row.detail.failover.is_some()) {
        let Ok(began) = row.started_at.parse() else { continue };
        for service in &row.detail.services {
            services.entry(service.id.as_str()).or_default().push(Drill { at: began, row, service });
        }
    }
    let mut pages: Vec<UptimePage> = Vec::with_capacity(services.len() + 1);
    let mut list = String::new();
    for drills in services.values_mut() {
        drills.sort_by_key(|drill| std::cmp::Reverse(drill.at));
        let Some(newest) = drills.first() else { continue };
        let title = line(&newest.service.title, 200);
        let file = free_name(&title, &pages);
        let _ = writeln!(list, "<li><a href=\"{file}\">{}</a>: {}</li>", escape(&title), last_passed(drills));
        pages.push(UptimePage { html: page(at, &title, drills), file });
    }
    let mut index = head("Failover drills");
    index.push_str("<header>\n<h1>Failover drills</h1>\n</header>\n<main>\n");
    if list.is_empty() {
        index.push_str("<p>No drill on a real service is on record.</p>\n");
    } else {
        let _ = writeln!(index, "<ul>\n{list}</ul>");
    }
    let _ = write!(index, "<p class=\"quiet\">As of {}.</p>\n</main>\n</body>\n</html>\n", date(at));
    pages.push(UptimePage { file: "index.html".to_owned(), html: index });
    pages
}

/// The beginning of a page, which says who wrote it.
fn head(title: &str) -> String {
    page_head(title).replacen("<title>", &format!("{WRITTEN}\n<title>"), 1)
}

/// Whether this is a page that Muster wrote into such a folder: only these are its own to take away. `beginning`: a page's
/// first [`BEGINNING_MAX`] bytes.
#[must_use]
pub fn is_own(beginning: &str) -> bool {
    beginning.contains(WRITTEN)
}

/// A name made of the title, that no other page has.
fn free_name(title: &str, pages: &[UptimePage]) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase).take(60) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = match slug.trim_end_matches('-') {
        "" | "index" => "service",
        slug => slug,
    };
    let taken = |name: &String| pages.iter().any(|page| page.file == *name);
    let names = (1..).map(|number| if number == 1 { format!("{slug}.html") } else { format!("{slug}-{number}.html") });
    names.take(pages.len() + 1).find(|name| !taken(name)).unwrap_or_else(|| format!("{slug}.html"))
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn last_passed(drills: &[Drill<'_>]) -> String {
    match drills.iter().find(|drill| drill.passed()) {
        Some(drill) => format!("last passed failover on {}", date(drill.at)),
        None => "no failover has passed yet".to_owned(),
    }
}

fn page(at: Timestamp, title: &str, drills: &[Drill<'_>]) -> String {
    let mut out = head(title);
    let passed = drills.iter().any(Drill::passed);
    let tone = if passed { "good" } else { "doubt" };
    let sentence = last_passed(drills);
    let _ = write!(
        out,
        "<header class=\"{tone}\">\n<h1>{}</h1>\n<p class=\"sentence\">{}{}.</p>\n<p class=\"quiet\">In a drill the service is \
         moved to its other region and back on purpose. Times are in UTC, and outages as users would have seen them, at \
         most.</p>\n</header>\n<main>\n<section>\n<h2>Drills</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Day</th>\
         <th>Failover</th><th>Recovery time</th><th>Allowed</th><th>Out in all</th></tr></thead>\n<tbody>\n",
        escape(title),
        sentence[..1].to_uppercase(),
        &sentence[1..],
    );
    for drill in drills.iter().take(DRILLS_MAX) {
        let (tone, word) = match (drill.passed(), drill.switched()) {
            (true, _) => ("good", "passed"),
            (false, true) => ("bad", "not passed"),
            (false, false) => ("doubt", "none: nothing was moved"),
        };
        let rta = match drill.service.rta {
            Some((_, upper)) => upper.to_string(),
            None if drill.service.none_seen.is_some() => "no outage seen".to_owned(),
            None if drill.service.outages.is_empty() => "not measured".to_owned(),
            None => "not known".to_owned(),
        };
        let allowed = drill.service.rto.map_or_else(|| "–".to_owned(), |(rto, _)| rto.to_string());
        let _ = writeln!(
            out,
            "<tr><td class=\"num\">{}</td><td><span class=\"mark {tone}\">{word}</span></td><td>{rta}</td><td>{allowed}</td>\
             <td>{}</td></tr>",
            date(drill.at),
            drill.out(),
        );
    }
    out.push_str("</tbody></table></div>\n</section>\n");
    outages(&mut out, drills);
    let _ = write!(
        out,
        "<p class=\"quiet\">As of {}. <a href=\"index.html\">All services</a></p>\n</main>\n</body>\n</html>\n",
        date(at)
    );
    out
}

fn outages(out: &mut String, drills: &[Drill<'_>]) {
    let all = || drills.iter().take(DRILLS_MAX).flat_map(|drill| &drill.service.outages);
    if all().next().is_none() {
        return;
    }
    out.push_str(
        "<section>\n<h2>Outages</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Began</th><th>Lasted</th></tr></thead>\n<tbody>\n",
    );
    for (began, length) in all() {
        let began = Timestamp::from_second(*began)
            .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d %H:%M").to_string());
        let length = length.map_or_else(|| "end not seen".to_owned(), |length| length.to_string());
        let _ = writeln!(out, "<tr><td class=\"num\">{began}</td><td>{length}</td></tr>");
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;
    use crate::measure::Judgement;
    use crate::record::IndexDetail;

    fn row(began: &str, simulated: bool, fell_short: bool) -> IndexRow {
        let at: Timestamp = began.parse().unwrap();
        let service = |id: &str, title: &str| IndexService {
            id: id.to_owned(),
            title: title.to_owned(),
            rta: Some((Span::from_secs(100), Span::from_secs(170))),
            none_seen: None,
            rto: Some((Span::from_secs(900), Judgement::Met)),
            fell_short,
            outages: vec![(at.as_second() + 60, Some(Span::from_secs(170)))],
        };
        IndexRow {
            run: RunId::make(at, "inner-playbook").unwrap(),
            playbook: "inner-playbook".to_owned(),
            title: "Inner title".to_owned(),
            environment: "production".to_owned(),
            mode: "planned".to_owned(),
            started_at: began.to_owned(),
            finished_at: Some(began.to_owned()),
            verdict: Some("passed".to_owned()),
            world: Some("home".to_owned()),
            exit_code: Some(0),
            rta_ns: None,
            rpa_ns: None,
            journal_head: "cafe".repeat(16),
            simulated,
            detail: IndexDetail {
                failover: Some(LegVerdict::Passed),
                switched: true,
                services: vec![service("web-internal", "Web <interface>"), service("web-other", "Web, interface")],
                ..IndexDetail::default()
            },
        }
    }

    #[test]
    fn a_page_tells_of_drills_and_their_outages_and_nothing_internal() {
        let rows = [
            row("2026-02-10T09:00:00Z", false, false),
            row("2026-05-12T09:00:00Z", false, true),
            row("2026-06-01T09:00:00Z", true, false),
        ];
        let pages = uptime("2026-07-01T00:00:00Z".parse().unwrap(), &rows);
        let names: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        assert_eq!(names, ["web-interface.html", "web-interface-2.html", "index.html"]);
        let web = &pages[0].html;
        for told in [
            "Web &lt;interface&gt;",
            "Last passed failover on 2026-02-10",
            "2026-05-12",
            "not passed",
            "2 min 50 s",
            "2026-02-10 09:01",
        ] {
            assert!(web.contains(told), "{told} is missing:\n{web}");
        }
        for page in &pages {
            for inner in ["inner", "Inner", "production", "planned", "cafe", "2026-06-01", "web-internal", "web-other"]
            {
                let html = page.html.split("</style>").nth(1).unwrap();
                assert!(!html.contains(inner), "{inner} is in {}:\n{html}", page.file);
            }
        }
    }

    #[test]
    fn an_outage_that_was_not_seen_is_no_zero() {
        let mut row = row("2026-02-10T09:00:00Z", false, false);
        row.detail.services.truncate(1);
        let service = &mut row.detail.services[0];
        (service.rta, service.none_seen) = (None, Some(Span::from_secs(3)));
        service.outages.clear();
        let page = |row: &IndexRow| {
            uptime("2026-07-01T00:00:00Z".parse().unwrap(), std::slice::from_ref(row)).swap_remove(0).html
        };
        let html = page(&row);
        assert!(html.contains("<td>none longer than 3 s would have been missed</td>"), "{html}");
        assert!(html.contains("<td>no outage seen</td>") && !html.contains("<td>0 s</td>"));
        row.detail.services[0].none_seen = None;
        assert_eq!(page(&row).matches("<td>not measured</td>").count(), 2);
    }

    #[test]
    fn a_drill_that_moved_nothing_is_no_failover() {
        let mut row = row("2026-02-10T09:00:00Z", false, false);
        row.detail.switched = false;
        let pages = uptime("2026-07-01T00:00:00Z".parse().unwrap(), &[row]);
        assert!(
            pages[0].html.contains("No failover has passed yet") && pages[0].html.contains("none: nothing was moved")
        );
        assert!(pages[2].html.contains("no failover has passed yet"));
    }

    #[test]
    fn each_page_says_within_its_beginning_that_muster_wrote_it() {
        for page in uptime("2026-07-01T00:00:00Z".parse().unwrap(), &[row("2026-02-10T09:00:00Z", false, false)]) {
            let beginning = &page.html[..usize::try_from(BEGINNING_MAX).unwrap()];
            assert!(is_own(beginning), "{beginning}");
        }
        assert!(!is_own("<!doctype html>"));
    }

    #[test]
    fn without_a_real_drill_there_is_nothing_to_tell() {
        let pages = uptime("2026-07-01T00:00:00Z".parse().unwrap(), &[row("2026-06-01T09:00:00Z", true, false)]);
        assert_eq!(pages.len(), 1);
        assert!(pages[0].html.contains("No drill on a real service is on record"));
    }
}
