//! Canaries: what they count, and what they notice.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rstest::rstest;

use super::rig::*;
use crate::engine::watch::Pace;
use crate::event::Event;
use crate::id::RegionRole;
use crate::model::{CanaryCount, Leg, Plan};
use crate::resource::{
    CanaryRow, CanaryRows, Context, Database, DatabaseInstance, DatabaseState, Exclusive, FenceProof, Preserved,
    ProviderError, ReplicaRole, ResourceKind, Resources, Seen, WriteAttempt,
};

/// A database that does as it is told.
#[derive(Default)]
struct Fake(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Whether each side takes writes.
    open: [bool; 2],
    /// The rows that each side has.
    rows: [Vec<u64>; 2],
    /// Rows that are written and never acknowledged.
    mute: Vec<u64>,
    /// The number of the last row that the secondary gets.
    copied_up_to: u64,
    sent: Vec<(RegionRole, u64)>,
    prepare_fails: u32,
    prepared: bool,
    removed: bool,
    cant_be_removed: bool,
    /// What the next look sees in place of what is: one side from before, the other from after a change.
    torn: Option<[bool; 2]>,
}

fn place(region: RegionRole) -> usize {
    usize::from(region == S)
}

impl Exclusive for Fake {}

#[async_trait]
impl Database for Fake {
    async fn observe(&self, _cx: &Context) -> Result<DatabaseState, ProviderError> {
        let open = {
            let mut inner = self.0.lock().unwrap();
            inner.torn.take().unwrap_or(inner.open)
        };
        let instance = |role| DatabaseInstance {
            role: if open[place(role)] { ReplicaRole::Primary } else { ReplicaRole::Replica },
            fenced: false,
            writable: open[place(role)],
            replicates_from: None,
            position: 0,
            timeline: 1,
            lag: None,
        };
        Ok(DatabaseState {
            regions: RegionRole::ALL.into_iter().map(|role| (role, Seen::Is(instance(role)))).collect(),
        })
    }

    async fn fence(&self, _cx: &Context, _region: RegionRole) -> Result<FenceProof, ProviderError> {
        unimplemented!()
    }

    async fn unfence(&self, _cx: &Context, _region: RegionRole) -> Result<(), ProviderError> {
        unimplemented!()
    }

    async fn promote(&self, _cx: &Context, _region: RegionRole) -> Result<(), ProviderError> {
        unimplemented!()
    }

    async fn replicate(&self, _cx: &Context, _from: RegionRole, _to: RegionRole) -> Result<(), ProviderError> {
        unimplemented!()
    }

    async fn write(&self, _cx: &Context, _region: RegionRole) -> WriteAttempt {
        unimplemented!()
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        assert_eq!(row.sent, cx.clock.now());
        cx.clock.sleep(ms(3)).await;
        let silent = {
            let mut inner = self.0.lock().unwrap();
            inner.sent.push((region, row.number));
            if !inner.open[place(region)] {
                return WriteAttempt::Refused("read-only".into());
            }
            inner.rows[place(region)].push(row.number);
            if region == P && row.number <= inner.copied_up_to {
                inner.rows[place(S)].push(row.number);
            }
            inner.mute.contains(&row.number)
        };
        if silent {
            std::future::pending::<()>().await;
        }
        WriteAttempt::Acknowledged
    }

    async fn canary_rows(&self, _cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        let rows = self.0.lock().unwrap().rows[place(region)].clone();
        Ok(CanaryRows { ranges: rows.into_iter().map(|row| (row, row)).collect() })
    }

    async fn prepare_canary(&self, _cx: &Context) -> Result<(), ProviderError> {
        let mut inner = self.0.lock().unwrap();
        if inner.prepare_fails > 0 {
            inner.prepare_fails -= 1;
            return Err(ProviderError::Refused("permission denied for database".into()));
        }
        inner.prepared = true;
        Ok(())
    }

    async fn remove_canary(&self, _cx: &Context) -> Result<(), ProviderError> {
        let mut inner = self.0.lock().unwrap();
        if inner.cant_be_removed {
            return Err(ProviderError::Unreachable("connection refused".into()));
        }
        inner.removed = true;
        Ok(())
    }

    async fn preserve(&self, _cx: &Context, _region: RegionRole) -> Result<Preserved, ProviderError> {
        unimplemented!()
    }
}

fn plan() -> Plan {
    Plan { canaries: vec![canary("main", ResourceKind::Database, ms(200))], ..empty_plan() }
}

fn fake(inner: Inner) -> Arc<Fake> {
    Arc::new(Fake(Mutex::new(inner)))
}

fn open_primary() -> Inner {
    Inner { open: [true, false], copied_up_to: u64::MAX, ..Inner::default() }
}

fn with(clock: &crate::time::Clock, database: &Arc<Fake>) -> Resources {
    let mut resources = scripted(clock, |_, _| Says::Silence);
    resources.databases = [(id("main"), Arc::clone(database) as Arc<dyn Database>)].into();
    resources
}

