use super::*;
use crate::harness::ssh::Ssh;
use muster::resource::{ProviderError, ReplicaRole};
use serde_json::json;

/// The primary is lost after writes that the standby never got; the standby is promoted and goes its own way.
fn lost(pair: &Pair) {
    pair.sql(Primary, "INSERT INTO orders SELECT generate_series(1, 10)");
    pair.until(Secondary, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()", "t");
    pair.stop(Secondary);
    pair.sql(Primary, "INSERT INTO orders SELECT generate_series(101, 107)");
    pair.kill(Primary);
    pair.start(Secondary);
    pair.sql(Secondary, "SELECT pg_promote()");
    pair.sql(Secondary, "INSERT INTO orders VALUES (1000)");
}

/// The old primary comes back as the lab brings it back: as a standby that nobody can write to.
fn back(pair: &Pair) {
    std::fs::write(format!("{}/standby.signal", pair.data(Primary)), "").unwrap();
    pair.start(Primary);
}

fn follows(pair: &Pair, numbers: &str) {
    pair.sql(Secondary, "INSERT INTO orders VALUES (1001)");
    pair.until(
        Secondary,
        "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'muster_primary' AND state = 'streaming'",
        "1",
    );
    let lsn = pair.sql(Secondary, "SELECT pg_current_wal_flush_lsn()");
    pair.until(Primary, &format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'"), "t");
    assert_eq!(pair.sql(Primary, "SELECT string_agg(n::text, ',' ORDER BY n) FROM orders WHERE n > 10"), numbers);
    assert_eq!(pair.sql(Primary, "SELECT pg_is_in_recovery()"), "t");
}

#[test]
fn needs_postgres_what_only_the_old_primary_has_is_counted_and_kept_and_then_it_is_rewound() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        lost(&pair);
        back(&pair);
        // Files that are laid out for later hold nothing: one of them may be the first that is found.
        let laid_out = (0x40..0x80).map(|n| format!("{}/pg_wal/0000000100000000000000{n:02X}", pair.data(Primary)));
        laid_out.clone().for_each(|path| std::fs::write(path, vec![0; 8192]).unwrap());
        let kept = database.preserve(&cx, Primary).await.unwrap();
        laid_out.for_each(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(kept.only_here, Some(7));
        assert!(kept.what.contains("on timeline 1"), "{}", kept.what);
        assert!(kept.what.contains(" bytes that the other side lacked when it was promoted"), "{}", kept.what);
        let folder = kept.location.strip_suffix(" on the host of primary").unwrap();
        assert!(std::path::Path::new(folder).join("PG_VERSION").exists(), "{folder}");
        let marker = format!("{}/was-here", pair.data(Primary));
        std::fs::write(&marker, "").unwrap();
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        follows(&pair, "1000,1001");
        // Rewound, not replaced: a base backup would have taken everything away that was there.
        assert!(
            pair.sql(Secondary, "SELECT slot_name FROM pg_replication_slots WHERE active").contains("muster_primary")
        );
        let primary = seen(&database, &cx, Primary).await;
        assert_eq!((primary.role, primary.replicates_from), (ReplicaRole::Replica, Some(Secondary)));
        assert_eq!((primary.fenced, primary.writable, primary.timeline), (false, false, 2));
    });
}

#[test]
fn what_runs_where_a_server_lives_is_run_there_through_ssh_needs_postgres_needs_asyncssh_needs_ssh_keygen() {
    let (pair, ssh) = (Pair::up(), Ssh::up());
    let database = pair.provider(|settings| {
        let commands = settings["regions"]["primary"]["host_commands"].as_object_mut().unwrap();
        for (_, argv) in commands {
            let words: Vec<&str> = argv.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            *argv = json!(ssh.argv(&words));
        }
    });
    play(async |cx| {
        lost(&pair);
        back(&pair);
        let kept = database.preserve(&cx, Primary).await.unwrap();
        assert_eq!(kept.only_here, Some(7), "{kept:?}");
        let folder = kept.location.strip_suffix(" on the host of primary").unwrap();
        assert!(std::path::Path::new(folder).join("PG_VERSION").exists(), "{folder}");
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        follows(&pair, "1000,1001");
    });
    let told = ssh.told();
    for what in ["pg_basebackup", "pg_waldump", "pg_rewind", "pg_ctl stop", "pg_ctl status", "standby.signal"] {
        assert!(told.contains(what), "{what}\n{told}");
    }
}

#[test]
fn needs_postgres_a_fenced_old_primary_is_rewound_after_a_planned_failover_and_nothing_had_to_be_kept() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        let proof = database.fence(&cx, Primary).await.unwrap();
        pair.until(Secondary, &format!("SELECT (pg_last_wal_replay_lsn() - '0/0')::int8 >= {}", proof.position), "t");
        database.promote(&cx, Secondary).await.unwrap();
        let kept = database.preserve(&cx, Primary).await.unwrap();
        assert_eq!((kept.only_here, kept.location.as_str()), (Some(0), "nothing had to be kept"));
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        follows(&pair, "1001");
        let hba = std::fs::read_to_string(format!("{}/pg_hba.conf", pair.data(Primary))).unwrap();
        assert!(!hba.contains("fenced by muster"), "{hba}");
    });
}

#[test]
fn needs_postgres_where_rewinding_fails_a_base_backup_is_taken_and_where_there_is_none_it_is_told() {
    let pair = Pair::up();
    play(async |cx| {
        lost(&pair);
        back(&pair);
        let commands = |settings: &mut serde_json::Value| {
            settings["regions"]["primary"]["host_commands"]["rewind"] =
                json!(["sh", "-c", "echo 'no such luck' >&2; exit 1"]);
        };
        let database = pair.provider(|settings| {
            commands(settings);
            settings["regions"]["primary"]["host_commands"]["basebackup"] = json!([]);
        });
        let Err(ProviderError::Halfway(why)) = database.replicate(&cx, Secondary, Primary).await else { panic!() };
        assert!(why.contains("is stopped: `rewind` exited with 1: no such luck"), "{why}");
        pair.provider(commands).replicate(&cx, Secondary, Primary).await.unwrap();
        follows(&pair, "1000,1001");
    });
}

#[test]
fn needs_postgres_a_server_that_takes_writes_is_never_overwritten_nor_one_that_comes_up_writable_left_running() {
    let pair = Pair::up();
    play(async |cx| {
        pair.kill(Primary);
        pair.sql(Secondary, "SELECT pg_promote()");
        pair.start(Primary);
        let database = pair.provider(|_| {});
        let Err(ProviderError::Refused(why)) = database.replicate(&cx, Secondary, Primary).await else { panic!() };
        assert!(why.contains("takes writes: fence it first"), "{why}");
        let Err(ProviderError::Refused(why)) = database.replicate(&cx, Primary, Primary).await else { panic!() };
        assert!(why.contains("itself"), "{why}");
        // A `standby` that does nothing would let it come up as a primary.
        database.fence(&cx, Primary).await.unwrap();
        let database = pair.provider(|settings| {
            settings["regions"]["primary"]["host_commands"]["standby"] = json!(["true"]);
            settings["regions"]["primary"]["host_commands"]["rewind"] = json!(["true"]);
        });
        let Err(ProviderError::Halfway(why)) = database.replicate(&cx, Secondary, Primary).await else { panic!() };
        assert!(why.contains("was stopped at once"), "{why}");
        assert!(pair.psql(Primary, "postgres", "postgres", "SELECT 1").is_err());
    });
}
