//! One sample of a probe: ask, wait at most so long, judge what was seen.
//!
//! One code path, whether the network is real or simulated: [`sample`] knows the traits [`Network`](crate::resource::Network)
//! and [`Processes`](crate::resource::Processes) and a clock, nothing else. When samples are taken, and what follows from them, is the engine's. May rely on
//! `resource`, `catalogue`, `model`; must never keep anything from one sample to the next (names are resolved and
//! connections opened afresh), and never send an event.
//!
//! A new kind of probe is one variant of [`catalogue::Probe`](crate::catalogue::Probe), one arm in `prepared.rs` and one in
//! `look.rs`.

mod look;
mod prepared;
mod regions;
mod sample;
mod standby;

pub use look::{Look, Senses};
pub use prepared::PreparedProbe;
pub use regions::Regions;
pub use sample::{Alike, Foreteller, look, once, sample};
pub use standby::{NoAddress, address_in};

#[cfg(test)]
mod tests;
