//! Outages against a known truth, runs against single samples, parts against their whole.

use proptest::prelude::*;

use super::*;
use crate::catalogue::{Probe, TcpProbe};
use crate::id::{ProbeId, RegionRole};
use crate::model::{CanaryCount, ProbePlan, Sample, SampleResult, SampleSummary};
use crate::resource::{HealthState, Stages};
use crate::time::{Moment, Span};

const EVERY: Span = Span::from_millis(1000);

fn at(millis: u64) -> Moment {
    Moment::ZERO + Span::from_millis(millis)
}

fn sample(tick: u64, healthy: bool, took: u64) -> Sample {
    let sent = Moment::ZERO + EVERY * tick;
    Sample {
        tick,
        scheduled: sent,
        sent,
        answered: sent + Span::from_millis(took),
        result: if healthy { SampleResult::Healthy } else { SampleResult::Unhealthy("refused".into()) },
        address: None,
        region: None,
        stages: Stages::default(),
    }
}

fn from(region: RegionRole, mut sample: Sample) -> Sample {
    sample.region = Some(region);
    sample
}

/// `+` healthy, `-` failed, `p` and `s` healthy from primary or secondary, `?` failed while the witness failed too,
/// `.` not taken.
fn watch(story: &str, active: Active) -> (Detector, Vec<Outage>) {
    let mut detector = Detector::new(3, 2);
    let mut outages = Vec::new();
    for (tick, letter) in (0..).zip(story.chars()) {
        let (sample, sight) = match letter {
            '+' => (sample(tick, true, 10), Sight::Clear),
            '-' => (sample(tick, false, 10), Sight::Clear),
            'p' => (from(RegionRole::Primary, sample(tick, true, 10)), Sight::Clear),
            's' => (from(RegionRole::Secondary, sample(tick, true, 10)), Sight::Clear),
            '?' => (sample(tick, false, 10), Sight::Blind),
            _ => continue,
        };
        if let Some(Change::Recovered(outage)) = detector.push(&sample, active, sight) {
            outages.push(outage);
        }
    }
    outages.extend(detector.outage().cloned());
    (detector, outages)
}

fn between(lower: u64, upper: u64) -> Measure {
    Measure::Between { lower: Span::from_millis(lower), upper: Span::from_millis(upper) }
}

#[test]
fn an_outage_runs_from_the_last_healthy_sample_to_the_answer_of_the_first() {
    let (detector, outages) = watch("+++----+++", None);
    assert_eq!(outages.len(), 1);
    assert_eq!(outages[0].length(), between(3000, 5010));
    assert_eq!(outages[0].noticed, at(4010));
    assert_eq!(outages[0].recovery.unwrap().confirmed, at(9010));
    assert_eq!(detector.health().state, HealthState::Healthy);
    assert_eq!(detector.health().since, at(7000));
}

#[test]
fn one_failed_sample_is_no_outage_and_a_short_recovery_is_none() {
    assert!(watch("+++-++-+++", None).1.is_empty());
    let (_, outages) = watch("+++--++--++-+++", None);
    assert_eq!(outages.len(), 1, "flapping is one outage");
    assert_eq!(outages[0].length(), between(8000, 10010));
}

#[test]
fn an_outage_without_an_end_or_a_beginning_is_more_than_what_was_seen() {
    assert_eq!(watch("+++---", None).1[0].length(), Measure::MoreThan { lower: Span::from_secs(2) });
    let (_, outages) = watch("---+++", None);
    assert_eq!(outages[0].last_healthy, None);
    assert_eq!(outages[0].length(), Measure::MoreThan { lower: Span::from_secs(2) });
}

#[test]
fn after_a_switch_only_the_active_region_ends_an_outage() {
    let secondary = Some(RegionRole::Secondary);
    assert_eq!(watch("ppp--pppppp", secondary).1[0].recovery, None);
    assert_eq!(watch("ppp--++++++", secondary).1[0].recovery, None, "a region that is not known is no proof");
    assert_eq!(watch("ppp--ppsss", secondary).1[0].length(), between(3000, 5010));
    assert!(watch("sssppppsss", secondary).1.is_empty(), "users who reach the old side are served");
}

