//! The rows of the drawing: recovery times, phases, steps. Each takes where it begins and gives where the
//! next one does.

use std::fmt::Write as _;

use super::canvas::Canvas;
use super::scale::Scale;
use super::{LEFT, RIGHT};
use crate::measure::Measure;
use crate::model::UndoResult;
use crate::record::{PhaseRecord, PhaseState, Record, StepRecord, critical};
use crate::report::clean;
use crate::report::view::{Tone, line, step_mark};
use crate::time::Moment;

/// Characters of a name that fit before the axis.
const NAME_MAX: usize = 27;

/// The recovery time of each leg, from loss to recovery, its ends as unsure as they are, and what is allowed.
pub(super) fn brackets(canvas: &mut Canvas, record: &Record, scale: &Scale, mut y: f64) -> f64 {
    for leg in &record.legs {
        let Some(lost) = leg.lost_at else { continue };
        let until = record.header.until;
        let back = leg.recovered_at.unwrap_or(until);
        let (x, end) = (scale.x(lost), scale.x(back));
        let outages = || {
            let all = record.services.iter().flat_map(|service| &service.outages);
            all.map(|one| &one.outage).filter(|outage| outage.start() >= lost && outage.start() <= back)
        };
        let sure_from = outages().map(|outage| outage.first_bad).min().unwrap_or(lost).clamp(lost, back);
        let last_bad = outages().map(|outage| outage.last_bad).max().unwrap_or(back);
        let sure_to = if leg.recovered_at.is_some() { last_bad.clamp(sure_from, back) } else { back };
        let words = match &leg.rta {
            Measure::Between { lower, upper } if lower != upper => format!("{lower} to {upper}"),
            Measure::Between { upper, .. } => upper.to_string(),
            other => line(other.to_string()),
        };
        let middle = y + 8.0;
        canvas.name(4.0, y + 12.0, "name", &format!("RTA, {}", leg.leg));
        let mut tick = None;
        if let Some(rto) = leg.rto {
            let allowed = Moment(lost.0.saturating_add(rto.0));
            let x_allowed = scale.x(allowed.min(until));
            canvas.bar((x, x_allowed), (middle - 5.0, 10.0), "allowed", &format!("{rto} allowed from the loss on"));
            if allowed <= until {
                canvas.line((x_allowed, y), (x_allowed, y + 16.0), "limit");
                tick = Some(x_allowed);
            }
        }
        // What is sure is drawn solid, what may or may not belong to it dashed.
        canvas.line((scale.x(sure_from), middle), (scale.x(sure_to), middle), "bracket");
        canvas.bar((x, scale.x(sure_from)), (middle - 3.0, 6.0), "unsure", "how exactly the loss is known");
        canvas.line((x, y + 3.0), (x, y + 13.0), "bracket");
        if leg.recovered_at.is_some() {
            canvas.bar((scale.x(sure_to), end), (middle - 3.0, 6.0), "unsure", "how exactly the recovery is known");
            canvas.line((end, y + 3.0), (end, y + 13.0), "bracket");
        }
        let wide = words.chars().count() as f64 * 5.6;
        // What is allowed is marked by a line that no words may lie under: within the bracket the longer part is theirs,
        // beside it the far side.
        let (from, to) = match tick {
            Some(tick) if tick > x && tick < end => {
                if tick - x > end - tick {
                    (x, tick)
                } else {
                    (tick, end)
                }
            }
            _ => (x, end),
        };
        if to - from > wide + 20.0 {
            // In the middle of its line, which is broken for it.
            let middle = f64::midpoint(from, to);
            canvas.ground(middle, -wide / 2.0, (y, 16.0), wide);
            canvas.text(middle, 0.0, y + 12.0, "label over middle", &words);
        } else {
            let beside = tick.filter(|tick| *tick >= end - 2.0 && *tick < end + wide + 10.0);
            let bars: Vec<(f64, f64)> = [(x, end)].into_iter().chain(beside.map(|tick| (tick, tick + 1.0))).collect();
            label(canvas, &bars, Inside::Unreadable, y + 12.0, &words);
        }
        y += 21.0;
    }
    y
}

/// Whether white words can be read on a bar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// It is of one colour.
    Readable,
    /// It is hatched, dotted, or no more than a line.
    Unreadable,
}

/// A text beside the bars of a row, which are given from left to right: right of all of them where there is room, else
/// in the last gap that is wide enough, else on the last bar.
fn label(canvas: &mut Canvas, bars: &[(f64, f64)], inside: Inside, y: f64, words: &str) {
    let wide = words.chars().count() as f64 * 5.6;
    let (Some(&(left, right)), Some(most)) = (bars.last(), bars.iter().map(|bar| bar.1).reduce(f64::max)) else {
        return;
    };
    if most + 4.0 + wide <= RIGHT + 44.0 {
        canvas.text(most, 4.0, y, "label", words);
        return;
    }
    for (n, (next, _)) in bars.iter().enumerate().rev() {
        let taken_until = bars[..n].iter().map(|bar| bar.1).fold(LEFT - 4.0, f64::max);
        if next - 4.0 - wide >= taken_until + 4.0 {
            canvas.text(*next, -4.0, y, "label end", words);
            return;
        }
    }
    if inside == Inside::Readable && right - left > wide + 8.0 {
        canvas.text(left, 5.0, y - 0.5, "inside", words);
        return;
    }
    // There is no room: the words lie over what is there, on a ground of their own.
    canvas.ground(left, -8.0 - wide, (y - 9.0, 12.0), wide + 6.0);
    canvas.text(left, -5.0, y, "label over end", words);
}

