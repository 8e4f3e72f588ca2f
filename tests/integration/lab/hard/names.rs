//! Name servers that let a drill down in the middle.

use std::fs;

use serde_json::json;

use super::{Rig, Short, records, said, signal, until};

const SWITCH: &str =
    "      - { id: dns, dns.switch: { records: [code], to: secondary }, timeout: 4s, on_failure: undo }\n";
const READY: &str = "  - name: prechecks\n    steps:\n      - { id: ttls, check: { dns: [code], ttl_at_most: 10s } }\n";

fn pid(rig: &Rig, server: &str) -> String {
    let text = fs::read_to_string(rig.folder().join(format!("run/{server}.json"))).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["process"]["pid"].to_string()
}

/// Changes a name server's settings while it runs.
fn reconfigure(rig: &Rig, server: &str, change: impl Fn(&str) -> String) {
    let path = rig.folder().join(server).join("knot.conf");
    fs::write(&path, change(&fs::read_to_string(&path).unwrap())).unwrap();
    signal("-HUP", &pid(rig, server));
}

#[test]
fn a_key_that_is_withdrawn_in_the_middle_ends_the_drill_with_the_names_as_they_were_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let script = "sed -i 's/action: update/action: query/' \"$1/names/knot.conf\" && kill -HUP \"$2\" && for n in $(seq \
                  200); do knsupdate -y \"hmac-sha256:muster:$3\" -v \"$4\" >/dev/null 2>&1 || exit 0; sleep 0.05; done; \
                  exit 1";
    let probe = rig.folder().with_file_name("probe");
    let names = rig.port("names");
    fs::write(&probe, format!("server 127.0.0.1 {names}\nzone lab.test\ndel probe.lab.test A 192.0.2.1\nsend\n"))
        .unwrap();
    let folder = rig.folder();
    let argv = json!([
        "sh",
        "-c",
        script,
        "withdraw",
        folder.to_str().unwrap(),
        pid(&rig, "names"),
        rig.settings["key"].as_str().unwrap(),
        probe.to_str().unwrap()
    ]);
    let short = Short::new(
        &rig,
        "withdrawn",
        &["code"],
        "",
        &format!(
            "{READY}  - name: failover\n    steps:\n      - {{ id: withdraw, command: {{ argv: {argv}, undo: ['true'] }} \
             }}\n{SWITCH}"
        ),
    );
    let before = records(&rig);
    let out = short.run("planned");
    let told = said(&out);
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert!(told.contains("(BADKEY)") && told.contains("still carries the mark of this run"), "{told}");
    assert_eq!(short.report()["ended"]["world"], "home");
    // The run can't take its own mark away; everything else is as it was.
    let stays = |records: Vec<String>| records.into_iter().filter(|one| !one.contains("_muster")).collect::<Vec<_>>();
    assert_eq!(stays(records(&rig)), stays(before));
}

#[test]
fn a_server_that_keeps_the_old_answer_keeps_the_switch_from_being_done_and_is_named_needs_postgres_needs_knot_needs_unbound()
 {
    let rig = Rig::up();
    let short = Short::new(&rig, "stale", &["code"], "", &format!("  - name: failover\n    steps:\n{SWITCH}"));
    let before = records(&rig);
    // Transfers break: the second server hears of nothing and asks nobody.
    reconfigure(&rig, "second-names", |conf| {
        conf.replace("acl: [ notify ]", "")
            .replace(&format!("127.0.0.1@{}\n    key", rig.port("names")), "127.0.0.1@1\n    key")
    });
    until("it hears of nothing", || {
        let serial = |port| rig.dig(port, "lab.test", "SOA");
        rig.update("add probe.lab.test 1 A 192.0.2.1\nsend\ndel probe.lab.test A\nsend");
        serial("names") != serial("second_names")
    });
    let out = short.run("planned");
    let told = said(&out);
    // It was put back, and one server can't be told of it: that a person must see to.
    assert_eq!(out.status.code(), Some(5), "{told}");
    let second = format!("127.0.0.1:{}", rig.port("second_names"));
    assert!(told.contains(&second) && told.contains("still answers 127.0.10.1"), "{told}");
    let switched =
        short.report()["steps"].as_array().unwrap().iter().any(|one| one["id"] == "dns" && one["state"] == "passed");
    assert!(!switched, "{told}");
    assert_eq!(records(&rig)[..10], before[..10], "put back at the first server");
}
