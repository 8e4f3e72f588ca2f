//! [`Clock`]: what everything in Muster waits on, whichever kind of time is behind it.
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::task::AbortHandle;
pub use tokio::task::JoinHandle;

use super::branch::{Branch, Pushed};
use super::real::{self, Real};
use super::virtual_time::{Key, Rank, Virtual};
use super::{Moment, Span};

/// Which of the timers that are due at the same instant goes first, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What happens to the simulated infrastructure.
    World,
    /// What Muster does: steps, the engine.
    Act,
    /// What Muster sees: it sees an instant after all that happens in it.
    Probe,
}

/// A clock: the time of a run, and waits in it. Cheap to clone; all clones tell the same time.
///
/// Waits are ordered by [`Class`] on a virtual clock and alike on any other.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    class: Class,
    role: Role,
    /// What may end all that this clock starts.
    group: Option<Group>,
}

/// What somebody who waits is to those who look ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What comes after the wait may change anything.
    Acts,
    /// It changes nothing that could be foretold.
    LooksOn,
}

/// Where a clock's time comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Real(Arc<Real>),
    Virtual(Arc<Virtual>),
    Branch(Arc<Branch>),
}

impl Clock {
    pub(super) fn new(source: Source, class: Class) -> Self {
        Self { source, class, role: Role::Acts, group: None }
    }

    /// The machine's time, which goes on through suspend; its origin is now. Waits on it need a
    /// tokio runtime with a time driver, such as [`run_real`](super::run_real)'s.
    #[must_use]
    pub fn real() -> Self {
        Self::real_since(Moment::ZERO)
    }

    /// As [`Clock::real`], but it is `now` now: for a run that goes on after a break.
    #[must_use]
    pub fn real_since(now: Moment) -> Self {
        real::clock(now)
    }

