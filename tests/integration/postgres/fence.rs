use super::*;
use muster::resource::{ProviderError, ReplicaRole, WriteAttempt};

/// How an application's write is refused, as its user and as a superuser who turns read-only transactions off.
fn refused(pair: &Pair) {
    for user in ["app", "boss"] {
        let write = "SET default_transaction_read_only = off; INSERT INTO orders VALUES (99)";
        let why = pair.psql(Primary, user, "app", write).unwrap_err();
        assert!(why.contains("pg_hba.conf rejects connection"), "{user}: {why}");
    }
    assert!(pair.psql(Primary, "boss", "postgres", "SELECT 1").unwrap_err().contains("rejects"));
}

#[test]
fn needs_postgres_a_fence_ends_old_sessions_refuses_new_ones_and_survives_a_restart() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    let hba = format!("{}/pg_hba.conf", pair.data(Primary));
    let before = std::fs::read(&hba).unwrap();
    play(async |cx| {
        let old = pair.session(Primary, "boss");
        let proof = database.fence(&cx, Primary).await.unwrap();
        assert!(proof.old_session.unwrap().starts_with("the session was ended: "));
        assert!(proof.new_session.unwrap().contains("pg_hba.conf rejects connection"));
        // The application's; those with which Muster proved it are not counted.
        assert_eq!(proof.sessions_ended, 1);
        assert!(old.says("INSERT INTO orders VALUES (7);").contains("terminating connection"));
        refused(&pair);
        let primary = seen(&database, &cx, Primary).await;
        assert_eq!((primary.role, primary.fenced, primary.writable), (ReplicaRole::Primary, true, false));
        assert!(primary.position >= proof.position);
        // The standby goes on getting what there is: it reaches the end.
        pair.until(Secondary, &format!("SELECT (pg_last_wal_replay_lsn() - '0/0')::int8 >= {}", proof.position), "t");

        pair.restart(Primary);
        refused(&pair);
        assert!(seen(&database, &cx, Primary).await.fenced);
        pair.until(Secondary, "SELECT status FROM pg_stat_wal_receiver", "streaming");
        // Once more is no harm.
        assert!(database.fence(&cx, Primary).await.unwrap().old_session.unwrap().contains("already"));
        assert!(matches!(database.write(&cx, Primary).await, WriteAttempt::Refused(_)));

        database.unfence(&cx, Primary).await.unwrap();
        assert_eq!(std::fs::read(&hba).unwrap(), before);
        pair.psql(Primary, "app", "app", "INSERT INTO orders VALUES (8)").unwrap();
        assert_eq!(pair.sql(Primary, "SELECT string_agg(n::text, ',') FROM orders"), "8");
        assert_eq!(database.write(&cx, Primary).await, WriteAttempt::Acknowledged);
        assert!(seen(&database, &cx, Primary).await.writable);
        database.unfence(&cx, Primary).await.unwrap();
    });
}

#[test]
fn needs_postgres_a_soft_read_only_setting_is_not_taken_for_a_fence() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        pair.sql(Primary, "ALTER SYSTEM SET default_transaction_read_only = on");
        pair.sql(Primary, "SELECT pg_reload_conf()");
        pair.until(Primary, "SHOW default_transaction_read_only", "on");
        let primary = seen(&database, &cx, Primary).await;
        assert_eq!((primary.fenced, primary.writable), (false, true));
        assert_eq!(database.write(&cx, Primary).await, WriteAttempt::Acknowledged);
    });
}

#[test]
fn needs_postgres_a_fence_that_would_not_hold_is_refused_and_a_server_that_is_gone_is_said_to_be() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    play(async |cx| {
        // Half of the block by hand: it is no fence while sessions come in by the rules that the server has read.
        let hba = format!("{}/pg_hba.conf", pair.data(Primary));
        let rules = std::fs::read_to_string(&hba).unwrap();
        let begin = "# >>> fenced by muster: everybody but replication and muster itself is refused\n";
        std::fs::write(&hba, format!("{begin}{rules}")).unwrap();
        let primary = seen(&database, &cx, Primary).await;
        assert_eq!((primary.fenced, primary.writable), (false, true));
        std::fs::write(&hba, rules).unwrap();
        pair.kill(Primary);
        let error = database.fence(&cx, Primary).await.unwrap_err();
        assert!(error.in_doubt() && error.to_string().contains("no answer"), "{error}");
    });
}

