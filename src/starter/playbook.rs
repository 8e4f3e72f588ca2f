//! The playbook of a starter.

use std::fmt::Write as _;

use super::quoted;
use super::wishes::{Record, Wishes, host};
use crate::catalogue::split_url;

/// Sides that take writes, and what the steps about them are called.
struct Side<'a> {
    id: &'a str,
    kind: &'static str,
    /// What stands after a step's own name.
    tail: &'static str,
    writes: &'static str,
}

fn sides(wishes: &Wishes) -> Vec<Side<'_>> {
    let database = wishes.database.iter().map(|id| Side { id, kind: "database", tail: "", writes: "writes" });
    let tail = if wishes.database.is_some() { "-storage" } else { "" };
    let storage = wishes.storage.iter().map(move |id| Side { id, kind: "storage", tail, writes: "pushes" });
    database.chain(storage).collect()
}

pub(super) fn text(wishes: &Wishes, records: &[Record], infrastructure: &str) -> String {
    let sides = sides(wishes);
    let ids: Vec<&str> = sides.iter().map(|side| side.id).collect();
    let all_records = records.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ");
    let mut out = head(wishes, infrastructure, !sides.is_empty());
    services(&mut out, wishes, records, &ids);
    if !sides.is_empty() {
        out.push_str(
            "\n# Small numbered writes that show afterwards what was lost. Without them data loss is \"not measured\", never zero.\n\
             canaries:\n",
        );
        for side in &sides {
            let _ = writeln!(out, "  {0}: {{ {1}: {0}, every: 2s }}", side.id, side.kind);
        }
    }
    out.push_str(
        "\n# Phases run one after another. The steps of a phase run in written order, unless `needs:` says what a step waits for;\n\
         # `needs: []` lets it start at once.\nphases:\n",
    );
    prechecks(&mut out, &sides, &all_records);
    out.push_str(LOSS);
    failover(&mut out, &sides, &all_records);
    out.push_str(VERIFY);
    failback(&mut out, &sides, &ids, &all_records);
    out
}

fn head(wishes: &Wishes, infrastructure: &str, data: bool) -> String {
    let (name, primary, secondary) = (&wishes.name, &wishes.primary, &wishes.secondary);
    let title = format!("Failover of {name} from {primary} to {secondary}, and back");
    let run = if wishes.is_real() { "simulate" } else { "run     " };
    let mut out = format!(
        "# A disaster-recovery drill to start from: fail over to the secondary region, see users served there, come home again.\n#\n\
         #     muster validate {name}.yaml                     is it right?\n\
         #     muster plan     {name}.yaml                     what would it do?\n\
         #     muster {run} {name}.yaml                     do it, simulated: nothing is touched\n\
         #     muster {run} {name}.yaml --mode unplanned    lose the primary region first\n#\n\
         # What the resources are stands in the infrastructure file; the same playbook runs on any.\n\
         muster: 1\nname: {}\ntitle: {}\nowner: {}\n\
         infrastructure: {infrastructure}   # what a run uses unless --infra names another file\n\
         mode: planned   # planned | unplanned | emergency; --mode overrides it\n\n\
         # When it is due: `muster schedule` lists it, `muster status` says what was missed, `muster serve` runs it.\n\
         schedule: {{ every: quarter, on: second tuesday of the second month, at: \"09:00\", timezone: UTC, if_missed: run within 5 days, warn: 7 days before }}\n\n",
        quoted(name),
        quoted(&title),
        quoted(&wishes.owner),
    );
    if data {
        out.push_str(
            "# What may be lost when the region is lost without warning. A planned failover loses nothing.\n\
             data_loss: { accept_up_to: 30s, because: \"copies are asynchronous: the last moments may be lost with the region\" }\n\n\
             # The drill is judged by these: how long users were out (rto), and how much they lost (rpo). Set your own.\n\
             objectives: { rto: 15m, rpo: 30s, failback_rto: 15m, failback_rpo: 0s }\n",
        );
    } else {
        out.push_str("# The drill is judged by this: how long users were out. Set your own.\nobjectives: { rto: 15m, failback_rto: 15m }\n");
    }
    out.push_str("roles: [incident-commander]\n");
    out
}

