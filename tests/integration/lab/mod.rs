//! The lab: that it is what drills take it for, and that nothing of it stays.

#![expect(
    clippy::disallowed_methods,
    reason = "the lab is real: its programs are started as a person starts them, and its clients' log has wall-clock times"
)]

mod crashes;
mod drills;
mod hard;
mod quarterly;
mod rig;
mod short;
mod world;
