//! What only someone with experience would see: each is warned of, and not where all is well.

use std::fmt::Write as _;

use super::{SIMULATED, load_checked};
use crate::catalogue::Mode;
use crate::plan::Checked;

const HEAD: &str = "muster: 1\nname: drill\ninfrastructure: infra.yaml\n";
const WEB: &str =
    "services: { web: { depends_on: [code, main], probe: { http: \"https://code.example.test/\", every: 1s } } }\n";

/// A whole drill, there and back, in which all is well.
const WELL: &str = "objectives: { rto: 15m }
phases:
  - name: prechecks
    steps:
      - { id: go, approve: { prompt: Start?, deadline: 30m } }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary, unreachable: continue } }
      - { id: promote, database.promote: { database: main, to: secondary }, within: 2m }
      - { id: dns, dns.switch: { records: [code], to: secondary } }
  - name: verify
    steps:
      - { id: served, check: { services: all, served_by: secondary, healthy_for: 2m } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: promote-back, database.promote: { database: main, to: primary, drain: true } }
      - { id: dns-back, dns.switch: { records: [code], to: primary } }
      - { id: served-home, check: { services: all, served_by: primary } }
";

/// `CODE line message` and the related places, a problem a line.
fn told(playbook: &str, infrastructure: &str, mode: Option<Mode>) -> String {
    let checked = if mode.is_some() { Checked::InItsMode } else { Checked::InEveryMode };
    let loaded = load_checked(playbook, &[("infra.yaml", infrastructure)], mode, &[], checked);
    let mut out = String::new();
    for found in &loaded.diagnostics {
        let place = found.place.as_ref().map_or(0, |place| place.line);
        let labels: Vec<String> =
            found.labels.iter().map(|label| format!("{}: {}", label.place.line, label.text)).collect();
        let _ = writeln!(out, "{} {place} {} [{}]", found.code, found.message, labels.join("; "));
    }
    out
}

/// What is told of the drill in which all is well, with this changed.
#[track_caller]
fn with(changes: &[(&str, &str)]) -> String {
    let mut text = format!("{HEAD}{WEB}{WELL}");
    for (right, wrong) in changes {
        assert!(text.contains(right), "{right} is not there");
        text = text.replace(right, wrong);
    }
    told(&text, SIMULATED, None)
}

/// The one line of a code.
#[track_caller]
fn only(text: &str, code: &str) -> String {
    let mut lines = text.lines().filter(|line| line.starts_with(code));
    let first = lines.next().unwrap_or_else(|| panic!("{code} is not told: {text}")).to_owned();
    assert_eq!(lines.next(), None, "{text}");
    first
}

#[test]
fn a_drill_in_which_all_is_well_is_warned_of_nothing() {
    assert_eq!(with(&[]), "");
}

#[test]
fn an_objective_is_not_shorter_than_its_critical_path() {
    let text = with(&[("rto: 15m", "rto: 4m"), ("unreachable: continue } }", "unreachable: continue }, within: 3m }")]);
    assert_eq!(
        text,
        "M085 5 `rto: 4m` is shorter than what the steps on the way may take: 5m together by their `within` [12: within 3m; 13: within 2m]\n"
    );
    // Side by side they take as long as the longer of them.
    let beside = with(&[
        ("rto: 15m", "rto: 4m"),
        (
            "unreachable: continue } }",
            "unreachable: continue } }\n      - { id: scale, needs: [], compute.scale: { compute: web-servers, in: secondary, to: 3 }, within: 3m }",
        ),
        ("id: promote,", "id: promote, needs: [fence],"),
    ]);
    assert_eq!(beside, "");
    // Before users lose anything, and after they have it back, nothing counts.
    let before = with(&[("rto: 15m", "rto: 4m"), ("healthy_for: 2m } }", "healthy_for: 2m }, within: 4m }")]);
    assert_eq!(before, "");
    let home = with(&[("rto: 15m", "rto: 15m, failback_rto: 1m"), ("drain: true } }", "drain: true }, within: 2m }")]);
    assert!(only(&home, "M085").contains("in planned and unplanned mode, `failback_rto: 1m` is shorter"), "{home}");
}

