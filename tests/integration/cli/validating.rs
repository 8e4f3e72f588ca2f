//! `muster validate`: what it reads, what it silences, and what it bears.

use crate::harness::Scene;
use std::fmt::Write as _;

const ROOMS: &str = "\
muster: 1
name: rooms
environment: simulated
regions: { primary: { name: left }, secondary: { name: right } }
resources: { main: { database: { provider: simulated } } }
";

const DRILL: &str = "\
muster: 1
name: drill
infrastructure: rooms.yaml
phases:
  - name: failover
    steps:
      - { id: a, wait: { for: 1s } }
";

fn folder() -> Scene {
    let wrong = DRILL.replace("rooms.yaml", "../rooms.yaml").replace("for: 1s", "for: 1");
    let room = ROOMS.replace("environment: simulated", "environment: simulatd");
    Scene::new()
        .file("rooms.yaml", ROOMS)
        .file("drill.yaml", DRILL)
        .file("drills/one.yaml", &DRILL.replace("rooms.yaml", "../rooms.yaml"))
        .file("drills/two.yml", &wrong)
        .file("drills/deeper/room.yaml", &room)
        .file("drills/notes.yaml", "shopping: [milk]\n")
        .file("drills/.hidden.yaml", "muster: 9\nname: x\nphases: []\n")
        .file("drills/notes.md", "muster: 1")
}

#[test]
fn files_folders_and_patterns_are_checked_in_one_go() {
    let seen = folder().types("validate drill.yaml drills rooms.yaml").exits(2);
    assert_eq!(
        seen.stdout,
        "drill.yaml: valid in every mode, 1 phase and 1 step in planned mode, environment simulated\n\
         drills/one.yaml: valid in every mode, 1 phase and 1 step in planned mode, environment simulated\n\
         rooms.yaml: valid, infrastructure `rooms`, environment simulated\n"
    );
    assert_eq!(seen.stderr.matches("error[").count(), 2, "{seen}");
    assert!(
        seen.stderr.contains("drills/two.yml:7:31") && seen.stderr.contains("drills/deeper/room.yaml:3:14"),
        "{seen}"
    );
    let pattern = folder().types("validate 'drills/*.yml' '*.yaml'").exits(2);
    assert!(pattern.stdout.contains("drill.yaml: valid") && pattern.stderr.contains("two.yml:7:31"), "{pattern}");
    let document = folder().types("validate drills --format json").exits(2).json();
    let kinds: Vec<(bool, bool)> = document
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one.get("infrastructure").is_some(), one["valid"].as_bool().unwrap()))
        .collect();
    assert_eq!(kinds, [(true, false), (false, true), (false, false)]);
}

#[test]
fn what_is_meant_by_nothing_is_told() {
    let scene = folder().file("empty/x.txt", "");
    scene.types("validate empty").exits(2).warns("there is no playbook and no infrastructure file in the folder empty");
    scene.types("validate 'drills/*.json'").exits(2).warns("the pattern drills/*.json fits no file");
    scene.types("validate 'drills/[.yaml'").exits(2).warns("is not well-formed");
    scene.types("validate nowhere.yaml").exits(2).warns("nowhere.yaml can't be read: there is no such file");
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let scene = Scene::new().file("rooms.yaml", ROOMS).stdin(DRILL);
    scene.types("validate -").exits(0).says("-: valid in every mode, 1 phase and 1 step");
    let wrong = Scene::new().file("rooms.yaml", ROOMS).stdin(&DRILL.replace("1s", "1"));
    wrong.types("validate -").exits(2).warns(" --> -:7:31");
    Scene::new().stdin(ROOMS).types("validate -").exits(0).says("-: valid, infrastructure `rooms`");
}

#[test]
fn what_is_wrong_with_a_shared_infrastructure_file_is_told_once() {
    let scene = Scene::new()
        .file("rooms.yaml", &ROOMS.replace("environment: simulated", "environment: simulatd"))
        .file("a.yaml", DRILL)
        .file("b.yaml", DRILL);
    let seen = scene.types("validate a.yaml b.yaml").exits(2);
    assert_eq!(seen.stderr.matches("M023").count(), 1, "{seen}");
}

const GATE: &str = "\
muster: 1
name: drill
infrastructure: rooms.yaml
phases:
  - name: prechecks
    steps:
      - id: go
        approve: { prompt: Start? }
