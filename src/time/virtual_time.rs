//! Virtual time: a heap of timers that moves when the runtime has nothing left to do.
//!
//! tokio's `current_thread` scheduler calls the `on_thread_park` hook when no task is runnable and
//! then, unless the hook made something runnable, blocks its thread. Here the hook lets go exactly
//! one thing, a waiter for idleness or the next timer, and always wakes the root future as well.
//! So the scheduler goes round once more whether or not anybody was behind that timer, and the
//! hook is asked again until something happens; a cancelled timer has been removed already. The
//! root future polls what it wraps only if that was woken itself, so the extra rounds are invisible.
//!
//! While a hold lives the hook lets go nothing, and the thread really parks, so that other threads
//! can wake tasks; the last hold's release wakes the root. After a release time stays for one more
//! round, because the wake-up that was sent before it may have arrived just behind the scheduler's
//! back.
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::Moment;
use super::clock::{Class, Clock, Idle, Role, Source};

/// The order of timers at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    World,
    Act,
    Probe,
    /// The end of a timeout, after all else: what finishes at its deadline has finished in time.
    Deadline,
}

impl From<Class> for Rank {
    fn from(class: Class) -> Self {
        match class {
            Class::World => Self::World,
            Class::Act => Self::Act,
            Class::Probe => Self::Probe,
        }
    }
}

/// A timer's place in the order of all that will happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    at: Moment,
    rank: Rank,
    sequence: u64,
}

/// Who waits for a timer.
#[derive(Debug)]
struct Timer {
    waker: Waker,
    role: Role,
}

/// The state of a virtual clock.
#[derive(Debug)]
pub(super) struct Virtual {
    /// What `wall()` says at `Moment::ZERO`.
    start: jiff::Timestamp,
    /// Written by the hook alone.
    now: AtomicU64,
    /// Set by the hook when nothing can ever happen again.
    stuck: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    timers: BTreeMap<Key, Timer>,
    /// The next timer's or ticket's number.
    sequence: u64,
    /// The instant whose deadlines have begun to fire: all its other timers have settled.
    closing: Option<Moment>,
    idle: VecDeque<(u64, Waker)>,
    holds: usize,
    /// A hold was released since the hook last ran.
    released: bool,
    /// Wakes the root future; there while the runtime runs.
    root: Option<Waker>,
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Virtual {
    fn new(start: jiff::Timestamp) -> Self {
        Self { start, now: AtomicU64::new(0), stuck: AtomicBool::new(false), state: Mutex::default() }
    }

    /// The state is whole at every moment that could panic, so a poisoned lock is none the worse.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.now.load(Ordering::Acquire))
    }

    pub(super) fn start(&self) -> jiff::Timestamp {
        self.start
    }

    /// Registers a timer in `key` or asks whether it has been let go. A timer is ready when its
    /// turn has come, not merely its instant, so that being polled early changes no order.
    pub(super) fn poll_timer(
        &self,
        key: &mut Option<Key>,
        at: Moment,
        (rank, role): (Rank, Role),
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        let now = self.now();
        let closed = rank == Rank::Deadline && at <= now && state.closing == Some(now);
        if let Some(registered) = *key {
            let Some(timer) = state.timers.get_mut(&registered) else {
                *key = None;
                return Poll::Ready(());
            };
            if !closed {
                timer.waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            // An inner deadline beside an outer one of the same instant that fired before it.
            *key = None;
            let waker = state.timers.remove(&registered);
            drop(state);
            drop(waker);
            return Poll::Ready(());
        }
        let new = Key { at: at.max(now), rank, sequence: state.next_number() };
        let first = state.timers.first_key_value().is_none_or(|(first, _)| new < *first);
        if closed || (at <= now && rank != Rank::Deadline && first) {
            return Poll::Ready(());
        }
        state.timers.insert(new, Timer { waker: cx.waker().clone(), role });
        *key = Some(new);
        Poll::Pending
    }

    pub(super) fn cancel(&self, key: Key) {
        let waker = self.lock().timers.remove(&key);
        // Outside the lock: a waker may own a task, and that may own timers.
        drop(waker);
    }

    pub(super) fn poll_idle(&self, ticket: &mut Option<u64>, cx: &Context<'_>) -> Poll<Idle> {
        let mut state = self.lock();
        if let Some(number) = *ticket {
            if let Some((_, waker)) = state.idle.iter_mut().find(|(other, _)| *other == number) {
                waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            *ticket = None;
            let next = state.timers.iter().find(|(_, timer)| timer.role == Role::Acts).map(|(key, _)| key.at);
            return Poll::Ready(Idle { next });
        }
        let number = state.next_number();
        state.idle.push_back((number, cx.waker().clone()));
        *ticket = Some(number);
        Poll::Pending
    }

    pub(super) fn cancel_idle(&self, ticket: u64) {
        let mut state = self.lock();
        let place = state.idle.iter().position(|(number, _)| *number == ticket);
        let waiter = place.and_then(|place| state.idle.remove(place));
        drop(state);
        drop(waiter);
    }

    pub(super) fn hold(&self) {
        self.lock().holds += 1;
    }

    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_sub(1);
        state.released = true;
        let root = if state.holds == 0 { state.root.clone() } else { None };
        drop(state);
        if let Some(root) = root {
            root.wake();
        }
    }

    /// The hook: no task is runnable. Lets go of the next thing, if there is one and time may move.
    fn on_park(&self) {
        let mut state = self.lock();
        if state.holds > 0 {
            return;
        }
        let Some(root) = state.root.clone() else { return };
        let waker = if std::mem::take(&mut state.released) {
            None
        } else if let Some((_, waker)) = state.idle.pop_front() {
            Some(waker)
        } else if let Some((key, Timer { waker, .. })) = state.timers.pop_first() {
            self.now.fetch_max(key.at.0, Ordering::AcqRel);
            if key.rank == Rank::Deadline {
                state.closing = Some(key.at);
            }
            Some(waker)
        } else {
            self.stuck.store(true, Ordering::Release);
            None
        };
        // A waker may run anything, even take this lock.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        root.wake();
    }
}

/// Wakes the future inside the root future, and notes that it was meant.
struct InnerWake {
    woken: AtomicBool,
    root: Waker,
}

impl Wake for InnerWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.root.wake_by_ref();
    }
}

