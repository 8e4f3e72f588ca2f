//! A Python with the packages of `tests/python/calendar.txt`, where `tests/run` put it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The program.
pub(super) fn python() -> PathBuf {
    crate::harness::python("calendar")
}

/// What a script beside this file says to its input; it must end well.
#[expect(clippy::disallowed_methods, reason = "this is no process of Muster's")]
pub(super) fn says(script: &str, input: &str) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/integration/schedule").join(script);
    let mut command = Command::new(python());
    command.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{error}: `tests/run` installs the Python packages"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading: neither side waits for the other with its pipe full.
    let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    String::from_utf8(output.stdout).unwrap()
}
