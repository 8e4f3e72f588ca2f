//! Runbooks typed by hand, at real name servers, real repositories and programs: Muster is down.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::knot::{Pair, SECRET, Secondary};
use crate::harness::Scene;
use crate::harness::runbook::{Runbook, typed};

const PLAN: &str = "plan drill.yaml --mode planned --drills 0 --format markdown";

pub(super) fn drill(steps: &str) -> String {
    format!("muster: 1\nname: drill\ninfrastructure: infra.yaml\nphases:\n  - name: failover\n    steps:\n{steps}")
}

pub(super) fn infra(resources: &str) -> String {
    format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: lab-a }}, secondary: {{ name: lab-b }} }}\n\
         resources:\n{resources}"
    )
}

/// All blocks of a step, typed one after another.
#[track_caller]
fn does(book: &Runbook, folder: &Path, step: &str) -> String {
    book.step(step).doing.iter().map(|block| typed(folder, block, &[])).collect()
}

#[track_caller]
fn undoes(book: &Runbook, folder: &Path, step: &str) -> String {
    book.step(step).undoing.iter().map(|block| typed(folder, block, &[])).collect()
}

#[test]
fn a_record_is_switched_and_put_back_by_hand_needs_knot() {
    let pair = Pair::start("code 7 A 192.0.2.1\ncode 7 A 192.0.2.2", Secondary::Notified);
    let record = |secret: &str| {
        infra(&format!(
            "  code:\n    dns:\n      provider: rfc2136\n      name: code.lab.test\n      zone: lab.test\n      server: \"{}\"\n      \
             key: {{ name: muster, algorithm: hmac-sha256, secret: {secret} }}\n      \
             targets: {{ primary: [192.0.2.1, 192.0.2.2], secondary: [198.51.100.1] }}\n",
            pair.address()
        ))
    };
    let scene = Scene::new()
        .env("TSIG_SECRET", SECRET.trim())
        .file("secret", SECRET)
        .file("infra.yaml", &record("{ file: secret }"))
        .file("drill.yaml", &drill("      - { id: dns, dns.switch: { records: [code], to: secondary } }\n"));
    let text = scene.types_raw(PLAN);
    assert!(!text.contains(SECRET.trim()), "the secret is nowhere");
    let book = Runbook::new(&text);
    let folder = scene.path("");
    assert!(does(&book, &folder, "dns").contains("198.51.100.1"), "the answer is looked at");
    assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["7 198.51.100.1"], "with the TTL that it had");
    undoes(&book, &folder, "dns");
    assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["7 192.0.2.1", "7 192.0.2.2"]);
    // The same with a secret from the environment.
    scene.write("infra.yaml", &record("{ env: TSIG_SECRET }"));
    let book = Runbook::new(&scene.types_raw(PLAN));
    for block in book.step("dns").doing {
        typed(&folder, &block, &[("TSIG_SECRET", SECRET.trim())]);
    }
    assert_eq!(pair.dig("127.0.0.1", "code.lab.test", "A"), ["7 198.51.100.1"]);
}

#[test]
fn servers_and_regions_are_moved_by_hand_with_the_commands_that_the_file_names() {
    let sh = |script: &str| format!("[sh, -c, '{script}', sh, \"web {{server}}\"]");
    let group = format!(
        "{{ capacity: 4, start: {}, stop: {}, status: {} }}",
        sh("touch \"$1\""),
        sh("rm -f \"$1\""),
        sh("test -e \"$1\"")
    );
    let resources =
        format!("  web:\n    compute: {{ provider: process, regions: {{ primary: {group}, secondary: {group} }} }}\n");
    let region = "provider: process, isolate: [sh, -c, 'echo \"$@\" > cut', sh], rejoin: [sh, -c, 'rm cut; echo \"$@\" > fenced', sh], \
                  status: [sh, -c, 'cat cut 2>/dev/null; true']";
    let infra = infra(&resources).replace("primary: { name: lab-a }", &format!("primary: {{ name: lab-a, {region} }}"));
    let steps = "      - { id: scale, compute.scale: { compute: web, in: secondary, to: 3 } }\n      \
                 - { id: cut, region.isolate: { region: primary, from: [users, secondary] } }\n";
    let scene = Scene::new().file("infra.yaml", &infra).file("drill.yaml", &drill(steps)).file("web 1", "");
    let book = Runbook::new(&scene.types_raw(PLAN));
    let folder = scene.path("");
    let running = || (1..=4).filter(|n| scene.path(&format!("web {n}")).exists()).count();
    assert!(does(&book, &folder, "scale").contains("3 runs"));
    assert_eq!(running(), 3);
    undoes(&book, &folder, "scale");
    assert_eq!(running(), 1, "as before");
    assert!(does(&book, &folder, "cut").contains("users secondary"));
    undoes(&book, &folder, "cut");
    assert!(!scene.path("cut").exists());
}

