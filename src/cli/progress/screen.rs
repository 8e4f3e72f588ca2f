//! The screen at a terminal: the lines of the log go up, below them stands what is going on now, with running clocks.
//!
//! A thread of its own draws it anew a few times a second, so that a clock goes on when nothing happens. While a person
//! is asked, nothing is drawn: the question and what they type stay readable.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::record::Entry;
use crate::report::live::Live;
use crate::time::{Clock, Moment};

/// Between two drawings.
const EVERY: Duration = Duration::from_millis(250);

/// What is drawn, and when it was last known to be so.
struct Shown {
    live: Live,
    /// The run's time at the newest event, and the terminal's own time then.
    known: (Moment, Moment),
}

/// A screen; dropping it takes it off the terminal.
pub(in crate::cli) struct Screen {
    shown: Arc<Mutex<Shown>>,
    clock: Clock,
    bar: ProgressBar,
    drawer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Screen {
    pub(super) fn new(live: Live) -> Self {
        let shown = Arc::new(Mutex::new(Shown { live, known: (Moment::ZERO, Moment::ZERO) }));
        let clock = Clock::real();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let drawer = Self::drawer(&shown, &clock, &bar);
        Self { shown, clock, bar, drawer }
    }

    /// Starts the thread that draws. Without it, the screen changes with events only.
    fn drawer(shown: &Arc<Mutex<Shown>>, clock: &Clock, bar: &ProgressBar) -> Option<(Sender<()>, JoinHandle<()>)> {
        let (end, ended) = channel();
        let (shown, clock, bar) = (Arc::clone(shown), clock.clone(), bar.clone());
        let draw_until_ended = move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                draw(&shown.lock().unwrap_or_else(PoisonError::into_inner), &clock, &bar);
            }
        };
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(draw_until_ended).ok()?;
        Some((end, thread))
    }

    pub(super) fn event(&mut self, entry: &Entry) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.known = (entry.elapsed, self.clock.now());
        for line in shown.live.event(entry.elapsed, entry.at, &entry.event) {
            self.bar.println(line);
        }
        draw(&shown, &self.clock, &self.bar);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.drawer.take() {
            drop(end);
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn draw(shown: &Shown, clock: &Clock, bar: &ProgressBar) {
    let (of_run, of_terminal) = shown.known;
    let now = of_run + clock.now().since(of_terminal);
    let text = if shown.live.asks() { String::new() } else { shown.live.screen(now, width()).join("\n") };
    bar.set_message(text);
    bar.tick();
}

/// The columns of the terminal; 80 where it does not say.
fn width() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| if size.ws_col == 0 { 80 } else { size.ws_col })
}