    /// The present instant of the run.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.source {
            Source::Real(real) => real.now(),
            Source::Virtual(time) => time.now(),
            Source::Branch(branch) => branch.now(),
        }
    }

    /// What the calendar says. For labels only: it may jump, so nothing is computed from it.
    #[must_use]
    pub fn wall(&self) -> jiff::Timestamp {
        match &self.source {
            Source::Real(_) => Real::wall(),
            Source::Virtual(time) => wall_at(time.start(), time.now()),
            Source::Branch(branch) => wall_at(branch.start(), branch.now()),
        }
    }

    /// Whether time is simulated. True of a branch.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        !matches!(self.source, Source::Real(_))
    }

    /// The same clock, whose plain waits are of `class`. New clocks are of class [`Class::Act`].
    #[must_use]
    pub fn with_class(&self, class: Class) -> Self {
        Self { class, ..self.clone() }
    }

    /// The same clock, for who only looks: whatever is done after its waits changes nothing that could be foretold, so
    /// [`Clock::idle`] tells nothing of them. Who looks ahead may look past them.
    #[must_use]
    pub fn onlooking(&self) -> Self {
        Self { role: Role::LooksOn, ..self.clone() }
    }

    /// The same clock, and what ends every task that it, or a clone of it, starts from here on: all at once, as a
    /// killed process would. For tests of what comes after.
    #[must_use]
    pub fn grouped(&self) -> (Self, Group) {
        let group = Group::default();
        (Self { group: Some(group.clone()), ..self.clone() }, group)
    }

    /// Waits for `span` from now (from this call, not from the first poll).
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub fn sleep(&self, span: Span) -> Sleep {
        self.sleep_until(self.now() + span)
    }

    /// Waits until `at`; not at all if that has passed and nothing that is due goes before it.
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub fn sleep_until(&self, at: Moment) -> Sleep {
        self.sleep_until_as(at, self.class)
    }

    /// Waits until `at` as a timer of `class`.
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub fn sleep_until_as(&self, at: Moment, class: Class) -> Sleep {
        Sleep::new(self.source.clone(), at, Rank::from(class), self.role)
    }

    /// Runs `future` for at most `span` from the first poll, then drops it.
    ///
    /// The future is polled first: what finishes exactly at the deadline has finished in time. On a
    /// virtual clock that holds for all that follows from that instant's timers, whichever task
    /// they are in.
    ///
    /// # Errors
    /// [`Elapsed`] if it has not finished by then.
    pub async fn timeout<F: Future>(&self, span: Span, future: F) -> Result<F::Output, Elapsed> {
        // Declared before the future, so dropped after it: a branch's deadlines are a stack.
        let mut deadline = Deadline::start(self, span);
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => deadline.poll(cx).map(|()| Err(Elapsed)),
        })
        .await
    }

    /// Starts a task on the runtime that the caller runs on. Not for branches: a task of its own is
    /// not on the path that is computed ahead.
    #[expect(clippy::disallowed_methods, reason = "this is what the others are told to use")]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(future);
        if let Some(group) = &self.group {
            group.add(task.abort_handle());
        }
        task
    }

    /// Keeps virtual time from moving until the hold is dropped. Whoever waits for anything outside
    /// the runtime (another thread, a file, a process) takes one *before* starting it and drops it
    /// only after the wake-up has been sent. Tasks that can go on do so meanwhile, so the order of an
    /// answer among them is up to the machine; that it comes before all later timers is certain.
    /// Does nothing on a real clock and on a branch.
    #[must_use = "time is held only as long as the hold lives"]
    pub fn hold(&self) -> Hold {
        Hold(match &self.source {
            Source::Virtual(time) => {
                time.hold();
                Some(Arc::clone(time))
            }
            Source::Real(_) | Source::Branch(_) => None,
        })
    }

    /// Resolves when every task is blocked and no [`Hold`] lives, before time moves. Of several
    /// that wait the first goes first, and the next one when all is blocked again. A loop that
    /// does nothing but this lets time stand still for ever. Resolves at once, with no next timer,
    /// on a real clock and on a branch.
    pub async fn idle(&self) -> Idle {
        let Source::Virtual(time) = &self.source else {
            return Idle { next: None };
        };
        let mut waiting = WaitingIdle { time, ticket: None };
        poll_fn(|cx| time.poll_idle(&mut waiting.ticket, cx)).await
    }

    /// A clock of its own, detached from this one, for computing ahead what a future would do: it
    /// stands at `at`, and a sleep takes no time but moves it, as long as that stays before
    /// `horizon`. A sleep or a deadline that does not stays pending and makes the branch
    /// [`overrun`](Self::overrun); the future is then dropped and run on the plain clock instead, or polled again
    /// once the horizon has been moved by [`extend`](Self::extend).
    ///
    /// What runs on it must be sequential: one sleep at a time, in any number of nested
    /// [`timeout`](Self::timeout)s, no `select` or `join` of several, no other tasks. Then, if
    /// nothing else is due from `at` until `horizon`, the result is that of the plain clock. The
    /// future is polled with `Waker::noop()`; if it is pending it could not be computed.
    #[must_use]
    pub fn branch(&self, at: Moment, horizon: Moment) -> Self {
        let start = match &self.source {
            Source::Real(real) => wall_before(Real::wall(), real.now()),
            Source::Virtual(time) => time.start(),
            Source::Branch(branch) => branch.start(),
        };
        let source = Source::Branch(Arc::new(Branch::new(start, at, horizon)));
        Self { source, class: self.class, role: self.role, group: None }
    }

    /// Whether something on this branch wanted to wait until its horizon or longer. False of every
    /// other clock.
    #[must_use]
    pub fn overrun(&self) -> bool {
        match &self.source {
            Source::Branch(branch) => branch.overrun(),
            Source::Real(_) | Source::Virtual(_) => false,
        }
    }

    /// Until when that which overran this branch waits; `None` if nothing did, and on every other clock.
    #[must_use]
    pub fn awaited(&self) -> Option<Moment> {
        match &self.source {
            Source::Branch(branch) => branch.awaited(),
            Source::Real(_) | Source::Virtual(_) => None,
        }
    }

    /// Makes `horizon` this branch's horizon, if it is later than the one before, and forgets that it was overrun:
    /// what overran it can be polled again and goes on from where it stood. Does nothing on every other clock.
    pub fn extend(&self, horizon: Moment) {
        if let Source::Branch(branch) = &self.source {
            branch.extend(horizon);
        }
    }
}

