//! Every check of playbooks and infrastructure files, with what a person reads.

use std::fmt::Write as _;

use super::{SIMULATED, load_checked, load_with, shown};
use crate::catalogue::Mode;
use crate::diagnostic::codes;
use crate::plan::Checked;

/// A playbook with a service and whatever follows.
pub(super) fn playbook(rest: &str) -> String {
    format!(
        "muster: 1\nname: drill\ninfrastructure: infra.yaml\nservices: {{ web: {{ depends_on: [code], probe: {{ http: \"https://code.example.test/\" }} }} }}\n{rest}"
    )
}

/// A playbook with one phase of these steps.
pub(super) fn steps(steps: &str) -> String {
    playbook(&format!("phases:\n  - name: failover\n    steps:\n{}\n", indented(steps)))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}

/// `CODE line:column message | help`, a problem a line.
pub(super) fn problems(playbook: &str, infrastructure: &str, mode: Option<Mode>) -> String {
    brief(&load_with(playbook, &[("infra.yaml", infrastructure)], mode, &[]))
}

fn brief(loaded: &crate::plan::Loaded) -> String {
    let mut out = String::new();
    // What experience sees of these small drills, which have no way home, has tests of its own.
    for found in loaded.diagnostics.iter().filter(|found| !("M085".."M097").contains(&found.code)) {
        assert!(codes::find(found.code).is_some(), "{} is in no table", found.code);
        let place = found.place.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let _ = write!(out, "{} {place} {}", found.code, found.message);
        if let Some(help) = &found.help {
            let _ = write!(out, " | {help}");
        }
        out.push('\n');
    }
    assert_eq!(loaded.plan.is_none(), loaded.diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error), "{out}");
    out
}

fn of_steps(text: &str) -> String {
    problems(&steps(text), SIMULATED, None)
}

