//! Two runs of two stores in one world: what one has marked as its own, no other changes.

use std::sync::Arc;

use async_trait::async_trait;
use muster::app::{self, Loaded};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::{Ended, Past, Run, Signal, drive};
use muster::event::{Event, ResumeTo, Resumed};
use muster::id::{RegionRole, ResourceId, RunId};
use muster::infrastructure::simulate::Faults;
use muster::journal::{Journal, MemoryLog, Writer};
use muster::model::{ExitCode, Person, PhaseKind, Verdict};
use muster::provider::simulated::{Simulation, settled};
use muster::record::{Heads, Record};
use muster::report::{Format, Style, render};
use muster::resource::{Compute, ComputeState, Context, Exclusive, ProviderError, Resources};
use muster::time::{Clock, Span, run_virtual};
use tokio::sync::mpsc;

use super::scene::{dressed, prepared, quarterly};

const START: &str = "2026-03-01T02:00:00Z";

/// A world that runs share.
struct Shared<'a> {
    loaded: &'a Loaded,
    clock: Clock,
    world: Simulation,
}

impl<'a> Shared<'a> {
    fn new(loaded: &'a Loaded, clock: Clock) -> Self {
        let setup = app::simulation::setup(&loaded.plan, Seed(1), clock.clone(), &Faults::default()).unwrap();
        Self { loaded, clock, world: Simulation::new(setup).unwrap() }
    }

    /// A run, and the way to tell it things.
    fn run(&self, name: &str) -> (Run, mpsc::Sender<Signal>) {
        let (sender, signals) = mpsc::channel(8);
        let id = RunId::new(name).unwrap();
        let mut run = prepared(self.loaded, id, 1, self.world.resources(), self.clock.clone(), signals);
        (run.started.origin.user, run.started.origin.host) = ("ops".to_owned(), format!("laptop-of-{name}"));
        (run, sender)
    }

    /// Who has marked anything.
    fn holders(&self) -> Vec<String> {
        let mut all: Vec<String> = self.world.markers().values().map(|marker| marker.run.to_string()).collect();
        all.dedup();
        all
    }
}

