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
        // A damaged file is told by the manifest; what the log wrote over it since is whole again when it is read.
        let file =
            format!("{}/two/{}", pair.folder("backups"), pair.sql(Primary, "SELECT pg_relation_filepath('orders')"));
        std::fs::write(&file, [0xFF; 8192]).unwrap();
        let restored = backups.restore(&cx, Primary, RestorePoint::Latest).await.unwrap();
        assert_eq!(restored.damaged, 1, "{restored:?}");
        for scratch in backups.scratches(&cx).await.unwrap() {
            backups.discard(&cx, &scratch).await.unwrap();
        }
    });
}
