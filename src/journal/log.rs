//! Where the lines of a journal go and become durable.
//!
//! A log takes bytes; it knows nothing of hashes or events. [`FileLog`] is the file in the run's folder, [`MemoryLog`]
//! keeps the bytes for tests and for simulations by the thousand. A replicated log fits behind the same trait: it
//! appends at an expected sequence number.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::JournalError;

/// An append-only store of lines with one writer.
pub trait Log: Send {
    /// Appends whole lines, the first of which has the number `first_seq`. When it returns, they are as durable as
    /// this log promises.
    ///
    /// # Errors
    /// Whatever went wrong. The writer then stops for good: what of `lines` is durable is not known.
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()>;

    /// Makes everything that was appended durable. No more lines follow.
    ///
    /// # Errors
    /// Whatever went wrong.
    fn finish(&mut self) -> io::Result<()>;
}

/// When the lines of a file become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Each batch is on the disk (`fdatasync`) before it counts as committed. For every real run.
    EachCommit,
    /// Written when 64 KiB have come together, and on the disk at the end. For simulated runs, which hold nothing
    /// that running them again would not bring back.
    AtEnd,
}

/// How many bytes are gathered before a write with [`Durability::AtEnd`].
const GATHERED_BYTES: usize = 64 * 1024;

/// So many looks at a new file are waited for, each as long as [`GLANCE`].
const LOOKERS: u32 = 100;
/// Longer than any look takes.
const GLANCE: std::time::Duration = std::time::Duration::from_millis(1);

/// Whether a journal file has its writer: a process that lives, whatever else is known of it. Looking takes a lock that
/// looks don't keep from each other, for an instant.
///
/// # Errors
/// [`JournalError::File`].
pub fn is_written(path: &Path) -> Result<bool, JournalError> {
    let file = File::open(path).map_err(|error| JournalError::file("open", path, error))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(JournalError::file("look at the lock of", path, error)),
    }
}

/// A journal file, locked for as long as this value lives.
///
/// Nothing is allocated ahead: on ext4 a `write` and `fdatasync` of a commit took as long with `fallocate`
/// (`KEEP_SIZE`), and no less when overwriting a file of zeros.
#[derive(Debug)]
pub struct FileLog {
    file: File,
    durability: Durability,
    gathered: Vec<u8>,
    /// The length of the file up to the last batch that was written whole.
    whole_bytes: u64,
    broken: bool,
}

impl FileLog {
    /// Creates the file, which must not exist, and locks it. With [`Durability::EachCommit`] its name is durable too.
    ///
    /// # Errors
    /// [`JournalError::File`] or [`JournalError::Locked`].
    pub fn create(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|error| JournalError::file("create", path, error))?;
        // A file that did not exist can only be locked by who just looks whether it is written.
        let mut locked = lock(&file, path);
        for _ in 0..LOOKERS {
            if !matches!(locked, Err(JournalError::Locked { .. })) {
                break;
            }
            std::thread::sleep(GLANCE);
            locked = lock(&file, path);
        }
        locked?;
        if durability == Durability::EachCommit {
            // A durable line in a file whose name is lost with the power would be no evidence.
            sync_folders_of(path)?;
        }
        Ok(Self { file, durability, gathered: Vec::new(), whole_bytes: 0, broken: false })
    }

    /// Opens a file that exists, and locks it; it will be appended to at its end. Whoever calls must then read it
    /// to its end before appending.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let failed = |error| JournalError::file("open", path, error);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        lock(&file, path)?;
        let whole_bytes = file.metadata().map_err(failed)?.len();
        Ok(Self { file, durability, gathered: Vec::new(), whole_bytes, broken: false })
    }

    /// Cuts off what lies behind the first `whole_bytes`.
    pub(super) fn cut_to(&mut self, whole_bytes: u64) -> io::Result<()> {
        self.file.set_len(whole_bytes)?;
        self.file.sync_data()?;
        self.whole_bytes = whole_bytes;
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(lines);
        if written.is_err() {
            self.broken = true;
            // A full disk leaves part of a line. Nobody was told of it, so it goes, and what stays is sound. If that
            // fails as well, the reader knows a cut tail when it sees one.
            let _ = self.file.set_len(self.whole_bytes);
            return written;
        }
        self.whole_bytes += lines.len() as u64;
        Ok(())
    }

    fn write_gathered(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.gathered);
        let written = if lines.is_empty() { Ok(()) } else { self.write(&lines) };
        self.gathered = lines;
        self.gathered.clear();
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        let synced = self.file.sync_data();
        // After a failed sync the kernel may have dropped the pages: trying again would lie.
        self.broken |= synced.is_err();
        synced
    }
}

impl Log for FileLog {
    fn append_batch(&mut self, _first_seq: u64, lines: &[u8]) -> io::Result<()> {
        match self.durability {
            Durability::EachCommit => {
                self.write(lines)?;
                self.sync()
            }
            Durability::AtEnd => {
                self.gathered.extend_from_slice(lines);
                if self.gathered.len() >= GATHERED_BYTES { self.write_gathered() } else { Ok(()) }
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write_gathered()?;
        self.sync()
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        // A simulation that panics leaves what it had so far. There is nobody left to tell of an error.
        if !self.broken {
            let _ = self.write_gathered();
        }
    }
}

/// Takes the lock that makes this the one writer. It goes with the file, also when the process is killed.
fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => JournalError::Locked { path: path.to_owned() },
        TryLockError::Error(error) => JournalError::file("lock", path, error),
    })
}

/// Makes the entries of the file in its folder, and of that folder in the one above, durable.
fn sync_folders_of(path: &Path) -> Result<(), JournalError> {
    let absolute = std::path::absolute(path).map_err(|error| JournalError::file("find", path, error))?;
    for folder in absolute.ancestors().skip(1).take(2) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| JournalError::file("make durable the folder of", path, error))?;
    }
    Ok(())
}

/// A log in memory. Clones share the bytes, so that a test or a simulation can read what the writer wrote.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all bytes so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All bytes so far, taken out: the log is empty afterwards.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log for MemoryLog {
    fn append_batch(&mut self, _first_seq: u64, lines: &[u8]) -> io::Result<()> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(lines);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The journal of a run's folder.
#[must_use]
pub fn path_in(run_folder: &Path) -> PathBuf {
    run_folder.join(super::FILE_NAME)
}
