//! What `muster calibrate` found, as tables for the terminal or as JSON.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment};
use serde::Serialize;

use super::text::{paragraph, result, table};
use super::view::{Mark, Tone, count, line};
use super::{JSON_VERSION, Style};
use crate::chance::Distribution;
use crate::rehearsal::calibration::reliability::{ENOUGH, Finding, Kind, Reliability};
use crate::rehearsal::calibration::{Fitting, Line};
use crate::rehearsal::forecast::Share;

#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u32,
    unit_of_time: &'static str,
    #[serde(flatten)]
    fitting: &'a Fitting,
}

/// As one JSON document.
#[must_use]
pub fn json(fitting: &Fitting) -> String {
    let document = Document { kind: "muster-calibration", version: JSON_VERSION, unit_of_time: "ns", fitting };
    serde_json::to_string_pretty(&document).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

/// As tables.
#[must_use]
pub fn text(fitting: &Fitting, style: &Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Calibration of {}", line(&fitting.infrastructure));
    paragraph(&mut out, "", &runs(fitting), style);
    if fitting.lines.is_empty() {
        paragraph(&mut out, "", "Nothing was measured: the twin stays as it is.", style);
    } else {
        out.push('\n');
        let _ = writeln!(out, "{}", settings(&fitting.lines, style).trim_fmt());
        paragraph(&mut out, "", &explained(fitting), style);
    }
    for note in &fitting.notes {
        paragraph(&mut out, "- ", &line(note), style);
    }
    forecasts(&mut out, fitting, style);
    out
}

fn runs(fitting: &Fitting) -> String {
    let mut told = format!("From {}", count(fitting.runs.len() as u64, "real run"));
    if let (Some(newest), Some(oldest)) = (fitting.runs.first(), fitting.runs.last()) {
        let _ = write!(told, ", {oldest} to {newest}");
    }
    let _ = write!(told, "; half-life {}.", fitting.half_life);
    if fitting.simulated > 0 {
        let _ = write!(told, " Left out: {}.", count(fitting.simulated, "simulated run"));
    }
    for (name, runs) in &fitting.elsewhere {
        let _ = write!(told, " Left out: {} on {}.", count(*runs, "run"), line(name));
    }
    told
}

fn settings(lines: &[Line], style: &Style) -> comfy_table::Table {
    let mut table = table(&["Setting", "Before", "Now p50", "p95", "Samples", "Effective", "Newest"], style);
    for one in lines {
        let few = if one.few { " few" } else { "" };
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(line(&one.setting)),
            Cell::new(one.before.as_ref().map_or_else(|| "–".to_owned(), distribution)),
            right(one.after.median().to_string()),
            right(one.after.quantile(0.95).to_string()),
            right(one.samples.to_string()),
            right(format!("{:.1}{few}", one.effective)),
            Cell::new(day(one.newest.as_str())),
        ]);
    }
    table
}

/// The day that a run's id begins with.
fn day(run: &str) -> String {
    match (run.get(..4), run.get(4..6), run.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => line(run),
    }
}

fn distribution(of: &Distribution) -> String {
    match of {
        Distribution::Fixed(span) => span.to_string(),
        Distribution::LogNormal { .. } => format!("{} / {}", of.median(), of.quantile(0.95)),
    }
}

fn explained(fitting: &Fitting) -> String {
    let few = fitting.lines.iter().filter(|line| line.few).count() as u64;
    let mut told = "What was measured goes before what is stated under `simulate:`.".to_owned();
    if few > 0 {
        let rest = if few == 1 { "rests" } else { "rest" };
        let _ = write!(
            told,
            " {} {rest} on few samples: its spread is mostly what was assumed, widened by how little is known.",
            count(few, "setting")
        );
    }
    told
}

fn forecasts(out: &mut String, fitting: &Fitting, style: &Style) {
    let _ = writeln!(out, "\nHow good forecasts were");
    if fitting.forecasts == 0 {
        let told = "None of these runs began with a forecast: nothing is known of how good they are.";
        paragraph(out, "", told, style);
        return;
    }
    paragraph(out, "", &format!("{} began with a forecast.", count(fitting.forecasts, "real run")), style);
    if fitting.reliability.is_empty() {
        return;
    }
    let head = ["Truths of", "Fell below p50, of 50 %", "Between p5 and p95, of 90 %", "Up to p95, of 95 %", "So"];
    let mut rows = table(&head, style);
    for one in &fitting.reliability {
        rows.add_row([
            Cell::new(format!("{}, {}", kind(one.of), count(one.within.of, "truth"))),
            Cell::new(share(&one.below_p50)),
            Cell::new(share(&one.within)),
            Cell::new(share(&one.up_to_p95)),
            result(&verdict(one)),
        ]);
    }
    let _ = writeln!(out, "{}", rows.trim_fmt());
    for one in &fitting.reliability {
        paragraph(out, "- ", &format!("{}: {}", kind(one.of), told(one)), style);
    }
}

fn kind(of: Kind) -> &'static str {
    match of {
        Kind::Recovery => "recovery times",
        Kind::Loss => "data losses",
        Kind::Steps => "steps' times",
    }
}

fn share(share: &Share) -> String {
    if share.of == 0 {
        return "–".to_owned();
    }
    let percent = |value: f64| format!("{:.0}", value * 100.0);
    format!(
        "{} of {}: {} % ({} to {} %)",
        share.count,
        share.of,
        percent(share.share()),
        percent(share.lower),
        percent(share.upper)
    )
}

fn verdict(one: &Reliability) -> Mark {
    let words: Vec<&str> = one
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::TooFew => "too few to tell",
            Finding::Agrees => "agrees",
            Finding::TooShort => "too short",
            Finding::TooLong => "too long",
            Finding::TooNarrow => "too narrow",
            Finding::TooWide => "too wide",
        })
        .collect();
    let tone = match one.findings.first() {
        Some(Finding::Agrees) => Tone::Good,
        Some(Finding::TooFew) | None => Tone::Doubt,
        Some(_) => Tone::Bad,
    };
    Mark::new(tone, words.join(", "))
}

fn told(one: &Reliability) -> String {
    let mut told: Vec<String> = one
        .findings
        .iter()
        .map(|finding| {
            match finding {
                Finding::TooFew => return format!("{} so far; from {ENOUGH} on it is told", one.within.of),
                Finding::Agrees => "nothing speaks against the forecasts",
                Finding::TooShort => "real drills take longer than was foretold more often than not",
                Finding::TooLong => "real drills take less than was foretold more often than not",
                Finding::TooNarrow => "real drills vary more than was foretold",
                Finding::TooWide => "real drills vary less than was foretold",
            }
            .to_owned()
        })
        .collect();
    let (certain, came) = one.certain;
    if certain > 0 {
        told.push(format!("{} said nearly always the same, and that came in {came}", count(certain, "forecast")));
    }
    if one.unknown > 0 {
        told.push(format!("{} came to nothing or were not measured", one.unknown));
    }
    if one.of == Kind::Steps && one.findings.first() != Some(&Finding::TooFew) {
        told.push("steps of one run go along with each other, so the intervals are somewhat too narrow".to_owned());
    }
    told.join("; ") + "."
}

#[cfg(test)]
#[path = "tests/calibration.rs"]
mod tests;
