//! What only the lost region has is destroyed by nobody before it was kept: not when the keeping failed and a person went on,
//! not when a person says that they did it, not after a crash.

use std::sync::Arc;

use async_trait::async_trait;
use muster::app::{self, Crash, Kill, Loaded, rehearse_crashing};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::{drive, muster_context};
use muster::event::ResumeTo;
use muster::id::{RegionRole, ResourceId, RunId, StepId};
use muster::infrastructure::simulate::Faults;
use muster::model::{ExitCode, Place, Verdict};
use muster::provider::simulated::Simulation;
use muster::record::{Heads, Record, StepState};
use muster::resource::{Answer, AnsweredBy, Choice, Context, People, Question, ReplicaRole, ResourceState, World};
use muster::time::{Span, run_virtual};

use super::scene::{all, prepared, rehearse, with, written_for};

/// The primary region is lost while its replica lags behind; then the drill comes home.
const LOST: &str = "phases:
  - name: disaster
    steps: [ { id: isolate, region.isolate: { region: primary, from: [users, secondary] } } ]
  - name: failover
    steps: [ { id: promote, database.promote: { database: main, to: secondary } } ]
  - name: failback
    steps:
      - { id: rejoin, region.rejoin: { region: primary, fenced: [main] } }
      - { id: keep, data.preserve: { of: [main], in: primary }, on_failure: pause }
      - { id: replicate, needs: [rejoin, keep], database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true } }
";

fn lost(phases: &str) -> Loaded {
    let loss = "data_loss: { accept_up_to: 1h, because: a test }\n";
    written_for(Mode::Unplanned, &format!("{loss}{phases}"), &[])
}

fn main() -> ResourceId {
    ResourceId::new("main").unwrap()
}

/// What the old primary really is.
fn old_primary(world: &World) -> ReplicaRole {
    let Some(ResourceState::Database(state)) = world.get(&main()) else { panic!("{world:?}") };
    state.regions[&RegionRole::Primary].known().unwrap().role
}

fn state_of(record: &Record, step: &str) -> (StepState, String) {
    let step = record.steps.iter().find(|it| it.id.as_str() == step).unwrap();
    (step.state, step.failure.clone().unwrap_or_default())
}

/// Somebody who goes on whatever failed.
struct GoesOn(Arc<dyn People>);

#[async_trait]
impl People for GoesOn {
    async fn ask(&self, cx: &Context, question: &Question) -> Option<Answer> {
        self.0.ask(cx, question).await
    }

    async fn decide(&self, _cx: &Context, _situation: &str) -> Option<(Choice, AnsweredBy)> {
        Some((Choice::GoOn, AnsweredBy::Simulation))
    }
}

/// How the drill ends with these faults where somebody always goes on, and how many rows the old primary then has that are
/// nowhere else.
fn gone_on(loaded: &Loaded, faults: &[&str]) -> (Record, World, u64) {
    let faults = Faults::parse(faults.iter().copied()).unwrap();
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    let id = RunId::make(start, &loaded.plan.name).unwrap();
    let run = id.clone();
    let (ended, world, only_there) = run_virtual(start, |clock| async move {
        let setup = app::simulation::setup(&loaded.plan, Seed(1), clock.clone(), &faults).unwrap();
        let simulation = Simulation::new(setup).unwrap();
        let mut resources = simulation.resources();
        resources.people = Arc::new(GoesOn(Arc::clone(&resources.people)));
        let database = Arc::clone(&resources.databases[&main()]);
        let (_sender, signals) = tokio::sync::mpsc::channel(8);
        let cx = muster_context(&run, &clock, 1);
        let ended = drive(prepared(loaded, run, 1, resources, clock, signals)).await.unwrap();
        let only_there = database.preserve(&cx, RegionRole::Primary).await.unwrap().only_here.unwrap();
        (ended, simulation.world(), only_there)
    })
    .unwrap();
    let heads = Heads { last: ended.head.clone(), finished: Some(ended.head) };
    (Record::from_events(id, ended.events, heads).unwrap(), world, only_there)
}

