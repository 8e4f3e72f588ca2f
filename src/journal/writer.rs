//! The one writer of a journal: a chain and the log that its lines go to.
//!
//! Synchronous: it writes on the thread that calls. [`super::handle`] puts it on a thread of its own where that pays.

use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::{Chain, Durability, FileLog, JournalError, LineHash, Log, Placed, Stamp, Whole, read_whole, reader};
use crate::id::RunId;

/// What a commit wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The number of its first line.
    pub first_seq: u64,
    /// The number of its last line.
    pub last_seq: u64,
    /// The SHA-256 of its last line.
    pub head: LineHash,
}

/// The one writer of a journal.
pub struct Writer {
    chain: Chain,
    log: Box<dyn Log>,
    /// Lines that are not yet in the log.
    staged: Vec<u8>,
    staged_from: u64,
    failed: Option<Arc<io::Error>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("chain", &self.chain).field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Writer {
    /// A new journal file for a run. The file must not exist; it is locked until the writer is gone.
    ///
    /// # Errors
    /// [`JournalError::File`] or [`JournalError::Locked`].
    pub fn create(path: &Path, run: RunId, durability: Durability) -> Result<Self, JournalError> {
        Ok(Self::new(Chain::new(run), Box::new(FileLog::create(path, durability)?)))
    }

    /// Goes on with a journal file that exists: locks it, checks all of it, then adds to its end.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process writes it, [`JournalError::Damaged`] when it is not whole,
    /// [`JournalError::File`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        // Locked before it is read: nobody adds a line between the check and the first write.
        let log = FileLog::open(path, durability)?;
        let mut lines = reader::read_file(path)?;
        reader::verify_lines::<BufReader<_>>(&mut lines)?;
        let chain = lines.end_of_chain().ok_or(super::Damage::Empty)?;
        Ok(Self::new(chain, Box::new(log)))
    }

    /// Takes up a journal that was left behind: locks it, reads it, decoding each record, and adds to its end from then
    /// on. A last record whose writing did not end is cut off, since nobody was told of it.
    ///
    /// # Errors
    /// As [`Writer::open`], and whatever `decode` says; any damage but a cut last record is refused and nothing is
    /// changed.
    pub fn take_up<T, E>(
        path: &Path,
        durability: Durability,
        decode: impl Fn(Placed<'_>) -> Result<T, E> + Sync,
    ) -> Result<(Self, Whole<T>), E>
    where
        T: Send,
        E: From<JournalError>,
    {
        let mut log = FileLog::open(path, durability)?;
        let whole = read_whole(path, decode)?;
        if let Some((whole_bytes, _)) = whole.cut {
            log.cut_to(whole_bytes).map_err(|error| JournalError::file("repair", path, error))?;
        }
        Ok((Self::new(whole.chain(), Box::new(log)), whole))
    }

    /// Goes on in any log that holds `lines` already.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when they are no whole journal.
    pub fn after(lines: &[u8], log: Box<dyn Log>) -> Result<Self, JournalError> {
        let mut read = reader::read(lines);
        reader::verify_lines(&mut read)?;
        let chain = read.end_of_chain().ok_or(super::Damage::Empty)?;
        Ok(Self::new(chain, log))
    }

    /// A new journal for a run in any log that is empty.
    #[must_use]
    pub fn over(run: RunId, log: Box<dyn Log>) -> Self {
        Self::new(Chain::new(run), log)
    }

    fn new(chain: Chain, log: Box<dyn Log>) -> Self {
        let staged_from = chain.next_seq();
        Self { chain, log, staged: Vec::new(), staged_from, failed: None }
    }

    /// The run whose journal this is.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        self.chain.run()
    }

    /// The SHA-256 of the last line; zeros if there is none.
    #[must_use]
    pub const fn head(&self) -> LineHash {
        self.chain.head()
    }

    /// Appends the events of one transition: one write, and durable as the log promises when it returns.
    ///
    /// # Errors
    /// [`JournalError::NoEvents`], [`JournalError::Event`] and [`JournalError::Shape`] leave the journal as it was.
    /// After [`JournalError::Write`] every call ends with [`JournalError::Poisoned`].
    pub fn append<E: Serialize>(&mut self, stamp: Stamp, events: &[E]) -> Result<Committed, JournalError> {
        let committed = self.stage(events.iter(), |chain, out, event| chain.append(out, stamp, event))?;
        self.flush()?;
        Ok(committed)
    }

    /// Adds the lines of one commit to what the next [`Writer::flush`] writes; the events are JSON already.
    pub(super) fn stage_json<'a>(
        &mut self,
        stamp: Stamp,
        events: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<Committed, JournalError> {
        self.stage(events, |chain, out, event| chain.append_json(out, stamp, event))
    }

    /// Stages all events of a commit or none.
    fn stage<T>(
        &mut self,
        events: impl ExactSizeIterator<Item = T>,
        mut add: impl FnMut(&mut Chain, &mut Vec<u8>, T) -> Result<u64, JournalError>,
    ) -> Result<Committed, JournalError> {
        if let Some(error) = &self.failed {
            return Err(JournalError::Poisoned(Arc::clone(error)));
        }
        if events.len() == 0 {
            return Err(JournalError::NoEvents);
        }
        let before = (self.chain.clone(), self.staged.len());
        for event in events {
            if let Err(error) = add(&mut self.chain, &mut self.staged, event) {
                self.chain = before.0;
                self.staged.truncate(before.1);
                return Err(error);
            }
        }
        Ok(Committed { first_seq: before.0.next_seq(), last_seq: self.chain.next_seq() - 1, head: self.chain.head() })
    }

    /// How many bytes wait for the next flush.
    pub(super) const fn staged_bytes(&self) -> usize {
        self.staged.len()
    }

    /// Writes all staged lines as one batch.
    pub(super) fn flush(&mut self) -> Result<(), JournalError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let written = self.log.append_batch(self.staged_from, &self.staged);
        self.staged.clear();
        self.staged_from = self.chain.next_seq();
        written.map_err(|error| self.poison(error))
    }

    /// Makes everything durable and ends the journal; gives its head.
    ///
    /// # Errors
    /// [`JournalError::Write`], or [`JournalError::Poisoned`] if a write failed before.
    pub fn finish(mut self) -> Result<LineHash, JournalError> {
        if let Some(error) = self.failed {
            return Err(JournalError::Poisoned(error));
        }
        self.flush()?;
        self.log.finish().map_err(|error| self.poison(error))?;
        Ok(self.chain.head())
    }

    /// From here on nothing is written.
    fn poison(&mut self, error: io::Error) -> JournalError {
        let error = Arc::new(error);
        self.failed = Some(Arc::clone(&error));
        JournalError::Write(error)
    }
}