#[test]
fn unknown_samples_break_streaks_and_count_as_nothing() {
    assert!(watch("+++-?-?-+++", None).1.is_empty());
    assert!(watch("+++-..-..-+++", None).1.is_empty());
    assert!(watch("+++????????", None).1.is_empty());
    assert_eq!(watch("+++--++?+++", None).1[0].recovery.unwrap().sent, at(8000));
    assert_eq!(watch("+++??", None).0.health().state, HealthState::Unknown);
}

#[test]
fn slow_samples_excuse_the_ticks_that_they_skip() {
    let mut detector = Detector::new(3, 2);
    detector.push(&sample(0, true, 10), None, Sight::Clear);
    assert_eq!(detector.push(&sample(1, false, 3000), None, Sight::Clear), None);
    let change = detector.push(&sample(5, false, 3000), None, Sight::Clear);
    assert!(matches!(change, Some(Change::Lost(_))), "tick 5 is the first after the answer at 4 s");
    assert_eq!(detector.push(&sample(5, true, 10), None, Sight::Clear), None, "an old tick is ignored");
}

#[test]
fn no_outage_seen_tells_what_would_have_been_missed() {
    let (mut detector, outages) = watch("+++-++.+++", None);
    assert!(outages.is_empty());
    let gap = detector.take_longest_gap();
    assert_eq!(gap, Span::from_secs(2));
    assert_eq!(resolution(EVERY, 2, gap), Span::from_secs(2));
    assert_eq!(resolution(EVERY, 2, Span::from_secs(30)), Span::from_secs(30));
    let measure = Measure::NoneSeen { resolution: Span::from_secs(2) };
    assert_eq!(measure.judge(Some(Span::from_secs(2))), Judgement::Met);
    assert_eq!(measure.judge(Some(Span::from_secs(1))), Judgement::Undecided);
}

#[test]
fn a_measure_is_met_missed_or_undecided() {
    let objective = |secs| Some(Span::from_secs(secs));
    assert_eq!(between(8000, 10_000).judge(objective(10)), Judgement::Met);
    assert_eq!(between(8000, 10_000).judge(objective(9)), Judgement::Undecided);
    assert_eq!(between(8000, 10_000).judge(objective(8)), Judgement::Undecided);
    assert_eq!(between(8000, 10_000).judge(objective(7)), Judgement::Missed);
    assert_eq!(between(8000, 10_000).judge(None), Judgement::NoObjective);
    let more = Measure::MoreThan { lower: Span::from_secs(8) };
    assert_eq!(more.judge(objective(7)), Judgement::Missed);
    assert_eq!(more.judge(objective(9)), Judgement::Undecided, "it may yet have ended within");
    assert_eq!(Measure::NoneLost { resolution: EVERY }.judge(objective(0)), Judgement::Met);
    assert_eq!(Measure::NotMeasured { why: String::new() }.judge(objective(9)), Judgement::NotMeasured);
}

fn count(rows: u64, newest: Option<(u64, u64)>, prefix: Option<(u64, u64)>, lost: u64) -> CanaryCount {
    let row = |(number, millis)| (number, at(millis));
    CanaryCount {
        canary: ProbeId::new("main").unwrap(),
        region: RegionRole::Secondary,
        every: Span::from_millis(200),
        acknowledged: rows,
        last_acknowledged: newest.map(row),
        prefix_end: prefix.map(row),
        lost,
        survived_unacknowledged: 0,
        unwatched: None,
    }
}

