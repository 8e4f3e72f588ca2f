//! The fast pace, for virtual time: one task carries all samples and rows, each on a branch of the clock, in one order
//! of time, and computes ahead for as long as nothing else is due.
//!
//! A small simulation inside the simulation. What is under way stands at the instant that it waits for; the earliest
//! goes on, with a horizon at the next of the others, so the world is asked in the order of time, as by
//! [`super::plain`]. Up to the run's next timer (which the clock tells when all else is blocked) nobody can see the
//! difference; results that somebody waits for are handed in when the run's clock is there. Where every line goes on as
//! it did, [`super::stride`] takes all of them over many ticks at once; what is left is entered one by one. Results must
//! be those of the plain pace, byte for byte; a test compares journals.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};

use super::desk::Desk;
use super::shared::{Done, Shared, Work, begin};
use super::stride::{Next, Strider, Unanswered};
use crate::time::{Class, Clock, Moment, Span, Ticks};

/// Runs for as long as the watch lasts.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut agenda = Agenda::new(&shared);
    loop {
        // The horizon is known only when all that the last instant led to is done.
        let idle = shared.clock.idle().await;
        match agenda.advance(&shared, idle.next.unwrap_or(Moment::MAX)) {
            Advanced::Seen => {}
            Advanced::Ahead => shared.clock.sleep_until_as(agenda.next(&shared), Class::Probe).await,
        }
    }
}

/// Something that comes next, beside ticks, and its place: by when, then in the order of having been entered. At the same
/// instant ticks come first, as the deadlines of [`Clock::timeout`] are last on the plain clock.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Moment,
    order: u64,
    item: Item,
}

/// How far something was advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advanced {
    /// As far as nobody can see it.
    Ahead,
    /// Up to now: there is news, and who acts on it comes first.
    Seen,
}

