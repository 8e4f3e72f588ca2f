//! Shows a run's progress on standard error: a screen at a terminal, plain lines elsewhere, events as JSON.

use std::io::Write;

use super::output::Output;
use crate::engine::Observer;
use crate::model::Plan;
use crate::record::Entry;
use crate::report::live::Live;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// A line for each notable event.
    Lines,
    /// Each event as JSON, on standard output.
    Events,
}

/// Shows progress.
pub(super) struct Progress {
    live: Live,
    manner: Manner,
}

impl Progress {
    /// `None` if nothing is to be shown.
    pub(super) fn new(plan: &Plan, output: &Output) -> Option<Self> {
        let manner = match (output.json(), output.quiet) {
            (true, _) => Manner::Events,
            (false, true) => return None,
            (false, false) => Manner::Lines,
        };
        Some(Self { live: Live::new(plan), manner })
    }
}

impl Observer for Progress {
    fn event(&mut self, entry: &Entry) {
        match self.manner {
            Manner::Events => {
                let line = serde_json::json!({
                    "seq": entry.seq, "at": entry.at, "elapsed_ns": entry.elapsed, "event": entry.event,
                });
                // Nobody reading any more must not end a drill.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            Manner::Lines => {
                let lines = self.live.event(entry.elapsed, entry.at, &entry.event);
                let mut err = std::io::stderr().lock();
                for line in lines {
                    let _ = writeln!(err, "{line}");
                }
            }
        }
    }
}
