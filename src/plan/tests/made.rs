//! What a plan is made of: needs, modes, variables, inlined playbooks, the digest.

use super::{QUARTERLY, SIMULATED, load_with, shown};
use crate::catalogue::{Mode, OnFailure};
use crate::model::{Leg, Plan, VariableSource};
use crate::time::Span;

fn plan(playbook: &str, files: &[(&str, &str)], mode: Mode, vars: &[(&str, &str)]) -> Plan {
    let mut all = vec![("infra.yaml", SIMULATED), ("infra/simulated.yaml", SIMULATED)];
    all.extend_from_slice(files);
    let loaded = load_with(playbook, &all, Some(mode), vars);
    assert!(loaded.diagnostics.is_empty(), "{}", shown(&loaded));
    loaded.plan.unwrap()
}

fn steps(steps: &str) -> String {
    format!(
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nvars: {{ pause: 3s }}\nphases:\n  - name: failover\n    steps:\n{steps}\n"
    )
}

/// `id <- what it needs`, a step a line; what does not apply in brackets.
fn graph(plan: &Plan) -> String {
    let line = |step: &crate::model::Step| {
        let needs: Vec<&str> = step.needs.iter().map(|need| plan.steps[*need].id.as_str()).collect();
        let text = if needs.is_empty() { step.id.to_string() } else { format!("{} <- {}", step.id, needs.join(" ")) };
        if step.applies { format!("{text}\n") } else { format!("[{text}]\n") }
    };
    plan.steps.iter().map(line).collect()
}

