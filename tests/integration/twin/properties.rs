//! What must be so in the twin's world, through its providers and over whole drills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster::app;
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::id::{ProbeId, RegionRole, ResourceId, RunId, StepId};
use muster::infrastructure::simulate::{Affliction, Ailment, Faults};
use muster::measure::Measure;
use muster::model::Leg;
use muster::provider::simulated::Simulation;
use muster::resource::{
    Actor, CanaryRow, Cancellation, Context, Database, HttpRequest, Method, Party, RegionState, Resolver, Seen,
    TcpRequest, WriteAttempt,
};
use muster::time::{Clock, Moment, Span, run_virtual};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::simulation::scene::{quarterly, with};

const P: RegionRole = RegionRole::Primary;
const S: RegionRole = RegionRole::Secondary;

fn id(text: &str) -> ResourceId {
    ResourceId::new(text).unwrap()
}

fn cx(clock: &Clock, actor: Actor) -> Context {
    let run = RunId::make("2026-03-01T02:00:00Z".parse().unwrap(), "drill").unwrap();
    Context {
        run,
        actor,
        attempt: 1,
        errand: muster::resource::Errand::Do,
        clock: clock.clone(),
        fencing: 1,
        cancel: Cancellation::default(),
    }
}

fn step(clock: &Clock) -> Context {
    cx(clock, Actor::Step(StepId::new("step").unwrap()))
}

fn user(clock: &Clock) -> Context {
    cx(clock, Actor::Probe(ProbeId::new("user").unwrap()))
}

/// The world of the quarterly drill, in virtual time.
fn world<Fut>(seed: u64, f: impl FnOnce(Simulation, Clock) -> Fut) -> Fut::Output
where
    Fut: Future,
{
    let loaded = quarterly(Mode::Planned, &[]);
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    let played = run_virtual(start, |clock| {
        let setup = app::simulation::setup(&loaded.plan, Seed(seed), clock.clone(), &Faults::default()).unwrap();
        f(Simulation::new(setup).unwrap(), clock)
    });
    played.unwrap()
}

/// What may be done to a database.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Write(RegionRole),
    Fence(RegionRole),
    Unfence(RegionRole),
    Promote(RegionRole),
    Replicate(RegionRole),
    Cut(RegionRole, bool, bool),
    Mend(RegionRole),
}

fn side() -> impl Strategy<Value = RegionRole> {
    prop_oneof![Just(P), Just(S)]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => side().prop_map(Deed::Write),
        1 => side().prop_map(Deed::Fence),
        1 => side().prop_map(Deed::Unfence),
        1 => side().prop_map(Deed::Promote),
        1 => side().prop_map(Deed::Replicate),
        1 => (side(), any::<bool>(), any::<bool>()).prop_map(|(side, users, other)| Deed::Cut(side, users, other)),
        1 => side().prop_map(Deed::Mend),
    ]
}

/// The rows that each side really has, whoever reaches it.
async fn rows(database: &Arc<dyn Database>, cx: &Context, role: RegionRole) -> Option<BTreeSet<u64>> {
    let rows = database.canary_rows(cx, role).await.ok()?;
    Some(rows.ranges.into_iter().flat_map(|(first, last)| first..=last).collect())
}

