//! `muster plan`: what an approver signs.

use unicode_width::UnicodeWidthStr;

use super::{lab_with, shipped};
use crate::harness::Scene;
use crate::harness::runbook::{Runbook, sound};

const QUARTERLY: &str = "plan playbooks/quarterly-failover.yaml";

#[test]
fn it_fits_eighty_columns_in_every_mode() {
    let scene = shipped();
    for mode in ["planned", "unplanned", "emergency"] {
        let seen = scene.types(&format!("{QUARTERLY} --mode {mode} --drills 5 --var lag=9s")).exits(0);
        for line in seen.stdout.lines() {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
        }
    }
}

#[test]
fn who_is_out_for_how_long_is_told_for_each_service_and_leg() {
    let scene = shipped();
    let plan = scene.types(&format!("{QUARTERLY} --mode unplanned --format json --drills 5")).exits(0).json();
    assert_eq!((plan["kind"].as_str(), plan["version"].as_u64()), (Some("muster-plan"), Some(1)));
    let outages = plan["outages"].as_array().unwrap();
    let told: Vec<(&str, &str, &str, &str)> = outages
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap();
            (text("leg"), text("service"), text("since"), text("until"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("failover", "web", "isolate", "dns"),
            ("failover", "push", "isolate", "dns"),
            ("failover", "ssh", "isolate", "dns"),
            ("return", "web", "fence-back", "dns-back"),
            ("return", "push", "fence-back", "dns-back"),
            ("return", "ssh", "fence-git-back", "dns-back"),
        ]
    );
    // In the web interface's leg: from the isolation to the switch, a minute of TTL, three samples of a second.
    let steps: Vec<&serde_json::Value> =
        plan["phases"].as_array().unwrap().iter().flat_map(|phase| phase["steps"].as_array().unwrap()).collect();
    let at = |id: &str, key: &str| steps.iter().find(|step| step["id"] == id).unwrap()[key].as_u64().unwrap();
    let expected = at("dns", "end") - at("isolate", "start") + 63_000_000_000;
    assert_eq!(
        (outages[0]["expected"].as_u64(), outages[0]["from"].as_u64()),
        (Some(expected), Some(at("isolate", "start")))
    );
    assert_eq!(plan["foreseen"]["made"]["runs"], 5);
    let again = scene.types(&format!("{QUARTERLY} --mode unplanned --format json --drills 5")).exits(0);
    assert_eq!(again.json(), plan, "the same plan says the same");
    let none = scene.types(&format!("{QUARTERLY} --drills 0")).exits(0);
    none.says("No drill was").says("none was wanted.");
}

#[test]
fn the_command_that_it_prints_runs_this_plan_and_no_other() {
    let scene = lab_with(
        "vars: { what: none, other: same }\n",
        "      - { id: touch, command: { argv: [touch, \"{{ var.what }}\"] } }\n",
    );
    let seen = scene.types_raw("plan drill.yaml --mode planned --var what='a b' --drills 0");
    assert!(seen.contains("- what = a b, by --var"), "{seen}");
    assert!(!seen.contains("- other"), "only what is not the playbook's own\n{seen}");
    let (_, command) = seen.split_once("To run this plan and no other\n").unwrap();
    let line = command.trim().strip_prefix("muster ").unwrap().replace(" \\\n    ", " ");
    assert!(line.contains("--mode planned") && line.contains("--execute") && line.contains("--approved "), "{line}");
    scene.types(&line.replace("what=a", "what=x")).exits(3).warns("the plan that was approved has the digest");
    assert_eq!(scene.runs().len(), 0);
    scene.types(&line).exits(0).says("PASSED");
}

