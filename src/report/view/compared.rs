//! The run beside the one before: what got slower, faster, newly failing.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::forecast::named;
use super::{Mark, Tone, count, line};
use crate::event::{PreviousMeasure, PreviousRun, PreviousStep};
use crate::model::{MeasureOf, Verdict};
use crate::record::{Record, figures};
use crate::time::Span;

/// At most so many steps are told, those that changed most first.
const STEPS_MAX: usize = 30;
/// Less than this is no difference, whatever it is a part of.
const NOTICED: Span = Span::from_secs(1);
/// Nor is less than this part of what it was.
const NOTICED_PART: u64 = 10;

/// This run beside the one before it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ComparedView {
    /// Which run that was, how it ended, and what differs in what was run.
    pub(crate) sentence: String,
    /// Recovery times and data losses.
    pub(crate) measures: Vec<ComparedRow>,
    /// Steps that fail now, pass again, or took noticeably more or less time.
    pub(crate) steps: Vec<ComparedRow>,
    /// What of the steps is not told.
    pub(crate) rest: String,
}

/// Something now and before.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ComparedRow {
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) now: String,
    pub(crate) change: Mark,
}

pub(super) fn compared(record: &Record) -> Option<ComparedView> {
    let before = record.previous.as_ref()?;
    let now = figures(record);
    let measures: Vec<ComparedRow> = before
        .measures
        .iter()
        .filter_map(|then| Some((then, same(&now, then)?)))
        .map(|it| measure(record, it))
        .collect();
    let (steps, alike) = steps(before, &now);
    let hidden = steps.len().saturating_sub(STEPS_MAX);
    let mut rest = match alike {
        0 => String::new(),
        alike => format!("{} ended as before, in about the same time.", count(alike, "other step")),
    };
    if hidden > 0 {
        let _ = write!(rest, " {} more changed; report.json has all of them.", count(hidden as u64, "step"));
    }
    Some(ComparedView {
        sentence: line(sentence(record, before)),
        measures,
        steps: steps.into_iter().take(STEPS_MAX).map(|(_, row)| row).collect(),
        rest,
    })
}

fn sentence(record: &Record, before: &PreviousRun) -> String {
    let mut told = format!("The run before was {}: {}", before.run, before.verdict);
    if before.measures.is_empty() {
        let length = |span: Option<Span>| span.map_or_else(|| "not measured".to_owned(), |span| span.to_string());
        let _ = write!(told, ", RTA {}, RPA {}; no more is known of it", length(before.rta), length(before.rpa));
    }
    match before.mode {
        Some(mode) if mode != record.header.mode => {
            let _ = write!(told, ". It was {mode}, this one {}", record.header.mode);
        }
        _ => {}
    }
    if before.digest.as_ref().is_some_and(|digest| *digest != record.header.digest) {
        told.push_str(". Its plan was another one");
    }
    let passed = Verdict::Passed.to_string();
    match (before.verdict == passed, record.ended.verdict == Verdict::Passed) {
        (true, false) => told.push_str(". It passed, and this one did not"),
        (false, true) => told.push_str(". It did not pass, and this one did"),
        _ => {}
    }
    told.push('.');
    told
}

fn same<'a>(now: &'a PreviousRun, then: &PreviousMeasure) -> Option<&'a PreviousMeasure> {
    now.measures.iter().find(|it| it.of == then.of && it.leg == then.leg)
}

fn measure(record: &Record, (then, now): (&PreviousMeasure, &PreviousMeasure)) -> ComparedRow {
    let said = |it: &PreviousMeasure| match it.upper {
        Some(Span::ZERO) => "none".to_owned(),
        Some(span) => span.to_string(),
        None => "not measured, or not over".to_owned(),
    };
    let (more, less) = match then.of {
        MeasureOf::AllServices | MeasureOf::Service(_) => ("longer", "shorter"),
        MeasureOf::AllCanaries | MeasureOf::Canary(_) => ("more lost", "less lost"),
    };
    let change = match (then.met, now.met) {
        (Some(true), Some(false)) => Mark::new(Tone::Bad, "met before, not now"),
        (Some(false), Some(true)) => Mark::new(Tone::Good, "not met before, met now"),
        _ => change(then.upper, now.upper, more, less),
    };
    let what = line(format!("{} {}", named(record, &then.of).trim_end_matches(','), then.leg));
    ComparedRow { what, before: said(then), now: said(now), change }
}

/// A difference in words: what got worse is in doubt, what got better is good.
fn change(then: Option<Span>, now: Option<Span>, more: &str, less: &str) -> Mark {
    match (then, now) {
        (Some(then), Some(now)) if noticed(then, now) && now > then => {
            Mark::new(Tone::Doubt, format!("{} {more}", Span(now.0 - then.0)))
        }
        (Some(then), Some(now)) if noticed(then, now) => {
            Mark::new(Tone::Good, format!("{} {less}", Span(then.0 - now.0)))
        }
        (None, Some(_)) => Mark::new(Tone::Good, "known now"),
        (Some(_), None) => Mark::new(Tone::Doubt, "not known now"),
        _ => Mark::new(Tone::Quiet, "as before"),
    }
}

