//! What a user sees for what was written.

use super::*;
use crate::diagnostic::{Color, Sources, codes, render_text};
use rstest::rstest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The problems of a text and of reading it as `T`, as they are shown.
fn shown<T: serde::de::DeserializeOwned>(text: &str) -> String {
    let parsed = parse("drill.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    if let Some(node) = &parsed.node {
        let _ = decode::<T>(node, &mut diagnostics);
    }
    let mut sources = Sources::new();
    sources.add("drill.yaml", parsed.text);
    render_text(&diagnostics, &sources, Color::Never, 50)
}

/// Codes and places, for tables.
fn brief(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|d| d.place.as_ref().map_or_else(|| d.code.to_owned(), |p| format!("{} {}:{}", d.code, p.line, p.column)))
        .collect()
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Drill {
    name: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    attempts: Option<u8>,
    #[serde(default)]
    planned: bool,
    #[serde(default)]
    within: Option<Within>,
    #[serde(default)]
    then: Option<Then>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    probes: Vec<Probe>,
    #[serde(default)]
    vars: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Probe {
    url: String,
    status: u16,
    #[serde(default)]
    share: Option<f64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Then {
    Pause,
    Stop,
    Undo,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Secret {
    Env(String),
    File(String),
}

/// A duration that demands its unit, as the playbook's will.
#[derive(Debug, PartialEq)]
struct Within(u64);

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl serde::de::Visitor<'_> for Reads {
            type Value = Within;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration with a unit such as 30s")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Within, E> {
                let number = text.strip_suffix('s').and_then(|n| n.parse().ok());
                number.map(Within).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Reads)
    }
}