/// A drill on every provider that this build acts with. Nothing of it is there.
fn everywhere() -> Scene {
    let exec = "provider: exec, command: [./provider, --all], env: { TOKEN: { env: API_TOKEN } }";
    let server = |role: &str| {
        format!(
            "{{ host: db-{role}.lab.test, keep_in: /keep, host_commands: {{ start: [ssh, db-{role}.lab.test, start], stop: [ssh, db-{role}.lab.test, stop], \
             status: [ssh, db-{role}.lab.test, status], rewind: [ssh, db-{role}.lab.test, rewind, \"'{{source}}'\"], \
             preserve: [ssh, db-{role}.lab.test, keep, \"{{into}}\"] }} }}"
        )
    };
    let group = "{ capacity: 3, start: [up, \"web@{server}\"], stop: [down, \"web@{server}\"], status: [is-up, \"web@{server}\"] }";
    let infra = format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions:\n  \
         primary: {{ name: a, gateway: gw-a.lab.test, provider: process, isolate: [ssh, gw-a.lab.test, cut], rejoin: [let-in], status: [state] }}\n  \
         secondary: {{ name: b, gateway: gw-b.lab.test, {exec} }}\n\
         network: {{ resolver: 192.0.2.99 }}\n\
         resources:\n  \
         code: {{ dns: {{ provider: rfc2136, name: code.lab.test, zone: lab.test, server: 192.0.2.53, key: {{ name: k, algorithm: hmac-sha256, secret: {{ file: /etc/tsig }} }}, targets: {{ primary: [192.0.2.1], secondary: [192.0.2.2] }} }} }}\n  \
         name: {{ dns: {{ {exec}, name: n.lab.test, targets: {{ primary: [192.0.2.1], secondary: [192.0.2.2] }} }} }}\n  \
         main: {{ database: {{ provider: postgres, dbname: app, password: {{ env: PG }}, regions: {{ primary: {}, secondary: {} }} }} }}\n  \
         other: {{ database: {{ {exec} }} }}\n  \
         git: {{ storage: {{ provider: git, regions: {{ primary: {{ url: \"https://git-a.lab.test\", path: /srv/git, via: [ssh, git@git-a.lab.test] }}, secondary: {{ url: \"https://git-b.lab.test\", path: /srv/git, via: [ssh, git@git-b.lab.test] }} }} }} }}\n  \
         files: {{ storage: {{ {exec} }} }}\n  \
         web: {{ compute: {{ provider: process, regions: {{ primary: {group}, secondary: {group} }} }} }}\n  \
         app: {{ compute: {{ {exec} }} }}\n  \
         snapshots: {{ backup: {{ provider: postgres, scratch: /scratch, regions: {{ primary: {{ backups: /b/a, archive: \"/it's/a\" }}, secondary: {{ backups: /b/b, archive: /l/b }} }} }} }}\n  \
         copies: {{ backup: {{ {exec} }} }}\n",
        server("a"),
        server("b"),
    );
    let drill = "muster: 1
name: drill
infrastructure: infra.yaml
data_loss: { accept_up_to: 30s, because: it is a test }
services: { web: { depends_on: [code, main], probe: { http: \"https://code.lab.test/it's?a=1&b=2\", every: 1s } } }
canaries: { main: { database: main, every: 1s }, git: { storage: git, every: 1s } }
witness: { probe: { tcp: \"db-a.lab.test:443\", every: 2s } }
phases:
  - name: prechecks
    steps:
      - { id: near, needs: [], check: { database: main, in: secondary, lag_at_most: 1m } }
      - { id: same, needs: [], storage.verify: { storage: git, in: secondary } }
      - { id: kept, needs: [], backup.verify: { backup: snapshots, in: secondary, newest_at_most: 1h } }
      - { id: restored, needs: [], backup.restore: { backup: snapshots, in: secondary, to: 2h ago } }
      - { id: restored-too, needs: [], backup.restore: { backup: copies, in: secondary } }
      - { id: ttl, needs: [], check: { dns: [code], ttl_at_most: 1m } }
      - { id: room, needs: [], check: { compute: web, in: secondary, can_scale_to: 3 } }
  - name: disaster
    when: { mode: unplanned }
    steps:
      - { id: cut, region.isolate: { region: primary, from: [users, secondary] } }
  - name: failover
    steps:
      - { id: fence, database.fence: { database: main, in: primary, unreachable: continue } }
      - { id: fence-other, database.fence: { database: other, in: primary, unreachable: continue } }
      - { id: fence-git, storage.fence: { storage: git, in: primary, unreachable: continue } }
      - { id: fence-files, storage.fence: { storage: files, in: primary, unreachable: continue } }
      - { id: scale, compute.scale: { compute: web, in: secondary, to: 3 } }
      - { id: start, compute.start: { compute: app, in: secondary, servers: 2 } }
      - { id: promote, database.promote: { database: main, to: secondary } }
      - { id: promote-other, database.promote: { database: other, to: secondary } }
      - { id: promote-git, storage.promote: { storage: git, to: secondary } }
      - { id: promote-files, storage.promote: { storage: files, to: secondary } }
      - { id: dns, dns.switch: { records: [code, name], to: secondary } }
      - { id: told, notify: { webhook: { env: HOOK }, message: \"it's over `now` $HOME\" } }
      - { id: asked, http: { url: https://api.lab.test/x, method: POST, headers: { authorization: { file: /etc/token }, x-one: 'a b' }, body: '{\"it\": \"''s\"}' } }
      - { id: ran, command: { argv: [do, \"it's $HOME\", '-x'], env: { KEY: { env: SECRET_KEY } }, folder: /a b, undo: [undo, it], observe: [is, it] } }
      - { id: hands, manual: { checklist: [Pull the cable], undo: [Put it back] } }
  - name: verify
    steps:
      - { id: served, check: { services: all, served_by: secondary, healthy_for: 1m } }
  - name: failback
    steps:
      - { id: rejoin, when: { mode: unplanned }, region.rejoin: { region: primary, fenced: [main, git] } }
      - { id: keep, data.preserve: { of: [main, other, git, files], in: primary } }
      - { id: replicate, database.replicate: { database: main, from: secondary, to: primary } }
      - { id: replicate-other, database.replicate: { database: other, from: secondary, to: primary } }
      - { id: replicate-git, storage.replicate: { storage: git, from: secondary, to: primary } }
      - { id: replicate-files, storage.replicate: { storage: files, from: secondary, to: primary } }
";
    Scene::new().file("infra.yaml", &infra).file("drill.yaml", drill)
}

/// Its plan, made of nothing that was seen: nothing answers.
fn unseen(scene: &Scene, mode: muster::catalogue::Mode) -> (muster::model::Plan, Vec<muster::plan::PhaseByHand>) {
    let request = muster::app::Request {
        playbook: scene.path("drill.yaml").display().to_string(),
        mode: Some(mode),
        ..muster::app::Request::default()
    };
    let plan = match muster::app::load(&request) {
        Ok(loaded) => loaded.plan,
        Err(muster::app::AppError::Invalid { diagnostics, .. }) => panic!("{diagnostics:#?}"),
        Err(other) => panic!("{other}"),
    };
    let by_hand = muster::plan::by_hand(&plan, &muster::resource::World::new());
    (plan, by_hand)
}

#[test]
fn every_step_on_every_provider_has_something_to_do_by_hand_that_a_shell_takes() {
    let scene = everywhere();
    let (_, phases) = unseen(&scene, muster::catalogue::Mode::Unplanned);
    let mut typed = 0;
    for step in phases.iter().flat_map(|phase| &phase.steps) {
        for (what, all) in [("doing", &step.doing), ("undoing", &step.undoing)] {
            assert!(!all.is_empty(), "{} has nothing for {what}", step.id);
            for one in all {
                assert!(!one.words.is_empty() && !one.words.contains('{'), "{}: {}", step.id, one.words);
                if let Err(why) = sound(&one.shell) {
                    panic!("{} {what}: {why}\n{}", step.id, one.shell);
                }
                typed += usize::from(!one.shell.is_empty());
            }
        }
        // All that is real is typed, and not only told.
        let words_alone = ["hands", "served"].contains(&step.id.as_str());
        let commands = step.doing.iter().filter(|one| !one.shell.is_empty()).count();
        assert!(words_alone || commands > 0, "{}: {:?}", step.id, step.doing);
    }
    assert!(typed > 50, "{typed}");
}

#[test]
fn what_is_printed_reads_secrets_from_where_muster_reads_them() {
    let (_, phases) = unseen(&everywhere(), muster::catalogue::Mode::Unplanned);
    let shell = |id: &str| {
        let step = phases.iter().flat_map(|phase| &phase.steps).find(|step| step.id.as_str() == id).unwrap();
        step.doing.iter().map(|one| one.shell.as_str()).collect::<Vec<_>>().join("\n")
    };
    assert!(shell("fence").contains("PGPASSWORD=\"${PG:?}\" psql"), "{}", shell("fence"));
    assert!(shell("dns").contains("key hmac-sha256:k $(cat /etc/tsig)"), "{}", shell("dns"));
    assert!(shell("dns").contains("TOKEN=\"${API_TOKEN:?}\" ./provider --all"), "{}", shell("dns"));
    assert!(shell("told").contains("\"${HOOK:?}\""), "{}", shell("told"));
    assert!(shell("asked").contains("-H 'authorization: '\"$(cat /etc/token)\""), "{}", shell("asked"));
    assert!(shell("ran").contains(r#"(cd '/a b' && KEY="${SECRET_KEY:?}" do 'it'\''s $HOME' -x)"#), "{}", shell("ran"));
}

#[test]
fn what_muster_relies_on_and_makes_is_told_with_where_it_is() {
    let (plan, _) = unseen(&everywhere(), muster::catalogue::Mode::Unplanned);
    let own =
        muster::plan::Own { reports: "reports".to_owned(), store: "reports/muster.db".to_owned(), command: Vec::new() };
    let none = muster::model::Foreseen::NotMade { because: "a test".to_owned() };
    let approval = muster::plan::approval(&plan, &muster::resource::World::new(), &own, none);
    let lost = |what: &str| {
        let found = approval.relies.iter().find(|it| it.reliance.what == what);
        found.unwrap_or_else(|| panic!("{what} is not among {:#?}", approval.relies)).in_lost_region
    };
    assert_eq!((lost("db-a.lab.test:5432"), lost("db-b.lab.test:5432")), (Some(true), Some(false)));
    // By what others say of the same host: a gateway, a database's server.
    assert_eq!((lost("gw-a.lab.test"), lost("db-a.lab.test:443")), (Some(true), Some(true)));
    assert_eq!((lost("192.0.2.53:53"), lost("192.0.2.99:53"), lost("this machine")), (None, None, None));
    for what in [
        "environment variable PG",
        "file /etc/tsig",
        "environment variable HOOK",
        "https://api.lab.test/x",
        "./provider",
        "ssh",
        "reports/muster.db",
    ] {
        lost(what);
    }
    for makes in [
        "muster.marks",
        "muster_canary",
        "_muster.code.lab.test",
        "muster/proof.git",
        "muster/canary-RUN",
        "a lease on the playbook",
        "/scratch/muster-RUN",
    ] {
        assert!(approval.makes.iter().any(|it| it.contains(makes)), "{makes} in {:#?}", approval.makes);
    }
}

#[test]
fn as_markdown_it_has_all_of_that_and_a_part_to_be_done_by_hand() {
    let scene = shipped();
    let text = scene.types(&format!("{QUARTERLY} --format markdown --drills 0 --var lag=9s")).exits(0).stdout;
    for part in [
        "# Plan: Quarterly failover",
        "## Steps",
        "**point of no return**",
        "## Who is out, and for how long",
        "## What Muster makes",
        "## What Muster relies on",
        "- lag = 9s, by --var",
        "## To run this plan and no other",
        "## By hand",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let book = Runbook::new(&text);
    assert!(book.steps().len() > 30, "{:?}", book.steps());
    assert!(text.contains("it is simulated, so there is nothing to type"), "{text}");
}
