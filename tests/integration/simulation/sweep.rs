//! The sweep: every step, every resource and both regions of the quarterly playbook, with every fault, in both modes.
//! Whatever goes wrong, a drill ends in a known verdict, what it says of the world is so, and it ends in no bad way that
//! the playbook does not accept.

use std::fmt::Write as _;

use muster::app::rehearsing::explore::truth;
use muster::app::{AppError, Loaded, rehearse};
use muster::catalogue::Mode;
use muster::model::ExitCode;
use muster::rehearsal::exploration::cases::singles;
use muster::rehearsal::exploration::ends::end;
use muster::rehearsal::exploration::honesty::untruths;
use muster::rehearsal::exploration::sift::sift;
use muster::rehearsal::exploration::{Case, End, Tried, Truth};
use muster::time::Span;

use super::scene::{all, quarterly, with};

/// A long soak shows nothing that a short one does not.
const VARS: [(&str, &str); 1] = [("soak", "3m")];

/// Each case is tried with these: faults that are `flaky` and durations that are drawn fall otherwise.
const SEEDS: [u64; 2] = [1, 2];

/// How a case ended, and everything that is wrong with that.
struct Seen {
    line: String,
    tried: Tried,
    wrong: Vec<String>,
}

fn try_out(case: &Case, seed: u64, loaded: &Loaded) -> Seen {
    let faults: Vec<String> = case.faults.iter().map(ToString::to_string).collect();
    match rehearse(loaded, &with(seed, &faults), Vec::new()) {
        Ok(it) => {
            let ended = &it.record.ended;
            let truth = Truth { met: it.aftermath.met.len(), ..truth(&loaded.plan, &it.aftermath) };
            let (end, why) = end(&loaded.plan, &it.record, it.exit, &truth, case.faults.len());
            let mut line =
                format!("{case} seed {seed}: {} {} exit {:?}: {}", ended.verdict, ended.world, it.exit, end.words());
            for reason in ended.reasons.iter().take(2) {
                let _ = write!(line, "\n      because {reason}");
            }
            for left in &it.record.left {
                let _ = write!(line, "\n      left {left:?}");
            }
            let wrong = untruths(&loaded.plan, &it.record, it.exit, &truth);
            let (verdict, world) = (Some(ended.verdict), Some(ended.world));
            Seen {
                line,
                tried: Tried { case: case.clone(), end, why, verdict, world, exit: it.exit, head: String::new() },
                wrong,
            }
        }
        Err(error) => {
            let what = match error {
                AppError::Defect(what) => format!("a defect: {what}"),
                other => format!("it broke off: {other:?}"),
            };
            broken(case, what)
        }
    }
}

fn broken(case: &Case, what: String) -> Seen {
    let (end, exit) = (End::Defect, ExitCode::Defect);
    let tried = Tried {
        case: case.clone(),
        end,
        why: vec![what.clone()],
        verdict: None,
        world: None,
        exit,
        head: String::new(),
    };
    Seen { line: case.to_string(), tried, wrong: vec![what] }
}

#[expect(clippy::print_stdout, reason = "the count of cases and how each ended is what a reader of the sweep wants")]
fn sweep(mode: Mode, at_least: usize) {
    let mut loaded = quarterly(mode, &VARS);
    for canary in &mut loaded.plan.canaries {
        // Nothing here depends on how exactly a loss is measured, and most of the time goes into rows.
        canary.every = canary.every.max(Span::from_secs(1));
    }
    let accepts = loaded.plan.accepts.clone();
    let cases: Vec<(u64, Case)> =
        SEEDS.into_iter().flat_map(|seed| singles(&loaded.plan).into_iter().map(move |case| (seed, case))).collect();
    let count = cases.len();
    assert!(count >= at_least * SEEDS.len(), "only {count} cases");
    let ends = all(cases.clone(), move |(seed, case)| try_out(case, *seed, &loaded));
    let mut text = String::new();
    let mut wrong = 0;
    let mut tried: Vec<(u64, Tried)> = Vec::new();
    for ((seed, case), seen) in cases.iter().zip(ends) {
        let seen = seen.unwrap_or_else(|panic| broken(case, format!("it panicked: {panic}")));
        let _ = writeln!(text, "{}", seen.line);
        wrong += seen.wrong.len();
        seen.wrong.iter().for_each(|what| {
            let _ = writeln!(text, "  WRONG {what}");
        });
        tried.push((*seed, seen.tried));
    }
    for seed in SEEDS {
        let of_seed = tried.iter().filter(|(its, _)| *its == seed).map(|(_, tried)| tried.clone()).collect();
        let found = sift(&accepts, of_seed, Vec::new(), |case| format!("{case} seed {seed}"));
        for bad in found.unaccepted() {
            wrong += 1;
            let others: Vec<String> = bad.others.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  BAD {}: {}: {:?} also {others:?}", bad.end.words(), bad.command, bad.first.why);
        }
    }
    println!("{count} cases\n{text}");
    assert!(wrong == 0, "{wrong} things are wrong in {count} cases:\n{text}");
}

#[test]
fn whatever_goes_wrong_a_planned_drill_ends_in_a_known_verdict_and_tells_the_truth() {
    sweep(Mode::Planned, 250);
}

#[test]
fn whatever_goes_wrong_an_unplanned_drill_ends_in_a_known_verdict_and_tells_the_truth() {
    sweep(Mode::Unplanned, 270);
}
