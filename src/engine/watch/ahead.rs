//! The fast pace, for virtual time: one task carries all samples and rows, each on a branch of the clock, in one order
//! of time, and computes ahead for as long as nothing else is due.
//!
//! A small simulation inside the simulation. What is under way stands at the instant that it waits for; the earliest
//! goes on, with a horizon at the next of the others, so the world is asked in the order of time, as by
//! [`super::plain`]. Up to the run's next timer (which the clock tells when all else is blocked) nobody can see the
//! difference; results that somebody waits for are handed in when the run's clock is there. Results must be those of
//! the plain pace, byte for byte; a test compares journals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};

use super::desk::Desk;
use super::shared::{Done, Shared, Work, begin};
use crate::time::{Class, Clock, Moment, Span};

/// Runs for as long as the watch lasts.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut agenda = Agenda::new(&shared);
    loop {
        // The horizon is known only when all that the last instant led to is done.
        let idle = shared.clock.idle().await;
        agenda.advance(&shared, idle.next.unwrap_or(Moment::MAX));
        shared.clock.sleep_until_as(agenda.next(&shared), Class::Probe).await;
        agenda.advance(&shared, shared.clock.now());
    }
}

/// What comes next: by when, ticks first (as the deadlines of [`Clock::timeout`] are last on the plain clock), then in
/// the order of having been entered.
type Entry = Reverse<(Moment, bool, u64, Item)>;

/// What can come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// A tick of a line.
    Tick { line: usize, tick: u64 },
    /// What is under way in a slot goes on.
    Resume { slot: usize },
    /// What is done in a slot is handed in, on time.
    HandIn { slot: usize },
}

/// All that is under way.
struct Agenda {
    entries: BinaryHeap<Entry>,
    entered: u64,
    slots: Vec<Slot>,
    free: Vec<usize>,
}

/// What is under way.
type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Something that is under way, or done and not handed in.
enum Slot {
    Free,
    Running { clock: Clock, future: Running },
    Done(Done),
}

impl Agenda {
    fn new(shared: &Shared) -> Self {
        let mut agenda = Self { entries: BinaryHeap::new(), entered: 0, slots: Vec::new(), free: Vec::new() };
        let now = shared.clock.now();
        for (line, ticks) in shared.ticks.iter().enumerate() {
            let tick = ticks.after(now);
            agenda.enter(ticks.at(tick), Item::Tick { line, tick });
        }
        agenda
    }

    fn enter(&mut self, at: Moment, item: Item) {
        self.entered += 1;
        self.entries.push(Reverse((at, !matches!(item, Item::Tick { .. }), self.entered, item)));
    }

    /// When something is to be done.
    fn next(&self, shared: &Shared) -> Moment {
        let due = shared.desk().next_due();
        self.entries.peek().map_or(due, |Reverse((at, ..))| due.min(*at))
    }

    /// Does all that is to be done up to now, and ahead of it all that nobody waits for, up to `horizon`.
    fn advance(&mut self, shared: &Arc<Shared>, horizon: Moment) {
        let now = shared.clock.now();
        shared.at_desk(|desk| {
            loop {
                let due = desk.next_due();
                // Summaries are due where nothing is probed, too.
                let next = self.entries.peek().copied().filter(|Reverse((at, ..))| *at <= due);
                let Some(Reverse((at, _, _, item))) = next else {
                    if due > now {
                        break;
                    }
                    desk.due(now);
                    continue;
                };
                let on_time = matches!(item, Item::HandIn { .. });
                if at > now && (on_time || at >= horizon) {
                    break;
                }
                self.entries.pop();
                self.perform(shared, desk, (at, item), horizon.min(due));
            }
        });
    }

    fn perform(&mut self, shared: &Arc<Shared>, desk: &mut Desk, (at, item): (Moment, Item), horizon: Moment) {
        match item {
            Item::Tick { line, tick } => {
                let ticks = shared.ticks[line];
                self.enter(ticks.at(tick + 1), Item::Tick { line, tick: tick + 1 });
                match begin(shared, desk, line, tick, at) {
                    [Some(one), None] | [None, Some(one)] => {
                        let started = start(shared, line, one, at);
                        let slot = self.slot();
                        self.go_on(desk, slot, started, at, horizon);
                    }
                    // The first must not run ahead of the second.
                    several => {
                        for work in several.into_iter().flatten() {
                            let (clock, future) = start(shared, line, work, at);
                            let slot = self.slot();
                            self.slots[slot] = Slot::Running { clock, future };
                            self.enter(at, Item::Resume { slot });
                        }
                    }
                }
            }
            Item::Resume { slot } => {
                if let Slot::Running { clock, future } = std::mem::replace(&mut self.slots[slot], Slot::Free) {
                    self.go_on(desk, slot, (clock, future), at, horizon);
                }
            }
            Item::HandIn { slot } => {
                if let Slot::Done(done) = std::mem::replace(&mut self.slots[slot], Slot::Free) {
                    self.free.push(slot);
                    done.hand_in(desk);
                }
            }
        }
    }

    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() - 1
        })
    }

    /// Lets what is under way in `slot` go on from `at`, up to the next thing of all.
    fn go_on(
        &mut self,
        desk: &mut Desk,
        slot: usize,
        (clock, mut future): (Clock, Running),
        at: Moment,
        horizon: Moment,
    ) {
        let next = self.entries.peek().map_or(Moment::MAX, |Reverse((at, ..))| *at);
        clock.extend(horizon.min(next).max(at + Span(1)));
        match future.as_mut().poll(&mut Polling::from_waker(Waker::noop())) {
            Poll::Ready(done) if done.is_quiet(desk) => {
                done.hand_in(desk);
                self.free.push(slot);
            }
            Poll::Ready(done) => {
                self.enter(done.at(), Item::HandIn { slot });
                self.slots[slot] = Slot::Done(done);
            }
            Poll::Pending => {
                // Everything under way has a deadline, so it waits for something.
                self.enter(clock.awaited().unwrap_or(Moment::MAX), Item::Resume { slot });
                self.slots[slot] = Slot::Running { clock, future };
            }
        }
    }
}

/// Begins `work` at `at`, on a branch of the clock; it does nothing before it is polled.
fn start(shared: &Arc<Shared>, line: usize, work: Work, at: Moment) -> (Clock, Running) {
    let clock = shared.clock.branch(at, at + Span(1));
    let cx = shared.context_of(line, clock.clone());
    let own = Arc::clone(shared);
    (clock, Box::pin(async move { work.perform(&own, &cx).await }))
}
