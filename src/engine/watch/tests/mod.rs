//! A watch in virtual time.

mod ahead;
mod canaries;
mod guards;
mod probes;
mod rig;
