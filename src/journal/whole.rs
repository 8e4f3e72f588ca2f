//! Reads a whole journal at once, on as many threads as pay: users may be waiting for who takes a run up.
//!
//! A line needs of the one before it only the hash, which is that of its bytes: so each thread takes a part of the file,
//! checks the chain within it and decodes its records, and where the parts meet their ends are compared. What is not
//! exactly as Muster writes it, line by line, is no matter for this way: then the file is read once more by
//! [`reader`], which alone says what is wrong, and where.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::num::NonZero;
use std::path::Path;

use jiff::Timestamp;

use super::reader::{self, Lines};
use super::{Chain, Damage, JournalError, LineHash, MAX_LINE_BYTES};
use crate::id::RunId;

/// Less than this is not worth a thread of its own, in bytes.
const WORTH_A_THREAD: u64 = 1024 * 1024;
/// So many threads at most.
const THREADS_MAX: u64 = 8;
/// How much of a file is read at once by each of them, in bytes.
const READ_AHEAD_BYTES: usize = 256 * 1024;
/// What ends a line before its newline: `,"prev":"`, 64 digits, `"}`.
const ENDING: usize = 9 + 64 + 2;

/// A record in its place, not yet decoded.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Its number, from 0.
    pub seq: u64,
    /// The wall clock.
    pub at: Timestamp,
    /// The monotonic clock, in nanoseconds from the run's start.
    pub elapsed_ns: u64,
    /// The event, as the JSON that was written.
    pub event: &'a str,
    /// The SHA-256 of its line.
    pub head: LineHash,
}

/// A journal that was read to its end.
#[derive(Debug)]
pub struct Whole<T> {
    /// Its run.
    pub run: RunId,
    /// What each record was decoded to, in order.
    pub items: Vec<T>,
    /// The SHA-256 of its last whole line.
    pub head: LineHash,
    /// How many bytes its whole lines take, and how many a last one that was cut in its writing.
    pub cut: Option<(u64, u64)>,
}

impl<T> Whole<T> {
    /// The chain at its end.
    pub(super) fn chain(&self) -> Chain {
        Chain::continued(self.run.clone(), self.items.len() as u64, self.head)
    }

    /// What is wrong with its end, if it was cut.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        let (whole_bytes, cut_bytes) = self.cut?;
        Some(Damage::CutTail { whole_lines: self.items.len() as u64, whole_bytes, cut_bytes })
    }
}

