use super::*;
use muster::resource::{Claimed, Exclusive, Marker, ProviderError, ReplicaRole, WriteAttempt};
use rustix::process::Signal;

#[test]
fn needs_postgres_a_primary_and_its_standby_are_seen_as_they_are() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        pair.sql(Primary, "INSERT INTO orders SELECT generate_series(1, 100)");
        let (primary, secondary) = (seen(&database, &cx, Primary).await, seen(&database, &cx, Secondary).await);
        assert_eq!((primary.role, primary.writable, primary.fenced), (ReplicaRole::Primary, true, false));
        assert_eq!((primary.replicates_from, primary.lag, primary.timeline), (None, None, 1));
        assert_eq!((secondary.role, secondary.writable, secondary.timeline), (ReplicaRole::Replica, false, 1));
        assert_eq!(secondary.replicates_from, Some(Primary));
        let lsn = pair.sql(Primary, "SELECT (pg_current_wal_flush_lsn() - '0/0')::int8");
        assert_eq!(primary.position.to_string(), lsn);
        pair.until(Secondary, "SELECT (pg_last_wal_replay_lsn() - '0/0')::int8", &lsn);
        // It has all that there is: it is not behind, however long nothing was written.
        assert_eq!(seen(&database, &cx, Secondary).await.lag.unwrap().as_millis(), 0);
    });
}

#[test]
fn needs_postgres_a_standby_that_replays_nothing_is_behind_by_the_age_of_what_it_lacks() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        pair.sql(Primary, "INSERT INTO orders VALUES (1)");
        pair.sql(Secondary, "SELECT pg_wal_replay_pause()");
        pair.until(Secondary, "SELECT pg_get_wal_replay_pause_state()", "paused");
        pair.sql(Primary, "INSERT INTO orders VALUES (2)");
        let lag = seen(&database, &cx, Secondary).await.lag.unwrap();
        assert!(lag.as_millis() >= 200, "{lag}");
        pair.sql(Secondary, "SELECT pg_wal_replay_resume()");
        pair.until(Secondary, "SELECT count(*) FROM pg_stat_wal_receiver", "1");
    });
}

#[test]
fn needs_postgres_a_server_that_is_gone_or_silent_is_told_within_the_limit() {
    let pair = Pair::up();
    let database = pair.provider(|settings| settings["timeout"] = "300ms".into());
    play(async |cx| {
        drop(database.observe(&cx).await);
        pair.signal(Secondary, Signal::STOP);
        pair.kill(Primary);
        let began = cx.clock.now();
        let state = database.observe(&cx).await.unwrap();
        assert!(cx.clock.now().since(began).as_millis() < 3_000);
        let why = |region| match &state.regions[&region] {
            Seen::Unreachable(why) => why.clone(),
            Seen::Is(instance) => panic!("{instance:?}"),
        };
        assert!(why(Primary).contains("refused"), "{}", why(Primary));
        assert!(why(Secondary).contains("within 300 ms"), "{}", why(Secondary));
        assert!(matches!(database.write(&cx, Primary).await, WriteAttempt::Unknown(_)));
    });
}

#[test]
fn needs_postgres_a_wrong_password_and_a_role_that_is_not_there_are_told_in_the_servers_words() {
    let pair = Pair::up();
    play(async |cx| {
        let database = pair.provider(|settings| settings["user"] = "nobody".into());
        let state = database.observe(&cx).await.unwrap();
        let Seen::Unreachable(why) = &state.regions[&Primary] else { panic!("{state:?}") };
        assert!(why.contains("role \"nobody\" does not exist"), "{why}");
        let file = pair.folder("wrong");
        std::fs::write(&file, "not-this-one").unwrap();
        let database = pair.provider(|settings| settings["password"]["file"] = file.into());
        let state = database.observe(&cx).await.unwrap();
        let Seen::Unreachable(why) = &state.regions[&Primary] else { panic!("{state:?}") };
        assert!(why.contains("password authentication failed"), "{why}");
    });
}

#[test]
fn needs_postgres_a_mark_refuses_other_runs_until_it_is_taken_away_and_leaves_nothing() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    let marker = |run: &str, fencing| Marker {
        run: muster::id::RunId::new(run).unwrap(),
        fencing,
        who: "ops at bastion-1".to_owned(),
        since: "2026-11-22T08:42:16Z".parse().unwrap(),
    };
    play(async |cx| {
        let (ours, theirs) = (marker(RUN, 1), marker("20261122-090000-other", 1));
        assert_eq!(database.claim(&cx, &ours, None).await, Ok(Claimed::Ours));
        assert_eq!(database.claim(&cx, &marker(RUN, 2), None).await, Ok(Claimed::Ours));
        assert_eq!(database.claim(&cx, &theirs, None).await, Ok(Claimed::Taken(marker(RUN, 2))));
        // An earlier process of the same run is refused as well.
        let Err(ProviderError::Refused(why)) = database.fence(&cx, Primary).await else { panic!("it was let") };
        assert!(why.contains("the run 20261122-084216-drill has it since") && why.ends_with("number 2"), "{why}");
        assert_eq!(pair.sql(Primary, "SELECT 1"), "1");
        assert_eq!(database.claim(&cx, &theirs, Some(&marker(RUN, 2))).await, Ok(Claimed::Ours));
        pair.until(Secondary, "SELECT run FROM muster.marks", "20261122-090000-other");
        database.release(&cx, &ours).await.unwrap();
        assert_eq!(pair.psql(Primary, "postgres", "postgres", "SELECT count(*) FROM muster.marks").unwrap(), "1");
        database.release(&cx, &theirs).await.unwrap();
        pair.until(Primary, "SELECT to_regnamespace('muster') IS NULL", "t");
        // A standby alone keeps no mark.
        pair.kill(Primary);
        assert!(matches!(database.claim(&cx, &ours, None).await, Err(ProviderError::Unsupported(_))));
    });
}
