//! The one place that knows clocks; everything else in Muster takes a [`Clock`].
//!
//! Four kinds of thing live here: [`Moment`] and [`Span`], whole nanoseconds, for all that Muster
//! computes and journals; [`Ticks`], intervals that cannot drift; [`Clock`], which is real, virtual
//! or a branch and looks the same to whoever waits on it; [`run_real`] and [`run_virtual`], which
//! start the two kinds of runtime.
//!
//! *May rely on* tokio, rustix (`CLOCK_BOOTTIME`) and jiff (labels). *Must never* know anything of
//! drills, and nothing here may depend on the order in which threads happen to run.
//!
//! # The order of virtual time
//!
//! Time moves only when every task is blocked, from one timer to the next. A timer is let go when
//! all that followed from the one before it has settled. At one instant the order is: class
//! [`World`](Class::World), [`Act`](Class::Act), [`Probe`](Class::Probe), then the deadlines of
//! [`Clock::timeout`]; within a class the order of registration. Deadlines come last so that what
//! finishes exactly at its deadline has finished in time.
mod branch;
mod clock;
mod moment;
mod real;
mod span;
mod virtual_time;

pub use clock::{Class, Clock, Elapsed, Group, Hold, Idle, JoinHandle, Sleep};
pub use moment::{Moment, Ticks};
pub use real::{run_real, run_real_since, since_boot, wall_now};
pub use span::{Span, SpanError};
pub use virtual_time::{Stuck, run_virtual};

#[cfg(test)]
mod tests;
