//! Texts that mean harm, and large ones that do not.

use super::*;

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
#[case::flow_colons(format!("[{}", ": ".repeat(4_000_000)), "M006")]
#[case::flow_tags(format!("[{}", "!a ".repeat(4_000_000)), "M006")]
#[case::flow_quotes(format!("[{}", "'a' ".repeat(4_000_000)), "M004")]
#[case::flow_questions(format!("[{}", "? ".repeat(4_000_000)), "M006")]
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