#[test]
fn data_loss_is_never_zero_and_never_guessed() {
    assert_eq!(data_loss(&count(50, Some((49, 9800)), Some((39, 7800)), 10)), between(1800, 2200));
    let none = data_loss(&count(50, Some((49, 9800)), Some((49, 9800)), 0));
    assert_eq!(none, Measure::NoneLost { resolution: Span::from_millis(200) });
    assert_eq!(none.to_string(), "none lost; less than 200 ms would not be seen");
    assert!(matches!(data_loss(&count(0, None, None, 0)), Measure::NotMeasured { .. }));
    let all = data_loss(&count(50, Some((49, 9800)), None, 50));
    assert_eq!(all, Measure::MoreThan { lower: Span::from_millis(9800) });
    let lost = between(1800, 2200);
    assert_eq!(worst([&none, &lost]), Some(lost.clone()));
    assert_eq!(worst([&lost, &none]), Some(lost.clone()));
    assert_eq!(worst([&lost, &all]), Some(all));
    let unknown = Measure::NotMeasured { why: "x".into() };
    assert_eq!(worst([&lost, &unknown, &none]), Some(unknown));
    assert_eq!(worst([]), None);
}

#[test]
fn the_drills_time_is_from_the_first_loss_to_the_last_recovery() {
    let (_, web) = watch("+++----+++", None);
    let (_, push) = watch("++++-----+++", None);
    assert_eq!(recovery_time(web.iter().chain(&push)), Some(between(5000, 7010)));
    assert_eq!(recovery_bounds(web.iter().chain(&push)), Some((at(2000), at(9010))));
    let (_, ssh) = watch("+++---", None);
    assert_eq!(recovery_time(web.iter().chain(&ssh)), Some(Measure::MoreThan { lower: Span::from_secs(3) }));
    assert_eq!(recovery_time([]), None);
}

#[test]
fn each_instant_goes_to_the_first_part_that_applies() {
    let activity = Activity {
        detected: Some(at(3000)),
        acting: vec![(at(2000), at(5000)), (at(4000), at(6000))],
        asking: vec![(at(1000), at(7000))],
        propagating: vec![(at(6500), at(8000))],
    };
    let parts = parts(at(1000), at(10_000), &activity);
    let millis = |span: Option<Span>| span.map(Span::as_millis);
    assert_eq!(millis(parts.detection), Some(2000));
    assert_eq!(millis(parts.execution), Some(3000));
    assert_eq!(millis(parts.decision), Some(1000));
    assert_eq!(millis(parts.propagation), Some(1000));
    assert_eq!(millis(parts.stabilisation), Some(2000));
    let bare = super::parts(at(1000), at(10_000), &Activity::default());
    assert_eq!((bare.detection, bare.decision, bare.propagation), (None, None, None), "not exercised is not zero");
    assert_eq!(bare.execution, None, "nor where no step acted");
    let before = Activity { detected: Some(at(900)), ..Activity::default() };
    assert_eq!(
        super::parts(at(1000), at(10_000), &before).detection,
        None,
        "what ended before the loss is no part of it"
    );
    assert_eq!(bare.total(), Span::from_secs(9));
}

fn plan(healthy_after: u32, unhealthy_after: u32) -> ProbePlan {
    ProbePlan {
        id: ProbeId::new("web").unwrap(),
        probe: Probe::Tcp(TcpProbe::to("web", 22, crate::resource::Resolver::System)),
        every: EVERY,
        timeout: Span::from_secs(3),
        healthy_after,
        unhealthy_after,
    }
}

fn summary(samples: &[Sample]) -> SampleSummary {
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    let took = last.took();
    SampleSummary {
        probe: ProbeId::new("web").unwrap(),
        first_tick: first.tick,
        last_tick: last.tick,
        count: samples.len() as u64,
        healthy: if first.is_healthy() { samples.len() as u64 } else { 0 },
        p50: took,
        p95: took,
        max: took,
        last: last.clone(),
    }
}

/// What a journal keeps of samples: changes, and a summary of every `often` samples that say the same.
fn journal(samples: &[Sample], often: usize, track: &mut Track) {
    let mut since = 0;
    for (n, sample) in samples.iter().enumerate() {
        let changed = n == 0 || !samples[n - 1].says_the_same_as(sample);
        if changed {
            if since < n {
                track.summed(&summary(&samples[since..n]));
            }
            track.changed(n.checked_sub(1).map(|last| &samples[last]), sample);
            since = n;
        }
        if n + 1 - since >= often {
            track.summed(&summary(&samples[since..=n]));
            since = n + 1;
        }
    }
    if since < samples.len() {
        track.summed(&summary(&samples[since..]));
    }
}

