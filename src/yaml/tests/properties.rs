//! Whatever the input: no panic, and places that are true.

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
