//! What the whole story has and the closing tables leave to the files.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment};

use super::{WIDTH_MIN, paragraph, result, table};
use crate::record::Record;
use crate::report::Style;
use crate::report::timeline::{Rows, draw_text_in};
use crate::report::view::{Tone, View};

/// At most so many rows of a table.
const ROWS_MAX: usize = 40;
/// From so many columns on tables have columns that are nice to have.
const WIDE: u16 = 110;

/// The time line, and what recovery times are made of.
pub(super) fn before_steps(out: &mut String, record: &Record, view: &View, style: &Style) {
    let drawn = draw_text_in(record, usize::from(style.width.max(WIDTH_MIN)), Rows::All);
    if !drawn.is_empty() {
        let _ = write!(out, "\n{drawn}");
    }
    parts(out, view, style);
    compared(out, view, style);
}

/// All steps, and what users saw.
pub(super) fn after_steps(out: &mut String, view: &View, style: &Style) {
    activities(out, view, style);
    outages(out, view, style);
    canaries(out, view, style);
    dns(out, view, style);
    guardrails(out, view, style);
    people(out, view, style);
    review(out, view, style);
}

/// What people wrote down after the run, what the record says is to be mended, and what was silenced before it.
fn review(out: &mut String, view: &View, style: &Style) {
    let lists = [
        ("Lessons, corrective actions and sign-off", &view.written),
        ("To be mended, by the record itself", &view.corrective),
        ("Warnings that are silenced", &view.silenced),
    ];
    for (title, all) in lists.into_iter().filter(|(_, all)| !all.is_empty()) {
        let _ = writeln!(out, "\n{title}");
        for one in all.iter().take(ROWS_MAX) {
            paragraph(out, "- ", one, style);
        }
        more(out, all.len());
    }
}

