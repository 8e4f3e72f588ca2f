use super::*;
use muster::id::ProbeId;
use muster::resource::{Actor, CanaryRow, WriteAttempt};
use rustix::process::Signal;

fn canary(cx: &Context) -> Context {
    Context { actor: Actor::Probe(ProbeId::new("main").unwrap()), ..cx.clone() }
}

fn row(cx: &Context, number: u64) -> CanaryRow {
    CanaryRow { number, sent: cx.clock.now() }
}

#[test]
fn needs_postgres_a_canarys_rows_are_what_the_server_committed_and_go_without_a_trace() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        let cx = canary(&cx);
        // Nobody has made the table yet.
        assert!(matches!(database.write_canary(&cx, Primary, row(&cx, 0)).await, WriteAttempt::Refused(_)));
        database.prepare_canary(&cx).await.unwrap();
        database.prepare_canary(&cx).await.unwrap();
        for number in [0, 1, 2, 5, 6] {
            assert_eq!(database.write_canary(&cx, Primary, row(&cx, number)).await, WriteAttempt::Acknowledged);
        }
        let WriteAttempt::Refused(why) = database.write_canary(&cx, Secondary, row(&cx, 7)).await else { panic!() };
        assert!(why.contains("read-only") || why.contains("during recovery"), "{why}");
        assert_eq!(database.canary_rows(&cx, Primary).await.unwrap().ranges, [(0, 2), (5, 6)]);
        pair.until(Secondary, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()", "t");
        let other = Context { run: muster::id::RunId::new("20261122-090000-other").unwrap(), ..cx.clone() };
        assert!(database.canary_rows(&other, Primary).await.unwrap().ranges.is_empty());
        // What another run left that can be taken up again stays.
        assert_eq!(database.write_canary(&other, Primary, row(&cx, 0)).await, WriteAttempt::Acknowledged);
        database.remove_canary(&cx).await.unwrap();
        assert_eq!(database.canary_rows(&other, Primary).await.unwrap().ranges, [(0, 0)]);
        database.remove_canary(&other).await.unwrap();
        assert_eq!(pair.sql(Primary, "SELECT to_regnamespace('muster_canary') IS NULL"), "t");
        database.remove_canary(&cx).await.unwrap();
    });
}

#[test]
fn needs_postgres_a_canary_comes_back_by_itself_and_no_row_waits_for_one_before_it() {
    let pair = Pair::up();
    let database = pair.provider(|settings| settings["timeout"] = "300ms".into());
    play(async |cx| {
        let cx = canary(&cx);
        database.prepare_canary(&cx).await.unwrap();
        assert_eq!(database.write_canary(&cx, Primary, row(&cx, 0)).await, WriteAttempt::Acknowledged);
        pair.restart(Primary);
        // The old session is gone: one row is lost on it at most.
        drop(database.write_canary(&cx, Primary, row(&cx, 1)).await);
        assert_eq!(database.write_canary(&cx, Primary, row(&cx, 2)).await, WriteAttempt::Acknowledged);
        pair.signal(Primary, Signal::STOP);
        let limit = muster::time::Span::from_millis(100);
        let silent = cx.clock.timeout(limit, database.write_canary(&cx, Primary, row(&cx, 3))).await;
        assert!(silent.is_err(), "{silent:?}");
        pair.signal(Primary, Signal::CONT);
        assert_eq!(database.write_canary(&cx, Primary, row(&cx, 4)).await, WriteAttempt::Acknowledged);
        pair.kill(Primary);
        drop(database.write_canary(&cx, Primary, row(&cx, 5)).await);
        assert!(matches!(database.write_canary(&cx, Primary, row(&cx, 6)).await, WriteAttempt::Unknown(_)));
    });
}

#[test]
fn needs_postgres_behind_a_fence_a_canary_is_refused_and_its_rows_can_still_be_counted() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        let cx = canary(&cx);
        database.prepare_canary(&cx).await.unwrap();
        for number in 0..4 {
            assert_eq!(database.write_canary(&cx, Primary, row(&cx, number)).await, WriteAttempt::Acknowledged);
        }
        database.fence(&cx, Primary).await.unwrap();
        drop(database.write_canary(&cx, Primary, row(&cx, 4)).await);
        assert!(matches!(database.write_canary(&cx, Primary, row(&cx, 5)).await, WriteAttempt::Refused(_)));
        // Also by a Muster that was started since.
        let later = pair.provider(|_| {});
        assert_eq!(later.canary_rows(&cx, Primary).await.unwrap().ranges, [(0, 3)]);
        database.unfence(&cx, Primary).await.unwrap();
        database.remove_canary(&cx).await.unwrap();
        assert_eq!(
            pair.psql(Primary, "postgres", "postgres", "SELECT to_regnamespace('muster') IS NULL").unwrap(),
            "t"
        );
    });
}