#[test]
fn a_track_counts_no_sample_twice_and_none_less() {
    let samples: Vec<Sample> = (0..40).map(|tick| sample(tick, !(10..20).contains(&tick), 10)).collect();
    let mut track = Track::new(&plan(3, 2));
    journal(&samples, 7, &mut track);
    assert_eq!((track.samples(), track.failed(), track.missing()), (40, 10, 0));
    assert_eq!(track.runs().len(), 3);
    track.summed(&summary(&samples[30..]));
    assert_eq!(track.samples(), 40);
    assert_eq!(track.blind(), [(at(9000), at(20_000))]);
}

#[test]
fn what_failed_while_the_witness_failed_is_unknown() {
    let mut track = Track::new(&plan(3, 2));
    for tick in 0..40 {
        let last = (tick > 0).then(|| sample(tick - 1, !(10..20).contains(&(tick - 1)), 10));
        track.changed(last.as_ref(), &sample(tick, !(10..20).contains(&tick), 10));
    }
    let replayed = track.replay(&plan(3, 2), &Actives::default(), &[(at(9500), at(21_000))], &[at(15_000)], at(39_000));
    assert!(replayed.outages.is_empty());
    assert_eq!(replayed.unknown, 10);
    assert_eq!(replayed.stretches.len(), 2);
    assert_eq!((replayed.stretches[0].samples, replayed.stretches[1].samples), (15, 25));
    // What nobody saw may have been an outage of both stretches.
    assert_eq!(replayed.stretches.iter().map(|it| it.longest_gap).collect::<Vec<_>>(), [Span::from_secs(11); 2]);
    assert_eq!((replayed.stretches[0].telling, replayed.stretches[1].telling), (10, 20));
    let clear = track.replay(&plan(3, 2), &Actives::default(), &[], &[], at(39_000));
    assert_eq!(clear.outages.len(), 1);
}

fn stories() -> impl Strategy<Value = Vec<(u8, bool)>> {
    prop::collection::vec((0_u8..4, any::<bool>()), 1..120)
}

