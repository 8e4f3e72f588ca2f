//! Whole drills, as a person types them, on a real pair: a database and its canary, there and back.

use std::collections::BTreeSet;

use super::*;
use crate::harness::Scene;

/// Shell words that ask a server's superuser.
fn psql(pair: &Pair, region: RegionRole, text: &str) -> String {
    format!("psql -h 127.0.0.1 -p {} -U postgres -d app -XAtqwc \"{text}\"", pair.port(region))
}

fn scene(pair: &Pair, steps: &str) -> Scene {
    let playbook = format!(
        "muster: 1\nname: drill\ntitle: A database goes there and back\nowner: me\ninfrastructure: lab.yaml\n\
         objectives: {{ rpo: 10s }}\ncanaries: {{ main: {{ database: main, every: 200ms }} }}\n\
         data_loss: {{ accept_up_to: 30s, because: \"copies are asynchronous\" }}\nphases:\n{steps}"
    );
    // YAML takes JSON as it is.
    let settings = pair.settings().to_string().replacen('{', "{ \"provider\": \"postgres\", ", 1);
    let infrastructure = format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: here }}, secondary: {{ name: there }} }}\n\
         resources: {{ main: {{ database: {settings} }} }}\n"
    );
    Scene::new().file("lab.yaml", &infrastructure).file("drill.yaml", &playbook)
}

const HOME_AGAIN: &str = "
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true }, timeout: 20s }
      - { id: protect, database.replicate: { database: main, from: primary, to: secondary } }
      - { id: protected, check: { database: main, in: secondary, lag_at_most: 5s } }
";

/// The counts that the run's journal has, one for each promotion.
fn counts(scene: &Scene) -> Vec<serde_json::Value> {
    let journal = std::fs::read_to_string(scene.only_run().join("journal.jsonl")).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events.filter(|line| line["event"]["kind"] == "canary_counted").map(|line| line["event"]["count"].clone()).collect()
}

/// Nothing of the drill's is left on either side, and the pair is as it was.
fn as_before(pair: &Pair) {
    for region in RegionRole::ALL {
        let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'muster%'";
        pair.until(region, left, "0");
        // Marks and what was noted at a fence are in the maintenance database, which `until` asks.
        assert_eq!(pair.sql(region, left), "0");
        let hba = std::fs::read_to_string(format!("{}/pg_hba.conf", pair.data(region))).unwrap();
        assert!(hba.starts_with("# the rules of a test"), "{hba}");
    }
    assert_eq!(pair.sql(Primary, "SELECT pg_is_in_recovery()"), "f");
    pair.until(Primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1");
    let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'muster%' AND backend_type = 'client backend'";
    pair.until(Primary, others, "0");
}

#[test]
fn needs_postgres_a_planned_drill_loses_nothing_and_leaves_the_pair_as_it_was() {
    let pair = Pair::up();
    let steps = format!(
        "
  - name: failover
    steps:
      - {{ id: writing, wait: {{ for: 2s }} }}
      - {{ id: fence, database.fence: {{ database: main, in: primary }} }}
      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, timeout: 20s }}
      - {{ id: there, wait: {{ for: 1s }} }}
  - name: failback
    steps:{HOME_AGAIN}"
    );
    let scene = scene(&pair, &steps);
    scene.types("run drill.yaml --execute --mode planned --yes").exits(0).says("PASSED").says("World  home");
    let counts = counts(&scene);
    assert_eq!(counts.len(), 2, "{counts:?}");
    for count in &counts {
        assert!(count["acknowledged"].as_u64().unwrap() > 2 && count["lost"] == 0, "{count}");
    }
    scene.types(&format!("verify {}", scene.runs()[0])).exits(0);
    as_before(&pair);
}

