//! `muster init`, as a first user meets it.

use std::fs;

use insta::assert_snapshot;
use muster::app::{AppError, Rehearsal, Request, init, load, rehearse};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::watch::Pace;
use muster::model::ExitCode;
use muster::plan::{Checked, Reality};
use muster::starter::{Provider, Wishes};
use proptest::prelude::*;

use crate::harness::Scene;

/// What stands in a folder, with what is below it.
fn there(scene: &Scene) -> Vec<String> {
    fn walk(at: &std::path::Path, below: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            }
            found.push(name);
        }
    }
    let mut found = Vec::new();
    walk(&scene.path(""), "", &mut found);
    found.sort();
    found
}

#[test]
fn what_it_says_to_type_next_works() {
    let scene = Scene::new();
    let seen = scene.types("init --yes --name shop");
    assert_snapshot!(seen, @r"
    exit 0
    --- output
    written:
      shop.yaml              the drill: what is done, in which order, and what it is judged by
      infra/simulated.yaml   what it runs on

    next:
      muster validate shop.yaml               is it right?
      muster plan shop.yaml                   what would it do?
      muster run shop.yaml                    do it, simulated: nothing is touched
      muster run shop.yaml --mode unplanned   lose the primary region first
    ");
    let lines: Vec<String> = seen
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("muster "))
        .map(|line| line.split("   ").next().unwrap().trim().to_owned())
        .collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let seen = scene.types(&line).exits(0);
        assert!(!seen.stderr.contains("warning["), "{line}\n{seen}");
    }
    assert_eq!(scene.runs().len(), 2);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_half_done() {
    let scene = Scene::new().file("shop.yaml", "mine");
    scene.types("init --yes --name shop").exits(2).warns("shop.yaml is there already").warns("Nothing was written");
    assert_eq!((scene.read("shop.yaml").as_str(), there(&scene)), ("mine", vec!["shop.yaml".to_owned()]));
    scene.write("other/infra/simulated.yaml", "mine");
    scene.types("init other --yes --name shop").exits(2).warns("simulated.yaml is there already");
    assert!(!scene.path("other/shop.yaml").exists());
    // Where the second file can't be, the first one goes again, and so do folders that were made for it.
    scene.write("blocked/infra", "a file where a folder should be");
    scene.types("init blocked --yes --name shop").exits(2).warns("can't be written").warns("Nothing was left behind");
    assert_eq!(there(&scene).iter().filter(|name| name.starts_with("blocked")).count(), 2);
    scene.types("init shop.yaml/below --yes --name shop").exits(2).warns("can't be written");
}

#[test]
fn the_second_file_that_fails_takes_the_first_one_with_it() {
    let scene = Scene::new();
    // A name that is one byte too long for a file with its ending, but none for the folder beside it.
    let name = "a".repeat(64);
    scene.types(&format!("init new --yes --name {name}")).exits(0);
    let dangling = scene.path("link");
    std::os::unix::fs::symlink(scene.path("nowhere/deep"), &dangling).unwrap();
    let before = there(&scene);
    scene.types("init link --yes --name shop").exits(2).warns("can't be written");
    assert_eq!(there(&scene), before);
}

#[test]
fn everything_that_a_flag_says_stands_in_the_files() {
    let scene = Scene::new();
    let line = "init drills --yes --name shop --owner 'Büro \"東\" #1' --service web=https://www.shop.test/up \
                --service push=https://Git.Shop.test:8443/up --primary fra --secondary ams --database orders --storage files \
                --dns api.shop.test";
    scene.types(line).exits(0);
    let (playbook, infra) = (scene.read("drills/shop.yaml"), scene.read("drills/infra/simulated.yaml"));
    for text in [
        "owner: \"Büro \\\"東\\\" #1\"",
        "https://git.shop.test:8443/up",
        "records: [www, git, api]",
        "database: orders",
        "storage: files",
    ] {
        assert!(playbook.contains(text), "{text} in:\n{playbook}");
    }
    for text in ["fra", "ams", "api.shop.test", "orders:", "files:"] {
        assert!(infra.contains(text), "{text} in:\n{infra}");
    }
    scene.types("validate drills/shop.yaml").exits(0).never_says("warning");
    scene.types("run drills/shop.yaml -q").exits(0).says("PASSED");
}

#[test]
fn real_providers_are_bound_and_rehearsed_on_their_twin() {
    let scene = Scene::new();
    let line = "init --yes --name shop --database orders --storage files --provider rfc2136 --provider postgres --provider git";
    scene
        .types(line)
        .exits(0)
        .says("muster simulate shop.yaml")
        .says("once the infrastructure file has your own hosts");
    scene.types("validate shop.yaml").exits(0).never_says("warning");
    for mode in ["planned", "unplanned", "emergency"] {
        scene.types(&format!("simulate shop.yaml --mode {mode} -q")).exits(0).says("PASSED");
    }
    scene.types("run shop.yaml --mode planned").exits(3).warns("--execute");
    scene.types("init other --yes --provider git").exits(2).warns("--storage");
}

