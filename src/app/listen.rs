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
use crate::store::{AT_ONCE, Commands, Given, SqliteLive, StoreError};

/// From one look to the next. A command waits for one look, and then for the round that the run is in; both must fit
/// into [`SEEN_WITHIN`] several times over, for a machine that is busy with other things.
const EVERY: Duration = Duration::from_millis(50);
/// How many looks there are from one look at the store's file to the next.
const LOOKS: u32 = 20;
/// What people are promised.
const SEEN_WITHIN: Duration = Duration::from_millis(250);
const _: () = assert!(EVERY.as_millis() * 4 <= SEEN_WITHIN.as_millis());

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
    /// Passes on all that is new, however much it is; `false` once nobody listens.
    fn look(&mut self, at_the_file: bool) -> Result<bool, StoreError> {
        if at_the_file && self.store.follow()? {
            // Numbers begin anew in a store that was made anew.
            self.last = 0;
        }
        loop {
            let before = self.last;
            let all = self.store.given(&self.run, self.last)?;
            let more = all.len() >= AT_ONCE as usize;
            let heard = self.pass_on(all);
            if !(heard && more && self.last > before) {
                return Ok(heard);
            }
        }
    }

    /// Passes on as many as the run takes now; `false` once nobody listens.
    fn pass_on(&mut self, all: Vec<Given>) -> bool {
        for given in all {
            match given.commanded {
                Ok(commanded) => match self.signals.try_send(Signal::Command(commanded)) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => return true,
                    Err(mpsc::error::TrySendError::Closed(_)) => return false,
                },
                Err(why) => tracing::warn!(%why, "a command to the run can't be read; it is passed over"),
            }
            self.last = given.id;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Command, Commanded, Person};

    #[test]
    fn one_look_hears_all_that_was_given_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        let run = RunId::new("run").unwrap();
        crate::store::SqliteStore::open(folder.path(), &|_| Err("no run is there".to_owned())).unwrap();
        let giver = SqliteLive::open(&path).unwrap();
        let (signals, mut heard) = mpsc::channel(1000);
        let mut post = Post { store: SqliteLive::open(&path).unwrap(), run: run.clone(), last: 0, signals };
        let at = "2026-03-01T02:00:00Z".parse().unwrap();
        let given = AT_ONCE * 2 + 7;
        for n in 0..given {
            let command = Command::Pause { because: Some(n.to_string()) };
            giver.give(&run, &Commanded { command, by: Person::default() }, at).unwrap();
        }
        assert!(post.look(false).unwrap());
        for n in 0..given {
            let Ok(Signal::Command(commanded)) = heard.try_recv() else { panic!("{n} was not heard") };
            assert_eq!(commanded.command, Command::Pause { because: Some(n.to_string()) });
        }
        assert!(heard.try_recv().is_err() && post.look(false).unwrap());
        drop(heard);
        giver.give(&run, &Commanded { command: Command::Pause { because: None }, by: Person::default() }, at).unwrap();
        assert!(!post.look(false).unwrap(), "nobody listens any more");
    }
}
