//! Names that exist only while a run goes on, and how texts with them are filled then.

use super::template::{Piece, pieces};

/// The names, as playbooks write them.
pub const NAMES: &[&str] = &["run.id", "run.mode", "run.started", "run.verdict", "run.world", "run.summary"];

/// Their values.
#[derive(Clone, Copy, Debug)]
pub struct LateNames<'a> {
    /// The run's id.
    pub id: &'a str,
    /// Its mode.
    pub mode: &'a str,
    /// When it started.
    pub started: &'a str,
    /// Its verdict, once it is known.
    pub verdict: Option<&'a str>,
    /// Where the world is left, once it is known.
    pub world: Option<&'a str>,
    /// What happened in one sentence, and how each objective stands, once it is known.
    pub summary: Option<&'a str>,
}

/// What stands in for a value that is not known yet.
pub const NOT_YET: &str = "not known yet";

/// Fills the late names of a text. A playbook that was read has no other names left in it; whatever else looks like a
/// template stays as it is.
#[must_use]
pub fn fill(text: &str, names: &LateNames<'_>) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let Ok(pieces) = pieces(text) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name("run.id") => out.push_str(names.id),
            Piece::Name("run.mode") => out.push_str(names.mode),
            Piece::Name("run.started") => out.push_str(names.started),
            Piece::Name("run.verdict") => out.push_str(names.verdict.unwrap_or(NOT_YET)),
            Piece::Name("run.world") => out.push_str(names.world.unwrap_or(NOT_YET)),
            Piece::Name("run.summary") => out.push_str(names.summary.unwrap_or(NOT_YET)),
            Piece::Name(other) => {
                out.push_str("{{ ");
                out.push_str(other);
                out.push_str(" }}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_names_are_filled_and_nothing_else_is() {
        let mut names = LateNames {
            id: "r1",
            mode: "planned",
            started: "2026-11-22T08:42:16Z",
            verdict: None,
            world: None,
            summary: Some("Users were out."),
        };
        assert_eq!(fill("{{ run.id }}: {{run.verdict}}", &names), "r1: not known yet");
        names.verdict = Some("passed");
        names.world = Some("home");
        assert_eq!(fill("{{run.verdict}} {{run.world}} {{ run.mode }}", &names), "passed home planned");
        assert_eq!(fill("{{ var.x }} {{ broken", &names), "{{ var.x }} {{ broken");
        assert_eq!(fill("started {{ run.started }}", &names), "started 2026-11-22T08:42:16Z");
        for name in NAMES {
            assert!(!fill(&format!("{{{{ {name} }}}}"), &names).contains("{{"), "{name} is not filled");
        }
    }
}
