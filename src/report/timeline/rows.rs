//! The rows of the drawing: recovery times, phases, steps, services. Each takes where it begins and gives where the
//! next one does.

use std::fmt::Write as _;

use super::scale::Scale;
use super::{LEFT, RIGHT, text, unwatched};
use crate::measure::Outage;
use crate::model::UndoResult;
use crate::record::{PhaseRecord, PhaseState, Record, ServiceRecord, StepRecord};
use crate::report::clean::{self, escape};
use crate::report::view::{Tone, bracket, step_mark};
use crate::time::Moment;

/// Characters of a name that fit before the axis.
const NAME_MAX: usize = 27;

/// A bar. At least two pixels wide, so that what is short is still seen.
fn bar(
    svg: &mut String,
    scale: &Scale,
    (from, to): (Moment, Moment),
    (y, height): (f64, f64),
    class: &str,
    title: &str,
) {
    let x = scale.x(from);
    let wide = (scale.x(to) - x).max(2.0);
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{height:.1}\"><title>{}</title></rect>",
        escape(title)
    );
}

/// The recovery time of each leg, from loss to recovery.
pub(super) fn brackets(svg: &mut String, record: &Record, scale: &Scale, mut y: f64) -> f64 {
    for leg in &record.legs {
        let Some(lost) = leg.lost_at else { continue };
        let (x, end) = (scale.x(lost), scale.x(leg.recovered_at.unwrap_or(record.header.until)));
        let open = leg.recovered_at.is_none();
        let close = if open { String::new() } else { format!("M{end:.1} {:.1}v10", y + 3.0) };
        let _ = write!(
            svg,
            "<path class=\"bracket\" d=\"M{x:.1} {0:.1}v10M{x:.1} {1:.1}H{end:.1}{close}\"/>",
            y + 3.0,
            y + 8.0
        );
        text(svg, 4.0, y + 12.0, "name", &format!("RTA, {}", leg.leg));
        let words = bracket(leg);
        let wide = words.chars().count() as f64 * 5.6;
        if end - x > wide + 20.0 {
            // In the middle of its line, which is broken for it.
            let middle = f64::midpoint(x, end);
            let _ = write!(
                svg,
                "<rect class=\"bg\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"16\"/>",
                middle - wide / 2.0,
                wide
            );
            text(svg, middle, y + 12.0, "label over middle", &words);
        } else {
            label(svg, &[(x, end)], Inside::Unreadable, y + 12.0, &words);
        }
        y += 19.0;
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
fn label(svg: &mut String, bars: &[(f64, f64)], inside: Inside, y: f64, words: &str) {
    let wide = words.chars().count() as f64 * 5.6;
    let (Some(&(left, right)), Some(most)) = (bars.last(), bars.iter().map(|bar| bar.1).reduce(f64::max)) else {
        return;
    };
    if most + 4.0 + wide <= RIGHT + 44.0 {
        text(svg, most + 4.0, y, "label", words);
        return;
    }
    for (n, (next, _)) in bars.iter().enumerate().rev() {
        let taken_until = bars[..n].iter().map(|bar| bar.1).fold(LEFT - 4.0, f64::max);
        if next - 4.0 - wide >= taken_until + 4.0 {
            text(svg, next - 4.0, y, "label end", words);
            return;
        }
    }
    if inside == Inside::Readable && right - left > wide + 8.0 {
        text(svg, left + 5.0, y - 0.5, "inside", words);
        return;
    }
    // There is no room: the words lie over what is there, on a ground of their own.
    let _ = write!(
        svg,
        "<rect class=\"bg\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\"/>",
        left - 8.0 - wide,
        y - 9.0,
        wide + 6.0
    );
    text(svg, left - 5.0, y, "label over end", words);
}

/// Every phase that began, with its steps.
pub(super) fn phases(svg: &mut String, record: &Record, steps: &[&StepRecord], scale: &Scale, mut y: f64) -> f64 {
    let until = record.header.until;
    for (n, phase) in record.phases.iter().enumerate() {
        let Some(started) = phase.started else { continue };
        y += 4.0;
        let ended = phase.ended.unwrap_or(until);
        let (class, word) = phase_words(phase);
        let length = ended.since(started);
        let title = format!("{}: {word}, {length}", clean::line(&phase.title, 80));
        bar(svg, scale, (started, ended), (y + 2.0, 12.0), class, &title);
        text(svg, 4.0, y + 12.0, "name phase", &clean::line(phase.id.as_str(), NAME_MAX));
        label(
            svg,
            &[(scale.x(started), scale.x(ended).max(scale.x(started) + 2.0))],
            if class == "p-doubt" { Inside::Unreadable } else { Inside::Readable },
            y + 12.0,
            &format!("{word}, {length}"),
        );
        y += 17.0;
        for step in steps.iter().filter(|step| step.phase == n) {
            one_step(svg, step, until, scale, y);
            y += 15.0;
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

fn one_step(svg: &mut String, step: &StepRecord, until: Moment, scale: &Scale, y: f64) {
    let mark = step_mark(step.state);
    let name = clean::line(step.id.as_str(), NAME_MAX - 3);
    text(svg, 14.0, y + 10.0, "name", &format!("{} {name}", mark.sign));
    let place = (y + 2.0, 10.0);
    let mut bars: Vec<(f64, f64)> = Vec::new();
    let mut drawn = |from: Moment, to: Moment| bars.push((scale.x(from), scale.x(to).max(scale.x(from) + 2.0)));
    let mut previous_end: Option<Moment> = None;
    for attempt in step.attempts.iter().take(50) {
        let ended = attempt.ended.unwrap_or(until);
        if let Some(before) = previous_end {
            let (x1, x2) = (scale.x(before), scale.x(attempt.started));
            let _ = write!(
                svg,
                "<line class=\"retry\" x1=\"{x1:.1}\" y1=\"{0:.1}\" x2=\"{x2:.1}\" y2=\"{0:.1}\"/>",
                y + 7.0
            );
        }
        let class = match (&attempt.failure, mark.tone) {
            (Some(_), _) if step.state.was_cancelled() => "b-doubt",
            (Some(_), _) => "b-bad",
            (None, Tone::Good | Tone::Bad) => "b-good",
            (None, _) => "b-doubt",
        };
        let failure = attempt.failure.as_ref().map_or_else(String::new, |why| format!(": {}", clean::line(why, 160)));
        let length = ended.since(attempt.started);
        let title = format!("{}, attempt {}, {length}{failure}", clean::line(&step.title, 80), attempt.attempt);
        bar(svg, scale, (attempt.started, ended), place, class, &title);
        drawn(attempt.started, ended);
        previous_end = Some(ended);
    }
    for gate in step.gates.iter().take(20) {
        let closed = gate.closed.unwrap_or(until);
        let title = format!("gate open for {}: {}", closed.since(gate.opened), clean::line(&gate.prompt, 160));
        bar(svg, scale, (gate.opened, closed), place, "b-gate", &title);
        drawn(gate.opened, closed);
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
        bar(svg, scale, (undo.started, ended), place, class, &format!("taken back, {}", ended.since(undo.started)));
        words.push_str(if class == "b-bad" { ", ↶ could not be taken back" } else { ", ↶ taken back" });
        drawn(undo.started, ended);
    }
    bars.sort_by(|one, other| one.0.total_cmp(&other.0));
    label(svg, &bars, Inside::Unreadable, y + 11.0, &words);
}

/// The health of every service: a thin line up, a tall block down.
pub(super) fn services(svg: &mut String, record: &Record, scale: &Scale, mut y: f64) -> f64 {
    if record.services.is_empty() {
        return y;
    }
    text(svg, 4.0, y + 12.0, "name phase", "Health");
    y += 18.0;
    for service in &record.services {
        one_service(svg, service, record, scale, y);
        y += 26.0;
    }
    y
}

fn one_service(svg: &mut String, service: &ServiceRecord, record: &Record, scale: &Scale, y: f64) {
    let until = record.header.until;
    text(svg, 14.0, y + 13.0, "name", &clean::line(&service.title, NAME_MAX - 2));
    let whole = (Moment::ZERO, until);
    if service.samples == 0 {
        bar(svg, scale, whole, (y + 7.0, 4.0), "o-unknown", "no sample was taken");
        text(svg, LEFT + 4.0, y + 5.0, "label", "no sample was taken");
        return;
    }
    bar(svg, scale, whole, (y + 7.0, 4.0), "o-up", "up");
    for one in service.outages.iter().take(200) {
        let outage = &one.outage;
        let end = outage.end().unwrap_or(until);
        bar(svg, scale, (outage.start(), end), (y + 3.0, 12.0), "o-maybe", &outage_title(outage, end));
        let sure_until = if outage.end().is_some() { outage.last_bad } else { until };
        bar(svg, scale, (outage.first_bad, sure_until), (y + 1.0, 16.0), "o-sure", &outage_title(outage, end));
    }
    // Over all that was measured: what was so before and after need not have been so meanwhile.
    for (times, why) in unwatched(record) {
        bar(svg, scale, times, (y + 3.0, 12.0), "o-unknown", why);
    }
    let mut told_until = LEFT;
    for one in service.outages.iter().take(200) {
        let outage = &one.outage;
        let end = outage.end().unwrap_or(until);
        let words =
            format!("down {}", one.length.upper().map_or_else(|| one.length.to_string(), |upper| upper.to_string()));
        let (x, x_end) = (scale.x(outage.start()), scale.x(end));
        let wide = words.chars().count() as f64 * 5.8;
        // A word that would stand on another one is left out: the title and the table have it.
        if x_end - x > wide + 6.0 {
            text(svg, x + 5.0, y + 13.0, "inside", &words);
            told_until = x_end;
        } else if x_end + 4.0 + wide < RIGHT + 44.0 && x >= told_until {
            text(svg, x_end + 4.0, y + 5.0, "label", &words);
            told_until = x_end + wide;
        }
    }
}

fn outage_title(outage: &Outage, end: Moment) -> String {
    let length = end.since(outage.start());
    format!("down for at most {length}, {} failed samples: {}", outage.failed, clean::line(&outage.saw, 120))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written for these bars, with the words `given up`.
    fn written(bars: &[(f64, f64)], inside: Inside) -> String {
        let mut svg = String::new();
        label(&mut svg, bars, inside, 100.0, "given up");
        svg
    }

    #[test]
    fn words_stand_where_no_bar_is() {
        let right = written(&[(200.0, 300.0)], Inside::Unreadable);
        assert_eq!(right, "<text class=\"label\" x=\"304.0\" y=\"100.0\">given up</text>");
        let left = written(&[(400.0, RIGHT)], Inside::Unreadable);
        assert_eq!(left, "<text class=\"label end\" x=\"396.0\" y=\"100.0\">given up</text>");
        // A bar, a gap, and the undo at the very end: in the gap.
        let gap = written(&[(200.0, 600.0), (900.0, RIGHT)], Inside::Unreadable);
        assert_eq!(gap, "<text class=\"label end\" x=\"896.0\" y=\"100.0\">given up</text>");
        // No gap between the step and its undo: before both.
        let before = written(&[(400.0, 899.0), (900.0, RIGHT)], Inside::Unreadable);
        assert_eq!(before, "<text class=\"label end\" x=\"396.0\" y=\"100.0\">given up</text>");
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
