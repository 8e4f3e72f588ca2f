//! The proof of the checks, in words.

use super::{Block, Case, Cell, Chapter, Column, Table};
use crate::rehearsal::proof::{Outcome, Proof, Proven};
use crate::report::view::{Mark, Tone, count, line};

/// What was found of the checks.
pub(super) fn chapter(proof: &Proof) -> Chapter {
    let (all, red) = (proof.checks.len() as u64, proof.red() as u64);
    let modes: Vec<&str> = proof.modes.iter().map(|mode| mode.key()).collect();
    let mut blocks = Vec::new();
    let told = format!("{red} of {} were seen red, each because of what it is there to see", count(all, "check"));
    let mark = if red == all { Mark::new(Tone::Good, "proven") } else { Mark::new(Tone::Bad, "unproven") };
    blocks.push(Block::Marked(mark, format!("{told}, and green without it.")));
    blocks.push(Block::Text(format!("{}; modes: {}.", count(proof.rehearsals, "rehearsal"), modes.join(", "))));
    for (mode, why) in &proof.left_out {
        blocks.push(Block::Text(line(format!("Not rehearsed {mode}: {why}"))));
    }
    let never: Vec<String> = proof
        .unproven()
        .map(|(check, because)| match &check.put_in {
            Some(put_in) => format!("{}: put in: {put_in}; {because}", check.name),
            None => format!("{}: {because}", check.name),
        })
        .map(line)
        .collect();
    if !never.is_empty() {
        blocks.push(Block::Heading("Never seen red: these prove nothing".to_owned()));
        blocks.push(Block::List(never));
    }
    if red > 0 {
        blocks.push(Block::Heading("Seen red".to_owned()));
        blocks.push(Block::Table(table(proof)));
    }
    Chapter { title: "Proof of the checks".to_owned(), blocks, cases: proof.checks.iter().map(case).collect() }
}

fn table(proof: &Proof) -> Table {
    let head = ["Check", "Put in", "It said", "Green with"].map(|name| (name.to_owned(), Column::Words));
    let rows = proof.checks.iter().filter_map(|check| {
        let Outcome::Red { saw, green_with } = &check.outcome else { return None };
        let put_in = check.put_in.as_deref().unwrap_or("–");
        let green = green_with.as_deref().unwrap_or("nothing wrong");
        Some([check.name.as_str(), put_in, saw, green].map(|text| Cell::Text(line(text))).into())
    });
    Table { head: head.into(), rows: rows.collect() }
}

fn case(check: &Proven) -> Case {
    let failure = match &check.outcome {
        Outcome::Red { .. } => None,
        Outcome::Never { because } => Some(format!("never seen red: {because}")),
    };
    Case { name: line(&check.name), failure: failure.map(line) }
}
