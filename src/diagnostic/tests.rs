use super::*;

fn place(file: &str, text: &str, needle: &str) -> Place {
    let start = text.find(needle).unwrap();
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        file: file.into(),
        span: start..start + needle.len(),
        line: u32::try_from(before.matches('\n').count()).unwrap() + 1,
        column: u32::try_from(before[line_start..].chars().count()).unwrap() + 1,
    }
}

fn sources(text: &str) -> Sources {
    let mut sources = Sources::new();
    sources.add("drill.yaml", text);
    sources
}

#[test]
fn a_place_is_underlined_by_characters_and_a_related_one_is_labelled() {
    let text = "name: drill\ntitle: Überprüfung größer\nname: again\n";
    let diagnostic = Diagnostic::error("M012", "the key `name` is there twice")
        .at(place("drill.yaml", text, "größer"))
        .label(place("drill.yaml", text, "name"), "first here")
        .help("remove one");
    insta::assert_snapshot!(render_text(&[diagnostic], &sources(text), Color::Never, 50), @r###"
    error[M012]: the key `name` is there twice
     --> drill.yaml:2:20
      |
    2 | title: Überprüfung größer
      |                    ^^^^^^
      |
     ::: drill.yaml:1:1
      |
    1 | name: drill
      | ---- first here
      |
      = help: remove one
    "###);
}

#[test]
fn the_first_are_shown_and_the_rest_are_counted() {
    let all = vec![
        Diagnostic::error("M008", "one"),
        Diagnostic::error("M008", "two"),
        Diagnostic::warning("M008", "three"),
        Diagnostic::error("M008", "four"),
    ];
    insta::assert_snapshot!(render_text(&all, &Sources::new(), Color::Never, 1), @r###"
    error[M008]: one

    ... and 2 more errors and 1 more warning
    "###);
}

#[test]
fn long_lines_are_cut_around_the_place_and_keep_their_true_column() {
    let text = format!("{}NEEDLE{}\n", "ä".repeat(3_000_000), "b".repeat(2_000_000));
    let diagnostic = Diagnostic::error("M003", "here").at(place("drill.yaml", &text, "NEEDLE"));
    insta::assert_snapshot!(render_text(&[diagnostic], &sources(&text), Color::Never, 1), @r###"
    error[M003]: here
     --> drill.yaml:1:3000001
      |
     :::
    1 | ...ääääääääääääääääääääääääääääääääääääääääNEEDLEbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
      |                                            ^^^^^^
    "###);
}

#[test]
fn a_place_far_to_the_right_is_shown() {
    let text = format!("  - {{ id: a, {} after: {} }}\n", "key: value, ".repeat(15), "x".repeat(200));
    let diagnostic = Diagnostic::error("M020", "here").at(place("drill.yaml", &text, "after"));
    insta::assert_snapshot!(render_text(&[diagnostic], &sources(&text), Color::Never, 1), @r###"
    error[M020]: here
     --> drill.yaml:1:195
      |
    1 | ... key: value, key: value, key: value, key: value, key: value,  after: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |                                                                  ^^^^^
    "###);
}

#[test]
fn nothing_that_acts_on_a_terminal_comes_through() {
    let text = "a: \u{1b}[31mred\u{7} \u{202e}\n";
    let diagnostic = Diagnostic::error("M003", "bad \u{1b}[2J\nthing")
        .at(place("drill.yaml", text, "red"))
        .label(place("drill.yaml", text, "a"), "\u{9b}")
        .help("\u{202e}\u{0}");
    let shown = render_text(&[diagnostic], &sources(text), Color::Never, 1);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn colour_is_the_callers_choice() {
    let diagnostic = [Diagnostic::error("M008", "empty")];
    assert!(render_text(&diagnostic, &Sources::new(), Color::Always, 1).contains('\u{1b}'));
    assert!(!render_text(&diagnostic, &Sources::new(), Color::Never, 1).contains('\u{1b}'));
}

#[test]
fn a_place_outside_of_the_text_or_of_an_unknown_file_still_shows_its_line() {
    let mut far = place("drill.yaml", "abc", "abc");
    far.span = 1000..2000;
    let shown = render_text(&[Diagnostic::error("M008", "x").at(far.clone())], &sources("abc"), Color::Never, 1);
    assert!(shown.contains("drill.yaml:1:1"), "{shown}");
    let shown = render_text(&[Diagnostic::error("M008", "x").at(far)], &Sources::new(), Color::Never, 1);
    assert!(shown.contains("drill.yaml:1:1"), "{shown}");
}

#[test]
fn json_has_every_key() {
    let text = "name: ü x\n";
    let diagnostic = Diagnostic::warning("M020", "m").at(place("drill.yaml", text, "x"));
    assert_eq!(
        render_json(&[diagnostic]),
        serde_json::json!([{
            "code": "M020", "severity": "warning", "message": "m", "labels": [], "help": null,
            "place": { "file": "drill.yaml", "line": 1, "column": 9, "start": 9, "end": 10 },
        }])
    );
}

#[test]
fn codes_are_unique_ordered_and_well_formed() {
    for pair in codes::CODES.windows(2) {
        assert!(pair[0].code < pair[1].code, "{} before {}", pair[0].code, pair[1].code);
    }
    for code in codes::CODES {
        assert!(code.code.len() == 4 && code.code[1..].parse::<u16>().is_ok(), "{}", code.code);
        assert!(!code.title.is_empty() && code.explanation.ends_with('.'), "{}", code.code);
        assert_eq!(codes::find(code.code), Some(code));
    }
}
