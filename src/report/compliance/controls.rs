//! Each control that the playbook names: what this run shows of it, what it does not, and what no drill can.

use super::{CLAIM, listed, stamp, text};
use crate::record::Record;
use crate::record::showing::{ControlFinding, Holds, Shown, Support, controls};
use crate::report::rehearsal::{Block, Chapter};
use crate::report::view::{Mark, Tone};

/// Its chapter.
pub(super) fn chapter_of(record: &Record) -> Vec<Block> {
    let found = controls(record);
    if found.is_empty() {
        return vec![Block::Text("The playbook names no control.".to_owned())];
    }
    let mut blocks = vec![Block::Text(CLAIM.to_owned())];
    for finding in &found {
        one(record, finding, &mut blocks);
    }
    blocks
}

/// As a chapter.
pub(super) fn chapter(record: &Record) -> Chapter {
    super::chapter("Controls", chapter_of(record))
}

/// How far the run is evidence, in words.
pub(in crate::report) fn support(support: Support) -> Mark {
    match support {
        Support::Evidence => Mark::new(Tone::Good, "evidence supporting this control"),
        Support::InPart => Mark::new(Tone::Doubt, "evidence supporting a part of this control"),
        Support::Nothing => Mark::new(Tone::Quiet, "no evidence supporting this control"),
        Support::Simulated => Mark::new(Tone::Quiet, "simulated: no evidence of the real systems"),
    }
}

fn one(record: &Record, finding: &ControlFinding<'_>, blocks: &mut Vec<Block>) {
    let control = finding.control;
    blocks.push(Block::Heading(text(format!("{} ({}): {}", control.id, control.standard, control.title))));
    let what = match (&control.from, stamp(record)) {
        (_, Some(_)) => "Whatever is listed as shown was shown of a simulation.".to_owned(),
        (Some(path), None) => format!("As the catalogue {path} has it."),
        (None, None) => String::new(),
    };
    blocks.push(Block::Marked(support(finding.support), text(what)));
    blocks.push(Block::Text(text(format!("Asked for: {}", control.asks))));
    blocks.push(Block::Text(text(format!("A drill can show: {}", control.can))));
    let shown = if finding.support == Support::Simulated { "Shown of the simulation" } else { "What this run shows" };
    blocks.push(Block::Text(format!("{shown}:")));
    blocks.push(listed(&told(&finding.shown), "Nothing of what this control rests on."));
    blocks.push(Block::Text("What it does not show:".to_owned()));
    let mut not = told(&finding.not_shown);
    not.push(text(format!("By any drill: {}", control.cannot)));
    blocks.push(listed(&not, ""));
}

fn told(facts: &[Shown]) -> Vec<String> {
    let one = |fact: &Shown| match fact.holds {
        Holds::Shown | Holds::NotShown => text(format!("Whether {}: {}", fact.showing, fact.text)),
        Holds::Contrary => text(format!("Whether {}: the contrary was seen: {}", fact.showing, fact.text)),
    };
    facts.iter().map(one).collect()
}
