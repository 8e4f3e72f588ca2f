//! A watch in virtual time.

mod ahead;
mod rig;
