//! An example for each code: what is wrong, and the same mended. A test reads them all: the wrong one is told of by its code,
//! the right one is not.

/// Where in a document an example stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Steps of a phase.
    Steps,
    /// Keys of a playbook.
    Playbook,
    /// A whole playbook.
    Document,
    /// Keys of an infrastructure file.
    Infrastructure,
    /// Nowhere: `wrong` says it in words.
    Words,
}

impl Part {
    /// In words.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::Steps => "in the `steps` of a phase",
            Self::Playbook => "in a playbook",
            Self::Document => "as a whole playbook",
            Self::Infrastructure => "in an infrastructure file",
            Self::Words => "in words",
        }
    }
}

/// An example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The code.
    pub code: &'static str,
    /// Where it stands.
    pub part: Part,
    /// What is wrong.
    pub wrong: &'static str,
    /// The same mended; empty where the example is words.
    pub right: &'static str,
}

const fn example(code: &'static str, part: Part, wrong: &'static str, right: &'static str) -> Example {
    Example { code, part, wrong, right }
}

/// All of them, by code.
pub const EXAMPLES: &[Example] = &[
    example("M001", Part::Words, r#"A file that was saved as Latin-1 has one byte for `ü`, which is no UTF-8. Most editors have "save with encoding"."#, ""),
    example("M002", Part::Words, "A generated playbook of 20 MiB. Put what repeats into a playbook of its own, and name it in steps: `playbook: { file: parts/one.yaml }`.", ""),
    example("M003", Part::Words, r#"A zero byte in the middle of a file that was cut off while it was written, or `title: "\x1b[31mred"`. Remove the character."#, ""),
    example("M004", Part::Playbook, "title: Failover: the second try", r#"title: "Failover: the second try""#),
    example("M005", Part::Words, "65 opening brackets one inside of the other: `[[[[[…`. Usually a bracket was typed by accident and never closed.", ""),
    example("M006", Part::Words, "A list of a million items. Put what repeats into a playbook of its own.", ""),
    example("M007", Part::Playbook, "title: First
---
title: Second", "title: First"),
    example("M008", Part::Document, "# nothing but a comment", "muster: 1
name: drill
infrastructure: infra.yaml
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"),
    example("M009", Part::Playbook, "vars: { a: &limit 10s }", "vars: { limit: 10s }"),
    example("M010", Part::Playbook, "title: !!str A drill", "title: A drill"),
    example("M011", Part::Playbook, "vars: { <<: { a: 1 } }", "vars: { a: 1 }"),
    example("M012", Part::Playbook, "owner: me
owner: you", "owner: you"),
    example("M013", Part::Playbook, "title: {{ var.title }}
vars: { title: A drill }", r#"title: "{{ var.title }}"
vars: { title: A drill }"#),
    example("M014", Part::Words, "A file of which hundreds of lines are wrong in the same way, such as a tag before each value. Mend the first ones and try again.", ""),
    example("M020", Part::Playbook, "ovner: me", "owner: me"),
    example("M021", Part::Steps, "- { wait: { for: 1s } }", "- { id: a-moment, wait: { for: 1s } }"),
    example("M022", Part::Steps, "- { id: a-moment, wait: { for: 30 } }", "- { id: a-moment, wait: { for: 30s } }"),
    example("M023", Part::Steps, "- { id: fence, database.fence: { database: main, in: us-east-1 } }", "- { id: fence, database.fence: { database: main, in: primary } }"),
    example("M024", Part::Steps, "- { id: a-moment, wait: { for: 30sec } }", "- { id: a-moment, wait: { for: 30s } }"),
    example("M025", Part::Steps, r#"- { id: pause, command: { argv: ["{{ var.tool }}", pause], undo: [x] } }"#, "- { id: pause, command: { argv: [autofailover, pause], undo: [autofailover, resume] } }"),
    example("M026", Part::Playbook, "owner:", "owner: platform-reliability"),
    example("M030", Part::Playbook, r#"services: { Web UI: { probe: { http: "https://code.example.test/" } } }"#, r#"services: { web: { title: Web UI, probe: { http: "https://code.example.test/" } } }"#),
    example("M031", Part::Steps, "- { id: fence, database.fense: { database: main, in: primary } }", "- { id: fence, database.fence: { database: main, in: primary } }"),
    example("M032", Part::Steps, "- { id: look, title: Is all well? }", "- { id: look, title: Is all well?, check: { services: all } }"),
    example("M033", Part::Steps, "- { id: go, wait: { for: 1s }, check: { services: all } }", "- { id: a-moment, wait: { for: 1s } }
- { id: look, check: { services: all } }"),
    example("M034", Part::Steps, "- { id: look, check: { services: all } }
- { id: look, wait: { for: 1s } }", "- { id: look, check: { services: all } }
- { id: a-moment, wait: { for: 1s } }"),
    example("M035", Part::Steps, "- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, needs: [fense], database.promote: { database: main, to: secondary } }", "- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, needs: [fence], database.promote: { database: main, to: secondary } }"),
    example("M036", Part::Playbook, "phases:
  - { name: prechecks, steps: [ { id: ready, check: { services: all } } ] }
  - { name: failover, steps: [ { id: a, needs: [ready], wait: { for: 1s } } ] }", "phases:
  - { name: prechecks, steps: [ { id: ready, check: { services: all } } ] }
  - { name: failover, steps: [ { id: a, wait: { for: 1s } } ] }"),
    example("M037", Part::Steps, "- { id: one, needs: [two], wait: { for: 1s } }
- { id: two, needs: [one], wait: { for: 1s } }", "- { id: one, needs: [], wait: { for: 1s } }
- { id: two, needs: [one], wait: { for: 1s } }"),
    example("M038", Part::Steps, "- { id: fence, database.fence: { database: mian, in: primary } }", "- { id: fence, database.fence: { database: main, in: primary } }"),
    example("M039", Part::Steps, "- { id: fence, database.fence: { database: code, in: primary } }", "- { id: fence, database.fence: { database: main, in: primary } }"),
    example("M040", Part::Playbook, r#"vars: { host: code.example.test, url: "https://{{ var.host }}" }"#, r#"vars: { url: "https://code.example.test" }"#),
    example("M042", Part::Playbook, "witness: { probe: { tcp: status.example.net } }", r#"witness: { probe: { tcp: "status.example.net:443" } }"#),
    example("M043", Part::Steps, "- { id: look, check: { services: all }, retry: { attempts: 100 } }", "- { id: look, check: { services: all }, retry: { attempts: 5 } }"),
    example("M044", Part::Steps, "- { id: go, approve: { by: [lead], quorum: 2, prompt: Go?, deadline: 1h } }", "- { id: go, approve: { by: [lead, deputy], quorum: 2, prompt: Go?, deadline: 1h } }"),
    example("M045", Part::Words, r#"`region.isolate: { region: primary, from: [users] }` in a playbook for `environment: production`. Say above the phases what may be lost, `data_loss: { accept_up_to: 30s, because: "copies are asynchronous" }`, or fence and promote first."#, ""),
    example("M046", Part::Playbook, "mode: unplanned
phases:
  - { name: disaster, steps: [ { id: isolate, region.isolate: { region: primary, from: [users, secondary] } } ] }
  - { name: failover, steps: [ { id: fence, database.fence: { database: main, in: primary } } ] }", "mode: unplanned
phases:
  - { name: disaster, steps: [ { id: isolate, region.isolate: { region: primary, from: [users, secondary] } } ] }
  - { name: failover, steps: [ { id: fence, database.fence: { database: main, in: primary, unreachable: continue } } ] }"),
    example("M047", Part::Steps, "- { id: promote, database.promote: { database: main, to: secondary } }", "- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, database.promote: { database: main, to: secondary } }"),
    example("M048", Part::Steps, "- { id: part, playbook: { file: part.yaml }, timeout: 5m }", "- { id: part, playbook: { file: part.yaml } }"),
    example("M049", Part::Words, "`drill.yaml` has a step `playbook: { file: part.yaml }`, and `part.yaml` one with `playbook: { file: drill.yaml }`.", ""),
    example("M050", Part::Infrastructure, "resources:
  main: { database: { provider: simulted } }", "resources:
  main: { database: { provider: simulated } }"),
    example("M051", Part::Infrastructure, "resources:
  main: { database: { provider: patroni } }   # in `environment: simulated`", "resources:
  main: { database: { provider: simulated } }"),
    example("M052", Part::Document, "muster: 1
name: drill
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]", "muster: 1
name: drill
infrastructure: infra.yaml
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"),
    example("M053", Part::Playbook, "phases: [ { name: failover, steps: [] } ]", "phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"),
    example("M055", Part::Document, "muster: 2
name: drill
infrastructure: infra.yaml
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]", "muster: 1
name: drill
infrastructure: infra.yaml
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"),
    example("M056", Part::Playbook, "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary, drain: false } }
  - name: failback
    steps:
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }", "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary, drain: false } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }"),
    example("M057", Part::Playbook, "phases:
  - name: soak
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }", "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }"),
    example("M058", Part::Playbook, "phases: [ { name: fail-over, steps: [ { id: a, wait: { for: 1s } } ] } ]", "phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"),
    example("M059", Part::Words, "`--calibration lab.calibration.yaml` with `--infra infra/production.yaml`. Make one for each: `muster calibrate --infra infra/production.yaml`.", ""),
    example("M060", Part::Words, "A calibration file that was edited by hand and has a mistake since. `muster calibrate` makes it anew.", ""),
    example("M061", Part::Playbook, "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
  - name: failback
    steps:
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: home, database.promote: { database: main, to: primary } }", "phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary } }
      - { id: promote, database.promote: { database: main, to: secondary } }
  - name: failback
    steps:
      - { id: keep, data.preserve: { of: [main], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: fence-back, database.fence: { database: main, in: secondary } }
      - { id: home, database.promote: { database: main, to: primary } }"),
    example("M062", Part::Steps, "- { id: steady, check: { services: all, healthy_for: 10m }, timeout: 5m }", "- { id: steady, check: { services: all, healthy_for: 10m }, timeout: 15m }"),
    example("M063", Part::Steps, "- { id: scale, compute.scale: { compute: web-servers, in: secondary, to: 12 }, within: 5m, timeout: 5m }", "- { id: scale, compute.scale: { compute: web-servers, in: secondary, to: 12 }, within: 5m, timeout: 10m }"),
    example("M064", Part::Steps, r#"- { id: pause, command: { argv: ["autofailover pause"], undo: [autofailover, resume] } }"#, "- { id: pause, command: { argv: [autofailover, pause], undo: [autofailover, resume] } }"),
    example("M065", Part::Playbook, r#"objectives: { rto: 5s }
services: { web: { probe: { http: "https://code.example.test/", every: 10s } } }"#, r#"objectives: { rto: 5m }
services: { web: { probe: { http: "https://code.example.test/", every: 10s } } }"#),
    example("M066", Part::Playbook, "roles: [incident-commander]
phases: [ { name: prechecks, steps: [ { id: go, approve: { by: [incident-comander], prompt: Go?, deadline: 1h } } ] } ]", "roles: [incident-commander]
phases: [ { name: prechecks, steps: [ { id: go, approve: { by: [incident-commander], prompt: Go?, deadline: 1h } } ] } ]"),
    example("M075", Part::Playbook, "services: { web: { probe: { http: 'http://code.example.test/', every: 1s, expect: { certificate_days: 14 } } } }", "services: { web: { probe: { http: 'https://code.example.test/', every: 1s, expect: { certificate_days: 14 } } } }"),
    example("M076", Part::Playbook, "services: { web: { probe: { any: [{ tcp: 'code.example.test:443', every: 1s }] } } }", "services: { web: { probe: { any: [{ tcp: 'code.example.test:443' }], every: 1s } } }"),
    example("M085", Part::Playbook, "objectives: { rto: 2m }
phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary }, within: 1m }
      - { id: promote, database.promote: { database: main, to: secondary }, within: 2m }", "objectives: { rto: 5m }
phases:
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary }, within: 1m }
      - { id: promote, database.promote: { database: main, to: secondary }, within: 2m }"),
    example("M086", Part::Steps, "- { id: fence, database.fence: { database: main, in: primary } }
- { id: go, approve: { prompt: Start?, deadline: 30m } }
- { id: promote, database.promote: { database: main, to: secondary } }", "- { id: go, approve: { prompt: Start?, deadline: 30m } }
- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, database.promote: { database: main, to: secondary } }"),
    example("M087", Part::Words, "`canaries: { main: { database: main } }`, where the infrastructure file reaches `main` by `host: db.example.com`, and a step switches the record `db.example.com`. Give both servers their own names: `host: db1.example.com`, `host: db2.example.com`.", ""),
    example("M088", Part::Playbook, r#"objectives: { rto: 5m }
services: { web: { probe: { http: "https://code.example.test/", every: 1m, healthy_after: 10, unhealthy_after: 2 } } }"#, r#"objectives: { rto: 5m }
services: { web: { probe: { http: "https://code.example.test/", every: 1s, healthy_after: 10, unhealthy_after: 2 } } }"#),
    example("M089", Part::Playbook, "objectives: { rto: 30s }       # the record's TTL is 60s
phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]", "objectives: { rto: 5m }
phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]"),
    example("M090", Part::Steps, "- { id: promote, database.promote: { database: main, to: secondary, drain: false } }", "- { id: fence, database.fence: { database: main, in: primary, unreachable: continue } }
- { id: promote, database.promote: { database: main, to: secondary, drain: false } }"),
    example("M091", Part::Steps, "- { id: freeze, command: { argv: [freeze-deployments] } }
- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, database.promote: { database: main, to: secondary } }", "- { id: freeze, command: { argv: [freeze-deployments], undo: [unfreeze-deployments] } }
- { id: fence, database.fence: { database: main, in: primary } }
- { id: promote, database.promote: { database: main, to: secondary } }"),
    example("M092", Part::Steps, "- { id: dns, dns.switch: { records: [code], to: secondary } }", "- { id: dns, dns.switch: { records: [code], to: secondary } }
- { id: served, check: { services: all, served_by: secondary, healthy_for: 2m } }"),
    example("M093", Part::Playbook, "phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]", r#"services: { web: { depends_on: [code], probe: { http: "https://code.example.test/", every: 1s } } }
phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]"#),
    example("M094", Part::Playbook, r#"services: { web: { depends_on: [code], probe: { http: "https://web1.us-east-1.example.test/", every: 1s } } }
phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]"#, r#"services: { web: { depends_on: [code], probe: { http: "https://code.example.test/", every: 1s } } }
phases: [ { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] } ]"#),
    example("M095", Part::Playbook, "phases:
  - { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] }", "phases:
  - { name: failover, steps: [ { id: dns, dns.switch: { records: [code], to: secondary } } ] }
  - { name: failback, steps: [ { id: dns-back, dns.switch: { records: [code], to: primary } } ] }"),
    example("M096", Part::Steps, "- { id: go, approve: { by: [lead], prompt: Start? } }", "- { id: go, approve: { by: [lead], prompt: Start?, deadline: 30m, then: stop } }"),
    example("M097", Part::Steps, "- { id: pause, command: { argv: [autofailover, pause], undo: [autofailover, resume], env: { API_TOKEN: hunter22 } } }", "- { id: pause, command: { argv: [autofailover, pause], undo: [autofailover, resume], env: { API_TOKEN: { env: API_TOKEN } } } }"),
    example("M098", Part::Steps, "- { id: a, wait: { for: 1s }, silence: [ { code: M022, because: it annoys } ] }", "- { id: go, approve: { prompt: Start? }, silence: [ { code: M096, because: the shift is there all night } ] }"),
    example("M099", Part::Steps, "- { id: go, approve: { prompt: Start?, deadline: 30m }, silence: [ { code: M096, because: the shift is there } ] }", "- { id: go, approve: { prompt: Start? }, silence: [ { code: M096, because: the shift is there } ] }"),
    example("M125", Part::Playbook, r#"controls: ["soc2:A9.9"]"#, r#"controls: ["soc2:A1.3"]"#),
    example("M126", Part::Playbook, "catalogues: [controls/nowhere.yaml]", r#"controls: ["soc2:A1.3"]"#),
    example("M127", Part::Words, r#"A control of a team's own catalogue whose `can` says "shows that we are compliant". Write what a run shows: "shows that the failover was carried out"."#, ""),
    example("M135", Part::Playbook, r#"schedule: { every: quarter, on: tuesday, at: "09:00" }
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"#, r#"schedule: { every: quarter, on: second tuesday of the second month, at: "09:00" }
phases: [ { name: failover, steps: [ { id: a, wait: { for: 1s } } ] } ]"#),
    example("M136", Part::Words, "`not_on: [{ ics: holidays.ics }]`, where `holidays.ics` has an event with `RRULE:FREQ=MONTHLY`. Write its days as events of their own, or as `2026-12-24..2027-01-02`.", ""),
    example("M145", Part::Words, "`instances: [web-1]` of the provider `aws`: an instance's id looks like `i-0123456789abcdef0`. docs/providers/aws.md has the settings of each resource.", ""),
    example("M146", Part::Words, "A resource with `provider: aws` where only one of the regions has `provider: aws`. Give both regions their account, and the profile or role.", ""),
    example("M147", Part::Words, "`database.promote: { database: main, to: secondary }` of a read replica of RDS, which never follows again. Say that it is known: `database.promote: { database: main, to: secondary, irreversible: accept }`.", ""),
    example("M148", Part::Words, "A `dns.switch` of a record on Route 53 while `us-east-1` is the region that is lost. Switch by routing controls or by a health check.", ""),
];