";

#[test]
fn a_warning_is_silenced_in_place_with_a_reason_and_is_listed_all_the_same() {
    let silenced = format!("{GATE}        silence: [{{ code: M096, because: the shift is there all night }}]\n");
    let scene = Scene::new().file("rooms.yaml", ROOMS).file("loud.yaml", GATE).file("quiet.yaml", &silenced);
    scene.types("validate loud.yaml").exits(0).warns("warning[M096]: the gate `go` has no deadline");
    let seen = scene.types("validate quiet.yaml").exits(0);
    assert!(seen.stderr.is_empty() && seen.stdout.contains("environment simulated, 1 warning silenced\n"), "{seen}");
    assert!(seen.stdout.ends_with("it waits for a day; silenced because: the shift is there all night\n"), "{seen}");
    assert!(scene.types("plan quiet.yaml").stderr.is_empty());
    let document = scene.types("validate quiet.yaml --format json").exits(0).json();
    assert_eq!(document[0]["problems"].as_array().unwrap().len(), 0);
    assert_eq!(document[0]["silenced"][0]["code"], "M096");
    assert_eq!(document[0]["silenced"][0]["because"], "the shift is there all night");
    for (whole, place) in [
        ("silence: [{ code: M096, because: agreed }]\n", "the end"),
        ("    silence: [{ code: M096, because: agreed }]\n", "the phase"),
    ] {
        scene.write("whole.yaml", &format!("{GATE}{whole}"));
        let seen = scene.types("validate whole.yaml").exits(0);
        assert!(seen.stderr.is_empty(), "{place}: {seen}");
    }
}

#[test]
fn what_can_not_be_silenced_is_told() {
    let with = |silence: &str| {
        let text = format!("{GATE}        silence: {silence}\n");
        Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text).types("validate drill.yaml")
    };
    with("[{ code: M022, because: x }]").exits(2).warns("error[M098]: M022 is an error: it can't be silenced");
    with("[{ code: M999, because: x }]").exits(2).warns("error[M098]: there is no code `M999`");
    with("[{ code: M096, because: '' }]").exits(2).warns("error[M024]: a warning is silenced without a reason");
    with("[{ code: M096 }]").exits(2).warns("error[M021]: the key `because` is missing here");
    with("[{ code: M095, because: x }]")
        .exits(0)
        .warns("warning[M099]: nothing here is warned of as M095")
        .warns("M096");
    with("M096").exits(2).warns("expected a list of codes with reasons");
    // In one mode alone not everything is looked for.
    let text = format!("{GATE}        silence: [{{ code: M095, because: x }}]\n");
    let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &text);
    let seen = scene.types("validate drill.yaml --mode planned").exits(0);
    assert!(!seen.stderr.contains("M099"), "{seen}");
}

#[test]
fn a_resource_silences_what_is_warned_of_in_it() {
    let secret = "  repo: { storage: { provider: exec, command: [x], settings: { token: hunter22 } } }\n";
    let lab = format!(
        "muster: 1\nname: lab\nenvironment: lab\nregions: {{ primary: {{ name: a }}, secondary: {{ name: b }} }}\nresources:\n{secret}"
    );
    let scene = Scene::new().file("loud.yaml", &lab).file(
        "quiet.yaml",
        &lab.replace("hunter22 } } }", "hunter22 } }, silence: [{ code: M097, because: it is the lab's own }] }"),
    );
    let seen =
        scene.types("validate loud.yaml").exits(0).warns("warning[M097]: a secret stands in `token` in plain text");
    assert!(!seen.stderr.contains("hunter22"), "it is shown: {seen}");
    let seen = scene.types("validate quiet.yaml").exits(0);
    assert!(seen.stderr.is_empty() && seen.stdout.contains("1 warning silenced"), "{seen}");
}

/// A playbook of so many steps, every tenth of them wrong.
fn many(steps: usize) -> String {
    let mut text =
        String::from("muster: 1\nname: drill\ninfrastructure: rooms.yaml\nphases:\n  - name: failover\n    steps:\n");
    for n in 0..steps {
        let unit = if n % 10 == 0 { "" } else { "s" };
        writeln!(text, "      - {{ id: s{n}, wait: {{ for: 1{unit} }} }}").unwrap();
    }
    text
}

