use super::*;
use muster::id::ProbeId;
use muster::resource::{
    Actor, Backup, CanaryRow, ProviderError, RestorePoint, RestoredRows, SnapshotSummary, WriteAttempt,
};
use muster::time::Span;

async fn summary(backups: &dyn Backup, cx: &Context) -> SnapshotSummary {
    let state = backups.observe(cx).await.unwrap();
    match &state.regions[&Primary] {
        Seen::Is(summary) => summary.clone(),
        Seen::Unreachable(why) => panic!("{why}"),
    }
}

#[test]
fn needs_postgres_a_restore_to_a_point_in_time_has_the_rows_up_to_it_and_none_after_and_leaves_nothing() {
    let pair = Pair::up();
    pair.archive();
    let (database, backups) = (pair.provider(|_| {}), pair.backups(|_| {}));
    let rows = |expected, back, after| Some(RestoredRows { expected: Some(expected), back, after });
    play(async |cx| {
        let canary = Context { actor: Actor::Probe(ProbeId::new("main").unwrap()), ..cx.clone() };
        database.prepare_canary(&canary).await.unwrap();
        pair.base_backup("one");
        // What says that it is encrypted is no damage.
        std::fs::write(format!("{}/one/ENCRYPTED", pair.folder("backups")), "").unwrap();
        let write = async |number| {
            let row = CanaryRow { number, sent: cx.clock.now() };
            assert_eq!(database.write_canary(&canary, Primary, row).await, WriteAttempt::Acknowledged);
        };
        write(0).await;
        write(1).await;
        // Rows are told apart by the time of their commit: one must lie well before the point, the other after it.
        pair.sql(Primary, "SELECT pg_sleep(1.2)");
        let point = cx.clock.now();
        pair.sql(Primary, "SELECT pg_sleep(0.3)");
        write(2).await;
        pair.sql(Primary, "SELECT pg_switch_wal()");
        let seen = summary(&backups, &cx).await;
        assert_eq!((seen.count, seen.encrypted, seen.longest_gap), (1, 1, Span::ZERO));
        pair.until_archived();

        let latest = backups.restore(&cx, Primary, RestorePoint::Latest).await.unwrap();
        assert_eq!(backups.scratches(&cx).await.unwrap(), std::slice::from_ref(&latest.scratch));
        assert_eq!(
            pair.scratch(&latest.scratch, "SELECT string_agg(number::text, ',') FROM muster_canary.rows"),
            "0,1,2"
        );
        assert!(latest.checked > 60 && latest.damaged == 0, "{latest:?}");
        assert_eq!(
            latest.rows,
            Some(RestoredRows { expected: None, back: 0, after: 0 }),
            "there is no point to compare by"
        );
        backups.discard(&cx, &latest.scratch).await.unwrap();

        let ago = cx.clock.now().since(point);
        let earlier = backups.restore(&cx, Primary, RestorePoint::Ago(ago)).await.unwrap();
        assert_eq!(
            pair.scratch(&earlier.scratch, "SELECT string_agg(number::text, ',') FROM muster_canary.rows"),
            "0,1"
        );
        assert!(earlier.newest_age >= ago && earlier.damaged == 0, "{earlier:?}");
        assert_eq!(earlier.rows, rows(2, 2, 0));
        // A Muster that died here would find it again.
        assert_eq!(pair.backups(|_| {}).scratches(&cx).await.unwrap(), std::slice::from_ref(&earlier.scratch));
        backups.discard(&cx, &earlier.scratch).await.unwrap();
        backups.discard(&cx, &earlier.scratch).await.unwrap();

        // Rows that the live database has and the copy has not, or has although they are from after that moment.
        pair.sql(
            Primary,
            "INSERT INTO muster_canary.rows (run, canary, number, sent, written) SELECT run, canary, 77, sent, written \
             FROM muster_canary.rows WHERE number = 1",
        );
        let lacking = backups.restore(&cx, Primary, RestorePoint::Ago(cx.clock.now().since(point))).await.unwrap();
        assert_eq!(lacking.rows, rows(3, 2, 0));
        backups.discard(&cx, &lacking.scratch).await.unwrap();
        pair.sql(Primary, "UPDATE muster_canary.rows SET written = now() + interval '1 hour' WHERE number = 0");
        pair.sql(Primary, "SELECT pg_switch_wal()");
        pair.until_archived();
        pair.sql(Primary, "SELECT pg_sleep(0.3)");
        let after = backups.restore(&cx, Primary, RestorePoint::Ago(Span::from_millis(100))).await.unwrap();
        assert_eq!(after.rows.unwrap().after, 1);
        backups.discard(&cx, &after.scratch).await.unwrap();
        assert!(backups.scratches(&cx).await.unwrap().is_empty());
        assert_eq!(std::fs::read_dir(pair.folder("scratch")).unwrap().count(), 0);
        assert!(matches!(backups.discard(&cx, "../data").await, Err(ProviderError::Refused(_))));

        let Err(ProviderError::Refused(why)) =
            backups.restore(&cx, Primary, RestorePoint::Ago(Span::from_secs(86_400))).await
        else {
            panic!("there is no backup so old")
        };
        assert!(why.contains("there is no base backup from before that; the oldest is"), "{why}");
    });
}