/// Every phase that began, with its steps; those that the run waited for are outlined and joined by a line.
pub(super) fn phases(
    canvas: &mut Canvas,
    record: &Record,
    steps: &[(usize, &StepRecord)],
    scale: &Scale,
    mut y: f64,
    row: &mut usize,
) -> f64 {
    let until = record.header.until;
    let critical = critical(record);
    // The last bar of the path: where it ends, and how low.
    let mut path: Option<(f64, f64)> = None;
    for (n, phase) in record.phases.iter().enumerate() {
        let Some(started) = phase.started else { continue };
        y += 4.0;
        let ended = phase.ended.unwrap_or(until);
        let (class, word) = phase_words(phase);
        let length = ended.since(started);
        let title = format!("{}: {word}, {length}", clean::line(&phase.title, 80));
        let (from, to) = (scale.x(started), scale.x(ended));
        canvas.open_row(*row);
        *row += 1;
        canvas.bar((from, to), (y + 2.0, 12.0), class, &title);
        canvas.name(4.0, y + 12.0, "name phase", &clean::line(phase.id.as_str(), NAME_MAX));
        let inside = if class == "p-doubt" { Inside::Unreadable } else { Inside::Readable };
        label(canvas, &[(from, to.max(from + 2.0))], inside, y + 12.0, &format!("{word}, {length}"));
        canvas.close_row();
        y += 17.0;
        let mut mine: Vec<(f64, f64, f64)> = Vec::new();
        for (place, step) in steps.iter().filter(|(_, step)| step.phase == n) {
            canvas.open_row(*row);
            *row += 1;
            let on_path = critical.get(*place).copied().unwrap_or_default();
            one_step(canvas, step, on_path, until, scale, y);
            canvas.close_row();
            if let (true, Some(from), Some(to)) = (on_path, step.started, step.ended) {
                mine.push((scale.x(from), scale.x(to), y + 7.0));
            }
            y += 15.0;
        }
        mine.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (from, to, middle) in mine {
            if let Some((x, before)) = path {
                canvas.line((x, before), (x, middle), "path");
                canvas.line((x, middle), (from, middle), "path");
            }
            path = Some((to.max(from), middle));
        }
    }
    y + 6.0
}

fn phase_words(phase: &PhaseRecord) -> (&'static str, &'static str) {
    match phase.state {
        PhaseState::Passed => ("p-good", "passed"),
        PhaseState::Failed => ("p-bad", "failed"),
        PhaseState::Running => ("p-doubt", "not ended"),
        PhaseState::NotReached | PhaseState::NotInThisMode => ("p-doubt", "not reached"),
    }
}

