//! The rules are tried on code that breaks them.

use super::Source;
use super::rules::{doors, drawers, ignored_tests, impurities, layers, long_files, private_places, upward_imports};

fn lib() -> Source {
    Source::new("src/lib.rs", "//! pub mod nothing;\npub mod time;\npub mod plan;\n/* pub mod no; */ pub mod engine;\n")
}

/// The offences against the layers of one file.
fn upward(path: &str, text: &str) -> Vec<String> {
    let sources = [lib(), Source::new(path, text)];
    upward_imports(&sources, &layers(&sources))
}

#[test]
fn the_order_of_the_modules_is_that_of_the_library() {
    assert_eq!(layers(&[lib()]), ["time", "plan", "engine"]);
}

#[test]
fn an_import_from_below_is_found() {
    let offences = upward("src/plan/compile.rs", "use crate::time::Span;\n\nuse crate::engine::Engine;\n");
    assert_eq!(offences, ["src/plan/compile.rs:3: `crate::engine::Engine`: `engine` is not above `plan`"]);
}

#[rstest::rstest]
#[case::in_a_group("use crate::{time::Span, engine::{self, Engine}};", 2)]
#[case::over_lines("use crate::{\n    time::Span,\n    engine::Engine,\n};", 1)]
#[case::in_an_expression("fn f() { let x = crate::engine::run(1); }", 1)]
#[case::in_a_type("fn f(x: &dyn crate::engine::Act) {}", 1)]
#[case::in_visibility("pub(in crate::engine) fn f() {}", 1)]
#[case::in_a_macro("macro_rules! m { () => { $crate::engine::run() } }", 1)]
#[case::by_super("use super::super::engine::Engine;", 1)]
#[case::by_super_in_a_module("mod inner { use super::super::super::engine::Engine; }", 1)]
#[case::by_super_after_a_module("mod inner { fn f() {} }\nuse super::super::engine::Engine;", 1)]
#[case::all_of_it("use crate::engine::*;", 1)]
#[case::no_layer("use crate::nowhere::X;", 1)]
#[case::after_a_char("const Q: char = '\"'; use crate::engine::E; const R: char = '\"';", 1)]
#[case::after_an_escaped_char("const Q: char = '\\''; use crate::engine::E;", 1)]
#[case::after_a_lifetime("fn f<'a>(x: &'a str) -> &'a str { crate::engine::run(x) }", 1)]
#[case::after_a_raw_string("const Q: &str = r#\"\"\"#; use crate::engine::E;", 1)]
#[case::after_a_comment("/* a /* b */ c */ use crate::engine::E;", 1)]
#[case::after_a_test_import("#[cfg(test)]\nuse crate::engine::{A, B};\nuse crate::engine::C;", 1)]
#[case::own_module("use crate::plan::Plan; use super::Plan; use self::x::Y;", 0)]
#[case::above("use crate::time::Span; use super::super::time::Span;", 0)]
#[case::by_super_to_the_own("mod inner { use super::super::Plan; }", 0)]
#[case::in_a_comment("// use crate::engine::E;\n/// [`crate::engine::E`]\nfn f() {}", 0)]
#[case::in_a_string("const X: &str = \"use crate::engine::E; \\\" crate::engine::E\";", 0)]
#[case::in_a_raw_string("const X: &str = r#\"\" crate::engine::E\"#;", 0)]
#[case::in_a_test("#[cfg(test)]\nmod tests {\n    use crate::engine::E;\n    fn f() {}\n}\n", 0)]
#[case::another_crate("use std::engine::E;", 0)]
fn imports_are_found_however_they_are_written(#[case] text: &str, #[case] offences: usize) {
    let found = upward("src/plan/compile.rs", text);
    assert_eq!(found.len(), offences, "{found:?}");
}

#[test]
fn a_file_of_no_layer_is_found_and_a_file_of_tests_is_free() {
    assert_eq!(upward("src/stray.rs", ""), ["src/stray.rs: `stray` is no `pub mod` of src/lib.rs"]);
    assert_eq!(upward("src/plan/tests.rs", "use crate::engine::E;").len(), 0);
    assert_eq!(upward("src/plan/tests/deep.rs", "use crate::engine::E;").len(), 0);
    assert_eq!(upward("src/main.rs", "use crate::engine::E;").len(), 0);
}

