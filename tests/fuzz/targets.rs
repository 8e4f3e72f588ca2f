//! What is done with a text that nobody has checked: all that Muster does with it before it acts. Nothing of it may
//! panic, whatever the text is. The fuzzer and the test that replays the corpus both call these, by the target's name.

use muster::diagnostic::{Color, render_text};
use muster::event::Event;
use muster::id::RunId;
use muster::journal::{self, Chain, Stamp};
use muster::plan::{Checked, LoadInput, Reality, load};
use muster::record::{Entry, Heads, Record};
use muster::report::{Format, Style, render};
use muster::state::course::next;
use muster::state::{Graph, RunState};
use muster::time::Moment;

const PLAYBOOK: &[u8] = include_bytes!("../../playbooks/quarterly-failover.yaml");
const INFRASTRUCTURE: &[u8] = include_bytes!("../../playbooks/infra/simulated.yaml");

/// The most diagnostics that are drawn.
const DRAWN: usize = 100;

/// A playbook, on an infrastructure file that is right.
pub(crate) fn playbook(bytes: &[u8]) {
    check(bytes, &|_| Ok(INFRASTRUCTURE.to_vec()));
}

/// An infrastructure file, for a playbook that is right.
pub(crate) fn infrastructure(bytes: &[u8]) {
    check(PLAYBOOK, &|_| Ok(bytes.to_vec()));
}

fn check(playbook: &[u8], read: &dyn Fn(&str) -> Result<Vec<u8>, String>) {
    for reality in [Reality::AsBound, Reality::Twin] {
        let loaded = load(&LoadInput {
            playbook_path: "playbooks/fuzzed.yaml",
            playbook,
            infrastructure_path: None,
            mode: None,
            vars: &[],
            reality,
            checked: Checked::InEveryMode,
            read,
            calibration: &muster::plan::uncalibrated,
        });
        let drawn = render_text(&loaded.diagnostics, &loaded.sources, Color::Never, DRAWN);
        assert!(loaded.diagnostics.is_empty() || !drawn.is_empty(), "a problem is not told");
        assert!(loaded.plan.is_some() || !loaded.diagnostics.is_empty(), "it is refused without a word");
        if let Some(plan) = loaded.plan {
            plan.check().expect("a plan that was made is one that can be read back");
        }
    }
}

/// A journal: as it is, and with the chain made whole, so that what is behind the chain is reached too.
pub(crate) fn journal(bytes: &[u8]) {
    let _ = journal::reader::verify(bytes);
    replay(bytes);
    replay(&chained(bytes));
}

/// The events of the text's lines in a chain that is whole. A line that is no record is left out.
fn chained(bytes: &[u8]) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(default)]
        at: jiff::Timestamp,
        #[serde(default)]
        elapsed_ns: u64,
        event: Box<serde_json::value::RawValue>,
    }
    let Ok(run) = RunId::new("20260101-000000-fuzzed") else { return Vec::new() };
    let (mut chain, mut out) = (Chain::new(run), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(Line { at, elapsed_ns, event }) = serde_json::from_slice(line) {
            let _ = chain.append(&mut out, Stamp { at, elapsed_ns }, &event);
        }
    }
    out
}

/// What reports, `muster show` and `muster resume` do with a journal.
fn replay(bytes: &[u8]) {
    let mut lines = journal::reader::read(bytes);
    let mut entries = Vec::new();
    for line in lines.by_ref() {
        let Ok(line) = line else { break };
        let Ok(event) = line.event::<Event>() else { break };
        entries.push(Entry { seq: line.seq, at: line.at, elapsed: Moment(line.elapsed_ns), event });
    }
    let Some(run) = lines.run().cloned() else { return };
    let heads = Heads { last: lines.head().to_string(), finished: None };
    if let Some(Entry { event: Event::Started(started), .. }) = entries.first()
        && started.plan.check().is_ok()
    {
        let (plan, graph) = (&started.plan, Graph::new(&started.plan));
        let mut state = RunState::new(plan);
        for entry in &entries {
            if state.apply(plan, &graph, &entry.event).is_err() {
                break;
            }
            let _ = next(plan, &graph, &state);
        }
    }
    if let Ok(record) = Record::from_events(run, entries, heads) {
        for format in Format::ALL {
            let _ = render(&record, format, &Style::default());
        }
    }
}