#[test]
fn needs_postgres_what_should_have_come_back_is_asked_of_the_side_that_takes_writes_and_of_no_other() {
    let pair = Pair::up();
    pair.archive();
    let (database, backups) = (pair.provider(|_| {}), pair.backups(|_| {}));
    play(async |cx| {
        let canary = Context { actor: Actor::Probe(ProbeId::new("main").unwrap()), ..cx.clone() };
        database.prepare_canary(&canary).await.unwrap();
        pair.base_backup("one");
        for number in 0..2 {
            let row = CanaryRow { number, sent: cx.clock.now() };
            assert_eq!(database.write_canary(&canary, Primary, row).await, WriteAttempt::Acknowledged);
        }
        pair.sql(Primary, "SELECT pg_sleep(1.2)");
        let point = cx.clock.now();
        pair.sql(Primary, "SELECT pg_sleep(0.3)");
        pair.sql(Primary, "CREATE TABLE later (n int)");
        pair.until_archived();
        let lsn = pair.sql(Primary, "SELECT pg_current_wal_flush_lsn()");
        pair.until(Secondary, &format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"), "t");
        // The old primary is there as a standby, and has not what was written since elsewhere.
        pair.kill(Primary);
        std::fs::write(format!("{}/standby.signal", pair.data(Primary)), "").unwrap();
        pair.start(Primary);
        pair.sql(Secondary, "SELECT pg_promote()");
        pair.sql(
            Secondary,
            "INSERT INTO muster_canary.rows (run, canary, number, sent, written) SELECT run, canary, 77, sent, written \
             FROM muster_canary.rows WHERE number = 1",
        );
        let restored = async || {
            let ago = RestorePoint::Ago(cx.clock.now().since(point));
            let restored = backups.restore(&cx, Primary, ago).await.unwrap();
            assert_eq!(restored.from.as_deref(), Some("one"));
            backups.discard(&cx, &restored.scratch).await.unwrap();
            restored.rows.unwrap()
        };
        assert_eq!(restored().await, RestoredRows { expected: Some(3), back: 2, after: 0 });
        pair.sql(Secondary, "DROP SCHEMA muster_canary CASCADE");
        assert_eq!(restored().await.expected, Some(0), "it was asked, and has none");
        pair.kill(Secondary);
        assert_eq!(restored().await.expected, None, "nobody could be asked who knows");
    });
}

#[test]
fn needs_postgres_backups_are_counted_and_what_is_missing_or_damaged_in_them_is_told() {
    let pair = Pair::up();
    pair.archive();
    let backups = pair.backups(|settings| {
        settings["regions"]["primary"]["encrypted"] = serde_json::json!(["test", "-e", "{backup}/sealed"]);
    });
    play(async |cx| {
        let state = backups.observe(&cx).await.unwrap();
        assert!(matches!(state.regions[&Secondary], Seen::Unreachable(_)), "{state:?}");
        assert_eq!(summary(&backups, &cx).await.count, 0);
        for name in ["one", "two"] {
            pair.base_backup(name);
            pair.sql(Primary, "INSERT INTO orders SELECT coalesce(max(n), 0) + 1 FROM orders");
            pair.sql(Primary, "SELECT pg_switch_wal()");
        }
        pair.until_archived();
        // A copy that was never finished is none, and a packed segment is one.
        std::fs::create_dir(format!("{}/three", pair.folder("backups"))).unwrap();
        std::fs::write(format!("{}/one/sealed", pair.folder("backups")), "").unwrap();
        let seen = summary(&backups, &cx).await;
        assert_eq!((seen.count, seen.encrypted, seen.longest_gap), (2, 1, Span::ZERO));
        // A table that can't be read through, which no manifest tells: its file was not there when the copy was taken.
        pair.sql(Primary, "CHECKPOINT");
        let orders = pair.sql(Primary, "SELECT pg_relation_filepath('orders')");
        std::fs::remove_file(format!("{}/{orders}", pair.data(Primary))).unwrap();
        pair.base_backup("four");
        pair.sql(Primary, "CREATE TABLE written_since (n int)");
        pair.until_archived();
        let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await.unwrap();
        assert_eq!(restored.damaged, 1, "{restored:?}");
        tidy(&backups, &cx).await;
        // A damaged file is told by the manifest, and no server replays over it.
        let file = format!("{}/four/pg_ident.conf", pair.folder("backups"));
        std::fs::write(&file, "# not what was backed up\n").unwrap();
        let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await;
        let Err(ProviderError::Refused(why)) = restored else { panic!("{restored:?}") };
        assert!(why.contains("/four` is not what its manifest says, and nothing was started"), "{why}");
        assert!(why.contains("pg_ident.conf") && why.ends_with("take a new base backup"), "{why}");
        never_started(&pair, &backups, &cx).await;
    });
}

/// Removes what was restored.
async fn tidy(backups: &dyn Backup, cx: &Context) {
    for scratch in backups.scratches(cx).await.unwrap() {
        backups.discard(cx, &scratch).await.unwrap();
    }
}

/// A server that starts, or fails to, has a log.
async fn never_started(pair: &Pair, backups: &dyn Backup, cx: &Context) {
    for scratch in backups.scratches(cx).await.unwrap() {
        assert!(!std::path::Path::new(&format!("{}/{scratch}/log", pair.folder("scratch"))).exists(), "{scratch}");
    }
    tidy(backups, cx).await;
}

#[test]
fn needs_postgres_a_scratch_server_runs_no_program_of_the_live_ones_nor_works_on_its_data_nor_subscribes() {
    let pair = Pair::up();
    pair.archive();
    let backups = pair.backups(|_| {});
    let touched = |name: &str| pair.folder(&format!("touched-by-{name}"));
    let programs = ["archive_cleanup_command", "recovery_end_command"];
    for name in programs {
        pair.sql(Primary, &format!("ALTER SYSTEM SET {name} = 'touch {}'", touched(name)));
    }
    // Where the data is stands in many a `postgresql.conf`, and wins over what the server is started with.
    let conf = format!("{}/postgresql.conf", pair.data(Primary));
    let settings = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, format!("{settings}\ndata_directory = '{}'\n", pair.data(Primary))).unwrap();
    play(async |cx| {
        pair.base_backup("one");
        pair.sql(Primary, "INSERT INTO orders VALUES (1)");
        // What is replayed ends a restart point: only then is there something to clean up.
        pair.sql(Primary, "CHECKPOINT");
        pair.until_archived();
        let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await.unwrap();
        let asked = |text: &str| pair.scratch(&restored.scratch, text);
        assert_eq!(asked("SELECT string_agg(n::text, ',') FROM orders"), "1");
        let data = asked("SHOW data_directory");
        assert!(data.ends_with(&format!("{}/data", restored.scratch)), "{data}");
        assert_eq!(asked("SHOW max_logical_replication_workers"), "0");
        assert_eq!(
            asked("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'"),
            "0",
            "nobody starts its subscriptions"
        );
        for name in programs {
            assert!(!std::path::Path::new(&touched(name)).exists(), "{name} was run");
        }
        tidy(&backups, &cx).await;
        assert_eq!(pair.sql(Primary, "SELECT count(*) FROM orders"), "1", "the live server goes on");
    });
}