fn noticed(then: Span, now: Span) -> bool {
    let apart = then.0.abs_diff(now.0);
    apart >= NOTICED.0 && apart >= then.0.max(1) / NOTICED_PART
}

/// A row with its weight: what became of the step, then by how much its time differs.
type Weighed = ((u8, u64), ComparedRow);

/// Steps that changed, the weightiest first, each with its weight; and how many did not.
fn steps(before: &PreviousRun, now: &PreviousRun) -> (Vec<Weighed>, u64) {
    let then: std::collections::BTreeMap<_, &PreviousStep> = before.steps.iter().map(|it| (&it.step, it)).collect();
    let mut changed = Vec::new();
    let mut alike = 0;
    for step in &now.steps {
        let Some(then) = then.get(&step.step) else { continue };
        let apart = then.took.zip(step.took).map_or(0, |(then, now)| then.0.abs_diff(now.0));
        let (weight, change) = match (then.passed, step.passed) {
            (true, false) => (2, Mark::new(Tone::Bad, "newly failing")),
            (false, true) => (1, Mark::new(Tone::Good, "passes again")),
            (false, false) => (1, Mark::new(Tone::Bad, "failing still")),
            // Doing nothing is quick: that it took less time than doing it says nothing.
            (true, true) if step.already != then.already => {
                let word =
                    if step.already { "already there, nothing was done" } else { "already there before, done now" };
                (1, Mark::new(Tone::Doubt, word))
            }
            (true, true) if step.already => (0, Mark::new(Tone::Quiet, "already there, as before")),
            (true, true) => (0, change(then.took, step.took, "slower", "faster")),
        };
        if weight == 0 && change.tone == Tone::Quiet {
            alike += 1;
            continue;
        }
        let took = |it: &PreviousStep| it.took.map_or_else(|| "not ended".to_owned(), |took| took.to_string());
        let row = ComparedRow { what: format!("step {}", step.step), before: took(then), now: took(step), change };
        changed.push(((weight, apart), row));
    }
    changed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    (changed, alike)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_got_slower_faster_and_newly_failing_is_told() {
        let told = |record: &Record| {
            let view = compared(record).unwrap();
            let row = |row: &ComparedRow| format!("{}: {} → {}: {}", row.what, row.before, row.now, row.change.word);
            (view.sentence.clone(), view.measures.iter().chain(&view.steps).map(row).collect::<Vec<_>>(), view.rest)
        };
        let (sentence, rows, rest) = told(&samples::passed());
        assert_eq!(sentence, "The run before was 20260822-084216-quarterly-failover: passed.");
        assert_eq!(
            rows,
            [
                "RTA, all services failover: 2 min 20 s → 2 min 12 s: as before",
                "RTA, all services return: 1 min → 1 min 30 s: 30 s longer",
                "RTA, Web interface failover: 2 min → 2 min: as before",
                "RPA, all canaries failover: none → none: as before",
                "step scale-out: 1 min 30 s → 1 min 04 s: 26 s faster",
                "step promote: 20 s → 35 s: 15 s slower",
            ]
        );
        assert_eq!(rest, "2 other steps ended as before, in about the same time.");
        let (sentence, rows, _) = told(&samples::failed());
        assert!(sentence.contains("It was planned, this one unplanned") && sentence.contains("this one did not"));
        assert!(rows.contains(&"step dns: 34 s → 34 s: newly failing".to_owned()), "{rows:#?}");
        assert!(rows.iter().any(|row| row.ends_with("met before, not now")), "{rows:#?}");
    }

    #[test]
    fn a_step_that_had_nothing_to_do_is_not_told_as_faster() {
        let mut record = samples::passed();
        let step = record.steps.iter_mut().find(|step| step.id.as_str() == "scale-out").unwrap();
        (step.state, step.took) = (crate::record::StepState::AlreadyDone, Some(Span::from_secs(1)));
        let view = compared(&record).unwrap();
        let row = view.steps.iter().find(|row| row.what == "step scale-out").unwrap();
        assert_eq!(row.change.word, "already there, nothing was done");
        // Nor is the next run slower than nothing.
        let previous = record.previous.as_mut().unwrap();
        previous.steps.iter_mut().find(|step| step.step.as_str() == "scale-out").unwrap().already = true;
        assert!(compared(&record).unwrap().steps.iter().all(|row| row.what != "step scale-out"));
    }

    #[test]
    fn where_no_journal_was_left_the_main_figures_are_told() {
        let mut record = samples::passed();
        let previous = record.previous.as_mut().unwrap();
        previous.measures.clear();
        previous.steps.clear();
        let view = compared(&record).unwrap();
        assert!(
            view.sentence.contains("RTA 2 min 20 s, RPA not measured; no more is known of it"),
            "{}",
            view.sentence
        );
        assert!(view.measures.is_empty() && view.steps.is_empty());
    }
}
