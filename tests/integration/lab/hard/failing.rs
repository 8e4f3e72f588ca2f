//! Steps that hang or fail, before and after the point of no return.

use std::fs;

use serde_json::json;

use super::{PRIMARY, Rig, SECONDARY, Short, as_before, records, said, signal, until};

const FENCE: &str = "      - { id: fence, database.fence: { database: main, in: primary } }\n";

/// The standby's process that replays the log, and without which no promotion ends.
fn startup(rig: &Rig) -> String {
    rig.sql(SECONDARY, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'").unwrap()
}

fn hanging<'a>(rig: &'a Rig, on_failure: &str) -> Short<'a> {
    Short::new(
        rig,
        "hanging",
        &["main"],
        "canaries: { main: { database: main, every: 200ms } }",
        &format!(
            "  - name: disaster\n    when: {{ mode: unplanned }}\n    steps:\n      - {{ id: isolate, region.isolate: {{ region: \
             primary, from: [users, secondary] }} }}\n  - name: failover\n    steps:\n      - {{ id: fence, \
             database.fence: {{ database: main, in: primary, unreachable: continue }} }}\n      - {{ id: promote, \
             database.promote: {{ database: main, to: secondary }}, timeout: 3s, on_failure: {on_failure} }}\n"
        ),
    )
}

/// What the failed promotion was seen to have done.
fn happened(short: &Short<'_>) -> String {
    let failed = short.events().into_iter().find(|(_, event)| event["kind"] == "step_failed").unwrap().1;
    assert_eq!(failed["step"], "promote", "{failed}");
    failed["failure"]["happened"].as_str().unwrap().to_owned()
}

#[test]
fn a_standby_that_never_gets_the_last_of_the_log_is_not_promoted_and_the_primary_serves_again_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let short = hanging(&rig, "undo");
    let before = records(&rig);
    let stuck = startup(&rig);
    signal("-STOP", &stuck);
    let out = short.run("planned");
    signal("-CONT", &stuck);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert_eq!(happened(&short), "no");
    as_before(&rig, &before);
    let healthy = rig.attempts().len();
    until("clients write again", || {
        rig.attempts()[healthy..].iter().any(|one| one["what"] == "write" && one["ok"] == true)
    });
}

#[test]
fn a_promotion_that_hangs_is_given_up_in_doubt_and_is_tried_again_when_people_say_so_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let short = hanging(&rig, "pause");
    let stuck = startup(&rig);
    signal("-STOP", &stuck);
    let mut run = short.start("unplanned");
    short.until_event("the run pauses", |event| event["kind"] == "course_changed" && event["course"] == "paused");
    assert_eq!(happened(&short), "unknown");
    signal("-CONT", &stuck);
    let retry = short.muster(&["retry", "promote"]).output().unwrap();
    assert!(retry.status.success(), "{}", said(&retry));
    // The old primary is away still, and the playbook has no way home: a person must see to that.
    assert_eq!(run.ended(), Some(5), "{}{}", said(&retry), short.said());
    assert_eq!(short.report()["ended"]["verdict"], "passed", "{}", short.said());
    rig.sql(SECONDARY, "CHECKPOINT").unwrap();
    let timeline = "SELECT timeline_id FROM pg_control_checkpoint()";
    assert_eq!(rig.sql(SECONDARY, timeline).unwrap(), "2", "promoted once");
}

#[test]
fn a_promotion_in_doubt_is_never_undone_but_held_needs_postgres_needs_knot_needs_unbound() {
    let rig = Rig::up();
    let short = hanging(&rig, "undo");
    let stuck = startup(&rig);
    signal("-STOP", &stuck);
    let out = short.run("unplanned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(5), "{told}");
    assert_eq!(happened(&short), "unknown");
    // Who knows what the standby does when it wakes: the old primary stays away.
    assert_eq!(rig.well(&["region", "primary", "status"]).trim(), "users secondary", "{told}");
    assert!(rig.sql(PRIMARY, "SELECT 1").is_err(), "{told}");
    signal("-CONT", &stuck);
    until("it is promoted after all", || rig.sql(SECONDARY, "SELECT pg_is_in_recovery()").as_deref() == Ok("f"));
}

/// A drill to a region whose database lets Muster in, and not the application.
fn unhealthy<'a>(rig: &'a Rig, failover: &str, failback: &str) -> Short<'a> {
    let hba = rig.folder().join("secondary/pg_hba.conf");
    let rules = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("host all app 0.0.0.0/0 reject\n{rules}")).unwrap();
    rig.sql(SECONDARY, "SELECT pg_reload_conf()").unwrap();
    until("nobody is let in", || {
        rig.sql(SECONDARY, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'").unwrap();
        rig.get(SECONDARY, "/readyz").0 == 503
    });
    Short::new(
        rig,
        "unhealthy",
        &["code", "main", "web-servers"],
        "services:\n  web:\n    title: Web\n    depends_on: [code, main, web-servers]\n    probe: { http: \"{{ var.url \
         }}/healthz\", expect: { status: 200 }, every: 500ms, timeout: 1s, healthy_after: 2, unhealthy_after: 2 }\n    \
         standby: { http: \"{{ var.url }}/readyz\", expect: { status: 200 } }\ncanaries: { main: { database: main, every: \
         200ms } }",
        &format!(
            "  - name: failover\n    steps:\n      - {{ id: scale-out, compute.scale: {{ compute: web-servers, in: secondary, \
             to: 2 }} }}\n{FENCE}{failover}{failback}"
        ),
    )
}

