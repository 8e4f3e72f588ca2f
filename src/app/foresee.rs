//! The forecast that a real run begins with: some hundred simulated drills of the very plan that is about to be carried out,
//! so that its report can say how good the forecast was.
//!
//! It delays a drill by no more than it is given, whatever the twin does: it is played on threads of its own, and what is
//! not there in time is not waited for. It never stops a drill: what keeps it from being made stands in its place.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;

use jiff::Timestamp;

use super::rehearsing::many;
use super::{AppError, Attendance, Loaded, Rehearsal, rehearse};
use crate::catalogue::{Act, Mode};
use crate::chance::{Distribution, Seed};
use crate::engine::watch::Pace;
use crate::model::Foreseen;
use crate::plan::preview;
use crate::rehearsal::forecast::{Layout, Outturn, Tally, foresee, seed_of};
use crate::resource::World;
use crate::time::{Span, since_boot};

/// How long a forecast takes at most, unless it is said.
const AT_MOST: Span = Span::from_secs(2);
/// A drill is delayed by no more than this share of how long it is expected to take.
const SHARE: u64 = 200;
/// Less time than this shows nothing.
const LEAST: Span = Span::from_millis(500);
/// So many drills are played if there is time.
const RUNS: u64 = 500;
/// With fewer nothing is said.
const LEAST_RUNS: u64 = 40;
/// What a drill that is being played when the time is over is waited for.
const GRACE: Span = Span::from_millis(250);
/// The seed of every forecast's first run.
const SEED: Seed = Seed(1);

/// Makes the forecast of a real run; `time`: how long it may take, where that was said.
pub(super) fn of_run(loaded: &Loaded, attendance: Attendance, start: Timestamp, time: Option<Span>) -> Foreseen {
    let not = |because: &str| Foreseen::NotMade { because: because.to_owned() };
    let plan = &loaded.plan;
    if plan.mode == Mode::Emergency {
        return not("in an emergency nothing waits for a forecast");
    }
    let time = match time {
        Some(Span::ZERO) => return not("none was wanted"),
        Some(time) => time,
        None => {
            let expected = preview(plan, &World::new(), &crate::plan::Looks::new()).total;
            let time = Span(expected.0 / SHARE).min(AT_MOST);
            if time < LEAST {
                return not(&format!("it is expected to take {expected}, too little to spend time on one"));
            }
            time
        }
    };
    match play(twin(loaded, attendance), start, time) {
        Ok(tally) if tally.runs() >= LEAST_RUNS => Foreseen::Made(foresee(&tally)),
        Ok(tally) => {
            not(&format!("{time} sufficed for {} simulated drills, and {LEAST_RUNS} are needed", tally.runs()))
        }
        Err(why) => not(&why),
    }
}

/// So many drills are played beside a plan at most, and so many of their steps.
const PLANNED_RUNS: u64 = 20;
const PLANNED_STEPS: u64 = 40_000;
/// With fewer nothing is said beside a plan.
const PLANNED_LEAST: u64 = 5;
/// When drills beside a plan start: the same plan says the same at any hour.
const PLANNED_START: i64 = 1_767_261_600;

/// The forecast that stands beside a plan: always the same drills, however fast the machine is. `most`: fewer of them.
#[must_use]
pub fn of_plan(loaded: &Loaded, most: u64) -> Foreseen {
    let not = |because: String| Foreseen::NotMade { because };
    if most == 0 {
        return not("none was wanted".to_owned());
    }
    let steps = loaded.plan.steps.len().max(1) as u64;
    let runs = PLANNED_RUNS.min(PLANNED_STEPS / steps);
    if runs < PLANNED_LEAST {
        return not(format!("its {steps} steps would take too long; `muster simulate --runs` does it"));
    }
    let start = Timestamp::from_second(PLANNED_START).unwrap_or_default();
    let played = drills(&twin(loaded, Attendance::Nobody), start, runs.min(most), || true);
    played.map_or_else(not, |tally| Foreseen::Made(foresee(&tally)))
}

/// The plan's twin, with people who are as quick as those who will answer.
fn twin(loaded: &Loaded, attendance: Attendance) -> Loaded {
    let mut twin = loaded.clone();
    twin.plan.twin = true;
    if attendance == Attendance::Yes {
        let gates = twin.plan.steps.iter_mut().filter(|step| matches!(step.act, Act::Approve(_) | Act::Manual(_)));
        gates.for_each(|step| step.takes = Some(Distribution::fixed(Span::ZERO)));
    }
    twin
}

