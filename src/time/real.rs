//! The machine's time. It goes on while the machine is suspended: an outage that someone slept
//! through was an outage.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::clock::{Class, Clock, Source};
use super::{Moment, Span};

/// tokio's timers stand still while the machine is suspended, so no wait trusts one for longer than
/// this: after a suspend a sleep ends at most this late.
const LONGEST_NAP: Span = Span::from_secs(1);

/// A monotonic clock with its origin.
#[derive(Debug)]
pub(super) struct Real {
    /// When it was zero, by the machine's clock; before the machine's own start where a run went on from another boot.
    origin: i128,
}

impl Real {
    pub(super) fn start(now: Moment) -> Self {
        Self { origin: i128::from(boot_nanos()) - i128::from(now.0) }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(u64::try_from(i128::from(boot_nanos()) - self.origin).unwrap_or(0))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
    pub(super) fn wall() -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    /// `nap` is what the sleep keeps between polls.
    pub(super) fn poll_sleep(
        &self,
        nap: &mut Option<Pin<Box<tokio::time::Sleep>>>,
        at: Moment,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // Bounded by time: each round but the last waits for up to `LONGEST_NAP`.
        loop {
            let now = self.now();
            if now >= at {
                return Poll::Ready(());
            }
            let timer = nap.get_or_insert_with(|| Box::pin(real_sleep(at.since(now).min(LONGEST_NAP))));
            ready!(timer.as_mut().poll(cx));
            *nap = None;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that the others are told to use")]
fn real_sleep(span: Span) -> tokio::time::Sleep {
    tokio::time::sleep(span.into())
}

/// The machine's time since it was started, suspended time included: `CLOCK_BOOTTIME`.
#[must_use]
pub fn since_boot() -> Span {
    Span(boot_nanos())
}

fn boot_nanos() -> u64 {
    // macOS's CLOCK_MONOTONIC counts suspended time as well; it has no CLOCK_BOOTTIME.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    // Neither part of a time since boot is negative.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Span::from_secs(seconds).0.saturating_add(nanos)
}

/// The machine's wall clock, for what happens before there is a run: a label, never a measure.
#[must_use]
pub fn wall_now() -> jiff::Timestamp {
    Real::wall()
}

/// Runs `f` to its end in real time, on a tokio runtime of one thread with all its drivers.
///
/// # Errors
/// The operating system refuses what the runtime needs (file descriptors).
pub fn run_real<F, Fut>(f: F) -> Result<Fut::Output, std::io::Error>
where
    F: FnOnce(Clock) -> Fut,
    Fut: Future,
{
    run_real_since(Moment::ZERO, f)
}

/// As [`run_real`], on a clock that stands at `now` when it begins: for a run that goes on after a break.
///
/// # Errors
/// As [`run_real`].
pub fn run_real_since<F, Fut>(now: Moment, f: F) -> Result<Fut::Output, std::io::Error>
where
    F: FnOnce(Clock) -> Fut,
    Fut: Future,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async move { f(Clock::real_since(now)).await }))
}

pub(super) fn clock(now: Moment) -> Clock {
    Clock::new(Source::Real(Arc::new(Real::start(now))), Class::Act)
}
