//! What the engine holds of a journal: commits that can be awaited.
//!
//! In a real run a thread of its own writes: it takes all commits that queued up while the disk was busy and makes
//! them durable with one write and one `fdatasync`, so that a hundred steps side by side share what one would cost.
//! In a simulated run commits are written on the spot, on the calling thread: a wait outside the runtime would let
//! virtual time run ahead.
//!
//! The journal's order is the order of the calls to [`Journal::commit`], not of the first polls: the call itself
//! queues. At most [`QUEUED_COMMITS`] wait; then the call waits for the disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Committed, JournalError, LineHash, Stamp, Writer};
use crate::id::RunId;

/// How many commits may wait for the disk.
pub const QUEUED_COMMITS: usize = 4096;

/// A group of commits is written when it has come to this many bytes, even if more wait.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

type Answer = Result<Committed, JournalError>;

/// A journal that is being written. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    face: Arc<Face>,
    run: RunId,
}

#[derive(Debug)]
enum Face {
    /// Written by whoever commits. `None` when closed.
    Inline(Mutex<Option<Writer>>),
    /// Written by a thread.
    Threaded(Thread),
    /// Written by nobody; the next record's number. `None` when closed.
    Unkept(Mutex<Option<u64>>),
}

#[derive(Debug)]
struct Thread {
    /// `None` when closed.
    queue: Mutex<Option<SyncSender<Job>>>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer's thread is asked to do.
enum Job {
    Commit(Batch, oneshot::Sender<Answer>),
    Finish(oneshot::Sender<Result<LineHash, JournalError>>),
}

/// The events of one commit: their JSON, one after another, and where each ends.
struct Batch {
    stamp: Stamp,
    json: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    fn new<E: Serialize>(stamp: Stamp, events: &[E]) -> Result<Self, JournalError> {
        let mut json = Vec::with_capacity(256 * events.len());
        let mut ends = Vec::with_capacity(events.len());
        for event in events {
            serde_json::to_writer(&mut json, event).map_err(|error| JournalError::Event(Arc::new(error)))?;
            ends.push(json.len());
        }
        Ok(Self { stamp, json, ends })
    }

    /// The JSON of each event.
    fn events(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ends.iter().enumerate().map(|(index, end)| {
            let start = if index == 0 { 0 } else { self.ends[index - 1] };
            &self.json[start..*end]
        })
    }
}

impl Journal {
    /// A journal whose commits are written at once on the calling thread: for simulated runs and tests.
    #[must_use]
    pub fn inline(writer: Writer) -> Self {
        let run = writer.run().clone();
        Self { face: Arc::new(Face::Inline(Mutex::new(Some(writer)))), run }
    }

    /// A journal with a writer thread that commits in groups: for real runs.
    ///
    /// # Errors
    /// [`JournalError::Write`] when no thread can be started.
    pub fn threaded(writer: Writer) -> Result<Self, JournalError> {
        let run = writer.run().clone();
        let (queue, jobs) = sync_channel(QUEUED_COMMITS);
        let handle = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(writer, &jobs))
            .map_err(|error| JournalError::Write(Arc::new(error)))?;
        let thread = Thread { queue: Mutex::new(Some(queue)), handle: Mutex::new(Some(handle)) };
        Ok(Self { face: Arc::new(Face::Threaded(thread)), run })
    }

    /// A journal of which nothing is kept: for rehearsals by the thousand, whose events alone matter. Records have their
    /// numbers; there are no lines, and no head.
    #[must_use]
    pub fn unkept(run: RunId) -> Self {
        Self { face: Arc::new(Face::Unkept(Mutex::new(Some(0)))), run }
    }

    /// The run whose journal this is.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// Commits the events of one transition, all or none, in the order of the calls. The answer comes when they are
    /// as durable as the log promises. Dropping the answer takes nothing back.
    ///
    /// An error comes as the answer: see [`Writer::append`]; and [`JournalError::Closed`] after [`Journal::finish`].
    pub fn commit<E: Serialize>(&self, stamp: Stamp, events: &[E]) -> Commit {
        match &*self.face {
            Face::Inline(writer) => Commit::ready(match &mut *locked(writer) {
                Some(writer) => writer.append(stamp, events),
                None => Err(JournalError::Closed),
            }),
            Face::Threaded(thread) => match Batch::new(stamp, events) {
                Ok(batch) => thread.commit(batch),
                Err(error) => Commit::ready(Err(error)),
            },
            Face::Unkept(next) => Commit::ready(match &mut *locked(next) {
                Some(next) => {
                    let first_seq = *next;
                    *next += events.len() as u64;
                    Ok(Committed { first_seq, last_seq: next.saturating_sub(1), head: LineHash::ZERO })
                }
                None => Err(JournalError::Closed),
            }),
        }
    }

