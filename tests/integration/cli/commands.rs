//! Each subcommand, in each of its formats.

use insta::assert_snapshot;
use serde_json::Value;

use super::{REAL, SHIPPED, SHIPPED_RUN, lab, shipped};
use crate::harness::Scene;

/// A playbook small enough to be looked at as a whole, on a simulation.
fn small() -> Scene {
    let infrastructure = "\
muster: 1
name: two-rooms
environment: simulated
regions: { primary: { name: left }, secondary: { name: right } }
resources:
  main: { database: { provider: simulated } }
";
    let playbook = "\
muster: 1
name: drill
title: A drill
owner: me
infrastructure: rooms.yaml
phases:
  - name: prechecks
    steps:
      - { id: near, check: { database: main, in: secondary, lag_at_most: 30s } }
  - name: failover
    steps:
      - { id: fence, title: Stop writes, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
silence:
  - { code: M093, because: a small one has no users }
  - { code: M095, because: a small one does not come home }
";
    Scene::new().file("rooms.yaml", infrastructure).file("drill.yaml", playbook)
}

#[test]
fn the_help_says_what_there_is_and_what_the_exit_codes_mean() {
    let seen = Scene::new().types("--help").exits(0);
    for word in ["validate", "plan", "simulate", "run", "history", "show", "report", "verify", "Exit codes", "--color"]
    {
        assert!(seen.stdout.contains(word), "{word} is missing\n{seen}");
    }
    assert_snapshot!(Scene::new().types("report --help"), @r"
    exit 0
    --- output
    Draws a report of a run anew from its journal

    Usage: muster report [OPTIONS] <RUN>

    Arguments:
      <RUN>  Its id, or the path of its folder or journal

    Options:
          --color <WHEN>     When colours are used: auto (at a terminal, unless NO_COLOR is set),
                             always, never [default: auto]
          --format <FORMAT>  How it is drawn: html, markdown, json, junit, text, svg, csv (a row a
                             step), samples-csv; for auditors: compliance (Markdown), compliance-html,
                             oscal (assessment results, JSON) [default: markdown]
      -q, --quiet            Say less: no progress, no notices
          --template <FILE>  A Handlebars template of one's own, filled with the data of the JSON report
          --against <RUN>    Another run that it is compared with, in place of the one before it
      -v, --verbose...       Say more: what Muster itself does; -vv says most
          --out <PATH>       The file to write; standard output if it is not said
          --reports <DIR>    The folder of runs, their journals and reports [default: reports]
          --store <URL>      Where the index of runs is: sqlite:PATH [default: sqlite:REPORTS/muster.db]
      -h, --help             Print help
    ");
}

#[test]
fn the_version_is_printed() {
    let seen = Scene::new().types("--version").exits(0);
    assert_eq!(seen.stdout, format!("muster {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_option_is_a_usage_error_that_names_a_right_one() {
    assert_snapshot!(Scene::new().types("run a.yaml --exekute"), @r"
    exit 2
    --- errors
    error: unexpected argument '--exekute' found

      tip: a similar argument exists: '--execute'

    Usage: muster run --execute <PLAYBOOK>

    For more information, try '--help'.
    ");
}

#[test]
fn a_valid_playbook_is_said_to_be_so() {
    assert_snapshot!(small().types("validate drill.yaml"), @r"
    exit 0
    --- output
    drill.yaml: valid in every mode, 2 phases and 3 steps in planned mode, environment simulated, 2 warnings silenced
      M095 at drill.yaml:13:15: in planned and unplanned mode, nothing brings home what `promote` moves: there is no phase `failback`; silenced because: a small one does not come home
      M093 at drill.yaml:13:15: `promote` moves users, and there are no services: no probe sees whether they are served; silenced because: a small one has no users
    ");
    let document = small().types("validate drill.yaml --format json").exits(0).json();
    assert_eq!(document[0]["valid"], true);
    assert_eq!(document[0]["problems"], Value::Array(Vec::new()));
}

/// What an approver signs, and what a report years later must still say: which warnings somebody decided not to heed.
#[test]
fn silenced_warnings_stand_with_their_reasons_in_the_plan_and_in_every_report() {
    let scene = small();
    let (code, because) = ("M095", "a small one does not come home");
    let told = |what: &str, text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(code) && text.contains(because) && text.contains("drill.yaml:"), "{what}: {text}");
    };
    told("validate", &scene.types("validate drill.yaml").exits(0).stdout);
    for format in ["text", "markdown", "json"] {
        told(format, &scene.types(&format!("plan drill.yaml --format {format}")).exits(0).stdout);
    }
    let plan = scene.types("plan drill.yaml --format json").exits(0).json();
    assert_eq!(plan["silenced"].as_array().unwrap().len(), 2, "{plan}");
    // The same whether one mode is looked at or each.
    let digest = |line: &str| scene.types(line).json();
    assert_eq!(digest("validate drill.yaml --format json")[0]["digest"], plan["digest"]);
    scene.types("simulate drill.yaml -q");
    let id = scene.runs().pop().unwrap();
    for format in ["text", "markdown", "html", "json"] {
        told(format, &scene.types(&format!("report {id} --format {format}")).exits(0).stdout);
    }
    told("show", &scene.types(&format!("show {id}")).exits(0).stdout);
}

#[test]
fn a_playbook_that_another_mode_would_refuse_is_not_valid() {
    let scene = small();
    let text = std::fs::read_to_string(scene.path("drill.yaml")).unwrap();
    scene.write("drill.yaml", &text.replace("- { id: fence,", "- { id: fence, when: { mode: unplanned },"));
    let seen = scene.types("validate drill.yaml").exits(2).warns("M047");
    seen.warns("in planned mode, `promote` promotes main without a fence");
    let document = scene.types("validate drill.yaml --mode unplanned --format json").exits(0).json();
    assert_eq!(document[0]["modes"], serde_json::json!(["unplanned"]));
    let document = scene.types("validate drill.yaml --format json").exits(2).json();
    let errors = document[0]["problems"].as_array().unwrap().iter().filter(|it| it["severity"] == "error");
    assert_eq!(errors.count(), 1, "{document}");
}

#[test]
fn the_help_says_what_simulated_people_answer() {
    Scene::new().types("simulate --help").exits(0).says("the answer is undo, after 60 s");
}

#[test]
fn what_can_not_be_read_is_named() {
    let scene = small().file("folder/x", "");
    assert_snapshot!(scene.types("validate nowhere.yaml folder drill.yaml"), @r"
    exit 2
    --- output
    drill.yaml: valid in every mode, 2 phases and 3 steps in planned mode, environment simulated, 2 warnings silenced
      M095 at drill.yaml:13:15: in planned and unplanned mode, nothing brings home what `promote` moves: there is no phase `failback`; silenced because: a small one does not come home
      M093 at drill.yaml:13:15: `promote` moves users, and there are no services: no probe sees whether they are served; silenced because: a small one has no users
    --- errors
    error: the playbook nowhere.yaml can't be read: there is no such file
    error: there is no playbook and no infrastructure file in the folder folder
    ");
    scene.types("run nowhere.yaml").exits(2).warns("nowhere.yaml can't be read: there is no such file");
    let document = scene.types("run nowhere.yaml --format json").exits(2).json();
    assert_eq!(document["exit"], 2);
}

#[test]
fn a_plan_says_now_and_then() {
    assert_snapshot!(small().types("plan drill.yaml"), @r"
    exit 0
    --- output
    A drill
    planned mode, environment simulated, everything simulated
    plan [sha256]

    prechecks (prechecks), +0:00 to +0:01
    ────────────────────────────────────────────────────────────────────────────
         step   starts   takes    what it does                       taken back
    ════════════════════════════════════════════════════════════════════════════
     *   near   +0:00    200 ms   check that: main in secondary at
                                  most 30 s behind
                                  holds now
    ────────────────────────────────────────────────────────────────────────────

    failover (failover), +0:01 to +0:38
    ────────────────────────────────────────────────────────────────────────────────
         step      starts   takes   what it does                       taken back
    ════════════════════════════════════════════════════════════════════════════════
     *   fence     +0:01    2 s     stop writes to main in primary     restored
                                    main: primary takes writes,
                                    secondary replica 402 ms behind
                                    -> primary fenced, secondary
                                    replica 402 ms behind
    ────────────────────────────────────────────────────────────────────────────────
     *   promote   +0:03    35 s    promote main in secondary          irreversible
                                    main: primary fenced, secondary
                                    replica 402 ms behind -> primary
                                    fenced, secondary takes writes
                                    irreversible: users' writes now
                                    live there; going back means to
                                    fail back
                                    POINT OF NO RETURN: after this
                                    nothing of this leg is reversed
    ────────────────────────────────────────────────────────────────────────────────

    * on the critical path of its phase
    prechecks hold
    expected to take 37.2 s in all

    Who is out, and for how long
    failover: users expected to be out for 37 s, no objective stated

    What Muster makes
    - reports/RUN: the journal, the reports and what people give as evidence; stays
    - nothing else: a simulation touches nothing

    What Muster relies on
    - this machine: Muster itself, and its clock
    - reports: the journal: without it nothing is begun

    Warnings that are silenced
    - M095 at drill.yaml:13:15: nothing brings home what `promote` moves: there is
      no phase `failback`; silenced because: a small one does not come home
    - M093 at drill.yaml:13:15: `promote` moves users, and there are no services: no
      probe sees whether they are served; silenced because: a small one has no users

    To run this plan and no other
    muster run drill.yaml \
        --approved [sha256]
    ");
    assert_eq!(small().runs(), Vec::<String>::new());
}

#[test]
fn a_plan_looks_at_copies_and_standbys_and_names_what_it_did_not_judge() {
    let scene = shipped();
    let line = "plan playbooks/quarterly-failover.yaml";
    let plan = scene.types(&format!("{line} --format json")).exits(0).json();
    assert_eq!(plan["not_judged"], serde_json::json!(["all-healthy"]));
    let judged = |id: &str| {
        let steps = plan["phases"][0]["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap()["judgement"].clone()
    };
    assert_eq!((judged("copies"), judged("standby-ready")), ("holds".into(), "holds".into()));
    for mode in ["planned", "unplanned", "emergency"] {
        scene.types(&format!("{line} --mode {mode}")).exits(0).says("prechecks that were not judged: all-healthy");
    }
    let text = std::fs::read_to_string(scene.path("playbooks/infra/simulated.yaml")).unwrap();
    scene.write("playbooks/infra/simulated.yaml", &text.replace("{ p50: 1s, p99: 8s }", "{ p50: 1h, p99: 2h }"));
    scene.types(line).exits(3).says("do not hold: the drill would be refused");
    let plan = scene.types(&format!("{line} --format json")).exits(3).json();
    let steps = plan["phases"][0]["steps"].as_array().unwrap();
    let copies = steps.iter().find(|step| step["id"] == "copies").unwrap();
    let why = copies["judgement"]["fails"].as_str().unwrap();
    assert!(why.contains("the copy of repositories in secondary is not as the original"), "{why}");
}

#[test]
fn a_plan_tells_what_would_fail_as_things_are() {
    let scene = shipped();
    let text = std::fs::read_to_string(scene.path("playbooks/quarterly-failover.yaml")).unwrap();
    let text = text.replace("can_scale_to: \"{{ var.servers }}\"", "can_scale_to: 3");
    scene.write("playbooks/quarterly-failover.yaml", &text);
    let line = "plan playbooks/quarterly-failover.yaml --var servers=500";
    scene.types(line).exits(3).says("prechecks that were judged hold").says("WOULD FAIL as things are: scale-out");
    assert_eq!(
        scene.types(&format!("{line} --format json")).exits(3).json()["would_fail"],
        serde_json::json!(["scale-out"])
    );
}

#[test]
fn a_plan_is_drawn_for_mermaid() {
    let scene = small();
    assert!(scene.types("plan drill.yaml --format mermaid").exits(0).stdout.starts_with("gantt\n"));
    assert!(scene.types("plan drill.yaml --format graph").exits(0).stdout.starts_with("flowchart "));
    let plan = scene.types("plan drill.yaml --format json").exits(0).json();
    assert_eq!(plan["prechecks_hold"], true);
    let digest = scene.types("validate drill.yaml --format json").json()[0]["digest"].clone();
    assert_eq!(plan["digest"], digest);
}

#[test]
fn a_precheck_that_will_not_hold_is_foretold() {
    let scene = small();
    let late = "muster: 1\nname: two-rooms\nenvironment: simulated\n\
                regions: { primary: { name: left }, secondary: { name: right } }\n\
                resources:\n  main: { database: { provider: simulated, replication_lag: 10m } }\n";
    scene.write("rooms.yaml", late);
    scene.types("plan drill.yaml").exits(3);
    scene.types("run drill.yaml").exits(3);
}

#[test]
fn a_quiet_run_prints_its_result_alone() {
    let seen = small().types("run drill.yaml -q").exits(0).says("PASSED");
    assert_eq!(seen.stderr, "");
}

#[test]
fn a_run_in_json_is_an_event_a_line() {
    let scene = small();
    let seen = scene.types("run drill.yaml --format json").exits(0);
    assert_eq!(seen.stderr, "");
    let events: Vec<Value> = seen.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"started"));
    assert_eq!(kinds.last(), Some(&"finished"));
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
}

#[test]
fn a_simulation_touches_nothing_real() {
    let scene = lab("      - { id: touch, command: { argv: [touch, touched] } }\n");
    scene.types("simulate drill.yaml").exits(0).says("Simulated: not evidence of a real failover");
    assert!(!scene.path("touched").exists());
    scene.types(&format!("run drill.yaml {REAL}")).exits(0).never_says("Simulated");
    assert!(scene.path("touched").exists());
}

#[test]
fn a_fault_is_put_on_what_there_is() {
    let scene = small();
    scene.types("simulate drill.yaml --fault promote=fails").exits(1);
    scene.types("simulate drill.yaml --fault main=lies").exits(1);
    assert_snapshot!(scene.types("simulate drill.yaml --fault promot=fails"), @r"
    exit 2
    --- errors
    error: `promot` is neither a step of the playbook nor a resource of the infrastructure file; write --fault promote=hangs, for example
    ");
    assert_snapshot!(scene.types("simulate drill.yaml --fault promote=sings"), @r"
    exit 2
    --- errors
    error: there is no fault `sings`: the kinds are fails, hangs, slow, flaky, lies, fails-in-undo and loses-its-region
    ");
}

#[test]
fn past_runs_are_listed_shown_and_drawn_again() {
    let scene = shipped();
    scene.types(&format!("{SHIPPED} -q")).exits(0);
    assert_snapshot!(scene.types("history"), @r"
    exit 0
    --- output
    ───────────────────────────────────────────────────────────────────────────
    Run                                     Verdict   World  RTA ≤       RPA ≤
    ───────────────────────────────────────────────────────────────────────────
    [time]-quarterly-failover      ✓ passed  home   2 min 50 s  2 s
      [at], planned, simulated
    ───────────────────────────────────────────────────────────────────────────
    ");
    let rows = scene.types("history --format json").exits(0).json();
    assert_eq!(rows["runs"][0]["verdict"], "passed");
    let missing = scene.types("history --playbook other --format json").exits(0).json();
    assert_eq!(missing["runs"], Value::Array(Vec::new()));

    let shown = scene.types(&format!("show {SHIPPED_RUN}")).exits(0).says("PASSED");
    let by_path = scene.types(&format!("show reports/{SHIPPED_RUN}/journal.jsonl")).exits(0);
    assert_eq!(shown.stdout, by_path.stdout);
    assert!(scene.types(&format!("show {SHIPPED_RUN} --format json")).exits(0).json()["record"].is_object());
    assert_snapshot!(scene.types("show 20990101-000000-nothing"), @r"
    exit 2
    --- errors
    error: there is no run `[time]-nothing` in reports; `muster history` lists them
    ");
}

#[test]
fn every_report_drawn_again_is_the_file_byte_for_byte() {
    let scene = shipped();
    scene.types(&format!("{SHIPPED} -q")).exits(0);
    let folder = scene.only_run();
    for (format, file) in
        [("html", "report.html"), ("markdown", "report.md"), ("json", "report.json"), ("junit", "junit.xml")]
    {
        scene.types(&format!("report {SHIPPED_RUN} --format {format} --out again")).exits(0);
        let (again, first) = (std::fs::read(scene.path("again")).unwrap(), std::fs::read(folder.join(file)).unwrap());
        assert!(again == first, "{file} is another one when it is drawn again");
    }
    scene.types(&format!("report {SHIPPED_RUN}")).exits(0).says("# Quarterly failover");
    scene.types(&format!("report {SHIPPED_RUN} --format text")).exits(0).says("PASSED");
    scene.types(&format!("report {SHIPPED_RUN} --format word")).exits(2).warns("html, markdown (or md), json, junit");
    scene
        .types(&format!("report {SHIPPED_RUN} --format html --out nowhere/report.html"))
        .exits(2)
        .warns("nowhere/report.html can't be written");
}

#[test]
fn colours_are_where_they_are_wanted() {
    let escape = "\u{1b}[";
    let scene = small();
    scene.types("run drill.yaml").exits(0).never_says(escape);
    scene.types("run drill.yaml --color always").exits(0).says(escape);
    scene.types("run drill.yaml --color never").exits(0).never_says(escape);
    small().env("NO_COLOR", "1").types("run drill.yaml --color always").exits(0).says(escape);
}

#[test]
fn the_index_may_be_elsewhere() {
    let scene = small();
    scene.types("run drill.yaml -q --store sqlite:index.db").exits(0);
    assert!(scene.path("index.db").is_file() && !scene.path("reports/muster.db").exists());
    scene.types("history --store sqlite:index.db").exits(0).says("drill");
    assert_snapshot!(scene.types("history --store postgres://localhost/muster"), @r"
    exit 2
    --- errors
    error: invalid value 'postgres://localhost/muster' for '--store <URL>': this version keeps the index of runs in a SQLite file: write sqlite:PATH, for example sqlite:reports/muster.db

    For more information, try '--help'.
    ");
}

#[test]
fn with_v_muster_says_what_it_does() {
    small().types("run drill.yaml").exits(0).never_says("the run has a folder");
    small().types("run drill.yaml -v").exits(0).warns("info: the run has a folder");
    small().types("run drill.yaml -v -q").exits(2);
}