#[test]
fn a_step_that_does_not_apply_counts_as_done() {
    let text = steps(
        "      - { id: a, wait: { for: 1s } }
      - { id: b, wait: { for: 1s }, when: { mode: unplanned } }
      - { id: c, wait: { for: 1s } }
      - { id: d, needs: [b], wait: { for: 1s }, when: { mode: [unplanned, emergency] } }
      - { id: e, needs: [d, c], wait: { for: 1s } }
      - { id: f, needs: [], wait: { for: 1s } }
      - { id: g, wait: { for: 1s } }",
    );
    insta::assert_snapshot!(graph(&plan(&text, &[], Mode::Planned, &[])), @r###"
    a
    [b <- a]
    c <- a
    [d <- a]
    e <- a c
    f
    g <- f
    "###);
    insta::assert_snapshot!(graph(&plan(&text, &[], Mode::Unplanned, &[])), @r###"
    a
    b <- a
    c <- b
    d <- b
    e <- c d
    f
    g <- f
    "###);
}

#[test]
fn a_playbook_as_a_step_becomes_its_steps() {
    let inner = "muster: 1
name: inner
vars: { pause: 1s, other: 2s }
phases:
  - name: first
    steps:
      - { id: x, needs: [], wait: { for: \"{{ var.pause }}\" } }
      - { id: y, needs: [], wait: { for: \"{{ var.other }}\" } }
  - { name: gone, when: { mode: emergency }, steps: [ { id: never, wait: { for: 1s } } ] }
  - name: second
    steps:
      - { id: z, needs: [], wait: { for: 1s } }
      - { id: deeper, needs: [], playbook: { file: innermost.yaml } }";
    let innermost = "muster: 1\nname: innermost\nphases: [ { name: only, steps: [ { id: q, wait: { for: 1s } } ] } ]";
    let text = steps(
        "      - { id: a, wait: { for: 1s } }
      - { id: in, playbook: { file: parts/inner.yaml, vars: { pause: \"{{ var.pause }}\" } }, on_failure: stop }
      - { id: b, wait: { for: 1s } }",
    );
    let files = [("parts/inner.yaml", inner), ("parts/innermost.yaml", innermost)];
    let made = plan(&text, &files, Mode::Planned, &[]);
    insta::assert_snapshot!(graph(&made), @r###"
    a
    in/x <- a
    in/y <- a
    [in/never <- in/x in/y]
    in/z <- in/x in/y
    in/deeper/q <- in/x in/y
    b <- in/z in/deeper/q
    "###);
    assert_eq!(made.steps[1].expected, Span::from_secs(3), "the step gives the variable");
    assert_eq!(made.steps[2].expected, Span::from_secs(2), "the inner default stands");
    assert_eq!(made.steps[1].on_failure, OnFailure::Stop);
    assert_eq!(made.steps[0].on_failure, OnFailure::Undo);
    let skipped = text.replace("on_failure: stop }", "when: { mode: unplanned } }");
    insta::assert_snapshot!(graph(&plan(&skipped, &files, Mode::Planned, &[])), @r###"
    a
    [in/x <- a]
    [in/y <- a]
    [in/never <- a]
    [in/z <- a]
    [in/deeper/q <- a]
    b <- a
    "###);
}

#[test]
fn modes_decide_what_is_carried_out_and_what_failures_mean() {
    let phases = |mode| {
        let made = plan(QUARTERLY, &[], mode, &[]);
        let applying = made.phases.iter().filter(|phase| phase.applies);
        applying.map(|phase| phase.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(phases(Mode::Planned), "prechecks failover verify soak failback cleanup");
    assert_eq!(phases(Mode::Unplanned), "prechecks disaster detect failover verify soak failback cleanup");
    assert_eq!(phases(Mode::Emergency), "prechecks failover verify soak cleanup");
    let on_failure = |mode, id: &str| {
        let made = plan(QUARTERLY, &[], mode, &[]);
        made.steps.iter().find(|step| step.id == id).unwrap().on_failure
    };
    assert_eq!(on_failure(Mode::Planned, "replica"), OnFailure::Undo);
    assert_eq!(on_failure(Mode::Emergency, "replica"), OnFailure::Continue);
    assert_eq!(on_failure(Mode::Emergency, "go"), OnFailure::Stop);
    assert_eq!(on_failure(Mode::Planned, "decide"), OnFailure::Pause);
    assert_eq!(on_failure(Mode::Planned, "promote"), OnFailure::Pause);
    assert_eq!(on_failure(Mode::Planned, "resume"), OnFailure::Continue);
}

#[test]
fn phases_belong_to_legs() {
    let made = plan(QUARTERLY, &[], Mode::Unplanned, &[]);
    let legs: Vec<Option<Leg>> = made.phases.iter().map(|phase| phase.leg).collect();
    let failover = Some(Leg::Failover);
    assert_eq!(legs, [None, failover, failover, failover, failover, None, Some(Leg::Return), None]);
    let text = "muster: 1\nname: d\ninfrastructure: infra.yaml\nphases:\n  - { name: mine, steps: [ { id: a, wait: { for: 1s } } ] }\n  - { name: home, kind: failback, steps: [ { id: b, wait: { for: 1s } } ] }\n  - { name: after, steps: [ { id: c, wait: { for: 1s } } ] }\n";
    let legs: Vec<Option<Leg>> = plan(text, &[], Mode::Planned, &[]).phases.iter().map(|phase| phase.leg).collect();
    assert_eq!(legs, [failover, Some(Leg::Return), Some(Leg::Return)]);
}

#[test]
fn variables_come_from_playbook_infrastructure_and_command_line_in_this_order() {
    let text = steps("      - { id: a, wait: { for: \"{{ var.pause }}\" } }");
    let infrastructure = format!("{SIMULATED}\nvars: {{ pause: 5s, extra: 1 }}\n");
    let with = |vars: &[(&str, &str)]| {
        let loaded = load_with(&text, &[("infra.yaml", &infrastructure)], None, vars);
        assert!(loaded.diagnostics.is_empty(), "{}", shown(&loaded));
        loaded.plan.unwrap()
    };
    let made = with(&[]);
    assert_eq!(
        (made.steps[0].expected, made.variables[0].source),
        (Span::from_secs(5), VariableSource::Infrastructure)
    );
    assert_eq!(made.variables.len(), 2);
    let made = with(&[("pause", "7s")]);
    assert_eq!((made.steps[0].expected, made.variables[0].source), (Span::from_secs(7), VariableSource::CommandLine));
}

#[test]
fn late_names_stay_and_others_beside_them_are_filled() {
    let text =
        steps("      - { id: a, notify: { webhook: { env: HOOK }, message: \"{{run.id}} waits {{ var.pause }}\" } }");
    let made = plan(&text, &[], Mode::Planned, &[]);
    assert_eq!(made.steps[0].act.describe().summary(), "tell: {{ run.id }} waits 3s");
}

#[test]
fn the_digest_is_stable_and_sees_every_change() {
    let text = steps("      - { id: a, wait: { for: \"{{ var.pause }}\" } }");
    let digest = |text: &str, infrastructure: &str, mode, vars: &[(&str, &str)]| {
        load_with(text, &[("infra.yaml", infrastructure)], Some(mode), vars).plan.unwrap().digest
    };
    let first = digest(&text, SIMULATED, Mode::Planned, &[]);
    assert_eq!(first, digest(&text, SIMULATED, Mode::Planned, &[]));
    assert_eq!(first.len(), 64);
    let others = [
        digest(&format!("{text}# a comment\n"), SIMULATED, Mode::Planned, &[]),
        digest(&text, &format!("{SIMULATED}# a comment\n"), Mode::Planned, &[]),
        digest(&text, SIMULATED, Mode::Unplanned, &[]),
        digest(&text, SIMULATED, Mode::Planned, &[("pause", "4s")]),
    ];
    for other in &others {
        assert_ne!(&first, other);
    }
}
