use super::*;
use crate::harness::ssh::Ssh;
use muster::resource::{ProviderError, ReplicaRole};
use serde_json::json;

/// The primary is lost after writes that the standby never got; the standby is promoted and goes its own way.
fn lost(pair: &Pair) {
    lost_with(pair, || drop(pair.sql(Primary, "INSERT INTO orders SELECT generate_series(101, 107)")));
}

/// The same, with other writes than these.
fn lost_with(pair: &Pair, writes: impl FnOnce()) {
    pair.sql(Primary, "INSERT INTO orders SELECT generate_series(1, 10)");
    pair.until(Secondary, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()", "t");
    pair.stop(Secondary);
    writes();
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
fn needs_postgres_rows_behind_savepoints_and_of_prepared_transactions_are_counted_among_what_only_the_old_primary_has()
{
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    pair.sql(Primary, "ALTER SYSTEM SET max_prepared_transactions = 2");
    pair.sql(Secondary, "ALTER SYSTEM SET max_prepared_transactions = 2");
    // A standby must never have less than what it follows.
    pair.restart(Secondary);
    pair.restart(Primary);
    pair.until(Secondary, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'", "1");
    play(async |cx| {
        lost_with(&pair, || {
            pair.sql(
                Primary,
                "BEGIN; INSERT INTO orders VALUES (101); SAVEPOINT a; INSERT INTO orders VALUES (102), (103); SAVEPOINT b; \
                 INSERT INTO orders VALUES (104); ROLLBACK TO b; RELEASE a; COMMIT",
            );
            pair.sql(Primary, "BEGIN; SAVEPOINT a; INSERT INTO orders VALUES (105); COMMIT");
            pair.sql(
                Primary,
                "BEGIN; INSERT INTO orders VALUES (106); SAVEPOINT a; INSERT INTO orders VALUES (107); PREPARE \
                 TRANSACTION 'both'",
            );
            pair.sql(Primary, "COMMIT PREPARED 'both'");
            pair.sql(Primary, "BEGIN; INSERT INTO orders VALUES (108); PREPARE TRANSACTION 'none'");
            pair.sql(Primary, "ROLLBACK PREPARED 'none'");
        });
        back(&pair);
        let kept = database.preserve(&cx, Primary).await.unwrap();
        assert_eq!(kept.only_here, Some(6), "{kept:?}");
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
        // The slot would keep log for nobody until the disk is full.
        assert_eq!(pair.sql(Secondary, "SELECT count(*) FROM pg_replication_slots"), "0");
        let both = pair.provider(|settings| {
            commands(settings);
            let full = json!(["sh", "-c", "echo full >&2; exit 1"]);
            settings["regions"]["primary"]["host_commands"]["basebackup"] = full;
        });
        let Err(ProviderError::Halfway(why)) = both.replicate(&cx, Secondary, Primary).await else { panic!() };
        assert!(why.contains("no such luck; then `basebackup` exited with 1: full"), "{why}");
        assert_eq!(pair.sql(Secondary, "SELECT count(*) FROM pg_replication_slots"), "0");
        // One that was there before is not Muster's to drop.
        pair.sql(Secondary, "SELECT pg_create_physical_replication_slot('muster_primary', true)");
        assert!(both.replicate(&cx, Secondary, Primary).await.is_err());
        assert_eq!(pair.sql(Secondary, "SELECT slot_name FROM pg_replication_slots"), "muster_primary");
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

/// A program that is called `ssh` and ends as one that was cut off from the other machine.
fn cut_off(pair: &Pair) -> serde_json::Value {
    let ssh = pair.folder("ssh");
    if !std::path::Path::new(&ssh).exists() {
        std::os::unix::fs::symlink("/bin/sh", &ssh).unwrap();
    }
    json!([ssh, "-c", "echo 'Connection closed by remote host' >&2; exit 255"])
}

#[test]
fn needs_postgres_beside_a_program_that_may_still_run_elsewhere_no_other_one_is_begun() {
    let pair = Pair::up();
    let begun = pair.folder("begun");
    let with = |name: &str, argv: serde_json::Value| {
        pair.provider(|settings| {
            let commands = &mut settings["regions"]["primary"]["host_commands"];
            commands["basebackup"] = json!(["touch", begun]);
            commands[name] = argv;
            settings["command_timeout"] = "10s".into();
        })
    };
    play(async |cx| {
        lost(&pair);
        back(&pair);
        let far = || cut_off(&pair);
        // Whether it runs is a look: nothing came of it.
        let looked = with("status", far()).replicate(&cx, Secondary, Primary).await;
        let Err(ProviderError::Unreachable(why)) = looked else { panic!("{looked:?}") };
        assert!(why.contains("`status` by ssh exited with 255: Connection closed by remote host"), "{why}");
        for (name, argv) in
            [("stop", far()), ("stop", json!(["sh", "-c", "exit 1"])), ("preserve", far()), ("rewind", far())]
        {
            let (from_afar, database) = (argv == far(), with(name, argv));
            let error = match name {
                "preserve" => database.preserve(&cx, Primary).await.unwrap_err(),
                _ => database.replicate(&cx, Secondary, Primary).await.unwrap_err(),
            };
            let ProviderError::Halfway(why) = &error else { panic!("{name}: {error:?}") };
            let told = format!("whether `{name}` still runs where the server in primary lives is not known");
            assert_eq!(why.contains(&told), from_afar, "{name}: {why}");
            assert!(why.contains(&format!("`{name}`")) && error.in_doubt(), "{name}: {why}");
        }
        // As for one that takes too long.
        let slow = with("rewind", json!(["sleep", "60"])).replicate(&cx, Secondary, Primary).await;
        let Err(ProviderError::Halfway(why)) = slow else { panic!("{slow:?}") };
        assert!(why.contains("whether `rewind` still runs where the server in primary lives"), "{why}");
        assert!(!std::path::Path::new(&begun).exists(), "a base backup was begun beside a rewind");
        assert_eq!(pair.sql(Secondary, "SELECT count(*) FROM pg_replication_slots"), "0");
    });
}

/// What a server will have for a setting once it reads its files.
fn set_to(pair: &Pair, region: RegionRole, name: &str) -> String {
    pair.sql(
        region,
        &format!("SELECT coalesce((SELECT setting FROM pg_file_settings WHERE name = '{name}' AND applied), '')"),
    )
}

#[test]
fn needs_postgres_where_no_slot_is_stated_each_server_keeps_its_own_and_the_standby_its_name() {
    let pair = Pair::up();
    let database = pair.provider(|settings| {
        for region in ["primary", "secondary"] {
            settings["regions"][region].as_object_mut().unwrap().remove("slot");
        }
    });
    pair.sql(Primary, "ALTER SYSTEM SET primary_slot_name = 'of_primary'");
    pair.sql(Primary, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=9 application_name=node_a'");
    play(async |cx| {
        lost(&pair);
        for statement in [
            "ALTER SYSTEM SET primary_slot_name = 'of_secondary'",
            "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=9 application_name=''node b'''",
            "SELECT pg_reload_conf()",
        ] {
            pair.sql(Secondary, statement);
        }
        pair.until(Secondary, "SHOW primary_slot_name", "of_secondary");
        back(&pair);
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        assert_eq!(pair.sql(Primary, "SHOW primary_slot_name"), "of_primary");
        pair.until(
            Secondary,
            "SELECT application_name || ' ' || slot_name FROM pg_stat_replication JOIN pg_replication_slots ON active_pid \
             = pid",
            "node_a of_primary",
        );
        assert_eq!(set_to(&pair, Secondary, "primary_slot_name"), "of_secondary");
        let conninfo = set_to(&pair, Secondary, "primary_conninfo");
        assert!(conninfo.contains(&format!("port={}", pair.port(Primary))), "{conninfo}");
        assert!(conninfo.contains("application_name='node b'"), "{conninfo}");
    });
}

#[test]
fn needs_postgres_a_standby_that_could_not_be_asked_does_not_take_over_the_slot_of_its_source() {
    let pair = Pair::up();
    let database = pair.provider(|settings| {
        for region in ["primary", "secondary"] {
            settings["regions"][region].as_object_mut().unwrap().remove("slot");
        }
    });
    play(async |cx| {
        lost(&pair);
        pair.sql(Secondary, "ALTER SYSTEM SET primary_slot_name = 'of_secondary'");
        pair.sql(Secondary, "SELECT pg_reload_conf()");
        pair.until(Secondary, "SHOW primary_slot_name", "of_secondary");
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        follows(&pair, "1000,1001");
        assert_eq!(pair.sql(Primary, "SHOW primary_slot_name"), "");
        assert_eq!(set_to(&pair, Secondary, "primary_slot_name"), "of_secondary");
    });
}

#[test]
fn needs_postgres_a_standby_that_commits_would_wait_for_in_vain_is_refused_before_anything_is_touched() {
    let pair = Pair::up();
    play(async |cx| {
        lost(&pair);
        back(&pair);
        pair.sql(Secondary, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"node_a\", node_c)'");
        pair.sql(Secondary, "SELECT pg_reload_conf()");
        pair.until(Secondary, "SHOW synchronous_standby_names", "ANY 1 (\"node_a\", node_c)");
        let refused = pair.provider(|_| {}).replicate(&cx, Secondary, Primary).await;
        let Err(ProviderError::Refused(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("would follow as `muster_primary`, which is none of them: name it there"), "{why}");
        assert_eq!(pair.sql(Secondary, "SELECT count(*) FROM pg_replication_slots"), "0");
        assert_eq!(pair.sql(Primary, "SELECT pg_is_in_recovery()"), "t", "it was not stopped");
        let named = pair.provider(|settings| settings["replication"]["options"] = "application_name=node_a".into());
        named.replicate(&cx, Secondary, Primary).await.unwrap();
        pair.until(Secondary, "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'quorum'", "node_a");
        pair.sql(Secondary, "INSERT INTO orders VALUES (2000)");
    });
}