/// What the drill does not show, said and not only counted.
pub(super) fn limits(out: &mut String, view: &View, style: &Style) {
    if view.limits.is_empty() {
        return;
    }
    out.push_str("\nWhat this drill does not show\n");
    for limit in &view.limits {
        paragraph(out, "- ", limit, style);
    }
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn more(out: &mut String, all: usize) {
    if all > ROWS_MAX {
        let _ = writeln!(out, "… and {} more; report.html has all of them.", all - ROWS_MAX);
    }
}

fn parts(out: &mut String, view: &View, style: &Style) {
    for leg in view.legs.iter().filter(|leg| !leg.parts.is_empty()) {
        let mut rows = table(&["Part of the RTA", "Length", "Share", ""], style);
        for part in &leg.parts {
            let share = part.percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
            let bar = "█".repeat(usize::try_from(part.percent.unwrap_or(0).div_ceil(5)).unwrap_or(0).min(20));
            rows.add_row([Cell::new(part.name), right(&part.length), right(&share), Cell::new(bar)]);
        }
        let _ = writeln!(out, "\nLeg {}: RTA {}\n{}", leg.leg, leg.rta, rows.trim_fmt());
        for sooner in leg.sooner.iter().take(3) {
            paragraph(out, "- ", sooner, style);
        }
    }
}

fn compared(out: &mut String, view: &View, style: &Style) {
    let Some(compared) = &view.compared else { return };
    out.push('\n');
    paragraph(out, "", &compared.sentence, style);
    let told = || compared.measures.iter().chain(&compared.steps).filter(|row| row.change.tone != Tone::Quiet);
    if told().next().is_some() {
        let mut rows = table(&["Compared", "Before", "Now", "Change"], style);
        for row in told().take(ROWS_MAX) {
            rows.add_row([Cell::new(&row.what), right(&row.before), right(&row.now), result(&row.change)]);
        }
        let _ = writeln!(out, "{}", rows.trim_fmt());
    }
    if !compared.rest.is_empty() {
        paragraph(out, "", compared.rest.trim(), style);
    }
}

fn activities(out: &mut String, view: &View, style: &Style) {
    let all = || view.phases.iter().filter(|phase| phase.is_told()).flat_map(|phase| &phase.steps);
    let count = all().count();
    if count == 0 {
        return;
    }
    let wide = style.width >= WIDE;
    let columns: &[&str] = if wide {
        &["Step", "Action", "Result", "At", "Expected", "Actual", "Evidence"]
    } else {
        &["Step", "Result", "At", "Expected", "Actual"]
    };
    let mut rows = table(columns, style);
    for step in all().take(ROWS_MAX) {
        let result = result(&step.result);
        let (at, expected, took) = (Cell::new(&step.started), right(&step.expected), right(&step.took));
        if wide {
            let action = Cell::new(format!("{}: {}", step.action, step.summary));
            let evidence = Cell::new(crate::report::clean::line(&step.evidence, 120));
            rows.add_row([Cell::new(&step.id), action, result, at, expected, took, evidence]);
        } else {
            rows.add_row([Cell::new(&step.id), result, at, expected, took]);
        }
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
    more(out, count);
}

fn outages(out: &mut String, view: &View, style: &Style) {
    if view.services.is_empty() {
        return;
    }
    let mut rows = table(&["Service", "At the end", "Downtime", "Latency p50 / p95 / max"], style);
    for one in view.services.iter().take(ROWS_MAX) {
        rows.add_row([Cell::new(&one.title), result(&one.state), right(&one.downtime), Cell::new(&one.latency)]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
    more(out, view.services.len());
    if view.outages.is_empty() {
        return;
    }
    let mut rows = table(&["Outage of", "Began", "Ended", "Length", "First seen"], style);
    for one in view.outages.iter().take(ROWS_MAX) {
        let length = right(&one.length);
        rows.add_row([
            Cell::new(&one.service),
            Cell::new(&one.began),
            Cell::new(&one.ended),
            length,
            Cell::new(crate::report::clean::line(&one.saw, 80)),
        ]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
    more(out, view.outages.len());
}

fn canaries(out: &mut String, view: &View, style: &Style) {
    let all = || view.canaries.iter().flat_map(|canary| canary.legs.iter().map(move |leg| (canary, leg)));
    if all().next().is_none() {
        return;
    }
    let mut rows = table(&["Canary", "Leg", "Lost", "Allowed", "Result", "Rows"], style);
    for (canary, leg) in all().take(ROWS_MAX) {
        rows.add_row([
            Cell::new(&canary.id),
            Cell::new(&leg.leg),
            right(&leg.actual),
            right(&leg.objective),
            result(&leg.result),
            Cell::new(&leg.rows),
        ]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
}

fn dns(out: &mut String, view: &View, style: &Style) {
    let all = || {
        let switches = view.dns.iter().flat_map(|record| record.switches.iter().map(move |switch| (record, switch)));
        switches.flat_map(|(record, switch)| switch.servers.iter().map(move |server| (record, switch, server)))
    };
    let count = all().count();
    if count == 0 {
        return;
    }
    let mut rows = table(&["Name", "To", "Server", "Kind", "New answer", "After"], style);
    for (record, switch, server) in all().take(ROWS_MAX) {
        rows.add_row([
            Cell::new(&record.record),
            Cell::new(&switch.to),
            Cell::new(&server.server),
            Cell::new(server.kind),
            Cell::new(&server.moved),
            right(&server.after),
        ]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
    more(out, count);
}

fn guardrails(out: &mut String, view: &View, style: &Style) {
    if view.guardrails.is_empty() {
        return;
    }
    let mut rows = table(&["Guardrail", "Watches", "Result"], style);
    for one in view.guardrails.iter().take(ROWS_MAX) {
        rows.add_row([Cell::new(&one.name), Cell::new(&one.watches), result(&one.result)]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
}

fn people(out: &mut String, view: &View, style: &Style) {
    if view.took_part.is_empty() {
        return;
    }
    let mut rows = table(&["Took part, as stated", "Account", "Did"], style);
    for person in view.took_part.iter().take(ROWS_MAX) {
        rows.add_row([Cell::new(&person.name), Cell::new(&person.account), Cell::new(person.did.join(", "))]);
    }
    let _ = writeln!(out, "\n{}", rows.trim_fmt());
}
