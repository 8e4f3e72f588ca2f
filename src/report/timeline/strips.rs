//! The strips below the steps: each service's health, and how long its samples took.

use std::fmt::Write as _;

use super::canvas::Canvas;
use super::scale::Scale;
use super::{LEFT, RIGHT, unwatched};
use crate::measure::Outage;
use crate::record::{Pulse, Record, ServiceRecord};
use crate::report::clean;
use crate::report::view::count;
use crate::time::{Moment, Span};

/// At most so many services are drawn, those that were out first.
const SERVICES_MAX: usize = 40;
/// At most so many outages of a service.
const OUTAGES_MAX: usize = 200;
/// Characters of a service's title that fit before the axis.
const NAME_MAX: usize = 25;
/// The height of a strip of latency.
const TALL: f64 = 22.0;
/// Samples of so many pixels are drawn as one.
const COLUMN: f64 = 4.0;

/// The health of every service, a thin line up, a tall block down, and below it how long its samples took.
pub(super) fn services(canvas: &mut Canvas, record: &Record, scale: &Scale, mut y: f64, row: &mut usize) -> f64 {
    if record.services.is_empty() {
        return y;
    }
    canvas.name(4.0, y + 12.0, "name phase", "Health and latency");
    y += 18.0;
    let mut drawn: Vec<(usize, &ServiceRecord)> = record.services.iter().enumerate().collect();
    if drawn.len() > SERVICES_MAX {
        drawn.sort_by_key(|(n, service)| (service.outages.is_empty(), *n));
        drawn.truncate(SERVICES_MAX);
        let all = count(record.services.len() as u64, "service");
        canvas.name(14.0, y + 10.0, "note", &format!("{SERVICES_MAX} of {all}"));
        y += 16.0;
    }
    for (_, service) in drawn {
        canvas.open_row(*row);
        *row += 1;
        canvas.name(14.0, y + 13.0, "name", &clean::line(&service.title, NAME_MAX));
        health(canvas, service, record, scale, y);
        y += 20.0;
        if latency(canvas, service, scale, y) {
            y += TALL + 4.0;
        }
        canvas.close_row();
        y += 4.0;
    }
    y
}

fn health(canvas: &mut Canvas, service: &ServiceRecord, record: &Record, scale: &Scale, y: f64) {
    let until = record.header.until;
    let x = |at: Moment| scale.x(at);
    let whole = (x(Moment::ZERO), x(until));
    if service.samples == 0 {
        canvas.bar(whole, (y + 7.0, 4.0), "o-unknown", "no sample was taken");
        canvas.text(LEFT, 4.0, y + 5.0, "label", "no sample was taken");
        return;
    }
    let up = format!("{}: up, but for what is told else", clean::line(&service.title, 80));
    canvas.bar(whole, (y + 7.0, 4.0), "o-up", &up);
    for one in service.outages.iter().take(OUTAGES_MAX) {
        let outage = &one.outage;
        let end = outage.end().unwrap_or(until);
        canvas.bar((x(outage.start()), x(end)), (y + 3.0, 12.0), "o-maybe", &outage_title(outage, end));
        let sure_until = if outage.end().is_some() { outage.last_bad } else { until };
        canvas.bar((x(outage.first_bad), x(sure_until)), (y + 1.0, 16.0), "o-sure", "");
    }
    // Over all that was measured: what was so before and after need not have been so meanwhile.
    for ((from, to), why) in unwatched(record) {
        canvas.bar((x(from), x(to)), (y + 3.0, 12.0), "o-unknown", why);
    }
    let mut told_until = LEFT;
    for one in service.outages.iter().take(OUTAGES_MAX) {
        let outage = &one.outage;
        let end = outage.end().unwrap_or(until);
        let length = one.length.upper().map_or_else(|| one.length.to_string(), |upper| upper.to_string());
        let words = format!("down {length}");
        let (from, to) = (x(outage.start()), x(end));
        let wide = words.chars().count() as f64 * 5.8;
        // A word that would stand on another one is left out: the title and the table have it.
        if to - from > wide + 6.0 {
            canvas.text(from, 5.0, y + 13.0, "inside", &words);
            told_until = to;
        } else if to + 4.0 + wide < RIGHT + 44.0 && from >= told_until {
            canvas.text(to, 4.0, y + 5.0, "label", &words);
            told_until = to + wide;
        }
    }
}

fn outage_title(outage: &Outage, end: Moment) -> String {
    let length = end.since(outage.start());
    format!("down for at most {length}, {} failed samples: {}", outage.failed, clean::line(&outage.saw, 120))
}

/// Pulses that share a column of the drawing are one.
fn columns(pulses: &[Pulse], scale: &Scale) -> Vec<(f64, f64, Pulse)> {
    let mut columns: Vec<(f64, f64, Pulse)> = Vec::new();
    for pulse in pulses.iter().filter(|pulse| pulse.count > 0) {
        let (from, to) = (scale.x(pulse.from), scale.x(pulse.to));
        match columns.last_mut() {
            Some(last) if to - last.0 <= COLUMN || from - last.0 < COLUMN / 2.0 => {
                *last = (last.0, last.1.max(to), last.2.with(pulse));
            }
            _ => columns.push((from, to, *pulse)),
        }
    }
    columns
}

/// How long samples took, on a logarithmic scale: the band reaches from the median to the longest.
fn latency(canvas: &mut Canvas, service: &ServiceRecord, scale: &Scale, y: f64) -> bool {
    let columns = columns(&service.pulses, scale);
    let Some(least) = columns.iter().map(|column| column.2.p50).min() else { return false };
    let most = columns.iter().map(|column| column.2.max).max().unwrap_or(least);
    canvas.name(22.0, y + 9.0, "note", "latency: median, longest");
    canvas.name(22.0, y + 20.0, "note", &format!("{} to {}", rounded(least), rounded(most)));
    // Room for the line's own width above the slowest.
    let (floor, roof) = (log(least) - 0.1, log(most) + 0.2);
    let height = |span: Span| TALL - (log(span) - floor) / (roof - floor) * TALL;
    let (mut band, mut line) = (String::new(), String::new());
    for (from, to, pulse) in &columns {
        let (from, to) = (from - LEFT, to.max(from + 1.0) - LEFT);
        let (top, middle) = (height(pulse.max), height(pulse.p50));
        let _ = write!(band, "M{from:.1} {middle:.1}V{top:.1}H{to:.1}V{middle:.1}z");
        let _ = write!(line, "M{from:.1} {middle:.1}H{to:.1}");
    }
    let told = service.latency.map_or_else(String::new, |all| {
        format!("latency: median {}, 95th percentile {}, longest {}", all.p50, all.p95, all.max)
    });
    let wide = RIGHT - LEFT;
    let inside = format!(
        "<title>{told}</title><rect class=\"l-ground\" width=\"{wide:.0}\" height=\"{TALL:.0}\"/>\
         <path class=\"l-band\" d=\"{band}\"/><path class=\"l-line\" d=\"{line}\"/>"
    );
    canvas.inset((LEFT, RIGHT), (y, TALL), (wide, TALL), &inside);
    true
}

fn log(span: Span) -> f64 {
    (span.0.max(1_000) as f64).log10()
}

/// To three figures: as much as a reader takes in.
fn rounded(span: Span) -> Span {
    let mut unit = 1;
    while span.0 / unit >= 1_000 {
        unit *= 10;
    }
    Span(span.0 / unit * unit)
}