fn counts(told: &Told) -> Vec<(Leg, CanaryCount)> {
    let count = |event| match event {
        Event::CanaryCounted { leg, count } => Some((leg, count)),
        _ => None,
    };
    told.events().into_iter().filter_map(count).collect()
}

fn splits(told: &Told) -> Vec<String> {
    let split = |event| match event {
        Event::SplitBrain { seen, .. } => Some(seen),
        _ => None,
    };
    told.events().into_iter().filter_map(split).collect()
}

/// The primary is lost after a minute, the secondary is promoted a minute later.
fn failover(pace: Pace, database: &Arc<Fake>, open_after: [bool; 2]) -> Told {
    virtually(|clock| async move {
        let watching = Watching::start(&clock, plan(), with(&clock, database), pace);
        clock.sleep(secs(60)).await;
        database.0.lock().unwrap().open = [false, false];
        clock.sleep(secs(60)).await;
        database.0.lock().unwrap().open = open_after;
        watching.watch.promoted(&id("main"), S, Leg::Failover).await;
        clock.sleep(secs(60)).await;
        watching.finish().await
    })
}

#[rstest]
fn lost_and_unacknowledged_rows_are_counted(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    // Row 100 was written and copied but never acknowledged; the copy ends at row 280.
    let database = fake(Inner { copied_up_to: 280, mute: vec![100], ..open_primary() });
    let told = failover(pace, &database, [false, true]);
    let counted = counts(&told);
    let [(Leg::Failover, count)] = &counted[..] else { panic!("{counted:?}") };
    let last = count.last_acknowledged.unwrap();
    let prefix_end = count.prefix_end.unwrap();
    assert_eq!(prefix_end.0, 280);
    assert_eq!(count.lost, last.0 - 280);
    assert_eq!(count.acknowledged, last.0, "all from 0 but row 100");
    assert_eq!(count.survived_unacknowledged, 1);
    assert_eq!(last.1.since(prefix_end.1), ms(200) * (last.0 - 280), "told by the acknowledgements' moments");
    assert_eq!((count.region, count.every), (S, ms(200)));
    assert_eq!(splits(&told), Vec::<String>::new());
    // Rows are numbered without gaps, and the old side is still tried with the same ones.
    let inner = database.0.lock().unwrap();
    let to_secondary: Vec<u64> = inner.sent.iter().filter(|(region, _)| *region == S).map(|(_, row)| *row).collect();
    assert!(to_secondary.len() > 290 && to_secondary.windows(2).all(|two| two[1] == two[0] + 1));
    let to_primary = inner.sent.iter().filter(|(region, row)| *region == P && *row >= to_secondary[0]).count();
    assert_eq!(to_primary, to_secondary.len());
    assert!(inner.prepared && inner.removed);
}

#[test]
fn a_side_that_was_lost_between_the_two_halves_of_a_look_takes_no_writes_beside_the_promoted_one() {
    for (after, told) in [([false, true], 0), ([true, true], 1)] {
        let database = fake(open_primary());
        let seen = virtually(|clock| {
            let database = &database;
            async move {
                let watching = Watching::start(
                    &clock,
                    Plan { canaries: Vec::new(), ..plan() },
                    with(&clock, database),
                    Pace::Plain,
                );
                clock.sleep(secs(5)).await;
                {
                    let mut inner = database.0.lock().unwrap();
                    (inner.open, inner.torn) = (after, Some([true, true]));
                }
                watching.watch.promoted(&id("main"), S, Leg::Failover).await;
                database.0.lock().unwrap().open = [false, true];
                watching.finish().await
            }
        });
        assert_eq!(splits(&seen).len(), told, "{after:?}");
    }
}

#[test]
fn rows_that_cant_be_taken_away_are_told_at_the_end() {
    let database = fake(Inner { cant_be_removed: true, ..open_primary() });
    let left = virtually(|clock| {
        let database = &database;
        async move {
            let watching = Watching::start(&clock, plan(), with(&clock, database), Pace::Plain);
            clock.sleep(secs(5)).await;
            watching.watch.finish().await
        }
    });
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].what, "what the canary main wrote to main is still there: connection refused: no answer");
}

#[rstest]
fn rows_of_the_way_back_are_counted_on_their_own(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(Inner { copied_up_to: 280, ..open_primary() });
    let told = virtually(|clock| {
        let database = &database;
        async move {
            let watching = Watching::start(&clock, plan(), with(&clock, database), pace);
            clock.sleep(secs(60)).await;
            database.0.lock().unwrap().open = [false, true];
            watching.watch.promoted(&id("main"), S, Leg::Failover).await;
            clock.sleep(secs(60)).await;
            {
                let mut inner = database.0.lock().unwrap();
                inner.open = [true, false];
                // Built back: the primary has what the secondary has, but for its last two rows.
                let mut rows = inner.rows[place(S)].clone();
                rows.truncate(rows.len() - 2);
                inner.rows[place(P)] = rows;
            }
            watching.watch.promoted(&id("main"), P, Leg::Return).await;
            watching.watch.promoted(&id("main"), P, Leg::Return).await;
            clock.sleep(secs(10)).await;
            watching.finish().await
        }
    });
    let counted = counts(&told);
    let [(Leg::Failover, out), (Leg::Return, home)] = &counted[..] else { panic!("{counted:?}") };
    assert!(out.lost > 0);
    assert_eq!((home.region, home.lost, home.survived_unacknowledged), (P, 2, 0));
    assert_eq!(home.acknowledged, 300, "a minute's worth");
}

