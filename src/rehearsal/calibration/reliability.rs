//! How good forecasts were over many runs: how often the truth fell where they said.
//!
//! Counted are the drill's recovery times and data losses, one a leg, and the steps; a service's own recovery time goes
//! along with the drill's, and counting both would count one thing twice. Steps of one run go along with each other as
//! well, so their intervals are somewhat too narrow, and that is said. Where nearly all simulated drills said the same,
//! where the truth fell tells nothing of a spread: such are counted apart, by whether it fell there.

use serde::{Deserialize, Serialize};

use crate::model::MeasureOf;
use crate::record::{Fallen, ForecastRun, Truth};
use crate::rehearsal::forecast::Share;

/// Fewer truths than this are too few to tell.
pub const ENOUGH: u64 = 20;

/// What forecasts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Recovery times of all services.
    Recovery,
    /// The largest data losses.
    Loss,
    /// Steps' times.
    Steps,
}

/// What the truths say of the forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// There are too few.
    TooFew,
    /// Nothing speaks against them.
    Agrees,
    /// The truth is above their median more often than not: they are too short.
    TooShort,
    /// The truth is below their median more often than not: they are too long.
    TooLong,
    /// The truth falls outside of them too often.
    TooNarrow,
    /// The truth falls outside of them too seldom.
    TooWide,
}

/// How often the truth fell where forecasts said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Of what.
    pub of: Kind,
    /// In how many runs.
    pub runs: u64,
    /// The share of truths below the median; half of them should be.
    pub below_p50: Share,
    /// The share between the 5th and the 95th percentile; nine tenths should be.
    pub within: Share,
    /// The share up to the 95th percentile; 95 % should be.
    pub up_to_p95: Share,
    /// How many forecasts said nearly always the same, and in how many of them that came.
    pub certain: (u64, u64),
    /// How many came to nothing, or were not measured.
    pub unknown: u64,
    /// What follows.
    pub findings: Vec<Finding>,
}

/// Of all runs that began with a forecast; nothing of what no run foretold.
#[must_use]
pub fn of(runs: &[&ForecastRun]) -> Vec<Reliability> {
    let counted = [Kind::Recovery, Kind::Loss, Kind::Steps].map(|kind| {
        let each: Vec<Vec<&Fallen>> = runs.iter().map(|run| fallen(run, kind)).collect();
        (kind, each)
    });
    let some = counted.into_iter().filter(|(_, each)| each.iter().any(|run| !run.is_empty()));
    some.map(|(kind, each)| one(kind, &each)).collect()
}

fn fallen(run: &ForecastRun, kind: Kind) -> Vec<&Fallen> {
    let measures = |of: MeasureOf| run.measures.iter().filter(move |it| it.of == of).map(|it| &it.fallen);
    match kind {
        Kind::Recovery => measures(MeasureOf::AllServices).collect(),
        Kind::Loss => measures(MeasureOf::AllCanaries).collect(),
        Kind::Steps => run.steps.iter().map(|it| &it.fallen).collect(),
    }
}

fn one(kind: Kind, each: &[Vec<&Fallen>]) -> Reliability {
    let runs = each.iter().filter(|run| run.iter().any(|it| it.below.is_some())).count() as u64;
    let all = || each.iter().flatten();
    let certain: Vec<&&Fallen> = all().filter(|it| it.certain && it.below.is_some()).collect();
    let came = certain.iter().filter(|it| is_as_foretold(it)).count() as u64;
    let shares: Vec<f64> = all().filter(|it| !it.certain).filter_map(|it| it.below).collect();
    let count = shares.len() as u64;
    let share =
        |holds: &dyn Fn(f64) -> bool| Share::new(shares.iter().filter(|share| holds(**share)).count() as u64, count);
    let below_p50 = share(&|it| it < 0.5);
    let within = share(&|it| (0.05..=0.95).contains(&it));
    let up_to_p95 = share(&|it| it <= 0.95);
    Reliability {
        of: kind,
        runs,
        findings: findings(count, &below_p50, &within),
        below_p50,
        within,
        up_to_p95,
        certain: (certain.len() as u64, came),
        unknown: all().filter(|it| it.below.is_none()).count() as u64,
    }
}

/// Whether what nearly all simulated drills said is what came.
fn is_as_foretold(fallen: &Fallen) -> bool {
    match fallen.truth {
        Truth::Took(span) => fallen.p50 == Some(span),
        Truth::NotOver => fallen.p50.is_none(),
        Truth::Unknown => false,
    }
}

