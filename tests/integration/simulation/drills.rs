//! The shipped playbook as it is shipped.

use muster::app;
use muster::catalogue::Mode;
use muster::measure::Judgement;
use muster::model::{ExitCode, Place, Verdict};
use muster::report::Format;

use super::scene::{all, quarterly, quarterly_on, rehearse, shipped, with};

/// How many seeds are tried in each mode. A drill that passes for one by luck does not pass for all of them.
const SEEDS: u64 = 50;

/// Every drill passes with every objective met; but where the people of an unplanned one take very long to decide, a few
/// in a hundred, its recovery time objective is missed, or it is taken back at the deadline, and said so.
fn passes_for_every_seed(mode: Mode) {
    let loaded = quarterly(mode, &[("soak", "3m")]);
    let ends = all((1..=SEEDS).collect(), move |seed: &u64| {
        let it = rehearse(&loaded, &with(*seed, &[]));
        let legs = it.record.legs.iter();
        let mut judged = legs.map(|leg| (leg.rto_judgement, leg.rpo_judgement));
        let met = judged.all(|it| it == (Judgement::Met, Judgement::Met));
        (it.exit, it.record.ended.verdict, it.record.ended.world, met, it.record.ended.reasons)
    });
    let mut late = 0;
    for (seed, end) in (1..).zip(ends) {
        let (exit, verdict, world, met, reasons) = end.unwrap();
        let gave_up = |reason: &String| reason.starts_with("Step decide failed: given up after 10 min");
        let missed = |reason: &String| reason.starts_with("RTO of") && reason.contains("in the failover");
        if reasons.first().is_some_and(gave_up) || (!reasons.is_empty() && reasons.iter().all(missed)) {
            late += 1;
            assert_eq!((exit, verdict, world), (ExitCode::Failed, Verdict::Failed, Place::Home), "seed {seed}");
        } else {
            assert!(met, "seed {seed}: {reasons:#?}");
            assert_eq!((exit, verdict, world), (ExitCode::Passed, Verdict::Passed, Place::Home), "seed {seed}");
        }
    }
    assert!(late <= if mode == Mode::Unplanned { 3 } else { 0 }, "in {late} of {SEEDS} nobody decided in time");
}

#[test]
fn a_planned_drill_passes_for_every_seed() {
    passes_for_every_seed(Mode::Planned);
}

#[test]
fn an_unplanned_drill_passes_for_every_seed() {
    passes_for_every_seed(Mode::Unplanned);
}

#[test]
fn the_shipped_drill_passes_as_it_is() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let it = rehearse(&quarterly(mode, &[]), &with(1, &[]));
        assert_eq!(
            (it.exit, it.record.ended.verdict),
            (ExitCode::Passed, Verdict::Passed),
            "{mode}: {:?}",
            it.record.ended.reasons
        );
        assert!(it.record.left.is_empty() && it.record.changes.is_empty(), "{mode}: {:?}", it.record.changes);
    }
}

#[test]
fn the_yardstick_of_the_format_passes_as_it_is() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let request = app::Request {
            playbook: shipped("../src/plan/tests/yardstick.yaml"),
            infrastructure: Some(shipped("infra/simulated.yaml")),
            mode: Some(mode),
            ..app::Request::default()
        };
        let it = rehearse(&app::load(&request).unwrap(), &with(1, &[]));
        assert_eq!((it.record.ended.verdict, it.exit), (Verdict::Passed, ExitCode::Passed), "{mode}");
    }
}

#[test]
fn in_an_emergency_the_run_stays_in_the_secondary_region() {
    let it = rehearse(&quarterly(Mode::Emergency, &[("soak", "3m")]), &with(1, &[]));
    let ended = &it.record.ended;
    assert_eq!(
        (it.exit, ended.verdict, ended.world),
        (ExitCode::Passed, Verdict::Passed, Place::Secondary),
        "{:?}",
        ended.reasons
    );
}

#[test]
fn a_slow_world_misses_its_objective_and_the_report_says_so() {
    for mode in [Mode::Planned, Mode::Unplanned] {
        let it = rehearse(&quarterly_on("infra/simulated-slow.yaml", mode, &[("soak", "3m")]), &with(1, &[]));
        let ended = &it.record.ended;
        assert_eq!(
            (it.exit, ended.verdict, ended.world),
            (ExitCode::Failed, Verdict::Failed, Place::Home),
            "{mode}: {:?}",
            ended.reasons
        );
        assert!(it.record.legs.iter().any(|leg| leg.rto_judgement == Judgement::Missed), "{mode}");
        for format in [Format::Text, Format::Markdown, Format::Html] {
            assert!(muster::app::draw(&it.record, format).to_lowercase().contains("missed"), "{mode} {format:?}");
        }
    }
}
