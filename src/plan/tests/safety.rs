//! Courses that would destroy data or need what is lost: refused before anything is touched.

use super::SIMULATED;
use super::diagnostics::{playbook, problems};
use crate::catalogue::Mode;

/// A way there that drains nothing, and a way back of these steps.
fn there_and_back(prechecks: &str, failback: &str) -> String {
    let indented = |text: &str| format!("      {}\n", text.trim_end().replace('\n', "\n      "));
    playbook(&format!(
        "phases:
  - name: prechecks
    steps:
{}  - name: failover
    steps:
      - {{ id: fence, database.fence: {{ database: main, in: primary }} }}
      - {{ id: promote, database.promote: {{ database: main, to: secondary, drain: false }} }}
  - name: failback
    steps:
{}",
        indented(&format!(
            "- {{ id: near, check: {{ database: main, in: secondary, lag_at_most: 30s }} }}\n{prechecks}"
        )),
        indented(failback)
    ))
}

const KEEP: &str = "data.preserve: { of: [main], in: primary }";
const REPLICATE: &str = "database.replicate: { database: main, from: secondary, to: primary }";

#[test]
fn what_only_the_old_side_has_is_surely_kept_between_promotion_and_replication() {
    let told = |prechecks: &str, failback: &str| problems(&there_and_back(prechecks, failback), SIMULATED, None);
    let kept = format!("- {{ id: keep, {KEEP} }}\n- {{ id: replicate, {REPLICATE} }}");
    assert_eq!(told("", &kept), "");
    let by_needs = format!(
        "- {{ id: replicate, needs: [other], {REPLICATE} }}\n- {{ id: keep, needs: [], {KEEP} }}\n- {{ id: other, wait: {{ for: 1s }} }}"
    );
    assert_eq!(told("", &by_needs), "", "written later, carried out before");
    insta::assert_snapshot!(told("", &format!("- {{ id: replicate, {REPLICATE} }}")), @"M056 drill.yaml:15:15 `replicate` overwrites what only primary may have of main | put a step with `data.preserve: { of: [main], in: primary }` before it, or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told("", &format!("- {{ id: keep, needs: [replicate], {KEEP} }}\n- {{ id: replicate, needs: [], {REPLICATE} }}")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | let it wait for `keep` in its `needs`; or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told("", &format!("- {{ id: keep, needs: [], {KEEP} }}\n- {{ id: replicate, needs: [], {REPLICATE} }}")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | let it wait for `keep` in its `needs`; or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told(&format!("- {{ id: keep, {KEEP} }}"), &format!("- {{ id: replicate, {REPLICATE} }}")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | let `keep` come after `promote`; or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told("", &kept.replace("id: keep,", "id: keep, on_failure: continue,")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | take `on_failure: continue` away from `keep`: nothing may be built over what it did not keep; or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told("", &kept.replace("id: keep,", "id: keep, when: { mode: unplanned },")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | carry it out in this mode too; or accept the loss with `discard: accept`");
    insta::assert_snapshot!(told("", &kept.replace("in: primary", "in: secondary")), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | put a step with `data.preserve: { of: [main], in: primary }` before it, or accept the loss with `discard: accept`");
}

#[test]
fn a_preserve_that_the_way_home_passes_over_keeps_nothing() {
    let kept = there_and_back("", &format!("- {{ id: replicate, {REPLICATE} }}"));
    let soak = format!("  - {{ name: soak, steps: [ {{ id: keep, {KEEP} }} ] }}\n  - name: failback\n");
    insta::assert_snapshot!(problems(&kept.replace("  - name: failback\n", &soak), SIMULATED, None), @"M056 drill.yaml:16:15 `replicate` overwrites what only primary may have of main | put `keep` into the failback phase; or accept the loss with `discard: accept`");
    let cleanup = there_and_back("", &format!("- {{ id: keep, {KEEP} }}"));
    let cleanup = format!("{cleanup}  - {{ name: cleanup, steps: [ {{ id: replicate, {REPLICATE} }} ] }}\n");
    insta::assert_snapshot!(problems(&cleanup, SIMULATED, None), @"M056 drill.yaml:16:37 `replicate` overwrites what only primary may have of main | do it in the failback phase: cleanup is carried out to its end, whatever failed before; or accept the loss with `discard: accept`");
    let accepted = cleanup.replace("name: drill", "name: drill\ndiscard: accept");
    assert_eq!(problems(&accepted, SIMULATED, None), "");
    assert_eq!(problems(&cleanup.replace(", drain: false", ""), SIMULATED, Some(Mode::Planned)), "", "drained");
}

#[test]
fn a_check_that_the_lost_region_serves_or_stands_by_needs_it() {
    let drill = |step: &str| {
        playbook(&format!(
            "phases:
  - {{ name: disaster, when: {{ mode: unplanned }}, steps: [ {{ id: isolate, region.isolate: {{ region: primary, from: [users, secondary] }} }} ] }}
  - {{ name: failover, steps: [ {{ id: look, {step} }} ] }}"
        ))
        .replace("depends_on: [code],", "depends_on: [code], standby: { http: \"https://code.example.test/\" },")
    };
    let told = |step: &str, mode: Mode| problems(&drill(step), SIMULATED, Some(mode));
    for (step, needed) in [
        ("check: { service: web, in: primary }", "web"),
        ("check: { services: all, served_by: primary, healthy_for: 5s }", "all services"),
        ("wait: { services: [web], served_by: primary }", "web"),
    ] {
        let text = told(step, Mode::Unplanned);
        let wanted = format!("M046 drill.yaml:7:38 `look` needs {needed} in primary, which is lost by then");
        assert!(text.starts_with(&wanted), "{text}");
        assert_eq!(told(step, Mode::Planned), "", "{step}");
        assert_eq!(told(&step.replace("primary", "secondary"), Mode::Unplanned), "", "{step}");
    }
    assert_eq!(told("check: { services: all }", Mode::Unplanned), "");
}

#[test]
fn a_side_that_was_left_behind_is_built_anew_before_it_is_promoted() {
    let home = "- { id: fence-back, database.fence: { database: main, in: secondary } }
- { id: home, database.promote: { database: main, to: primary } }";
    let told = |failback: &str| problems(&there_and_back("", failback), SIMULATED, None);
    insta::assert_snapshot!(told(home), @"M061 drill.yaml:16:15 `home` promotes main in primary, which does not follow secondary by then | build primary anew between them with `database.replicate: { database: main, from: secondary, to: primary }`");
    let built = format!("- {{ id: keep, {KEEP} }}\n- {{ id: replicate, {REPLICATE} }}\n");
    assert_eq!(told(&format!("{built}{home}")), "");
    // Beside the promotion is not before it.
    let beside = home
        .replace("id: home,", "id: home, needs: [fence-back],")
        .replace("id: fence-back,", "id: fence-back, needs: [],");
    assert!(told(&format!("{built}{beside}")).starts_with("M061 "), "{}", told(&format!("{built}{beside}")));
    let accepted = there_and_back("", home).replace("name: drill", "name: drill\ndiscard: accept");
    assert_eq!(problems(&accepted, SIMULATED, None), "");
}