/// Does the deeds and accounts for each acknowledged row after each of them.
async fn conserved(simulation: Simulation, clock: Clock, deeds: Vec<(u64, Deed)>) -> Result<(), TestCaseError> {
    let (cx, resources) = (step(&clock), simulation.resources());
    let database = Arc::clone(&resources.databases[&id("main")]);
    database.prepare_canary(&cx).await.unwrap();
    let (mut number, mut acknowledged, mut lost) = (0, BTreeSet::new(), BTreeSet::new());
    for (wait, deed) in deeds {
        clock.sleep(Span::from_millis(wait)).await;
        let mut built_over = false;
        match deed {
            Deed::Write(role) => {
                let row = CanaryRow { number, sent: clock.now() };
                if database.write_canary(&cx, role, row).await == WriteAttempt::Acknowledged {
                    acknowledged.insert(number);
                }
                number += 1;
            }
            Deed::Fence(role) => drop(database.fence(&cx, role).await),
            Deed::Unfence(role) => drop(database.unfence(&cx, role).await),
            Deed::Promote(role) => drop(database.promote(&cx, role).await),
            Deed::Replicate(to) => built_over = database.replicate(&cx, to.other(), to).await.is_ok(),
            Deed::Cut(role, users, other) => {
                let other = other.then_some(if role == P { Party::Secondary } else { Party::Primary });
                let isolated_from = users.then_some(Party::Users).into_iter().chain(other).collect();
                resources.regions[&role].set_isolation(&cx, &RegionState::cut_off_from(isolated_from)).await.unwrap();
            }
            Deed::Mend(role) => {
                resources.regions[&role].set_isolation(&cx, &RegionState::default()).await.unwrap();
            }
        }
        // Only who reaches both sides can tell; the others are asked when they are reached again.
        let (Some(there), Some(here)) = (rows(&database, &cx, P).await, rows(&database, &cx, S).await) else {
            continue;
        };
        for row in there.union(&here) {
            prop_assert!(*row < number, "row {row} was never sent");
            prop_assert!(!lost.contains(row), "row {row} was lost, and is back");
        }
        for row in &acknowledged {
            if !there.contains(row) && !here.contains(row) {
                prop_assert!(
                    built_over || lost.contains(row),
                    "row {row} is on no side, and nothing was built over one"
                );
                lost.insert(*row);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_row_is_on_the_old_side_on_the_new_or_lost(
        seed: u64, deeds in proptest::collection::vec((1_u64..3_000, deed()), 1..60),
    ) {
        // What can't be reached is not asked, so the deeds that cut something off are mended before each account.
        let mended = deeds.into_iter().flat_map(|(wait, deed)| match deed {
            Deed::Replicate(_) => vec![(1, Deed::Mend(P)), (1, Deed::Mend(S)), (wait, deed)],
            deed => vec![(wait, deed)],
        });
        let deeds = mended.collect();
        world(seed, |simulation, clock| conserved(simulation, clock, deeds))?;
    }

    #[test]
    fn a_copy_is_never_ahead_of_the_original_and_never_goes_back(
        seed: u64, waits in proptest::collection::vec(1_u64..5_000, 1..60), behind in proptest::option::of(0_u64..60_000),
    ) {
        let loaded = quarterly(Mode::Planned, &[]);
        let played = run_virtual("2026-03-01T02:00:00Z".parse().unwrap(), |clock| async move {
            let mut setup =
                app::simulation::setup(&loaded.plan, Seed(seed), clock.clone(), &Faults::default()).unwrap();
            let late = behind.map(|ms| Ailment::Behind { of: id("main"), by: Span::from_millis(ms) });
            setup.afflictions.extend(late.map(|late| Affliction::since(Moment::ZERO + Span::from_secs(20), late)));
            let simulation = Simulation::new(setup).unwrap();
            let (cx, database) = (step(&clock), Arc::clone(&simulation.resources().databases[&id("main")]));
            let mut before = 0;
            for wait in waits {
                clock.sleep(Span::from_millis(wait)).await;
                let state = database.observe(&cx).await.unwrap();
                let [Some(Seen::Is(original)), Some(Seen::Is(copy))] = [P, S].map(|role| state.regions.get(&role)) else {
                    panic!("{state:?}")
                };
                prop_assert!(copy.position <= original.position, "the copy is ahead");
                prop_assert!(copy.position >= before, "the copy went back");
                // A lag is a length: longer than there has been time for, but for what was so before, it can't be.
                let most = behind.map_or(Span::from_secs(60), |ms| Span::from_millis(ms).max(Span::from_secs(60)));
                prop_assert!(copy.lag.is_some_and(|lag| lag <= most), "{:?}", copy.lag);
                before = copy.position;
            }
            Ok(())
        });
        played.unwrap()?;
    }

    #[test]
    fn no_resolver_answers_with_what_every_server_gave_up_a_ttl_ago(
        seed: u64, first in 1_u64..400, resolver in "[a-z]{1,8}", ask_after in 0_u64..600,
    ) {
        let (found, agreed, ttl, asked) = world(seed, |simulation, clock| async move {
            let (cx, resources) = (step(&clock), simulation.resources());
            let dns = Arc::clone(&resources.dns[&id("code")]);
            clock.sleep(Span::from_secs(first)).await;
            let record = dns.observe(&cx).await.unwrap().record;
            let to = dns.target(S, &record);
            dns.change(&cx, &record, &to).await.unwrap();
            while dns.authoritative(&cx).await.unwrap().iter().any(|server| server.serves != Some(S)) {
                clock.sleep(Span::from_secs(1)).await;
            }
            let agreed = clock.now();
            clock.sleep(Span::from_secs(ask_after)).await;
            let asked = clock.now();
            let mut found: Vec<Option<RegionRole>> =
                dns.resolvers(&cx).await.unwrap().iter().map(|answer| answer.serves).collect();
            for resolver in [Resolver::System, Resolver::Server(resolver)] {
                let url = "https://code.example.test/healthz";
                let request = HttpRequest::new(Method::Get, url, ("code.example.test", 443), resolver, 100);
                let exchange = resources.network.http(&user(&clock), &request).await;
                let new: Vec<String> = exchange.address.iter().map(ToString::to_string).collect();
                found.push(Some(if new == to.values { S } else { P }));
            }
            (found, agreed, record.ttl, asked)
        });
        if asked >= agreed + ttl {
            prop_assert!(found.iter().all(|serves| *serves == Some(S)), "{found:?}");
        }
    }

    #[test]
    fn a_region_that_is_cut_off_answers_nobody_outside_and_goes_on_inside(
        seed: u64, users: bool, other: bool, wait in 1_u64..300,
    ) {
        world(seed, |simulation, clock| async move {
            let (cx, resources) = (step(&clock), simulation.resources());
            let parties = [users.then_some(Party::Users), other.then_some(Party::Secondary)];
            let cut = RegionState::cut_off_from(parties.into_iter().flatten().collect());
            resources.regions[&P].set_isolation(&cx, &cut).await.unwrap();
            clock.sleep(Span::from_secs(wait)).await;
            // Outside: users and Muster, at its addresses and at its provider's.
            let request = TcpRequest::to("192.0.2.10", 22, Resolver::System);
            let asked = user(&clock);
            let answered = clock.timeout(Span::from_secs(600), resources.network.tcp(&asked, &request)).await;
            prop_assert_eq!(answered.is_err(), users, "an answer from a region that is cut off, or none from one that is not");
            let database = Arc::clone(&resources.databases[&id("main")]);
            let seen: BTreeMap<RegionRole, bool> = database
                .observe(&cx).await.unwrap().regions.iter().map(|(role, seen)| (*role, seen.known().is_some())).collect();
            prop_assert_eq!(seen, BTreeMap::from([(P, !users), (S, true)]));
            // Inside: its own copy goes on being fed, unless it is cut off from the other region.
            let Some(muster::resource::ResourceState::Database(state)) = simulation.world().remove(&id("main")) else {
                panic!("it is there")
            };
            let lag = state.regions.get(&S).and_then(Seen::known).and_then(|it| it.lag).unwrap();
            if other && !users {
                prop_assert!(lag >= Span::from_secs(wait), "{lag} behind after {wait} s without a link");
            }
            if !other && !users {
                prop_assert!(lag < Span::from_secs(60), "{lag} behind with a link");
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(Config { cases: 16, failure_persistence: None, ..Config::default() })]

    /// Over a whole drill: what is told to be lost is what was lost, to the width of the measure.
    #[test]
    fn a_drill_tells_just_as_much_lost_as_was(seed in 1_u64..10_000, lacks in 2_000_u64..25_000) {
        let loaded = quarterly(Mode::Planned, &[("soak", "1m")]);
        let hollow = Ailment::Hollow { of: id("main"), lacks: Span::from_millis(lacks) };
        let afflictions = [Affliction::since(Moment::ZERO, hollow)];
        let rehearsed = app::rehearse_afflicted(&loaded, &with(seed, &[]), &afflictions).unwrap();
        let canary = rehearsed.record.canaries.iter().find(|canary| canary.id.as_str() == "main").unwrap();
        let leg = canary.legs.iter().find(|leg| leg.leg == Leg::Failover).unwrap();
        let Measure::Between { lower, upper } = leg.rpa else { panic!("{:?}", leg.rpa) };
        prop_assert!(leg.lost.unwrap() <= leg.acknowledged.unwrap());
        // The last acknowledged row came up to one interval before the end of writes, and up to one after it was sent.
        let (lacks, row) = (Span::from_millis(lacks), Span::from_millis(200));
        prop_assert!(lower <= lacks && lacks <= upper + row * 2, "{lacks} of {lower} to {upper}");
    }
}
