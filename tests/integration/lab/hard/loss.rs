//! Regions that die while clients and canaries write, and one that comes back by itself.

use std::collections::BTreeSet;
use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::short::ask;
use super::{PRIMARY, Rig, SECONDARY, Short, said, until};

/// How often the canary writes, and clients do.
const EVERY_NS: i128 = 200_000_000;

const CANARY: &str = "SELECT number || ' ' || extract(epoch FROM written) FROM muster_canary.rows ORDER BY number";
const ITEMS: &str = "SELECT n FROM items WHERE client = 'clients'";

fn numbers(text: &str) -> BTreeSet<u64> {
    text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// Between the first of these instants and the last, in nanoseconds.
fn since(first: &Value, last: &Value) -> i128 {
    let at = |one: &Value| one["answered"].as_str().unwrap().parse::<Timestamp>().unwrap().as_nanosecond();
    at(last) - at(first)
}

#[test]
fn what_is_lost_with_a_primary_that_dies_amid_writes_is_counted_row_by_row_and_kept_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let place = rig.folder().with_file_name("loss");
    let dump = |address: &str, statement: &str, name: &str| ask(&rig, address, statement, &place.join(name));
    // From here on the standby hears of nothing, neither by the stream nor by the archive: what comes then is lost.
    let script = "for one in primary_conninfo restore_command; do $1 -c \"ALTER SYSTEM SET $one = ''\" || exit 1; done; \
                  $1 -c 'SELECT pg_reload_conf()' || exit 1; for n in $(seq 400); do [ \"$($1 -c 'SELECT count(*) FROM \
                  pg_stat_wal_receiver')\" = 0 ] && exit 0; sleep 0.02; done; exit 1";
    let psql = format!(
        "env PGPASSWORD={} {}/psql -XAtq -h {SECONDARY} -p {} -U muster -d app",
        rig.settings["admin_password"].as_str().unwrap(),
        rig.settings["programs"]["postgres"].as_str().unwrap(),
        rig.port("postgres")
    );
    let cut = json!(["sh", "-c", script, "cut", psql]);
    let phases = format!(
        "  - name: prechecks
    steps:
      - {{ id: writing, wait: {{ for: 1s }} }}
      - {{ id: cut, command: {{ argv: {cut}, undo: ['true'] }} }}
      - {{ id: alone, wait: {{ for: 1500ms }} }}
  - name: disaster
    when: {{ mode: unplanned }}
    steps:
      - {{ id: isolate, region.isolate: {{ region: primary, from: [users, secondary] }} }}
  - name: failover
    steps:
      - {{ id: fence, database.fence: {{ database: main, in: primary, unreachable: continue }} }}
      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, timeout: 30s }}
      - {{ id: survived, command: {{ argv: {}, undo: ['true'] }} }}
      - {{ id: items, command: {{ argv: {}, undo: ['true'] }} }}
  - name: failback
    steps:
      - {{ id: rejoin, region.rejoin: {{ region: primary, fenced: [main] }} }}
      - {{ id: had, command: {{ argv: {}, undo: ['true'] }} }}
      - {{ id: had-items, command: {{ argv: {}, undo: ['true'] }} }}
      - {{ id: keep, data.preserve: {{ of: [main], in: primary }} }}
      - {{ id: replicate, database.replicate: {{ database: main, from: secondary, to: primary }} }}
      - {{ id: fence-back, database.fence: {{ database: main, in: secondary }} }}
      - {{ id: promote-back, database.promote: {{ database: main, to: primary, drain: true }}, timeout: 30s }}
      - {{ id: protect, database.replicate: {{ database: main, from: primary, to: secondary }} }}
