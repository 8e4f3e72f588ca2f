//! From the tree to types: strictness, all errors at once, templates.

use super::*;

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
      |
      = help: add its unit: `30s` for seconds, `30m` for minutes, `30h` for hours

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
