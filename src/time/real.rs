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
    origin: u64,
}

impl Real {
    pub(super) fn start() -> Self {
        Self { origin: boot_nanos() }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(boot_nanos().saturating_sub(self.origin))
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

/// How long the machine has been up, suspend included: what leases are measured with, by several processes.
#[must_use]
pub fn boot_now() -> Moment {
    Moment(boot_nanos())
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async move { f(Clock::real()).await }))
}

pub(super) fn clock() -> Clock {
    Clock::new(Source::Real(Arc::new(Real::start())), Class::Act)
}
