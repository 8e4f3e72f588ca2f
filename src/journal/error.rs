//! What can go wrong with a journal, in words for the person who has to deal with it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{LineHash, MAX_LINE_BYTES};
use crate::id::RunId;

/// How a journal is damaged. Lines are counted from 1, as editors and `sed -n` count them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is not a single byte: the run ended before it could write that it began.
    #[error("it is empty")]
    Empty,
    /// The last record is cut: writing it did not end. What it would have announced did not happen, so the journal
    /// is sound up to the record before.
    #[error(
        "its last record is cut: {whole_lines} whole lines ({whole_bytes} bytes), then {cut_bytes} bytes of a line \
         that was never finished"
    )]
    CutTail {
        /// How many whole, sound lines come before the cut.
        whole_lines: u64,
        /// How many bytes these take, with their newlines.
        whole_bytes: u64,
        /// How many bytes come after them.
        cut_bytes: u64,
    },
    /// A line that is no record.
    #[error("line {line} is not a journal record: {why}")]
    NotARecord {
        /// Which line.
        line: u64,
        /// What the reader stumbled over.
        why: String,
    },
    /// A line longer than [`MAX_LINE_BYTES`].
    #[error("line {line} is longer than {MAX_LINE_BYTES} bytes")]
    TooLong {
        /// Which line.
        line: u64,
    },
    /// A line is missing, doubled or out of its place.
    #[error("line {line} has seq {found}, expected {expected}: lines are missing, doubled or out of order")]
    Sequence {
        /// Which line.
        line: u64,
        /// The number that it should have.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
    /// A line does not follow from the bytes of the one before it.
    #[error(
        "line {line} says that the line before it has SHA-256 {found}, but it has {expected}: one of the two was \
         changed"
    )]
    Chain {
        /// Which line.
        line: u64,
        /// The SHA-256 of the line before.
        expected: LineHash,
        /// What the line says it is.
        found: LineHash,
    },
    /// A line of another run.
    #[error("line {line} belongs to the run `{found}`, not to `{expected}`")]
    Run {
        /// Which line.
        line: u64,
        /// The run of the lines before.
        expected: RunId,
        /// The run that the line names.
        found: String,
    },
}

/// Why a journal could not be written or read. Cheap to clone: one failed write answers everybody who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The journal is not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(#[from] Damage),
    /// The operating system refused.
    #[error("cannot {doing} the journal {}: {source}", path.display())]
    File {
        /// What was tried: `create`, `open`, `read` …
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A reader that is no file failed.
    #[error("cannot read the journal: {0}")]
    Read(Arc<io::Error>),
    /// Somebody else writes this journal.
    #[error("the journal {} is being written by another process; only one at a time may", path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// A write failed. What it held may or may not be durable; nothing more will be written.
    #[error("cannot write the journal: {0}; nothing more will be started")]
    Write(Arc<io::Error>),
    /// An earlier write failed, so this one was not tried.
    #[error("the journal stopped when a write failed ({0}); nothing more is written to it")]
    Poisoned(Arc<io::Error>),
    /// The journal was closed, or its writer is gone.
    #[error("the journal is closed")]
    Closed,
    /// A commit without any event.
    #[error("a commit needs at least one event")]
    NoEvents,
    /// An event that does not serialise: a defect in Muster.
    #[error("an event cannot be written as JSON: {0}")]
    Event(Arc<serde_json::Error>),
    /// An event that serialises to several lines, or to too long a one: a defect in Muster.
    #[error("an event {0}")]
    Shape(&'static str),
}

impl JournalError {
    /// Wraps what the operating system said about a file.
    pub(super) fn file(doing: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source: Arc::new(source) }
    }

    /// How the journal is damaged, if that is what is wrong.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        match self {
            Self::Damaged(damage) => Some(damage),
            _ => None,
        }
    }
}
