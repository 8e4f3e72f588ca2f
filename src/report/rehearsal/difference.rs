//! What differs from another revision, in words.

use super::{Block, Case, Cell, Chapter, Column, Table};
use crate::rehearsal::difference::{Difference, Wrong};
use crate::report::view::{Mark, Tone, count, line};

/// What a change of the playbook changes.
pub(super) fn chapter(difference: &Difference) -> Chapter {
    let commit: String = difference.commit.chars().take(12).collect();
    let mut blocks = vec![Block::Text(line(format!(
        "Compared with {} ({commit}), with the same chances: {} changed, {} the same.",
        difference.revision,
        count(difference.changed.len() as u64, "figure"),
        difference.same
    )))];
    if !difference.changed.is_empty() {
        let head = ["Figure", "There", "Here"].map(|name| (name.to_owned(), Column::Words));
        let value = |text: &Option<String>| line(text.as_deref().unwrap_or("–"));
        let row = |it: &crate::rehearsal::difference::Changed| {
            [line(&it.name), value(&it.before), value(&it.after)].map(Cell::Text).into()
        };
        let rows = difference.changed.iter().map(row).collect();
        blocks.push(Block::Table(Table { head: head.into(), rows }));
    }
    let mut list = |title: &str, mark: Mark, all: &[Wrong]| {
        if !all.is_empty() {
            blocks.push(Block::Marked(mark, title.to_owned()));
            blocks.push(Block::List(all.iter().map(told).collect()));
        }
    };
    list("What is wrong here and was not there", Mark::new(Tone::Bad, "new"), &difference.new);
    list("What was wrong there and is not here", Mark::new(Tone::Good, "gone"), &difference.gone);
    let case = |it: &Wrong| Case { name: line(&it.name), failure: Some(format!("new: {}", told(it))) };
    let title = line(format!("Since {}", difference.revision));
    Chapter { title, blocks, cases: difference.new.iter().map(case).collect() }
}

fn told(wrong: &Wrong) -> String {
    if wrong.because.is_empty() { line(&wrong.name) } else { line(format!("{}: {}", wrong.name, wrong.because)) }
}