#[rstest]
fn an_acknowledgement_by_the_old_side_is_split_brain(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(open_primary());
    let told = virtually(|clock| {
        let database = &database;
        async move {
            let watching = Watching::start(&clock, plan(), with(&clock, database), pace);
            clock.sleep(secs(30)).await;
            database.0.lock().unwrap().open = [false, true];
            watching.watch.promoted(&id("main"), S, Leg::Failover).await;
            clock.sleep(secs(30)).await;
            // The old primary's fence is gone, for a moment.
            database.0.lock().unwrap().open = [true, true];
            clock.sleep(secs(2)).await;
            database.0.lock().unwrap().open = [false, true];
            clock.sleep(secs(30)).await;
            watching.finish().await
        }
    });
    let split = splits(&told);
    assert_eq!(split.len(), 1, "once: {split:?}");
    assert!(split[0].starts_with("canary main wrote row 3"), "{split:?}");
    assert!(split[0].ends_with("in primary, although secondary was promoted"), "{split:?}");
}

/// Home again: the primary takes writes two seconds before its promotion is seen. `open_meanwhile` says which sides do.
fn way_back(pace: Pace, open_meanwhile: [bool; 2]) -> Vec<String> {
    let database = fake(open_primary());
    let told = virtually(|clock| {
        let database = &database;
        async move {
            let watching = Watching::start(&clock, plan(), with(&clock, database), pace);
            clock.sleep(secs(30)).await;
            database.0.lock().unwrap().open = [false, true];
            watching.watch.promoted(&id("main"), S, Leg::Failover).await;
            clock.sleep(secs(30)).await;
            watching.watch.promoting(&id("main"), P);
            clock.sleep(secs(2)).await;
            database.0.lock().unwrap().open = open_meanwhile;
            clock.sleep(secs(2)).await;
            database.0.lock().unwrap().open = [true, false];
            watching.watch.promoted(&id("main"), P, Leg::Return).await;
            clock.sleep(secs(30)).await;
            watching.finish().await
        }
    });
    splits(&told)
}

#[rstest]
fn what_a_side_takes_before_its_promotion_is_seen_is_no_split_brain(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    assert_eq!(way_back(pace, [true, false]), Vec::<String>::new());
}

#[rstest]
fn two_sides_that_take_rows_during_a_promotion_are_split_brain(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let split = way_back(pace, [true, true]);
    assert_eq!(split.len(), 1, "once: {split:?}");
    assert!(split[0].ends_with("in secondary, although primary took rows before"), "{split:?}");
}

#[rstest]
fn two_writable_sides_are_seen_at_the_promotion(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(open_primary());
    let told = failover(pace, &database, [true, true]);
    let split = splits(&told);
    assert_eq!(split, ["both regions take writes: primary takes writes, secondary takes writes"]);
}

#[rstest]
fn two_writable_sides_are_seen_before_anything_is_done(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(open_primary());
    let told = virtually(|clock| {
        let database = &database;
        async move {
            let resources = with(&clock, database);
            let (cx, main) = (context(&clock), id("main"));
            let one = resources.observe(&cx, &main).await.unwrap();
            database.0.lock().unwrap().open = [true, true];
            let two = resources.observe(&cx, &main).await.unwrap();
            let watching = Watching::start(&clock, plan(), resources.clone(), pace);
            watching.watch.saw(&[(id("main"), one)].into());
            watching.watch.saw(&[(id("main"), two)].into());
            watching.finish().await
        }
    });
    assert_eq!(splits(&told), ["both regions take writes: primary takes writes, secondary takes writes"]);
}

#[rstest]
fn one_that_cannot_be_prepared_says_why_and_writes_nothing(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(Inner { prepare_fails: u32::MAX, ..open_primary() });
    let told = virtually(|clock| {
        let database = &database;
        async move {
            let watching = Watching::start(&clock, plan(), with(&clock, database), pace);
            clock.sleep(secs(30)).await;
            watching.finish().await
        }
    });
    let why = told.events().into_iter().find_map(|event| match event {
        Event::SamplesSummed { canaries, .. } => canaries.into_iter().find_map(|it| it.last_failure),
        _ => None,
    });
    assert_eq!(why.unwrap(), "it cannot be prepared: permission denied for database");
    let inner = database.0.lock().unwrap();
    assert!(inner.sent.is_empty() && !inner.removed);
}

#[rstest]
fn one_that_can_be_prepared_in_the_end_writes(#[values(Pace::Plain, Pace::Ahead)] pace: Pace) {
    let database = fake(Inner { prepare_fails: 2, ..open_primary() });
    let told = failover(pace, &database, [false, true]);
    assert_eq!(counts(&told)[0].1.lost, 0);
    assert!(database.0.lock().unwrap().removed);
}
