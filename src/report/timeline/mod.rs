//! The drawing: phases and steps as bars, the health of each service below them on the same axis, and marks.
//!
//! SVG, drawn here, with class names only: its colours are the page's. What a colour tells, a shape or a word tells
//! too: bad bars are hatched, outages are tall, gates are dotted. Bounded: of more than [`STEPS_MAX`] steps only those
//! that failed, were taken back, or took longest are drawn.

mod canvas;
mod head;
mod rows;
mod scale;
mod strips;
mod text;

use std::collections::BTreeSet;

use crate::record::{Happening, HappeningKind, Record, StepRecord};
use crate::time::Moment;
use canvas::Canvas;
use scale::Scale;
pub(crate) use text::{Rows, draw_text, draw_text_in};

/// The drawing's width, where nobody stretches it.
const WIDTH: f64 = 1000.0;
/// Where the axis begins: names stand before it.
const LEFT: f64 = 190.0;
/// Where it ends.
const RIGHT: f64 = 952.0;
/// Below the words of milestones the numbers of marks begin.
const MARKS_TOP: f64 = 44.0;
/// Up to so many steps all are drawn.
const STEPS_MAX: usize = 500;
/// Of more, so many.
const STEPS_CHOSEN: usize = 60;
/// From the middle of one number to the next.
const APART: f64 = 18.0;
/// At most so many times in which nobody watched.
const UNWATCHED_MAX: usize = 100;
/// At most so many marks.
const MARKS_MAX: usize = 24;

/// The happenings that get a number on the drawing, in order.
pub(crate) fn marks(record: &Record) -> Vec<&Happening> {
    let worth = |happening: &&Happening| {
        matches!(
            happening.kind,
            HappeningKind::Disaster
                | HappeningKind::Promotion
                | HappeningKind::Switch
                | HappeningKind::Lost
                | HappeningKind::Recovered
                | HappeningKind::Failure
                | HappeningKind::Course
                | HappeningKind::Guardrail
                | HappeningKind::SplitBrain
                | HappeningKind::Signal
        )
    };
    record.timeline.iter().filter(worth).take(MARKS_MAX).collect()
}

/// A drawing: names, and a plot that may be stretched, both as high as said.
pub(crate) struct Drawing {
    names: String,
    plot: String,
    height: f64,
    title: String,
}

/// The patterns that bars are filled with.
const PATTERNS: &str = "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
     patternTransform=\"rotate(45)\"><rect class=\"h0\" width=\"6\" height=\"6\"/><rect class=\"h1\" width=\"2\" height=\"6\"/></pattern>\
     <pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect class=\"d0\" width=\"5\" height=\"5\"/>\
     <circle class=\"d1\" cx=\"2.5\" cy=\"2.5\" r=\"1.2\"/></pattern>\
     <pattern id=\"unwatched\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
     <rect class=\"u0\" width=\"5\" height=\"5\"/><rect class=\"u1\" width=\"1.6\" height=\"5\"/></pattern></defs>";

impl Drawing {
    /// As one picture.
    fn picture(&self) -> String {
        let Self { names, plot, height, title } = self;
        format!(
            "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\
             <title>{title}</title>{PATTERNS}{names}<svg x=\"{LEFT}\" width=\"{}\" height=\"{height:.0}\">{plot}</svg></svg>",
            WIDTH - LEFT
        )
    }

    /// As parts of a page: the names, and beside them the plot in a box in which it can be moved when it is stretched.
    fn parts(&self) -> String {
        let Self { names, plot, height, title } = self;
        format!(
            "<div class=\"chart\"><svg class=\"names\" width=\"{LEFT}\" height=\"{height:.0}\" aria-hidden=\"true\">{names}</svg>\
             <div class=\"plot\" tabindex=\"0\" role=\"region\" aria-label=\"Time line, drawn\"><svg class=\"timeline\" width=\"100%\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">{PATTERNS}{plot}</svg></div></div>"
        )
    }
}

/// Draws a run as a picture that can stand alone. Nothing if nothing began.
pub(crate) fn draw(record: &Record) -> String {
    drawing(record).map_or_else(String::new, |drawing| drawing.picture())
}

/// Draws a run as part of a page. Nothing if nothing began.
pub(crate) fn draw_parts(record: &Record) -> String {
    drawing(record).map_or_else(String::new, |drawing| drawing.parts())
}

fn drawing(record: &Record) -> Option<Drawing> {
    if record.header.until == Moment::ZERO {
        return None;
    }
    let steps = chosen(record);
    let marks = marks(record);
    let scale = Scale::new(record.header.until, &instants(record, &steps, &marks), &outages(record), LEFT, RIGHT);
    let mut body = Canvas::default();
    let mut row = 0;
    let mut y = head::AXIS + 20.0;
    y = rows::brackets(&mut body, record, &scale, y);
    y = rows::phases(&mut body, record, &steps, &scale, y, &mut row);
    if steps.len() < record.steps.len() && record.steps.len() > STEPS_MAX {
        let (drawn, all) = (steps.len(), record.steps.len());
        let note = format!("{drawn} of {all} steps drawn: those that failed, were taken back or took longest");
        body.text(LEFT, 0.0, y + 11.0, "note", &note);
        y += 18.0;
    }
    y = strips::services(&mut body, record, &scale, y, &mut row);
    let height = y + 8.0;
    let mut canvas = Canvas::default();
    head::axis(&mut canvas, &scale, height);
    head::words(&mut canvas, record, &scale, height);
    head::numbers(&mut canvas, record, &scale);
    Some(Drawing {
        names: body.names,
        plot: canvas.plot + &body.plot,
        height,
        title: format!("Time line of the run, {}; the tables below say the same", record.header.took),
    })
}

