//! What people made of it afterwards: corrective actions, lessons, changes of the plan, sign-off; and what pins the report.

use super::{Record, chapter, facts, list, stated, table, text, wall, word};
use crate::record::{ActionRecord, Noted};
use crate::report::rehearsal::{Block, Cell, Chapter};
use crate::report::view::{Mark, Tone, View};

/// How a corrective action begins that the record itself demands.
pub(super) const DERIVED: &str = "Corrective action: ";

/// Its chapters.
pub(super) fn chapters(record: &Record, view: &View) -> Vec<Chapter> {
    let review = &record.review;
    vec![
        chapter("Corrective actions", actions(record, view)),
        list("Lessons learned", &notes(&review.lessons), "None was written down."),
        list("Recommended changes of the plan", &notes(&review.plan_changes), "None was written down."),
        chapter("Review and sign-off", sign_off(record)),
    ]
}

fn notes(notes: &[Noted]) -> Vec<String> {
    notes.iter().map(|it| text(format!("{} ({}, {})", it.text, it.by, wall(it.at)))).collect()
}

fn actions(record: &Record, view: &View) -> Vec<Block> {
    let due = |due: Option<jiff::civil::Date>| stated(due.map(|due| due.to_string()).as_deref());
    let own = record.review.actions.iter().map(|it| {
        let name = format!("{}:{}", record.header.run, it.number);
        [
            Cell::Text(name),
            Cell::Text(text(&it.opened.text)),
            Cell::Text(stated(it.owner.as_deref())),
            Cell::Text(due(it.due)),
            state(it),
        ]
    });
    let carried = record.open_actions.iter().map(|it| {
        let open = Mark::new(Tone::Doubt, "open when this run began");
        let words = [it.id.to_string(), text(&it.text), stated(it.owner.as_deref()), due(it.due)].map(Cell::Text);
        let [name, what, owner, until] = words;
        [name, what, owner, until, Cell::Mark(open)]
    });
    let derived = view.warnings.iter().filter_map(|warning| warning.strip_prefix(DERIVED)).map(|what| {
        let nobody = Mark::new(Tone::Doubt, "follows from the run; nobody has taken it yet");
        [word("–"), Cell::Text(what.to_owned()), word("not stated"), word("not stated"), Cell::Mark(nobody)]
    });
    let rows: Vec<[Cell; 5]> = carried.chain(own).chain(derived).collect();
    if rows.is_empty() {
        return vec![Block::Text("None is open from earlier runs, and none was opened.".to_owned())];
    }
    vec![table(["Action", "What", "Owner", "Due", "State"], rows)]
}

fn state(action: &ActionRecord) -> Cell {
    Cell::Mark(match &action.closed {
        None => Mark::new(Tone::Doubt, "open"),
        Some(closed) => {
            let how = if closed.text.is_empty() { String::new() } else { format!(": {}", closed.text) };
            Mark::new(Tone::Good, text(format!("closed {} by {}{how}", wall(closed.at), closed.by)))
        }
    })
}

fn sign_off(record: &Record) -> Vec<Block> {
    let review = &record.review;
    if review.sign_offs.is_empty() {
        return vec![Block::Text("Nobody has signed this run off.".to_owned())];
    }
    let mut blocks = Vec::new();
    if review.signed_off().is_none() {
        let later = Mark::new(Tone::Doubt, "not signed off");
        blocks.push(Block::Marked(later, "something was added after the last sign-off".to_owned()));
    }
    let rows = review.sign_offs.iter().map(|it| {
        [
            Cell::Text(text(it.by.to_string())),
            Cell::Text(stated(it.role.as_deref())),
            Cell::Text(wall(it.at)),
            Cell::Text(it.remark.as_deref().map_or_else(|| "–".to_owned(), text)),
        ]
    });
    blocks.push(table(["Reviewer", "Role, as stated", "When", "Remark"], rows.collect()));
    blocks
}

/// What the report stands on.
pub(super) fn pins(record: &Record, view: &View) -> Chapter {
    let mut rows = vec![("Plan digest (SHA-256)", text(&record.header.digest))];
    rows.extend(view.heads.iter().map(|it| {
        let name =
            if it.name.starts_with("Head when") { "Journal head when the run finished" } else { "Journal head now" };
        (name, it.value.clone())
    }));
    rows.push(("Events in the journal", record.header.events.to_string()));
    chapter("What pins this report", vec![facts(rows)])
}