#[test]
fn if_the_application_there_is_never_healthy_before_the_promotion_all_is_undone_and_the_primary_serves_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let failover = "      - { id: ready, check: { service: web, in: secondary }, timeout: 2s, on_failure: undo }\n      - { id: \
                    promote, database.promote: { database: main, to: secondary }, timeout: 20s }\n";
    let short = unhealthy(&rig, failover, "");
    let before = records(&rig);
    let out = short.run("planned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert_eq!(short.report()["ended"]["world"], "home");
    as_before(&rig, &before);
    assert_eq!(rig.get(PRIMARY, "/healthz").0, 200, "{told}");
    rig.sql(PRIMARY, "INSERT INTO items VALUES ('test', 1)").unwrap();
}

const THERE: &str = "      - { id: promote, database.promote: { database: main, to: secondary }, timeout: 20s }\n      - { id: dns, \
                     dns.switch: { records: [code], to: secondary }, timeout: 20s }\n  - name: verify\n    steps:\n      - { \
                     id: served, check: { services: all, served_by: secondary, healthy_for: 1s }, timeout: 3s, on_failure: \
                     undo }\n";

#[test]
fn if_the_application_there_is_never_healthy_after_the_promotion_the_drill_comes_home_or_holds_needs_postgres_needs_knot_needs_unbound()
 {
    // With a way home it is taken, and whatever was written there meanwhile comes along.
    let rig = Rig::up();
    let failback = "  - name: failback\n    steps:\n      - { id: replicate, database.replicate: { database: main, from: secondary, \
                    to: primary } }\n      - { id: fence-back, database.fence: { database: main, in: secondary } }\n      - { id: \
                    promote-back, database.promote: { database: main, to: primary, drain: true }, timeout: 20s }\n      - { id: \
                    dns-back, dns.switch: { records: [code], to: primary }, timeout: 20s }\n      - { id: protect, \
                    database.replicate: { database: main, from: primary, to: secondary } }\n      - { id: scale-in, \
                    compute.scale: { compute: web-servers, in: secondary, to: as_before } }\n";
    let short = unhealthy(&rig, THERE, failback);
    let before = records(&rig);
    let out = short.run("planned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert_eq!((&short.report()["ended"]["world"], rig.get(PRIMARY, "/healthz").0), (&"home".into(), 200), "{told}");
    as_before(&rig, &before);
    drop(rig);

    // Without one the drill holds where the data is.
    let rig = Rig::up();
    let short = unhealthy(&rig, THERE, "");
    let out = short.run("planned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(5), "{told}");
    assert_eq!(short.report()["ended"]["world"], "secondary", "{told}");
    assert_eq!(rig.dig("names", "code.lab.test", "A"), [SECONDARY]);
    rig.sql(SECONDARY, "INSERT INTO items VALUES ('test', 1)").unwrap();
    assert!(rig.sql(PRIMARY, "INSERT INTO items VALUES ('test', 2)").is_err(), "{told}");
}

#[test]
fn a_rebuild_that_stopped_halfway_goes_on_where_it_stopped_when_it_is_tried_again_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let short = Short::new(
        &rig,
        "rebuild",
        &["main"],
        "canaries: { main: { database: main, every: 200ms } }",
        &format!(
            "  - name: failover\n    steps:\n{FENCE}      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, \
             timeout: 20s }}\n  - name: failback\n    steps:\n      - {{ id: replicate, database.replicate: {{ database: main, \
             from: secondary, to: primary }}, on_failure: pause }}\n      - {{ id: fence-back, database.fence: {{ database: main, \
             in: secondary }} }}\n      - {{ id: promote-back, database.promote: {{ database: main, to: primary, drain: true }}, \
             timeout: 20s }}\n      - {{ id: protect, database.replicate: {{ database: main, from: primary, to: secondary }} }}\n"
        ),
    );
    let before = records(&rig);
    // Neither way of building it anew works until somebody has mended what was wrong.
    let mended = short.place().join("mended");
    short.change(|infrastructure| {
        let commands = &mut infrastructure["resources"]["main"]["database"]["regions"]["primary"]["host_commands"];
        for name in ["rewind", "basebackup"] {
            let script = format!("test -e {} && exec \"$@\"", mended.display());
            let mut argv = vec![json!("sh"), json!("-c"), json!(script), json!(name)];
            argv.extend(commands[name].as_array().unwrap().iter().cloned());
            commands[name] = json!(argv);
        }
    });
    let mut run = short.start("planned");
    short.until_event("the run pauses", |event| event["kind"] == "course_changed" && event["course"] == "paused");
    assert!(rig.sql(PRIMARY, "SELECT 1").is_err(), "its server is stopped");
    // Tried again too early it fails again, and is not worse off.
    let retry = short.muster(&["retry", "replicate"]).output().unwrap();
    assert!(retry.status.success(), "{}", said(&retry));
    until("it failed twice", || short.events().iter().filter(|(_, event)| event["kind"] == "step_failed").count() == 2);
    let again = "a second pause";
    until(again, || short.events().iter().filter(|(_, event)| event["course"] == "paused").count() == 2);
    fs::write(&mended, "").unwrap();
    let retry = short.muster(&["retry", "replicate"]).output().unwrap();
    assert!(retry.status.success(), "{}", said(&retry));
    // It failed, and so the drill has; nothing is left otherwise than it was.
    assert_eq!(run.ended(), Some(0), "{}", short.said());
    assert_eq!(short.report()["ended"]["world"], "home", "{}", short.said());
    as_before(&rig, &before);
}
