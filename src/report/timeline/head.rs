//! The head of the drawing: milestones in words, numbered marks, the axis.

use super::canvas::Canvas;
use super::scale::Scale;
use super::{APART, LEFT, MARKS_TOP, RIGHT, marks};
use crate::model::PhaseKind;
use crate::record::{HappeningKind, Record};
use crate::report::clean::escape;
use crate::report::view::{clock, line};
use crate::time::Moment;
use std::fmt::Write as _;

/// Where the axis's labels stand.
pub(super) const AXIS: f64 = MARKS_TOP + 56.0;
/// Levels on which milestones may stand.
const LEVELS: usize = 3;
/// At most so many milestones.
const MILESTONES_MAX: usize = 16;

/// What a drill goes through, in words: when, what, and how that looks.
fn milestones(record: &Record) -> Vec<(Moment, String, &'static str)> {
    let mut all: Vec<(Moment, String, &'static str)> = Vec::new();
    for phase in &record.phases {
        let (at, word) = match phase.kind {
            PhaseKind::Detect => (phase.ended, "detected"),
            PhaseKind::Soak => (phase.started, "soak"),
            PhaseKind::Failback => (phase.started, "failback"),
            _ => continue,
        };
        all.extend(at.map(|at| (at, word.to_owned(), "k-plain")));
    }
    for happening in &record.timeline {
        match happening.kind {
            HappeningKind::Disaster => all.push((happening.at, "disaster".to_owned(), "k-bad")),
            HappeningKind::Switch => all.push((happening.at, "switched".to_owned(), "k-plain")),
            _ => {}
        }
    }
    for leg in &record.legs {
        all.extend(leg.lost_at.map(|at| (at, "lost".to_owned(), "k-bad")));
        all.extend(leg.recovered_at.map(|at| (at, "recovered".to_owned(), "k-good")));
    }
    // Stable: what happened at one instant stays in the order of a drill.
    all.sort_by_key(|(at, _, _)| *at);
    all.dedup_by(|one, before| one.1 == before.1 && one.0.since(before.0).0 < 60_000_000_000);
    all.truncate(MILESTONES_MAX);
    all
}

/// The milestones, each a word with a line through the whole drawing.
pub(super) fn words(canvas: &mut Canvas, record: &Record, scale: &Scale, height: f64) {
    let mut taken = [f64::MIN; LEVELS];
    for (at, word, class) in milestones(record) {
        let x = scale.x(at);
        let wide = word.chars().count() as f64 * 5.8 + 8.0;
        // Near the right end a word stands left of its line.
        let left = x + wide > RIGHT + 46.0;
        let begins = if left { x - wide } else { x };
        let level = (0..LEVELS).find(|level| taken[*level] <= begins);
        let level =
            level.unwrap_or_else(|| (0..LEVELS).min_by(|a, b| taken[*a].total_cmp(&taken[*b])).unwrap_or_default());
        let free = taken[level] <= begins;
        let y = 12.0 + (LEVELS - 1 - level) as f64 * 13.0;
        let _ = write!(canvas.plot, "<g class=\"stone {class}\"><title>{} {}</title>", clock(at), escape(&word));
        canvas.line((x, y - 8.0), (x, height), "stem");
        // Where three words stand already the line and its title must do.
        if free {
            taken[level] = if left { x + 3.0 } else { begins + wide };
            let (aside, class) = if left { (-4.0, "word end") } else { (4.0, "word") };
            canvas.text(x, aside, y, class, &word);
        }
        canvas.plot.push_str("</g>");
    }
}

/// The numbers of what happened, which the list below the drawing explains.
pub(super) fn numbers(canvas: &mut Canvas, record: &Record, scale: &Scale) {
    let mut taken = [f64::MIN; 3];
    // All lines first: a line through the number of something earlier would make it hard to read.
    let mut discs: Vec<(f64, f64, f64)> = Vec::new();
    let marks = marks(record);
    for mark in &marks {
        let x = scale.x(mark.at);
        let free = taken.iter().position(|last| x - last >= APART);
        // Where many things happened at once the number steps aside, on the level where it has the shortest way.
        let level = free.unwrap_or_else(|| {
            (0..taken.len()).min_by(|one, other| taken[*one].total_cmp(&taken[*other])).unwrap_or_default()
        });
        let aside = if free.is_some() { x } else { taken[level] + APART };
        taken[level] = aside;
        let y = MARKS_TOP + 45.0 - level as f64 * 17.0;
        canvas.line((x, y), (x, AXIS), "stalk");
        discs.push((x, aside - x, y));
    }
    for (n, (mark, (x, aside, y))) in marks.iter().zip(discs).enumerate() {
        let class = match mark.kind {
            HappeningKind::Recovered => "m-good",
            HappeningKind::Promotion | HappeningKind::Switch | HappeningKind::Course => "m-plain",
            _ => "m-bad",
        };
        let told = format!("{} {}", clock(mark.at), line(&mark.text));
        let _ = write!(canvas.plot, "<g class=\"mark {class}\"><title>{}</title>", escape(&told));
        canvas.disc(x, aside, y, n + 1);
        canvas.plot.push_str("</g>");
    }
}

pub(super) fn axis(canvas: &mut Canvas, scale: &Scale, height: f64) {
    // A cut's own label needs the room around its middle.
    let middles: Vec<f64> = scale.cuts().map(|cut| f64::midpoint(cut.left, cut.right)).collect();
    for tick in scale.ticks() {
        let x = scale.x(tick);
        canvas.line((x, AXIS + 14.0), (x, height), "grid");
        if middles.iter().all(|middle| (x - middle).abs() > 58.0) {
            // The first would be cut off at the edge of the plot.
            let class = if x - LEFT < 24.0 { "tick first" } else { "tick" };
            canvas.text(x, 0.0, AXIS + 10.0, class, &clock(tick));
        }
    }
    let mut told_until = LEFT;
    for cut in scale.cuts() {
        let (x, wide) = (cut.left, cut.right - cut.left);
        let told = format!("{} in which nothing began or ended and no service was out, drawn short", cut.length());
        canvas.bar((x, cut.right), (AXIS + 14.0, height - AXIS - 14.0), "cut", &told);
        // Of two cuts side by side the first one's length is written; the other's title has it.
        let (middle, length) = (x + wide / 2.0, format!("≈ {} ≈", cut.length()));
        let half = length.chars().count() as f64 * 2.8;
        if middle - half >= told_until {
            canvas.text(middle, 0.0, AXIS + 10.0, "tick", &length);
            told_until = middle + half + 4.0;
        }
    }
}
