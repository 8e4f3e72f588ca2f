//! What is found before the first change: the drill is refused, and nothing was touched.

use std::fs;

use super::{PRIMARY, Rig, SECONDARY, Short, as_before, records, said, until};

/// A playbook whose failover fences and promotes, so that a drill which is not stopped would be seen.
const THEN: &str = "
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary }, timeout: 20s }
";

#[test]
fn a_drill_is_refused_before_the_first_change_if_the_standby_is_behind_or_the_archive_is_full_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let ready = Short::new(
        &rig,
        "behind",
        &["main"],
        "",
        &format!(
            "  - name: prechecks\n    steps:\n      - {{ id: replica, check: {{ database: main, in: secondary, \
             lag_at_most: 1s }} }}\n{THEN}"
        ),
    );
    // The standby receives and does not replay, while clients write.
    rig.sql(SECONDARY, "SELECT pg_wal_replay_pause()").unwrap();
    let behind = "SELECT coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) > 2";
    until("the standby is behind", || rig.sql(SECONDARY, behind).as_deref() == Ok("t"));
    let before = records(&rig);
    let out = ready.run("planned");
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("REFUSED") && said(&out).contains("behind"), "{}", said(&out));
    as_before(&rig, &before);
    rig.sql(SECONDARY, "SELECT pg_wal_replay_resume()").unwrap();

    // The archive's disk is full: PostgreSQL goes on and keeps its log, and what can be restored ends here.
    let archive = Short::new(
        &rig,
        "archive",
        &["main", "snapshots"],
        "",
        &format!(
            "  - name: prechecks\n    steps:\n      - {{ id: kept, backup.verify: {{ backup: snapshots, in: secondary, \
             newest_at_most: 3s }} }}\n{THEN}"
        ),
    );
    let script = rig.folder().join("primary/archive.sh");
    fs::write(&script, "cp \"$1\" /dev/full\n").unwrap();
    rig.sql(PRIMARY, "INSERT INTO items VALUES ('test', 1)").unwrap();
    rig.sql(PRIMARY, "SELECT pg_switch_wal()").unwrap();
    let failing = "SELECT failed_count > 0 AND (last_archived_time IS NULL OR clock_timestamp() - last_archived_time > \
                   '3 s') FROM pg_stat_archiver";
    until("archiving fails", || rig.sql(PRIMARY, failing).as_deref() == Ok("t"));
    assert!(fs::read_to_string(rig.folder().join("log/primary-postgres.log")).unwrap().contains("No space left"));
    let before = records(&rig);
    let out = archive.run("planned");
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("REFUSED") && said(&out).contains("newest"), "{}", said(&out));
    as_before(&rig, &before);
}

#[test]
fn a_key_that_the_name_server_refuses_is_told_apart_before_the_first_change_needs_postgres_needs_knot_needs_unbound() {
    let rig = Rig::up();
    let short = Short::new(
        &rig,
        "key",
        &["code"],
        "",
        "  - name: prechecks\n    steps:\n      - { id: ttls, check: { dns: [code], ttl_at_most: 10s } }\n  - name: \
         failover\n    steps:\n      - { id: dns, dns.switch: { records: [code], to: secondary } }\n",
    );
    let before = records(&rig);
    short.write("secret", "YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgdGhlIG90aGVyIQ==");
    let right = rig.folder().join("key");
    let other = short.place().join("secret");
    for (name, secret, told) in [("muster", &other, "BADSIG"), ("nobody", &right, "BADKEY")] {
        short.change(|infra| {
            let key = &mut infra["resources"]["code"]["dns"]["key"];
            key["name"] = name.into();
            key["secret"]["file"] = secret.to_str().unwrap().into();
        });
        let out = short.run("planned");
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        let others = ["BADSIG", "BADKEY"].iter().filter(|code| said(&out).contains(**code)).collect::<Vec<_>>();
        assert_eq!(others, [&told], "{}", said(&out));
        as_before(&rig, &before);
    }
}
