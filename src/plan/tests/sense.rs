//! What can be written and can never come true.

use super::SIMULATED;
use super::diagnostics::{playbook, problems, steps};

fn told(text: &str) -> String {
    problems(&steps(text), SIMULATED, None)
}

#[test]
fn what_lasts_longer_than_its_step_may_is_an_error() {
    insta::assert_snapshot!(told("- { id: a, check: { services: all, healthy_for: 2m }, timeout: 1m }
- { id: b, wait: { for: 10m }, timeout: 5m }
- { id: c, wait: { for: 5m }, timeout: 5m }
- { id: d, approve: { prompt: Go?, deadline: 30m }, timeout: 10m }
- { id: e, manual: { checklist: [Look], deadline: 30m }, timeout: 10m }"), @r###"
    M062 drill.yaml:8:55 `healthy_for: 2m` can't pass within the step's `timeout: 1m` | make the timeout longer than 2m, or leave it out
    M062 drill.yaml:9:31 `for: 10m` can't pass within the step's `timeout: 5m` | make the timeout longer than 10m, or leave it out
    M062 drill.yaml:10:31 `for: 5m` can't pass within the step's `timeout: 5m` | make the timeout longer than 5m, or leave it out
    M062 drill.yaml:11:52 `deadline: 30m` can't pass within the step's `timeout: 10m` | make the timeout longer than 30m, or leave it out
    M062 drill.yaml:12:57 `deadline: 30m` can't pass within the step's `timeout: 10m` | make the timeout longer than 30m, or leave it out
    "###);
    let fits = "- { id: a, check: { services: all, healthy_for: 1m }, timeout: 2m }
- { id: b, wait: { for: 10m } }
- { id: c, approve: { prompt: Go?, deadline: 30m }, timeout: 31m }
- { id: d, wait: { services: all, until: unhealthy }, timeout: 1s }";
    assert_eq!(told(fits), "");
}

#[test]
fn an_objective_of_a_step_that_can_never_be_missed_is_warned_of() {
    insta::assert_snapshot!(told("- { id: a, wait: { for: 1s }, within: 5m, timeout: 5m }
- { id: b, compute.scale: { compute: web-servers, in: secondary, to: 3 }, within: 20m }"), @r###"
    M063 drill.yaml:8:45 `within: 5m` can't be missed: the step is given up after 5m | state a `timeout` that is longer than `within`: a step that is given up has no time to be judged
    M063 drill.yaml:9:89 `within: 20m` can't be missed: the step is given up after 15m, which is that of such a step | state a `timeout` that is longer than `within`: a step that is given up has no time to be judged
    "###);
    assert_eq!(told("- { id: a, wait: { for: 1s }, within: 4m, timeout: 5m }"), "");
    assert_eq!(told("- { id: a, approve: { prompt: Go? }, within: 1d }"), "", "people's time does not count");
}

#[test]
fn a_role_that_nobody_has_is_warned_of() {
    let gates = "phases: [ { name: a, steps: [ { id: a, approve: { by: [incident-comander], prompt: Go? } }, { id: b, manual: { by: [scribe, bob], checklist: [Look] } } ] } ]";
    insta::assert_snapshot!(problems(&playbook(&format!("roles: [incident-commander, scribe]\n{gates}")), SIMULATED, None), @r###"
    M066 drill.yaml:6:56 `incident-comander` is none of the playbook's `roles` | did you mean `incident-commander`?
    M066 drill.yaml:6:125 `bob` is none of the playbook's `roles` | the roles are incident-commander, scribe
    "###);
    assert_eq!(problems(&playbook(gates), SIMULATED, None), "", "no roles are declared");
}

#[test]
fn a_shells_line_is_no_program() {
    insta::assert_snapshot!(told("- { id: a, command: { argv: [\"systemctl stop x\"], undo: [\"/bin/systemctl start x\"] } }"), @r###"
    M064 drill.yaml:8:35 `argv` is one word with spaces in it: no shell takes it apart | write each argument by itself: ["systemctl", "stop", "x"]
    M064 drill.yaml:8:63 `undo` is one word with spaces in it: no shell takes it apart | write each argument by itself: ["/bin/systemctl", "start", "x"]
    "###);
    assert_eq!(told("- { id: a, command: { argv: [\"/opt/my tools/run\"] } }"), "");
    assert_eq!(told("- { id: a, command: { argv: [sh, -c, \"systemctl stop x\"] } }"), "");
    assert!(told("- { id: a, command: { argv: [\"/bin/x é\"] } }").starts_with("M064"), "any letter");
}

#[test]
fn an_objective_shorter_than_its_probe_can_see_is_warned_of() {
    let drill = |rto: &str, own: &str| {
        let text = playbook(&format!(
            "objectives: {{ rto: {rto} }}\nphases: [ {{ name: a, steps: [ {{ id: a, wait: {{ for: 1s }} }} ] }} ]"
        ));
        text.replace("depends_on: [code],", &format!("depends_on: [code], {own}")).replace(
            "http: \"https://code.example.test/\"",
            "http: \"https://code.example.test/\", every: 1s, unhealthy_after: 2",
        )
    };
    insta::assert_snapshot!(problems(&drill("500ms", "objectives: { rto: 1s, failback_rto: 1m },"), SIMULATED, None), @r###"
    M065 drill.yaml:4:52 `rto: 1s` can't be shown to be met: the probe of `web` may miss an outage of 2s | probe it more often, or with a smaller `unhealthy_after` (2 samples, one each 1s)
    M065 drill.yaml:5:13 `rto: 500ms` can't be shown to be met: the probe of `web` may miss an outage of 2s | probe it more often, or with a smaller `unhealthy_after` (2 samples, one each 1s)
    "###);
    assert_eq!(problems(&drill("2s", ""), SIMULATED, None), "");
}
