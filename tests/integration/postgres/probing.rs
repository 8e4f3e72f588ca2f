use super::*;
use crate::harness::Scene;

/// A lab whose one service is asked by this probe.
fn lab(pair: &Pair, more: &str) -> Scene {
    let port = pair.port(Primary);
    let lab =
        "muster: 1\nname: lab\nenvironment: lab\nregions: { primary: { name: here }, secondary: { name: there } }\n";
    let drill = format!(
        "muster: 1\nname: drill\ninfrastructure: lab.yaml\nservices:\n  rows:\n    probe: {{ postgres: '127.0.0.1:{port}', {more} }}\n\
         phases: [{{ name: failover, steps: [{{ id: nothing, wait: {{ for: 1s }} }}] }}]\n"
    );
    Scene::new().file("lab.yaml", lab).file("drill.yaml", &drill)
}

#[test]
fn needs_postgres_a_query_is_a_probe_that_reads_and_never_writes() {
    let pair = Pair::up();
    pair.sql(Primary, "CREATE ROLE prober LOGIN PASSWORD 'pr0be-secret'");
    let hba = format!("{}/pg_hba.conf", pair.data(Primary));
    let others = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("host all prober 127.0.0.1/32 scram-sha-256\n{others}")).unwrap();
    pair.sql(Primary, "SELECT pg_reload_conf()");
    let asks = |more: &str| {
        let who = format!("user: prober, database: postgres, password: {{ env: PROBE_PASSWORD }}, {more}");
        lab(&pair, &who).env("PROBE_PASSWORD", "pr0be-secret").types("probe drill.yaml rows")
    };
    let seen = asks("query: 'select 6 * 7', expect: { value: 42 }").exits(0).says("came       `42`");
    seen.says("connect").says("first byte").never_says("pr0be-secret");
    asks("query: 'select 6 * 7', expect: { value: 41 }").exits(1).says("the query gives `42`, expected `41`");
    asks("query: 'select pg_is_in_recovery()', expect: { value: false }").exits(0);
    asks("query: 'select 1 where false', expect: { value: 1 }").exits(1).says("the query gives nothing, expected `1`");
    asks("query: 'select nonsense'").exits(1).says("column \"nonsense\" does not exist");
    asks("query: 'create table public.t (n int)'").exits(1).says("read-only transaction");
    asks("sslmode: require").exits(1).says("not healthy");
    let wrong = lab(&pair, "user: prober, database: postgres, password: { env: PROBE_PASSWORD }");
    wrong
        .env("PROBE_PASSWORD", "not-the-one-4711")
        .types("probe drill.yaml rows")
        .exits(1)
        .never_says("not-the-one-4711");
    let nobody = lab(&pair, "user: prober").types("probe drill.yaml rows").exits(1);
    nobody.says("not healthy");
    pair.stop(Primary);
    asks("query: 'select 1'").exits(1).says("connection refused");
}
