//! A clock of its own for computing ahead: whoever sleeps on it is there at once.
//!
//! It carries one sequential future (one sleep or nested timeouts at a time, no `select` or `join`
//! of several) that is polled with a waker that does nothing. Nothing is registered anywhere: a
//! sleep is a comparison and a store. The innermost deadline that comes first is one number, and
//! each timeout remembers the number that it replaced, so that the stack lives in the futures.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use super::{Moment, Span};

/// The state of a branch. Atomics only because clocks are shared by tasks: one future at a time
/// uses it.
#[derive(Debug)]
pub(super) struct Branch {
    /// What `wall()` says at `Moment::ZERO`.
    start: jiff::Timestamp,
    now: AtomicU64,
    /// The first instant that is not known yet.
    horizon: AtomicU64,
    /// The earliest deadline under way; `u64::MAX` if there is none.
    deadline: AtomicU64,
    overrun: AtomicBool,
    /// What the last sleep or deadline that overran waits for.
    awaited: AtomicU64,
}

/// A timeout's place in the stack of deadlines.
#[derive(Debug)]
pub(super) struct Pushed {
    mine: u64,
    outer: u64,
}

impl Branch {
    pub(super) fn new(start: jiff::Timestamp, at: Moment, horizon: Moment) -> Self {
        Self {
            start,
            now: AtomicU64::new(at.0),
            horizon: AtomicU64::new(horizon.0),
            deadline: AtomicU64::new(u64::MAX),
            overrun: AtomicBool::new(false),
            awaited: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.now.load(Relaxed))
    }

    pub(super) fn start(&self) -> jiff::Timestamp {
        self.start
    }

    pub(super) fn overrun(&self) -> bool {
        self.overrun.load(Relaxed)
    }

    pub(super) fn awaited(&self) -> Option<Moment> {
        self.overrun().then(|| Moment(self.awaited.load(Relaxed)))
    }

    pub(super) fn extend(&self, horizon: Moment) {
        self.horizon.fetch_max(horizon.0, Relaxed);
        self.overrun.store(false, Relaxed);
    }

    fn overran(&self, awaited: u64) {
        self.awaited.store(awaited, Relaxed);
        self.overrun.store(true, Relaxed);
    }

    /// Moves to `at` if that is known and no deadline comes before it.
    pub(super) fn poll_sleep(&self, at: Moment) -> Poll<()> {
        let now = self.now.load(Relaxed);
        if at.0 <= now {
            return Poll::Ready(());
        }
        // A deadline at the very same instant fires after the sleep, as on a virtual clock.
        let deadline = self.deadline.load(Relaxed);
        if at.0.min(deadline) >= self.horizon.load(Relaxed) {
            self.overran(at.0.min(deadline));
            return Poll::Pending;
        }
        if at.0 > deadline {
            return Poll::Pending;
        }
        self.now.store(at.0, Relaxed);
        Poll::Ready(())
    }

    pub(super) fn push_deadline(&self, span: Span) -> Pushed {
        let outer = self.deadline.load(Relaxed);
        let mine = (self.now() + span).0;
        // At a tie the inner one fires first.
        self.deadline.store(mine.min(outer), Relaxed);
        Pushed { mine, outer }
    }

    pub(super) fn pop_deadline(&self, pushed: &Pushed) {
        self.deadline.store(pushed.outer, Relaxed);
    }

    /// What is inside the timeout cannot go on: the deadline fires if it is the first and is known.
    pub(super) fn poll_deadline(&self, pushed: &Pushed) -> Poll<()> {
        if pushed.mine > pushed.outer || self.overrun() {
            return Poll::Pending;
        }
        if pushed.mine >= self.horizon.load(Relaxed) {
            self.overran(pushed.mine);
            return Poll::Pending;
        }
        self.now.fetch_max(pushed.mine, Relaxed);
        Poll::Ready(())
    }
}
