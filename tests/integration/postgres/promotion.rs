use super::*;
use muster::resource::{ProviderError, ReplicaRole, WriteAttempt};
use rustix::process::Signal;

#[test]
fn needs_postgres_a_promoted_standby_takes_writes_on_a_timeline_of_its_own() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        let WriteAttempt::Refused(why) = database.write(&cx, Secondary).await else { panic!("it took a write") };
        assert!(why.contains("recovery") || why.contains("read-only"), "{why}");
        database.fence(&cx, Primary).await.unwrap();
        database.promote(&cx, Secondary).await.unwrap();
        assert_eq!(database.write(&cx, Secondary).await, WriteAttempt::Acknowledged);
        assert_eq!(pair.sql(Secondary, "SELECT pg_is_in_recovery()"), "f");
        let secondary = seen(&database, &cx, Secondary).await;
        assert_eq!((secondary.role, secondary.timeline, secondary.writable), (ReplicaRole::Primary, 2, true));
        // The proving write left nothing.
        assert_eq!(pair.sql(Secondary, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'muster%'"), "0");
        // Promoting what is promoted is done already.
        database.promote(&cx, Secondary).await.unwrap();
        assert_eq!(seen(&database, &cx, Secondary).await.timeline, 2);
        let state = database.observe(&cx).await.unwrap();
        assert_eq!(state.writable().collect::<Vec<_>>(), [Secondary]);
    });
}

#[test]
fn needs_postgres_an_old_primary_that_comes_back_by_itself_is_seen_as_a_second_one_that_takes_writes() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        pair.kill(Primary);
        database.promote(&cx, Secondary).await.unwrap();
        assert_eq!(database.observe(&cx).await.unwrap().writable().collect::<Vec<_>>(), [Secondary]);
        pair.start(Primary);
        assert_eq!(database.observe(&cx).await.unwrap().writable().collect::<Vec<_>>(), [Primary, Secondary]);
    });
}

#[test]
fn needs_postgres_a_promotion_that_hangs_is_left_in_doubt_when_the_step_is_asked_to_end_and_is_seen_later() {
    let pair = Pair::up();
    let database = pair.provider(|settings| settings["timeout"] = "300ms".into());
    play(async |cx| {
        pair.kill(Primary);
        drop(database.observe(&cx).await);
        pair.signal(Secondary, Signal::STOP);
        // Before it could be told anything it is known that it was not.
        assert!(matches!(database.promote(&cx, Secondary).await, Err(ProviderError::Unreachable(_))));
        pair.signal(Secondary, Signal::CONT);
        // Recovery alone is frozen: it is told, and does not end.
        let startup = pair.sql(Secondary, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'");
        let startup = rustix::process::Pid::from_raw(startup.parse().unwrap()).unwrap();
        rustix::process::kill_process(startup, Signal::STOP).unwrap();
        let canceller = cx.cancel.clone();
        let (promoted, ()) = tokio::join!(database.promote(&cx, Secondary), async {
            cx.clock.sleep(muster::time::Span::from_millis(300)).await;
            canceller.cancel();
        });
        assert_eq!(promoted, Err(ProviderError::Cancelled));
        assert_eq!(seen(&database, &cx, Secondary).await.role, ReplicaRole::Replica);
        rustix::process::kill_process(startup, Signal::CONT).unwrap();
        pair.until(Secondary, "SELECT pg_is_in_recovery()", "f");
        assert!(seen(&database, &cx, Secondary).await.writable);
    });
}
