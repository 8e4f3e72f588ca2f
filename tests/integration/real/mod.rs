//! Drills on real infrastructure: servers that this project did not write, and programs of the user's own.

mod by_hand;
mod dns;
mod exec;
#[path = "../../../src/provider/rfc2136/tests/knot.rs"]
mod knot;
mod ssh;