#[test]
fn a_program_of_ones_own_is_asked_by_hand_as_muster_asks_it_needs_python3() {
    let exec = "command: [python3, examples/exec-provider.py], settings: { file: world.json }";
    let resources = format!(
        "  code: {{ dns: {{ provider: exec, {exec}, name: code.example.test, targets: {{ primary: [192.0.2.10], secondary: [198.51.100.10] }} }} }}\n  \
         web: {{ compute: {{ provider: exec, {exec} }} }}\n"
    );
    let world = r#"{"code": {"values": ["192.0.2.10"], "ttl": "1s"},
        "web": {"primary": {"desired": 2, "capacity": 4}, "secondary": {"desired": 1, "capacity": 4}}}"#;
    let steps = "      - { id: scale, compute.scale: { compute: web, in: secondary, to: 3 } }\n      \
                 - { id: dns, dns.switch: { records: [code], to: secondary } }\n";
    let scene = Scene::new()
        .shipped("examples/exec-provider.py")
        .file("infra.yaml", &infra(&resources))
        .file("world.json", world)
        .file("drill.yaml", &drill(steps));
    let book = Runbook::new(&scene.types_raw(PLAN));
    let folder = scene.path("");
    let now =
        || serde_json::from_str::<serde_json::Value>(&fs::read_to_string(scene.path("world.json")).unwrap()).unwrap();
    for step in ["scale", "dns"] {
        assert!(does(&book, &folder, step).contains("\"ok\""), "{step}");
    }
    assert_eq!(
        (&now()["code"]["values"][0], &now()["web"]["secondary"]["desired"]),
        (&"198.51.100.10".into(), &3.into())
    );
    for step in ["dns", "scale"] {
        assert!(undoes(&book, &folder, step).contains("\"ok\""), "{step}");
    }
    assert_eq!((&now()["code"]["values"][0], &now()["web"]["secondary"]["desired"]), (&"192.0.2.10".into(), &1.into()));
}

/// A side as an operator sets it up.
pub(super) fn side(scene: &Scene, name: &str, role: &str) -> PathBuf {
    let books = scene.path(&format!("{name}/.muster"));
    fs::create_dir_all(books.join("hooks")).unwrap();
    for (hook, text) in [
        ("pre-receive", include_str!("../../../src/provider/git/hooks/pre-receive")),
        ("post-receive", include_str!("../../../src/provider/git/hooks/post-receive")),
    ] {
        fs::write(books.join("hooks").join(hook), text).unwrap();
        fs::set_permissions(books.join("hooks").join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (file, text) in [("role", role), ("base", "0"), ("pushes", ""), ("copied", "0")] {
        fs::write(books.join(file), format!("{text}\n").trim_start_matches('\n')).unwrap();
    }
    scene.path(name)
}

/// One repository in `a`, with a push that has come to `b`; and `work`, from where one pushes.
pub(super) const SETUP: &str = "git init -q -b main work && cd work && git config user.name a && \
    git config user.email a@b.test && git commit -q --allow-empty -m one && git init -q --bare -b main '../a/x y.git' && \
    git -C '../a/x y.git' config core.hooksPath \"$PWD/../a/.muster/hooks\" && git push -q '../a/x y.git' main && \
    git clone -q --bare '../a/x y.git' '../b/x y.git' && \
    git -C '../b/x y.git' config core.hooksPath \"$PWD/../b/.muster/hooks\" && echo 1 > ../b/.muster/copied";

#[test]
fn repositories_go_there_and_back_by_hand() {
    let scene = Scene::new();
    let (a, b) = (side(&scene, "a", "primary"), side(&scene, "b", "replica primary"));
    let place = |path: &Path| path.display().to_string();
    let resources = format!(
        "  code:\n    storage:\n      provider: git\n      regions:\n        primary: {{ url: \"{0}\", path: \"{0}\" }}\n        \
         secondary: {{ url: \"{1}\", path: \"{1}\", via: [sh, -c] }}\n",
        place(&a),
        place(&b)
    );
    scene.write("infra.yaml", &infra(&resources));
    scene.write(
        "drill.yaml",
        &drill(
            "      - { id: compare, storage.verify: { storage: code, in: secondary } }\n      \
             - { id: fence, storage.fence: { storage: code, in: primary } }\n      \
             - { id: promote, storage.promote: { storage: code, to: secondary } }\n      \
             - { id: keep, data.preserve: { of: [code], in: primary } }\n      \
             - { id: replicate, storage.replicate: { storage: code, from: secondary, to: primary } }\n",
        ),
    );
    let folder = scene.path("");
    typed(&folder, SETUP, &[]);
    let push = |side: &str, words: &str| {
        let line = format!(
            "cd work && git commit -q --allow-empty -m '{words}' && git push -q '../{side}/x y.git' main && echo taken || echo refused"
        );
        typed(&folder, &line, &[]).trim().to_owned()
    };
    let book = Runbook::new(&scene.types_raw(PLAN));
    assert!(does(&book, &folder, "compare").contains("the same"));
    does(&book, &folder, "fence");
    assert_eq!(push("a", "behind a fence"), "refused");
    undoes(&book, &folder, "fence");
    assert_eq!(push("b", "to a copy"), "refused");
    does(&book, &folder, "fence");
    let positions = does(&book, &folder, "promote");
    assert!(positions.starts_with("1\n1\n"), "{positions}");
    assert_eq!((push("b", "to the new side").as_str(), push("a", "to the old one").as_str()), ("taken", "refused"));
    let kept = does(&book, &folder, "keep");
    assert!(kept.contains("kept in"), "{kept}");
    does(&book, &folder, "replicate");
    let heads = typed(&folder, "git -C 'a/x y.git' rev-parse main; git -C 'b/x y.git' rev-parse main", &[]);
    let heads: Vec<&str> = heads.lines().collect();
    assert_eq!(heads[0], heads[1], "a copy of the new side");
    assert_eq!(fs::read_to_string(scene.path("a/.muster/role")).unwrap(), "replica secondary\n");
}