#[test]
fn who_goes_on_after_a_failed_preserve_destroys_nothing() {
    let (record, world, only_there) = gone_on(&lost(LOST), &["keep=fails"]);
    assert!(state_of(&record, "keep").0.is_bad());
    let (state, why) = state_of(&record, "replicate");
    assert!(state.is_bad() && why.contains("nothing in this run has kept them"), "{state:?}: {why}");
    assert_eq!(old_primary(&world), ReplicaRole::Primary, "it was built over");
    assert!(only_there > 0, "what only the old primary had is gone");
    // The return is taken back, the secondary goes on serving, and a person is needed.
    assert_eq!((record.ended.verdict, record.ended.world), (Verdict::Failed, Place::Mixed));
    assert_eq!(record.ended.exit, Some(ExitCode::NeedsPerson));
}

#[test]
fn a_loss_that_is_accepted_is_built_over_though_nothing_was_kept() {
    let accepted = LOST.replace("phases:\n", "discard: accept\nphases:\n");
    let (record, ..) = gone_on(&lost(&accepted), &["keep=fails"]);
    assert_eq!(state_of(&record, "replicate"), (StepState::Passed, String::new()));
    assert_eq!(state_of(&record, "promote-back").0, StepState::Passed);
}

#[test]
fn a_preserve_that_a_person_says_they_did_is_not_taken_for_one() {
    let loaded = lost(LOST);
    let whole = rehearse(&loaded, &with(1, &[]));
    assert_eq!(
        (whole.record.ended.verdict, whole.record.ended.world),
        (Verdict::Passed, Place::Home),
        "{:?}",
        whole.record.ended.reasons
    );
    assert!(!whole.aftermath.losses.is_empty(), "nothing was left behind: the test shows nothing");
    let by_hand = vec![(StepId::new("keep").unwrap(), "it is only a drill".to_owned())];
    let crash = Crash { kill: Kill::After(4), down: Span::from_secs(5), to: ResumeTo::GoOn, by_hand };
    let skipped = rehearse_crashing(&loaded, &with(1, &[]), &[crash]).unwrap();
    assert_eq!(state_of(&skipped.record, "keep").0, StepState::ByHand);
    let (state, why) = state_of(&skipped.record, "replicate");
    assert!(state.is_bad() && why.contains("nothing in this run has kept them"), "{state:?}: {why}");
    assert_eq!(old_primary(&skipped.aftermath.after), ReplicaRole::Primary, "it was built over");
    assert_eq!(skipped.exit, ExitCode::NeedsPerson);
}

#[test]
fn a_run_that_is_taken_up_knows_what_was_kept_and_what_was_not() {
    let loaded = lost(LOST);
    for (faults, ends) in [(vec![], Verdict::Passed), (vec!["keep=fails".to_owned()], Verdict::Failed)] {
        let whole = rehearse(&loaded, &with(1, &faults));
        assert_eq!(whole.record.ended.verdict, ends);
        let records = whole.journal.split(|byte| *byte == b'\n').count() as u64 - 1;
        let (loaded, given) = (loaded.clone(), faults.clone());
        let killed = all((1..records).collect(), move |records: &u64| {
            let crash = Crash {
                kill: Kill::After(*records),
                down: Span::from_secs(5),
                to: ResumeTo::GoOn,
                by_hand: Vec::new(),
            };
            let it = rehearse_crashing(&loaded, &with(1, &given), &[crash]).unwrap();
            (it.record.ended.verdict, it.record.ended.world, it.exit, old_primary(&it.aftermath.after))
        });
        let expected = (ends, whole.record.ended.world, whole.exit, old_primary(&whole.aftermath.after));
        for (records, ended) in (1..records).zip(killed) {
            assert_eq!(ended.as_ref(), Ok(&expected), "{faults:?}, killed after {records} records");
        }
    }
}

#[test]
fn what_was_drained_has_nothing_of_its_own_and_needs_no_preserve() {
    let planned = "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: again, database.promote: { database: main, to: secondary } }
  - name: failback
    steps:
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary } }
";
    let it = rehearse(&written_for(Mode::Planned, planned, &[]), &with(1, &[]));
    assert_eq!(
        (it.record.ended.verdict, it.record.ended.world),
        (Verdict::Passed, Place::Home),
        "{:?}",
        it.record.ended.reasons
    );
    assert_eq!(state_of(&it.record, "again").0, StepState::AlreadyDone);
}
