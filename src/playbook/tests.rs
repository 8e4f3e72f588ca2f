use super::template::{Late, Names, Piece, pieces};
use crate::yaml::Filled;
use proptest::prelude::*;

fn names() -> Names {
    let mut names = Names::default();
    names.add("var.url", "https://code.example.test/?a=1&b=<2>");
    names.add("region.primary.name", "us-east-1");
    names.lacks("region.primary.gateway", "nobody gave it one");
    names
}

#[test]
fn templates_are_filled_as_they_stand_without_escapes() {
    let filled = names().fill("{{var.url}} in {{ region.primary.name }}", Late::Refused);
    assert_eq!(filled, Ok(Filled::Text("https://code.example.test/?a=1&b=<2> in us-east-1".to_owned())));
    let kept = names().fill("{{run.id}} {{ var.url }}", Late::Allowed);
    assert_eq!(kept, Ok(Filled::Text("{{ run.id }} https://code.example.test/?a=1&b=<2>".to_owned())));
    assert_eq!(names().fill("{{ run.id }}", Late::Allowed), Ok(Filled::Later));
}

#[test]
fn what_is_not_a_known_name_is_refused_with_the_reason() {
    let why = |text: &str| names().fill(text, Late::Refused).unwrap_err();
    assert_eq!(why("{{ var.ulr }}"), "the name `var.ulr` is unknown; did you mean `var.url`?");
    assert_eq!(why("{{ region.primary.gateway }}"), "`region.primary.gateway` has no value: nobody gave it one");
    for text in
        ["{{", "{{}}", "{{ a b }}", "{{{ var.url }}}", "{{> partial }}", "{{! note }}", "{{ var. }}", "{{&var.url}}"]
    {
        assert!(names().fill(text, Late::Allowed).is_err(), "{text} was taken");
    }
}

proptest! {
    #[test]
    fn pieces_never_panic_and_lose_nothing(text in "[{}a. ]{0,24}") {
        if let Ok(pieces) = pieces(&text) {
            let plain: usize = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Name(name) => name.len() + 4,
            }).sum();
            prop_assert!(plain <= text.len());
            let joined: String = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Name(name) => format!("{{{{{name}}}}}"),
            }).collect();
            prop_assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
