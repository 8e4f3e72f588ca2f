//! Shows a run's progress on standard error: a screen at a terminal, plain lines elsewhere, events as JSON.

mod screen;

use std::io::{IsTerminal, Write};

use super::output::Output;
use crate::engine::Observer;
use crate::model::Plan;
use crate::record::Entry;
use crate::report::live::Live;
use screen::Screen;

/// Shows progress.
pub(super) enum Progress {
    /// A line for each notable event, on standard error.
    Lines(Box<Live>),
    /// The same lines, and below them what is going on now.
    Screen(Screen),
    /// Each event as JSON, on standard output.
    Events,
}

impl Progress {
    /// `None` if nothing is to be shown.
    pub(super) fn new(plan: &Plan, output: &Output) -> Option<Self> {
        match (output.json(), output.quiet) {
            (true, _) => Some(Self::Events),
            (false, true) => None,
            // A simulation is over before anybody could look at a screen.
            (false, false) if std::io::stderr().is_terminal() && !plan.simulated() => {
                Some(Self::Screen(Screen::new(Live::new(plan))))
            }
            (false, false) => Some(Self::Lines(Box::new(Live::new(plan)))),
        }
    }
}

impl Observer for Progress {
    // Nobody reading any more must not end a drill, so that what can't be written is dropped.
    fn event(&mut self, entry: &Entry) {
        match self {
            Self::Events => {
                let line = serde_json::json!({
                    "seq": entry.seq, "at": entry.at, "elapsed_ns": entry.elapsed, "event": entry.event,
                });
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            Self::Lines(live) => {
                let lines = live.event(entry.elapsed, entry.at, &entry.event);
                let mut err = std::io::stderr().lock();
                for line in lines {
                    let _ = writeln!(err, "{line}");
                }
            }
            Self::Screen(screen) => screen.event(entry),
        }
    }
}
