//! From bytes to the tree: what is refused, and where it is shown.

use super::*;

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
     --> drill.yaml:2:1
      |
    2 |  - b
      | ^
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
      |
      = help: `muster init` writes a playbook and an infrastructure file to start from

    error[M008]: the file is empty
     --> drill.yaml:1:1
      |
    1 |
      | ^
      |
      = help: `muster init` writes a playbook and an infrastructure file to start from
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
