//! Mistakes that a new user makes: each message alone says where it is, what is wrong and what to write.

use insta::assert_snapshot;

use crate::harness::{Scene, Seen};

const ROOMS: &str = "\
muster: 1
name: rooms
environment: simulated
regions: { primary: { name: left }, secondary: { name: right } }
resources:
  main: { database: { provider: simulated } }
";

const RIGHT: &str = "\
muster: 1
name: drill
title: A drill
owner: me
infrastructure: rooms.yaml
vars: { url: \"https://code.example.test\" }
services:
  web:
    title: Web
    probe: { http: \"{{ var.url }}/healthz\", every: 1s }
phases:
  - name: failover
    steps:
      - id: fence
        database.fence: { database: main, in: primary }
      - id: promote
        needs: [fence]
        database.promote: { database: main, to: secondary }
        within: 2m
silence: [{ code: M095, because: \"the way home is a drill of its own\" }]
";

/// What `validate` says of the right playbook with each of these replaced.
#[track_caller]
fn with(mistakes: &[(&str, &str)]) -> Seen {
    let mut text = RIGHT.to_owned();
    for (right, wrong) in mistakes {
        assert_eq!(text.matches(right).count(), 1, "`{right}` is not there once");
        text = text.replace(right, wrong);
    }
    Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text).types("validate drill.yaml")
}

#[test]
fn without_a_mistake_it_is_valid() {
    assert_snapshot!(with(&[]), @r"
    exit 0
    --- output
    drill.yaml: valid in every mode, 1 phase and 2 steps in planned mode, environment simulated, 1 warning silenced
      M095 at drill.yaml:16:13: in planned and unplanned mode, nothing brings home what `promote` moves: there is no phase `failback`; silenced because: the way home is a drill of its own
    ");
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(with(&[("owner:", "ovner:")]), @r"
    exit 2
    --- errors
    error[M020]: the key `ovner` is unknown here
     --> drill.yaml:4:1
      |
    4 | ovner: me
      | ^^^^^
      |
      = help: did you mean `owner`? known keys: `muster`, `name`, `title`, `owner`, `infrastructure`, `mode`, `scenario`, `data_loss`, `discard`, `accepts`, `objectives`, `about`, `controls`, `catalogues`, `roles`, `vars`, `services`, `canaries`, `witness`, `guardrails`, `at_once`, `outage_limit`, `pause_limit`, `windows`, `schedule`, `phases`, `silence`
    ");
}

#[test]
fn a_key_that_is_there_twice() {
    assert_snapshot!(with(&[("title: A drill", "title: A drill\nname: again")]), @r"
    exit 2
    --- errors
    error[M012]: the key `name` is there twice
     --> drill.yaml:4:1
      |
    4 | name: again
      | ^^^^
      |
     ::: drill.yaml:2:1
      |
    2 | name: drill
      | ---- first here
      |
      = help: remove or rename one of the two
    ");
}

#[test]
fn a_wrong_type() {
    assert_snapshot!(with(&[("[fence]", "fence"), ("within: 2m", "retry: often")]), @r#"
    exit 2
    --- errors
    error[M022]: expected a list, found the text "fence"
      --> drill.yaml:17:16
       |
    17 |         needs: fence
       |                ^^^^^
       |
       = help: write it as a list: [fence]

    error[M022]: expected a mapping with keys of `attempts`, `wait`, `max_wait`, found the text "often"
      --> drill.yaml:19:16
       |
    19 |         retry: often
       |                ^^^^^
    "#);
}

#[test]
fn a_missing_unit() {
    assert_snapshot!(with(&[("within: 2m", "within: 120"), ("every: 1s", "every: 1")]), @r#"
    exit 2
    --- errors
    error[M022]: expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 1
      --> drill.yaml:10:52
       |
    10 |     probe: { http: "{{ var.url }}/healthz", every: 1 }
       |                                                    ^
       |
       = help: add its unit: `1s` for seconds, `1m` for minutes, `1h` for hours

    error[M022]: expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 120
      --> drill.yaml:19:17
       |
    19 |         within: 120
       |                 ^^^
       |
       = help: add its unit: `120s` for seconds, `120m` for minutes, `120h` for hours
    "#);
}

#[test]
fn a_need_that_is_no_step() {
    assert_snapshot!(with(&[("[fence]", "[fense]")]), @r"
    exit 2
    --- errors
    error[M035]: there is no step `fense` in this phase
      --> drill.yaml:17:17
       |
    17 |         needs: [fense]
       |                 ^^^^^
       |
       = help: did you mean `fence`?
    ");
}

#[test]
fn steps_that_wait_for_each_other() {
    assert_snapshot!(with(&[("- id: fence", "- id: fence\n        needs: [promote]")]), @r"
    exit 2
    --- errors
    error[M037]: these steps wait for each other: fence needs promote needs fence
      --> drill.yaml:14:13
       |
    14 |       - id: fence
       |             ^^^^^
       |
      ::: drill.yaml:17:13
       |
    17 |       - id: promote
       |             ------- `promote`
       |
       = help: take one of them out of the other's `needs`; a step without `needs` needs the one written before it
    ");
}

#[test]
fn a_resource_that_is_not_there() {
    assert_snapshot!(with(&[("database: main, to", "database: mian, to")]), @r"
    exit 2
    --- errors
    error[M038]: the infrastructure file has no resource `mian`
      --> drill.yaml:18:39
       |
    18 |         database.promote: { database: mian, to: secondary }
       |                                       ^^^^
       |
       = help: did you mean `main`?
    ");
}

#[test]
fn two_actions_in_a_step() {
    assert_snapshot!(with(&[("within: 2m", "check: { services: all }")]), @r"
    exit 2
    --- errors
    error[M033]: a step has one action; this has both `database.promote` and `check`
      --> drill.yaml:19:9
       |
    19 |         check: { services: all }
       |         ^^^^^
       |
      ::: drill.yaml:18:9
       |
    18 |         database.promote: { database: main, to: secondary }
       |         ---------------- first here
       |
       = help: make two steps of it
    ");
}

#[test]
fn no_action_in_a_step() {
    assert_snapshot!(with(&[("        database.fence: { database: main, in: primary }\n", "")]), @r"
    exit 2
    --- errors
    error[M032]: the step has no action
      --> drill.yaml:14:13
       |
    14 |       - id: fence
       |             ^^^^^
       |
       = help: add one of dns.switch, database.fence, database.promote, database.replicate, storage.fence, storage.promote, storage.replicate, storage.verify, storage.recover, data.preserve, compute.start, compute.stop, compute.scale, backup.verify, backup.restore, region.isolate, region.rejoin, check, wait, command, http, approve, manual, notify, playbook
    ");
}

#[test]
fn an_unknown_action() {
    assert_snapshot!(with(&[("database.promote:", "database.promot:")]), @r"
    exit 2
    --- errors
    error[M031]: `database.promot` is neither an action nor a key of a step
      --> drill.yaml:18:9
       |
    18 |         database.promot: { database: main, to: secondary }
       |         ^^^^^^^^^^^^^^^
       |
       = help: did you mean `database.promote`?
    ");
}

#[test]
fn an_unknown_name_in_a_template() {
    assert_snapshot!(with(&[("var.url", "var.ulr")]), @r#"
    exit 2
    --- errors
    error[M025]: the name `var.ulr` is unknown; did you mean `var.url`?
      --> drill.yaml:10:20
       |
    10 |     probe: { http: "{{ var.ulr }}/healthz", every: 1s }
       |                    ^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn bad_indentation() {
    assert_snapshot!(with(&[("        needs:", "       needs:")]), @r"
    exit 2
    --- errors
    error[M004]: this does not fit here
      --> drill.yaml:17:8
       |
    17 |        needs: [fence]
       |        ^
       |
       = help: check the indentation of this line and the one before, and quotes that were not closed
    ");
}

#[test]
fn a_tab() {
    assert_snapshot!(with(&[("        needs:", "\tneeds:")]), @r"
    exit 2
    --- errors
    error[M004]: a tab is used for indentation
      --> drill.yaml:17:1
       |
    17 |  needs: [fence]
       | ^
       |
       = help: indent with spaces
    ");
}

#[test]
fn a_region_by_its_name() {
    assert_snapshot!(with(&[("to: secondary", "to: right")]), @r"
    exit 2
    --- errors
    error[M023]: `right` is not one of the known values
      --> drill.yaml:18:49
       |
    18 |         database.promote: { database: main, to: right }
       |                                                 ^^^^^
       |
       = help: known values: `primary`, `secondary`
    ");
}

#[test]
fn no_version() {
    assert_snapshot!(with(&[("muster: 1\n", "")]), @r"
    exit 2
    --- errors
    error[M021]: the key `muster` is missing here
     --> drill.yaml:1:1
      |
    1 | name: drill
      | ^^^^^^^^^^^
      |
      = help: the file begins with the version of its format: add `muster: 1`
    ");
}

#[test]
fn a_phase_whose_name_is_nearly_one_that_means_something() {
    assert_snapshot!(with(&[("name: failover", "name: fail-over")]), @r"
    exit 0
    --- output
    drill.yaml: valid in every mode, 1 phase and 2 steps in planned mode, environment simulated, 1 warning silenced
      M095 at drill.yaml:16:13: in planned and unplanned mode, nothing brings home what `promote` moves: there is no phase `failback`; silenced because: the way home is a drill of its own
    --- errors
    warning[M058]: the phase `fail-over` is of no kind; did you mean `failover`?
      --> drill.yaml:12:11
       |
    12 |   - name: fail-over
       |           ^^^^^^^^^
       |
       = help: name it `failover`, or say what it is: `kind: failover`, or `kind: other`
    ");
}

#[test]
fn an_infrastructure_file_that_is_not_there() {
    assert_snapshot!(with(&[("rooms.yaml", "room.yaml")]), @r"
    exit 2
    --- errors
    error[M052]: the infrastructure file room.yaml cannot be read: there is no such file
     --> drill.yaml:5:17
      |
    5 | infrastructure: room.yaml
      |                 ^^^^^^^^^
      |
      = help: name another file with --infra FILE
    ");
}

#[test]
fn several_at_once() {
    let mistakes =
        [("owner:", "ovner:"), ("[fence]", "[fense]"), ("database: main, to", "database: mian, to"), ("2m", "120")];
    assert_snapshot!(with(&mistakes), @r"
    exit 2
    --- errors
    error[M020]: the key `ovner` is unknown here
     --> drill.yaml:4:1
      |
    4 | ovner: me
      | ^^^^^
      |
      = help: did you mean `owner`? known keys: `muster`, `name`, `title`, `owner`, `infrastructure`, `mode`, `scenario`, `data_loss`, `discard`, `accepts`, `objectives`, `about`, `controls`, `catalogues`, `roles`, `vars`, `services`, `canaries`, `witness`, `guardrails`, `at_once`, `outage_limit`, `pause_limit`, `windows`, `schedule`, `phases`, `silence`

    error[M035]: there is no step `fense` in this phase
      --> drill.yaml:17:17
       |
    17 |         needs: [fense]
       |                 ^^^^^
       |
       = help: did you mean `fence`?

    error[M038]: the infrastructure file has no resource `mian`
      --> drill.yaml:18:39
       |
    18 |         database.promote: { database: mian, to: secondary }
       |                                       ^^^^
       |
       = help: did you mean `main`?

    error[M022]: expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 120
      --> drill.yaml:19:17
       |
    19 |         within: 120
       |                 ^^^
       |
       = help: add its unit: `120s` for seconds, `120m` for minutes, `120h` for hours
    ");
    let document = {
        let text = mistakes.iter().fold(RIGHT.to_owned(), |text, (right, wrong)| text.replace(right, wrong));
        let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text);
        scene.types("validate drill.yaml --format json").exits(2).json()
    };
    let places = document[0]["problems"].as_array().unwrap().iter().map(|problem| &problem["place"]["line"]);
    assert_eq!(places.map(|line| line.as_u64().unwrap()).collect::<Vec<_>>(), [4, 17, 18, 19]);
}

/// What a new user wrote, and what the message had to say so that it alone was enough to mend it.
#[test]
fn typical_mistakes_of_a_first_playbook_are_mended_by_their_message_alone() {
    let mistakes: &[(&str, &str, &[&str])] = &[
        (
            "http: \"{{ var.url }}/healthz\"",
            "http: {{ var.url }}/healthz",
            &["M013", "put text with `{{ ... }}` in quotes"],
        ),
        ("title: A drill", "title: Failover: a drill", &["M004", "put text that contains `: ` in quotes"]),
        (
            "database.fence: { database: main, in: primary }",
            "approve: { prompt: Go: home, deadline: 5m }",
            &["M004", "put text that contains `: ` in quotes"],
        ),
        ("within: 2m", "within: 15", &["M022", "add its unit: `15s` for seconds, `15m` for minutes"]),
        ("within: 2m", "retry: { attempts: -1 }", &["M022", "below zero means nothing here: write 0 or more"]),
        ("within: 2m", "within: 2 minutes", &["M024", "the units are ms, s, m, h or d"]),
        ("within: 2m", "within: 2min", &["M024", "ms, s, m, h or d"]),
        ("- id: promote", "- id: Promote", &["M024", "use lower-case letters, digits, `-`, `_` and `.`"]),
        (
            "to: secondary",
            "region: secondary",
            &["M020", "the key `region` is unknown here", "`database`, `to`, `drain`"],
        ),
        (
            "database: main, in: primary",
            "in: primary",
            &["M021", "the key `database` is missing here", "add `database: ...`"],
        ),
        (
            "probe: { http: \"{{ var.url }}/healthz\", every: 1s }",
            "depends_on: [main]",
            &["M021", "the key `probe` is missing here"],
        ),
        (
            "http: \"{{ var.url }}/healthz\"",
            "http: code.example.test",
            &["M042", "does not begin with http:// or https://", "write for example https://code.example.test/healthz"],
        ),
        (
            "http: \"{{ var.url }}/healthz\"",
            "tcp: code.example.test",
            &["M042", "has no port", "write for example db.example.test:5432"],
        ),
        (
            "needs: [fence]",
            "needs: []",
            &["M047", "without a fence of main in primary before it", "add `fence` to its `needs`"],
        ),
        (
            "database.fence: { database: main, in: primary }",
            "command: systemctl stop web",
            &["M022", "expected a mapping"],
        ),
        (
            "database.fence: { database: main, in: primary }",
            "approve: \"Start?\"",
            &["M022", "expected a mapping with keys of `by`"],
        ),
        ("      - id: fence", "      - fence", &["M004"]),
        (
            "  web:\n    title: Web",
            "  - web:\n    title: Web",
            &["M022", "expected a mapping of services by their names, found a list"],
        ),
    ];
    for (right, wrong, words) in mistakes {
        let seen = with(&[(right, wrong)]);
        assert_eq!(seen.code, 2, "`{wrong}` is taken: {seen}");
        for word in *words {
            assert!(seen.stderr.contains(word), "`{wrong}` does not say {word}: {seen}");
        }
    }
}

#[test]
fn a_secret_is_shown_by_no_message_whosever_line_it_stands_on() {
    let step = "command: { argv: [curl], env: { PASSWORD: hunter22 }, zzz: 1 }";
    let text = RIGHT
        .replace("database.fence: { database: main, in: primary }", step)
        .replace("vars: { ", "vars: { password: \"hunter44\", ")
        .replace("within: 2m", "within: \"{{ var.password }}\"");
    assert!(text.contains("hunter44"), "{text}");
    let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text);
    let seen = scene.types("validate drill.yaml").exits(2).warns("the key `zzz` is unknown here");
    let seen = seen.warns("PASSWORD: ********");
    let problems = scene.types("validate drill.yaml --format json").exits(2);
    assert!(problems.stdout.contains("M097") && problems.stdout.contains("M020"), "{problems}");
    for told in [&seen, &problems] {
        let told = format!("{told}");
        assert!(!told.contains("hunter22") && !told.contains("hunter44"), "{told}");
    }
    // What is silenced is hidden all the same.
    let silence = "silence: [{ code: M097, because: a drill of ours }, ";
    scene.write("drill.yaml", &text.replace("silence: [", silence));
    let seen = scene.types("validate drill.yaml").exits(2);
    assert!(!format!("{seen}").contains("hunter"), "{seen}");
}