fn services(out: &mut String, wishes: &Wishes, records: &[Record], ids: &[&str]) {
    out.push_str(
        "\n# What users use. Each is probed during the whole drill, from outside, as a user would: that is what is measured.\nservices:\n",
    );
    for (service, url) in &wishes.services {
        let name = host(url).unwrap_or_default();
        let record = records.iter().filter(|it| it.name == name).map(|it| it.id.as_str());
        let needs: Vec<&str> = record.chain(ids.iter().copied()).collect();
        let _ = write!(
            out,
            "  {service}:\n    title: {}\n    depends_on: [{}]   # what it needs; the simulation derives its health from that\n    \
             probe:\n      http: {}\n      expect: {{ status: 200 }}\n      every: 2s\n      timeout: 4s\n      \
             healthy_after: 3     # so many good answers in a row end an outage\n      \
             unhealthy_after: 2   # so many bad ones in a row begin it\n",
            quoted(service),
            needs.join(", "),
            quoted(&plain(url, &name)),
        );
    }
}

/// A URL with its host as the record has it.
fn plain(url: &str, name: &str) -> String {
    split_url(url).map_or_else(|_| url.to_owned(), |(host, _, _)| url.replacen(host, name, 1))
}

fn prechecks(out: &mut String, sides: &[Side<'_>], records: &str) {
    out.push_str(
        "  # Nothing is changed before these hold. A precheck that fails refuses the drill, which is a finding of its own.\n  \
         - name: prechecks\n    title: Are we ready?\n    steps:\n      \
         - id: all-healthy\n        title: Every service is healthy before we begin\n        needs: []\n        \
         check: { services: all, healthy_for: 1m }\n",
    );
    let mut waited = vec!["all-healthy".to_owned()];
    for side in sides {
        let (id, step) = (side.id, format!("copy{}", side.tail));
        let check = match side.kind {
            "database" => format!("check: {{ database: {id}, in: secondary, lag_at_most: 10s }}"),
            _ => format!("storage.verify: {{ storage: {id}, in: secondary, behind_at_most: 30s }}"),
        };
        let _ = write!(
            out,
            "      - id: {step}\n        title: The copy of the {} is close behind\n        needs: []\n        {check}\n",
            side.kind
        );
        waited.push(step);
    }
    waited.push("ttls".to_owned());
    let _ = write!(
        out,
        "      - id: ttls\n        title: Resolvers forget the old addresses soon enough\n        needs: []\n        \
         check: {{ dns: [{records}], ttl_at_most: 60s }}\n      \
         - id: go\n        title: Somebody decides to start\n        needs: [{}]\n        \
         approve: {{ by: [incident-commander], deadline: 30m, then: stop, prompt: \"Start? Users are out from here.\" }}\n        \
         simulate: {{ takes: 2m }}\n",
        waited.join(", ")
    );
}

const LOSS: &str = "
  # The disaster itself, made on purpose. Only in an unplanned drill.
  - name: disaster
    title: The primary region is lost
    when: { mode: unplanned }
    steps:
      - id: isolate
        title: Cut the primary region off from users and from the other region
        region.isolate: { region: primary, from: [users, secondary] }

  - name: detect
    title: Is it noticed, and what is decided?
    when: { mode: unplanned }
    steps:
      - id: alarm
        title: The probes notice
        wait: { services: all, until: unhealthy }
        timeout: 5m
      - id: decide
        title: The incident commander decides
        approve: { by: [incident-commander], deadline: 10m, then: pause, prompt: \"Fail over?\" }
        simulate: { takes: 2m }
";

const VERIFY: &str = "
  - name: verify
    title: Are users served?
    steps:
      - id: served-there
        title: Every service is healthy, and it is the secondary region that answers
        check: { services: all, served_by: secondary, healthy_for: 2m }
        timeout: 20m
";

fn failover(out: &mut String, sides: &[Side<'_>], records: &str) {
    out.push_str("\n  # The old side stops taking writes before the new side starts: never two at once.\n  - name: failover\n    title: To the secondary region\n    steps:\n");
    for side in sides {
        let _ = write!(
            out,
            "      - id: fence{}\n        title: Stop {} to the old {}\n        needs: []\n        \
             {2}.fence: {{ {2}: {3}, in: primary, unreachable: continue }}\n",
            side.tail, side.writes, side.kind, side.id
        );
    }
    let mut before: Vec<String> = sides.iter().map(|side| format!("fence{}", side.tail)).collect();
    for side in sides {
        let _ = write!(
            out,
            "      - id: promote{}\n        title: Let the {} there take {}\n        needs: [{}]\n        \
             {1}.promote: {{ {1}: {4}, to: secondary }}\n        timeout: 15m\n        on_failure: pause\n",
            side.tail,
            side.kind,
            side.writes,
            before.join(", "),
            side.id
        );
        before = vec![format!("promote{}", side.tail)];
    }
    let needs = if before.is_empty() { String::new() } else { format!("        needs: [{}]\n", before.join(", ")) };
    let failure = if before.is_empty() { "" } else { "        on_failure: pause\n" };
    let _ = write!(
        out,
        "      - id: dns\n        title: Send users there\n{needs}        dns.switch: {{ records: [{records}], to: secondary }}\n        \
         retry: {{ attempts: 5, wait: 2s, max_wait: 30s }}\n{failure}"
    );
}

fn failback(out: &mut String, sides: &[Side<'_>], ids: &[&str], records: &str) {
    out.push_str("\n  # Home again. What only the lost region had is kept before it is overwritten.\n  - name: failback\n    title: Home again\n    steps:\n");
    out.push_str(
        "      - id: return\n        title: The incident commander decides to go home\n        \
         approve: { by: [incident-commander], deadline: 2h, then: pause, prompt: \"Go home?\" }\n        simulate: { takes: 2m }\n",
    );
    let fenced = if ids.is_empty() { String::new() } else { format!(", fenced: [{}]", ids.join(", ")) };
    let _ = write!(
        out,
        "      - id: rejoin\n        title: Let the lost region in again{}\n        when: {{ mode: unplanned }}\n        \
         region.rejoin: {{ region: primary{fenced} }}\n",
        if ids.is_empty() { "" } else { ", fenced, so that it can't serve beside the other" }
    );
    if !ids.is_empty() {
        let _ = write!(
            out,
            "      - id: keep\n        title: Keep what only the old side has\n        data.preserve: {{ of: [{}], in: primary }}\n",
            ids.join(", ")
        );
    }
    for side in sides {
        let _ = write!(
            out,
            "      - id: replicate{}\n        title: Rebuild the {} at home as a copy\n        \
             {1}.replicate: {{ {1}: {2}, from: secondary, to: primary }}\n        timeout: 1h\n",
            side.tail, side.kind, side.id
        );
    }
    for side in sides {
        let _ = write!(
            out,
            "      - id: fence-back{}\n        title: Stop {} to the {} in the secondary region\n        \
             {2}.fence: {{ {2}: {3}, in: secondary }}\n",
            side.tail, side.writes, side.kind, side.id
        );
    }
    for side in sides {
        let _ = write!(
            out,
            "      - id: promote-back{}\n        title: Let the {} at home take {}, once it has them all\n        \
             {1}.promote: {{ {1}: {3}, to: primary, drain: true }}\n        timeout: 15m\n        on_failure: pause\n",
            side.tail, side.kind, side.writes, side.id
        );
    }
    let _ = write!(
        out,
        "      - id: dns-back\n        title: Send users home\n        dns.switch: {{ records: [{records}], to: primary }}\n        \
         retry: {{ attempts: 5, wait: 2s, max_wait: 30s }}\n        on_failure: pause\n      \
         - id: served-home\n        title: Every service is healthy, and it is home that answers\n        \
         check: {{ services: all, served_by: primary, healthy_for: 2m }}\n        timeout: 20m\n"
    );
    if !sides.is_empty() {
        out.push_str(
            "      # From here on the next disaster is prepared for: copies in the secondary region, as before.\n",
        );
    }
    for side in sides {
        let _ = write!(
            out,
            "      - id: protect{}\n        title: Rebuild the {} in the secondary region as a copy\n        \
             {1}.replicate: {{ {1}: {2}, from: primary, to: secondary }}\n        timeout: 1h\n",
            side.tail, side.kind, side.id
        );
    }
}