fn with_world<T>(test: impl AsyncFnOnce(Shared<'_>) -> T) -> T {
    let loaded = quarterly(Mode::Planned, &[("soak", "3m")]);
    run_virtual(START.parse().unwrap(), |clock| test(Shared::new(&loaded, clock))).unwrap()
}

const FIRST: &str = "20260301-020000-first";
const SECOND: &str = "20260301-020010-second";

fn record(run: &str, ended: Ended) -> Record {
    let heads = Heads { last: ended.head.clone(), finished: Some(ended.head) };
    Record::from_events(RunId::new(run).unwrap(), ended.events, heads).unwrap()
}

#[test]
fn a_second_run_is_refused_and_told_who_has_it_and_since_when() {
    with_world(async |shared| {
        let (first, _keep) = shared.run(FIRST);
        let going = shared.clock.spawn(drive(first));
        shared.clock.sleep(Span::from_secs(10)).await;
        let (second, _keep_too) = shared.run(SECOND);
        let began = shared.clock.now();
        let refused = drive(second).await.unwrap();
        assert_eq!(refused.exit, ExitCode::Refused);
        assert_eq!(refused.verdict.map(|(verdict, _)| verdict), Some(Verdict::Refused));
        assert!(shared.clock.now().since(began) < Span::from_secs(10), "it was told soon");
        // Its cleanup tells people; nothing else of it is begun.
        let plan = &shared.loaded.plan;
        let begun = refused.events.iter().filter_map(|entry| match &entry.event {
            Event::StepStarted { step, .. } => plan.step_index(step),
            _ => None,
        });
        let beside: Vec<usize> = begun.filter(|step| plan.phase_of(*step).kind != PhaseKind::Cleanup).collect();
        assert!(beside.is_empty(), "{beside:?}");
        let why = record(SECOND, refused).ended.reasons.join("\n");
        let told = format!("the run {FIRST} has it since 2026-03-01T02:00:00Z (ops at laptop-of-{FIRST})");
        assert!(why.contains(&told), "{why}");
        assert_eq!(shared.holders(), [FIRST], "what is refused takes no mark away that is not its own");
        let ended = going.await.unwrap().unwrap();
        assert_eq!(ended.exit, ExitCode::Passed);
        assert!(shared.world.markers().is_empty());
        let (third, _keep_that_too) = shared.run(SECOND);
        assert_eq!(drive(third).await.unwrap().exit, ExitCode::Passed, "what was let go can be had");
    });
}

/// Lets a run go on until it has changed something, and stops it so that it can be taken up again.
async fn left_behind(shared: &Shared<'_>) -> Ended {
    let (first, signals) = shared.run(FIRST);
    let going = shared.clock.spawn(drive(first));
    let before = settled(&shared.world.world());
    while settled(&shared.world.world()) == before {
        shared.clock.sleep(Span::from_secs(1)).await;
    }
    signals.send(Signal::Terminate).await.unwrap();
    let left = going.await.unwrap().unwrap();
    assert!(left.verdict.is_none());
    left
}

/// The run that was left behind, as it is taken up.
fn taken_up(shared: &Shared<'_>, left: Ended) -> (Run, mpsc::Sender<Signal>) {
    let (mut run, signals) = shared.run(FIRST);
    let by = Person { name: None, user: "ops".to_owned(), host: "elsewhere".to_owned() };
    let resumed = Resumed {
        to: ResumeTo::GoOn,
        by,
        muster: String::new(),
        boot: String::new(),
        since_boot: None,
        estimated: false,
        kept: None,
        fencing: 2,
    };
    run.fencing = 2;
    run.past = Some(Past { entries: left.events, resumed, by_hand: Vec::new() });
    // What was written before is not looked at again: the head alone would be otherwise.
    run.journal = Journal::inline(Writer::over(run.id.clone(), Box::new(MemoryLog::new())));
    (run, signals)
}

#[test]
fn a_run_that_was_left_behind_keeps_its_marks_until_it_has_been_taken_up_and_has_ended() {
    with_world(async |shared| {
        let left = left_behind(&shared).await;
        assert_eq!(shared.holders(), [FIRST]);
        let (second, _keep) = shared.run(SECOND);
        assert_eq!(drive(second).await.unwrap().exit, ExitCode::Refused);
        let (again, _keep_too) = taken_up(&shared, left);
        let going = shared.clock.spawn(drive(again));
        shared.clock.sleep(Span::from_secs(5)).await;
        assert!(shared.world.markers().values().all(|marker| marker.fencing == 2), "{:?}", shared.world.markers());
        let ended = record(FIRST, going.await.unwrap().unwrap()).ended;
        assert_eq!(ended.verdict, Verdict::Passed, "{:?}", ended.reasons);
        assert!(shared.world.markers().is_empty());
    });
}

#[test]
fn who_passes_over_a_run_has_what_it_had_and_that_run_acts_no_more() {
    with_world(async |shared| {
        let left = left_behind(&shared).await;
        let (mut second, signals) = shared.run(SECOND);
        second.started.origin.break_glass = Some("the laptop is lost".to_owned());
        let going = shared.clock.spawn(drive(second));
        shared.clock.sleep(Span::from_secs(1)).await;
        assert_eq!(shared.holders(), [SECOND]);
        // The provider refuses what the earlier run asks for, whatever that believes.
        let old = muster::engine::muster_context(&RunId::new(FIRST).unwrap(), &shared.clock, 9);
        let computes = shared.world.resources().computes;
        let refused = computes.values().next().unwrap().scale(&old, RegionRole::Secondary, 1).await;
        assert!(matches!(&refused, Err(ProviderError::Refused(why)) if why.contains(SECOND)), "{refused:?}");
        // And who takes the earlier run up again finds that it is no more its own.
        let (again, _keep) = taken_up(&shared, left);
        let before = settled(&shared.world.world());
        let ended = drive(again).await.unwrap();
        assert_eq!(ended.exit, ExitCode::NeedsPerson);
        assert!(
            ended.events.iter().any(|entry| matches!(&entry.event, Event::LeaseLost { to } if to.contains(SECOND)))
        );
        assert_eq!(settled(&shared.world.world()), before);
        assert_eq!(shared.holders(), [SECOND]);
        signals.send(Signal::Interrupt).await.unwrap();
        let ended = going.await.unwrap().unwrap();
        let warnings = record(SECOND, ended).warnings.join("\n");
        assert!(warnings.contains("was taken over from another run, which was passed over"), "{warnings}");
        assert!(shared.world.markers().is_empty());
    });
}

/// A group whose provider keeps no marks.
struct Unmarked(Arc<dyn Compute>);

impl Exclusive for Unmarked {}

#[async_trait]
impl Compute for Unmarked {
    async fn observe(&self, cx: &Context) -> Result<ComputeState, ProviderError> {
        self.0.observe(cx).await
    }

    async fn scale(&self, cx: &Context, region: RegionRole, servers: u32) -> Result<(), ProviderError> {
        self.0.scale(cx, region, servers).await
    }
}

#[test]
fn every_report_names_what_only_the_lease_guards() {
    let loaded = quarterly(Mode::Planned, &[("soak", "3m")]);
    let group = ResourceId::new("web-servers").unwrap();
    let unmarked = |mut resources: Resources| {
        let inner = resources.computes.remove(&group).unwrap();
        resources.computes.insert(group.clone(), Arc::new(Unmarked(inner)));
        resources
    };
    let guarded = "web-servers (its provider keeps no marks) was guarded by the lease only";
    for (record, named) in [(dressed(&loaded, 1, unmarked), true), (dressed(&loaded, 1, |all| all), false)] {
        assert_eq!(record.limits.iter().any(|limit| limit.code == "lease_only"), named);
        // The time line alone, and tables of figures, have no such words.
        let wordless = [Format::Svg, Format::Csv, Format::SamplesCsv];
        for format in Format::ALL.into_iter().filter(|format| !wordless.contains(format)) {
            let report = render(&record, format, &Style::default());
            let words: Vec<&str> = report.split_whitespace().collect();
            assert_eq!(words.join(" ").contains(guarded), named, "{format}");
        }
    }
}
