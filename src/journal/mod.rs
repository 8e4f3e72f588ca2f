//! The journal of a run: an append-only list of events, one JSON object a line, each line carrying the SHA-256 of the
//! one before, so that `sha256sum` is enough to check it.
//!
//! [`chain`] is pure and makes the lines; [`reader`] reads and checks them, [`whole`] all at
//! once; [`log`] is where bytes become durable (a
//! file, memory, later a replicated log); [`writer`] is the one writer of a log; [`handle`] is what the engine holds.
//! All of it is blind to what an event is: it takes anything that serialises to one JSON value.
//!
//! May rely on `id` alone. Must never read a clock (whoever commits brings the time), and must never go on after a
//! write that failed: from then on every commit is refused.
//!
//! ```text
//! {"seq":0,"at":"2026-11-22T08:42:16.000000000Z","elapsed_ns":0,"run":"…","event":{"kind":"…"},"prev":"000…"}
//! ```

pub mod chain;
mod error;
pub mod handle;
pub mod log;
pub mod reader;
pub mod whole;
pub mod writer;

pub use chain::{Chain, LineHash, Stamp};
pub use error::{Damage, JournalError};
pub use handle::{Commit, Journal};
pub use log::{Durability, FileLog, Log, MemoryLog, is_written, path_in};
pub use reader::{FinishedHead, Line, Lines, Verified, read_file, verify_file};
pub use whole::{Placed, Whole, read_whole};
pub use writer::{Committed, Writer};

/// The name of a journal in its run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// The longest line, in bytes, without its newline. Read or written, a longer one is refused.
pub const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
