//! Forecasts: `muster simulate --runs N`.

use std::fs;

use insta::assert_snapshot;

use crate::harness::Scene;

const PLAYBOOK: &str = "\
muster: 1
name: forecast
title: There and back
infrastructure: twin.yaml
mode: planned
objectives: { rto: 3m, rpo: 5s }
services:
  app:
    title: The application
    depends_on: [main]
    probe: { http: \"https://www.example.test/healthz\", every: 1s }
canaries: { main: { database: main, every: 200ms } }
phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary }, within: 2m }
  - name: verify
    steps:
      - { id: served-there, check: { services: all, healthy_for: 10s } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true } }
      - { id: served-home, check: { services: all, healthy_for: 10s } }
";

/// A twin in which nothing is left to chance but the promotion, and that only if it is said so.
fn twin(promotion: &str) -> String {
    format!(
        "muster: 1
name: twin
environment: simulated
regions: {{ primary: {{ name: here }}, secondary: {{ name: there }} }}
network: {{ resolve: 1ms, connect: 1ms, answer: 10ms }}
resources:
  main: {{ database: {{ provider: simulated, replication_lag: 100ms, fence: 2s, preserve: 1s, replicate: 10s, write: 4ms, promotion: {promotion} }} }}
"
    )
}

fn scene(promotion: &str) -> Scene {
    Scene::new().file("drill.yaml", PLAYBOOK).file("twin.yaml", &twin(promotion))
}

const SECOND: i64 = 1_000_000_000;

/// By how much the 95th percentile of the failover falls if `step` takes half as long, with both ends.
fn falls(document: &serde_json::Value, step: &str) -> [i64; 3] {
    let levers = document["forecast"]["sensitivity"]["levers"].as_array().unwrap();
    let lever = levers.iter().find(|lever| lever["what"]["step"] == step);
    let effect = &lever.unwrap_or_else(|| panic!("{step} was not tried: {levers:?}"))["effects"][0];
    ["p95_falls_by_ns", "lower_ns", "upper_ns"].map(|end| effect[end].as_i64().unwrap())
}

#[test]
fn where_nothing_is_left_to_chance_every_run_is_the_same_and_half_the_promotion_saves_half_of_it() {
    let document = scene("100s").types("simulate drill.yaml --runs 40 --require 90% --format json").exits(0).json();
    let forecast = &document["forecast"];
    assert_eq!((forecast["runs"].as_u64(), forecast["passed"]["count"].as_u64()), (Some(40), Some(40)));
    let spread = &forecast["figures"][0]["spread"];
    let [best, p95, worst] = [&spread["best"], &spread["p95"]["value"], &spread["worst"]].map(|it| it["span"].as_i64());
    assert_eq!((best, p95), (worst, worst), "{spread}");
    // From the fence's end the promotion alone, and at most two samples on each side.
    assert!((99 * SECOND..104 * SECOND).contains(&worst.unwrap()), "{spread}");
    for end in falls(&document, "promote") {
        assert!((end - 50 * SECOND).abs() <= SECOND, "half of 100 s, to a sample: {end}");
    }
}

#[test]
fn where_the_promotion_alone_varies_half_of_it_takes_half_of_its_spread_away() {
    let scene = scene("{ p50: 35s, p95: 80s }");
    let document = scene.types("simulate drill.yaml --runs 200 --format json").json();
    let [falls, lower, upper] = falls(&document, "promote");
    assert!(lower <= 40 * SECOND && 40 * SECOND <= upper, "half of 80 s: {falls}, between {lower} and {upper}");
    let path = document["forecast"]["legs"][0]["path"].as_array().unwrap();
    assert_eq!(path[0]["step"], "promote", "{path:?}");
    assert!(path[0]["correlation"].as_f64().unwrap() > 0.95, "{path:?}");
    let parts = document["forecast"]["legs"][0]["parts"].as_array().unwrap();
    let mean = |part: &serde_json::Value| part["mean"].as_i64().unwrap();
    let execution = parts.iter().find(|part| part["name"] == "execution").unwrap();
    assert!(mean(execution) > 30 * SECOND, "{parts:?}");
}

