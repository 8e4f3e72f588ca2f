//! Hears what a run is told from other terminals, on a thread of its own: the run's thread never waits for the store.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use super::AppError;
use super::history::files;
use crate::engine::Signal;
use crate::id::RunId;
use crate::store::{Commands, SqliteLive, StoreError};

/// From one look to the next.
const EVERY: Duration = Duration::from_millis(100);
/// How many looks there are from one look at the store's file to the next.
const LOOKS: u32 = 10;

/// Hears until it is dropped.
pub(super) struct Ear {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Hears commands to `run` that are given from now on, and passes them on.
    ///
    /// # Errors
    /// [`AppError::Files`]: the store can't be opened, or no thread be started.
    pub(super) fn open(store: &Path, run: &RunId, signals: mpsc::Sender<Signal>) -> Result<Self, AppError> {
        let store = SqliteLive::open(store).map_err(files)?;
        let last = store.last(run).map_err(files)?;
        let (stop, stopped) = channel();
        let mut post = Post { store, run: run.clone(), last, signals };
        let thread = std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
            for look in 1_u32.. {
                if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                match post.look(look.is_multiple_of(LOOKS)) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::debug!(%error, "the commands to the run can't be read"),
                }
            }
        });
        let thread = thread.map_err(|error| AppError::Files(format!("no thread can be started: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Post {
    store: SqliteLive,
    run: RunId,
    last: i64,
    signals: mpsc::Sender<Signal>,
}

impl Post {
    /// Passes on what is new; `false` once nobody listens.
    fn look(&mut self, at_the_file: bool) -> Result<bool, StoreError> {
        if at_the_file && self.store.follow()? {
            // Numbers begin anew in a store that was made anew.
            self.last = 0;
        }
        for given in self.store.given(&self.run, self.last)? {
            match given.commanded {
                Ok(commanded) => match self.signals.try_send(Signal::Command(commanded)) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => return Ok(true),
                    Err(mpsc::error::TrySendError::Closed(_)) => return Ok(false),
                },
                Err(why) => tracing::warn!(%why, "a command to the run can't be read; it is passed over"),
            }
            self.last = given.id;
        }
        Ok(true)
    }
}
