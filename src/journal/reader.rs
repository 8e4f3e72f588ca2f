//! Reads a journal back and checks every line of it: its number, its run, its place in the hash chain, its form.
//!
//! Memory holds one line at a time, whatever the journal's length. A cut in the last record, which is what a crash
//! leaves, is told apart from any other damage. What only the head can show, a changed last line, the reader cannot
//! see: compare [`Verified::head`] with the one in a report.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use super::{Chain, Damage, JournalError, LineHash, MAX_LINE_BYTES};
use crate::id::RunId;

/// The kind of the event that ends a run; lines after it were added by people.
const FINISHED: &str = "finished";

/// How much of a file is read at once, in bytes.
const READ_AHEAD_BYTES: usize = 256 * 1024;

/// One record of a journal.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number, from 0, without gaps.
    pub seq: u64,
    /// The wall clock.
    pub at: Timestamp,
    /// The monotonic clock, in nanoseconds from the run's start.
    pub elapsed_ns: u64,
    /// The run.
    pub run: RunId,
    /// The event, as the JSON that was written.
    pub event: Box<RawValue>,
    /// The SHA-256 of the line before.
    pub prev: LineHash,
}

impl Line {
    /// The event, decoded.
    ///
    /// # Errors
    /// What the event's type says: an event of a newer Muster, for one.
    pub fn event<E: DeserializeOwned>(&self) -> Result<E, serde_json::Error> {
        serde_json::from_str(self.event.get())
    }
}

/// A line as it is in the file, borrowed from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine<'a> {
    seq: u64,
    at: Timestamp,
    elapsed_ns: u64,
    run: &'a str,
    #[serde(borrow)]
    event: &'a RawValue,
    prev: LineHash,
}

/// The lines of a journal, each checked before it is given. After the first error there are no more.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    run: Option<RunId>,
    /// How many whole lines were read: the number that the next one must have.
    seen: u64,
    /// How many bytes they take.
    bytes: u64,
    head: LineHash,
    ended: bool,
}

/// Reads and checks the lines of a journal. `&[u8]` is a reader too.
pub fn read<R: BufRead>(reader: R) -> Lines<R> {
    Lines { reader, buffer: Vec::new(), run: None, seen: 0, bytes: 0, head: LineHash::ZERO, ended: false }
}

/// Reads and checks the lines of a journal file. A run that is going on may add to it meanwhile: its last line may
/// then look cut.
///
/// # Errors
/// [`JournalError::File`] when it cannot be opened.
pub fn read_file(path: &Path) -> Result<Lines<BufReader<File>>, JournalError> {
    let file = File::open(path).map_err(|error| JournalError::file("open", path, error))?;
    Ok(read(BufReader::with_capacity(READ_AHEAD_BYTES, file)))
}

impl<R: BufRead> Lines<R> {
    /// What stands behind `seen` whole lines of `run`, which take `bytes` and of which the last has the hash `head`.
    pub(super) const fn behind(reader: R, run: RunId, seen: u64, bytes: u64, head: LineHash) -> Self {
        Self { reader, buffer: Vec::new(), run: Some(run), seen, bytes, head, ended: false }
    }

    /// The run, known after the first line.
    #[must_use]
    pub const fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// How many lines were given so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.seen
    }

    /// How many bytes these lines take.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The SHA-256 of the last line that was given; zeros before the first.
    #[must_use]
    pub const fn head(&self) -> LineHash {
        self.head
    }

    /// The chain at this place; nothing before the first line.
    pub(super) fn end_of_chain(&self) -> Option<Chain> {
        Some(Chain::continued(self.run.clone()?, self.seen, self.head))
    }

    /// Reads the next line and checks it. `None` at the end.
    fn next_raw(&mut self) -> Result<Option<(RawLine<'_>, RunId)>, JournalError> {
        self.buffer.clear();
        let bound = MAX_LINE_BYTES as u64 + 1;
        let taken = (&mut self.reader)
            .take(bound)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| JournalError::Read(Arc::new(error)))?;
        let number = self.seen + 1;
        if taken == 0 {
            return if self.seen == 0 { Err(Damage::Empty.into()) } else { Ok(None) };
        }
        let Some(line) = self.buffer.strip_suffix(b"\n") else {
            let damage =
                if self.buffer.len() > MAX_LINE_BYTES { Damage::TooLong { line: number } } else { self.unfinished() };
            return Err(damage.into());
        };
        let raw = parse(number, line)?;
        let run = check(number, &raw, self.run.as_ref(), self.seen, self.head)?;
        self.run.get_or_insert_with(|| run.clone());
        self.head = LineHash::of(line);
        self.seen += 1;
        self.bytes += taken as u64;
        Ok(Some((raw, run)))
    }

    /// What a last line without its newline is: a record whose writing did not end, or something else.
    fn unfinished(&self) -> Damage {
        let number = self.seen + 1;
        // Some file systems leave zeros where data was on its way when the power went.
        let written = self.buffer.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let tail = &self.buffer[..written];
        let cut =
            Damage::CutTail { whole_lines: self.seen, whole_bytes: self.bytes, cut_bytes: self.buffer.len() as u64 };
        let beginning = format!("{{\"seq\":{},\"at\":\"", self.seen);
        let common = tail.len().min(beginning.len());
        if tail[..common] != beginning.as_bytes()[..common] {
            return Damage::NotARecord { line: number, why: format!("it does not begin with {beginning}") };
        }
        if ends_too_early(tail) {
            return cut;
        }
        // Only the newline is missing: still a record that nobody was told of, provided that it is one.
        let record = parse(number, tail).and_then(|raw| check(number, &raw, self.run.as_ref(), self.seen, self.head));
        record.map_or_else(|damage| damage, |_| cut)
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = self.next_raw().map(|found| {
            found.map(|(raw, run)| Line {
                seq: raw.seq,
                at: raw.at,
                elapsed_ns: raw.elapsed_ns,
                run,
                event: raw.event.to_owned(),
                prev: raw.prev,
            })
        });
        self.ended = !matches!(line, Ok(Some(_)));
        line.transpose()
    }
}