",
        dump(SECONDARY, CANARY, "survived"),
        dump(SECONDARY, ITEMS, "items"),
        dump(PRIMARY, CANARY, "had"),
        dump(PRIMARY, ITEMS, "had-items"),
    );
    let head = "objectives: { rpo: 30s }\ncanaries: { main: { database: main, every: 200ms } }";
    let short = Short::new(&rig, "loss", &["main"], head, &phases);
    let out = short.run("unplanned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(0), "{told}");
    let report = short.report();
    let leg = &report["canaries"][0]["legs"][0];
    assert_eq!(leg["leg"], "failover");
    let file = |name: &str| fs::read_to_string(short.place().join(name)).unwrap();

    // Nobody can ask the old primary how far the other was behind: told is how old what it had last was.
    let events = short.events();
    let promoted = events.iter().find(|(_, event)| event["kind"] == "step_passed" && event["step"] == "promote");
    let lag = promoted.unwrap().1["pass"]["evidence"]["lag at promotion"].as_str().unwrap();
    let age =
        lag.strip_prefix("not known; what it had last was committed ").and_then(|lag| lag.strip_suffix(" s before"));
    let age: f64 = age.unwrap_or_else(|| panic!("{lag}")).parse().unwrap();
    assert!((1.5..60.0).contains(&age), "{lag}: it was alone for 1.5 s");

    // The canary's rows: what the old primary has and the new one does not, less those that nobody was told of.
    let (had, survived) = (numbers(&file("had")), numbers(&file("survived")));
    let only_there: BTreeSet<u64> = had.difference(&survived).copied().collect();
    let acknowledged = leg["acknowledged"].as_u64().unwrap();
    assert_eq!(*had.iter().max().unwrap() + 1, had.len() as u64, "rows without gaps");
    let unacknowledged = had.len() as u64 - acknowledged;
    assert!(unacknowledged <= 1, "{unacknowledged} rows were written and not acknowledged");
    let lost = leg["lost"].as_u64().unwrap();
    assert_eq!(lost, only_there.len() as u64 - unacknowledged, "{leg}");
    assert!(lost >= 4, "nothing was lost: {leg}");

    // The clients' rows: what was acknowledged to them and is not there any more.
    let attempts = rig.attempts();
    let items = numbers(&file("items"));
    let returned = report["legs"][1]["started"].as_u64().unwrap();
    let started: Timestamp = report["header"]["started_at"].as_str().unwrap().parse().unwrap();
    let before = |one: &Value| {
        let sent: Timestamp = one["sent"].as_str().unwrap().parse().unwrap();
        sent.as_nanosecond() - started.as_nanosecond() < i128::from(returned)
    };
    let acknowledged: Vec<&Value> =
        attempts.iter().filter(|one| one["what"] == "write" && one["ok"] == true && before(one)).collect();
    let number = |one: &Value| one["n"].as_u64().unwrap();
    let gone: Vec<&Value> = acknowledged.iter().copied().filter(|one| !items.contains(&number(one))).collect();
    assert!(gone.len() >= 4, "{} clients' rows are gone", gone.len());
    let newest = acknowledged.iter().copied().rfind(|one| items.contains(&number(one))).unwrap();
    assert!(number(newest) < number(gone[0]), "what survived is no prefix");
    // Both write each 200 ms, so they see the same loss, give or take one interval of either.
    let loss = since(newest, acknowledged.last().unwrap());
    let bound = |which: &str| i128::from(leg["rpa"][which].as_u64().unwrap_or_else(|| panic!("{leg}")));
    assert!(
        bound("lower") - EVERY_NS <= loss && loss <= bound("upper") + EVERY_NS,
        "clients lost {loss} ns of writes, told is {}",
        leg["rpa"]
    );
    // By the server's own times of the canary's rows the figure is exact.
    let at = |name: &str| -> f64 { file(name).lines().last().unwrap().split(' ').nth(1).unwrap().parse().unwrap() };
    #[expect(clippy::cast_precision_loss, reason = "seconds of a test, to the millisecond")]
    let seconds = |which: &str| bound(which) as f64 / 1e9;
    let exact = at("had") - at("survived");
    assert!(seconds("lower") - 0.25 <= exact && exact <= seconds("upper") + 0.25, "{exact} s, told is {}", leg["rpa"]);

    // And all of it was kept: as many rows as only the old primary had, the clients' among them.
    let items_only_there = numbers(&file("had-items")).difference(&items).count();
    let kept = short.events().into_iter().find(|(_, event)| event["kind"] == "step_passed" && event["step"] == "keep");
    let evidence = kept.unwrap().1["pass"]["evidence"].to_string();
    assert!(evidence.contains(&format!("\"{}\"", items_only_there + only_there.len())), "{evidence}");
    let preserved = rig.folder().join("primary/preserved");
    assert_eq!(fs::read_dir(preserved).unwrap().count(), 1);
    until("the copy follows again", || {
        rig.sql(SECONDARY, "SELECT count(*) FROM pg_stat_wal_receiver").as_deref() == Ok("1")
    });
}

#[test]
fn an_old_primary_that_comes_back_by_itself_after_the_promotion_fails_the_drill_at_once_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let lab = rig.command(&["postgres", "primary", "start"]);
    let argv: Vec<&str> =
        [lab.get_program()].into_iter().chain(lab.get_args()).map(|it| it.to_str().unwrap()).collect();
    let argv = json!(argv);
    let phases = format!(
        "  - name: prechecks
    steps: [{{ id: writing, wait: {{ for: 500ms }} }}]
  - name: disaster
    when: {{ mode: unplanned }}
    steps: [{{ id: isolate, region.isolate: {{ region: primary, from: [users, secondary] }} }}]
  - name: failover
    steps:
      - {{ id: fence, database.fence: {{ database: main, in: primary, unreachable: continue }} }}
      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, timeout: 30s }}
  - name: verify
    steps:
      - {{ id: surprise, command: {{ argv: {argv}, undo: ['true'] }} }}
      - {{ id: stay, wait: {{ for: 1m }} }}
"
    );
    let short = Short::new(&rig, "split", &["main"], "canaries: { main: { database: main, every: 200ms } }", &phases);
    let out = short.run("unplanned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(5), "{told}");
    let events = short.events();
    let at = |wanted: &dyn Fn(&Value) -> bool| events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at);
    let seen = at(&|event| event["kind"] == "split_brain").unwrap_or_else(|| panic!("{told}"));
    let ended = at(&|event| event["kind"] == "finished").unwrap();
    // The wait of a minute was not waited for.
    assert!(ended - seen < 30_000_000_000, "seen at {seen} ns, ended at {ended} ns");
    assert!(told.contains("SPLIT BRAIN") || told.to_lowercase().contains("two writable"), "{told}");
    assert_eq!(short.report()["ended"]["verdict"], "failed", "{told}");
}
