//! Hard cases: what goes wrong in real drills, done to real servers, and what Muster makes of it.

mod failing;
mod loss;
mod names;
mod prechecks;

use std::process::Command;

use super::rig::{Rig, said, until};
use super::short::{Short, as_before, records};

const PRIMARY: &str = "127.0.10.1";
const SECONDARY: &str = "127.0.20.1";

/// Sends a signal to a process.
fn signal(signal: &str, pid: &str) {
    let sent = Command::new("kill").args([signal, pid]).status().unwrap();
    assert!(sent.success(), "{signal} {pid}");
}