#[test]
fn a_good_document_is_read() {
    let text = "\
name: quarterly   # a comment
attempts: 3
planned: true
within: 30s
then: pause
needs: [a, 'b']
secret: { env: TOKEN }
probes: [{ url: \"http://x/\", status: 200, share: 1 }]
vars: { on: no, 1: yes, text: \"12\" }
";
    let parsed = parse("drill.yaml", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    let drill: Drill = decode(&parsed.node.unwrap(), &mut diagnostics).unwrap();
    assert_eq!(diagnostics, []);
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(
        drill,
        Drill {
            name: "quarterly".to_owned(),
            title: None,
            attempts: Some(3),
            planned: true,
            within: Some(Within(30)),
            then: Some(Then::Pause),
            needs: vec!["a".to_owned(), "b".to_owned()],
            secret: Some(Secret::Env("TOKEN".to_owned())),
            probes: vec![Probe { url: "http://x/".to_owned(), status: 200, share: Some(1.0) }],
            vars: BTreeMap::from([pair("on", "no"), pair("1", "yes"), pair("text", "12")]),
        }
    );
}

#[test]
fn all_problems_are_found_at_once_each_at_its_place() {
    let text = "\
title: Überprüfung, größer
titel: x
attempts: 300
planned: yes
within: 30
then: puase
needs: one
secret: { vault: x }
probes:
  - { url: http://x/, status: \"200\" }
  - { status: 200, share: .inf }
  - { url: 12, status: }
vars: [a]
";
    insta::assert_snapshot!(shown::<Drill>(text), @r###"
    error[M021]: the key `name` is missing here
     --> drill.yaml:1:1
      |
    1 | title: Überprüfung, größer
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `name: ...` to this mapping

    error[M020]: the key `titel` is unknown here
     --> drill.yaml:2:1
      |
    2 | titel: x
      | ^^^^^
      |
      = help: did you mean `title`? known keys: `name`, `title`, `attempts`, `planned`, `within`, `then`, `needs`, `secret`, `probes`, `vars`

    error[M022]: expected a whole number from 0 to 255, found the number 300
     --> drill.yaml:3:11
      |
    3 | attempts: 300
      |           ^^^

    error[M022]: expected true or false, found the text "yes"
     --> drill.yaml:4:10
      |
    4 | planned: yes
      |          ^^^
      |
      = help: YAML 1.2 knows only `true` and `false`

    error[M022]: expected a duration with a unit such as 30s, found the number 30
     --> drill.yaml:5:9
      |
    5 | within: 30
      |         ^^

    error[M023]: `puase` is not one of the known values
     --> drill.yaml:6:7
      |
    6 | then: puase
      |       ^^^^^
      |
      = help: did you mean `pause`? known values: `pause`, `stop`, `undo`

    error[M022]: expected a list, found the text "one"
     --> drill.yaml:7:8
      |
    7 | needs: one
      |        ^^^
      |
      = help: write it as a list: [one]

    error[M020]: the key `vault` is unknown here
     --> drill.yaml:8:11
      |
    8 | secret: { vault: x }
      |           ^^^^^
      |
      = help: known keys: `env`, `file`

    error[M022]: expected a whole number from 0 to 65535, found the text "200"
      --> drill.yaml:10:31
       |
    10 |   - { url: http://x/, status: "200" }
       |                               ^^^^^
       |
       = help: remove the quotes: 200

    error[M021]: the key `url` is missing here
      --> drill.yaml:11:5
       |
    11 |   - { status: 200, share: .inf }
       |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: add `url: ...` to this mapping

    error[M022]: expected a finite number, found the number .inf
      --> drill.yaml:11:27
       |
    11 |   - { status: 200, share: .inf }
       |                           ^^^^

    error[M022]: expected text, found the number 12
      --> drill.yaml:12:12
       |
    12 |   - { url: 12, status: }
       |            ^^
       |
       = help: put it in quotes: "12"

    error[M026]: the key `status` has no value; expected a whole number from 0 to 65535
      --> drill.yaml:12:16
       |
    12 |   - { url: 12, status: }
       |                ^^^^^^
       |
       = help: write a value, or remove the key

    error[M022]: expected a mapping, found a list
      --> drill.yaml:13:7
       |
    13 | vars: [a]
       |       ^^^
    "###);
}

#[test]
fn what_was_wrong_is_not_also_missing() {
    let diagnostics = |text: &str| {
        let parsed = parse("f", text.as_bytes());
        let mut diagnostics = parsed.diagnostics;
        decode::<Drill>(&parsed.node.unwrap(), &mut diagnostics);
        brief(&diagnostics)
    };
    assert_eq!(diagnostics("name: 12\n"), ["M022 1:7"]);
    assert_eq!(diagnostics("nmae: drill\n"), ["M020 1:1"]);
    assert_eq!(diagnostics("title: &x a\nname: *x\n"), ["M009 1:8", "M009 2:7"]);
    assert_eq!(diagnostics("name: \"\\0\"\n"), ["M003 1:7"]);
    assert_eq!(diagnostics("name: a\nprobes: [{ url: 12, status: x }]\n"), ["M022 2:17", "M022 2:29"]);
    assert_eq!(diagnostics("name: a\nsecret: { env: 12 }\n"), ["M022 2:16"]);
    assert_eq!(diagnostics("title: a\n"), ["M021 1:1"]);
}

#[test]
fn each_missing_key_is_found_whatever_its_type() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only reading is tested")]
    struct Needy {
        text: String,
        within: Within,
        then: Then,
        list: Vec<Probe>,
        map: BTreeMap<String, u8>,
        /// Nothing can stand in for it, so the search ends here.
        probe: Probe,
        secret: Secret,
        never_reached: u8,
    }
    #[derive(Debug, Deserialize)]
    struct Outer {
        name: String,
        needy: Option<Needy>,
    }
    let parsed = parse("f", b"name: a\nneedy: {}\n");
    let mut diagnostics = Vec::new();
    let outer: Outer = decode(&parsed.node.unwrap(), &mut diagnostics).unwrap();
    let missing: Vec<&str> = diagnostics.iter().map(|d| d.message.split('`').nth(1).unwrap()).collect();
    assert_eq!(missing, ["text", "within", "then", "list", "map", "probe"]);
    assert!(outer.name == "a" && outer.needy.is_none(), "nothing invented is in the result: {outer:?}");
    assert_eq!(decode::<Probe>(&parse("f", b"{}").node.unwrap(), &mut Vec::new()), None);
}

#[test]
fn what_could_be_read_is_there_beside_the_errors() {
    let parsed = parse("f", b"name: drill\nattempts: many\n");
    let mut diagnostics = Vec::new();
    let drill: Drill = decode(&parsed.node.unwrap(), &mut diagnostics).unwrap();
    assert_eq!((drill.name.as_str(), drill.attempts, diagnostics.len()), ("drill", None, 1));
    let parsed = parse("f", b"title: drill\n");
    assert_eq!(decode::<Drill>(&parsed.node.unwrap(), &mut diagnostics), None);
}

#[rstest]
#[case::list("[1]", "M022 1:1")]
#[case::text("abc", "M022 1:1")]
#[case::nothing("---\n", "M022 2:1")]
#[case::list_for_struct("name: a\nprobes: [[x, 200]]", "M022 2:10")]
#[case::enum_without_content("name: a\nsecret: env", "M024 2:9")]
#[case::enum_with_surplus("name: a\nthen: { pause: 1 }", "M024 2:7")]
#[case::enum_of_two("name: a\nsecret: { env: a, file: b }", "M022 2:9")]
#[case::enum_of_number("name: a\nthen: 1", "M022 2:7")]
#[case::empty_option("name: a\nwithin:\n", "M026 2:1")]
#[case::too_large("name: a\nattempts: 99999999999999999999", "M024 2:11")]
#[case::negative("name: a\nattempts: -1", "M022 2:11")]
fn strict_types(#[case] text: &str, #[case] problem: &str) {
    let parsed = parse("f", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    decode::<Drill>(&parsed.node.unwrap(), &mut diagnostics);
    assert_eq!(brief(&diagnostics), [problem], "{diagnostics:?}");
}

#[test]
fn an_explicit_null_is_no_value_on_purpose() {
    let parsed = parse("f", b"name: a\nwithin: null\ntitle: ~\n");
    let mut diagnostics = parsed.diagnostics;
    let drill: Drill = decode(&parsed.node.unwrap(), &mut diagnostics).unwrap();
    assert_eq!((drill.within, drill.title, diagnostics), (None, None, vec![]));
}

#[test]
fn surplus_items_of_a_tuple_are_an_error() {
    let parsed = parse("f", b"[1, 2, 3]");
    let mut diagnostics = Vec::new();
    assert_eq!(decode::<(u8, u8)>(&parsed.node.unwrap(), &mut diagnostics), None);
    assert_eq!(diagnostics[0].message, "expected a list of 2 values, found 3 values");
}

#[test]
fn what_the_text_may_not_have_is_shown_at_its_place() {
    let text = "\
name: &a größer
ä: 1
list: [!!int 12, *a, !mine x]
<<: { x: 1 }
name: again
? [complex]
: key
esc: \"\\x1b[31m\"
";
    insta::assert_snapshot!(shown::<serde_json::Value>(text), @r###"
    error[M009]: this value has an anchor (`&name`), which is not allowed
     --> drill.yaml:1:7
      |
    1 | name: &a größer
      |       ^^^^^^^^^
      |
      = help: write the value out where it is needed, or use a variable; text that starts with `&` needs quotes

    error[M010]: this value has a tag (`!name`), which is not allowed
     --> drill.yaml:3:8
      |
    3 | list: [!!int 12, *a, !mine x]
      |        ^^^^^^^^
      |
      = help: remove the tag; text that starts with `!` needs quotes

    error[M009]: `*a` is an alias, which is not allowed
     --> drill.yaml:3:18
      |
    3 | list: [!!int 12, *a, !mine x]
      |                  ^^
      |
      = help: write the value out, or use a variable; text that starts with `*` needs quotes

    error[M010]: this value has a tag (`!name`), which is not allowed
     --> drill.yaml:3:22
      |
    3 | list: [!!int 12, *a, !mine x]
      |                      ^^^^^^^
      |
      = help: remove the tag; text that starts with `!` needs quotes

    error[M011]: `<<` is a merge key, which is not allowed
     --> drill.yaml:4:1
      |
    4 | <<: { x: 1 }
      | ^^
      |
      = help: write the keys out here

    error[M013]: a key must be plain text; this is a list
     --> drill.yaml:6:3
      |
    6 | ? [complex]
      |   ^^^^^^^^^

    error[M003]: this text has a control character (U+001B)
     --> drill.yaml:8:6
      |
    8 | esc: "\x1b[31m"
      |      ^^^^^^^^^^
      |
      = help: remove it

    error[M012]: the key `name` is there twice
     --> drill.yaml:5:1
      |
    5 | name: again
      | ^^^^
      |
     ::: drill.yaml:1:1
      |
    1 | name: &a größer
      | ---- first here
      |
      = help: remove or rename one of the two
    "###);
}

#[test]
fn typical_mistakes_are_explained() {
    let texts = [
        "title: Failover: part 2\n",
        "url: {{ var.url }}/healthz\n",
        "a: 1\n b: 2\n",
        "a:\n\t- b\n",
        "a: \"open\nb: 1\n",
        "a: [1, 2\nb: 3\n",
        "a: @home\n",
        "a: *x\n",
        "name:drill\ntitle: x\n",
        "a: 1\nb\n",
        "a: 1\n---\nb: 2\n",
        "# nothing\n",
        "",
    ];
    let all: Vec<String> = texts.iter().map(|text| shown::<serde_json::Value>(text)).collect();
    insta::assert_snapshot!(all.join(""), @r###"
    error[M004]: a `:` stands where no key can be
     --> drill.yaml:1:16
      |
    1 | title: Failover: part 2
      |                ^
      |
      = help: put text that contains `: ` in quotes; check this line's indentation, and the space after the `:` of the line before

    error[M013]: a key must be plain text; this is a mapping
     --> drill.yaml:1:7
      |
    1 | url: {{ var.url }}/healthz
      |       ^^^^^^^^^^^
      |
      = help: put text with `{{ ... }}` in quotes, because `{` starts a mapping

    error[M004]: a `:` stands where no key can be
     --> drill.yaml:2:3
      |
    2 |  b: 2
      |   ^
      |
      = help: put text that contains `: ` in quotes; check this line's indentation, and the space after the `:` of the line before

    error[M004]: a tab is used for indentation
     --> drill.yaml:2:2
      |
    2 |  - b
      |  ^
      |
      = help: indent with spaces

    error[M004]: these quotes are not closed, or the lines inside of them are not indented
     --> drill.yaml:1:4
      |
    1 | a: "open
      |    ^
      |
      = help: close the quotes

    error[M004]: a `:` stands where no key can be
     --> drill.yaml:2:2
      |
    2 | b: 3
      |  ^
      |
      = help: close the `[` or `{` before it, or put text that contains `: ` in quotes

    error[M004]: a value cannot start with this character
     --> drill.yaml:1:4
      |
    1 | a: @home
      |    ^
      |
      = help: put the text in quotes

    error[M009]: this is an alias, which is not allowed
     --> drill.yaml:1:4
      |
    1 | a: *x
      |    ^
      |
      = help: write the value out, or use a variable; text that starts with `*` needs quotes

    error[M004]: a `:` stands where no key can be
     --> drill.yaml:2:6
      |
    2 | title: x
      |      ^
      |
      = help: put text that contains `: ` in quotes; check this line's indentation, and the space after the `:` of the line before

    error[M004]: a `:` is missing after this key
     --> drill.yaml:2:1
      |
    2 | b
      | ^
      |
      = help: write `key: value`, or check the indentation

    error[M007]: a second document starts here; a file holds one
     --> drill.yaml:2:1
      |
    2 | ---
      | ^^^
      |
     ::: drill.yaml:1:1
      |
    1 | a: 1
      | - the first document starts here
      |
      = help: move it into a file of its own, or remove the `---`

    error[M008]: the file is empty
     --> drill.yaml:1:1
      |
    1 | # nothing
      | ^

    error[M008]: the file is empty
     --> drill.yaml:1:1
      |
    1 |
      | ^
    "###);
}

#[rstest]
#[case::utf16(b"\xff\xfea\0", "M001 1:1")]
#[case::latin1("a: 1\nüb: ".as_bytes(), "")]
#[case::latin1_bad(b"a: 1\n\xc3\xbcb: \xfc\n", "M001 2:5")]
#[case::nul(b"a: \0", "M003 1:4")]
#[case::escape(b"a: \x1b[31m", "M003 1:4")]
#[case::lone_return(b"a: 1\rb: 2", "M003 1:5")]
#[case::return_line_feed(b"a: 1\r\nb: 2\r\n", "")]
#[case::bidi("a: \u{202e}x".as_bytes(), "M003 1:4")]
#[case::bom("\u{feff}a: 1".as_bytes(), "")]
#[case::bom_inside("a: \u{feff}1".as_bytes(), "M003 1:4")]
#[case::after_crlf("ä: 1\r\nb: \u{1}".as_bytes(), "M003 2:4")]
fn bytes_that_are_no_clean_text(#[case] bytes: &[u8], #[case] problem: &str) {
    let parsed = parse("f", bytes);
    let expected: Vec<&str> = if problem.is_empty() { Vec::new() } else { vec![problem] };
    assert_eq!(brief(&parsed.diagnostics), expected);
    assert_eq!(parsed.node.is_some(), problem.is_empty());
}

#[test]
fn places_count_characters_in_columns_and_bytes_in_spans() {
    let text = "\u{feff}äöü: [größe, €: 😀]\r\nzwei: \"x\"\r\n";
    let parsed = parse("f", text.as_bytes());
    let node = parsed.node.unwrap();
    let at = |node: &Node| {
        let place = node.place();
        (place.line, place.column, parsed.text[place.span].to_owned())
    };
    let first = node.get("äöü").unwrap();
    assert_eq!(at(first), (1, 6, "[größe, €: 😀]".to_owned()));
    let items = first.as_seq().unwrap();
    assert_eq!(at(&items[0]), (1, 7, "größe".to_owned()));
    let pair = &items[1].as_map().unwrap()[0];
    assert_eq!(at(&pair.key), (1, 14, "€".to_owned()));
    assert_eq!(at(&pair.value), (1, 17, "😀".to_owned()));
    assert_eq!(at(node.get("zwei").unwrap()), (2, 7, "\"x\"".to_owned()));
}

#[derive(Deserialize, Debug, PartialEq)]
struct Numbers {
    a: u32,
    b: String,
    c: String,
    e: (bool, String),
}
#[derive(Deserialize, Debug, PartialEq)]
struct Texts {
    a: String,
    e: Vec<String>,
}

#[test]
fn templates_are_filled_and_typed_anew() {
    let text = "a: \"{{ n }}\"\nb: '{{ n }}s'\nc: \"{{ verdict }}\"\nd: \"{{ what }}\"\ne: [\"{{ b }}\", plain]\n\"{{ n }}\": x\nf: '{{ nul }}'\n";
    let parsed = parse("f", text.as_bytes());
    let mut node = parsed.node.unwrap();
    let mut diagnostics = Vec::new();
    let mut filler = |text: &str, _: &crate::diagnostic::Place| {
        if text.contains("verdict") {
            return Ok(Filled::Later);
        }
        if text.contains("what") {
            return Err("`what` is unknown".to_owned());
        }
        let text = text.replace("{{ n }}", "12").replace("{{ b }}", "true").replace("{{ nul }}", "\0");
        Ok(Filled::Text(text))
    };
    fill(&mut node, &mut filler, &mut diagnostics);
    assert_eq!(brief(&diagnostics), ["M025 4:4", "M003 7:4"]);
    let numbers: Numbers = decode(&node, &mut diagnostics).unwrap();
    assert_eq!((numbers.a, numbers.b.as_str(), numbers.c.as_str()), (12, "12s", "{{ verdict }}"));
    assert_eq!(numbers.e, (true, "plain".to_owned()));
    let texts: Texts = decode(&node, &mut diagnostics).unwrap();
    assert_eq!((texts.a.as_str(), texts.e[0].as_str()), ("12", "true"));
    assert!(node.get("{{ n }}").is_some());
    assert_eq!(diagnostics.len(), 2);
}

#[test]
fn duplicates_are_bounded_and_label_both_places() {
    let parsed = parse("f", "a: 1\n".repeat(5000).as_bytes());
    assert_eq!(parsed.diagnostics.len(), MAX_PROBLEMS + 1);
    assert_eq!(parsed.diagnostics.last().unwrap().code, "M014");
    let parsed = parse("f", b"x: { a: 1, 'a': 2 }");
    assert_eq!(parsed.diagnostics[0].labels[0].place.column, 6);
    assert_eq!(parsed.node.unwrap().get("x").unwrap().as_map().unwrap().len(), 1);
}

#[test]
fn many_problems_of_one_node_are_bounded() {
    let text = format!("name: a\nneeds: [{}]\n", "1, ".repeat(500));
    let parsed = parse("f", text.as_bytes());
    let mut diagnostics = Vec::new();
    decode::<Drill>(&parsed.node.unwrap(), &mut diagnostics);
    assert_eq!(diagnostics.len(), MAX_PROBLEMS + 1);
    assert_eq!(diagnostics.iter().filter(|d| d.code == "M014").count(), 1);
}

/// The loader decodes a playbook step by step: ten thousand with a thousand errors must not take a second (a debug
/// build is allowed ten).
#[test]
fn many_steps_with_many_errors_are_read_in_time() {
    let mut text = String::new();
    for step in 0..10_000 {
        let attempts = if step % 10 == 0 { "many" } else { "3" };
        let line = format!("- {{ name: s{step}, attempts: {attempts}, within: 30s, needs: [a, b], then: pause }}\n");
        text.push_str(&line);
    }
    #[expect(clippy::disallowed_methods, reason = "a bound on real time is what is tested")]
    let started = std::time::Instant::now();
    let parsed = parse("f", text.as_bytes());
    let mut diagnostics = parsed.diagnostics;
    for step in parsed.node.unwrap().as_seq().unwrap() {
        assert!(decode::<Drill>(step, &mut diagnostics).is_some());
    }
    assert_eq!(diagnostics.len(), 1000);
    let mut sources = Sources::new();
    sources.add("f", text);
    assert!(render_text(&diagnostics, &sources, Color::Never, 50).contains("... and 950 more errors"));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

fn nested(open: &str, count: usize) -> String {
    open.repeat(count)
}

fn block_maps(depth: usize) -> String {
    (0..depth).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n")
}

fn keys(count: usize, end: &str) -> String {
    (0..count).fold(String::new(), |text, key| text + "k" + &key.to_string() + ": v" + end)
}

#[rstest]
#[case::brackets(nested("[", 200_000), "M005")]
#[case::braces(nested("{a: ", 100_000), "M005")]
#[case::braces_on_lines(nested("{a:\n ", 100_000), "M005")]
#[case::closed_brackets(nested("[", 200_000) + &nested("]", 200_000), "M005")]
#[case::block_maps(block_maps(3_000), "M005")]
#[case::block_lists(nested("- ", 100_000), "M005")]
#[case::questions(nested("? ", 100_000), "M005")]
#[case::aliases("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n".to_owned(), "M009")]
#[case::many_aliases("a: &a x\n".to_owned() + &"- *a\n".repeat(100_000), "M009")]
#[case::long_text("x".repeat(5_000_000), "")]
#[case::long_quoted(format!("\"{}\"", "ä".repeat(2_500_000)), "")]
#[case::open_quote(format!("a: \"{}", "x ".repeat(2_500_000)), "M004")]
#[case::flow_list(format!("[{}]", "a,".repeat(900_000)), "")]
#[case::flow_list_too_long(format!("[{}]", "a,".repeat(2_000_000)), "M006")]
#[case::block_list_too_long("- a\n".repeat(1_100_000), "M006")]
#[case::colons(":".repeat(1_000_000), "M004")]
#[case::colons_apart(": ".repeat(1_000_000), "M013")]
#[case::dashes("-".repeat(1_000_000), "")]
#[case::tags("!a ".repeat(300_000), "M010")]
#[case::anchors("&a ".repeat(300_000), "M009")]
#[case::bangs("!".repeat(1_000_000), "M004")]
#[case::comments("#\n".repeat(2_000_000), "M008")]
#[case::blank_lines("\n".repeat(4_000_000), "M008")]
#[case::blanks(" ".repeat(4_000_000), "M008")]
#[case::documents("---\n".repeat(1_000_000), "M007")]
#[case::directives("%YAML 1.2\n".repeat(300_000), "M004")]
#[case::quotes("'".repeat(4_000_000), "")]
#[case::folded(format!("a: >\n{}", " x\n\n".repeat(1_000_000)), "")]
#[case::keys_apart(keys(200_000, "\n"), "")]
#[case::flow_map(format!("{{{}}}", keys(200_000, ",")), "")]
#[case::flow_colons(format!("[{}", ": ".repeat(4_000_000)), "M013")]
#[case::flow_tags(format!("[{}", "!a ".repeat(4_000_000)), "M010")]
#[case::flow_quotes(format!("[{}", "'a' ".repeat(4_000_000)), "M004")]
#[case::flow_questions(format!("[{}", "? ".repeat(4_000_000)), "M004")]
#[case::too_big("x".repeat(MAX_BYTES + 1), "M002")]
#[case::escapes(format!("\"{}\"", "\\u00e4".repeat(1_000_000)), "")]
#[case::control_characters("\u{1}".repeat(1_000_000), "M003")]
fn hostile_texts_get_a_clear_error_in_bounded_time(#[case] text: String, #[case] code: &str) {
    #[expect(clippy::disallowed_methods, reason = "a bound on real time is what is tested")]
    let started = std::time::Instant::now();
    let parsed = parse("f", text.as_bytes());
    // Generous: a debug build on a busy machine. What is quadratic takes minutes here.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let first = parsed.diagnostics.first().map_or("", |d| d.code);
    assert_eq!(first, code, "{:?}", parsed.diagnostics.first());
    assert!(parsed.diagnostics.len() <= MAX_PROBLEMS + 1);
    assert!(parsed.node.is_some() || !code.is_empty());
}

#[test]
fn each_code_stands_in_the_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/yaml");
    let mut found = std::collections::BTreeSet::new();
    for folder in [folder.clone(), folder.join("decode")] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let is_source = path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs");
            let text = if is_source { std::fs::read_to_string(path).unwrap() } else { String::new() };
            for (at, _) in text.match_indices("\"M0") {
                found.insert(text[at + 1..at + 5].to_owned());
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    for code in &found {
        assert!(codes::find(code).is_some(), "{code} is not explained");
    }
    let of_yaml = codes::CODES.iter().filter(|c| c.code < "M030").map(|c| c.code.to_owned()).collect();
    assert_eq!(found, of_yaml, "each explained code is used");
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            checked(&bytes)?;
        }

        #[test]
        fn arbitrary_yaml_never_panics(
            parts in proptest::collection::vec(
                prop::sample::select(vec![
                    "a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", ": ", "? ", "'", "\"", "#", " #", "|", ">", "&a ",
                    "*a", "!t ", "---\n", "...\n", "%YAML 1.2\n", "\t", "ä", "😀", "\\", "{{ x }}", "<<: ", "~", "12", "\r\n",
                ]),
                0..40,
            )
        ) {
            checked(parts.concat().as_bytes())?;
        }
    }

    /// Parses, decodes and renders; every place must be one of the text, with the right line and column.
    fn checked(bytes: &[u8]) -> Result<(), TestCaseError> {
        let parsed = parse("f", bytes);
        let mut diagnostics = parsed.diagnostics;
        prop_assert!(parsed.node.is_some() || !diagnostics.is_empty());
        if let Some(node) = &parsed.node {
            let _ = decode::<Drill>(node, &mut diagnostics);
            let _ = decode::<serde_json::Value>(node, &mut diagnostics);
        }
        for place in diagnostics.iter().filter(|d| d.code != "M001").filter_map(|d| d.place.as_ref()) {
            let before = parsed.text.get(..place.span.start);
            prop_assert!(before.is_some() && parsed.text.get(place.span.clone()).is_some(), "{place:?}");
            let before = before.unwrap_or("");
            let line = before.matches('\n').count() + 1;
            let column = before[before.rfind('\n').map_or(0, |at| at + 1)..].chars().count() + 1;
            prop_assert_eq!((place.line as usize, place.column as usize), (line, column));
        }
        let mut sources = Sources::new();
        sources.add("f", parsed.text);
        let _ = render_text(&diagnostics, &sources, Color::Never, 50);
        Ok(())
    }
}
