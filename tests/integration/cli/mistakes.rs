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
    assert_snapshot!(with(&[]), @"");
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(with(&[("owner:", "ovner:")]), @"");
}

#[test]
fn a_key_that_is_there_twice() {
    assert_snapshot!(with(&[("title: A drill", "title: A drill\nname: again")]), @"");
}

#[test]
fn a_wrong_type() {
    assert_snapshot!(with(&[("[fence]", "fence"), ("within: 2m", "retry: often")]), @"");
}

#[test]
fn a_missing_unit() {
    assert_snapshot!(with(&[("within: 2m", "within: 120"), ("every: 1s", "every: 1")]), @"");
}

#[test]
fn a_need_that_is_no_step() {
    assert_snapshot!(with(&[("[fence]", "[fense]")]), @"");
}

#[test]
fn steps_that_wait_for_each_other() {
    assert_snapshot!(with(&[("- id: fence", "- id: fence\n        needs: [promote]")]), @"");
}

#[test]
fn a_resource_that_is_not_there() {
    assert_snapshot!(with(&[("database: main, to", "database: mian, to")]), @"");
}

#[test]
fn two_actions_in_a_step() {
    assert_snapshot!(with(&[("within: 2m", "check: { services: all }")]), @"");
}

#[test]
fn no_action_in_a_step() {
    assert_snapshot!(with(&[("        database.fence: { database: main, in: primary }\n", "")]), @"");
}

#[test]
fn an_unknown_action() {
    assert_snapshot!(with(&[("database.promote:", "database.promot:")]), @"");
}

#[test]
fn an_unknown_name_in_a_template() {
    assert_snapshot!(with(&[("var.url", "var.ulr")]), @"");
}

#[test]
fn bad_indentation() {
    assert_snapshot!(with(&[("        needs:", "       needs:")]), @"");
}

#[test]
fn a_tab() {
    assert_snapshot!(with(&[("        needs:", "\tneeds:")]), @"");
}

#[test]
fn a_region_by_its_name() {
    assert_snapshot!(with(&[("to: secondary", "to: right")]), @"");
}

#[test]
fn no_version() {
    assert_snapshot!(with(&[("muster: 1\n", "")]), @"");
}

#[test]
fn a_phase_whose_name_is_nearly_one_that_means_something() {
    assert_snapshot!(with(&[("name: failover", "name: fail-over")]), @"");
}

#[test]
fn an_infrastructure_file_that_is_not_there() {
    assert_snapshot!(with(&[("rooms.yaml", "room.yaml")]), @"");
}

#[test]
fn several_at_once() {
    let mistakes = [("owner:", "ovner:"), ("[fence]", "[fense]"), ("database: main, to", "database: mian, to"), ("2m", "120")];
    assert_snapshot!(with(&mistakes), @"");
    let document = {
        let text = mistakes.iter().fold(RIGHT.to_owned(), |text, (right, wrong)| text.replace(right, wrong));
        let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text);
        scene.types("validate drill.yaml --format json").exits(2).json()
    };
    let places = document[0]["problems"].as_array().unwrap().iter().map(|problem| &problem["place"]["line"]);
    assert_eq!(places.map(|line| line.as_u64().unwrap()).collect::<Vec<_>>(), [4, 17, 18, 19]);
}
