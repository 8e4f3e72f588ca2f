//! The hash chain: events in, lines out. Pure, and the only place that knows what a line looks like when written.
//!
//! Lines are put together by hand around the event's JSON: this runs for every record of every drill.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{JournalError, MAX_LINE_BYTES};
use crate::id::RunId;

/// The SHA-256 of a line's bytes without its newline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineHash([u8; 32]);

impl LineHash {
    /// What line 0 carries as the hash of the line before it: 64 zeros.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of a line, given without its newline.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// The hash as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hex().into_iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(digit)))
    }
}

impl fmt::Debug for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineHash({self})")
    }
}

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256: 64 hexadecimal digits in lower case are expected")]
pub struct LineHashError;

impl FromStr for LineHash {
    type Err = LineHashError;

    fn from_str(text: &str) -> Result<Self, LineHashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(LineHashError),
        };
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| LineHashError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for LineHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LineHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// When an event happened, on the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The wall clock. It only labels.
    pub at: Timestamp,
    /// The monotonic clock, in nanoseconds from the run's start.
    pub elapsed_ns: u64,
}

/// The end of a chain, to which lines are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    run: RunId,
    next_seq: u64,
    head: LineHash,
}

impl Chain {
    /// The chain of a run that has no line yet.
    #[must_use]
    pub const fn new(run: RunId) -> Self {
        Self { run, next_seq: 0, head: LineHash::ZERO }
    }

    /// The chain as a reader found it: `next_seq` lines, of which the last has the hash `head`.
    pub(super) const fn continued(run: RunId, next_seq: u64, head: LineHash) -> Self {
        Self { run, next_seq, head }
    }

    /// The run that it belongs to.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The number of the next line, which is how many there are.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The SHA-256 of the last line; zeros if there is none.
    #[must_use]
    pub const fn head(&self) -> LineHash {
        self.head
    }

    /// Adds an event: appends its line, newline included, to `out`, and returns the line's number. On an error
    /// neither `out` nor the chain has changed.
    ///
    /// # Errors
    /// [`JournalError::Event`] when the event does not serialise, [`JournalError::Shape`] when it would not be a line.
    pub fn append<E: Serialize + ?Sized>(
        &mut self,
        out: &mut Vec<u8>,
        stamp: Stamp,
        event: &E,
    ) -> Result<u64, JournalError> {
        self.add_line(out, stamp, |out| {
            serde_json::to_writer(out, event).map_err(|error| JournalError::Event(Arc::new(error)))
        })
    }

    /// Adds an event that is JSON already, compact and whole; otherwise as [`Chain::append`].
    pub(super) fn append_json(&mut self, out: &mut Vec<u8>, stamp: Stamp, json: &[u8]) -> Result<u64, JournalError> {
        self.add_line(out, stamp, |out| {
            out.extend_from_slice(json);
            Ok(())
        })
    }

    fn add_line(
        &mut self,
        out: &mut Vec<u8>,
        stamp: Stamp,
        write_event: impl FnOnce(&mut Vec<u8>) -> Result<(), JournalError>,
    ) -> Result<u64, JournalError> {
        let start = out.len();
        match self.write_line(out, stamp, write_event) {
            Ok(()) => {
                self.head = LineHash::of(&out[start..]);
                out.push(b'\n');
                let seq = self.next_seq;
                self.next_seq += 1;
                Ok(seq)
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }

    /// Writes the line without its newline.
    fn write_line(
        &self,
        out: &mut Vec<u8>,
        stamp: Stamp,
        write_event: impl FnOnce(&mut Vec<u8>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));
        let start = out.len();
        out.extend_from_slice(b"{\"seq\":");
        write_number(out, self.next_seq);
        out.extend_from_slice(b",\"at\":\"");
        PRINTER
            .print_timestamp(&stamp.at, &mut *out)
            .map_err(|_| JournalError::Shape("has a time that cannot be printed"))?;
        out.extend_from_slice(b"\",\"elapsed_ns\":");
        write_number(out, stamp.elapsed_ns);
        out.extend_from_slice(b",\"run\":\"");
        // An id has nothing that JSON would escape.
        out.extend_from_slice(self.run.as_str().as_bytes());
        out.extend_from_slice(b"\",\"event\":");
        let event_start = out.len();
        write_event(out)?;
        // Compact JSON has no newline, but a raw value that was passed through may.
        if out[event_start..].contains(&b'\n') {
            return Err(JournalError::Shape("holds a raw newline; a record is one line"));
        }
        out.extend_from_slice(b",\"prev\":\"");
        out.extend_from_slice(&self.head.hex());
        out.extend_from_slice(b"\"}");
        if out.len() - start > MAX_LINE_BYTES {
            return Err(JournalError::Shape("is longer than a line of the journal may be (64 MiB)"));
        }
        Ok(())
    }
}

/// Writes a number in decimal.
fn write_number(out: &mut Vec<u8>, mut number: u64) {
    // 20 digits hold every u64.
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}