#[test]
fn what_can_not_be_named_so_is_refused_with_what_could() {
    let scene = Scene::new();
    for (line, why) in [
        ("init --yes --name 'My Shop'", "`my-shop` would do"),
        ("init --yes --service web", "write NAME=URL"),
        ("init --yes --service 'all=https://www.example.test/'", "means every service"),
        ("init --yes --owner '{{ var.x }}'", "template"),
        ("init --yes --service web=https://u:p@www.example.test/", "user name or password"),
        ("init --yes --provider nomad", "possible values"),
    ] {
        scene.types(line).exits(2).warns(why);
    }
    assert_eq!(there(&scene), Vec::<String>::new());
    let told = scene.types("init --yes --name 'My Shop' --format json").exits(2).json();
    assert!(told["error"].as_str().unwrap().contains("my-shop"));
    let told = scene.types("init --yes --name shop --format json").exits(0).json();
    assert_eq!(told["next"].as_array().unwrap().len(), 4);
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let scene = Scene::new().stdin("this is read by nobody\n");
    scene.types("init --name shop").exits(0).never_says("[");
}

#[test]
fn needs_script_at_a_terminal_it_asks_little_and_enter_takes_the_default() {
    let scene = Scene::new();
    let muster = env!("CARGO_BIN_EXE_muster");
    let mut running = scene.starts_program("script", &format!("-qec 'exec {muster} init' /dev/null"));
    // What is wrong is told at once, and asked again.
    running.answer("My Shop").answer("shop").answer("");
    running.answer("web=http://192.0.2.1/").answer("web=https://www.shop.test/up").answer("");
    running.answer("fra").answer("fra").answer("ams").answer("orders").answer("none");
    let seen =
        running.ends().exits(0).says("`my-shop` would do").says("no drill can move").says("nothing would fail over");
    seen.says("muster run shop.yaml");
    let playbook = scene.read("shop.yaml");
    for text in ["from fra to ams", "owner: \"platform\"", "https://www.shop.test/up", "database: orders"] {
        assert!(playbook.contains(text), "{text} in:\n{playbook}");
    }
    scene.types("run shop.yaml -q").exits(0);
}

#[test]
fn needs_script_who_leaves_the_questions_leaves_nothing() {
    let scene = Scene::new();
    let muster = env!("CARGO_BIN_EXE_muster");
    let mut running = scene.starts_program("script", &format!("-qec 'exec {muster} init' /dev/null"));
    running.answer("shop").typed("\u{4}");
    running.ends().exits(2).says("Nothing was written");
    assert_eq!(there(&scene), Vec::<String>::new());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9-]{0,12}",
        2 => "[a-zA-Z0-9 ._:#'\"\\\\%&*!|>@`,\\[\\]{}-]{1,20}",
        1 => "\\PC{1,20}",
        1 => any::<String>(),
        1 => proptest::sample::select(vec!["null", "true", "no", "~", "1e3", "0x1", "primary", "all", "{{ var.x }}", "", "-", "- a", "a: b", "infra"])
            .prop_map(str::to_owned),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => "[a-z]{1,8}\\.[a-z]{2,8}\\.test",
        1 => "[0-9]{1,3}\\.example\\.test",
        1 => "_?[A-Z]{1,4}\\.x-y\\.test\\.?",
        1 => text(),
    ]
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let name = prop_oneof![4 => "[a-z][a-z0-9-]{0,12}", 1 => text()];
    let url =
        (host(), prop_oneof!["", ":8443", "/up?x=1&y='2'"]).prop_map(|(host, rest)| format!("https://{host}{rest}"));
    let service = (name.clone(), prop_oneof![6 => url, 1 => text()]);
    let named = |name| proptest::option::of(name);
    let provider =
        proptest::sample::select(vec![Provider::Simulated, Provider::Rfc2136, Provider::Postgres, Provider::Git]);
    (
        (name.clone(), text(), proptest::collection::vec(service, 1..4), text(), text()),
        (
            named(name.clone()),
            named(name),
            proptest::collection::vec(host(), 0..3),
            proptest::collection::btree_set(provider, 0..3),
        ),
    )
        .prop_map(|((name, owner, services, primary, secondary), (database, storage, dns, providers))| Wishes {
            name,
            owner,
            services,
            primary,
            secondary,
            database,
            storage,
            dns,
            providers: providers.into_iter().collect(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_wished_for_what_is_written_validates_and_passes_or_nothing_is_written(wishes in wishes()) {
        let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
        let begun = match init(folder.path(), &wishes) {
            Ok(begun) => begun,
            Err(AppError::Usage(why)) => {
                prop_assert!(why.contains("Nothing was written"), "{why}");
                prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
                return Ok(());
            }
            Err(other) => return Err(TestCaseError::fail(format!("{other}: {wishes:?}"))),
        };
        let request = Request {
            playbook: begun.playbook.display().to_string(),
            reality: Reality::Twin,
            checked: Checked::InEveryMode,
            mode: Some(Mode::Unplanned),
            ..Request::default()
        };
        let loaded = load(&request).unwrap();
        prop_assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let with = Rehearsal { seed: Seed(7), start: jiff::Timestamp::UNIX_EPOCH, faults: Vec::new(), pace: Pace::Ahead };
        prop_assert_eq!(rehearse(&loaded, &with, Vec::new()).unwrap().exit, ExitCode::Passed);
    }
}
