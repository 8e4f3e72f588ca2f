//! Ends the programs of a Muster that was killed.
//!
//! A program runs in a process group of its own, and nobody ends that group when Muster dies by SIGKILL. So beside the
//! first program a second, tiny Muster is started, the keeper. It holds the end of a pipe: when that closes without a
//! word, Muster is dead, and the keeper kills every process that carries the mark which Muster gave its programs in
//! their environment. The mark is inherited, so programs that left their group or forked are found too.
//!
//! By `/proc`, so on Linux alone; elsewhere a killed Muster's programs run on to their own end.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::time::since_boot;

/// The hidden subcommand that is the keeper; the mark follows.
pub const SUBCOMMAND: &str = "__keep";
/// What a Muster that ends by itself says.
const FAREWELL: &[u8] = b"farewell";
/// How often the processes are looked through: one that forks while it is killed leaves a child for the next look.
const LOOKS: u32 = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Sees to it that no program outlives this Muster. Says farewell when dropped.
#[derive(Debug)]
pub struct Keeper {
    /// Muster itself.
    program: PathBuf,
    mark: String,
    started: OnceLock<Mutex<Option<Child>>>,
    /// How many programs were marked.
    programs: AtomicU64,
}

impl Keeper {
    /// With `program`, which is Muster, as the keeper; it is started when the first program is.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        // Unlike any other's: no two processes of a boot have one number at one nanosecond.
        let mark = format!("MUSTER_KEPT_{}_{}", getpid().as_raw_nonzero(), since_boot().0);
        Self { program, mark, started: OnceLock::new(), programs: AtomicU64::new(0) }
    }

    /// What its programs carry, for the journal: whoever takes the run up ends what is left of them first.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.mark
    }

    /// The environment variable that marks a program; starts the keeper if it does not run yet.
    pub(super) fn mark(&self) -> (&str, &str) {
        self.started.get_or_init(|| {
            Mutex::new(self.start().inspect_err(|error| {
            tracing::warn!(%error, "if Muster is killed, programs that it started will run on to their own end");
        }).ok())
        });
        (&self.mark, "1")
    }

    /// An environment variable that one program carries, and all that it starts, and no other.
    pub(super) fn own_mark(&self) -> String {
        format!("{}_{}", self.mark, self.programs.fetch_add(1, Ordering::Relaxed))
    }

    fn start(&self) -> io::Result<Child> {
        use std::os::unix::process::CommandExt;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the second place where a program is started: Muster's own"
        )]
        let mut keeper = Command::new(&self.program);
        keeper.args([SUBCOMMAND, &self.mark]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // What is typed at Muster's terminal is not meant for it.
        keeper.process_group(0).spawn()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Some(child) = self.started.get_mut() else { return };
        if let Some(mut child) = child.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            if let Some(mut pipe) = child.stdin.take() {
                // A keeper that is gone keeps nobody.
                let _ = pipe.write_all(FAREWELL);
            }
            let _ = child.wait();
        }
    }
}

/// The keeper: waits until the Muster that started it has ended, and kills what carries `mark` if that was no farewell.
pub fn keep(mark: &str) {
    let mut heard = Vec::new();
    // No more than a farewell is ever said; whatever else ends the pipe is the end of Muster.
    let _ = io::stdin().lock().take(FAREWELL.len() as u64).read_to_end(&mut heard);
    if heard != FAREWELL {
        kill_marked(mark);
    }
}

/// Kills every process with this mark in its environment, until none is left.
pub fn kill_marked(mark: &str) {
    let marked = OsString::from(format!("{mark}=1"));
    for _ in 0..LOOKS {
        let found = processes_with(marked.as_encoded_bytes());
        if found.is_empty() {
            return;
        }
        for process in found {
            // It fails if it has ended, which is what was wanted.
            let _ = kill_process(process, Signal::KILL);
        }
        pause();
    }
}

fn pause() {
    std::thread::sleep(PAUSE);
}

fn processes_with(variable: &[u8]) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let marked = |process: &i32| {
        // Of a process that has ended and is not waited for yet nothing can be read: it needs no killing.
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == variable)
    };
    numbers.filter(marked).filter_map(Pid::from_raw).collect()
}