#[test]
fn who_is_asked_is_asked_before_the_damage() {
    let gate = "      - { id: go, approve: { prompt: Start?, deadline: 30m } }\n";
    let fence = "      - { id: fence,";
    let late = with(&[
        (gate, "      - { id: quiet, wait: { for: 1s } }\n"),
        ("  - name: verify\n    steps:\n", &format!("  - name: verify\n    steps:\n{gate}")),
    ]);
    assert!(
        only(&late, "M086").contains(
            "the gate `go` comes after `fence`, by which users lose their service [12: users are out from here]"
        ),
        "{late}"
    );
    let beside = with(&[
        (gate, "      - { id: quiet, wait: { for: 1s } }\n"),
        (fence, &format!("{gate}      - {{ id: fence, needs: [],")),
    ]);
    assert!(only(&beside, "M086").contains("comes beside `fence`"), "{beside}");
    let without = with(&[(gate, "      - { id: quiet, wait: { for: 1s } }\n")]);
    assert_eq!(without, "", "a drill that asks nobody asks nobody too late");
}

#[test]
fn a_gate_has_a_deadline() {
    assert!(
        only(&with(&[(", deadline: 30m", "")]), "M096").contains("the gate `go` has no deadline: it waits for a day")
    );
}

#[test]
fn a_probe_sees_recovery_within_the_objective() {
    let slow = with(&[("every: 1s", "every: 5m, healthy_after: 4, unhealthy_after: 2")]);
    assert!(
        only(&slow, "M088")
            .contains("the probe of `web` needs 20m to see that users are served again, longer than `rto: 15m`"),
        "{slow}"
    );
}

#[test]
fn a_ttl_is_not_longer_than_the_objective() {
    let long = SIMULATED.replace("name: code.example.test, ttl: 60s", "name: code.example.test, ttl: 1h");
    let text = told(&format!("{HEAD}{WEB}{WELL}"), &long, Some(Mode::Planned));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "there and back: {text}");
    assert!(lines[0].starts_with("M089 14 the TTL of code is 1h, longer than `rto: 15m`"), "{text}");
}

#[test]
fn a_check_of_a_ttl_lets_none_pass_that_is_longer_than_the_objective() {
    let check = "      - { id: ttl, check: { dns: [code], ttl_at_most: 1h } }\n      - { id: go,";
    let lax = with(&[("      - { id: go,", check)]);
    assert!(only(&lax, "M089").contains("this check lets a TTL of 1h pass, longer than `rto: 15m`"), "{lax}");
}

#[test]
fn a_promotion_has_a_fence_before_it() {
    let fenceless = with(&[(
        "      - { id: fence, database.fence: { database: main, in: primary, unreachable: continue } }\n",
        "",
    )]);
    let line = only(&fenceless, "M090");
    assert!(line.contains("in unplanned and emergency mode, `promote` promotes main in secondary, and nothing before it fences main in primary"), "{line}");
    assert!(only(&fenceless, "M047").contains("in planned mode"), "{fenceless}");
}

#[test]
fn what_can_not_be_taken_back_does_not_stand_before_what_may_fail() {
    let command = "      - { id: freeze, command: { argv: [freeze] } }\n      - { id: fence,";
    let text = with(&[("      - { id: fence,", command)]);
    assert!(
        only(&text, "M091").contains("`freeze` can't be taken back, and steps after it may fail before `promote`"),
        "{text}"
    );
    assert_eq!(with(&[("      - { id: fence,", &command.replace("[freeze]", "[freeze], undo: [thaw]"))]), "");
    let after = "      - { id: dns, dns.switch: { records: [code], to: secondary } }\n      - { id: freeze, command: { argv: [freeze] } }";
    assert_eq!(
        with(&[("      - { id: dns, dns.switch: { records: [code], to: secondary } }", after)]),
        "",
        "nothing is taken back there"
    );
}

#[test]
fn a_switch_is_looked_at() {
    let text = with(&[("check: { services: all, served_by: secondary, healthy_for: 2m }", "wait: { for: 1s }")]);
    assert!(only(&text, "M092").contains("nothing after `dns` looks whether users are served by secondary"), "{text}");
    let elsewhere = with(&[("served_by: secondary", "served_by: primary")]);
    assert!(elsewhere.contains("M092"), "{elsewhere}");
}

