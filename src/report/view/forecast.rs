//! The forecast that a real run began with, and where the truth fell in it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{LIST_MAX, Mark, Tone, count, line};
use crate::model::MeasureOf;
use crate::record::{Fallen, ForecastRecord, Record, Truth};
use crate::time::Span;

/// The forecast in words.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ForecastView {
    /// What it rests on, or why there is none.
    pub(crate) sentence: String,
    /// Recovery times and data losses.
    pub(crate) measures: Vec<FallenView>,
    /// Steps.
    pub(crate) steps: Vec<FallenView>,
    /// How many of the steps took as long as was foretold; empty if none can be told.
    pub(crate) steps_told: String,
}

/// Where one truth fell.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FallenView {
    /// Of what.
    pub(crate) what: String,
    /// What came.
    pub(crate) actual: String,
    /// Where that fell.
    pub(crate) place: Mark,
    /// What was foretold.
    pub(crate) foretold: String,
}

impl FallenView {
    /// All of it in one sentence.
    pub(crate) fn sentence(&self) -> String {
        format!("{}: {}, {} ({})", self.what, self.actual, self.place.word, self.foretold)
    }
}

pub(super) fn forecast(record: &Record) -> Option<ForecastView> {
    let made = match record.forecast.as_ref()? {
        ForecastRecord::NotMade { because } => {
            let sentence = line(format!("No forecast was made: {because}."));
            return Some(ForecastView { sentence, measures: Vec::new(), steps: Vec::new(), steps_told: String::new() });
        }
        ForecastRecord::Made(made) => made,
    };
    let calibrated = match &record.header.calibration {
        Some(calibration) => format!("set by {}", calibration.told()),
        None => "which was calibrated by no past run".to_owned(),
    };
    let sentence = format!(
        "Just before it began, {} of this plan were played on its twin, {calibrated}; {} of them passed. Where in their \
         distribution did the truth fall?",
        count(made.runs, "simulated drill"),
        made.passed
    );
    let measure = |it: &crate::record::FallenMeasure| {
        view(format!("{} of the {}", named(record, &it.of), it.leg), &it.fallen, made.runs)
    };
    let step = |it: &crate::record::FallenStep| view(format!("step {}", it.step), &it.fallen, made.runs);
    let known: Vec<&Fallen> = made.steps.iter().map(|it| &it.fallen).filter(|it| it.below.is_some()).collect();
    let within = known.iter().filter(|it| is_within(it)).count() as u64;
    let steps_told = if known.is_empty() {
        String::new()
    } else {
        format!("{within} of {} took as long as was foretold, between p5 and p95.", count(known.len() as u64, "step"))
    };
    Some(ForecastView {
        sentence: line(sentence),
        measures: made.measures.iter().map(measure).take(LIST_MAX).collect(),
        steps: made.steps.iter().map(step).take(LIST_MAX).collect(),
        steps_told,
    })
}

pub(super) fn named(record: &Record, of: &MeasureOf) -> String {
    match of {
        MeasureOf::AllServices => "RTA, all services,".to_owned(),
        MeasureOf::Service(id) => {
            let service = record.services.iter().find(|service| service.id == *id);
            format!("RTA, {},", service.map_or_else(|| id.to_string(), |service| line(&service.title)))
        }
        MeasureOf::AllCanaries => "RPA, all canaries,".to_owned(),
        MeasureOf::Canary(id) => format!("RPA, {id},"),
    }
}

fn is_within(fallen: &Fallen) -> bool {
    if fallen.certain {
        return matches!(fallen.truth, Truth::Took(span) if fallen.p50 == Some(span));
    }
    fallen.below.is_some_and(|below| (0.05..=0.95).contains(&below))
}

fn view(what: String, fallen: &Fallen, runs: u64) -> FallenView {
    let actual = match fallen.truth {
        Truth::Took(Span::ZERO) => "none".to_owned(),
        Truth::Took(span) => span.to_string(),
        Truth::NotOver => "not over when the run ended".to_owned(),
        Truth::Unknown => "not measured".to_owned(),
    };
    let (tone, place) = place(fallen);
    let length = |span: Option<Span>| match span {
        Some(Span::ZERO) => "none".to_owned(),
        Some(span) => span.to_string(),
        None => "not over".to_owned(),
    };
    let of = if fallen.of == runs { runs.to_string() } else { format!("{} of {runs}", fallen.of) };
    let foretold = if fallen.certain {
        format!("{of} simulated drills: nearly always {}", length(fallen.p50))
    } else {
        let [p5, p50, p95] = [fallen.p5, fallen.p50, fallen.p95].map(length);
        format!("{of} simulated drills: p5 {p5}, p50 {p50}, p95 {p95}")
    };
    FallenView { what: line(what), actual, place: Mark::new(tone, place), foretold }
}

/// Where the truth fell, in words; what falls outside of nine tenths is no failure, and is marked.
fn place(fallen: &Fallen) -> (Tone, String) {
    let Some(below) = fallen.below else { return (Tone::Quiet, "came to nothing".to_owned()) };
    let tone = if is_within(fallen) { Tone::Good } else { Tone::Doubt };
    let word = match below {
        _ if fallen.certain && is_within(fallen) => "as foretold".to_owned(),
        0.0 => "below all of them".to_owned(),
        1.0 => "above all of them".to_owned(),
        below => format!("at the {} percentile", ordinal(below)),
    };
    (tone, word)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
fn ordinal(share: f64) -> String {
    let percent = (share * 100.0).round().clamp(1.0, 99.0) as u64;
    let end = match (percent % 10, percent / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{percent}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_said_as_people_say_them() {
        let said: Vec<String> = [0.001, 0.02, 0.03, 0.11, 0.12, 0.21, 0.5, 0.88, 0.999].map(ordinal).to_vec();
        assert_eq!(said, ["1st", "2nd", "3rd", "11th", "12th", "21st", "50th", "88th", "99th"]);
    }
}
