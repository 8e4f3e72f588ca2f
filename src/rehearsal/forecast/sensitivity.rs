//! What drives the recovery time: what would become of it if one thing were twice as quick.
//!
//! Two stages, so that it stays cheap and is no guess. First candidates: a step may save at most half of what it stands on
//! the critical path for, and a step whose time goes along with the recovery time by rank (C. Spearman, *The proof and
//! measurement of association between two things*, 1904) may drive its variation; gates and commands are steps like the
//! others, and so much may DNS's time to live and the probes' rhythm save of the parts that they can touch. The few with
//! the most to save are then **played**: the same seeds, hence the same chances, with that one thing halved in the twin
//! (common random numbers: the difference is that thing's alone, see A. M. Law, *Simulation Modeling and Analysis*, 5th
//! edition, section 11.2). What is told is the difference between the two 95th percentiles, with the interval of the
//! paired bootstrap (B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, section 13.3), whose draws
//! follow from the forecast's seed.

use serde::{Deserialize, Serialize};

use super::path::looks;
use super::{NOT_OVER, Tally, rank};
use crate::chance::Seed;
use crate::id::{ResourceId, StepId};
use crate::infrastructure::simulate::SimulatedResource;
use crate::infrastructure::twin;
use crate::model::{Leg, Plan};
use crate::resource::ResourceKind;
use crate::time::Span;

/// So many candidates are played.
const PLAYED: usize = 6;
/// Each with so many seeds, or with as many as the forecast has.
pub const RUNS: u64 = 240;
/// Of fewer runs a 95th percentile says nothing.
pub const RUNS_MIN: u64 = 40;
/// What could save less than this is no candidate.
const WORTH: f64 = 0.2;
/// So often the bootstrap draws anew.
const DRAWN_ANEW: u64 = 400;
/// How quick a step is that is twice as quick, in hundredths of its time.
const HALF: u32 = 50;

/// Something that might be quicker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A step, a gate too: its calls take half as long.
    Step(StepId),
    /// The time to live of these names is half as long.
    Ttl(Vec<ResourceId>),
    /// All services are probed twice as often.
    Probes,
}

/// What halving it does to a leg's recovery time. Differences are in nanoseconds; negative: it would rise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which leg.
    pub leg: Leg,
    /// In how many runs the recovery time has a value both times.
    pub of: u64,
    /// The median falls by so much; `None` if one of the two was not over.
    pub p50_falls_by_ns: Option<i64>,
    /// The 95th percentile falls by so much; likewise.
    pub p95_falls_by_ns: Option<i64>,
    /// At least by so much.
    pub lower_ns: Option<i64>,
    /// At most by so much.
    pub upper_ns: Option<i64>,
}

/// One thing, and what halving it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lever {
    /// What.
    pub what: What,
    /// Leg by leg.
    pub effects: Vec<Effect>,
}

/// What drives the recovery time, the strongest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Each was played with so many seeds.
    pub runs: u64,
    /// What was played.
    pub levers: Vec<Lever>,
    /// So many more might save something, and less.
    pub not_played: u64,
}

/// The candidates of a plan, those with the most to save first, and how many more there are. None where there are too few
/// runs to say anything.
#[must_use]
pub fn candidates(tally: &Tally, plan: &Plan) -> (Vec<What>, u64) {
    if tally.runs() < RUNS_MIN || (tally.recovery().first().map_or(0, Vec::len) as u64) < RUNS_MIN {
        return (Vec::new(), 0);
    }
    let mut all: Vec<(f64, What)> = Vec::new();
    let legs = tally.forecast(super::Stopped::AsAsked, 0.0, None).legs;
    for step in legs.iter().flat_map(|leg| &leg.path) {
        let Some(index) = plan.step_index(&step.step).filter(|index| !looks(&plan.steps[*index].act)) else {
            continue;
        };
        let id = plan.steps[index].id.clone();
        // From the median to the 95th percentile are 1.64 standard deviations.
        let deviation = (step.p95.as_secs_f64() - step.p50.as_secs_f64()).max(0.0) / 1.645;
        let might = step.mean.as_secs_f64() / 2.0 + deviation * step.correlation.unwrap_or(0.0).max(0.0);
        match all.iter_mut().find(|(_, what)| *what == What::Step(id.clone())) {
            Some((most, _)) => *most = most.max(might),
            None => all.push((might, What::Step(id))),
        }
    }
    let part = |name: &str| {
        let means = legs.iter().flat_map(|leg| &leg.parts).filter(|part| part.name == name).map(|part| part.mean);
        means.max().unwrap_or_default().as_secs_f64()
    };
    let names = names(plan);
    if !names.is_empty() {
        all.push((part("propagation") / 2.0, What::Ttl(names)));
    }
    let rhythm = plan.services.iter().map(|service| service.probe.every * u64::from(service.probe.healthy_after));
    let rhythm = rhythm.max().unwrap_or_default().as_secs_f64();
    all.push((rhythm.min(part("stabilisation") + part("propagation")) / 2.0, What::Probes));
    all.retain(|(might, _)| *might >= WORTH);
    // Equal ones stay in the order of the plan.
    all.sort_by(|one, other| other.0.total_cmp(&one.0));
    let more = all.len().saturating_sub(PLAYED) as u64;
    (all.into_iter().take(PLAYED).map(|(_, what)| what).collect(), more)
}