impl Entry {
    fn place(&self) -> (Moment, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The other way round: of a heap's entries the greatest comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

/// What can come next.
#[derive(Clone, Copy, Debug)]
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
    /// The next tick of each line.
    ticks: Vec<Next>,
    strider: Strider,
    /// All else.
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
        let now = shared.clock.now();
        let next = |ticks: &Ticks| Next { at: ticks.at(ticks.after(now)), tick: ticks.after(now) };
        Self {
            ticks: shared.ticks.iter().map(next).collect(),
            strider: Strider::default(),
            entries: BinaryHeap::new(),
            entered: 0,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    fn enter(&mut self, at: Moment, item: Item) {
        self.entered += 1;
        self.entries.push(Entry { at, order: self.entered, item });
    }

    /// What comes next, and when.
    fn first(&self) -> Option<(Moment, Item)> {
        let ticks = self.ticks.iter().enumerate().min_by_key(|(_, next)| next.at);
        let tick = ticks.map(|(line, next)| (next.at, Item::Tick { line, tick: next.tick }));
        let entry = self.entries.peek().map(|entry| (entry.at, entry.item));
        match (tick, entry) {
            (Some(tick), Some(entry)) if entry.0 < tick.0 => Some(entry),
            (Some(tick), _) => Some(tick),
            (None, entry) => entry,
        }
    }

    /// When the next entry is due.
    fn next_entry(&self) -> Moment {
        self.first().map_or(Moment::MAX, |(at, _)| at)
    }

    /// When something is to be done.
    fn next(&self, shared: &Shared) -> Moment {
        shared.desk().next_due().min(self.next_entry())
    }

    /// Does all that is to be done up to now, and ahead of it all that nobody waits for, up to `horizon`: the instant
    /// of the run's next timer, before which nothing but this happens.
    fn advance(&mut self, shared: &Arc<Shared>, horizon: Moment) -> Advanced {
        let now = shared.clock.now();
        shared.at_desk(|desk| {
            let mut advanced = Advanced::Ahead;
            loop {
                let due = desk.next_due();
                let entry = self.first();
                // Without a single probe there is no entry, and what the desk is due is due all the same.
                if due < entry.map_or(Moment::MAX, |(at, _)| at) {
                    if due > now {
                        break;
                    }
                    desk.due(now);
                    if desk.has_news() {
                        advanced = Advanced::Seen;
                    }
                    continue;
                }
                let Some((at, item)) = entry else { break };
                if at > now && (at >= horizon || advanced == Advanced::Seen || !self.is_quiet(desk, item)) {
                    break;
                }
                if at > now && self.stride(shared, desk, at, horizon.min(due)) {
                    continue;
                }
                self.take(shared, item);
                self.perform(shared, desk, (at, item), horizon.min(due));
                if at <= now && desk.has_news() {
                    advanced = Advanced::Seen;
                }
            }
            advanced
        })
    }

    /// Whether `item` changes nothing that anybody waits for.
    fn is_quiet(&self, desk: &mut Desk, item: Item) -> bool {
        match item {
            Item::Tick { .. } | Item::Resume { .. } => true,
            Item::HandIn { slot } => match &self.slots[slot] {
                Slot::Done(done) => done.is_quiet(desk),
                Slot::Free | Slot::Running { .. } => true,
            },
        }
    }

    fn perform(&mut self, shared: &Arc<Shared>, desk: &mut Desk, (at, item): (Moment, Item), horizon: Moment) {
        match item {
            Item::Tick { line, tick } => match begin(shared, desk, line, tick, at) {
                [Some(work), None] | [None, Some(work)] => self.carry(shared, desk, (line, work), at, horizon),
                // Neither must run ahead of the other.
                [Some(one), Some(other)] => match (one.foretell(shared, horizon), other.foretell(shared, horizon)) {
                    (Ok(one), Ok(other)) if other.at() < one.at() => self.settle_both(desk, other, one),
                    (Ok(one), Ok(other)) => self.settle_both(desk, one, other),
                    (one, other) => {
                        for begun in [one, other] {
                            match begun {
                                Ok(done) => self.settle_in_turn(done),
                                Err(work) => self.resume_at(shared, line, work, at),
                            }
                        }
                    }
                },
                [None, None] => {}
            },
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

    /// Takes all lines on from `from`, when the first of them is due, over as many ticks as nobody sees before `horizon`;
    /// `false` if that are none.
    fn stride(&mut self, shared: &Shared, desk: &mut Desk, from: Moment, horizon: Moment) -> bool {
        if !self.strider.may_go(from, horizon) {
            return false;
        }
        // What is under way may come to anything, but for rows of which it is known that they come to nothing.
        let Self { ticks, strider, entries, slots, .. } = self;
        let unanswered = |entry: &Entry| match entry.item {
            Item::HandIn { slot } => match &slots[slot] {
                Slot::Done(Done::Row(canary, attempt, None, at)) => {
                    Some(Unanswered { canary: *canary, region: attempt.region, at: *at })
                }
                Slot::Done(_) | Slot::Free | Slot::Running { .. } => None,
            },
            Item::Tick { .. } | Item::Resume { .. } => None,
        };
        let other = entries.iter().filter(|entry| unanswered(entry).is_none()).map(|entry| entry.at).min();
        let until = other.map_or(horizon, |at| at.min(horizon));
        let rows = entries.iter().filter_map(unanswered);
        strider.may_go(from, until) && strider.stride(shared, desk, ticks, (from, until), rows)
    }

    /// Takes the next entry, which is `item`, off; after a tick the next one of its line comes.
    fn take(&mut self, shared: &Shared, item: Item) {
        let Item::Tick { line, tick } = item else {
            self.entries.pop();
            return;
        };
        self.ticks[line] = Next { at: shared.ticks[line].at(tick + 1), tick: tick + 1 };
    }

    /// Begins `work` of `line` at `at`.
    fn carry(
        &mut self,
        shared: &Arc<Shared>,
        desk: &mut Desk,
        (line, work): (usize, Work),
        at: Moment,
        horizon: Moment,
    ) {
        match work.foretell(shared, horizon) {
            Ok(done) => self.settle(desk, done),
            Err(work) => {
                let slot = self.slot();
                self.go_on(desk, slot, start(shared, line, work, at), at, horizon);
            }
        }
    }

    /// Begins `work` at `at`, together with whatever else is entered for then.
    fn resume_at(&mut self, shared: &Arc<Shared>, line: usize, work: Work, at: Moment) {
        let (clock, future) = start(shared, line, work, at);
        let slot = self.slot();
        self.slots[slot] = Slot::Running { clock, future };
        self.enter(at, Item::Resume { slot });
    }

    /// Hands a result in: at once if nobody waits for it and nothing comes before it, else in its turn.
    fn settle(&mut self, desk: &mut Desk, done: Done) {
        if done.at() < self.next_entry() && done.is_quiet(desk) {
            done.hand_in(desk);
        } else {
            self.settle_in_turn(done);
        }
    }

    /// Settles two results, the first of which is there first.
    fn settle_both(&mut self, desk: &mut Desk, first: Done, second: Done) {
        self.settle(desk, first);
        self.settle(desk, second);
    }

    /// Hands a result in when all that comes before it was.
    fn settle_in_turn(&mut self, done: Done) {
        let slot = self.slot();
        self.enter(done.at(), Item::HandIn { slot });
        self.slots[slot] = Slot::Done(done);
    }

    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() - 1
        })
    }

    /// Lets what is under way in `slot` go on from `at`, up to the horizon.
    fn go_on(
        &mut self,
        desk: &mut Desk,
        slot: usize,
        (clock, mut future): (Clock, Running),
        at: Moment,
        horizon: Moment,
    ) {
        clock.extend(horizon.max(at + Span(1)));
        match future.as_mut().poll(&mut Polling::from_waker(Waker::noop())) {
            Poll::Ready(done) => {
                self.free.push(slot);
                self.settle(desk, done);
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