/// Reads a journal file to its end, checks every line, and decodes each record. Of a file that grows meanwhile, what was
/// there at the beginning.
///
/// # Errors
/// [`JournalError::File`], [`JournalError::Damaged`] for any damage but a cut last record behind whole ones, and whatever
/// `decode` says.
pub fn read_whole<T, E>(path: &Path, decode: impl Fn(Placed<'_>) -> Result<T, E> + Sync) -> Result<Whole<T>, E>
where
    T: Send,
    E: From<JournalError>,
{
    let failed = |error| JournalError::file("read", path, error);
    let len = std::fs::metadata(path).map_err(failed)?.len();
    let at_once = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let threads = (len / WORTH_A_THREAD + 1).min(at_once).min(THREADS_MAX);
    let decode = &decode;
    if let Some(whole) = side_by_side(path, len, threads, &|placed| decode(placed).ok()) {
        return Ok(whole);
    }
    one_by_one(path, decode)
}

/// Line by line, by who knows every way in which a line can be wrong.
fn one_by_one<T, E: From<JournalError>>(
    path: &Path,
    decode: &impl Fn(Placed<'_>) -> Result<T, E>,
) -> Result<Whole<T>, E> {
    let mut lines = reader::read_file(path)?;
    let mut items = Vec::new();
    let mut cut = None;
    while let Some(line) = lines.next() {
        match line {
            Ok(line) => {
                let (event, head) = (line.event.get(), lines.head());
                items.push(decode(Placed { seq: line.seq, at: line.at, elapsed_ns: line.elapsed_ns, event, head })?);
            }
            Err(JournalError::Damaged(Damage::CutTail { whole_lines: 1.., whole_bytes, cut_bytes })) => {
                cut = Some((whole_bytes, cut_bytes));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let run = lines.run().cloned().ok_or_else(|| JournalError::from(Damage::Empty))?;
    Ok(Whole { run, items, head: lines.head(), cut })
}

/// What a thread made of its part.
struct Part<T> {
    items: Vec<T>,
    /// The number of its first line, and the hash that it says the line before it has.
    begins: Option<(u64, LineHash)>,
    head: LineHash,
    run: Option<String>,
    bytes: u64,
    /// Bytes behind the last newline; in the last part alone.
    rest: Vec<u8>,
}

/// The whole file in parts; `None` where anything is not as Muster writes it.
fn side_by_side<T: Send>(
    path: &Path,
    len: u64,
    threads: u64,
    decode: &(impl Fn(Placed<'_>) -> Option<T> + Sync),
) -> Option<Whole<T>> {
    let border = |n: u64| u64::try_from(u128::from(len) * u128::from(n) / u128::from(threads)).ok();
    let parts: Option<Vec<Part<T>>> = std::thread::scope(|scope| {
        let mut others = Vec::new();
        for n in 1..threads {
            let (from, to) = (border(n)?, border(n + 1)?);
            others.push(scope.spawn(move || part(path, from, to, len, decode)));
        }
        let first = part(path, 0, border(1)?, len, decode);
        let others = others.into_iter().map(|other| other.join().ok().flatten());
        std::iter::once(first).chain(others).collect()
    });
    join(parts?)
}

/// Puts the parts together if each begins where the one before it ends.
fn join<T>(parts: Vec<Part<T>>) -> Option<Whole<T>> {
    let mut whole =
        Part { items: Vec::new(), begins: None, head: LineHash::ZERO, run: None, bytes: 0, rest: Vec::new() };
    for mut part in parts {
        if let Some(begins) = part.begins {
            if !whole.rest.is_empty() {
                return None;
            }
            let expected = (whole.items.len() as u64, whole.head);
            if begins != expected || whole.run.as_ref().is_some_and(|run| part.run.as_ref() != Some(run)) {
                return None;
            }
            whole.run = part.run;
            whole.head = part.head;
            if whole.items.is_empty() {
                whole.items = part.items;
            } else {
                whole.items.append(&mut part.items);
            }
        }
        whole.bytes += part.bytes;
        if !part.rest.is_empty() {
            whole.rest = part.rest;
        }
    }
    let run = RunId::new(whole.run.as_deref()?).ok()?;
    let mut cut = None;
    if !whole.rest.is_empty() {
        // What stands behind the last newline is judged by who judges all damage.
        let lines = whole.items.len() as u64;
        match Lines::behind(&whole.rest[..], run.clone(), lines, whole.bytes, whole.head).next() {
            Some(Err(JournalError::Damaged(Damage::CutTail { whole_bytes, cut_bytes, .. }))) => {
                cut = Some((whole_bytes, cut_bytes));
            }
            _ => return None,
        }
    }
    Some(Whole { run, items: whole.items, head: whole.head, cut })
}

/// Checks and decodes the lines that begin in `from..to` of a file that is `len` bytes long.
fn part<T>(path: &Path, from: u64, to: u64, len: u64, decode: &impl Fn(Placed<'_>) -> Option<T>) -> Option<Part<T>> {
    let mut file = File::open(path).ok()?;
    let mut place = from.saturating_sub(1);
    file.seek(SeekFrom::Start(place)).ok()?;
    let mut reader = BufReader::with_capacity(READ_AHEAD_BYTES, file.take(len - place));
    let mut line = Vec::new();
    if from > 0 {
        // The line in whose middle, or behind whose newline, this part begins is the one before's.
        place += next_line(&mut reader, &mut line)?;
    }
    let mut part =
        Part { items: Vec::new(), begins: None, head: LineHash::ZERO, run: None, bytes: 0, rest: Vec::new() };
    while place < to {
        line.clear();
        let taken = next_line(&mut reader, &mut line)?;
        if taken == 0 {
            break;
        }
        place += taken;
        let Some(text) = line.strip_suffix(b"\n") else {
            part.rest = std::mem::take(&mut line);
            break;
        };
        let (seq, at, elapsed_ns, run, event, prev) = take_apart(std::str::from_utf8(text).ok()?)?;
        let (first, _) = *part.begins.get_or_insert((seq, prev));
        let in_order = seq == first.checked_add(part.items.len() as u64)?;
        let follows = part.items.is_empty() || prev == part.head;
        let same_run = part.run.get_or_insert_with(|| run.to_owned()) == run;
        if !(in_order && follows && same_run) {
            return None;
        }
        part.head = LineHash::of(text);
        if part.items.is_empty() {
            // Lines of a part are much alike: room for all of them, so that none is moved again.
            part.items.reserve(usize::try_from((to - from) / taken).ok()?.min(1 << 18));
        }
        part.items.push(decode(Placed { seq, at, elapsed_ns, event, head: part.head })?);
        part.bytes += taken;
    }
    Some(part)
}

/// Adds the next line to `line`, its newline with it, and gives its length.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Option<u64> {
    let taken = reader.take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', line).ok()? as u64;
    (taken <= MAX_LINE_BYTES as u64 || line.ends_with(b"\n")).then_some(taken)
}

/// A line as [`Chain`] writes it, taken apart: number, times, run, event and the hash of the line before. That the event
/// is one JSON value and nothing more is left to who decodes it.
fn take_apart(line: &str) -> Option<(u64, Timestamp, u64, &str, &str, LineHash)> {
    let (seq, rest) = number(line.strip_prefix("{\"seq\":")?)?;
    let (at, rest) = rest.strip_prefix(",\"at\":\"")?.split_once('"')?;
    let (elapsed_ns, rest) = number(rest.strip_prefix(",\"elapsed_ns\":")?)?;
    let (run, rest) = rest.strip_prefix(",\"run\":\"")?.split_once('"')?;
    let rest = rest.strip_prefix(",\"event\":")?;
    let (event, ending) = rest.split_at_checked(rest.len().checked_sub(ENDING)?)?;
    let prev = ending.strip_prefix(",\"prev\":\"")?.strip_suffix("\"}")?;
    // A run's id has nothing that JSON would escape; what has is no id.
    (!run.contains('\\')).then_some(())?;
    Some((seq, at.parse().ok()?, elapsed_ns, run, event, prev.parse().ok()?))
}

/// A number as Muster writes it, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let canonical = !number.starts_with('0') || number == "0";
    canonical.then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}

#[cfg(test)]
mod tests;