#[test]
fn needs_postgres_a_server_that_falls_silent_while_it_is_fenced_is_given_up_and_left_in_doubt() {
    let pair = Pair::up();
    let database = pair.provider(|_| {});
    let hba = format!("{}/pg_hba.conf", pair.data(Primary));
    let before = std::fs::read(&hba).unwrap();
    // What the new file is written to takes nothing until it is read.
    let pipe = format!("{hba}.muster");
    Pair::pipe(&pipe);
    play(async |cx| {
        let began = cx.clock.now();
        let error = database.fence(&cx, Primary).await.unwrap_err();
        assert!(cx.clock.now().since(began).as_millis() < 10_000, "it waited without a limit");
        let ProviderError::Halfway(why) = error else { panic!("{error:?}") };
        assert!(why.starts_with("no answer within "), "{why}");
        assert!(
            why.contains(", after pg_hba.conf in primary was changed: whether the fence holds is not known"),
            "{why}"
        );
        // What hung there goes on when it can: the file is changed after all.
        let mut opened = std::fs::File::open(&pipe).unwrap();
        std::fs::remove_file(&pipe).unwrap();
        std::io::copy(&mut opened, &mut std::io::sink()).unwrap();
        let copying = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'";
        pair.until(Primary, copying, "0");
        assert!(std::fs::read_to_string(&hba).unwrap().starts_with("# >>> fenced by muster"));
        database.unfence(&cx, Primary).await.unwrap();
        assert_eq!(std::fs::read(&hba).unwrap(), before);
        assert!(seen(&database, &cx, Primary).await.writable);
    });
}

/// What docs/providers/postgres.md has a role granted that is no superuser.
const GRANTS: &str = "CREATE ROLE limited LOGIN REPLICATION; \
     GRANT pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_server_files, pg_execute_server_program TO limited; \
     GRANT SELECT ON pg_hba_file_rules TO limited; \
     GRANT EXECUTE ON FUNCTION pg_hba_file_rules(), pg_promote(boolean, integer), pg_reload_conf(), \
     pg_read_binary_file(text), pg_read_file(text, bigint, bigint, boolean) TO limited; \
     GRANT ALTER SYSTEM ON PARAMETER primary_conninfo, primary_slot_name TO limited; \
     GRANT CREATE ON DATABASE postgres TO limited";

#[test]
fn needs_postgres_a_role_with_the_grants_of_the_documentation_alone_does_and_cant_end_superusers_sessions() {
    let pair = Pair::up();
    pair.psql(Primary, "postgres", "postgres", GRANTS).unwrap();
    pair.sql(Primary, "GRANT CREATE ON DATABASE app TO limited");
    pair.until(Secondary, "SELECT count(*) FROM pg_roles WHERE rolname = 'limited'", "1");
    let database = pair.provider(|settings| settings["user"] = "limited".into());
    play(async |cx| {
        let application = pair.session(Primary, "app");
        assert_eq!(database.write(&cx, Primary).await, WriteAttempt::Acknowledged);
        let proof = database.fence(&cx, Primary).await.unwrap();
        assert!(proof.old_session.is_some() && proof.new_session.is_some(), "{proof:?}");
        assert!(application.says("SELECT 1;").contains("terminating connection"));
        refused(&pair);
        database.unfence(&cx, Primary).await.unwrap();

        // A superuser's session stands: the fence must not be said to hold.
        let superuser = pair.session(Primary, "boss");
        assert_eq!(database.fence(&cx, Primary).await.unwrap().old_session, None);
        let primary = seen(&database, &cx, Primary).await;
        assert_eq!((primary.fenced, primary.writable), (false, true));
        drop(superuser.says("SELECT 1;"));
        database.fence(&cx, Primary).await.unwrap();
        database.promote(&cx, Secondary).await.unwrap();
        assert_eq!(database.write(&cx, Secondary).await, WriteAttempt::Acknowledged);
        database.replicate(&cx, Secondary, Primary).await.unwrap();
        assert_eq!(seen(&database, &cx, Primary).await.replicates_from, Some(Secondary));
    });
}