#[test]
fn the_same_seed_says_the_same_on_any_number_of_threads() {
    let scene = scene("{ p50: 35s, p95: 80s }");
    let line =
        |threads: u32| format!("simulate drill.yaml --until 20% --runs 300 --threads {threads} --out out{threads}");
    let one = scene.types(&line(1));
    for threads in [2, 5] {
        let many = scene.types(&line(threads));
        assert_eq!((one.code, &one.stdout), (many.code, &many.stdout));
        for file in ["rehearsal.html", "rehearsal.md", "rehearsal.json", "rehearsal-junit.xml"] {
            let of = |threads: u32| fs::read(scene.path(&format!("out{threads}/{file}"))).unwrap();
            assert!(of(1) == of(threads), "{file} is another on {threads} threads");
        }
    }
    let other = scene.types("simulate drill.yaml --until 20% --runs 300 --seed 1000");
    assert_ne!(one.stdout, other.stdout, "another seed, other chances");
}

#[test]
fn every_run_of_a_forecast_is_a_drill_that_can_be_played_by_itself() {
    let scene = scene("{ p50: 35s, p95: 80s }");
    let document = scene.types("simulate drill.yaml --runs 20 --seed 7 --format json").json();
    let figure = &document["forecast"]["figures"][0];
    let seed = figure["worst"].as_u64().unwrap();
    assert!((7..27).contains(&seed), "{seed}");
    scene.types(&format!("simulate drill.yaml --mode planned --seed {seed}"));
    let run = scene.runs().pop().unwrap();
    let report: serde_json::Value = serde_json::from_str(&scene.read(&format!("reports/{run}/report.json"))).unwrap();
    assert_eq!(report["record"]["legs"][0]["rta"]["upper"], figure["spread"]["worst"]["span"]);
}

#[test]
fn the_exit_code_says_whether_enough_runs_are_shown_to_pass() {
    let scene = scene("60s");
    scene.types("simulate drill.yaml --runs 73").exits(0).says("✓ enough");
    scene.types("simulate drill.yaml --runs 72").exits(1).says("? not shown").says("if all of them pass, 73 do");
    scene.types("simulate drill.yaml --runs 40 --require 90%").exits(0);
    scene.write("twin.yaml", &twin("200s"));
    let slow = scene.types("simulate drill.yaml --runs 10 --require 50% --out out").exits(1);
    slow.says("✗ too few pass").says("0 of 10 runs passed").says("10 missed");
    let junit = scene.read("out/rehearsal-junit.xml");
    assert!(junit.contains("at least 50 % of runs pass") && junit.contains("<failure"), "{junit}");
}

#[test]
fn runs_that_never_recover_are_counted_and_longer_than_all_others() {
    let scene = scene("60s");
    let seen = scene.types("simulate drill.yaml --runs 12 --fault fence=fails-in-undo --format json").exits(1);
    let figures = seen.json()["forecast"]["figures"].as_array().unwrap().clone();
    for figure in &figures {
        let seen = figure["seen"].as_object().unwrap();
        let sum: u64 = seen.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(sum, 12, "{figure}");
        assert_eq!(figure["met"]["of"], 12, "{figure}");
    }
    let out = &figures[0];
    assert_eq!((out["seen"]["not_over"].as_u64(), out["judged"]["met"].as_u64()), (Some(12), Some(0)), "{out}");
    assert_eq!((&out["spread"]["p50"]["value"], &out["met"]["count"]), (&"not_over".into(), &0.into()), "{out}");
    let text = scene.types("simulate drill.yaml --runs 12 --fault fence=fails-in-undo").exits(1);
    text.says("--fault fence=fails-in-undo --mode planned --seed 1")
        .says("in 12 of 12 runs it was not over when the run ended");
    let undone = scene.types("simulate drill.yaml --runs 12 --fault promote=fails").exits(1);
    undone.says("in 12 of 12 runs the run never came to it").says("12 not reached").says("12 not measured");
}