/// The DNS records that steps of this plan switch, each once, in the order of their names.
fn names(plan: &Plan) -> Vec<ResourceId> {
    let changed = plan.changes();
    changed.into_iter().filter(|id| plan.resources.get(id).is_some_and(|it| it.kind == ResourceKind::Dns)).collect()
}

/// The plan in a twin in which `what` is twice as quick. For rehearsals alone: its digest is that of the plan as it is.
#[must_use]
pub fn quicker(plan: &Plan, what: &What) -> Plan {
    let mut plan = plan.clone();
    match what {
        What::Step(id) => {
            let step = plan.steps.iter_mut().find(|step| step.id == *id);
            if let Some(step) = step {
                step.pace = Some(HALF);
            }
        }
        What::Ttl(records) => {
            for id in records {
                let Some(binding) = plan.resources.get_mut(id) else { continue };
                let Ok(SimulatedResource::Dns(settings)) = twin::resource(binding) else { continue };
                let half = Span(settings.ttl.0 / 2).short();
                match &mut binding.simulate {
                    serde_json::Value::Object(settings) => {
                        settings.insert("ttl".to_owned(), half.into());
                    }
                    other => *other = serde_json::json!({ "ttl": half }),
                }
            }
        }
        What::Probes => plan.services.iter_mut().for_each(|service| service.probe.every.0 /= 2),
    }
    plan
}

/// The recovery times of a run of [`quicker`], leg by leg.
#[must_use]
pub fn recovery(outturn: &super::Outturn, tally: &Tally) -> Vec<Option<u64>> {
    outturn.recovery(tally.layout())
}

/// What the runs of `tally` and the same seeds with `what` halved, run by run, say of each leg.
#[must_use]
pub fn lever(tally: &Tally, what: What, changed: &[Vec<Option<u64>>]) -> Lever {
    let effect = |(n, leg): (usize, &Leg)| {
        let base = tally.recovery()[n].iter();
        let pairs: Vec<(u64, u64)> = base.zip(changed).filter_map(|(base, runs)| (*base).zip(runs[n])).collect();
        effect(*leg, &pairs, tally.seed(0), &format!("{what:?}/{leg}"))
    };
    let legs: Vec<(usize, &Leg)> = tally.layout().legs().iter().enumerate().collect();
    Lever { effects: legs.into_iter().map(effect).collect(), what }
}

/// The strongest first: by the most that the 95th percentile of any leg falls.
pub fn order(levers: &mut [Lever]) {
    levers.sort_by_key(|lever| {
        std::cmp::Reverse(lever.effects.iter().filter_map(|effect| effect.p95_falls_by_ns).max().unwrap_or(i64::MIN))
    });
}

fn effect(leg: Leg, pairs: &[(u64, u64)], seed: Seed, name: &str) -> Effect {
    let falls = |pairs: &[(u64, u64)], p: f64| -> Option<i64> {
        let at = |values: Vec<u64>| {
            let mut values = values;
            let rank = rank(values.len(), p);
            values.get(rank)?;
            Some(*values.select_nth_unstable(rank).1).filter(|value| *value != NOT_OVER)
        };
        let before = at(pairs.iter().map(|pair| pair.0).collect())?;
        let after = at(pairs.iter().map(|pair| pair.1).collect())?;
        i64::try_from(i128::from(before) - i128::from(after)).ok()
    };
    let p95 = falls(pairs, 0.95);
    let ends = p95.and_then(|_| bootstrap(pairs, seed, name, |pairs| falls(pairs, 0.95)));
    Effect {
        leg,
        of: pairs.len() as u64,
        p50_falls_by_ns: falls(pairs, 0.50),
        p95_falls_by_ns: p95,
        lower_ns: ends.map(|ends| ends.0),
        upper_ns: ends.map(|ends| ends.1),
    }
}