#[test]
fn needs_postgres_after_an_unplanned_drill_the_lost_rows_are_those_that_the_servers_themselves_tell() {
    let pair = Pair::up();
    let (data, standby) = (pair.data(Primary), pair.data(Secondary));
    // Replication hangs for a second, and then the primary is gone without a word.
    let sender = psql(&pair, Primary, "SELECT pid FROM pg_stat_replication");
    let disaster = format!(
        "r=$({sender}); kill -STOP $r; sleep 1; p=$(head -1 {data}/postmaster.pid); kill -9 $p $(cat /proc/$p/task/$p/children); \
         while grep -qs 'State:.[RSDTt]' /proc/$p/status; do sleep 0.02; done; rm -f {data}/postmaster.pid"
    );
    let rows = "SELECT number FROM muster_canary.rows ORDER BY 1";
    let back = format!("touch {data}/standby.signal; {}", pair.start_line(Primary));
    let tell = format!(
        "{} > old.txt; {} > new.txt; test -d {standby}",
        psql(&pair, Primary, rows),
        psql(&pair, Secondary, rows)
    );
    let shell = |text: &str| serde_json::to_string(&["sh", "-c", text]).unwrap();
    let steps = format!(
        "
  - name: disaster
    steps:
      - {{ id: writing, wait: {{ for: 2s }} }}
      - {{ id: lose, command: {{ argv: {} }} }}
  - name: failover
    steps:
      - {{ id: fence, database.fence: {{ database: main, in: primary, unreachable: continue }} }}
      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, timeout: 20s }}
      - {{ id: there, wait: {{ for: 1s }} }}
  - name: failback
    steps:
      - {{ id: back, command: {{ argv: {} }} }}
      - {{ id: tell, command: {{ argv: {} }} }}{HOME_AGAIN}",
        shell(&disaster),
        shell(&back),
        shell(&tell)
    );
    let scene = scene(&pair, &steps);
    let seen = scene.types("run drill.yaml --execute --mode unplanned --yes").exits(0);
    let seen = seen.says("PASSED").says("World  home");
    let numbers =
        |name: &str| -> BTreeSet<u64> { scene.read(name).lines().map(|line| line.parse().unwrap()).collect() };
    let (old, new) = (numbers("old.txt"), numbers("new.txt"));
    let counts = counts(&scene);
    let lost = counts[0]["lost"].as_u64().unwrap();
    let only_there = u64::try_from(old.difference(&new).count()).unwrap();
    assert!(lost > 0, "{seen}");
    // One may have been committed whose acknowledgement the primary took along.
    assert!(
        only_there == lost || only_there == lost + 1,
        "{only_there} rows are on the old primary alone, {lost} told"
    );
    assert_eq!(counts[1]["lost"], 0);
    as_before(&pair);
}

#[test]
fn needs_postgres_an_old_primary_that_comes_back_during_a_drill_is_shouted_about() {
    let pair = Pair::up();
    let back = pair.start_line(Primary);
    let data = pair.data(Primary);
    let lose = format!(
        "p=$(head -1 {data}/postmaster.pid); kill -9 $p $(cat /proc/$p/task/$p/children); while grep -qs 'State:.[RSDTt]' /proc/$p/status; do sleep 0.02; done; rm -f {data}/postmaster.pid"
    );
    let shell = |text: &str| serde_json::to_string(&["sh", "-c", text]).unwrap();
    let steps = format!(
        "
  - name: disaster
    steps: [{{ id: lose, command: {{ argv: {} }} }}]
  - name: failover
    steps:
      - {{ id: promote, database.promote: {{ database: main, to: secondary }}, timeout: 20s }}
      - {{ id: back, command: {{ argv: {} }} }}
      - {{ id: there, wait: {{ for: 30s }} }}
",
        shell(&lose),
        shell(&back)
    );
    let scene = scene(&pair, &steps);
    let seen = scene.types("run drill.yaml --execute --mode unplanned --yes").exits(5);
    seen.says("FAILED").says("Two sides took writes at once");
}

#[test]
fn needs_postgres_a_password_comes_from_the_file_that_is_named_from_pgpassfile_or_from_the_home_folder() {
    let pair = Pair::up();
    let steps = "
  - name: failover
    steps: [{ id: copy, check: { database: main, in: secondary, lag_at_most: 10s } }]
";
    // Only what stands in a password file can have told it.
    let with = |passfile: Option<&str>| {
        let scene = scene(&pair, steps);
        let path = scene.path("lab.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let key = format!("\"password\":{},", serde_json::json!({ "file": pair.folder("password") }));
        assert!(text.contains(&key), "{text}");
        // Nothing is promoted, so no canary is counted, and an objective could not be met.
        let playbook = std::fs::read_to_string(scene.path("drill.yaml")).unwrap();
        std::fs::write(scene.path("drill.yaml"), playbook.replace("objectives: { rpo: 10s }\n", "")).unwrap();
        let instead =
            passfile.map_or_else(String::new, |name| format!("\"passfile\":\"{}\",", scene.path(name).display()));
        std::fs::write(&path, text.replace(&key, &instead)).unwrap();
        for (name, password) in [("right", "pass-4711"), (".pgpass", "pass-4711"), ("wrong", "pass-0815")] {
            let file = scene.path(name);
            std::fs::write(&file, format!("# one line for all\n127.0.0.1:*:*:muster:{password}\n")).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        scene
    };
    let plan = "run drill.yaml --execute --mode planned --yes";
    with(None).types(plan).exits(0).says("PASSED");
    with(Some("right")).types(plan).exits(0).says("PASSED");
    let other = with(None);
    let right = other.path("right").display().to_string();
    other.env("PGPASSFILE", &right).types(plan).exits(0).says("PASSED");
    with(Some("wrong")).types(plan).exits(5).says("password authentication failed");
}