#[test]
fn it_goes_on_until_it_is_sure_enough_or_says_that_it_is_not() {
    let scene = scene("60s");
    let sure = scene.types("simulate drill.yaml --until 1% --format json").exits(0).json();
    assert_eq!(sure["forecast"]["runs"], 200, "nothing varies: the first look suffices");
    assert_eq!(sure["forecast"]["stopped"]["narrow"]["until"], 0.01);
    let few = scene.types("simulate drill.yaml --until 1% --runs 30");
    few.exits(1).says("not enough to be sure to ±1 %");
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let scene = scene("60s");
    scene.types("simulate drill.yaml --runs 0").exits(2);
    scene.types("simulate drill.yaml --runs 100001").exits(2);
    scene.types("simulate drill.yaml --until 5").exits(2).warns("write a percentage");
    scene.types("simulate drill.yaml --until 0%").exits(2).warns("write a percentage");
    scene.types("simulate drill.yaml --require 99%").exits(2).warns("--require is for findings of many rehearsals");
    assert!(!scene.path("reports").exists());
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is what a forecast prints")]
fn a_forecast_reads_so() {
    assert_snapshot!(scene("{ p50: 35s, p95: 80s }").types("simulate drill.yaml --runs 60"), @r"
    exit 1
    --- output
    There and back
    forecast on the simulated twin of twin.yaml; seed 1; plan dfe264d93f4ff6fe;
    Muster 0.1.0
    Rehearsed on a simulation: not evidence of a real failover.

    Forecast
    ════════
    ? not shown  60 of 60 runs passed: 100 % (between 93.9 % and 100 %); 95 % are
                 required. So few runs do not show it: if all of them pass, 73 do;
                 otherwise more are needed.
    60 drills were played, each with chances of its own, seeds 1 to 60. Intervals
    are 95 % sure, of what this twin would do.

    How the runs ended
    ────────────────────────────────────────────────────────────────────────────────
     Verdict    World   Exit   Runs   Share                              First seed
    ────────────────────────────────────────────────────────────────────────────────
     ✓ passed   home       0     60   100 % (between 93.9 % and 100 %)            1
    ────────────────────────────────────────────────────────────────────────────────

    Recovery time
    ────────────────────────────────────────────────────────────────────────────────
     Leg and what     p50              p95              p99              Worst
    ────────────────────────────────────────────────────────────────────────────────
     failover: all    35 s (30 s to    1 min 11 s (at   1 min 28 s (at   1 min 28 s
     services         41 s)            least 1 min 01   least 1 min 11
                                       s)               s)
     return: all      35 s (29 s to    1 min 25 s (at   2 min 20 s (at   2 min 20 s
     services         42 s)            least 1 min 08   least 1 min 38
                                       s)               s)
     failover: The    35 s (30 s to    1 min 11 s (at   1 min 28 s (at   1 min 28 s
     application      41 s)            least 1 min 01   least 1 min 11
                                       s)               s)
     return: The      35 s (29 s to    1 min 25 s (at   2 min 20 s (at   2 min 20 s
     application      42 s)            least 1 min 08   least 1 min 38
                                       s)               s)
    ────────────────────────────────────────────────────────────────────────────────
    60 runs are too few for p95 and p99, which are little more than the worst that
    came: their intervals have no upper end yet; p95 from 72 on, p99 from 368 on.

    Data loss
    ────────────────────────────────────────────────────────────────────────
     Leg and what             p50         p95         p99         Worst
    ────────────────────────────────────────────────────────────────────────
     failover: all canaries   none lost   none lost   none lost   none lost
     return: all canaries     none lost   none lost   none lost   none lost
     failover: main           none lost   none lost   none lost   none lost
     return: main             none lost   none lost   none lost   none lost
    ────────────────────────────────────────────────────────────────────────
    60 runs are too few for p95 and p99, which are little more than the worst that
    came: their intervals have no upper end yet; p95 from 72 on, p99 from 368 on.

    Objectives
    ────────────────────────────────────────────────────────────────────────────────
     Objective             Allowed   Met in                       In the other runs
    ────────────────────────────────────────────────────────────────────────────────
     RTO, failover: all      3 min   100 % (between 93.9 % and    –
     services                        100 %)
     RTO, return: all        3 min   100 % (between 93.9 % and    –
     services                        100 %)
     RTO, failover: The      3 min   100 % (between 93.9 % and    –
     application                     100 %)
     RTO, return: The        3 min   100 % (between 93.9 % and    –
     application                     100 %)
     RPO, failover: all        5 s   100 % (between 93.9 % and    –
     canaries                        100 %)
     RPO, return: all          5 s   100 % (between 93.9 % and    –
     canaries                        100 %)
     RPO, failover: main       5 s   100 % (between 93.9 % and    –
                                     100 %)
     RPO, return: main         5 s   100 % (between 93.9 % and    –
                                     100 %)
     step promote            2 min   100 % (between 93.9 % and    –
                                     100 %)
    ────────────────────────────────────────────────────────────────────────────────

    Recovery time of the failover, all services
              from 10 s │█████████████▏ 3
              from 15 s │████████▊ 2
              from 20 s │████████████████████████████████████████████ 10
              from 25 s │██████████████████████████▍ 6
              from 30 s │███████████████████████████████████▏ 8
              from 35 s │███████████████████████████████████▏ 8
              from 40 s │██████████████████████████▍ 6
              from 45 s │█████████████████▌ 4
              from 50 s │████▍ 1
              from 55 s │████████▊ 2
             from 1 min │█████████████████▌ 4
        from 1 min 05 s │████████▊ 2
        from 1 min 10 s │████████▊ 2
        from 1 min 15 s │████▍ 1
        from 1 min 20 s │0
        from 1 min 25 s │████▍ 1
                 3 min ┄ objective ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄

    Recovery time of the return, all services
               from 0 s │██▉ 1
              from 10 s │█████████████████▌ 6
              from 20 s │████████████████████████████████████████████ 15
              from 30 s │██████████████████████████████████████▏ 13
              from 40 s │██████████████████████████▍ 9
              from 50 s │█████████████████▌ 6
             from 1 min │████████▊ 3
        from 1 min 10 s │█████▊ 2
        from 1 min 20 s │█████▊ 2
        from 1 min 30 s │██▉ 1
        from 1 min 40 s │0
        from 1 min 50 s │0
             from 2 min │██▉ 1
        from 2 min 10 s │0
        from 2 min 20 s │██▉ 1
                 3 min ┄ objective ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄

    Where the time of the failover goes
    ─────────────────────────────────────────────────────
     Part            Mean            p50      p95
    ─────────────────────────────────────────────────────
     detection       not exercised        –            –
     execution              37.5 s   34.3 s   1 min 10 s
     decision        not exercised        –            –
     propagation     not exercised        –            –
     stabilisation          535 ms   504 ms       957 ms
    ─────────────────────────────────────────────────────
    ────────────────────────────────────────────────────────────────────────────────
     Step on the      In runs   Mean share   Takes p50   p95          Rank
     critical path                                                    correlation
    ────────────────────────────────────────────────────────────────────────────────
     promote            100 %       36.5 s      33.3 s   1 min 09 s            1.00
     fence              100 %       994 ms         2 s          2 s               –
    ────────────────────────────────────────────────────────────────────────────────

    Where the time of the return goes
    ─────────────────────────────────────────────────────
     Part            Mean            p50      p95
    ─────────────────────────────────────────────────────
     detection       not exercised        –            –
     execution              41.3 s   34.4 s   1 min 25 s
     decision        not exercised        –            –
     propagation     not exercised        –            –
     stabilisation          518 ms   496 ms       960 ms
    ─────────────────────────────────────────────────────
    ────────────────────────────────────────────────────────────────────────────────
     Step on the      In runs   Mean share   Takes p50   p95          Rank
     critical path                                                    correlation
    ────────────────────────────────────────────────────────────────────────────────
     promote-back       100 %       40.9 s        34 s   1 min 25 s            1.00
     fence-back         100 %       404 ms         2 s          2 s               –
    ────────────────────────────────────────────────────────────────────────────────

    What drives it
    Each was tried: 60 of these runs were played again with the same chances and
    that one thing halved.
    - If promote-back took half as long, p95 of the return would fall by 42 s
      (between 30 s and 1 min 02 s).
    - If promote took half as long, p95 of the failover would fall by 35 s (between
      29 s and 37 s).
    - If all services were probed twice as often, p95 of the failover would fall by
      1 s (between 500 ms and 1 s).
    - Without an effect on p95 that could be told from none: step fence; step
      fence-back.

    The worst runs
    The worst recovery of the failover (1 min 28 s) is played again by
        muster simulate drill.yaml --mode planned --seed 3
    The worst recovery of the return (2 min 20 s) is played again by
        muster simulate drill.yaml --mode planned --seed 11
    ");
}