/// Both ends of the percentile interval over samples drawn anew, pair by pair; `None` where too many have no value.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a draw is between 0 and 1")]
fn bootstrap(
    pairs: &[(u64, u64)],
    seed: Seed,
    name: &str,
    of: impl Fn(&[(u64, u64)]) -> Option<i64>,
) -> Option<(i64, i64)> {
    let draws = seed.draws("bootstrap", name);
    let n = pairs.len();
    let again = |sample: u64| -> Option<i64> {
        let drawn = (0..n as u64).map(|k| pairs[((draws.at(sample * n as u64 + k) * n as f64) as usize).min(n - 1)]);
        of(&drawn.collect::<Vec<_>>())
    };
    let mut all: Vec<i64> = (0..DRAWN_ANEW).filter_map(again).collect();
    if (all.len() as u64) < DRAWN_ANEW * 9 / 10 {
        return None;
    }
    all.sort_unstable();
    Some((all[rank(all.len(), 0.025)], all[rank(all.len(), 0.975)]))
}

/// Spearman's rank correlation; `None` of fewer than three pairs, and where one of the two is always the same.
pub(super) fn correlation(pairs: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    let (one, other): (Vec<u64>, Vec<u64>) = pairs.unzip();
    if one.len() < 3 {
        return None;
    }
    let (one, other) = (ranks_of(&one), ranks_of(&other));
    let mean = (one.len() as f64 - 1.0) / 2.0;
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(&other) {
        both += (a - mean) * (b - mean);
        first += (a - mean).powi(2);
        second += (b - mean).powi(2);
    }
    (first > 0.0 && second > 0.0).then(|| both / (first * second).sqrt())
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks_of(values: &[u64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|n| values[*n]);
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = start as f64 + (group.len() as f64 - 1.0) / 2.0;
        for n in group {
            ranks[*n] = rank;
        }
        start += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_go_together_or_do_not() {
        let of = |pairs: &[(u64, u64)]| correlation(pairs.iter().copied());
        assert_eq!(of(&[(1, 10), (2, 20), (3, 300)]), Some(1.0));
        assert_eq!(of(&[(1, 9), (2, 5), (3, 1)]), Some(-1.0));
        assert_eq!(of(&[(1, 1), (2, 1), (3, 1)]), None);
        // With ties: the textbook's mean ranks (0, 1.5, 1.5, 3) and (0, 1, 2, 3) give 0.9487.
        assert!((of(&[(1, 1), (2, 2), (2, 3), (3, 4)]).unwrap() - 0.948_683).abs() < 1e-6);
    }

    #[test]
    fn what_falls_by_ten_seconds_in_every_run_falls_by_just_that() {
        let second = 1_000_000_000;
        let pairs: Vec<(u64, u64)> = (0..200).map(|n| ((60 + n) * second, (50 + n) * second)).collect();
        let effect = effect(Leg::Failover, &pairs, Seed(1), "test");
        let ten = Some(10 * 1_000_000_000);
        assert_eq!((effect.p50_falls_by_ns, effect.p95_falls_by_ns), (ten, ten));
        assert_eq!((effect.lower_ns, effect.upper_ns), (ten, ten), "the pairs are drawn together");
    }

    #[test]
    fn of_what_never_ended_nothing_is_said() {
        let effect = effect(Leg::Return, &[(NOT_OVER, NOT_OVER); 100], Seed(1), "test");
        assert_eq!((effect.of, effect.p95_falls_by_ns, effect.lower_ns), (100, None, None));
    }

    /// Halving the one part that varies of a sum: the 95th percentile falls by half of that part's own.
    #[test]
    fn the_interval_holds_the_true_difference_as_often_as_it_says() {
        let takes =
            crate::chance::Distribution::from_quantiles((50.0, Span::from_secs(35)), (95.0, Span::from_secs(80)))
                .unwrap();
        let truth = i64::try_from(takes.quantile(0.95).0 / 2).unwrap();
        let mut held = 0;
        for seed in 0..100 {
            let pair = |n| {
                let one = takes.draw(Seed(seed), "takes", "promote", n).0;
                (one + 20_000_000_000, one / 2 + 20_000_000_000)
            };
            let pairs: Vec<(u64, u64)> = (0..RUNS).map(pair).collect();
            let effect = effect(Leg::Failover, &pairs, Seed(seed), "test");
            held += u32::from(effect.lower_ns.unwrap() <= truth && truth <= effect.upper_ns.unwrap());
        }
        assert!(held >= 87, "{held} of 100 intervals hold it");
    }
}