fn one_step(canvas: &mut Canvas, step: &StepRecord, on_path: bool, until: Moment, scale: &Scale, y: f64) {
    let mark = step_mark(step.state);
    let name = clean::line(step.id.as_str(), NAME_MAX - 3);
    let class = if on_path { "name on-path" } else { "name" };
    canvas.name(14.0, y + 10.0, class, &format!("{} {name}", mark.sign));
    let place = (y + 2.0, 10.0);
    let path = if on_path { " on-path" } else { "" };
    let mut bars: Vec<(f64, f64)> = Vec::new();
    let mut previous_end: Option<Moment> = None;
    for attempt in step.attempts.iter().take(50) {
        let ended = attempt.ended.unwrap_or(until);
        if let Some(before) = previous_end {
            canvas.line((scale.x(before), y + 7.0), (scale.x(attempt.started), y + 7.0), "retry");
        }
        let class = match (&attempt.failure, mark.tone) {
            (Some(_), _) if step.state.was_cancelled() => "b-doubt",
            (Some(_), _) => "b-bad",
            (None, Tone::Good | Tone::Bad) => "b-good",
            (None, _) => "b-doubt",
        };
        let failure = attempt.failure.as_ref().map_or_else(String::new, |why| format!(": {}", clean::line(why, 160)));
        let length = ended.since(attempt.started);
        let tried = if step.attempts.len() > 1 { format!(", attempt {}", attempt.attempt) } else { String::new() };
        let waited = if on_path { ", on the critical path" } else { "" };
        let title = format!("{}{tried}, {length}{waited}{failure}", clean::line(&step.title, 80));
        let (from, to) = (scale.x(attempt.started), scale.x(ended));
        canvas.bar((from, to), place, &format!("{class}{path}"), &title);
        bars.push((from, to.max(from + 2.0)));
        previous_end = Some(ended);
    }
    for gate in step.gates.iter().take(20) {
        let closed = gate.closed.unwrap_or(until);
        let title = format!("gate open for {}: {}", closed.since(gate.opened), clean::line(&gate.prompt, 160));
        let (from, to) = (scale.x(gate.opened), scale.x(closed));
        canvas.bar((from, to), place, &format!("b-gate{path}"), &title);
        bars.push((from, to.max(from + 2.0)));
    }
    let mut words = step.took.map_or_else(|| mark.word.clone(), |took| took.to_string());
    if mark.tone != Tone::Good && step.took.is_some() {
        let _ = write!(words, ", {}", mark.word);
    }
    if !step.gates.is_empty() {
        words.push_str(", gate");
    }
    if step.attempts.len() > 1 {
        let _ = write!(words, ", {} attempts", step.attempts.len());
    }
    if let Some(undo) = &step.undo {
        let ended = undo.ended.unwrap_or(until);
        let class = match undo.result {
            Some(UndoResult::Failed(_) | UndoResult::Irreversible(_)) => "b-bad",
            _ => "b-undo",
        };
        let (from, to) = (scale.x(undo.started), scale.x(ended));
        canvas.bar((from, to), place, class, &format!("taken back, {}", ended.since(undo.started)));
        words.push_str(if class == "b-bad" { ", ↶ could not be taken back" } else { ", ↶ taken back" });
        bars.push((from, to.max(from + 2.0)));
    }
    bars.sort_by(|one, other| one.0.total_cmp(&other.0));
    label(canvas, &bars, Inside::Unreadable, y + 11.0, &words);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written for these bars, with the words `given up`.
    fn written(bars: &[(f64, f64)], inside: Inside) -> String {
        let mut canvas = Canvas::default();
        label(&mut canvas, bars, inside, 100.0, "given up");
        canvas.plot
    }

    #[test]
    fn the_words_of_a_bracket_lie_under_no_line() {
        use crate::report::samples;
        use crate::time::Span;

        let at = |secs| Moment::ZERO + Span::from_secs(secs);
        for rto in [60, 180, 320, 330, 400, 600] {
            let mut record = samples::passed();
            record.legs.truncate(1);
            let leg = &mut record.legs[0];
            (leg.lost_at, leg.recovered_at, leg.rto) = (Some(at(130)), Some(at(440)), Some(Span::from_secs(rto)));
            let scale = Scale::new(record.header.until, &[at(130), at(440)].into(), &[(at(130), at(440))], LEFT, RIGHT);
            let mut canvas = Canvas::default();
            brackets(&mut canvas, &record, &scale, 0.0);
            let attribute = |text: &str, name: &str| -> f64 {
                let value =
                    text.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("0");
                value.trim_end_matches('%').parse().unwrap()
            };
            let px = |percent: f64| percent / 100.0 * super::super::canvas::PLOT + LEFT;
            let tick = canvas.plot.split("class=\"limit\"").nth(1).map(|line| px(attribute(line, "x1"))).unwrap();
            let text = canvas.plot.split("<text ").nth(1).unwrap();
            let words = text.split('>').nth(1).unwrap().split('<').next().unwrap();
            let wide = words.chars().count() as f64 * 5.6;
            let at = px(attribute(text, " x")) + attribute(text, "dx");
            let begins = if text.contains("middle") {
                at - wide / 2.0
            } else if text.contains("end") {
                at - wide
            } else {
                at
            };
            assert!(
                tick <= begins || tick >= begins + wide,
                "rto {rto}: {tick} in {begins}..{}: {text}",
                begins + wide
            );
        }
    }

    #[test]
    fn words_stand_where_no_bar_is() {
        let right = written(&[(200.0, 300.0)], Inside::Unreadable);
        assert_eq!(right, "<text class=\"label\" x=\"13.58%\" y=\"100.0\" dx=\"4\">given up</text>");
        let left = written(&[(400.0, RIGHT)], Inside::Unreadable);
        assert_eq!(left, "<text class=\"label end\" x=\"25.926%\" y=\"100.0\" dx=\"-4\">given up</text>");
        // A bar, a gap, and the undo at the very end: in the gap.
        let gap = written(&[(200.0, 600.0), (900.0, RIGHT)], Inside::Unreadable);
        assert_eq!(gap, "<text class=\"label end\" x=\"87.654%\" y=\"100.0\" dx=\"-4\">given up</text>");
        // No gap between the step and its undo: before both.
        let before = written(&[(400.0, 899.0), (900.0, RIGHT)], Inside::Unreadable);
        assert_eq!(before, "<text class=\"label end\" x=\"25.926%\" y=\"100.0\" dx=\"-4\">given up</text>");
    }

    #[test]
    fn words_that_must_lie_on_a_bar_can_be_read() {
        let solid = written(&[(LEFT, RIGHT)], Inside::Readable);
        assert!(solid.starts_with("<text class=\"inside\""), "{solid}");
        // A hatched bar from the axis on, its undo right after it: nowhere is room, so a ground is laid first.
        let hatched = written(&[(LEFT + 10.0, 899.0), (900.0, RIGHT)], Inside::Unreadable);
        assert!(hatched.starts_with("<rect class=\"bg\"") && hatched.contains("label over end"), "{hatched}");
    }
}