/// The steps that are drawn, in order, each with its place in the record.
pub(crate) fn chosen(record: &Record) -> Vec<(usize, &StepRecord)> {
    let began = || record.steps.iter().enumerate().filter(|(_, step)| step.started.is_some());
    if record.steps.len() <= STEPS_MAX {
        return began().collect();
    }
    let mut order: Vec<(usize, &StepRecord)> = began().collect();
    order.sort_by_key(|(n, step)| {
        let plain = !step.state.is_bad() && step.undo.is_none();
        (plain, std::cmp::Reverse(step.took), *n)
    });
    order.truncate(STEPS_CHOSEN);
    order.sort_by_key(|(n, _)| *n);
    order
}

/// When something on the drawing begins or ends.
fn instants(record: &Record, steps: &[(usize, &StepRecord)], marks: &[&Happening]) -> BTreeSet<Moment> {
    let mut all: BTreeSet<Moment> = marks.iter().map(|mark| mark.at).collect();
    for phase in &record.phases {
        all.extend(phase.started.into_iter().chain(phase.ended));
    }
    for (_, step) in steps {
        for attempt in &step.attempts {
            all.extend([attempt.started].into_iter().chain(attempt.ended));
        }
        for gate in &step.gates {
            all.extend([gate.opened].into_iter().chain(gate.closed));
        }
        if let Some(undo) = &step.undo {
            all.extend([undo.started].into_iter().chain(undo.ended));
        }
    }
    all
}

/// When services were out, or Muster was cut off: what must be drawn at length.
fn outages(record: &Record) -> Vec<(Moment, Moment)> {
    let services = record.services.iter().flat_map(|service| &service.outages);
    let out = services.map(|one| (one.outage.start(), one.outage.end().unwrap_or(record.header.until)));
    // Many outages of a flapping service make no better scale than the first of them.
    out.chain(unwatched(record).map(|(times, _)| times)).take(500).collect()
}

/// When nothing is known of services, and why.
fn unwatched(record: &Record) -> impl Iterator<Item = ((Moment, Moment), &'static str)> {
    let dead = record.gaps.iter().map(|gap| ((gap.from, gap.to), "not known: nobody watched, Muster was not running"));
    let blind = record.witness.iter().flat_map(|witness| witness.blind.iter().copied());
    let blind = blind.map(|times| (times, "not known: nobody watched, the witness failed too, so Muster was cut off"));
    dead.chain(blind).take(UNWATCHED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn of_very_many_steps_the_telling_ones_are_drawn() {
        let record = samples::large(2_000);
        let svg = draw(&record);
        assert!(svg.contains("60 of 2000 steps drawn"), "no note");
        assert!(svg.contains("step-1234"), "the failed step is missing");
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
    }

    #[test]
    fn numbers_of_what_happened_at_once_stand_side_by_side() {
        let mut record = samples::failed();
        let mark = record.timeline.iter().find(|it| it.kind == HappeningKind::Failure).unwrap().clone();
        record.timeline = vec![mark; 9];
        let svg = draw(&record);
        let circles: std::collections::BTreeSet<&str> =
            svg.split("<g transform=").skip(1).filter_map(|rest| rest.split_once("/>")).map(|it| it.0).collect();
        assert_eq!(circles.iter().filter(|circle| circle.contains("r=\"8\"")).count(), 9, "{circles:?}");
    }

    #[test]
    fn what_nobody_watched_is_hatched_whatever_was_measured_around_it() {
        use crate::record::Gap;
        use crate::time::Span;

        let mut record = samples::failed();
        let at = |secs| Moment::ZERO + Span::from_secs(secs);
        record.gaps = vec![Gap { from: at(100), to: at(160), estimated: false }];
        if let Some(witness) = &mut record.witness {
            witness.blind = vec![(at(20), at(30))];
        }
        let svg = draw(&record);
        let (services, blind) = (record.services.len(), record.witness.iter().len());
        assert!(services > 0);
        assert_eq!(svg.matches("nobody watched, Muster was not running").count(), services);
        assert_eq!(svg.matches("nobody watched, the witness failed too").count(), services * blind);
        assert_eq!(svg.matches("class=\"o-unknown\"").count(), services * (1 + blind));
        // It lies over what was measured: of an outage nobody knows whether it lasted.
        for strip in svg.split("class=\"o-up\"").skip(1) {
            let unknown = strip.rfind("o-unknown").unwrap();
            assert!(strip.rfind("o-sure").is_none_or(|sure| sure < unknown), "{strip}");
        }
        // It is drawn at length, as long as it was.
        let bar = svg.split("<rect class=\"o-unknown\"").find(|bar| bar.contains("not running")).unwrap();
        let wide: f64 = bar.split("width=\"").nth(1).unwrap().split('%').next().unwrap().parse().unwrap();
        assert!(wide > 1.0, "{bar}");
    }

    #[test]
    fn marks_are_numbered_and_bars_have_names() {
        let svg = draw(&samples::failed());
        for part in ["promote", "taken back", "b-bad", "gate", "RTA", "o-sure"] {
            assert!(svg.contains(part), "no `{part}` in {svg}");
        }
        assert_eq!(svg.matches("class=\"mark ").count(), marks(&samples::failed()).len());
        // No line is drawn over a number.
        let (lines, numbers) = (svg.rfind("class=\"stalk\"").unwrap(), svg.find("class=\"mark ").unwrap());
        assert!(lines < numbers);
    }
}