#[test]
fn a_step_has_one_action() {
    insta::assert_snapshot!(of_steps("- { id: a }
- { id: b, check: { services: all }, wait: { for: 3s } }
- { id: c, database.promot: { database: main, to: secondary } }
- { id: d, chekc: { services: all }, wihtin: 3s }
- { id: e, frobnicate: 1 }
- 7"), @r###"
    M032 drill.yaml:8:15 the step has no action | add one of dns.switch, database.fence, database.promote, database.replicate, storage.fence, storage.promote, storage.replicate, storage.verify, storage.recover, data.preserve, compute.start, compute.stop, compute.scale, backup.verify, backup.restore, region.isolate, region.rejoin, check, wait, command, http, approve, manual, notify, playbook
    M033 drill.yaml:9:44 a step has one action; this has both `check` and `wait` | make two steps of it
    M031 drill.yaml:10:18 `database.promot` is neither an action nor a key of a step | did you mean `database.promote`?
    M031 drill.yaml:11:18 `chekc` is neither an action nor a key of a step | did you mean `check`?
    M031 drill.yaml:11:44 `wihtin` is neither an action nor a key of a step | did you mean `within`?
    M031 drill.yaml:12:18 `frobnicate` is neither an action nor a key of a step | the actions are dns.switch, database.fence, database.promote, database.replicate, storage.fence, storage.promote, storage.replicate, storage.verify, storage.recover, data.preserve, compute.start, compute.stop, compute.scale, backup.verify, backup.restore, region.isolate, region.rejoin, check, wait, command, http, approve, manual, notify, playbook
    M022 drill.yaml:13:9 expected a step, which is a mapping with an id and an action, found the number 7
    "###);
}

#[test]
fn needs_are_steps_of_the_same_phase_without_a_cycle() {
    let phases = "phases:
  - name: failover
    steps:
      - { id: one, needs: [tow], wait: { for: 1s } }
      - { id: two, wait: { for: 1s } }
      - { id: two, wait: { for: 1s } }
  - name: verify
    steps:
      - { id: three, needs: [one, nobody], wait: { for: 1s } }
      - { id: four, needs: [six], wait: { for: 1s } }
      - { id: five, wait: { for: 1s } }
      - { id: six, wait: { for: 1s } }
  - name: verify
    steps:
      - { id: self, needs: [self], wait: { for: 1s } }
  - { name: soak, steps: [] }";
    insta::assert_snapshot!(problems(&playbook(phases), SIMULATED, None), @r###"
    M035 drill.yaml:8:28 there is no step `tow` in this phase | did you mean `two`?
    M034 drill.yaml:10:15 two steps have the id `two` | rename one; ids are unique in a playbook
    M036 drill.yaml:13:30 `one` is a step of the phase `failover` | phases run one after another, so it has ended anyway: remove it
    M035 drill.yaml:13:35 there is no step `nobody` in this phase | name the id of a step of the same phase
    M037 drill.yaml:14:15 these steps wait for each other: four needs six needs five needs four | take one of them out of the other's `needs`; a step without `needs` needs the one written before it
    M034 drill.yaml:17:11 two phases have the name `verify` | rename one, and say what it is for with `kind:`
    M037 drill.yaml:19:15 `self` needs itself | take one of them out of the other's `needs`; a step without `needs` needs the one written before it
    M053 drill.yaml:20:13 the phase has no steps | add a step, or remove the phase
    "###);
}

#[test]
fn what_is_named_is_there_and_of_the_right_kind() {
    insta::assert_snapshot!(of_steps("- { id: a, database.fence: { database: mian, in: primary } }
- { id: b, database.fence: { database: code, in: primary } }
- { id: c, dns.switch: { records: [code, gti], to: secondary } }
- { id: d, check: { services: [web, wbe] } }
- { id: e, check: { service: web, in: secondary } }
- { id: f, check: { service: zebra, in: secondary } }
- { id: g, compute.stop: { compute: web-servers, in: secondry } }"), @r###"
    M038 drill.yaml:8:46 the infrastructure file has no resource `mian` | did you mean `main`?
    M039 drill.yaml:9:46 `code` is a dns; a database is needed here | the resources of kind database are main
    M038 drill.yaml:10:48 the infrastructure file has no resource `gti` | did you mean `git`?
    M038 drill.yaml:11:43 there is no service `wbe` | did you mean `web`?
    M038 drill.yaml:12:36 the service `web` has no standby that could be asked | add `standby: { http: … }` to the service
    M038 drill.yaml:13:36 there is no service `zebra` | the services are web
    M023 drill.yaml:14:60 `secondry` is not one of the known values | did you mean `secondary`? known values: `primary`, `secondary`
    "###);
    insta::assert_snapshot!(problems(&playbook("canaries: { a: { database: repositories }, b: { storage: repo }, c: { every: 1s }, d: { database: main, storage: repositories } }
guardrails: [ { name: x, outage_of: wbe, broken_after: 1m }, { name: y, broken_after: 1m } ]
phases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]"), SIMULATED, None), @r###"
    M039 drill.yaml:5:28 `repositories` is a storage; a database is needed here | the resources of kind database are main
    M038 drill.yaml:5:58 the infrastructure file has no resource `repo` | the resources of kind storage are repositories
    M042 drill.yaml:5:69 the canary does not say where it writes | name one: `database: main` or `storage: repositories`
    M042 drill.yaml:5:87 a canary writes to a `database` or a `storage`, not both | name one: `database: main` or `storage: repositories`
    M038 drill.yaml:6:37 there is no service `wbe` | did you mean `web`?
    M042 drill.yaml:6:70 the guardrail does not say what it watches | write `probe: { … }`, `outage_of: any` or `check: { database: main, … }`
    "###);
    insta::assert_snapshot!(problems(&playbook("guardrails:
  - { name: a, check: { database: mian, in: secondary, lag_at_most: 5s }, broken_after: 1m }
  - { name: b, check: { compute: main, in: primary, can_scale_to: 2 }, every: 10ms, broken_after: 1m }
  - { name: c, check: { services: all, healthy_for: 1m }, broken_after: 1m }
  - { name: d, check: { database: main, in: secondary }, broken_after: 1m }
  - { name: e, check: { dns: code, ttl_at_most: 1m }, outage_of: any, broken_after: 1m }
  - { name: f, outage_of: any, every: 5s, broken_after: 1m }
  - { name: f, check: { dns: code, ttl_at_most: 1m }, broken_after: 1m }
phases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]"), SIMULATED, None), @r###"
    M038 drill.yaml:6:35 the infrastructure file has no resource `mian` | did you mean `main`?
    M039 drill.yaml:7:34 `main` is a database; a compute is needed here | the resources of kind compute are web-servers
    M043 drill.yaml:7:79 `every: 10ms` is too short | it must be at least 1s
    M042 drill.yaml:8:23 a guardrail's `check` is about resources, not about services | name a database or storage (`lag_at_most`), dns records (`ttl_at_most`) or a compute group (`can_scale_to`); services are watched by `outage_of`, an address by a `probe`
    M024 drill.yaml:9:23 `database` needs `lag_at_most: 10s` beside it
    M042 drill.yaml:10:13 a guardrail watches a `probe`, `outage_of` services or resources by a `check`, one of them | write one guardrail for each
    M042 drill.yaml:11:39 `every` goes with `check` | a probe has its own `every`
    M034 drill.yaml:12:13 two guardrails have the name `f` | rename one: reports tell them apart by their names
    "###);
}

#[test]
fn everything_has_bounds() {
    insta::assert_snapshot!(of_steps("- { id: a, wait: { for: 1s }, retry: { attempts: 21 }, timeout: 0s }
- { id: b, wait: { for: 1s }, retry: { attempts: 2, wait: 10s, max_wait: 2s }, within: 9999d }
- { id: c, approve: { by: [lead], quorum: 2, prompt: Go? } }
- { id: d, approve: { quorum: 0, prompt: Go? } }
- { id: e, wait: { for: 30 } }
- { id: f, command: { argv: [] } }
- { id: g/h, command: { argv: [true] } }
- { id: i, http: { url: \"ftp://x\" } }
- { id: j, database.replicate: { database: main, from: primary, to: primary } }
- { id: k, region.isolate: { region: primary, from: [] } }"), @r###"
    M043 drill.yaml:8:44 `attempts: 21` is out of bounds | write a number from 1 to 20
    M043 drill.yaml:8:71 `timeout: 0s` is too short | it must be longer than 0s
    M043 drill.yaml:9:44 `max_wait: 2s` is shorter than `wait: 10s` | the wait is doubled after each attempt, up to `max_wait`
    M043 drill.yaml:9:94 `within: 9999d` is too long | it must be at most 366d
    M044 drill.yaml:10:49 2 must approve, but `by` names only 1 | lower `quorum`, or name more people or roles in `by`
    M043 drill.yaml:11:37 `quorum: 0` is out of bounds | write a number from 1 to 100
    M022 drill.yaml:12:31 expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 30 | add its unit: `30s` for seconds, `30m` for minutes, `30h` for hours
    M042 drill.yaml:13:35 `argv` names no program | write the program and its arguments as a list: [autofailover, pause]
    M030 drill.yaml:14:15 the step id `g/h` has a `/` | a `/` stands only in the ids of steps of inlined playbooks; use `-`
    M022 drill.yaml:14:38 expected text, found true | put it in quotes: "true"
    M042 drill.yaml:15:31 `ftp://x` does not begin with http:// or https://; write for example https://code.example.test/healthz
    M042 drill.yaml:16:75 `from` and `to` are the same region | a copy is made from one region to the other
    M042 drill.yaml:17:59 the region is cut off from nobody | write for example from: [users, secondary]
    "###);
}

#[test]
fn probes_say_what_they_ask() {
    let services = |probe: &str| {
        let text = format!(
            "muster: 1\nname: drill\ninfrastructure: infra.yaml\nservices: {{ web: {{ probe: {probe} }} }}\nphases: [ {{ name: a, steps: [ {{ id: a, wait: {{ for: 1s }} }} ] }} ]"
        );
        problems(&text, SIMULATED, None)
    };
    let all: String = [
        "{ every: 5ms, tcp: \"a:1\" }",
        "{ tcp: \"a\" }",
        "{ tcp: \"a:0\" }",
        "{ tcp: \"a:b:1\" }",
        "{ tcp: \"a:1\", method: GET, expect: { status: 200 } }",
        "{ tcp: \"a:1\", http: \"http://a\" }",
        "{ every: 1s }",
        "{ http: code.example.test }",
        "{ http: \"https://a/\", healthy_after: 0, unhealthy_after: 1001, expects: 1 }",
        "{ http: \"https://a/\", expect: { status: 999 } }",
    ]
    .iter()
    .map(|probe| services(probe))
    .collect();
    insta::assert_snapshot!(all, @r###"
    M043 drill.yaml:4:36 `every: 5ms` is too short | it must be at least 10ms
    M042 drill.yaml:4:34 `a` has no port | write for example db.example.test:5432
    M042 drill.yaml:4:34 `a:0` has no valid port after the colon | write for example db.example.test:5432
    M042 drill.yaml:4:34 `a:b:1` has no valid host before the port | write for example db.example.test:5432
    M042 drill.yaml:4:49 `method` goes with `http`, not with `tcp` | remove it; a tcp probe is healthy when the connection opens and what it `expect`s comes back
    M020 drill.yaml:4:64 the key `status` is unknown here | known keys: `receives`, `within`
    M042 drill.yaml:4:34 a probe asks over `http` or over `tcp`, not both | remove one of the two
    M042 drill.yaml:4:27 the probe does not say what it asks | write `http: https://…`, `tcp: "host:port"`, or another of `tls`, `dns`, `postgres`, `command`, `all`, `any` and `of`
    M042 drill.yaml:4:35 `code.example.test` does not begin with http:// or https://; write for example https://code.example.test/healthz
    M043 drill.yaml:4:64 `healthy_after: 0` is out of bounds | write a number from 1 to 1000
    M043 drill.yaml:4:84 `unhealthy_after: 1001` is out of bounds | write a number from 1 to 1000
    M020 drill.yaml:4:90 the key `expects` is unknown here | did you mean `expect`? known keys: `http`, `method`, `headers`, `body`, `redirects`, `expect`, `resolver`, `family`, `tls_options`, `every`, `timeout`, `healthy_after`, `unhealthy_after`
    M024 drill.yaml:4:67 999 is no status code; they go from 100 to 599
    "###);
    assert_eq!(services("{ tcp: \"[::1]:22\" }"), "");
    let twice = "muster: 1\nname: drill\ninfrastructure: infra.yaml\nservices: { witness: { probe: { tcp: \"a:1\" } } }\nwitness: { probe: { tcp: \"a:1\" } }\nphases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]";
    insta::assert_snapshot!(problems(twice, SIMULATED, None), @r###"
    M034 drill.yaml:5:1 two probes have the name `witness` | rename one: services, the witness and guardrails share their names in reports
    "###);
}

#[test]
fn headers_are_checked_whole() {
    insta::assert_snapshot!(problems("muster: 2\nname: Drill One\ninfrastructure: infra.yaml\nmode: sideways\ndiscard: yes\ndata_loss: { accept_up_to: 30 }\nobjectives: { rto: 15, rot: 1m }\nat_once: 0\nphases: []\n", SIMULATED, None), @r###"
    M053 drill.yaml:1:1 the playbook has no phases | add one
    M055 drill.yaml:1:9 the file is of version 2 of the format | this build reads `muster: 1`
    M030 drill.yaml:2:7 the playbook name `Drill One` has 'D' at character 1; use lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit | the name is part of the run's id and of the name of its folder
    M023 drill.yaml:4:7 `sideways` is not one of the known values | known values: `planned`, `unplanned`, `emergency`
    M023 drill.yaml:5:10 `yes` is not one of the known values | known values: `accept`
    M022 drill.yaml:6:28 expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 30 | add its unit: `30s` for seconds, `30m` for minutes, `30h` for hours
    M022 drill.yaml:7:20 expected a duration with a unit such as 200ms, 30s, 5m, 1h or 30d, found the number 15 | add its unit: `15s` for seconds, `15m` for minutes, `15h` for hours
    M020 drill.yaml:7:24 the key `rot` is unknown here | did you mean `rto`? known keys: `rto`, `rpo`, `failback_rto`, `failback_rpo`
    M043 drill.yaml:8:10 `at_once: 0` is out of bounds | write a number from 1 to 10000
    "###);
    insta::assert_snapshot!(problems("muster: 1\nname: drill\nservices: { All: {}, all: { probe: { tcp: \"a:1\" } } }\nphases: 3\n", SIMULATED, None), @r###"
    M052 drill.yaml:1:1 the playbook names no infrastructure file | add `infrastructure: infra/simulated.yaml`, or use --infra FILE
    M030 drill.yaml:3:13 the service name `All` has 'A' at character 1; use lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit
    M021 drill.yaml:3:18 the key `probe` is missing here | add `probe: ...` to this mapping
    M022 drill.yaml:4:9 expected a list of phases, found the number 3
    "###);
    insta::assert_snapshot!(problems("muster: 1\nname: drill\ninfrastructure: nowhere.yaml\nphases: [ { name: a, steps: [ { id: a } ] } ]\n", SIMULATED, None), @r###"
    M052 drill.yaml:3:17 the infrastructure file nowhere.yaml cannot be read: there is no such file | name another file with --infra FILE
    M032 drill.yaml:4:37 the step has no action | add one of dns.switch, database.fence, database.promote, database.replicate, storage.fence, storage.promote, storage.replicate, storage.verify, storage.recover, data.preserve, compute.start, compute.stop, compute.scale, backup.verify, backup.restore, region.isolate, region.rejoin, check, wait, command, http, approve, manual, notify, playbook
    "###);
}

#[test]
fn names_in_templates_are_known() {
    insta::assert_snapshot!(of_steps("- { id: a, command: { argv: [echo, \"{{ var.missing }}\", \"{{ run.id }}\"] } }
- { id: b, title: \"{{ run.id }}\", wait: { for: \"{{ region.primary.name }}\" } }
- { id: c, command: { argv: [\"{{ region.primry.name }}\"] } }
- { id: d, command: { argv: [\"{{ #if x }}\"] } }
- { id: e, command: { argv: [\"{{ var.x\"] } }"), @r###"
    M025 drill.yaml:8:42 the variable `var.missing` is unknown; give it a default under `vars:` in the playbook
    M025 drill.yaml:9:25 `run.id` is known only while a run goes on; it can stand in messages, prompts, commands and requests
    M024 drill.yaml:9:54 `us-east-1` is not a duration: write a number with its unit (ms, s, m, h or d), such as 10s or 1m30s
    M025 drill.yaml:10:36 the name `region.primry.name` is unknown; did you mean `region.primary.name`?
    M025 drill.yaml:11:36 `{{ #if x }}` is no name: write {{ var.NAME }}; there are no helpers, blocks or partials
    M025 drill.yaml:12:36 a `{{` is not closed by `}}`
    "###);
    let vars = "vars: { a: \"{{ var.b }}\", b: , c: [1], \"d e\": 1 }\nphases: [ { name: a, steps: [ { id: a, wait: { for: 1s } } ] } ]";
    insta::assert_snapshot!(problems(&playbook(vars), SIMULATED, None), @r###"
    M040 drill.yaml:5:12 the variable `a` refers to another name | a variable's value is plain text; put the template where the variable is used
    M040 drill.yaml:5:27 the variable `b` has no value | write a value; "" is an empty text
    M040 drill.yaml:5:35 the variable `c` is a list | a variable's value is a text, a number, true or false
    M040 drill.yaml:5:40 `d e` is no name for a variable | use letters, digits, `_` and `-`
    "###);
    let loaded =
        load_with(&steps("- { id: a, wait: { for: 1s } }"), &[("infra.yaml", SIMULATED)], None, &[("nope", "1")]);
    insta::assert_snapshot!(brief(&loaded), @r###"
    M040 - --var nope: there is no variable `nope` | give it a default under `vars:` in the playbook
    "###);
}

const FENCELESS: &str = "- { id: fence, needs: [], database.fence: { database: main, in: primary } }
- { id: promote, needs: [], database.promote: { database: main, to: secondary } }
- { id: promote-git, storage.promote: { storage: repositories, to: secondary } }";

#[test]
fn a_drained_promotion_comes_after_its_fence() {
    insta::assert_snapshot!(of_steps(FENCELESS), @r###"
    M047 drill.yaml:9:15 `promote` promotes main without a fence of main in primary before it | add `fence` to its `needs`
    M047 drill.yaml:10:15 `promote-git` promotes repositories without a fence of repositories in primary before it | a drained promotion waits for the fenced position; add `storage.fence: { storage: repositories, in: primary }`
    "###);
    assert_eq!(problems(&steps(FENCELESS), SIMULATED, Some(Mode::Emergency)), "");
}

#[test]
fn every_mode_is_checked_and_what_is_wrong_in_some_says_in_which() {
    let text = steps(&format!("{FENCELESS}\n- {{ id: stop, compute.stop: {{ compute: nope, in: primary }} }}"));
    let every = |text: &str| brief(&load_checked(text, &[("infra.yaml", SIMULATED)], None, &[], Checked::InEveryMode));
    // What is wrong with the text itself is no matter of modes, and told once.
    insta::assert_snapshot!(every(&text), @"M038 drill.yaml:11:46 the infrastructure file has no resource `nope` | the resources of kind compute are web-servers");
    let phases = "phases:
  - { name: disaster, when: { mode: [unplanned, planned] }, steps: [ { id: isolate, region.isolate: { region: primary, from: [users, secondary] } } ] }
  - name: failover
    steps:
      - { id: stop, compute.stop: { compute: web-servers, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: both, needs: [stop], storage.promote: { storage: repositories, to: secondary, drain: true } }";
    insta::assert_snapshot!(every(&playbook(phases)), @r"
    M046 drill.yaml:9:15 in unplanned mode, `stop` needs web-servers in primary, which is lost by then | a real disaster leaves that region's data and control plane out of reach; do it without them, or after the region is back
    M047 drill.yaml:10:15 in planned mode, `promote` promotes main without a fence of main in primary before it | a drained promotion waits for the fenced position; add `database.fence: { database: main, in: primary }`
    M047 drill.yaml:11:15 `both` promotes repositories without a fence of repositories in primary before it | a drained promotion waits for the fenced position; add `storage.fence: { storage: repositories, in: primary }`
    M046 drill.yaml:11:15 in unplanned mode, `both` needs repositories in primary, which is lost by then | a real disaster leaves that region's data and control plane out of reach; do it without them, or after the region is back
    ");
}

#[test]
fn an_unplanned_drill_needs_nothing_of_the_lost_region() {
    let phases = "phases:
  - { name: disaster, when: { mode: unplanned }, steps: [ { id: isolate, region.isolate: { region: primary, from: [users, secondary] } } ] }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: fence-git, storage.fence: { storage: repositories, in: primary, unreachable: continue } }
      - { id: stop, compute.stop: { compute: web-servers, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary, drain: true } }
  - name: failback
    steps: [ { id: rejoin, region.rejoin: { region: primary } }, { id: start, compute.start: { compute: web-servers, in: primary } } ]";
    insta::assert_snapshot!(problems(&playbook(phases), SIMULATED, Some(Mode::Unplanned)), @r###"
    M046 drill.yaml:9:15 `fence` needs main in primary, which is lost by then | add `unreachable: continue`: the fence is tried, and the drill goes on without it
    M046 drill.yaml:11:15 `stop` needs web-servers in primary, which is lost by then | a real disaster leaves that region's data and control plane out of reach; do it without them, or after the region is back
    M046 drill.yaml:12:15 `promote` needs main in primary, which is lost by then | a real disaster leaves that region's data and control plane out of reach; do it without them, or after the region is back
    "###);
    assert_eq!(problems(&playbook(phases), SIMULATED, Some(Mode::Planned)), "");
    let production = "muster: 1
name: production
environment: production
regions: { primary: { name: a, provider: exec, command: [cut] }, secondary: { name: b } }
resources:
  code:
    dns:
      { provider: rfc2136, name: code.example.test, zone: example.test, server: 192.0.2.53,
        key: { name: muster, algorithm: hmac-sha256, secret: { env: TSIG } },
        targets: { primary: [192.0.2.1], secondary: [198.51.100.1] } }
  main: { database: { provider: patroni }, simulate: { promotion: 10s } }
  repositories:
    storage:
      provider: git
      regions: { primary: { url: 'http://a', path: /srv }, secondary: { url: 'http://b', path: /srv } }
  web-servers:
    compute:
      provider: process
      regions:
        primary: { capacity: 3, start: [up, '{server}'], stop: [down, '{server}'], status: [count] }
        secondary: { capacity: 3, start: [up, '{server}'], stop: [down, '{server}'], status: [count] }";
    let isolate = steps("- { id: isolate, region.isolate: { region: primary, from: [users] } }");
    insta::assert_snapshot!(problems(&isolate, production, None), @r###"
    M045 drill.yaml:8:15 `isolate` cuts a production region off before its data is fenced and drained | accept the loss with `data_loss: { accept_up_to: 30s, because: "…" }`, or fence and promote first
    "###);
    let accepted = isolate.replace("name: drill", "name: drill\ndata_loss: { accept_up_to: 1m, because: agreed }");
    assert_eq!(problems(&accepted, production, None), "");
    let nothing_cuts = steps("- { id: isolate, region.isolate: { region: secondary, from: [users] } }");
    insta::assert_snapshot!(problems(&nothing_cuts, production, None), @r###"
    M039 drill.yaml:8:50 nothing can cut the region secondary off | give the region `secondary` a `provider:` in the infrastructure file
    "###);
}

#[test]
fn infrastructure_files_are_checked_as_strictly() {
    let infrastructure = "muster: 1
name: broken
environment: simulated
colour: blue
regions: { primary: { name: a, isolate: 3s, isolat: 3s }, tertiary: { name: c } }
vars: { url: \"{{ var.x }}\", other: [1] }
network: { conect: 3ms }
resources:
  code: { dns: { provider: simulted, name: x } }
  git: { dns: { provider: rfc2136 } }
  main: { database: { provider: simulated, promotion: 35, lag: 3s }, simulate: {} }
  two: { dns: { provider: simulated }, database: { provider: simulated } }
  none: {}
  text: dns
  kind: { databse: { provider: simulated } }
  bare: { compute: { servers: 3 } }
  region.primary: { dns: { provider: simulated } }
  Upper: { dns: { provider: simulated } }";
    insta::assert_snapshot!(problems(&steps("- { id: a, wait: { for: 1s } }"), infrastructure, None), @r###"
    M020 infra.yaml:4:1 the key `colour` is unknown here | known keys: `muster`, `name`, `title`, `environment`, `regions`, `resources`, `vars`, `network`, `windows`, `unattended`, `silence`
    M021 infra.yaml:5:1 the key `secondary` is missing here | add `secondary: { name: us-east-1 }`
    M020 infra.yaml:5:45 the key `isolat` is unknown here | did you mean `isolate`? known keys: `isolate`, `rejoin`, `api`
    M038 infra.yaml:5:59 there is no region role `tertiary` | the roles are primary and secondary; `name:` gives each its name
    M025 infra.yaml:6:14 templates are filled in playbooks only: write the value out; playbooks refer to it
    M040 infra.yaml:6:29 the variable `other` has no value that is text | a variable's value is a text, a number, true or false
    M020 infra.yaml:7:12 the key `conect` is unknown here | did you mean `connect`? known keys: `resolve`, `connect`, `answer`
    M050 infra.yaml:9:28 the provider `simulted` is unknown here | did you mean `simulated`?
    M021 infra.yaml:10:15 the key `name` is missing here | add `name: ...` to this mapping
    M021 infra.yaml:10:15 the key `zone` is missing here | add `zone: ...` to this mapping
    M021 infra.yaml:10:15 the key `server` is missing here | add `server: ...` to this mapping
    M051 infra.yaml:10:27 the provider `rfc2136` is real, but the environment is simulated | write `provider: simulated`, or state the environment: lab, staging or production
    M022 infra.yaml:11:55 expected a duration such as 30s, or two quantiles such as { p50: 30s, p95: 80s }, found the number 35
    M020 infra.yaml:11:59 the key `lag` is unknown here | known keys: `replication_lag`, `promotion`, `fence`, `replicate`, `preserve`, `write`, `api`, `rows_per_second`
    M051 infra.yaml:11:70 this is simulated already; it has no other twin | write these settings beside `provider: simulated`
    M039 infra.yaml:12:40 a resource is of one kind | declare a second resource with a name of its own
    M039 infra.yaml:13:3 the resource has no kind | the kinds are dns, database, compute, storage, backup
    M022 infra.yaml:14:9 expected a kind of resource with its provider, found the text "dns" | write { KIND: { provider: simulated } }; the kinds are dns, database, compute, storage, backup
    M038 infra.yaml:15:11 there is no kind of resource `databse` | did you mean `database`?
    M021 infra.yaml:16:20 the key `provider` is missing here | the providers are simulated, process, aws, exec
    M030 infra.yaml:17:3 `region.primary` is the name of a region, not of a resource | choose a name that does not begin with `region.`
    M030 infra.yaml:18:3 the resource name `Upper` has 'U' at character 1; use lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit
    "###);
}

fn nested(outer: &str, files: &[(&str, &str)]) -> String {
    let mut all = vec![("infra.yaml", SIMULATED)];
    all.extend_from_slice(files);
    brief(&load_with(&steps(outer), &all, None, &[]))
}

#[test]
fn inlined_playbooks_are_checked_too() {
    let keys = "- { id: b, timeout: 3s, retry: { attempts: 2 }, playbook: { file: none.yaml } }";
    insta::assert_snapshot!(nested(keys, &[]), @r###"
    M048 drill.yaml:8:18 `timeout` does not go with `playbook` | the steps of the other playbook have their own; write it there
    M048 drill.yaml:8:31 `retry` does not go with `playbook` | the steps of the other playbook have their own; write it there
    "###);
    let around =
        "muster: 1\nname: a\nphases: [ { name: x, steps: [ { id: back, playbook: { file: ../drill.yaml } } ] } ]";
    let inner = "muster: 1
name: c
vars: { speed: 1s }
phases:
  - name: x
    steps: [ { id: w, wait: { for: \"{{ var.speed }}\" } }, { id: d, database.fence: { database: mian, in: primary } } ]";
    let outer = "- { id: a, playbook: { file: parts/a.yaml } }
- { id: b, playbook: { file: none.yaml } }
- { id: c, playbook: { file: parts/c.yaml, vars: { spede: 1s } } }";
    insta::assert_snapshot!(nested(outer, &[("parts/a.yaml", around), ("parts/c.yaml", inner)]), @r###"
    M048 drill.yaml:9:36 the playbook none.yaml cannot be read: there is no such file | the path is taken from the folder of the playbook that names it
    M040 drill.yaml:10:56 parts/c.yaml has no variable `spede` | did you mean `speed`?
    M049 parts/a.yaml:3:61 the playbooks name each other: drill.yaml names parts/a.yaml names drill.yaml | a playbook cannot be a step of itself
    M038 parts/c.yaml:6:96 the infrastructure file has no resource `mian` | did you mean `main`?
    "###);
    let deep = |n: usize| {
        format!(
            "muster: 1\nname: p\nphases: [ {{ name: x, steps: [ {{ id: p, playbook: {{ file: p{n}.yaml }} }} ] }} ]"
        )
    };
    let files: Vec<(String, String)> = (0..12).map(|n| (format!("p{n}.yaml"), deep(n + 1))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    insta::assert_snapshot!(nested("- { id: a, playbook: { file: p0.yaml } }", &files), @r###"
    M049 p7.yaml:3:58 playbooks stand in each other more than 8 deep | write some of the steps out
    "###);
}

#[test]
fn what_a_person_reads() {
    let text = steps("- { id: fence, database.fence: { database: mian, in: primary } }");
    let loaded = load_with(&text, &[("infra.yaml", SIMULATED)], None, &[]);
    insta::assert_snapshot!(shown(&loaded), @r###"
    error[M038]: the infrastructure file has no resource `mian`
     --> drill.yaml:8:50
      |
    8 |       - { id: fence, database.fence: { database: mian, in: primary } }
      |                                                  ^^^^
      |
      = help: did you mean `main`?
    "###);
}