#[test]
fn users_are_seen() {
    let text = told(
        &format!(
            "{HEAD}{}",
            WELL.replace("check: { services: all, served_by: secondary, healthy_for: 2m }", "wait: { for: 1s }")
                .replace("check: { services: all, served_by: primary }", "wait: { for: 1s }")
        ),
        SIMULATED,
        None,
    );
    assert!(only(&text, "M093").contains("`promote` moves users, and there are no services"), "{text}");
    let past = with(&[("https://code.example.test/", "https://web1.us-east-1.example.test/")]);
    assert!(
        only(&past, "M094")
            .contains("the probe of `web` asks web1.us-east-1.example.test, and not the names that `dns` moves"),
        "{past}"
    );
    let fixed = with(&[("every: 1s", "every: 1s, resolver: { fixed: 192.0.2.10 }")]);
    assert!(only(&fixed, "M094").contains("goes to a fixed address"), "{fixed}");
}

#[test]
fn a_drill_comes_home() {
    let text = format!("{HEAD}{WEB}{}", WELL.split("  - name: failback").next().unwrap());
    let line = only(&told(&text, SIMULATED, None), "M095");
    assert!(line.contains("in planned and unplanned mode, nothing brings home what `promote` moves"), "{line}");
    assert_eq!(told(&text, SIMULATED, Some(Mode::Emergency)), "", "nobody goes home from the real event by himself");
}

#[test]
fn a_canary_does_not_go_through_a_name_that_the_drill_moves() {
    let lab = "muster: 1
name: lab
environment: lab
regions: { primary: { name: a }, secondary: { name: b } }
resources:
  code: { dns: { provider: exec, command: [x], name: db.example.test, targets: { primary: [192.0.2.1], secondary: [198.51.100.1] } } }
  main:
    database:
      provider: postgres
      dbname: code
      regions: { primary: { host: DB.example.test }, secondary: { host: db2.example.test } }
";
    let text = format!("{HEAD}{WEB}canaries: {{ rows: {{ database: main }} }}\n{WELL}")
        .replace("https://code.example.test/", "https://db.example.test/");
    let line = only(&told(&text, lab, Some(Mode::Planned)), "M087");
    assert!(line.starts_with("M087 5 the canary `rows` writes to main through db.example.test, a name that the drill moves [15: moved here]"), "{line}");
    assert_eq!(told(&text, &lab.replace("DB.example", "db1.example"), Some(Mode::Planned)), "");
}

#[test]
fn a_secret_is_not_written_in_plain_text() {
    let steps = |step: &str| format!("{HEAD}phases: [ {{ name: prechecks, steps: [ {step} ] }} ]\n");
    for plain in [
        "{ id: a, command: { argv: [x], env: { DB_PASSWORD: hunter22 } } }",
        "{ id: a, command: { argv: [x, \"--token=abcdef\"] } }",
        "{ id: a, http: { url: \"https://x.example.test/?api_key=abcdef\" } }",
        "{ id: a, http: { url: \"https://x.example.test/\", headers: { Authorization: \"Bearer abcdef\" } } }",
    ] {
        let text = told(&steps(plain), SIMULATED, None);
        assert!(only(&text, "M097").contains("in plain text"), "{plain}: {text}");
        assert!(!text.contains("hunter22") && !text.contains("abcdef"), "it is told: {text}");
    }
    for well in [
        "{ id: a, command: { argv: [x], env: { DB_PASSWORD: { env: DB_PASSWORD } } } }",
        "{ id: a, command: { argv: [x, --token-file, /run/token] } }",
    ] {
        assert_eq!(told(&steps(well), SIMULATED, None), "", "{well}");
    }
    let variable = format!(
        "{HEAD}vars: {{ api_token: abcdef }}\nphases: [ {{ name: prechecks, steps: [ {{ id: a, wait: {{ for: 1s }} }} ] }} ]\n"
    );
    assert!(told(&variable, SIMULATED, None).starts_with("M097 4 "));
}