proptest! {
    /// A service is truly down in some stretches of time; a probe with any phase and latency looks.
    #[test]
    fn the_truth_lies_inside_the_interval(
        phase in 0_u64..1000,
        lost in 10_000_u64..30_000,
        length in 2_000_u64..60_000,
        latencies in prop::collection::vec(1_u64..900, 120),
    ) {
        let back = lost + length;
        let mut detector = Detector::new(3, 2);
        let mut outages = Vec::new();
        let mut first_answer = 0;
        for (tick, latency) in (0_u64..).zip(&latencies) {
            let sent = phase + tick * 1000;
            let healthy = !(lost..back).contains(&sent);
            let mut one = sample(tick, healthy, *latency);
            one.scheduled = at(sent);
            one.sent = at(sent);
            one.answered = at(sent + latency);
            if healthy && sent >= back && first_answer == 0 {
                first_answer = *latency;
            }
            if let Some(Change::Recovered(outage)) = detector.push(&one, None, Sight::Clear) {
                outages.push(outage);
            }
        }
        prop_assert_eq!(outages.len(), 1);
        let Measure::Between { lower, upper } = outages[0].length() else { panic!("it ended") };
        let truth = Span::from_millis(length);
        prop_assert!(lower <= truth && truth <= upper, "{lower} {truth} {upper}");
        prop_assert!(upper - lower <= EVERY * 2 + Span::from_millis(first_answer));
    }

    /// No outage that stays unseen is longer than what the measure says could have been missed, wherever it lies, and
    /// whenever nothing could be seen: in each of two legs, whichever of them it touches.
    #[test]
    fn what_is_missed_is_shorter_than_said(
        phase in 0_u64..1000,
        lost in 0_u64..40_000,
        length in 1_u64..9_000,
        dark in 0_u64..40_000,
        darkness in 0_u64..15_000,
        mark in 1_u64..39_000,
    ) {
        let until = 40_000;
        let back = (lost + length).min(until);
        let mut track = Track::new(&plan(3, 2));
        let mut last: Option<Sample> = None;
        for tick in 0..40 {
            let sent = phase + tick * 1000;
            let mut one = sample(tick, !(lost..back).contains(&sent), 5);
            (one.scheduled, one.sent, one.answered) = (at(sent), at(sent), at(sent + 5));
            track.changed(last.as_ref(), &one);
            last = Some(one);
        }
        let blind = [(at(dark), at(dark + darkness))];
        let replayed = track.replay(&plan(3, 2), &Actives::default(), &blind, &[at(mark)], at(until));
        let missed = |stretch: &Stretch| resolution(EVERY, 2, stretch.longest_gap);
        if replayed.outages.is_empty() {
            for (touched, stretch) in [lost < mark, back > mark].into_iter().zip(&replayed.stretches) {
                prop_assert!(!touched || Span::from_millis(back - lost) <= missed(stretch), "{stretch:?}");
            }
        }
    }

    /// Replay from what a journal keeps finds what the live detector found, whatever is summed up and however often.
    #[test]
    fn replay_finds_what_was_found_live(story in stories(), often in 1_usize..12, switch in 0_u64..120, back in 0_u64..120) {
        let mut samples = Vec::new();
        let mut tick = 0;
        for (length, healthy) in story {
            for _ in 0..=length {
                let region = if tick >= switch + 3 { RegionRole::Secondary } else { RegionRole::Primary };
                let one = sample(tick, healthy, 10);
                samples.push(if healthy { from(region, one) } else { one });
                tick += 1;
            }
        }
        let mut actives = Actives::default();
        actives.set(at(switch * 1000 + 500), None);
        actives.set(at(switch * 1000 + 1500), Some(RegionRole::Secondary));
        actives.set(at((switch + back) * 1000 + 1700), Some(RegionRole::Primary));
        let plan = plan(3, 2);
        let mut live = Detector::new(3, 2);
        let mut outages = Vec::new();
        for sample in &samples {
            if let Some(Change::Recovered(outage)) = live.push(sample, actives.at(sample.sent), Sight::Clear) {
                outages.push(outage);
            }
        }
        outages.extend(live.outage().cloned());
        let mut track = Track::new(&plan);
        journal(&samples, often, &mut track);
        let replayed = track.replay(&plan, &actives, &[], &[], Moment::ZERO);
        prop_assert_eq!(track.samples(), samples.len() as u64);
        prop_assert_eq!(replayed.outages, outages);
        prop_assert_eq!(replayed.health, live.health());
        // Gaps of one interval inside a recovery are counted or not: they are below what is ever printed.
        prop_assert_eq!(replayed.stretches[0].longest_gap.max(EVERY), live.take_longest_gap().max(EVERY));
    }

    #[test]
    fn parts_add_up_exactly(
        start in 0_u64..1000,
        length in 0_u64..1000,
        detected in prop::option::of(0_u64..2000),
        acting in prop::collection::vec((0_u64..2000, 0_u64..2000), 0..6),
        asking in prop::collection::vec((0_u64..2000, 0_u64..2000), 0..3),
        propagating in prop::collection::vec((0_u64..2000, 0_u64..2000), 0..3),
    ) {
        let moments = |all: Vec<(u64, u64)>| all.into_iter().map(|(a, b)| (Moment(a), Moment(b))).collect();
        let activity = Activity {
            detected: detected.map(Moment),
            acting: moments(acting),
            asking: moments(asking),
            propagating: moments(propagating),
        };
        let parts = parts(Moment(start), Moment(start + length), &activity);
        prop_assert_eq!(parts.total(), Span(length));
    }
}