fn findings(count: u64, below_p50: &Share, within: &Share) -> Vec<Finding> {
    if count < ENOUGH {
        return vec![Finding::TooFew];
    }
    let mut found = Vec::new();
    if below_p50.upper < 0.5 {
        found.push(Finding::TooShort);
    } else if below_p50.lower > 0.5 {
        found.push(Finding::TooLong);
    }
    if within.upper < 0.9 {
        found.push(Finding::TooNarrow);
    } else if within.lower > 0.9 {
        found.push(Finding::TooWide);
    }
    if found.is_empty() {
        found.push(Finding::Agrees);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Seed;
    use crate::model::Leg;
    use crate::record::FallenMeasure;
    use crate::time::Span;

    /// A run whose recovery time fell so.
    fn run(below: Option<f64>, certain: bool) -> ForecastRun {
        let span = |seconds| Some(Span::from_secs(seconds));
        let (p5, p50, p95) = if certain { (span(30), span(30), span(30)) } else { (span(10), span(30), span(90)) };
        let truth = below.map_or(Truth::Unknown, |_| Truth::Took(Span::from_secs(30)));
        let fallen = Fallen { truth, below, of: 500, p5, p50, p95, certain };
        let measure = FallenMeasure { of: MeasureOf::AllServices, leg: Leg::Failover, fallen };
        ForecastRun { runs: 500, seed: Seed(1), passed: 500, measures: vec![measure], steps: Vec::new() }
    }

    fn told(shares: impl IntoIterator<Item = f64>) -> Reliability {
        let runs: Vec<ForecastRun> = shares.into_iter().map(|share| run(Some(share), false)).collect();
        let [told] = <[Reliability; 1]>::try_from(of(&runs.iter().collect::<Vec<_>>())).unwrap();
        told
    }

    #[test]
    fn truths_that_are_spread_evenly_agree_with_their_forecasts() {
        let draws = Seed(3).draws("truth", "recovery");
        let told = told((0..400).map(|n| draws.at(n)));
        assert_eq!((told.runs, told.findings.as_slice()), (400, &[Finding::Agrees][..]), "{told:?}");
        assert!((told.within.share() - 0.9).abs() < 0.05 && (told.up_to_p95.share() - 0.95).abs() < 0.04, "{told:?}");
        assert!((told.below_p50.share() - 0.5).abs() < 0.08, "{told:?}");
    }

    /// Of many such series few are told to disagree: the interval is 95 % sure, and there are two of them.
    #[test]
    fn right_forecasts_are_seldom_blamed() {
        let blamed = (0..300_u64).filter(|series| {
            let draws = Seed(*series).draws("truth", "series");
            told((0..60).map(|n| draws.at(n))).findings != [Finding::Agrees]
        });
        let blamed = blamed.count();
        assert!(blamed <= 45, "{blamed} of 300");
    }

    #[test]
    fn forecasts_that_are_wrong_are_told_how() {
        let draws = Seed(4).draws("truth", "wrong");
        let findings = |share: &dyn Fn(f64) -> f64| told((0..200).map(|n| share(draws.at(n)))).findings;
        assert_eq!(findings(&|it| 0.4 + 0.55 * it), [Finding::TooShort, Finding::TooWide]);
        assert_eq!(findings(&|it| 0.6 * it)[0], Finding::TooLong);
        assert_eq!(findings(&|it| if it < 0.5 { 0.01 } else { 0.99 }), [Finding::TooNarrow]);
        assert_eq!(findings(&|it| 0.4 + 0.2 * it), [Finding::TooWide]);
    }

    #[test]
    fn few_are_said_to_be_too_few() {
        let few = told((0..19).map(|n| f64::from(n) / 19.0));
        assert_eq!((few.within.of, few.findings.as_slice()), (19, &[Finding::TooFew][..]));
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn what_was_certain_or_never_came_is_counted_apart() {
        let runs = [run(Some(0.5), true), run(None, false), run(Some(0.3), false)];
        let [told] = <[Reliability; 1]>::try_from(of(&runs.iter().collect::<Vec<_>>())).unwrap();
        assert_eq!((told.certain, told.unknown, told.within.of, told.runs), ((1, 1), 1, 1, 2));
    }
}
