//! Servers, a region and repositories on another machine, which is reached by `ssh` alone.

use std::fs;

use serde_json::json;

use super::by_hand::{SETUP, drill, infra, side};
use crate::harness::Scene;
use crate::harness::runbook::typed;
use crate::harness::ssh::{Ssh, url};

const STEPS: &str = "      - { id: scale, compute.scale: { compute: web, in: secondary, to: 3 } }
      - { id: fence, storage.fence: { storage: code, in: primary } }
      - { id: promote, storage.promote: { storage: code, to: secondary } }
      - { id: compare, storage.verify: { storage: code, in: primary } }
      - { id: keep, data.preserve: { of: [code], in: primary } }
      - { id: replicate, storage.replicate: { storage: code, from: secondary, to: primary } }
      - { id: cut, region.isolate: { region: primary, from: [users] } }
      - { id: again, region.rejoin: { region: primary } }
";

/// Everything there; one server of each group runs.
fn scene(ssh: &Ssh) -> Scene {
    let scene = Scene::new().env("GIT_SSH_COMMAND", &ssh.git_ssh()).file("drill.yaml", &drill(STEPS));
    let (a, b) = (side(&scene, "a", "primary"), side(&scene, "b", "replica primary"));
    typed(&scene.path(""), SETUP, &[]);
    let at = |name: &str| scene.path(name).to_str().unwrap().to_owned();
    let group = |name: &str| {
        let file = at(&format!("{name}'s server {{server}}"));
        // A quote of the shell's own in a word is written as the shell wants it.
        let file = file.replace('\'', "'\\''");
        json!({
            "capacity": 4, "start": ssh.argv(&["touch", &file]), "stop": ssh.argv(&["rm", "-f", &file]),
            "status": ssh.argv(&["test", "-e", &file]),
        })
    };
    for name in ["a", "b"] {
        scene.write(&format!("{name}'s server 1"), "");
    }
    let cut = at("cut off");
    let by = |script: &str| ssh.argv(&["sh", "-c", &script.replace("CUT", &format!("\"{cut}\"")), "sh"]);
    let region = json!({
        "name": "lab-a", "provider": "process", "isolate": by("echo \"$@\" > CUT"), "rejoin": by("rm CUT"),
        "status": by("cat CUT 2>/dev/null; true"),
    });
    let resources = json!({
        "web": { "compute": {
            "provider": "process", "mark": { "file": at("web's mark"), "via": ssh.via() },
            "regions": { "primary": group("a"), "secondary": group("b") },
        } },
        "code": { "storage": { "provider": "git", "regions": {
            "primary": { "url": url(&a), "path": a, "via": ssh.via() },
            // Where it is built anew from, that machine itself must reach: here by its own name for it.
            "secondary": { "url": b, "path": b, "via": ssh.via() },
        } } },
    });
    let resources = resources.as_object().unwrap().iter().map(|(id, it)| format!("  {id}: {it}\n"));
    let infra = infra(&resources.collect::<String>());
    scene.write("infra.yaml", &infra.replace("primary: { name: lab-a }", &format!("primary: {region}")));
    scene
}

#[test]
fn servers_repositories_and_a_region_on_another_machine_are_moved_through_ssh_needs_asyncssh_needs_ssh_keygen() {
    let ssh = Ssh::up();
    let scene = scene(&ssh);
    let seen = scene.types("run drill.yaml --execute --mode planned --yes");
    let running = |group: &str| (1..=4).filter(|n| scene.path(&format!("{group}'s server {n}")).exists()).count();
    assert_eq!((running("a"), running("b")), (1, 3), "{seen}");
    let role = |side: &str| fs::read_to_string(scene.path(&format!("{side}/.muster/role"))).unwrap();
    assert_eq!((role("a").as_str(), role("b").as_str()), ("replica secondary\n", "primary\n"), "{seen}");
    let heads = typed(&scene.path(""), "git -C 'a/x y.git' rev-parse main; git -C 'b/x y.git' rev-parse main", &[]);
    let heads: Vec<&str> = heads.lines().collect();
    assert_eq!(heads[0], heads[1], "{seen}");
    assert!(!scene.path("cut off").exists() && !scene.path("web's mark").exists(), "{seen}");
    seen.exits(0);
    // It all went that way: pushes, what reads and changes the folders, marks, servers and the region.
    let told = ssh.told();
    for what in ["git-receive-pack", "git-upload-pack", "for-each-ref", "s mark", "touch", "cut off"] {
        assert!(told.contains(what), "{what}\n{told}");
    }
}

#[test]
fn a_machine_that_does_not_answer_to_ssh_is_told_and_nothing_is_taken_for_stopped_needs_asyncssh_needs_ssh_keygen() {
    let mut ssh = Ssh::up();
    let scene = scene(&ssh);
    ssh.ends();
    let seen = scene.types("run drill.yaml --execute --mode planned --yes").exits(5);
    let all = format!("{seen}");
    assert!(all.contains("Connection refused") && !all.contains("0 run"), "{all}");
    assert!(!scene.path("b's server 2").exists() && !scene.path("a/.muster/fence").exists(), "{all}");
}