#[test]
fn needs_postgres_a_base_backup_with_tablespaces_is_refused_before_a_server_could_write_into_the_live_ones() {
    let pair = Pair::up();
    pair.archive();
    let backups = pair.backups(|_| {});
    play(async |cx| {
        pair.base_backup("one");
        pair.sql(Primary, "INSERT INTO orders VALUES (1)");
        pair.until_archived();
        let one = format!("{}/one", pair.folder("backups"));
        let refused = async || {
            let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await;
            let Err(ProviderError::Refused(why)) = restored else { panic!("{restored:?}") };
            assert!(why.contains("/one` has tablespaces, which are not restored into a scratch server"), "{why}");
            never_started(&pair, &backups, &cx).await;
        };
        let link = format!("{one}/pg_tblspc/16999");
        std::os::unix::fs::symlink(pair.data(Primary), &link).unwrap();
        refused().await;
        std::fs::remove_file(&link).unwrap();
        let map = format!("{one}/tablespace_map");
        std::fs::write(&map, format!("16999 {}\n", pair.data(Primary))).unwrap();
        refused().await;
        // A packed one has the file also where there is no tablespace; it stands in its manifest then.
        std::fs::remove_file(&map).unwrap();
        pair.packed_base_backup("two");
        pair.sql(Primary, "INSERT INTO orders VALUES (2)");
        pair.until_archived();
        let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await.unwrap();
        assert_eq!(pair.scratch(&restored.scratch, "SELECT string_agg(n::text, ',') FROM orders"), "1,2");
        tidy(&backups, &cx).await;
    });
}