fn wall_at(start: jiff::Timestamp, now: Moment) -> jiff::Timestamp {
    start.checked_add(signed(now)).unwrap_or(jiff::Timestamp::MAX)
}

fn wall_before(wall: jiff::Timestamp, now: Moment) -> jiff::Timestamp {
    wall.checked_sub(signed(now)).unwrap_or(jiff::Timestamp::MIN)
}

fn signed(now: Moment) -> jiff::SignedDuration {
    let span = now.since(Moment::ZERO);
    jiff::SignedDuration::try_from(std::time::Duration::from(span)).unwrap_or(jiff::SignedDuration::MAX)
}

/// A wait for an instant. `Unpin` and without a lifetime, so it can be kept in a struct and polled
/// by reference. Dropping it takes its timer away.
#[derive(Debug)]
pub struct Sleep {
    source: Source,
    at: Moment,
    rank: Rank,
    role: Role,
    /// The timer on a virtual clock, while it is registered.
    key: Option<Key>,
    /// The timer on a real clock, while it is registered.
    nap: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Sleep {
    fn new(source: Source, at: Moment, rank: Rank, role: Role) -> Self {
        Self { source, at, rank, role, key: None, nap: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        match &this.source {
            Source::Real(real) => real.poll_sleep(&mut this.nap, this.at, cx),
            Source::Virtual(time) => time.poll_timer(&mut this.key, this.at, (this.rank, this.role), cx),
            Source::Branch(branch) => branch.poll_sleep(this.at),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Source::Virtual(time), Some(key)) = (&self.source, self.key) {
            time.cancel(key);
        }
    }
}

/// The end of a timeout.
enum Deadline<'a> {
    Timer(Sleep),
    Branch(&'a Branch, Pushed),
}

impl<'a> Deadline<'a> {
    fn start(clock: &'a Clock, span: Span) -> Self {
        let now = match &clock.source {
            Source::Real(real) => real.now(),
            Source::Virtual(time) => time.now(),
            Source::Branch(branch) => return Self::Branch(branch, branch.push_deadline(span)),
        };
        Self::Timer(Sleep::new(clock.source.clone(), now + span, Rank::Deadline, clock.role))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Timer(sleep) => Pin::new(sleep).poll(cx),
            Self::Branch(branch, pushed) => branch.poll_deadline(pushed),
        }
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        if let Self::Branch(branch, pushed) = self {
            branch.pop_deadline(pushed);
        }
    }
}

/// The tasks that a clock started; see [`Clock::grouped`].
#[derive(Debug, Clone, Default)]
pub struct Group(Arc<Mutex<Tasks>>);

#[derive(Debug, Default)]
struct Tasks {
    killed: bool,
    handles: Vec<AbortHandle>,
}

impl Group {
    /// Ends all of them where they wait, and every one that is started from now on. None is polled again; the one that
    /// calls this goes on until it waits.
    pub fn kill(&self) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.killed = true;
        tasks.handles.drain(..).for_each(|handle| handle.abort());
    }

    /// Whether they were ended.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).killed
    }

    fn add(&self, handle: AbortHandle) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.killed {
            handle.abort();
            return;
        }
        // What has ended need not be kept; swept when it may have become much, so that a task costs constant time.
        if tasks.handles.len() == tasks.handles.capacity() {
            tasks.handles.retain(|handle| !handle.is_finished());
        }
        tasks.handles.push(handle);
    }
}

/// A [`Clock::timeout`] has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed for this has run out")]
pub struct Elapsed;

/// Virtual time does not move while this lives; see [`Clock::hold`].
#[derive(Debug)]
pub struct Hold(Option<Arc<Virtual>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(time) = self.0.take() {
            time.release();
        }
    }
}

/// What [`Clock::idle`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// When the earliest timer is due that is pending now, deadlines included, but for those of
    /// [onlookers](Clock::onlooking). It may be the present instant: timers of one instant are let
    /// go one after another.
    pub next: Option<Moment>,
}

/// Takes a wait for idleness back when it is dropped.
struct WaitingIdle<'a> {
    time: &'a Virtual,
    ticket: Option<u64>,
}

impl Drop for WaitingIdle<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.time.cancel_idle(ticket);
        }
    }
}