/// Whether a text is the beginning of a JSON value and not a whole one.
fn ends_too_early(text: &[u8]) -> bool {
    let is_beginning = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_err_and(|error| error.is_eof());
    // A number cut after its sign, point or exponent is called invalid, not incomplete: so see it with a digit.
    is_beginning(text)
        || matches!(text.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E')) && is_beginning(&[text, b"0"].concat())
}

/// Takes a line apart.
fn parse(number: u64, line: &[u8]) -> Result<RawLine<'_>, Damage> {
    serde_json::from_slice(line).map_err(|error| Damage::NotARecord { line: number, why: error.to_string() })
}

/// Holds a line against what must come next; gives its run.
fn check(number: u64, raw: &RawLine<'_>, run: Option<&RunId>, seq: u64, head: LineHash) -> Result<RunId, Damage> {
    if raw.seq != seq {
        return Err(Damage::Sequence { line: number, expected: seq, found: raw.seq });
    }
    if raw.prev != head {
        return Err(Damage::Chain { line: number, expected: head, found: raw.prev });
    }
    match run {
        None => RunId::new(raw.run).map_err(|error| Damage::NotARecord { line: number, why: error.to_string() }),
        Some(run) if run == raw.run => Ok(run.clone()),
        Some(run) => {
            Err(Damage::Run { line: number, expected: run.clone(), found: raw.run.chars().take(80).collect() })
        }
    }
}

/// A journal whose every line is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The run.
    pub run: RunId,
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The SHA-256 of the last line.
    pub head: LineHash,
    /// Where the run ended; `None` when it did not, or not yet.
    pub finished: Option<FinishedHead>,
}

/// The end of the run itself, as against what people added to its journal afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedHead {
    /// The number of the `finished` event; the last one, should there be several.
    pub seq: u64,
    /// The SHA-256 of its line: the head that the run's own reports print.
    pub head: LineHash,
    /// How many lines were added after it.
    pub lines_after: u64,
}

/// Checks a whole journal.
///
/// # Errors
/// [`JournalError::Damaged`] says exactly where and how it is damaged, or the reader failed.
pub fn verify<R: BufRead>(reader: R) -> Result<Verified, JournalError> {
    verify_lines(&mut read(reader))
}

/// Checks a whole journal file.
///
/// # Errors
/// As [`verify`], and [`JournalError::File`] when it cannot be opened.
pub fn verify_file(path: &Path) -> Result<Verified, JournalError> {
    verify_lines(&mut read_file(path)?)
}

/// Reads to the end.
pub(super) fn verify_lines<R: BufRead>(lines: &mut Lines<R>) -> Result<Verified, JournalError> {
    let mut finished = None;
    while let Some((raw, _)) = lines.next_raw()? {
        if is_finished(raw.event) {
            finished = Some((lines.seen - 1, lines.head));
        }
    }
    let run = lines.run.clone().ok_or(Damage::Empty)?;
    Ok(Verified {
        run,
        lines: lines.seen,
        bytes: lines.bytes,
        head: lines.head,
        finished: finished.map(|(seq, head)| FinishedHead { seq, head, lines_after: lines.seen - 1 - seq }),
    })
}

/// Whether an event is the one that ends the run.
fn is_finished(event: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    // Nearly all events are told apart without decoding them.
    event.get().contains(FINISHED)
        && serde_json::from_str::<Kind<'_>>(event.get()).is_ok_and(|event| event.kind == FINISHED)
}
