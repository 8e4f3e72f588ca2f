//! Every fault in words: bad ends first, each with its command and its time line, then how everything else ended.

use super::{Block, Case, Cell, Chapter, Column, Table};
use crate::rehearsal::exploration::{Bad, End, Exploration, Tried};
use crate::report::timeline;
use crate::report::view::{Mark, Tone, count, line};

/// Cases that are named of one cause; the rest is counted.
const NAMED: usize = 12;

/// Accepted causes that are shown, the smallest cases first; what is not accepted is shown whole.
const ACCEPTED_MAX: usize = 40;

pub(super) fn chapter(found: &Exploration) -> Chapter {
    let mut blocks = vec![summary(found)];
    blocks.extend(found.left_out.iter().map(|(mode, why)| {
        Block::Marked(
            Mark::new(Tone::Doubt, "not explored"),
            line(format!("in {mode} mode the playbook is not valid: {why}")),
        )
    }));
    let (unaccepted, accepted): (Vec<&Bad>, Vec<&Bad>) = found.bad.iter().partition(|bad| bad.accepted.is_none());
    for bad in unaccepted {
        blocks.extend(bad_end(bad, Tone::Bad));
    }
    if !accepted.is_empty() {
        blocks.push(Block::Heading("Bad ends that the playbook accepts".to_owned()));
        let more = accepted.len().saturating_sub(ACCEPTED_MAX) as u64;
        for bad in accepted.into_iter().take(ACCEPTED_MAX) {
            blocks.extend(bad_end(bad, Tone::Doubt));
        }
        if more > 0 {
            blocks.push(Block::Text(format!("And {}, all of them in the JSON document.", count(more, "more cause"))));
        }
    }
    blocks.extend(found.idle.iter().map(|accepted| {
        let text = format!(
            "the playbook accepts {} when {}, and nothing that was played ended so",
            accepted.end,
            accepted.when.join(", ")
        );
        Block::Marked(Mark::new(Tone::Doubt, "idle"), line(text))
    }));
    blocks.push(Block::Heading("How every fault ended".to_owned()));
    blocks.push(Block::Table(ends(found)));
    Chapter { title: "Every fault".to_owned(), blocks, cases: cases(found) }
}

fn summary(found: &Exploration) -> Block {
    let (open, all) = (found.unaccepted().count() as u64, found.bad.len() as u64);
    let modes: Vec<String> = found.modes.iter().map(ToString::to_string).collect();
    let played = format!(
        "{} and {} were played, {}",
        count(found.singles.len() as u64, "single fault"),
        count(found.pairs, "pair"),
        modes.join(" and ")
    );
    let (mark, said) = match (open, all - open) {
        (0, 0) => (Mark::new(Tone::Good, "no bad end"), String::new()),
        (0, accepted) => (
            Mark::new(Tone::Good, "no bad end that is not accepted"),
            format!("; {} accepted by the playbook", count(accepted, "cause")),
        ),
        (open, accepted) => {
            let more = if accepted > 0 { format!("; {accepted} more accepted by the playbook") } else { String::new() };
            (
                Mark::new(Tone::Bad, "bad ends"),
                format!(": {} that the playbook does not accept{more}", count(open, "cause")),
            )
        }
    };
    Block::Marked(mark, line(format!("{played}{said}")))
}

fn bad_end(bad: &Bad, tone: Tone) -> Vec<Block> {
    let first = &bad.first;
    let mut blocks = vec![
        Block::Heading(line(format!("{}: {}", bad.end.words(), first.case))),
        Block::Marked(Mark::new(tone, bad.end.words()), line(first.why.first().map_or("", String::as_str))),
    ];
    if let Some(because) = &bad.accepted {
        blocks.push(Block::Text(line(format!("Accepted because: {because}"))));
    }
    if first.why.len() > 1 {
        blocks.push(Block::List(first.why[1..].iter().map(line).collect()));
    }
    blocks.push(Block::Text(ran(first)));
    if !bad.others.is_empty() {
        let mut named: Vec<String> = bad.others.iter().take(NAMED).map(ToString::to_string).collect();
        if bad.others.len() > NAMED {
            named.push(format!("{} more", bad.others.len() - NAMED));
        }
        blocks.push(Block::Text(line(format!("The same with: {}", named.join("; ")))));
    }
    if bad.pairs > 0 {
        blocks.push(Block::Text(format!("{} ended so because of one of these alone.", count(bad.pairs, "pair"))));
    }
    blocks.push(Block::Code(bad.command.clone()));
    if let Some(record) = &bad.record {
        blocks.push(Block::Drawing { text: timeline::draw_text(record), svg: timeline::draw(record) });
    }
    blocks
}

/// What the run itself says.
fn ran(tried: &Tried) -> String {
    match (tried.verdict, tried.world) {
        (Some(verdict), Some(world)) => {
            format!("The run ends {verdict}, world {world}, with exit code {}.", u8::from(tried.exit))
        }
        _ => "The run does not end.".to_owned(),
    }
}

fn ends(found: &Exploration) -> Table {
    let head = [("End", Column::Words), ("Single faults", Column::Numbers), ("Pairs", Column::Numbers)];
    let row = |end: End| {
        let (singles, pairs) = (found.count(end), found.pair_ends.get(&end).copied().unwrap_or(0));
        let tone = match end {
            End::HeldWithUsersServed => Tone::Doubt,
            End::NotMet => Tone::Quiet,
            _ if end.is_bad() && singles + pairs > 0 => Tone::Bad,
            _ => Tone::Good,
        };
        let mark = Cell::Mark(Mark::new(tone, end.words()));
        let counts = [singles, pairs].map(|count| Cell::Text(count.to_string()));
        (singles + pairs > 0 || end.is_bad()).then(|| std::iter::once(mark).chain(counts).collect())
    };
    Table {
        head: head.map(|(name, column)| (name.to_owned(), column)).into(),
        rows: End::ALL.into_iter().filter(|end| *end != End::Defect || found.count(*end) > 0).filter_map(row).collect(),
    }
}

/// A test a single fault, and one a pair that needs both of its faults to end badly.
fn cases(found: &Exploration) -> Vec<Case> {
    let open: Vec<&Bad> = found.unaccepted().collect();
    let failure = |tried: &Tried| {
        let of = |bad: &&&Bad| bad.first.case == tried.case || bad.others.contains(&tried.case);
        open.iter().find(of).map(|bad| {
            let why = tried.why.join("; ");
            format!("{}: {why}. See one like it: {}", tried.end.words(), bad.command)
        })
    };
    let mut all: Vec<Case> =
        found.singles.iter().map(|tried| Case { name: tried.case.to_string(), failure: failure(tried) }).collect();
    let pairs = open.iter().filter(|bad| bad.first.case.faults.len() > 1);
    all.extend(pairs.flat_map(|bad| {
        let cases = std::iter::once(&bad.first.case).chain(&bad.others);
        cases.map(|case| {
            let failure = format!("{}. See one like it: {}", bad.end.words(), bad.command);
            Case { name: case.to_string(), failure: Some(failure) }
        })
    }));
    all
}