/// Drives `future` as the root of the runtime, and ends when it does or when it never can.
async fn root<F: Future>(time: &Virtual, future: F) -> Result<F::Output, Stuck> {
    let mut future = pin!(future);
    let mut inner: Option<(Arc<InnerWake>, Waker)> = None;
    poll_fn(|cx| {
        let (wake, waker) = inner.get_or_insert_with(|| {
            time.lock().root = Some(cx.waker().clone());
            let wake = Arc::new(InnerWake { woken: AtomicBool::new(true), root: cx.waker().clone() });
            let waker = Waker::from(Arc::clone(&wake));
            (wake, waker)
        });
        let stuck = time.stuck.swap(false, Ordering::AcqRel);
        if wake.woken.swap(false, Ordering::AcqRel) {
            future.as_mut().poll(&mut Context::from_waker(waker)).map(Ok)
        } else if stuck {
            Poll::Ready(Err(Stuck { at: time.now() }))
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Lets the runtime go when the run ends or unwinds: the root's waker owns the runtime, whose hook
/// owns the clock, which owns that waker.
struct Unroot<'a>(&'a Virtual);

impl Drop for Unroot<'_> {
    fn drop(&mut self) {
        let root = self.0.lock().root.take();
        drop(root);
    }
}

/// A simulation waits for something that can never happen: no task can go on, no timer is due and
/// nobody holds the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the simulation stands still for ever after {}: no task can go on and no timer is due; this is a defect in Muster",
    .at.since(Moment::ZERO)
)]
pub struct Stuck {
    /// When that was.
    pub at: Moment,
}

/// Runs `f` to its end in virtual time, on a tokio runtime of one thread without drivers (sockets
/// and tokio's own timers panic in it). Tasks that are still there at the end are dropped. `start`
/// is what [`Clock::wall`] says at [`Moment::ZERO`]. A panic of `f` goes on in the caller.
///
/// # Errors
/// [`Stuck`] if `f` can never end.
///
/// # Panics
/// Inside another tokio runtime.
pub fn run_virtual<F, Fut>(start: jiff::Timestamp, f: F) -> Result<Fut::Output, Stuck>
where
    F: FnOnce(Clock) -> Fut,
    Fut: Future,
{
    let time = Arc::new(Virtual::new(start));
    let _unroot = Unroot(&time);
    let hooked = Arc::clone(&time);
    #[expect(clippy::expect_used, reason = "without drivers there is nothing that could fail")]
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || hooked.on_park())
        .build()
        .expect("a runtime without drivers needs nothing from the operating system");
    let clock = Clock::new(Source::Virtual(Arc::clone(&time)), Class::Act);
    // `f` is called inside the runtime, so that it can spawn.
    runtime.block_on(async { root(&time, async move { f(clock).await }).await })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn after_a_release_time_stays_for_one_more_round_of_the_scheduler() {
        let time = Virtual::new(jiff::Timestamp::UNIX_EPOCH);
        time.lock().root = Some(Waker::noop().clone());
        let mut key = None;
        let due = Moment::ZERO + Span::from_secs(1);
        let poll = time.poll_timer(&mut key, due, (Rank::Act, Role::Acts), &Context::from_waker(Waker::noop()));
        assert!(poll.is_pending());

        // Another thread answers and lets go just before the hook runs: its answer lies in tokio's
        // queue, which the scheduler has found empty a moment ago.
        time.hold();
        time.on_park();
        time.release();
        time.on_park();
        assert_eq!(time.now(), Moment::ZERO);
        time.on_park();
        assert_eq!(time.now(), due);
        time.on_park();
        assert!(time.stuck.load(Ordering::Acquire));
    }
}