    /// Waits for all commits, makes everything durable, unlocks the file and closes the journal; gives its head.
    ///
    /// # Errors
    /// [`JournalError::Write`], [`JournalError::Poisoned`] if a write failed before, [`JournalError::Closed`] the
    /// second time.
    pub async fn finish(&self) -> Result<LineHash, JournalError> {
        match &*self.face {
            Face::Inline(writer) => {
                let writer = locked(writer).take();
                writer.ok_or(JournalError::Closed)?.finish()
            }
            Face::Threaded(thread) => {
                let answer = {
                    let (sender, answer) = oneshot::channel();
                    let queue = locked(&thread.queue).take().ok_or(JournalError::Closed)?;
                    queue.send(Job::Finish(sender)).map_err(|_| JournalError::Closed)?;
                    answer
                };
                answer.await.map_err(|_| JournalError::Closed)?
            }
            Face::Unkept(next) => locked(next).take().map(|_| LineHash::ZERO).ok_or(JournalError::Closed),
        }
    }
}

impl Thread {
    fn commit(&self, batch: Batch) -> Commit {
        let (sender, answer) = oneshot::channel();
        // The lock is held while sending, so that the order of commits is the order in which calls came here.
        let sent = match &*locked(&self.queue) {
            Some(queue) => queue.send(Job::Commit(batch, sender)).is_ok(),
            None => false,
        };
        if sent { Commit(State::Queued(answer)) } else { Commit::ready(Err(JournalError::Closed)) }
    }
}

impl Drop for Thread {
    /// What was committed is written, even if nobody waits for it: closing the queue lets the thread end, and it ends
    /// after the last commit.
    fn drop(&mut self) {
        locked(&self.queue).take();
        if let Some(handle) = locked(&self.handle).take() {
            // Its panic was already seen as `Closed` by whoever waited for an answer.
            let _ = handle.join();
        }
    }
}

/// A mutex's content, also after a panic elsewhere: what it guards is whole between any two calls.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer thread: takes what is queued, writes it as one group, answers, until told to finish.
fn write_all(mut writer: Writer, jobs: &Receiver<Job>) {
    let mut group = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut next = Some(first);
        let mut finish = None;
        while let Some(job) = next.take() {
            match job {
                Job::Commit(batch, sender) => group.push((writer.stage_json(batch.stamp, batch.events()), sender)),
                Job::Finish(sender) => {
                    finish = Some(sender);
                    break;
                }
            }
            if group.len() < QUEUED_COMMITS && writer.staged_bytes() < GROUP_BYTES {
                next = jobs.try_recv().ok();
            }
        }
        let flushed = writer.flush();
        if let Some(sender) = finish {
            answer(&mut group, &flushed);
            // The file is unlocked before the answer: whoever waited may open it at once. It does not matter whether
            // anybody still waits.
            let finished = writer.finish();
            let _ = sender.send(finished);
            return;
        }
        answer(&mut group, &flushed);
    }
}

/// Tells everybody in a group how it went.
fn answer(group: &mut Vec<(Answer, oneshot::Sender<Answer>)>, flushed: &Result<(), JournalError>) {
    for (staged, sender) in group.drain(..) {
        let outcome = match flushed {
            Ok(()) => staged,
            // One that was never staged keeps its own error.
            Err(error) => staged.and_then(|_| Err(error.clone())),
        };
        // Whoever no longer waits has made up its mind.
        let _ = sender.send(outcome);
    }
}

/// The answer to a commit: a future that is done when the events are durable.
#[derive(Debug)]
#[must_use = "nothing that the events announce may happen before they are durable"]
pub struct Commit(State);

#[derive(Debug)]
enum State {
    Ready(Option<Answer>),
    Queued(oneshot::Receiver<Answer>),
}

impl Commit {
    const fn ready(answer: Answer) -> Self {
        Self(State::Ready(Some(answer)))
    }
}

impl Future for Commit {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let answer = match &mut self.0 {
            // Polled again after it was done: a defect of the caller, answered rather than panicked at.
            State::Ready(answer) => answer.take().unwrap_or(Err(JournalError::Closed)),
            State::Queued(receiver) => match Pin::new(receiver).poll(context) {
                Poll::Ready(answer) => answer.unwrap_or(Err(JournalError::Closed)),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.0 = State::Ready(None);
        Poll::Ready(answer)
    }
}