#[rstest::rstest]
#[case::runtime("use tokio::sync::mpsc;", 1)]
#[case::file("use std::{fmt, fs::File};", 1)]
#[case::process("fn f() { std::process::abort() }", 1)]
#[case::net("use std::net::TcpStream;", 1)]
#[case::clock("use crate::time::{Clock, Span};", 1)]
#[case::now("fn f() { let x = jiff::Timestamp::now(); }", 1)]
#[case::waits("async fn f() {}", 1)]
#[case::data("use std::net::IpAddr; use std::time::Duration; use jiff::Timestamp; use std::fmt;", 0)]
#[case::test("#[cfg(test)] mod tests { use std::fs; async fn f() {} }", 0)]
#[case::said("/// Not async, no tokio::sync.\nconst X: &str = \"async\";", 0)]
fn what_is_not_pure_is_found(#[case] text: &str, #[case] offences: usize) {
    let found = impurities(&[Source::new("src/plan/mod.rs", text)]);
    assert_eq!(found.len(), offences, "{found:?}");
    assert_eq!(impurities(&[Source::new("src/engine/mod.rs", text)]).len(), 0, "only the pure modules are held");
}

#[test]
fn a_long_file_is_found() {
    let longest = "fn f() {}\n".repeat(600);
    let files = [Source::new("src/a.rs", &longest), Source::new("src/b.rs", &format!("{longest}\n"))];
    assert_eq!(long_files(&files), ["src/b.rs: 601 lines, 600 at most"]);
}

#[test]
fn a_drawer_is_found() {
    let files =
        ["src/plan/utils.rs", "tests/common/mod.rs", "src/plan/commonplace.rs"].map(|path| Source::new(path, ""));
    assert_eq!(drawers(&files).len(), 2);
}

#[test]
fn a_private_place_is_found() {
    let text =
        ["see /", "root/x\nin (/", "work/me/x)\nat ~/work/x, a/", "work/b, $X/", "root/c\nof /srv/own/muster/x\n"];
    let found = private_places(&[Source::new("README.md", &text.concat())], "/srv/own/muster");
    assert_eq!(
        found,
        [
            ["README.md:1: `/", "root/`"].concat(),
            ["README.md:2: `/", "work/`"].concat(),
            "README.md:4: `/srv/own/muster`".to_owned(),
        ]
    );
}

#[test]
fn a_test_that_is_left_out_is_found() {
    let text = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n// #[ignore]\nconst B: &str = \"#[ignore]\";\n#[ ignore ]\nfn c() {}\n";
    let offences = ignored_tests(&[Source::new("src/a.rs", text), Source::new("README.md", "#[ignore]")]);
    assert_eq!(offences, ["src/a.rs:2: a test that nobody runs", "src/a.rs:6: a test that nobody runs"]);
}

#[test]
fn events_that_pass_the_door_by_are_found() {
    let door = "async fn write(&mut self, events: Vec<Clean>) { self.run.journal.commit(stamp, &events).await }\n";
    let at_the_door = |text: &str| doors(&[Source::new("src/engine/dispatcher/mod.rs", text)]);
    assert_eq!(at_the_door(door), Vec::<String>::new());
    assert_eq!(at_the_door(&door.replace("Vec<Clean>", "Vec<Event>")).len(), 2);
    let beside = format!("{door}fn other() {{ self.run.journal.commit(stamp, &[event]) }}");
    assert_eq!(at_the_door(&beside), ["src/engine/dispatcher/mod.rs:2: events pass the one door by"]);
    let elsewhere = Source::new("src/engine/gates.rs", "fn tell() { run.journal.commit(stamp, &[event]) }");
    assert_eq!(doors(&[Source::new("src/engine/dispatcher/mod.rs", door), elsewhere]).len(), 1);
}
