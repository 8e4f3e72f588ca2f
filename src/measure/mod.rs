//! Samples become outages, outages become recovery times; canaries' rows become data losses.
//!
//! The live detector of the probe board and the replay of a journal are the same code, [`Detector`]. May rely on
//! `time`, `id`, `model`, `catalogue`; must never do I/O, read a clock, or call something measured that was not.

mod interval;
mod outage;
mod parts;

pub use interval::{Judgement, Measure};
pub use outage::{Outage, Recovery};
pub use parts::Parts;
