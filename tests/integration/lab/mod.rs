//! The lab: that it is what drills take it for, and that nothing of it stays.

mod drills;
mod quarterly;
mod rig;
mod world;
