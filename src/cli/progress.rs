//! Shows a run's progress on standard error: a screen at a terminal, plain lines elsewhere, events as JSON.

use std::io::{IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output::Output;
use crate::engine::Observer;
use crate::model::Plan;
use crate::record::Entry;
use crate::report::live::Live;
use crate::time::Moment;

/// How progress is shown.
enum Manner {
    /// A line for each notable event, and below them the clocks of running steps and the lights of services.
    Screen(Screen),
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
            (false, false) => Screen::of(plan).map_or(Manner::Lines, Manner::Screen),
        };
        Some(Self { live: Live::new(plan), manner })
    }
}

impl Observer for Progress {
    fn event(&mut self, entry: &Entry) {
        if matches!(self.manner, Manner::Events) {
            let line = serde_json::json!({
                "seq": entry.seq, "at": entry.at, "elapsed_ns": entry.elapsed, "event": entry.event,
            });
            // Nobody reading any more must not end a drill.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
            return;
        }
        let lines = self.live.event(entry.elapsed, entry.at, &entry.event);
        match &mut self.manner {
            Manner::Screen(screen) => {
                screen.say(lines);
                // While a person is asked the terminal is theirs: the question and what they type stay readable.
                if self.live.asks() {
                    screen.draw(Vec::new());
                }
            }
            Manner::Lines | Manner::Events => {
                let mut err = std::io::stderr().lock();
                for line in lines {
                    let _ = writeln!(err, "{line}");
                }
            }
        }
    }

    fn wants_ticks(&self) -> bool {
        matches!(self.manner, Manner::Screen(_))
    }

    fn tick(&mut self, now: Moment) {
        if let Manner::Screen(screen) = &mut self.manner {
            if self.live.asks() {
                screen.print();
                return;
            }
            let width = rustix::termios::tcgetwinsize(std::io::stderr())
                .map_or(80, |size| if size.ws_col == 0 { 80 } else { size.ws_col.max(40) });
            screen.draw(self.live.screen(now, width));
        }
    }
}

/// The lines at the bottom of a terminal that are drawn anew.
struct Screen {
    lines: MultiProgress,
    drawn: Vec<ProgressBar>,
    /// Lines that wait for the next drawing: at a thousand steps a second printing each by itself would cost the run time.
    waiting: Vec<String>,
}

/// So many lines are printed at once, without waiting for the next drawing.
const WAITING_MAX: usize = 200;

impl Screen {
    /// `None` where none can be drawn, and for a simulation, which is over before a screen could be read.
    fn of(plan: &Plan) -> Option<Self> {
        if plan.simulated() || !std::io::stderr().is_terminal() {
            return None;
        }
        let lines = MultiProgress::new();
        // A terminal that can't move its cursor (`TERM=dumb`, or none said) would show nothing at all.
        (!lines.is_hidden()).then(|| Self { lines, drawn: Vec::new(), waiting: Vec::new() })
    }

    /// Has lines printed, soon, above those that are drawn anew.
    fn say(&mut self, lines: Vec<String>) {
        self.waiting.extend(lines);
        if self.waiting.len() >= WAITING_MAX {
            self.print();
        }
    }

    /// Prints what waits.
    fn print(&mut self) {
        if !self.waiting.is_empty() {
            let _ = self.lines.println(self.waiting.join("\n"));
            self.waiting.clear();
        }
    }

    fn draw(&mut self, lines: Vec<String>) {
        self.print();
        while self.drawn.len() > lines.len() {
            if let Some(line) = self.drawn.pop() {
                line.finish_and_clear();
                self.lines.remove(&line);
            }
        }
        while self.drawn.len() < lines.len() {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            self.drawn.push(self.lines.add(ProgressBar::new_spinner().with_style(style)));
        }
        for (line, text) in self.drawn.iter().zip(lines) {
            line.set_message(text);
            line.tick();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.print();
        for line in &self.drawn {
            line.finish_and_clear();
        }
    }
}