/// Each command must end within the scene's patience, a minute; it takes a second.
#[test]
fn the_first_fifty_of_a_thousand_errors_are_shown_and_the_rest_is_counted() {
    let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", &many(10_000));
    let seen = scene.types("validate drill.yaml").exits(2);
    assert_eq!(seen.stderr.matches("error[M022]").count(), 50);
    assert!(
        seen.stderr.ends_with("... and 950 more errors\n\n") || seen.stderr.ends_with("... and 950 more errors\n"),
        "{}",
        &seen.stderr[seen.stderr.len() - 200..]
    );
    assert_eq!(scene.types("validate drill.yaml --all").exits(2).stderr.matches("error[M022]").count(), 1000);
    let document = scene.types("validate drill.yaml --format json").exits(2).json();
    assert_eq!(document[0]["problems"].as_array().unwrap().len(), 1000);
}

#[test]
fn a_calibration_that_can_not_be_read_is_told_by_its_code() {
    let scene = Scene::new().file("rooms.yaml", ROOMS).file("drill.yaml", DRILL);
    scene.types("simulate drill.yaml --calibration nowhere.yaml").exits(2).warns("error[M060]");
}

/// Each within the scene's patience: what took time by the square of a file's length would not end.
#[test]
fn hostile_files_get_a_clear_error_and_exit_2() {
    let deep = (0..3_000).map(|n| " ".repeat(n) + "a:\n").collect::<Vec<_>>().concat();
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    let texts: Vec<(&str, Vec<u8>, &str)> = vec![
        ("brackets", "[".repeat(200_000).into_bytes(), "M005"),
        ("braces", "{a: ".repeat(100_000).into_bytes(), "M005"),
        ("block maps", deep.into_bytes(), "M005"),
        ("aliases", bomb.as_bytes().to_vec(), "M009"),
        ("a long string", format!("muster: 1\nname: {}\nphases: []\n", "x".repeat(5_000_000)).into_bytes(), "M030"),
        ("a long key", format!("muster: 1\n{}: 1\n", "k".repeat(5_000_000)).into_bytes(), "M004"),
        ("a zero byte", b"muster: 1\nname: \0\n".to_vec(), "M003"),
        ("raw control characters", b"muster: 1\nname: \x1b[31mred\x07\n".to_vec(), "M003"),
        ("no UTF-8", b"muster: 1\nname: \xff\xfe\n".to_vec(), "M001"),
        ("UTF-16", b"\xff\xfem\0u\0".to_vec(), "M001"),
        ("two documents", b"muster: 1\n---\nmuster: 1\n".to_vec(), "M007"),
        ("tags", b"muster: !!int 1\nname: !x y\n".to_vec(), "M010"),
        ("nothing", Vec::new(), "M008"),
        ("a list", b"- 1\n- 2\n".to_vec(), "M022"),
        ("a number", b"12\n".to_vec(), "M022"),
    ];
    let scene = Scene::new().file("rooms.yaml", ROOMS);
    std::fs::create_dir_all(scene.path("hostile")).unwrap();
    for (what, bytes, code) in texts {
        for (name, command) in
            [("playbook", "validate hostile/x.yaml"), ("infrastructure", "validate --infra hostile/x.yaml drill.yaml")]
        {
            std::fs::write(scene.path("hostile/x.yaml"), &bytes).unwrap();
            scene.write("drill.yaml", DRILL);
            let seen = scene.types(command).exits(2);
            let error = seen.stderr.lines().find(|line| line.starts_with("error[")).unwrap_or_default().to_owned();
            let as_infrastructure = name == "infrastructure" && matches!(what, "a long string");
            assert!(as_infrastructure || seen.stderr.contains(&format!("error[{code}]")), "{what} as {name}: {error}");
            // An error is some lines long, whatever the line that it is about.
            assert!(seen.stderr.len() < 100_000, "{what} as {name}: {} bytes", seen.stderr.len());
            assert!(!seen.stderr.contains('\u{1b}') && !seen.stderr.contains('\0'), "{what}");
        }
    }
    scene.types("validate --infra hostile drill.yaml").exits(2).warns("cannot be read: it is a folder");
    scene.types("validate --infra nowhere.yaml drill.yaml").exits(2).warns("there is no such file");
}
