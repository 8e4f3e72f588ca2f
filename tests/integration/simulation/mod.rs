//! Whole drills in simulated worlds: that they end as they should, whatever goes wrong, and that what is told of them
//! is true. A world is looked at from outside, with the eyes of the simulation itself.

mod claims;
mod crashes;
mod drills;
mod engine;
mod exploring;
mod guards;
mod hearing;
mod kept;
mod losses;
mod measures;
mod recovery;
mod same;
pub(crate) mod scene;
mod sweep;
