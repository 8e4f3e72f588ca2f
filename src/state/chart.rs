//! The tables of steps and courses as a document: diagrams in Mermaid, which code hosts draw, and a row a transition.
//!
//! `docs/states.md` is this and nothing else, and a test holds it to that. After a change of a table:
//! `cargo run --example states > docs/states.md`.

use std::fmt::Write as _;

use super::course;
use super::step::{self, Attempt, Cause, Kind};
use crate::model::Course;

/// The text of `docs/states.md`.
#[must_use]
pub fn document() -> String {
    let steps: Vec<Edge> = step::TABLE.iter().map(Edge::of_step).collect();
    let courses: Vec<Edge> = course::TABLE.iter().map(Edge::of_course).collect();
    let mut text = String::from(
        "# The states of a run\n\n\
         Made from the tables in `src/state/step.rs` and `src/state/course.rs` by `cargo run --example states > \
         docs/states.md`;\na test holds them together. What is no row is refused: by the engine, and by whoever reads \
         a journal back.\n\n\
         ## A step\n\n",
    );
    let last = Kind::ALL.into_iter().filter(|kind| may_be_last(*kind)).map(|kind| format!("{kind:?}"));
    diagram(&mut text, &format!("{:?}", Kind::Waiting), &steps, last);
    text.push_str(
        "\nA step may be left in each state from which an arrow leads to the end: what passed is taken back only if \
         the run\nis undone.\n\n| from | when | to | why |\n|---|---|---|---|\n",
    );
    for edge in &steps {
        let _ = writeln!(text, "| {} | {} | {} | {} |", edge.from, edge.label, edge.to, edge.why);
    }
    text.push_str("\n## The course of a run\n\n");
    let end = std::iter::once(format!("{:?}", Course::CleaningUp));
    diagram(&mut text, &format!("{:?}", Course::Forward), &courses, end);
    text.push_str(
        "\nA run turns only when nothing acts and nothing waits for its next attempt; a pause lets what acts go on.\n\n\
         | from | to | when |\n|---|---|---|\n",
    );
    for edge in &courses {
        let _ = writeln!(text, "| {} | {} | {} |", edge.from, edge.to, edge.why);
    }
    text
}

/// A transition, in words.
struct Edge {
    from: String,
    to: String,
    /// What stands at the arrow, if anything.
    label: String,
    why: &'static str,
}

impl Edge {
    fn of_step(row: &step::Row) -> Self {
        let what = match row.on {
            Cause::Started => "started",
            Cause::Passed => "passed",
            Cause::FailedForNow => "failed for now",
            Cause::Failed => "failed",
            Cause::Skipped => "left out",
            Cause::DoneByHand => "done by hand",
            Cause::UndoStarted => "undo started",
            Cause::UndoneWhole => "undone",
            Cause::UndoneInPart => "undone in part",
        };
        let which = match row.attempt {
            Attempt::First => ", attempt 1",
            Attempt::Next => ", next attempt",
            Attempt::Same | Attempt::None => "",
        };
        let (from, to) = (format!("{:?}", row.from), format!("{:?}", row.to));
        Self { from, to, label: format!("{what}{which}"), why: row.why }
    }

    fn of_course(row: &course::Row) -> Self {
        let (from, to) = (format!("{:?}", row.from), format!("{:?}", row.to));
        Self { from, to, label: String::new(), why: row.why }
    }
}

/// Whether a run may end with a step in this state.
fn may_be_last(kind: Kind) -> bool {
    !matches!(kind, Kind::Waiting | Kind::Running | Kind::Resting | Kind::Undoing)
}

fn diagram(text: &mut String, first: &str, edges: &[Edge], last: impl Iterator<Item = String>) {
    text.push_str("```mermaid\nstateDiagram-v2\n");
    let _ = writeln!(text, "    [*] --> {first}");
    for Edge { from, to, label, .. } in edges {
        let colon = if label.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "    {from} --> {to}{colon}{label}");
    }
    for state in last {
        let _ = writeln!(text, "    {state} --> [*]");
    }
    text.push_str("```\n");
}

#[cfg(test)]
mod tests {
    /// After a change of a table: `cargo run --example states > docs/states.md`.
    #[test]
    fn the_document_shows_the_tables_as_they_are() {
        let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md")).unwrap();
        assert_eq!(kept, super::document(), "rewrite it: cargo run --example states > docs/states.md");
    }
}
