//! Samples become outages, outages become recovery times; canaries' rows become data losses.
//!
//! The live detector of the probe board and the replay of a journal are the same code, [`Detector`]; [`Track`] puts
//! together what a journal tells of one probe. May rely on `time`, `id`, `model`, `resource`'s data; must never do
//! I/O, read a clock, or call something measured that was not.

mod detector;
mod interval;
mod outage;
mod parts;
mod rpa;
mod rta;
mod track;

pub use detector::{Active, Change, Detector, Run, Sight};
pub use interval::{Judgement, Measure};
pub use outage::{Outage, Recovery};
pub use parts::Parts;
pub use rpa::{data_loss, worst};
pub use rta::{Activity, parts, recovery_bounds, recovery_time, resolution};
pub use track::{Actives, Replayed, Stretch, Track};

#[cfg(test)]
mod tests;