/// Plays as many drills as there is time for.
fn play(twin: Loaded, start: Timestamp, time: Span) -> Result<Tally, String> {
    let (sender, receiver) = sync_channel(1);
    let begun = since_boot();
    let work = move || {
        let played = catch_unwind(AssertUnwindSafe(|| drills(&twin, start, RUNS, || since_boot() - begun < time)));
        let told = played.unwrap_or_else(|_| Err("the simulation broke off: a defect in Muster".to_owned()));
        // Nobody listens any more if it took too long.
        let _ = sender.send(told);
    };
    thread::Builder::new().name("forecast".to_owned()).spawn(work).map_err(|error| error.to_string())?;
    match receiver.recv_timeout((time + GRACE).into()) {
        Ok(told) => told,
        Err(RecvTimeoutError::Timeout) => Err(format!("one simulated drill takes longer than {time}")),
        Err(RecvTimeoutError::Disconnected) => Err("its thread ended without a result".to_owned()),
    }
}

fn drills(twin: &Loaded, start: Timestamp, most: u64, there_is_time: impl Fn() -> bool) -> Result<Tally, String> {
    let layout = Layout::of(&twin.plan);
    let mut tally = Tally::new(layout.clone(), SEED);
    let mut failed: Option<AppError> = None;
    let one = |n: u64| {
        let with = Rehearsal { seed: seed_of(SEED, n), start, faults: Vec::new(), pace: Pace::Ahead };
        rehearse(twin, &with, Vec::new()).map(|rehearsed| Outturn::of(&rehearsed.record, &layout))
    };
    many::in_order(most, many::all_cores(), one, |_, outturn| {
        match outturn {
            Ok(outturn) => tally.add(&outturn),
            Err(error) => failed = Some(error),
        }
        if failed.is_none() && there_is_time() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    failed.map_or(Ok(tally), |error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Request;
    use crate::model::MeasureOf;

    const DRILL: &str = "\
muster: 1
name: drill
title: There
infrastructure: lab.yaml
mode: planned
services: { app: { title: The app, depends_on: [main], probe: { http: \"https://app.example.test/\", every: 1s } } }
phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: served, check: { services: all, healthy_for: 5s } }
";

    const LAB: &str = "\
muster: 1
name: lab
environment: lab
regions: { primary: { name: here }, secondary: { name: there } }
resources: { main: { database: { provider: patroni } } }
";

    fn drill() -> Loaded {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        std::fs::write(folder.path().join("lab.yaml"), LAB).unwrap();
        let playbook = folder.path().join("drill.yaml");
        std::fs::write(&playbook, DRILL).unwrap();
        super::super::load(&Request { playbook: playbook.display().to_string(), ..Request::default() }).unwrap()
    }

    #[test]
    fn a_forecast_is_made_of_the_plan_that_is_run() {
        let loaded = drill();
        let Foreseen::Made(made) =
            of_run(&loaded, Attendance::Nobody, Timestamp::UNIX_EPOCH, Some(Span::from_secs(60)))
        else {
            panic!("none was made")
        };
        assert_eq!(made.runs, RUNS);
        let drill = made.measures.iter().find(|it| it.of == MeasureOf::AllServices).unwrap();
        assert_eq!((drill.spread.of, drill.spread.at.len()), (RUNS, 101));
        assert!(drill.spread.at.is_sorted() && !drill.spread.is_certain());
        assert!(made.steps.iter().any(|it| it.step.as_str().contains("promote")), "{:?}", made.steps);
    }

    #[test]
    fn one_that_is_not_made_says_why_and_costs_nothing() {
        let because =
            |loaded: &Loaded, time: Option<Span>| match of_run(loaded, Attendance::Nobody, Timestamp::UNIX_EPOCH, time)
            {
                Foreseen::NotMade { because } => because,
                Foreseen::Made(made) => panic!("{} runs", made.runs),
            };
        let mut loaded = drill();
        assert_eq!(because(&loaded, Some(Span::ZERO)), "none was wanted");
        let no_time = because(&loaded, Some(Span(1)));
        assert!(no_time.contains("40 are needed") || no_time.contains("takes longer than"), "{no_time}");
        loaded.plan.mode = Mode::Emergency;
        assert!(because(&loaded, None).contains("emergency"));
        loaded.plan.mode = Mode::Planned;
        loaded.plan.steps.iter_mut().for_each(|step| step.expected = Span::ZERO);
        assert!(because(&loaded, None).contains("too little to spend time on"));
        loaded.plan.network = serde_json::json!({ "nonsense": 1 });
        assert!(because(&loaded, Some(Span::from_secs(60))).contains("simulated network"));
    }
}
